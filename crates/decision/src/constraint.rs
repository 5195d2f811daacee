//! Constraints: rules that forbid or clip actions, the same in training and at the plant.

use std::fmt;

use serde::{Deserialize, Serialize};

/// One `[[constraint]]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Constraint {
    /// When it holds.
    pub when: Condition,
    /// What it does then.
    pub effect: Effect,
}

/// When a constraint holds: the value is above one limit or below the other, each excluded; with both limits, both.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Condition {
    /// What is looked at.
    pub subject: Subject,
    /// It holds above this, in the subject's unit.
    pub above: Option<f64>,
    /// It holds below this, in the subject's unit.
    pub below: Option<f64>,
}

/// What a condition looks at, in its natural unit.
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
}

/// What a constraint does while it holds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// These choices may not be taken.
    Forbid(Vec<String>),
    /// One axis of a continuous action is held within limits, in the axis' unit.
    Clip {
        /// Name of the axis.
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
        let name = self.when.subject.name();
        match (self.when.above, self.when.below) {
            (Some(above), Some(below)) => write!(formatter, " when {above} < {name} < {below}"),
            (Some(above), None) => write!(formatter, " when {name} > {above}"),
            (None, Some(below)) => write!(formatter, " when {name} < {below}"),
            (None, None) => Ok(()),
        }
    }
}
