//! One decision ready to be learnt: the project, its process and its algorithm's options, checked against each other.

use std::path::Path;
use std::sync::Arc;

use setpoint_decision::spec::Spec;
use setpoint_decision::{Diagnostic, Project};
use setpoint_policy::manifest::{FORMAT, Manifest};
use setpoint_policy::normalizer::Normalizer;
use setpoint_policy::{Policy, constraints::ConstraintSet};
use setpoint_process::Factory;

use crate::algorithms::{Algorithm, Options, Snapshot};
use crate::learned;
use crate::normalize::EPSILON;
use crate::offline::Transitions;
use crate::preparation::Told;
use crate::replayed;

/// A project with everything it names found and checked.
#[derive(Clone)]
pub struct Problem {
    /// The project file.
    pub project: Project,
    /// The process it names.
    pub factory: Arc<dyn Factory>,
    /// The options of its algorithm.
    pub options: Options,
    /// The log that its algorithm learns from, where it learns from one.
    pub transitions: Option<Arc<Transitions>>,
}

impl Problem {
    /// Reads a project file (or the folder that holds one) with overrides such as `train.seed=3`.
    pub fn load(path: &Path, overrides: &[String]) -> Result<Self, Box<Diagnostic>> {
        Self::load_telling(path, overrides, &mut |_| {})
    }

    /// The same; `told` hears how far the preparations are, where there are any.
    pub fn load_telling(path: &Path, overrides: &[String], told: Told<'_>) -> Result<Self, Box<Diagnostic>> {
        Self::prepare(Project::load(path, overrides)?, told)
    }

    /// Finds the project's process and algorithm and checks every name against them.
    pub fn new(project: Project) -> Result<Self, Box<Diagnostic>> {
        Self::prepare(project, &mut |_| {})
    }

    fn prepare(project: Project, told: Told<'_>) -> Result<Self, Box<Diagnostic>> {
        let factory = open_process(&project, told)?;
        Self::checked(project, factory, told)
    }

    /// With a process that was made elsewhere, whatever the project's `kind`.
    pub fn with(project: Project, factory: Arc<dyn Factory>) -> Result<Self, Box<Diagnostic>> {
        Self::checked(project, factory, &mut |_| {})
    }

    fn checked(project: Project, factory: Arc<dyn Factory>, told: Told<'_>) -> Result<Self, Box<Diagnostic>> {
        project.bind(factory.spec())?;
        let mut options = Options::read(&project)?;
        options.resolve(&project.folder);
        if let Some(reason) = options.mismatch(factory.spec()) {
            let section = project.section("train");
            return Err(section.error(
                "algorithm",
                &reason,
                "this algorithm cannot learn this process's actions",
                "`setpoint list algorithms` tells which actions each one learns",
            ));
        }
        let masked = is_masked(&project, factory.spec());
        if let Some(reason) =
            options.collection().and_then(|collection| collection.too_large(factory.spec(), masked))
        {
            let section = project.section(&format!("train.{}", options.name()));
            return Err(section.error(
                "buffer_size",
                &reason,
                "lower it",
                "a few hundred thousand transitions are enough for most decisions",
            ));
        }
        let mut problem = Self { project, factory, options, transitions: None };
        if let Some(source) = problem.options.source() {
            let log = source.open(&problem, told)?;
            problem.transitions = Some(Arc::new(Transitions::new(log, &problem.spec().action)));
        }
        Ok(problem)
    }

    /// The process's spaces and signals.
    pub fn spec(&self) -> &Spec {
        self.factory.spec()
    }

    /// The project file with every default written out; reading it back gives the same problem.
    pub fn resolved(&self) -> String {
        let mut table = self.project.to_toml();
        let options =
            toml::Value::try_from(&self.options).expect("options are numbers, texts and lists of them");
        if let Some(process) = table.get_mut("process").and_then(toml::Value::as_table_mut) {
            process.extend(self.factory.parameters());
        }
        let train = table.entry("train").or_insert_with(|| toml::Value::Table(toml::Table::new()));
        if let Some(train) = train.as_table_mut() {
            train.insert(self.options.name().to_owned(), options);
        }
        toml::to_string_pretty(&table).expect("a project has only text keys")
    }

    /// A fresh learner for a seed.
    pub fn learner(&self, seed: u64, threads: usize) -> Box<dyn Algorithm> {
        self.options.learner(self.spec(), self.is_masked(), seed, threads, self.transitions.as_ref())
    }

    /// Whether some actions may be forbidden, by the process or by a constraint.
    pub fn is_masked(&self) -> bool {
        is_masked(&self.project, self.spec())
    }

    /// The project's constraints, resolved. They were checked when the problem was made.
    pub fn constraints(&self) -> ConstraintSet {
        let spec = self.spec();
        ConstraintSet::new(&self.project.constraints, &spec.observation, &spec.signals, &spec.action)
            .expect("`bind` has checked every name")
    }

    /// Wraps a learner's numbers as a policy with its manifest.
    pub fn policy(&self, snapshot: Snapshot, seed: u64, steps: u64) -> Policy {
        let spec = self.spec();
        let manifest = Manifest {
            format: FORMAT,
            setpoint_version: env!("CARGO_PKG_VERSION").to_owned(),
            project: self.project.charter.name.clone(),
            process: spec.kind.clone(),
            algorithm: self.options.name().to_owned(),
            seed,
            steps,
            observation: spec.observation.clone(),
            action: spec.action.clone(),
            signals: spec.signals.clone(),
            constraints: self.project.constraints.clone(),
            network: snapshot.network,
            head: snapshot.head,
            discretization: snapshot.discretization,
            clip_observation: snapshot.normalizer.as_ref().map(|Normalizer { clip, .. }| *clip),
            normalization_epsilon: EPSILON,
        };
        Policy {
            manifest,
            parameters: snapshot.parameters,
            log_std: snapshot.log_std,
            normalizer: snapshot.normalizer,
        }
    }

    /// Why a policy file does not fit this project, if it does not.
    pub fn refuses(&self, policy: &Policy) -> Option<String> {
        let (spec, manifest) = (self.spec(), &policy.manifest);
        let differing = [
            (manifest.process != spec.kind, "process", manifest.process.clone(), spec.kind.clone()),
            (
                manifest.observation != spec.observation,
                "observation",
                format!("{} features", manifest.observation.len()),
                format!("{} features", spec.observation.len()),
            ),
            (
                manifest.action != spec.action,
                "action",
                manifest.action.names().join(", "),
                spec.action.names().join(", "),
            ),
        ];
        differing.into_iter().find(|(differs, ..)| *differs).map(|(_, what, found, expected)| {
            format!("the policy was trained for another {what} ({found}) than the project has ({expected})")
        })
    }
}

/// The process that a project names, those that come from a log among them.
pub fn open_process(project: &Project, told: Told<'_>) -> Result<Arc<dyn Factory>, Box<Diagnostic>> {
    match project.process.kind.as_str() {
        learned::KIND => learned::open(project, told),
        replayed::KIND => replayed::open(project, told),
        _ => setpoint_process::open::open_beside(project, &[learned::KIND, replayed::KIND]),
    }
}

fn is_masked(project: &Project, spec: &Spec) -> bool {
    !project.constraints.is_empty() || spec.masked
}
