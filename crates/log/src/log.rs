//! A log of decisions, for learning and evaluation.

use std::ops::Range;

use setpoint_decision::spec::Spec;

use crate::table::Format;

/// Recorded decisions, episode by episode, each in the order of time. Missing values are NaN.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Log {
    /// Numbers of an observation.
    pub features: usize,
    /// Numbers of an action: 1 for a choice, one per axis for settings.
    pub width: usize,
    /// Signals of the process, whether the log has them or not.
    pub signals_per_row: usize,
    /// `[rows, features]`: the observation before the decision, in the order and scale of the spec.
    pub observations: Vec<f32>,
    /// `[rows, width]`: the index of the choice, or one value per axis in its unit.
    pub actions: Vec<f32>,
    /// `[rows]`: the reward of the action.
    pub rewards: Vec<f64>,
    /// `[rows, signals]` of the step after the action, in the order of the spec.
    pub signals: Vec<f32>,
    /// `[rows]`: the probability (for settings: the density) with which the logging policy took its action.
    pub probabilities: Vec<f64>,
    /// `[rows]`: the line (in a Parquet file the row), from 1, for messages; 0 if there is no file.
    pub lines: Vec<u64>,
    /// The format of the file; `None` if there is no file.
    pub format: Option<Format>,
    /// The episodes, in the order of the file.
    pub episodes: Vec<LoggedEpisode>,
}

/// The consecutive rows of one episode.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoggedEpisode {
    /// Its rows.
    pub rows: Range<usize>,
    /// Whether the process ended it after its last row; `None` if the log does not state it.
    pub terminated: Option<bool>,
}

/// The step between two neighbouring numbers of a log, in the numbers of [`Log`]; 0 if unknown.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Resolution {
    /// One per feature.
    pub features: Vec<f64>,
    /// One per signal.
    pub signals: Vec<f64>,
    /// Of the reward.
    pub reward: f64,
}

impl Log {
    /// A log of a process without rows.
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

    /// The observation of a row.
    pub fn observation(&self, row: usize) -> &[f32] {
        &self.observations[row * self.features..(row + 1) * self.features]
    }

    /// The action of a row.
    pub fn action(&self, row: usize) -> &[f32] {
        &self.actions[row * self.width..(row + 1) * self.width]
    }

    /// The choice of a row, for a process with choices.
    pub fn choice(&self, row: usize) -> usize {
        self.actions[row * self.width] as usize
    }

    /// The signals of the step after a row's action.
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

    /// Only these episodes, in this order; an episode may occur several times (a resampled log).
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
