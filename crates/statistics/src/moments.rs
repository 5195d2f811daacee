//! Running mean and variance of columns.

use std::ops::Range;

use serde::{Deserialize, Serialize};

/// Mean and variance of a stream of rows, updated a batch at a time (Chan, Golub & LeVeque 1979, parallel form).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunningMoments {
    /// Mean of each column.
    pub mean: Vec<f64>,
    /// Population variance of each column.
    pub variance: Vec<f64>,
    /// Rows seen, plus the small initial weight that keeps the first update finite.
    pub count: f64,
}

impl RunningMoments {
    /// Mean 0, variance 1, weight 1e-4.
    pub fn new(columns: usize) -> Self {
        Self { mean: vec![0.0; columns], variance: vec![1.0; columns], count: 1e-4 }
    }

    /// Takes in rows `[n, columns]`.
    pub fn update(&mut self, rows: &[f32]) {
        let columns = self.mean.len();
        let n = (rows.len() / columns) as f64;
        let total = self.count + n;
        for first in (0..columns).step_by(BLOCK) {
            let block = first..columns.min(first + BLOCK);
            let mean = sums(rows, columns, block.clone(), |value, _| value).map(|sum| sum / n);
            let squares = sums(rows, columns, block.clone(), |value, place| {
                (value - mean[place]) * (value - mean[place])
            });
            for (place, column) in block.enumerate() {
                let (variance, delta) = (squares[place] / n, mean[place] - self.mean[column]);
                let squares = self.variance[column] * self.count
                    + variance * n
                    + delta * delta * self.count * n / total;
                self.mean[column] += delta * n / total;
                self.variance[column] = squares / total;
            }
        }
        self.count = total;
    }
}

/// Columns whose sums stay in registers while the rows pass.
const BLOCK: usize = 8;

/// The sum over the rows, from the first to the last, of a term of each value and of its place in the block of columns.
#[inline(always)]
fn sums(rows: &[f32], columns: usize, block: Range<usize>, term: impl Fn(f64, usize) -> f64) -> [f64; BLOCK] {
    let mut sums = [-0.0; BLOCK];
    if block.len() == BLOCK {
        for values in rows.chunks_exact(columns).filter_map(|row| row[block.start..].first_chunk::<BLOCK>()) {
            for place in 0..BLOCK {
                sums[place] += term(f64::from(values[place]), place);
            }
        }
    } else {
        for row in rows.chunks_exact(columns) {
            for (place, value) in row[block.clone()].iter().enumerate() {
                sums[place] += term(f64::from(*value), place);
            }
        }
    }
    sums
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Blocks of columns change nothing, to the bit: policies depend on these numbers.
    #[test]
    fn every_column_has_the_moments_that_it_has_alone() {
        let mut random = setpoint_random::Stream::new(5, "moments", 0);
        for columns in [1, 2, 7, 8, 9, 15, 16, 29] {
            let (mut whole, mut alone) =
                (RunningMoments::new(columns), vec![RunningMoments::new(1); columns]);
            for n in [1, 3, 64] {
                let rows: Vec<f32> = (0..n * columns).map(|_| random.normal() * 1e3).collect();
                whole.update(&rows);
                for (column, alone) in alone.iter_mut().enumerate() {
                    alone.update(&rows[column..].iter().step_by(columns).copied().collect::<Vec<_>>());
                }
            }
            for (column, alone) in alone.iter().enumerate() {
                let bits = |moments: &RunningMoments, column: usize| {
                    (moments.mean[column].to_bits(), moments.variance[column].to_bits())
                };
                assert_eq!(bits(&whole, column), bits(alone, 0), "column {column} of {columns}");
            }
        }
    }

    #[test]
    fn moments_of_batches_equal_moments_of_the_whole() {
        let values: Vec<f32> = (0..600).map(|i| ((i * 37) % 101) as f32 * 0.3 - 4.0).collect();
        let mut running = RunningMoments::new(2);
        for batch in values.chunks(2 * 30) {
            running.update(batch);
        }
        for column in 0..2 {
            let column_values: Vec<f64> =
                values[column..].iter().step_by(2).map(|value| f64::from(*value)).collect();
            let mean = column_values.iter().sum::<f64>() / 300.0;
            let variance =
                column_values.iter().map(|value| (value - mean) * (value - mean)).sum::<f64>() / 300.0;
            // The initial weight of 1e-4 at mean 0, variance 1 shifts the result by at most its share of 300.
            assert!((running.mean[column] - mean).abs() < 1e-5, "{} {mean}", running.mean[column]);
            assert!((running.variance[column] - variance).abs() < 1e-3);
        }
    }
}
