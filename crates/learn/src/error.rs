//! What can go wrong in training, evaluation and their files.

use std::path::{Path, PathBuf};

use setpoint_policy::constraints::UnknownName;
use setpoint_policy::ranking::NoRecommendation;
use setpoint_process::{ProcessError, StateError};

/// Why a training stopped or could not start.
#[derive(Debug, thiserror::Error)]
pub enum TrainError {
    /// A number that is not finite appeared.
    #[error("{what} of environment {lane} is not a finite number at its step {step}")]
    NotFinite {
        /// What was not finite.
        what: &'static str,
        /// The environment.
        lane: usize,
        /// Its step since the start of training.
        step: u64,
    },
    /// Process and constraints together leave nothing to do.
    #[error(
        "no action of environment {lane} is allowed at its step {step}: what the process can do there, the constraints \
         forbid; loosen a [[constraint]]"
    )]
    NothingAllowed {
        /// The environment.
        lane: usize,
        /// Its step since the start of training.
        step: u64,
    },
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
    /// A constraint does not fit the process.
    #[error(transparent)]
    Constraint(#[from] UnknownName),
    /// A scenario of the report leaves no choice.
    #[error(transparent)]
    Recommendation(#[from] NoRecommendation),
    /// A process outside of this program failed.
    #[error(transparent)]
    Process(#[from] Box<ProcessError>),
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

/// A file could not be written or read.
#[derive(Debug, thiserror::Error)]
#[error("cannot {action} {}: {source}{}", path.display(), advice(source))]
pub struct FileError {
    /// `write`, `create`, `read` …
    pub action: &'static str,
    /// The file or folder.
    pub path: PathBuf,
    /// What the system said.
    pub source: std::io::Error,
}

impl FileError {
    /// Turns an I/O error into one that names the file.
    pub fn on(action: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self { action, path, source }
    }
}

fn advice(error: &std::io::Error) -> &'static str {
    match error.kind() {
        std::io::ErrorKind::StorageFull => {
            "; free some space and resume, every earlier file of the run is whole"
        }
        std::io::ErrorKind::ReadOnlyFilesystem | std::io::ErrorKind::PermissionDenied => {
            "; choose a folder that can be written with --run-dir"
        }
        _ => "",
    }
}
