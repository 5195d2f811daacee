//! An algorithm's figures for a line of the log, and their means over the gradient steps since the last line.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// An algorithm's figures of one update, by name (`policy_loss`, `entropy`, `approximate_kl` …).
pub type Figures = BTreeMap<&'static str, f64>;

/// Sums of figures since the last log line, by name.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Means {
    sums: Vec<f64>,
    count: f64,
}

impl Means {
    /// Adds one figure of each name.
    pub fn add(&mut self, figures: &[f64]) {
        self.sums.resize(figures.len(), 0.0);
        self.sums.iter_mut().zip(figures).for_each(|(sum, figure)| *sum += figure);
        self.count += 1.0;
    }

    /// Their means under the given names; empty if none was added.
    pub fn take(&mut self, names: &[&'static str]) -> Figures {
        let Self { sums, count } = std::mem::take(self);
        names.iter().zip(sums).map(|(name, sum)| (*name, sum / count)).collect()
    }
}
