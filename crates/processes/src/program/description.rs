//! The description that a program gives of its environments, and the process that follows from it.

use std::collections::HashSet;

use serde::Deserialize;
use setpoint_decision::spec::{
    ActionSpace, Aggregate, Axis, Choice, ChoiceGroup, Feature, Signal, Spec, Termination, wrong_step,
};

use super::KIND;

/// Features, choices, settings and signals that a description has at most, all together.
pub const NUMBERS_MAX: usize = 100_000;

/// A program's answer to `describe`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Description {
    /// Its name, for people.
    pub name: String,
    /// A description in one sentence.
    #[serde(default)]
    pub summary: String,
    /// The source of its dynamics.
    #[serde(default)]
    pub source: String,
    /// The features of an observation, in order.
    pub features: Vec<Number>,
    /// The choices, if an action takes one of them.
    #[serde(default)]
    pub choices: Vec<Named>,
    /// Groups of choices, if an action takes one of each; instead of `choices`.
    #[serde(default)]
    pub groups: Vec<Group>,
    /// The settings of an action, in order.
    #[serde(default)]
    pub settings: Vec<Number>,
    /// The signals of each step, in order.
    pub signals: Vec<Measured>,
    /// Its usual reward: weights of signals.
    #[serde(default)]
    pub reward: serde_json::Map<String, serde_json::Value>,
    /// Whether choices are forbidden in some states.
    #[serde(default)]
    pub masked: bool,
    /// Whether it has no randomness.
    #[serde(default)]
    pub deterministic: bool,
    /// What it means that it ends an episode.
    #[serde(default)]
    pub termination: Termination,
    /// Steps after which an episode is truncated; Setpoint counts them.
    #[serde(default)]
    pub max_steps: Option<u32>,
    /// Environments that one process of it can have at the same time; absent if there is no limit.
    #[serde(default)]
    pub environments: Option<usize>,
    /// Whether it answers `reset` and `step` as lines; otherwise only as frames of bytes.
    #[serde(default = "usual")]
    pub lines: bool,
    /// Whether it answers `batch`.
    #[serde(default)]
    pub batch: bool,
    /// Whether it answers `binary`.
    #[serde(default)]
    pub binary: bool,
    /// Whether it answers `save` and `load`.
    #[serde(default)]
    pub saves: bool,
}

/// A feature or a setting.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Number {
    /// Its name in snake case.
    pub name: String,
    /// Its unit.
    #[serde(default = "pure")]
    pub unit: String,
    /// Least value; absent if a feature has no lower bound.
    #[serde(default)]
    pub low: Option<f64>,
    /// Greatest value; absent if a feature has no upper bound.
    #[serde(default)]
    pub high: Option<f64>,
    /// Its meaning.
    #[serde(default)]
    pub description: String,
    /// Of a feature: an ordinary value.
    #[serde(default)]
    pub reference: Option<f64>,
    /// Of a setting: the program rounds it to the nearest multiple of this.
    #[serde(default)]
    pub step: Option<f32>,
}

/// A choice.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Named {
    /// Its name in snake case.
    pub name: String,
    /// Its effect.
    #[serde(default)]
    pub description: String,
}

/// Choices of which an action takes one.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Group {
    /// Its name in snake case.
    pub name: String,
    /// Its meaning.
    #[serde(default)]
    pub description: String,
    /// The choices, by index.
    pub choices: Vec<Named>,
}

/// A signal.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Measured {
    /// Its name in snake case.
    pub name: String,
    /// Its unit.
    #[serde(default = "pure")]
    pub unit: String,
    /// Least value, if it has one.
    #[serde(default)]
    pub low: Option<f64>,
    /// Greatest value, if it has one.
    #[serde(default)]
    pub high: Option<f64>,
    /// Its meaning.
    #[serde(default)]
    pub description: String,
    /// Its summary over steps.
    #[serde(default)]
    pub aggregate: Option<Aggregate>,
}

/// The unit of pure numbers.
fn pure() -> String {
    "1".to_owned()
}

fn usual() -> bool {
    true
}

impl Description {
    /// Every reason why Setpoint cannot use it; empty if it is sound.
    pub fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        if self.name.trim().is_empty() {
            faults.push("`name` is empty; expected the name of the simulator".to_owned());
        }
        let choices: usize =
            self.groups.iter().map(|group| group.choices.len()).sum::<usize>() + self.choices.len();
        let all = self.features.len() + self.signals.len() + self.settings.len() + choices;
        if all > NUMBERS_MAX {
            return vec![format!(
                "it has {all} features, choices, settings and signals; at most {NUMBERS_MAX}"
            )];
        }
        for (what, count) in [("feature", self.features.len()), ("signal", self.signals.len())] {
            if count == 0 {
                faults.push(format!("`{what}s` is empty; expected at least one {what}"));
            }
        }
        self.action_faults(&mut faults);
        let features = self.features.iter().map(|number| ("feature", &number.name, number.low, number.high));
        let signals = self.signals.iter().map(|signal| ("signal", &signal.name, signal.low, signal.high));
        faults.extend(features.chain(signals).filter_map(wrong_bounds));
        for (what, names) in [
            ("feature", self.features.iter().map(|number| &number.name).collect::<Vec<_>>()),
            ("signal", self.signals.iter().map(|signal| &signal.name).collect()),
        ] {
            faults.extend(wrong_names(what, names));
        }
        for number in &self.features {
            let name = &number.name;
            if number.step.is_some() {
                faults.push(format!("feature `{name}` has `step`; only a setting has one"));
            }
            let (low, high) = (number.low.unwrap_or(f64::MIN), number.high.unwrap_or(f64::MAX));
            if number.reference.is_some_and(|reference| !(low..=high).contains(&reference)) {
                faults.push(format!("feature `{name}`: `reference` is outside of its bounds"));
            }
        }
        let is_signal = |name: &str| self.signals.iter().any(|signal| signal.name == name);
        for (name, weight) in &self.reward {
            if !is_signal(name) {
                faults.push(format!("`reward` has `{name}`, which is no signal"));
            } else if weight.as_f64().is_none() {
                faults.push(format!("`reward`: the weight of `{name}` is {weight}; expected a number"));
            }
        }
        if self.max_steps == Some(0) {
            faults.push("`max_steps` is 0; expected a number of 1 or more".to_owned());
        }
        if !self.lines && (!self.binary || self.batch) {
            faults.push("`lines` is false; expected \"binary\": true and no `batch` with it".to_owned());
        }
        if self.environments == Some(0) {
            faults.push("`environments` is 0; expected a number of 1 or more".to_owned());
        }
        faults
    }

    fn action_faults(&self, faults: &mut Vec<String>) {
        if !self.choices.is_empty() && !self.groups.is_empty() {
            faults.push("it has `choices` and `groups`; expected one of them".to_owned());
        }
        let action = self.action();
        if action.is_empty() {
            faults.push("it has no `choices`, no `groups` and no `settings`; expected actions".to_owned());
        }
        faults.extend(action.fault());
        faults.extend(wrong_names("choice", action.groups.iter().flat_map(|g| &g.choices).map(|c| &c.name)));
        faults.extend(wrong_names("group", self.groups.iter().map(|group| &group.name)));
        faults.extend(wrong_names("setting", self.settings.iter().map(|number| &number.name)));
        for number in &self.settings {
            let name = &number.name;
            match (number.low, number.high) {
                (Some(low), Some(high)) => {
                    faults.extend(wrong_bounds(("setting", name, Some(low), Some(high))));
                }
                _ => faults.push(format!("setting `{name}` has no bounds; expected `low` and `high`")),
            }
            if let Some(reason) = wrong_step(number.step) {
                faults.push(format!("setting `{name}`: {reason}"));
            }
            if number.reference.is_some() {
                faults.push(format!("setting `{name}` has `reference`; only a feature has one"));
            }
        }
        if self.masked && action.groups.is_empty() {
            faults.push("`masked` is true, but it has no choices that a mask could forbid".to_owned());
        }
    }

    /// The space of its actions.
    pub fn action(&self) -> ActionSpace {
        let choice =
            |named: &Named| Choice { name: named.name.clone(), description: named.description.clone() };
        let choices = |choices: &[Named]| choices.iter().map(choice).collect::<Vec<_>>();
        let axis = |number: &Number| Axis {
            step: number.step,
            ..Axis::new(&number.name, &number.unit, low(number.low), high(number.high), &number.description)
        };
        let mut action = ActionSpace::settings(self.settings.iter().map(axis).collect());
        if self.choices.is_empty() {
            let group =
                |group: &Group| ChoiceGroup::new(&group.name, &group.description, choices(&group.choices));
            action.groups = self.groups.iter().map(group).collect();
        } else {
            action.groups = ActionSpace::one_of(choices(&self.choices)).groups;
        }
        action
    }

    /// The process, with the project's limit of steps, if it has one.
    pub fn spec(&self, max_steps: Option<u32>) -> Spec {
        let feature = |number: &Number| {
            let (low, high) = (low(number.low), high(number.high));
            let middle = if low > f32::MIN && high < f32::MAX {
                0.5 * low + 0.5 * high
            } else {
                0.0_f32.clamp(low, high)
            };
            Feature::new(&number.name, &number.unit, low, high, &number.description)
                .ordinarily(number.reference.map_or(middle, |reference| reference as f32))
        };
        let signal = |signal: &Measured| {
            Signal::new(&signal.name, &signal.unit, low(signal.low), high(signal.high), &signal.description)
                .summarised_by(signal.aggregate.unwrap_or(Aggregate::Mean))
        };
        let weight = |(name, weight): (&String, &serde_json::Value)| Some((name.clone(), weight.as_f64()?));
        let named = |text: &str, otherwise: String| if text.is_empty() { otherwise } else { text.to_owned() };
        let notes = if self.saves { None } else { Some(NOT_SAVED.to_owned()) };
        Spec {
            kind: KIND.to_owned(),
            summary: named(&self.summary, format!("the program {}", self.name)),
            source: named(&self.source, format!("{}, a program", self.name)),
            observation: self.features.iter().map(feature).collect(),
            action: self.action(),
            masked: self.masked,
            deterministic: self.deterministic,
            signals: self.signals.iter().map(signal).collect(),
            termination: self.termination,
            max_steps: max_steps.or(self.max_steps),
            reward: self.reward.iter().filter_map(weight).collect(),
            notes: notes.into_iter().collect(),
            ..Spec::default()
        }
    }
}

const NOT_SAVED: &str = "Its environments run outside of this program: their state is not part of a checkpoint, and a resumed \
                         training begins new episodes.";

fn low(bound: Option<f64>) -> f32 {
    bound.map_or(f32::MIN, |bound| bound as f32)
}

fn high(bound: Option<f64>) -> f32 {
    bound.map_or(f32::MAX, |bound| bound as f32)
}

/// The fault in the bounds of a number.
fn wrong_bounds((what, name, least, greatest): (&str, &String, Option<f64>, Option<f64>)) -> Option<String> {
    let (least, greatest) = (low(least), high(greatest));
    if !least.is_finite() || !greatest.is_finite() {
        return Some(format!(
            "{what} `{name}`: a bound is too large for 32 bits; leave it out if there is none"
        ));
    }
    (least >= greatest).then(|| {
        format!("{what} `{name}`: `low` is {least} and `high` is {greatest}; `low` must be below `high`")
    })
}

/// The faults in names of one kind.
fn wrong_names<'a>(what: &str, names: impl IntoIterator<Item = &'a String>) -> Vec<String> {
    let mut seen = HashSet::new();
    let mut faults = Vec::new();
    for name in names {
        let begins = name.starts_with(|letter: char| letter.is_ascii_lowercase());
        let is_name = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '_';
        if !begins || !name.chars().all(is_name) || name.len() > 100 {
            faults.push(format!(
                "{what} `{}`: a name has small letters, digits and `_`, and begins with a letter",
                name.chars().take(40).collect::<String>()
            ));
        } else if !seen.insert(name) && what != "choice" && what != "setting" && what != "group" {
            faults.push(format!("two {what}s have the name `{name}`"));
        }
    }
    faults
}
