//! The episodes of a policy or of a baseline: playing them, and the figures over them.

use std::sync::atomic::{AtomicBool, Ordering};

use setpoint_decision::constraint::Constraint;
use setpoint_decision::spec::{ActionSpace, Aggregate, Spec};
use setpoint_guard::constraints::{ConstraintSet, Standing, Taken};
use setpoint_policy::Policy;
use setpoint_process::process::{Action, Outcome};
use setpoint_random::Stream;
use setpoint_statistics::shares::share;
use setpoint_statistics::versus::Estimate;
use setpoint_statistics::{Summary, bootstrap, ratio};

use super::{ActionShare, ConstraintHits, SignalSummary, Subject, TermSummary};
use crate::deciders;
use crate::decision::Decision;
use crate::error::PlayError;
use crate::player::{Observer, Player, Step};

/// Everything of one subject's episodes.
pub(super) struct Episodes<'a> {
    /// The purpose of the processes' random streams.
    purpose: &'static str,
    /// Set to stop the episodes before their ends.
    stop: Option<&'a AtomicBool>,
    /// Whether a request to stop ended an episode.
    is_interrupted: bool,
    /// An environment in which the decider had no action.
    declined: Option<usize>,
    /// To count the decisions at which each constraint was active, or broken.
    active: ConstraintSet,
    /// The episode of lane 0; the other lanes follow.
    first: usize,
    pub(super) returns: Vec<f64>,
    pub(super) steps: Vec<f64>,
    pub(super) terminated: Vec<bool>,
    /// `[episodes, signals]` sums.
    pub(super) signals: Vec<f64>,
    terms: Vec<f64>,
    /// Decisions with each choice, then the sum of each setting.
    actions: Vec<f64>,
    action_space: ActionSpace,
    constraints: Vec<u64>,
    broken: Vec<u64>,
    rewards: Vec<f64>,
}

/// A signal over episodes: `scale` × Σ `sums` / Σ `weights`.
pub(super) struct Figure {
    /// `[episodes]`
    pub sums: Vec<f64>,
    /// `[episodes]`
    pub weights: Vec<f64>,
    /// 100 for a share in percent.
    pub scale: f64,
    /// Whether it is summed over an episode, so that it may be a yes or no for each episode.
    is_total: bool,
}

impl Figure {
    /// Over all episodes.
    pub fn mean(&self) -> f64 {
        self.scale * self.sums.iter().sum::<f64>() / self.weights.iter().sum::<f64>()
    }

    /// The answer of each episode, if the signal's total is 0 or 1 in every episode: then its mean is a share of episodes.
    pub fn answers(&self) -> Option<Vec<bool>> {
        let is_answer = |sum: &f64| *sum == 0.0 || *sum == 1.0;
        let are_answers = self.is_total && self.sums.iter().all(is_answer);
        are_answers.then(|| self.sums.iter().map(|sum| *sum == 1.0).collect())
    }
}

impl<'a> Episodes<'a> {
    pub(super) fn new(decision: &Decision, stop: Option<&'a AtomicBool>) -> Self {
        let active = decision.constraints();
        Self {
            purpose: "evaluation",
            stop,
            is_interrupted: false,
            declined: None,
            first: 0,
            returns: Vec::new(),
            steps: Vec::new(),
            terminated: Vec::new(),
            signals: Vec::new(),
            terms: Vec::new(),
            actions: vec![0.0; decision.spec().action.len()],
            action_space: decision.spec().action.clone(),
            constraints: vec![0; active.len()],
            broken: vec![0; active.len()],
            rewards: Vec::new(),
            active,
        }
    }

    /// With random streams of their own.
    pub(super) fn of_purpose(self, purpose: &'static str) -> Self {
        Self { purpose, ..self }
    }

    fn is_stopped(&self) -> bool {
        self.stop.is_some_and(|stop| stop.load(Ordering::Relaxed))
    }

    /// Plays one episode in each of `lanes` environments; `false` if the process has no decider of that name.
    pub(super) fn play(
        &mut self,
        decision: &Decision,
        (name, policy): (&str, &Policy),
        lanes: usize,
        seed: u64,
    ) -> Result<bool, PlayError> {
        let Some(mut decider) = deciders::named(name, decision, policy, seed, lanes)? else {
            return Ok(false);
        };
        // The start of the environments may be slow too.
        if self.is_stopped() {
            return Err(PlayError::Interrupted);
        }
        let mut player = Player::new(decision, lanes, seed, self.purpose)?;
        self.first = self.returns.len();
        self.returns.resize(self.first + lanes, 0.0);
        self.steps.resize(self.first + lanes, 0.0);
        self.terminated.resize(self.first + lanes, false);
        self.signals.resize((self.first + lanes) * decision.spec().signals.len(), 0.0);
        self.terms.resize(player.term_names().len(), 0.0);
        player.play(&mut decider, self)?;
        match self.declined {
            Some(lane) => Err(PlayError::NoAction { lane }),
            None if self.is_interrupted => Err(PlayError::Interrupted),
            None => Ok(true),
        }
    }

    /// The figure of a signal over all episodes; `None` if the process has no such signal.
    pub(super) fn signal(&self, spec: &Spec, name: &str) -> Option<f64> {
        let index = spec.signals.iter().position(|signal| signal.name == name)?;
        Some(self.figure(spec, index).mean())
    }

    /// A signal of the episodes, by its index.
    pub(super) fn figure(&self, spec: &Spec, index: usize) -> Figure {
        let aggregate = spec.signals[index].aggregate;
        Figure {
            sums: self.signals.iter().skip(index).step_by(spec.signals.len()).copied().collect(),
            // A total is a mean over episodes, everything else over steps.
            weights: match aggregate {
                Aggregate::Total => vec![1.0; self.returns.len()],
                Aggregate::Mean | Aggregate::Share => self.steps.clone(),
            },
            scale: if aggregate == Aggregate::Share { 100.0 } else { 1.0 },
            is_total: aggregate == Aggregate::Total,
        }
    }

    pub(super) fn summarize(
        &self,
        decision: &Decision,
        name: &str,
        description: &str,
        seeds: usize,
    ) -> Subject {
        let spec = decision.spec();
        let mut random = Stream::new(decision.project.evaluate.seed, "bootstrap", 0);
        let n = self.returns.len();
        let total_steps: f64 = self.steps.iter().sum();
        let per_step = bootstrap(n, &mut random, |indices| ratio(&self.returns, &self.steps, indices));
        let signals = spec.signals.iter().enumerate().map(|(index, signal)| {
            let figure = self.figure(spec, index);
            let Figure { sums, weights, scale, .. } = &figure;
            let interval = match figure.answers() {
                Some(answers) => share_of(&answers).interval,
                None => bootstrap(n, &mut random, |indices| scale * ratio(sums, weights, indices)),
            };
            SignalSummary {
                name: signal.name.clone(),
                unit: signal.summary_unit().to_owned(),
                aggregate: signal.aggregate,
                mean: figure.mean(),
                interval,
            }
        });
        let signals = signals.collect();
        let reward = setpoint_process::reward::RewardFunction::new(&decision.project.reward, spec);
        let terms = reward.names().iter().zip(reward.weights()).zip(&self.terms);
        let choices = spec.action.choice_count();
        let action = |(index, (name, sum)): (usize, (&str, &f64))| ActionShare {
            name: name.to_owned(),
            percent: (index < choices).then_some(100.0 * sum / total_steps),
            mean: (index >= choices).then_some(sum / total_steps),
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
            terminated_percent: 100.0 * share_of(&self.terminated).mean,
            signals,
            reward_terms: terms
                .map(|((name, weight), sum)| TermSummary {
                    name: name.clone(),
                    weight: *weight,
                    per_step: sum / total_steps,
                    per_episode: sum / n as f64,
                })
                .collect(),
            actions: spec.action.names().into_iter().zip(&self.actions).enumerate().map(action).collect(),
            constraints: constraints.map(constraint).collect(),
            reward_per_step_by_seed: (0..seeds).map(seed_mean).collect(),
        }
    }
}

/// The share of episodes whose answer is yes, in [0, 1].
fn share_of(answers: &[bool]) -> Estimate {
    share(answers.iter().filter(|answer| **answer).count() as u64, answers.len() as u64)
}

impl Observer for Episodes<'_> {
    fn declined(&mut self, lane: usize) {
        self.declined = Some(lane);
    }

    fn observe(&mut self, step: &Step<'_>) -> bool {
        let episode = self.first + step.lane;
        let Action { choices, settings } = step.action;
        let taken = Taken { choices, settings };
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
        self.action_space.places(choices).for_each(|place| self.actions[place] += 1.0);
        let first = self.actions.len() - settings.len();
        self.actions[first..].iter_mut().zip(settings).for_each(|(sum, value)| *sum += f64::from(*value));
        self.terminated[episode] = step.outcome == Outcome::Terminated;
        if step.outcome.is_over() {
            return false;
        }
        self.is_interrupted |= self.is_stopped();
        !self.is_interrupted
    }
}
