//! Statistics over the episodes of a training: moving and best returns, for the progress line, the log and early stops.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};
use setpoint_statistics::WINDOW;

use setpoint_evidence::environments::Episode;

/// Running statistics over a training's episodes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(from = "StoredEpisodes", into = "StoredEpisodes")]
pub struct EpisodeStatistics {
    /// Episodes finished.
    pub count: u64,
    /// Greatest moving return so far, after [`WINDOW`] episodes.
    pub best: Option<f64>,
    recent: VecDeque<f64>,
    /// Episodes since the last log line.
    since: Vec<Episode>,
}

/// The statistics as a checkpoint of format 2 contains them: the order of the fields is the format.
#[derive(Serialize, Deserialize)]
pub(crate) struct StoredEpisodes {
    count: u64,
    best: Option<f64>,
    recent: Vec<f64>,
    /// Return, steps, and the training's steps at the end of each.
    since: Vec<(f64, u32, u64)>,
}

impl From<EpisodeStatistics> for StoredEpisodes {
    fn from(statistics: EpisodeStatistics) -> Self {
        let episode = |episode: &Episode| (episode.episode_return, episode.steps, episode.ended_at);
        Self {
            count: statistics.count,
            best: statistics.best,
            recent: statistics.recent.into(),
            since: statistics.since.iter().map(episode).collect(),
        }
    }
}

impl From<StoredEpisodes> for EpisodeStatistics {
    fn from(stored: StoredEpisodes) -> Self {
        let episode = |(episode_return, steps, ended_at)| Episode { episode_return, steps, ended_at };
        Self {
            count: stored.count,
            best: stored.best,
            recent: stored.recent.into(),
            since: stored.since.into_iter().map(episode).collect(),
        }
    }
}

/// Statistics over the episodes since the last log line.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Stretch {
    /// Mean return.
    pub mean: f64,
    /// Least return.
    pub min: f64,
    /// Greatest return.
    pub max: f64,
    /// Population standard deviation of the returns.
    pub sd: f64,
    /// Mean length in steps.
    pub steps_mean: f64,
}

impl EpisodeStatistics {
    /// Adds a finished episode.
    pub fn add(&mut self, episode: Episode) {
        self.count += 1;
        if self.recent.len() == WINDOW {
            self.recent.pop_front();
        }
        self.recent.push_back(episode.episode_return);
        self.since.push(episode);
        if self.recent.len() == WINDOW {
            let moving = self.moving().unwrap_or(f64::NEG_INFINITY);
            self.best = Some(self.best.map_or(moving, |best| best.max(moving)));
        }
    }

    /// Mean return of the last [`WINDOW`] episodes (of all, if there are fewer).
    pub fn moving(&self) -> Option<f64> {
        (!self.recent.is_empty()).then(|| self.recent.iter().sum::<f64>() / self.recent.len() as f64)
    }

    /// Whether the moving return covers a full window and has reached `target`.
    pub fn has_reached(&self, target: f64) -> bool {
        self.recent.len() == WINDOW && self.moving().is_some_and(|moving| moving >= target)
    }

    /// Statistics since the last call.
    pub fn take_stretch(&mut self) -> Option<Stretch> {
        let episodes = std::mem::take(&mut self.since);
        if episodes.is_empty() {
            return None;
        }
        let n = episodes.len() as f64;
        let returns = || episodes.iter().map(|episode| episode.episode_return);
        let mean = returns().sum::<f64>() / n;
        Some(Stretch {
            mean,
            min: returns().fold(f64::INFINITY, f64::min),
            max: returns().fold(f64::NEG_INFINITY, f64::max),
            sd: (returns().map(|value| (value - mean).powi(2)).sum::<f64>() / n).sqrt(),
            steps_mean: episodes.iter().map(|episode| f64::from(episode.steps)).sum::<f64>() / n,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_moving_return_covers_the_last_hundred_and_best_waits_for_them() {
        let mut statistics = EpisodeStatistics::default();
        assert_eq!(statistics.moving(), None);
        for value in 0..150 {
            assert!(!statistics.has_reached(1e9));
            assert_eq!(statistics.best.is_some(), value >= 100);
            statistics.add(Episode { episode_return: f64::from(value), steps: 7, ended_at: 0 });
        }
        assert_eq!(statistics.moving(), Some((50.0 + 149.0) / 2.0));
        assert!(statistics.has_reached(99.5) && !statistics.has_reached(99.6));
        let stretch = statistics.take_stretch().unwrap();
        assert_eq!((stretch.min, stretch.max, stretch.mean, stretch.steps_mean), (0.0, 149.0, 74.5, 7.0));
        assert_eq!(statistics.take_stretch(), None);
    }
}
