//! The errors of a training and its files.

use std::path::PathBuf;

use setpoint_evidence::PlayError;
use setpoint_files::FileError;
use setpoint_files::run::RunError;
use setpoint_guard::given_state::GivenError;
use setpoint_guard::recommendation::NoRecommendation;
use setpoint_policy::policy_file::PolicyFileError;
use setpoint_process::StateError;

/// An error that stopped a training or prevented its start.
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
    /// A request to stop interrupted an update. The training goes back to the state before it.
    #[error("the update was interrupted")]
    Interrupted,
    /// A training stopped with an error; it may continue from a checkpoint.
    #[error("{source}; {}", match last_good {
        Some(path) => format!("the last checkpoint is {}", path.display()),
        None => "there is no checkpoint yet".to_owned(),
    })]
    Stopped {
        /// The error.
        source: Box<TrainError>,
        /// The newest checkpoint of the run.
        last_good: Option<PathBuf>,
    },
    /// A scenario of the report sets a value that the policy does not have.
    #[error(transparent)]
    Scenario(#[from] GivenError),
    /// A scenario of the report leaves no choice.
    #[error(transparent)]
    Recommendation(#[from] NoRecommendation),
    /// A process state could not be saved or restored.
    #[error(transparent)]
    State(#[from] StateError),
    /// A file of the run folder could not be written.
    #[error(transparent)]
    File(#[from] FileError),
    /// A checkpoint is not usable.
    #[error("{} is not a usable checkpoint: {reason}; {}", path.display(), good_one(last_good))]
    Checkpoint {
        /// The file.
        path: PathBuf,
        /// The reason: found and expected content.
        reason: String,
        /// The newest complete checkpoint of the run.
        last_good: Option<PathBuf>,
    },
    /// A replay buffer on disk is not usable.
    #[error(
        "{} is not usable: {reason}. Nothing was changed; restore the folder from a copy and resume, or begin again with --force",
        path.display()
    )]
    Replay {
        /// The file or folder.
        path: PathBuf,
        /// The reason: found and expected content.
        reason: String,
    },
    /// A log of the run is not what its checkpoint relies on.
    #[error(
        "{source}. Nothing was changed; restore the file from a copy, or resume with --force to continue with the lines that are there"
    )]
    Log {
        /// The file and the reason.
        source: FileError,
    },
    /// A file bears the identity of another run.
    #[error("{} belongs to {found}, not to run {run} of this folder: move it away", path.display())]
    OtherRun {
        /// The file.
        path: PathBuf,
        /// Whose it is.
        found: String,
        /// The run of the folder.
        run: String,
    },
    /// The folder cannot be used for this run.
    #[error(transparent)]
    Run(#[from] RunError),
    /// The policy file of a finished run is not usable.
    #[error(transparent)]
    Policy(#[from] PolicyFileError),
    /// A training cannot begin with a policy.
    #[error("cannot begin with {}: {reason}", path.display())]
    FirstPolicy {
        /// The run or the policy file.
        path: PathBuf,
        /// The reason.
        reason: String,
    },
    /// A run began with another policy than the given one, or stopped before it kept its first policy.
    #[error("{} {reason}", folder.display())]
    OtherBeginning {
        /// The run folder.
        folder: PathBuf,
        /// The difference and the fix.
        reason: String,
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
    /// Whether the learner itself failed, by its own numbers: another algorithm or another seed may succeed.
    pub fn is_divergence(&self) -> bool {
        match self {
            Self::Diverged { .. } => true,
            Self::Stopped { source, .. } => source.is_divergence(),
            _ => false,
        }
    }
}

impl TrainError {
    /// Whether files, not the training, are the reason: the same training may succeed later, so nothing follows from it.
    pub fn is_of_files(&self) -> bool {
        match self {
            Self::File(_)
            | Self::Log { .. }
            | Self::Run(_)
            | Self::OtherRun { .. }
            | Self::Replay { .. }
            | Self::Checkpoint { .. }
            | Self::Policy(_)
            | Self::OtherSettings { .. }
            | Self::FirstPolicy { .. }
            | Self::OtherBeginning { .. }
            | Self::Play(PlayError::File(_)) => true,
            Self::Stopped { source, .. } => source.is_of_files(),
            _ => false,
        }
    }
}

fn good_one(last_good: &Option<PathBuf>) -> String {
    match last_good {
        Some(path) => format!(
            "the last good one is {}: delete the broken file, and resume to continue from that checkpoint",
            path.display()
        ),
        None => "the run has no other: delete the broken file, and resume to start again".to_owned(),
    }
}
