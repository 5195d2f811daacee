//! The interface of a process: observation, actions and signals, with names, bounds and units.

use serde::{Deserialize, Serialize};

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

/// The actions of a policy: everything decided in one step. An action takes one choice of each group, and gives a value to
/// each setting.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(from = "TaggedActions", into = "TaggedActions")]
pub struct ActionSpace {
    /// The groups of choices; one choice of each is taken.
    pub groups: Vec<ChoiceGroup>,
    /// The settings.
    pub axes: Vec<Axis>,
}

/// The name of the only group of choices, where a process gives it no other.
const ONLY_GROUP: &str = "action";

/// The kinds of actions that most decisions and learners have.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum ActionForm<'a> {
    /// One of several choices.
    Choices(&'a [Choice]),
    /// Settings alone.
    Settings(&'a [Axis]),
    /// Several groups of choices, or choices and settings together.
    Several,
}

impl ActionSpace {
    /// One of several choices, from names and effects.
    pub fn choices(choices: &[(&str, &str)]) -> Self {
        let choice = |(name, description): &(&str, &str)| Choice {
            name: (*name).to_owned(),
            description: (*description).to_owned(),
        };
        Self::one_of(choices.iter().map(choice).collect())
    }

    /// One of several choices.
    pub fn one_of(choices: Vec<Choice>) -> Self {
        Self { groups: vec![ChoiceGroup::new(ONLY_GROUP, "", choices)], axes: Vec::new() }
    }

    /// Whether its only group is the one of [`ActionSpace::one_of`], which files do not describe.
    pub fn has_usual_group(&self) -> bool {
        matches!(self.groups.as_slice(), [group] if group.name == ONLY_GROUP && group.description.is_empty())
    }

    /// Settings alone.
    pub fn settings(axes: Vec<Axis>) -> Self {
        Self { groups: Vec::new(), axes }
    }

    /// The kind of its actions.
    pub fn form(&self) -> ActionForm<'_> {
        match (self.groups.as_slice(), self.axes.as_slice()) {
            ([group], []) => ActionForm::Choices(&group.choices),
            ([], axes) => ActionForm::Settings(axes),
            _ => ActionForm::Several,
        }
    }

    /// Number of choices of all groups: the width of a mask.
    pub fn choice_count(&self) -> usize {
        self.groups.iter().map(|group| group.choices.len()).sum()
    }

    /// Number of choices of all groups and of settings, see [`ActionSpace::names`].
    pub fn len(&self) -> usize {
        self.choice_count() + self.axes.len()
    }

    /// Numbers of an action: the index of a choice for each group, then the value of each setting.
    pub fn width(&self) -> usize {
        self.groups.len() + self.axes.len()
    }

    /// Whether there is no choice and no setting.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Names of the choices, group by group, then of the settings. No two are equal.
    pub fn names(&self) -> Vec<&str> {
        let mut names = self.choice_names();
        names.extend(self.axis_names());
        names
    }

    /// Names of the choices, group by group.
    pub fn choice_names(&self) -> Vec<&str> {
        let choices = self.groups.iter().flat_map(|group| &group.choices);
        choices.map(|choice| choice.name.as_str()).collect()
    }

    /// Names of the settings.
    pub fn axis_names(&self) -> Vec<&str> {
        self.axes.iter().map(|axis| axis.name.as_str()).collect()
    }

    /// For each group the place of its first choice among the choices of all groups.
    pub fn offsets(&self) -> impl Iterator<Item = usize> + '_ {
        self.groups.iter().scan(0, |next, group| {
            let offset = *next;
            *next += group.choices.len();
            Some(offset)
        })
    }

    /// Whether an action is one of several choices, and nothing else.
    pub fn is_discrete(&self) -> bool {
        matches!(self.form(), ActionForm::Choices(_))
    }

    /// The reason why this is no space of actions: an empty group, or two names that are equal.
    pub fn fault(&self) -> Option<String> {
        if let Some(group) = self.groups.iter().find(|group| group.choices.is_empty()) {
            return Some(format!("the group `{}` has no choices", group.name));
        }
        let mut names: Vec<&str> = self.names();
        names.sort_unstable();
        if let Some(pair) = names.windows(2).find(|pair| pair[0] == pair[1]) {
            return Some(format!("two choices or settings have the name `{}`", pair[0]));
        }
        let mut groups: Vec<&str> = self.groups.iter().map(|group| group.name.as_str()).collect();
        groups.sort_unstable();
        let pair = groups.windows(2).find(|pair| pair[0] == pair[1])?;
        Some(format!("two groups of choices have the name `{}`", pair[0]))
    }
}

/// An [`ActionSpace`] in JSON: the two forms that most processes have name their kind and nothing else.
#[derive(Clone, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum TaggedActions {
    Discrete { choices: Vec<Choice> },
    Continuous { axes: Vec<Axis> },
    Several { groups: Vec<ChoiceGroup>, axes: Vec<Axis> },
}

impl From<ActionSpace> for TaggedActions {
    fn from(space: ActionSpace) -> Self {
        match space.form() {
            ActionForm::Choices(choices) if space.has_usual_group() => {
                Self::Discrete { choices: choices.to_vec() }
            }
            ActionForm::Settings(axes) => Self::Continuous { axes: axes.to_vec() },
            ActionForm::Choices(_) | ActionForm::Several => {
                Self::Several { groups: space.groups, axes: space.axes }
            }
        }
    }
}

impl From<TaggedActions> for ActionSpace {
    fn from(tagged: TaggedActions) -> Self {
        match tagged {
            TaggedActions::Discrete { choices } => Self::one_of(choices),
            TaggedActions::Continuous { axes } => Self::settings(axes),
            TaggedActions::Several { groups, axes } => Self { groups, axes },
        }
    }
}

/// Choices of which an action takes one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ChoiceGroup {
    /// Name in snake case, such as `nozzle`; `action` where it is the only group.
    pub name: String,
    /// Its meaning, in a few words.
    pub description: String,
    /// The choices, by index.
    pub choices: Vec<Choice>,
}

impl ChoiceGroup {
    /// A group with its choices.
    pub fn new(name: &str, description: &str, choices: Vec<Choice>) -> Self {
        Self { name: name.to_owned(), description: description.to_owned(), choices }
    }
}

/// One of the choices of a group.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Choice {
    /// Name in snake case; no other choice and no setting of the process has it.
    pub name: String,
    /// Its effect, in a few words.
    pub description: String,
}

/// A setting: one bounded number of an action.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Axis {
    /// Name in snake case.
    pub name: String,
    /// Unit of the value.
    pub unit: String,
    /// Its effect, in a few words.
    pub description: String,
    /// Least admissible value.
    pub low: f32,
    /// Greatest admissible value.
    pub high: f32,
    /// The process rounds the value to the nearest multiple of this, in the unit; absent where every value counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<f32>,
}

/// The reason why values cannot be rounded to multiples of this [`Axis::step`]: it is not finite, or not above 0.
pub fn wrong_step(step: Option<f32>) -> Option<String> {
    let step = step.filter(|step| !step.is_finite() || *step <= 0.0)?;
    Some(format!("step is {step}; a step is finite and above 0"))
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

impl Axis {
    /// An axis with its range.
    pub fn new(name: &str, unit: &str, low: f32, high: f32, description: &str) -> Self {
        let (name, unit, description) = (name.to_owned(), unit.to_owned(), description.to_owned());
        Self { name, unit, description, low, high, step: None }
    }

    /// The same, if the process rounds its values to the nearest multiple of `step`, which is above 0.
    pub fn rounded_to(self, step: f32) -> Self {
        Self { step: Some(step), ..self }
    }

    /// The value that the process takes for this one: the nearest multiple of [`Axis::step`], halves away from 0.
    pub fn rounded(&self, value: f32) -> f32 {
        self.step.map_or(value, |step| (value / step).round() * step)
    }

    /// Limits of this axis; of an axis that is rounded, the first and the last multiple of its step within them. No value lies
    /// within them if the first is above the second.
    pub fn limits(&self, low: Option<f32>, high: Option<f32>) -> (f32, f32) {
        let low = low.unwrap_or(f32::NEG_INFINITY);
        let high = high.unwrap_or(f32::INFINITY);
        match self.step {
            Some(step) => (multiple(low, step, f64::ceil), multiple(high, step, f64::floor)),
            None => (low, high),
        }
    }
}

/// The multiple of `step` that the limit means; if it means none, the next one in the direction of `inwards`.
fn multiple(limit: f32, step: f32, inwards: fn(f64) -> f64) -> f32 {
    // Limit and step are each rounded to 32 bits (0.7 and 0.1 have no exact ones), so their ratio is a bit beside the whole number.
    const RATIO_ERROR: f64 = 2.0 * f32::EPSILON as f64;
    let ratio = f64::from(limit) / f64::from(step);
    let whole = ratio.round();
    let is_whole = (ratio - whole).abs() <= RATIO_ERROR * whole.abs();
    ((if is_whole { whole } else { inwards(ratio) }) * f64::from(step)) as f32
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_that_is_a_multiple_of_the_step_is_kept_in_decimals_too() {
        for (per_unit, step) in [(10.0, 0.1), (100.0, 0.01)] {
            let axis = Axis::new("gap", "mm", -50.0, 50.0, "").rounded_to(step);
            let at = |count: f64| axis.rounded((count / per_unit) as f32);
            let limits = |count: f64| {
                let limit = Some((count / per_unit) as f32);
                axis.limits(limit, limit)
            };
            for count in (-2000..=2000).map(f64::from) {
                assert_eq!(limits(count), (at(count), at(count)), "{count} steps of {step}");
                assert_eq!(limits(count + 0.4), (at(count + 1.0), at(count)), "{count}.4 steps of {step}");
                assert_eq!(
                    limits(count + 0.999),
                    (at(count + 1.0), at(count)),
                    "{count}.999 steps of {step}"
                );
            }
        }
    }

    #[test]
    fn an_absent_limit_is_infinite_and_a_limit_of_0_stays() {
        let axis = Axis::new("gap", "mm", -50.0, 50.0, "").rounded_to(0.1);
        assert_eq!(axis.limits(None, None), (f32::NEG_INFINITY, f32::INFINITY));
        assert_eq!(axis.limits(Some(0.0), Some(0.0)), (0.0, 0.0));
        assert_eq!(axis.limits(Some(f32::MIN), Some(f32::MAX)), (f32::MIN, f32::MAX));
    }
}
