//! The diagonal Gaussian over continuous actions, with a standard deviation that does not depend on the state.

use crate::real::Real;

/// ½ log 2π
const HALF_LOG_TAU: f64 = 0.918_938_533_204_672_7;

/// log density at `value`: Σ −½ ((x − μ)/σ)² − log σ − ½ log 2π.
pub fn log_probability<T: Real>(mean: &[T], log_std: &[T], value: &[T]) -> T {
    let half = T::from_f64(0.5);
    let axis = |((mean, log_std), value): ((&T, &T), &T)| {
        let z = (*value - *mean) * (-*log_std).exp();
        -half * z * z - *log_std - T::from_f64(HALF_LOG_TAU)
    };
    mean.iter().zip(log_std).zip(value).map(axis).sum()
}

/// Writes `scale` × ∂ log density / ∂ mean, and adds `scale` × ∂ / ∂ log_std.
///
/// With z = (x − μ)/σ: ∂/∂μ = z/σ and ∂/∂ log σ = z² − 1.
pub fn log_probability_gradient<T: Real>(
    mean: &[T],
    log_std: &[T],
    value: &[T],
    scale: T,
    mean_gradient: &mut [T],
    log_std_gradient: &mut [T],
) {
    let outputs = mean_gradient.iter_mut().zip(log_std_gradient);
    for (((mean, log_std), value), (to_mean, to_log_std)) in mean.iter().zip(log_std).zip(value).zip(outputs)
    {
        let inverse = (-*log_std).exp();
        let z = (*value - *mean) * inverse;
        *to_mean = scale * z * inverse;
        *to_log_std += scale * (z * z - T::ONE);
    }
}

/// Differential entropy in nats: Σ log σ + ½ + ½ log 2π; ∂ / ∂ log σ = 1 for each axis.
pub fn entropy<T: Real>(log_std: &[T]) -> T {
    log_std.iter().map(|log_std| *log_std + T::from_f64(0.5 + HALF_LOG_TAU)).sum()
}

/// From the policy's scale to the axis': held within [−1, 1], then spread over [low, high].
pub fn to_bounds<T: Real>(value: T, low: T, high: T) -> T {
    let held = value.max(-T::ONE).min(T::ONE);
    low + (held + T::ONE) * T::from_f64(0.5) * (high - low)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn standard_normal_by_hand() {
        let log = log_probability(&[0.0_f64], &[0.0], &[1.0]);
        assert!((log.exp() - 0.241_970_724_519_143_37).abs() < 1e-12);
        assert!((entropy(&[0.0_f64]) - 1.418_938_533_204_672_7).abs() < 1e-12);
        assert_eq!(
            [-3.0, -1.0, 0.0, 1.0, 9.0].map(|x| to_bounds(x, 10.0_f64, 20.0)),
            [10.0, 10.0, 15.0, 20.0, 20.0]
        );
    }

    #[test]
    fn gradient_agrees_with_finite_differences() {
        let (mean, log_std, value) = ([0.3_f64, -0.8], [-0.5, 0.4], [0.9, 0.1]);
        let (mut to_mean, mut to_log_std) = ([9.0; 2], [0.25; 2]);
        log_probability_gradient(&mean, &log_std, &value, 1.7, &mut to_mean, &mut to_log_std);
        for axis in 0..2 {
            let at = |by_mean: f64, by_log_std: f64| {
                let (mut mean, mut log_std) = (mean, log_std);
                mean[axis] += by_mean;
                log_std[axis] += by_log_std;
                1.7 * log_probability(&mean, &log_std, &value)
            };
            let h = 1e-6;
            assert!(((at(h, 0.0) - at(-h, 0.0)) / (2.0 * h) - to_mean[axis]).abs() < 1e-8);
            assert!(((at(0.0, h) - at(0.0, -h)) / (2.0 * h) - (to_log_std[axis] - 0.25)).abs() < 1e-8);
        }
    }
}
