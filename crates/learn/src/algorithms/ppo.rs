//! Proximal policy optimisation with a clipped surrogate (Schulman et al. 2017, arXiv 1707.06347).
//!
//! Options, names and defaults are those of Stable-Baselines3's `PPO` and its `VecNormalize`; where that library and
//! the paper differ we follow the library, since its results are the ones people compare with. Deviations, each
//! without effect on the result but one: values of a rollout are computed after it in one pass instead of step by
//! step; actor and critic never share layers; continuous actions are learnt in [−1, 1] and scaled to the axis'
//! bounds (Stable-Baselines3 leaves that scaling to the user).

use serde::{Deserialize, Serialize};
use setpoint_decision::spec::{ActionSpace, Axis, Spec};
use setpoint_nn::mlp::{Mlp, Workspace};
use setpoint_nn::optimizer::Adam;
use setpoint_nn::{categorical, gaussian, gradient};
use setpoint_policy::head::Head;
use setpoint_process::StateError;
use setpoint_process::process::Outcome;
use setpoint_process::vectorized::Actions;
use setpoint_random::Stream;

use crate::actor_critic_exchange::{Exchange, Side};
use crate::algorithm::{Algorithm, Horizon, Snapshot};
use crate::error::TrainError;
use crate::exploration::is_greedy;
use crate::figures::Figures;
use crate::normalize::{ObservationNormalizer, RewardNormalizer};
use crate::recipe::{Learns, Recipe};
use crate::rollout::Rollout;
use crate::usual_ranges::{counts, gamma, logarithmic, numbers};
use setpoint_evidence::environments::Environments;

mod losses;
mod options;

use losses::{ActorFigures, ActorLoss, CriticLoss};
pub use losses::{clipped_surrogate, squared_value_error};
pub use options::Options;

/// The recipe.
pub const RECIPE: Recipe = Recipe {
    name: "ppo",
    class: "PPO",
    summary: "proximal policy optimisation: careful policy-gradient steps on fresh data",
    on_policy: true,
    actions: Learns::Both,
    sample_efficiency: "low: each step is learnt from about ten times and forgotten",
    pick_when: "a simulator is at hand and fast; the first choice for most decisions",
    source: "Schulman et al. 2017, arXiv 1707.06347",
    is_first_choice: true,
    tuning: || {
        vec![
            logarithmic("learning_rate", 1e-4, 5e-3),
            counts("n_steps", &[64, 128, 256, 512, 1024]),
            counts("batch_size", &[64, 128, 256, 512]),
            counts("n_epochs", &[3, 5, 10, 20]),
            gamma(),
            numbers("gae_lambda", &[0.8, 0.9, 0.95, 0.98]),
            logarithmic("ent_coef", 1e-6, 1e-1),
            numbers("clip_range", &[0.1, 0.2, 0.3]),
        ]
    },
    read: |section| Ok(Box::new(Options::read(section)?)),
};

/// Rows that the critic values at once after a rollout.
const VALUE_ROWS: usize = 512;
/// What the actor's side sends instead of a squared norm when the target KL was passed.
const STOP: f64 = -1.0;

/// One network with what is learnt of it and the buffers of a minibatch.
struct Learner {
    network: Mlp,
    trained: Trained,
    workspace: Workspace<f32>,
    inputs: Vec<f32>,
    outputs: Vec<f32>,
    output_gradient: Vec<f32>,
    gradient: Vec<f32>,
}

/// The part of a learner that a checkpoint holds.
#[derive(Clone, Serialize, Deserialize)]
struct Trained {
    /// The network's parameters; a Gaussian actor's log standard deviations follow them.
    parameters: Vec<f32>,
    optimizer: Adam<f32>,
}

impl Learner {
    fn new(network: Mlp, extra: usize, rows_max: usize) -> Self {
        let parameters = network.parameters() + extra;
        Self {
            workspace: network.workspace(rows_max),
            inputs: vec![0.0; rows_max * network.input],
            outputs: vec![0.0; rows_max * network.output],
            output_gradient: vec![0.0; rows_max * network.output],
            gradient: vec![0.0; parameters],
            trained: Trained { parameters: vec![0.0; parameters], optimizer: Adam::new(parameters, 1e-5) },
            network,
        }
    }

    /// Copies the observations of a minibatch side by side and runs the network on them.
    fn forward(&mut self, observations: &[f32], indices: &[u32]) -> &mut [f32] {
        let width = self.network.input;
        for (row, index) in self.inputs.chunks_exact_mut(width).zip(indices) {
            row.copy_from_slice(&observations[*index as usize * width..][..width]);
        }
        let rows = indices.len();
        let inputs = &self.inputs[..rows * width];
        let output = self.network.forward(&self.trained.parameters, inputs, rows, &mut self.workspace);
        let outputs = &mut self.outputs[..rows * self.network.output];
        outputs.copy_from_slice(output);
        outputs
    }

    /// From `output_gradient` to `gradient`; returns the gradient's squared norm.
    fn backward(&mut self, rows: usize) -> f64 {
        self.network.backward(
            &self.trained.parameters,
            &self.inputs[..rows * self.network.input],
            rows,
            &mut self.workspace,
            &self.output_gradient[..rows * self.network.output],
            &mut self.gradient[..self.network.parameters()],
        );
        gradient::squared_norm(&self.gradient)
    }

    fn apply(&mut self, learning_rate: f64, scale: f64) {
        let Trained { parameters, optimizer } = &mut self.trained;
        optimizer.step(parameters, &self.gradient, learning_rate, scale as f32);
    }
}

/// Everything that changes while training, beside the two networks: what a checkpoint must hold.
#[derive(Serialize, Deserialize)]
struct State {
    observation_normalizer: Option<ObservationNormalizer>,
    reward_normalizer: Option<RewardNormalizer>,
    /// What the networks see of the present state, `[lanes, features]`.
    observations: Vec<f32>,
    actions: Stream,
    shuffles: Stream,
}

/// The learner.
pub struct Ppo {
    options: Options,
    axes: Vec<Axis>,
    masked: bool,
    threads: usize,
    actor: Learner,
    critic: Learner,
    state: State,
    rollout: Rollout,
    controls: Vec<f32>,
    final_observations: Vec<f32>,
    cut_off: Vec<usize>,
    /// Decisions of the rollout in which another choice was likelier than the one drawn.
    not_greedy: usize,
    order: Vec<u32>,
    advantages: Vec<f32>,
}

/// What one update's losses were, averaged over its minibatches.
#[derive(Clone, Copy, Debug, Default)]
struct Sums {
    actor: ActorFigures,
    value_loss: f64,
    gradient_norm: f64,
    minibatches: f64,
    epochs: usize,
}

impl Ppo {
    /// A fresh learner whose weights and draws follow from `seed`.
    pub fn new(options: Options, spec: &Spec, masked: bool, seed: u64, threads: usize) -> Self {
        let features = spec.observation.len();
        let (axes, choices) = match &spec.action {
            ActionSpace::Discrete { choices } => (Vec::new(), choices.len()),
            ActionSpace::Continuous { axes } => (axes.clone(), 0),
        };
        let shape = |hidden: &[usize], output| Mlp {
            input: features,
            hidden: hidden.to_vec(),
            output,
            activation: options.activation_fn,
        };
        let lanes = options.n_envs;
        let rows = options.batch_size.max(lanes).max(VALUE_ROWS);
        let mut actor = Learner::new(shape(&options.net_arch.pi, spec.action.len()), axes.len(), rows);
        let mut critic = Learner::new(shape(&options.net_arch.vf, 1), 0, rows);
        for (index, (learner, output_gain)) in
            [(&mut actor, 0.01), (&mut critic, 1.0)].into_iter().enumerate()
        {
            let mut weights = Stream::new(seed, "ppo weights", index as u64);
            let mut normal = || f64::from(weights.normal());
            // Gain √2 for hidden layers whatever the activation, as Stable-Baselines3 does.
            let gain = std::f64::consts::SQRT_2;
            let Learner { network, trained, .. } = learner;
            let parameters = &mut trained.parameters[..network.parameters()];
            if options.ortho_init {
                network.initialize_orthogonal(parameters, gain, output_gain, &mut normal);
            } else {
                network.initialize_uniform(parameters, &mut || f64::from(weights.unit()));
            }
            trained.optimizer.epsilon = options.adam_epsilon;
        }
        let log_std = actor.network.parameters();
        actor.trained.parameters[log_std..].fill(options.log_std_init as f32);

        let steps = options.n_steps;
        let masked = masked && axes.is_empty();
        Self {
            rollout: Rollout::new(steps, lanes, features, axes.len(), if masked { choices } else { 0 }),
            state: State {
                observation_normalizer: options
                    .normalize_observation
                    .then(|| ObservationNormalizer::new(features, options.clip_observation)),
                reward_normalizer: options
                    .normalize_reward
                    .then(|| RewardNormalizer::new(lanes, options.gamma, options.clip_reward)),
                observations: vec![0.0; lanes * features],
                actions: Stream::new(seed, "ppo actions", 0),
                shuffles: Stream::new(seed, "ppo minibatches", 0),
            },
            controls: vec![0.0; lanes * axes.len()],
            final_observations: Vec::new(),
            cut_off: Vec::new(),
            not_greedy: 0,
            order: Vec::new(),
            advantages: vec![0.0; options.batch_size],
            actor,
            critic,
            axes,
            masked,
            threads,
            options,
        }
    }

    /// Takes in new observations: statistics first, then normalisation, as `VecNormalize` does.
    fn observe(state: &mut State, observations: &[f32]) {
        match &mut state.observation_normalizer {
            None => state.observations.copy_from_slice(observations),
            Some(normalizer) => {
                normalizer.update(observations);
                normalizer.apply(observations, &mut state.observations);
            }
        }
    }

    /// Fills the rollout with `n_steps` steps of every environment.
    pub fn collect(&mut self, environments: &mut Environments) -> Result<(), TrainError> {
        let Self { rollout, state, actor, .. } = self;
        let lanes = rollout.lanes;
        let features = actor.network.input;
        self.cut_off.clear();
        self.final_observations.clear();
        self.not_greedy = 0;
        for step in 0..rollout.steps {
            rollout.observations_at(step).copy_from_slice(&state.observations);
            let range = rollout.lane_range(step);
            let parameters = &actor.trained.parameters;
            let output = actor.network.forward(parameters, &state.observations, lanes, &mut actor.workspace);
            if self.axes.is_empty() {
                let choices = actor.network.output;
                let logits = &mut actor.outputs[..lanes * choices];
                logits.copy_from_slice(output);
                let mask = if self.masked {
                    let range = rollout.mask_range(step);
                    rollout.allowed[range].copy_from_slice(environments.allowed());
                    Some(environments.allowed())
                } else {
                    None
                };
                categorical::log_probabilities(logits, choices, mask);
                for (row, index) in logits.chunks_exact(choices).zip(range.clone()) {
                    let choice = categorical::sample(row, state.actions.unit());
                    self.not_greedy += usize::from(!is_greedy(row, choice));
                    rollout.choices[index] = choice as u32;
                    rollout.log_probabilities[index] = row[choice];
                }
                environments.step(Actions::Discrete(&rollout.choices[range.clone()]))?;
            } else {
                let log_std = &parameters[actor.network.parameters()..];
                let control_range = rollout.control_range(step);
                let drawn = &mut rollout.controls[control_range];
                let width = self.axes.len();
                for (row, means) in output.chunks_exact(width).enumerate() {
                    let drawn = &mut drawn[row * width..(row + 1) * width];
                    for ((drawn, mean), log_std) in drawn.iter_mut().zip(means).zip(log_std) {
                        *drawn = mean + log_std.exp() * state.actions.normal();
                    }
                    rollout.log_probabilities[range.start + row] =
                        gaussian::log_probability(means, log_std, drawn);
                }
                for (index, control) in self.controls.iter_mut().enumerate() {
                    let axis = &self.axes[index % width];
                    *control = gaussian::to_bounds(drawn[index], axis.low, axis.high);
                }
                environments.step(Actions::Continuous(&self.controls))?;
            }

            let transition = environments.transition();
            Self::observe(state, &transition.observations);
            let rewards = &mut rollout.rewards[range.clone()];
            rewards.copy_from_slice(environments.rewards());
            let over = transition.outcomes.iter().map(|outcome| outcome.is_over());
            if let Some(normalizer) = &mut state.reward_normalizer {
                normalizer.scale(rewards, over.clone());
            }
            for (lane, outcome) in transition.outcomes.iter().enumerate() {
                rollout.over[range.start + lane] = f32::from(u8::from(outcome.is_over()));
                if *outcome == Outcome::Truncated {
                    let last = &transition.final_observations[lane * features..(lane + 1) * features];
                    let start = self.final_observations.len();
                    self.final_observations.extend_from_slice(last);
                    if let Some(normalizer) = &state.observation_normalizer {
                        normalizer.apply(last, &mut self.final_observations[start..]);
                    }
                    self.cut_off.push(range.start + lane);
                }
            }
        }
        Ok(())
    }

    /// V of every state of the rollout, of the states after it, and of the states in which episodes were cut off.
    pub fn value(&mut self) {
        let Self { rollout, critic, state, .. } = self;
        let width = critic.network.input;
        let n = rollout.len();
        let mut value = |observations: &[f32], values: &mut [f32]| {
            for (rows, values) in observations.chunks(VALUE_ROWS * width).zip(values.chunks_mut(VALUE_ROWS)) {
                let parameters = &critic.trained.parameters;
                let output = critic.network.forward(parameters, rows, values.len(), &mut critic.workspace);
                values.copy_from_slice(output);
            }
        };
        value(&rollout.observations, &mut rollout.values[..n]);
        value(&state.observations, &mut rollout.values[n..]);
        // A cut-off episode has a future: r + γ V(final observation) (Pardo et al. 2018, arXiv 1712.00378).
        let mut futures = vec![0.0; self.cut_off.len()];
        value(&self.final_observations, &mut futures);
        for (index, future) in self.cut_off.iter().zip(futures) {
            rollout.rewards[*index] += self.options.gamma as f32 * future;
        }
        rollout.estimate_advantages(self.options.gamma as f32, self.options.gae_lambda as f32);
    }

    /// `n_epochs` passes over the collected and valued rollout in shuffled minibatches: the part that benchmarks time.
    pub fn learn(&mut self, progress_remaining: f64) -> Result<(), TrainError> {
        let diverged = TrainError::Diverged { what: "gradient", steps: 0 };
        self.learn_sums(progress_remaining).map(|_| ()).map_err(|_| diverged)
    }

    fn learn_sums(&mut self, progress_remaining: f64) -> Result<Sums, f64> {
        let options = &self.options;
        let n = self.rollout.len();
        self.order.clear();
        for _ in 0..options.n_epochs {
            let start = self.order.len();
            self.order.extend(0..n as u32);
            self.state.shuffles.shuffle(&mut self.order[start..]);
        }
        let learning_rate = options.learning_rate.at(progress_remaining);
        let actor_loss = ActorLoss {
            clip_range: options.clip_range.at(progress_remaining) as f32,
            entropy_coefficient: options.ent_coef as f32,
            normalize_advantage: options.normalize_advantage,
            masked: self.masked,
        };
        let critic_loss = CriticLoss {
            coefficient: options.vf_coef as f32,
            clip_range: options.clip_range_vf.map(|range| range.at(progress_remaining) as f32),
        };
        let minibatches = || {
            self.order.chunks(n).enumerate().flat_map(|(epoch, order)| {
                order.chunks(options.batch_size).map(move |indices| (epoch, indices))
            })
        };
        let kl_max = options.target_kl.map_or(f64::INFINITY, |target| 1.5 * target);
        let scale_of = |squared_norm: f64| gradient::clip_scale(squared_norm, options.max_grad_norm);
        let Self { rollout, actor, critic, advantages, .. } = self;
        let rollout = &*rollout;
        let mut sums = Sums::default();

        if self.threads < 2 {
            for (epoch, indices) in minibatches() {
                let figures = actor_loss.gradient(actor, rollout, indices, advantages);
                if figures.approximate_kl > kl_max {
                    break;
                }
                let actor_norm = actor.backward(indices.len());
                let value_loss = critic_loss.gradient(critic, rollout, indices);
                let squared_norm = actor_norm + critic.backward(indices.len());
                let scale = scale_of(squared_norm);
                actor.apply(learning_rate, scale);
                critic.apply(learning_rate, scale);
                sums.add(epoch, figures, value_loss, squared_norm)?;
            }
            return Ok(sums);
        }

        let exchange = Exchange::default();
        let value_loss = std::thread::scope(|scope| {
            let critic_side = scope.spawn(|| {
                let _guard = exchange.guard();
                let mut sum = 0.0;
                for ((_, indices), round) in minibatches().zip(1..) {
                    let loss = critic_loss.gradient(critic, rollout, indices);
                    let own = critic.backward(indices.len());
                    let Some(other) = exchange.meet(Side::Critic, round, own) else { break };
                    if other == STOP {
                        break;
                    }
                    critic.apply(learning_rate, scale_of(other + own));
                    sum += loss;
                }
                sum
            });
            {
                let _guard = exchange.guard();
                for ((epoch, indices), round) in minibatches().zip(1..) {
                    let figures = actor_loss.gradient(actor, rollout, indices, advantages);
                    if figures.approximate_kl > kl_max {
                        exchange.meet(Side::Actor, round, STOP);
                        break;
                    }
                    let own = actor.backward(indices.len());
                    let Some(other) = exchange.meet(Side::Actor, round, own) else { break };
                    actor.apply(learning_rate, scale_of(own + other));
                    // A gradient that is not finite is reported after the scope: both sides run to the end.
                    let _ = sums.add(epoch, figures, 0.0, own + other);
                }
            }
            match critic_side.join() {
                Ok(sum) => sum,
                Err(panic) => std::panic::resume_unwind(panic),
            }
        });
        sums.value_loss = value_loss;
        if sums.gradient_norm.is_finite() && value_loss.is_finite() {
            Ok(sums)
        } else {
            Err(sums.gradient_norm)
        }
    }

    /// Greatest |r − 1| on the first minibatch after a collection: 0 exactly, unless collecting and learning disagree.
    pub fn first_ratio_deviation(&mut self) -> f64 {
        let loss = ActorLoss {
            clip_range: 0.2,
            entropy_coefficient: 0.0,
            normalize_advantage: self.options.normalize_advantage,
            masked: self.masked,
        };
        let indices: Vec<u32> = (0..self.options.batch_size as u32).collect();
        loss.gradient(&mut self.actor, &self.rollout, &indices, &mut self.advantages).ratio_deviation
    }

    /// Mean of the values of the last collection.
    pub fn mean_value(&self) -> f64 {
        let values = &self.rollout.values[..self.rollout.len()];
        values.iter().map(|value| f64::from(*value)).sum::<f64>() / values.len() as f64
    }

    /// Share of the returns' variance that the values explain; 1 is perfect, 0 no better than a constant.
    fn explained_variance(&self) -> f64 {
        let variance = |values: &mut dyn Iterator<Item = f64>| {
            let (mut n, mut sum, mut squares) = (0.0, 0.0, 0.0);
            for value in values {
                n += 1.0;
                sum += value;
                squares += value * value;
            }
            squares / n - (sum / n) * (sum / n)
        };
        let returns = variance(&mut self.rollout.returns.iter().map(|value| f64::from(*value)));
        let errors = variance(&mut self.rollout.advantages.iter().map(|value| f64::from(*value)));
        if returns > 0.0 { 1.0 - errors / returns } else { f64::NAN }
    }
}

impl Sums {
    /// `Err` with the squared norm when it is not finite.
    fn add(
        &mut self,
        epoch: usize,
        actor: ActorFigures,
        value_loss: f64,
        squared_norm: f64,
    ) -> Result<(), f64> {
        self.actor.accumulate(&actor);
        self.value_loss += value_loss;
        self.gradient_norm += squared_norm.sqrt();
        self.minibatches += 1.0;
        self.epochs = epoch + 1;
        if squared_norm.is_finite() { Ok(()) } else { Err(squared_norm) }
    }
}

impl Algorithm for Ppo {
    fn lanes(&self) -> usize {
        self.options.n_envs
    }

    fn begin(&mut self, environments: &Environments) {
        Self::observe(&mut self.state, &environments.transition().observations);
    }

    fn update(&mut self, environments: &mut Environments, horizon: Horizon) -> Result<Figures, TrainError> {
        let progress_remaining = horizon.remaining;
        self.collect(environments)?;
        self.value();
        let explained_variance = self.explained_variance();
        let diverged = TrainError::Diverged { what: "gradient", steps: environments.steps() };
        let sums = self.learn_sums(progress_remaining).map_err(|_| diverged)?;
        let n = sums.minibatches.max(1.0);
        let mut figures = Figures::from([
            ("policy_loss", sums.actor.policy_loss / n),
            ("value_loss", sums.value_loss / n),
            ("entropy", sums.actor.entropy / n),
            ("approximate_kl", sums.actor.approximate_kl / n),
            ("clip_fraction", sums.actor.clip_fraction / n),
            ("gradient_norm", sums.gradient_norm / n),
            ("explained_variance", explained_variance),
            ("learning_rate", self.options.learning_rate.at(progress_remaining)),
            ("clip_range", self.options.clip_range.at(progress_remaining)),
            ("epochs", sums.epochs as f64),
        ]);
        if self.axes.is_empty() {
            let decisions = self.rollout.steps * self.rollout.lanes;
            figures.insert("not_greedy_percent", 100.0 * self.not_greedy as f64 / decisions as f64);
        } else {
            let log_std = &self.actor.trained.parameters[self.actor.network.parameters()..];
            let mean =
                log_std.iter().map(|log_std| f64::from(log_std.exp())).sum::<f64>() / log_std.len() as f64;
            figures.insert("standard_deviation", mean);
        }
        Ok(figures)
    }

    fn snapshot(&self) -> Snapshot {
        let (parameters, log_std) = self.actor.trained.parameters.split_at(self.actor.network.parameters());
        Snapshot {
            network: self.actor.network.clone(),
            parameters: parameters.to_vec(),
            head: if log_std.is_empty() { Head::Categorical } else { Head::Gaussian },
            discretization: None,
            log_std: log_std.to_vec(),
            normalizer: self.state.observation_normalizer.as_ref().map(ObservationNormalizer::freeze),
        }
    }

    fn save(&self) -> Result<Vec<u8>, StateError> {
        postcard::to_stdvec(&(&self.actor.trained, &self.critic.trained, &self.state))
            .map_err(|error| StateError::new(error.to_string()))
    }

    fn load(&mut self, bytes: &[u8]) -> Result<(), StateError> {
        let (actor, critic, state): (Trained, Trained, State) =
            postcard::from_bytes(bytes).map_err(|error| StateError::new(error.to_string()))?;
        let fits = |learner: &Learner, trained: &Trained| {
            let n = learner.trained.parameters.len();
            trained.parameters.len() == n
                && trained.optimizer.first.len() == n
                && trained.optimizer.second.len() == n
        };
        let same_size = state.observations.len() == self.state.observations.len();
        if !fits(&self.actor, &actor) || !fits(&self.critic, &critic) || !same_size {
            return Err(StateError::new("its networks have other sizes than this project's".to_owned()));
        }
        self.actor.trained = actor;
        self.critic.trained = critic;
        self.state = state;
        Ok(())
    }
}
