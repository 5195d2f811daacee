//! Soft actor–critic (Haarnoja et al. 2018, arXiv 1812.05905): a policy that is paid for its entropy, two critics of which
//! the lesser counts, and an entropy coefficient that is tuned to a target entropy.
//!
//! Options, names and defaults are Stable-Baselines3's `SAC`; gSDE is not offered. Order of a gradient step as there:
//! actions and their entropy for the present states, the coefficient (the value before its step is what the losses use),
//! the critics, the actor; the targets follow their critics at once,
//! which is the same as in the end. With choices instead of settings this is its discrete form (Christodoulou 2019,
//! arXiv 1910.07207), in [`discrete`].

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use setpoint_decision::Diagnostic;
use setpoint_decision::section::{Range, Section};
use setpoint_decision::spec::Spec;
use setpoint_nn::gaussian::{squashed_gradient, squashed_sample};
use setpoint_nn::mlp::{Activation, Mlp};
use setpoint_policy::head::Head;
use setpoint_process::StateError;
use setpoint_random::Stream;

use crate::algorithm::{Algorithm, Snapshot};
use crate::critics::{self, Critic, beside, each, least};
use crate::exploration::{ActionNoise, NoiseSource};
use crate::figures::{Figures, Means};
use crate::hidden_layers::{NetArch, read_activation, read_net_arch};
use crate::learning_rate::{Schedule, read_schedule};
use crate::off_policy::{Chosen, Collection, Learner, OffPolicy};
use crate::recipe::{LearnerOptions, Learns, Recipe};
use crate::replay::Batch;
use crate::request::Request;
use crate::usual_ranges::{counts, gamma, logarithmic};
use crate::warnings::still_target;
use setpoint_decision::charter::Finding;
use setpoint_evidence::Decision;
use setpoint_nn::network::{Cores, Halves, Network, Trained};

pub mod discrete;

/// The recipe.
pub const RECIPE: Recipe = Recipe {
    name: "sac",
    class: "SAC",
    summary: "soft actor–critic: a stochastic policy that climbs learnt values and keeps trying",
    on_policy: false,
    actions: Learns::Both,
    sample_efficiency: "highest: each step is learnt from many times, and exploration looks after itself",
    pick_when: "settings rather than choices, and steps of the process are slow or costly",
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

/// `ent_coef`: fixed, or tuned from an initial value (`"auto"`, `"auto_0.1"`).
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum EntropyCoefficient {
    /// Always the same.
    Fixed(f64),
    /// Tuned, from this value on.
    Auto(f64),
}

impl EntropyCoefficient {
    fn parse(text: &str) -> Option<Self> {
        let initial = match text.strip_prefix("auto")? {
            "" => 1.0,
            rest => rest.strip_prefix('_')?.parse().ok()?,
        };
        (f64::is_finite(initial) && initial > 0.0).then_some(Self::Auto(initial))
    }

    fn read(section: &Section<'_>) -> Result<Option<Self>, Box<Diagnostic>> {
        const MEANING: &str = "weight of the policy's entropy, or \"auto\"";
        if !section.is_string("ent_coef") {
            return Ok(section.number("ent_coef", Range::at_least(0.0), MEANING)?.map(Self::Fixed));
        }
        let Some(text) = section.string("ent_coef", MEANING)? else { return Ok(None) };
        Self::parse(&text).map(Some).ok_or_else(|| {
            let help = "\"auto\" tunes it to the target entropy, \"auto_0.1\" from 0.1 on";
            section.error(
                "ent_coef",
                &format!("`{text}` is no entropy coefficient"),
                "expected a number or \"auto\"",
                help,
            )
        })
    }
}

impl Serialize for EntropyCoefficient {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Fixed(value) => serializer.serialize_f64(*value),
            Self::Auto(initial) => serializer.serialize_str(&format!("auto_{initial}")),
        }
    }
}

impl<'de> Deserialize<'de> for EntropyCoefficient {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Written {
            Number(f64),
            Text(String),
        }
        match Written::deserialize(deserializer)? {
            Written::Number(value) => Ok(Self::Fixed(value)),
            Written::Text(text) => Self::parse(&text)
                .ok_or_else(|| serde::de::Error::custom(format!("`{text}` is no entropy coefficient"))),
        }
    }
}

/// `[train.sac]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Options {
    /// Adam's step size, for all networks and the entropy coefficient.
    pub learning_rate: Schedule,
    /// Buffer, batch and rhythm.
    #[serde(flatten)]
    pub collection: Collection,
    /// Share by which the target networks move.
    pub tau: f64,
    /// Gradient steps between moves of the target networks.
    pub target_update_interval: u64,
    /// Weight of the policy's entropy.
    pub ent_coef: EntropyCoefficient,
    /// Entropy that an automatic coefficient aims at, in nats; automatic where absent: −axes, or 0.98 log(choices).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target_entropy: Option<f64>,
    /// Noise added to actions while training; the policy explores by itself, so there is none by default.
    #[serde(flatten)]
    pub noise: ActionNoise,
    /// Widths of the hidden layers: `pi` of the actor, `vf` of the critics.
    pub net_arch: NetArch,
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
            section.number("target_entropy", Range::any(), "entropy to aim at, in nats, or \"auto\"")?
        };
        let options = Self {
            learning_rate: read_schedule(section, "learning_rate", Range::positive(), "Adam's step size")?
                .unwrap_or(default.learning_rate),
            collection: Collection::read(section, default.collection)?,
            tau: section
                .number("tau", Range::between(0.0, 1.0), "share by which the target networks move")?
                .unwrap_or(default.tau),
            target_update_interval: section
                .integer("target_update_interval", Range::at_least(1.0), "gradient steps between moves")?
                .unwrap_or(default.target_update_interval),
            ent_coef: EntropyCoefficient::read(section)?.unwrap_or(default.ent_coef),
            target_entropy,
            noise: ActionNoise::read(section)?,
            net_arch: read_net_arch(section, &default.net_arch)?.unwrap_or(default.net_arch),
            activation_fn: read_activation(section)?.unwrap_or(default.activation_fn),
        };
        Ok(options)
    }
}

impl LearnerOptions for Options {
    fn learner(&self, request: &Request<'_>) -> Box<dyn Algorithm> {
        let (Request { spec, seed, .. }, cores) = (request, request.cores());
        let collection = self.collection.clone();
        if spec.action.is_discrete() {
            let learner = discrete::DiscreteSac::new(self.clone(), spec, *seed, cores);
            Box::new(OffPolicy::new(learner, collection, request, cores))
        } else {
            let learner = Sac::new(self.clone(), spec, *seed, cores);
            Box::new(OffPolicy::new(learner, collection, request, cores))
        }
    }

    fn collection(&self) -> Option<&Collection> {
        Some(&self.collection)
    }

    fn warnings(&self, decision: &Decision) -> Vec<Finding> {
        let moves = self.collection.total_gradient_steps(decision.project.train.total_steps);
        still_target(self.target_update_interval, moves, "gradient steps").into_iter().collect()
    }
}

/// α, the entropy coefficient, and how it is tuned: log α down −log α · (log π + H̄) (Haarnoja et al. 2018, equation 18,
/// in the form of the authors' code, which Stable-Baselines3 follows).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Temperature {
    log_alpha: f64,
    tuned: bool,
    target_entropy: f64,
    first: f64,
    second: f64,
    steps: i32,
}

impl Temperature {
    /// With the entropy to aim at.
    pub fn new(coefficient: EntropyCoefficient, target_entropy: f64) -> Self {
        let (alpha, tuned) = match coefficient {
            EntropyCoefficient::Fixed(alpha) => (alpha, false),
            EntropyCoefficient::Auto(alpha) => (alpha, true),
        };
        Self { log_alpha: alpha.ln(), tuned, target_entropy, first: 0.0, second: 0.0, steps: 0 }
    }

    /// α
    pub fn alpha(&self) -> f64 {
        self.log_alpha.exp()
    }

    /// One step of Adam; `mean_log_probability` is that of the present policy. Gives α before the step.
    pub fn step(&mut self, mean_log_probability: f64, learning_rate: f64) -> f64 {
        let alpha = self.alpha();
        if self.tuned {
            // d/d log α: positive, so that α falls, while the policy is more random than asked for.
            let gradient = -(mean_log_probability + self.target_entropy);
            self.steps += 1;
            self.first = 0.9 * self.first + 0.1 * gradient;
            self.second = 0.999 * self.second + 0.001 * gradient * gradient;
            let first = self.first / (1.0 - 0.9_f64.powi(self.steps));
            let second = self.second / (1.0 - 0.999_f64.powi(self.steps));
            self.log_alpha -= learning_rate * first / (second.sqrt() + 1e-8);
        }
        alpha
    }
}

/// The rows of a batch in which one critic is the lesser of the two, and what it says of the actions there.
struct Lesser {
    rows: Vec<u32>,
    /// dL/d inputs of these rows, `[rows, features + axes]`
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
    /// `[rows, features + axes]`
    inputs: Vec<f32>,
}

/// The learner for continuous actions.
pub struct Sac {
    options: Options,
    cores: Cores,
    axes: usize,
    actor: Network,
    present_halves: Halves,
    next_halves: Halves,
    critics: [Critic; 2],
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
    pub fn new(options: Options, spec: &Spec, seed: u64, cores: Cores) -> Self {
        let (features, axes) = (spec.observation.len(), spec.action.len());
        let rows = options.collection.batch_size.max(options.collection.n_envs);
        let activation = options.activation_fn;
        let shape =
            |input, hidden: &[usize], output| Mlp { input, hidden: hidden.to_vec(), output, activation };
        let weights = |index| Stream::new(seed, "sac weights", index);
        let actor = Network::new(shape(features, &options.net_arch.pi, 2 * axes), rows, &mut weights(0));
        let critic = |index: usize| {
            let shape = shape(features + axes, &options.net_arch.vf, 1);
            Critic::new(Network::new(shape, rows, &mut weights(1 + index as u64)), rows)
        };
        let lesser =
            || Lesser { rows: Vec::with_capacity(rows), input_gradient: vec![0.0; rows * (features + axes)] };
        let draws = || Draws {
            heads: vec![0.0; rows * 2 * axes],
            noise: vec![0.0; rows * axes],
            actions: vec![0.0; rows * axes],
            log_probabilities: vec![0.0; rows],
            inputs: vec![0.0; rows * (features + axes)],
        };
        let target_entropy = options.target_entropy.unwrap_or(-(axes as f64));
        Self {
            present_halves: Halves::new(&actor.shape, rows),
            next_halves: Halves::new(&actor.shape, rows),
            critics: std::array::from_fn(critic),
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
            inputs: vec![0.0; rows * (features + axes)],
            targets: vec![0.0; rows],
            action_gradient: vec![0.0; rows * axes],
            head_gradient: vec![0.0; rows * 2 * axes],
            acting_noise: vec![0.0; axes],
            actor,
            options,
            cores,
            axes,
        }
    }

    /// Draws an action for each observation of the batch and each that followed: heads, actions, log π and the critics'
    /// inputs.
    fn draw(&mut self, batch: &Batch) {
        let (rows, axes) = (batch.rows, self.axes);
        let Self { actor, present, next, present_halves, next_halves, cores, .. } = self;
        let Network { shape, trained, .. } = &*actor;
        let heads = |halves: &mut Halves, observations, heads| {
            halves.forward(shape, &trained.parameters, observations, rows, Cores::One, heads);
        };
        cores.join(
            || heads(present_halves, &batch.observations, &mut present.heads),
            || heads(next_halves, &batch.next_observations, &mut next.heads),
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
        let inputs = &self.next.inputs;
        each(&mut self.critics, self.cores, |critic| critic.estimate_by_target(inputs, rows));
        for row in 0..rows {
            let soft = least(&self.critics, row) - alpha as f32 * self.next.log_probabilities[row];
            self.targets[row] = batch.rewards[row] + batch.discounts[row] * soft;
        }
    }

    /// Each critic down ½ mean (Q_i(s, a) − y)² (equation 5), then its target after it, and what it thinks of the actions
    /// drawn for the present states: all that a critic does alone, so that the two meet but once.
    fn learn_critics(&mut self, batch: &Batch, learning_rate: f64, tau: Option<f64>) -> f64 {
        let rows = batch.rows;
        beside(&batch.observations, &batch.controls, self.axes, rows, &mut self.inputs);
        let (inputs, targets, drawn) = (&self.inputs[..], &self.targets[..rows], &self.present.inputs[..]);
        each(&mut self.critics, self.cores, |critic| {
            critic.regress(inputs, &[], targets, 0.5, learning_rate);
            if let Some(tau) = tau {
                critic.follow(tau);
            }
            critic.estimate(drawn, rows);
        });
        self.critics.iter().map(|critic| critic.loss).sum()
    }

    /// L = mean (α log π(a|s) − min_i Q_i(s, a)) with a = tanh(μ + σ ε) (equations 7 to 9), and dL/d parameters of the actor,
    /// which its halves keep.
    fn policy_gradient(&mut self, batch: &Batch, alpha: f64) -> f64 {
        let (rows, axes) = (batch.rows, self.axes);
        let share = 1.0 / rows as f32;
        let [first, second] = &mut self.critics;
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
        self.cores.join(|| first_lesser.look(first, share), || second_lesser.look(second, share));
        for lesser in &self.lesser {
            let width = first.network.shape.input;
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
        let Network { shape, trained, .. } = &self.actor;
        let (parameters, observations) = (&trained.parameters, &batch.observations);
        self.present_halves.backward(shape, parameters, observations, rows, self.cores, &self.head_gradient);
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
    fn act(&mut self, observations: &[f32], _allowed: &[bool], _progress_remaining: f64, chosen: Chosen<'_>) {
        let axes = self.axes;
        let rows = chosen.controls.len() / axes;
        let heads = self.actor.forward(observations, rows);
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

    fn learn(&mut self, batch: &Batch, progress_remaining: f64) -> Result<(), &'static str> {
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
        let norm = self.actor.apply(self.present_halves.gradient(), learning_rate);
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
        Snapshot {
            network: self.actor.shape.clone(),
            parameters: self.actor.trained.parameters.clone(),
            head: Head::SquashedGaussian,
            discretization: None,
            log_std: Vec::new(),
            normalizer: None,
        }
    }

    fn save(&self) -> Result<Vec<u8>, StateError> {
        postcard::to_stdvec(&(&self.actor.trained, critics::saved(&self.critics), &self.state))
            .map_err(|error| StateError::new(error.to_string()))
    }

    fn load(&mut self, bytes: &[u8]) -> Result<(), StateError> {
        let (actor, critics, state): (Trained, Vec<critics::Saved>, State) =
            postcard::from_bytes(bytes).map_err(|error| StateError::new(error.to_string()))?;
        self.actor.restore(actor).map_err(StateError::new)?;
        critics::restore(&mut self.critics, critics)?;
        self.state = state;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The sign that implementations get wrong: a policy more random than asked for makes the coefficient fall.
    #[test]
    fn the_coefficient_falls_while_entropy_is_above_the_target_and_rises_below_it() {
        let mut high = Temperature::new(EntropyCoefficient::Auto(0.5), -1.0);
        let mut low = high.clone();
        let mut fixed = Temperature::new(EntropyCoefficient::Fixed(0.2), -1.0);
        for _ in 0..10 {
            // log π = −2: entropy 2 nats, far above −1. log π = 3: entropy −3, below.
            assert!(high.step(-2.0, 1e-2) <= 0.5);
            low.step(3.0, 1e-2);
            fixed.step(-2.0, 1e-2);
        }
        assert!(high.alpha() < 0.46 && low.alpha() > 0.54 && (fixed.alpha() - 0.2).abs() < 1e-12);
        // Adam's first step has the size of the learning rate.
        let mut one = Temperature::new(EntropyCoefficient::Auto(1.0), -1.0);
        assert_eq!(one.step(-5.0, 0.01), 1.0);
        assert!((one.alpha().ln() + 0.01).abs() < 1e-9);
    }

    /// The whole way: heads, squashing, entropy, the lesser critic of each row, both halves of the batch.
    #[test]
    fn the_policy_s_gradient_agrees_with_finite_differences() {
        let net_arch = NetArch { pi: vec![8], vf: vec![8] };
        let options = Options { net_arch, activation_fn: Activation::Tanh, ..Options::default() };
        let process = setpoint_processes::open_kind("pendulum", None).unwrap();
        let mut sac = Sac::new(options, process.spec(), 0, Cores::One);
        let batch = Batch::for_tests(7, process.spec());
        let alpha = 0.3;
        let draws = sac.state.learning.clone();
        let loss_of = |sac: &mut Sac| {
            sac.state.learning = draws.clone();
            sac.draw(&batch);
            let Sac { critics, present, .. } = sac;
            critics.iter_mut().for_each(|critic| critic.estimate(&present.inputs, batch.rows));
            sac.policy_gradient(&batch, alpha)
        };
        loss_of(&mut sac);
        assert!(sac.lesser.iter().all(|lesser| !lesser.rows.is_empty()), "both critics count in some row");
        let gradient = sac.present_halves.gradient().to_vec();
        for (index, gradient) in gradient.iter().enumerate() {
            let parameter = sac.actor.trained.parameters[index];
            let mut shifted = |by: f32| {
                sac.actor.trained.parameters[index] = parameter + by;
                let loss = loss_of(&mut sac);
                sac.actor.trained.parameters[index] = parameter;
                loss
            };
            let numeric = (shifted(1e-2) - shifted(-1e-2)) / 2e-2;
            assert!((numeric - f64::from(*gradient)).abs() < 1e-3, "{index}: {numeric} {gradient}");
        }
    }

    #[test]
    fn coefficients_are_read_as_stable_baselines3_writes_them() {
        assert_eq!(EntropyCoefficient::parse("auto"), Some(EntropyCoefficient::Auto(1.0)));
        assert_eq!(EntropyCoefficient::parse("auto_0.1"), Some(EntropyCoefficient::Auto(0.1)));
        for text in ["automatic", "auto_", "auto_-1", "auto_nan", "0.1"] {
            assert_eq!(EntropyCoefficient::parse(text), None, "{text}");
        }
    }
}
