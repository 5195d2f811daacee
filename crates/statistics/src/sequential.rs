//! An interval that may be looked at as often as one likes: it holds the mean at all times at once.
//!
//! An ordinary 95 % interval that is looked at after every number is wrong at some time nearly for certain; who stops when it
//! looks well has proved nothing. This one is an asymptotic confidence sequence (Waudby-Smith, Arbour, Sinha, Kennedy & Ramdas
//! 2024, "Time-uniform central limit theory and asymptotic confidence sequences", Annals of Statistics 52, theorem 2.2), for
//! independent numbers with a variance.

use serde::{Deserialize, Serialize};

use super::Interval;

/// Before so many numbers the deviation is not known well enough to say anything.
pub const FIRST: u64 = 30;

/// A mean that is watched.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sequential {
    n: u64,
    mean: f64,
    /// Sum of squared deviations from the mean.
    squares: f64,
    error_rate: f64,
    rho_squared: f64,
}

impl Sequential {
    /// An interval that is wrong at any time with probability `error_rate`, and narrowest after about `narrowest_at`
    /// numbers.
    ///
    /// # Panics
    /// If the rate does not lie between 0 and 1, or nothing is to be seen.
    pub fn new(error_rate: f64, narrowest_at: u64) -> Self {
        assert!(
            error_rate > 0.0 && error_rate < 1.0 && narrowest_at > 0,
            "a rate between 0 and 1, at some time"
        );
        // Close to the best choice for that time (ibid., appendix B.2).
        let log = -2.0 * error_rate.ln();
        let rho_squared = (log + (log + 1.0).ln()) / narrowest_at as f64;
        Self { n: 0, mean: 0.0, squares: 0.0, error_rate, rho_squared }
    }

    /// Sees one more number (Welford 1962).
    pub fn push(&mut self, value: f64) {
        self.n += 1;
        let before = value - self.mean;
        self.mean += before / self.n as f64;
        self.squares += before * (value - self.mean);
    }

    /// Numbers seen.
    pub fn n(&self) -> u64 {
        self.n
    }

    /// Their mean.
    pub fn mean(&self) -> f64 {
        self.mean
    }

    /// Where the mean lies; everything is possible before [`FIRST`] numbers.
    pub fn interval(&self) -> Interval {
        if self.n < FIRST {
            return Interval { low: f64::NEG_INFINITY, high: f64::INFINITY };
        }
        let n = self.n as f64;
        let deviation = (self.squares / n).sqrt();
        let spread = n * self.rho_squared + 1.0;
        let half = deviation
            * (2.0 * spread / (n * n * self.rho_squared) * (spread.sqrt() / self.error_rate).ln()).sqrt();
        Interval { low: self.mean - half, high: self.mean + half }
    }
}

#[cfg(test)]
mod tests {
    use setpoint_random::Stream;

    use super::*;

    /// How many of `repetitions` sequences of 1,000 numbers with mean `truth` leave it out at some time: ours, and an
    /// ordinary 95 % interval looked at after every number.
    fn misses(repetitions: u32, truth: f64, mut draw: impl FnMut() -> f64) -> (u32, u32) {
        let (mut ours, mut ordinary) = (0, 0);
        for _ in 0..repetitions {
            let mut watched = Sequential::new(0.05, 300);
            let (mut missed, mut fooled) = (false, false);
            for _ in 0..1_000 {
                watched.push(draw());
                let Interval { low, high } = watched.interval();
                missed |= !(low..=high).contains(&truth);
                let n = watched.n as f64;
                let half = 1.96 * (watched.squares / n).sqrt() / n.sqrt();
                fooled |= watched.n >= FIRST && (watched.mean - truth).abs() > half;
            }
            ours += u32::from(missed);
            ordinary += u32::from(fooled);
        }
        (ours, ordinary)
    }

    /// 10,000 sequences each; a standard error of 5 % is 0.22 %, and 5.7 % is three above. Numbers as skew as an exponential
    /// distribution's are the price of "asymptotic": their early deviations are too small, so they miss a little more often.
    #[test]
    fn it_is_wrong_at_any_time_as_seldom_as_it_says() {
        let mut random = Stream::new(9, "sequential", 0);
        let (ours, ordinary) = misses(10_000, 2.0, || 2.0 + 3.0 * f64::from(random.normal()));
        assert!(ours <= 570, "{ours} of 10000");
        assert!(ordinary > 2_500, "looking often must fool the ordinary interval: {ordinary} of 10000");
        let (skew, _) = misses(10_000, 1.0, || -(1.0 - f64::from(random.unit())).ln());
        assert!(skew <= 800, "{skew} of 10000");
    }

    #[test]
    fn it_narrows_and_finds_a_difference() {
        let mut random = Stream::new(10, "sequential", 0);
        let mut watched = Sequential::new(0.05, 300);
        assert_eq!(watched.interval().low, f64::NEG_INFINITY);
        let mut found = 0;
        for _ in 0..2_000 {
            watched.push(0.3 + f64::from(random.normal()));
            if watched.interval().low > 0.0 && found == 0 {
                found = watched.n();
            }
        }
        assert!((30..800).contains(&found), "0.3 deviations are found after {found} numbers");
        let Interval { low, high } = watched.interval();
        assert!(high - low < 0.2 && (low..high).contains(&0.3), "{low} {high}");
    }
}
