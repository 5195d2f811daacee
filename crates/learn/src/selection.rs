//! Evaluations during a training, and the best policy by them.

use serde::{Deserialize, Serialize};
use setpoint_decision::evaluate::{Evaluate, Keep};
use setpoint_policy::Policy;

use crate::metrics::TrainingEvaluation;

/// The evaluations of a training so far.
#[derive(Clone, Debug, PartialEq)]
pub struct Selection {
    every_steps: u64,
    keep: Keep,
    /// What a checkpoint keeps.
    pub state: SelectionState,
    /// Evaluations for the next line of metrics.
    pub pending: Vec<TrainingEvaluation>,
    /// The last evaluation of this process.
    pub last: Option<TrainingEvaluation>,
}

/// The part of a checkpoint: the order of the fields is the format.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SelectionState {
    /// Evaluations at multiples of `every_steps`, and of the first policy.
    evaluations: u64,
    /// The best of them, with its policy file; absent unless the project keeps the best.
    best: Option<Best>,
    /// Mean return of an evaluation at the end of the training. It counts only there: a training that continues forgets it, so that
    /// it ends as if it had never stopped.
    at_end: Option<f64>,
}

/// The best policy so far.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Best {
    return_mean: f64,
    policy: Vec<u8>,
}

/// The policy that a training kept: the best by the evaluations during the training.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct KeptBest {
    /// Environment steps after which the training had it.
    pub steps: u64,
    /// Mean return in its evaluation, the greatest of all: it flatters, for it was chosen by this number.
    #[serde(deserialize_with = "setpoint_statistics::stored::figures")]
    pub return_mean: f64,
    /// Number of evaluations among which it is the best.
    pub evaluations: u64,
}

impl Selection {
    /// Of a project that evaluates during its training.
    pub fn of(settings: &Evaluate) -> Option<Self> {
        let every_steps = settings.every_steps?;
        let state = SelectionState::default();
        Some(Self { every_steps, keep: settings.keep, state, pending: Vec::new(), last: None })
    }

    /// Whether an evaluation is due after an update that led from some steps to others.
    pub fn is_due(&self, before: u64, now: u64) -> bool {
        now / self.every_steps > before / self.every_steps
    }

    /// Adds a due evaluation.
    pub fn add(&mut self, found: TrainingEvaluation, policy: &Policy) {
        self.show(found);
        self.state.evaluations += 1;
        let best = self.state.best.as_ref().map(|best| best.return_mean);
        // Of equal ones the first stays.
        if self.keep == Keep::Best && best.is_none_or(|best| found.return_mean > best) {
            self.state.best = Some(Best { return_mean: found.return_mean, policy: policy.to_bytes() });
        }
    }

    /// Adds an evaluation of the last policy that was not due.
    pub fn add_at_end(&mut self, found: TrainingEvaluation) {
        self.show(found);
        self.state.at_end = Some(found.return_mean);
    }

    /// The training continues.
    pub fn go_on(&mut self) {
        self.state.at_end = None;
    }

    fn show(&mut self, found: TrainingEvaluation) {
        self.pending.push(found);
        self.last = Some(found);
    }

    /// The policy to keep, if it is not the present one.
    pub fn earlier_policy(&self) -> Option<Policy> {
        let best = self.state.best.as_ref()?;
        if self.state.at_end.is_some_and(|at_end| at_end > best.return_mean) {
            return None;
        }
        Some(Policy::from_bytes(&best.policy).expect("a checkpoint keeps the bytes of a policy file"))
    }

    /// What is known of the kept policy, after these environment steps; `None` unless the project keeps the best.
    pub fn kept(&self, steps: u64) -> Option<KeptBest> {
        let SelectionState { evaluations, best, at_end } = &self.state;
        if self.keep != Keep::Best {
            return None;
        }
        let evaluations = evaluations + u64::from(at_end.is_some());
        let best = best.as_ref().map(|best| best.return_mean);
        let return_mean = best.into_iter().chain(*at_end).reduce(f64::max)?;
        let steps = self.earlier_policy().map_or(steps, |policy| policy.manifest.steps);
        Some(KeptBest { steps, return_mean, evaluations })
    }
}
