//! The layout of a delimited text, from its beginning: the delimiter, the line of the header, and what surrounds it.
//!
//! The rows decide: the delimiter splits them into equally many cells, some columns contain numbers, and the header is the
//! line above the first numbers whose cells are names.

use csv::{ByteRecord, ReaderBuilder};

use super::cell::{Cell, cell};
use super::lines::Lines;
use super::marks::Marks;
use crate::time::moment;

/// The possible delimiters of a file that does not state it.
const DELIMITERS: [u8; 4] = [b',', b';', b'\t', b'|'];
/// Number of rows that decide.
const ROWS: usize = 200;
/// Greatest number of delimiters that a header may have more or less than its rows.
const SPARE_CELLS: usize = 3;

/// A line of the text, as cells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Line {
    pub number: u64,
    pub cells: Vec<String>,
}

/// The layout.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Layout {
    pub delimiter: u8,
    /// Whether the first line states the delimiter.
    pub stated: bool,
    /// Names of the columns, trimmed, as written.
    pub header: Vec<String>,
    /// The line of the header, from 1.
    pub header_line: u64,
    /// Rows begin in this line.
    pub first_row: u64,
    /// Lines above the header.
    pub above: Vec<Line>,
    /// Whether a comment contains the header.
    pub header_in_comment: bool,
    /// Lines between the header and the rows that are no rows, such as units.
    pub below: Vec<Line>,
}

/// Finds the layout of a text, of which this is the beginning.
pub(super) fn find(head: &str, is_whole: bool) -> Layout {
    let stated = stated_delimiter(head);
    let delimiters = stated.map_or(DELIMITERS.to_vec(), |delimiter| vec![delimiter]);
    let candidates = delimiters.iter().filter_map(|delimiter| {
        let lines = lines(head, *delimiter, is_whole, stated.is_some());
        candidate(&lines, *delimiter)
    });
    let best = candidates.reduce(|best, next| if next.score > best.score { next } else { best });
    let mut layout = best.map_or_else(
        || {
            first_line(
                head,
                stated.unwrap_or_else(|| most_frequent(head.as_bytes())),
                is_whole,
                stated.is_some(),
            )
        },
        |best| best.layout,
    );
    layout.stated = stated.is_some();
    layout
}

/// `sep=;`, as spreadsheets write and read it.
fn stated_delimiter(head: &str) -> Option<u8> {
    let line = head.split(['\r', '\n']).next()?.trim_matches([' ', '"']);
    let (word, mark) = line.split_at_checked(4)?;
    // The delimiter itself may follow: `sep=;;;;` after a spreadsheet saved the file again.
    let mark = mark.bytes().next()?;
    (word.eq_ignore_ascii_case("sep=") && mark.is_ascii() && !mark.is_ascii_alphanumeric()).then_some(mark)
}

/// The lines as cells, without blank lines.
fn lines(head: &str, delimiter: u8, is_whole: bool, stated: bool) -> Vec<Line> {
    let source = Lines::new(head.as_bytes(), delimiter);
    let mut reader =
        ReaderBuilder::new().delimiter(delimiter).has_headers(false).flexible(true).from_reader(source);
    let mut lines = Vec::new();
    let mut record = ByteRecord::new();
    while lines.len() <= ROWS && reader.read_byte_record(&mut record).unwrap_or(false) {
        let number = super::line(&record);
        if stated && number == 1 {
            continue;
        }
        let cells: Vec<String> =
            record.iter().map(|cell| String::from_utf8_lossy(cell).trim().to_owned()).collect();
        if cells.iter().any(|cell| !cell.is_empty()) {
            lines.push(Line { number, cells });
        }
    }
    // The last line may be cut.
    if (!is_whole || lines.len() > ROWS) && lines.len() > 1 {
        lines.pop();
    }
    lines
}

/// The delimiter that is most frequent in the first line, outside of quotes.
fn most_frequent(head: &[u8]) -> u8 {
    let mut quoted = false;
    let mut counts = [0_u32; DELIMITERS.len()];
    for byte in head.trim_ascii_start() {
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
    DELIMITERS[counts.iter().position(|count| *count == most).unwrap_or(0)]
}

/// The layout of a text in which nothing is recognised: its first line is the header.
fn first_line(head: &str, delimiter: u8, is_whole: bool, stated: bool) -> Layout {
    let mut lines =
        lines(head, delimiter, is_whole, stated).into_iter().skip_while(|line| is_comment(&line.cells));
    let Line { number, cells } = lines.next().unwrap_or(Line { number: 1, cells: Vec::new() });
    Layout { delimiter, header: cells, header_line: number, first_row: number + 1, ..Layout::default() }
}

/// Whether a line is a comment; identifiers such as `#17` and the errors of spreadsheets are none.
pub(super) fn is_comment(cells: &[impl AsRef<str>]) -> bool {
    let Some(first) = cells.first().map(|cell| cell.as_ref().trim_start()) else { return false };
    let rest = first.trim_start_matches(['#', '/']);
    let alone = cells[1..].iter().all(|cell| cell.as_ref().trim().is_empty());
    (first.starts_with("//") || first.starts_with('#'))
        && (alone || rest.starts_with(char::is_whitespace))
        && !(first.starts_with('#') && super::status::is_status(first))
}

struct Candidate {
    layout: Layout,
    /// Rows with the usual number of cells, then that number.
    score: (usize, usize),
}

/// A number or a time: content that a header does not have.
pub(super) fn is_value(text: &str) -> bool {
    matches!(cell(text, Marks::default()), Cell::Number { .. }) || moment(text).is_some()
}

/// What is neither a name nor a unit: a value, or a word for a missing value.
fn is_content(text: &str) -> bool {
    let is_dash = text.bytes().all(|byte| byte == b'-');
    !text.is_empty() && !is_dash && text != "1" && !matches!(cell(text, Marks::default()), Cell::Text)
        || moment(text).is_some() && text != "1"
}

/// The layout with a delimiter; `None` if there is no header with it.
fn candidate(lines: &[Line], delimiter: u8) -> Option<Candidate> {
    let rows: Vec<&Line> = lines.iter().filter(|line| !is_comment(&line.cells)).collect();
    let mut widths: Vec<usize> = rows.iter().map(|line| line.cells.len()).collect();
    widths.sort_unstable();
    let count_of = |width: usize| widths.iter().filter(|other| **other == width).count();
    let width =
        widths.iter().copied().max_by_key(|width| (count_of(*width), *width)).filter(|width| *width > 1)?;
    let usual: Vec<&&Line> = rows.iter().filter(|line| line.cells.len() == width).collect();
    let body = &usual[usual.len() / 2..];
    let numeric: Vec<usize> = (0..width).filter(|column| is_numeric(body, *column)).collect();
    let values = |line: &Line| numeric.iter().filter(|column| is_value(&line.cells[**column])).count();
    let first =
        rows.iter().find(|line| line.cells.len() == width && 2 * values(line) >= numeric.len().max(1));
    let first = first.map_or(u64::MAX, |line| line.number);
    let header = header(&lines[..lines.partition_point(|line| line.number < first)], width)?;
    let between = lines.iter().filter(|line| line.number > header.number && line.number < first);
    let mut below: Vec<Line> = Vec::new();
    for line in between {
        let is_names = line.cells.iter().all(|cell| !is_content(cell));
        if !numeric.is_empty()
            && line.cells.len() + SPARE_CELLS >= width
            && (is_names || is_rule(&line.cells))
            || is_comment(&line.cells)
            || is_rule(&line.cells)
        {
            below.push(line.clone());
        } else {
            break;
        }
    }
    let last = below.last().map_or(header.number, |line| line.number);
    let first_row = lines.iter().map(|line| line.number).find(|number| *number > last).unwrap_or(last + 1);
    let in_comment = is_comment(&header.cells) || header.cells[0].starts_with('#');
    let names = header.cells.iter().enumerate().map(|(index, name)| match index {
        0 if in_comment => name.trim_start_matches(['#', '/']).trim_matches([' ', '"']).to_owned(),
        _ => name.clone(),
    });
    let layout = Layout {
        delimiter,
        header: names.collect(),
        header_line: header.number,
        first_row,
        above: lines.iter().filter(|line| line.number < header.number).cloned().collect(),
        below,
        header_in_comment: in_comment,
        ..Layout::default()
    };
    let names = layout.header.iter().filter(|name| !name.is_empty()).count();
    Some(Candidate { layout, score: (usual.len(), width.min(names)) })
}

/// A line of dashes, as databases write below the header.
pub(super) fn is_rule(cells: &[String]) -> bool {
    cells
        .iter()
        .all(|cell| cell.len() > 1 && cell.bytes().all(|byte| matches!(byte, b'-' | b'+' | b'=' | b':')))
}

fn is_numeric(body: &[&&Line], column: usize) -> bool {
    let cells = || body.iter().map(|line| line.cells[column].as_str()).filter(|cell| !cell.is_empty());
    let numbers = cells().filter(|cell| is_value(cell)).count();
    numbers > 0 && 2 * numbers >= cells().count()
}

/// Units in lower case; others have brackets, a fraction or a degree.
const UNITS: &[&str] = &[
    "-", "%", "s", "ms", "min", "h", "d", "bar", "mbar", "pa", "kpa", "mpa", "psi", "c", "k", "f", "degc",
    "degf", "kg", "g", "t", "l", "ml", "m", "mm", "cm", "m3", "rpm", "hz", "v", "mv", "a", "ma", "w", "kw",
    "kwh", "mw", "n", "nm", "kn", "ppm", "ph", "pcs", "parts", "stk",
];

fn is_unit(text: &str) -> bool {
    let bracketed = text.starts_with(['[', '(']) && text.ends_with([']', ')']);
    let short = text.chars().count() <= 8;
    bracketed
        || (short && (UNITS.contains(&text.to_lowercase().as_str()) || text.contains(['/', '°', '²', '³'])))
}

/// Of the lines above the rows, the line with the most names; a comment only if it has more of them than any other line.
fn header(above: &[Line], width: usize) -> Option<&Line> {
    let names = |line: &Line| {
        let names = || line.cells.iter().filter(|cell| !cell.is_empty() && !is_content(cell));
        (names().count(), names().filter(|cell| !is_unit(cell)).count())
    };
    let best = |comments: bool| {
        let fits = |line: &&Line| {
            let cells = line.cells.len();
            is_comment(&line.cells) == comments
                && !is_rule(&line.cells)
                && cells + SPARE_CELLS >= width
                && cells <= width + SPARE_CELLS
                && names(line).0 >= 2
                && 2 * names(line).0 >= width.saturating_sub(SPARE_CELLS)
        };
        above.iter().filter(fits).rev().max_by_key(|line| names(line))
    };
    match (best(false), best(true)) {
        (Some(line), Some(comment)) if names(comment) > names(line) => Some(comment),
        (line, comment) => line.or(comment),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Layout {
        find(text, true)
    }

    #[test]
    fn the_header_is_the_line_above_the_first_numbers() {
        // (text, delimiter, line of the header, first row)
        let cases = [
            ("t,p,a\n0,1.5,go\n1,1.6,stop\n", b',', 1, 2),
            ("sep=;\nt;p;a\n0;1,5;go\n", b';', 2, 3),
            ("Station 4\nShift,2\n\nt,p,a\n0,1.5,go\n1,1.6,stop\n", b',', 4, 5),
            ("Station 4;;\nt;p;a\ns;[bar];-\n0;1,5;go\n1;1,6;stop\n", b';', 2, 4),
            ("# a logger\n# t,p,a\n0,1.5,go\n1,1.6,stop\n", b',', 2, 3),
            ("t,p,a\n0,Bad,go\n1,1.6,stop\n2,1.7,go\n", b',', 1, 2),
            ("t,p,a\nPt Created,Pt Created,Pt Created\n1,1.6,stop\n2,1.7,go\n", b',', 1, 2),
            ("t|p|a\n--|---|---\n0|1.5|go\n1|1.6|stop\n", b'|', 1, 3),
            ("t;p;a\n0,5;1,5;0,5\n1,5;1,6;0,75\n", b';', 1, 2),
            ("t\tp, bar\ta\n0\t1,5\tgo\n", b'\t', 1, 2),
        ];
        for (text, delimiter, header, first) in cases {
            let layout = found(text);
            let expected = (char::from(delimiter), header, first);
            assert_eq!(
                (char::from(layout.delimiter), layout.header_line, layout.first_row),
                expected,
                "{text}"
            );
            assert!(layout.header[0] == "t" && layout.header[2] == "a", "{:?}", layout.header);
        }
        assert_eq!(found("t,p,a\n0,1.5,go\n").below, []);
        assert_eq!(found("t;p;a\ns;[bar];-\n0;1,5;go\n").below[0].cells, ["s", "[bar]", "-"]);
    }
}
