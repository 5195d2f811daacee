//! A log with the probabilities of a policy: the rewards of each episode's first steps, and the ratio of the policy's
//! probability to the logging policy's.

use std::ops::Range;

use setpoint_decision::Diagnostic;
use setpoint_log::log::Log;
use setpoint_process::State;

use super::Settings;
use crate::action_distribution::ActionDistribution;
use crate::decision::Decision;
use crate::logs::{ended, place, signals_at_decision};

/// Episodes cut to the steps that count.
pub struct Trajectories {
    /// Steps that count.
    pub horizon: usize,
    /// Discount per step.
    pub gamma: f64,
    /// Choices.
    pub choices: usize,
    /// Rows of each episode that count, at most `horizon`.
    pub episodes: Vec<Range<usize>>,
    /// `[rows]` of the whole log.
    pub rewards: Vec<f64>,
    /// `[rows, choices]` of the whole log: the policy's probability of each choice.
    pub target: Vec<f64>,
    /// `[rows]` π(a|s) / b(a|s) of the logged action.
    pub ratios: Vec<f64>,
    /// `[rows]` the row that follows in the same episode.
    pub next: Vec<Next>,
    /// Warnings about the log.
    pub notes: Vec<String>,
}

/// The successor of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// The next row.
    Row(usize),
    /// The episode ended by itself: no more reward follows.
    End,
    /// The log stops: the rest is unknown.
    Unknown,
}

impl Trajectories {
    /// Computes the policy's probabilities in every row.
    pub fn new(
        decision: &Decision,
        log: &Log,
        target: &mut ActionDistribution<'_>,
        behaviour: &[f64],
        settings: &Settings,
    ) -> Result<Self, Box<Diagnostic>> {
        let spec = decision.spec();
        let longest = log.episodes.iter().map(|episode| episode.rows.len()).max().unwrap_or(0);
        let horizon = settings.steps.unwrap_or(longest);
        if horizon == 0 || horizon > longest {
            return Err(Diagnostic::without_origin(
                format!(
                    "the log cannot judge {horizon} steps of an episode: its longest episode has {longest}"
                ),
                format!("give 1 to {longest}"),
            ));
        }
        if let Some(row) = log.rewards.iter().position(|reward| !reward.is_finite()) {
            return Err(Diagnostic::without_origin(
                format!("{} has no reward", place(log, row)),
                "every row needs a reward",
            ));
        }
        let (rows, choices) = (log.rows(), spec.action.len());
        let mut trajectories = Self {
            horizon,
            gamma: settings.gamma,
            choices,
            episodes: Vec::with_capacity(log.episodes.len()),
            rewards: log.rewards.clone(),
            target: vec![0.0; rows * choices],
            ratios: vec![0.0; rows],
            next: vec![Next::Unknown; rows],
            notes: Vec::new(),
        };
        trajectories.ask(decision, log, target, behaviour);
        let mut cut_short = 0;
        for (episode, has_ended) in log.episodes.iter().zip(ended(log)) {
            let last = if has_ended { Next::End } else { Next::Unknown };
            for row in episode.rows.clone() {
                trajectories.next[row] = if row + 1 < episode.rows.end { Next::Row(row + 1) } else { last };
            }
            cut_short += u32::from(episode.rows.len() < horizon && !has_ended);
            let end = episode.rows.end.min(episode.rows.start + horizon);
            trajectories.episodes.push(episode.rows.start..end);
        }
        trajectories.note(log, cut_short);
        Ok(trajectories)
    }

    /// The policy's probabilities in every row, and their ratio to the probability of the logged action.
    fn ask(
        &mut self,
        decision: &Decision,
        log: &Log,
        target: &mut ActionDistribution<'_>,
        behaviour: &[f64],
    ) {
        let (spec, choices) = (decision.spec(), self.choices);
        let constraints = decision.constraints();
        let mut signals = vec![0.0; spec.signals.len()];
        let mut allowed = vec![true; if constraints.is_empty() { 0 } else { choices }];
        for episode in &log.episodes {
            for row in episode.rows.clone() {
                signals_at_decision(spec, log, row, row == episode.rows.start, &mut signals);
                if !allowed.is_empty() {
                    constraints.mask(log.observation(row), &signals, &mut allowed);
                }
                let state = State { observation: log.observation(row), signals: &signals, allowed: &allowed };
                let own = &mut self.target[row * choices..(row + 1) * choices];
                target.probabilities(&state, own);
                self.ratios[row] = own[log.choice(row)] / behaviour[row];
            }
        }
    }

    /// Warns of episodes whose end is unknown.
    fn note(&mut self, log: &Log, cut_short: u32) {
        let horizon = self.horizon;
        if cut_short > 0 {
            self.notes.push(format!(
                "{cut_short} of {} episodes stop before step {horizon} without an end: their later rewards \
                 count as 0; fewer --steps avoid that",
                log.episodes.len()
            ));
        }
        if log.episodes.iter().any(|episode| episode.terminated.is_none()) {
            self.notes.push(
                "the log does not state which episodes ended by themselves: every episode shorter than the longest counts \
                 as ended"
                    .to_owned(),
            );
        }
    }

    /// Σ γᵗ f(row, reward) over an episode's steps.
    pub fn sum(&self, episode: usize, mut f: impl FnMut(usize, f64) -> f64) -> f64 {
        let mut discount = 1.0;
        let mut sum = 0.0;
        for row in self.episodes[episode].clone() {
            sum += discount * f(row, self.rewards[row]);
            discount *= self.gamma;
        }
        sum
    }

    /// `[episodes]` Π π/b of the steps up to one and with it; an episode that is over keeps its last.
    pub fn weights_at(&self, step: usize) -> Vec<f64> {
        let product = |rows: &Range<usize>| -> f64 {
            self.ratios[rows.start..rows.end.min(rows.start + step + 1)].iter().product()
        };
        self.episodes.iter().map(product).collect()
    }

    /// `[horizon, episodes]`: [`Trajectories::weights_at`] of every step.
    pub fn weights(&self) -> Vec<f64> {
        let n = self.episodes.len();
        let mut weights = vec![1.0; self.horizon * n];
        for (index, rows) in self.episodes.iter().enumerate() {
            let mut product = 1.0;
            for step in 0..self.horizon {
                if rows.start + step < rows.end {
                    product *= self.ratios[rows.start + step];
                }
                weights[step * n + index] = product;
            }
        }
        weights
    }

    /// Σ π(a|s) f(a) of a row.
    pub fn expect(&self, row: usize, mut f: impl FnMut(usize) -> f64) -> f64 {
        let target = &self.target[row * self.choices..(row + 1) * self.choices];
        target
            .iter()
            .enumerate()
            .filter(|(_, share)| **share > 0.0)
            .map(|(choice, share)| share * f(choice))
            .sum()
    }
}
