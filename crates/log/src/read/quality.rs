//! Rows whose quality is not good are left out, and counted by the words of their quality.

use csv::ByteRecord;

use crate::audit::words::Words;
use crate::finding::{Finding, Severity, Times};
use crate::table::quality::is_good;

/// The columns of quality.
pub(super) struct Quality {
    columns: Vec<usize>,
    good_too: Vec<String>,
    bad: Times,
    words: Words,
    unknown: Times,
    unknown_word: String,
    column: usize,
}

impl Quality {
    pub(super) fn new(columns: &[usize], good_too: &[String]) -> Self {
        Self {
            columns: columns.to_vec(),
            good_too: good_too.to_vec(),
            bad: Times::default(),
            words: Words::default(),
            unknown: Times::default(),
            unknown_word: String::new(),
            column: 0,
        }
    }

    /// Whether all its values are good.
    pub(super) fn is_good(&mut self, record: &ByteRecord, line: u64) -> bool {
        let word = |column: usize| std::str::from_utf8(&record[column]).unwrap_or("").trim();
        for column in &self.columns {
            match is_good(word(*column), &self.good_too) {
                Some(true) => continue,
                Some(false) => {
                    self.bad.note(line);
                    self.words.take(word(*column));
                }
                None => {
                    if self.unknown.count == 0 {
                        self.unknown_word = word(*column).chars().take(40).collect();
                        self.column = *column;
                    }
                    self.unknown.note(line);
                }
            }
            return false;
        }
        true
    }

    pub(super) fn findings(&self, header: &[String]) -> Vec<Finding> {
        let mut findings = Vec::new();
        findings.extend(self.unknown.finding(
            Severity::Error,
            "unknown-quality",
            header.get(self.column).map(String::as_str),
            format!("\"{}\" is not known as a quality; such rows are left out", self.unknown_word),
            format!("if it is good, write quality_good = [\"{}\"] in [data]", self.unknown_word),
        ));
        findings.extend(self.bad.finding(
            Severity::Note,
            "bad-quality",
            None,
            format!("rows of bad quality are left out, and episodes are cut there: {}", self.words.text()),
            "nothing, if that is right; quality_good in [data] names words that are good",
        ));
        findings
    }
}
