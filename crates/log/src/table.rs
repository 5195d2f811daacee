//! A table in a file: its header, and its rows in order, as text for every format of the file. The delimiter
//! between columns is found in `delimited`, decimal commas are read in `cell`.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use csv::{ByteRecord, Position};
use serde::{Deserialize, Serialize};

use self::cell::{Cell, cell};
use crate::error::LogError;

pub mod cell;
mod delimited;
#[cfg_attr(not(feature = "parquet"), path = "table/no_parquet.rs")]
mod parquet;

const NAME_A_FILE: &str = "name a CSV or Parquet file with --data or file = \"…\" in [data]";
/// Common formats of logs that this program cannot read.
const FOREIGN: &[&str] = &["feather", "arrow", "orc", "avro", "xlsx", "xls", "ods", "json", "gz", "zip"];

/// The format of a file of rows, from its first bytes, not from its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// Text, one row per line.
    Csv,
    /// Apache Parquet.
    Parquet,
}

impl Format {
    /// The word for a row in a message with its number.
    pub fn row_word(self) -> &'static str {
        match self {
            Self::Csv => "line",
            Self::Parquet => "row",
        }
    }
}

/// An open table.
pub struct Table {
    /// The file.
    pub path: PathBuf,
    /// Names of the columns.
    pub header: Vec<String>,
    /// Its format.
    pub format: Format,
    rows: Rows,
}

enum Rows {
    Delimited(Box<delimited::Rows>),
    Parquet(parquet::Rows),
}

/// Opens a file of rows and reads its header.
pub fn open(path: &Path) -> Result<Table, LogError> {
    let extension = path.extension().map(|extension| extension.to_string_lossy().to_ascii_lowercase());
    if let Some(kind) = extension.as_deref().filter(|extension| FOREIGN.contains(extension)) {
        let found = format!("`.{kind}` files are not read by this program");
        return Err(LogError::of(path, found, "export it as CSV in UTF-8, or as Parquet"));
    }
    let unreadable = |error| LogError::of(path, format!("it cannot be read: {error}"), NAME_A_FILE);
    let mut file = File::open(path).map_err(unreadable)?;
    if file.metadata().is_ok_and(|metadata| metadata.is_dir()) {
        return Err(LogError::of(path, "it is a folder", NAME_A_FILE));
    }
    let mut mark = Vec::new();
    Read::by_ref(&mut file).take(parquet::MARK.len() as u64).read_to_end(&mut mark).map_err(unreadable)?;
    file.seek(SeekFrom::Start(0)).map_err(unreadable)?;
    let (header, format, rows) = if mark == parquet::MARK {
        let (header, rows) = parquet::open(path, file)?;
        (header, Format::Parquet, Rows::Parquet(rows))
    } else {
        let (header, rows) = delimited::open(path, file)?;
        (header, Format::Csv, Rows::Delimited(Box::new(rows)))
    };
    check_header(path, &header, format)?;
    Ok(Table { path: path.to_owned(), header, format, rows })
}

fn check_header(path: &Path, header: &[String], format: Format) -> Result<(), LogError> {
    let refuse = |found: String, fix: &str| match format {
        Format::Csv => LogError::at(path, 1, found, fix),
        Format::Parquet => LogError::of(path, found, fix),
    };
    let no_name = |name: &String| matches!(cell(name), Cell::Number { .. } | Cell::Missing | Cell::NotFinite);
    if header.iter().all(no_name) {
        let found = format!("the first line contains no names of columns: {}", header.join(", "));
        return Err(refuse(found, "write a header with the name of every column"));
    }
    for (index, name) in header.iter().enumerate() {
        if !name.is_empty() && header[..index].contains(name) {
            return Err(refuse(
                format!("two columns have the name `{name}`"),
                "give each column its own name",
            ));
        }
    }
    Ok(())
}

impl Table {
    /// Reads the next row into `record`; `false` at the end.
    pub fn next(&mut self, record: &mut ByteRecord) -> Result<bool, LogError> {
        match &mut self.rows {
            Rows::Delimited(rows) => rows.next(record, &self.path, &self.header),
            Rows::Parquet(rows) => rows.next(record, &self.path),
        }
    }
}

/// The number of a row, from 1: in a text its line.
pub fn line(record: &ByteRecord) -> u64 {
    record.position().map_or(0, Position::line)
}
