//! An arm whose payoff is linear in the context: ridge regression, one round at a time.

use serde::{Deserialize, Serialize};

/// Ridge regression of payoffs on contexts, with the inverse kept by Sherman & Morrison 1950.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LinearArm {
    width: usize,
    /// (λI + Σ x xᵀ)⁻¹, row by row.
    inverse: Vec<f64>,
    /// Σ payoff · x
    sums: Vec<f64>,
}

impl LinearArm {
    /// For contexts of this size and ridge λ.
    pub fn new(width: usize, ridge: f64) -> Self {
        let mut inverse = vec![0.0; width * width];
        (0..width).for_each(|index| inverse[index * width + index] = 1.0 / ridge);
        Self { width, inverse, sums: vec![0.0; width] }
    }

    /// Numbers of a context.
    pub fn width(&self) -> usize {
        self.width
    }

    fn times(&self, vector: &[f64]) -> Vec<f64> {
        self.inverse.chunks_exact(self.width).map(|row| dot(row, vector)).collect()
    }

    /// θ = A⁻¹ b
    pub fn weights(&self) -> Vec<f64> {
        self.times(&self.sums)
    }

    /// θᵀx
    pub fn expected(&self, context: &[f64]) -> f64 {
        dot(&self.times(context), &self.sums)
    }

    /// √(xᵀ A⁻¹ x): the expectation's standard deviation in units of a payoff's.
    pub fn deviation(&self, context: &[f64]) -> f64 {
        dot(&self.times(context), context).max(0.0).sqrt()
    }

    /// Adds a round: A ← A + x xᵀ, so A⁻¹ ← A⁻¹ − (A⁻¹x)(A⁻¹x)ᵀ / (1 + xᵀA⁻¹x).
    pub fn add(&mut self, context: &[f64], payoff: f64) {
        let moved = self.times(context);
        let scale = 1.0 / (1.0 + dot(&moved, context));
        for (row, left) in self.inverse.chunks_exact_mut(self.width).zip(&moved) {
            for (slot, right) in row.iter_mut().zip(&moved) {
                *slot -= scale * left * right;
            }
        }
        self.sums.iter_mut().zip(context).for_each(|(sum, x)| *sum += payoff * x);
    }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// With λ = 1 and x = (1, 2), y = 3, then x = (0, 1), y = 1: A = [[2, 2], [2, 6]], b = (3, 7), θ = (0.5, 1).
    #[test]
    fn two_rounds_by_hand() {
        let mut arm = LinearArm::new(2, 1.0);
        arm.add(&[1.0, 2.0], 3.0);
        arm.add(&[0.0, 1.0], 1.0);
        let weights = arm.weights();
        assert!((weights[0] - 0.5).abs() < 1e-12 && (weights[1] - 1.0).abs() < 1e-12, "{weights:?}");
        assert!((arm.expected(&[2.0, 1.0]) - 2.0).abs() < 1e-12);
        // A⁻¹ = [[6, −2], [−2, 2]] / 8
        assert!((arm.deviation(&[1.0, 0.0]) - (0.75_f64).sqrt()).abs() < 1e-12);
    }
}
