//! Fitted Q evaluation (Le, Voloshin & Yue 2019, arXiv 1903.08738), backwards over the remaining steps:
//! Qₕ(s, a) = E[r + γ Σ π(a'|s') Qₕ₋₁(s', a')], Q₀ = 0.
//!
//! Qₕ is linear in quadratic features of the standardised observation (with products of features up to [`CROSSED_MAX`] of
//! them), one ridge regression per choice. All of the log's rows are data for it, whatever their step: the process is the
//! same at each of them. If Q has another form, the estimate has a bias that no interval contains.

use setpoint_log::log::Log;

use super::trajectories::{Next, Trajectories};
use super::{Estimate, of_episodes};

/// Greatest number of features whose products are features too; with more features, only squares are.
pub const CROSSED_MAX: usize = 20;
/// Ridge penalty on every coefficient but the constant: as strong as this many rows of standard deviation 1.
const RIDGE: f64 = 0.1;

/// 1, x, x² and x y of every row.
pub struct Features {
    width: usize,
    /// `[rows, width]`
    values: Vec<f64>,
}

impl Features {
    /// From a log's observations.
    pub fn of(log: &Log) -> Self {
        let (n, rows) = (log.features, log.rows());
        let column = |feature: usize| (0..rows).map(move |row| f64::from(log.observation(row)[feature]));
        let moments: Vec<(f64, f64)> = (0..n)
            .map(|feature| {
                let mean = column(feature).sum::<f64>() / rows as f64;
                let variance = column(feature).map(|value| (value - mean).powi(2)).sum::<f64>() / rows as f64;
                (mean, variance.sqrt().max(1e-9))
            })
            .collect();
        let crossed = n <= CROSSED_MAX;
        let width = 1 + n + if crossed { n * (n + 1) / 2 } else { n };
        let mut values = Vec::with_capacity(rows * width);
        let mut standard = vec![0.0; n];
        for row in 0..rows {
            for ((standard, value), (mean, deviation)) in
                standard.iter_mut().zip(log.observation(row)).zip(&moments)
            {
                *standard = (f64::from(*value) - mean) / deviation;
            }
            values.push(1.0);
            values.extend_from_slice(&standard);
            for first in 0..n {
                let last = if crossed { n } else { first + 1 };
                values.extend((first..last).map(|second| standard[first] * standard[second]));
            }
        }
        Self { width, values }
    }

    fn row(&self, row: usize) -> &[f64] {
        &self.values[row * self.width..(row + 1) * self.width]
    }
}

/// Q for every number of remaining steps.
pub struct FittedQ {
    /// `[horizon, choices, width]`; the first is Q₁.
    coefficients: Vec<f64>,
    choices: usize,
    width: usize,
    /// One per choice: Cholesky factor `[width, width]` of Σ φ φᵀ + ridge.
    factors: Vec<Vec<f64>>,
    /// Rows of its data.
    rows: Vec<usize>,
}

impl FittedQ {
    /// Learns from some of the log's episodes.
    pub fn fit(trajectories: &Trajectories, log: &Log, features: &Features, episodes: &[usize]) -> Self {
        let (width, choices) = (features.width, trajectories.choices);
        let rows: Vec<usize> = episodes
            .iter()
            .flat_map(|episode| log.episodes[*episode].rows.clone())
            .filter(|row| trajectories.next[*row] != Next::Unknown)
            .collect();
        let mut grams = vec![vec![0.0; width * width]; choices];
        for row in &rows {
            let (phi, gram) = (features.row(*row), &mut grams[log.choice(*row)]);
            for (line, first) in gram.chunks_exact_mut(width).zip(phi) {
                line.iter_mut().zip(phi).for_each(|(sum, second)| *sum += first * second);
            }
        }
        for gram in &mut grams {
            // The constant has a penalty too, so small that it matters only for a choice that was never taken.
            gram[0] += 1e-6;
            (1..width).for_each(|index| gram[index * width + index] += RIDGE);
        }
        let mut fitted = Self {
            coefficients: Vec::with_capacity(trajectories.horizon * choices * width),
            choices,
            width,
            factors: grams.into_iter().map(|gram| cholesky(gram, width)).collect(),
            rows,
        };
        for left in 1..=trajectories.horizon {
            let mut sums = vec![0.0; choices * width];
            for row in &fitted.rows {
                let target = fitted.target(trajectories, features, left, *row);
                let choice = log.choice(*row);
                let own = &mut sums[choice * width..(choice + 1) * width];
                own.iter_mut().zip(features.row(*row)).for_each(|(sum, phi)| *sum += phi * target);
            }
            for (factor, own) in fitted.factors.iter().zip(sums.chunks_exact_mut(width)) {
                solve(factor, own);
            }
            fitted.coefficients.extend(sums);
        }
        fitted
    }

    /// Q of a row's state with this number of remaining steps; 0 with none remaining.
    pub fn q(&self, features: &Features, left: usize, row: usize, choice: usize) -> f64 {
        if left == 0 {
            return 0.0;
        }
        let begin = ((left - 1) * self.choices + choice) * self.width;
        dot(&self.coefficients[begin..begin + self.width], features.row(row))
    }

    /// V of a row's state with this number of remaining steps.
    fn v(&self, trajectories: &Trajectories, features: &Features, left: usize, row: usize) -> f64 {
        trajectories.expect(row, |choice| self.q(features, left, row, choice))
    }

    /// r + γ V of the state after a row.
    fn target(&self, trajectories: &Trajectories, features: &Features, left: usize, row: usize) -> f64 {
        let after = match trajectories.next[row] {
            Next::Row(next) if left > 1 => self.v(trajectories, features, left - 1, next),
            _ => 0.0,
        };
        trajectories.rewards[row] + trajectories.gamma * after
    }
}

/// The mean of V over the episodes' first states.
///
/// Its interval is the bootstrap of its linearisation: with Qₕ = φᵀ θₕ, a row's error moves the estimate by
/// uₕᵀ A⁻¹ φ (r + γ V − Q), where u is the policy's mean φ at the step in question, carried backwards through the
/// regressions (the sandwich of Hao et al. 2021, arXiv 2102.03607, clustered by episode). So no regression is fitted twice.
pub fn evaluate(trajectories: &Trajectories, log: &Log, seed: u64) -> Estimate {
    let n = trajectories.episodes.len();
    let features = Features::of(log);
    let all: Vec<usize> = (0..n).collect();
    let fitted = FittedQ::fit(trajectories, log, &features, &all);
    let (width, choices) = (fitted.width, fitted.choices);
    let first_values: Vec<f64> = trajectories
        .episodes
        .iter()
        .map(|rows| fitted.v(trajectories, &features, trajectories.horizon, rows.start))
        .collect();

    let add = |direction: &mut [f64], row: usize, weight: f64| {
        let target = &trajectories.target[row * choices..(row + 1) * choices];
        for (own, share) in direction.chunks_exact_mut(width).zip(target).filter(|(_, share)| **share > 0.0) {
            own.iter_mut().zip(features.row(row)).for_each(|(sum, phi)| *sum += weight * share * phi);
        }
    };
    let mut direction = vec![0.0; choices * width];
    trajectories.episodes.iter().for_each(|rows| add(&mut direction, rows.start, 1.0 / n as f64));
    let mut by_row = vec![0.0; log.rows()];
    for left in (1..=trajectories.horizon).rev() {
        for (factor, own) in fitted.factors.iter().zip(direction.chunks_exact_mut(width)) {
            solve(factor, own);
        }
        let mut before = vec![0.0; choices * width];
        for row in &fitted.rows {
            let choice = log.choice(*row);
            let weight = dot(&direction[choice * width..(choice + 1) * width], features.row(*row));
            let error =
                fitted.target(trajectories, &features, left, *row) - fitted.q(&features, left, *row, choice);
            by_row[*row] += weight * error;
            if let (Next::Row(next), true) = (trajectories.next[*row], left > 1) {
                add(&mut before, next, trajectories.gamma * weight);
            }
        }
        direction = before;
    }
    let influence: Vec<f64> = log
        .episodes
        .iter()
        .map(|episode| by_row[episode.rows.clone()].iter().sum::<f64>() * n as f64)
        .collect();
    let center = influence.iter().sum::<f64>() / n as f64;
    // Residuals of a regression are too small by the share of its coefficients among the rows.
    let rows = fitted.rows.len() as f64;
    let correction = (rows / (rows - (choices * width) as f64).max(1.0)).sqrt();
    let values: Vec<f64> = first_values
        .iter()
        .zip(&influence)
        .map(|(value, influence)| value + correction * (influence - center))
        .collect();
    of_episodes("fitted Q evaluation", &values, seed)
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// The lower L of A = L Lᵀ, in place of A `[n, n]`, which is positive definite.
fn cholesky(mut a: Vec<f64>, n: usize) -> Vec<f64> {
    for row in 0..n {
        for column in 0..=row {
            let (own, other) = (&a[row * n..row * n + column], &a[column * n..column * n + column]);
            let rest = a[row * n + column] - dot(own, other);
            a[row * n + column] =
                if row == column { rest.max(1e-12).sqrt() } else { rest / a[column * n + column] };
        }
    }
    a
}

/// Solves L Lᵀ x = b, in place of b.
fn solve(factor: &[f64], b: &mut [f64]) {
    let n = b.len();
    for row in 0..n {
        b[row] = (b[row] - dot(&factor[row * n..row * n + row], &b[..row])) / factor[row * n + row];
    }
    for row in (0..n).rev() {
        b[row] /= factor[row * n + row];
        let value = b[row];
        let (above, line) = (&mut b[..row], &factor[row * n..row * n + row]);
        above.iter_mut().zip(line).for_each(|(other, factor)| *other -= factor * value);
    }
}

#[cfg(test)]
mod tests {
    use setpoint_log::log::LoggedEpisode;

    use super::*;

    #[test]
    fn a_system_of_three_is_solved() {
        let a = vec![4.0, 2.0, 0.5, 2.0, 5.0, 1.0, 0.5, 1.0, 3.0];
        let x = [1.0, -2.0, 3.0];
        let mut b: Vec<f64> = a.chunks_exact(3).map(|row| dot(row, &x)).collect();
        solve(&cholesky(a, 3), &mut b);
        for (found, expected) in b.iter().zip(x) {
            assert!((found - expected).abs() < 1e-12, "{b:?}");
        }
    }

    /// A chain with a known value: x falls by 1 with choice 0 and by 2 with choice 1, the reward is x, γ = ½. The policy
    /// always takes choice 1: from x = 10 it earns 10 + ½ · 8 + ¼ · 6 = 15.5 in three steps.
    #[test]
    fn a_chain_by_hand() {
        let mut log = Log { features: 1, width: 1, signals_per_row: 0, ..Log::default() };
        let mut next = Vec::new();
        for episode in 0..64 {
            let begin = log.rows();
            // The first states lie evenly around 10.
            let mut x = 10.0 + (episode % 3) as f32 - 1.0;
            for step in 0..4 {
                let choice = (episode >> step) & 1;
                log.observations.push(x);
                log.actions.push(choice as f32);
                log.rewards.push(f64::from(x));
                log.probabilities.push(0.5);
                log.lines.push(0);
                next.push(if step < 3 { Next::Row(begin + step + 1) } else { Next::Unknown });
                x -= 1.0 + choice as f32;
            }
            log.episodes.push(LoggedEpisode {
                rows: begin..log.rows(),
                terminated: Some(false),
                ..LoggedEpisode::default()
            });
        }
        // 64 = 21 · 3 + 1: the first episode's 9 appears once more.
        log = log.select(0..63);
        let trajectories = Trajectories {
            horizon: 3,
            gamma: 0.5,
            choices: 2,
            episodes: log.episodes.iter().map(|episode| episode.rows.start..episode.rows.start + 3).collect(),
            rewards: log.rewards.clone(),
            target: [0.0, 1.0].repeat(log.rows()),
            ratios: log.actions.iter().map(|choice| 2.0 * f64::from(*choice)).collect(),
            next: next[..log.rows()].to_vec(),
            notes: Vec::new(),
        };
        let estimate = evaluate(&trajectories, &log, 0);
        assert!((estimate.value - 15.5).abs() < 0.1, "{estimate:?}");
        // The first states' scatter alone: sd of 1.75 · {−1, 0, 1} over √63 is 0.18.
        let width = estimate.interval.high - estimate.interval.low;
        assert!((width - 2.0 * 1.96 * 0.18).abs() < 0.1, "{estimate:?}");
        // The model is right except for its penalty, so the correction is close to zero.
        let doubly_robust = super::super::doubly_robust::weighted(&trajectories, &log, 0);
        assert!((doubly_robust.value - 15.5).abs() < 0.2, "{doubly_robust:?}");
    }
}
