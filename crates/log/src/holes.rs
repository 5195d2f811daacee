//! Rows with missing cells: the one place that decides what happens to them.
//!
//! A hole is a feature, a reward, a probability or a logged signal that is no finite number. By `[data] missing` the row is
//! left out, or a feature or a signal keeps its last value, or the log is refused. A row that is left out keeps its action,
//! so that a simulator can play the episode to its end; all its measurements become NaN. Learners and estimators take
//! [`Log::without_holes`].

use std::collections::HashSet;

use setpoint_decision::data::cleaning::{Age, Missing};

use crate::finding::{Finding, Severity, Times};
use crate::log::Log;

/// The columns of a log by name; a signal, a reward or a probability without a column has no holes.
pub struct Columns<'a> {
    /// One per feature.
    pub features: Vec<&'a str>,
    /// One per signal.
    pub signals: Vec<Option<&'a str>>,
    /// Of the reward.
    pub reward: Option<&'a str>,
    /// Of the probability.
    pub probability: Option<&'a str>,
}

/// Holds the last values of features and signals within their episode; `ages` are the seconds from the row before.
pub fn hold(log: &mut Log, columns: &Columns<'_>, age: Age, pauses: &[f64]) {
    let mut counted = HashSet::new();
    for feature in 0..log.features {
        let held = held_rows(log, age, pauses, |log, row| log.observations[row * log.features + feature]);
        for (row, from) in held {
            log.observations[row * log.features + feature] = log.observations[from * log.features + feature];
            note_held(log, &mut counted, columns.features[feature], row);
        }
    }
    for (signal, name) in columns.signals.iter().enumerate() {
        let Some(name) = name else { continue };
        let width = log.signals_per_row;
        for (row, from) in held_rows(log, age, pauses, |log, row| log.signals[row * width + signal]) {
            log.signals[row * width + signal] = log.signals[from * width + signal];
            note_held(log, &mut counted, name, row);
        }
    }
}

/// Cells by their column and row: one column may be a feature and a signal, and each of its cells counts once.
type Cells<'a> = HashSet<(&'a str, usize)>;

fn note_held<'a>(log: &mut Log, counted: &mut Cells<'a>, column: &'a str, row: usize) {
    if !counted.insert((column, row)) {
        return;
    }
    let line = log.lines[row];
    let holes = log.left_out.of(column, line);
    holes.missing += 1;
    holes.held += 1;
}

/// Rows without a value, each with the row whose value it takes.
fn held_rows(log: &Log, age: Age, pauses: &[f64], value: impl Fn(&Log, usize) -> f32) -> Vec<(usize, usize)> {
    let mut held = Vec::new();
    for episode in &log.episodes {
        let mut last: Option<(usize, f64)> = None;
        for row in episode.rows.clone() {
            if let Some((_, seconds)) = &mut last {
                *seconds += pauses.get(row).copied().unwrap_or(f64::NAN);
            }
            if value(log, row).is_finite() {
                last = Some((row, 0.0));
            } else if let Some((from, seconds)) = last {
                let by_rows = age.rows.is_none_or(|rows| (row - from) as u64 <= rows);
                // An unknown age is too old.
                let by_time = age.seconds.is_none_or(|limit| seconds <= limit);
                if by_rows && by_time {
                    held.push((row, from));
                }
            }
        }
    }
    held
}

/// The value of a column in a row; not finite in a hole.
type Value<'a> = Box<dyn Fn(&Log, usize) -> f64 + 'a>;

/// The purpose of a column.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Purpose {
    Feature,
    Signal,
    Reward,
    Probability,
}

/// How much of a row is missing.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Hole {
    No,
    /// The reward, as in the last row of every episode.
    Reward,
    Row,
}

/// The columns in which holes are searched.
fn searched<'a>(columns: &Columns<'a>) -> Vec<(Purpose, &'a str, Value<'a>)> {
    let mut searched: Vec<(Purpose, &str, Value<'_>)> = Vec::new();
    for (index, name) in columns.features.iter().enumerate() {
        let value = move |log: &Log, row| f64::from(log.observation(row)[index]);
        searched.push((Purpose::Feature, name, Box::new(value)));
    }
    for (index, name) in columns.signals.iter().enumerate() {
        let Some(name) = name else { continue };
        let value = move |log: &Log, row| f64::from(log.signals(row)[index]);
        searched.push((Purpose::Signal, name, Box::new(value)));
    }
    if let Some(name) = columns.reward {
        // A learner computes with 32 bits: a reward that they cannot hold is no number to it.
        searched.push((Purpose::Reward, name, Box::new(|log, row| f64::from(log.rewards[row] as f32))));
    }
    if let Some(name) = columns.probability {
        searched.push((Purpose::Probability, name, Box::new(|log, row| log.probabilities[row])));
    }
    searched
}

/// Leaves out the rows that still have a hole, and counts them. Returns the finding of a log that is refused for them.
pub fn leave_out(log: &mut Log, columns: &Columns<'_>, missing: Missing) -> Option<Finding> {
    let mut counted = Cells::new();
    let mut holes = vec![Hole::No; log.rows()];
    let mut times = Times::default();
    for (purpose, name, value) in searched(columns) {
        // A column without any number is no column; only a feature cannot be done without.
        let is_feature = purpose == Purpose::Feature;
        if !is_feature && !(0..log.rows()).any(|row| value(log, row).is_finite()) {
            continue;
        }
        let last = if is_feature { Vec::new() } else { results_of_last_rows(log, &value) };
        let missing: Vec<usize> = (0..log.rows()).filter(|row| !value(log, *row).is_finite()).collect();
        for row in missing {
            let expected = last.binary_search(&row).is_ok();
            // Nobody learns from a row without its reward, but its other values are as good as any.
            if expected && purpose != Purpose::Reward {
                continue;
            }
            if counted.insert((name, row)) {
                let line = log.lines[row];
                log.left_out.of(name, line).missing += 1;
            }
            holes[row] = holes[row].max(if expected { Hole::Reward } else { Hole::Row });
        }
    }
    for (row, hole) in holes.iter().enumerate().filter(|(_, hole)| **hole != Hole::No) {
        log.left_out.rows += 1;
        times.note(log.lines[row]);
        if *hole == Hole::Row {
            blank(log, row);
        }
    }
    if missing != Missing::Refuse {
        return None;
    }
    let word = log.format.map_or("line", crate::table::Format::row_word);
    let sentence =
        format!("{}, and `missing = \"refuse\"` of [data] forbids that", log.left_out.sentence(word)?);
    times.finding(
        Severity::Error,
        "missing-refused",
        None,
        sentence,
        "fill these cells from the historian, or write missing = \"exclude\"",
    )
}

/// The last rows of all episodes, if none of them has the value: the plant knows a result only in the next row.
fn results_of_last_rows(log: &Log, value: &Value<'_>) -> Vec<usize> {
    let last: Vec<usize> = log.episodes.iter().map(|episode| episode.rows.end - 1).collect();
    if last.iter().all(|row| !value(log, *row).is_finite()) { last } else { Vec::new() }
}

/// Removes everything but the action of a row.
fn blank(log: &mut Log, row: usize) {
    let (features, signals) = (log.features, log.signals_per_row);
    log.observations[row * features..(row + 1) * features].fill(f32::NAN);
    log.signals[row * signals..(row + 1) * signals].fill(f32::NAN);
    log.rewards[row] = f64::NAN;
    log.probabilities[row] = f64::NAN;
}
