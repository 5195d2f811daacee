//! The size of a sensor's noise: a share of the feature's span, or of what the policy saw of it in training.

use serde::{Deserialize, Serialize};
use setpoint_decision::disturbance::{Disturbance, Levels, SensorError, span};
use setpoint_decision::spec::Feature;
use setpoint_policy::Policy;

/// Standard deviations of the values in training that count as the span of a feature without bounds: two on each side
/// of the mean, 95 % of a normal distribution.
pub const DEVIATIONS: f64 = 4.0;

/// What 100 % of noise is for a feature.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NoiseScale {
    /// The feature.
    pub feature: String,
    /// Its unit.
    pub unit: String,
    /// The size that is 100 %, in this unit.
    pub size: f64,
    /// Whether the size is [`DEVIATIONS`] standard deviations of the values in training, because the feature has no bounds.
    pub from_training: bool,
}

/// Features whose noise has no scale.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum NoScale {
    /// No bounds, and no statistics of a training.
    #[error(
        "noise has no scale for {without}: no bounds, and the policy keeps no statistics of its training. {advice} with \
         normalize_observation = true, or leave noise out with --noise 0"
    )]
    Features {
        /// Their names.
        without: String,
        /// The beginning of the advice: the features that do have a scale, if there are any.
        advice: String,
    },
    /// A name that the process does not have.
    #[error("there is no feature `{name}`; features: {known}")]
    Unknown {
        /// The name.
        name: String,
        /// All names.
        known: String,
    },
}

/// The scale of the noise of each of the named features, or of all features without names; features that never change are
/// left out.
pub fn noise_scales(policy: &Policy, names: &[String]) -> Result<Vec<NoiseScale>, NoScale> {
    let features = &policy.manifest.observation;
    let known = |name: &&String| features.iter().all(|feature| feature.name != **name);
    if let Some(name) = names.iter().find(known) {
        let known: Vec<&str> = features.iter().map(|feature| feature.name.as_str()).collect();
        return Err(NoScale::Unknown { name: name.clone(), known: known.join(", ") });
    }
    let concerned =
        features.iter().enumerate().filter(|(_, feature)| names.is_empty() || names.contains(&feature.name));
    let (mut scales, mut with, mut without) = (Vec::new(), Vec::new(), Vec::new());
    for (index, feature) in concerned {
        let Some((size, from_training)) = size(policy, index, feature) else {
            without.push(feature.name.as_str());
            continue;
        };
        with.push(feature.name.as_str());
        // A share of a value that never changes is no noise.
        if size > 0.0 {
            let (feature, unit) = (feature.name.clone(), feature.unit.clone());
            scales.push(NoiseScale { feature, unit, size, from_training });
        }
    }
    if without.is_empty() {
        return Ok(scales);
    }
    let advice = match with.is_empty() {
        true => "Train".to_owned(),
        false => format!("Name the features with noise (--features {}), or train", with.join(",")),
    };
    Err(NoScale::Features { without: without.join(", "), advice })
}

/// What 100 % is, in the feature's unit, and whether the training states it; `None` if neither bounds nor training do.
fn size(policy: &Policy, index: usize, feature: &Feature) -> Option<(f64, bool)> {
    let seen = || policy.normalizer.as_ref().map(|seen| DEVIATIONS * seen.variance[index].sqrt());
    let (size, from_training) = match span(feature) {
        Some(span) => (f64::from(span), false),
        None => (seen()?, true),
    };
    let size = size * f64::from(feature.scale.abs());
    size.is_finite().then_some((size, from_training))
}

/// The sensors' noise of one share of these scales.
pub(super) fn sensors(share: f64, scales: &[NoiseScale]) -> Vec<Disturbance> {
    let sensor = |size: f64, natural: bool, features: Vec<String>| Disturbance::Sensor {
        error: SensorError::Noise,
        size: Levels(vec![size]),
        natural,
        features,
    };
    let (seen, bounded): (Vec<_>, Vec<_>) = scales.iter().partition(|scale| scale.from_training);
    let bounded: Vec<String> = bounded.into_iter().map(|scale| scale.feature.clone()).collect();
    let mut sensors: Vec<Disturbance> =
        seen.into_iter().map(|scale| sensor(share * scale.size, true, vec![scale.feature.clone()])).collect();
    if !bounded.is_empty() {
        sensors.insert(0, sensor(share, false, bounded));
    }
    sensors
}
