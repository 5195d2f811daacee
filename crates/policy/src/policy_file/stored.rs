//! The manifest of a policy file, in JSON, with its own types, so that a change of the program's types does not change
//! files. Formats 1 and 2 have the same manifest.
//!
//! Names and order of the fields are the format. A change of them needs a higher [`super::FORMAT`] and a reader of the old
//! one. A plain field distinguishes the kinds of actions, not a tagged enum: that would read an `f32` through an `f64` and
//! round twice.

use serde::{Deserialize, Serialize};
use setpoint_decision::constraint::{Condition, Constraint, Effect, Subject};
use setpoint_decision::spec::{ActionSpace, Aggregate, Axis, Choice, Feature, Signal};
use setpoint_nn::mlp::{Activation, Mlp};

use super::FORMAT;
use crate::head::{Discretization, Head};
use crate::manifest::Manifest;

/// Everything about a policy but its numbers.
#[derive(Serialize, Deserialize)]
pub struct StoredManifest {
    pub format: u32,
    pub setpoint_version: String,
    pub project: String,
    pub process: String,
    pub algorithm: String,
    pub seed: u64,
    pub steps: u64,
    pub observation: Vec<StoredFeature>,
    pub action: StoredAction,
    pub signals: Vec<StoredSignal>,
    pub constraints: Vec<StoredConstraint>,
    pub network: StoredNetwork,
    pub head: StoredHead,
    pub discretization: Option<StoredTable>,
    pub clip_observation: Option<f64>,
    pub normalization_epsilon: f64,
}

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

#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StoredActionType {
    Discrete,
    Continuous,
}

#[derive(Serialize, Deserialize)]
pub struct StoredChoice {
    pub name: String,
    pub description: String,
}

#[derive(Serialize, Deserialize)]
pub struct StoredAxis {
    pub name: String,
    pub unit: String,
    pub description: String,
    pub low: f32,
    pub high: f32,
}

#[derive(Serialize, Deserialize)]
pub struct StoredSignal {
    pub name: String,
    pub unit: String,
    pub description: String,
    pub low: f32,
    pub high: f32,
    pub aggregate: StoredAggregate,
}

#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StoredAggregate {
    Mean,
    Share,
    Total,
}

#[derive(Serialize, Deserialize)]
pub struct StoredConstraint {
    pub when: StoredCondition,
    pub effect: StoredEffect,
}

#[derive(Serialize, Deserialize)]
pub struct StoredCondition {
    pub subject: StoredSubject,
    pub above: Option<f64>,
    pub below: Option<f64>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StoredSubject {
    Signal(String),
    Feature(String),
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StoredEffect {
    Forbid(Vec<String>),
    Clip { action: String, low: Option<f64>, high: Option<f64> },
}

#[derive(Serialize, Deserialize)]
pub struct StoredNetwork {
    pub input: usize,
    pub hidden: Vec<usize>,
    pub output: usize,
    pub activation: StoredActivation,
}

#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StoredActivation {
    Linear,
    Tanh,
    Relu,
}

#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StoredHead {
    Categorical,
    Values,
    Gaussian,
    SquashedGaussian,
    Deterministic,
}

/// The map from observations to cells, for tables.
#[derive(Serialize, Deserialize)]
pub struct StoredTable {
    pub bins: Vec<u32>,
    pub low: Vec<f32>,
    pub high: Vec<f32>,
}

impl From<&Manifest> for StoredManifest {
    fn from(manifest: &Manifest) -> Self {
        Self {
            format: FORMAT,
            setpoint_version: manifest.setpoint_version.clone(),
            project: manifest.project.clone(),
            process: manifest.process.clone(),
            algorithm: manifest.algorithm.clone(),
            seed: manifest.seed,
            steps: manifest.steps,
            observation: manifest.observation.iter().map(Into::into).collect(),
            action: (&manifest.action).into(),
            signals: manifest.signals.iter().map(Into::into).collect(),
            constraints: manifest.constraints.iter().map(Into::into).collect(),
            network: (&manifest.network).into(),
            head: manifest.head.into(),
            discretization: manifest.discretization.as_ref().map(Into::into),
            clip_observation: manifest.clip_observation,
            normalization_epsilon: manifest.normalization_epsilon,
        }
    }
}

impl TryFrom<StoredManifest> for Manifest {
    type Error = String;

    fn try_from(stored: StoredManifest) -> Result<Self, String> {
        Ok(Self {
            setpoint_version: stored.setpoint_version,
            project: stored.project,
            process: stored.process,
            algorithm: stored.algorithm,
            seed: stored.seed,
            steps: stored.steps,
            observation: stored.observation.into_iter().map(Into::into).collect(),
            action: stored.action.try_into()?,
            signals: stored.signals.into_iter().map(Into::into).collect(),
            constraints: stored.constraints.into_iter().map(Into::into).collect(),
            network: stored.network.into(),
            head: stored.head.into(),
            discretization: stored.discretization.map(Into::into),
            clip_observation: stored.clip_observation,
            normalization_epsilon: stored.normalization_epsilon,
        })
    }
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
                    let Axis { name, unit, description, low, high } = axis.clone();
                    StoredAxis { name, unit, description, low, high }
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
                let axis = |stored: StoredAxis| {
                    let StoredAxis { name, unit, description, low, high } = stored;
                    Axis { name, unit, description, low, high }
                };
                Ok(Self::Continuous { axes: axes.into_iter().map(axis).collect() })
            }
            _ => Err("its manifest is not valid: the action's type does not fit its choices or axes".into()),
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

impl StoredSubject {
    /// The signal's or feature's name.
    pub fn name(&self) -> &str {
        let (Self::Signal(name) | Self::Feature(name)) = self;
        name
    }
}

impl From<&Constraint> for StoredConstraint {
    fn from(constraint: &Constraint) -> Self {
        let Condition { subject, above, below } = constraint.when.clone();
        let subject = match subject {
            Subject::Signal(name) => StoredSubject::Signal(name),
            Subject::Feature(name) => StoredSubject::Feature(name),
        };
        let effect = match constraint.effect.clone() {
            Effect::Forbid(choices) => StoredEffect::Forbid(choices),
            Effect::Clip { action, low, high } => StoredEffect::Clip { action, low, high },
        };
        Self { when: StoredCondition { subject, above, below }, effect }
    }
}

impl From<StoredConstraint> for Constraint {
    fn from(stored: StoredConstraint) -> Self {
        let StoredCondition { subject, above, below } = stored.when;
        let subject = match subject {
            StoredSubject::Signal(name) => Subject::Signal(name),
            StoredSubject::Feature(name) => Subject::Feature(name),
        };
        let effect = match stored.effect {
            StoredEffect::Forbid(choices) => Effect::Forbid(choices),
            StoredEffect::Clip { action, low, high } => Effect::Clip { action, low, high },
        };
        Self { when: Condition { subject, above, below }, effect }
    }
}

impl From<&Mlp> for StoredNetwork {
    fn from(network: &Mlp) -> Self {
        let Mlp { input, hidden, output, activation } = network.clone();
        let activation = match activation {
            Activation::Linear => StoredActivation::Linear,
            Activation::Tanh => StoredActivation::Tanh,
            Activation::Relu => StoredActivation::Relu,
        };
        Self { input, hidden, output, activation }
    }
}

impl From<StoredNetwork> for Mlp {
    fn from(stored: StoredNetwork) -> Self {
        let StoredNetwork { input, hidden, output, activation } = stored;
        let activation = match activation {
            StoredActivation::Linear => Activation::Linear,
            StoredActivation::Tanh => Activation::Tanh,
            StoredActivation::Relu => Activation::Relu,
        };
        Self { input, hidden, output, activation }
    }
}

impl From<Head> for StoredHead {
    fn from(head: Head) -> Self {
        match head {
            Head::Categorical => Self::Categorical,
            Head::Values => Self::Values,
            Head::Gaussian => Self::Gaussian,
            Head::SquashedGaussian => Self::SquashedGaussian,
            Head::Deterministic => Self::Deterministic,
        }
    }
}

impl From<StoredHead> for Head {
    fn from(stored: StoredHead) -> Self {
        match stored {
            StoredHead::Categorical => Self::Categorical,
            StoredHead::Values => Self::Values,
            StoredHead::Gaussian => Self::Gaussian,
            StoredHead::SquashedGaussian => Self::SquashedGaussian,
            StoredHead::Deterministic => Self::Deterministic,
        }
    }
}

impl From<&Discretization> for StoredTable {
    fn from(table: &Discretization) -> Self {
        let Discretization { bins, low, high } = table.clone();
        Self { bins, low, high }
    }
}

impl From<StoredTable> for Discretization {
    fn from(stored: StoredTable) -> Self {
        let StoredTable { bins, low, high } = stored;
        Self { bins, low, high }
    }
}
