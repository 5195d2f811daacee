//! The distribution of an action with several groups of choices, and with settings: a categorical distribution for each
//! group and a diagonal Gaussian, all independent given the state (Stable-Baselines3's `MultiCategoricalDistribution`,
//! with settings).
//!
//! A row of outputs has the logits of each group, one group after another, then the means of the settings.

use setpoint_random::Stream;

use crate::real::Real;
use crate::{categorical, gaussian};

/// The shape of the distribution.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Joint {
    /// Number of choices of each group.
    pub groups: Vec<usize>,
}

impl Joint {
    /// Number of choices of all groups: the width of a mask, and the place of the first mean.
    pub fn choices(&self) -> usize {
        self.groups.iter().sum()
    }

    /// The place of each group in a row.
    fn places(&self) -> impl Iterator<Item = std::ops::Range<usize>> + '_ {
        self.groups.iter().scan(0, |next, size| {
            let place = *next..*next + size;
            *next = place.end;
            Some(place)
        })
    }

    /// Turns the logits of a row into log-probabilities, group by group, in place. `allowed` has the choices of all groups; it
    /// is empty if all are allowed.
    ///
    /// # Panics
    /// If a mask leaves a group nothing.
    pub fn normalize<T: Real>(&self, row: &mut [T], allowed: &[bool]) {
        for place in self.places() {
            let mask = (!allowed.is_empty()).then(|| &allowed[place.clone()]);
            let size = place.len();
            categorical::log_probabilities(&mut row[place], size, mask);
        }
    }

    /// Draws a choice of each group and each setting (on the scale of the means, not limited) of a normalised row.
    pub fn draw(
        &self,
        row: &[f32],
        log_std: &[f32],
        random: &mut Stream,
        choices: &mut [u32],
        settings: &mut [f32],
    ) {
        for (choice, place) in choices.iter_mut().zip(self.places()) {
            *choice = categorical::sample(&row[place], random.unit()) as u32;
        }
        let means = &row[self.choices()..];
        for ((setting, mean), log_std) in settings.iter_mut().zip(means).zip(log_std) {
            *setting = mean + log_std.exp() * random.normal();
        }
    }

    /// Whether each of these choices is a most probable one of its group, in a normalised row.
    pub fn is_greedy(&self, row: &[f32], choices: &[u32]) -> bool {
        choices.iter().zip(self.places()).all(|(choice, place)| {
            let group = &row[place];
            group.iter().all(|log| *log <= group[*choice as usize])
        })
    }

    /// The most probable choice of each group; the first of several.
    pub fn modes<T: Real>(&self, row: &[T]) -> impl Iterator<Item = u32> {
        self.places().map(|place| categorical::mode(&row[place]) as u32)
    }

    /// log π of an action in a normalised row; for settings a density on the scale of the means.
    pub fn log_probability<T: Real>(&self, row: &[T], log_std: &[T], choices: &[u32], settings: &[T]) -> T {
        let of_choices =
            choices.iter().zip(self.places()).map(|(choice, place)| row[place][*choice as usize]);
        let of_choices: T = of_choices.sum();
        of_choices + gaussian::log_probability(&row[self.choices()..], log_std, settings)
    }

    /// dL/d outputs of one normalised row, and adds dL/d log σ, for `L = w log π + h H(choices)`; gives the entropy H of the
    /// choices, summed over the groups, in nats. The entropy of the settings depends on log σ alone
    /// ([`gaussian::entropy`]).
    #[expect(clippy::too_many_arguments, reason = "an action, its distribution and two gradients")]
    pub fn gradient<T: Real>(
        &self,
        row: &[T],
        log_std: &[T],
        choices: &[u32],
        settings: &[T],
        (weight, d_entropy): (T, T),
        gradient: &mut [T],
        log_std_gradient: &mut [T],
    ) -> T {
        let mut entropy = T::ZERO;
        for (choice, place) in choices.iter().zip(self.places()) {
            let (logs, to) = (&row[place.clone()], &mut gradient[place]);
            let chosen = std::iter::once(*choice as usize);
            entropy += categorical::logits_gradient(logs, logs.len(), chosen, &[weight], d_entropy, to);
        }
        let first = self.choices();
        let (means, to) = (&row[first..], &mut gradient[first..]);
        gaussian::log_probability_gradient(means, log_std, settings, weight, to, log_std_gradient);
        entropy
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const JOINT: [usize; 2] = [3, 2];
    /// Logits of three and of two choices, then two means.
    const OUTPUTS: [f64; 7] = [0.3, -1.1, 0.8, 0.05, 0.6, -0.4, 0.9];
    const LOG_STD: [f64; 2] = [-0.3, 0.2];
    const CHOICES: [u32; 2] = [2, 0];
    const SETTINGS: [f64; 2] = [0.1, 0.7];
    /// The last choice of the first group is allowed, its middle is not.
    const ALLOWED: [bool; 5] = [true, false, true, true, true];

    fn joint() -> Joint {
        Joint { groups: JOINT.to_vec() }
    }

    /// L = w log π + h H.
    fn loss(outputs: &[f64], log_std: &[f64], allowed: &[bool]) -> f64 {
        let mut row = outputs.to_vec();
        joint().normalize(&mut row, allowed);
        let log = joint().log_probability(&row, log_std, &CHOICES, &SETTINGS);
        0.7 * log - 0.2 * (categorical::entropy(&row[..3]) + categorical::entropy(&row[3..5]))
    }

    #[test]
    fn the_gradient_agrees_with_finite_differences_with_and_without_a_mask() {
        for allowed in [&[][..], &ALLOWED] {
            let mut row = OUTPUTS.to_vec();
            joint().normalize(&mut row, allowed);
            let (mut gradient, mut to_log_std) = ([0.0; 7], [0.0; 2]);
            let entropy = joint().gradient(
                &row,
                &LOG_STD,
                &CHOICES,
                &SETTINGS,
                (0.7, -0.2),
                &mut gradient,
                &mut to_log_std,
            );
            let expected = categorical::entropy(&row[..3]) + categorical::entropy(&row[3..5]);
            assert!((entropy - expected).abs() < 1e-12);
            let h = 1e-6;
            let numeric = |at: &dyn Fn(f64) -> f64| (at(h) - at(-h)) / (2.0 * h);
            for (index, found) in gradient.iter().enumerate() {
                let moved = |by: f64| {
                    let mut outputs = OUTPUTS;
                    outputs[index] += by;
                    loss(&outputs, &LOG_STD, allowed)
                };
                assert!((numeric(&moved) - found).abs() < 1e-8, "output {index}, {allowed:?}");
            }
            for (index, found) in to_log_std.iter().enumerate() {
                let moved = |by: f64| {
                    let mut log_std = LOG_STD;
                    log_std[index] += by;
                    loss(&OUTPUTS, &log_std, allowed)
                };
                assert!((numeric(&moved) - found).abs() < 1e-8, "log σ {index}, {allowed:?}");
            }
        }
    }

    /// One group without settings is the categorical distribution, and settings alone are the Gaussian, bit for bit.
    #[test]
    fn its_parts_alone_are_the_two_distributions() {
        let logits = [0.4_f32, -0.2, 1.7];
        let (mut own, mut expected) = (logits, logits);
        Joint { groups: vec![3] }.normalize(&mut own, &[]);
        categorical::log_probabilities(&mut expected, 3, None);
        assert_eq!(own, expected);
        assert_eq!(Joint { groups: vec![3] }.log_probability(&own, &[], &[1], &[]), own[1]);
        let (means, log_std, settings) = ([0.3_f32, -0.6], [-0.5_f32, 0.1], [0.2_f32, 0.4]);
        let density = Joint { groups: vec![] }.log_probability(&means, &log_std, &[], &settings);
        assert_eq!(density, gaussian::log_probability(&means, &log_std, &settings));
    }

    /// 20,000 draws; an error above 5 standard deviations has a probability below one in a million for each figure.
    #[test]
    fn draws_have_the_probabilities_and_moments_of_the_row() {
        let mut row = OUTPUTS.map(|output| output as f32);
        joint().normalize(&mut row, &ALLOWED);
        let log_std = LOG_STD.map(|log| log as f32);
        let mut random = Stream::new(0, "joint draws", 0);
        let (mut counts, mut sums, mut squares) = ([0.0; 5], [0.0; 2], [0.0; 2]);
        let (mut choices, mut settings) = ([0; 2], [0.0; 2]);
        let n = 20_000;
        for _ in 0..n {
            joint().draw(&row, &log_std, &mut random, &mut choices, &mut settings);
            counts[choices[0] as usize] += 1.0;
            counts[3 + choices[1] as usize] += 1.0;
            for axis in 0..2 {
                sums[axis] += f64::from(settings[axis]);
                squares[axis] += f64::from(settings[axis]).powi(2);
            }
        }
        let n = f64::from(n);
        for (count, log) in counts.iter().zip(&row) {
            let p = f64::from(log.exp());
            assert!((count / n - p).abs() <= 5.0 * (p * (1.0 - p) / n).sqrt(), "{count} of {n}, p = {p}");
        }
        assert_eq!(counts[1], 0.0, "the forbidden choice");
        for axis in 0..2 {
            let (mean, deviation) = (OUTPUTS[5 + axis], LOG_STD[axis].exp());
            let found = sums[axis] / n;
            assert!((found - mean).abs() < 5.0 * deviation / n.sqrt());
            let variance = squares[axis] / n - found * found;
            assert!((variance / deviation.powi(2) - 1.0).abs() < 5.0 * (2.0 / n).sqrt());
        }
    }
}
