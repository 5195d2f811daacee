//! A log of decisions as everything that learns or judges from it takes it.

use std::ops::Range;

use setpoint_decision::spec::Spec;

use crate::table::Format;

/// Recorded decisions, episode by episode, each in the order in which it was taken. What the log does not say is NaN.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Log {
    /// Numbers of an observation.
    pub features: usize,
    /// Numbers of an action: 1 for a choice, one an axis for settings.
    pub width: usize,
    /// Signals of the process, whether the log has them or not.
    pub signals_per_row: usize,
    /// `[rows, features]`: what the policy saw when it decided, in the order and scale of the spec.
    pub observations: Vec<f32>,
    /// `[rows, width]`: the index of the choice, or one value an axis in its unit.
    pub actions: Vec<f32>,
    /// `[rows]`: what was paid for the action.
    pub rewards: Vec<f64>,
    /// `[rows, signals]` of the step that the action led to, in the order of the spec.
    pub signals: Vec<f32>,
    /// `[rows]`: the probability (of settings: the density) with which the logging policy took its action.
    pub probabilities: Vec<f64>,
    /// `[rows]`: the line (of a Parquet file the row) in the file, from 1, for messages; 0 where there is no file.
    pub lines: Vec<u64>,
    /// What the file is written in; `None` where there is none.
    pub format: Option<Format>,
    /// Which rows belong together, in the order of the file.
    pub episodes: Vec<LoggedEpisode>,
}

/// Consecutive rows that one episode consists of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoggedEpisode {
    /// Its rows.
    pub rows: Range<usize>,
    /// Whether it came to an end of the process's own after its last row; `None` where the log does not say.
    pub terminated: Option<bool>,
}

/// The step between two neighbouring numbers of a log, in the numbers that [`Log`] holds; 0 where none is known.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Resolution {
    /// One a feature.
    pub features: Vec<f64>,
    /// One a signal.
    pub signals: Vec<f64>,
    /// Of the reward.
    pub reward: f64,
}

impl Log {
    /// Without rows, of a process.
    pub fn new(spec: &Spec) -> Self {
        Self {
            features: spec.observation.len(),
            width: if spec.action.is_discrete() { 1 } else { spec.action.len() },
            signals_per_row: spec.signals.len(),
            ..Self::default()
        }
    }

    /// Decisions.
    pub fn rows(&self) -> usize {
        self.rewards.len()
    }

    /// What the policy saw in a row.
    pub fn observation(&self, row: usize) -> &[f32] {
        &self.observations[row * self.features..(row + 1) * self.features]
    }

    /// What was done in a row.
    pub fn action(&self, row: usize) -> &[f32] {
        &self.actions[row * self.width..(row + 1) * self.width]
    }

    /// The choice that was taken in a row of a process with choices.
    pub fn choice(&self, row: usize) -> usize {
        self.actions[row * self.width] as usize
    }

    /// What the step that a row's action led to measured.
    pub fn signals(&self, row: usize) -> &[f32] {
        &self.signals[row * self.signals_per_row..(row + 1) * self.signals_per_row]
    }

    /// Adds an episode of another log of the same process.
    pub fn append_episode(&mut self, other: &Self, episode: &LoggedEpisode) {
        let rows = episode.rows.clone();
        let begin = self.rows();
        let span = |width: usize| rows.start * width..rows.end * width;
        self.observations.extend_from_slice(&other.observations[span(self.features)]);
        self.actions.extend_from_slice(&other.actions[span(self.width)]);
        self.signals.extend_from_slice(&other.signals[span(self.signals_per_row)]);
        self.rewards.extend_from_slice(&other.rewards[rows.clone()]);
        self.probabilities.extend_from_slice(&other.probabilities[rows.clone()]);
        self.lines.extend_from_slice(&other.lines[rows]);
        self.format = self.format.or(other.format);
        self.episodes.push(LoggedEpisode { rows: begin..self.rows(), terminated: episode.terminated });
    }

    /// These episodes alone, in this order; one may be named several times (a resampled log).
    pub fn select(&self, episodes: impl IntoIterator<Item = usize>) -> Self {
        let mut selected = Self {
            features: self.features,
            width: self.width,
            signals_per_row: self.signals_per_row,
            ..Self::default()
        };
        for index in episodes {
            selected.append_episode(self, &self.episodes[index]);
        }
        selected
    }
}
