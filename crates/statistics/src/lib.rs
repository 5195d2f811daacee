//! Statistics of evaluations: means with their uncertainty.
//!
//! Intervals are percentile bootstraps (Efron & Tibshirani 1993, chapter 13) of 2,000 resamples; the interquartile mean
//! and the probability of improvement are those of Agarwal et al. 2021, "Deep RL at the edge of the statistical
//! precipice" (arXiv 2108.13264). Steps of one episode depend on each other, so whole episodes are resampled. Shares of episodes
//! have the intervals of [`shares`].

use serde::{Deserialize, Serialize};
use setpoint_random::Stream;

pub mod figure;
pub mod moments;
pub mod paired;
pub mod sequential;
pub mod shares;
pub mod stored;
pub mod versus;

pub use figure::{grouped, number};

/// Number of episodes of a moving return (Stable-Baselines3's `stats_window_size`).
pub const WINDOW: usize = 100;

/// Resamples of every bootstrap.
pub const RESAMPLES: usize = 2_000;

/// A 95 % interval.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Interval {
    /// 2.5 % of the resamples lie below.
    #[serde(deserialize_with = "stored::figures")]
    pub low: f64,
    /// 2.5 % of the resamples lie above.
    #[serde(deserialize_with = "stored::figures")]
    pub high: f64,
}

impl Interval {
    /// Whether both ends are finite numbers.
    pub fn is_finite(&self) -> bool {
        self.low.is_finite() && self.high.is_finite()
    }

    /// Of the sorted results of resamples; NaN if there is no result, or if a result is no finite number.
    fn of_resamples(sorted: &[f64]) -> Self {
        // Sorted numbers are finite if both ends are; a NaN is sorted to an end.
        if !sorted
            .first()
            .zip(sorted.last())
            .is_some_and(|(least, most)| least.is_finite() && most.is_finite())
        {
            return Self { low: f64::NAN, high: f64::NAN };
        }
        Self { low: quantile(sorted, 0.025), high: quantile(sorted, 0.975) }
    }
}

/// The summary of a set of numbers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// Number of values.
    pub n: u64,
    /// Mean.
    #[serde(deserialize_with = "stored::figures")]
    pub mean: f64,
    /// Sample standard deviation (n − 1).
    #[serde(deserialize_with = "stored::figures")]
    pub sd: f64,
    /// Median.
    #[serde(deserialize_with = "stored::figures")]
    pub median: f64,
    /// Mean of the middle half.
    #[serde(deserialize_with = "stored::figures")]
    pub interquartile_mean: f64,
    /// 95 % bootstrap interval of the mean.
    pub interval: Interval,
    /// Least.
    #[serde(deserialize_with = "stored::figures")]
    pub min: f64,
    /// Greatest.
    #[serde(deserialize_with = "stored::figures")]
    pub max: f64,
}

impl Summary {
    /// The summary of independent numbers.
    pub fn of(values: &[f64], random: &mut Stream) -> Self {
        let interval =
            bootstrap(values.len(), random, |indices| mean(indices.iter().map(|index| values[*index])));
        Self::with_interval(values, interval)
    }

    /// The summary with a given interval (for numbers that depend on each other).
    pub fn with_interval(values: &[f64], interval: Interval) -> Self {
        let mut sorted = values.to_vec();
        sorted.sort_by(f64::total_cmp);
        Self {
            n: values.len() as u64,
            mean: mean(values.iter().copied()),
            sd: sample_deviation(values),
            median: quantile(&sorted, 0.5),
            interquartile_mean: interquartile_mean(&sorted),
            interval,
            min: sorted.first().copied().unwrap_or(f64::NAN),
            max: sorted.last().copied().unwrap_or(f64::NAN),
        }
    }
}

/// Arithmetic mean; NaN without numbers.
pub fn mean(values: impl Iterator<Item = f64>) -> f64 {
    let (mut n, mut sum) = (0.0, 0.0);
    for value in values {
        n += 1.0;
        sum += value;
    }
    sum / n
}

/// Sample standard deviation with n − 1; 0 with fewer than two numbers.
pub fn sample_deviation(values: &[f64]) -> f64 {
    if values.len() < 2 {
        return 0.0;
    }
    let center = mean(values.iter().copied());
    let squares: f64 = values.iter().map(|value| (value - center) * (value - center)).sum();
    (squares / (values.len() - 1) as f64).sqrt()
}

/// Quantile of sorted numbers, linear between neighbours (Hyndman & Fan 1996, type 7); NaN without numbers.
pub fn quantile(sorted: &[f64], share: f64) -> f64 {
    if sorted.is_empty() {
        return f64::NAN;
    }
    let position = share * (sorted.len() - 1) as f64;
    let below = position.floor() as usize;
    let above = (below + 1).min(sorted.len() - 1);
    sorted[below] + (position - below as f64) * (sorted[above] - sorted[below])
}

/// Mean of the middle half of sorted numbers. If a quarter is not a whole count, the numbers at its ends count by their
/// share, so that the weights always sum to half of n.
pub fn interquartile_mean(sorted: &[f64]) -> f64 {
    let n = sorted.len() as f64;
    let (low, high) = (0.25 * n, 0.75 * n);
    let weight = |index: usize| {
        let (start, end) = (index as f64, index as f64 + 1.0);
        (end.min(high) - start.max(low)).max(0.0)
    };
    sorted.iter().enumerate().map(|(index, value)| weight(index) * value).sum::<f64>() / (high - low)
}

/// 95 % percentile bootstrap interval of a statistic of `n` items; the statistic gets the indices of a resample. If the
/// statistic of a resample is no finite number, there is no interval (both ends are NaN): an interval over the other
/// resamples alone would claim a certainty that the items do not give.
pub fn bootstrap(n: usize, random: &mut Stream, statistic: impl Fn(&[usize]) -> f64) -> Interval {
    let [results] = resampled(n, random, |indices| [statistic(indices)]);
    Interval::of_resamples(&results)
}

/// Several statistics of the same [`RESAMPLES`] resamples of `n` items, each sorted; nothing without items.
fn resampled<const K: usize>(
    n: usize,
    random: &mut Stream,
    statistics: impl Fn(&[usize]) -> [f64; K],
) -> [Vec<f64>; K] {
    let count = if n == 0 { 0 } else { RESAMPLES };
    let mut results: [Vec<f64>; K] = std::array::from_fn(|_| Vec::with_capacity(count));
    let mut indices = vec![0; n];
    for _ in 0..count {
        indices.iter_mut().for_each(|index| *index = random.below(n as u32) as usize);
        results.iter_mut().zip(statistics(&indices)).for_each(|(results, result)| results.push(result));
    }
    results.iter_mut().for_each(|results| results.sort_by(f64::total_cmp));
    results
}

/// Σ numerator / Σ denominator over the given indices: reward per step over whole episodes.
pub fn ratio(numerators: &[f64], denominators: &[f64], indices: &[usize]) -> f64 {
    let (mut above, mut below) = (0.0, 0.0);
    for index in indices {
        above += numerators[*index];
        below += denominators[*index];
    }
    above / below
}

/// P(X > Y) + ½ P(X = Y) over all pairs.
pub fn probability_of_improvement(x: &[f64], y: &[f64]) -> f64 {
    let mut sorted = y.to_vec();
    sorted.sort_by(f64::total_cmp);
    let wins = |value: &f64| {
        let below = sorted.partition_point(|other| other < value);
        let not_above = sorted.partition_point(|other| other <= value);
        below as f64 + 0.5 * (not_above - below) as f64
    };
    x.iter().map(wins).sum::<f64>() / (x.len() * y.len()) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn by_hand() {
        let sorted = [1.0, 2.0, 3.0, 4.0, 100.0];
        assert_eq!((quantile(&sorted, 0.5), quantile(&sorted, 0.25)), (3.0, 2.0));
        assert!((quantile(&sorted, 0.9) - (4.0 + 0.6 * 96.0)).abs() < 1e-9);
        // n = 5: the middle 2.5 numbers are ¾ of 2, all of 3, ¾ of 4.
        assert!((interquartile_mean(&sorted) - (0.75 * 2.0 + 3.0 + 0.75 * 4.0) / 2.5).abs() < 1e-12);
        assert_eq!(interquartile_mean(&[1.0, 2.0, 3.0, 4.0]), 2.5);
        assert!((sample_deviation(&[1.0, 2.0, 3.0, 4.0]) - (5.0_f64 / 3.0).sqrt()).abs() < 1e-12);
        assert_eq!(probability_of_improvement(&[1.0, 3.0], &[2.0, 3.0]), (0.0 + 1.5) / 4.0);
        assert_eq!(ratio(&[10.0, 20.0], &[1.0, 4.0], &[0, 1, 1]), 50.0 / 9.0);
    }

    /// How often nominal 95 % intervals contain the true value, over 10,000 experiments of 20 numbers: the percentile
    /// bootstrap is known to cover less in small samples. The standard error of a share is about 0.25 %; the bands below
    /// are 1 % wide about what was measured (2026-11-21).
    #[test]
    fn coverage_of_every_statistic_in_small_samples() {
        const EXPERIMENTS: u64 = 10_000;
        let halves = [0, 1].map(|half| std::thread::spawn(move || covered(half, EXPERIMENTS / 2)));
        let counts = halves.map(|half| half.join().unwrap());
        let share = |which: usize| (counts[0][which] + counts[1][which]) as f64 / EXPERIMENTS as f64;
        let shares = [share(0), share(1), share(2)];
        for (share, band, what) in [
            (shares[0], 0.920..0.940, "mean"),
            (shares[1], 0.905..0.955, "interquartile mean"),
            (shares[2], 0.905..0.955, "probability of improvement"),
        ] {
            assert!(band.contains(&share), "{what}: {share}, all: {shares:?}");
        }
    }

    /// Intervals that hold the truth: mean, interquartile mean, probability of improvement.
    fn covered(half: u64, experiments: u64) -> [u64; 3] {
        const N: usize = 20;
        let mut random = Stream::new(12, "coverage", half);
        let mut counts = [0; 3];
        for _ in 0..experiments {
            let x: Vec<f64> = (0..N).map(|_| f64::from(random.normal())).collect();
            // One deviation apart: P(X > Y) = Φ(−1 / √2).
            let y: Vec<f64> = (0..N).map(|_| 1.0 + f64::from(random.normal())).collect();
            let pick = |values: &[f64], indices: &[usize]| -> Vec<f64> {
                indices.iter().map(|index| values[*index]).collect()
            };
            let of_mean = bootstrap(N, &mut random, |indices| mean(indices.iter().map(|index| x[*index])));
            let of_iqm = bootstrap(N, &mut random, |indices| {
                let mut sorted = pick(&x, indices);
                sorted.sort_by(f64::total_cmp);
                interquartile_mean(&sorted)
            });
            // As in an evaluation: the same episodes are resampled on both sides.
            let of_chance = bootstrap(N, &mut random, |indices| {
                probability_of_improvement(&pick(&x, indices), &pick(&y, indices))
            });
            for (count, interval, truth) in
                [(0, of_mean, 0.0), (1, of_iqm, 0.0), (2, of_chance, 0.239_750_061_093_47)]
            {
                counts[count] += u64::from((interval.low..=interval.high).contains(&truth));
            }
        }
        counts
    }

    /// How often a nominal 95 % interval of the mean of 40 numbers holds the truth, over 1,000 samples: the percentile
    /// bootstrap is known to cover a little less (about 93.5 %). The standard error of the share is 0.8 %, the band below
    /// is 3.5 of them wide.
    #[test]
    fn intervals_cover_the_truth_as_often_as_they_say() {
        let mut random = Stream::new(11, "coverage", 0);
        let (mut plain, mut clustered) = (0, 0);
        for _ in 0..1_000 {
            let values: Vec<f64> = (0..40).map(|_| f64::from(random.normal()) * 3.0 + 5.0).collect();
            let Interval { low, high } = Summary::of(&values, &mut random).interval;
            plain += u32::from(low <= 5.0 && 5.0 <= high);
            // Episodes of 1 to 9 steps whose reward per step is 2 plus noise of the episode.
            let steps: Vec<f64> = (0..40).map(|_| 1.0 + f64::from(random.below(9))).collect();
            let sums: Vec<f64> =
                steps.iter().map(|steps| steps * (2.0 + f64::from(random.normal()))).collect();
            let interval = bootstrap(40, &mut random, |indices| ratio(&sums, &steps, indices));
            clustered += u32::from(interval.low <= 2.0 && 2.0 <= interval.high);
        }
        assert!((905..=965).contains(&plain), "{plain} of 1000");
        assert!((900..=965).contains(&clustered), "{clustered} of 1000");
    }
}
