//! Per-decision importance sampling (Precup, Sutton & Singh 2000, "Eligibility traces for off-policy policy evaluation",
//! equations 4 and 6) and the effective sample size of its weights.

use super::trajectories::Trajectories;
use super::{Estimate, bootstrap_stream, of_episodes};
use setpoint_statistics::bootstrap;

/// (Σ w)² / Σ w² (Kong 1992): the number of equally weighted episodes with the same information as the weights `[episodes]`.
pub fn effective_sample_size(weights: &[f64]) -> f64 {
    let (sum, squares) = weights.iter().fold((0.0, 0.0), |(sum, squares), w| (sum + w, squares + w * w));
    if squares > 0.0 { sum * sum / squares } else { 0.0 }
}

/// (1/n) Σᵢ Σₜ γᵗ ρᵢₜ rᵢₜ with ρᵢₜ the product of the ratios up to t: without bias if b is known.
pub fn per_decision(trajectories: &Trajectories, seed: u64) -> Estimate {
    let value = |episode: usize| {
        let mut weight = 1.0;
        trajectories.sum(episode, |row, reward| {
            weight *= trajectories.ratios[row];
            weight * reward
        })
    };
    let values: Vec<f64> = (0..trajectories.episodes.len()).map(value).collect();
    of_episodes("per-decision importance sampling", &values, seed)
}

/// Σₜ γᵗ (Σᵢ ρᵢₜ rᵢₜ) / (Σᵢ ρᵢₜ): a small bias, a much smaller variance.
pub fn weighted_per_decision(trajectories: &Trajectories, seed: u64) -> Estimate {
    let n = trajectories.episodes.len();
    let weights = trajectories.weights();
    // `[horizon, episodes]` γᵗ r, 0 once an episode is over.
    let mut rewards = vec![0.0; weights.len()];
    for (index, rows) in trajectories.episodes.iter().enumerate() {
        let mut discount = 1.0;
        for (step, row) in rows.clone().enumerate() {
            rewards[step * n + index] = discount * trajectories.rewards[row];
            discount *= trajectories.gamma;
        }
    }
    let value = |indices: &[usize]| -> f64 {
        let steps = weights.chunks_exact(n).zip(rewards.chunks_exact(n));
        steps.map(|(weights, rewards)| weighted_mean(weights, rewards, indices)).sum()
    };
    let all: Vec<usize> = (0..n).collect();
    Estimate {
        estimator: "weighted per-decision importance sampling",
        value: value(&all),
        interval: bootstrap(n, &mut bootstrap_stream(seed), value),
    }
}

/// Σ w x / Σ w over the given indices; 0 if all weights are 0.
pub(super) fn weighted_mean(weights: &[f64], values: &[f64], indices: &[usize]) -> f64 {
    let (mut above, mut below) = (0.0, 0.0);
    for index in indices {
        above += weights[*index] * values[*index];
        below += weights[*index];
    }
    if below > 0.0 { above / below } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::off_policy_evaluation::trajectories::Next;

    /// Two episodes, of two steps and of one, by hand.
    #[test]
    fn by_hand() {
        let trajectories = Trajectories {
            horizon: 2,
            gamma: 0.5,
            choices: 2,
            episodes: vec![0..2, 2..3],
            rewards: vec![1.0, 4.0, 3.0],
            target: vec![0.5; 6],
            ratios: vec![2.0, 0.5, 0.5],
            next: vec![Next::Row(1), Next::End, Next::End],
            notes: Vec::new(),
        };
        // Weights: step 0 (2, ½), step 1 (1, ½ kept).
        assert_eq!(trajectories.weights(), [2.0, 0.5, 1.0, 0.5]);
        assert_eq!(trajectories.weights_at(1), [1.0, 0.5]);
        let plain = per_decision(&trajectories, 0).value;
        assert!((plain - ((2.0 * 1.0 + 0.5 * 1.0 * 4.0) + 0.5 * 3.0) / 2.0).abs() < 1e-12);
        let weighted = weighted_per_decision(&trajectories, 0).value;
        assert!((weighted - ((2.0 * 1.0 + 0.5 * 3.0) / 2.5 + 0.5 * (1.0 * 4.0) / 1.5)).abs() < 1e-12);
        assert_eq!(effective_sample_size(&[1.0, 1.0, 1.0, 0.0]), 3.0);
        assert_eq!(effective_sample_size(&[0.0, 0.0]), 0.0);
        assert!((effective_sample_size(&[1.0, 0.5]) - 1.8).abs() < 1e-12);
    }
}
