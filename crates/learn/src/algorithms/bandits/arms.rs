//! An arm with a known mean, and draws from a Beta distribution.

use serde::{Deserialize, Serialize};
use setpoint_random::Stream;

/// The payoffs of an arm.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Arm {
    /// Number of rounds with this arm.
    pub count: u64,
    /// Mean payoff.
    pub mean: f64,
}

impl Arm {
    /// Adds a payoff.
    pub fn add(&mut self, payoff: f64) {
        self.count += 1;
        self.mean += (payoff - self.mean) / self.count as f64;
    }
}

/// A draw from Beta(a, b): X / (X + Y) of two Gamma draws.
pub fn beta(a: f64, b: f64, random: &mut Stream) -> f64 {
    let (x, y) = (gamma(a, random), gamma(b, random));
    x / (x + y)
}

/// A draw from Gamma(shape, 1) for shapes of at least 1 (Marsaglia & Tsang 2000). Smaller shapes, which payoffs outside
/// [0, 1] would give, count as 1.
fn gamma(shape: f64, random: &mut Stream) -> f64 {
    let d = shape.max(1.0) - 1.0 / 3.0;
    let c = 1.0 / (9.0 * d).sqrt();
    loop {
        let x = f64::from(random.normal());
        let v = (1.0 + c * x).powi(3);
        let u = f64::from(random.unit()).max(1e-12);
        if v > 0.0 && u.ln() < 0.5 * x * x + d - d * v + d * v.ln() {
            return d * v;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Mean a/(a+b) and variance ab/((a+b)²(a+b+1)) over 100,000 draws; limits are five standard errors of the mean.
    #[test]
    fn beta_has_its_moments() {
        let mut random = Stream::new(2, "beta", 0);
        for (a, b) in [(1.0, 1.0), (2.0, 5.0), (30.0, 4.0)] {
            let draws: Vec<f64> = (0..100_000).map(|_| beta(a, b, &mut random)).collect();
            let mean = draws.iter().sum::<f64>() / 1e5;
            let variance = draws.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>() / 1e5;
            let expected: f64 = a * b / ((a + b) * (a + b) * (a + b + 1.0));
            assert!((mean - a / (a + b)).abs() < 5.0 * (expected / 1e5).sqrt(), "{a} {b}: {mean}");
            assert!((variance / expected - 1.0).abs() < 0.04, "{a} {b}: {variance}");
        }
    }

    #[test]
    fn a_mean_by_hand() {
        let mut arm = Arm::default();
        [1.0, 2.0, 6.0].into_iter().for_each(|payoff| arm.add(payoff));
        assert_eq!((arm.count, arm.mean), (3, 3.0));
    }
}
