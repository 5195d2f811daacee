//! The shared part of off-policy learners: they collect into a replay buffer and learn from it by Stable-Baselines3's rules.
//!
//! A round is `train_freq` steps of every environment, then `gradient_steps` gradient steps. Before `learning_starts`
//! steps, actions are uniform and nothing is learned. One update of the training loop has enough rounds for about a
//! thousand environment steps, so that log lines and checkpoints have a useful interval.

use serde::{Deserialize, Serialize};
use setpoint_decision::Diagnostic;
use setpoint_decision::section::{Range, Section};
use setpoint_decision::spec::{Axis, Spec};
use setpoint_evidence::environments::Environments;
use setpoint_nn::encoder::Encoder;
use setpoint_nn::gaussian;
use setpoint_nn::inputs::Inputs;
use setpoint_nn::network::Cores;
use setpoint_policy::Policy;
use setpoint_process::StateError;
use setpoint_process::vectorized::{Actions, Transition};
use setpoint_random::Stream;

use crate::algorithm::{Algorithm, Critics, Horizon, Snapshot, first_of_bytes, from_bytes, to_bytes};
use crate::bounds;
use crate::cores::CoresChoice;
use crate::error::TrainError;
use crate::exploration::any_allowed;
use crate::figures::Figures;
use crate::memory::Need;
use crate::normalize::ObservationNormalizer;
use crate::replay::{Batch, Replay, ReplayState, Shape, Step};
use crate::request::Request;
use crate::sight::Sight;

/// Approximate number of environment steps of an update.
const UPDATE_STEPS: usize = 1_000;

/// The options of every off-policy learner, with Stable-Baselines3's names.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Collection {
    /// Number of environments in parallel.
    pub n_envs: usize,
    /// Capacity in transitions, over all environments.
    pub buffer_size: usize,
    /// Steps of uniform actions before the learning starts.
    pub learning_starts: u64,
    /// Transitions of a gradient step.
    pub batch_size: usize,
    /// Discount per step, in [0, 1].
    pub gamma: f64,
    /// Steps of each environment between gradient steps.
    pub train_freq: usize,
    /// Gradient steps after them; −1 takes one per collected transition.
    pub gradient_steps: i64,
    /// Steps of an n-step return.
    pub n_steps: usize,
    /// Whether observations are normalised by running statistics; the buffer stores raw observations.
    pub normalize_observation: bool,
    /// Greatest magnitude of a normalised feature.
    pub clip_observation: f64,
}

impl Collection {
    /// Reads its keys from an algorithm's table; absent ones take the given defaults.
    pub fn read(section: &Section<'_>, default: Self) -> Result<Self, Box<Diagnostic>> {
        let count = |key, range, default: usize, meaning| -> Result<usize, Box<Diagnostic>> {
            Ok(section.integer(key, range, meaning)?.map_or(default, |value| value as usize))
        };
        let at_least_one = || bounds::count_from(1.0);
        let steps =
            section.number("gradient_steps", bounds::count_from(-1.0), "gradient steps after them, or −1")?;
        if let Some(steps) = steps.filter(|steps| steps.fract() != 0.0 || *steps == 0.0) {
            let title = format!("`gradient_steps` cannot be {steps}");
            let help = "-1 takes one gradient step per collected transition";
            return Err(section.error(
                "gradient_steps",
                &title,
                "expected a whole number from 1, or -1",
                help,
            ));
        }
        let collection = Self {
            n_envs: count("n_envs", at_least_one(), default.n_envs, "environments in parallel")?,
            buffer_size: count(
                "buffer_size",
                Range::between(1.0, 4e9),
                default.buffer_size,
                "capacity in transitions, over all environments",
            )?,
            learning_starts: section
                .integer("learning_starts", bounds::steps_from(0.0), "steps of uniform actions at first")?
                .unwrap_or(default.learning_starts),
            batch_size: count(
                "batch_size",
                at_least_one(),
                default.batch_size,
                "transitions of a gradient step",
            )?,
            gamma: section
                .number("gamma", Range::between(0.0, 1.0), "discount per step")?
                .unwrap_or(default.gamma),
            train_freq: count(
                "train_freq",
                at_least_one(),
                default.train_freq,
                "steps between gradient steps",
            )?,
            gradient_steps: steps.map_or(default.gradient_steps, |steps| steps as i64),
            n_steps: count(
                "n_steps",
                Range::between(1.0, 1000.0),
                default.n_steps,
                "steps of an n-step return",
            )?,
            normalize_observation: section
                .boolean("normalize_observation", "normalise observations by running statistics")?
                .unwrap_or(default.normalize_observation),
            clip_observation: section
                .number("clip_observation", bounds::positive(), "greatest magnitude of a normalised feature")?
                .unwrap_or(default.clip_observation),
        };
        if collection.buffer_size < collection.n_envs {
            let title = format!("a buffer of {} is smaller than one step", collection.buffer_size);
            let label = format!("at least n_envs = {}", collection.n_envs);
            return Err(section.error("buffer_size", &title, &label, "raise buffer_size or lower n_envs"));
        }
        Ok(collection)
    }

    /// The shape of its replay buffer for a process.
    pub fn shape(&self, spec: &Spec, masked: bool) -> Shape {
        let masked_choices = if masked { spec.action.choice_count() } else { 0 };
        let axes = spec.action.axes.len();
        let tensor_bytes = spec.tensors.iter().map(|part| part.form.bytes()).sum();
        Shape { lanes: self.n_envs, features: spec.observation.len(), axes, masked_choices, tensor_bytes }
    }

    /// Bytes of its replay buffer for a process, when it is full.
    pub fn buffer_bytes(&self, spec: &Spec, masked: bool) -> u64 {
        (self.buffer_size as u64).saturating_mul(self.shape(spec, masked).bytes_per_transition() as u64)
    }

    /// Gradient steps of a training with this number of environment steps.
    pub fn total_gradient_steps(&self, total_steps: u64) -> u64 {
        let collected = total_steps.saturating_sub(self.learning_starts);
        match self.gradient_steps {
            -1 => collected,
            steps => (collected / (self.train_freq * self.n_envs) as u64).saturating_mul(steps as u64),
        }
    }

    /// The memory of its replay buffer.
    pub fn need(&self, spec: &Spec, masked: bool) -> Need {
        Need {
            key: "buffer_size",
            what: format!("a replay buffer of {} transitions", self.buffer_size),
            bytes: self.buffer_bytes(spec, masked) as f64,
        }
    }

    /// The memory of the buffer and of networks with these hidden layers.
    pub fn needs(&self, spec: &Spec, masked: bool, hidden: &[&[usize]], encoders: &[Encoder]) -> Vec<Need> {
        let rows = self.batch_size.max(self.n_envs);
        vec![self.need(spec, masked), Need::networks(spec, hidden, encoders, rows)]
    }
}

/// The actions of one step.
pub struct Chosen<'a> {
    /// `[lanes]`, for discrete actions.
    pub choices: &'a mut [u32],
    /// `[lanes, axes]` on [−1, 1], for continuous ones.
    pub controls: &'a mut [f32],
}

/// The interface of an off-policy algorithm.
pub trait Learner: Send {
    /// Acts with exploration. `observations` are those of every lane, as the networks see them; `allowed` is
    /// `[lanes, choices]` or empty.
    fn act(
        &mut self,
        observations: Inputs<'_, f32>,
        allowed: &[bool],
        progress_remaining: f64,
        chosen: Chosen<'_>,
    );

    /// An episode ended in a lane: noise that depends on time is reset.
    fn episode_ended(&mut self, _lane: usize) {}

    /// A step of every lane was added to the buffer, `slots` are their positions in it.
    fn added(&mut self, _slots: std::ops::Range<usize>) {}

    /// Every environment has taken a step; `steps` counts them per lane.
    fn stepped(&mut self, _steps: u64) {}

    /// Draws a batch; uniform by default.
    fn draw(
        &mut self,
        replay: &Replay,
        rows: usize,
        n_steps: usize,
        gamma: f64,
        random: &mut Stream,
        batch: &mut Batch,
    ) {
        replay.sample(rows, n_steps, gamma, random, batch);
    }

    /// One gradient step; the result does not depend on the cores. `Err` names the value that is not finite.
    fn learn(&mut self, batch: &Batch, progress_remaining: f64, cores: Cores) -> Result<(), &'static str>;

    /// Means since the last call.
    fn take_figures(&mut self, progress_remaining: f64) -> Figures;

    /// The present policy, without the normaliser.
    fn snapshot(&self) -> Snapshot;

    /// Takes over the parameters of a policy whose network is that of [`Learner::snapshot`], and the critics that
    /// [`Learner::save`] of such a learner wrote. Optimisers and exploration stay as they are.
    fn adopt(&mut self, parameters: Vec<f32>, saved: Option<&[u8]>) -> Result<Critics, StateError>;

    /// Everything that a bit-identical continuation needs.
    fn save(&self) -> Result<Vec<u8>, StateError>;

    /// Restores the state that [`Learner::save`] wrote.
    fn load(&mut self, bytes: &[u8]) -> Result<(), StateError>;
}

/// A learner with its buffer and its counters.
pub struct OffPolicy<L> {
    learner: L,
    options: Collection,
    axes: Vec<Axis>,
    choices_count: usize,
    pool: Option<rayon::ThreadPool>,
    /// The cores of the gradient steps.
    cores: CoresChoice,
    replay: Replay,
    /// The content of the buffer according to a checkpoint, until the buffer is read.
    promised: Option<ReplayState>,
    state: State,
    /// What the learner's networks see.
    sight: Sight,
    /// `[lanes, width]` as the networks see them.
    observations: Vec<f32>,
    /// Rows of critics, and the parts of them that a policy sees, where the two differ.
    joined: Vec<f32>,
    shown: Vec<f32>,
    choices: Vec<u32>,
    controls: Vec<f32>,
    natural: Vec<f32>,
    batch: Batch,
}

/// The part of a checkpoint without learner and buffer.
#[derive(Serialize, Deserialize)]
struct State {
    normalizer: Option<ObservationNormalizer>,
    random_actions: Stream,
    draws: Stream,
    gradient_steps: u64,
}

impl<L: Learner> OffPolicy<L> {
    /// Wraps a learner.
    pub fn new(learner: L, options: Collection, request: &Request<'_>, threads: usize) -> Self {
        let sight = Sight::new(request.spec, &[]);
        Self::with_sight(learner, options, sight, request, threads)
    }

    /// Wraps a learner whose critics may see hidden features: the buffer and the batches have the rows of its critics.
    pub fn with_sight(
        learner: L,
        options: Collection,
        sight: Sight,
        request: &Request<'_>,
        threads: usize,
    ) -> Self {
        let Request { spec, masked, seed, .. } = *request;
        // Without a second thread (a system may refuse one) everything runs in turn, with the same result.
        let pool =
            (threads > 1).then(|| rayon::ThreadPoolBuilder::new().num_threads(2).build().ok()).flatten();
        let axes = spec.action.axes.clone();
        let (lanes, width) = (options.n_envs, sight.width());
        let shape = Shape { features: width, ..options.shape(spec, masked) };
        let replay = Replay::new(shape, options.buffer_size).with_tensors(&spec.tensors);
        Self {
            state: State {
                normalizer: (options.normalize_observation && width > 0)
                    .then(|| ObservationNormalizer::new(width, options.clip_observation)),
                random_actions: Stream::new(seed, "uniform actions", 0),
                draws: Stream::new(seed, "replay draws", 0),
                gradient_steps: 0,
            },
            cores: CoresChoice::new(if pool.is_some() { 2 } else { 1 }),
            pool,
            replay,
            promised: None,
            observations: vec![0.0; lanes * width],
            joined: Vec::new(),
            shown: Vec::new(),
            choices: vec![0; if axes.is_empty() { lanes } else { 0 }],
            controls: vec![0.0; lanes * axes.len()],
            natural: vec![0.0; lanes * axes.len()],
            batch: Batch::default(),
            choices_count: if axes.is_empty() { spec.action.len() } else { 0 },
            learner,
            options,
            sight,
            axes,
        }
    }

    /// The learner itself.
    pub fn learner(&mut self) -> &mut L {
        &mut self.learner
    }

    /// One step of every environment into the buffer.
    fn step(&mut self, environments: &mut Environments, horizon: Horizon<'_>) -> Result<(), TrainError> {
        horizon.check_stop()?;
        let Self { learner, state, replay, observations, choices, controls, sight, joined, shown, .. } = self;
        let progress = horizon.remaining_at(environments.steps());
        if environments.steps() < self.options.learning_starts {
            for (lane, choice) in choices.iter_mut().enumerate() {
                let allowed = environments.allowed_in(lane);
                *choice = any_allowed(&mut state.random_actions, self.choices_count, allowed) as u32;
            }
            controls.iter_mut().for_each(|control| *control = state.random_actions.uniform(-1.0, 1.0));
        } else {
            let Transition { observations: raw, hidden, .. } = environments.transition();
            let raw = sight.join(raw, hidden, self.options.n_envs, joined);
            match &state.normalizer {
                None => observations.copy_from_slice(raw),
                Some(normalizer) => normalizer.apply(raw, observations),
            }
            let tensors = environments.tensors();
            let observations = tensors.with_features(sight.shown(observations, self.options.n_envs, shown));
            learner.act(observations, environments.allowed(), progress, Chosen { choices, controls });
        }
        if self.axes.is_empty() {
            environments.step(Actions::of_choices(choices))?;
        } else {
            let width = self.axes.len();
            for (index, natural) in self.natural.iter_mut().enumerate() {
                let axis = &self.axes[index % width];
                *natural = gaussian::to_bounds(controls[index], axis.low, axis.high);
            }
            environments.step(Actions::of_settings(&self.natural))?;
        }
        let transition = environments.transition();
        let Transition { observations, hidden, final_observations, final_hidden, .. } = transition;
        let lanes = self.options.n_envs;
        let rows = sight.join(observations, hidden, lanes, joined);
        if let Some(normalizer) = &mut state.normalizer {
            normalizer.update(rows);
        }
        let capacity = replay.capacity();
        let first = (replay.steps() as usize * self.options.n_envs) % capacity;
        replay.add(Step {
            choices,
            controls,
            rewards: environments.rewards(),
            outcomes: &transition.outcomes,
            observations: rows,
            final_observations: sight.join(final_observations, final_hidden, lanes, shown),
            allowed: environments.allowed(),
            tensors: &transition.tensors,
            final_tensors: &transition.final_tensors,
        });
        learner.added(first..first + self.options.n_envs);
        for (lane, outcome) in transition.outcomes.iter().enumerate() {
            if outcome.is_over() {
                learner.episode_ended(lane);
            }
        }
        learner.stepped(replay.steps());
        Ok(())
    }

    fn gradient_step(&mut self, progress_remaining: f64, steps: u64) -> Result<(), TrainError> {
        let Self { learner, state, replay, batch, options, cores, .. } = self;
        learner.draw(replay, options.batch_size, options.n_steps, options.gamma, &mut state.draws, batch);
        if let Some(normalizer) = &state.normalizer {
            normalizer.apply_in_place(&mut batch.observations);
            normalizer.apply_in_place(&mut batch.next_observations);
        }
        state.gradient_steps += 1;
        cores
            .measured(|cores| learner.learn(batch, progress_remaining, cores))
            .map_err(|what| TrainError::Diverged { what, steps })
    }
}

impl<L: Learner> OffPolicy<L> {
    fn rounds(
        &mut self,
        environments: &mut Environments,
        horizon: Horizon<'_>,
    ) -> Result<Figures, TrainError> {
        let lanes = self.options.n_envs;
        let end = environments.steps() + UPDATE_STEPS as u64;
        loop {
            for _ in 0..self.options.train_freq {
                self.step(environments, horizon)?;
                if environments.steps() >= horizon.total_steps {
                    break;
                }
            }
            let steps = environments.steps();
            if steps > self.options.learning_starts {
                let count = match self.options.gradient_steps {
                    -1 => self.options.train_freq * lanes,
                    count => count as usize,
                };
                for _ in 0..count {
                    horizon.check_stop()?;
                    self.gradient_step(horizon.remaining_at(steps), steps)?;
                }
            }
            if steps >= end || steps >= horizon.total_steps {
                break;
            }
        }
        let mut figures = self.learner.take_figures(horizon.remaining_at(environments.steps()));
        figures.insert("gradient_steps", self.state.gradient_steps as f64);
        figures.insert("replay_transitions", self.replay.len() as f64);
        Ok(figures)
    }
}

impl<L: Learner> Algorithm for OffPolicy<L> {
    fn lanes(&self) -> usize {
        self.options.n_envs
    }

    fn adopt(&mut self, policy: &Policy, saved: Option<&[u8]>) -> Result<Critics, StateError> {
        let saved: Option<(Vec<u8>, ReplayState, State)> = saved.map(from_bytes).transpose()?;
        let learner = saved.as_ref().map(|(learner, ..)| learner.as_slice());
        let critics = self.learner.adopt(policy.parameters.clone(), learner)?;
        let seen = saved.as_ref().and_then(|(_, _, state)| state.normalizer.as_ref());
        self.state.normalizer = ObservationNormalizer::of_policy(policy, seen, self.sight.width());
        Ok(critics)
    }

    fn begin(&mut self, environments: &Environments, adopted: bool) {
        let Transition { observations, hidden, tensors, .. } = environments.transition();
        let rows = self.sight.join(observations, hidden, environments.lanes(), &mut self.joined);
        if let Some(normalizer) = self.state.normalizer.as_mut().filter(|_| !adopted) {
            normalizer.update(rows);
        }
        self.replay.begin(rows, tensors, environments.allowed());
    }

    fn begin_new_episodes(&mut self, environments: &Environments) {
        let Transition { observations, hidden, tensors, .. } = environments.transition();
        let rows = self.sight.join(observations, hidden, environments.lanes(), &mut self.joined);
        self.replay.cut_off(rows, tensors, environments.allowed());
    }

    fn update(
        &mut self,
        environments: &mut Environments,
        horizon: Horizon<'_>,
    ) -> Result<Figures, TrainError> {
        match self.pool.take() {
            None => self.rounds(environments, horizon),
            Some(pool) => {
                let figures = pool.install(|| self.rounds(environments, horizon));
                self.pool = Some(pool);
                figures
            }
        }
    }

    fn snapshot(&self) -> Snapshot {
        let normalizer = self.state.normalizer.as_ref().filter(|_| self.sight.features() > 0);
        let normalizer = normalizer.map(|normalizer| normalizer.freeze(self.sight.features()));
        Snapshot { normalizer, ..self.learner.snapshot() }
    }

    fn replay(&self) -> Option<&Replay> {
        Some(&self.replay)
    }

    fn replay_to_mark(&mut self) -> Option<&mut Replay> {
        Some(&mut self.replay)
    }

    fn replay_to_restore(&mut self) -> Option<(&mut Replay, ReplayState)> {
        let promised = self.promised.take()?;
        Some((&mut self.replay, promised))
    }

    fn save(&self) -> Result<Vec<u8>, StateError> {
        let replay = self.replay.state();
        let mut bytes = to_bytes(&(self.learner.save()?, &replay, &self.state))?;
        if self.replay.shape().tensor_bytes > 0 {
            bytes.extend(to_bytes(&replay.tensors())?);
        }
        Ok(bytes)
    }

    fn load(&mut self, bytes: &[u8]) -> Result<(), StateError> {
        let ((learner, replay, state), rest) = first_of_bytes::<(Vec<u8>, ReplayState, State)>(bytes)?;
        let has_tensors = self.replay.shape().tensor_bytes > 0;
        let tensors = if has_tensors { from_bytes(rest)? } else { Default::default() };
        self.learner.load(&learner)?;
        self.promised = Some(replay.with_tensors(tensors));
        self.state = state;
        Ok(())
    }
}
