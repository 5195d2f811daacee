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

/// Range of a state-dependent log standard deviation (Haarnoja et al. 2018, as Stable-Baselines3 has it).
pub const LOG_STD_RANGE: (f64, f64) = (-20.0, 2.0);
/// Keeps log(1 − a²) finite (Stable-Baselines3's ε).
const SQUASH_EPSILON: f64 = 1e-6;

/// Draws `a = tanh(μ + σ ε)` for each axis of one row and gives its log density
/// Σ −½ ε² − log σ − ½ log 2π − log(1 − a² + 10⁻⁶) (Haarnoja et al. 2018, arXiv 1812.05905, appendix C).
///
/// `head` is `[μ…, log σ…]` as the network put it out; log σ is held within [`LOG_STD_RANGE`].
pub fn squashed_sample<T: Real>(head: &[T], noise: &[T], action: &mut [T]) -> T {
    let axes = action.len();
    let (means, log_stds) = head.split_at(axes);
    let half = T::from_f64(0.5);
    let mut log_probability = T::ZERO;
    for axis in 0..axes {
        let log_std = held_log_std(log_stds[axis]);
        let a = (means[axis] + log_std.exp() * noise[axis]).tangent::<false>();
        action[axis] = a;
        let room = T::ONE - a * a + T::from_f64(SQUASH_EPSILON);
        log_probability +=
            -half * noise[axis] * noise[axis] - log_std - T::from_f64(HALF_LOG_TAU) - room.ln();
    }
    log_probability
}

/// dL/d head for `L = w log π(a) + f(a)` with a drawn by [`squashed_sample`] from the same head and noise, given
/// `action_gradient` = df/da.
///
/// With u = μ + σ ε and a = tanh u: dL/du = (w · 2a / (1 − a² + 10⁻⁶) + df/da)(1 − a²), dL/dμ = dL/du and
/// dL/d log σ = dL/du · σ ε − w, which is 0 where log σ is held.
pub fn squashed_gradient<T: Real>(
    head: &[T],
    noise: &[T],
    action: &[T],
    weight: T,
    action_gradient: &[T],
    head_gradient: &mut [T],
) {
    let axes = action.len();
    let two = T::ONE + T::ONE;
    for axis in 0..axes {
        let raw = head[axes + axis];
        let log_std = held_log_std(raw);
        let a = action[axis];
        let slope = T::ONE - a * a;
        let through_density = weight * two * a / (slope + T::from_f64(SQUASH_EPSILON));
        let to_u = (through_density + action_gradient[axis]) * slope;
        head_gradient[axis] = to_u;
        head_gradient[axes + axis] =
            if log_std == raw { to_u * log_std.exp() * noise[axis] - weight } else { T::ZERO };
    }
}

fn held_log_std<T: Real>(log_std: T) -> T {
    log_std.max(T::from_f64(LOG_STD_RANGE.0)).min(T::from_f64(LOG_STD_RANGE.1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn squashed_density_and_gradient_agree_with_finite_differences() {
        let noise = [0.7_f64, -0.11];
        let weights = [0.9, -0.4];
        // L = w log π + Σ c a, through the draw itself.
        let loss = |head: &[f64]| {
            let mut action = [0.0; 2];
            let log = squashed_sample(head, &noise, &mut action);
            0.3 * log + weights[0] * action[0] + weights[1] * action[1]
        };
        for head in [[0.3, -0.2, -0.5, 0.4], [1.1, -0.9, 0.1, 2.5]] {
            let mut action = [0.0; 2];
            squashed_sample(&head, &noise, &mut action);
            let mut gradient = [9.0; 4];
            squashed_gradient(&head, &noise, &action, 0.3, &weights, &mut gradient);
            for index in 0..4 {
                let shifted = |by: f64| {
                    let mut head = head;
                    head[index] += by;
                    loss(&head)
                };
                let numeric = (shifted(1e-6) - shifted(-1e-6)) / 2e-6;
                assert!((numeric - gradient[index]).abs() < 1e-6, "{head:?} {index}: {numeric}");
            }
        }
        // One axis by hand: μ = 0, σ = 1, ε = 0 gives a = 0 and the normal's density at 0.
        let mut action = [9.0];
        let log = squashed_sample(&[0.0_f64, 0.0], &[0.0], &mut action);
        assert!(action == [0.0] && (log.exp() - 0.398_942_280_401_432_7).abs() < 1e-6);
    }

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
