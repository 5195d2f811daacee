//! Optimisers: one fused loop over the flat slices each.

use serde::{Deserialize, Serialize};

use crate::level::for_each_level;
use crate::real::Real;

/// Adam (Kingma & Ba 2015, arXiv 1412.6980), in PyTorch's form: ε is added to the bias-corrected root.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Adam<T> {
    /// Decay of the first moment.
    pub beta1: f64,
    /// Decay of the second moment.
    pub beta2: f64,
    /// ε
    pub epsilon: f64,
    /// Steps taken.
    pub step: u64,
    /// Running mean of the gradient.
    pub first: Vec<T>,
    /// Running mean of its square.
    pub second: Vec<T>,
}

impl<T: Real> Adam<T> {
    /// For so many parameters; β = (0.9, 0.999).
    pub fn new(parameters: usize, epsilon: f64) -> Self {
        let zeros = || vec![T::ZERO; parameters];
        Self { beta1: 0.9, beta2: 0.999, epsilon, step: 0, first: zeros(), second: zeros() }
    }

    /// Moves the parameters one step down `gradient × gradient_scale`.
    pub fn step(&mut self, parameters: &mut [T], gradient: &[T], learning_rate: f64, gradient_scale: T) {
        assert!(
            parameters.len() == self.first.len() && gradient.len() == self.first.len(),
            "Adam was made for {} parameters",
            self.first.len()
        );
        self.step += 1;
        let steps = i32::try_from(self.step).unwrap_or(i32::MAX);
        let first_bias = 1.0 - self.beta1.powi(steps);
        let second_bias = 1.0 - self.beta2.powi(steps);
        let constants = Constants {
            beta1: T::from_f64(self.beta1),
            one_minus_beta1: T::from_f64(1.0 - self.beta1),
            beta2: T::from_f64(self.beta2),
            one_minus_beta2: T::from_f64(1.0 - self.beta2),
            step_size: T::from_f64(-learning_rate / first_bias),
            root_scale: T::from_f64(1.0 / second_bias.sqrt()),
            epsilon: T::from_f64(self.epsilon),
            gradient_scale,
        };
        adam_loop(parameters, gradient, &mut self.first, &mut self.second, constants);
    }
}

#[derive(Clone, Copy)]
struct Constants<T> {
    beta1: T,
    one_minus_beta1: T,
    beta2: T,
    one_minus_beta2: T,
    step_size: T,
    root_scale: T,
    epsilon: T,
    gradient_scale: T,
}

for_each_level! {
    fn adam_loop<T: Real>(parameters: &mut [T], gradient: &[T], first: &mut [T], second: &mut [T], constants: Constants<T>) = adam_body
}

#[inline(always)]
fn adam_body<T: Real, const FUSED: bool>(
    parameters: &mut [T],
    gradient: &[T],
    first: &mut [T],
    second: &mut [T],
    constants: Constants<T>,
) {
    let c = constants;
    let moments = first.iter_mut().zip(second.iter_mut());
    for ((parameter, gradient), (first, second)) in parameters.iter_mut().zip(gradient).zip(moments) {
        let gradient = *gradient * c.gradient_scale;
        // The moments of a unit that learns nothing more shrink until they are subnormal, and would stay so: 0.9 of the smallest
        // number is rounded to that number. Such moments move no parameter, but most of the time of a step went there.
        *first = c.beta1.multiply_add::<FUSED>(*first, c.one_minus_beta1 * gradient).without_subnormal();
        *second = c
            .beta2
            .multiply_add::<FUSED>(*second, c.one_minus_beta2 * gradient * gradient)
            .without_subnormal();
        let root = second.sqrt().multiply_add::<FUSED>(c.root_scale, c.epsilon);
        *parameter += c.step_size * (*first / root);
    }
}

/// Plain gradient descent: `parameters −= learning_rate × gradient_scale × gradient`.
pub fn sgd_step<T: Real>(parameters: &mut [T], gradient: &[T], learning_rate: f64, gradient_scale: T) {
    assert_eq!(parameters.len(), gradient.len(), "one gradient a parameter");
    let factor = T::from_f64(-learning_rate) * gradient_scale;
    sgd_loop(parameters, gradient, factor);
}

for_each_level! {
    fn sgd_loop<T: Real>(parameters: &mut [T], gradient: &[T], factor: T) = sgd_body
}

#[inline(always)]
fn sgd_body<T: Real, const FUSED: bool>(parameters: &mut [T], gradient: &[T], factor: T) {
    for (parameter, gradient) in parameters.iter_mut().zip(gradient) {
        *parameter = factor.multiply_add::<FUSED>(*gradient, *parameter);
    }
}

/// Polyak averaging: `target ← target + τ (source − target)`, τ in [0, 1]; a copy at τ = 1.
pub fn polyak<T: Real>(target: &mut [T], source: &[T], tau: f64) {
    assert_eq!(target.len(), source.len(), "a target network has its source's shape");
    if tau >= 1.0 {
        target.copy_from_slice(source);
    } else {
        polyak_loop(target, source, T::from_f64(tau));
    }
}

for_each_level! {
    fn polyak_loop<T: Real>(target: &mut [T], source: &[T], tau: T) = polyak_body
}

#[inline(always)]
fn polyak_body<T: Real, const FUSED: bool>(target: &mut [T], source: &[T], tau: T) {
    for (target, source) in target.iter_mut().zip(source) {
        *target = tau.multiply_add::<FUSED>(*source - *target, *target);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn polyak_by_hand() {
        let mut target = [1.0_f32, -2.0];
        polyak(&mut target, &[3.0, 2.0], 0.25);
        assert_eq!(target, [1.5, -1.0]);
        polyak(&mut target, &[0.1, 0.7], 1.0);
        assert_eq!(target, [0.1, 0.7]);
    }

    /// Against the paper's algorithm 1 written out for one number, ε outside the root.
    #[test]
    fn adam_follows_the_paper() {
        let gradients = [0.3, -1.2, 0.05, 2.0, -0.7];
        let (mut m, mut v, mut expected) = (0.0_f64, 0.0_f64, 1.5_f64);
        let mut adam = Adam::<f64>::new(1, 1e-5);
        let mut parameters = [1.5];
        for (index, gradient) in gradients.iter().enumerate() {
            let t = index as i32 + 1;
            let scaled = gradient * 0.5;
            m = 0.9 * m + 0.1 * scaled;
            v = 0.999 * v + 0.001 * scaled * scaled;
            let (m_hat, v_hat) = (m / (1.0 - 0.9_f64.powi(t)), v / (1.0 - 0.999_f64.powi(t)));
            expected -= 0.01 * m_hat / (v_hat.sqrt() + 1e-5);
            adam.step(&mut parameters, &[*gradient], 0.01, 0.5);
            assert!((parameters[0] - expected).abs() < 1e-14, "step {t}");
        }
    }

    /// Units whose gradient stays 0: their parameters end as they would in exact arithmetic, and their moments at 0.
    #[test]
    fn moments_without_a_gradient_end_at_zero() {
        let mut adam = Adam::<f32>::new(40, 1e-8);
        let mut parameters = [0.5; 40];
        let gradient: Vec<f32> = (0..40).map(|index| (index as f32 - 20.5) * 1e-3).collect();
        adam.step(&mut parameters, &gradient, 1e-3, 1.0);
        let mut before = parameters;
        for step in 0..2_000 {
            adam.step(&mut parameters, &[0.0; 40], 1e-3, 1.0);
            assert!(adam.first.iter().all(|moment| *moment == 0.0 || moment.is_normal()), "step {step}");
            if step == 400 {
                before = parameters;
            }
        }
        assert_eq!(adam.first, [0.0; 40]);
        assert_eq!(parameters, before);
        assert!(adam.second.iter().all(|moment| moment.is_normal()), "the second moment shrinks slowly");
        adam.second.fill(2.0 * f32::MIN_POSITIVE);
        (0..2_000).for_each(|_| adam.step(&mut parameters, &[0.0; 40], 1e-3, 1.0));
        assert_eq!(adam.second, [0.0; 40]);
        // What is no number stays none.
        adam.step(&mut parameters, &[f32::NAN; 40], 1e-3, 1.0);
        assert!(adam.first.iter().chain(&adam.second).all(|moment| moment.is_nan()));
    }

    #[test]
    fn sgd_by_hand() {
        let mut parameters = [1.0_f32, 2.0];
        sgd_step(&mut parameters, &[0.5, -4.0], 0.25, 0.5);
        assert_eq!(parameters, [1.0 - 0.0625, 2.5]);
    }
}
