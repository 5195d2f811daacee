//! Does the reward prefer what the project says that it must? Two ways to behave from the same beginnings, paired.

use setpoint_decision::Project;
use setpoint_decision::charter::Finding;
use setpoint_decision::preference::{Behaviour, Preference};
use setpoint_decision::spec::ActionSpace;
use setpoint_random::Stream;

use crate::decision::Decision;
use crate::environments::Environments;
use crate::error::PlayError;
use crate::evaluate::{Controller, Decisions};
use setpoint_statistics::number;
use setpoint_statistics::{Summary, mean};

/// A preference tried out.
#[derive(Clone, Debug, PartialEq)]
pub struct Trial {
    /// Return of the preferred behaviour less that of the other, over all beginnings.
    pub difference: Summary,
    /// Mean returns: preferred, other.
    pub returns: [f64; 2],
    /// Every term of the reward: name, and its mean in the return of the preferred and of the other behaviour.
    pub terms: Vec<(String, [f64; 2])>,
}

/// What the reward says of each preference; one that it does not honour fails.
pub fn preferences(decision: &Decision) -> Vec<Finding> {
    let judge = |preference: &Preference| match try_out(decision, preference) {
        Ok(trial) => trial.judge(preference),
        Err(error) => {
            Finding::fail("reward test", format!("\"{}\" could not be tried: {error}", preference.name))
        }
    };
    decision.project.preferences.iter().map(judge).collect()
}

/// Plays both behaviours from the same beginnings. Constraints are left aside: the reward must be right by itself, or the
/// policy leans on the guard all the time.
pub fn try_out(decision: &Decision, preference: &Preference) -> Result<Trial, PlayError> {
    let mut project = decision.project.clone();
    project.constraints.clear();
    let [preferred, other] = [&preference.prefer, &preference.over]
        .map(|behaviour| play(decision, &project, preference, behaviour));
    let (preferred, other) = (preferred?, other?);
    let differences: Vec<f64> = preferred.returns.iter().zip(&other.returns).map(|(a, b)| a - b).collect();
    let mut random = Stream::new(project.evaluate.seed, "bootstrap preference", 0);
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

fn play(
    decision: &Decision,
    project: &Project,
    preference: &Preference,
    behaviour: &Behaviour,
) -> Result<Played, PlayError> {
    let (space, lanes) = (&decision.spec().action, preference.episodes as usize);
    let seed = project.evaluate.seed;
    let mut environments = Environments::new(project, &decision.factory, lanes, seed, "preference")?;
    let mut script = Script::new(behaviour, decision, seed);
    let names = environments.term_names().to_vec();
    let mut terms = vec![0.0; names.len()];
    let mut returns = vec![0.0; lanes];
    let mut open = vec![true; lanes];
    let mut unseen = vec![0.0; names.len()];
    let mut decisions = Decisions::new(space, lanes);
    let mut step = 0;
    while open.contains(&true) && preference.steps.is_none_or(|steps| step < steps) {
        script.decide(step as usize, &environments, space, &mut decisions);
        environments.step(decisions.actions())?;
        for lane in 0..lanes {
            let sums = if open[lane] { &mut terms } else { &mut unseen };
            let record = environments.record(lane, sums);
            if open[lane] {
                returns[lane] += record.reward;
                open[lane] = !record.outcome.is_over();
            }
        }
        step += 1;
    }
    terms.iter_mut().for_each(|sum| *sum /= lanes as f64);
    Ok(Played { returns, names, terms })
}

/// Who decides: a controller, or the same actions in every environment.
enum Script<'a> {
    Controller(Box<Controller<'a>>),
    Choices(Vec<u32>),
    Settings(Vec<f32>),
}

impl Script<'_> {
    /// `bind` has checked all names.
    fn new(behaviour: &Behaviour, decision: &Decision, seed: u64) -> Self {
        let space = &decision.spec().action;
        match behaviour {
            Behaviour::Baseline(name) => {
                let controller = Controller::baseline(name, decision, seed);
                Self::Controller(Box::new(controller.expect("the project was bound to this process")))
            }
            Behaviour::Choices(actions) => {
                let names = space.names();
                let index =
                    |action: &String| names.iter().position(|name| name == action).unwrap_or(0) as u32;
                Self::Choices(actions.iter().map(index).collect())
            }
            Behaviour::Settings(settings) => {
                let ActionSpace::Continuous { axes } = space else { return Self::Settings(Vec::new()) };
                let value = |axis: &setpoint_decision::spec::Axis| {
                    let set = settings.iter().find(|(name, _)| *name == axis.name);
                    set.map_or(0.5 * (axis.low + axis.high), |(_, value)| *value as f32)
                };
                Self::Settings(axes.iter().map(value).collect())
            }
        }
    }

    /// A choice that the process does not allow just now is replaced by the first that it does.
    fn decide(
        &mut self,
        step: usize,
        environments: &Environments,
        space: &ActionSpace,
        decisions: &mut Decisions,
    ) {
        match self {
            Self::Controller(controller) => controller.decide(environments, space, decisions),
            Self::Choices(actions) => {
                let wanted = actions[step.min(actions.len() - 1)];
                for (lane, choice) in decisions.choices.iter_mut().enumerate() {
                    let allowed = environments.allowed_in(lane);
                    let possible = allowed.is_empty() || allowed[wanted as usize];
                    let first = || allowed.iter().position(|allowed| *allowed).unwrap_or(0) as u32;
                    *choice = if possible { wanted } else { first() };
                }
            }
            Self::Settings(settings) => {
                let rows = decisions.values.chunks_exact_mut(settings.len());
                rows.for_each(|row| row.copy_from_slice(settings));
            }
        }
    }
}

impl Trial {
    /// Whether the preferred behaviour is clearly paid more.
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
            "in {window} {prefer} is paid {} and {over} {}, a difference of {} [{}, {}]; by term: {}",
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
        let verdict = if interval.high < 0.0 {
            format!("the reward prefers {over}")
        } else if interval.low == 0.0 && interval.high == 0.0 {
            "the reward makes no difference".to_owned()
        } else {
            "the interval holds 0: more episodes, or a clearer reward".to_owned()
        };
        Finding::fail("reward test", format!("\"{name}\" does not hold, {verdict}: {figures}"))
    }

    /// What each term adds to the difference, the greatest first.
    fn shares(&self) -> String {
        let mut shares: Vec<(&str, f64)> =
            self.terms.iter().map(|(name, [preferred, other])| (name.as_str(), preferred - other)).collect();
        shares.sort_by(|(_, a), (_, b)| b.abs().total_cmp(&a.abs()));
        let sign = |share: f64| if share > 0.0 { "+" } else { "" };
        let words = |(name, share): &(&str, f64)| format!("{name} {}{}", sign(*share), number(*share));
        shares.iter().map(words).collect::<Vec<_>>().join(", ")
    }
}
