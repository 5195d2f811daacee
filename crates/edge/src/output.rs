//! The output streams: text for people goes to standard output, or to standard error if a program reads standard output.

use std::error::Error;
use std::fmt;
use std::io::{IsTerminal, Write};

use serde::Serialize;
use serde_json::{Value, json};
use setpoint_decision::Diagnostic;

/// Exit status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// The command succeeded.
    Done = 0,
    /// A check or a gate failed.
    GateFailed = 1,
    /// The command refused its input.
    BadInput = 2,
    /// A person stopped the command.
    Interrupted = 130,
}

/// The reason why a command failed.
pub enum Failure {
    /// A file has an error at a known place.
    Input(Box<Diagnostic>),
    /// Any other reason, in a sentence.
    Message(String),
}

impl Failure {
    /// Its exit status.
    pub fn status(&self) -> Status {
        Status::BadInput
    }
}

/// Every error of the libraries has a complete text for people, which becomes the failure.
impl<E: Error + 'static> From<E> for Failure {
    fn from(error: E) -> Self {
        let error: Box<dyn Error> = Box::new(error);
        match error.downcast::<Box<Diagnostic>>() {
            Ok(diagnostic) => Self::Input(*diagnostic),
            Err(error) => Self::Message(error.to_string()),
        }
    }
}

/// Prints an error about the arguments, or the requested help; returns the exit status.
pub fn usage(error: &clap::Error) -> u8 {
    // Help goes to standard output, bad arguments to standard error, with 2 as for all bad input. A closed pipe is
    // not an error.
    let _ = error.print();
    u8::try_from(error.exit_code()).unwrap_or(2)
}

/// The two streams.
pub struct Output {
    json: bool,
}

impl Output {
    /// Only for people, or with a document for programs.
    pub fn new(json: bool) -> Self {
        Self { json }
    }

    /// A line for people.
    pub fn line(&self, line: impl fmt::Display) {
        // A closed pipe (`setpoint … | head`) is not an error.
        let _ = if self.json {
            writeln!(std::io::stderr(), "{line}")
        } else {
            writeln!(std::io::stdout(), "{line}")
        };
    }

    /// The document for programs, if it is requested.
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

    /// Prints the failure of a command, if it failed; returns the exit status.
    pub fn exit_status(&self, result: Result<Status, Failure>) -> u8 {
        let status = result.unwrap_or_else(|failure| {
            self.failure(&failure);
            failure.status()
        });
        status as u8
    }

    /// An error, for both.
    fn failure(&self, failure: &Failure) {
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

/// A number with as many decimals as its size needs; "–" for what is no finite number.
pub fn number(value: f64) -> String {
    if !value.is_finite() {
        return "–".to_owned();
    }
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
