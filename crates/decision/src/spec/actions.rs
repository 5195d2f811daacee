//! The space of actions: groups of choices and settings.

use std::ops::Range;

use serde::{Deserialize, Serialize};

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

    /// The kind of its actions in files. They do not describe the group of [`ActionSpace::one_of`], so a single group that has a
    /// name of its own is written as one of several.
    pub fn stored_form(&self) -> ActionForm<'_> {
        match (self.form(), self.groups.as_slice()) {
            (ActionForm::Choices(_), [group])
                if group.name != ONLY_GROUP || !group.description.is_empty() =>
            {
                ActionForm::Several
            }
            (form, _) => form,
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

    /// Names of the parts of an action, of which each has a number: the groups, then the settings.
    pub fn part_names(&self) -> Vec<&str> {
        self.groups.iter().map(|group| group.name.as_str()).chain(self.axis_names()).collect()
    }

    /// Number of choices of each group.
    pub fn group_sizes(&self) -> Vec<usize> {
        self.groups.iter().map(|group| group.choices.len()).collect()
    }

    /// Each group with the places of its choices among the choices of all groups.
    pub fn placed_groups(&self) -> impl Iterator<Item = (&ChoiceGroup, Range<usize>)> {
        self.groups.iter().scan(0, |next, group| {
            let first = *next;
            *next += group.choices.len();
            Some((group, first..*next))
        })
    }

    /// For each group the place of its first choice among the choices of all groups.
    pub fn offsets(&self) -> impl Iterator<Item = usize> {
        self.placed_groups().map(|(_, places)| places.start)
    }

    /// The place among the choices of all groups of each of these choices, one of each group by its index.
    pub fn places(&self, choices: &[u32]) -> impl Iterator<Item = usize> {
        choices.iter().zip(self.offsets()).map(|(choice, offset)| offset + *choice as usize)
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
        match space.stored_form() {
            ActionForm::Choices(choices) => Self::Discrete { choices: choices.to_vec() },
            ActionForm::Settings(axes) => Self::Continuous { axes: axes.to_vec() },
            ActionForm::Several => Self::Several { groups: space.groups, axes: space.axes },
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

/// The reason why values cannot be rounded to multiples of this [`Axis::step`]: it is not finite, or not above 0.
pub fn wrong_step(step: Option<f32>) -> Option<String> {
    let step = step.filter(|step| !step.is_finite() || *step <= 0.0)?;
    Some(format!("step is {step}; a step is finite and above 0"))
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
