//! Options of SAC: Stable-Baselines3's names and defaults.

use serde::{Deserialize, Serialize};
use setpoint_decision::Diagnostic;
use setpoint_decision::section::{Range, Section};
use setpoint_nn::mlp::Activation;

use super::temperature::EntropyCoefficient;
use crate::bounds;
use crate::encoders::EncoderOptions;
use crate::exploration::ActionNoise;
use crate::hidden_layers::{NetArch, read_activation, read_net_arch};
use crate::learning_rate::{Schedule, read_schedule};
use crate::off_policy::Collection;
use crate::sight;

/// `[train.sac]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Options {
    /// Adam's step size, for all networks and the entropy coefficient.
    pub learning_rate: Schedule,
    /// Options of the replay buffer and of its batches.
    #[serde(flatten)]
    pub collection: Collection,
    /// Share by which the target networks move.
    pub tau: f64,
    /// Gradient steps between moves of the target networks.
    pub target_update_interval: u64,
    /// Weight of the policy's entropy.
    pub ent_coef: EntropyCoefficient,
    /// Entropy that an automatic coefficient aims at, in nats; automatic if absent: −axes, or 0.98 log(choices).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target_entropy: Option<f64>,
    /// Noise added to actions while training; the policy explores by itself, so the default has no noise.
    #[serde(flatten)]
    pub noise: ActionNoise,
    /// Widths of the hidden layers: `pi` of the actor, `vf` of the critics.
    pub net_arch: NetArch,
    /// Encoders of images and sets of points; actor and critics have one each.
    #[serde(flatten)]
    pub encoder: EncoderOptions,
    /// Hidden features of the process that the critics see.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub critic_sees: Vec<String>,
    /// Activation of the hidden layers.
    pub activation_fn: Activation,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            learning_rate: Schedule::Constant(3e-4),
            collection: Collection {
                n_envs: 1,
                buffer_size: 1_000_000,
                learning_starts: 100,
                batch_size: 256,
                gamma: 0.99,
                train_freq: 1,
                gradient_steps: 1,
                n_steps: 1,
                normalize_observation: false,
                clip_observation: 10.0,
            },
            tau: 0.005,
            target_update_interval: 1,
            ent_coef: EntropyCoefficient::Auto(1.0),
            target_entropy: None,
            noise: ActionNoise::default(),
            net_arch: NetArch { pi: vec![256, 256], vf: vec![256, 256] },
            encoder: EncoderOptions::default(),
            critic_sees: Vec::new(),
            activation_fn: Activation::Relu,
        }
    }
}

impl Options {
    /// Reads the section; absent keys take their defaults.
    pub fn read(section: &Section<'_>) -> Result<Self, Box<Diagnostic>> {
        let default = Self::default();
        let target_entropy = if section.is_string("target_entropy") {
            section.choice("target_entropy", &["auto"], "entropy to aim at, in nats")?;
            None
        } else {
            section.number("target_entropy", bounds::real(), "entropy to aim at, in nats, or \"auto\"")?
        };
        let options = Self {
            learning_rate: read_schedule(section, "learning_rate", bounds::positive(), "Adam's step size")?
                .unwrap_or(default.learning_rate),
            collection: Collection::read(section, default.collection)?,
            tau: section
                .number("tau", Range::between(0.0, 1.0), "share by which the target networks move")?
                .unwrap_or(default.tau),
            target_update_interval: section
                .integer("target_update_interval", bounds::steps_from(1.0), "gradient steps between moves")?
                .unwrap_or(default.target_update_interval),
            ent_coef: EntropyCoefficient::read(section)?.unwrap_or(default.ent_coef),
            target_entropy,
            noise: ActionNoise::read(section)?,
            net_arch: read_net_arch(section, &default.net_arch)?.unwrap_or(default.net_arch),
            encoder: EncoderOptions::read(section)?,
            critic_sees: sight::read(section)?,
            activation_fn: read_activation(section)?.unwrap_or(default.activation_fn),
        };
        Ok(options)
    }
}
