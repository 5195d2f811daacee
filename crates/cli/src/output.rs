//! Where words go: people's to standard output, or to standard error when a program reads standard output.

use std::fmt;
use std::io::{IsTerminal, Write};

use serde::Serialize;
use serde_json::{Value, json};
use setpoint_decision::Diagnostic;
use setpoint_evidence::PlayError;
use setpoint_files::FileError;
use setpoint_learn::error::TrainError;
use setpoint_policy::policy_file::PolicyFileError;
use setpoint_study::compare::LeftOut;

/// Exit status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    Done = 0,
    GateFailed = 1,
    BadInput = 2,
    Interrupted = 130,
}

/// Why a command could not do what it was asked to.
pub enum Failure {
    Input(Box<Diagnostic>),
    Message(String),
}

impl Failure {
    pub fn status(&self) -> Status {
        Status::BadInput
    }
}

impl From<Box<Diagnostic>> for Failure {
    fn from(diagnostic: Box<Diagnostic>) -> Self {
        Self::Input(diagnostic)
    }
}

macro_rules! message_from {
    ($($error:ty),*) => {$(
        impl From<$error> for Failure {
            fn from(error: $error) -> Self {
                Self::Message(error.to_string())
            }
        }
    )*};
}
message_from!(
    TrainError,
    PlayError,
    FileError,
    LeftOut,
    PolicyFileError,
    setpoint_guard::recommendation::NoRecommendation
);

/// The two streams.
pub struct Output {
    json: bool,
}

impl Output {
    pub fn new(json: bool) -> Self {
        Self { json }
    }

    /// A line for people.
    pub fn line(&self, line: impl fmt::Display) {
        // A closed pipe (`setpoint … | head`) is no error of ours.
        let _ = if self.json {
            writeln!(std::io::stderr(), "{line}")
        } else {
            writeln!(std::io::stdout(), "{line}")
        };
    }

    /// The document for programs, where one was asked for.
    pub fn document(&self, command: &str, status: Status, body: impl Serialize) {
        if !self.json {
            return;
        }
        let mut document = json!({ "command": command, "status": status as u8 });
        let body = serde_json::to_value(body).unwrap_or(Value::Null);
        if let (Value::Object(document), Value::Object(body)) = (&mut document, body) {
            document.extend(body);
        }
        let _ = writeln!(std::io::stdout(), "{document:#}");
    }

    /// An error, for both.
    pub fn failure(&self, failure: &Failure) {
        let mut stderr = std::io::stderr();
        let colour = stderr.is_terminal() && std::env::var_os("NO_COLOR").is_none();
        let (text, body) = match failure {
            Failure::Input(diagnostic) => {
                let place = diagnostic.line_column();
                let body = json!({
                    "message": diagnostic.title,
                    "expected": diagnostic.label,
                    "help": diagnostic.help,
                    "file": diagnostic.origin.as_ref().map(|origin| &origin.name),
                    "line": place.map(|place| place.0),
                    "column": place.map(|place| place.1),
                });
                (diagnostic.render(colour), body)
            }
            Failure::Message(message) => (format!("error: {message}"), json!({ "message": message })),
        };
        let _ = writeln!(stderr, "{text}");
        self.document("error", failure.status(), json!({ "error": body }));
    }
}

/// A table with aligned columns: the first to the left, the others to the right.
pub fn table(header: &[&str], rows: &[Vec<String>]) -> String {
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count());
        cells.chain([header[column].chars().count()]).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..header.len()).map(width).collect();
    let format_row = |cells: &[String]| {
        let cell = |(index, (cell, width)): (usize, (&String, &usize))| {
            if index == 0 { format!("{cell:<width$}") } else { format!("{cell:>width$}") }
        };
        let cells: Vec<String> = cells.iter().zip(&widths).enumerate().map(cell).collect();
        format!("  {}", cells.join("  ")).trim_end().to_owned()
    };
    let header: Vec<String> = header.iter().map(|cell| (*cell).to_owned()).collect();
    let mut lines = vec![format_row(&header)];
    lines.push(format!("  {}", widths.iter().map(|width| "─".repeat(*width)).collect::<Vec<_>>().join("  ")));
    lines.extend(rows.iter().map(|row| format_row(row)));
    lines.join("\n")
}

/// A table of texts: every column to the left and wrapped to its width in characters.
pub fn wrapped_table(header: &[&str], widths: &[usize], rows: &[Vec<String>]) -> String {
    let format_row = |cells: &[String]| {
        let cells: Vec<Vec<String>> =
            cells.iter().zip(widths).map(|(cell, width)| wrapped(cell, *width)).collect();
        let height = cells.iter().map(Vec::len).max().unwrap_or(0);
        let line = |index: usize| {
            let cell = |(lines, width): (&Vec<String>, &usize)| {
                format!("{:<width$}", lines.get(index).map_or("", String::as_str))
            };
            let cells: Vec<String> = cells.iter().zip(widths).map(cell).collect();
            format!("  {}", cells.join("  ")).trim_end().to_owned()
        };
        (0..height).map(line).collect::<Vec<_>>().join("\n")
    };
    let header: Vec<String> = header.iter().map(|cell| (*cell).to_owned()).collect();
    let rule: Vec<String> = widths.iter().map(|width| "─".repeat(*width)).collect();
    let rows = rows.iter().map(|row| format_row(row));
    [format_row(&header), format!("  {}", rule.join("  "))]
        .into_iter()
        .chain(rows)
        .collect::<Vec<_>>()
        .join("\n")
}

/// A text as lines of at most `width` characters, broken between words; a longer word stays whole.
pub fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

/// A number with as many decimals as its size deserves.
pub fn number(value: f64) -> String {
    let magnitude = value.abs();
    let decimals = if magnitude >= 1000.0 {
        0
    } else if magnitude >= 100.0 {
        1
    } else if magnitude >= 1.0 {
        2
    } else {
        3
    };
    let text = format!("{value:.decimals$}");
    text.strip_prefix('-').map_or(text.clone(), |rest| format!("−{rest}"))
}

/// `1234567` as `1,234,567`.
pub fn thousands(value: f64) -> String {
    let digits = format!("{value:.0}");
    let (sign, digits) = digits.strip_prefix('-').map_or(("", digits.as_str()), |rest| ("−", rest));
    let groups: Vec<&str> =
        digits.as_bytes().rchunks(3).rev().filter_map(|group| std::str::from_utf8(group).ok()).collect();
    format!("{sign}{}", groups.join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_wrap_between_words() {
        let rows = [vec!["sac".to_owned(), "it keeps trying things".to_owned()]];
        let expected = "  a    b\n  ───  ──────────\n  sac  it keeps\n       trying\n       things";
        assert_eq!(wrapped_table(&["a", "b"], &[3, 10], &rows), expected);
        assert_eq!(wrapped("unbreakable", 4), ["unbreakable"]);
    }
}
