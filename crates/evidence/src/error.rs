//! The errors of a play, and of the files of its evidence.

use setpoint_files::FileError;
use setpoint_guard::constraints::{NothingLeft, UnknownName};
use setpoint_process::{ProcessError, StateError};

/// Errors of a play.
#[derive(Debug, thiserror::Error)]
pub enum PlayError {
    /// A number that is not finite appeared.
    #[error("{what} of environment {lane} is not a finite number at its step {step}")]
    NotFinite {
        /// The value that was not finite.
        what: &'static str,
        /// The environment.
        lane: usize,
        /// Its step since the start of training.
        step: u64,
    },
    /// The process, the constraints, or both together forbid all choices.
    #[error("no action of environment {lane} is allowed at its step {step}: {reason}")]
    NothingAllowed {
        /// The environment.
        lane: usize,
        /// Its step since the start of training.
        step: u64,
        /// The part that forbids them.
        reason: NothingLeft,
    },
    /// A planner needs copies of the process.
    #[error(
        "mpc plans in copies of the process, and environments of {process} cannot be copied: use another baseline or source"
    )]
    NoCopies {
        /// The kind of the process.
        process: String,
    },
    /// A decider had no action for a state: its episode has no return.
    #[error("the decider had no action for environment {lane}")]
    NoAction {
        /// The environment.
        lane: usize,
    },
    /// An episode lasts longer than [`crate::player::steps_max`].
    #[error(
        "environment {lane} has not ended its episode after {steps} steps, so the episode has no return: write max_steps in \
         [process], after which an episode is cut off, or a greater max_steps in [evaluate] if episodes are that long"
    )]
    NoEnd {
        /// The environment.
        lane: usize,
        /// The steps of its episode.
        steps: u32,
    },
    /// A request to stop interrupted an evaluation, so it has no result.
    #[error("the evaluation was interrupted")]
    Interrupted,
    /// A constraint does not fit the process.
    #[error(transparent)]
    Constraint(#[from] UnknownName),
    /// A process outside of this program failed.
    #[error(transparent)]
    Process(#[from] Box<ProcessError>),
    /// A process state could not be saved or restored.
    #[error(transparent)]
    State(#[from] StateError),
    /// A file could not be written or read.
    #[error(transparent)]
    File(#[from] FileError),
}
