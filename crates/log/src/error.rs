//! The reasons why a log cannot be read.

use std::path::{Path, PathBuf};

/// The fault, its place, and the fix.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}{}: {found}; {fix}", file.display(), place(*line, *byte))]
pub struct LogError {
    /// The file.
    pub file: PathBuf,
    /// Its line, from 1.
    pub line: Option<u64>,
    /// Offset of the byte, from 0.
    pub byte: Option<u64>,
    /// The fault.
    pub found: String,
    /// The fix.
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
    /// An error about a file as a whole.
    pub fn of(file: &Path, found: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { file: file.to_owned(), line: None, byte: None, found: found.into(), fix: fix.into() }
    }

    /// An error about a line.
    pub fn at(file: &Path, line: u64, found: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { line: Some(line), ..Self::of(file, found, fix) }
    }
}
