//! REINFORCE: the Monte-Carlo policy gradient (Williams 1992; Sutton & Barto 2018, section 13.3).
//!
//! With its defaults this is the source's "REINFORCE decided" for `assembly-line`: a linear softmax policy that starts at
//! zero, the episode's returns normalised to mean 0 and (population) deviation 1, and plain gradient ascent **step by step
//! in time order**, each step's gradient taken at the weights after the step before. Options beyond it: a multi-layer
//! network, one gradient per episode, Adam, a learned baseline.

use serde::{Deserialize, Serialize};
use setpoint_decision::spec::Spec;
use setpoint_evidence::environments::Environments;
use setpoint_nn::mlp::{Activation, Mlp, Workspace};
use setpoint_nn::optimizer::{Adam, sgd_step};
use setpoint_nn::{categorical, gradient};
use setpoint_policy::Policy;
use setpoint_policy::head::Head;
use setpoint_process::StateError;
use setpoint_process::vectorized::Actions;
use setpoint_random::Stream;

use crate::algorithm::{Algorithm, Critics, Horizon, Snapshot, from_bytes, to_bytes};
use crate::error::TrainError;
use crate::exploration::is_greedy;
use crate::figures::Figures;
use crate::normalize::ObservationNormalizer;
use crate::recipe::{Learns, Recipe};
use crate::usual_ranges::{self, logarithmic};

mod options;

pub use options::{Optimizer, Options, Update};

/// The recipe.
pub const RECIPE: Recipe = Recipe {
    name: "reinforce",
    class: "Reinforce",
    summary: "REINFORCE: Monte-Carlo policy gradient, by default with a linear policy whose weights people can read",
    on_policy: true,
    actions: Learns::Choices,
    reads_tensors: false,
    sample_efficiency: "very low: it learns from each episode once",
    pick_when: "a readable linear policy matters more than the last percent of reward; for teaching; for a first look",
    source: "Williams 1992; Sutton & Barto 2018, section 13.3",
    is_first_choice: false,
    tuning: || vec![logarithmic("learning_rate", 1e-4, 1e-1), usual_ranges::gamma()],
    read: |section| Ok(Box::new(Options::read(section)?)),
};

/// The interval, in steps, of the entropies for the log: a mean needs no more, and logarithms take time.
const ENTROPY_EVERY: usize = 10;

/// A value network that learns the mean return from a state (Sutton & Barto 2018, section 13.4).
struct Baseline {
    network: Mlp,
    trained: Trained,
    workspace: Workspace<f32>,
    gradient: Vec<f32>,
    errors: Vec<f32>,
}

/// Parameters and their optimiser: the part of a checkpoint with a network.
#[derive(Clone, Serialize, Deserialize)]
struct Trained {
    parameters: Vec<f32>,
    adam: Option<Adam<f32>>,
}

impl Trained {
    /// Takes over parameters of another network; refuses other sizes.
    fn adopt(&mut self, parameters: Vec<f32>) -> Result<(), StateError> {
        if parameters.len() != self.parameters.len() {
            return Err(StateError::new("its network has different sizes than this project's network"));
        }
        self.parameters = parameters;
        Ok(())
    }
}

/// Everything else that changes during the training.
#[derive(Serialize, Deserialize)]
struct State {
    normalizer: Option<ObservationNormalizer>,
    observation: Vec<f32>,
    actions: Stream,
}

/// The learner.
pub struct Reinforce {
    options: Options,
    masked: bool,
    network: Mlp,
    trained: Trained,
    state: State,
    baseline: Option<Baseline>,
    workspace: Workspace<f32>,
    probabilities: Vec<f32>,
    output_gradient: Vec<f32>,
    gradient: Vec<f32>,
    episode_gradient: Vec<f32>,
    episode: EpisodeRecord,
}

/// The present episode.
#[derive(Default)]
struct EpisodeRecord {
    observations: Vec<f32>,
    allowed: Vec<bool>,
    choices: Vec<u32>,
    rewards: Vec<f32>,
    returns: Vec<f32>,
    /// Number of decisions in which another choice was likelier than the drawn choice.
    not_greedy: usize,
}

impl Reinforce {
    /// A fresh learner whose weights and draws follow from `seed`.
    pub fn new(options: Options, spec: &Spec, masked: bool, seed: u64) -> Self {
        let features = spec.observation.len();
        let choices = spec.action.len();
        let network = Mlp {
            input: features,
            hidden: options.net_arch.clone(),
            output: choices,
            activation: options.activation_fn,
        };
        let mut parameters = vec![0.0; network.parameters()];
        let mut weights = Stream::new(seed, "reinforce weights", 0);
        let mut normal = || f64::from(weights.normal());
        if !network.hidden.is_empty() {
            network.initialize_orthogonal(&mut parameters, std::f64::consts::SQRT_2, 0.01, &mut normal);
        }
        let baseline = options.baseline.then(|| {
            let network =
                Mlp { input: features, hidden: vec![64, 64], output: 1, activation: Activation::Tanh };
            let mut parameters = vec![0.0; network.parameters()];
            network.initialize_orthogonal(&mut parameters, std::f64::consts::SQRT_2, 1.0, &mut normal);
            let n = parameters.len();
            Baseline {
                trained: Trained { adam: Some(Adam::new(n, 1e-8)), parameters },
                workspace: network.workspace(1),
                gradient: vec![0.0; n],
                errors: Vec::new(),
                network,
            }
        });
        let n = parameters.len();
        Self {
            workspace: network.workspace(1),
            probabilities: vec![0.0; choices],
            output_gradient: vec![0.0; choices],
            gradient: vec![0.0; n],
            episode_gradient: vec![0.0; n],
            episode: EpisodeRecord::default(),
            trained: Trained {
                adam: (options.optimizer == Optimizer::Adam).then(|| Adam::new(n, 1e-8)),
                parameters,
            },
            state: State {
                normalizer: options.normalize_observation.then(|| ObservationNormalizer::new(features, 10.0)),
                observation: vec![0.0; features],
                actions: Stream::new(seed, "reinforce actions", 0),
            },
            baseline,
            masked,
            network,
            options,
        }
    }

    fn observe(state: &mut State, observation: &[f32]) {
        match &mut state.normalizer {
            None => state.observation.copy_from_slice(observation),
            Some(normalizer) => {
                normalizer.update(observation);
                normalizer.apply(observation, &mut state.observation);
            }
        }
    }

    /// Plays one episode with the present policy.
    fn play(&mut self, environments: &mut Environments, horizon: Horizon<'_>) -> Result<(), TrainError> {
        let Self { episode, state, network, .. } = self;
        let EpisodeRecord { observations, allowed, choices, rewards, not_greedy, .. } = episode;
        *not_greedy = 0;
        observations.clear();
        allowed.clear();
        choices.clear();
        rewards.clear();
        loop {
            horizon.check_stop()?;
            observations.extend_from_slice(&state.observation);
            let mask = self.masked.then(|| environments.allowed());
            allowed.extend_from_slice(mask.unwrap_or_default());
            let output =
                network.forward(&self.trained.parameters, &state.observation, 1, &mut self.workspace);
            self.probabilities.copy_from_slice(output);
            categorical::probabilities(&mut self.probabilities, network.output, mask);
            let choice = categorical::sample_probability(&self.probabilities, state.actions.unit()) as u32;
            *not_greedy += usize::from(!is_greedy(&self.probabilities, choice as usize));
            choices.push(choice);
            environments.step(Actions::of_choices(&[choice]))?;
            rewards.push(environments.rewards()[0]);
            let transition = environments.transition();
            Self::observe(state, &transition.observations);
            if transition.outcomes[0].is_over() {
                return Ok(());
            }
        }
    }

    /// G_t = r_t + γ G_{t+1}, then normalised, if the options require it.
    fn discount(&mut self) {
        let EpisodeRecord { rewards, returns, .. } = &mut self.episode;
        returns.clear();
        returns.resize(rewards.len(), 0.0);
        let gamma = self.options.gamma;
        let mut following = 0.0;
        for (reward, sum) in rewards.iter().zip(returns.iter_mut()).rev() {
            following = f64::from(*reward) + gamma * following;
            *sum = following as f32;
        }
        if self.options.normalize_returns {
            standardize(returns);
        }
    }

    /// Subtracts the learned value from the returns, and trains the value on them.
    fn apply_baseline(&mut self, horizon: Horizon<'_>) -> Result<f64, TrainError> {
        let Some(baseline) = &mut self.baseline else { return Ok(0.0) };
        let Baseline { network, trained, workspace, gradient, errors } = baseline;
        errors.clear();
        let features = network.input;
        let mut loss = 0.0;
        for (observation, target) in
            self.episode.observations.chunks_exact(features).zip(&self.episode.returns)
        {
            horizon.check_stop()?;
            let value = network.forward(&trained.parameters, observation, 1, workspace)[0];
            let error = value - target;
            errors.push(-error);
            loss += f64::from(error * error);
            network.backward(&trained.parameters, observation, 1, workspace, &[2.0 * error], gradient);
            if let Some(adam) = &mut trained.adam {
                adam.step(&mut trained.parameters, gradient, self.options.baseline_learning_rate, 1.0);
            }
        }
        self.episode.returns.copy_from_slice(errors);
        Ok(loss / errors.len() as f64)
    }

    /// Moves the weights along G_t ∇ log π(a_t | s_t); returns the norm of the last gradient and the mean entropy of the
    /// decisions.
    fn learn(&mut self, learning_rate: f64, horizon: Horizon<'_>) -> Result<(f64, f64), TrainError> {
        let Self { episode, network, trained, .. } = self;
        let (features, choices) = (network.input, network.output);
        let length = episode.choices.len();
        self.episode_gradient.fill(0.0);
        let (mut norm, mut entropy, mut entropies) = (0.0, 0.0, 0.0);
        for (t, observation) in episode.observations.chunks_exact(features).enumerate() {
            horizon.check_stop()?;
            let mask = self.masked.then(|| &episode.allowed[t * choices..(t + 1) * choices]);
            let output = network.forward(&trained.parameters, observation, 1, &mut self.workspace);
            self.probabilities.copy_from_slice(output);
            categorical::probabilities(&mut self.probabilities, choices, mask);
            if t % ENTROPY_EVERY == 0 {
                entropy += entropy_of(&self.probabilities);
                entropies += 1.0;
            }
            // The loss is −G log π, so that every optimiser descends: d loss / d logit_i = −G (1[i = a] − p_i).
            let value = episode.returns[t];
            for (slot, probability) in self.output_gradient.iter_mut().zip(&self.probabilities) {
                *slot = value * probability;
            }
            self.output_gradient[episode.choices[t] as usize] -= value;
            network.backward(
                &trained.parameters,
                observation,
                1,
                &mut self.workspace,
                &self.output_gradient,
                &mut self.gradient,
            );
            match self.options.update {
                Update::Step => trained.apply(&self.gradient, learning_rate),
                Update::Episode => {
                    for (sum, part) in self.episode_gradient.iter_mut().zip(&self.gradient) {
                        *sum += part / length as f32;
                    }
                }
            }
            if t + 1 == length {
                norm = gradient::squared_norm(&self.gradient).sqrt();
            }
        }
        if self.options.update == Update::Episode {
            trained.apply(&self.episode_gradient, learning_rate);
            norm = gradient::squared_norm(&self.episode_gradient).sqrt();
        }
        Ok((norm, entropy / entropies))
    }
}

impl Trained {
    fn apply(&mut self, gradient: &[f32], learning_rate: f64) {
        match &mut self.adam {
            Some(adam) => adam.step(&mut self.parameters, gradient, learning_rate, 1.0),
            None => sgd_step(&mut self.parameters, gradient, learning_rate, 1.0),
        }
    }
}

/// H = −Σ p log p, in nats.
fn entropy_of(probabilities: &[f32]) -> f64 {
    let share = |p: &f32| if *p > 0.0 { f64::from(*p) * f64::from(*p).ln() } else { 0.0 };
    -probabilities.iter().map(share).sum::<f64>()
}

/// To mean 0 and population deviation 1; all 0 if all returns are equal.
fn standardize(values: &mut [f32]) {
    let n = values.len() as f64;
    let mean = values.iter().map(|value| f64::from(*value)).sum::<f64>() / n;
    let squares = values.iter().map(|value| (f64::from(*value) - mean).powi(2)).sum::<f64>();
    let deviation = (squares / n).sqrt() + 1e-8;
    for value in values {
        *value = ((f64::from(*value) - mean) / deviation) as f32;
    }
}

impl Algorithm for Reinforce {
    fn lanes(&self) -> usize {
        1
    }

    fn adopt(&mut self, policy: &Policy, saved: Option<&[u8]>) -> Result<Critics, StateError> {
        self.trained.adopt(policy.parameters.clone())?;
        let saved: Option<(Trained, Option<Trained>, State)> = saved.map(from_bytes).transpose()?;
        let seen = saved.as_ref().and_then(|(_, _, state)| state.normalizer.as_ref());
        self.state.normalizer = ObservationNormalizer::of_policy(policy, seen, self.network.input);
        let Some(own) = &mut self.baseline else { return Ok(Critics::Absent) };
        let baseline = saved.and_then(|(_, baseline, _)| baseline);
        let kept = baseline.is_some_and(|saved| own.trained.adopt(saved.parameters).is_ok());
        Ok(if kept { Critics::Kept } else { Critics::Random })
    }

    fn begin(&mut self, environments: &Environments, adopted: bool) {
        let seen = &environments.transition().observations;
        let State { normalizer, observation, .. } = &mut self.state;
        match normalizer.as_ref().filter(|_| adopted) {
            Some(normalizer) => normalizer.apply(seen, observation),
            None => Self::observe(&mut self.state, seen),
        }
    }

    fn update(
        &mut self,
        environments: &mut Environments,
        horizon: Horizon<'_>,
    ) -> Result<Figures, TrainError> {
        let progress_remaining = horizon.remaining;
        self.play(environments, horizon)?;
        self.discount();
        let baseline_loss = self.apply_baseline(horizon)?;
        let learning_rate = self.options.learning_rate.at(progress_remaining);
        let (gradient_norm, entropy) = self.learn(learning_rate, horizon)?;
        if !gradient_norm.is_finite() {
            return Err(TrainError::Diverged { what: "gradient", steps: environments.steps() });
        }
        let mut figures = Figures::from([
            ("entropy", entropy),
            (
                "not_greedy_percent",
                100.0 * self.episode.not_greedy as f64 / self.episode.choices.len().max(1) as f64,
            ),
            ("gradient_norm", gradient_norm),
            ("learning_rate", learning_rate),
        ]);
        if self.baseline.is_some() {
            figures.insert("value_loss", baseline_loss);
        }
        Ok(figures)
    }

    fn snapshot(&self) -> Snapshot {
        let parameters = self.trained.parameters.clone();
        Snapshot {
            normalizer: self
                .state
                .normalizer
                .as_ref()
                .map(|normalizer| normalizer.freeze(self.network.input)),
            ..Snapshot::of_network(self.network.clone(), parameters, Head::Categorical)
        }
    }

    fn save(&self) -> Result<Vec<u8>, StateError> {
        let baseline = self.baseline.as_ref().map(|baseline| &baseline.trained);
        to_bytes(&(&self.trained, baseline, &self.state))
    }

    fn load(&mut self, bytes: &[u8]) -> Result<(), StateError> {
        let (trained, baseline, state): (Trained, Option<Trained>, State) = from_bytes(bytes)?;
        let baseline_size = |trained: &Trained| trained.parameters.len();
        let fits = trained.parameters.len() == self.trained.parameters.len()
            && trained.adam.is_some() == self.trained.adam.is_some()
            && state.observation.len() == self.state.observation.len()
            && baseline.as_ref().map(baseline_size)
                == self.baseline.as_ref().map(|baseline| baseline_size(&baseline.trained));
        if !fits {
            return Err(StateError::new(
                "its network has different sizes than this project's network".to_owned(),
            ));
        }
        self.trained = trained;
        self.state = state;
        if let (Some(present), Some(saved)) = (&mut self.baseline, baseline) {
            present.trained = saved;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn returns_are_standardized_with_the_population_deviation() {
        let mut values = [1.0, 2.0, 3.0, 6.0];
        standardize(&mut values);
        // mean 3, population deviation √3.5
        let deviation = 3.5_f64.sqrt();
        for (value, raw) in values.iter().zip([1.0, 2.0, 3.0, 6.0]) {
            assert!((f64::from(*value) - (raw - 3.0) / deviation).abs() < 1e-6);
        }
        let mut alike = [5.0; 3];
        standardize(&mut alike);
        assert_eq!(alike, [0.0; 3]);
    }
}
