//! Proximal policy optimisation with a clipped surrogate (Schulman et al. 2017, arXiv 1707.06347).
//!
//! Options, names and defaults are those of Stable-Baselines3's `PPO` and its `VecNormalize`. Where that library and the
//! paper differ, we follow the library, because users compare with its results. Deviations, of which only the last changes
//! results: values of a rollout are computed after it in one pass instead of step by step; actor and critic never share
//! layers; continuous actions are learned in [−1, 1] and scaled to the axis' bounds (Stable-Baselines3 leaves that scaling
//! to the user).

use serde::{Deserialize, Serialize};
use setpoint_decision::spec::{Axis, Spec};
use setpoint_evidence::environments::Environments;
use setpoint_nn::joint::Joint;
use setpoint_nn::network::{Network, Trained};
use setpoint_nn::shape::Shape;
use setpoint_policy::Policy;
use setpoint_policy::head::Head;
use setpoint_process::StateError;
use setpoint_process::tensors::TensorRows;
use setpoint_process::vectorized::Transition;
use setpoint_random::Stream;

use crate::algorithm::{Algorithm, Critics, Horizon, Snapshot, first_of_bytes, from_bytes, to_bytes};
use crate::cores::CoresChoice;
use crate::error::TrainError;
use crate::figures::Figures;
use crate::normalize::{ObservationNormalizer, RewardNormalizer};
use crate::recipe::{Learns, Recipe};
use crate::rollout::Rollout;
use crate::sight::Sight;
use crate::usual_ranges::{counts, gamma, logarithmic, numbers};

mod collect;
mod losses;
mod memory;
mod memory_options;
mod minibatch_network;
mod options;
mod update;
mod value;

use losses::{ActorLoss, CriticLoss};
pub use losses::{clipped_surrogate, squared_value_error};
use memory::{Memories, Recall, arrange};
pub use memory_options::{Memory, MemoryOptions};
use minibatch_network::MinibatchNetwork;
pub use options::Options;
use update::{ActorEnd, ActorHalf, CriticHalf, Minibatches, StepSize, Sums, update};

/// The recipe.
pub const RECIPE: Recipe = Recipe {
    name: "ppo",
    class: "PPO",
    summary: "proximal policy optimisation: careful policy-gradient steps on fresh data",
    on_policy: true,
    actions: Learns::Together,
    reads_tensors: true,
    sample_efficiency: "low: it learns from each step about ten times, then forgets the step",
    pick_when: "there is a fast simulator; the first choice for most decisions",
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

/// Everything else that changes during the training: the part of a checkpoint without the two networks.
#[derive(Serialize, Deserialize)]
struct State {
    observation_normalizer: Option<ObservationNormalizer>,
    reward_normalizer: Option<RewardNormalizer>,
    /// The present rows for the networks, `[lanes, width]`; see [`Sight`].
    observations: Vec<f32>,
    actions: Stream,
    shuffles: Stream,
}

/// The learner.
pub struct Ppo {
    options: Options,
    sight: Sight,
    axes: Vec<Axis>,
    joint: Joint,
    head: Head,
    masked: bool,
    cores: CoresChoice,
    actor: MinibatchNetwork,
    critic: MinibatchNetwork,
    state: State,
    rollout: Rollout,
    controls: Vec<f32>,
    /// Rows before their normalisation, and the parts of rows that the policy sees, where the critic sees more.
    joined: Vec<f32>,
    shown: Vec<f32>,
    final_observations: Vec<f32>,
    /// The tensor parts of `final_observations`, and those of the present observations after a collection.
    final_tensors: Vec<TensorRows>,
    present_tensors: Vec<TensorRows>,
    cut_off: Vec<usize>,
    /// The memories of the networks, if they have some.
    memories: Option<Memories>,
    /// Number of decisions of the rollout in which another choice was likelier than the drawn choice.
    not_greedy: usize,
    order: Vec<u32>,
    advantages: Vec<f32>,
}

/// What one of the two networks is made for.
struct Wanted {
    inputs: usize,
    outputs: usize,
    /// Parameters that belong to no layer.
    beside: usize,
    output_gain: f64,
}

impl Wanted {
    /// A fresh network with its buffers; its hidden layers have these widths.
    fn network(
        &self,
        options: &Options,
        hidden: &[usize],
        spec: &Spec,
        choices_masked: usize,
        mut weights: Stream,
    ) -> MinibatchNetwork {
        let Self { inputs, outputs, beside, output_gain } = *self;
        let (encoders, memory) = (options.encoder.fitting(&spec.tensors), options.memory.size());
        let shape = Shape::new(inputs, encoders, memory, hidden.to_vec(), outputs, options.activation_fn);
        let (sequence, lanes) = (options.sequence_steps(), options.n_envs);
        let rows = options.batch_size.max(lanes * sequence).max(VALUE_ROWS);
        let mut network = Network::zeroed(shape, beside, rows, options.adam_epsilon);
        let (shape, parameters) = network.own();
        if options.ortho_init {
            // Gain √2 for hidden layers with any activation, as Stable-Baselines3 does.
            let gain = std::f64::consts::SQRT_2;
            let normal = &mut || f64::from(weights.normal());
            shape.initialize_orthogonal(parameters, gain, output_gain, normal);
        } else {
            shape.initialize_uniform(parameters, &mut || f64::from(weights.unit()));
        }
        let mut network = MinibatchNetwork::new(network, rows, &spec.tensors, choices_masked);
        network.recall = memory.map(|size| Recall::new(sequence, size, lanes, options.n_steps, rows));
        network
    }
}

impl Ppo {
    /// A fresh learner whose weights and draws follow from `seed`.
    pub fn new(options: Options, spec: &Spec, masked: bool, seed: u64, threads: usize) -> Self {
        let sight = Sight::new(spec, &options.critic_sees);
        let (features, width) = (sight.features(), sight.width());
        let (groups, axes) = (spec.action.groups.len(), spec.action.axes.len());
        let (lanes, steps) = (options.n_envs, options.n_steps);
        let choices_masked = if masked { spec.action.choice_count() } else { 0 };
        let weights = |index| Stream::new(seed, "ppo weights", index);
        let of_actor =
            Wanted { inputs: features, outputs: spec.action.len(), beside: axes, output_gain: 0.01 };
        let of_critic = Wanted { inputs: width, outputs: 1, beside: 0, output_gain: 1.0 };
        let mut actor = of_actor.network(&options, &options.net_arch.pi, spec, choices_masked, weights(0));
        let critic = of_critic.network(&options, &options.net_arch.vf, spec, choices_masked, weights(1));
        actor.network.beside().0.fill(options.log_std_init as f32);

        let mut rollout =
            Rollout::new(steps, lanes, width, (groups, axes), choices_masked).with_tensors(&spec.tensors);
        let memories = options.memory.size().map(|size| Memories::new(lanes, size));
        if memories.is_some() {
            rollout.starts = vec![true; rollout.len()];
        }
        Self {
            rollout,
            memories,
            state: State {
                observation_normalizer: (options.normalize_observation && width > 0)
                    .then(|| ObservationNormalizer::new(width, options.clip_observation)),
                reward_normalizer: options
                    .normalize_reward
                    .then(|| RewardNormalizer::new(lanes, options.gamma, options.clip_reward)),
                observations: vec![0.0; lanes * width],
                actions: Stream::new(seed, "ppo actions", 0),
                shuffles: Stream::new(seed, "ppo minibatches", 0),
            },
            controls: vec![0.0; lanes * axes],
            joined: Vec::new(),
            shown: Vec::new(),
            final_observations: Vec::new(),
            final_tensors: TensorRows::of_parts(&spec.tensors, 0),
            present_tensors: TensorRows::of_parts(&spec.tensors, lanes),
            cut_off: Vec::new(),
            not_greedy: 0,
            order: Vec::new(),
            advantages: vec![0.0; options.batch_size],
            actor,
            critic,
            axes: spec.action.axes.clone(),
            joint: Joint { groups: spec.action.group_sizes() },
            head: Head::stochastic(&spec.action),
            masked: choices_masked > 0,
            cores: CoresChoice::new(threads),
            sight,
            options,
        }
    }

    /// `n_epochs` passes over the collected and valued rollout in shuffled minibatches: the part that benchmarks measure.
    pub fn learn(&mut self, horizon: Horizon<'_>) -> Result<(), TrainError> {
        self.update_networks(horizon, 0).map(|_| ())
    }

    /// `steps` are the environment steps that an error names.
    fn update_networks(&mut self, horizon: Horizon<'_>, steps: u64) -> Result<Sums, TrainError> {
        let progress_remaining = horizon.remaining;
        let options = &self.options;
        let samples = self.rollout.len();
        self.order.clear();
        for _ in 0..options.n_epochs {
            horizon.check_stop()?;
            let start = self.order.len();
            if self.memories.is_some() {
                let steps = options.sequence_steps();
                let mut sequences: Vec<u32> = (0..(samples / steps) as u32).collect();
                self.state.shuffles.shuffle(&mut sequences);
                arrange(&sequences, steps, self.rollout.lanes, options.batch_size, &mut self.order);
            } else {
                self.order.extend(0..samples as u32);
                self.state.shuffles.shuffle(&mut self.order[start..]);
            }
        }
        let size = StepSize {
            learning_rate: options.learning_rate.at(progress_remaining),
            max_grad_norm: options.max_grad_norm,
        };
        let loss = ActorLoss {
            joint: &self.joint,
            clip_range: options.clip_range.at(progress_remaining) as f32,
            entropy_coefficient: options.ent_coef as f32,
            normalize_advantage: options.normalize_advantage,
            masked: self.masked,
        };
        let kl_max = options.target_kl.map_or(f64::INFINITY, |target| 1.5 * target);
        let end = ActorEnd { kl_max, horizon };
        let actor = ActorHalf::new(&mut self.actor, loss, end, &self.rollout, &mut self.advantages, size);
        let loss = CriticLoss {
            coefficient: options.vf_coef as f32,
            clip_range: options.clip_range_vf.map(|range| range.at(progress_remaining) as f32),
        };
        let critic = CriticHalf::new(&mut self.critic, loss, &self.rollout, size);
        let minibatches = Minibatches::all(&self.order, samples, options.batch_size);
        let sums = update(actor, critic, minibatches, &mut self.cores);
        horizon.check_stop()?;
        // Gradients that are not finite are reported at the end: both halves continue until then.
        if sums.gradient_norm.is_finite() && sums.value_loss.is_finite() {
            Ok(sums)
        } else {
            Err(TrainError::Diverged { what: "gradient", steps })
        }
    }

    /// Greatest |r − 1| on the first minibatch after a collection: 0 exactly, unless collecting and learning disagree.
    pub fn first_ratio_deviation(&mut self) -> f64 {
        let loss = ActorLoss {
            joint: &self.joint,
            clip_range: 0.2,
            entropy_coefficient: 0.0,
            normalize_advantage: self.options.normalize_advantage,
            masked: self.masked,
        };
        let Options { batch_size, .. } = self.options;
        let indices: Vec<u32> = if self.memories.is_some() {
            let steps = self.options.sequence_steps();
            let sequences: Vec<u32> = (0..(batch_size / steps) as u32).collect();
            let mut indices = Vec::new();
            arrange(&sequences, steps, self.rollout.lanes, batch_size, &mut indices);
            indices
        } else {
            (0..batch_size as u32).collect()
        };
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

impl Algorithm for Ppo {
    fn lanes(&self) -> usize {
        self.options.n_envs
    }

    fn adopt(&mut self, policy: &Policy, saved: Option<&[u8]>) -> Result<Critics, StateError> {
        let parameters = [policy.parameters.as_slice(), &policy.log_std].concat();
        self.actor.network.adopt(parameters).map_err(StateError::new)?;
        let saved: Option<(Trained, Trained, State)> = saved.map(from_bytes).transpose()?;
        let seen = saved.as_ref().and_then(|(_, _, state)| state.observation_normalizer.as_ref());
        self.state.observation_normalizer =
            ObservationNormalizer::of_policy(policy, seen, self.sight.width());
        let Some((_, critic, state)) = saved else { return Ok(Critics::Random) };
        // The critic's values are in units of the scale of rewards: without it, or in another one, they would be wrong.
        let scales = (&mut self.state.reward_normalizer, state.reward_normalizer);
        if scales.0.is_some() != scales.1.is_some() || self.critic.network.adopt(critic.parameters).is_err() {
            return Ok(Critics::Random);
        }
        if let (Some(own), Some(saved)) = scales {
            own.take_scale_of(saved);
        }
        Ok(Critics::Kept)
    }

    fn begin_new_episodes(&mut self, environments: &Environments) {
        if let Some(memories) = &mut self.memories {
            memories.starts.fill(true);
        }
        // The statistics of observations are those of the training so far.
        self.begin(environments, true);
    }

    fn begin(&mut self, environments: &Environments, adopted: bool) {
        let Transition { observations, hidden, .. } = environments.transition();
        let rows = self.sight.join(observations, hidden, environments.lanes(), &mut self.joined);
        let State { observation_normalizer, observations: seen, .. } = &mut self.state;
        match observation_normalizer.as_ref().filter(|_| adopted) {
            Some(normalizer) => normalizer.apply(rows, seen),
            None => Self::observe(&mut self.state, rows),
        }
    }

    fn update(
        &mut self,
        environments: &mut Environments,
        horizon: Horizon<'_>,
    ) -> Result<Figures, TrainError> {
        let progress_remaining = horizon.remaining;
        self.collect(environments, horizon)?;
        self.value(horizon)?;
        let explained_variance = self.explained_variance();
        let sums = self.update_networks(horizon, environments.steps())?;
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
        if !self.joint.groups.is_empty() {
            let decisions = self.rollout.steps * self.rollout.lanes;
            figures.insert("not_greedy_percent", 100.0 * self.not_greedy as f64 / decisions as f64);
        }
        if !self.axes.is_empty() {
            let (log_std, _) = self.actor.network.beside();
            let mean =
                log_std.iter().map(|log_std| f64::from(log_std.exp())).sum::<f64>() / log_std.len() as f64;
            figures.insert("standard_deviation", mean);
        }
        Ok(figures)
    }

    fn snapshot(&self) -> Snapshot {
        let Network { shape, trained, .. } = &self.actor.network;
        let (parameters, log_std) = trained.parameters.split_at(shape.parameters());
        let normalizer = self.state.observation_normalizer.as_ref().filter(|_| self.sight.features() > 0);
        let normalizer = normalizer.map(|normalizer| normalizer.freeze(self.sight.features()));
        Snapshot {
            log_std: log_std.to_vec(),
            normalizer,
            ..Snapshot::of_network(shape.clone(), parameters.to_vec(), self.head)
        }
    }

    fn save(&self) -> Result<Vec<u8>, StateError> {
        let mut bytes = to_bytes(&(&self.actor.network.trained, &self.critic.network.trained, &self.state))?;
        // Behind the rest, so that checkpoints without memories are as they were before there were some.
        if let Some(memories) = &self.memories {
            bytes.extend(to_bytes(memories)?);
        }
        Ok(bytes)
    }

    fn load(&mut self, bytes: &[u8]) -> Result<(), StateError> {
        let ((actor, critic, state), rest) = first_of_bytes::<(Trained, Trained, State)>(bytes)?;
        if state.observations.len() != self.state.observations.len() {
            return Err(StateError::new("it has different observations or environments than this project"));
        }
        if let Some(memories) = &mut self.memories {
            let saved: Memories = from_bytes(rest)?;
            if !saved.has_shape_of(memories) {
                return Err(StateError::new("its memories have other sizes than those of this project"));
            }
            *memories = saved;
        }
        self.actor.network.restore(actor).map_err(StateError::new)?;
        self.critic.network.restore(critic).map_err(StateError::new)?;
        self.state = state;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use setpoint_decision::Project;

    use super::*;
    use crate::problem::Problem;

    /// A resume on environments outside of this program: they begin new episodes, and the next decision is about those.
    #[test]
    fn after_new_episodes_began_the_networks_see_their_first_observations() {
        for more in ["", "normalize_observation = true", "memory = \"gru\"\nmemory_size = 3"] {
            let text = format!(
                "[process]\nkind = \"cart-pole\"\n[reward]\nupright = 1.0\n[train.ppo]\nn_envs = 3\nn_steps = 32\n{more}\n"
            );
            let project = Project::from_text("test", &text, &[]).unwrap();
            let problem = Problem::new(project, &setpoint_processes::registry()).unwrap();
            let project = &problem.decision.project;
            let options = Options::read(&project.section("train.ppo")).unwrap();
            let mut environments =
                Environments::new(project, &problem.decision.factory, 3, 0, "test").unwrap();
            let mut learner = Ppo::new(options, problem.spec(), false, 0, 1);
            learner.begin(&environments, false);
            learner.collect(&mut environments, Horizon::without_stop(1.0, 1_000)).unwrap();
            environments.begin_new_episodes().unwrap();
            let statistics = learner.state.observation_normalizer.clone();
            learner.begin_new_episodes(&environments);
            let mut expected = environments.transition().observations.clone();
            if let Some(normalizer) = &statistics {
                normalizer.apply_in_place(&mut expected);
            }
            assert_eq!(learner.state.observations, expected, "{more}");
            assert_eq!(learner.state.observation_normalizer, statistics, "{more}");
            assert!(learner.memories.is_none_or(|memories| memories.starts == [true; 3]), "{more}");
        }
    }
}
