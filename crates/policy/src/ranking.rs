//! One recommendation: the actions in order with their probabilities, and what drives the choice.

use serde::Serialize;
use setpoint_decision::spec::{ActionSpace, Axis, Feature};

use crate::constraints::UnknownName;
use crate::head::Head;
use crate::policy::Policy;

/// A recommendation for one state.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Recommendation {
    /// Every choice of a discrete decision, the most probable (or valuable) first; forbidden ones last, with probability
    /// 0. Empty for a continuous one.
    pub actions: Vec<RankedAction>,
    /// Every axis of a continuous decision. Empty for a discrete one.
    pub settings: Vec<Setting>,
    /// What speaks most for the first action against its alternatives, strongest first.
    pub drivers: Vec<Driver>,
    /// Constraints that are active in this state, in words.
    pub active_constraints: Vec<String>,
}

/// There is nothing to recommend.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum NoRecommendation {
    /// A constraint speaks of something else.
    #[error(transparent)]
    Constraint(#[from] UnknownName),
    /// Every choice is forbidden.
    #[error(
        "no choice is left in this state: what is impossible and what the constraints forbid is everything"
    )]
    NothingLeft,
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
    /// Its value, where the policy chooses by values: the expected discounted sum of rewards, in the scale learnt on.
    pub value: Option<f64>,
    /// Whether the constraints allow it.
    pub allowed: bool,
}

/// One axis of a continuous decision.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Setting {
    /// Name of the axis.
    pub name: String,
    /// The value to set, in `unit`, after the constraints.
    pub value: f64,
    /// Unit of the axis.
    pub unit: String,
    /// Standard deviation with which the policy would draw it, in `unit`; 0 if it draws nothing.
    pub deviation: f64,
    /// Least admissible value.
    pub low: f64,
    /// Greatest admissible value.
    pub high: f64,
    /// Whether a constraint changed it.
    pub clipped: bool,
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
    /// The action or axis that `effect` speaks of.
    pub of: String,
    /// Positive speaks for the chosen action, or for more of the axis. See [`DriverKind`] for what it measures.
    pub effect: f64,
    /// What `effect` measures.
    pub kind: DriverKind,
}

/// What a driver's effect measures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum DriverKind {
    /// Linear policy: the feature's share of the chosen action's logit (or value) above the mean, `(w_a − w̄)·x`.
    Weight,
    /// Categorical policy: change of the chosen action's probability against the same state with this feature at its
    /// reference value, in [−1, 1].
    ProbabilityChange,
    /// Policy that chooses by values: change of the chosen action's value above the mean of those allowed, against the
    /// same state with this feature at its reference value.
    AdvantageChange,
    /// Continuous policy: change of the axis that moves most, in its unit, against the same state with this feature at
    /// its reference value.
    SettingChange,
}

impl Policy {
    /// Ranks the choices of a discrete decision, or gives the settings of a continuous one, for one observation, under
    /// the policy's constraints. `signals` may be empty; rules that need one are then active. `impossible` are choices that
    /// the process does not allow at present, by index.
    ///
    /// # Panics
    /// If the observation has not one value a feature, or an index is not that of a choice.
    pub fn recommend(
        &self,
        observation: &[f32],
        signals: &[f32],
        impossible: &[usize],
    ) -> Result<Recommendation, NoRecommendation> {
        assert_eq!(observation.len(), self.manifest.observation.len(), "one value a feature");
        let constraints = self.constraints()?;
        let active_constraints = constraints
            .active(observation, signals)
            .zip(constraints.descriptions())
            .filter(|(active, _)| *active)
            .map(|(_, description)| description.clone())
            .collect();
        let (actions, settings, mut drivers) = match &self.manifest.action {
            ActionSpace::Discrete { choices } => {
                let mut allowed = vec![true; choices.len()];
                constraints.mask(observation, signals, &mut allowed);
                impossible.iter().for_each(|choice| allowed[*choice] = false);
                if !allowed.contains(&true) {
                    return Err(NoRecommendation::NothingLeft);
                }
                let (actions, drivers) = self.rank(observation, &allowed);
                (actions, Vec::new(), drivers)
            }
            ActionSpace::Continuous { axes } => {
                let (settings, drivers) = self.set(observation, axes, |values| {
                    constraints.clip(observation, signals, values);
                });
                (Vec::new(), settings, drivers)
            }
        };
        drivers.sort_by(|a, b| b.effect.abs().total_cmp(&a.effect.abs()));
        Ok(Recommendation { actions, settings, drivers, active_constraints })
    }

    fn rank(&self, observation: &[f32], allowed: &[bool]) -> (Vec<RankedAction>, Vec<Driver>) {
        let manifest = &self.manifest;
        let is_values = manifest.head == Head::Values;
        let mut runner = self.runner(1);
        let scores = runner.scores(observation, allowed).to_vec();
        let probabilities = runner.probabilities(observation, allowed).to_vec();
        let ranked = |(index, name): (usize, &str)| RankedAction {
            name: name.to_owned(),
            index,
            probability: if allowed[index] { f64::from(probabilities[index]) } else { 0.0 },
            value: (is_values && allowed[index]).then(|| f64::from(scores[index])),
            allowed: allowed[index],
        };
        let mut actions: Vec<RankedAction> =
            manifest.action.names().into_iter().enumerate().map(ranked).collect();
        actions.sort_by(|a, b| scores[b.index].total_cmp(&scores[a.index]).then(a.index.cmp(&b.index)));

        let chosen = actions[0].index;
        let of = actions[0].name.clone();
        // What the choice is worth beyond the others that are allowed.
        let advantage = |values: &[f32]| {
            let open = values.iter().zip(allowed).filter(|(_, allowed)| **allowed);
            let (sum, n) = open.fold((0.0, 0.0), |(sum, n), (value, _)| (sum + f64::from(*value), n + 1.0));
            f64::from(values[chosen]) - sum / n
        };
        let is_linear = manifest.network.hidden.is_empty() && manifest.discretization.is_none();
        let driver = |(index, feature): (usize, &Feature)| {
            let mut moved = observation.to_vec();
            moved[index] = feature.reference;
            let (effect, kind) = if is_linear {
                (self.logit_share(observation, index, chosen), DriverKind::Weight)
            } else if is_values {
                let without = advantage(runner.scores(&moved, allowed));
                (advantage(&scores) - without, DriverKind::AdvantageChange)
            } else {
                let without = runner.probabilities(&moved, allowed)[chosen];
                (f64::from(probabilities[chosen] - without), DriverKind::ProbabilityChange)
            };
            Driver::new(feature, observation[index], of.clone(), effect, kind)
        };
        let drivers = manifest.observation.iter().enumerate().map(driver).collect();
        (actions, drivers)
    }

    fn set(
        &self,
        observation: &[f32],
        axes: &[Axis],
        clip: impl Fn(&mut [f32]),
    ) -> (Vec<Setting>, Vec<Driver>) {
        let mut runner = self.runner(1);
        let mut at = |observation: &[f32]| {
            let mut values = vec![0.0; axes.len()];
            runner.control(observation, None, &mut values);
            values
        };
        let wanted = at(observation);
        let mut values = wanted.clone();
        clip(&mut values);
        let setting = |(index, deviation): (usize, f32)| {
            let axis = &axes[index];
            Setting {
                name: axis.name.clone(),
                value: f64::from(values[index]),
                unit: axis.unit.clone(),
                deviation: f64::from(deviation),
                low: f64::from(axis.low),
                high: f64::from(axis.high),
                clipped: values[index] != wanted[index],
            }
        };
        let settings = self.deviations(observation).into_iter().enumerate().map(setting).collect();
        let driver = |(index, feature): (usize, &Feature)| {
            let mut moved = observation.to_vec();
            moved[index] = feature.reference;
            let without = at(&moved);
            let change = |axis: usize| wanted[axis] - without[axis];
            let share = |axis: usize| (change(axis) / (axes[axis].high - axes[axis].low)).abs();
            let most = (0..axes.len()).max_by(|a, b| share(*a).total_cmp(&share(*b))).unwrap_or(0);
            let (of, effect) = (axes[most].name.clone(), f64::from(change(most)));
            Driver::new(feature, observation[index], of, effect, DriverKind::SettingChange)
        };
        let drivers = self.manifest.observation.iter().enumerate().map(driver).collect();
        (settings, drivers)
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

impl DriverKind {
    /// What an effect of this kind is, in words.
    pub fn meaning(self) -> &'static str {
        match self {
            Self::Weight => "weight × value, against the other actions",
            Self::ProbabilityChange => "change of its probability against the feature's reference value",
            Self::AdvantageChange => {
                "change of its value over the others against the feature's reference value"
            }
            Self::SettingChange => "change of the setting against the feature's reference value",
        }
    }
}

impl Driver {
    /// The effect with its sign, as people read it.
    pub fn effect_text(&self) -> String {
        let text = match self.kind {
            DriverKind::ProbabilityChange => format!("{:+.1} %", 100.0 * self.effect),
            DriverKind::SettingChange => format!("{:+.3} {}", self.effect, self.of),
            DriverKind::Weight | DriverKind::AdvantageChange => format!("{:+.3}", self.effect),
        };
        text.replace('-', "−")
    }

    fn new(feature: &Feature, value: f32, of: String, effect: f64, kind: DriverKind) -> Self {
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
