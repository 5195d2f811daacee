//! From a project's `kind` to a process: the registry.

use std::path::Path;
use std::sync::Arc;

use setpoint_decision::charter::Finding;
use setpoint_decision::diagnostic::nearest;
use setpoint_decision::document::Document;
use setpoint_decision::section::Section;
use setpoint_decision::spec::Spec;
use setpoint_decision::{Diagnostic, Project};

use crate::builtin::BUILTIN;
use crate::gymnasium;
use crate::parameter::{self, Parameter};
use crate::process::Process;
use crate::vectorized::{Batch, ProcessError, Vectorized};

/// Makes environments of one process, with the project's parameters.
pub trait Factory: Send + Sync {
    /// Observations, actions and signals; `max_steps` is the project's where it gives one.
    fn spec(&self) -> &Spec;
    /// Environments that step together; lane `i` draws from the stream (seed, purpose, i).
    fn batch(&self, lanes: usize, seed: u64, purpose: &str) -> Result<Box<dyn Batch>, Box<ProcessError>>;
    /// Hand-written policies that an experienced person would recognise, the customary one first.
    fn heuristics(&self) -> &[Heuristic];
    /// The process's own keys of `[process]` with every default filled in.
    fn parameters(&self) -> toml::Table {
        toml::Table::new()
    }
    /// What `setpoint check` says of it beyond what it finds out by running it.
    fn findings(&self) -> Vec<Finding> {
        Vec::new()
    }
    /// Those of its own keys that change nothing of what is learnt: a training may be resumed with others.
    fn incidental_keys(&self) -> &[&'static str] {
        &[]
    }
    /// Whether a saved batch goes on bit for bit. Environments outside of this program cannot be saved: theirs begins new
    /// episodes.
    fn resumes_exactly(&self) -> bool {
        true
    }
}

/// Writes an action: the index of a choice, or one value an axis.
pub type Decide = dyn Fn(&State<'_>, &mut [f32]) + Send + Sync;

/// A hand-written policy.
#[derive(Clone)]
pub struct Heuristic {
    /// Its name in a project file, in kebab case.
    pub name: &'static str,
    /// How it decides, in a sentence.
    pub description: &'static str,
    /// What it does in a state.
    pub decide: Arc<Decide>,
}

impl Heuristic {
    /// From a function of the state.
    pub fn new(
        name: &'static str,
        description: &'static str,
        decide: impl Fn(&State<'_>, &mut [f32]) + Send + Sync + 'static,
    ) -> Self {
        Self { name, description, decide: Arc::new(decide) }
    }
}

/// What a process is opened with.
pub struct Request<'a> {
    /// `[process]`, from which it reads its own keys.
    pub section: Section<'a>,
    /// The project's folder, against which file names are resolved.
    pub folder: &'a Path,
    /// Steps after which an episode is truncated, where the project says so.
    pub max_steps: Option<u32>,
}

/// Makes a process from its part of the project file.
pub type Open = fn(&Request<'_>) -> Result<Arc<dyn Factory>, Box<Diagnostic>>;

/// What a heuristic sees.
#[derive(Clone, Copy, Debug)]
pub struct State<'a> {
    /// The observation, as a policy sees it.
    pub observation: &'a [f32],
    /// The signals of the present state.
    pub signals: &'a [f32],
    /// Which choices the constraints allow; empty when all are.
    pub allowed: &'a [bool],
}

impl State<'_> {
    /// The first of `preferred` choices that is allowed; any allowed one if none of them is.
    pub fn first_allowed(&self, preferred: &[usize]) -> usize {
        let is_allowed = |choice: &usize| self.allowed.is_empty() || self.allowed[*choice];
        let any = || self.allowed.iter().position(|allowed| *allowed);
        preferred.iter().copied().find(is_allowed).or_else(any).unwrap_or(0)
    }
}

/// A factory for any process type.
pub struct Simulator<P> {
    prototype: P,
    spec: Spec,
    heuristics: Vec<Heuristic>,
    parameters: toml::Table,
}

impl<P: Process> Simulator<P> {
    /// With the process's own limit of steps, or another.
    pub fn new(prototype: P, max_steps: Option<u32>, heuristics: Vec<Heuristic>) -> Self {
        let mut spec = prototype.spec();
        spec.max_steps = max_steps.or(spec.max_steps);
        spec.parameters = P::PARAMETERS.iter().map(Parameter::described).collect();
        spec.heuristics = heuristics.iter().map(|heuristic| heuristic.name.to_owned()).collect();
        Self { prototype, spec, heuristics, parameters: toml::Table::new() }
    }

    /// With the project's limit of steps and its values of [`Process::PARAMETERS`].
    pub fn open(
        mut prototype: P,
        request: &Request<'_>,
        heuristics: Vec<Heuristic>,
    ) -> Result<Arc<dyn Factory>, Box<Diagnostic>> {
        let parameters = parameter::read(&mut prototype, &request.section)?;
        Ok(Arc::new(Self::new(prototype, request.max_steps, heuristics).with_parameters(parameters)))
    }

    /// With the process's own keys, every default filled in, as a run's project file keeps them.
    pub fn with_parameters(mut self, parameters: toml::Table) -> Self {
        self.parameters.extend(parameters);
        self
    }
}

impl<P: Process> Factory for Simulator<P> {
    fn spec(&self) -> &Spec {
        &self.spec
    }

    fn batch(&self, lanes: usize, seed: u64, purpose: &str) -> Result<Box<dyn Batch>, Box<ProcessError>> {
        Ok(Box::new(Vectorized::new(&self.prototype, &self.spec, lanes, seed, purpose)))
    }

    fn heuristics(&self) -> &[Heuristic] {
        &self.heuristics
    }

    fn parameters(&self) -> toml::Table {
        self.parameters.clone()
    }
}

/// Processes that are nothing without keys of their own: name, a sentence for people, and what makes one.
pub const OUTSIDE: &[(&str, &str, Open)] = &[(gymnasium::KIND, gymnasium::SUMMARY, gymnasium::open)];

/// A built-in process with its own defaults, by name.
pub fn open_kind(kind: &str, max_steps: Option<u32>) -> Option<Arc<dyn Factory>> {
    let open = builtin(kind)?;
    let empty = Document::empty();
    let request = Request { section: empty.section("process"), folder: Path::new(""), max_steps };
    Some(open(&request).expect("a process's defaults are valid"))
}

fn builtin(kind: &str) -> Option<Open> {
    BUILTIN.iter().find(|(name, _)| *name == kind).map(|(_, open)| *open)
}

fn outside(kind: &str) -> Option<Open> {
    OUTSIDE.iter().find(|(name, ..)| *name == kind).map(|(.., open)| *open)
}

/// The process that a project names. Unknown kinds and unknown keys of `[process]` are refused.
pub fn open(project: &Project) -> Result<Arc<dyn Factory>, Box<Diagnostic>> {
    open_beside(project, &[])
}

/// The same, where the caller opens some more kinds itself: a refusal names them too.
pub fn open_beside(project: &Project, more: &[&'static str]) -> Result<Arc<dyn Factory>, Box<Diagnostic>> {
    let section = project.section("process");
    section.allow("kind");
    section.allow("max_steps");
    let kind = project.process.kind.as_str();
    let Some(open) = builtin(kind).or_else(|| outside(kind)) else {
        let names: Vec<&str> =
            names().chain(OUTSIDE.iter().map(|(name, ..)| *name)).chain(more.iter().copied()).collect();
        let label = match nearest(kind, names.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("expected one of {}", names.join(", ")),
        };
        let help = format!("processes: {}; `setpoint list processes` describes them", names.join(", "));
        return Err(section.error("kind", &format!("there is no process `{kind}`"), &label, &help));
    };
    let request = Request { section, folder: &project.folder, max_steps: project.process.max_steps };
    let factory = open(&request)?;
    request.section.finish()?;
    Ok(factory)
}

/// Names of all built-in processes, in the order they are listed.
pub fn names() -> impl Iterator<Item = &'static str> {
    BUILTIN.iter().map(|(name, _)| *name)
}

/// Every built-in process with its defaults, in the order they are listed.
pub fn kinds() -> Vec<Arc<dyn Factory>> {
    names().filter_map(|kind| open_kind(kind, None)).collect()
}
