//! The columns of a table whose meaning nobody has stated: what their cells contain, how their values move, and the part that each
//! column may play in a decision.
//!
//! * [`mod@column`] – the content of one column; [`roles`] – the part of each column, with its reason
//! * [`units`] – the unit of a column, from its heading and its values; [`names`] – names of a project from headings

use std::path::Path;

use csv::ByteRecord;
use setpoint_decision::data::QualityColumns;
use setpoint_decision::data::cleaning::Age;

use crate::error::LogError;
use crate::mapping::plain;
use crate::table::long::{Wanted, widen};
use crate::table::marks::{Evidence, decide};
use crate::table::{self, Format, Table};
use crate::time::recognise::Cells;

pub mod column;
pub mod names;
pub mod roles;
pub mod units;

use column::Content;

/// A longer age of a tag's last value says little about the moment of a row.
const HELD_SECONDS: f64 = 3_600.0;

/// A table and the content of its columns.
#[derive(Clone, Debug)]
pub struct Profile {
    /// Names of the columns.
    pub header: Vec<String>,
    /// Units of the columns from a line below the header; empty texts without.
    pub units: Vec<String>,
    /// The format of the file.
    pub format: Format,
    /// Number of rows.
    pub rows: u64,
    /// Whether the table had a row for each value of a tag.
    pub was_long: bool,
    /// The column of quality of such a table.
    pub quality: Option<String>,
    /// One per column.
    pub columns: Vec<Content>,
}

/// Reads a table twice: for the marks of its numbers and the form of its times, and for its values. Reports the number of rows to
/// `progress` at intervals.
pub fn profile(path: &Path, progress: &mut dyn FnMut(u64)) -> Result<Profile, LogError> {
    let table = table::open(path)?;
    let beside = Beside::of(&table.header);
    let quality = beside.quality.clone().map(QualityColumns::Named);
    let table = widen(table, &any_tag(&beside, quality.as_ref()))?;
    let (marks, times) = forms(table.again()?)?;
    let marks = decide(&marks).marks;
    let forms = times.iter().map(|cells| cells.recognise().form);
    let mut columns: Vec<Content> =
        marks.into_iter().zip(forms).map(|(marks, form)| Content::new(marks, form)).collect();
    let (header, units) = (table.header.clone(), table.units.clone());
    let (format, was_long) = (table.format, table.was_long());
    let mut rows = 0;
    each_row(table, &mut |record| {
        rows += 1;
        columns.iter_mut().zip(record).for_each(|(column, cell)| column.take(text(cell)));
        if rows % (1 << 16) == 0 {
            progress(rows);
        }
    })?;
    if rows == 0 {
        return Err(LogError::of(path, "there is a header and no row", "a log needs one row per decision"));
    }
    columns.iter_mut().for_each(Content::end);
    let quality = beside.quality.filter(|_| was_long);
    Ok(Profile { header, units, format, rows, was_long, quality, columns })
}

/// The columns of a long table that stand next to its tags.
struct Beside {
    quality: Option<String>,
    episode: Option<String>,
}

impl Beside {
    fn of(header: &[String]) -> Self {
        let find = |words: &[&str]| header.iter().find(|name| words.contains(&plain(name).as_str())).cloned();
        Self { quality: find(roles::QUALITY), episode: find(roles::EPISODE) }
    }
}

/// Every tag, each with its last value: the roles of the tags are open.
fn any_tag<'a>(beside: &'a Beside, quality: Option<&'a QualityColumns>) -> Wanted<'a> {
    Wanted {
        time: None,
        form: None,
        episode: beside.episode.as_deref(),
        actions: Vec::new(),
        names: beside.episode.iter().map(String::as_str).collect(),
        results: Vec::new(),
        quality,
        good_too: &[],
        age: Age { rows: None, seconds: Some(HELD_SECONDS) },
        holds: true,
    }
}

fn forms(table: Table) -> Result<(Vec<Evidence>, Vec<Cells>), LogError> {
    let width = table.header.len();
    let (mut marks, mut times) = (vec![Evidence::default(); width], vec![Cells::default(); width]);
    each_row(table, &mut |record| {
        let line = table::line(record);
        for (index, cell) in record.iter().enumerate().take(width) {
            marks[index].take(text(cell), line);
            times[index].take(text(cell), line);
        }
    })?;
    Ok((marks, times))
}

/// Calls `take` for each row that has the columns of the header; the audit speaks of the others.
fn each_row(mut table: Table, take: &mut dyn FnMut(&ByteRecord)) -> Result<(), LogError> {
    let width = table.header.len();
    let mut record = ByteRecord::new();
    while table.next(&mut record)? {
        if record.len() == width {
            take(&record);
        }
    }
    Ok(())
}

/// The bytes were checked for UTF-8 before, so a cell has whole characters.
fn text(cell: &[u8]) -> &str {
    std::str::from_utf8(cell).unwrap_or("").trim()
}
