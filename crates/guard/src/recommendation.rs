//! One recommendation: the actions in order with their probabilities, and the drivers of the choice.

use std::ops::Range;

use serde::Serialize;
use setpoint_decision::spec::{Choice, Feature};
use setpoint_policy::Policy;
use setpoint_policy::head::Head;
use setpoint_policy::policy::Runner;

use crate::constraints::{ConstraintSet, Standing, Taken, UnknownName};
use crate::drivers::{Driver, DriverKind, logit_share};
use crate::given_state::GivenState;
use crate::unlike_training::{Unlike, unlike_training};

/// A choice whose probability is at least this share of the first one's is about as probable.
const ABOUT_AS_PROBABLE: f64 = 0.95;

/// A recommendation for one state.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Recommendation {
    /// The choices of each group, group by group: the most probable (or valuable) first, forbidden choices last with
    /// probability 0. Empty for a decision of settings alone.
    pub actions: Vec<RankedAction>,
    /// Every setting. Empty for a decision of choices alone.
    pub settings: Vec<Setting>,
    /// Allowed choices that are about as probable as the first one of their group: the policy has no clear preference.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub about_as_probable: Vec<String>,
    /// Features that are unlike the training: the policy has not learned such states.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unlike_training: Vec<Unlike>,
    /// The drivers of the first choice of each group against its alternatives, and of the settings, strongest first.
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

impl Recommendation {
    /// Each first choice of a group that has others about as probable, and their names.
    pub fn undecided(&self) -> impl Iterator<Item = (&str, Vec<&str>)> {
        first_of_groups(&self.actions).filter_map(|first| {
            let is_rival = |other: &&RankedAction| {
                other.group == first.group && self.about_as_probable.contains(&other.name)
            };
            let rivals = self.actions.iter().filter(is_rival);
            let rivals: Vec<&str> = rivals.map(|other| other.name.as_str()).collect();
            (!rivals.is_empty()).then_some((first.name.as_str(), rivals))
        })
    }
}

/// The reason why there is no recommendation.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum NoRecommendation {
    /// A constraint refers to an unknown name.
    #[error(transparent)]
    Constraint(#[from] UnknownName),
    /// The policy sees more than features.
    #[error(
        "the policy also sees {}, which a state of named values does not have; ask it in a simulation (`setpoint eval`) or \
         from Python",
        .parts.join(", ")
    )]
    Tensors {
        /// The images and sets of points.
        parts: Vec<String>,
    },
    /// The policy remembers an episode.
    #[error(
        "the policy has a memory: its decision follows from all observations of an episode, not from one state; ask it in a \
         simulation (`setpoint eval`)"
    )]
    Memory,
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
    /// Its group, if an action is more than one choice.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// Index of the choice in its group.
    pub index: usize,
    /// Its probability in the policy, in [0, 1].
    pub probability: f64,
    /// Its value, if the policy chooses by values: the expected discounted sum of rewards, in the scale of the training.
    pub value: Option<f64>,
    /// Whether the constraints allow it.
    pub allowed: bool,
}

/// One setting.
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

/// Ranks the choices of each group, and gives the settings, for one state, under the policy's constraints. A constraint
/// whose value is not given is active. `impossible` are choices that the process does not allow at present, by their place
/// among the choices of all groups.
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
    let parts = policy.manifest.tensors.iter().map(|part| format!("`{}` ({})", part.name, part.form));
    let parts: Vec<String> = parts.collect();
    if !parts.is_empty() {
        return Err(NoRecommendation::Tensors { parts });
    }
    if policy.manifest.network.memory().is_some() {
        return Err(NoRecommendation::Memory);
    }
    let constraints = ConstraintSet::of(policy)?;
    let (known, signals) = (state.known(), state.signals.as_slice());
    let chosen = |rules: Vec<bool>| -> Vec<String> {
        let named = rules.into_iter().zip(constraints.descriptions());
        named.filter(|(is_so, _)| *is_so).map(|(_, description)| description.clone()).collect()
    };
    let unknown = || chosen(constraints.unknown(&known, signals).collect());
    let action = &policy.manifest.action;
    let mut possible = vec![true; action.choice_count()];
    impossible.iter().for_each(|choice| possible[*choice] = false);
    let mut allowed = possible.clone();
    if constraints.allow(&known, signals, &possible, &mut allowed).is_some() {
        return Err(NoRecommendation::NothingLeft { unknown: unknown() });
    }
    let (actions, mut drivers) = rank(policy, observation, &allowed);
    let settings = if action.axes.is_empty() {
        Vec::new()
    } else {
        let (settings, their_drivers) = settings(policy, observation, &constraints, (&known, signals));
        drivers.extend(their_drivers);
        settings
    };
    drivers.sort_by(|a, b| b.effect.abs().total_cmp(&a.effect.abs()));
    let values: Vec<f32> = settings.iter().map(|setting| setting.value as f32).collect();
    let choices: Vec<u32> = first_of_groups(&actions).map(|first| first.index as u32).collect();
    let taken = Taken { choices: &choices, settings: &values };
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

/// The recommended choice of each group, in the order of the groups.
pub fn first_of_groups(actions: &[RankedAction]) -> impl Iterator<Item = &RankedAction> {
    let begins =
        |(index, action): &(usize, &RankedAction)| *index == 0 || actions[index - 1].group != action.group;
    actions.iter().enumerate().filter(begins).map(|(_, first)| first)
}

fn about_as_probable(actions: &[RankedAction]) -> Vec<String> {
    let rivals = |first: &RankedAction| {
        // A policy that chooses by values takes the best one, and probabilities say nothing about how close the others are.
        let is_rival = |other: &&RankedAction| {
            other.group == first.group
                && other.name != first.name
                && other.allowed
                && first.value.is_none()
                && other.probability >= ABOUT_AS_PROBABLE * first.probability
        };
        actions.iter().filter(is_rival).map(|other| other.name.clone()).collect::<Vec<_>>()
    };
    first_of_groups(actions).flat_map(rivals).collect()
}

/// The choices of each group, ranked, and the drivers of the first ones.
fn rank(policy: &Policy, observation: &[f32], allowed: &[bool]) -> (Vec<RankedAction>, Vec<Driver>) {
    let action = &policy.manifest.action;
    let mut runner = policy.runner(1);
    let scores = runner.scores(observation, 1, allowed).to_vec();
    let probabilities = runner.probabilities(observation, 1, allowed).to_vec();
    let is_values = policy.manifest.head == Head::Values;
    let (mut ranking, mut drivers) = (Vec::new(), Vec::new());
    for (group, places) in action.placed_groups() {
        let ranked = |(index, choice): (usize, &Choice)| {
            let place = places.start + index;
            RankedAction {
                name: choice.name.clone(),
                group: (action.width() > 1).then(|| group.name.clone()),
                index,
                probability: if allowed[place] { f64::from(probabilities[place]) } else { 0.0 },
                value: (is_values && allowed[place]).then(|| f64::from(scores[place])),
                allowed: allowed[place],
            }
        };
        let mut actions: Vec<RankedAction> = group.choices.iter().enumerate().map(ranked).collect();
        let score = |action: &RankedAction| scores[places.start + action.index];
        actions.sort_by(|a, b| score(b).total_cmp(&score(a)).then(a.index.cmp(&b.index)));
        let seen = Seen { policy, observation, allowed, scores: &scores, probabilities: &probabilities };
        drivers.extend(seen.drivers(&mut runner, &actions[0], places));
        ranking.extend(actions);
    }
    (ranking, drivers)
}

/// A policy's view of one state.
struct Seen<'a> {
    policy: &'a Policy,
    observation: &'a [f32],
    allowed: &'a [bool],
    scores: &'a [f32],
    probabilities: &'a [f32],
}

impl Seen<'_> {
    /// The drivers of the first choice of a group, which has these places among all choices.
    fn drivers(
        &self,
        runner: &mut Runner<&Policy>,
        first: &RankedAction,
        group: Range<usize>,
    ) -> Vec<Driver> {
        let Self { policy, observation, allowed, scores, probabilities } = *self;
        let manifest = &policy.manifest;
        let chosen = group.start + first.index;
        // The value of the choice above the other allowed choices.
        let advantage = |values: &[f32]| {
            let open = group.clone().filter(|place| allowed[*place]);
            let (sum, n) = open.fold((0.0, 0.0), |(sum, n), place| (sum + f64::from(values[place]), n + 1.0));
            f64::from(values[chosen]) - sum / n
        };
        // The share of a logit is that among the logits of one group alone.
        let is_linear = manifest.network.is_linear()
            && manifest.discretization.is_none()
            && group.len() == manifest.network.output();
        let driver = |(index, feature): (usize, &Feature)| {
            let mut moved = observation.to_vec();
            moved[index] = feature.reference;
            let (effect, kind) = if is_linear {
                (logit_share(policy, observation, index, chosen), DriverKind::Weight)
            } else if manifest.head == Head::Values {
                let without = advantage(runner.scores(&moved, 1, allowed));
                (advantage(scores) - without, DriverKind::AdvantageChange)
            } else {
                let without = runner.probabilities(&moved, 1, allowed)[chosen];
                (f64::from(probabilities[chosen] - without), DriverKind::ProbabilityChange)
            };
            Driver::new(feature, observation[index], first.name.clone(), effect, kind)
        };
        manifest.observation.iter().enumerate().map(driver).collect()
    }
}

fn settings(
    policy: &Policy,
    observation: &[f32],
    constraints: &ConstraintSet,
    (known, signals): (&[f32], &[f32]),
) -> (Vec<Setting>, Vec<Driver>) {
    let axes = &policy.manifest.action.axes;
    let mut runner = policy.runner(1);
    let mut choices = vec![0; policy.manifest.action.groups.len()];
    let mut at = |observation: &[f32]| {
        let mut values = vec![0.0; axes.len()];
        runner.decide(observation, 1, &[], None, &mut choices, &mut values);
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
