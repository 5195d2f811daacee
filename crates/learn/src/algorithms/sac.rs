//! Soft actor–critic (Haarnoja et al. 2018, arXiv 1812.05905): a policy with a reward for its entropy, two critics of which
//! the smaller value counts, and an entropy coefficient that is tuned to a target entropy.
//!
//! Options, names and defaults are Stable-Baselines3's `SAC`; gSDE is not offered. Order of a gradient step as there:
//! actions and their entropy for the present states, the coefficient (the value before its step is what the losses use),
//! the critics, the actor; the targets follow their critics at once,
//! which is the same as in the end. With choices instead of settings this is its discrete form (Christodoulou 2019,
//! arXiv 1910.07207), in [`discrete`].

use serde::{Deserialize, Serialize};
use setpoint_decision::charter::Finding;
use setpoint_decision::spec::Spec;
use setpoint_evidence::Decision;
use setpoint_nn::gaussian::{squashed_gradient, squashed_sample};
use setpoint_nn::inputs::Inputs;
use setpoint_nn::network::{Cores, Halves, Network};
use setpoint_policy::head::Head;
use setpoint_process::StateError;
use setpoint_random::Stream;

use crate::actor_critic::{ActorCritic, Widths};
use crate::algorithm::{Algorithm, Critics, Snapshot};
use crate::critics::{Critic, beside};
use crate::exploration::NoiseSource;
use crate::figures::{Figures, Means};
use crate::memory::Need;
use crate::off_policy::{Chosen, Collection, Learner, OffPolicy};
use crate::recipe::{LearnerOptions, Learns, Recipe};
use crate::replay::Batch;
use crate::request::Request;
use crate::sight::{self, Sight};
use crate::usual_ranges::{counts, gamma, logarithmic};
use crate::warnings::still_target;

pub mod discrete;
mod options;
mod temperature;

use discrete::DiscreteSac;
pub use options::Options;
pub use temperature::{EntropyCoefficient, Temperature};

/// The recipe.
pub const RECIPE: Recipe = Recipe {
    name: "sac",
    class: "SAC",
    summary: "soft actor–critic: a stochastic policy that maximises learned values and its entropy",
    on_policy: false,
    actions: Learns::Both,
    reads_tensors: true,
    sample_efficiency: "highest: it learns from each step many times, and its exploration needs no options",
    pick_when: "the actions are settings, and steps of the process are slow or costly",
    source: "Haarnoja et al. 2018, arXiv 1812.05905",
    is_first_choice: true,
    tuning: || {
        vec![
            logarithmic("learning_rate", 1e-4, 5e-3),
            gamma(),
            logarithmic("tau", 1e-3, 5e-2),
            counts("batch_size", &[64, 128, 256]),
            counts("learning_starts", &[100, 1000, 5000]),
        ]
    },
    read: |section| Ok(Box::new(Options::read(section)?)),
};

impl LearnerOptions for Options {
    fn learner(&self, request: &Request<'_>) -> Box<dyn Algorithm> {
        let Request { spec, seed, threads, .. } = request;
        let collection = self.collection.clone();
        let sight = Sight::new(spec, &self.critic_sees);
        if spec.action.is_discrete() {
            let learner = DiscreteSac::new(self.clone(), spec, *seed);
            Box::new(OffPolicy::with_sight(learner, collection, sight, request, *threads))
        } else {
            let learner = Sac::new(self.clone(), spec, *seed);
            Box::new(OffPolicy::with_sight(learner, collection, sight, request, *threads))
        }
    }

    fn needs(&self, spec: &Spec, masked: bool) -> Vec<Need> {
        let Options { net_arch, collection, .. } = self;
        let (pi, vf) = (&net_arch.pi, &net_arch.vf);
        let encoders = self.encoder.of(&spec.tensors).unwrap_or_default();
        collection.needs(spec, masked, &[pi, vf, vf, vf, vf], &encoders)
    }

    fn mismatch(&self, spec: &Spec) -> Option<String> {
        self.encoder.of(&spec.tensors).err().or_else(|| sight::mismatch(&self.critic_sees, spec))
    }

    fn collection(&self) -> Option<&Collection> {
        Some(&self.collection)
    }

    fn warnings(&self, decision: &Decision) -> Vec<Finding> {
        let moves = self.collection.total_gradient_steps(decision.project.train.total_steps);
        still_target(self.target_update_interval, moves, "gradient steps").into_iter().collect()
    }
}

/// The rows of a batch in which one critic has the smaller value, and its gradients there.
struct Lesser {
    rows: Vec<u32>,
    /// dL/d inputs of these rows, `[rows, width + axes]`
    input_gradient: Vec<f32>,
}

/// The actor's draws for a batch.
#[derive(Default)]
struct Draws {
    /// `[rows, 2 axes]`
    heads: Vec<f32>,
    noise: Vec<f32>,
    actions: Vec<f32>,
    log_probabilities: Vec<f32>,
    /// `[rows, width + axes]`
    inputs: Vec<f32>,
    /// The observations of the policy, where the critics see more.
    shown: Vec<f32>,
}

/// The learner for continuous actions.
pub struct Sac {
    options: Options,
    sight: Sight,
    axes: usize,
    networks: ActorCritic<[Critic; 2]>,
    present_halves: Halves,
    next_halves: Halves,
    lesser: [Lesser; 2],
    state: State,
    present: Draws,
    next: Draws,
    inputs: Vec<f32>,
    targets: Vec<f32>,
    action_gradient: Vec<f32>,
    head_gradient: Vec<f32>,
    /// `[axes]`
    acting_noise: Vec<f32>,
}

#[derive(Serialize, Deserialize)]
struct State {
    temperature: Temperature,
    noise: NoiseSource,
    actions: Stream,
    learning: Stream,
    gradient_steps: u64,
    means: Means,
}

impl Sac {
    /// A fresh learner whose weights and draws follow from `seed`.
    pub fn new(options: Options, spec: &Spec, seed: u64) -> Self {
        let sight = Sight::new(spec, &options.critic_sees);
        let (width, axes) = (sight.width(), spec.action.len());
        let features = sight.features();
        let rows = options.collection.batch_size.max(options.collection.n_envs);
        let widths =
            Widths { features, actor_outputs: 2 * axes, critic_inputs: width + axes, critic_outputs: 1 };
        let layers = (&options.net_arch, options.activation_fn);
        let encoders = options.encoder.fitting(&spec.tensors);
        let networks = ActorCritic::new(widths, layers, &encoders, rows, (seed, "sac weights"), |critic| {
            [critic(0), critic(1)]
        });
        let lesser =
            || Lesser { rows: Vec::with_capacity(rows), input_gradient: vec![0.0; rows * (width + axes)] };
        let draws = || Draws {
            heads: vec![0.0; rows * 2 * axes],
            noise: vec![0.0; rows * axes],
            actions: vec![0.0; rows * axes],
            log_probabilities: vec![0.0; rows],
            inputs: vec![0.0; rows * (width + axes)],
            shown: Vec::new(),
        };
        let target_entropy = options.target_entropy.unwrap_or(-(axes as f64));
        Self {
            present_halves: Halves::new(&networks.actor.shape, rows),
            next_halves: Halves::new(&networks.actor.shape, rows),
            lesser: [lesser(), lesser()],
            state: State {
                temperature: Temperature::new(options.ent_coef, target_entropy),
                noise: NoiseSource::new(options.noise, options.collection.n_envs * axes, seed),
                actions: Stream::new(seed, "sac actions", 0),
                learning: Stream::new(seed, "sac learning", 0),
                gradient_steps: 0,
                means: Means::default(),
            },
            present: draws(),
            next: draws(),
            inputs: vec![0.0; rows * (width + axes)],
            targets: vec![0.0; rows],
            action_gradient: vec![0.0; rows * axes],
            head_gradient: vec![0.0; rows * 2 * axes],
            acting_noise: vec![0.0; axes],
            networks,
            options,
            sight,
            axes,
        }
    }

    /// Draws an action for each observation of the batch and each that followed: heads, actions, log π and the critics'
    /// inputs.
    fn draw(&mut self, batch: &Batch) {
        let (rows, axes) = (batch.rows, self.axes);
        let Self { networks, present, next, present_halves, next_halves, .. } = self;
        let Network { shape, trained, .. } = &networks.actor;
        let heads = |halves: &mut Halves, observations: Inputs<'_, f32>, heads: &mut [f32]| {
            halves.forward(shape, &trained.parameters, observations, rows, Cores::One, heads);
        };
        let tensors = batch.views();
        let observations = self.sight.shown(&batch.observations, rows, &mut present.shown);
        let next_observations = self.sight.shown(&batch.next_observations, rows, &mut next.shown);
        networks.cores.join(
            || heads(present_halves, tensors.now.with_features(observations), &mut present.heads),
            || heads(next_halves, tensors.next.with_features(next_observations), &mut next.heads),
        );
        for (draws, observations) in [(present, &batch.observations), (next, &batch.next_observations)] {
            draws.noise[..rows * axes].iter_mut().for_each(|noise| *noise = self.state.learning.normal());
            for row in 0..rows {
                let own = row * axes..(row + 1) * axes;
                draws.log_probabilities[row] = squashed_sample(
                    &draws.heads[row * 2 * axes..(row + 1) * 2 * axes],
                    &draws.noise[own.clone()],
                    &mut draws.actions[own],
                );
            }
            beside(observations, &draws.actions, axes, rows, &mut draws.inputs);
        }
    }

    /// y = r + γ (min_i Q'_i(s', a') − α log π(a'|s')) with a' drawn now (Haarnoja et al. 2018, equation 6).
    fn estimate_targets(&mut self, batch: &Batch, alpha: f64) {
        let rows = batch.rows;
        let tensors = batch.views();
        self.networks.estimate_by_targets(tensors.next.with_features(&self.next.inputs), rows);
        for row in 0..rows {
            let soft = self.networks.least(row) - alpha as f32 * self.next.log_probabilities[row];
            self.targets[row] = batch.rewards[row] + batch.discounts[row] * soft;
        }
    }

    /// Each critic down ½ mean (Q_i(s, a) − y)² (equation 5), then its target after it, and what it thinks of the actions
    /// drawn for the present states: all that a critic does alone, so that the two meet but once.
    fn learn_critics(&mut self, batch: &Batch, learning_rate: f64, tau: Option<f64>) -> f64 {
        let rows = batch.rows;
        beside(&batch.observations, &batch.controls, self.axes, rows, &mut self.inputs);
        let tensors = batch.views();
        let drawn = tensors.now.with_features(&self.present.inputs);
        let batch = (tensors.now.with_features(&self.inputs), &[][..], &self.targets[..rows]);
        self.networks.regress(batch, 0.5, learning_rate, |critic| {
            if let Some(tau) = tau {
                critic.follow(tau);
            }
            critic.estimate(drawn, rows);
        })
    }

    /// L = mean (α log π(a|s) − min_i Q_i(s, a)) with a = tanh(μ + σ ε) (equations 7 to 9), and dL/d parameters of the actor,
    /// which its halves keep.
    fn policy_gradient(&mut self, batch: &Batch, alpha: f64) -> f64 {
        let (rows, axes) = (batch.rows, self.axes);
        let share = 1.0 / rows as f32;
        let [first, second] = &mut self.networks.critics;
        let [first_lesser, second_lesser] = &mut self.lesser;
        first_lesser.rows.clear();
        second_lesser.rows.clear();
        let mut loss = 0.0;
        for row in 0..rows {
            let is_first = first.values[row] <= second.values[row];
            let (least, rows) =
                if is_first { (&*first, &mut *first_lesser) } else { (&*second, &mut *second_lesser) };
            rows.rows.push(row as u32);
            loss += alpha * f64::from(self.present.log_probabilities[row]) - f64::from(least.values[row]);
        }
        self.networks.cores.join(|| first_lesser.look(first, share), || second_lesser.look(second, share));
        for lesser in &self.lesser {
            let width = first.network.shape.input();
            for (gradient, row) in lesser.input_gradient.chunks_exact(width).zip(&lesser.rows) {
                let row = *row as usize;
                self.action_gradient[row * axes..(row + 1) * axes].copy_from_slice(&gradient[width - axes..]);
            }
        }
        let Draws { heads, noise, actions, .. } = &self.present;
        for row in 0..rows {
            let own = row * axes..(row + 1) * axes;
            let head = row * 2 * axes..(row + 1) * 2 * axes;
            squashed_gradient(
                &heads[head.clone()],
                &noise[own.clone()],
                &actions[own.clone()],
                alpha as f32 * share,
                &self.action_gradient[own],
                &mut self.head_gradient[head],
            );
        }
        let Network { shape, trained, .. } = &self.networks.actor;
        let tensors = batch.views();
        let observations = self.sight.shown(&batch.observations, rows, &mut self.present.shown);
        let observations = tensors.now.with_features(observations);
        let (parameters, cores) = (&trained.parameters, self.networks.cores);
        self.present_halves.backward(shape, parameters, observations, rows, cores, &self.head_gradient);
        loss / rows as f64
    }
}

impl Lesser {
    /// How −Q · `share` of its rows falls with their inputs; the last that the critic estimated must be the whole batch.
    fn look(&mut self, critic: &mut Critic, share: f32) {
        let gradient = &mut critic.gradient[..self.rows.len()];
        gradient.fill(-share);
        critic.network.input_gradient_of(&self.rows, gradient, &mut self.input_gradient);
    }
}

impl Learner for Sac {
    fn act(
        &mut self,
        observations: Inputs<'_, f32>,
        _allowed: &[bool],
        _progress_remaining: f64,
        chosen: Chosen<'_>,
    ) {
        let axes = self.axes;
        let rows = chosen.controls.len() / axes;
        let heads = self.networks.actor.forward(observations, rows);
        let noise = &mut self.acting_noise;
        for (head, action) in heads.chunks_exact(2 * axes).zip(chosen.controls.chunks_exact_mut(axes)) {
            noise.iter_mut().for_each(|noise| *noise = self.state.actions.normal());
            squashed_sample(head, noise, action);
        }
        self.state.noise.add(chosen.controls);
    }

    fn episode_ended(&mut self, lane: usize) {
        self.state.noise.reset(lane, self.axes);
    }

    fn learn(&mut self, batch: &Batch, progress_remaining: f64, cores: Cores) -> Result<(), &'static str> {
        self.networks.cores = cores;
        let rows = batch.rows;
        let learning_rate = self.options.learning_rate.at(progress_remaining);
        self.draw(batch);
        let mean = |values: &[f32]| values.iter().map(|value| f64::from(*value)).sum::<f64>() / rows as f64;
        let mean_log_probability = mean(&self.present.log_probabilities[..rows]);
        let alpha = self.state.temperature.step(mean_log_probability, learning_rate);
        self.estimate_targets(batch, alpha);
        self.state.gradient_steps += 1;
        let follows = self.state.gradient_steps.is_multiple_of(self.options.target_update_interval);
        let value_loss = self.learn_critics(batch, learning_rate, follows.then_some(self.options.tau));
        let policy_loss = self.policy_gradient(batch, alpha);
        let norm = self.networks.actor.apply(self.present_halves.gradient(), learning_rate);
        let target = mean(&self.targets[..rows]);
        self.state.means.add(&[value_loss, policy_loss, alpha, -mean_log_probability, target, norm]);
        match (value_loss.is_finite(), norm.is_finite()) {
            (true, true) => Ok(()),
            (false, _) => Err("value loss"),
            (true, false) => Err("policy gradient"),
        }
    }

    fn take_figures(&mut self, progress_remaining: f64) -> Figures {
        let names = ["value_loss", "policy_loss", "ent_coef", "entropy", "mean_target", "gradient_norm"];
        let mut figures = self.state.means.take(&names);
        figures.insert("learning_rate", self.options.learning_rate.at(progress_remaining));
        figures
    }

    fn snapshot(&self) -> Snapshot {
        self.networks.snapshot(Head::SquashedGaussian)
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
    use setpoint_nn::mlp::Activation;

    use super::*;
    use crate::hidden_layers::NetArch;

    /// The whole gradient: heads, squashing, entropy, the critic with the smaller value of each row, both halves of the batch.
    #[test]
    fn the_policy_s_gradient_agrees_with_finite_differences() {
        let net_arch = NetArch { pi: vec![8], vf: vec![8] };
        let options = Options { net_arch, activation_fn: Activation::Tanh, ..Options::default() };
        let process = setpoint_processes::open_kind("pendulum", None).unwrap();
        let mut sac = Sac::new(options, process.spec(), 0);
        let batch = Batch::for_tests(7, process.spec());
        let alpha = 0.3;
        let draws = sac.state.learning.clone();
        let loss_of = |sac: &mut Sac| {
            sac.state.learning = draws.clone();
            sac.draw(&batch);
            let Sac { networks, present, .. } = sac;
            networks.critics.iter_mut().for_each(|critic| critic.estimate(&present.inputs, batch.rows));
            sac.policy_gradient(&batch, alpha)
        };
        loss_of(&mut sac);
        assert!(sac.lesser.iter().all(|lesser| !lesser.rows.is_empty()), "both critics count in some row");
        let gradient = sac.present_halves.gradient().to_vec();
        for (index, gradient) in gradient.iter().enumerate() {
            let parameter = sac.networks.actor.trained.parameters[index];
            let mut shifted = |by: f32| {
                sac.networks.actor.trained.parameters[index] = parameter + by;
                let loss = loss_of(&mut sac);
                sac.networks.actor.trained.parameters[index] = parameter;
                loss
            };
            let numeric = (shifted(1e-2) - shifted(-1e-2)) / 2e-2;
            assert!((numeric - f64::from(*gradient)).abs() < 1e-3, "{index}: {numeric} {gradient}");
        }
    }
}
