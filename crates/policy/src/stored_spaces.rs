//! Observations, actions and signals in the files of policies and of learned processes, in JSON, with their own types, so that
//! a change of [`setpoint_decision::spec`] does not change files.
//!
//! Names and order of the fields are the format. A change of them needs a higher number of both formats and a reader of the
//! old ones. A plain field distinguishes the kinds of actions, not a tagged enum: that would read an `f32` through an `f64`
//! and round twice.
// The stored types describe the same fields.
#![allow(missing_docs)]

use serde::{Deserialize, Serialize};
use setpoint_decision::spec::{
    ActionForm, ActionSpace, Aggregate, Axis, Choice, ChoiceGroup, Feature, Signal, TensorForm, TensorPart,
    wrong_step,
};

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

/// An image or a set of points of the observation. Files of policies from format 4 on have it.
#[derive(Serialize, Deserialize)]
pub struct StoredTensor {
    pub name: String,
    pub description: String,
    pub r#type: StoredTensorType,
    pub shape: Vec<usize>,
}

/// The kind of a tensor.
#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StoredTensorType {
    /// `[height, width, channels]` bytes.
    Image,
    /// `[height, width, channels]` numbers.
    NumberImage,
    /// `[points, dimensions]`
    Points,
}

/// `choices` if the type is `discrete`, `axes` if it is `continuous`, `groups` and `axes` if it is `several`.
#[derive(Serialize, Deserialize)]
pub struct StoredAction {
    pub r#type: StoredActionType,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub groups: Option<Vec<StoredGroup>>,
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
    /// Policy files from format 3 on have it.
    Several,
}

/// Choices of which an action takes one.
#[derive(Serialize, Deserialize)]
pub struct StoredGroup {
    pub name: String,
    pub description: String,
    pub choices: Vec<StoredChoice>,
}

/// One of several choices.
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

impl From<&TensorPart> for StoredTensor {
    fn from(part: &TensorPart) -> Self {
        let TensorPart { name, description, form } = part.clone();
        let r#type = match form {
            TensorForm::Image { .. } => StoredTensorType::Image,
            TensorForm::NumberImage { .. } => StoredTensorType::NumberImage,
            TensorForm::Points { .. } => StoredTensorType::Points,
        };
        Self { name, description, r#type, shape: form.shape() }
    }
}

impl TryFrom<StoredTensor> for TensorPart {
    type Error = String;

    fn try_from(stored: StoredTensor) -> Result<Self, String> {
        let StoredTensor { name, description, r#type, shape } = stored;
        let form = match (r#type, shape.as_slice()) {
            (StoredTensorType::Image, &[height, width, channels]) => {
                TensorForm::Image { height, width, channels }
            }
            (StoredTensorType::NumberImage, &[height, width, channels]) => {
                TensorForm::NumberImage { height, width, channels }
            }
            (StoredTensorType::Points, &[points, dimensions]) => TensorForm::Points { points, dimensions },
            _ => return Err(format!("the type of the tensor `{name}` does not fit its shape")),
        };
        Ok(Self { name, description, form })
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
        let stored_axes = |axes: &[Axis]| Some(axes.iter().map(StoredAxis::from).collect());
        match action.stored_form() {
            ActionForm::Choices(choices) => Self {
                r#type: StoredActionType::Discrete,
                groups: None,
                choices: Some(choices.iter().map(StoredChoice::from).collect()),
                axes: None,
            },
            ActionForm::Settings(axes) => Self {
                r#type: StoredActionType::Continuous,
                groups: None,
                choices: None,
                axes: stored_axes(axes),
            },
            ActionForm::Several => Self {
                r#type: StoredActionType::Several,
                groups: Some(action.groups.iter().map(StoredGroup::from).collect()),
                choices: None,
                axes: stored_axes(&action.axes),
            },
        }
    }
}

impl TryFrom<StoredAction> for ActionSpace {
    type Error = String;

    fn try_from(stored: StoredAction) -> Result<Self, String> {
        let StoredAction { r#type, groups, choices, axes } = stored;
        let all = |axes: Vec<StoredAxis>| axes.into_iter().map(Axis::try_from).collect::<Result<_, _>>();
        match (r#type, groups, choices, axes) {
            (StoredActionType::Discrete, None, Some(choices), None) => {
                Ok(Self::one_of(choices.into_iter().map(Into::into).collect()))
            }
            (StoredActionType::Continuous, None, None, Some(axes)) => Ok(Self::settings(all(axes)?)),
            (StoredActionType::Several, Some(groups), None, Some(axes)) => {
                let space = Self { groups: groups.into_iter().map(Into::into).collect(), axes: all(axes)? };
                // A file's word is not enough: masks and draws rely on it.
                space.fault().map_or(Ok(space), Err)
            }
            _ => Err("the action's type does not fit its choices or axes".to_owned()),
        }
    }
}

impl From<&Choice> for StoredChoice {
    fn from(choice: &Choice) -> Self {
        let Choice { name, description } = choice.clone();
        Self { name, description }
    }
}

impl From<StoredChoice> for Choice {
    fn from(stored: StoredChoice) -> Self {
        let StoredChoice { name, description } = stored;
        Self { name, description }
    }
}

impl From<&ChoiceGroup> for StoredGroup {
    fn from(group: &ChoiceGroup) -> Self {
        let ChoiceGroup { name, description, choices } = group;
        let choices = choices.iter().map(StoredChoice::from).collect();
        Self { name: name.clone(), description: description.clone(), choices }
    }
}

impl From<StoredGroup> for ChoiceGroup {
    fn from(stored: StoredGroup) -> Self {
        let StoredGroup { name, description, choices } = stored;
        Self { name, description, choices: choices.into_iter().map(Into::into).collect() }
    }
}

impl From<&Axis> for StoredAxis {
    fn from(axis: &Axis) -> Self {
        let Axis { name, unit, description, low, high, step } = axis.clone();
        Self { name, unit, description, low, high, step }
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
