//! Proportional prioritised draws (Schaul et al. 2016, arXiv 1511.05952): a tree of sums over the ring's slots.

use serde::{Deserialize, Serialize};
use setpoint_random::Stream;

/// Added to an error before it becomes a priority, so that no transition is never drawn.
const EPSILON: f64 = 1e-6;

/// A binary tree whose leaves are priorities pᵅ and whose inner nodes are sums.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Priorities {
    alpha: f64,
    /// Leaves, a power of two.
    width: usize,
    slots: usize,
    /// Node 1 is the root, node n has children 2n and 2n + 1.
    sums: Vec<f64>,
    /// Greatest pᵅ so far: what a new transition gets.
    greatest: f64,
}

impl Priorities {
    /// For so many slots; α = 0 draws evenly, 1 in proportion to the error.
    pub fn new(slots: usize, alpha: f64) -> Self {
        let width = slots.next_power_of_two();
        Self { alpha, width, slots, sums: vec![0.0; 2 * width], greatest: 1.0 }
    }

    /// A new transition stands in a slot.
    pub fn insert(&mut self, slot: usize) {
        self.set(slot, self.greatest);
    }

    /// A transition was learnt from with this temporal-difference error.
    pub fn update(&mut self, slot: usize, error: f64) {
        let priority = (error.abs() + EPSILON).powf(self.alpha);
        self.greatest = self.greatest.max(priority);
        self.set(slot, priority);
    }

    fn set(&mut self, slot: usize, priority: f64) {
        let mut node = self.width + slot;
        self.sums[node] = priority;
        while node > 1 {
            node /= 2;
            self.sums[node] = self.sums[2 * node] + self.sums[2 * node + 1];
        }
    }

    /// Draws a slot from each of `rows` equal shares of the total, and gives its importance weight
    /// (n p / Σp)^−β divided by the greatest of the batch.
    pub fn sample(
        &self,
        rows: usize,
        held: usize,
        beta: f64,
        random: &mut Stream,
        slots: &mut Vec<usize>,
        weights: &mut Vec<f32>,
    ) {
        slots.clear();
        weights.clear();
        let total = self.sums[1];
        let mut most = 0.0_f64;
        for row in 0..rows {
            let mut left = total * (row as f64 + f64::from(random.unit())) / rows as f64;
            let mut node = 1;
            while node < self.width {
                node *= 2;
                // Rounding may leave a little more than the last leaf holds.
                if left >= self.sums[node] && self.sums[node + 1] > 0.0 {
                    left -= self.sums[node];
                    node += 1;
                }
            }
            let weight = (held as f64 * self.sums[node] / total).powf(-beta);
            most = most.max(weight);
            slots.push((node - self.width).min(self.slots - 1));
            weights.push(weight as f32);
        }
        weights.iter_mut().for_each(|weight| *weight /= most as f32);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Frequencies over 100,000 draws against pᵅ / Σ pᵅ, and weights by hand.
    #[test]
    fn draws_are_proportional_and_weights_make_up_for_it() {
        let mut priorities = Priorities::new(5, 1.0);
        (0..5).for_each(|slot| priorities.insert(slot));
        for (slot, error) in [0.5, -1.0, 1.5, 2.0, 0.0].into_iter().enumerate() {
            priorities.update(slot, error);
        }
        let (mut slots, mut weights) = (Vec::new(), Vec::new());
        let mut counts = [0.0_f64; 5];
        let mut random = Stream::new(9, "test", 0);
        for _ in 0..1_000 {
            priorities.sample(100, 5, 1.0, &mut random, &mut slots, &mut weights);
            slots.iter().for_each(|slot| counts[*slot] += 1e-5);
        }
        for (found, expected) in counts.iter().zip([0.1, 0.2, 0.3, 0.4, 0.0]) {
            assert!((found - expected).abs() < 0.01, "{counts:?}");
        }
        for (slot, weight) in slots.iter().zip(&weights) {
            // β = 1: weights are 1/p, relative to the least p drawn, 0.5.
            let expected = 0.5 / [0.5, 1.0, 1.5, 2.0, 0.5][*slot];
            assert!((f64::from(*weight) - expected).abs() < 1e-4, "{slot} {weight}");
        }
    }
}
