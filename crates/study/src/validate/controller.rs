//! A clone of the log's controller. Actions that depend on the state come at the wrong moments in a replay, even if every
//! step of the simulator is right. Then the clone decides in the simulator.
//!
//! A test on held-out episodes shows whether the actions depend on the state: the actions must be likelier under the clone
//! than under a model that knows only how often the log takes each action.

use serde::{Deserialize, Serialize};
use setpoint_log::Log;
use setpoint_nn::mlp::Activation;
use setpoint_policy::Policy;
use setpoint_random::Stream;

use setpoint_learn::algorithm::Snapshot;
use setpoint_learn::algorithms::bc::Actor;
use setpoint_learn::offline::Transitions;
use setpoint_learn::problem::Problem;
use setpoint_learn::replay::Batch;

/// With fewer episodes a clone cannot be distinguished from chance.
const EPISODES_MIN: usize = 20;
/// Widths of the clone's hidden layers.
const HIDDEN: [usize; 2] = [64, 64];
/// Rows of a gradient step.
const ROWS: usize = 256;
/// Gradient steps.
const STEPS: usize = 3_000;
/// First step size of Adam; it falls to 0.
const LEARNING_RATE: f64 = 1e-3;
/// Actions depend on the state if they are likelier by at least this, in nats per decision …
const GAIN_MIN: f64 = 0.02;
/// … and by this number of standard errors over episodes.
const STANDARD_ERRORS: f64 = 3.0;

/// The clone of a log's controller.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Controller {
    /// By how much a held-out action is likelier under the clone than under a model without the state, in nats.
    #[serde(deserialize_with = "setpoint_statistics::stored::figures")]
    pub gain: f64,
    /// `held_out_accuracy`: share of held-out decisions in which the clone's most probable choice is the log's; or
    /// `held_out_error`: root mean square error of settings on [−1, 1].
    pub measure: String,
    /// Its value.
    #[serde(deserialize_with = "setpoint_statistics::stored::figures")]
    pub value: f64,
}

impl Controller {
    /// The quality of the clone, as text.
    pub fn quality(&self) -> String {
        if self.measure == "held_out_accuracy" {
            format!("agrees in {:.1} % of held-out decisions", 100.0 * self.value)
        } else {
            format!("differs from the log's settings by {:.3} on [−1, 1] (root mean square)", self.value)
        }
    }
}

/// Clones the log's controller; `None` if the log's actions do not depend on the state, or if the log is too short to show it.
pub fn clone_of(problem: &Problem, logged: &Log, seed: u64) -> Option<(Policy, Controller)> {
    let spec = problem.spec();
    if logged.episodes.len() < EPISODES_MIN || !logged.actions.iter().all(|action| action.is_finite()) {
        return None;
    }
    let transitions = Transitions::new(whole(problem, logged), &spec.action);
    let mut random = Stream::new(seed, "clone of the log's controller", 0);
    let mut actor = Actor::new(&HIDDEN, Activation::Tanh, spec, ROWS, &mut random);
    let (weights, mut batch) = ([1.0 / ROWS as f32; ROWS], Batch::default());
    for step in 0..STEPS {
        transitions.draw(ROWS, 0.0, false, &mut random, &mut batch);
        let learning_rate = LEARNING_RATE * (1.0 - step as f64 / STEPS as f64);
        if !actor.imitate(&batch, &weights, learning_rate).is_finite() {
            return None;
        }
    }
    let mut held_out = Batch::default();
    transitions.held_out(&mut held_out);
    let blind = blind_log_probabilities(&held_out, spec.action.len());
    let own = actor.log_probabilities(&held_out);
    let gains: Vec<f64> = own.iter().zip(&blind).map(|(own, blind)| own - blind).collect();
    let gain = gains.iter().sum::<f64>() / gains.len() as f64;
    // Rows of an episode depend on each other: the error is the error of a ratio of sums over episodes.
    let (mut begin, mut squares) = (0, 0.0);
    for episode in &transitions.held_out {
        let rows = begin..begin + transitions.log.episodes[*episode].rows.len();
        begin = rows.end;
        squares += (gains[rows.clone()].iter().sum::<f64>() - gain * rows.len() as f64).powi(2);
    }
    let standard_error = squares.sqrt() / gains.len() as f64;
    if !(gain > GAIN_MIN && gain > STANDARD_ERRORS * standard_error) {
        return None;
    }
    let (measure, value) = actor.held_out_figure(&held_out);
    let snapshot = Snapshot { normalizer: Some(transitions.frozen_normalizer()), ..actor.snapshot() };
    Some((problem.policy(snapshot, seed, 0), Controller { gain, measure: measure.to_owned(), value }))
}

/// The log with the missing values of observations replaced by ordinary values.
fn whole(problem: &Problem, logged: &Log) -> Log {
    let mut log = logged.clone();
    let features = problem.spec().observation.iter().cycle();
    for (value, feature) in log.observations.iter_mut().zip(features).filter(|(value, _)| !value.is_finite())
    {
        *value = feature.reference;
    }
    log
}

/// Log-probability of each action under a model that knows how often each choice is taken, or the means and deviations of
/// the settings, in these same rows: the benefit of the doubt.
fn blind_log_probabilities(batch: &Batch, width: usize) -> Vec<f64> {
    let rows = batch.rows.max(1) as f64;
    if batch.controls.is_empty() {
        let mut counts = vec![0.0; width];
        batch.choices.iter().for_each(|choice| counts[*choice as usize] += 1.0);
        return batch.choices.iter().map(|choice| (counts[*choice as usize] / rows).ln()).collect();
    }
    let mut sums = vec![0.0; batch.rows];
    for axis in 0..width {
        let values: Vec<f64> =
            batch.controls.iter().skip(axis).step_by(width).map(|value| f64::from(*value)).collect();
        let mean = values.iter().sum::<f64>() / rows;
        let variance =
            (values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / rows).max((-8.0_f64).exp());
        for (sum, value) in sums.iter_mut().zip(values) {
            *sum -= 0.5 * ((value - mean).powi(2) / variance + (std::f64::consts::TAU * variance).ln());
        }
    }
    sums
}
