//! One recommendation: the actions in order with their probabilities, and the drivers of the choice.

use serde::Serialize;
use setpoint_decision::spec::{ActionSpace, Axis, Feature};
use setpoint_policy::Policy;
use setpoint_policy::head::Head;

use crate::constraints::{ConstraintSet, Standing, Taken, UnknownName};
use crate::drivers::{Driver, DriverKind, logit_share};
use crate::given_state::GivenState;
use crate::unlike_training::{Unlike, unlike_training};

/// A choice whose probability is at least this share of the first one's is about as probable.
const ABOUT_AS_PROBABLE: f64 = 0.95;

/// A recommendation for one state.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Recommendation {
    /// Every choice of a discrete decision, the most probable (or valuable) first; forbidden choices last, with probability
    /// 0. Empty for a continuous decision.
    pub actions: Vec<RankedAction>,
    /// Every axis of a continuous decision. Empty for a discrete decision.
    pub settings: Vec<Setting>,
    /// Allowed choices that are about as probable as the first one: the policy has no clear preference among them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub about_as_probable: Vec<String>,
    /// Features that are unlike the training: the policy has not learned such states.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unlike_training: Vec<Unlike>,
    /// The drivers of the first action against its alternatives, strongest first.
    pub drivers: Vec<Driver>,
    /// Constraints that are active in this state and kept by the recommendation, as text.
    pub active_constraints: Vec<String>,
    /// Those of the kept and of the broken constraints that count as active only because their value is unknown.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unknown_constraints: Vec<String>,
    /// Constraints that are active and broken by the recommendation, because the constraints before them leave no other.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub broken_constraints: Vec<String>,
}

/// The reason why there is no recommendation.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum NoRecommendation {
    /// A constraint refers to an unknown name.
    #[error(transparent)]
    Constraint(#[from] UnknownName),
    /// Every choice is forbidden.
    #[error("no choice is left in this state: each choice is impossible or forbidden by a constraint{}", unknown_text(.unknown))]
    NothingLeft {
        /// The constraints that count as active because their value is unknown.
        unknown: Vec<String>,
    },
}

fn unknown_text(unknown: &[String]) -> String {
    if unknown.is_empty() {
        return String::new();
    }
    format!("; these count as active because their value is unknown: {}", unknown.join("; "))
}

/// One action of a ranking.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RankedAction {
    /// Name of the choice.
    pub name: String,
    /// Index of the choice.
    pub index: usize,
    /// Its probability in the policy, in [0, 1].
    pub probability: f64,
    /// Its value, if the policy chooses by values: the expected discounted sum of rewards, in the scale of the training.
    pub value: Option<f64>,
    /// Whether the constraints allow it.
    pub allowed: bool,
}

/// One axis of a continuous decision.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Setting {
    /// Name of the axis.
    pub name: String,
    /// The value to set, in `unit`, rounded as the process does, after the constraints.
    pub value: f64,
    /// The process rounds the axis to multiples of this, in `unit`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub step: Option<f64>,
    /// Unit of the axis.
    pub unit: String,
    /// Standard deviation of the policy's draws, in `unit`; 0 without randomness.
    pub deviation: f64,
    /// Least admissible value.
    pub low: f64,
    /// Greatest admissible value.
    pub high: f64,
    /// Whether a constraint changed it.
    pub clipped: bool,
}

/// Ranks the choices of a discrete decision, or gives the settings of a continuous one, for one state, under the policy's
/// constraints. A constraint whose value is not given is active. `impossible` are choices that the process does not
/// allow at present, by index.
///
/// # Panics
/// If the state does not have one value per feature, or an index is not the index of a choice.
pub fn recommend(
    policy: &Policy,
    state: &GivenState,
    impossible: &[usize],
) -> Result<Recommendation, NoRecommendation> {
    let observation = state.observation.as_slice();
    assert_eq!(observation.len(), policy.manifest.observation.len(), "one value per feature");
    let constraints = ConstraintSet::of(policy)?;
    let (known, signals) = (state.known(), state.signals.as_slice());
    let chosen = |rules: Vec<bool>| -> Vec<String> {
        let named = rules.into_iter().zip(constraints.descriptions());
        named.filter(|(is_so, _)| *is_so).map(|(_, description)| description.clone()).collect()
    };
    let unknown = || chosen(constraints.unknown(&known, signals).collect());
    let (actions, settings, mut drivers) = match &policy.manifest.action {
        ActionSpace::Discrete { choices } => {
            let mut possible = vec![true; choices.len()];
            impossible.iter().for_each(|choice| possible[*choice] = false);
            let mut allowed = vec![true; choices.len()];
            if constraints.allow(&known, signals, &possible, &mut allowed).is_some() {
                return Err(NoRecommendation::NothingLeft { unknown: unknown() });
            }
            let (actions, drivers) = rank(policy, observation, &allowed);
            (actions, Vec::new(), drivers)
        }
        ActionSpace::Continuous { axes } => {
            let (settings, drivers) = settings(policy, observation, axes, &constraints, (&known, signals));
            (Vec::new(), settings, drivers)
        }
    };
    drivers.sort_by(|a, b| b.effect.abs().total_cmp(&a.effect.abs()));
    let values: Vec<f32> = settings.iter().map(|setting| setting.value as f32).collect();
    let taken = actions.first().map_or(Taken::Settings(&values), |first| Taken::Choice(first.index));
    let standings: Vec<Standing> = constraints.standings(&known, signals, taken).collect();
    let of = |wanted: Standing| chosen(standings.iter().map(|standing| *standing == wanted).collect());
    Ok(Recommendation {
        active_constraints: of(Standing::Kept),
        unknown_constraints: unknown(),
        about_as_probable: about_as_probable(&actions),
        unlike_training: unlike_training(policy, observation),
        broken_constraints: of(Standing::Broken),
        actions,
        settings,
        drivers,
    })
}

fn about_as_probable(actions: &[RankedAction]) -> Vec<String> {
    let Some((first, others)) = actions.split_first() else { return Vec::new() };
    // A policy that chooses by values takes the best one, and probabilities say nothing about how close the others are.
    let is_rival = |other: &&RankedAction| {
        other.allowed && first.value.is_none() && other.probability >= ABOUT_AS_PROBABLE * first.probability
    };
    others.iter().filter(is_rival).map(|other| other.name.clone()).collect()
}

fn rank(policy: &Policy, observation: &[f32], allowed: &[bool]) -> (Vec<RankedAction>, Vec<Driver>) {
    let manifest = &policy.manifest;
    let is_values = manifest.head == Head::Values;
    let mut runner = policy.runner(1);
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
    // The value of the choice above the other allowed choices.
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
            (logit_share(policy, observation, index, chosen), DriverKind::Weight)
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

fn settings(
    policy: &Policy,
    observation: &[f32],
    axes: &[Axis],
    constraints: &ConstraintSet,
    (known, signals): (&[f32], &[f32]),
) -> (Vec<Setting>, Vec<Driver>) {
    let mut runner = policy.runner(1);
    let mut at = |observation: &[f32]| {
        let mut values = vec![0.0; axes.len()];
        runner.control(observation, None, &mut values);
        values
    };
    let wanted = at(observation);
    let mut rounded = wanted.clone();
    constraints.round(&mut rounded);
    let mut values = rounded.clone();
    constraints.limit(known, signals, &mut values);
    let setting = |(index, deviation): (usize, f32)| {
        let axis = &axes[index];
        Setting {
            name: axis.name.clone(),
            value: f64::from(values[index]),
            step: axis.step.map(f64::from),
            unit: axis.unit.clone(),
            deviation: f64::from(deviation),
            low: f64::from(axis.low),
            high: f64::from(axis.high),
            clipped: values[index] != rounded[index],
        }
    };
    let settings = policy.deviations(observation).into_iter().enumerate().map(setting).collect();
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
    let drivers = policy.manifest.observation.iter().enumerate().map(driver).collect();
    (settings, drivers)
}
