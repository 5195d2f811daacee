//! A factory makes environments of one process; [`Simulator`] is the factory of any process type.

use setpoint_decision::Diagnostic;
use setpoint_decision::charter::Finding;
use setpoint_decision::spec::Spec;

use crate::heuristic::Heuristic;
use crate::parameter;
use crate::process::Process;
use crate::registry::Request;
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

/// A factory for any process type.
pub struct Simulator<P> {
    prototype: P,
    spec: Spec,
    heuristics: Vec<Heuristic>,
    parameters: toml::Table,
}

impl<P: Process> Simulator<P> {
    /// With the process's own limit of steps, or another. The defaults of its parameters are the values that it has.
    pub fn new(prototype: P, max_steps: Option<u32>, heuristics: Vec<Heuristic>) -> Self {
        let mut spec = prototype.spec();
        spec.max_steps = max_steps.or(spec.max_steps);
        spec.parameters = parameter::described(&prototype);
        spec.heuristics = heuristics.iter().map(|heuristic| heuristic.name.to_owned()).collect();
        Self { prototype, spec, heuristics, parameters: toml::Table::new() }
    }

    /// With the kind's name, the project's limit of steps and its values of [`Process::PARAMETERS`].
    pub fn open(prototype: P, request: &Request<'_>) -> Result<Self, Box<Diagnostic>> {
        let heuristics = prototype.heuristics();
        let mut simulator = Self::new(prototype, request.max_steps, heuristics);
        simulator.spec.kind = request.project.process.kind.clone();
        simulator.parameters = parameter::read(&mut simulator.prototype, &request.section)?;
        Ok(simulator)
    }

    /// With the process's own keys, every default filled in, as a run's project file keeps them.
    pub fn with_parameters(mut self, parameters: toml::Table) -> Self {
        self.parameters.extend(parameters);
        self
    }

    /// With the defaults of another process of the type, where the project's values are in the prototype already.
    pub fn with_defaults_of(mut self, other: &P) -> Self {
        self.spec.parameters = parameter::described(other);
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
