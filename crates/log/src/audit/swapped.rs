//! Two swapped columns, found by their ranges.

use super::column::Column;
use super::median;
use crate::finding::{Finding, Severity, Times};

/// A column is a candidate if more than this share of it lies beyond its range.
const BEYOND: f64 = 0.05;
/// Share of each column that must fit the other's range.
const FIT: f64 = 0.995;

/// Pairs among columns, by index, with their finding. Columns with the same range cannot be distinguished.
pub fn swapped(columns: &[&Column]) -> Vec<((usize, usize), Finding)> {
    let values: Vec<Vec<f64>> = columns.iter().map(|column| column.sorted()).collect();
    let mut found: Vec<((usize, usize), Finding)> = Vec::new();
    for first in 0..columns.len() {
        if columns[first].beyond_share() <= BEYOND || taken(&found, first) {
            continue;
        }
        let as_they_are = |other: usize| {
            distance(&values[first], columns[first]) + distance(&values[other], columns[other])
        };
        let candidates = (0..columns.len()).filter(|other| *other != first && !taken(&found, *other));
        let fitting = candidates.filter_map(|other| {
            let fits =
                fit(&values[first], columns[other]) >= FIT && fit(&values[other], columns[first]) >= FIT;
            let exchanged =
                distance(&values[first], columns[other]) + distance(&values[other], columns[first]);
            (fits && exchanged < as_they_are(other)).then_some((exchanged, other))
        });
        let Some((_, other)) = fitting.min_by(|(a, _), (b, _)| a.total_cmp(b)) else { continue };
        let (one, two) = (columns[first], columns[other]);
        let times = Times { count: one.beyond.count, line: one.beyond.line };
        let sentence = format!(
            "`{}` does not fit {} but `{}` does, and the other way round: the two columns look swapped",
            one.name, one.expected.what, two.name
        );
        let advice =
            format!("exchange `{}` and `{}` in [data], or their headers in the log", one.name, two.name);
        let finding = times.finding(Severity::Error, "swapped-columns", Some(&one.name), sentence, advice);
        found.extend(finding.map(|finding| ((first, other), finding)));
    }
    found
}

fn taken(found: &[((usize, usize), Finding)], column: usize) -> bool {
    found.iter().any(|((a, b), _)| *a == column || *b == column)
}

/// Share of values within a column's range.
fn fit(values: &[f64], column: &Column) -> f64 {
    let Some((low, high)) = column.expected.range else { return 0.0 };
    let slack = 0.01 * (high - low);
    let within = values.iter().filter(|value| (low - slack..=high + slack).contains(value)).count();
    within as f64 / (values.len() as f64).max(1.0)
}

/// Distance from a column's ordinary value, in widths of its range.
fn distance(values: &[f64], column: &Column) -> f64 {
    let (Some((low, high)), Some(middle)) = (column.expected.range, median(values)) else {
        return f64::INFINITY;
    };
    let ordinary = column.expected.reference.unwrap_or(0.5 * (low + high));
    (middle - ordinary).abs() / (high - low)
}
