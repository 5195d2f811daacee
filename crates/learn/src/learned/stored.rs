//! The header of a learned process's file, in JSON, with its own types, so that a change of the program's types does not
//! change files.
//!
//! Names and order of the fields are the format; golden files in `tests/golden` contain them. A change of them needs a
//! higher [`super::file::FORMAT`] and a reader of the old one.

use std::ops::Range;

use serde::{Deserialize, Serialize};
use setpoint_decision::spec::{Parameter, Spec, Termination};
use setpoint_policy::stored_spaces::{StoredAction, StoredFeature, StoredSignal};

use super::ends::Limit;
use super::model::{Fit, Layout, Scale};

/// Everything except the long lists of numbers.
#[derive(Serialize, Deserialize)]
pub struct StoredHeader {
    /// Absent in format 2.
    #[serde(default)]
    pub blake3: String,
    /// Absent in format 2.
    #[serde(default = "format_2")]
    pub format: u32,
    pub learnt_from: String,
    pub spec: StoredSpec,
    pub layout: StoredLayout,
    pub inputs: StoredScale,
    pub outputs: StoredScale,
    pub errors_by_choice: Vec<Range<usize>>,
    pub limits: Vec<StoredLimit>,
    pub fit: StoredFit,
    /// Digest of the tensors; the only one of format 2.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tensors: Option<String>,
}

pub fn format_2() -> u32 {
    2
}

/// Names, units and bounds.
#[derive(Serialize, Deserialize)]
pub struct StoredSpec {
    pub kind: String,
    pub summary: String,
    pub source: String,
    pub observation: Vec<StoredFeature>,
    pub action: StoredAction,
    pub masked: bool,
    pub deterministic: bool,
    pub signals: Vec<StoredSignal>,
    /// `failure` or `goal`; absent where the process does not say, and in files of Setpoint before 2026-11-29.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub termination: Option<StoredTermination>,
    pub max_steps: Option<u32>,
    pub reward: Vec<(String, f64)>,
    pub on_terminated: f64,
    pub on_truncated: f64,
    pub notes: Vec<String>,
    pub heuristics: Vec<String>,
    #[serde(default)]
    pub parameters: Vec<StoredParameter>,
}

/// The meaning of an ended episode.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StoredTermination {
    Failure,
    Goal,
}

/// A number of the dynamics.
#[derive(Serialize, Deserialize)]
pub struct StoredParameter {
    pub name: String,
    pub unit: String,
    pub description: String,
    pub default: f64,
    pub low: f64,
    pub high: f64,
}

/// The layout of inputs and outputs.
#[derive(Serialize, Deserialize)]
pub struct StoredLayout {
    pub features: usize,
    pub actions: usize,
    pub measured: Vec<usize>,
    pub shown: Vec<(usize, usize)>,
}

/// Mean and standard deviation of each column.
#[derive(Serialize, Deserialize)]
pub struct StoredScale {
    pub mean: Vec<f32>,
    pub deviation: Vec<f32>,
}

/// A feature that is extreme before the log's ends.
#[derive(Serialize, Deserialize)]
pub struct StoredLimit {
    pub feature: usize,
    pub above: bool,
    pub value: f32,
    pub p_value: f64,
}

/// The quality of the model's predictions.
#[derive(Serialize, Deserialize)]
pub struct StoredFit {
    pub rows: u64,
    pub ended: u64,
    pub held_out_episodes: u64,
    pub explained: Vec<(String, f64)>,
    /// Absent if every row was used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub left_out: Option<String>,
}

impl From<&Spec> for StoredSpec {
    fn from(spec: &Spec) -> Self {
        Self {
            kind: spec.kind.clone(),
            summary: spec.summary.clone(),
            source: spec.source.clone(),
            observation: spec.observation.iter().map(Into::into).collect(),
            action: (&spec.action).into(),
            masked: spec.masked,
            deterministic: spec.deterministic,
            signals: spec.signals.iter().map(Into::into).collect(),
            termination: match spec.termination {
                Termination::Unstated => None,
                Termination::Failure => Some(StoredTermination::Failure),
                Termination::Goal => Some(StoredTermination::Goal),
            },
            max_steps: spec.max_steps,
            reward: spec.reward.clone(),
            on_terminated: spec.on_terminated,
            on_truncated: spec.on_truncated,
            notes: spec.notes.clone(),
            heuristics: spec.heuristics.clone(),
            parameters: spec.parameters.iter().cloned().map(Into::into).collect(),
        }
    }
}

impl TryFrom<StoredSpec> for Spec {
    type Error = String;

    fn try_from(stored: StoredSpec) -> Result<Self, String> {
        Ok(Self {
            kind: stored.kind,
            summary: stored.summary,
            source: stored.source,
            observation: stored.observation.into_iter().map(Into::into).collect(),
            // A log has features alone.
            tensors: Vec::new(),
            hidden: Vec::new(),
            action: stored.action.try_into()?,
            masked: stored.masked,
            deterministic: stored.deterministic,
            signals: stored.signals.into_iter().map(Into::into).collect(),
            termination: match stored.termination {
                None => Termination::Unstated,
                Some(StoredTermination::Failure) => Termination::Failure,
                Some(StoredTermination::Goal) => Termination::Goal,
            },
            max_steps: stored.max_steps,
            reward: stored.reward,
            on_terminated: stored.on_terminated,
            on_truncated: stored.on_truncated,
            notes: stored.notes,
            heuristics: stored.heuristics,
            parameters: stored.parameters.into_iter().map(Into::into).collect(),
        })
    }
}

/// Conversions, both ways, between types that have the same fields today.
macro_rules! same_fields {
    ($inside:ident, $stored:ident { $($field:ident),* }) => {
        impl From<$inside> for $stored {
            fn from($inside { $($field),* }: $inside) -> Self {
                Self { $($field),* }
            }
        }

        impl From<$stored> for $inside {
            fn from($stored { $($field),* }: $stored) -> Self {
                Self { $($field),* }
            }
        }
    };
}

same_fields!(Parameter, StoredParameter { name, unit, description, default, low, high });
same_fields!(Layout, StoredLayout { features, actions, measured, shown });
same_fields!(Scale, StoredScale { mean, deviation });
same_fields!(Limit, StoredLimit { feature, above, value, p_value });
same_fields!(Fit, StoredFit { rows, ended, held_out_episodes, explained, left_out });
