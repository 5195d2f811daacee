//! Text with a delimiter between columns: CSV from spreadsheets, historians and data frames.

use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::path::Path;

use csv::{ByteRecord, Reader, ReaderBuilder};

use super::{NAME_A_FILE, line};
use crate::encoding::{NotText, Utf8};
use crate::error::LogError;

/// The possible delimiters.
const DELIMITERS: [u8; 4] = [b',', b';', b'\t', b'|'];
/// Number of bytes that are searched for the delimiter.
const HEAD_BYTES: usize = 1 << 16;
/// A longer cell is an error: a quote is not closed.
const CELL_BYTES_MAX: usize = 1 << 16;
const AS_UTF8: &str = "save it as CSV in UTF-8";

/// Rows of a text.
pub(super) struct Rows(Reader<Utf8<BufReader<File>>>);

/// The names of columns, and the rows below.
pub(super) fn open(path: &Path, mut file: File) -> Result<(Vec<String>, Rows), LogError> {
    let unreadable = |error| LogError::of(path, format!("it cannot be read: {error}"), NAME_A_FILE);
    let mut head = Vec::new();
    Read::by_ref(&mut file).take(HEAD_BYTES as u64).read_to_end(&mut head).map_err(unreadable)?;
    if head.iter().all(u8::is_ascii_whitespace) {
        return Err(LogError::of(path, "the file is empty", "it needs a header and one row per decision"));
    }
    file.seek(SeekFrom::Start(0)).map_err(unreadable)?;
    let mut reader = ReaderBuilder::new()
        .delimiter(delimiter(&head))
        .flexible(true)
        .buffer_capacity(1 << 18)
        .from_reader(Utf8::new(BufReader::with_capacity(1 << 18, file)));
    let header = reader.byte_headers().map_err(|error| refusal(path, error))?;
    let name = |name| String::from_utf8_lossy(name).trim_start_matches('\u{feff}').trim().to_owned();
    Ok((header.iter().map(name).collect(), Rows(reader)))
}

/// The delimiter that is most frequent in the first line, outside of quotes.
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

impl Rows {
    pub(super) fn next(
        &mut self,
        record: &mut ByteRecord,
        path: &Path,
        header: &[String],
    ) -> Result<bool, LogError> {
        let more = self.0.read_byte_record(record).map_err(|error| refusal(path, error))?;
        if let Some(index) = record.iter().position(|cell| cell.len() > CELL_BYTES_MAX).filter(|_| more) {
            let name = header.get(index).map_or("", String::as_str);
            let bytes = record.get(index).map_or(0, <[u8]>::len);
            let found = format!("the cell of `{name}` has {bytes} bytes");
            return Err(LogError::at(path, line(record), found, "close the open quote there"));
        }
        Ok(more)
    }
}

fn refusal(path: &Path, error: csv::Error) -> LogError {
    match error.into_kind() {
        csv::ErrorKind::Io(error) => {
            match error.get_ref().and_then(|inner| inner.downcast_ref::<NotText>()) {
                Some(NotText { byte, line, found }) => {
                    LogError { byte: Some(*byte), ..LogError::at(path, *line, found.clone(), AS_UTF8) }
                }
                None => LogError::of(
                    path,
                    format!("it cannot be read: {error}"),
                    "check whether the file is complete",
                ),
            }
        }
        // Rows of any length and cells of any bytes are accepted, so no other error is possible.
        kind => LogError::of(path, format!("it is not a CSV file: {kind:?}"), AS_UTF8),
    }
}
