//! `time_format` of `[data]`: the directives of strftime, read instead of written.

use super::calendar::{day, full_year, month, zone};
use super::date::Local;

/// A part of a pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Directive(char),
    Blank,
    Literal(char),
}

/// A pattern such as `%d.%m.%Y %H:%M:%S`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern(Vec<Part>);

/// The parts of a time that were read.
#[derive(Default)]
struct Fields {
    year: Option<i64>,
    month: Option<i64>,
    day: Option<i64>,
    day_of_year: Option<i64>,
    hour: i64,
    minute: i64,
    second: i64,
    fraction: f64,
    afternoon: Option<bool>,
    unix: Option<i64>,
    zone: Option<i32>,
}

impl Pattern {
    /// Of a checked text: the project file refuses unknown directives.
    pub fn new(text: &str) -> Self {
        let text = text.replace("%F", "%Y-%m-%d").replace("%T", "%H:%M:%S");
        let text = text.replace("%D", "%m/%d/%y").replace("%R", "%H:%M");
        let mut parts = Vec::new();
        let mut characters = text.chars();
        while let Some(character) = characters.next() {
            parts.push(match character {
                '%' => Part::Directive(characters.next().unwrap_or('%')),
                blank if blank.is_whitespace() => Part::Blank,
                other => Part::Literal(other),
            });
        }
        Self(parts)
    }

    /// Reads a text; `None` if it has another form.
    pub(super) fn local(&self, text: &str) -> Option<Local> {
        let mut fields = Fields::default();
        let mut rest = text.trim();
        for part in &self.0 {
            rest = match part {
                Part::Blank => rest.trim_start(),
                Part::Literal(literal) => rest.strip_prefix(*literal)?,
                Part::Directive('%') => rest.strip_prefix('%')?,
                Part::Directive(directive) => fields.take(*directive, rest)?,
            };
        }
        if rest.is_empty() { fields.local() } else { None }
    }
}

/// The first digits, at most `most` of them, and the rest.
fn digits(text: &str, most: usize) -> Option<(i64, usize, &str)> {
    let count = text.bytes().take(most).take_while(u8::is_ascii_digit).count();
    Some((text[..count].parse().ok()?, count, &text[count..]))
}

fn letters(text: &str) -> (&str, &str) {
    text.split_at(text.find(|c: char| !c.is_alphabetic()).unwrap_or(text.len()))
}

impl Fields {
    /// Reads the text of a directive; returns the rest.
    fn take<'a>(&mut self, directive: char, text: &'a str) -> Option<&'a str> {
        let most = match directive {
            'Y' => 4,
            'f' => 9,
            'j' => 3,
            's' => 12,
            'b' | 'B' | 'h' | 'a' | 'A' | 'p' | 'P' | 'z' | 'Z' => return self.word(directive, text),
            _ => 2,
        };
        let (value, count, rest) =
            digits(text.trim_start_matches(if directive == 'e' { ' ' } else { '\0' }), most)?;
        match directive {
            'Y' => self.year = Some(value),
            'y' => self.year = Some(full_year(value)),
            'm' => self.month = Some(value),
            'd' | 'e' => self.day = Some(value),
            'j' => self.day_of_year = Some(value),
            'H' | 'I' => self.hour = value,
            'M' => self.minute = value,
            'S' => self.second = value,
            'f' => self.fraction = value as f64 / 10_f64.powi(count as i32),
            's' => self.unix = Some(value),
            _ => return None,
        }
        Some(rest)
    }

    fn word<'a>(&mut self, directive: char, text: &'a str) -> Option<&'a str> {
        let (word, rest) = letters(text);
        match directive {
            'b' | 'B' | 'h' => {
                self.month = Some(month(word)?);
                Some(rest.strip_prefix('.').unwrap_or(rest))
            }
            'a' | 'A' => Some(rest),
            'p' | 'P' => {
                self.afternoon = Some(match word.to_ascii_lowercase().as_str() {
                    "am" => false,
                    "pm" => true,
                    _ => return None,
                });
                Some(rest)
            }
            _ => {
                let end = text.find(char::is_whitespace).unwrap_or(text.len());
                self.zone = zone(&text[..end])?;
                Some(&text[end..])
            }
        }
    }

    fn local(&self) -> Option<Local> {
        if let Some(unix) = self.unix {
            return Some(Local { seconds: unix as f64 + self.fraction, zone: Some(0) });
        }
        let hour = match self.afternoon {
            Some(afternoon) => {
                (1..=12).contains(&self.hour).then_some(self.hour % 12 + if afternoon { 12 } else { 0 })?
            }
            None => self.hour,
        };
        if hour > 24 || self.minute > 59 || self.second > 60 {
            return None;
        }
        // A pattern without a date is a clock of one day.
        let days = match (self.year, self.day_of_year) {
            (Some(year), Some(of_year)) if (1..=366).contains(&of_year) => day(year, 1, 1)? + of_year - 1,
            (Some(year), None) => day(year, self.month.unwrap_or(1), self.day.unwrap_or(1))?,
            (None, None) if self.month.is_none() && self.day.is_none() => 0,
            _ => return None,
        };
        let clock = (hour * 3_600 + self.minute * 60 + self.second) as f64;
        Some(Local { seconds: days as f64 * 86_400.0 + clock + self.fraction, zone: self.zone })
    }
}
