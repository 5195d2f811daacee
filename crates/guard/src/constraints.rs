//! Constraints in executable form: names resolved to indices, rules turned into action masks and clips.
//!
//! The same code runs in training, in evaluation and in front of the plant, so the constraints of the training also guard
//! the policy.

use setpoint_decision::constraint::{Constraint, Effect, Subject};
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

#[derive(Clone, Debug)]
struct Rule {
    source: Source,
    above: f32,
    below: f32,
    action: Action,
}

/// All constraints of a decision, resolved against its spaces.
#[derive(Clone, Debug, Default)]
pub struct ConstraintSet {
    rules: Vec<Rule>,
    descriptions: Vec<String>,
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

    /// Resolves names. A signal that has a feature's name is read from the observation, so that the same value
    /// decides in training and at the plant, where often only the observation is known.
    pub fn new(
        constraints: &[Constraint],
        features: &[Feature],
        signals: &[Signal],
        actions: &ActionSpace,
    ) -> Result<Self, UnknownName> {
        let names = actions.names();
        let mut set = Self::default();
        for constraint in constraints {
            let unknown =
                |name: &str| UnknownName { constraint: constraint.to_string(), name: name.to_owned() };
            let (Subject::Signal(subject) | Subject::Feature(subject)) = &constraint.when.subject;
            let feature = features.iter().position(|feature| feature.name == *subject);
            let signal = match constraint.when.subject {
                Subject::Signal(_) => signals.iter().position(|signal| signal.name == *subject),
                Subject::Feature(_) => None,
            };
            let source = match (feature, signal) {
                (Some(index), _) => {
                    let Feature { scale, offset, .. } = features[index];
                    Source::Feature { index, scale, offset }
                }
                (None, Some(index)) => Source::Signal(index),
                (None, None) => return Err(unknown(subject)),
            };
            let find =
                |name: &String| names.iter().position(|known| known == name).ok_or_else(|| unknown(name));
            let action = match &constraint.effect {
                Effect::Forbid(forbidden) => {
                    Action::Forbid(forbidden.iter().map(find).collect::<Result<_, _>>()?)
                }
                Effect::Clip { action, low, high } => Action::Clip {
                    axis: find(action)?,
                    low: low.map_or(f32::NEG_INFINITY, |low| low as f32),
                    high: high.map_or(f32::INFINITY, |high| high as f32),
                },
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

    /// Rules that need a signal outside of the observation.
    pub fn needing_signals(&self) -> impl Iterator<Item = &str> {
        self.rules
            .iter()
            .zip(&self.descriptions)
            .filter(|(rule, _)| matches!(rule.source, Source::Signal(_)))
            .map(|(_, description)| description.as_str())
    }

    /// The rules that are active in this state. `signals` may be empty if only the observation is known; rules that need a
    /// signal then count as *active*: without information the guard stays closed.
    pub fn active(&self, observation: &[f32], signals: &[f32]) -> impl Iterator<Item = bool> {
        self.rules.iter().map(move |rule| rule.holds(observation, signals))
    }

    /// Writes the mask of a discrete space: `true` = allowed.
    pub fn mask(&self, observation: &[f32], signals: &[f32], allowed: &mut [bool]) {
        allowed.fill(true);
        for rule in &self.rules {
            if let Action::Forbid(forbidden) = &rule.action
                && rule.holds(observation, signals)
            {
                for &choice in forbidden {
                    allowed[choice] = false;
                }
            }
        }
    }

    /// Clips a continuous action in place, in the axes' units; returns whether anything changed.
    pub fn clip(&self, observation: &[f32], signals: &[f32], action: &mut [f32]) -> bool {
        let mut changed = false;
        for rule in &self.rules {
            if let Action::Clip { axis, low, high } = rule.action
                && rule.holds(observation, signals)
            {
                let clipped = action[axis].max(low).min(high);
                changed |= clipped != action[axis];
                action[axis] = clipped;
            }
        }
        changed
    }
}

impl Rule {
    fn holds(&self, observation: &[f32], signals: &[f32]) -> bool {
        let value = match self.source {
            Source::Feature { index, scale, offset } => observation[index] * scale + offset,
            Source::Signal(index) => match signals.get(index) {
                Some(&value) => value,
                None => return true,
            },
        };
        // Written so that a NaN activates the rule: a broken sensor never opens the guard.
        !(value <= self.above || value >= self.below)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use setpoint_decision::constraint::Condition;
    use setpoint_decision::spec::{Aggregate, Choice};

    fn feature(name: &str, scale: f32, offset: f32) -> Feature {
        Feature {
            name: name.into(),
            unit: "1".into(),
            description: String::new(),
            low: 0.0,
            high: 1.0,
            scale,
            offset,
            reference: 0.5,
        }
    }

    fn signal(name: &str) -> Signal {
        Signal {
            name: name.into(),
            unit: "1".into(),
            description: String::new(),
            low: 0.0,
            high: 1e3,
            aggregate: Aggregate::Mean,
        }
    }

    fn choices(names: &[&str]) -> ActionSpace {
        let choice = |name: &&str| Choice { name: (*name).into(), description: String::new() };
        ActionSpace::Discrete { choices: names.iter().map(choice).collect() }
    }

    fn forbid(subject: Subject, above: Option<f64>, below: Option<f64>, what: &str) -> Constraint {
        Constraint { when: Condition { subject, above, below }, effect: Effect::Forbid(vec![what.into()]) }
    }

    #[test]
    fn a_signal_shown_by_a_feature_is_read_in_natural_units() {
        let rule = forbid(Subject::Signal("wip".into()), Some(30.0), None, "push");
        let set = ConstraintSet::new(
            &[rule],
            &[feature("wip", 40.0, 0.0)],
            &[signal("wip")],
            &choices(&["push", "wait"]),
        )
        .unwrap();
        let mut allowed = [false; 2];
        set.mask(&[0.75], &[], &mut allowed);
        assert_eq!(allowed, [true, true], "30 parts is not above 30");
        set.mask(&[0.80], &[], &mut allowed);
        assert_eq!(allowed, [false, true]);
    }

    #[test]
    fn an_unknown_signal_and_a_nan_keep_the_guard_closed() {
        let rules = [
            forbid(Subject::Signal("vibration".into()), Some(5.0), None, "push"),
            forbid(Subject::Feature("wip".into()), None, Some(0.0), "wait"),
        ];
        let spaces = choices(&["push", "wait", "stop"]);
        let set =
            ConstraintSet::new(&rules, &[feature("wip", 1.0, 0.0)], &[signal("vibration")], &spaces).unwrap();
        let mut allowed = [false; 3];
        set.mask(&[0.5], &[1.0], &mut allowed);
        assert_eq!(allowed, [true, true, true]);
        set.mask(&[0.5], &[], &mut allowed);
        assert_eq!(allowed, [false, true, true]);
        set.mask(&[f32::NAN], &[f32::NAN], &mut allowed);
        assert_eq!(allowed, [false, false, true]);
        assert_eq!(set.needing_signals().collect::<Vec<_>>(), [set.descriptions()[0].as_str()]);
    }

    #[test]
    fn unknown_names_are_refused() {
        let rule = forbid(Subject::Signal("wpi".into()), Some(1.0), None, "push");
        let error = ConstraintSet::new(&[rule], &[], &[signal("wip")], &choices(&["push"])).unwrap_err();
        assert_eq!(error.name, "wpi");
    }
}
