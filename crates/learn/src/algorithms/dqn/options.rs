//! Options of DQN: Stable-Baselines3's names and defaults.

use serde::{Deserialize, Serialize};
use setpoint_decision::Diagnostic;
use setpoint_decision::charter::Finding;
use setpoint_decision::section::{Range, Section};
use setpoint_decision::spec::Spec;
use setpoint_evidence::Decision;
use setpoint_nn::mlp::Activation;

use super::{Dqn, RECIPE};
use crate::algorithm::Algorithm;
use crate::bounds;
use crate::encoders::EncoderOptions;
use crate::exploration::DiscreteExploration;
use crate::hidden_layers::{read_activation, read_widths};
use crate::learning_rate::{Schedule, read_schedule};
use crate::memory::Need;
use crate::off_policy::{Collection, OffPolicy};
use crate::recipe::LearnerOptions;
use crate::request::Request;
use crate::warnings::{early_end, still_target};

/// `[train.dqn]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Options {
    /// Adam's step size.
    pub learning_rate: Schedule,
    /// Options of the replay buffer and of its batches.
    #[serde(flatten)]
    pub collection: Collection,
    /// Share by which the target network moves; 1 copies.
    pub tau: f64,
    /// Environment steps between moves of the target network.
    pub target_update_interval: u64,
    /// Its exploration.
    #[serde(flatten)]
    pub exploration: DiscreteExploration,
    /// Greatest norm of the gradient.
    pub max_grad_norm: f64,
    /// Encoders of images and sets of points.
    #[serde(flatten)]
    pub encoder: EncoderOptions,
    /// Widths of the hidden layers.
    pub net_arch: Vec<usize>,
    /// Activation of the hidden layers.
    pub activation_fn: Activation,
    /// Whether the online network chooses what the target network values.
    pub double_q: bool,
    /// Whether value and advantages are learned separately.
    pub dueling: bool,
    /// Whether transitions with a large error are drawn more often.
    pub prioritized_replay: bool,
    /// α of prioritised replay, in [0, 1].
    pub prioritized_replay_alpha: f64,
    /// β of its importance weights at the start; it rises to 1.
    pub prioritized_replay_beta0: f64,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            learning_rate: Schedule::Constant(1e-4),
            collection: Collection {
                n_envs: 1,
                buffer_size: 1_000_000,
                learning_starts: 100,
                batch_size: 32,
                gamma: 0.99,
                train_freq: 4,
                gradient_steps: 1,
                n_steps: 1,
                normalize_observation: false,
                clip_observation: 10.0,
            },
            tau: 1.0,
            target_update_interval: 10_000,
            exploration: DiscreteExploration::default(),
            max_grad_norm: 10.0,
            encoder: EncoderOptions::default(),
            net_arch: vec![64, 64],
            activation_fn: Activation::Relu,
            double_q: false,
            dueling: false,
            prioritized_replay: false,
            prioritized_replay_alpha: 0.6,
            prioritized_replay_beta0: 0.4,
        }
    }
}

impl Options {
    /// Reads the section; absent keys take their defaults.
    pub fn read(section: &Section<'_>) -> Result<Self, Box<Diagnostic>> {
        let default = Self::default();
        let unit = || Range::between(0.0, 1.0);
        let number = |key, range, default: f64, meaning| -> Result<f64, Box<Diagnostic>> {
            Ok(section.number(key, range, meaning)?.unwrap_or(default))
        };
        let flag = |key, default, meaning| -> Result<bool, Box<Diagnostic>> {
            Ok(section.boolean(key, meaning)?.unwrap_or(default))
        };
        let options = Self {
            learning_rate: read_schedule(section, "learning_rate", bounds::positive(), "Adam's step size")?
                .unwrap_or(default.learning_rate),
            collection: Collection::read(section, default.collection)?,
            tau: number("tau", unit(), default.tau, "share by which the target network moves")?,
            target_update_interval: section
                .integer(
                    "target_update_interval",
                    bounds::steps_from(1.0),
                    "steps between moves of the target",
                )?
                .unwrap_or(default.target_update_interval),
            exploration: DiscreteExploration::read(section, default.exploration)?,
            max_grad_norm: number(
                "max_grad_norm",
                bounds::positive(),
                default.max_grad_norm,
                "greatest norm of the gradient",
            )?,
            encoder: EncoderOptions::read(section)?,
            net_arch: read_widths(section, "net_arch")?.unwrap_or(default.net_arch),
            activation_fn: read_activation(section)?.unwrap_or(default.activation_fn),
            double_q: flag(
                "double_q",
                default.double_q,
                "the online network selects the choice that the target network values",
            )?,
            dueling: flag("dueling", default.dueling, "learn value and advantages separately")?,
            prioritized_replay: flag(
                "prioritized_replay",
                default.prioritized_replay,
                "draw steps with a large error more often",
            )?,
            prioritized_replay_alpha: number(
                "prioritized_replay_alpha",
                unit(),
                default.prioritized_replay_alpha,
                "strength of the priorities",
            )?,
            prioritized_replay_beta0: number(
                "prioritized_replay_beta0",
                unit(),
                default.prioritized_replay_beta0,
                "importance weights at the start",
            )?,
        };
        Ok(options)
    }
}

impl LearnerOptions for Options {
    fn learner(&self, request: &Request<'_>) -> Box<dyn Algorithm> {
        let learner = Dqn::new(self.clone(), request.spec, request.seed);
        Box::new(OffPolicy::new(learner, self.collection.clone(), request, 1))
    }

    fn needs(&self, spec: &Spec, masked: bool) -> Vec<Need> {
        let encoders = self.encoder.of(&spec.tensors).unwrap_or_default();
        self.collection.needs(spec, masked, &[&self.net_arch, &self.net_arch], &encoders)
    }

    fn mismatch(&self, spec: &Spec) -> Option<String> {
        self.encoder.of(&spec.tensors).err()
    }

    fn collection(&self) -> Option<&Collection> {
        Some(&self.collection)
    }

    fn warnings(&self, decision: &Decision) -> Vec<Finding> {
        let early = early_end(RECIPE.name, decision, &self.exploration, self.collection.learning_starts);
        let moves = decision.project.train.total_steps;
        let still = still_target(self.target_update_interval, moves, "environment steps");
        early.into_iter().chain(still).collect()
    }
}
