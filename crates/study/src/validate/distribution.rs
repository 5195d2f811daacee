//! Whether a feature or a signal takes the same values as often in the simulator as in the log.
//!
//! Two distances: Wasserstein-1 (the mean distance by which values must be moved; Villani 2009, chapter 6) and
//! Kolmogorov–Smirnov (the greatest difference of the cumulative shares). The p-value swaps simulator and log in whole
//! pairs of pieces, which had the same actions or the same behaviour. If both are one process, every such swap is as likely
//! as the observed order, however much the rows of a piece depend on each other.

use serde::{Deserialize, Serialize};
use setpoint_decision::spec::Spec;
use setpoint_log::Log;
use setpoint_log::log::Resolution;
use setpoint_random::Stream;

use super::pieces::Both;
use setpoint_statistics::{mean, quantile, sample_deviation};

/// Number of swaps.
const SWAPS: u32 = 199;
/// Greatest number of rows of each side for the distances; of more rows, every second, third … row of each piece.
const ROWS: usize = 25_000;

/// A feature or a signal on both sides.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Distribution {
    /// Its name.
    pub name: String,
    /// Unit of the figures.
    pub unit: String,
    /// `feature` or `signal`.
    pub kind: String,
    /// Mean in the log and in the simulator.
    #[serde(deserialize_with = "setpoint_statistics::stored::figures")]
    pub means: [f64; 2],
    /// Standard deviation in the log and in the simulator.
    #[serde(deserialize_with = "setpoint_statistics::stored::figures")]
    pub deviations: [f64; 2],
    /// The mean distance by which a value of the log must be moved, in the unit.
    #[serde(deserialize_with = "setpoint_statistics::stored::figures")]
    pub wasserstein: f64,
    /// The same as a share of the log's standard deviation; absent if the column never changes in the log.
    pub wasserstein_share: Option<f64>,
    /// Greatest difference of the cumulative shares, in [0, 1].
    #[serde(deserialize_with = "setpoint_statistics::stored::figures")]
    pub ks_distance: f64,
    /// The probability of a distance at least as great by chance.
    #[serde(deserialize_with = "setpoint_statistics::stored::figures")]
    pub p_value: f64,
}

/// A value and its side. If the log is rounded, positions are counted in its rounding steps; a value of the simulator
/// between two steps may be either.
#[derive(Clone, Copy, Debug)]
struct Point {
    low: f64,
    high: f64,
    piece: u32,
    simulated: bool,
}

/// Share of a rounding step within which a value counts as lying between two.
const TIE: f64 = 1e-3;

/// A feature or a signal to compare.
struct Quantity<'a> {
    name: &'a str,
    unit: &'a str,
    kind: &'a str,
    /// `natural = value × scale + offset`
    scale: f64,
    offset: f64,
    /// Rounding step of the log; 0 if it is unknown.
    step: f64,
}

/// Every feature, and every signal without a feature of the same name.
pub fn compare(spec: &Spec, both: &Both, resolution: &Resolution, seed: u64) -> Vec<Distribution> {
    let mut distributions = Vec::new();
    for (index, (feature, step)) in spec.observation.iter().zip(&resolution.features).enumerate() {
        let quantity = Quantity {
            name: &feature.name,
            unit: &feature.unit,
            kind: "feature",
            scale: f64::from(feature.scale),
            offset: f64::from(feature.offset),
            step: *step,
        };
        let value = |log: &Log, row: usize| f64::from(log.observation(row)[index]);
        distributions.extend(one(&quantity, both, seed, value));
    }
    for (index, (signal, step)) in spec.signals.iter().zip(&resolution.signals).enumerate() {
        if spec.observation.iter().all(|feature| feature.name != signal.name) {
            let (name, unit) = (&signal.name, &signal.unit);
            let quantity = Quantity { name, unit, kind: "signal", scale: 1.0, offset: 0.0, step: *step };
            let value = |log: &Log, row: usize| f64::from(log.signals(row)[index]);
            distributions.extend(one(&quantity, both, seed, value));
        }
    }
    distributions
}

/// `None` if one side has no values.
fn one(
    quantity: &Quantity<'_>,
    both: &Both,
    seed: u64,
    value: impl Fn(&Log, usize) -> f64,
) -> Option<Distribution> {
    let Quantity { name, unit, kind, scale, offset, step } = *quantity;
    let every = both.logged.rows().max(both.simulated.rows()).div_ceil(ROWS).max(1);
    let mut points: Vec<Point> = Vec::new();
    let mut values: [Vec<f64>; 2] = Default::default();
    for (side, (log, pieces)) in both.sides().into_iter().enumerate() {
        for (piece, rows) in pieces.into_iter().enumerate() {
            for found in rows.step_by(every).map(|row| value(log, row)).filter(|value| value.is_finite()) {
                let (low, high) = places(found, step, side == 1);
                points.push(Point { low, high, piece: piece as u32, simulated: side == 1 });
                values[side].push(found * scale + offset);
            }
        }
    }
    let [logged, simulated] = &mut values;
    if logged.is_empty() || simulated.is_empty() {
        return None;
    }
    logged.sort_by(f64::total_cmp);
    simulated.sort_by(f64::total_cmp);
    let points = Points::new(points);
    let mut swapped = vec![false; both.len()];
    let observed = points.ks_distance(&swapped);
    let mut random = Stream::new(seed, &format!("validation {kind} {name}"), 0);
    let mut as_far = 0_u32;
    for _ in 0..SWAPS {
        swapped.iter_mut().for_each(|swap| *swap = random.below(2) == 1);
        as_far += u32::from(points.ks_distance(&swapped) >= observed - 1e-12);
    }
    let deviation = sample_deviation(logged);
    let wasserstein = wasserstein(logged, simulated);
    Some(Distribution {
        name: name.to_owned(),
        unit: unit.to_owned(),
        kind: kind.to_owned(),
        means: [mean(logged.iter().copied()), mean(simulated.iter().copied())],
        deviations: [deviation, sample_deviation(simulated)],
        wasserstein,
        // The deviation of equal values may differ from 0 by rounding.
        wasserstein_share: (logged.first() != logged.last()).then(|| wasserstein / deviation),
        ks_distance: observed,
        // The observed order is one of the draws.
        p_value: f64::from(as_far + 1) / f64::from(SWAPS + 1),
    })
}

/// The position of a value: itself, or the rounding steps that it may have been rounded to.
fn places(value: f64, step: f64, simulated: bool) -> (f64, f64) {
    if step <= 0.0 {
        return (value, value);
    }
    let place = value / step;
    if simulated {
        ((place + 0.5 - TIE).floor(), (place + 0.5 + TIE).floor())
    } else {
        (place.round(), place.round())
    }
}

/// All values of both sides, in the two orders that a distance needs.
struct Points {
    by_high: Vec<Point>,
    by_low: Vec<Point>,
}

impl Points {
    fn new(mut by_high: Vec<Point>) -> Self {
        let mut by_low = by_high.clone();
        by_high.sort_by(|a, b| a.high.total_cmp(&b.high));
        by_low.sort_by(|a, b| a.low.total_cmp(&b.low));
        Self { by_high, by_low }
    }

    /// Greatest difference of the cumulative shares, with both sides of some pieces swapped: how much more of one side
    /// surely lies below a position than of the other side possibly does.
    fn ks_distance(&self, swapped: &[bool]) -> f64 {
        let side = |point: &Point| usize::from(point.simulated != swapped[point.piece as usize]);
        let second = self.by_high.iter().filter(|point| side(point) == 1).count();
        let totals = [(self.by_high.len() - second) as f64, second as f64];
        if totals[0] == 0.0 || totals[1] == 0.0 {
            return 0.0;
        }
        let (mut surely, mut possibly) = ([0.0_f64; 2], [0.0_f64; 2]);
        let (mut greatest, mut next) = (0.0_f64, 0);
        for (index, point) in self.by_high.iter().enumerate() {
            surely[side(point)] += 1.0;
            // Equal values are one step of both.
            if self.by_high.get(index + 1).is_some_and(|after| after.high == point.high) {
                continue;
            }
            while let Some(other) = self.by_low.get(next).filter(|other| other.low <= point.high) {
                possibly[side(other)] += 1.0;
                next += 1;
            }
            for (one, other) in [(0, 1), (1, 0)] {
                greatest = greatest.max(surely[one] / totals[one] - possibly[other] / totals[other]);
            }
        }
        greatest
    }
}

/// Mean distance between values of the same rank; both in ascending order. Samples of different sizes are resampled to the same
/// ranks.
fn wasserstein(a: &[f64], b: &[f64]) -> f64 {
    let ranks = a.len().max(b.len());
    if a.len() == b.len() {
        return mean(a.iter().zip(b).map(|(a, b)| (a - b).abs()));
    }
    let share = |rank: usize| (rank as f64 + 0.5) / ranks as f64;
    mean((0..ranks).map(|rank| (quantile(a, share(rank)) - quantile(b, share(rank))).abs()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_by_hand() {
        assert_eq!(wasserstein(&[0.0, 1.0, 2.0], &[1.0, 2.0, 6.0]), 2.0);
        let point =
            |value: f64, piece: u32, simulated: bool| Point { low: value, high: value, piece, simulated };
        let points = Points::new(vec![
            point(1.0, 0, false),
            point(1.0, 0, true),
            point(2.0, 1, false),
            point(3.0, 1, true),
            point(4.0, 0, true),
            point(5.0, 1, false),
        ]);
        // After 2: two of three against one of three.
        assert!((points.ks_distance(&[false, false]) - 1.0 / 3.0).abs() < 1e-12);
        // With the second piece swapped, 1, 3 are compared with 1, 2, 4, 5: after 3, all against half.
        assert!((points.ks_distance(&[false, true]) - 0.5).abs() < 1e-12);
    }

    /// One program writes 0.025 as 0.02 and another as 0.03: no difference. One step more is a difference.
    #[test]
    fn a_value_between_two_steps_may_be_either() {
        assert_eq!(places(0.025, 0.01, true), (2.0, 3.0));
        assert_eq!(places(0.026, 0.01, true), (3.0, 3.0));
        assert_eq!(places(0.03, 0.01, false), (3.0, 3.0));
        let distance = |logged: f64| {
            let point = |value: f64, simulated: bool| {
                let (low, high) = places(value, 0.01, simulated);
                Point { low, high, piece: 0, simulated }
            };
            Points::new(vec![point(logged, false), point(0.025, true)]).ks_distance(&[false])
        };
        assert_eq!([0.01, 0.02, 0.03, 0.04].map(distance), [1.0, 0.0, 0.0, 1.0]);
    }
}
