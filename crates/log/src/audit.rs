//! The audit of a log: every fault, and whether its reward follows from its signals.

use serde::{Deserialize, Serialize};

use crate::finding::{Finding, Severity};
use crate::left_out::LeftOut;
use crate::table::Format;

pub mod accepted;
pub mod clock;
pub mod column;
pub mod expected;
pub mod reward;
pub mod rows;
pub mod swapped;
pub mod units;
pub mod words;

/// Whether the project's reward follows from the logged signals.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RewardCheck {
    /// Rows that could be compared.
    pub rows: u64,
    /// Greatest difference between logged and computed reward.
    #[serde(deserialize_with = "figure")]
    pub error_max: f64,
    /// Mean absolute difference.
    #[serde(deserialize_with = "figure")]
    pub error_mean: f64,
    /// Share of the logged reward's variance that the computed reward explains; at most 1.
    #[serde(deserialize_with = "figure")]
    pub r_squared: f64,
    /// Greatest difference from the rounding of the log alone.
    #[serde(deserialize_with = "figure")]
    pub rounding: f64,
    /// Whether at most 1 % of the rows differ by more than that.
    pub reproduced: bool,
}

/// Sums of squares of great rewards overflow. JSON stores such a figure as null, and it is read as NaN.
fn figure<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    Option::deserialize(deserializer).map(|figure| figure.unwrap_or(f64::NAN))
}

/// The audit of a log.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Audit {
    /// The file.
    pub file: String,
    /// Number of rows in use.
    pub rows: u64,
    /// Number of episodes of these rows.
    pub episodes: u64,
    /// The format of the file.
    pub format: Format,
    /// Columns that `[data]` does not name.
    pub unused_columns: Vec<String>,
    /// Rows that are not used, and why.
    #[serde(default)]
    pub left_out: LeftOut,
    /// Faults, the worst first.
    pub findings: Vec<Finding>,
    /// Whether the reward is reproduced; absent if it cannot be computed.
    pub reward: Option<RewardCheck>,
}

impl Audit {
    /// Findings that make figures wrong.
    pub fn errors(&self) -> impl Iterator<Item = &Finding> {
        self.findings.iter().filter(|finding| finding.severity == Severity::Error)
    }
}

/// The middle of sorted numbers; `None` without numbers.
pub(crate) fn median(sorted: &[f64]) -> Option<f64> {
    sorted.get(sorted.len() / 2).copied()
}

/// A number for messages: five digits.
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
