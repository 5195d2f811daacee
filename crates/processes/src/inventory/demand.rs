//! Poisson demand, with a bound so far above its mean that no draw reaches it.

use serde::{Deserialize, Serialize};

use setpoint_random::Stream;

/// Demand of a period, in whole units.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Demand {
    /// Units per period.
    pub mean: f64,
    /// Probability of no demand at all.
    none: f64,
}

impl Demand {
    /// Poisson with this mean, at most 100: e⁻¹⁰⁰ is well within f64.
    pub fn new(mean: f64) -> Self {
        assert!(mean > 0.0 && mean <= 100.0, "demand_mean is checked where it is read");
        Self { mean, none: (-mean).exp() }
    }

    /// No draw exceeds this: the mean and ten standard deviations, and ten more for small means.
    pub fn max(&self) -> u32 {
        (self.mean + 10.0 * self.mean.sqrt() + 10.0).ceil() as u32
    }

    /// The number of units, by inversion: the least `k` with `P(demand ≤ k) > U`.
    pub fn draw(&self, random: &mut Stream) -> u32 {
        // 53 bits: the uniform resolution of an f64 in [0, 1).
        let mut rest = (random.next_u64() >> 11) as f64 / 9_007_199_254_740_992.0;
        let (mut units, mut probability) = (0, self.none);
        while rest >= probability && units < self.max() {
            rest -= probability;
            units += 1;
            probability *= self.mean / f64::from(units);
        }
        units
    }
}

/// The least `k` with `P(Poisson(mean) ≤ k) ≥ fractile`: the newsvendor's level.
pub fn poisson_quantile(mean: f64, fractile: f64) -> u32 {
    // In logarithms, since the demand of many periods may have a mean at which e^−mean is 0.
    let (mut units, mut log_probability, mut cumulative) = (0_u32, -mean, 0.0);
    loop {
        cumulative += f64::exp(log_probability);
        if cumulative >= fractile || f64::from(units) > mean + 40.0 * (mean.sqrt() + 1.0) {
            return units;
        }
        units += 1;
        log_probability += (mean / f64::from(units)).ln();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Mean, variance and the probability of 0 over 10⁵ draws; the limits are five standard errors.
    #[test]
    fn draws_are_poisson() {
        for mean in [0.1, 5.0, 40.0, 100.0] {
            let demand = Demand::new(mean);
            let mut random = Stream::new(1, "poisson", 0);
            let n = 100_000.0_f64;
            let draws: Vec<f64> = (0..n as usize).map(|_| f64::from(demand.draw(&mut random))).collect();
            let found = draws.iter().sum::<f64>() / n;
            assert!((found - mean).abs() < 5.0 * (mean / n).sqrt(), "mean {found} of {mean}");
            let variance = draws.iter().map(|draw| (draw - mean).powi(2)).sum::<f64>() / n;
            // Fourth central moment of a Poisson: m + 3 m².
            let error = ((mean + 2.0 * mean * mean) / n).sqrt();
            assert!((variance - mean).abs() < 5.0 * error, "variance {variance} of {mean}");
            let none = draws.iter().filter(|draw| **draw == 0.0).count() as f64 / n;
            let expected = (-mean).exp();
            assert!((none - expected).abs() < 5.0 * (expected / n).sqrt() + 1e-9);
        }
    }

    #[test]
    fn quantiles_from_tables() {
        // Poisson(5): P(≤ 7) = 0.8666, P(≤ 8) = 0.9319. Poisson(1): P(0) = 0.3679.
        assert_eq!(poisson_quantile(5.0, 0.9), 8);
        assert_eq!(poisson_quantile(5.0, 0.8666), 7);
        assert_eq!((poisson_quantile(1.0, 0.36), poisson_quantile(1.0, 0.37)), (0, 1));
        // By the normal approximation 1000 + 1.2816 √1000 = 1040.5.
        assert!((1039..=1042).contains(&poisson_quantile(1000.0, 0.9)));
    }
}
