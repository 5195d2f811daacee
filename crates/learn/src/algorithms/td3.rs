//! Twin delayed deep deterministic policy gradient (Fujimoto, van Hoof & Meger 2018, arXiv 1802.09477): two critics of
//! which the smaller value counts, targets smoothed by noise, and an actor that follows the critics with delay.
//!
//! Options, names and defaults are those of Stable-Baselines3's `TD3`, including its lack of exploration noise: set
//! `action_noise = "normal"`, as `setpoint check` also says. The actor maximises the first critic alone, as there and in
//! the paper. `ddpg` is this file with one critic, no delay and no smoothing.

use serde::{Deserialize, Serialize};
use setpoint_decision::Diagnostic;
use setpoint_decision::charter::Finding;
use setpoint_decision::section::{Range, Section};
use setpoint_decision::spec::Spec;
use setpoint_decision::tuning::Ranges;
use setpoint_evidence::Decision;
use setpoint_nn::inputs::Inputs;
use setpoint_nn::mlp::Activation;
use setpoint_nn::network::{Cores, Halves, Network, Target};
use setpoint_policy::head::Head;
use setpoint_process::StateError;
use setpoint_random::Stream;

use crate::actor_critic::{ActorCritic, Widths};
use crate::algorithm::{Algorithm, Critics, Snapshot};
use crate::bounds;
use crate::critics::{Critic, beside};
use crate::exploration::{ActionNoise, NoiseSource};
use crate::figures::{Figures, Means};
use crate::hidden_layers::{NetArch, read_activation, read_net_arch};
use crate::learning_rate::{Schedule, read_schedule};
use crate::memory::Need;
use crate::off_policy::{Chosen, Collection, Learner, OffPolicy};
use crate::recipe::{LearnerOptions, Learns, Recipe};
use crate::replay::Batch;
use crate::request::Request;
use crate::usual_ranges::{counts, gamma, logarithmic};
use crate::warnings::missing_noise;

/// The recipe.
pub const RECIPE: Recipe = Recipe {
    name: "td3",
    class: "TD3",
    summary: "twin delayed DDPG: a deterministic policy that maximises the smaller of two learned values",
    on_policy: false,
    actions: Learns::Settings,
    reads_tensors: false,
    sample_efficiency: "high: it learns from each step many times",
    pick_when: "the actions are settings, steps are costly, and the policy should be deterministic",
    source: "Fujimoto et al. 2018, arXiv 1802.09477",
    is_first_choice: true,
    tuning: usual_ranges,
    read: |section| Ok(Box::new(Options::read(section)?)),
};

/// The usual ranges of `setpoint tune`, also for DDPG.
pub(super) fn usual_ranges() -> Ranges {
    vec![
        logarithmic("learning_rate", 1e-4, 5e-3),
        gamma(),
        logarithmic("tau", 1e-3, 5e-2),
        counts("batch_size", &[64, 128, 256]),
        counts("learning_starts", &[100, 1000, 5000]),
    ]
}

/// `[train.td3]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Options {
    /// Adam's step size, for all networks.
    pub learning_rate: Schedule,
    /// Options of the replay buffer and of its batches.
    #[serde(flatten)]
    pub collection: Collection,
    /// Share by which the target networks move.
    pub tau: f64,
    /// Noise added to actions while training.
    #[serde(flatten)]
    pub noise: ActionNoise,
    /// Gradient steps of the critics per gradient step of the actor.
    pub policy_delay: u64,
    /// Standard deviation of the noise on target actions.
    pub target_policy_noise: f64,
    /// Greatest magnitude of that noise.
    pub target_noise_clip: f64,
    /// Widths of the hidden layers: `pi` of the actor, `vf` of the critics.
    pub net_arch: NetArch,
    /// Activation of the hidden layers.
    pub activation_fn: Activation,
    /// Critics: 2, or 1 for DDPG.
    #[serde(skip)]
    pub n_critics: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            learning_rate: Schedule::Constant(1e-3),
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
            noise: ActionNoise::default(),
            policy_delay: 2,
            target_policy_noise: 0.2,
            target_noise_clip: 0.5,
            net_arch: NetArch { pi: vec![400, 300], vf: vec![400, 300] },
            activation_fn: Activation::Relu,
            n_critics: 2,
        }
    }
}

impl Options {
    /// Reads the section; absent keys take their defaults.
    pub fn read(section: &Section<'_>) -> Result<Self, Box<Diagnostic>> {
        let default = Self::default();
        let shared = Self::read_shared(section)?;
        let number = |key, default: f64, meaning| -> Result<f64, Box<Diagnostic>> {
            Ok(section.number(key, bounds::not_negative(), meaning)?.unwrap_or(default))
        };
        Ok(Self {
            policy_delay: section
                .integer(
                    "policy_delay",
                    Range::between(1.0, 1e6),
                    "steps of the critics per step of the actor",
                )?
                .unwrap_or(default.policy_delay),
            target_policy_noise: number(
                "target_policy_noise",
                default.target_policy_noise,
                "noise on target actions",
            )?,
            target_noise_clip: number("target_noise_clip", default.target_noise_clip, "limit of that noise")?,
            ..shared
        })
    }

    /// Reads the options that DDPG also has.
    pub(super) fn read_shared(section: &Section<'_>) -> Result<Self, Box<Diagnostic>> {
        let default = Self::default();
        Ok(Self {
            learning_rate: read_schedule(section, "learning_rate", bounds::positive(), "Adam's step size")?
                .unwrap_or(default.learning_rate),
            collection: Collection::read(section, default.collection.clone())?,
            tau: section
                .number("tau", Range::between(0.0, 1.0), "share by which the target networks move")?
                .unwrap_or(default.tau),
            noise: ActionNoise::read(section)?,
            net_arch: read_net_arch(section, &default.net_arch)?.unwrap_or(default.net_arch.clone()),
            activation_fn: read_activation(section)?.unwrap_or(default.activation_fn),
            ..default
        })
    }
}

impl LearnerOptions for Options {
    fn learner(&self, request: &Request<'_>) -> Box<dyn Algorithm> {
        let learner = Td3::new(self.clone(), request.spec, request.seed);
        Box::new(OffPolicy::new(learner, self.collection.clone(), request, request.threads))
    }

    fn needs(&self, spec: &Spec, masked: bool) -> Vec<Need> {
        let NetArch { pi, vf } = &self.net_arch;
        let mut hidden: Vec<&[usize]> = vec![pi, pi];
        hidden.resize(2 + 2 * self.n_critics, vf);
        self.collection.needs(spec, masked, &hidden, &[])
    }

    fn collection(&self) -> Option<&Collection> {
        Some(&self.collection)
    }

    fn warnings(&self, _decision: &Decision) -> Vec<Finding> {
        missing_noise(RECIPE.name, &self.noise).into_iter().collect()
    }
}

/// The learner.
pub struct Td3 {
    options: Options,
    axes: usize,
    networks: ActorCritic<Vec<Critic>>,
    actor_target: Target,
    actor_halves: Halves,
    target_halves: Halves,
    critic_halves: Halves,
    state: State,
    /// `[rows, axes]`
    actions: Vec<f32>,
    /// `[rows, features + axes]`
    inputs: Vec<f32>,
    next_inputs: Vec<f32>,
    input_gradient: Vec<f32>,
    action_gradient: Vec<f32>,
    targets: Vec<f32>,
}

#[derive(Serialize, Deserialize)]
struct State {
    noise: NoiseSource,
    smoothing: Stream,
    gradient_steps: u64,
    means: Means,
    actor_means: Means,
}

impl Td3 {
    /// A fresh learner whose weights and draws follow from `seed`.
    pub fn new(options: Options, spec: &Spec, seed: u64) -> Self {
        let (features, axes) = (spec.observation.len(), spec.action.len());
        let rows = options.collection.batch_size.max(options.collection.n_envs);
        let widths =
            Widths { features, actor_outputs: axes, critic_inputs: features + axes, critic_outputs: 1 };
        let layers = (&options.net_arch, options.activation_fn);
        let networks = ActorCritic::new(widths, layers, &[], rows, (seed, "td3 weights"), |critic| {
            (0..options.n_critics).map(critic).collect::<Vec<_>>()
        });
        Self {
            actor_target: Target::of(&networks.actor, 1),
            actor_halves: Halves::new(&networks.actor.shape, rows),
            target_halves: Halves::new(&networks.actor.shape, rows),
            critic_halves: Halves::new(&networks.critics[0].network.shape, rows),
            state: State {
                noise: NoiseSource::new(options.noise, options.collection.n_envs * axes, seed),
                smoothing: Stream::new(seed, "target noise", 0),
                gradient_steps: 0,
                means: Means::default(),
                actor_means: Means::default(),
            },
            actions: vec![0.0; rows * axes],
            inputs: vec![0.0; rows * (features + axes)],
            next_inputs: vec![0.0; rows * (features + axes)],
            input_gradient: vec![0.0; rows * (features + axes)],
            action_gradient: vec![0.0; rows * axes],
            targets: vec![0.0; rows],
            networks,
            options,
            axes,
        }
    }

    /// y = r + γ min_i Q'_i(s', clip(π'(s') + clip(ε, ±c), ±1)) (Fujimoto et al. 2018, equation 14).
    fn estimate_targets(&mut self, batch: &Batch) {
        let (rows, axes, cores) = (batch.rows, self.axes, self.networks.cores);
        let Target { shape, parameters, .. } = &self.actor_target;
        self.target_halves.forward(
            shape,
            parameters,
            &batch.next_observations,
            rows,
            cores,
            &mut self.actions,
        );
        let (sigma, clip) = (self.options.target_policy_noise as f32, self.options.target_noise_clip as f32);
        for action in &mut self.actions[..rows * axes] {
            *action = action.tanh();
            if sigma > 0.0 && clip > 0.0 {
                let noise = (sigma * self.state.smoothing.normal()).clamp(-clip, clip);
                *action = (*action + noise).clamp(-1.0, 1.0);
            }
        }
        beside(&batch.next_observations, &self.actions, axes, rows, &mut self.next_inputs);
        self.networks.estimate_by_targets(&self.next_inputs, rows);
        for row in 0..rows {
            self.targets[row] = batch.rewards[row] + batch.discounts[row] * self.networks.least(row);
        }
    }

    /// Each critic down the mean of (Q_i(s, a) − y)².
    fn learn_critics(&mut self, batch: &Batch, learning_rate: f64) -> f64 {
        let rows = batch.rows;
        beside(&batch.observations, &batch.controls, self.axes, rows, &mut self.inputs);
        let towards = (Inputs::from(&self.inputs[..]), &[][..], &self.targets[..rows]);
        self.networks.regress(towards, 1.0, learning_rate, |_| {})
    }

    /// L = −mean Q_1(s, π(s)), and dL/d parameters of the actor, which its halves keep, through the critic's gradient with
    /// respect to the action (Silver et al. 2014).
    fn policy_gradient(&mut self, batch: &Batch) -> f64 {
        let (rows, axes, cores) = (batch.rows, self.axes, self.networks.cores);
        let Network { shape, trained, .. } = &self.networks.actor;
        let parameters = &trained.parameters;
        self.actor_halves.forward(shape, parameters, &batch.observations, rows, cores, &mut self.actions);
        let actions = &mut self.actions[..rows * axes];
        actions.iter_mut().for_each(|action| *action = action.tanh());
        beside(&batch.observations, actions, axes, rows, &mut self.inputs);
        let Critic { network: critic, values, gradient, .. } = &mut self.networks.critics[0];
        let (critic_shape, critic_parameters) = (&critic.shape, &critic.trained.parameters);
        self.critic_halves.forward(critic_shape, critic_parameters, &self.inputs, rows, cores, values);
        let loss = -values[..rows].iter().map(|value| f64::from(*value)).sum::<f64>() / rows as f64;
        gradient[..rows].fill(-1.0 / rows as f32);
        self.critic_halves.input_gradient(
            critic_shape,
            critic_parameters,
            rows,
            cores,
            gradient,
            &mut self.input_gradient,
        );
        let width = critic_shape.input();
        for row in 0..rows {
            for axis in 0..axes {
                let action = actions[row * axes + axis];
                let to_action = self.input_gradient[(row + 1) * width - axes + axis];
                self.action_gradient[row * axes + axis] = to_action * (1.0 - action * action);
            }
        }
        let observations = &batch.observations;
        self.actor_halves.backward(shape, parameters, observations, rows, cores, &self.action_gradient);
        loss
    }
}

impl Learner for Td3 {
    fn act(
        &mut self,
        observations: Inputs<'_, f32>,
        _allowed: &[bool],
        _progress_remaining: f64,
        chosen: Chosen<'_>,
    ) {
        let rows = chosen.controls.len() / self.axes;
        let outputs = self.networks.actor.forward(observations, rows);
        for (control, output) in chosen.controls.iter_mut().zip(outputs) {
            *control = output.tanh();
        }
        self.state.noise.add(chosen.controls);
    }

    fn episode_ended(&mut self, lane: usize) {
        self.state.noise.reset(lane, self.axes);
    }

    fn learn(&mut self, batch: &Batch, progress_remaining: f64, cores: Cores) -> Result<(), &'static str> {
        self.networks.cores = cores;
        let learning_rate = self.options.learning_rate.at(progress_remaining);
        self.estimate_targets(batch);
        let loss = self.learn_critics(batch, learning_rate);
        self.state
            .means
            .add(&[loss, f64::from(self.targets[..batch.rows].iter().sum::<f32>()) / batch.rows as f64]);
        self.state.gradient_steps += 1;
        if self.state.gradient_steps.is_multiple_of(self.options.policy_delay) {
            let policy_loss = self.policy_gradient(batch);
            let norm = self.networks.actor.apply(self.actor_halves.gradient(), learning_rate);
            self.state.actor_means.add(&[policy_loss, norm]);
            let tau = self.options.tau;
            self.actor_target.follow(&self.networks.actor, tau);
            self.networks.follow(tau);
            if !norm.is_finite() {
                return Err("policy gradient");
            }
        }
        if loss.is_finite() { Ok(()) } else { Err("value loss") }
    }

    fn take_figures(&mut self, progress_remaining: f64) -> Figures {
        let mut figures = self.state.means.take(&["value_loss", "mean_target"]);
        figures.extend(self.state.actor_means.take(&["policy_loss", "gradient_norm"]));
        figures.insert("learning_rate", self.options.learning_rate.at(progress_remaining));
        figures
    }

    fn snapshot(&self) -> Snapshot {
        self.networks.snapshot(Head::Deterministic)
    }

    fn adopt(&mut self, parameters: Vec<f32>, saved: Option<&[u8]>) -> Result<Critics, StateError> {
        self.actor_target.restore(parameters.clone()).map_err(StateError::new)?;
        self.networks.adopt::<(Vec<f32>, State)>(parameters, saved)
    }

    fn save(&self) -> Result<Vec<u8>, StateError> {
        self.networks.save(&(&self.actor_target.parameters, &self.state))
    }

    fn load(&mut self, bytes: &[u8]) -> Result<(), StateError> {
        let (actor_target, state): (Vec<f32>, State) = self.networks.load(bytes)?;
        self.actor_target.restore(actor_target).map_err(StateError::new)?;
        self.state = state;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The whole gradient: squashing, the first critic's value of the actions, both halves of the batch.
    #[test]
    fn the_policy_s_gradient_agrees_with_finite_differences() {
        let net_arch = NetArch { pi: vec![8], vf: vec![8] };
        let options = Options { net_arch, activation_fn: Activation::Tanh, ..Options::default() };
        let process = setpoint_processes::open_kind("pendulum", None).unwrap();
        let mut td3 = Td3::new(options, process.spec(), 0);
        let batch = Batch::for_tests(7, process.spec());
        td3.policy_gradient(&batch);
        let gradient = td3.actor_halves.gradient().to_vec();
        assert!(gradient.iter().any(|slope| slope.abs() > 1e-2));
        for (index, gradient) in gradient.iter().enumerate() {
            let parameter = td3.networks.actor.trained.parameters[index];
            let mut shifted = |by: f32| {
                td3.networks.actor.trained.parameters[index] = parameter + by;
                let loss = td3.policy_gradient(&batch);
                td3.networks.actor.trained.parameters[index] = parameter;
                loss
            };
            let numeric = (shifted(1e-2) - shifted(-1e-2)) / 2e-2;
            assert!((numeric - f64::from(*gradient)).abs() < 1e-3, "{index}: {numeric} {gradient}");
        }
    }

    /// y of a running and of a terminated step, against the formula written out (Fujimoto et al. 2018, equation 14).
    #[test]
    fn targets_are_the_lesser_critic_s_at_the_smoothed_target_action() {
        let options = Options { target_policy_noise: 0.0, ..Options::default() };
        let process = setpoint_processes::open_kind("pendulum", None).unwrap();
        let mut td3 = Td3::new(options, process.spec(), 0);
        let mut batch = Batch::for_tests(2, process.spec());
        batch.discounts = vec![0.9, 0.0];
        td3.estimate_targets(&batch);
        let mut inputs = batch.next_observations[..3].to_vec();
        inputs.push(td3.networks.actor.forward(&batch.next_observations[..3], 1)[0].tanh());
        let values: Vec<f32> =
            td3.networks.critics.iter_mut().map(|critic| critic.network.forward(&inputs, 1)[0]).collect();
        assert!((td3.targets[0] - (batch.rewards[0] + 0.9 * values[0].min(values[1]))).abs() < 1e-6);
        assert_eq!(td3.targets[1], batch.rewards[1], "a terminated step has only its reward as value");

        // Smoothing: the noise is clipped, and so is the sum.
        td3.options.target_policy_noise = 100.0;
        td3.options.target_noise_clip = 0.1;
        td3.estimate_targets(&batch);
        let off = (td3.actions[0] - inputs[3]).abs();
        assert!(off <= 0.1 + 1e-6 && off > 0.0, "{off}");
    }
}
