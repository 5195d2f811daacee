//! Constraints in executable form: names resolved to indices, rules turned into action masks and clips.
//!
//! The same code runs in training, in evaluation and in front of the plant, so the constraints of the training also guard
//! the policy.
//!
//! Rules that exclude each other are refused when a project is read. They can still meet in front of the plant, because
//! a rule counts as active while its value is unknown. Then the rules are taken in this order, and each limits the setting
//! only if the rules before it leave a value: first the rules with a known value, in the order of the project file, then the
//! rules with an unknown value. A rule that is left out is broken, and is reported so.

use std::fmt;

use setpoint_decision::constraint::{Constraint, Effect, Variable};
use setpoint_decision::spec::{ActionSpace, Feature, Signal};
use setpoint_policy::Policy;

/// The source of a condition's value.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Source {
    /// A feature of the observation, converted to its natural unit.
    Feature { index: usize, scale: f32, offset: f32 },
    /// A signal that no feature shows; unknown if only an observation is given.
    Signal(usize),
}

#[derive(Clone, Debug)]
enum Action {
    Forbid(Vec<usize>),
    Clip { axis: usize, low: f32, high: f32 },
}

/// Whether a rule is active in a state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Condition {
    /// Its value is outside of its limits.
    Idle,
    /// Its value is within its limits.
    Met,
    /// Its value is unknown, so it counts as active.
    Unknown,
}

/// The state of a rule in a decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It is not active.
    Idle,
    /// It is active, and the action keeps it.
    Kept,
    /// It is active, and the action breaks it.
    Broken,
}

/// The reason why no choice is left in a state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NothingLeft {
    /// The process itself allows no choice.
    Process,
    /// The rules forbid every choice.
    Constraints,
    /// The rules forbid every choice that the process allows.
    Both,
}

impl NothingLeft {
    /// Of the choices that the process allows (empty: all of them) and the choices that the rules allow; `None` if a choice
    /// is left.
    fn of(process: &[bool], rules: &[bool]) -> Option<Self> {
        let is_left = |choice: usize| rules[choice] && process.get(choice).is_none_or(|allowed| *allowed);
        if (0..rules.len()).any(is_left) {
            None
        } else if !process.is_empty() && !process.contains(&true) {
            Some(Self::Process)
        } else if rules.contains(&true) {
            Some(Self::Both)
        } else {
            Some(Self::Constraints)
        }
    }
}

impl fmt::Display for NothingLeft {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Process => {
                "the process itself allows no choice there; until an episode ends, a process must allow one"
            }
            Self::Constraints => "the constraints forbid every choice there; loosen a [[constraint]]",
            Self::Both => {
                "the constraints forbid every choice that the process allows there; loosen a [[constraint]]"
            }
        })
    }
}

/// An action as rules judge it.
#[derive(Clone, Copy, Debug)]
pub struct Taken<'a> {
    /// The index of a choice of each group.
    pub choices: &'a [u32],
    /// One value for each setting, in its unit.
    pub settings: &'a [f32],
}

#[derive(Clone, Debug)]
struct Rule {
    source: Source,
    above: f32,
    below: f32,
    action: Action,
}

/// All constraints of a decision, resolved against its spaces.
#[derive(Clone, Debug)]
pub struct ConstraintSet {
    rules: Vec<Rule>,
    descriptions: Vec<String>,
    actions: ActionSpace,
}

/// A constraint names something that the spaces do not have.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("the constraint `{constraint}` refers to `{name}`, which this decision does not have")]
pub struct UnknownName {
    constraint: String,
    name: String,
}

impl ConstraintSet {
    /// The constraints of a policy file.
    pub fn of(policy: &Policy) -> Result<Self, UnknownName> {
        let manifest = &policy.manifest;
        Self::new(&manifest.constraints, &manifest.observation, &manifest.signals, &manifest.action)
    }

    /// Resolves names (`Subject::resolve`).
    pub fn new(
        constraints: &[Constraint],
        features: &[Feature],
        signals: &[Signal],
        actions: &ActionSpace,
    ) -> Result<Self, UnknownName> {
        let (choices, axes) = (actions.choice_names(), actions.axis_names());
        let mut set = Self { rules: Vec::new(), descriptions: Vec::new(), actions: actions.clone() };
        for constraint in constraints {
            let unknown =
                |name: &str| UnknownName { constraint: constraint.to_string(), name: name.to_owned() };
            let subject = &constraint.when.subject;
            let source = match subject.resolve(features, signals) {
                Some(Variable::Feature(index)) => {
                    let Feature { scale, offset, .. } = features[index];
                    Source::Feature { index, scale, offset }
                }
                Some(Variable::Signal(index)) => Source::Signal(index),
                None => return Err(unknown(subject.name())),
            };
            let find = |names: &[&str], name: &String| {
                names.iter().position(|known| known == name).ok_or_else(|| unknown(name))
            };
            let action = match &constraint.effect {
                Effect::Forbid(forbidden) => Action::Forbid(
                    forbidden.iter().map(|name| find(&choices, name)).collect::<Result<_, _>>()?,
                ),
                Effect::Clip { action, low, high } => {
                    // A policy file of another program may clip a choice, which no clip changes.
                    let axis = find(&axes, action)?;
                    let (low, high) = (low.map(|low| low as f32), high.map(|high| high as f32));
                    let (low, high) = set.actions.axes[axis].limits(low, high);
                    Action::Clip { axis, low, high }
                }
            };
            set.rules.push(Rule {
                source,
                above: constraint.when.above.map_or(f32::NEG_INFINITY, |above| above as f32),
                below: constraint.when.below.map_or(f32::INFINITY, |below| below as f32),
                action,
            });
            set.descriptions.push(constraint.to_string());
        }
        Ok(set)
    }

    /// Whether there are no rules.
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// Number of rules.
    pub fn len(&self) -> usize {
        self.rules.len()
    }

    /// Each rule as text, in the order of the project file.
    pub fn descriptions(&self) -> &[String] {
        &self.descriptions
    }

    /// Indices of the features that a rule reads; a feature that several rules read comes several times.
    pub fn features(&self) -> impl Iterator<Item = usize> {
        self.rules.iter().filter_map(|rule| match rule.source {
            Source::Feature { index, .. } => Some(index),
            Source::Signal(_) => None,
        })
    }

    /// The rules that are active in this state. `signals` may be empty if only the observation is known; rules that need a
    /// signal then count as *active*: without information the guard stays closed.
    pub fn active(&self, observation: &[f32], signals: &[f32]) -> impl Iterator<Item = bool> {
        self.rules.iter().map(move |rule| rule.condition(observation, signals) != Condition::Idle)
    }

    /// The rules that count as active because their value is unknown.
    pub fn unknown(&self, observation: &[f32], signals: &[f32]) -> impl Iterator<Item = bool> {
        self.rules.iter().map(move |rule| rule.condition(observation, signals) == Condition::Unknown)
    }

    /// The state of each rule when this action is taken.
    pub fn standings(
        &self,
        observation: &[f32],
        signals: &[f32],
        taken: Taken<'_>,
    ) -> impl Iterator<Item = Standing> {
        self.rules.iter().map(move |rule| match rule.condition(observation, signals) {
            Condition::Idle => Standing::Idle,
            _ if rule.is_kept_by(taken, &self.actions) => Standing::Kept,
            _ => Standing::Broken,
        })
    }

    /// Writes the mask of the choices of all groups: `true` = allowed.
    pub fn mask(&self, observation: &[f32], signals: &[f32], allowed: &mut [bool]) {
        allowed.fill(true);
        for rule in &self.rules {
            if let Action::Forbid(forbidden) = &rule.action
                && rule.condition(observation, signals) != Condition::Idle
            {
                for &choice in forbidden {
                    allowed[choice] = false;
                }
            }
        }
    }

    /// Writes the choices that these rules and the process allow: `true` = allowed. `process` are the choices that the process
    /// allows; empty: all of them. `None` if each group has a choice left, or else the reason why one has none.
    pub fn allow(
        &self,
        observation: &[f32],
        signals: &[f32],
        process: &[bool],
        allowed: &mut [bool],
    ) -> Option<NothingLeft> {
        self.mask(observation, signals, allowed);
        let nothing_left = self.actions.placed_groups().find_map(|(_, places)| {
            NothingLeft::of(process.get(places.clone()).unwrap_or(&[]), &allowed[places])
        });
        allowed.iter_mut().zip(process).for_each(|(both, process)| *both &= *process);
        nothing_left
    }

    /// Whether [`ConstraintSet::clip`] can change a setting: there are rules, or the process rounds an axis.
    pub fn changes_settings(&self) -> bool {
        !self.rules.is_empty() || self.actions.axes.iter().any(|axis| axis.step.is_some())
    }

    /// Rounds settings as the process does.
    pub fn round(&self, action: &mut [f32]) {
        action.iter_mut().enumerate().for_each(|(axis, value)| *value = self.rounded(axis, *value));
    }

    /// A value of an axis, by its index, rounded as the process does.
    pub fn rounded(&self, axis: usize, value: f32) -> f32 {
        self.actions.axes[axis].rounded(value)
    }

    /// Rounds a continuous action in place as the process does, in the axes' units, then limits it.
    pub fn clip(&self, observation: &[f32], signals: &[f32], action: &mut [f32]) {
        self.round(action);
        self.limit(observation, signals, action);
    }

    /// Limits a rounded action in place, in the axes' units. Rules that exclude each other are taken in the order of this
    /// module's description.
    pub fn limit(&self, observation: &[f32], signals: &[f32], action: &mut [f32]) {
        for (axis, value) in action.iter_mut().enumerate() {
            let (low, high) = self.limits(axis, observation, signals);
            if low > f32::NEG_INFINITY || high < f32::INFINITY {
                *value = value.max(low).min(high);
            }
        }
    }

    /// The limits of an axis in a state.
    fn limits(&self, axis: usize, observation: &[f32], signals: &[f32]) -> (f32, f32) {
        let mut limits = (f32::NEG_INFINITY, f32::INFINITY);
        for turn in [Condition::Met, Condition::Unknown] {
            for rule in &self.rules {
                if let Action::Clip { axis: of, low, high } = rule.action
                    && of == axis
                    && rule.condition(observation, signals) == turn
                {
                    let both = (low.max(limits.0), high.min(limits.1));
                    if both.0 <= both.1 {
                        limits = both;
                    }
                }
            }
        }
        limits
    }
}

impl Rule {
    fn condition(&self, observation: &[f32], signals: &[f32]) -> Condition {
        let value = match self.source {
            Source::Feature { index, scale, offset } => observation[index] * scale + offset,
            Source::Signal(index) => signals.get(index).copied().unwrap_or(f32::NAN),
        };
        if value.is_nan() {
            // A broken sensor never opens the guard.
            Condition::Unknown
        } else if value > self.above && value < self.below {
            Condition::Met
        } else {
            Condition::Idle
        }
    }

    fn is_kept_by(&self, taken: Taken<'_>, actions: &ActionSpace) -> bool {
        match &self.action {
            Action::Forbid(forbidden) => {
                actions.places(taken.choices).all(|chosen| !forbidden.contains(&chosen))
            }
            Action::Clip { axis, low, high } => (*low..=*high).contains(&taken.settings[*axis]),
        }
    }
}

#[cfg(test)]
mod tests;
