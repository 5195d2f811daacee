//! An explorer as a checkpoint of format 2 contains it: the order of the fields is the format.

use serde::{Deserialize, Serialize};
use setpoint_random::Stream;

use super::{Decay, DiscreteExploration, DiscreteExplorer, Strategy};

/// The field `production_eps` belonged to a removed option; it keeps its position.
#[derive(Clone, Serialize, Deserialize)]
pub struct StoredExplorer {
    strategy: Strategy,
    decay: Decay,
    fraction: f64,
    initial_eps: f64,
    final_eps: f64,
    ucb_c: f64,
    production_eps: f64,
    random: Stream,
    counts: Vec<u64>,
    decisions: u64,
    explored: u64,
    not_greedy: u64,
}

impl From<DiscreteExplorer> for StoredExplorer {
    fn from(explorer: DiscreteExplorer) -> Self {
        let DiscreteExplorer { options, random, counts, decisions, explored, not_greedy } = explorer;
        Self {
            strategy: options.exploration,
            decay: options.exploration_decay,
            fraction: options.exploration_fraction,
            initial_eps: options.exploration_initial_eps,
            final_eps: options.exploration_final_eps,
            ucb_c: options.exploration_ucb_c,
            production_eps: 0.0,
            random,
            counts,
            decisions,
            explored,
            not_greedy,
        }
    }
}

impl From<StoredExplorer> for DiscreteExplorer {
    fn from(stored: StoredExplorer) -> Self {
        let options = DiscreteExploration {
            exploration: stored.strategy,
            exploration_decay: stored.decay,
            exploration_fraction: stored.fraction,
            exploration_initial_eps: stored.initial_eps,
            exploration_final_eps: stored.final_eps,
            exploration_ucb_c: stored.ucb_c,
        };
        let StoredExplorer { random, counts, decisions, explored, not_greedy, .. } = stored;
        Self { options, random, counts, decisions, explored, not_greedy }
    }
}
