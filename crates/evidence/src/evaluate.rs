//! Evaluation: the policy against each baseline on the same seeds, with intervals.

use std::sync::atomic::{AtomicBool, Ordering};

use serde::{Deserialize, Serialize};
use setpoint_decision::constraint::Constraint;
use setpoint_decision::spec::Aggregate;
use setpoint_guard::constraints::{ConstraintSet, Standing, Taken};
use setpoint_policy::Policy;
use setpoint_process::process::{Action, Outcome};
use setpoint_random::Stream;

use crate::deciders::{self, POLICY, heuristic_named};
use crate::decision::Decision;
use crate::error::PlayError;
use crate::evidence_file::{self, Hashes};
use crate::player::{Observer, Player, Step};
use setpoint_files::run_folder::RunFolder;
use setpoint_statistics::{Interval, Summary, bootstrap, mean, probability_of_improvement, ratio};

/// A policy and its baselines, measured: `evidence/evaluation.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Evaluation {
    /// `decision.name`
    pub project: String,
    /// `process.kind`
    pub process: String,
    /// Episodes of each seed.
    pub episodes_per_seed: u64,
    /// The seeds of all of them.
    pub seeds: Vec<u64>,
    /// Whether the policy took its most probable action.
    pub deterministic: bool,
    /// The policy.
    pub policy: Subject,
    /// The baselines.
    pub baselines: Vec<Subject>,
    /// Policy against each baseline, in their order.
    pub comparisons: Vec<Comparison>,
}

/// One policy or baseline, measured.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Subject {
    /// `policy`, `random`, `heuristic`
    pub name: String,
    /// Its description.
    pub description: String,
    /// Reward per step; the interval resamples whole episodes.
    pub reward_per_step: Summary,
    /// Return of an episode.
    pub episode_return: Summary,
    /// Steps of an episode.
    pub episode_steps: Summary,
    /// Episodes that terminated (rather than being truncated), in percent.
    #[serde(deserialize_with = "setpoint_statistics::stored::figures")]
    pub terminated_percent: f64,
    /// Every signal of the process.
    pub signals: Vec<SignalSummary>,
    /// Every term of the reward.
    pub reward_terms: Vec<TermSummary>,
    /// The share of each choice, or the mean of each axis.
    pub actions: Vec<ActionShare>,
    /// The share of decisions with each constraint active.
    pub constraints: Vec<ConstraintHits>,
    /// Reward per step of each seed.
    #[serde(deserialize_with = "setpoint_statistics::stored::figures")]
    pub reward_per_step_by_seed: Vec<f64>,
}

/// A signal over all steps.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SignalSummary {
    /// Its name.
    pub name: String,
    /// Unit of the figures; `%` for shares.
    pub unit: String,
    /// Whether it is a mean or a share.
    pub aggregate: Aggregate,
    /// Mean over steps (for shares, in percent of steps; for totals, over episodes).
    #[serde(deserialize_with = "setpoint_statistics::stored::figures")]
    pub mean: f64,
    /// 95 % interval; whole episodes are resampled.
    pub interval: Interval,
}

/// A reward term over all steps.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TermSummary {
    /// Signal or event.
    pub name: String,
    /// Reward per unit of the signal, or per event.
    #[serde(deserialize_with = "setpoint_statistics::stored::figures")]
    pub weight: f64,
    /// Mean per step.
    #[serde(deserialize_with = "setpoint_statistics::stored::figures")]
    pub per_step: f64,
    /// Mean per episode.
    #[serde(deserialize_with = "setpoint_statistics::stored::figures")]
    pub per_episode: f64,
}

/// The use of an action.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ActionShare {
    /// Choice or axis.
    pub name: String,
    /// Share of decisions, for a choice.
    pub percent: Option<f64>,
    /// Mean value in its unit, for an axis: of the values that were taken, after the constraints and the process' rounding.
    pub mean: Option<f64>,
}

/// The activity of a constraint.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ConstraintHits {
    /// The constraint as text.
    pub constraint: String,
    /// Share of decisions, in percent.
    #[serde(deserialize_with = "setpoint_statistics::stored::figures")]
    pub decisions_percent: f64,
    /// Share of decisions that broke it while it was active, in percent; evidence before 2026-11-30 does not have it.
    #[serde(default)]
    pub broken_percent: Option<f64>,
}

/// Whether the policy or a baseline broke a constraint, by its index.
pub fn breaks(evaluation: &Evaluation, constraint: usize) -> bool {
    let subjects = std::iter::once(&evaluation.policy).chain(&evaluation.baselines);
    subjects
        .filter_map(|subject| subject.constraints.get(constraint)?.broken_percent)
        .any(|broken| broken > 0.0)
}

/// The policy against one baseline. The same seeds are resampled on both sides.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Comparison {
    /// The baseline.
    pub baseline: String,
    /// Reward per step, policy minus baseline.
    #[serde(deserialize_with = "setpoint_statistics::stored::figures")]
    pub difference_per_step: f64,
    /// Its 95 % interval.
    pub difference_interval: Interval,
    /// The difference in percent of the baseline's reward per step; absent if that is 0.
    pub lift_percent: Option<f64>,
    /// Its 95 % interval.
    pub lift_interval_percent: Option<Interval>,
    /// Probability that an episode of the policy returns more than an episode of the baseline, in [0, 1].
    #[serde(deserialize_with = "setpoint_statistics::stored::figures")]
    pub probability_of_improvement: f64,
    /// Its 95 % interval.
    pub probability_interval: Interval,
}

/// Everything of one subject's episodes.
struct Episodes<'a> {
    /// Set to stop the episodes before their ends.
    stop: Option<&'a AtomicBool>,
    /// Whether a request to stop ended an episode.
    is_interrupted: bool,
    /// To count the decisions at which each constraint was active, or broken.
    active: ConstraintSet,
    /// The episode of lane 0; the other lanes follow.
    first: usize,
    returns: Vec<f64>,
    steps: Vec<f64>,
    terminated: Vec<bool>,
    /// `[episodes, signals]` sums.
    signals: Vec<f64>,
    terms: Vec<f64>,
    actions: Vec<f64>,
    constraints: Vec<u64>,
    broken: Vec<u64>,
    rewards: Vec<f64>,
}

/// Evaluates with [`evaluate_unless_stopped`] and stores the evidence in the run; `resolved` is the project's text.
pub fn evaluate_into(
    decision: &Decision,
    resolved: &str,
    policy: &Policy,
    seeds: u64,
    folder: &RunFolder,
    stop: Option<&AtomicBool>,
) -> Result<Evaluation, PlayError> {
    let evaluation = evaluate_unless_stopped(decision, policy, seeds, stop)?;
    let hashes = Hashes::of(decision, resolved)?.policy(POLICY, policy);
    evidence_file::write(&folder.evidence("evaluation"), &hashes, &evaluation)?;
    Ok(evaluation)
}

/// Evaluates a policy and the project's baselines over `seeds` seeds.
pub fn evaluate(decision: &Decision, policy: &Policy, seeds: u64) -> Result<Evaluation, PlayError> {
    evaluate_unless_stopped(decision, policy, seeds, None)
}

/// The same, but after a request to stop it ends within one step of the environments, with [`PlayError::Interrupted`].
pub fn evaluate_unless_stopped(
    decision: &Decision,
    policy: &Policy,
    seeds: u64,
    stop: Option<&AtomicBool>,
) -> Result<Evaluation, PlayError> {
    let settings = &decision.project.evaluate;
    let seeds: Vec<u64> = (settings.seed..settings.seed + seeds.max(1)).collect();
    let lanes = settings.episodes as usize;
    let play = |name: &str| -> Result<Option<Episodes<'_>>, PlayError> {
        let mut episodes = Episodes::new(decision, stop);
        for seed in &seeds {
            if !episodes.play(decision, (name, policy), lanes, *seed)? {
                return Ok(None);
            }
        }
        Ok(Some(episodes))
    };
    let deterministic = settings.deterministic;
    let own = play(POLICY)?.expect("a policy always plays");
    let how = if deterministic { "its most probable action" } else { "actions drawn from its distribution" };
    let description = format!("{} after {} steps, {how}", policy.manifest.algorithm, policy.manifest.steps);
    let mut evaluation = Evaluation {
        project: decision.project.charter.name.clone(),
        process: decision.spec().kind.clone(),
        episodes_per_seed: lanes as u64,
        deterministic,
        policy: own.summarize(decision, POLICY, &description, seeds.len()),
        baselines: Vec::new(),
        comparisons: Vec::new(),
        seeds: seeds.clone(),
    };
    for name in &settings.baselines {
        let Some(episodes) = play(name)? else { continue };
        let description = match heuristic_named(decision.factory.heuristics(), name) {
            Some(heuristic) => format!("{}: {}", heuristic.name, heuristic.description),
            None => "a uniformly random allowed action".to_owned(),
        };
        evaluation.baselines.push(episodes.summarize(decision, name, &description, seeds.len()));
        evaluation.comparisons.push(own.compare(&episodes, name, settings.seed));
    }
    Ok(evaluation)
}

/// Returns of one episode in each of `lanes` environments. After a request to stop it ends within one step of the
/// environments, with [`PlayError::Interrupted`].
pub fn returns(
    decision: &Decision,
    policy: &Policy,
    seed: u64,
    lanes: usize,
    stop: Option<&AtomicBool>,
) -> Result<Vec<f64>, PlayError> {
    let mut episodes = Episodes::new(decision, stop);
    episodes.play(decision, (POLICY, policy), lanes, seed)?;
    Ok(episodes.returns)
}

impl<'a> Episodes<'a> {
    fn new(decision: &Decision, stop: Option<&'a AtomicBool>) -> Self {
        let active = decision.constraints();
        Self {
            stop,
            is_interrupted: false,
            first: 0,
            returns: Vec::new(),
            steps: Vec::new(),
            terminated: Vec::new(),
            signals: Vec::new(),
            terms: Vec::new(),
            actions: vec![0.0; decision.spec().action.len()],
            constraints: vec![0; active.len()],
            broken: vec![0; active.len()],
            rewards: Vec::new(),
            active,
        }
    }

    fn is_stopped(&self) -> bool {
        self.stop.is_some_and(|stop| stop.load(Ordering::Relaxed))
    }

    /// Plays one episode in each of `lanes` environments; `false` if the process has no decider of that name.
    fn play(
        &mut self,
        decision: &Decision,
        (name, policy): (&str, &Policy),
        lanes: usize,
        seed: u64,
    ) -> Result<bool, PlayError> {
        let Some(mut decider) = deciders::named(name, decision, policy, seed, lanes) else {
            return Ok(false);
        };
        // The start of the environments may be slow too.
        if self.is_stopped() {
            return Err(PlayError::Interrupted);
        }
        let mut player = Player::new(decision, lanes, seed, "evaluation")?;
        self.first = self.returns.len();
        self.returns.resize(self.first + lanes, 0.0);
        self.steps.resize(self.first + lanes, 0.0);
        self.terminated.resize(self.first + lanes, false);
        self.signals.resize((self.first + lanes) * decision.spec().signals.len(), 0.0);
        self.terms.resize(player.term_names().len(), 0.0);
        player.play(&mut decider, self)?;
        if self.is_interrupted { Err(PlayError::Interrupted) } else { Ok(true) }
    }

    fn summarize(&self, decision: &Decision, name: &str, description: &str, seeds: usize) -> Subject {
        let spec = decision.spec();
        let mut random = Stream::new(decision.project.evaluate.seed, "bootstrap", 0);
        let n = self.returns.len();
        let total_steps: f64 = self.steps.iter().sum();
        let signal_count = spec.signals.len();
        let per_step = bootstrap(n, &mut random, |indices| ratio(&self.returns, &self.steps, indices));
        let ones = vec![1.0; n];
        let signals = spec.signals.iter().enumerate().map(|(index, signal)| {
            let sums: Vec<f64> = self.signals.iter().skip(index).step_by(signal_count).copied().collect();
            let scale = if signal.aggregate == Aggregate::Share { 100.0 } else { 1.0 };
            // A total is a mean over episodes, everything else over steps.
            let weights = if signal.aggregate == Aggregate::Total { &ones } else { &self.steps };
            let interval = bootstrap(n, &mut random, |indices| scale * ratio(&sums, weights, indices));
            SignalSummary {
                name: signal.name.clone(),
                unit: if signal.aggregate == Aggregate::Share { "%".to_owned() } else { signal.unit.clone() },
                aggregate: signal.aggregate,
                mean: scale * sums.iter().sum::<f64>() / weights.iter().sum::<f64>(),
                interval,
            }
        });
        let signals = signals.collect();
        let reward = setpoint_process::reward::RewardFunction::new(&decision.project.reward, spec);
        let terms = reward.names().iter().zip(reward.weights()).zip(&self.terms);
        let discrete = spec.action.is_discrete();
        let action = |(name, sum): (&str, &f64)| ActionShare {
            name: name.to_owned(),
            percent: discrete.then_some(100.0 * sum / total_steps),
            mean: (!discrete).then_some(sum / total_steps),
        };
        let constraint = |((constraint, hits), broken): ((&Constraint, &u64), &u64)| ConstraintHits {
            constraint: constraint.to_string(),
            decisions_percent: 100.0 * *hits as f64 / total_steps,
            broken_percent: Some(100.0 * *broken as f64 / total_steps),
        };
        let constraints = decision.project.constraints.iter().zip(&self.constraints).zip(&self.broken);
        let per_seed = n / seeds;
        let seed_mean = |seed: usize| {
            let indices: Vec<usize> = (seed * per_seed..(seed + 1) * per_seed).collect();
            ratio(&self.returns, &self.steps, &indices)
        };
        Subject {
            name: name.to_owned(),
            description: description.to_owned(),
            reward_per_step: Summary::with_interval(&self.rewards, per_step),
            episode_return: Summary::of(&self.returns, &mut random),
            episode_steps: Summary::of(&self.steps, &mut random),
            terminated_percent: 100.0 * mean(self.terminated.iter().map(|over| f64::from(u8::from(*over)))),
            signals,
            reward_terms: terms
                .map(|((name, weight), sum)| TermSummary {
                    name: name.clone(),
                    weight: *weight,
                    per_step: sum / total_steps,
                    per_episode: sum / n as f64,
                })
                .collect(),
            actions: spec.action.names().into_iter().zip(&self.actions).map(action).collect(),
            constraints: constraints.map(constraint).collect(),
            reward_per_step_by_seed: (0..seeds).map(seed_mean).collect(),
        }
    }

    /// Against a baseline on the same seeds.
    fn compare(&self, other: &Self, name: &str, seed: u64) -> Comparison {
        let mut random = Stream::new(seed, "bootstrap comparison", 0);
        let n = self.returns.len();
        let all: Vec<usize> = (0..n).collect();
        let own = |indices: &[usize]| ratio(&self.returns, &self.steps, indices);
        let their = |indices: &[usize]| ratio(&other.returns, &other.steps, indices);
        let difference = |indices: &[usize]| own(indices) - their(indices);
        // In percent of the baseline's magnitude: a baseline may be negative.
        let lift = |indices: &[usize]| 100.0 * difference(indices) / their(indices).abs();
        let difference_interval = bootstrap(n, &mut random, difference);
        let lift_interval = bootstrap(n, &mut random, lift);
        let lift_percent = Some(lift(&all)).filter(|percent| percent.is_finite());
        let chances = |indices: &[usize]| {
            let pick = |values: &[f64]| indices.iter().map(|index| values[*index]).collect::<Vec<_>>();
            probability_of_improvement(&pick(&self.returns), &pick(&other.returns))
        };
        Comparison {
            baseline: name.to_owned(),
            difference_per_step: difference(&all),
            difference_interval,
            lift_percent,
            lift_interval_percent: lift_percent.map(|_| lift_interval),
            probability_of_improvement: probability_of_improvement(&self.returns, &other.returns),
            probability_interval: bootstrap(n, &mut random, chances),
        }
    }
}

impl Observer for Episodes<'_> {
    fn observe(&mut self, step: &Step<'_>) -> bool {
        let episode = self.first + step.lane;
        let taken = match step.action {
            Action::Discrete(choice) => Taken::Choice(choice),
            Action::Continuous(settings) => Taken::Settings(settings),
        };
        let standings = self.active.standings(step.state.observation, step.state.signals, taken);
        for ((active, broken), standing) in self.constraints.iter_mut().zip(&mut self.broken).zip(standings) {
            *active += u64::from(standing != Standing::Idle);
            *broken += u64::from(standing == Standing::Broken);
        }
        self.returns[episode] += step.reward;
        self.steps[episode] += 1.0;
        self.rewards.push(step.reward);
        self.terms.iter_mut().zip(step.terms).for_each(|(sum, term)| *sum += term);
        let sums = &mut self.signals[episode * step.signals.len()..(episode + 1) * step.signals.len()];
        sums.iter_mut().zip(step.signals).for_each(|(sum, signal)| *sum += f64::from(*signal));
        match step.action {
            Action::Discrete(choice) => self.actions[choice] += 1.0,
            Action::Continuous(settings) => {
                let taken = self.actions.iter_mut().zip(settings);
                taken.for_each(|(sum, value)| *sum += f64::from(*value));
            }
        }
        self.terminated[episode] = step.outcome == Outcome::Terminated;
        if step.outcome.is_over() {
            return false;
        }
        self.is_interrupted |= self.is_stopped();
        !self.is_interrupted
    }
}
