//! The progress of a training, its end, and its summary.

use serde::{Deserialize, Serialize};
use setpoint_files::FileError;
use setpoint_files::beginning::Beginning;
use setpoint_files::identity::Identity;
use setpoint_files::run_folder::RunFolder;
use setpoint_policy::Policy;

use crate::metrics::TrainingEvaluation;
use crate::selection::KeptBest;

/// The content of a progress line.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Progress {
    /// Environment steps so far.
    pub steps: u64,
    /// All environment steps.
    pub total_steps: u64,
    /// Updates done.
    pub updates: u64,
    /// Episodes finished.
    pub episodes: u64,
    /// Mean return of the last 100 episodes.
    pub moving_return: Option<f64>,
    /// Its greatest value so far.
    pub best_return: Option<f64>,
    /// Environment steps taken before this sitting, for rates.
    pub steps_before: u64,
    /// The present level of the curriculum, counted from 1, and the number of levels; `None` without a curriculum.
    pub level: Option<(usize, usize)>,
    /// The last evaluation during the training.
    pub evaluation: Option<TrainingEvaluation>,
}

/// The reason for the end of a training.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ending {
    /// All steps (or episodes) were taken.
    Completed,
    /// The moving return reached `train.target_return`.
    TargetReached,
    /// The user stopped it; there is a checkpoint.
    Interrupted,
    /// It reached the steps at which it pauses; there is a checkpoint.
    Paused,
}

/// A training's end: `summary.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// The reason for its end.
    pub ending: Ending,
    /// The seed.
    pub seed: u64,
    /// Environment steps taken.
    pub steps: u64,
    /// Updates done.
    pub updates: u64,
    /// Episodes finished.
    pub episodes: u64,
    /// Mean return of the last 100 episodes.
    pub return_mean_100: Option<f64>,
    /// Its greatest value.
    pub return_best: Option<f64>,
    /// Training time, in s, over all sittings.
    pub wall_seconds: f64,
    /// The policy that it began with; `None` for random weights.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Beginning>,
    /// The policy that it kept; `None` if it kept that of the last update without a choice.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kept: Option<KeptBest>,
    /// Version of Setpoint.
    pub setpoint_version: String,
}

/// `summary.json`: the summary, with the run and the policy that it speaks of.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StoredSummary {
    /// The run; `None` in files from before runs had identities.
    #[serde(default)]
    pub run: Option<Identity>,
    /// BLAKE3 of the policy file, in hex; `None` in files from before runs had identities.
    #[serde(default)]
    pub policy: Option<String>,
    /// The summary.
    #[serde(flatten)]
    pub summary: Summary,
}

impl StoredSummary {
    /// The summary of a run; `None` if its training has not ended.
    pub fn of(folder: &RunFolder) -> Result<Option<Self>, FileError> {
        let path = folder.summary();
        if !path.is_file() {
            return Ok(None);
        }
        let refuse = |error: serde_json::Error| FileError::on("read", &path)(error.into());
        serde_json::from_str(&RunFolder::read(&path)?).map(Some).map_err(refuse)
    }
}

/// The result of a training.
#[derive(Clone, Debug)]
pub struct Trained {
    /// The policy at the end.
    pub policy: Policy,
    /// Its summary.
    pub summary: Summary,
    /// The folder of its files.
    pub folder: Option<RunFolder>,
    /// What the user should know about the start of the training.
    pub notes: Vec<String>,
}
