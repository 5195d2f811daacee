//! The losses of proximal policy optimisation and their gradients, per sample as pure functions and per minibatch.

use setpoint_nn::joint::Joint;
use setpoint_nn::real::Real;
use setpoint_nn::{categorical, gaussian};

use super::MinibatchNetwork;
use crate::rollout::Rollout;

/// One sample of the clipped surrogate.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Surrogate<T> {
    /// −min(r Â, clip(r, 1 − ε, 1 + ε) Â)
    pub loss: T,
    /// d loss / d log π(a|s)
    pub gradient: T,
    /// r = π(a|s) / π_old(a|s)
    pub ratio: T,
}

/// The clipped surrogate (Schulman et al. 2017, equation 7), negated to be minimised.
///
/// `r = exp(log π − log π_old)`, so `d r / d log π = r`. If the minimum is the clipped branch and the ratio lies
/// outside the range, the loss does not depend on π; elsewhere `d loss / d log π = −r Â`.
pub fn clipped_surrogate<T: Real>(
    log_probability: T,
    old_log_probability: T,
    advantage: T,
    clip_range: T,
) -> Surrogate<T> {
    let ratio = (log_probability - old_log_probability).exp();
    let clipped = ratio.max(T::ONE - clip_range).min(T::ONE + clip_range);
    let (free, held) = (ratio * advantage, clipped * advantage);
    if free <= held {
        Surrogate { loss: -free, gradient: -free, ratio }
    } else {
        Surrogate { loss: -held, gradient: T::ZERO, ratio }
    }
}

/// `(target − v)²` and its derivative with respect to v. With a clip range, v is first clipped to `old ± range`
/// (Stable-Baselines3's form), and the derivative is 0 where v is clipped.
pub fn squared_value_error<T: Real>(value: T, old_value: T, target: T, clip_range: Option<T>) -> (T, T) {
    let (used, passes) = match clip_range {
        None => (value, true),
        Some(range) => {
            let moved = value - old_value;
            let held = moved.max(-range).min(range);
            (old_value + held, held == moved)
        }
    };
    let error = used - target;
    (error * error, if passes { error + error } else { T::ZERO })
}

/// Figures of one minibatch, or sums of several.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct ActorFigures {
    pub policy_loss: f64,
    pub entropy: f64,
    /// Mean of (r − 1) − log r (Schulman 2020, "Approximating KL divergence", the low-variance estimator).
    pub approximate_kl: f64,
    /// Share of samples whose ratio left the clip range.
    pub clip_fraction: f64,
    /// Greatest |r − 1|.
    pub ratio_deviation: f64,
}

impl ActorFigures {
    pub fn accumulate(&mut self, other: &Self) {
        self.policy_loss += other.policy_loss;
        self.entropy += other.entropy;
        self.approximate_kl += other.approximate_kl;
        self.clip_fraction += other.clip_fraction;
        self.ratio_deviation = self.ratio_deviation.max(other.ratio_deviation);
    }
}

/// The actor's part: surrogate and entropy bonus.
pub(super) struct ActorLoss<'a> {
    /// The choices of each group.
    pub joint: &'a Joint,
    pub clip_range: f32,
    pub entropy_coefficient: f32,
    pub normalize_advantage: bool,
    pub masked: bool,
}

impl ActorLoss<'_> {
    /// Runs the actor on a minibatch and leaves dL/d output in the learner (and dL/d log σ in its gradient).
    pub fn gradient(
        &self,
        actor: &mut MinibatchNetwork,
        rollout: &Rollout,
        indices: &[u32],
        advantages: &mut [f32],
    ) -> ActorFigures {
        let rows = indices.len();
        let advantages = &mut advantages[..rows];
        for (advantage, index) in advantages.iter_mut().zip(indices) {
            *advantage = rollout.advantages[*index as usize];
        }
        if self.normalize_advantage && rows > 1 {
            normalize(advantages);
        }
        actor.forward(rollout, indices);
        let mut figures = match (self.joint.groups.len(), rollout.controls.is_empty()) {
            (1, true) => self.categorical(actor, rollout, indices, advantages),
            _ => self.joint(actor, rollout, indices, advantages),
        };
        let n = rows as f64;
        figures.policy_loss /= n;
        figures.entropy /= n;
        figures.approximate_kl /= n;
        figures.clip_fraction /= n;
        figures
    }

    /// One choice and nothing else: all rows at once.
    fn categorical(
        &self,
        actor: &mut MinibatchNetwork,
        rollout: &Rollout,
        indices: &[u32],
        advantages: &mut [f32],
    ) -> ActorFigures {
        let choices = actor.network.shape.output();
        let share = 1.0 / indices.len() as f32;
        let outputs = &mut actor.outputs[..indices.len() * choices];
        if self.masked {
            // Masks of a minibatch lie scattered in the rollout; masked decisions are the minority, so row by row is fast
            // enough.
            for (row, index) in outputs.chunks_exact_mut(choices).zip(indices) {
                rollout.allowed_of(*index as usize, &mut actor.mask);
                categorical::log_probabilities(row, choices, Some(&actor.mask));
            }
        } else {
            categorical::log_probabilities(outputs, choices, None);
        }
        let mut figures = ActorFigures::default();
        for ((row, index), weight) in outputs.chunks_exact(choices).zip(indices).zip(advantages.iter_mut()) {
            let index = *index as usize;
            let log_probability = row[rollout.choices[index] as usize];
            *weight =
                share * figures.sample(log_probability, rollout.log_probabilities[index], *weight, self);
        }
        figures.entropy = f64::from(categorical::logits_gradient(
            outputs,
            choices,
            indices.iter().map(|index| rollout.choices[*index as usize] as usize),
            advantages,
            -self.entropy_coefficient * share,
            &mut actor.output_gradient,
        ));
        figures
    }

    /// Choices and settings, of which one may be absent.
    fn joint(
        &self,
        actor: &mut MinibatchNetwork,
        rollout: &Rollout,
        indices: &[u32],
        advantages: &[f32],
    ) -> ActorFigures {
        let width = actor.network.shape.output();
        let share = 1.0 / indices.len() as f32;
        let (log_std, log_std_gradient) = actor.network.beside();
        let log_std = &*log_std;
        // d H / d log σ = 1 for each axis, in every row.
        log_std_gradient.fill(-self.entropy_coefficient);
        let mut figures = ActorFigures::default();
        let rows = actor.outputs.chunks_exact_mut(width).zip(actor.output_gradient.chunks_exact_mut(width));
        for (((row, gradient), index), advantage) in rows.zip(indices).zip(advantages) {
            let index = *index as usize;
            rollout.allowed_of(index, &mut actor.mask);
            self.joint.normalize(row, &actor.mask);
            let (choices, settings) = (rollout.choices_of(index), rollout.controls_of(index));
            let log_probability = self.joint.log_probability(row, log_std, choices, settings);
            let weight =
                share * figures.sample(log_probability, rollout.log_probabilities[index], *advantage, self);
            let weights = (weight, -self.entropy_coefficient * share);
            let entropy =
                self.joint.gradient(row, log_std, choices, settings, weights, gradient, log_std_gradient);
            figures.entropy += f64::from(entropy);
        }
        figures.entropy += f64::from(gaussian::entropy(log_std)) * indices.len() as f64;
        figures
    }
}

impl ActorFigures {
    /// Adds one sample; returns d loss / d log π before the mean over the minibatch.
    fn sample(&mut self, log_probability: f32, old: f32, advantage: f32, loss: &ActorLoss<'_>) -> f32 {
        let surrogate = clipped_surrogate(log_probability, old, advantage, loss.clip_range);
        let deviation = f64::from(surrogate.ratio) - 1.0;
        self.policy_loss += f64::from(surrogate.loss);
        self.approximate_kl += deviation - f64::from(log_probability - old);
        self.clip_fraction += f64::from(u8::from(deviation.abs() > f64::from(loss.clip_range)));
        self.ratio_deviation = self.ratio_deviation.max(deviation.abs());
        surrogate.gradient
    }
}

/// To mean 0 and (unbiased) standard deviation 1.
fn normalize(advantages: &mut [f32]) {
    let n = advantages.len() as f32;
    let mean = advantages.iter().sum::<f32>() / n;
    let squares = advantages.iter().map(|advantage| (advantage - mean) * (advantage - mean)).sum::<f32>();
    let scale = 1.0 / ((squares / (n - 1.0)).sqrt() + 1e-8);
    for advantage in advantages {
        *advantage = (*advantage - mean) * scale;
    }
}

/// The critic's part: mean squared error of the value.
pub(super) struct CriticLoss {
    pub coefficient: f32,
    pub clip_range: Option<f32>,
}

impl CriticLoss {
    /// Runs the critic on a minibatch and leaves dL/d output in the learner; returns the mean squared error.
    pub fn gradient(&self, critic: &mut MinibatchNetwork, rollout: &Rollout, indices: &[u32]) -> f64 {
        critic.forward(rollout, indices);
        let share = self.coefficient / indices.len() as f32;
        let mut sum = 0.0;
        let rows = critic.outputs.iter().zip(&mut critic.output_gradient);
        for ((value, gradient), index) in rows.zip(indices) {
            let index = *index as usize;
            let (target, old) = (rollout.returns[index], rollout.values[index]);
            let (error, derivative) = squared_value_error(*value, old, target, self.clip_range);
            sum += f64::from(error);
            *gradient = derivative * share;
        }
        sum / indices.len() as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn surrogate_by_hand() {
        // r = 1.5, Â = 2: the clipped branch 1.2 · 2 is smaller, the sample has no gradient.
        let up = clipped_surrogate(1.5_f64.ln(), 0.0, 2.0, 0.2);
        assert!((up.loss + 2.4).abs() < 1e-12 && up.gradient == 0.0 && (up.ratio - 1.5).abs() < 1e-12);
        // r = 1.5, Â = −2: the free branch −3 is smaller, the step back is not limited.
        let down = clipped_surrogate(1.5_f64.ln(), 0.0, -2.0, 0.2);
        assert!((down.loss - 3.0).abs() < 1e-12 && (down.gradient - 3.0).abs() < 1e-12);
    }

    #[test]
    fn gradients_agree_with_finite_differences() {
        let h = 1e-6;
        for old in [-2.0_f64, -0.7] {
            for moved in [-0.5, -0.15, 0.0, 0.1, 0.4] {
                for advantage in [-1.3, 0.8] {
                    let at = |x: f64| clipped_surrogate(x, old, advantage, 0.2);
                    let x = old + moved;
                    let numeric = (at(x + h).loss - at(x - h).loss) / (2.0 * h);
                    assert!((numeric - at(x).gradient).abs() < 1e-6, "{old} {moved} {advantage}");
                }
            }
        }
        for clip in [None, Some(0.2)] {
            for value in [-1.0_f64, 0.05, 0.7] {
                let at = |v: f64| squared_value_error(v, 0.1, 0.4, clip);
                let numeric = (at(value + h).0 - at(value - h).0) / (2.0 * h);
                assert!((numeric - at(value).1).abs() < 1e-6, "{clip:?} {value}");
            }
        }
    }
}
