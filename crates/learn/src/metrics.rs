//! The lines of a run's `metrics.jsonl` and `episodes.csv`.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};

use setpoint_decision::spec::ActionSpace;
use setpoint_evidence::environments::Episode;
use setpoint_files::FileError;
use setpoint_statistics::Interval;

/// An evaluation during the training, on episodes of its own.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct TrainingEvaluation {
    /// Environment steps taken before it.
    pub steps: u64,
    /// Mean return of an episode.
    #[serde(deserialize_with = "setpoint_statistics::stored::figures")]
    pub return_mean: f64,
    /// 95 % interval of the mean.
    pub interval: Interval,
    /// The figure of the headline, where that is a signal; `None` too if the figure is no finite number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub headline: Option<f64>,
}

/// One line of `metrics.jsonl`: a training after one update (or several, see `train.log_every_updates`).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct MetricsLine {
    /// Updates done.
    pub update: u64,
    /// Environment steps taken.
    pub steps: u64,
    /// Training time, in s, over all sittings.
    pub wall_seconds: f64,
    /// Environment steps per second since the last line.
    pub steps_per_second: f64,
    /// Episodes finished.
    pub episodes: u64,
    /// Mean return of the episodes that finished since the last line.
    pub return_mean: Option<f64>,
    /// Least return of them.
    pub return_min: Option<f64>,
    /// Greatest return of them.
    pub return_max: Option<f64>,
    /// Standard deviation of their returns.
    pub return_sd: Option<f64>,
    /// Mean return of the last 100 episodes.
    pub return_mean_100: Option<f64>,
    /// Greatest `return_mean_100` so far.
    pub return_best: Option<f64>,
    /// Mean length in steps of the episodes since the last line.
    pub episode_steps_mean: Option<f64>,
    /// Mean of each reward term per step.
    pub reward_terms: BTreeMap<String, f64>,
    /// Share of each choice, or mean of each axis, in the order of the action space.
    pub action_distribution: Vec<f64>,
    /// Entropy of the choices' shares, in nats: 0 if the policy always takes one action; absent for continuous actions.
    pub action_entropy: Option<f64>,
    /// Share of decisions on which each constraint was active, in percent.
    pub constraint_hits_percent: Vec<f64>,
    /// Mean return of the last episodes of every level of the curriculum played so far.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub level_returns: BTreeMap<String, f64>,
    /// Evaluations since the last line; absent unless the project evaluates during its training.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub evaluations: Vec<TrainingEvaluation>,
    /// The algorithm's own figures: losses, entropy, `approximate_kl` …
    pub learner: BTreeMap<String, f64>,
}

/// Reads the complete lines of `metrics.jsonl`, without a last line that a kill cut short.
pub fn read_lines(path: &Path) -> Result<Vec<MetricsLine>, FileError> {
    let text = std::fs::read_to_string(path).map_err(FileError::on("read", path))?;
    Ok(text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect())
}

/// Reads the evaluations of a training from `metrics.jsonl`.
pub fn read_evaluations(path: &Path) -> Result<Vec<TrainingEvaluation>, FileError> {
    Ok(read_lines(path)?.into_iter().flat_map(|line| line.evaluations).collect())
}

/// The first line of `episodes.csv`.
pub const EPISODES_HEADER: &str = "steps,return,length";

/// One line of `episodes.csv`: environment steps of the whole training at its end, its return, its length.
pub fn episode_line(episode: &Episode) -> String {
    format!("{},{},{}", episode.ended_at, episode.episode_return, episode.steps)
}

/// Reads `episodes.csv`: (steps, return) of each episode.
pub fn read_episodes(path: &Path) -> Result<Vec<(u64, f64)>, FileError> {
    let text = std::fs::read_to_string(path).map_err(FileError::on("read", path))?;
    let parse = |line: &str| {
        let mut fields = line.split(',');
        Some((fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
    };
    // A last line that a kill cut short is no episode.
    Ok(text.lines().skip(1).filter_map(parse).collect())
}

/// −Σ p ln p of counts, in nats.
fn entropy(counts: &[f64], total: f64) -> f64 {
    let share = |count: &&f64| **count > 0.0;
    -counts.iter().filter(share).map(|count| count / total * (count / total).ln()).sum::<f64>()
}

/// Entropy of the choices that were taken, in nats: the sum over the groups; `None` without choices.
pub fn action_entropy(space: &ActionSpace, actions: &[f64], total: f64) -> Option<f64> {
    let groups = space.placed_groups().map(|(_, places)| entropy(&actions[places], total));
    (!space.groups.is_empty()).then(|| groups.sum())
}
