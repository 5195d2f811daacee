//! `[planning]`: the options of `mpc`, which plans ahead in copies of the process: as a baseline, as a teacher, and as an algorithm.

use toml::{Table, Value};

use crate::Diagnostic;
use crate::section::{Range, Section};
use crate::table::{integer, table, text};

/// The name of the baseline and of the algorithm that plan ahead (model predictive control).
pub const MPC: &str = "mpc";

/// The search for the best plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Search {
    /// The cross-entropy method: the best plans of a round shape the plans of the next round.
    CrossEntropy,
    /// The best of uniformly random plans.
    RandomShooting,
}

const SEARCHES: &[(&str, Search)] =
    &[("cross-entropy", Search::CrossEntropy), ("random-shooting", Search::RandomShooting)];

/// `[planning]`
#[derive(Clone, Debug, PartialEq)]
pub struct Planning {
    /// The search for the best plan.
    pub search: Search,
    /// Steps of a plan.
    pub horizon: usize,
    /// Plans of a round.
    pub plans: usize,
    /// Rounds of the cross-entropy method.
    pub rounds: usize,
    /// Share of the plans of a round that shape the next round.
    pub elite_share: f64,
    /// Copies of the process in which each plan is tried; their random numbers are the same for all plans of a round.
    pub copies: usize,
    /// The factor of the reward for each step ahead.
    pub discount: f64,
    /// The amount by which a learned process's `model_uncertainty` lowers the reward of a step.
    pub uncertainty_penalty: f64,
}

impl Default for Planning {
    fn default() -> Self {
        Self {
            search: Search::CrossEntropy,
            horizon: 10,
            plans: 64,
            rounds: 3,
            elite_share: 0.15,
            copies: 8,
            discount: 1.0,
            uncertainty_penalty: 0.0,
        }
    }
}

/// Reads the table; absent keys take their defaults.
pub(crate) fn read(section: &Section<'_>) -> Result<Planning, Box<Diagnostic>> {
    let default = Planning::default();
    let count = |key, high: f64, default: usize, meaning| {
        let found = section.integer(key, Range::between(1.0, high), meaning)?;
        Ok::<usize, Box<Diagnostic>>(found.map_or(default, |count| count as usize))
    };
    let number = |key, range, default: f64, meaning| {
        Ok::<f64, Box<Diagnostic>>(section.number(key, range, meaning)?.unwrap_or(default))
    };
    let planning = Planning {
        search: section.one_of("search", SEARCHES, "the search for the best plan")?.unwrap_or(default.search),
        horizon: count("horizon", 1e4, default.horizon, "steps of a plan")?,
        plans: count("plans", 1e5, default.plans, "plans of a round")?,
        rounds: count("rounds", 100.0, default.rounds, "rounds of the cross-entropy method")?,
        elite_share: number(
            "elite_share",
            Range::between(0.001, 0.9),
            default.elite_share,
            "share of the plans that shape the next round",
        )?,
        copies: count("copies", 1e4, default.copies, "copies of the process for each plan")?,
        discount: number(
            "discount",
            Range::between(0.0, 1.0),
            default.discount,
            "factor of the reward for each step ahead",
        )?,
        uncertainty_penalty: number(
            "uncertainty_penalty",
            Range::at_least(0.0),
            default.uncertainty_penalty,
            "amount by which the `model_uncertainty` of a learned process lowers the reward of a step",
        )?,
    };
    section.finish()?;
    Ok(planning)
}

pub(crate) fn to_toml(planning: &Planning) -> Table {
    let search = SEARCHES.iter().find(|(_, search)| *search == planning.search);
    table([
        ("search", search.and_then(|(word, _)| text(word))),
        ("horizon", integer(planning.horizon as u64)),
        ("plans", integer(planning.plans as u64)),
        ("rounds", integer(planning.rounds as u64)),
        ("elite_share", Some(Value::Float(planning.elite_share))),
        ("copies", integer(planning.copies as u64)),
        ("discount", Some(Value::Float(planning.discount))),
        ("uncertainty_penalty", Some(Value::Float(planning.uncertainty_penalty))),
    ])
}
