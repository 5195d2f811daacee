//! The trainer's evaluations: when one is due, what it measures, and the policy that is kept.

use std::sync::atomic::AtomicBool;

use setpoint_evidence::PlayError;
use setpoint_evidence::evaluate::{InTraining, evaluate_in_training};
use setpoint_policy::Policy;
use setpoint_process::StateError;
use setpoint_random::Stream;
use setpoint_statistics::Summary;

use super::Trainer;
use crate::error::TrainError;
use crate::metrics::TrainingEvaluation;
use crate::selection::Selection;

impl Trainer {
    /// A first policy is a candidate too.
    pub(super) fn evaluate_first_policy(&mut self, stop: &AtomicBool) -> Result<(), TrainError> {
        if self.updates > 0 || self.beginning().is_none() {
            return Ok(());
        }
        let Some(selection) = &mut self.selection else { return Ok(()) };
        // A training that was stopped before its first update looks again.
        selection.begin_again();
        let policy = self.policy();
        let found = self.evaluate(&policy, Some(stop))?;
        if let Some(selection) = &mut self.selection {
            selection.add(found, &policy);
        }
        Ok(())
    }

    /// Evaluates the policy if the update passed a multiple of `every_steps`, or if it was the last one.
    pub(super) fn evaluate_if_due(&mut self, before: u64, stop: &AtomicBool) -> Result<(), TrainError> {
        let (Some(selection), Some(environments)) = (&mut self.selection, &self.environments) else {
            return Ok(());
        };
        selection.go_on();
        let is_due = selection.is_due(before, environments.steps());
        if !is_due && self.completion().is_none() {
            return Ok(());
        }
        let policy = self.policy();
        // Without a state to go back to, the evaluation ends first.
        let found = self.evaluate(&policy, self.kept.is_some().then_some(stop))?;
        match &mut self.selection {
            Some(selection) if is_due => selection.add(found, &policy),
            Some(selection) => selection.add_at_end(found),
            None => {}
        }
        Ok(())
    }

    fn evaluate(&self, policy: &Policy, stop: Option<&AtomicBool>) -> Result<TrainingEvaluation, TrainError> {
        let decision = &self.problem.decision;
        let InTraining { returns, headline } = match evaluate_in_training(decision, policy, stop) {
            Err(PlayError::Interrupted) => return Err(TrainError::Interrupted),
            found => found?,
        };
        let mut random = Stream::new(decision.project.evaluate.seed, "bootstrap of a training evaluation", 0);
        let Summary { mean: return_mean, interval, .. } = Summary::of(&returns, &mut random);
        Ok(TrainingEvaluation { steps: self.steps(), return_mean, interval, headline })
    }

    /// The bytes of the policy file: of the present policy, or of the best so far.
    pub(super) fn kept_file(&self) -> Vec<u8> {
        let earlier = self.selection.as_ref().and_then(Selection::earlier_file);
        earlier.map_or_else(|| self.policy().to_bytes(), <[u8]>::to_vec)
    }

    /// The policy of [`Trainer::kept_file`].
    pub(super) fn kept_policy(&self) -> Result<Policy, TrainError> {
        let Some(file) = self.selection.as_ref().and_then(Selection::earlier_file) else {
            return Ok(self.policy());
        };
        let unusable = |refusal| StateError::new(format!("the best policy cannot be read: {refusal}"));
        Ok(Policy::from_bytes(file).map_err(unusable)?)
    }
}
