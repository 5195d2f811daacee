//! What is wrong with a log: one finding a fault, with its column, its first line, and what to do about it.

use serde::{Deserialize, Serialize};

use crate::table::Format;

pub mod clock;
pub mod column;
pub mod expected;
pub mod reward;
pub mod rows;
pub mod swapped;
pub mod units;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// To know.
    Note,
    /// Figures made from the log are less certain.
    Warning,
    /// Figures made from the log are wrong.
    Error,
}

/// A fault of a log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// How bad it is.
    pub severity: Severity,
    /// Its name, in kebab case.
    pub kind: String,
    /// The column, where it is one's.
    pub column: Option<String>,
    /// The first line of the file that shows it, from 1 with the header; of a Parquet file the row.
    pub line: Option<u64>,
    /// Rows that show it.
    pub count: u64,
    /// What was found, in a sentence.
    pub sentence: String,
    /// What to do.
    pub advice: String,
}

/// Whether the project's reward follows from what is logged.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RewardCheck {
    /// Rows that could be compared.
    pub rows: u64,
    /// Greatest difference between logged and computed reward.
    pub error_max: f64,
    /// Mean absolute difference.
    pub error_mean: f64,
    /// Share of the logged reward's variance that the computed one explains; at most 1.
    pub r_squared: f64,
    /// Difference that the rounding of the log alone can make.
    pub rounding: f64,
    /// Whether at most 1 % of the rows differ by more than that.
    pub reproduced: bool,
}

/// A log looked at.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Audit {
    /// The file.
    pub file: String,
    /// Rows that were taken over.
    pub rows: u64,
    /// Episodes that they form.
    pub episodes: u64,
    /// What it is written in.
    pub format: Format,
    /// Columns that `[data]` does not name.
    pub unused_columns: Vec<String>,
    /// Faults, the worst first.
    pub findings: Vec<Finding>,
    /// Whether the reward is reproduced; absent where it cannot be computed.
    pub reward: Option<RewardCheck>,
}

impl Audit {
    /// Findings that make figures wrong.
    pub fn errors(&self) -> impl Iterator<Item = &Finding> {
        self.findings.iter().filter(|finding| finding.severity == Severity::Error)
    }
}

/// How often something was seen, and where first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Times {
    /// How often.
    pub count: u64,
    /// The first line.
    pub line: u64,
}

impl Times {
    /// Once more.
    pub fn note(&mut self, line: u64) {
        if self.count == 0 {
            self.line = line;
        }
        self.count += 1;
    }

    /// As a finding, where it was seen at all.
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
        })
    }
}

/// The middle of sorted numbers; `None` of nothing.
pub(crate) fn median(sorted: &[f64]) -> Option<f64> {
    sorted.get(sorted.len() / 2).copied()
}

/// A number as messages show it: five digits.
pub(crate) fn shown(value: f64) -> String {
    if value == 0.0 || !value.is_finite() {
        return format!("{value}");
    }
    let digits = 4 - value.abs().log10().floor() as i32;
    if !(0..=9).contains(&digits) {
        return if digits < 0 { format!("{value:.0}") } else { format!("{value:e}") };
    }
    let text = format!("{value:.*}", digits as usize);
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short() {
        assert_eq!(
            [0.45, 93.577_114, 1234.0, 100.0, -2.0, 0.0, 123_456.7].map(shown),
            ["0.45", "93.577", "1234", "100", "-2", "0", "123457"]
        );
    }
}
