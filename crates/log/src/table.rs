//! A table in a file: its header, and its rows in order, as text for every format of the file. The delimiter, the header and the
//! lines that are no rows are found in `layout` and `delimited`, numbers are read in `cell` and [`marks`].

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use csv::{ByteRecord, Position};
use serde::{Deserialize, Serialize};

use self::cell::{Cell, cell};
use self::marks::Marks;
use crate::error::LogError;
use crate::finding::Times;

pub mod cell;
mod delimited;
mod layout;
mod lines;
pub mod long;
pub mod marks;
#[cfg_attr(not(feature = "parquet"), path = "table/no_parquet.rs")]
mod parquet;
pub mod quality;
pub mod status;

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

/// A part of the file that was taken for something else than a row; or a form of its cells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// Its name, in kebab case.
    pub kind: &'static str,
    /// Its first line, from 1.
    pub line: u64,
    /// Number of lines.
    pub count: u64,
    /// In a sentence.
    pub sentence: String,
    /// The remedy.
    pub advice: &'static str,
    /// Whether figures from the log are less certain.
    pub is_fault: bool,
}

impl Note {
    fn new(kind: &'static str, line: u64, count: u64, sentence: String) -> Self {
        Self { kind, line, count, sentence, advice: "nothing, if that is right", is_fault: false }
    }
}

/// An open table.
pub struct Table {
    /// The file.
    pub path: PathBuf,
    /// Names of the columns.
    pub header: Vec<String>,
    /// The line of the header; 0 in a Parquet file.
    pub header_line: u64,
    /// Units of the columns from a line below the header; empty texts without.
    pub units: Vec<String>,
    /// Its format.
    pub format: Format,
    rows: Rows,
}

enum Rows {
    Delimited(Box<delimited::Rows>),
    Parquet(parquet::Rows),
    /// Of a long table; they are small enough, for they were sorted.
    Wide {
        rows: Arc<Vec<ByteRecord>>,
        next: usize,
        notes: Vec<Note>,
        without_episode: Times,
    },
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
    let table = if mark == parquet::MARK {
        let (header, rows) = parquet::open(path, file)?;
        let units = vec![String::new(); header.len()];
        let rows = Rows::Parquet(rows);
        Table { path: path.to_owned(), header, header_line: 0, units, format: Format::Parquet, rows }
    } else {
        let rows = delimited::open(path, file)?;
        Table {
            path: path.to_owned(),
            header: rows.header(),
            header_line: rows.header_line(),
            units: rows.units(),
            format: Format::Csv,
            rows: Rows::Delimited(Box::new(rows)),
        }
    };
    table.check_header()?;
    Ok(table)
}

impl Table {
    fn refuse_header(&self, found: String, fix: &str) -> LogError {
        match self.format {
            Format::Csv => LogError::at(&self.path, self.header_line, found, fix),
            Format::Parquet => LogError::of(&self.path, found, fix),
        }
    }

    fn check_header(&self) -> Result<(), LogError> {
        let no_name = |name: &String| !matches!(cell(name, Marks::default()), Cell::Text);
        if self.header.iter().all(no_name) {
            let found = format!("the first line contains no names of columns: {}", self.header.join(", "));
            return Err(self.refuse_header(found, "write a header with the name of every column"));
        }
        Ok(())
    }

    /// Refuses a name in use that several columns have.
    pub fn check_unique<'n>(&self, used: impl IntoIterator<Item = &'n str>) -> Result<(), LogError> {
        for name in used {
            let places = (1..).zip(&self.header).filter(|(_, other)| *other == name);
            let places: Vec<String> = places.map(|(place, _)| place.to_string()).collect();
            if places.len() > 1 {
                let found = format!(
                    "{} columns have the name `{name}`: columns {}",
                    count_word(places.len()),
                    places.join(", ")
                );
                return Err(self.refuse_header(found, "give each column that is used its own name"));
            }
        }
        Ok(())
    }

    /// What was taken for what; known at the end of the rows.
    pub fn notes(&self) -> Vec<Note> {
        match &self.rows {
            Rows::Delimited(rows) => rows.notes(),
            Rows::Parquet(_) => Vec::new(),
            Rows::Wide { notes, .. } => notes.clone(),
        }
    }

    /// Whether it was a long table.
    pub fn was_long(&self) -> bool {
        matches!(self.rows, Rows::Wide { .. })
    }

    /// Rows of a long table that state no episode: they are left out. Elsewhere the reader of the rows finds them.
    pub fn without_episode(&self) -> Times {
        match &self.rows {
            Rows::Wide { without_episode, .. } => *without_episode,
            Rows::Delimited(_) | Rows::Parquet(_) => Times::default(),
        }
    }

    /// The same table before its first row.
    pub fn again(&self) -> Result<Self, LogError> {
        let rows = match &self.rows {
            Rows::Delimited(rows) => Rows::Delimited(Box::new(rows.again(&self.path)?)),
            Rows::Parquet(_) => return open(&self.path),
            Rows::Wide { rows, .. } => Rows::Wide {
                rows: Arc::clone(rows),
                next: 0,
                notes: Vec::new(),
                without_episode: Times::default(),
            },
        };
        let (header, units) = (self.header.clone(), self.units.clone());
        Ok(Self {
            path: self.path.clone(),
            header,
            header_line: self.header_line,
            units,
            format: self.format,
            rows,
        })
    }

    /// Reads the next row into `record`; `false` at the end.
    pub fn next(&mut self, record: &mut ByteRecord) -> Result<bool, LogError> {
        match &mut self.rows {
            Rows::Delimited(rows) => rows.next(record, &self.path),
            Rows::Parquet(rows) => rows.next(record, &self.path),
            Rows::Wide { rows, next, .. } => {
                let row = rows.get(*next);
                row.inspect(|row| record.clone_from(row));
                *next += 1;
                Ok(row.is_some())
            }
        }
    }
}

/// The number of a row, from 1: in a text its line.
pub fn line(record: &ByteRecord) -> u64 {
    record.position().map_or(0, Position::line)
}

/// A small count in words.
fn count_word(count: usize) -> String {
    match count {
        2 => "two".to_owned(),
        3 => "three".to_owned(),
        count => count.to_string(),
    }
}
