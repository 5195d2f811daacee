//! The interface of a process: observation, actions and signals, with names, bounds and units.

use serde::{Deserialize, Serialize};

mod actions;
mod tensors;

pub use actions::{ActionForm, ActionSpace, Axis, Choice, ChoiceGroup, wrong_step};
pub use tensors::{TENSORS_MAX, TensorForm, TensorPart};

/// Everything that learners, checks and readers need to know about a process before the first step.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Spec {
    /// The name used for `kind` in the project file, in kebab case.
    pub kind: String,
    /// One sentence for people.
    pub summary: String,
    /// The source of the dynamics (paper, tutorial, standard).
    pub source: String,
    /// The features, in order.
    pub observation: Vec<Feature>,
    /// Features of the process that a project hides from its policy: no part of the observation.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hidden: Vec<Feature>,
    /// Images and sets of points that the policy sees too, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tensors: Vec<TensorPart>,
    /// The actions of the policy.
    pub action: ActionSpace,
    /// Whether the process itself forbids choices in some states (jobs that cannot run, empty shelves).
    pub masked: bool,
    /// Whether the process has no randomness: the same actions always lead to the same episode.
    pub deterministic: bool,
    /// The measurements of each step, in order. A signal that has a feature's name is that feature's natural value.
    pub signals: Vec<Signal>,
    /// What it means that the process ends an episode.
    #[serde(default)]
    pub termination: Termination,
    /// Steps after which an episode is truncated, unless the project file says otherwise.
    pub max_steps: Option<u32>,
    /// The reward that the source of the process uses: the default of `setpoint new`.
    pub reward: Vec<(String, f64)>,
    /// The source's one-off bonus (or penalty, if negative) on termination.
    pub on_terminated: f64,
    /// The source's one-off bonus (or penalty) on truncation.
    pub on_truncated: f64,
    /// The value of published figures for this process, for the report.
    pub notes: Vec<String>,
    /// Hand-written policies that a project may name as baselines; `heuristic` means the first of them.
    pub heuristics: Vec<String>,
    /// Numbers of the dynamics that a project may set in `[process]`, randomise, or change by an event.
    #[serde(default)]
    pub parameters: Vec<Parameter>,
}

/// The signal of a learned process with the disagreement of its networks.
pub const MODEL_UNCERTAINTY: &str = "model_uncertainty";

/// Bounds from this size on are written where there is no bound, as the greatest float is, and count as none.
pub const UNBOUNDED_FROM: f32 = 1e30;

/// Whether both are bounds.
pub fn is_bounded(low: f32, high: f32) -> bool {
    // A NaN is no bound.
    low.abs() < UNBOUNDED_FROM && high.abs() < UNBOUNDED_FROM
}

/// What it means that a process ends an episode before its last step.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Termination {
    /// The process does not say.
    #[default]
    Unstated,
    /// A failure: the pole has fallen, the line has stopped.
    Failure,
    /// The goal, or the end of the work: the tip is up, the schedule is complete.
    Goal,
}

/// A unit after a number, with a space before it; empty for pure numbers.
pub fn behind_number(unit: &str) -> String {
    match unit {
        "1" => String::new(),
        // Job shops of the literature have durations without a unit of time.
        "time" => " units of time".to_owned(),
        unit => format!(" {unit}"),
    }
}

/// One number of a process's dynamics.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Parameter {
    /// Name in snake case: a key of `[process]`.
    pub name: String,
    /// Unit (`s`, `1` for a pure number).
    pub unit: String,
    /// Its meaning, in a few words.
    pub description: String,
    /// Its value in the source of the process.
    pub default: f64,
    /// Least admissible value.
    pub low: f64,
    /// Greatest admissible value.
    pub high: f64,
}

/// One number of the observation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Feature {
    /// Name in snake case.
    pub name: String,
    /// Unit of the natural value (`s`, `parts`, `1` for a pure number).
    pub unit: String,
    /// Its meaning, in a few words.
    pub description: String,
    /// Least value that the policy can see.
    pub low: f32,
    /// Greatest value that the policy can see.
    pub high: f32,
    /// `natural = value × scale + offset`, natural in [`Feature::unit`].
    pub scale: f32,
    /// See [`Feature::scale`].
    pub offset: f32,
    /// An ordinary value (as the policy sees it); the drivers of a choice refer to it.
    pub reference: f32,
}

impl Feature {
    /// A feature that the policy sees in its own unit; its reference value is the middle of its range.
    pub fn new(name: &str, unit: &str, low: f32, high: f32, description: &str) -> Self {
        let (name, unit, description) = (name.to_owned(), unit.to_owned(), description.to_owned());
        let reference = 0.5 * low + 0.5 * high;
        Self { name, unit, description, low, high, scale: 1.0, offset: 0.0, reference }
    }

    /// The same, seen in another scale: `natural = value × scale + offset`.
    pub fn seen_as(self, scale: f32, offset: f32) -> Self {
        Self { scale, offset, ..self }
    }

    /// The same with another ordinary value (as the policy sees it).
    pub fn ordinarily(self, reference: f32) -> Self {
        Self { reference, ..self }
    }

    /// The value in the feature's unit of a value as the policy sees it.
    pub fn natural(&self, value: f32) -> f32 {
        value * self.scale + self.offset
    }

    /// The value as the policy sees it of a value in the feature's unit.
    pub fn scaled(&self, natural: f32) -> f32 {
        (natural - self.offset) / self.scale
    }
}

/// One measurement that a process reports each step.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Signal {
    /// Name in snake case.
    pub name: String,
    /// Unit (`1/h`, `parts`, `1` for a pure number).
    pub unit: String,
    /// Its meaning, in a few words.
    pub description: String,
    /// Least possible value.
    pub low: f32,
    /// Greatest possible value.
    pub high: f32,
    /// Its summary over steps.
    pub aggregate: Aggregate,
}

impl Signal {
    /// A signal whose summary is its mean over steps.
    pub fn new(name: &str, unit: &str, low: f32, high: f32, description: &str) -> Self {
        let (name, unit, description) = (name.to_owned(), unit.to_owned(), description.to_owned());
        Self { name, unit, description, low, high, aggregate: Aggregate::Mean }
    }

    /// The unit of its summary: `%` for a share.
    pub fn summary_unit(&self) -> &str {
        if self.aggregate == Aggregate::Share { "%" } else { &self.unit }
    }

    /// The same with another summary.
    pub fn summarised_by(self, aggregate: Aggregate) -> Self {
        Self { aggregate, ..self }
    }
}

/// The summary of a signal over steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Aggregate {
    /// The mean over steps, in the signal's unit.
    Mean,
    /// The signal is 0 or 1; the share of steps at 1, in percent.
    Share,
    /// The sum over an episode, in the signal's unit.
    Total,
}
