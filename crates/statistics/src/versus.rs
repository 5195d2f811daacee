//! Two deciders on the same things: the figure of each, the difference, and the lift in percent where a percent has a meaning.

use serde::{Deserialize, Serialize};
use setpoint_random::Stream;

use super::{Interval, quantile, resampled};
use crate::stored;

/// A figure with its 95 % interval.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Estimate {
    /// The figure over all things.
    #[serde(deserialize_with = "stored::figures")]
    pub mean: f64,
    /// Its 95 % interval: a bootstrap that resamples the same things on both sides, or, of shares, that of
    /// [`shares`](crate::shares).
    pub interval: Interval,
}

impl Estimate {
    /// Whether the figure and both ends of its interval are finite numbers.
    pub fn is_finite(&self) -> bool {
        self.mean.is_finite() && self.interval.is_finite()
    }

    /// The figure with the other sign.
    pub fn negated(self) -> Self {
        Self { mean: -self.mean, interval: Interval { low: -self.interval.high, high: -self.interval.low } }
    }

    /// The figure times a factor above 0: another unit.
    pub fn scaled(self, factor: f64) -> Self {
        let Self { mean, interval: Interval { low, high } } = self;
        Self { mean: factor * mean, interval: Interval { low: factor * low, high: factor * high } }
    }
}

/// A figure of one decider against the same figure of another.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Versus {
    /// The figure of the first.
    pub own: Estimate,
    /// The figure of the second.
    pub other: Estimate,
    /// The first minus the second.
    pub difference: Estimate,
    /// The difference in percent of the second's magnitude. `None` where [`has_percent`] refuses, and where more than 2.5 % of
    /// the resamples have no finite lift.
    pub lift: Option<Estimate>,
}

impl Versus {
    /// The figures times a factor above 0: another unit. The lift in percent stays.
    pub fn scaled(self, factor: f64) -> Self {
        let Self { own, other, difference, lift } = self;
        let scaled = |estimate: Estimate| estimate.scaled(factor);
        Self { own: scaled(own), other: scaled(other), difference: scaled(difference), lift }
    }
}

/// Whether a difference from this figure can be stated in percent of it: its interval stays away from 0 on one side. A
/// percent of a figure around 0 is as large as chance makes the figure small.
pub fn has_percent(figure: &Estimate) -> bool {
    figure.is_finite()
        && figure.mean != 0.0
        && (figure.interval.low > 0.0 || figure.interval.high < 0.0)
        // A figure outside of its own interval has no trustworthy sign.
        && (figure.mean > 0.0) == (figure.interval.low > 0.0)
}

/// Compares two statistics over the same `n` things; both get the indices of the same resample.
pub fn versus(
    n: usize,
    random: &mut Stream,
    own: impl Fn(&[usize]) -> f64,
    other: impl Fn(&[usize]) -> f64,
) -> Versus {
    let figures = |indices: &[usize]| {
        let (own, other) = (own(indices), other(indices));
        let difference = own - other;
        [own, other, difference, 100.0 * difference / other.abs()]
    };
    let all: Vec<usize> = (0..n).collect();
    let means = figures(&all);
    let [of_own, of_other, of_difference, of_lift] = resampled(n, random, figures);
    let estimate = |index: usize, sorted: &[f64]| Estimate {
        mean: means[index],
        interval: Interval::of_resamples(sorted),
    };
    let (own, other, difference) =
        (estimate(0, &of_own), estimate(1, &of_other), estimate(2, &of_difference));
    let lift = (has_percent(&other) && difference.is_finite())
        .then(|| Estimate { mean: means[3], interval: of_lifts(&of_lift) })
        .filter(Estimate::is_finite);
    Versus { own, other, difference, lift }
}

/// The interval of sorted lifts. A resample in which the second decider gets exactly 0 has an infinite lift, which is a lift like
/// others: it stands at an end. Only a resample in which both get 0 has no lift.
fn of_lifts(sorted: &[f64]) -> Interval {
    let has_nan =
        sorted.first().is_none_or(|least| least.is_nan()) || sorted.last().is_none_or(|most| most.is_nan());
    if has_nan {
        return Interval { low: f64::NAN, high: f64::NAN };
    }
    Interval { low: quantile(sorted, 0.025), high: quantile(sorted, 0.975) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mean;

    fn compared(own: &[f64], other: &[f64], random: &mut Stream) -> Versus {
        let of = |values: &[f64], indices: &[usize]| mean(indices.iter().map(|index| values[*index]));
        versus(own.len(), random, |indices| of(own, indices), |indices| of(other, indices))
    }

    #[test]
    fn figures_of_constants_by_hand() {
        let mut random = Stream::new(0, "versus", 0);
        let certain = |mean: f64| Estimate { mean, interval: Interval { low: mean, high: mean } };
        let found = compared(&[6.0; 8], &[4.0; 8], &mut random);
        assert_eq!(
            found,
            Versus {
                own: certain(6.0),
                other: certain(4.0),
                difference: certain(2.0),
                lift: Some(certain(50.0))
            }
        );
        // Of a loss, the lift is the share of the loss that is saved.
        assert_eq!(compared(&[-1.0; 8], &[-4.0; 8], &mut random).lift, Some(certain(75.0)));
        assert_eq!(compared(&[-9.0; 8], &[-6.0; 8], &mut random).lift, Some(certain(-50.0)));
        let of_zero = compared(&[0.25; 8], &[0.0; 8], &mut random);
        assert_eq!((of_zero.difference, of_zero.lift), (certain(0.25), None));
        assert_eq!(certain(3.0).negated(), certain(-3.0));
    }

    /// One of the kinds of samples of an evaluation: constant, zero, around zero, negative, heavy tails, seldom a reward, one
    /// number that is not finite.
    fn sample(random: &mut Stream, n: usize) -> Vec<f64> {
        let kind = random.below(8);
        let scale = 10_f64.powi(random.below(13) as i32 - 6);
        let centre = f64::from(random.normal()) * scale;
        let mut values: Vec<f64> = (0..n)
            .map(|_| {
                let noise = f64::from(random.normal());
                match kind {
                    0 => 0.0,
                    1 => centre,
                    2 => noise * scale,
                    3 => centre + noise * scale * 0.1,
                    4 => -centre.abs() + noise * scale * 0.3,
                    5 => noise.powi(3) * scale,
                    6 => f64::from(u8::from(random.below(10) == 0)) * scale,
                    _ => centre + noise * scale,
                }
            })
            .collect();
        if random.below(6) == 0 {
            let odd = [f64::INFINITY, f64::NEG_INFINITY, f64::NAN, f64::MAX];
            values[random.below(n as u32) as usize] = odd[random.below(4) as usize];
        }
        values
    }

    /// 600 pairs of samples: a percent is given exactly where the rule allows it, it is finite, and of a sample with a number
    /// that is not finite there is neither a percent nor an interval.
    #[test]
    fn a_percent_is_given_only_where_the_rule_allows_it() {
        let mut random = Stream::new(21, "pairs of samples", 0);
        let mut given = 0;
        for _ in 0..600 {
            let n = 2 + random.below(30) as usize;
            let (own, other) = (sample(&mut random, n), sample(&mut random, n));
            let found = compared(&own, &other, &mut random);
            let is_finite = |values: &[f64]| values.iter().all(|value| value.is_finite());
            let stays_away = found.other.interval.low > 0.0 || found.other.interval.high < 0.0;
            if let Some(lift) = found.lift {
                assert!(stays_away && lift.is_finite(), "{own:?} {other:?} {found:?}");
                // Its sign is that of the difference.
                assert!(lift.mean * found.difference.mean >= 0.0, "{found:?}");
                given += 1;
            } else {
                let is_zero_at_times = other.contains(&0.0) || found.other.mean.abs() > 1e300;
                assert!(
                    !stays_away || !found.difference.is_finite() || is_zero_at_times,
                    "{other:?} {found:?}"
                );
            }
            if !is_finite(&own) {
                assert!(!found.own.is_finite() && !found.difference.is_finite() && found.lift.is_none());
            }
            if !is_finite(&other) {
                assert!(!found.other.is_finite() && found.lift.is_none(), "{other:?} {found:?}");
            }
        }
        assert!((150..500).contains(&given), "{given} of 600");
    }

    /// How often a lift that is given covers the true lift of 20 %, in 2,000 evaluations of 40 episodes: nominally 95 %. With
    /// a baseline far from 0 it is 94.1 %; with a baseline whose mean is 2.5 standard errors from 0, where 29 % of the lifts
    /// are refused, it is 96.6 % (both 2026-11-29). A standard error of a share is 0.5 %; the bands are 3 of them wide.
    #[test]
    fn a_lift_that_is_given_covers_the_truth_as_often_as_stated() {
        for (deviation, given_at_least, given_at_most, covered) in
            [(3.0, 2_000, 2_000, 0.926..0.956), (12.6, 1_350, 1_500, 0.951..0.981)]
        {
            let mut random = Stream::new(22, "coverage of lifts", 0);
            let (mut given, mut holds) = (0, 0);
            for _ in 0..2_000 {
                let other: Vec<f64> = (0..40).map(|_| 5.0 + deviation * f64::from(random.normal())).collect();
                let own: Vec<f64> =
                    other.iter().map(|value| value + 1.0 + f64::from(random.normal())).collect();
                let Some(lift) = compared(&own, &other, &mut random).lift else { continue };
                given += 1;
                holds += u32::from(lift.interval.low <= 20.0 && 20.0 <= lift.interval.high);
            }
            let share = f64::from(holds) / f64::from(given);
            assert!((given_at_least..=given_at_most).contains(&given), "{given} given");
            assert!(covered.contains(&share), "{share} of {given} at deviation {deviation}");
        }
    }
}
