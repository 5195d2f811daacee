//! The trait of deciders, the states for their decisions, and the buffer for their actions.

use std::fmt::Debug;

use setpoint_decision::spec::ActionSpace;
use setpoint_nn::inputs::{Inputs, Tensor};

/// A decider: a policy, a heuristic, uniform random, a recorded controller, a policy with constraints.
///
/// A decider serves a fixed number of lanes. It owns its buffers, so that a decision allocates nothing, and it may be kept
/// and moved between threads as long as a process runs.
pub trait Decider: Send {
    /// An episode begins in a lane: the decider resets its memory of the lane's last episode.
    fn begin(&mut self, lane: usize);

    /// Writes one action for each state.
    fn decide(&mut self, states: &States<'_>, actions: &mut ActionBuffer);
}

/// A decider that can give the probability of each choice of a state.
pub trait ChoiceProbabilities: Send {
    /// Writes the probability of each choice, `[rows, choices]`; the probabilities of a row sum to 1.
    fn probabilities(&mut self, states: &States<'_>, probabilities: &mut [f64]);
}

impl<D: Decider + ?Sized> Decider for &mut D {
    fn begin(&mut self, lane: usize) {
        (**self).begin(lane);
    }
    fn decide(&mut self, states: &States<'_>, actions: &mut ActionBuffer) {
        (**self).decide(states, actions);
    }
}

impl<D: Decider + ?Sized> Decider for Box<D> {
    fn begin(&mut self, lane: usize) {
        (**self).begin(lane);
    }
    fn decide(&mut self, states: &States<'_>, actions: &mut ActionBuffer) {
        (**self).decide(states, actions);
    }
}

/// The processes of the lanes, for deciders that plan ahead in copies of them.
pub trait SavedProcesses: Debug {
    /// The saved process of a lane, without its random numbers; `None` if it cannot be saved.
    fn saved(&self, lane: usize) -> Option<Vec<u8>>;
}

/// The states of some lanes, one row each.
#[derive(Clone, Copy, Debug)]
pub struct States<'a> {
    /// `[rows]` the lane of each row, in ascending order.
    pub lanes: &'a [usize],
    /// `[rows, features]` as a policy sees them.
    pub observations: &'a [f32],
    /// The images and sets of points of all rows; empty if the observation has features alone.
    pub tensors: &'a [Tensor<'a, f32>],
    /// `[rows, signals]` of the present state; empty if no signal is known.
    pub signals: &'a [f32],
    /// `[rows, choices]` the allowed choices of all groups; empty if all are allowed.
    pub allowed: &'a [bool],
    /// The processes of the lanes; `None` where no process is simulated, as at the plant.
    pub processes: Option<&'a dyn SavedProcesses>,
}

impl<'a> States<'a> {
    /// One state of one lane.
    pub fn single(observation: &'a [f32], signals: &'a [f32], allowed: &'a [bool]) -> Self {
        Self { lanes: &[0], observations: observation, tensors: &[], signals, allowed, processes: None }
    }

    /// The observations as a network reads them.
    pub fn inputs(&self) -> Inputs<'a, f32> {
        Inputs::new(self.observations, self.tensors)
    }

    /// Number of states.
    pub fn rows(&self) -> usize {
        self.lanes.len()
    }

    /// The observation of a row.
    pub fn observation(&self, row: usize) -> &'a [f32] {
        self.row_of(self.observations, row)
    }

    /// The signals of a row.
    pub fn signals(&self, row: usize) -> &'a [f32] {
        self.row_of(self.signals, row)
    }

    /// The allowed choices of a row; empty if all are allowed.
    pub fn allowed(&self, row: usize) -> &'a [bool] {
        self.row_of(self.allowed, row)
    }

    fn row_of<T>(&self, values: &'a [T], row: usize) -> &'a [T] {
        let width = values.len() / self.rows().max(1);
        &values[row * width..(row + 1) * width]
    }
}

/// The actions of some lanes, one row each.
#[derive(Clone, Debug, PartialEq)]
pub struct ActionBuffer {
    /// `[rows, groups]` the index of a choice in each group.
    pub choices: Vec<u32>,
    /// `[rows, axes]` in the axes' units and within their bounds.
    pub settings: Vec<f32>,
    /// `[rows]` the probability of the drawn choice, where an action is one choice; NaN if the decider does not give it.
    pub probabilities: Vec<f64>,
    /// `[rows]` whether the decider has no action for this state; the action of the row then has no meaning.
    pub declined: Vec<bool>,
    /// Choices of a row.
    groups: usize,
    /// Settings of a row.
    axes: usize,
}

impl ActionBuffer {
    /// A buffer for up to `rows_max` actions, with rows for all of them.
    pub fn new(space: &ActionSpace, rows_max: usize) -> Self {
        let mut buffer = Self {
            choices: Vec::new(),
            settings: Vec::new(),
            probabilities: Vec::new(),
            declined: Vec::new(),
            groups: space.groups.len(),
            axes: space.axes.len(),
        };
        buffer.clear(rows_max);
        buffer
    }

    /// Sets the number of rows and resets their contents.
    pub fn clear(&mut self, rows: usize) {
        self.choices.resize(rows * self.groups, 0);
        self.settings.resize(rows * self.axes, 0.0);
        self.probabilities.clear();
        self.probabilities.resize(rows, f64::NAN);
        self.declined.clear();
        self.declined.resize(rows, false);
    }

    /// The choices of a row, one of each group.
    pub fn choices(&self, row: usize) -> &[u32] {
        &self.choices[row * self.groups..(row + 1) * self.groups]
    }

    /// The choices of a row, for writing.
    pub fn choices_mut(&mut self, row: usize) -> &mut [u32] {
        &mut self.choices[row * self.groups..(row + 1) * self.groups]
    }

    /// Writes an action given by its numbers: the index of a choice of each group, then the settings.
    pub fn set(&mut self, row: usize, numbers: &[f32]) {
        let (choices, settings) = numbers.split_at(self.groups);
        self.choices_mut(row).iter_mut().zip(choices).for_each(|(to, choice)| *to = *choice as u32);
        self.settings_mut(row).copy_from_slice(settings);
    }

    /// The settings of a row.
    pub fn settings(&self, row: usize) -> &[f32] {
        &self.settings[row * self.axes..(row + 1) * self.axes]
    }

    /// The settings of a row, for writing.
    pub fn settings_mut(&mut self, row: usize) -> &mut [f32] {
        &mut self.settings[row * self.axes..(row + 1) * self.axes]
    }
}
