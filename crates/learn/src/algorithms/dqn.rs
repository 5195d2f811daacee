//! Deep Q-learning (Mnih et al. 2015, doi 10.1038/nature14236), with double (van Hasselt et al. 2016, arXiv 1509.06461),
//! dueling (Wang et al. 2016, arXiv 1511.06581), n-step (Sutton 1988) and prioritised (Schaul et al. 2016,
//! arXiv 1511.05952) variants as options.
//!
//! Options, names and defaults are those of Stable-Baselines3's `DQN`. Deviations: every environment draws its own ε (that
//! library draws one ε for all); the buffer contains the true final observation of truncated episodes, so truncation is
//! always bootstrapped; the greedy choice and the target's maximum ignore forbidden choices.

use serde::{Deserialize, Serialize};
use setpoint_decision::spec::Spec;
use setpoint_nn::inputs::Inputs;
use setpoint_nn::network::{Cores, Network, Target, Trained};
use setpoint_nn::shape::Shape;
use setpoint_policy::head::Head;
use setpoint_process::StateError;
use setpoint_random::Stream;

use crate::algorithm::{Critics, Snapshot, from_bytes, to_bytes};
use crate::exploration::{DiscreteExplorer, ExplorationCount, greatest};
use crate::figures::{Figures, Means};
use crate::off_policy::{Chosen, Learner};
use crate::recipe::{Learns, Recipe};
use crate::replay::priorities::Priorities;
use crate::replay::{Batch, Replay};
use crate::usual_ranges::{counts, gamma, logarithmic, numbers};

mod options;

pub use options::Options;

/// The recipe.
pub const RECIPE: Recipe = Recipe {
    name: "dqn",
    class: "DQN",
    summary: "deep Q-learning: learns the value of each choice from stored steps",
    on_policy: false,
    actions: Learns::Choices,
    reads_tensors: true,
    sample_efficiency: "high: it learns from each step many times",
    pick_when: "the actions are choices, and steps of the process are slow or costly",
    source: "Mnih et al. 2015, doi 10.1038/nature14236",
    is_first_choice: true,
    tuning: || {
        vec![
            logarithmic("learning_rate", 1e-4, 1e-2),
            gamma(),
            counts("batch_size", &[32, 64, 128, 256]),
            counts("train_freq", &[1, 4, 8, 16]),
            counts("target_update_interval", &[100, 500, 1000, 5000]),
            numbers("exploration_fraction", &[0.05, 0.1, 0.2, 0.4]),
            numbers("exploration_final_eps", &[0.01, 0.03, 0.05, 0.1]),
        ]
    },
    read: |section| Ok(Box::new(Options::read(section)?)),
};

/// Huber's loss with threshold 1 (PyTorch's `smooth_l1_loss`) of a temporal-difference error, and its derivative.
pub fn huber(error: f32) -> (f32, f32) {
    if error.abs() < 1.0 { (0.5 * error * error, error) } else { (error.abs() - 0.5, error.signum()) }
}

/// Q of every choice from a dueling network's outputs `[V, A…]`: V + A − mean A (Wang et al. 2016, equation 9).
pub fn dueling_values(outputs: &[f32], values: &mut [f32]) {
    let mean = outputs[1..].iter().sum::<f32>() / values.len() as f32;
    for (value, advantage) in values.iter_mut().zip(&outputs[1..]) {
        *value = outputs[0] + advantage - mean;
    }
}

/// d outputs from d Q_chosen alone: 1 for V, 1[i = chosen] − 1/n for A_i.
pub fn dueling_gradient(chosen: usize, d_value: f32, gradient: &mut [f32]) {
    let share = d_value / (gradient.len() - 1) as f32;
    gradient[0] = d_value;
    gradient[1..].fill(-share);
    gradient[1 + chosen] += d_value;
}

/// The learner.
pub struct Dqn {
    options: Options,
    choices: usize,
    network: Network,
    target: Target,
    state: State,
    /// Q of a row, and of the next state's.
    values: Vec<f32>,
    next_values: Vec<f32>,
    targets: Vec<f32>,
    best_next: Vec<usize>,
    output_gradient: Vec<f32>,
    slots: Vec<usize>,
}

#[derive(Serialize, Deserialize)]
struct State {
    explorer: DiscreteExplorer,
    counted: ExplorationCount,
    priorities: Option<Priorities>,
    means: Means,
    /// Remaining share of the training at the last step.
    progress_remaining: f64,
}

impl Dqn {
    /// A fresh learner whose weights and draws follow from `seed`.
    pub fn new(options: Options, spec: &Spec, seed: u64) -> Self {
        let choices = spec.action.len();
        let encoders = options.encoder.fitting(&spec.tensors);
        let shape = Shape::new(
            spec.observation.len(),
            encoders,
            None,
            options.net_arch.clone(),
            if options.dueling { choices + 1 } else { choices },
            options.activation_fn,
        );
        let rows = options.collection.batch_size.max(options.collection.n_envs);
        let network = Network::new(shape, rows, &mut Stream::new(seed, "dqn weights", 0));
        let lanes = options.collection.n_envs;
        let capacity = (options.collection.buffer_size / lanes).max(1) * lanes;
        let priorities =
            options.prioritized_replay.then(|| Priorities::new(capacity, options.prioritized_replay_alpha));
        Self {
            target: Target::of(&network, rows),
            state: State {
                explorer: DiscreteExplorer::new(options.exploration, choices, seed),
                counted: ExplorationCount::default(),
                priorities,
                means: Means::default(),
                progress_remaining: 1.0,
            },
            values: vec![0.0; choices],
            next_values: vec![0.0; choices],
            targets: Vec::new(),
            best_next: Vec::new(),
            output_gradient: vec![0.0; rows * network.shape.output()],
            slots: Vec::new(),
            network,
            choices,
            options,
        }
    }
}

/// Q of one row of outputs.
fn values_of(dueling: bool, outputs: &[f32], values: &mut [f32]) {
    if dueling { dueling_values(outputs, values) } else { values.copy_from_slice(outputs) }
}

impl Learner for Dqn {
    fn act(
        &mut self,
        observations: Inputs<'_, f32>,
        allowed: &[bool],
        progress_remaining: f64,
        chosen: Chosen<'_>,
    ) {
        let rows = chosen.choices.len();
        let (choices, dueling) = (self.choices, self.options.dueling);
        self.state.progress_remaining = progress_remaining;
        let outputs = self.network.forward(observations, rows);
        let width = outputs.len() / rows;
        for (lane, choice) in chosen.choices.iter_mut().enumerate() {
            values_of(dueling, &outputs[lane * width..(lane + 1) * width], &mut self.values);
            let allowed =
                if allowed.is_empty() { allowed } else { &allowed[lane * choices..(lane + 1) * choices] };
            *choice = self.state.explorer.choose(&self.values, allowed, progress_remaining) as u32;
        }
    }

    fn added(&mut self, slots: std::ops::Range<usize>) {
        if let Some(priorities) = &mut self.state.priorities {
            slots.for_each(|slot| priorities.insert(slot));
        }
    }

    fn stepped(&mut self, steps: u64) {
        let every = (self.options.target_update_interval / self.options.collection.n_envs as u64).max(1);
        if steps.is_multiple_of(every) {
            self.target.follow(&self.network, self.options.tau);
        }
    }

    fn draw(
        &mut self,
        replay: &Replay,
        rows: usize,
        n_steps: usize,
        gamma: f64,
        random: &mut Stream,
        batch: &mut Batch,
    ) {
        let Some(priorities) = &self.state.priorities else {
            return replay.sample(rows, n_steps, gamma, random, batch);
        };
        let beta0 = self.options.prioritized_replay_beta0;
        let beta = 1.0 - (1.0 - beta0) * self.state.progress_remaining;
        priorities.sample(rows, replay.len(), beta, random, &mut self.slots, &mut batch.weights);
        batch.places.clear();
        batch.places.extend(self.slots.iter().map(|slot| replay.place_of(*slot)));
        replay.gather(n_steps, gamma, batch);
    }

    fn learn(&mut self, batch: &Batch, progress_remaining: f64, _cores: Cores) -> Result<(), &'static str> {
        let tensors = batch.views();
        let observations = tensors.now.with_features(&batch.observations);
        let next_observations = tensors.next.with_features(&batch.next_observations);
        let Self { options, choices, network, target, .. } = self;
        let (rows, choices, dueling) = (batch.rows, *choices, options.dueling);
        let width = network.shape.output();
        let is_allowed = |row: usize, choice: usize| {
            batch.next_allowed.is_empty() || batch.next_allowed[row * choices + choice]
        };
        // y = r + γ max_a Q_target(s', a); with double Q-learning, a is the online network's choice.
        self.best_next.clear();
        if options.double_q {
            let outputs = network.forward(next_observations, rows);
            for (row, outputs) in outputs.chunks_exact(width).enumerate() {
                values_of(dueling, outputs, &mut self.next_values);
                let values = self.next_values.iter().map(|value| f64::from(*value));
                self.best_next.push(greatest(values, |choice| is_allowed(row, choice)));
            }
        }
        self.targets.clear();
        let outputs = target.forward(next_observations, rows);
        for (row, outputs) in outputs.chunks_exact(width).enumerate() {
            values_of(dueling, outputs, &mut self.next_values);
            let best = self.best_next.get(row).copied().unwrap_or_else(|| {
                let values = self.next_values.iter().map(|value| f64::from(*value));
                greatest(values, |choice| is_allowed(row, choice))
            });
            self.targets.push(batch.rewards[row] + batch.discounts[row] * self.next_values[best]);
        }

        let outputs = network.forward(observations, rows);
        let gradient = &mut self.output_gradient[..rows * width];
        gradient.fill(0.0);
        let (mut loss, mut mean_value) = (0.0, 0.0);
        let rows_of = outputs.chunks_exact(width).zip(gradient.chunks_exact_mut(width));
        for (row, (outputs, gradient)) in rows_of.enumerate() {
            let chosen = batch.choices[row] as usize;
            values_of(dueling, outputs, &mut self.values);
            let error = self.values[chosen] - self.targets[row];
            let (own_loss, derivative) = huber(error);
            let d_value = derivative * batch.weights[row] / rows as f32;
            if dueling {
                dueling_gradient(chosen, d_value, gradient);
            } else {
                gradient[chosen] = d_value;
            }
            loss += f64::from(own_loss * batch.weights[row]);
            mean_value += f64::from(self.values[chosen]);
            if let Some(priorities) = &mut self.state.priorities {
                priorities.update(self.slots[row], f64::from(error));
            }
        }
        let learning_rate = options.learning_rate.at(progress_remaining);
        let max_norm = Some(options.max_grad_norm);
        let norm = network.learn(observations, rows, gradient, learning_rate, max_norm);
        let n = rows as f64;
        self.state.means.add(&[loss / n, mean_value / n, norm]);
        if norm.is_finite() { Ok(()) } else { Err("gradient") }
    }

    fn take_figures(&mut self, progress_remaining: f64) -> Figures {
        let State { explorer, counted, means, .. } = &mut self.state;
        let mut figures = means.take(&["value_loss", "mean_value", "gradient_norm"]);
        let (explored, not_greedy) = explorer.take_shares(counted);
        figures.insert("exploration_rate", explorer.rate(progress_remaining));
        figures.insert("exploration_percent", explored);
        figures.insert("exploitation_percent", 100.0 - explored);
        figures.insert("not_greedy_percent", not_greedy);
        figures.insert("learning_rate", self.options.learning_rate.at(progress_remaining));
        figures
    }

    fn snapshot(&self) -> Snapshot {
        let Network { shape, trained, .. } = &self.network;
        let mut network = shape.clone();
        let mut parameters = trained.parameters.clone();
        if self.options.dueling {
            // The combination is linear, so it folds into the last layer: a plain network with one output per choice.
            network = network.with_output(self.choices);
            let (_, last) = shape.layers().pop().expect("a network has an output layer");
            let outputs = &trained.parameters[last.weights.start..last.bias.end];
            parameters.truncate(last.weights.start);
            let mut values = vec![0.0; self.choices];
            for row in outputs.chunks_exact(shape.output()) {
                dueling_values(row, &mut values);
                parameters.extend_from_slice(&values);
            }
        }
        Snapshot::of_network(network, parameters, Head::Values)
    }

    fn adopt(&mut self, mut parameters: Vec<f32>, _saved: Option<&[u8]>) -> Result<Critics, StateError> {
        if self.options.dueling {
            // The policy has values; V is their mean, and A are the values themselves: V + A − mean A is the value again.
            let (_, last) = self.network.shape.layers().pop().expect("a network has an output layer");
            let values = parameters.split_off(last.weights.start);
            for row in values.chunks_exact(self.choices) {
                parameters.push(row.iter().sum::<f32>() / self.choices as f32);
                parameters.extend_from_slice(row);
            }
        }
        self.network.adopt(parameters.clone()).map_err(StateError::new)?;
        self.target.restore(parameters).map_err(StateError::new)?;
        Ok(Critics::Absent)
    }

    fn save(&self) -> Result<Vec<u8>, StateError> {
        to_bytes(&(&self.network.trained, &self.target.parameters, &self.state))
    }

    fn load(&mut self, bytes: &[u8]) -> Result<(), StateError> {
        let (network, target, state): (Trained, Vec<f32>, State) = from_bytes(bytes)?;
        self.network.restore(network).map_err(StateError::new)?;
        self.target.restore(target).map_err(StateError::new)?;
        self.state = state;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn huber_and_dueling_by_hand_and_by_finite_differences() {
        assert_eq!((huber(0.5), huber(-3.0), huber(2.0)), ((0.125, 0.5), (2.5, -1.0), (1.5, 1.0)));
        for error in [-2.0_f32, -0.4, 0.3, 1.7] {
            let numeric = (huber(error + 1e-3).0 - huber(error - 1e-3).0) / 2e-3;
            assert!((numeric - huber(error).1).abs() < 1e-2, "{error}");
        }
        let outputs = [2.0, 1.0, 4.0, 1.0];
        let mut values = [0.0; 3];
        dueling_values(&outputs, &mut values);
        assert_eq!(values, [1.0, 4.0, 1.0]);
        let mut gradient = [9.0; 4];
        dueling_gradient(1, 3.0, &mut gradient);
        assert_eq!(gradient, [3.0, -1.0, 2.0, -1.0]);
    }
}
