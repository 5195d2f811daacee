//! One decision ready for learning: the decision, the options of its algorithm, and its log.

use std::path::Path;
use std::sync::Arc;

use setpoint_decision::spec::Spec;
use setpoint_decision::{Diagnostic, Project};
use setpoint_evidence::Decision;
use setpoint_evidence::environments::Environments;
use setpoint_policy::Policy;
use setpoint_policy::manifest::Manifest;
use setpoint_policy::normalizer::{EPSILON, Normalizer};
use setpoint_process::preparation::OnProgress;
use setpoint_process::{Factory, Registry, StateError, plant};

use crate::algorithm::{Algorithm, Snapshot};
use crate::algorithms::RECIPES;
use crate::error::TrainError;
use crate::first_policy::FirstPolicy;
use crate::memory;
use crate::offline::Transitions;
use crate::recipes::{ChosenOptions, Recipes};
use crate::request::Request;

/// A project with its process, algorithm and log, all names checked.
#[derive(Clone)]
pub struct Problem {
    /// The project with its process.
    pub decision: Decision,
    /// The algorithms for it.
    pub recipes: Recipes,
    /// The options of its algorithm.
    pub options: ChosenOptions,
    /// The log of its algorithm, if it learns from a log.
    pub transitions: Option<Arc<Transitions>>,
    /// The policy that its trainings begin with; `None` for random weights.
    pub first_policy: Option<Arc<FirstPolicy>>,
}

impl Problem {
    /// Reads a project file (or the folder that holds it) with overrides such as `train.seed=3`. `progress` receives the
    /// progress of slow preparations.
    pub fn load(
        path: &Path,
        overrides: &[String],
        registry: &Registry,
        progress: OnProgress<'_>,
    ) -> Result<Self, Box<Diagnostic>> {
        Self::of(Decision::load(path, overrides, registry, progress)?, progress)
    }

    /// Finds the project's process and algorithm and checks every name against them.
    pub fn new(project: Project, registry: &Registry) -> Result<Self, Box<Diagnostic>> {
        Self::of(Decision::open(project, registry, &mut |_| {})?, &mut |_| {})
    }

    /// With an existing process, for any `kind` of the project.
    pub fn with(project: Project, factory: Arc<dyn Factory>) -> Result<Self, Box<Diagnostic>> {
        Self::of(Decision::new(project, factory)?, &mut |_| {})
    }

    /// A decision with the algorithm that its project names.
    pub fn of(decision: Decision, progress: OnProgress<'_>) -> Result<Self, Box<Diagnostic>> {
        Self::with_recipes(decision, &Recipes::new().with(RECIPES.iter().copied()), progress)
    }

    /// A decision with the algorithm that its project names, one of these.
    pub fn with_recipes(
        decision: Decision,
        recipes: &Recipes,
        progress: OnProgress<'_>,
    ) -> Result<Self, Box<Diagnostic>> {
        Self::build(decision, recipes, None, progress)
    }

    /// The same problem with other options, by overrides such as `train.ppo.gamma=0.9`. Reads no file again: the process is
    /// shared, and so is the log if its source stays.
    pub fn with_overrides(&self, overrides: &[String]) -> Result<Self, Box<Diagnostic>> {
        let project = self.decision.project.with_overrides(overrides)?;
        let decision = Decision::new(project, Arc::clone(&self.decision.factory))?;
        Self::build(decision, &self.recipes, Some(self), &mut |_| {})
    }

    fn build(
        decision: Decision,
        recipes: &Recipes,
        known: Option<&Self>,
        progress: OnProgress<'_>,
    ) -> Result<Self, Box<Diagnostic>> {
        let (project, spec) = (&decision.project, decision.spec());
        if let Some(number) = Policy::unstorable(spec, &project.constraints) {
            let title = format!("no policy file can store a policy of the process {}: {number}", spec.kind);
            let help = format!(
                "give it a finite number: {} to {} are possible; a step is above 0",
                f32::MIN,
                f32::MAX
            );
            return Err(Diagnostic::without_origin(title, help));
        }
        let options = recipes.choose(project)?;
        if let Some(reason) = recipes.mismatch(&options, spec) {
            let section = project.section("train");
            return Err(section.error(
                "algorithm",
                &reason,
                "this algorithm cannot learn this decision",
                "`setpoint list algorithms` shows what each algorithm learns",
            ));
        }
        if !decision.factory.simulates() && options.source().is_none() {
            let title = format!("{} learns by trying decisions, and the process is a plant", options.name());
            let label = "expected an algorithm that learns from a log";
            return Err(project.section("train").error("algorithm", &title, label, plant::REFUSAL));
        }
        let needs = options.needs(spec, decision.is_masked());
        if let Some((key, reason)) = memory::available_bytes().and_then(|free| memory::refusal(&needs, free))
        {
            let section = project.section(&format!("train.{}", options.name()));
            let help = match key {
                "buffer_size" => "a few hundred thousand transitions are enough for most decisions",
                _ => "the training holds all of it in memory",
            };
            return Err(section.error(key, &reason, "lower it", help));
        }
        let mut problem = Self {
            decision,
            recipes: recipes.clone(),
            options,
            transitions: None,
            // Whether it fits was said of the old options.
            first_policy: None,
        };
        if let Some(source) = problem.options.source() {
            let known = known.filter(|known| known.options.source() == Some(source));
            problem.transitions = match known.and_then(|known| known.transitions.clone()) {
                Some(transitions) => Some(transitions),
                None => {
                    let log = source.open(&problem.decision, progress)?;
                    Some(Arc::new(Transitions::new(log, &problem.spec().action)))
                }
            };
        }
        Ok(problem)
    }

    /// The same problem, with trainings that begin with a policy. A policy that does not fit is refused, with the difference.
    pub fn beginning_with(mut self, mut first: FirstPolicy) -> Result<Self, TrainError> {
        let mut learner = self.learner(self.decision.project.train.seed, 1);
        let found = first.refusal(&self.decision, self.options.name(), &learner.snapshot());
        if let Some(reason) = found {
            return Err(TrainError::FirstPolicy { path: first.beginning.path, reason });
        }
        match first.hand_to(learner.as_mut(), self.options.name()) {
            Ok(critics) => first.critics = critics,
            Err(error) => {
                let reason = format!("{} cannot take it over: {error}", self.options.name());
                return Err(TrainError::FirstPolicy { path: first.beginning.path, reason });
            }
        }
        self.first_policy = Some(Arc::new(first));
        Ok(self)
    }

    /// Begins a new training of a fresh learner.
    pub fn begin(&self, learner: &mut dyn Algorithm, environments: &Environments) -> Result<(), StateError> {
        if let Some(first) = &self.first_policy {
            first.hand_to(learner, self.options.name())?;
        }
        learner.begin(environments, self.first_policy.is_some());
        Ok(())
    }

    /// The process's spaces and signals.
    pub fn spec(&self) -> &Spec {
        self.decision.spec()
    }

    /// The project file with every default written out; reading it back gives the same problem.
    pub fn resolved(&self) -> String {
        let mut table = self.decision.project.to_toml();
        let options = toml::Value::Table(self.options.written());
        if let Some(process) = table.get_mut("process").and_then(toml::Value::as_table_mut) {
            process.extend(self.decision.factory.parameters());
        }
        let train = table.entry("train").or_insert_with(|| toml::Value::Table(toml::Table::new()));
        if let Some(train) = train.as_table_mut() {
            train.insert(self.options.name().to_owned(), options);
        }
        toml::to_string_pretty(&table).expect("a project has only text keys")
    }

    /// A fresh learner for a seed. `threads` changes its speed, not its result.
    pub fn learner(&self, seed: u64, threads: usize) -> Box<dyn Algorithm> {
        self.options.learner(&Request {
            spec: self.spec(),
            masked: self.decision.is_masked(),
            seed,
            threads,
            transitions: self.transitions.as_ref(),
        })
    }

    /// Wraps a learner's numbers as a policy with its manifest.
    pub fn policy(&self, snapshot: Snapshot, seed: u64, steps: u64) -> Policy {
        let spec = self.spec();
        let manifest = Manifest {
            setpoint_version: env!("CARGO_PKG_VERSION").to_owned(),
            project: self.decision.project.charter.name.clone(),
            process: spec.kind.clone(),
            algorithm: self.options.name().to_owned(),
            seed,
            steps,
            observation: spec.observation.clone(),
            tensors: spec.tensors.clone(),
            action: spec.action.clone(),
            signals: spec.signals.clone(),
            constraints: self.decision.project.constraints.clone(),
            network: snapshot.network,
            head: snapshot.head,
            discretization: snapshot.discretization,
            clip_observation: snapshot.normalizer.as_ref().map(|Normalizer { clip, .. }| *clip),
            normalization_epsilon: EPSILON,
        };
        Policy::new(manifest, snapshot.parameters, snapshot.log_std, snapshot.normalizer)
    }
}
