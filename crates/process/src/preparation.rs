//! The progress of slow preparations: reading a log, learning a process from it.

use std::fmt;

/// The progress.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Preparation {
    /// Rows of a log that were read.
    Reading {
        /// So far.
        rows: u64,
    },
    /// Passes of all networks of a learned process over their rows.
    Learning {
        /// So far.
        passes: u64,
        /// All passes.
        of: u64,
    },
}

/// A function that is called with the progress from time to time.
pub type OnProgress<'a> = &'a mut dyn FnMut(Preparation);

impl fmt::Display for Preparation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Reading { rows } => write!(formatter, "reading the log: {rows} rows"),
            Self::Learning { passes, of } => {
                write!(formatter, "learning the process from the log: {} %", 100 * passes / of.max(&1))
            }
        }
    }
}
