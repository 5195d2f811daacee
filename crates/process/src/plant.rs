//! `kind = "plant"`: declared spaces, and nothing to simulate.
//!
//! A plant is known by the log of its decisions. Its spaces are enough to audit the log, to learn offline, to estimate the return
//! of a policy, and to ask a policy for recommendations. Its environments have a first state, the reference values, and refuse to
//! step.

use std::path::PathBuf;
use std::sync::Arc;

use setpoint_decision::Diagnostic;
use setpoint_decision::charter::Finding;
use setpoint_decision::spec::Spec;
use setpoint_random::Stream;

use crate::factory::Factory;
use crate::heuristic::Heuristic;
use crate::registry::Request;
use crate::vectorized::{Actions, Batch, ProcessError, StateError, Transition};

/// Its name in a project file.
pub const KIND: &str = "plant";
/// Its description, in a sentence.
pub const SUMMARY: &str = "a plant by its log: [[feature]], [[choice]] or [[setting]], and [[signal]] declare its spaces; nothing is simulated";
/// The reason why its environments do not step, and the remedies.
pub const REFUSAL: &str = "a plant has a log and no simulator, so nobody can try a decision in it: learn from the log (algorithm = \
                           \"iql\" or \"bc\"), estimate a policy with `setpoint ope`, or learn a process from the log (kind = \
                           \"learned\")";

/// Declared spaces.
struct Plant {
    spec: Spec,
}

/// The plant of a project, from its declared spaces.
pub fn open(request: &Request<'_>) -> Result<Arc<dyn Factory>, Box<Diagnostic>> {
    if request.project.spaces.is_empty() {
        let title = "a plant has no spaces of its own, and the project declares none";
        let label = "expected [[feature]], [[choice]] or [[setting]], and [[signal]] tables";
        let help = "`setpoint new NAME --data LOG` writes them from a log";
        return Err(request.section.error("kind", title, label, help));
    }
    let mut spec = request.project.spaces.spec();
    spec.kind = KIND.to_owned();
    spec.summary = "a plant by its log".to_owned();
    spec.max_steps = request.max_steps;
    Ok(Arc::new(Plant { spec }))
}

impl Factory for Plant {
    fn spec(&self) -> &Spec {
        &self.spec
    }

    fn batch(&self, lanes: usize, _: u64, _: &str) -> Result<Box<dyn Batch>, Box<ProcessError>> {
        let mut still = Still { transition: Transition::new(&self.spec, lanes), lanes };
        still.show(&self.spec);
        Ok(Box::new(still))
    }

    fn heuristics(&self) -> &[Heuristic] {
        &[]
    }

    fn findings(&self) -> Vec<Finding> {
        vec![Finding::pass("process", "a plant by its log: nothing is simulated, so nothing is tried")]
    }

    fn files(&self) -> &[PathBuf] {
        &[]
    }

    fn simulates(&self) -> bool {
        false
    }
}

/// Environments that do not step.
struct Still {
    transition: Transition,
    lanes: usize,
}

impl Still {
    /// Shows the reference values; signals that a feature shows have its value, the others are unknown.
    fn show(&mut self, spec: &Spec) {
        let references = spec.observation.iter().map(|feature| feature.reference);
        let shown = |name: &str| spec.observation.iter().find(|feature| feature.name == name);
        let signals = spec
            .signals
            .iter()
            .map(|signal| shown(&signal.name).map_or(f32::NAN, |feature| feature.natural(feature.reference)));
        let signals: Vec<f32> = signals.collect();
        self.transition.observations = references.collect::<Vec<_>>().repeat(self.lanes);
        self.transition.signals = signals.repeat(self.lanes);
        self.transition.current_signals.clone_from(&self.transition.signals);
    }
}

impl Batch for Still {
    fn lanes(&self) -> usize {
        self.lanes
    }

    fn reset(&mut self) -> Result<(), Box<ProcessError>> {
        Ok(())
    }

    fn reset_lane(&mut self, _: usize, _: Option<Stream>) -> Result<(), Box<ProcessError>> {
        Ok(())
    }

    fn step_where(&mut self, _: Actions<'_>, _: &[bool]) -> Result<(), Box<ProcessError>> {
        let (process, reason) = (KIND.to_owned(), REFUSAL.to_owned());
        Err(Box::new(ProcessError { process, lane: None, step: Some(1), reason }))
    }

    fn transition(&self) -> &Transition {
        &self.transition
    }

    fn save(&self) -> Result<Vec<u8>, StateError> {
        Ok(Vec::new())
    }

    fn load(&mut self, bytes: &[u8]) -> Result<(), StateError> {
        if bytes.is_empty() { Ok(()) } else { Err(StateError::new("a plant has no state")) }
    }
}
