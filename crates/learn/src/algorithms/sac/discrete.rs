//! Soft actor–critic for choices (Christodoulou 2019, arXiv 1910.07207): expectations over the choices are exact, so
//! nothing is drawn while learning.

use serde::{Deserialize, Serialize};
use setpoint_decision::spec::Spec;
use setpoint_evidence::tensor_views::TensorViews;
use setpoint_nn::categorical;
use setpoint_nn::inputs::Inputs;
use setpoint_nn::network::{Cores, Network};
use setpoint_policy::head::Head;
use setpoint_process::StateError;
use setpoint_random::Stream;

use super::{Options, Temperature};
use crate::actor_critic::{ActorCritic, Widths};
use crate::algorithm::{Critics, Snapshot};
use crate::critics::{Critic, each};
use crate::exploration::is_greedy;
use crate::figures::{Figures, Means};
use crate::off_policy::{Chosen, Learner};
use crate::replay::Batch;
use crate::sight::Sight;

/// The learner for choices.
pub struct DiscreteSac {
    options: Options,
    sight: Sight,
    /// The observations of the policy, where the critics see more.
    shown: Vec<f32>,
    choices: usize,
    networks: ActorCritic<[Critic; 2]>,
    state: State,
    log_probabilities: Vec<f32>,
    targets: Vec<f32>,
    output_gradient: Vec<f32>,
}

#[derive(Serialize, Deserialize)]
struct State {
    temperature: Temperature,
    actions: Stream,
    /// Decisions since the last log line, and the number of them in which another choice was likelier than the drawn choice.
    decisions: u64,
    not_greedy: u64,
    gradient_steps: u64,
    means: Means,
}

impl DiscreteSac {
    /// A fresh learner whose weights and draws follow from `seed`.
    pub fn new(options: Options, spec: &Spec, seed: u64) -> Self {
        let choices = spec.action.len();
        let rows = options.collection.batch_size.max(options.collection.n_envs);
        let sight = Sight::new(spec, &options.critic_sees);
        let (features, critic_inputs) = (sight.features(), sight.width());
        let widths = Widths { features, actor_outputs: choices, critic_inputs, critic_outputs: choices };
        let layers = (&options.net_arch, options.activation_fn);
        let encoders = options.encoder.fitting(&spec.tensors);
        let networks = ActorCritic::new(widths, layers, &encoders, rows, (seed, "sac weights"), |critic| {
            [critic(0), critic(1)]
        });
        // 98 % of the greatest entropy of this number of choices (Christodoulou 2019, table 2).
        let target_entropy = options.target_entropy.unwrap_or(0.98 * (choices as f64).ln());
        Self {
            state: State {
                temperature: Temperature::new(options.ent_coef, target_entropy),
                actions: Stream::new(seed, "sac actions", 0),
                decisions: 0,
                not_greedy: 0,
                gradient_steps: 0,
                means: Means::default(),
            },
            log_probabilities: vec![0.0; rows * choices],
            targets: vec![0.0; rows],
            output_gradient: vec![0.0; rows * choices],
            networks,
            choices,
            sight,
            shown: Vec::new(),
            options,
        }
    }

    /// log π of every choice, `[rows, choices]`, for rows of the critics.
    fn policy_of(&mut self, whole: &[f32], tensors: &TensorViews<'_>, rows: usize, allowed: &[bool]) {
        let Self { sight, shown, networks, log_probabilities, choices, .. } = self;
        let observations = tensors.with_features(sight.shown(whole, rows, shown));
        log_policy(&mut networks.actor, observations, rows, allowed, *choices, log_probabilities);
    }

    /// y = r + γ Σ_a π(a|s') (min_i Q'_i(s', a) − α log π(a|s'))
    fn estimate_targets(&mut self, batch: &Batch, alpha: f32) {
        let (rows, choices) = (batch.rows, self.choices);
        let tensors = batch.views();
        let next = tensors.next.with_features(&batch.next_observations);
        self.policy_of(&batch.next_observations, &tensors.next, rows, &batch.next_allowed);
        self.networks.estimate_by_targets(next, rows);
        for row in 0..rows {
            let mut soft = 0.0;
            for index in row * choices..(row + 1) * choices {
                let log = self.log_probabilities[index];
                let p = log.exp();
                soft += if p > 0.0 { p * (self.networks.least(index) - alpha * log) } else { 0.0 };
            }
            self.targets[row] = batch.rewards[row] + batch.discounts[row] * soft;
        }
    }

    /// The policy's loss, its gradient with respect to the logits (into `output_gradient`), and the policy's mean entropy.
    fn policy_loss(&mut self, batch: &Batch, alpha: f32) -> (f64, f64) {
        let (rows, choices) = (batch.rows, self.choices);
        let tensors = batch.views();
        let observations = tensors.now.with_features(&batch.observations);
        self.policy_of(&batch.observations, &tensors.now, rows, &batch.allowed);
        let ActorCritic { critics, cores, .. } = &mut self.networks;
        each(critics, *cores, |critic| critic.estimate(observations, rows));
        let (mut policy_loss, mut entropy) = (0.0, 0.0);
        for row in 0..rows {
            let range = row * choices..(row + 1) * choices;
            let logs = &self.log_probabilities[range.clone()];
            let least = |choice: usize| self.networks.least(row * choices + choice);
            let gradient = &mut self.output_gradient[range];
            policy_loss += f64::from(policy_gradient(logs, least, alpha, gradient)) / rows as f64;
            gradient.iter_mut().for_each(|slot| *slot /= rows as f32);
            entropy += f64::from(categorical::entropy(logs)) / rows as f64;
        }
        (policy_loss, entropy)
    }
}

/// log π of every choice, `[rows, choices]`, into `logs`.
fn log_policy(
    actor: &mut Network,
    observations: Inputs<'_, f32>,
    rows: usize,
    allowed: &[bool],
    choices: usize,
    logs: &mut [f32],
) {
    let logits = &mut logs[..rows * choices];
    logits.copy_from_slice(actor.forward(observations, rows));
    categorical::log_probabilities(logits, choices, (!allowed.is_empty()).then_some(allowed));
}

/// d logits of one row for L = Σ_a π_a (α log π_a − q_a): π_i (f_i − Σ_a π_a f_a) with f = α log π − q (the derivative of
/// log π itself sums to zero). Returns L.
pub fn policy_gradient(
    log_probabilities: &[f32],
    least: impl Fn(usize) -> f32,
    alpha: f32,
    gradient: &mut [f32],
) -> f32 {
    let mut loss = 0.0;
    for (choice, log) in log_probabilities.iter().enumerate() {
        let p = log.exp();
        // A forbidden choice has p = 0 and a meaningless logarithm.
        gradient[choice] = if p > 0.0 { alpha * log - least(choice) } else { 0.0 };
        loss += p * gradient[choice];
    }
    for (slot, log) in gradient.iter_mut().zip(log_probabilities) {
        *slot = log.exp() * (*slot - loss);
    }
    loss
}

impl Learner for DiscreteSac {
    fn act(
        &mut self,
        observations: Inputs<'_, f32>,
        allowed: &[bool],
        _progress_remaining: f64,
        chosen: Chosen<'_>,
    ) {
        let rows = chosen.choices.len();
        let Self { networks, log_probabilities, choices, .. } = self;
        log_policy(&mut networks.actor, observations, rows, allowed, *choices, log_probabilities);
        self.state.decisions += rows as u64;
        for (row, choice) in self.log_probabilities.chunks_exact(self.choices).zip(chosen.choices) {
            let drawn = categorical::sample(row, self.state.actions.unit());
            self.state.not_greedy += u64::from(!is_greedy(row, drawn));
            *choice = drawn as u32;
        }
    }

    fn learn(&mut self, batch: &Batch, progress_remaining: f64, cores: Cores) -> Result<(), &'static str> {
        self.networks.cores = cores;
        let (rows, choices) = (batch.rows, self.choices);
        let learning_rate = self.options.learning_rate.at(progress_remaining);
        let alpha = self.state.temperature.alpha() as f32;
        self.estimate_targets(batch, alpha);
        let tensors = batch.views();
        let observations = tensors.now.with_features(&batch.observations);
        let towards = (observations, &batch.choices[..], &self.targets[..rows]);
        let value_loss = self.networks.regress(towards, 0.5, learning_rate, |_| {});
        let (policy_loss, entropy) = self.policy_loss(batch, alpha);
        let gradient = &self.output_gradient[..rows * choices];
        let shown = self.sight.shown(&batch.observations, rows, &mut self.shown);
        let shown = tensors.now.with_features(shown);
        let norm = self.networks.actor.learn(shown, rows, gradient, learning_rate, None);
        self.state.temperature.step(-entropy, learning_rate);
        self.state.gradient_steps += 1;
        if self.state.gradient_steps.is_multiple_of(self.options.target_update_interval) {
            self.networks.follow(self.options.tau);
        }
        self.state.means.add(&[value_loss, policy_loss, f64::from(alpha), entropy, norm]);
        if value_loss.is_finite() && norm.is_finite() { Ok(()) } else { Err("value loss") }
    }

    fn take_figures(&mut self, progress_remaining: f64) -> Figures {
        let names = ["value_loss", "policy_loss", "ent_coef", "entropy", "gradient_norm"];
        let mut figures = self.state.means.take(&names);
        let decisions = std::mem::take(&mut self.state.decisions).max(1);
        let not_greedy = std::mem::take(&mut self.state.not_greedy);
        figures.insert("not_greedy_percent", 100.0 * not_greedy as f64 / decisions as f64);
        figures.insert("learning_rate", self.options.learning_rate.at(progress_remaining));
        figures
    }

    fn snapshot(&self) -> Snapshot {
        self.networks.snapshot(Head::Categorical)
    }

    fn adopt(&mut self, parameters: Vec<f32>, saved: Option<&[u8]>) -> Result<Critics, StateError> {
        self.networks.adopt::<State>(parameters, saved)
    }

    fn save(&self) -> Result<Vec<u8>, StateError> {
        self.networks.save(&self.state)
    }

    fn load(&mut self, bytes: &[u8]) -> Result<(), StateError> {
        self.state = self.networks.load(bytes)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn policy_gradient_agrees_with_finite_differences() {
        let (values, alpha) = ([0.4_f32, -1.0, 2.0], 0.3);
        let loss = |logits: [f32; 3], gradient: &mut [f32]| {
            let mut rows = logits;
            categorical::log_probabilities(&mut rows, 3, None);
            policy_gradient(&rows, |choice| values[choice], alpha, gradient)
        };
        let logits = [0.2_f32, -0.5, 0.1];
        let mut gradient = [0.0; 3];
        loss(logits, &mut gradient);
        for index in 0..3 {
            let shifted = |by: f32| {
                let mut logits = logits;
                logits[index] += by;
                loss(logits, &mut [0.0; 3])
            };
            let numeric = (shifted(1e-2) - shifted(-1e-2)) / 2e-2;
            assert!((numeric - gradient[index]).abs() < 1e-4, "{index}: {numeric} {}", gradient[index]);
        }
    }
}
