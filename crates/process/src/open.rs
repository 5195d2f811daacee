//! From a project's `kind` to a process: the registry.

use std::sync::Arc;

use setpoint_decision::diagnostic::nearest;
use setpoint_decision::spec::Spec;
use setpoint_decision::{Diagnostic, Project};

use crate::builtin::{assembly_line, assembly_setup};
use crate::process::Process;
use crate::vectorized::{Batch, Vectorized};

/// Makes environments of one process, with the project's parameters.
pub trait Factory: Send + Sync {
    /// Observations, actions and signals; `max_steps` is the project's where it gives one.
    fn spec(&self) -> &Spec;
    /// Environments that step together; lane `i` draws from the stream (seed, purpose, i).
    fn batch(&self, lanes: usize, seed: u64, purpose: &str) -> Box<dyn Batch>;
    /// The hand-written policy that an experienced person would recognise.
    fn heuristic(&self) -> Option<Heuristic>;
}

/// A hand-written policy.
#[derive(Clone, Copy)]
pub struct Heuristic {
    /// Its name among those who use it.
    pub name: &'static str,
    /// How it decides, in a sentence.
    pub description: &'static str,
    /// Writes its action: the index of a choice, or one value an axis.
    pub decide: fn(&State<'_>, &mut [f32]),
}

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
    heuristic: Option<Heuristic>,
}

impl<P: Process> Simulator<P> {
    /// With the process's own limit of steps, or another.
    pub fn new(prototype: P, max_steps: Option<u32>, heuristic: Option<Heuristic>) -> Self {
        let mut spec = prototype.spec();
        spec.max_steps = max_steps.or(spec.max_steps);
        Self { prototype, spec, heuristic }
    }
}

impl<P: Process> Factory for Simulator<P> {
    fn spec(&self) -> &Spec {
        &self.spec
    }

    fn batch(&self, lanes: usize, seed: u64, purpose: &str) -> Box<dyn Batch> {
        Box::new(Vectorized::new(&self.prototype, &self.spec, lanes, seed, purpose))
    }

    fn heuristic(&self) -> Option<Heuristic> {
        self.heuristic
    }
}

/// Names of all built-in processes.
pub const KINDS: &[&str] = &[assembly_setup::KIND, assembly_line::KIND];

/// A built-in process by name, with its own limit of steps or another.
pub fn open_kind(kind: &str, max_steps: Option<u32>) -> Option<Arc<dyn Factory>> {
    match kind {
        assembly_setup::KIND => {
            let process = assembly_setup::AssemblySetup::default();
            Some(Arc::new(Simulator::new(process, max_steps, Some(assembly_setup::SHORTEST_SETUP))))
        }
        assembly_line::KIND => {
            let process = assembly_line::AssemblyLine::default();
            Some(Arc::new(Simulator::new(process, max_steps, Some(assembly_line::LINE_MANAGER))))
        }
        _ => None,
    }
}

/// The process that a project names. Unknown kinds and unknown keys of `[process]` are refused.
pub fn open(project: &Project) -> Result<Arc<dyn Factory>, Box<Diagnostic>> {
    let section = project.section("process");
    section.allow("kind");
    section.allow("max_steps");
    let kind = project.process.kind.as_str();
    let Some(factory) = open_kind(kind, project.process.max_steps) else {
        let label = match nearest(kind, KINDS.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("expected one of {}", KINDS.join(", ")),
        };
        let help = format!("processes: {}; `setpoint list processes` describes them", KINDS.join(", "));
        return Err(section.error("kind", &format!("there is no process `{kind}`"), &label, &help));
    };
    section.finish()?;
    Ok(factory)
}

/// Every built-in process, in the order they are listed.
pub fn kinds() -> Vec<Arc<dyn Factory>> {
    KINDS.iter().filter_map(|kind| open_kind(kind, None)).collect()
}
