//! Observations, actions and signals in the files of policies and of learned processes, in JSON, with their own types, so that
//! a change of [`setpoint_decision::spec`] does not change files.
//!
//! Names and order of the fields are the format. A change of them needs a higher number of both formats and a reader of the
//! old ones. A plain field distinguishes the kinds of actions, not a tagged enum: that would read an `f32` through an `f64`
//! and round twice.
// The stored types describe the same fields.
#![allow(missing_docs)]

use serde::{Deserialize, Serialize};
use setpoint_decision::spec::{ActionSpace, Aggregate, Axis, Choice, Feature, Signal, wrong_step};

/// A number of the observation.
#[derive(Serialize, Deserialize)]
pub struct StoredFeature {
    pub name: String,
    pub unit: String,
    pub description: String,
    pub low: f32,
    pub high: f32,
    pub scale: f32,
    pub offset: f32,
    pub reference: f32,
}

/// `choices` if the type is `discrete`, `axes` if it is `continuous`.
#[derive(Serialize, Deserialize)]
pub struct StoredAction {
    pub r#type: StoredActionType,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub choices: Option<Vec<StoredChoice>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub axes: Option<Vec<StoredAxis>>,
}

/// The kind of actions.
#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StoredActionType {
    Discrete,
    Continuous,
}

/// An action of a discrete space.
#[derive(Serialize, Deserialize)]
pub struct StoredChoice {
    pub name: String,
    pub description: String,
}

/// A number of a continuous action.
#[derive(Serialize, Deserialize)]
pub struct StoredAxis {
    pub name: String,
    pub unit: String,
    pub description: String,
    pub low: f32,
    pub high: f32,
    /// Files of axes that are not rounded, and all files before 2026-11-30, do not have it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<f32>,
}

/// A measurement of the process.
#[derive(Serialize, Deserialize)]
pub struct StoredSignal {
    pub name: String,
    pub unit: String,
    pub description: String,
    pub low: f32,
    pub high: f32,
    pub aggregate: StoredAggregate,
}

/// The summary of a signal over steps.
#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StoredAggregate {
    Mean,
    Share,
    Total,
}

impl From<&Feature> for StoredFeature {
    fn from(feature: &Feature) -> Self {
        let Feature { name, unit, description, low, high, scale, offset, reference } = feature.clone();
        Self { name, unit, description, low, high, scale, offset, reference }
    }
}

impl From<StoredFeature> for Feature {
    fn from(stored: StoredFeature) -> Self {
        let StoredFeature { name, unit, description, low, high, scale, offset, reference } = stored;
        Self { name, unit, description, low, high, scale, offset, reference }
    }
}

impl From<&ActionSpace> for StoredAction {
    fn from(action: &ActionSpace) -> Self {
        match action {
            ActionSpace::Discrete { choices } => {
                let choice = |Choice { name, description }: &Choice| StoredChoice {
                    name: name.clone(),
                    description: description.clone(),
                };
                let choices = Some(choices.iter().map(choice).collect());
                Self { r#type: StoredActionType::Discrete, choices, axes: None }
            }
            ActionSpace::Continuous { axes } => {
                let axis = |axis: &Axis| {
                    let Axis { name, unit, description, low, high, step } = axis.clone();
                    StoredAxis { name, unit, description, low, high, step }
                };
                let axes = Some(axes.iter().map(axis).collect());
                Self { r#type: StoredActionType::Continuous, choices: None, axes }
            }
        }
    }
}

impl TryFrom<StoredAction> for ActionSpace {
    type Error = String;

    fn try_from(stored: StoredAction) -> Result<Self, String> {
        match (stored.r#type, stored.choices, stored.axes) {
            (StoredActionType::Discrete, Some(choices), None) => {
                let choice = |StoredChoice { name, description }| Choice { name, description };
                Ok(Self::Discrete { choices: choices.into_iter().map(choice).collect() })
            }
            (StoredActionType::Continuous, None, Some(axes)) => {
                let axes = axes.into_iter().map(Axis::try_from).collect::<Result<_, _>>()?;
                Ok(Self::Continuous { axes })
            }
            _ => Err("the action's type does not fit its choices or axes".to_owned()),
        }
    }
}

impl TryFrom<StoredAxis> for Axis {
    type Error = String;

    fn try_from(stored: StoredAxis) -> Result<Self, String> {
        let StoredAxis { name, unit, description, low, high, step } = stored;
        match wrong_step(step) {
            Some(reason) => Err(format!("action `{name}`: {reason}")),
            None => Ok(Self { name, unit, description, low, high, step }),
        }
    }
}

impl From<&Signal> for StoredSignal {
    fn from(signal: &Signal) -> Self {
        let Signal { name, unit, description, low, high, aggregate } = signal.clone();
        let aggregate = match aggregate {
            Aggregate::Mean => StoredAggregate::Mean,
            Aggregate::Share => StoredAggregate::Share,
            Aggregate::Total => StoredAggregate::Total,
        };
        Self { name, unit, description, low, high, aggregate }
    }
}

impl From<StoredSignal> for Signal {
    fn from(stored: StoredSignal) -> Self {
        let StoredSignal { name, unit, description, low, high, aggregate } = stored;
        let aggregate = match aggregate {
            StoredAggregate::Mean => Aggregate::Mean,
            StoredAggregate::Share => Aggregate::Share,
            StoredAggregate::Total => Aggregate::Total,
        };
        Self { name, unit, description, low, high, aggregate }
    }
}
