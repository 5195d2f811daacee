//! A factory makes environments of one process; [`Simulator`] is the factory of any process type.

use setpoint_decision::Diagnostic;
use setpoint_decision::charter::Finding;
use setpoint_decision::section::{Range, Section};
use setpoint_decision::spec::{self, Spec};
use std::path::PathBuf;

use crate::heuristic::Heuristic;
use crate::process::Process;
use crate::vectorized::{Batch, ProcessError, Vectorized};

/// Makes environments of one process, with the project's parameters.
pub trait Factory: Send + Sync {
    /// Observations, actions and signals; `max_steps` is the project's, if it has one.
    fn spec(&self) -> &Spec;
    /// Environments that step together; lane `i` draws from the stream (seed, purpose, i).
    fn batch(&self, lanes: usize, seed: u64, purpose: &str) -> Result<Box<dyn Batch>, Box<ProcessError>>;
    /// Hand-written policies that an experienced person would recognise, the usual policy first.
    fn heuristics(&self) -> &[Heuristic];
    /// The process's own keys of `[process]` with every default filled in.
    fn parameters(&self) -> toml::Table {
        toml::Table::new()
    }
    /// Findings for `setpoint check` beyond the findings of a run.
    fn findings(&self) -> Vec<Finding> {
        Vec::new()
    }
    /// Its own keys that do not change the result of a training: a resumed training may change them.
    fn incidental_keys(&self) -> &[&'static str] {
        &[]
    }
    /// Files of the process: logs, instances. Evidence names their hashes.
    fn files(&self) -> &[PathBuf] {
        &[]
    }
    /// Whether a restored batch continues bit for bit. Environments outside of this program cannot be saved, so such a
    /// batch begins new episodes.
    fn resumes_exactly(&self) -> bool {
        true
    }
    /// Whether its environments can step. Those of a plant cannot: it has spaces, and logs of its decisions.
    fn simulates(&self) -> bool {
        true
    }
}

/// A factory for any process type.
pub struct Simulator<P> {
    prototype: P,
    spec: Spec,
    heuristics: Vec<Heuristic>,
    parameters: toml::Table,
    files: Vec<PathBuf>,
    findings: Vec<Finding>,
}

impl<P: Process> Simulator<P> {
    /// With the process's own limit of steps, or another. The defaults of its parameters are its present values.
    pub fn new(prototype: P, max_steps: Option<u32>, heuristics: Vec<Heuristic>) -> Self {
        let mut spec = prototype.spec();
        spec.max_steps = max_steps.or(spec.max_steps);
        spec.parameters = described(&prototype);
        spec.heuristics = heuristics.iter().map(|heuristic| heuristic.name.to_owned()).collect();
        let (parameters, files, findings) = (toml::Table::new(), Vec::new(), Vec::new());
        Self { prototype, spec, heuristics, parameters, files, findings }
    }

    /// With its name in a registry, and the keys of `[process]`: the limit of steps and the values of
    /// [`Process::PARAMETERS`].
    pub fn open(
        prototype: P,
        kind: &str,
        max_steps: Option<u32>,
        section: &Section<'_>,
    ) -> Result<Self, Box<Diagnostic>> {
        let heuristics = prototype.heuristics();
        let mut simulator = Self::new(prototype, max_steps, heuristics);
        simulator.spec.kind = kind.to_owned();
        simulator.parameters = read_parameters(&mut simulator.prototype, section)?;
        Ok(simulator)
    }

    /// With the process's own keys, every default filled in, as in a run's project file.
    pub fn with_parameters(mut self, parameters: toml::Table) -> Self {
        self.parameters.extend(parameters);
        self
    }

    /// With the files of the process.
    pub fn with_files(mut self, files: Vec<PathBuf>) -> Self {
        self.files = files;
        self
    }

    /// With findings for `setpoint check`; the report shows their messages as notes.
    pub fn with_findings(mut self, findings: Vec<Finding>) -> Self {
        self.spec.notes.extend(findings.iter().map(|finding| finding.message.clone()));
        self.findings = findings;
        self
    }

    /// With the defaults of another process of the type, if the prototype already has the project's values.
    pub fn with_defaults_of(mut self, other: &P) -> Self {
        self.spec.parameters = described(other);
        self
    }
}

/// The parameters of a process for its spec; their defaults are the present values of the process.
fn described<P: Process>(process: &P) -> Vec<spec::Parameter> {
    P::PARAMETERS.iter().map(|parameter| parameter.described(process)).collect()
}

/// Sets a process's parameters to the values of `[process]`; returns all parameters, also the unchanged ones.
pub fn read_parameters<P: Process>(
    process: &mut P,
    section: &Section<'_>,
) -> Result<toml::Table, Box<Diagnostic>> {
    let mut values = toml::Table::new();
    for (index, parameter) in P::PARAMETERS.iter().enumerate() {
        let range = Range::between(parameter.low, parameter.high);
        let given = section.number(parameter.name, range, parameter.description)?;
        if let Some(value) = given {
            process.set_parameter(index, value);
        }
        let value = given.unwrap_or_else(|| parameter.value(process));
        values.insert(parameter.name.to_owned(), value.into());
    }
    Ok(values)
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

    fn findings(&self) -> Vec<Finding> {
        self.findings.clone()
    }

    fn files(&self) -> &[PathBuf] {
        &self.files
    }
}
