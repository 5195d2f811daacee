//! A finding about a log: one fault, where it is, how often, and the remedy.

use serde::{Deserialize, Serialize};

/// The severity of a finding.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// For information.
    #[default]
    Note,
    /// Figures from the log are less certain.
    Warning,
    /// Figures from the log are wrong.
    Error,
}

/// A fault of a log.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// Its severity.
    pub severity: Severity,
    /// Its name, in kebab case.
    pub kind: String,
    /// The column, if it belongs to one column.
    pub column: Option<String>,
    /// The first line of the file that shows it, from 1 with the header; in a Parquet file the row.
    pub line: Option<u64>,
    /// Number of rows that show it.
    pub count: u64,
    /// The finding, in a sentence.
    pub sentence: String,
    /// The remedy.
    pub advice: String,
    /// Whether `[data] accept` names it; it is a note then.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub accepted: bool,
}

impl Finding {
    /// `kind`, or `kind:column`: the entry of `[data] accept` that accepts it.
    pub fn name(&self) -> String {
        match &self.column {
            Some(column) => format!("{}:{column}", self.kind),
            None => self.kind.clone(),
        }
    }
}

/// The number of occurrences, and the first line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Times {
    /// The number of occurrences.
    pub count: u64,
    /// The first line.
    pub line: u64,
}

impl Times {
    /// Counts one more occurrence.
    pub fn note(&mut self, line: u64) {
        if self.count == 0 {
            self.line = line;
        }
        self.count += 1;
    }

    /// As a finding, if it occurred.
    pub fn finding(
        self,
        severity: Severity,
        kind: &str,
        column: Option<&str>,
        sentence: impl Into<String>,
        advice: impl Into<String>,
    ) -> Option<Finding> {
        (self.count > 0).then(|| Finding {
            severity,
            kind: kind.to_owned(),
            column: column.map(str::to_owned),
            line: Some(self.line),
            count: self.count,
            sentence: sentence.into(),
            advice: advice.into(),
            accepted: false,
        })
    }
}
