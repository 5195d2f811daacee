//! The drivers of a recommendation: the effect of each feature on the choice.

use serde::Serialize;
use setpoint_decision::spec::Feature;
use setpoint_policy::Policy;

/// The contribution of one feature to the choice.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Driver {
    /// Name of the feature.
    pub feature: String,
    /// Its value as the policy sees it.
    pub value: f64,
    /// Its value in its unit.
    pub natural: f64,
    /// Unit of `natural`.
    pub unit: String,
    /// The action or axis of `effect`.
    pub of: String,
    /// A positive effect favours the chosen action, or a greater value of the axis. See [`DriverKind`] for its meaning.
    pub effect: f64,
    /// The meaning of `effect`.
    pub kind: DriverKind,
}

/// The meaning of a driver's effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum DriverKind {
    /// Linear policy: the feature's share of the chosen action's logit (or value) above the mean, `(w_a − w̄)·x`.
    Weight,
    /// Categorical policy: change of the chosen action's probability against the same state with this feature at its
    /// reference value, in [−1, 1].
    ProbabilityChange,
    /// Policy that chooses by values: change of the chosen action's value above the mean of the allowed actions, against the
    /// same state with this feature at its reference value.
    AdvantageChange,
    /// Continuous policy: change of the axis that moves most, in its unit, against the same state with this feature at
    /// its reference value.
    SettingChange,
}

impl DriverKind {
    /// The meaning of an effect of this kind, as text.
    pub fn meaning(self) -> &'static str {
        match self {
            Self::Weight => "weight × value, relative to the other actions",
            Self::ProbabilityChange => "change of its probability relative to the feature's reference value",
            Self::AdvantageChange => {
                "change of its value above the other actions, relative to the feature's reference value"
            }
            Self::SettingChange => "change of the setting relative to the feature's reference value",
        }
    }
}

impl Driver {
    /// Whether the effect is more than nothing in its text: 0.05 % of a probability, 0.0005 of the other kinds.
    pub fn is_noticeable(&self) -> bool {
        self.effect.abs() >= 0.0005
    }

    /// The effect with its sign, as text.
    pub fn effect_text(&self) -> String {
        let text = match self.kind {
            DriverKind::ProbabilityChange => format!("{:+.1} %", 100.0 * self.effect),
            DriverKind::SettingChange => format!("{:+.3} {}", self.effect, self.of),
            DriverKind::Weight | DriverKind::AdvantageChange => format!("{:+.3}", self.effect),
        };
        text.replace('-', "−")
    }

    pub(crate) fn new(feature: &Feature, value: f32, of: String, effect: f64, kind: DriverKind) -> Self {
        Self {
            feature: feature.name.clone(),
            value: f64::from(value),
            natural: f64::from(feature.natural(value)),
            unit: feature.unit.clone(),
            of,
            effect,
            kind,
        }
    }
}

/// `(w_a − w̄)·x` of one feature: logits matter only against each other.
pub(crate) fn logit_share(policy: &Policy, observation: &[f32], feature: usize, chosen: usize) -> f64 {
    let choices = policy.manifest.network.output();
    let row = &policy.parameters[feature * choices..(feature + 1) * choices];
    let mean = row.iter().map(|weight| f64::from(*weight)).sum::<f64>() / choices as f64;
    let mut seen = observation.to_vec();
    if let Some(normalizer) = &policy.normalizer {
        normalizer.apply(observation, &mut seen);
    }
    (f64::from(row[chosen]) - mean) * f64::from(seen[feature])
}
