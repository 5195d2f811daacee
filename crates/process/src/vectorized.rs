//! Many environments of one process that step together: static dispatch inside, one dynamic call per batch.

use std::mem;
use std::time::Instant;

use serde::{Deserialize, Serialize};
use setpoint_decision::spec::Spec;

use crate::gantt::Bar;
use crate::process::{Action, Outcome, Process};
use crate::tensors::TensorRows;
use crate::ways::Way;
use setpoint_random::Stream;

mod chunk;
#[cfg(test)]
mod tests;
mod threads;

use chunk::{Chunk, Widths};
use threads::Threads;

/// One action for every lane.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Actions<'a> {
    /// `[lanes, groups]` the index of a choice in each group.
    pub choices: &'a [u32],
    /// `[lanes, axes]` the values of the settings, within their bounds.
    pub settings: &'a [f32],
}

impl<'a> Actions<'a> {
    /// Choices alone.
    pub fn of_choices(choices: &'a [u32]) -> Self {
        Self { choices, settings: &[] }
    }

    /// Settings alone.
    pub fn of_settings(settings: &'a [f32]) -> Self {
        Self { choices: &[], settings }
    }

    /// The action of one of `lanes` lanes.
    pub fn of_lane(self, lane: usize, lanes: usize) -> Action<'a> {
        let Actions { choices, settings } = self.of_lanes(lane..lane + 1, lanes);
        Action { choices, settings }
    }

    /// The actions of some of `lanes` lanes.
    pub fn of_lanes(self, some: std::ops::Range<usize>, lanes: usize) -> Self {
        let (groups, axes) = (self.choices.len() / lanes.max(1), self.settings.len() / lanes.max(1));
        Self {
            choices: &self.choices[some.start * groups..some.end * groups],
            settings: &self.settings[some.start * axes..some.end * axes],
        }
    }

    /// Checks the number of choices and settings.
    ///
    /// # Panics
    /// If they are not those of `lanes` lanes of a process with this number of groups and axes.
    pub fn check(self, lanes: usize, groups: usize, axes: usize) {
        assert_eq!(self.choices.len(), lanes * groups, "one choice per group and lane");
        assert_eq!(self.settings.len(), lanes * axes, "one value per axis and lane");
    }
}

/// The result of a step of all lanes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Transition {
    /// `[lanes, features]`: the next observation; in the lane of a finished episode, the first observation of the next one.
    pub observations: Vec<f32>,
    /// `[lanes, signals]` of the step just taken.
    pub signals: Vec<f32>,
    /// `[lanes, signals]` of the state of the next decision: `signals` unless the episode was reset.
    pub current_signals: Vec<f32>,
    /// `[lanes]`
    pub outcomes: Vec<Outcome>,
    /// `[lanes, features]`: the last observation of the finished episode; valid if the outcome is over.
    pub final_observations: Vec<f32>,
    /// `[lanes, choices]`: the choices that the process allows next; empty if it never forbids any.
    pub allowed: Vec<bool>,
    /// One row per lane of each tensor part of the next observation. A checkpoint does not hold them: a restored process
    /// writes them again.
    #[serde(skip)]
    pub tensors: Vec<TensorRows>,
    /// The same of `final_observations`.
    #[serde(skip)]
    pub final_tensors: Vec<TensorRows>,
    /// `[lanes, hidden]`: the features of the next state that are no part of the observation.
    #[serde(skip)]
    pub hidden: Vec<f32>,
    /// The same next to `final_observations`.
    #[serde(skip)]
    pub final_hidden: Vec<f32>,
}

impl Transition {
    /// For a number of lanes of a process, before their first episode.
    pub fn new(spec: &Spec, lanes: usize) -> Self {
        let (features, signals) = (spec.observation.len(), spec.signals.len());
        let masked = if spec.masked { spec.action.choice_count() } else { 0 };
        Self {
            observations: vec![0.0; lanes * features],
            signals: vec![0.0; lanes * signals],
            current_signals: vec![0.0; lanes * signals],
            outcomes: vec![Outcome::Running; lanes],
            final_observations: vec![0.0; lanes * features],
            allowed: vec![true; lanes * masked],
            tensors: TensorRows::of_parts(&spec.tensors, lanes),
            final_tensors: TensorRows::of_parts(&spec.tensors, lanes),
            hidden: vec![0.0; lanes * spec.hidden.len()],
            final_hidden: vec![0.0; lanes * spec.hidden.len()],
        }
    }

    /// Whether the arrays of both have the same lengths; tensors and hidden features, which no checkpoint holds, do not count.
    pub fn has_sizes_of(&self, other: &Self) -> bool {
        let sizes = |transition: &Self| {
            let Self { observations, signals, current_signals, outcomes, .. } = transition;
            let Self { final_observations, allowed, .. } = transition;
            let numbers = [observations, signals, current_signals, final_observations].map(Vec::len);
            (numbers, outcomes.len(), allowed.len())
        };
        sizes(self) == sizes(other)
    }

    /// Whether some lane's process allows no choice at all.
    pub fn leaves_nothing(&self) -> bool {
        let choices = self.allowed.len() / self.outcomes.len().max(1);
        choices > 0 && self.allowed.chunks_exact(choices).any(|allowed| !allowed.contains(&true))
    }
}

/// A state could not be saved or restored.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("the saved state does not fit: {0}")]
pub struct StateError(String);

impl StateError {
    /// With the found and the expected content.
    pub fn new(message: impl Into<String>) -> Self {
        Self(message.into())
    }
}

/// A process outside of this program failed: an environment raised an exception, hung, or gave wrong values. Built-in
/// processes never do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{process}, {}: {reason}", place(lane, step))]
pub struct ProcessError {
    /// Its kind, and its own name.
    pub process: String,
    /// The environment, if the error belongs to one.
    pub lane: Option<usize>,
    /// Its number of steps.
    pub step: Option<u64>,
    /// The error, and a possible remedy.
    pub reason: String,
}

fn place(lane: &Option<usize>, step: &Option<u64>) -> String {
    match (lane, step) {
        (Some(lane), Some(step)) => format!("environment {lane} at its step {step}"),
        (Some(lane), None) => format!("environment {lane}"),
        (None, Some(step)) => format!("step {step}"),
        (None, None) => "at its start".to_owned(),
    }
}

/// Environments of any process that step together. A finished episode is reset in the same step.
pub trait Batch: Send {
    /// Number of environments.
    fn lanes(&self) -> usize;
    /// Begins a new episode in every lane.
    fn reset(&mut self) -> Result<(), Box<ProcessError>>;
    /// Begins a new episode in one lane, which draws from `random` from now on, if it is given.
    fn reset_lane(&mut self, lane: usize, random: Option<Stream>) -> Result<(), Box<ProcessError>>;
    /// Takes one action in every lane.
    ///
    /// # Panics
    /// If the actions are not of the process's kind or not one per lane.
    fn step(&mut self, actions: Actions<'_>) -> Result<(), Box<ProcessError>> {
        self.step_where(actions, &[])
    }
    /// Takes one action in every lane whose `steps` is true; the others do not change, and their outcome is `Running`. All
    /// lanes step if `steps` is empty.
    ///
    /// # Panics
    /// Like [`Batch::step`].
    fn step_where(&mut self, actions: Actions<'_>, steps: &[bool]) -> Result<(), Box<ProcessError>>;
    /// Sets one number of the dynamics in one lane, from its next step on; `index` counts the spec's parameters.
    ///
    /// # Panics
    /// If the process has no such parameter.
    fn set_parameter(&mut self, _lane: usize, index: usize, _value: f64) {
        unreachable!("this process has no parameter {index}")
    }
    /// Allows so many threads for a step (at least 1, the caller's; before this call it is 1). They are used when a step is so
    /// expensive that they are faster. No result depends on it. Processes outside of this program ignore it.
    fn use_threads(&mut self, _threads: usize) {}
    /// Sets the level of difficulty of later episodes, if the batch has levels.
    fn set_level(&mut self, _level: usize) {}
    /// The level of a lane's last finished episode.
    fn finished_level(&self, _lane: usize) -> usize {
        0
    }
    /// From now on keeps the schedule of each lane's last finished episode; a training does not need it.
    fn keep_schedules(&mut self) {}
    /// The schedule of a lane's last finished episode; empty if none is kept, or the process schedules nothing.
    fn schedule(&self, _lane: usize) -> &[Bar] {
        &[]
    }
    /// The result of the last step.
    fn transition(&self) -> &Transition;
    /// Everything that a bit-identical continuation needs.
    fn save(&self) -> Result<Vec<u8>, StateError>;
    /// Restores the state that [`Batch::save`] wrote.
    fn load(&mut self, state: &[u8]) -> Result<(), StateError>;
    /// The process of one lane in the middle of its episode, without its random numbers and without disturbances, for
    /// [`Batch::continue_all`].
    fn save_lane(&self, lane: usize) -> Result<Vec<u8>, StateError> {
        Err(StateError::new(format!("environment {lane} of this process cannot be copied")))
    }
    /// Continues the episode of [`Batch::save_lane`] in every lane; lane `i` draws from `random(i)` from now on, so the copies know
    /// nothing of the random numbers of the saved episode.
    fn continue_all(
        &mut self,
        _state: &[u8],
        _random: &mut dyn FnMut(usize) -> Stream,
    ) -> Result<(), StateError> {
        Err(StateError::new("environments of this process cannot be copied"))
    }
}

/// A batch of one process type.
pub struct Vectorized<P> {
    lanes: Vec<Environment<P>>,
    transition: Transition,
    widths: Widths,
    groups: usize,
    axes: usize,
    threads: Threads,
    /// One per lane if schedules are kept; not part of the saved state.
    schedules: Vec<Vec<Bar>>,
}

/// One environment.
#[derive(Clone, Serialize, Deserialize)]
struct Environment<P> {
    process: P,
    random: Stream,
    steps: u32,
}

impl<P: Process> Vectorized<P> {
    /// `lanes` copies of a process; lane `i` draws from the stream (seed, purpose, i).
    /// `max_steps` of the spec truncates episodes.
    pub fn new(prototype: &P, spec: &Spec, lanes: usize, seed: u64, purpose: &str) -> Self {
        let lane = |index: usize| Environment {
            process: prototype.clone(),
            random: Stream::new(seed, purpose, index as u64),
            steps: 0,
        };
        let mut batch = Self {
            lanes: (0..lanes).map(lane).collect(),
            transition: Transition::new(spec, lanes),
            widths: Widths {
                features: spec.observation.len(),
                signals: spec.signals.len(),
                masked: if spec.masked { spec.action.choice_count() } else { 0 },
                max_steps: spec.max_steps.unwrap_or(u32::MAX),
            },
            threads: Threads::one(),
            groups: spec.action.groups.len(),
            axes: spec.action.axes.len(),
            schedules: Vec::new(),
        };
        for lane in 0..lanes {
            batch.begin(lane);
        }
        batch
    }

    /// Begins an episode in a lane.
    fn begin(&mut self, lane: usize) {
        let Widths { features, signals: signals_wide, masked, .. } = self.widths;
        let Transition { observations, signals, current_signals, outcomes, allowed, .. } =
            &mut self.transition;
        let observation = &mut observations[lane * features..(lane + 1) * features];
        let own = lane * signals_wide..(lane + 1) * signals_wide;
        let Environment { process, random, steps } = &mut self.lanes[lane];
        process.reset(random, observation, &mut current_signals[own.clone()]);
        *steps = 0;
        signals[own.clone()].copy_from_slice(&current_signals[own]);
        outcomes[lane] = Outcome::Running;
        if masked > 0 {
            process.mask(&mut allowed[lane * masked..(lane + 1) * masked]);
        }
        self.show_tensors(lane);
    }

    /// Writes the tensor parts of a lane's present observation.
    fn show_tensors(&mut self, lane: usize) {
        for (part, rows) in self.transition.tensors.iter_mut().enumerate() {
            self.lanes[lane].process.tensor(part, rows.row_mut(lane));
        }
    }

    /// Steps every lane in `steps` with its action from `action_of`, on one core or on several.
    fn step_with<'a>(
        &mut self,
        action_of: impl Fn(usize) -> Action<'a> + Sync,
        steps: impl Fn(usize) -> bool + Sync,
    ) {
        let Self { widths, lanes, transition, schedules, threads, .. } = self;
        let count = lanes.len();
        let whole = Chunk::whole(*widths, lanes, transition, schedules);
        if !threads.are_several() {
            whole.step(&action_of, &steps);
            return;
        }
        let stepping = (0..count).filter(|lane| steps(*lane)).count();
        let (way, is_measured) = threads.plan(stepping);
        let started = is_measured.then(Instant::now);
        match way {
            Way::One => whole.step(&action_of, &steps),
            Way::Several => threads.share(whole, count, |chunk| chunk.step(&action_of, &steps)),
        }
        if let Some(started) = started {
            threads.took(way, stepping, started.elapsed());
        }
    }
}

impl<P: Process> Batch for Vectorized<P> {
    fn lanes(&self) -> usize {
        self.lanes.len()
    }

    fn reset(&mut self) -> Result<(), Box<ProcessError>> {
        for lane in 0..self.lanes.len() {
            self.begin(lane);
        }
        Ok(())
    }

    fn reset_lane(&mut self, lane: usize, random: Option<Stream>) -> Result<(), Box<ProcessError>> {
        if let Some(random) = random {
            self.lanes[lane].random = random;
        }
        self.begin(lane);
        Ok(())
    }

    fn step_where(&mut self, actions: Actions<'_>, steps: &[bool]) -> Result<(), Box<ProcessError>> {
        let lanes = self.lanes.len();
        assert!(steps.is_empty() || steps.len() == lanes, "one flag per lane, or none");
        actions.check(lanes, self.groups, self.axes);
        let Actions { choices, settings } = actions;
        // Distinguished here, so that a training's loop has no branch.
        match (self.groups, self.axes, steps) {
            (1, 0, []) => self.step_with(|lane| Action::of_choices(&choices[lane..=lane]), |_| true),
            (0, 1, []) => self.step_with(|lane| Action::of_settings(&settings[lane..=lane]), |_| true),
            (_, _, []) => self.step_with(|lane| actions.of_lane(lane, lanes), |_| true),
            (_, _, steps) => self.step_with(|lane| actions.of_lane(lane, lanes), |lane| steps[lane]),
        }
        Ok(())
    }

    fn set_parameter(&mut self, lane: usize, index: usize, value: f64) {
        self.lanes[lane].process.set_parameter(index, value);
    }

    fn use_threads(&mut self, threads: usize) {
        self.threads = Threads::new(threads, self.lanes.len());
    }

    fn keep_schedules(&mut self) {
        self.schedules.resize(self.lanes.len(), Vec::new());
    }

    fn schedule(&self, lane: usize) -> &[Bar] {
        self.schedules.get(lane).map_or(&[], Vec::as_slice)
    }

    fn transition(&self) -> &Transition {
        &self.transition
    }

    fn save_lane(&self, lane: usize) -> Result<Vec<u8>, StateError> {
        let Environment { process, steps, .. } = &self.lanes[lane];
        let Widths { features, signals, .. } = self.widths;
        let observation = &self.transition.observations[lane * features..(lane + 1) * features];
        let current = &self.transition.current_signals[lane * signals..(lane + 1) * signals];
        postcard::to_stdvec(&(process, steps, observation, current))
            .map_err(|error| StateError::new(error.to_string()))
    }

    fn continue_all(
        &mut self,
        state: &[u8],
        random: &mut dyn FnMut(usize) -> Stream,
    ) -> Result<(), StateError> {
        let (process, steps, observation, current): (P, u32, Vec<f32>, Vec<f32>) =
            postcard::from_bytes(state).map_err(|error| StateError::new(error.to_string()))?;
        let Widths { features, signals, masked, .. } = self.widths;
        if (observation.len(), current.len()) != (features, signals) {
            return Err(StateError::new("it has other features or signals"));
        }
        for lane in 0..self.lanes.len() {
            self.lanes[lane] = Environment { process: process.clone(), random: random(lane), steps };
            let transition = &mut self.transition;
            transition.observations[lane * features..(lane + 1) * features].copy_from_slice(&observation);
            let own = lane * signals..(lane + 1) * signals;
            transition.signals[own.clone()].copy_from_slice(&current);
            transition.current_signals[own].copy_from_slice(&current);
            transition.outcomes[lane] = Outcome::Running;
            if masked > 0 {
                process.mask(&mut transition.allowed[lane * masked..(lane + 1) * masked]);
            }
            self.show_tensors(lane);
        }
        Ok(())
    }

    fn save(&self) -> Result<Vec<u8>, StateError> {
        postcard::to_stdvec(&(&self.lanes, &self.transition))
            .map_err(|error| StateError::new(error.to_string()))
    }

    fn load(&mut self, state: &[u8]) -> Result<(), StateError> {
        let (lanes, transition): (Vec<Environment<P>>, Transition) =
            postcard::from_bytes(state).map_err(|error| StateError::new(error.to_string()))?;
        if lanes.len() != self.lanes.len() || !transition.has_sizes_of(&self.transition) {
            return Err(StateError::new(format!(
                "it has {} environments of different sizes, expected {}",
                lanes.len(),
                self.lanes.len()
            )));
        }
        self.lanes = lanes;
        let own = mem::replace(&mut self.transition, transition);
        self.transition.tensors = own.tensors;
        self.transition.final_tensors = own.final_tensors;
        (0..self.lanes.len()).for_each(|lane| self.show_tensors(lane));
        Ok(())
    }
}
