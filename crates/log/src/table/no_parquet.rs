//! Parquet in a build without the feature `parquet`: such a file is recognised and refused.

use std::fs::File;
use std::path::Path;

use csv::ByteRecord;

use crate::error::LogError;

/// A file of this format begins, and ends, with these bytes.
pub(super) const MARK: &[u8] = b"PAR1";

/// This build has no such rows.
pub(super) enum Rows {}

/// Refuses the file.
pub(super) fn open(path: &Path, _: File) -> Result<(Vec<String>, Rows), LogError> {
    let found = "it is a Parquet file, and this build cannot read Parquet";
    Err(LogError::of(path, found, "export it as CSV in UTF-8, or build with the feature `parquet`"))
}

impl Rows {
    pub(super) fn next(&mut self, _: &mut ByteRecord, _: &Path) -> Result<bool, LogError> {
        match *self {}
    }
}
