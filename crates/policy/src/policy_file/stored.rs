//! The manifest of a policy file, in JSON, with its own types, so that a change of the program's types does not change
//! files. Formats 1 and 2 have the same manifest; format 3 has actions with several groups of choices, or with settings too,
//! and format 4 has tensor parts of the observation, or a memory.
//!
//! Names and order of the fields are the format. A change of them needs a higher [`super::FORMAT`] and a reader of the old
//! one.

use serde::{Deserialize, Serialize};
use setpoint_decision::constraint::{Condition, Constraint, Effect, Subject};

use super::stored_network::StoredNetwork;
use crate::head::{Discretization, Head};
use crate::manifest::Manifest;
use crate::stored_spaces::{StoredAction, StoredActionType, StoredFeature, StoredSignal, StoredTensor};

/// The lowest format whose readers understand this manifest, so that older programs read all that they can.
fn format(manifest: &Manifest) -> u32 {
    if !manifest.tensors.is_empty() || manifest.network.memory().is_some() {
        return 4;
    }
    match StoredAction::from(&manifest.action).r#type {
        StoredActionType::Discrete | StoredActionType::Continuous => 2,
        StoredActionType::Several => 3,
    }
}

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
    /// Files of format 4 have it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tensors: Vec<StoredTensor>,
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

#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StoredHead {
    Categorical,
    Values,
    Gaussian,
    /// Files from format 3 on have it.
    CategoricalGaussian,
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
            format: format(manifest),
            setpoint_version: manifest.setpoint_version.clone(),
            project: manifest.project.clone(),
            process: manifest.process.clone(),
            algorithm: manifest.algorithm.clone(),
            seed: manifest.seed,
            steps: manifest.steps,
            observation: manifest.observation.iter().map(Into::into).collect(),
            tensors: manifest.tensors.iter().map(Into::into).collect(),
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
            tensors: stored.tensors.into_iter().map(TryInto::try_into).collect::<Result<_, _>>()?,
            action: stored
                .action
                .try_into()
                .map_err(|reason: String| format!("its manifest is not valid: {reason}"))?,
            signals: stored.signals.into_iter().map(Into::into).collect(),
            constraints: stored.constraints.into_iter().map(Into::into).collect(),
            network: stored.network.try_into()?,
            head: stored.head.into(),
            discretization: stored.discretization.map(Into::into),
            clip_observation: stored.clip_observation,
            normalization_epsilon: stored.normalization_epsilon,
        })
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

impl From<Head> for StoredHead {
    fn from(head: Head) -> Self {
        match head {
            Head::Categorical => Self::Categorical,
            Head::Values => Self::Values,
            Head::Gaussian => Self::Gaussian,
            Head::CategoricalGaussian => Self::CategoricalGaussian,
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
            StoredHead::CategoricalGaussian => Self::CategoricalGaussian,
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
