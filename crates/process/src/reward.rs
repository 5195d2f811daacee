//! The reward: signals × weights, plus one-off amounts on events. Processes do not compute it.

use setpoint_decision::project::Reward;
use setpoint_decision::spec::Spec;

use crate::process::Outcome;

/// A project's reward, resolved against a process's signals.
#[derive(Clone, Debug)]
pub struct RewardFunction {
    names: Vec<String>,
    weights: Vec<f64>,
    signals: Vec<usize>,
    on_terminated: f64,
    on_truncated: f64,
}

impl RewardFunction {
    /// Resolves the names; `Project::bind` has checked that they exist.
    ///
    /// # Panics
    /// If a term names a signal that the process does not have.
    pub fn new(reward: &Reward, spec: &Spec) -> Self {
        let find = |name: &String| {
            let position = spec.signals.iter().position(|signal| signal.name == *name);
            position.expect("`bind` refuses rewards for signals that do not exist")
        };
        let mut names: Vec<String> = reward.terms.iter().map(|(name, _)| name.clone()).collect();
        let mut weights: Vec<f64> = reward.terms.iter().map(|(_, weight)| *weight).collect();
        for (name, amount) in [("on_terminated", reward.on_terminated), ("on_truncated", reward.on_truncated)]
        {
            if amount != 0.0 {
                names.push(name.to_owned());
                weights.push(amount);
            }
        }
        Self {
            names,
            weights,
            signals: reward.terms.iter().map(|(name, _)| find(name)).collect(),
            on_terminated: reward.on_terminated,
            on_truncated: reward.on_truncated,
        }
    }

    /// Names of the terms: the signals, then the events with an amount.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// Weights of the terms, in the order of the names.
    pub fn weights(&self) -> &[f64] {
        &self.weights
    }

    /// The reward of a step, and each term of it in `terms` (one per name).
    #[inline]
    pub fn evaluate(&self, signals: &[f32], outcome: Outcome, terms: &mut [f64]) -> f64 {
        let mut sum = 0.0;
        for ((term, signal), weight) in terms.iter_mut().zip(&self.signals).zip(&self.weights) {
            *term = f64::from(signals[*signal]) * weight;
            sum += *term;
        }
        let mut event = self.signals.len();
        for (amount, on) in
            [(self.on_terminated, Outcome::Terminated), (self.on_truncated, Outcome::Truncated)]
        {
            if amount != 0.0 {
                terms[event] = if outcome == on { amount } else { 0.0 };
                sum += terms[event];
                event += 1;
            }
        }
        sum
    }
}
