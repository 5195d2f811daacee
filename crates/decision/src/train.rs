//! `[train]`: the algorithm, the length of the training, and the frequency of logs and checkpoints.

use toml::{Table, Value};

use crate::Diagnostic;
use crate::section::{Range, Section};
use crate::table::{integer, table, text};

/// `[train]`
#[derive(Clone, Debug, PartialEq)]
pub struct Train {
    /// Name of the algorithm. The crate with the algorithms reads the tables `[train.<algorithm>]`.
    pub algorithm: String,
    /// Environment steps; a lower bound, since updates are complete.
    pub total_steps: u64,
    /// Ends the training after this number of episodes, if it is reached first.
    pub total_episodes: Option<u64>,
    /// Seed of everything random in training.
    pub seed: u64,
    /// Ends the training once the mean return of the last 100 episodes reaches this.
    pub target_return: Option<f64>,
    /// Updates between checkpoints.
    pub checkpoint_every_updates: u64,
    /// Longest time between checkpoints, in s, apart from the rest of an update.
    pub checkpoint_every_seconds: u64,
    /// Updates between lines of `metrics.jsonl`.
    pub log_every_updates: u64,
}

pub(crate) fn read(section: &Section<'_>) -> Result<Train, Box<Diagnostic>> {
    let count = || Range::between(1.0, 1e15);
    let or = |key, default, meaning| -> Result<u64, Box<Diagnostic>> {
        Ok(section.integer(key, count(), meaning)?.unwrap_or(default))
    };
    let train = Train {
        algorithm: section.string("algorithm", "name of the algorithm")?.unwrap_or_else(|| "ppo".to_owned()),
        total_steps: or("total_steps", 100_000, "environment steps to learn from")?,
        total_episodes: section.integer("total_episodes", count(), "episodes to learn from")?,
        seed: section.integer("seed", Range::between(0.0, 9e15), "seed of everything random")?.unwrap_or(0),
        target_return: section.number(
            "target_return",
            Range::any(),
            "training ends once the mean return of the last 100 episodes reaches this",
        )?,
        checkpoint_every_updates: or("checkpoint_every_updates", 10, "updates between checkpoints")?,
        checkpoint_every_seconds: or("checkpoint_every_seconds", 60, "seconds between checkpoints")?,
        log_every_updates: or("log_every_updates", 1, "updates between lines of metrics.jsonl")?,
    };
    section.finish_but_tables()?;
    Ok(train)
}

pub(crate) fn to_toml(train: &Train) -> Table {
    table([
        ("algorithm", text(&train.algorithm)),
        ("total_steps", integer(train.total_steps)),
        ("total_episodes", train.total_episodes.and_then(integer)),
        ("seed", integer(train.seed)),
        ("target_return", train.target_return.map(Value::Float)),
        ("checkpoint_every_updates", integer(train.checkpoint_every_updates)),
        ("checkpoint_every_seconds", integer(train.checkpoint_every_seconds)),
        ("log_every_updates", integer(train.log_every_updates)),
    ])
}
