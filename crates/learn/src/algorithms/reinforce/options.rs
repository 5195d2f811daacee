//! Options of REINFORCE.

use serde::{Deserialize, Serialize};
use setpoint_decision::Diagnostic;
use setpoint_decision::charter::Finding;
use setpoint_decision::section::{Range, Section};
use setpoint_decision::spec::Spec;
use setpoint_evidence::Decision;
use setpoint_nn::mlp::Activation;

use super::Reinforce;
use crate::algorithm::Algorithm;
use crate::bounds;
use crate::hidden_layers::{read_activation, read_widths};
use crate::learning_rate::{Schedule, read_schedule};
use crate::memory::Need;
use crate::recipe::LearnerOptions;
use crate::request::Request;

/// The frequency of the updates.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Update {
    /// After every step of the finished episode, in time order.
    Step,
    /// Once per episode, by the mean gradient of its steps.
    Episode,
}

/// The optimiser.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Optimizer {
    /// Plain gradient ascent.
    Sgd,
    /// Adam (Kingma & Ba 2015).
    Adam,
}

/// `[train.reinforce]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Options {
    /// Step size.
    pub learning_rate: Schedule,
    /// Discount per step, in [0, 1].
    pub gamma: f64,
    /// Whether an episode's returns are normalised to mean 0 and deviation 1.
    pub normalize_returns: bool,
    /// Hidden layers of the policy; without hidden layers it is linear.
    pub net_arch: Vec<usize>,
    /// Activation of hidden layers.
    pub activation_fn: Activation,
    /// The frequency of the updates.
    pub update: Update,
    /// The optimiser.
    pub optimizer: Optimizer,
    /// Whether a learned state value is subtracted from the returns.
    pub baseline: bool,
    /// Adam's step size for the baseline, a 64×64 network.
    pub baseline_learning_rate: f64,
    /// Whether observations are normalised by running statistics.
    pub normalize_observation: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            learning_rate: Schedule::Constant(0.002),
            gamma: 0.99,
            normalize_returns: true,
            net_arch: Vec::new(),
            activation_fn: Activation::Tanh,
            update: Update::Step,
            optimizer: Optimizer::Sgd,
            baseline: false,
            baseline_learning_rate: 1e-3,
            normalize_observation: false,
        }
    }
}

impl Options {
    /// Reads the section; absent keys take their defaults.
    pub fn read(section: &Section<'_>) -> Result<Self, Box<Diagnostic>> {
        let default = Self::default();
        let updates = [("step", Update::Step), ("episode", Update::Episode)];
        let update = section.one_of("update", &updates, "frequency of the updates")?;
        let optimizers = [("sgd", Optimizer::Sgd), ("adam", Optimizer::Adam)];
        let optimizer = section.one_of("optimizer", &optimizers, "the optimiser")?;
        let flag = |key, default, meaning| -> Result<bool, Box<Diagnostic>> {
            Ok(section.boolean(key, meaning)?.unwrap_or(default))
        };
        let options = Self {
            learning_rate: read_schedule(section, "learning_rate", bounds::positive(), "step size")?
                .unwrap_or(default.learning_rate),
            gamma: section
                .number("gamma", Range::between(0.0, 1.0), "discount per step")?
                .unwrap_or(default.gamma),
            normalize_returns: flag("normalize_returns", default.normalize_returns, "normalise returns")?,
            net_arch: read_widths(section, "net_arch")?.unwrap_or(default.net_arch),
            activation_fn: read_activation(section)?.unwrap_or(default.activation_fn),
            update: update.unwrap_or(default.update),
            optimizer: optimizer.unwrap_or(default.optimizer),
            baseline: flag("baseline", default.baseline, "subtract a learned state value")?,
            baseline_learning_rate: section
                .number("baseline_learning_rate", bounds::positive(), "the baseline's step size")?
                .unwrap_or(default.baseline_learning_rate),
            normalize_observation: flag(
                "normalize_observation",
                default.normalize_observation,
                "normalise observations by running statistics",
            )?,
        };
        Ok(options)
    }
}

impl LearnerOptions for Options {
    fn learner(&self, request: &Request<'_>) -> Box<dyn Algorithm> {
        Box::new(Reinforce::new(self.clone(), request.spec, request.masked, request.seed))
    }

    fn needs(&self, spec: &Spec, masked: bool) -> Vec<Need> {
        let _ = masked;
        vec![Need::networks(spec, &[&self.net_arch], &[], 1)]
    }

    fn gamma(&self) -> Option<f64> {
        Some(self.gamma)
    }

    fn normalizes_observations(&self) -> Option<bool> {
        Some(self.normalize_observation)
    }

    fn warnings(&self, decision: &Decision) -> Vec<Finding> {
        let mut findings = Vec::new();
        let total_steps = decision.project.train.total_steps;
        if let Some(longest) = decision.spec().max_steps.filter(|longest| u64::from(*longest) > total_steps) {
            findings.push(Finding::warn(
                "episodes",
                format!(
                    "reinforce learns at the end of an episode, and one may last {longest} of the {total_steps} steps: raise \
                     total_steps, lower max_steps in [process], or use ppo"
                ),
            ));
        }
        if !self.normalize_returns && !self.baseline {
            findings.push(Finding::warn(
                "variance",
                "returns are neither normalised nor compared with a baseline, so every action of a good episode counts as \
                 good: write normalize_returns = true or baseline = true in [train.reinforce]",
            ));
        }
        findings
    }
}
