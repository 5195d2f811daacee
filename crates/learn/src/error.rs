//! What can go wrong in training, evaluation and their files.

use std::path::PathBuf;

use setpoint_evidence::PlayError;
use setpoint_files::FileError;
use setpoint_guard::recommendation::NoRecommendation;
use setpoint_policy::policy_file::PolicyFileError;
use setpoint_process::StateError;

/// Why a training stopped or could not start.
#[derive(Debug, thiserror::Error)]
pub enum TrainError {
    /// The environments could not be played.
    #[error(transparent)]
    Play(#[from] PlayError),
    /// The learner's own numbers left the finite range.
    #[error(
        "the {what} is not finite after {steps} environment steps; a smaller learning_rate or \
         normalize_observation = true usually helps"
    )]
    Diverged {
        /// Loss or gradient.
        what: &'static str,
        /// Environment steps taken.
        steps: u64,
    },
    /// A training broke off; a checkpoint may let it go on.
    #[error("{source}; {}", match last_good {
        Some(path) => format!("the last checkpoint is {}", path.display()),
        None => "no checkpoint had been written".to_owned(),
    })]
    Stopped {
        /// What happened.
        source: Box<TrainError>,
        /// The newest checkpoint of the run.
        last_good: Option<PathBuf>,
    },
    /// A scenario of the report leaves no choice.
    #[error(transparent)]
    Recommendation(#[from] NoRecommendation),
    /// A process state could not be saved or put back.
    #[error(transparent)]
    State(#[from] StateError),
    /// A file of the run folder could not be written.
    #[error(transparent)]
    File(#[from] FileError),
    /// A checkpoint was refused.
    #[error("{} is not a usable checkpoint: {reason}; {}", path.display(), good_one(last_good))]
    Checkpoint {
        /// The file.
        path: PathBuf,
        /// What was found, and what was expected.
        reason: String,
        /// The newest checkpoint of the run that is whole.
        last_good: Option<PathBuf>,
    },
    /// The policy file of a run that has ended was refused.
    #[error(transparent)]
    Policy(#[from] PolicyFileError),
    /// The run folder belongs to a different training.
    #[error("{} was trained with other settings ({difference}); start a new run or give the same settings", folder.display())]
    OtherSettings {
        /// The run folder.
        folder: PathBuf,
        /// The first setting that differs.
        difference: String,
    },
}

impl TrainError {
    /// Whether the learner itself failed, by its own numbers: another algorithm or another seed may well succeed.
    pub fn is_divergence(&self) -> bool {
        match self {
            Self::Diverged { .. } => true,
            Self::Stopped { source, .. } => source.is_divergence(),
            _ => false,
        }
    }
}

fn good_one(last_good: &Option<PathBuf>) -> String {
    match last_good {
        Some(path) => format!(
            "the last good one is {}: delete the broken file and resume to go on from it",
            path.display()
        ),
        None => "the run has no other: delete the broken file and resume to start it anew".to_owned(),
    }
}
