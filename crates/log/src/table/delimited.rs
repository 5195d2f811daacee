//! Text with a delimiter between columns: CSV from spreadsheets, historians, loggers, databases and data frames.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::path::Path;

use csv::{ByteRecord, Reader, ReaderBuilder};

use super::layout::{self, Layout, is_comment, is_value};
use super::lines::Lines;
use super::{NAME_A_FILE, Note, line};
use crate::encoding::{Encoding, NotText, Text, has_single_bytes};
use crate::error::LogError;

/// Number of bytes that decide on the layout.
const HEAD_BYTES: u64 = 1 << 18;
/// A longer cell is an error: a quote is not closed.
const CELL_BYTES_MAX: usize = 1 << 16;
const AS_UTF8: &str = "save it as CSV in UTF-8";
/// Greatest number of lines that may follow the last row.
const FOOTER_LINES_MAX: usize = 20;

/// Rows of a text.
pub(super) struct Rows {
    reader: Reader<Lines<Text<BufReader<File>>>>,
    layout: Layout,
    encoding: Encoding,
    /// Number of cells of a row: the columns up to the last one with a name.
    width: usize,
    /// Lines that are a footer if no row follows.
    waiting: VecDeque<ByteRecord>,
    /// A row follows: the waiting lines are rows.
    released: bool,
    empty: Seen,
    comments: Seen,
    headers: Seen,
    spare: Seen,
    footer: Seen,
}

/// Lines of one kind: their number, the first of them, and its text.
#[derive(Default)]
struct Seen {
    count: u64,
    line: u64,
    text: String,
}

impl Seen {
    fn note(&mut self, record: &ByteRecord) {
        if self.count == 0 {
            self.line = line(record);
            self.text = shown(record.iter().map(String::from_utf8_lossy));
        }
        self.count += 1;
    }
}

/// The cells of a line for a message.
fn shown(cells: impl Iterator<Item = impl AsRef<str>>) -> String {
    let cells: Vec<String> =
        cells.map(|cell| cell.as_ref().trim().to_owned()).filter(|cell| !cell.is_empty()).collect();
    let text = cells.join(", ");
    match text.char_indices().nth(60) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

/// The layout of a file, and its encoding.
fn recognise(path: &Path, file: &mut File) -> Result<(Layout, Encoding), LogError> {
    let unreadable = |error| LogError::of(path, format!("it cannot be read: {error}"), NAME_A_FILE);
    let mut head = Vec::new();
    Read::by_ref(file).take(HEAD_BYTES).read_to_end(&mut head).map_err(unreadable)?;
    let is_whole = (head.len() as u64) < HEAD_BYTES;
    file.seek(SeekFrom::Start(0)).map_err(unreadable)?;
    let mut encoding = Encoding::of(&head);
    if encoding == Encoding::Utf8 && has_single_bytes(&mut *file).map_err(unreadable)? {
        encoding = Encoding::Windows1252;
    }
    file.seek(SeekFrom::Start(0)).map_err(unreadable)?;
    let mut text = Vec::new();
    if let Err(error) = Text::new(head.as_slice(), encoding).read_to_end(&mut text) {
        let damage = error.get_ref().and_then(|inner| inner.downcast_ref::<NotText>());
        // The last character of the beginning may be cut.
        if is_whole || damage.is_none_or(|damage| damage.byte + 4 < HEAD_BYTES) {
            return Err(refusal(path, csv::Error::from(error)));
        }
    }
    let text = String::from_utf8_lossy(&text);
    if text.trim().is_empty() && is_whole {
        return Err(LogError::of(path, "the file is empty", "it needs a header and one row per decision"));
    }
    Ok((layout::find(&text, is_whole), encoding))
}

/// The rows of a file.
pub(super) fn open(path: &Path, mut file: File) -> Result<Rows, LogError> {
    let (layout, encoding) = recognise(path, &mut file)?;
    Ok(Rows::new(file, layout, encoding))
}

impl Rows {
    /// From the beginning of a file.
    fn new(file: File, layout: Layout, encoding: Encoding) -> Self {
        let decoded = Text::new(BufReader::with_capacity(1 << 18, file), encoding);
        let reader = ReaderBuilder::new()
            .delimiter(layout.delimiter)
            .has_headers(false)
            .flexible(true)
            .buffer_capacity(1 << 18)
            .from_reader(Lines::new(decoded, layout.delimiter));
        let width = layout.header.iter().rposition(|name| !name.is_empty()).map_or(0, |last| last + 1);
        Self {
            reader,
            layout,
            encoding,
            width,
            waiting: VecDeque::new(),
            released: false,
            empty: Seen::default(),
            comments: Seen::default(),
            headers: Seen::default(),
            spare: Seen::default(),
            footer: Seen::default(),
        }
    }

    /// The same rows before the first one; the layout and the encoding are known.
    pub(super) fn again(&self, path: &Path) -> Result<Self, LogError> {
        let file = File::open(path)
            .map_err(|error| LogError::of(path, format!("it cannot be read: {error}"), NAME_A_FILE))?;
        Ok(Self::new(file, self.layout.clone(), self.encoding))
    }

    /// The names of columns.
    pub(super) fn header(&self) -> Vec<String> {
        self.layout.header[..self.width].to_vec()
    }

    /// The line of the header, from 1.
    pub(super) fn header_line(&self) -> u64 {
        self.layout.header_line
    }

    /// The units of columns from a line below the header; empty without such a line.
    pub(super) fn units(&self) -> Vec<String> {
        let is_units = |cells: &[String]| !is_comment(cells) && !layout::is_rule(cells);
        let line = self.layout.below.iter().find(|line| is_units(&line.cells));
        let unit = |column| {
            let cell = line.and_then(|line| line.cells.get(column)).map_or("", String::as_str);
            cell.trim_matches(['[', ']', '(', ')', ' ']).to_owned()
        };
        (0..self.width).map(unit).collect()
    }

    /// Reads the next row into `record`; `false` at the end.
    pub(super) fn next(&mut self, record: &mut ByteRecord, path: &Path) -> Result<bool, LogError> {
        loop {
            if self.released
                && let Some(row) = self.waiting.pop_front()
            {
                *record = row;
                return Ok(true);
            }
            self.released = false;
            if !self.line(record, path)? {
                self.waiting.drain(..).for_each(|line| self.footer.note(&line));
                return Ok(false);
            }
            if self.is_no_row(record) {
                continue;
            }
            self.fit(record);
            let is_footer = is_footer(record, self.width);
            if !is_footer && self.waiting.is_empty() {
                return Ok(true);
            }
            self.waiting.push_back(record.clone());
            self.released = !is_footer || self.waiting.len() > FOOTER_LINES_MAX;
        }
    }

    fn line(&mut self, record: &mut ByteRecord, path: &Path) -> Result<bool, LogError> {
        let more = self.reader.read_byte_record(record).map_err(|error| refusal(path, error))?;
        if let Some(index) = record.iter().position(|cell| cell.len() > CELL_BYTES_MAX).filter(|_| more) {
            let name = self.layout.header.get(index).map_or("", String::as_str);
            let bytes = record.get(index).map_or(0, <[u8]>::len);
            let found = format!("the cell of `{name}` has {bytes} bytes");
            return Err(LogError::at(path, line(record), found, "close the open quote there"));
        }
        Ok(more)
    }

    /// Lines that are passed over: above the rows, empty, a comment, or the header once more.
    fn is_no_row(&mut self, record: &ByteRecord) -> bool {
        if line(record) < self.layout.first_row {
            return true;
        }
        if record.iter().all(|cell| cell.trim_ascii().is_empty()) {
            // A blank line is nothing that anybody wrote.
            if record.len() >= self.width {
                self.empty.note(record);
            }
            return true;
        }
        if matches!(record[0].trim_ascii_start(), [b'#' | b'/', ..]) {
            let cells: Vec<_> = record.iter().map(String::from_utf8_lossy).collect();
            if is_comment(&cells) {
                self.comments.note(record);
                return true;
            }
        }
        let mut names = record.iter().zip(&self.layout.header);
        if self.width > 1
            && record.len() >= self.width
            && names.all(|(cell, name)| cell.trim_ascii() == name.as_bytes())
        {
            self.headers.note(record);
            return true;
        }
        false
    }

    /// Cuts off empty cells, and cells of columns without a name, behind the last column.
    fn fit(&mut self, record: &mut ByteRecord) {
        if record.len() <= self.width {
            return;
        }
        let is_empty = record.iter().skip(self.width).all(|cell| cell.trim_ascii().is_empty());
        if is_empty {
            self.spare.note(record);
        }
        if is_empty || record.len() <= self.layout.header.len() {
            record.truncate(self.width);
        }
    }

    /// What was taken for what.
    pub(super) fn notes(&self) -> Vec<Note> {
        let layout = &self.layout;
        let mut notes = Vec::new();
        if self.encoding == Encoding::Windows1252 {
            let sentence = "the file is not UTF-8: it was read as Windows-1252 (western Europe)".to_owned();
            notes.push(Note {
                advice: "nothing, if the names of the columns look right",
                ..Note::new("encoding", 1, 1, sentence)
            });
        }
        let mark = match layout.delimiter {
            b'\t' => "tab".to_owned(),
            mark => format!("`{}`", char::from(mark)),
        };
        if layout.stated {
            notes.push(Note::new(
                "delimiter-line",
                1,
                1,
                format!("the first line says that the delimiter is {mark}"),
            ));
        }
        let lines = |kind, lines: &[super::layout::Line], what: &str| {
            let first = lines.first()?;
            let text = shown(first.cells.iter());
            Some(Note::new(kind, first.number, lines.len() as u64, format!("{what}: {text}")))
        };
        notes.extend(lines(
            "lines-above-the-header",
            &layout.above,
            "lines above the header were passed over",
        ));
        if layout.header_in_comment {
            let sentence = "the names of the columns stand in a comment".to_owned();
            notes.push(Note::new("header-in-comment", layout.header_line, 1, sentence));
        }
        notes.extend(lines("unit-row", &layout.below, "lines below the header are no decisions (units?)"));
        let seen = |kind, seen: &Seen, sentence: String| {
            (seen.count > 0).then(|| Note::new(kind, seen.line, seen.count, sentence))
        };
        let text = |what: &str, seen: &Seen| format!("{what}: {}", seen.text);
        notes.extend(seen("comment-rows", &self.comments, text("comments were passed over", &self.comments)));
        notes.extend(seen(
            "header-again",
            &self.headers,
            "the header comes again and was passed over".to_owned(),
        ));
        let sentence = format!("rows end with more delimiters ({mark}) than the header: no columns");
        notes.extend(seen("trailing-delimiters", &self.spare, sentence));
        notes.extend(seen("empty-rows", &self.empty, "rows without any value were passed over".to_owned()));
        notes.extend(seen(
            "footer",
            &self.footer,
            text("lines after the last row were passed over", &self.footer),
        ));
        notes
    }
}

/// First words of lines below the rows.
const TOTALS: &[&str] = &[
    "total",
    "totals",
    "sum",
    "summe",
    "gesamt",
    "count",
    "anzahl",
    "average",
    "avg",
    "mean",
    "mittelwert",
    "minimum",
    "maximum",
    "min",
    "max",
    "std",
    "end",
    "eof",
    "ende",
];
/// Words of lines that count the rows.
const COUNTED: &[&str] = &[
    "row",
    "rows",
    "record",
    "records",
    "line",
    "lines",
    "zeilen",
    "datensätze",
    "affected",
    "exported",
    "samples",
    "values",
    "total",
];

/// Whether a line has the form of a footer: a total, a count of rows, a remark. A line with all cells is a row.
fn is_footer(record: &ByteRecord, width: usize) -> bool {
    let filled = record.iter().filter(|cell| !cell.trim_ascii().is_empty()).count();
    if width < 2 || filled >= width {
        return false;
    }
    let first = record.iter().find(|cell| !cell.trim_ascii().is_empty()).unwrap_or_default();
    let first = String::from_utf8_lossy(first).trim().to_lowercase();
    if TOTALS.contains(&first.trim_end_matches([':', ' '])) {
        return true;
    }
    if filled > 2 || is_value(&first) {
        return false;
    }
    let text = record.iter().map(String::from_utf8_lossy).collect::<Vec<_>>().join(" ").to_lowercase();
    let counts = text.split(|c: char| !c.is_alphabetic()).any(|word| COUNTED.contains(&word));
    let is_remark = !first.starts_with(|c: char| c.is_ascii_digit()) && first.contains([' ', ':', '(']);
    counts || (filled == 1 && is_remark)
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
