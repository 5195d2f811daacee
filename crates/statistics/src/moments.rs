//! Running mean and variance of columns.

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
        for column in 0..columns {
            let values = rows[column..].iter().step_by(columns).map(|value| f64::from(*value));
            let mean = values.clone().sum::<f64>() / n;
            let variance = values.map(|value| (value - mean) * (value - mean)).sum::<f64>() / n;
            let delta = mean - self.mean[column];
            let squares =
                self.variance[column] * self.count + variance * n + delta * delta * self.count * n / total;
            self.mean[column] += delta * n / total;
            self.variance[column] = squares / total;
        }
        self.count = total;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
