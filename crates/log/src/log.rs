//! A log of decisions, for learning and evaluation.

use std::ops::Range;

use setpoint_decision::spec::Spec;

use crate::left_out::LeftOut;
use crate::table::Format;

/// Recorded decisions, episode by episode, each in the order of time. Missing values are NaN.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Log {
    /// Numbers of an observation.
    pub features: usize,
    /// Groups of choices.
    pub groups: usize,
    /// Numbers of an action: one for each group of choices, then one for each setting.
    pub width: usize,
    /// Signals of the process, whether the log has them or not.
    pub signals_per_row: usize,
    /// `[rows, features]`: the observation before the decision, in the order and scale of the spec.
    pub observations: Vec<f32>,
    /// `[rows, width]`: the index of the choice in each group, then the value of each setting in its unit.
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
    /// The rows that are not here, and why.
    pub left_out: LeftOut,
}

/// The consecutive rows of one episode.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LoggedEpisode {
    /// Its rows.
    pub rows: Range<usize>,
    /// Whether the process ended it after its last row; `None` if the log does not state it.
    pub terminated: Option<bool>,
    /// Whether rows of the episode before its first row were left out: it does not begin where an episode begins.
    pub continued: bool,
    /// Whether rows of the episode after its last row were left out: the rest is unknown, whatever its length.
    pub cut: bool,
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
            groups: spec.action.groups.len(),
            width: spec.action.width(),
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

    /// The choices of a row, one of each group.
    pub fn choices(&self, row: usize) -> impl Iterator<Item = u32> + '_ {
        self.action(row)[..self.groups].iter().map(|choice| *choice as u32)
    }

    /// The settings of a row, in their units.
    pub fn settings(&self, row: usize) -> &[f32] {
        &self.action(row)[self.groups..]
    }

    /// The choice of a row, for a process with one group of choices.
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
        self.episodes.push(LoggedEpisode { rows: begin..self.rows(), ..episode.clone() });
    }

    /// A log of the same process without rows.
    fn empty(&self) -> Self {
        Self {
            features: self.features,
            groups: self.groups,
            width: self.width,
            signals_per_row: self.signals_per_row,
            format: self.format,
            left_out: self.left_out.clone(),
            ..Self::default()
        }
    }

    /// Whether a row has its whole observation, and its reward if the log has rewards.
    pub fn is_whole(&self, row: usize, has_rewards: bool) -> bool {
        self.observation(row).iter().all(|value| value.is_finite())
            && (!has_rewards || (self.rewards[row] as f32).is_finite())
    }

    /// Only the rows that are whole: an episode ends before a row that is not, and continues as a piece after it.
    pub fn without_holes(&self) -> Self {
        let has_rewards = self.rewards.iter().any(|reward| reward.is_finite());
        let mut whole = self.empty();
        for episode in &self.episodes {
            let mut rows = episode.rows.clone();
            while let Some(begin) = rows.clone().find(|row| self.is_whole(*row, has_rewards)) {
                let end = (begin..rows.end).find(|row| !self.is_whole(*row, has_rewards)).unwrap_or(rows.end);
                let is_last = end == episode.rows.end;
                let piece = LoggedEpisode {
                    rows: begin..end,
                    terminated: if is_last { episode.terminated } else { None },
                    continued: episode.continued || begin > episode.rows.start,
                    cut: episode.cut || !is_last,
                };
                whole.append_episode(self, &piece);
                rows.start = end;
            }
        }
        whole
    }

    /// Ranges of [`Log::episodes`] that are pieces of one episode of the plant.
    pub fn of_one_episode(&self) -> Vec<Range<usize>> {
        let mut groups: Vec<Range<usize>> = Vec::new();
        for (index, episode) in self.episodes.iter().enumerate() {
            match groups.last_mut() {
                // An episode that lacks its first row does not continue the episode before it.
                Some(group) if episode.continued && self.episodes[index - 1].cut => group.end = index + 1,
                _ => groups.push(index..index + 1),
            }
        }
        groups
    }

    /// Only these episodes, in this order; an episode may occur several times (a resampled log).
    pub fn select(&self, episodes: impl IntoIterator<Item = usize>) -> Self {
        let mut selected = self.empty();
        for index in episodes {
            selected.append_episode(self, &self.episodes[index]);
        }
        selected
    }
}
