//! Features that lie far from what the training saw: there a policy says something, but it has learned nothing.

use serde::Serialize;
use setpoint_policy::Policy;

/// Standard deviations of the training from its mean, beyond which a value counts as unlike it. Of values that are normally
/// distributed, 1 in 16,000 lies there.
pub const DEVIATIONS: f64 = 4.0;

/// A feature whose value is unlike the training's, in its unit.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Unlike {
    /// Name of the feature.
    pub feature: String,
    /// Its unit.
    pub unit: String,
    /// Its value.
    pub value: f64,
    /// Its mean in training.
    pub mean: f64,
    /// Its standard deviation in training.
    pub deviation: f64,
}

/// The features of a state that are unlike the training. Empty for a policy without statistics of its training: only policies
/// that normalise their observations have them.
pub fn unlike_training(policy: &Policy, observation: &[f32]) -> Vec<Unlike> {
    let Some(seen) = &policy.normalizer else { return Vec::new() };
    let features = policy.manifest.observation.iter().zip(observation).enumerate();
    let unlike = features.filter_map(|(index, (feature, value))| {
        let (mean, deviation) = (seen.mean[index], seen.variance[index].sqrt());
        // What never changed in training is stored with the error of 32 bits.
        let rounding = f64::from(f32::EPSILON) * mean.abs();
        let is_far = (f64::from(*value) - mean).abs() > DEVIATIONS * deviation + rounding;
        is_far.then(|| Unlike {
            feature: feature.name.clone(),
            unit: feature.unit.clone(),
            value: f64::from(feature.natural(*value)),
            mean: f64::from(feature.natural(mean as f32)),
            deviation: deviation * f64::from(feature.scale.abs()),
        })
    });
    unlike.collect()
}

#[cfg(test)]
mod tests {
    use setpoint_decision::spec::Feature;
    use setpoint_nn::mlp::{Activation, Mlp};
    use setpoint_policy::normalizer::Normalizer;

    use super::*;
    use crate::sample::two_choices;

    /// Two features, in parts (the policy sees eightieths) and in °C, two choices.
    fn policy(normalizer: Option<Normalizer>) -> Policy {
        let parts = Feature::new("wip", "parts", 0.0, 80.0, "parts in progress").seen_as(80.0, 0.0);
        let network = Mlp { input: 2, hidden: Vec::new(), output: 2, activation: Activation::Linear };
        two_choices(
            vec![parts, Feature::new("heat", "°C", 0.0, 1.0, "heat")],
            network,
            vec![0.0; 6],
            normalizer,
        )
    }

    #[test]
    fn a_value_far_from_the_training_is_named_in_its_unit() {
        assert_eq!(unlike_training(&policy(None), &[0.0, 1.0]), [], "no statistics, no claim");
        let (mean, variance) = (vec![0.5, 0.25], vec![0.01, 0.0]);
        let policy = policy(Some(Normalizer { mean, variance, clip: 10.0, epsilon: 1e-8 }));
        // Four deviations are the limit; a feature that never changed may not change.
        assert_eq!(unlike_training(&policy, &[0.899, 0.25]), []);
        let found = unlike_training(&policy, &[0.901, 0.2501]);
        assert_eq!(found.iter().map(|unlike| unlike.feature.as_str()).collect::<Vec<_>>(), ["wip", "heat"]);
        let Unlike { unit, value, mean, deviation, .. } = &found[0];
        assert_eq!((unit.as_str(), *mean), ("parts", 40.0));
        assert!((value - 72.08).abs() < 1e-4 && (deviation - 8.0).abs() < 1e-9);
    }
}
