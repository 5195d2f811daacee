//! One recommendation: the actions in order with their probabilities, and what drives the choice.

use serde::Serialize;
use setpoint_decision::spec::Feature;

use crate::constraints::UnknownName;
use crate::policy::Policy;

/// A recommendation for one state of a discrete decision.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Recommendation {
    /// Every action, the most probable first; forbidden ones last, with probability 0.
    pub actions: Vec<RankedAction>,
    /// What speaks most for the first action against its alternatives, strongest first.
    pub drivers: Vec<Driver>,
    /// Constraints that are active in this state, in words.
    pub active_constraints: Vec<String>,
}

/// One action of a ranking.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RankedAction {
    /// Name of the choice.
    pub name: String,
    /// Index of the choice.
    pub index: usize,
    /// Probability that the policy gives it, in [0, 1].
    pub probability: f64,
    /// Whether the constraints allow it.
    pub allowed: bool,
}

/// How much one feature contributes to the choice.
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
    /// Positive speaks for the chosen action. See [`DriverKind`] for what it measures.
    pub effect: f64,
    /// What `effect` measures.
    pub kind: DriverKind,
}

/// What a driver's effect measures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum DriverKind {
    /// Linear policy: the feature's share of the chosen action's logit above the mean logit, `(w_a − w̄)·x`.
    Weight,
    /// Otherwise: change of the chosen action's probability against the same state with this feature at its
    /// reference value, in [−1, 1].
    ProbabilityChange,
}

impl Policy {
    /// Ranks the actions of a discrete decision for one observation, under the policy's constraints.
    /// `signals` may be empty; rules that need one are then active.
    ///
    /// # Panics
    /// If the policy is continuous or the observation has not one value a feature.
    pub fn recommend(&self, observation: &[f32], signals: &[f32]) -> Result<Recommendation, UnknownName> {
        let manifest = &self.manifest;
        assert_eq!(observation.len(), manifest.observation.len(), "one value a feature");
        let names = manifest.action.names();
        let constraints = self.constraints()?;
        let mut allowed = vec![true; names.len()];
        constraints.mask(observation, signals, &mut allowed);
        let active_constraints = constraints
            .active(observation, signals)
            .zip(constraints.descriptions())
            .filter(|(active, _)| *active)
            .map(|(_, description)| description.clone())
            .collect();

        let mut runner = self.runner(1);
        let probabilities: Vec<f64> = runner
            .distribution(observation, &allowed)
            .iter()
            .zip(&allowed)
            .map(|(log, allowed)| if *allowed { f64::from(*log).exp() } else { 0.0 })
            .collect();
        let mut actions: Vec<RankedAction> = names
            .iter()
            .zip(&probabilities)
            .zip(&allowed)
            .enumerate()
            .map(|(index, ((name, &probability), &allowed))| RankedAction {
                name: (*name).to_owned(),
                index,
                probability,
                allowed,
            })
            .collect();
        actions.sort_by(|a, b| b.probability.total_cmp(&a.probability).then(a.index.cmp(&b.index)));

        let chosen = actions[0].index;
        let mut drivers: Vec<Driver> = manifest
            .observation
            .iter()
            .enumerate()
            .map(|(index, feature)| {
                let (effect, kind) = if manifest.network.hidden.is_empty() {
                    (self.logit_share(observation, index, chosen), DriverKind::Weight)
                } else {
                    let mut moved = observation.to_vec();
                    moved[index] = feature.reference;
                    let without = f64::from(runner.distribution(&moved, &allowed)[chosen]).exp();
                    (probabilities[chosen] - without, DriverKind::ProbabilityChange)
                };
                driver(feature, observation[index], effect, kind)
            })
            .collect();
        drivers.sort_by(|a, b| b.effect.abs().total_cmp(&a.effect.abs()));
        Ok(Recommendation { actions, drivers, active_constraints })
    }

    /// `(w_a − w̄)·x` of one feature: logits matter only against each other.
    fn logit_share(&self, observation: &[f32], feature: usize, chosen: usize) -> f64 {
        let choices = self.manifest.network.output;
        let row = &self.parameters[feature * choices..(feature + 1) * choices];
        let mean = row.iter().map(|weight| f64::from(*weight)).sum::<f64>() / choices as f64;
        let mut seen = observation.to_vec();
        if let Some(normalizer) = &self.normalizer {
            normalizer.apply(observation, &mut seen);
        }
        (f64::from(row[chosen]) - mean) * f64::from(seen[feature])
    }
}

fn driver(feature: &Feature, value: f32, effect: f64, kind: DriverKind) -> Driver {
    Driver {
        feature: feature.name.clone(),
        value: f64::from(value),
        natural: f64::from(feature.natural(value)),
        unit: feature.unit.clone(),
        effect,
        kind,
    }
}
