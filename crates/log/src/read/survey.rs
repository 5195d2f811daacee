//! A first pass over all cells, before any of them is read: what commas, points, days and months mean is decided by all rows.

use std::collections::HashSet;

use csv::ByteRecord;
use setpoint_decision::data::Data;

use crate::error::LogError;
use crate::finding::{Finding, Severity, Times};
use crate::table::Table;
use crate::table::marks::{Decided, Evidence, Marks, Thousands, decide};
use crate::time::recognise::{Cells, Reason, Recognised};
use crate::time::{Form, Order};

/// The forms of the cells.
pub(super) struct Survey {
    decided: Decided,
    time: Option<Recognised>,
    given: Option<Form>,
}

/// Reads the rows of a table again, if [data] leaves a form open; `time` is the column of time.
pub(super) fn survey(table: &Table, data: &Data, time: Option<usize>) -> Result<Survey, LogError> {
    let given = data.time_format.as_deref().map(Form::of);
    let open_time = time.filter(|_| given.is_none());
    let marks = data.decimal.map(|mark| vec![Marks::of_decimal(mark); table.header.len()]);
    let (columns, times) = match (&marks, open_time) {
        (Some(_), None) => Default::default(),
        _ => cells(table.again()?, marks.is_none(), open_time)?,
    };
    let decided = match marks {
        Some(marks) => Decided { marks, ..Decided::default() },
        None => decide(&columns),
    };
    Ok(Survey { decided, time: open_time.map(|_| times.recognise()), given })
}

/// What the cells of all columns say about the marks, if these are open, and what the times of a column say.
fn cells(
    mut table: Table,
    marks_are_open: bool,
    time: Option<usize>,
) -> Result<(Vec<Evidence>, Cells), LogError> {
    let mut columns = vec![Evidence::default(); if marks_are_open { table.header.len() } else { 0 }];
    let mut times = Cells::default();
    let mut record = ByteRecord::new();
    while table.next(&mut record)? {
        let line = crate::table::line(&record);
        // The bytes were checked for UTF-8 before, so a cell has whole characters.
        let text = |cell| std::str::from_utf8(cell).unwrap_or("").trim();
        for (column, cell) in columns.iter_mut().zip(&record) {
            column.take(text(cell), line);
        }
        if let Some(cell) = time.and_then(|index| record.get(index)) {
            times.take(text(cell), line);
        }
    }
    Ok((columns, times))
}

impl Survey {
    /// The marks of a column.
    pub(super) fn marks(&self, column: usize) -> Marks {
        self.decided.marks.get(column).copied().unwrap_or_default()
    }

    /// The form of the column of time.
    pub(super) fn form(&self) -> Form {
        let recognised = || self.time.as_ref().map(|time| time.form.clone());
        self.given.clone().or_else(recognised).unwrap_or_default()
    }

    /// How numbers and times were read, for the columns in use.
    pub(super) fn findings(
        &self,
        header: &[String],
        used: &HashSet<usize>,
        time: Option<usize>,
    ) -> Vec<Finding> {
        let in_use = |list: &[Thousands]| -> Vec<Thousands> {
            list.iter()
                .filter(|found| used.contains(&found.column) && Some(found.column) != time)
                .cloned()
                .collect()
        };
        let mut findings = Vec::new();
        for Thousands { column, line, example, count } in in_use(&self.decided.doubtful) {
            let name = header[column].as_str();
            findings.extend(Times { count, line }.finding(
                Severity::Error,
                "thousands-or-decimals",
                Some(name),
                format!(
                    "`{name}` has numbers such as {example}: thousands or decimals? No other number tells"
                ),
                "write decimal = \".\" or decimal = \",\" in [data]: the decimal mark of the log",
            ));
        }
        for Thousands { column, line, example, count } in in_use(&self.decided.thousands) {
            let name = header[column].as_str();
            let plain = example.replace([',', '.'], "");
            findings.extend(Times { count, line }.finding(
                Severity::Note,
                "thousands",
                Some(name),
                format!("`{name}` has thousands: {example} was read as {plain}, as the other numbers of the log suggest"),
                "nothing, if that is right; decimal = \".\" or \",\" in [data] states the decimal mark",
            ));
        }
        if let (Some(time), Some(column)) = (&self.time, time) {
            findings.extend(time_findings(time, &header[column]));
        }
        findings
    }
}

fn time_findings(time: &Recognised, name: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    if let Some((line, example)) = &time.numbers {
        let what = match time.form {
            Form::Serial => "serial numbers of a spreadsheet (days since 1899-12-30, local time)",
            _ => "parts of a second since 1970-01-01 in UTC",
        };
        findings.extend(Times { count: 1, line: *line }.finding(
            Severity::Note,
            "time-format",
            Some(name),
            format!("`{name}` was read as {what}, first {example}"),
            "nothing, if that is right; time_format in [data] states the form",
        ));
    }
    let Some((reason, line, example)) = &time.order else { return findings };
    let (words, format) = match time.form {
        Form::Any(Order::MonthFirst) => ("the month before the day", "%m/%d/%Y"),
        _ if *reason == Reason::Points => ("the day before the month", "%d.%m.%Y"),
        _ => ("the day before the month", "%d/%m/%Y"),
    };
    let why = match reason {
        Reason::Day => "a number above 12 can only be a day",
        Reason::Steady => "in the other order time would jump by weeks",
        Reason::Points => "dates with points have the day first",
        Reason::Unknown => "nothing in the log shows which it is",
    };
    let severity = if *reason == Reason::Unknown { Severity::Warning } else { Severity::Note };
    let advice = format!(
        "write the form in [data] if another is right, for example time_format = \"{format} %H:%M:%S\""
    );
    findings.extend(Times { count: 1, line: *line }.finding(
        severity,
        "time-format",
        Some(name),
        format!("dates of `{name}` were read with {words} ({example}): {why}"),
        advice,
    ));
    findings
}
