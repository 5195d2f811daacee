//! Whether the logged reward follows from the project's weights and the logged signals.

use std::ops::Range;

use setpoint_decision::project::Reward;
use setpoint_decision::spec::Spec;

use super::{RewardCheck, shown};
use crate::finding::{Finding, Severity, Times};
use crate::log::{Log, Resolution};

/// The name of the finding.
pub const KIND: &str = "reward";
/// Share of rows that may differ by more than rounding explains.
const SHARE: f64 = 0.01;
/// A computed reward that explains less of the logged reward is a different reward.
const R_SQUARED: f64 = 0.99;
/// Greatest magnitude of a negative R².
const R_SQUARED_MAX: f64 = 1e9;

/// Distances in rows at which a reward is searched that does not fit its own row.
const LAGS: [i64; 4] = [1, -1, 2, -2];

/// Compares both; also returns the finding, if there is one. `None` if no row has all signals.
pub fn check(
    log: &Log,
    reward: &Reward,
    spec: &Spec,
    resolution: &Resolution,
    column: Option<&str>,
) -> (Option<RewardCheck>, Option<Finding>) {
    let Some(column) = column else { return (None, None) };
    let computed = computed(log, reward, spec);
    let rounding = rounding(reward, spec, resolution);
    let Some((check, beyond)) = compare(log, &computed, 0, rounding) else {
        return (None, Some(unknown(column)));
    };
    if check.reproduced {
        return (Some(check), None);
    }
    let shifted = LAGS.into_iter().find(|lag| {
        // A reward that hardly varies fits everywhere.
        compare(log, &computed, *lag, rounding).is_some_and(|(shifted, _)| {
            shifted.reproduced && shifted.r_squared > R_SQUARED && 4 * shifted.rows > check.rows
        })
    });
    let finding = match shifted {
        Some(lag) => moved(lag, beyond, column),
        None => differs(&check, beyond, column),
    };
    (Some(check), finding)
}

/// Fills in the rewards of a log without a column of rewards, where the signals of a row give its reward; with the finding that
/// says so. A term whose signal the log never has is left out: nobody measured it.
pub fn fill(log: &mut Log, reward: &Reward, spec: &Spec) -> Option<Finding> {
    let is_known = |(name, _): &&(String, f64)| {
        let signal = spec.signals.iter().position(|signal| signal.name == *name);
        signal.is_some_and(|index| (0..log.rows()).any(|row| log.signals(row)[index].is_finite()))
    };
    let (known, unknown): (Vec<_>, Vec<_>) = reward.terms.iter().partition(is_known);
    if known.is_empty() {
        return None;
    }
    log.rewards =
        computed(log, &Reward { terms: known.into_iter().cloned().collect(), ..reward.clone() }, spec);
    let count = log.rewards.iter().filter(|reward| reward.is_finite()).count() as u64;
    let left_out: Vec<&str> = unknown.iter().map(|(name, _)| name.as_str()).collect();
    let without = match left_out.as_slice() {
        [] => String::new(),
        names => format!(", without {}, which the log does not have", names.join(" and ")),
    };
    (count > 0).then(|| Finding {
        severity: if left_out.is_empty() { Severity::Note } else { Severity::Warning },
        kind: "reward-computed".to_owned(),
        count,
        sentence: format!(
            "the log has no column of rewards: each reward follows from the signals of its row and the weights of [reward]{without}"
        ),
        advice: "name the column with `reward` in [data], if the log has one".to_owned(),
        ..Finding::default()
    })
}

/// `[rows]` the reward of each row from the project's weights and the signals; NaN if a part of it is unknown.
fn computed(log: &Log, reward: &Reward, spec: &Spec) -> Vec<f64> {
    let signal = |name: &String| spec.signals.iter().position(|signal| signal.name == *name);
    let terms: Vec<(usize, f64)> =
        reward.terms.iter().filter_map(|(name, weight)| Some((signal(name)?, *weight))).collect();
    let mut computed = vec![f64::NAN; log.rows()];
    for episode in &log.episodes {
        let last = episode.rows.end.wrapping_sub(1);
        for row in episode.rows.clone() {
            let signals = log.signals(row);
            let event = match episode.terminated {
                _ if row != last => 0.0,
                Some(true) => reward.on_terminated,
                Some(false) => reward.on_truncated,
                None if reward.on_terminated == 0.0 && reward.on_truncated == 0.0 => 0.0,
                None => f64::NAN,
            };
            let sum: f64 = terms.iter().map(|(signal, weight)| weight * f64::from(signals[*signal])).sum();
            computed[row] = sum + event;
        }
    }
    computed
}

/// The greatest difference that the rounding of the log explains.
fn rounding(reward: &Reward, spec: &Spec, resolution: &Resolution) -> f64 {
    let of_term = |(name, weight): &(String, f64)| {
        let signal = spec.signals.iter().position(|signal| signal.name == *name)?;
        Some(0.5 * weight.abs() * resolution.signals[signal])
    };
    0.5 * resolution.reward + reward.terms.iter().filter_map(of_term).sum::<f64>()
}

/// The row `lag` rows after a row, if it is one of the episode's `rows`.
fn at(row: usize, lag: i64, rows: &Range<usize>) -> Option<usize> {
    usize::try_from(row as i64 + lag).ok().filter(|row| rows.contains(row))
}

/// Compares the reward that is logged `lag` rows after each row; `None` if fewer than two rows have both, or if their figures
/// are no finite numbers.
fn compare(log: &Log, computed: &[f64], lag: i64, rounding: f64) -> Option<(RewardCheck, Times)> {
    let (mut rows, mut beyond) = (0_u64, Times::default());
    let (mut sum, mut squares, mut errors, mut error_squares, mut error_max) = (0.0, 0.0, 0.0, 0.0, 0.0_f64);
    for episode in &log.episodes {
        for row in episode.rows.clone() {
            let logged = at(row, lag, &episode.rows).map_or(f64::NAN, |from| log.rewards[from]);
            let error = (computed[row] - logged).abs();
            if !error.is_finite() {
                continue;
            }
            rows += 1;
            sum += logged;
            squares += logged * logged;
            errors += error;
            error_squares += error * error;
            error_max = error_max.max(error);
            // f32 signals have seven digits.
            if error > 1.05 * rounding + 1e-5 * (1.0 + logged.abs()) {
                beyond.note(log.lines[row]);
            }
        }
    }
    if rows < 2 {
        return None;
    }
    let n = rows as f64;
    let variance = (squares - sum * sum / n).max(f64::MIN_POSITIVE);
    let check = RewardCheck {
        rows,
        error_max,
        error_mean: errors / n,
        // A reward that never varies has no variance to explain.
        r_squared: if error_squares == 0.0 {
            1.0
        } else {
            (1.0 - error_squares / variance).max(-R_SQUARED_MAX)
        },
        rounding,
        reproduced: beyond.count as f64 <= SHARE * n,
    };
    let figures = [check.error_max, check.error_mean, check.r_squared, check.rounding];
    figures.iter().all(|figure| figure.is_finite()).then_some((check, beyond))
}

/// The finding about a reward of another row.
fn moved(lag: i64, beyond: Times, column: &str) -> Option<Finding> {
    let rows = if lag.abs() == 1 { "1 row".to_owned() } else { format!("{} rows", lag.abs()) };
    let (place, other) = if lag > 0 { ("after", "before") } else { ("before", "after") };
    beyond.finding(
        Severity::Error,
        "reward-shifted",
        Some(column),
        format!("`{column}` stands {rows} {place} its action: it follows from the signals of the row {rows} {other} it"),
        format!("write reward_lag = {lag} in [data]"),
    )
}

/// Moves rewards to their actions: a reward that the log has `lag` rows after its action. The rows of an episode whose
/// reward is in no row of it have none.
pub fn shift(log: &mut Log, lag: i64) {
    if lag == 0 {
        return;
    }
    let logged = std::mem::take(&mut log.rewards);
    log.rewards = vec![f64::NAN; logged.len()];
    for episode in &log.episodes {
        for row in episode.rows.clone() {
            if let Some(from) = at(row, lag, &episode.rows) {
                log.rewards[row] = logged[from];
            }
        }
    }
}

fn unknown(column: &str) -> Finding {
    Finding {
        severity: Severity::Note,
        kind: "reward-unknown".to_owned(),
        column: Some(column.to_owned()),
        line: None,
        count: 0,
        sentence: "the reward cannot be recomputed: the log lacks signals of its terms".to_owned(),
        advice: "log them and name their columns in [data.signals]".to_owned(),
        accepted: false,
    }
}

fn differs(check: &RewardCheck, beyond: Times, column: &str) -> Option<Finding> {
    let severity = if check.r_squared < R_SQUARED { Severity::Error } else { Severity::Warning };
    let sentence = format!(
        "`{column}` does not follow from [reward] and the logged signals: it differs by {} on average and by up to {} (R² {}), \
         and rounding explains {}",
        shown(check.error_mean),
        shown(check.error_max),
        shown(check.r_squared),
        shown(check.rounding)
    );
    let advice = "set the weights of the logged reward, or leave `reward` out of [data]: Setpoint then computes the reward";
    beyond.finding(severity, KIND, Some(column), sentence, advice)
}
