//! The regions where a policy agrees with a log: a shallow tree over the observation that splits where agreement differs most
//! (CART, Breiman et al. 1984, with the Gini impurity).

use serde::Serialize;
use setpoint_decision::spec::Feature;
use setpoint_policy::Policy;

use super::Transitions;

/// Greatest number of splits from the root to a region.
const DEPTH_MAX: usize = 2;
/// Least share of the decisions in a region.
const SHARE_MIN: f64 = 0.02;
/// Number of values of a feature that are tested as a limit, evenly spaced in rank.
const LIMITS: usize = 32;

/// The agreement of a policy with a log.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Agreement {
    /// Decisions of the held-out episodes.
    pub decisions: u64,
    /// Share of them in which the policy's most probable choice is the logged choice, in percent.
    pub percent: f64,
    /// Parts of the state space, the part with the least agreement first.
    pub regions: Vec<Region>,
}

/// A part of the state space.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Region {
    /// `wip > 0.5 and speed ≤ 0.8`, as the policy sees them.
    pub words: String,
    /// Decisions in it.
    pub decisions: u64,
    /// Share of them in which both agree, in percent.
    pub percent: f64,
}

impl Region {
    /// `wip > 0.5: 97 % of 1204 decisions`
    pub fn sentence(&self) -> String {
        format!("{}: {:.0} % of {} decisions", self.words, self.percent, self.decisions)
    }
}

/// The agreement on the log's held-out episodes. `None` for settings, which are never exactly the same, and for several
/// choices at once.
pub fn agreement(policy: &Policy, transitions: &Transitions) -> Option<Agreement> {
    if !policy.manifest.action.is_discrete() {
        return None;
    }
    let log = &transitions.log;
    let rows: Vec<usize> = transitions.held_out_rows().collect();
    let observations: Vec<f32> = rows.iter().flat_map(|row| log.observation(*row)).copied().collect();
    let mut choices = vec![0; rows.len()];
    policy.runner(rows.len()).decide(&observations, rows.len(), &[], None, &mut choices, &mut []);
    let agrees: Vec<bool> =
        rows.iter().zip(&choices).map(|(row, choice)| log.choice(*row) == *choice as usize).collect();
    Some(by_region(&policy.manifest.observation, &observations, &agrees))
}

fn by_region(features: &[Feature], observations: &[f32], agrees: &[bool]) -> Agreement {
    let all: Vec<usize> = (0..agrees.len()).collect();
    let tree =
        Tree { features, observations, agrees, rows_min: (SHARE_MIN * agrees.len() as f64).ceil() as usize };
    let mut regions = Vec::new();
    tree.split(&all, &mut Vec::new(), &mut regions);
    regions.sort_by(|a, b| a.percent.total_cmp(&b.percent));
    Agreement { decisions: agrees.len() as u64, percent: tree.percent(&all), regions }
}

struct Tree<'a> {
    features: &'a [Feature],
    observations: &'a [f32],
    agrees: &'a [bool],
    rows_min: usize,
}

/// A feature, its limit, and whether the part above the limit is meant.
type Side = (usize, f32, bool);

impl Tree<'_> {
    fn value(&self, row: usize, feature: usize) -> f32 {
        self.observations[row * self.features.len() + feature]
    }

    fn percent(&self, rows: &[usize]) -> f64 {
        100.0 * rows.iter().filter(|row| self.agrees[**row]).count() as f64 / rows.len().max(1) as f64
    }

    /// n · p (1 − p): a split should lower it most.
    fn impurity(&self, rows: f64, agreeing: f64) -> f64 {
        agreeing * (1.0 - agreeing / rows.max(1.0))
    }

    fn split(&self, rows: &[usize], path: &mut Vec<Side>, regions: &mut Vec<Region>) {
        let best = if path.len() < DEPTH_MAX { self.best(rows) } else { None };
        let Some((feature, limit)) = best else {
            regions.push(Region {
                words: self.words(path),
                decisions: rows.len() as u64,
                percent: self.percent(rows),
            });
            return;
        };
        for above in [false, true] {
            let part: Vec<usize> =
                rows.iter().copied().filter(|row| (self.value(*row, feature) > limit) == above).collect();
            path.push((feature, limit, above));
            self.split(&part, path, regions);
            path.pop();
        }
    }

    /// The split that lowers the impurity most, if it lowers the impurity by at least a hundredth, which is more than chance.
    fn best(&self, rows: &[usize]) -> Option<(usize, f32)> {
        let count = |rows: &[usize]| rows.iter().filter(|row| self.agrees[**row]).count() as f64;
        let whole = self.impurity(rows.len() as f64, count(rows));
        let mut best = (0.01 * whole.max(1.0), None);
        for feature in 0..self.features.len() {
            let mut sorted = rows.to_vec();
            sorted.sort_by(|a, b| self.value(*a, feature).total_cmp(&self.value(*b, feature)));
            for part in 1..LIMITS {
                let limit = self.value(sorted[(sorted.len() - 1) * part / LIMITS], feature);
                let below = sorted.partition_point(|row| self.value(*row, feature) <= limit);
                let above = sorted.len() - below;
                if below.min(above) < self.rows_min.max(1) {
                    continue;
                }
                let agreeing = count(&sorted[..below]);
                let after = self.impurity(below as f64, agreeing)
                    + self.impurity(above as f64, count(&sorted[below..]));
                if whole - after > best.0 {
                    best = (whole - after, Some((feature, limit)));
                }
            }
        }
        best.1
    }

    fn words(&self, path: &[Side]) -> String {
        if path.is_empty() {
            return "everywhere".to_owned();
        }
        let side = |(feature, limit, above): &Side| {
            format!("{} {} {limit:.3}", self.features[*feature].name, if *above { ">" } else { "≤" })
        };
        path.iter().map(side).collect::<Vec<_>>().join(" and ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Full agreement except for a > ½ and b ≤ ¼, which has no agreement.
    #[test]
    fn the_tree_finds_where_two_controllers_differ() {
        let features = [Feature::new("a", "1", 0.0, 1.0, ""), Feature::new("b", "1", 0.0, 1.0, "")];
        let mut observations = Vec::new();
        let mut agrees = Vec::new();
        for index in 0..1024 {
            let (a, b) = ((index % 32) as f32 / 32.0, (index / 32) as f32 / 32.0);
            observations.extend([a, b]);
            agrees.push(!(a > 0.5 && b <= 0.25));
        }
        let found = by_region(&features, &observations, &agrees);
        let differing = agrees.iter().filter(|agrees| !**agrees).count() as u64;
        assert_eq!(found.decisions, 1024);
        assert_eq!((found.regions[0].percent, found.regions[0].decisions), (0.0, differing), "{found:?}");
        assert!(found.regions[0].words.contains("a > 0.500") && found.regions[0].words.contains("b ≤ 0.250"));
        assert_eq!(found.regions.iter().map(|region| region.decisions).sum::<u64>(), 1024);
        // Without differences there is one region.
        let alike = by_region(&features, &observations, &[true; 1024]);
        assert_eq!(alike.regions.len(), 1);
        assert_eq!(alike.regions[0].sentence(), "everywhere: 100 % of 1024 decisions");
    }
}
