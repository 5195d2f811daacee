//! Observation normalisation with the statistics from the end of the training, which belong to the policy.

/// Added to a variance before its root is taken (`VecNormalize`'s `epsilon`).
pub const EPSILON: f64 = 1e-8;

/// `clip((x − mean) / √(variance + ε), ±clip)`, elementwise (Stable-Baselines3's `VecNormalize`).
#[derive(Clone, Debug, PartialEq)]
pub struct Normalizer {
    /// Mean of each feature.
    pub mean: Vec<f64>,
    /// Variance of each feature.
    pub variance: Vec<f64>,
    /// Greatest magnitude of a normalised value.
    pub clip: f64,
    /// Added to the variance.
    pub epsilon: f64,
}

impl Normalizer {
    /// Normalises rows of observations `[rows, features]` from `observations` into `normalized`.
    pub fn apply(&self, observations: &[f32], normalized: &mut [f32]) {
        let features = self.mean.len();
        for (from, to) in observations.chunks_exact(features).zip(normalized.chunks_exact_mut(features)) {
            for (((from, to), mean), variance) in from.iter().zip(to).zip(&self.mean).zip(&self.variance) {
                *to = normalize(*from, *mean, *variance, self.epsilon, self.clip);
            }
        }
    }
}

/// One value: the common formula of training and inference.
#[inline]
pub fn normalize(value: f32, mean: f64, variance: f64, epsilon: f64, clip: f64) -> f32 {
    ((f64::from(value) - mean) / (variance + epsilon).sqrt()).clamp(-clip, clip) as f32
}
