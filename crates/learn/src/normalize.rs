//! Running statistics of observations and returns, as in Stable-Baselines3's `VecNormalize`.

use serde::{Deserialize, Serialize};
use setpoint_policy::Policy;
use setpoint_policy::normalizer::{EPSILON, Normalizer, normalize};
use setpoint_statistics::moments::RunningMoments;

/// Rows that the statistics of a policy stand for at least. A policy that a training only began with, or that was cloned, has few
/// steps of its own, and the first observations must not replace what it knows.
const ROWS_MIN: f64 = 10_000.0;

/// Normalises observations with statistics that follow the data while training.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ObservationNormalizer {
    moments: RunningMoments,
    clip: f64,
}

impl ObservationNormalizer {
    /// For observations of `features` numbers, clipped to ±`clip` after normalisation.
    pub fn new(features: usize, clip: f64) -> Self {
        Self { moments: RunningMoments::new(features), clip }
    }

    /// With the statistics of a policy; `None` if it has none. They weigh as much as those of the learner that made it, `saved`.
    /// Rows of `width` numbers have other features behind those of the policy; their statistics are those of `saved`, if it
    /// has some.
    pub fn of_policy(policy: &Policy, saved: Option<&Self>, width: usize) -> Option<Self> {
        let Normalizer { mut mean, mut variance, clip, .. } = policy.normalizer.clone()?;
        let count = saved.map_or((policy.manifest.steps as f64).max(ROWS_MIN), |saved| saved.moments.count);
        let own = mean.len();
        let fresh = RunningMoments::new(width);
        let others = saved.map(|saved| &saved.moments).filter(|moments| moments.mean.len() == width);
        let RunningMoments { mean: their_means, variance: their_variances, .. } = others.unwrap_or(&fresh);
        mean.extend(their_means.get(own..).unwrap_or_default());
        variance.extend(their_variances.get(own..).unwrap_or_default());
        Some(Self { moments: RunningMoments { mean, variance, count }, clip })
    }

    /// Adds a batch `[n, features]` before its normalisation.
    pub fn update(&mut self, observations: &[f32]) {
        self.moments.update(observations);
    }

    /// Normalises rows with the present statistics.
    pub fn apply(&self, observations: &[f32], normalized: &mut [f32]) {
        let RunningMoments { mean, variance, .. } = &self.moments;
        let rows = observations.chunks_exact(mean.len()).zip(normalized.chunks_exact_mut(mean.len()));
        for (from, to) in rows {
            for (((from, to), mean), variance) in from.iter().zip(to).zip(mean).zip(variance) {
                *to = normalize(*from, *mean, *variance, EPSILON, self.clip);
            }
        }
    }

    /// The same in place.
    pub fn apply_in_place(&self, observations: &mut [f32]) {
        let RunningMoments { mean, variance, .. } = &self.moments;
        for row in observations.chunks_exact_mut(mean.len()) {
            for ((value, mean), variance) in row.iter_mut().zip(mean).zip(variance) {
                *value = normalize(*value, *mean, *variance, EPSILON, self.clip);
            }
        }
    }

    /// The present statistics of the first `features`, which a policy sees, frozen for its file.
    pub fn freeze(&self, features: usize) -> Normalizer {
        Normalizer {
            mean: self.moments.mean[..features].to_vec(),
            variance: self.moments.variance[..features].to_vec(),
            clip: self.clip,
            epsilon: EPSILON,
        }
    }
}

/// Scales rewards by the standard deviation of the discounted return; does not subtract the mean, because that would change
/// the optimal policy.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RewardNormalizer {
    moments: RunningMoments,
    returns: Vec<f32>,
    gamma: f64,
    clip: f64,
}

impl RewardNormalizer {
    /// For `lanes` environments, discount `gamma`, results clipped to ±`clip`.
    pub fn new(lanes: usize, gamma: f64, clip: f64) -> Self {
        Self { moments: RunningMoments::new(1), returns: vec![0.0; lanes], gamma, clip }
    }

    /// Takes over the scale of another one.
    pub fn take_scale_of(&mut self, other: Self) {
        self.moments = other.moments;
    }

    /// Adds one step's rewards and scales them in place; `over` marks the lanes whose episode ended.
    pub fn scale(&mut self, rewards: &mut [f32], over: impl Iterator<Item = bool>) {
        for (sum, reward) in self.returns.iter_mut().zip(rewards.iter()) {
            *sum = (f64::from(*sum) * self.gamma) as f32 + reward;
        }
        self.moments.update(&self.returns);
        let deviation = (self.moments.variance[0] + EPSILON).sqrt();
        for reward in rewards {
            *reward = (f64::from(*reward) / deviation).clamp(-self.clip, self.clip) as f32;
        }
        for (sum, over) in self.returns.iter_mut().zip(over) {
            if over {
                *sum = 0.0;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_policy_file_normalises_as_training_does() {
        let mut normalizer = ObservationNormalizer::new(3, 1.5);
        let rows: Vec<f32> = (0..30).map(|i| (i as f32 * 0.7).sin() * 9.0).collect();
        normalizer.update(&rows);
        let (mut training, mut inference) = (vec![0.0; 30], vec![0.0; 30]);
        normalizer.apply(&rows, &mut training);
        normalizer.freeze(3).apply(&rows, &mut inference);
        assert_eq!(training, inference);
        assert!(training.iter().any(|value| value.abs() == 1.5), "the clip must be exercised");
    }

    #[test]
    fn rewards_are_scaled_by_the_deviation_of_the_discounted_return() {
        let mut normalizer = RewardNormalizer::new(2, 0.5, 10.0);
        let mut rewards = [4.0, -2.0];
        normalizer.scale(&mut rewards, [true, false].into_iter());
        // Returns 4 and −2: mean 1, variance 9 (the initial weight is 1e-4 of 2).
        assert!((f64::from(rewards[0]) - 4.0 / 3.0).abs() < 1e-3);
        assert_eq!(normalizer.returns, [0.0, -2.0], "the return starts at 0 after a finished episode");
        let mut rewards = [0.0, 1.0];
        normalizer.scale(&mut rewards, [false, false].into_iter());
        assert_eq!(normalizer.returns, [0.0, 0.0], "−2 × 0.5 + 1");
    }
}
