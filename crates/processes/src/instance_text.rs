//! Text files of shops: lines, words and numbers, with errors that show their place.
//!
//! Blank lines, rules (`+++++`, also `+++ EOF +++`), a line `EOF` and comments are passed over. A comment
//! begins with `#` or `//` anywhere in a line, or with `!` at its beginning. Lines end with LF, CR or both.

use std::io::ErrorKind;
use std::ops::Range;
use std::path::Path;

use setpoint_decision::Diagnostic;
use setpoint_decision::diagnostic::Origin;
use setpoint_files::{storage, text};

/// Greatest sum of all durations of an instance: up to 2²⁴, every time of every schedule is exact in an `f32`.
pub const WORK_MAX: u32 = 1 << 24;
/// Greatest size of a file: all 162 classical job shops together have a third of it.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// A word and its byte range in the text.
pub type Word<'a> = (&'a str, Range<usize>);

/// The words of a line that is neither blank nor a comment; at least one.
#[derive(Clone, Debug)]
pub struct Line<'a>(pub Vec<Word<'a>>);

impl Line<'_> {
    /// Whether it begins with a number; any other line is a description, a heading or a fault.
    pub fn has_numbers(&self) -> bool {
        let first = self.0[0].0;
        first.trim_start_matches(['-', '+']).starts_with(|c: char| c.is_ascii_digit())
            && first.parse::<f64>().is_ok()
    }

    /// From its first word to its last one.
    pub fn span(&self) -> Range<usize> {
        self.0[0].1.start..self.0[self.0.len() - 1].1.end
    }

    /// Its words in lower case, with one space between them.
    pub fn lower_case(&self) -> String {
        self.0.iter().map(|(word, _)| word.to_lowercase()).collect::<Vec<_>>().join(" ")
    }
}

/// A text with its name for errors.
#[derive(Clone, Copy, Debug)]
pub struct InstanceText<'a> {
    name: &'a str,
    text: &'a str,
    /// The format in a sentence, for the help of an error.
    format: &'static str,
}

impl<'a> InstanceText<'a> {
    /// A text; errors call it `name`.
    pub fn new(name: &'a str, text: &'a str, format: &'static str) -> Self {
        Self { name, text, format }
    }

    /// Its name in errors.
    pub fn name(&self) -> &'a str {
        self.name
    }

    /// An error at a place of the text.
    pub fn error(
        &self,
        span: Range<usize>,
        title: impl Into<String>,
        label: impl Into<String>,
    ) -> Box<Diagnostic> {
        let origin = Origin { name: self.name.to_owned(), text: self.text.to_owned(), span };
        let help = Some(format!("the format: {}", self.format));
        Box::new(Diagnostic { title: title.into(), origin: Some(origin), label: label.into(), help })
    }

    /// The lines that are neither blank nor comments.
    pub fn lines(&self) -> Vec<Line<'a>> {
        let base = self.text.as_ptr() as usize;
        let word = |word: &'a str| {
            let start = word.as_ptr() as usize - base;
            (word, start..start + word.len())
        };
        let lines = self.text.split(['\n', '\r']).map(|line| {
            let end = [line.find('#'), line.find("//")].into_iter().flatten().min();
            Line(line[..end.unwrap_or(line.len())].split_whitespace().map(word).collect())
        });
        let passed_over = |line: &Line<'_>| match line.0.first() {
            None => true,
            Some((word, _)) => {
                word.starts_with('!')
                    || is_rule(word)
                    || word.eq_ignore_ascii_case("eof") && line.0.len() == 1
            }
        };
        lines.filter(|line| !passed_over(line)).collect()
    }

    /// The place behind the last of these lines; the end of the text without such lines.
    pub fn end(&self, lines: &[Line<'_>]) -> Range<usize> {
        let end = lines.last().map_or(self.text.trim_end().len(), |line| line.span().end);
        end..end
    }

    /// A whole number from `least` to `most`.
    pub fn number(
        &self,
        (word, span): &Word<'_>,
        least: u32,
        most: u32,
        what: &str,
    ) -> Result<u32, Box<Diagnostic>> {
        // `parse` accepts a leading +, which is not part of any form.
        let number =
            word.parse().ok().filter(|number| (least..=most).contains(number) && !word.starts_with('+'));
        number.ok_or_else(|| {
            let label = format!("expected {what}, a whole number from {least} to {most}");
            self.error(span.clone(), format!("{what} cannot be `{word}`"), label)
        })
    }

    /// A number of things, at least 1.
    pub fn count(&self, word: &Word<'_>, what: &str) -> Result<usize, Box<Diagnostic>> {
        let count = self.number(word, 0, u32::MAX, what)? as usize;
        if count == 0 {
            return Err(self.error(word.1.clone(), format!("{what} cannot be 0"), "expected at least 1"));
        }
        Ok(count)
    }

    /// The number of a machine as the file counts: from 0 to `machines`, of which the first or the last is too much.
    pub fn machine(&self, word: &Word<'_>, machines: usize) -> Result<u32, Box<Diagnostic>> {
        let most = machines as u32;
        self.number(word, 0, most, "the machine").map_err(|error| {
            let label =
                format!("expected a machine, a whole number from 0 to {} or from 1 to {most}", most - 1);
            Box::new(Diagnostic { label, ..*error })
        })
    }

    /// Whether machines are counted from 0 or from 1: the file uses machine 0, or it uses the machine of the highest number.
    /// `None` if it uses neither.
    pub fn first_machine(
        &self,
        numbers: impl Iterator<Item = (u32, Range<usize>)>,
        machines: usize,
    ) -> Result<Option<u32>, Box<Diagnostic>> {
        let (mut from_0, mut from_1) = (None, None);
        for (number, span) in numbers {
            if number == 0 {
                from_0.get_or_insert(span);
            } else if number as usize == machines {
                from_1.get_or_insert(span);
            }
        }
        match (from_0, from_1) {
            (None, None) => Ok(None),
            (Some(_), None) => Ok(Some(0)),
            (None, Some(_)) => Ok(Some(1)),
            (Some(zero), Some(highest)) => {
                let title =
                    format!("machine 0 and machine {machines} both occur, but there are {machines} machines");
                let label = format!(
                    "count every machine from 0 to {}, or every machine from 1 to {machines}",
                    machines - 1
                );
                let later = if zero.start > highest.start { zero } else { highest };
                Err(self.error(later, title, label))
            }
        }
    }

    /// Refuses more work than an `f32` counts exactly.
    pub fn check_work(&self, work: u64, place: Range<usize>) -> Result<(), Box<Diagnostic>> {
        if work <= u64::from(WORK_MAX) {
            return Ok(());
        }
        let label =
            format!("expected at most {WORK_MAX}, so that times are exact: use a coarser unit of time");
        Err(self.error(place, format!("all durations together are {work}"), label))
    }
}

/// Whether a word is a rule between parts of a file, such as `+++++`.
fn is_rule(word: &str) -> bool {
    word.len() > 1 && word.chars().all(|c| matches!(c, '+' | '-' | '=' | '*' | '_' | '~'))
}

/// The text of a file; errors name the file by the given path and explain the `format`.
pub fn read(path: &Path, format: &'static str) -> Result<String, Box<Diagnostic>> {
    let shown = path.display().to_string();
    let unreadable = |error: std::io::Error| {
        Diagnostic::without_origin(
            format!("the instance file {shown} cannot be read: {error}"),
            format!("give a built-in instance or a file: {format}"),
        )
    };
    let bytes = storage::read(path, FILE_BYTES_MAX).map_err(|error| match error.kind() {
        ErrorKind::FileTooLarge => Diagnostic::without_origin(
            format!("the instance file {shown} is larger than {FILE_BYTES_MAX} bytes"),
            format!("expected {format}"),
        ),
        _ => unreadable(error),
    })?;
    text::decode(bytes.clone()).map_err(|error| {
        let lossy = String::from_utf8_lossy(&bytes);
        let text = text::without_mark(&lossy);
        // The bytes before are valid, so the replacement character has the same position; not so in UTF-16.
        let start = error.byte - (lossy.len() - text.len()).min(error.byte);
        let span = start..start + char::REPLACEMENT_CHARACTER.len_utf8();
        if text.get(span.clone()) != Some("\u{fffd}") {
            return unreadable(std::io::Error::new(ErrorKind::InvalidData, error));
        }
        InstanceText::new(&shown, text, format).error(
            span,
            "this is not a text file (UTF-8)",
            "these bytes are no character",
        )
    })
}
