//! Learning curves over seeds: the mean of the moving return at equal environment steps, with a 95 % interval.

use serde::{Deserialize, Serialize};
use setpoint_random::Stream;

use setpoint_statistics::WINDOW;
use setpoint_statistics::{Interval, bootstrap, mean};

/// Greatest number of points of a curve.
const POINTS: u64 = 120;
/// A seed joins its curve after this number of finished episodes: a mean of fewer is mostly luck.
const EPISODES_FIRST: usize = 10;

/// A learning curve, by environment steps.
pub type Curve = Vec<CurvePoint>;

/// Seeds at one number of environment steps.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct CurvePoint {
    /// Environment steps.
    pub steps: u64,
    /// Mean over seeds of the mean return of each seed's last 100 episodes (or of all, if there are fewer).
    #[serde(deserialize_with = "setpoint_statistics::stored::figures")]
    pub mean: f64,
    /// 95 % bootstrap interval of the mean over seeds.
    pub interval: Interval,
}

/// From (steps, return) of each episode of each seed, in order. It begins when every seed has finished some episodes, and
/// ends with the seed whose last episode ended first. Every point uses the same draws of seeds, so that the band does not
/// jump by chance.
pub(super) fn over_seeds(seeds: &[Vec<(u64, f64)>], random: &Stream) -> Curve {
    let begins = |seed: &Vec<(u64, f64)>| Some(seed.get(seed.len().min(EPISODES_FIRST).checked_sub(1)?)?.0);
    let ends = |seed: &Vec<(u64, f64)>| Some(seed.last()?.0);
    let first = seeds.iter().map(begins).collect::<Option<Vec<_>>>().and_then(|all| all.into_iter().max());
    let last = seeds.iter().map(ends).collect::<Option<Vec<_>>>().and_then(|all| all.into_iter().min());
    let (Some(first), Some(last)) = (first, last) else { return Vec::new() };
    let last = last.max(first);
    let count = POINTS.min(last - first + 1);
    let steps = (0..count).map(|index| first + (last - first) * index / (count - 1).max(1));
    steps
        .map(|steps| {
            let values: Vec<f64> = seeds.iter().map(|seed| moving_return(seed, steps)).collect();
            let interval = bootstrap(values.len(), &mut random.clone(), |indices| {
                mean(indices.iter().map(|i| values[*i]))
            });
            CurvePoint { steps, mean: mean(values.iter().copied()), interval }
        })
        .collect()
}

/// Mean return of the last [`WINDOW`] episodes that had ended at this number of steps.
fn moving_return(episodes: &[(u64, f64)], steps: u64) -> f64 {
    let ended = episodes.partition_point(|(ended_at, _)| *ended_at <= steps);
    mean(episodes[ended.saturating_sub(WINDOW)..ended].iter().map(|(_, value)| *value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seeds_are_read_at_equal_steps() {
        let random = Stream::new(0, "curve", 0);
        // Returns grow by 1 every 10 steps in one seed, and are constant in the other, whose episodes last 20 steps.
        let growing: Vec<(u64, f64)> = (1..=300).map(|n| (10 * n, n as f64)).collect();
        let flat: Vec<(u64, f64)> = (1..=140).map(|n| (20 * n, 5.0)).collect();
        let curve = over_seeds(&[growing, flat], &random);
        let (first, last) = (curve[0], curve[curve.len() - 1]);
        // The flat seed's tenth episode ends at 200, its last one at 2800.
        assert_eq!((first.steps, last.steps, curve.len()), (200, 2800, 120));
        // At 200 the growing seed has episodes 1 to 20; at 2800 its last hundred are 181 to 280.
        assert_eq!(first.mean, (10.5 + 5.0) / 2.0);
        assert_eq!(last.mean, (230.5 + 5.0) / 2.0);
        assert_eq!(last.interval, Interval { low: 5.0, high: 230.5 });
    }

    #[test]
    fn few_episodes_make_a_short_curve_and_none_make_none() {
        let random = Stream::new(0, "curve", 0);
        let curve = over_seeds(&[vec![(7, 1.0), (9, 3.0)]], &random);
        assert_eq!(curve.iter().map(|point| (point.steps, point.mean)).collect::<Vec<_>>(), [(9, 2.0)]);
        assert!(over_seeds(&[vec![(7, 1.0)], Vec::new()], &random).is_empty());
        assert!(over_seeds(&[], &random).is_empty());
    }
}
