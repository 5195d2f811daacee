//! One column of numbers, checked during the reading: missing values, text, values out of range, stuck values.

use super::expected::Expected;
use super::words::Words;
use super::{shown, units};
use crate::finding::{Finding, Severity, Times};
use crate::table::cell::{Cell, cell};
use crate::table::marks::Marks;

/// Greatest number of values for quantiles; of more values, every second, fourth … value.
const SAMPLE: usize = 4_096;
/// Missing or unreadable cells beyond this share make figures wrong.
pub const MISSING_SHARE: f64 = 0.05;
/// A shorter run of one value is no finding.
const STUCK_ROWS: u64 = 25;
/// A run this many times longer than 99 of 100 runs of its column is not chance.
const STUCK_FACTOR: u64 = 4;
/// With fewer rows outside of the longest run, a log does not show whether the column changes in most rows.
const OUTSIDE_MIN: u64 = 100;
/// A column with this many values or fewer is a count or a place, which may stay for long.
const COARSE_MAX: usize = 24;
/// Runs are counted by their length up to this.
const RUNS: usize = 1_024;

/// A sample of a stream: every n-th value, with a growing n.
#[derive(Clone, Debug, Default)]
pub struct Sample {
    values: Vec<f64>,
    every: u64,
    seen: u64,
}

impl Sample {
    pub(crate) fn take(&mut self, value: f64) {
        self.every = self.every.max(1);
        if self.seen.is_multiple_of(self.every) {
            if self.values.len() == SAMPLE {
                let mut index = 0;
                self.values.retain(|_| {
                    index += 1;
                    index % 2 == 1
                });
                self.every *= 2;
            }
            if self.seen.is_multiple_of(self.every) {
                self.values.push(value);
            }
        }
        self.seen += 1;
    }

    /// The values, in ascending order.
    pub fn sorted(&self) -> Vec<f64> {
        let mut values = self.values.clone();
        values.sort_by(f64::total_cmp);
        values
    }
}

/// The greatest rounding error of a number with so many decimals; 0 if no rounding is known.
fn rounding(decimals: u32) -> f64 {
    if decimals <= 9 { 0.5 * 0.1_f64.powi(decimals as i32) } else { 0.0 }
}

/// A column and its statistics.
#[derive(Clone, Debug)]
pub struct Column {
    /// Its name in the header.
    pub name: String,
    /// Its expected content.
    pub expected: Expected,
    /// Greatest number of digits after the decimal mark.
    pub decimals: u32,
    /// Number of values within the range.
    pub within: Sample,
    /// Numbers beyond it.
    pub beyond_values: Sample,
    /// Number of values beyond it.
    pub beyond: Times,
    /// Finite numbers.
    pub numbers: u64,
    marks: Marks,
    missing: Times,
    /// Words for missing values.
    words: Words,
    not_finite: Times,
    text: Times,
    example: String,
    /// Numbers with a decimal comma, and with a point.
    commas: Times,
    points: Times,
    least: f64,
    greatest: f64,
    run: Run,
    longest: Run,
    /// Runs by length; the last entry counts all longer ones.
    runs: Vec<u64>,
    /// Its different values, up to [`COARSE_MAX`] and one.
    different: Vec<f64>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Run {
    value: f64,
    rows: u64,
    line: u64,
}

impl Column {
    /// A column before its first row.
    pub fn new(name: &str, expected: Expected, marks: Marks) -> Self {
        Self {
            name: name.to_owned(),
            expected,
            decimals: 0,
            within: Sample::default(),
            beyond_values: Sample::default(),
            beyond: Times::default(),
            numbers: 0,
            marks,
            missing: Times::default(),
            words: Words::default(),
            not_finite: Times::default(),
            text: Times::default(),
            example: String::new(),
            commas: Times::default(),
            points: Times::default(),
            least: f64::INFINITY,
            greatest: f64::NEG_INFINITY,
            run: Run::default(),
            longest: Run::default(),
            runs: vec![0; RUNS],
            different: Vec::new(),
        }
    }

    /// Reads its cell of a row; NaN if it is not a number.
    pub fn take(&mut self, text: &str, line: u64) -> f64 {
        match cell(text, self.marks) {
            Cell::Number { value, decimals, comma } => {
                if comma {
                    self.commas.note(line);
                } else if decimals > 0 {
                    self.points.note(line);
                }
                self.decimals = self.decimals.max(decimals);
                self.number(value, decimals, line);
                return value;
            }
            Cell::Missing => {
                self.missing.note(line);
                self.words.take(text.trim());
            }
            Cell::NotFinite => self.not_finite.note(line),
            Cell::Text => {
                if self.text.count == 0 {
                    self.example = text.trim().chars().take(40).collect();
                }
                self.text.note(line);
            }
        }
        f64::NAN
    }

    /// The words for missing values, as the end of a sentence; nothing if all of these cells are empty.
    fn words(&self) -> String {
        if self.words.are_empty() { String::new() } else { format!(": {}", self.words.text()) }
    }

    fn number(&mut self, value: f64, decimals: u32, line: u64) {
        self.numbers += 1;
        self.least = self.least.min(value);
        self.greatest = self.greatest.max(value);
        if self.different.len() <= COARSE_MAX && !self.different.contains(&value) {
            self.different.push(value);
        }
        let beyond = self.expected.range.is_some_and(|(low, high)| {
            let slack = rounding(decimals) + 1e-3 * (high - low);
            value < low - slack || value > high + slack
        });
        if beyond {
            self.beyond.note(line);
            self.beyond_values.take(value);
        } else {
            self.within.take(value);
        }
        if self.run.rows > 0 && self.run.value == value {
            self.run.rows += 1;
        } else {
            self.end_run();
            self.run = Run { value, rows: 1, line };
        }
    }

    fn end_run(&mut self) {
        if self.run.rows > self.longest.rows {
            self.longest = self.run;
        }
        // Single values are no runs: a column that changes in most rows has short runs.
        if self.run.rows > 1 {
            self.runs[(self.run.rows as usize).min(RUNS - 1)] += 1;
        }
    }

    /// The greatest rounding error: half of the last digit; 0 if no rounding is known.
    pub fn resolution(&self) -> f64 {
        if self.numbers > 0 && self.decimals <= 6 { 0.1_f64.powi(self.decimals as i32) } else { 0.0 }
    }

    /// Share of its numbers that lie beyond its range.
    pub fn beyond_share(&self) -> f64 {
        self.beyond.count as f64 / (self.numbers as f64).max(1.0)
    }

    /// All its numbers, sampled and sorted.
    pub fn sorted(&self) -> Vec<f64> {
        let mut all = self.within.sorted();
        let (within, beyond) = (self.numbers - self.beyond.count, self.beyond.count);
        // Two samples of different density: the denser one is thinned.
        let mut outside = self.beyond_values.sorted();
        let density = |kept: usize, of: u64| kept as f64 / (of as f64).max(1.0);
        let (inner, outer) = (density(all.len(), within), density(outside.len(), beyond));
        let thin = |values: &mut Vec<f64>, keep: f64| {
            let mut index = 0.0_f64;
            values.retain(|_| {
                let before = index.floor();
                index += keep;
                index.floor() > before
            });
        };
        if within > 0 && beyond > 0 {
            if inner > outer { thin(&mut all, outer / inner) } else { thin(&mut outside, inner / outer) }
        }
        all.extend(outside);
        all.sort_by(f64::total_cmp);
        all
    }

    /// Its own findings. The range is left out if another finding explains it.
    pub fn findings(&mut self, rows: u64, range_explained: bool) -> Vec<Finding> {
        self.end_run();
        self.run = Run::default();
        let name = Some(self.name.as_str());
        let share = |times: Times| times.count as f64 / (rows as f64).max(1.0);
        let severity =
            |times: Times| if share(times) > MISSING_SHARE { Severity::Error } else { Severity::Warning };
        let percent = |times: Times| shown(100.0 * share(times));
        let mut findings = Vec::new();
        findings.extend(self.missing.finding(
            severity(self.missing),
            "missing-values",
            name,
            format!(
                "`{}` has no value in {} % of the rows{}",
                self.name,
                percent(self.missing),
                self.words()
            ),
            "fill them from the historian; every comparison leaves out rows without a value",
        ));
        findings.extend(self.not_finite.finding(
            severity(self.not_finite),
            "not-finite",
            name,
            format!("`{}` is infinite in {} % of the rows", self.name, percent(self.not_finite)),
            "check the sensor or the calculation in these rows; they are left out",
        ));
        findings.extend(self.text.finding(
            Severity::Error,
            "text",
            name,
            format!("`{}` contains text instead of numbers, first \"{}\"", self.name, self.example),
            "write numbers without units, and an empty cell for a missing value",
        ));
        if self.commas.count > 0 && self.points.count > 0 {
            let (fewer, mark) = if self.commas.count <= self.points.count {
                (self.commas, "commas")
            } else {
                (self.points, "points")
            };
            findings.extend(fewer.finding(
                Severity::Error,
                "mixed-decimal-commas",
                name,
                format!("`{}` mixes decimal commas and points; decimal {mark} are fewer", self.name),
                "export the log with one of the two: rows of two sources may be mixed, and 1,234 may be a thousand",
            ));
        }
        if !range_explained {
            findings.extend(self.range());
        }
        findings.extend(self.stuck());
        findings
    }

    /// Its decimal commas, if they are its only decimal marks.
    pub fn decimal_commas(&self) -> Option<Times> {
        (self.commas.count > 0 && self.points.count == 0).then_some(self.commas)
    }

    fn range(&self) -> Option<Finding> {
        let (low, high) = self.expected.range?;
        let values = self.beyond_values.sorted();
        let (first, last) = (*values.first()?, *values.last()?);
        let unit = units::explain(&values, &self.within.sorted(), &self.expected);
        let (what, count) = (&self.expected.what, self.beyond.count);
        let found = format!(
            "`{}` should be {what}, from {} to {}; {count} rows lie outside, from {} to {}",
            self.name,
            shown(low),
            shown(high),
            shown(first),
            shown(last)
        );
        match unit {
            Some(explanation) => self.beyond.finding(
                Severity::Error,
                "unit",
                Some(&self.name),
                format!("{found}: {}", explanation.what),
                explanation.fix,
            ),
            None => self.beyond.finding(
                if self.beyond_share() > 0.01 { Severity::Error } else { Severity::Warning },
                "out-of-range",
                Some(&self.name),
                found,
                "look at these rows: a fault of the sensor, another unit, or a range that is too narrow",
            ),
        }
    }

    /// Whether a value is the least or the greatest of the range.
    fn at_its_bound(&self, value: f64) -> bool {
        self.expected.range.is_some_and(|(low, high)| {
            let slack = rounding(self.decimals) + 1e-6 * (high - low);
            value <= low + slack || value >= high - slack
        })
    }

    /// Whether the column measures, and enough rows outside of the longest run show that it changes in most rows. Otherwise its
    /// value may stay by nature: a setting without changes, a count, a place.
    fn changes_often(&self, longest: u64) -> bool {
        let outside = self.numbers - longest;
        let repeated: u64 = self
            .runs
            .iter()
            .enumerate()
            .map(|(length, count)| (length as u64).saturating_sub(1) * count)
            .sum();
        let repeated = repeated.saturating_sub((longest - 1).min(RUNS as u64 - 2));
        self.different.len() > COARSE_MAX && outside >= OUTSIDE_MIN && 2 * repeated < outside
    }

    fn stuck(&self) -> Option<Finding> {
        if self.numbers < STUCK_ROWS {
            return None;
        }
        let Run { value, rows, line } = self.longest;
        let saturated = self.at_its_bound(value);
        if self.least == self.greatest {
            return Times { count: self.numbers, line }.finding(
                if saturated || self.expected.is_parameter { Severity::Note } else { Severity::Warning },
                "constant",
                Some(&self.name),
                format!("`{}` is {} in every row", self.name, shown(value)),
                "check whether the tag is right: a column that never changes has no information",
            );
        }
        let all: u64 = self.runs.iter().sum();
        let mut left = all.div_ceil(100).max(1);
        let mut usual = 1;
        for (length, count) in self.runs.iter().enumerate().rev() {
            if *count >= left {
                usual = length as u64;
                break;
            }
            left -= count;
        }
        // The longest run itself does not count as usual.
        if all <= 1 || usual >= rows {
            usual =
                self.runs[..(rows as usize).min(RUNS - 1)].iter().rposition(|count| *count > 0).unwrap_or(1)
                    as u64;
        }
        let limit = STUCK_ROWS.max(STUCK_FACTOR * usual);
        if rows < limit {
            return None;
        }
        if saturated {
            return Times { count: rows, line }.finding(
                Severity::Note,
                "saturated",
                Some(&self.name),
                format!(
                    "`{}` stays at {}, a bound of its range, for {rows} rows in a row",
                    self.name,
                    shown(value)
                ),
                "nothing, if the process reaches this bound",
            );
        }
        Times { count: rows, line }.finding(
            if self.changes_often(rows) { Severity::Error } else { Severity::Warning },
            "stuck",
            Some(&self.name),
            format!(
                "`{}` stays at {} for {rows} rows in a row; 99 of 100 of its runs end within {usual}",
                self.name,
                shown(value)
            ),
            "check whether the sensor or its connection was down, and leave these rows out",
        )
    }
}
