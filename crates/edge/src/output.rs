//! The output of a command: text for people goes to standard output, or to standard error if a program reads standard output.
//!
//! Names in projects and logs, and messages of environments, can hold control characters; every text for people shows them as
//! symbols. A command does its work even if nobody can read its output; [`Output::exit_status`] then tells it.

use std::error::Error;
use std::ffi::OsString;
use std::fmt;

use crate::tables::{TEXT_MIN, folded};
use clap::Parser;
use serde::Serialize;
use serde_json::{Value, json};
use setpoint_decision::Diagnostic;
use setpoint_terminal::{StandardOutput, note, standard_error, visible, visible_in_line};

pub use crate::tables::{table, wrapped, wrapped_table};

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

/// The arguments of a program. If it cannot run with them, or if they request help, prints that and gives the exit status.
pub fn parse<A: Parser>(arguments: impl IntoIterator<Item = OsString>) -> Result<A, u8> {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    A::try_parse_from(&arguments).map_err(|error| usage::<A>(&error, &arguments))
}

/// Prints an error about the arguments, or the requested help; returns the exit status.
fn usage<A: Parser>(error: &clap::Error, arguments: &[OsString]) -> u8 {
    // The text repeats arguments between its colours. Of visible arguments the text is the same, and all its colours are ours.
    let shown = arguments.iter().map(|argument| visible_in_line(&argument.to_string_lossy()).into_owned());
    let again = A::try_parse_from(shown).err().filter(|again| again.kind() == error.kind());
    let is_error = error.use_stderr();
    let colour = if is_error { standard_error::takes_escape_codes() } else { StandardOutput::has_colours() };
    let text = match again {
        Some(again) if colour => again.render().ansi().to_string(),
        Some(again) => again.render().to_string(),
        None => visible(&error.render().to_string()).into_owned(),
    };
    let text = text.strip_suffix('\n').unwrap_or(&text);
    // Help goes to standard output, bad arguments to standard error, with 2 as for all bad input. A program that asked for a
    // document gets one, whatever is wrong with its other arguments.
    let output = Output::new(arguments.iter().skip(1).any(|argument| argument == "--json"));
    let plain = || visible(&error.render().to_string()).into_owned();
    if is_error {
        standard_error::coloured_note(text);
        output.document("error", Status::BadInput, json!({ "error": { "message": plain().trim() } }));
    } else if output.json {
        output.document("help", Status::Done, json!({ "text": plain() }));
    } else {
        output.stdout.coloured_line(text);
    }
    output.written(u8::try_from(error.exit_code()).unwrap_or(2))
}

/// The two streams.
pub struct Output {
    json: bool,
    stdout: StandardOutput,
}

impl Output {
    /// Only for people, or with a document for programs.
    pub fn new(json: bool) -> Self {
        Self { json, stdout: StandardOutput::default() }
    }

    fn stdout_or_note(&self, line: &str) {
        if self.json { note(line) } else { self.stdout.line(line) }
    }

    /// A line for people. A sentence that is wider than the terminal continues below, between two words.
    pub fn line(&self, line: impl fmt::Display) {
        let line = line.to_string();
        match StandardOutput::columns().filter(|_| !self.json) {
            None => self.stdout_or_note(&line),
            Some(columns) => self.stdout_or_note(&folded(&line, columns)),
        }
    }

    /// A text for people behind a mark, in lines of at most `width` characters after it. The later lines stand under the text.
    pub fn marked(&self, mark: &str, text: &str, width: usize) {
        // Folded once, here: a terminal that is narrower would fold each of these lines again.
        let columns = StandardOutput::columns().filter(|_| !self.json);
        let room = columns.map_or(width, |columns| columns.saturating_sub(mark.chars().count()));
        let lines = marked_lines(mark, text, width.min(room.max(TEXT_MIN)));
        lines.into_iter().for_each(|line| self.stdout_or_note(&line));
    }

    /// A script for another program, on standard output as it is, unless a document is requested.
    pub fn script(&self, text: &str) {
        if !self.json {
            self.stdout.verbatim(text);
        }
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
        self.stdout.verbatim(&format!("{document:#}\n"));
    }

    /// Prints the failure of a command, if it failed; returns the exit status.
    pub fn exit_status(&self, result: Result<Status, Failure>) -> u8 {
        let status = result.unwrap_or_else(|failure| {
            self.failure(&failure);
            failure.status()
        });
        self.written(status as u8)
    }

    /// The exit status, at least 1 if standard output could not be written; then standard error says so.
    fn written(&self, status: u8) -> u8 {
        let Some(error) = self.stdout.error() else { return status };
        note(format!("error: standard output cannot be written: {error}"));
        status.max(1)
    }

    /// An error, for both.
    fn failure(&self, failure: &Failure) {
        let body = match failure {
            Failure::Input(diagnostic) => {
                let place = diagnostic.line_column();
                standard_error::coloured_note(&rendered(diagnostic, standard_error::takes_escape_codes()));
                json!({
                    "message": diagnostic.title,
                    "expected": diagnostic.label,
                    "help": diagnostic.help,
                    "file": diagnostic.origin.as_ref().map(|origin| &origin.name),
                    "line": place.map(|place| place.0),
                    "column": place.map(|place| place.1),
                })
            }
            Failure::Message(message) => {
                note(format!("error: {message}"));
                json!({ "message": message })
            }
        };
        self.document("error", failure.status(), json!({ "error": body }));
    }
}

/// An error with its place. The lines of the file are made visible where they are drawn, for the marks stand under them.
fn rendered(diagnostic: &Diagnostic, colour: bool) -> String {
    let shown = |text: &String| visible(text).into_owned();
    let mut diagnostic = diagnostic.clone();
    diagnostic.title = shown(&diagnostic.title);
    diagnostic.label = shown(&diagnostic.label);
    diagnostic.help = diagnostic.help.as_ref().map(shown);
    if let Some(origin) = &mut diagnostic.origin {
        origin.name = visible_in_line(&origin.name).into_owned();
    }
    diagnostic.render(colour)
}

fn marked_lines(mark: &str, text: &str, width: usize) -> Vec<String> {
    let blank = " ".repeat(mark.chars().count());
    let lines = wrapped(text, width).into_iter().enumerate();
    lines.map(|(index, line)| format!("{}{line}", if index == 0 { mark } else { &blank })).collect()
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
    use setpoint_decision::diagnostic::Origin;
    use setpoint_terminal::visible_beside_colour;

    use super::*;

    #[test]
    fn the_lines_of_a_marked_text_stand_under_its_first() {
        assert_eq!(
            marked_lines("  ✗ ", "it keeps trying things", 9),
            ["  ✗ it keeps", "    trying", "    things"]
        );
        assert!(marked_lines("  ✗ ", "", 9).is_empty());
    }

    #[test]
    fn an_error_has_our_colours_and_no_others() {
        let diagnostic = Diagnostic {
            title: "no feature `\u{1b}[5mlevel`".to_owned(),
            origin: Some(Origin {
                name: "plant\u{1b}[2J/setpoint.toml".to_owned(),
                text: "\u{1b}[41mlevel\u{9b}1m = 3 # \u{202e}\n".to_owned(),
                span: 5..10,
            }),
            label: "a feature\u{7}".to_owned(),
            help: Some("write \u{1b}]0;x\u{7}".to_owned()),
        };
        let coloured = visible_beside_colour(&rendered(&diagnostic, true));
        for (foreign, shown) in [
            ("\u{1b}[5m", "␛[5mlevel"),
            ("\u{1b}[2J", "plant␛[2J/setpoint.toml"),
            ("\u{1b}[41m", "␛[41mlevel"),
            ("\u{9b}", "\u{fffd}1m"),
            ("\u{202e}", "# \u{fffd}"),
            ("\u{7}", "␇"),
            ("\u{1b}]", "␛]0;x␇"),
        ] {
            assert!(!coloured.contains(foreign) && coloured.contains(shown), "{coloured:?}");
        }
        assert!(coloured.contains("\u{1b}[1m"), "it has our colours: {coloured:?}");
        let plain = visible(&rendered(&diagnostic, false)).into_owned();
        assert!(!plain.contains('\u{1b}') && plain.contains("␛[41mlevel"), "{plain:?}");
    }
}
