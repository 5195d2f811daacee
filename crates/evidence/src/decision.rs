//! One decision: the project with its process, checked against each other. All deciders play in it.

use std::path::Path;
use std::sync::Arc;

use setpoint_decision::spec::Spec;
use setpoint_decision::{Diagnostic, Project};
use setpoint_guard::constraints::ConstraintSet;
use setpoint_policy::Policy;
use setpoint_process::preparation::OnProgress;
use setpoint_process::rules::with_rules;
use setpoint_process::{Factory, Registry};

/// A project with the process that it names.
#[derive(Clone)]
pub struct Decision {
    /// The project file.
    pub project: Project,
    /// The process that it names.
    pub factory: Arc<dyn Factory>,
    /// Threads with which its environments may step, at least 1. No result depends on it.
    pub threads: usize,
}

impl Decision {
    /// Reads a project file (or the folder that holds it) with overrides such as `train.seed=3`, and opens its process.
    /// `progress` receives the progress of slow preparations.
    pub fn load(
        path: &Path,
        overrides: &[String],
        registry: &Registry,
        progress: OnProgress<'_>,
    ) -> Result<Self, Box<Diagnostic>> {
        Self::open(Project::load(path, overrides)?, registry, progress)
    }

    /// Opens the process of a project, on one thread.
    pub fn open(
        project: Project,
        registry: &Registry,
        progress: OnProgress<'_>,
    ) -> Result<Self, Box<Diagnostic>> {
        let factory = registry.open(&project, progress)?;
        Self::new(project, factory)
    }

    /// A project with an existing process, whatever the project's `kind`, on one thread. Every name is checked. The rules of the
    /// project are the first baseline of the process.
    pub fn new(project: Project, factory: Arc<dyn Factory>) -> Result<Self, Box<Diagnostic>> {
        project.bind_rules(factory.spec())?;
        let factory = with_rules(factory, &project);
        project.bind(factory.spec())?;
        Ok(Self { project, factory, threads: 1 })
    }

    /// With so many threads for its environments.
    pub fn with_threads(self, threads: usize) -> Self {
        Self { threads, ..self }
    }

    /// The process's spaces and signals.
    pub fn spec(&self) -> &Spec {
        self.factory.spec()
    }

    /// Whether some actions may be forbidden, by the process or by a constraint.
    pub fn is_masked(&self) -> bool {
        !self.project.constraints.is_empty() || self.spec().masked
    }

    /// The project's constraints, resolved. They were checked when the decision was made.
    pub fn constraints(&self) -> ConstraintSet {
        let spec = self.spec();
        ConstraintSet::new(&self.project.constraints, &spec.observation, &spec.signals, &spec.action)
            .expect("`bind` has checked every name")
    }

    /// The reason why a policy does not fit this project, if so.
    pub fn refuses(&self, policy: &Policy) -> Option<String> {
        policy.mismatch(self.spec())
    }
}
