//! A table in a text file: its delimiter, its header, and its rows one after another.

use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use csv::{ByteRecord, Reader, ReaderBuilder};

use crate::encoding::{NotText, Utf8};
use crate::error::LogError;
use crate::value::{Cell, cell};

/// What delimits columns.
const DELIMITERS: [u8; 4] = [b',', b';', b'\t', b'|'];
/// Bytes that the delimiter is looked for in.
const HEAD_BYTES: usize = 1 << 16;
/// A longer cell is no measurement: a quote was not closed.
const CELL_BYTES_MAX: usize = 1 << 16;
const AS_UTF8: &str = "save it as CSV in UTF-8";

/// An open table.
pub struct Table {
    /// The file.
    pub path: PathBuf,
    /// Names of the columns.
    pub header: Vec<String>,
    /// What delimits them.
    pub delimiter: char,
    reader: Reader<Utf8<BufReader<File>>>,
}

/// Opens a CSV file and reads its header.
pub fn open(path: &Path) -> Result<Table, LogError> {
    let extension = path.extension().map(|extension| extension.to_string_lossy().to_ascii_lowercase());
    if let Some(kind @ ("parquet" | "feather" | "arrow" | "xlsx" | "xls" | "gz" | "zip")) =
        extension.as_deref()
    {
        let found = format!("`.{kind}` files are not read by this program");
        return Err(LogError::of(
            path,
            found,
            "export it as CSV in UTF-8 (no feature of this build reads Parquet)",
        ));
    }
    let unreadable = |error: std::io::Error| {
        LogError::of(
            path,
            format!("it cannot be read: {error}"),
            "name a CSV file with --data or file = \"…\" in [data]",
        )
    };
    let mut file = File::open(path).map_err(unreadable)?;
    if file.metadata().is_ok_and(|metadata| metadata.is_dir()) {
        return Err(LogError::of(
            path,
            "it is a folder",
            "name a CSV file with --data or file = \"…\" in [data]",
        ));
    }
    let mut head = Vec::new();
    Read::by_ref(&mut file).take(HEAD_BYTES as u64).read_to_end(&mut head).map_err(unreadable)?;
    if head.iter().all(u8::is_ascii_whitespace) {
        return Err(LogError::of(path, "the file is empty", "it needs a header and a row a decision"));
    }
    file.seek(SeekFrom::Start(0)).map_err(unreadable)?;
    let delimiter = delimiter(&head);
    let mut reader = ReaderBuilder::new()
        .delimiter(delimiter)
        .flexible(true)
        .buffer_capacity(1 << 18)
        .from_reader(Utf8::new(BufReader::with_capacity(1 << 18, file)));
    let header = reader.byte_headers().map_err(|error| refusal(path, error))?.clone();
    let header: Vec<String> = header
        .iter()
        .map(|name| String::from_utf8_lossy(name).trim_start_matches('\u{feff}').trim().to_owned())
        .collect();
    check_header(path, &header)?;
    Ok(Table { path: path.to_owned(), header, delimiter: char::from(delimiter), reader })
}

/// The one that the first line has most of, outside of quotes.
fn delimiter(head: &[u8]) -> u8 {
    let mut quoted = false;
    let mut counts = [0_u32; DELIMITERS.len()];
    for byte in head {
        match byte {
            b'"' => quoted = !quoted,
            b'\n' if !quoted => break,
            byte if !quoted => {
                if let Some(index) = DELIMITERS.iter().position(|delimiter| delimiter == byte) {
                    counts[index] += 1;
                }
            }
            _ => {}
        }
    }
    let most = counts.iter().max().copied().unwrap_or(0);
    let index = counts.iter().position(|count| *count == most).unwrap_or(0);
    DELIMITERS[index]
}

fn check_header(path: &Path, header: &[String]) -> Result<(), LogError> {
    if header.iter().all(|name| matches!(cell(name), Cell::Number { .. } | Cell::Missing | Cell::NotFinite)) {
        let found = format!("the first line holds no names of columns: {}", header.join(", "));
        return Err(LogError::at(path, 1, found, "write a header with the name of every column"));
    }
    for (index, name) in header.iter().enumerate() {
        if !name.is_empty() && header[..index].contains(name) {
            let found = format!("two columns are called `{name}`");
            return Err(LogError::at(path, 1, found, "give each column its own name"));
        }
    }
    Ok(())
}

impl Table {
    /// Reads the next row into `record`; `false` at the end.
    pub fn next(&mut self, record: &mut ByteRecord) -> Result<bool, LogError> {
        let more = self.reader.read_byte_record(record).map_err(|error| refusal(&self.path, error))?;
        if let Some(index) = record.iter().position(|cell| cell.len() > CELL_BYTES_MAX).filter(|_| more) {
            let line = record.position().map_or(0, csv::Position::line);
            let name = self.header.get(index).map_or("", String::as_str);
            let found =
                format!("the cell of `{name}` has {} bytes", record.get(index).map_or(0, <[u8]>::len));
            return Err(LogError::at(&self.path, line, found, "close the quote that is open there"));
        }
        Ok(more)
    }
}

/// The line of a row, from 1.
pub fn line(record: &ByteRecord) -> u64 {
    record.position().map_or(0, csv::Position::line)
}

fn refusal(path: &Path, error: csv::Error) -> LogError {
    match error.into_kind() {
        csv::ErrorKind::Io(error) => {
            match error.get_ref().and_then(|inner| inner.downcast_ref::<NotText>()) {
                Some(NotText { byte, line, found }) => {
                    LogError { byte: Some(*byte), ..LogError::at(path, *line, found.clone(), AS_UTF8) }
                }
                None => {
                    LogError::of(path, format!("it cannot be read: {error}"), "see whether the file is whole")
                }
            }
        }
        // Rows of any length are taken, and cells as bytes: nothing else can go wrong.
        kind => LogError::of(path, format!("it is no CSV file: {kind:?}"), AS_UTF8),
    }
}
