//! Why a log cannot be read at all.

use std::path::{Path, PathBuf};

/// What was found where, and the fix.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}{}: {found}; {fix}", file.display(), place(*line, *byte))]
pub struct LogError {
    /// The file.
    pub file: PathBuf,
    /// Its line, from 1.
    pub line: Option<u64>,
    /// Offset of the byte, from 0.
    pub byte: Option<u64>,
    /// What was found.
    pub found: String,
    /// What helps.
    pub fix: String,
}

fn place(line: Option<u64>, byte: Option<u64>) -> String {
    match (line, byte) {
        (Some(line), Some(byte)) => format!(", line {line} (byte {byte})"),
        (Some(line), None) => format!(", line {line}"),
        _ => String::new(),
    }
}

impl LogError {
    /// About a file as a whole.
    pub fn of(file: &Path, found: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { file: file.to_owned(), line: None, byte: None, found: found.into(), fix: fix.into() }
    }

    /// About a line.
    pub fn at(file: &Path, line: u64, found: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { line: Some(line), ..Self::of(file, found, fix) }
    }
}
