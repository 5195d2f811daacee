//! Does the reward prefer the behaviour that the project demands? Two behaviours from the same initial states, in pairs.

use setpoint_decision::charter::Finding;
use setpoint_decision::preference::{Behaviour, Preference};
use setpoint_decision::spec::{ActionSpace, Axis, ChoiceGroup};
use setpoint_guard::decider::{ActionBuffer, Decider, States};
use setpoint_random::Stream;

use crate::deciders;
use crate::decision::Decision;
use crate::error::PlayError;
use crate::player::{Player, Step};
use setpoint_statistics::number;
use setpoint_statistics::{Summary, mean};

/// The result of a reward test.
#[derive(Clone, Debug, PartialEq)]
pub struct Trial {
    /// Return of the preferred behaviour minus the return of the other, over all initial states.
    pub difference: Summary,
    /// Mean returns: preferred, other.
    pub returns: [f64; 2],
    /// Every term of the reward: name, and its mean in the return of the preferred and of the other behaviour.
    pub terms: Vec<(String, [f64; 2])>,
}

/// The findings of all reward tests.
pub fn preferences(decision: &Decision) -> Vec<Finding> {
    let judge = |preference: &Preference| match try_out(decision, preference) {
        Ok(trial) => trial.judge(preference),
        Err(error) => {
            Finding::fail("reward test", format!("\"{}\" could not be tested: {error}", preference.name))
        }
    };
    decision.project.preferences.iter().map(judge).collect()
}

/// Plays both behaviours from the same initial states. Ignores constraints: the reward must be right by itself, otherwise
/// the policy always relies on the constraints.
pub fn try_out(decision: &Decision, preference: &Preference) -> Result<Trial, PlayError> {
    let mut unguarded = decision.clone();
    unguarded.project.constraints.clear();
    let [preferred, other] =
        [&preference.prefer, &preference.over].map(|behaviour| play(&unguarded, preference, behaviour));
    let (preferred, other) = (preferred?, other?);
    let differences: Vec<f64> = preferred.returns.iter().zip(&other.returns).map(|(a, b)| a - b).collect();
    let mut random = Stream::new(decision.project.evaluate.seed, "bootstrap preference", 0);
    let both = |index: usize| [preferred.terms[index], other.terms[index]];
    Ok(Trial {
        difference: Summary::of(&differences, &mut random),
        returns: [mean(preferred.returns.iter().copied()), mean(other.returns.iter().copied())],
        terms: preferred.names.iter().enumerate().map(|(index, name)| (name.clone(), both(index))).collect(),
    })
}

struct Played {
    returns: Vec<f64>,
    names: Vec<String>,
    /// Mean of each term in a return.
    terms: Vec<f64>,
}

fn play(decision: &Decision, preference: &Preference, behaviour: &Behaviour) -> Result<Played, PlayError> {
    let (lanes, seed) = (preference.episodes as usize, decision.project.evaluate.seed);
    let mut player = Player::new(decision, lanes, seed, "preference")?;
    let mut decider = decider(behaviour, decision, lanes, seed)?;
    let names = player.term_names().to_vec();
    let mut terms = vec![0.0; names.len()];
    let mut returns = vec![0.0; lanes];
    player.play(&mut decider, &mut |step: &Step<'_>| {
        returns[step.lane] += step.reward;
        terms.iter_mut().zip(step.terms).for_each(|(sum, term)| *sum += term);
        !step.outcome.is_over() && preference.steps.is_none_or(|steps| u64::from(step.count) < steps)
    })?;
    terms.iter_mut().for_each(|sum| *sum /= lanes as f64);
    Ok(Played { returns, names, terms })
}

/// The decider of a behaviour. `bind` has checked all names.
fn decider(
    behaviour: &Behaviour,
    decision: &Decision,
    lanes: usize,
    seed: u64,
) -> Result<Box<dyn Decider>, PlayError> {
    let space = &decision.spec().action;
    Ok(match behaviour {
        Behaviour::Baseline(name) => {
            let baseline = deciders::baseline(name, decision, seed, lanes)?;
            baseline.expect("the project was bound to this process")
        }
        Behaviour::Choices(actions) => {
            let names = space.choice_names();
            let index = |action: &String| names.iter().position(|name| name == action).unwrap_or(0) as u32;
            let rounds = actions.iter().map(|action| vec![index(action)]).collect();
            Box::new(Script::new(space, rounds, Vec::new(), lanes))
        }
        Behaviour::Settings(settings) => Box::new(constant(space, &[], settings, lanes)),
        Behaviour::Constant { choices, settings } => Box::new(constant(space, choices, settings, lanes)),
    })
}

/// The same action in every round. A group without a choice takes its first one, a setting without a value its middle.
fn constant(
    space: &ActionSpace,
    choices: &[(String, String)],
    settings: &[(String, f64)],
    lanes: usize,
) -> Script {
    let choice = |group: &ChoiceGroup| {
        let (_, named) = choices.iter().find(|(name, _)| *name == group.name)?;
        group.choices.iter().position(|choice| choice.name == *named).map(|place| place as u32)
    };
    let value = |axis: &Axis| {
        let set = settings.iter().find(|(name, _)| *name == axis.name);
        set.map_or(0.5 * (axis.low + axis.high), |(_, value)| *value as f32)
    };
    let round = space.groups.iter().map(|group| choice(group).unwrap_or(0)).collect();
    Script::new(space, vec![round], space.axes.iter().map(value).collect(), lanes)
}

/// Takes the same actions in every lane: rounds of choices whose last one repeats, and constant settings.
struct Script {
    /// `[rounds]` a choice of each group.
    rounds: Vec<Vec<u32>>,
    settings: Vec<f32>,
    /// The places of each group's choices among all choices.
    groups: Vec<std::ops::Range<usize>>,
    /// Decisions of each lane's episode so far.
    taken: Vec<usize>,
}

impl Script {
    fn new(space: &ActionSpace, rounds: Vec<Vec<u32>>, settings: Vec<f32>, lanes: usize) -> Self {
        let groups = space.placed_groups().map(|(_, places)| places).collect();
        Self { rounds, settings, groups, taken: vec![0; lanes] }
    }
}

impl Decider for Script {
    fn begin(&mut self, lane: usize) {
        self.taken[lane] = 0;
    }

    /// A choice that the process forbids at the moment is replaced by the first allowed choice.
    fn decide(&mut self, states: &States<'_>, actions: &mut ActionBuffer) {
        for (row, lane) in states.lanes.iter().enumerate() {
            actions.settings_mut(row).copy_from_slice(&self.settings);
            let round = &self.rounds[self.taken[*lane].min(self.rounds.len() - 1)];
            self.taken[*lane] += 1;
            let allowed = states.allowed(row);
            let chosen = actions.choices_mut(row).iter_mut();
            for ((chosen, wanted), group) in chosen.zip(round).zip(&self.groups) {
                let allowed = allowed.get(group.clone()).unwrap_or(&[]);
                let possible = allowed.is_empty() || allowed[*wanted as usize];
                let first = || allowed.iter().position(|allowed| *allowed).unwrap_or(0) as u32;
                *chosen = if possible { *wanted } else { first() };
            }
        }
    }
}

impl Trial {
    /// Whether the preferred behaviour clearly gets more reward.
    pub fn holds(&self) -> bool {
        self.difference.interval.low > 0.0
    }

    fn judge(&self, preference: &Preference) -> Finding {
        let Preference { name, prefer, over, .. } = preference;
        let (prefer, over) = (prefer.words(), over.words());
        let [preferred, other] = self.returns;
        let Summary { mean, interval, .. } = &self.difference;
        let window = preference.steps.map_or("an episode".to_owned(), |steps| format!("{steps} steps"));
        let figures = format!(
            "in {window} the reward of {prefer} is {} and the reward of {over} is {}, a difference of {} [{}, {}]; by term: {}",
            number(preferred),
            number(other),
            number(*mean),
            number(interval.low),
            number(interval.high),
            self.shares()
        );
        if self.holds() {
            return Finding::pass("reward test", format!("\"{name}\": {figures}"));
        }
        let reason = if interval.high < 0.0 {
            format!("the reward prefers {over}")
        } else if interval.low == 0.0 && interval.high == 0.0 {
            "the reward makes no difference".to_owned()
        } else {
            "the interval contains 0: use more episodes, or a clearer reward".to_owned()
        };
        Finding::fail("reward test", format!("\"{name}\" does not hold, {reason}: {figures}"))
    }

    /// The share of each term in the difference, the greatest first.
    fn shares(&self) -> String {
        let mut shares: Vec<(&str, f64)> =
            self.terms.iter().map(|(name, [preferred, other])| (name.as_str(), preferred - other)).collect();
        shares.sort_by(|(_, a), (_, b)| b.abs().total_cmp(&a.abs()));
        let sign = |share: f64| if share > 0.0 { "+" } else { "" };
        let words = |(name, share): &(&str, f64)| format!("{name} {}{}", sign(*share), number(*share));
        shares.iter().map(words).collect::<Vec<_>>().join(", ")
    }
}
