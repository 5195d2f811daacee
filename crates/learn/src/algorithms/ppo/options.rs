//! Options of PPO: Stable-Baselines3's names and defaults.

use serde::{Deserialize, Serialize};
use setpoint_decision::Diagnostic;
use setpoint_decision::charter::Finding;
use setpoint_decision::section::{Range, Section};
use setpoint_decision::spec::Spec;
use setpoint_evidence::Decision;
use setpoint_nn::mlp::Activation;

use super::{MemoryOptions, Ppo};
use crate::algorithm::Algorithm;
use crate::bounds;
use crate::encoders::EncoderOptions;
use crate::hidden_layers::{NetArch, read_activation, read_net_arch};
use crate::learning_rate::{Schedule, read_schedule};
use crate::memory::{NUMBER, Need};
use crate::recipe::LearnerOptions;
use crate::request::Request;
use crate::sight;

/// With fewer updates, a schedule falls in too few steps, and the policy changes too rarely between collections.
const UPDATES_FEW: u64 = 5;

/// `[train.ppo]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Options {
    /// Number of environments in parallel.
    pub n_envs: usize,
    /// Steps of each environment between updates.
    pub n_steps: usize,
    /// Samples of a minibatch.
    pub batch_size: usize,
    /// Passes over each rollout.
    pub n_epochs: usize,
    /// Adam's step size.
    pub learning_rate: Schedule,
    /// Discount per step, in [0, 1].
    pub gamma: f64,
    /// λ of generalised advantage estimation, in [0, 1].
    pub gae_lambda: f64,
    /// ε of the clipped surrogate.
    pub clip_range: Schedule,
    /// Greatest change of a value in one update; unlimited when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub clip_range_vf: Option<Schedule>,
    /// Whether advantages are normalised in each minibatch.
    pub normalize_advantage: bool,
    /// Weight of the entropy bonus.
    pub ent_coef: f64,
    /// Weight of the value loss.
    pub vf_coef: f64,
    /// Greatest norm of the joint gradient.
    pub max_grad_norm: f64,
    /// An update ends early when the approximate KL divergence passes 1.5 × this.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target_kl: Option<f64>,
    /// Hidden layers' widths.
    pub net_arch: NetArch,
    /// Encoders of images and sets of points; actor and critic have one each.
    #[serde(flatten)]
    pub encoder: EncoderOptions,
    /// The memory of actor and critic.
    #[serde(flatten)]
    pub memory: MemoryOptions,
    /// Hidden features of the process that the critic sees.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub critic_sees: Vec<String>,
    /// Activation of hidden layers.
    pub activation_fn: Activation,
    /// Orthogonal initial weights (gains √2, 0.01 for the action head, 1 for the value head).
    pub ortho_init: bool,
    /// Initial log standard deviation of continuous actions.
    pub log_std_init: f64,
    /// Adam's ε.
    pub adam_epsilon: f64,
    /// Whether observations are normalised by running statistics (`VecNormalize`).
    pub normalize_observation: bool,
    /// Whether rewards are scaled by the running deviation of the return (`VecNormalize`).
    pub normalize_reward: bool,
    /// Greatest magnitude of a normalised feature.
    pub clip_observation: f64,
    /// Greatest magnitude of a scaled reward.
    pub clip_reward: f64,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            n_envs: 8,
            n_steps: 2048,
            batch_size: 64,
            n_epochs: 10,
            learning_rate: Schedule::Constant(3e-4),
            gamma: 0.99,
            gae_lambda: 0.95,
            clip_range: Schedule::Constant(0.2),
            clip_range_vf: None,
            normalize_advantage: true,
            ent_coef: 0.0,
            vf_coef: 0.5,
            max_grad_norm: 0.5,
            target_kl: None,
            net_arch: NetArch { pi: vec![64, 64], vf: vec![64, 64] },
            encoder: EncoderOptions::default(),
            memory: MemoryOptions::default(),
            critic_sees: Vec::new(),
            activation_fn: Activation::Tanh,
            ortho_init: true,
            log_std_init: 0.0,
            adam_epsilon: 1e-5,
            normalize_observation: false,
            normalize_reward: false,
            clip_observation: 10.0,
            clip_reward: 10.0,
        }
    }
}

impl Options {
    /// Reads the section; absent keys take their defaults.
    pub fn read(section: &Section<'_>) -> Result<Self, Box<Diagnostic>> {
        let default = Self::default();
        let unit = || Range::between(0.0, 1.0);
        let at_least_zero = || bounds::not_negative();
        let count = |key, default: usize, meaning| -> Result<usize, Box<Diagnostic>> {
            let range = bounds::count_from(1.0);
            Ok(section.integer(key, range, meaning)?.map_or(default, |value| value as usize))
        };
        let number = |key, range, default: f64, meaning| -> Result<f64, Box<Diagnostic>> {
            Ok(section.number(key, range, meaning)?.unwrap_or(default))
        };
        let flag = |key, default, meaning| -> Result<bool, Box<Diagnostic>> {
            Ok(section.boolean(key, meaning)?.unwrap_or(default))
        };
        let options = Self {
            n_envs: count("n_envs", default.n_envs, "environments in parallel")?,
            n_steps: count("n_steps", default.n_steps, "steps of each environment between updates")?,
            batch_size: count("batch_size", default.batch_size, "samples of a minibatch")?,
            n_epochs: count("n_epochs", default.n_epochs, "passes over each rollout")?,
            learning_rate: read_schedule(section, "learning_rate", bounds::positive(), "Adam's step size")?
                .unwrap_or(default.learning_rate),
            gamma: number("gamma", unit(), default.gamma, "discount per step")?,
            gae_lambda: number("gae_lambda", unit(), default.gae_lambda, "λ of advantage estimation")?,
            clip_range: read_schedule(section, "clip_range", bounds::positive(), "clip of the ratio")?
                .unwrap_or(default.clip_range),
            clip_range_vf: read_schedule(section, "clip_range_vf", bounds::positive(), "clip of the value")?,
            normalize_advantage: flag(
                "normalize_advantage",
                default.normalize_advantage,
                "normalise advantages in each minibatch",
            )?,
            ent_coef: number("ent_coef", at_least_zero(), default.ent_coef, "weight of the entropy bonus")?,
            vf_coef: number("vf_coef", at_least_zero(), default.vf_coef, "weight of the value loss")?,
            max_grad_norm: number(
                "max_grad_norm",
                bounds::positive(),
                default.max_grad_norm,
                "greatest norm of the gradient",
            )?,
            target_kl: section.number("target_kl", bounds::positive(), "limit of the KL divergence")?,
            net_arch: read_net_arch(section, &default.net_arch)?.unwrap_or(default.net_arch),
            encoder: EncoderOptions::read(section)?,
            memory: MemoryOptions::read(section)?,
            critic_sees: sight::read(section)?,
            activation_fn: read_activation(section)?.unwrap_or(default.activation_fn),
            ortho_init: flag("ortho_init", default.ortho_init, "orthogonal initial weights")?,
            log_std_init: number(
                "log_std_init",
                Range::between(-20.0, 5.0),
                default.log_std_init,
                "initial log standard deviation of continuous actions",
            )?,
            adam_epsilon: number("adam_epsilon", bounds::positive(), default.adam_epsilon, "Adam's ε")?,
            ..Self::read_normalization(section)?
        };
        options.check_sizes(section)?;
        options.memory.check(section, options.n_steps, options.batch_size)?;
        Ok(options)
    }

    /// The options of `VecNormalize` in Stable-Baselines3; the other options keep their defaults.
    fn read_normalization(section: &Section<'_>) -> Result<Self, Box<Diagnostic>> {
        let default = Self::default();
        let limit = |key, default: f64, meaning| -> Result<f64, Box<Diagnostic>> {
            Ok(section.number(key, bounds::positive(), meaning)?.unwrap_or(default))
        };
        let observation = "normalise observations by running statistics";
        let reward = "scale rewards by the running deviation of the return";
        Ok(Self {
            normalize_observation: section
                .boolean("normalize_observation", observation)?
                .unwrap_or(default.normalize_observation),
            normalize_reward: section
                .boolean("normalize_reward", reward)?
                .unwrap_or(default.normalize_reward),
            clip_observation: limit(
                "clip_observation",
                default.clip_observation,
                "greatest magnitude of a normalised feature",
            )?,
            clip_reward: limit("clip_reward", default.clip_reward, "greatest magnitude of a scaled reward")?,
            ..default
        })
    }

    /// Steps of a sequence of a rollout; 1 without a memory.
    pub fn sequence_steps(&self) -> usize {
        self.memory.sequence_steps(self.n_steps, self.batch_size)
    }

    /// Refuses rollouts and minibatches of impossible sizes.
    fn check_sizes(&self, section: &Section<'_>) -> Result<(), Box<Diagnostic>> {
        let rollout = self.n_envs.saturating_mul(self.n_steps);
        if rollout < 2 {
            return Err(section.error(
                "n_steps",
                "a rollout of one sample teaches nothing",
                "n_envs × n_steps must be at least 2",
                "Stable-Baselines3's default is n_steps = 2048",
            ));
        }
        if rollout > 1 << 26 {
            return Err(section.error(
                "n_steps",
                &format!("a rollout of {rollout} samples does not fit in memory"),
                "n_envs × n_steps may be at most 67108864",
                "lower n_steps or n_envs",
            ));
        }
        if self.batch_size > rollout {
            return Err(section.error(
                "batch_size",
                &format!("a minibatch of {} is larger than the rollout of {rollout}", self.batch_size),
                &format!("at most n_envs × n_steps = {rollout}"),
                "lower batch_size or raise n_steps",
            ));
        }
        Ok(())
    }
}

impl LearnerOptions for Options {
    fn learner(&self, request: &Request<'_>) -> Box<dyn Algorithm> {
        let Request { spec, masked, seed, threads, .. } = request;
        Box::new(Ppo::new(self.clone(), spec, *masked, *seed, *threads))
    }

    fn mismatch(&self, spec: &Spec) -> Option<String> {
        self.encoder.of(&spec.tensors).err().or_else(|| sight::mismatch(&self.critic_sees, spec))
    }

    fn needs(&self, spec: &Spec, masked: bool) -> Vec<Need> {
        let actions = spec.action.width() as f64;
        // One bit a choice.
        let mask = if masked { spec.action.choice_count() as f64 / 8.0 } else { 0.0 };
        let features = spec.observation.len() + self.critic_sees.len();
        // Observation, action, mask, and six numbers of each sample; its place in the order of every epoch.
        let Self { n_envs, n_steps, n_epochs, batch_size, .. } = self;
        let samples = *n_envs as f64 * *n_steps as f64;
        let tensors = spec.tensors.iter().map(|part| part.form.bytes()).sum::<usize>() as f64;
        let row = NUMBER * (features as f64 + actions + 6.0) + mask + tensors;
        let parts: String = spec.tensors.iter().map(|part| format!(" and {}", part.form)).collect();
        let what = format!(
            "a rollout of n_envs × n_steps = {n_envs} × {n_steps} steps with {features} features{parts}"
        );
        let rollout = Need { key: "n_steps", what, bytes: samples * row };
        let what = format!("the order of {samples} samples in n_epochs = {n_epochs} epochs");
        let order = Need { key: "n_epochs", what, bytes: NUMBER * samples * *n_epochs as f64 };
        let encoders = self.encoder.of(&spec.tensors).unwrap_or_default();
        let NetArch { pi, vf } = &self.net_arch;
        vec![rollout, order, Need::networks(spec, &[pi, vf], &encoders, (*batch_size).max(*n_envs))]
    }

    fn steps_taken(&self, total_steps: u64) -> u64 {
        let rollout = self.n_envs.saturating_mul(self.n_steps) as u64;
        total_steps.div_ceil(rollout).saturating_mul(rollout)
    }

    fn gamma(&self) -> Option<f64> {
        Some(self.gamma)
    }

    fn normalizes_observations(&self) -> Option<bool> {
        Some(self.normalize_observation)
    }

    fn normalizes_rewards(&self) -> Option<bool> {
        Some(self.normalize_reward)
    }

    fn warnings(&self, decision: &Decision) -> Vec<Finding> {
        let mut findings = Vec::new();
        let Self { n_envs, n_steps, batch_size, .. } = self;
        let rollout = n_envs * n_steps;
        let total_steps = decision.project.train.total_steps;
        let updates = total_steps.div_ceil(rollout as u64);
        if updates < UPDATES_FEW {
            findings.push(Finding::warn(
                "rollout",
                format!(
                    "a rollout takes n_envs × n_steps = {rollout} steps, so {total_steps} steps make {updates} update(s); lower \
                     n_steps in [train.ppo] to {} or less, or train for longer",
                    (total_steps / 20 / *n_envs as u64).max(1)
                ),
            ));
        }
        if rollout % batch_size != 0 {
            findings.push(Finding::warn(
                "minibatches",
                format!(
                    "batch_size = {batch_size} does not divide the rollout of {rollout}: the last minibatch of every epoch has \
                     {} samples and a noisier gradient; choose a divisor of n_envs × n_steps",
                    rollout % batch_size
                ),
            ));
        }
        if *batch_size == 1 && self.normalize_advantage {
            findings.push(Finding::warn(
                "minibatches",
                "advantages are normalised within a minibatch, and the advantage of a single sample is always 0: raise \
                 batch_size in [train.ppo], or write normalize_advantage = false",
            ));
        }
        findings
    }
}
