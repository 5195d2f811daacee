//! Constraints: rules that forbid or clip actions, the same in training and at the plant.

use std::fmt;

use serde::{Deserialize, Serialize};
use toml::{Table, Value};

use crate::Diagnostic;
use crate::diagnostic::suggestion;
use crate::section::{Range, Section};
use crate::spec::{Feature, Signal, Spec};
use crate::table::{names, table, text};

pub mod contradiction;

use contradiction::{Contradiction, contradiction};

/// One `[[constraint]]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Constraint {
    /// The condition under which the constraint is active.
    pub when: Condition,
    /// The effect while it is active.
    pub effect: Effect,
}

/// The condition of a constraint: the value is above one limit, or below the other, or both; the limits are excluded.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Condition {
    /// The signal or feature of the condition.
    pub subject: Subject,
    /// It holds above this, in the subject's unit.
    pub above: Option<f64>,
    /// It holds below this, in the subject's unit.
    pub below: Option<f64>,
}

impl Condition {
    /// Whether it holds for a value of its subject, in the subject's unit; it does not for an unknown value (NaN).
    pub fn holds(&self, value: f64) -> bool {
        !value.is_nan()
            && self.above.is_none_or(|above| value > above)
            && self.below.is_none_or(|below| value < below)
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.subject.name();
        match (self.above, self.below) {
            (Some(above), Some(below)) => write!(formatter, "{above} < {name} < {below}"),
            (Some(above), None) => write!(formatter, "{name} > {above}"),
            (None, Some(below)) => write!(formatter, "{name} < {below}"),
            (None, None) => write!(formatter, "{name}"),
        }
    }
}

/// The subject of a condition, in its natural unit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Subject {
    /// A signal of the process.
    Signal(String),
    /// A feature of the observation.
    Feature(String),
}

impl Subject {
    /// The signal's or feature's name.
    pub fn name(&self) -> &str {
        let (Self::Signal(name) | Self::Feature(name)) = self;
        name
    }

    /// The key of the project file.
    pub fn key(&self) -> &'static str {
        match self {
            Self::Signal(_) => "signal",
            Self::Feature(_) => "feature",
        }
    }

    /// The value of the subject; `None` if there is no such value. A signal that has a feature's name is read from the
    /// observation, so that the same value decides in training and at the plant, where often only the observation is known.
    pub fn resolve(&self, features: &[Feature], signals: &[Signal]) -> Option<Variable> {
        let feature = features.iter().position(|feature| feature.name == self.name());
        let signal = || signals.iter().position(|signal| signal.name == self.name());
        match (feature, self) {
            (Some(feature), _) => Some(Variable::Feature(feature)),
            (None, Self::Signal(_)) => signal().map(Variable::Signal),
            (None, Self::Feature(_)) => None,
        }
    }
}

/// The value that a condition reads, in its natural unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Variable {
    /// A feature, by its index in the observation.
    Feature(usize),
    /// A signal that no feature shows, by its index.
    Signal(usize),
}

/// The effect of an active constraint.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// Forbids these choices.
    Forbid(Vec<String>),
    /// Clips one setting to limits, in its unit.
    Clip {
        /// Name of the setting.
        action: String,
        /// Least value.
        low: Option<f64>,
        /// Greatest value.
        high: Option<f64>,
    },
}

impl fmt::Display for Constraint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.effect {
            Effect::Forbid(actions) => write!(formatter, "forbid {}", actions.join(", "))?,
            Effect::Clip { action, low, high } => match (low, high) {
                (Some(low), Some(high)) => write!(formatter, "keep {action} from {low} to {high}")?,
                (Some(low), None) => write!(formatter, "keep {action} at or above {low}")?,
                (None, Some(high)) => write!(formatter, "keep {action} at or below {high}")?,
                (None, None) => write!(formatter, "leave {action} as it is")?,
            },
        }
        write!(formatter, " when {}", self.when)
    }
}

pub(crate) fn read(section: Section<'_>) -> Result<Constraint, Box<Diagnostic>> {
    let when = read_condition(&section)?;
    let effect = read_effect(&section)?;
    section.finish()?;
    Ok(Constraint { when, effect })
}

fn read_condition(section: &Section<'_>) -> Result<Condition, Box<Diagnostic>> {
    const EXAMPLE: &str = "for example: when = { signal = \"failure_prob\", above = 0.18 }";
    let when = section.table("when")?;
    if !when.is_present() {
        let label = "expected when = { … }";
        return Err(section.error("when", "a constraint does not say when it holds", label, EXAMPLE));
    }
    condition(&when, "constraint", EXAMPLE, &|title, label, help| section.error("when", title, label, help))
}

/// An error about a condition: title, label, remedy.
type Refuse<'a> = dyn Fn(&str, &str, &str) -> Box<Diagnostic> + 'a;

/// The condition of a constraint, or of another table with this language.
pub(crate) fn condition(
    when: &Section<'_>,
    what: &str,
    example: &str,
    refuse: &Refuse<'_>,
) -> Result<Condition, Box<Diagnostic>> {
    let signal = when.string("signal", "name of a signal")?;
    let feature = when.string("feature", "name of a feature")?;
    let above = when.number("above", Range::any(), "it holds above this, in the signal's unit")?;
    let below = when.number("below", Range::any(), "it holds below this, in the signal's unit")?;
    let subject = match (signal, feature) {
        (Some(name), None) => Subject::Signal(name),
        (None, Some(name)) => Subject::Feature(name),
        (None, None) => {
            let title = format!("a {what} names no signal and no feature");
            return Err(refuse(&title, "expected a signal or a feature", example));
        }
        (Some(_), Some(_)) => {
            let title = format!("a {what} has one subject");
            return Err(refuse(&title, "expected a signal or a feature, not both", example));
        }
    };
    match (above, below) {
        (None, None) => {
            let title = format!("a {what} without a limit never holds");
            return Err(refuse(&title, "expected above = … or below = …", example));
        }
        (Some(above), Some(below)) if above >= below => {
            let title = format!("a {what} whose limits exclude each other never holds");
            let label = format!("nothing is above {above} and below {below}");
            let help = format!("write two {what}s for two separate ranges");
            return Err(refuse(&title, &label, &help));
        }
        _ => {}
    }
    when.finish()?;
    Ok(Condition { subject, above, below })
}

fn read_effect(section: &Section<'_>) -> Result<Effect, Box<Diagnostic>> {
    let forbid = section.strings("forbid", "names of actions that may not be taken")?;
    let clip = section.table("clip")?;
    match (forbid, clip.is_present()) {
        (Some(names), false) if !names.is_empty() => Ok(Effect::Forbid(names)),
        (None, true) => {
            let axis = clip.string("action", "name of a continuous action")?;
            let low = clip.number("low", Range::any(), "least value, in the action's unit")?;
            let high = clip.number("high", Range::any(), "greatest value, in the action's unit")?;
            let limits = low.is_some() || high.is_some();
            let (Some(action), true) = (axis, limits) else {
                let help = "for example: clip = { action = \"dose\", high = 0.5 }";
                let title = "a clip needs an action and a limit";
                return Err(section.error("clip", title, "expected action, and low or high", help));
            };
            if low.zip(high).is_some_and(|(low, high)| low > high) {
                let title = "a clip's limits exclude each other";
                return Err(section.error("clip", title, "low must not be above high", ""));
            }
            clip.finish()?;
            Ok(Effect::Clip { action, low, high })
        }
        (Some(_), true) => {
            let title = "a constraint has one effect";
            Err(section.error("clip", title, "expected forbid or clip, not both", "write two constraints"))
        }
        _ => {
            let title = "a constraint does nothing";
            let help = "for example: forbid = [\"increase_speed\"]";
            Err(section.error("forbid", title, "expected forbid = [names] or clip = { … }", help))
        }
    }
}

/// Checks names and limits against a process, and that the constraints leave an action in every state of it.
pub(crate) fn bind(
    constraints: &[Constraint],
    sections: &[Section<'_>],
    spec: &Spec,
) -> Result<(), Box<Diagnostic>> {
    for (section, constraint) in sections.iter().zip(constraints) {
        bind_subject(&constraint.when.subject, &section.table("when")?, spec)?;
        match &constraint.effect {
            Effect::Forbid(actions) if !spec.action.groups.is_empty() => {
                bind_choices(actions, section, spec)?;
            }
            Effect::Clip { action, low, high } if !spec.action.axes.is_empty() => {
                bind_limits(action, [*low, *high], &section.table("clip")?, spec)?;
            }
            Effect::Forbid(_) => {
                let title = format!(
                    "the actions of {} are continuous: they can be clipped, not forbidden",
                    spec.kind
                );
                let help = "for example: clip = { action = \"dose\", high = 0.5 }";
                return Err(section.error_at_key("forbid", &title, "expected clip = { … }", help));
            }
            Effect::Clip { .. } => {
                let title =
                    format!("the actions of {} are choices: they can be forbidden, not clipped", spec.kind);
                let help = format!("for example: forbid = [\"{}\"]", spec.action.names()[0]);
                return Err(section.error_at_key("clip", &title, "expected forbid = [names]", &help));
            }
        }
    }
    contradiction(constraints, spec).map_or(Ok(()), |found| Err(refusal(&found, constraints, sections)))
}

/// The error about constraints that leave no action, at the last of them.
fn refusal(found: &Contradiction, constraints: &[Constraint], sections: &[Section<'_>]) -> Box<Diagnostic> {
    let numbers: Vec<String> = found.rules.iter().map(|rule| (rule + 1).to_string()).collect();
    let rules: Vec<String> =
        found.rules.iter().map(|rule| format!("constraint {}: {}", rule + 1, constraints[*rule])).collect();
    let (state, last) = (found.state_text(), found.rules[found.rules.len() - 1]);
    let every = match &found.group {
        Some(group) => format!("every choice of `{group}`"),
        None => "every action".to_owned(),
    };
    let (title, label, fix) = match (&constraints[last].effect, numbers.as_slice()) {
        (Effect::Forbid(_), [number]) => (
            format!("constraint {number} forbids {every}, for example at {state}"),
            "no action would be possible",
            "leave at least one action",
        ),
        (Effect::Forbid(_), numbers) => (
            format!("constraints {} together forbid {every}, for example at {state}", listed(numbers)),
            "no action would be possible",
            "leave at least one action that none of them forbids, or let one end where another begins",
        ),
        (Effect::Clip { action, .. }, [number]) => (
            format!("constraint {number} leaves no value of `{action}`, for example at {state}"),
            "the process rounds its values, and no rounded value lies in these limits",
            "write limits with a rounded value between them",
        ),
        (Effect::Clip { action, .. }, numbers) => (
            format!(
                "constraints {} leave no value of `{action}` when both are active, for example at {state}",
                listed(numbers)
            ),
            "no value is within the limits of both",
            "let their limits overlap, or let one end where the other begins",
        ),
    };
    let key = if matches!(constraints[last].effect, Effect::Forbid(_)) { "forbid" } else { "clip" };
    sections[last].error_at_key(key, &title, label, &format!("{}; {fix}", rules.join("; ")))
}

/// `1 and 2`, `1, 2 and 3`.
fn listed(numbers: &[String]) -> String {
    match numbers {
        [first @ .., last] if !first.is_empty() => format!("{} and {last}", first.join(", ")),
        numbers => numbers.join(""),
    }
}

/// Checks that a process has the subject of a condition.
pub(crate) fn bind_subject(
    subject: &Subject,
    when: &Section<'_>,
    spec: &Spec,
) -> Result<(), Box<Diagnostic>> {
    let known: Vec<&str> = match subject {
        Subject::Signal(_) => spec.signals.iter().map(|signal| signal.name.as_str()).collect(),
        Subject::Feature(_) => spec.observation.iter().map(|feature| feature.name.as_str()).collect(),
    };
    if known.contains(&subject.name()) {
        return Ok(());
    }
    let title = format!("process {} has no {} `{}`", spec.kind, subject.key(), subject.name());
    let label = suggestion(subject.name(), &known, subject.key());
    let help = format!("{}s of {}: {}", subject.key(), spec.kind, known.join(", "));
    Err(when.error(subject.key(), &title, &label, &help))
}

fn bind_choices(actions: &[String], section: &Section<'_>, spec: &Spec) -> Result<(), Box<Diagnostic>> {
    let names = spec.action.choice_names();
    let Some(index) = actions.iter().position(|action| !names.contains(&action.as_str())) else {
        return Ok(());
    };
    let title = format!("process {} has no action `{}`", spec.kind, actions[index]);
    let label = suggestion(&actions[index], &names, "actions");
    let help = format!("actions of {}: {}", spec.kind, names.join(", "));
    Err(section.error_in_list("forbid", index, &title, &label, &help))
}

fn bind_limits(
    action: &str,
    [low, high]: [Option<f64>; 2],
    clip: &Section<'_>,
    spec: &Spec,
) -> Result<(), Box<Diagnostic>> {
    let Some(axis) = spec.action.axes.iter().find(|axis| axis.name == *action) else {
        let names = spec.action.axis_names();
        let title = format!("process {} has no action `{action}`", spec.kind);
        let label = suggestion(action, &names, "actions");
        return Err(clip.error("action", &title, &label, &format!("actions: {}", names.join(", "))));
    };
    for (key, limit) in [("low", low), ("high", high)] {
        let bounds = f64::from(axis.low)..=f64::from(axis.high);
        if let Some(limit) = limit.filter(|limit| !bounds.contains(limit)) {
            let title = format!("the limit {limit} lies outside the range of `{action}`");
            let label = format!("expected {} to {} {}", axis.low, axis.high, axis.unit);
            return Err(clip.error(key, &title, &label, ""));
        }
    }
    Ok(())
}

/// The table of a condition.
pub(crate) fn condition_to_toml(when: &Condition) -> Table {
    table([
        (when.subject.key(), text(when.subject.name())),
        ("above", when.above.map(Value::Float)),
        ("below", when.below.map(Value::Float)),
    ])
}

pub(crate) fn to_toml(constraint: &Constraint) -> Table {
    let when = condition_to_toml(&constraint.when);
    let (forbid, clip) = match &constraint.effect {
        Effect::Forbid(actions) => (names(actions), None),
        Effect::Clip { action, low, high } => {
            let limits =
                [("action", text(action)), ("low", low.map(Value::Float)), ("high", high.map(Value::Float))];
            (None, Some(Value::Table(table(limits))))
        }
    };
    table([("when", Some(Value::Table(when))), ("forbid", forbid), ("clip", clip)])
}
