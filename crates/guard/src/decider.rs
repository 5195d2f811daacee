//! The trait of whoever decides, the states in which a decider decides, and the buffer for its actions.

use setpoint_decision::spec::ActionSpace;

/// Whoever decides: a policy, a heuristic, uniform random, a recorded controller, a policy behind constraints.
///
/// A decider serves a fixed number of lanes. It owns its buffers, so that a decision allocates nothing, and may be held
/// and moved between threads for as long as a process runs.
pub trait Decider: Send {
    /// An episode begins in a lane: the decider forgets what it remembers of the lane's last episode.
    fn begin(&mut self, lane: usize);

    /// Writes one action for each state.
    fn decide(&mut self, states: &States<'_>, actions: &mut ActionBuffer);
}

/// A decider that can tell how often it takes each choice of a state.
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

/// The states of some lanes, one row each.
#[derive(Clone, Copy, Debug)]
pub struct States<'a> {
    /// `[rows]` the lane of each row, in ascending order.
    pub lanes: &'a [usize],
    /// `[rows, features]` as a policy sees them.
    pub observations: &'a [f32],
    /// `[rows, signals]` of the present state; empty where none is known.
    pub signals: &'a [f32],
    /// `[rows, choices]` the choices that are allowed; empty where all of them are.
    pub allowed: &'a [bool],
}

impl<'a> States<'a> {
    /// One state of one lane.
    pub fn single(observation: &'a [f32], signals: &'a [f32], allowed: &'a [bool]) -> Self {
        Self { lanes: &[0], observations: observation, signals, allowed }
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

    /// The choices that are allowed in a row; empty where all of them are.
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
    /// `[rows]` indices of choices; empty where actions are settings.
    pub choices: Vec<u32>,
    /// `[rows, axes]` in the axes' units and within their bounds; empty where actions are choices.
    pub settings: Vec<f32>,
    /// `[rows]` the probability with which the choice was drawn; NaN where the decider does not say.
    pub probabilities: Vec<f64>,
    /// `[rows]` whether the decider has no action for this state; the action of the row then means nothing.
    pub declined: Vec<bool>,
    /// Settings of a row; 0 where actions are choices.
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
            axes: if space.is_discrete() { 0 } else { space.len() },
        };
        buffer.clear(rows_max);
        buffer
    }

    /// Makes room for so many rows and forgets their former contents.
    pub fn clear(&mut self, rows: usize) {
        self.choices.resize(if self.axes == 0 { rows } else { 0 }, 0);
        self.settings.resize(rows * self.axes, 0.0);
        self.probabilities.clear();
        self.probabilities.resize(rows, f64::NAN);
        self.declined.clear();
        self.declined.resize(rows, false);
    }

    /// The settings of a row; empty where actions are choices.
    pub fn settings(&self, row: usize) -> &[f32] {
        &self.settings[row * self.axes..(row + 1) * self.axes]
    }

    /// The settings of a row, to be written.
    pub fn settings_mut(&mut self, row: usize) -> &mut [f32] {
        &mut self.settings[row * self.axes..(row + 1) * self.axes]
    }
}
