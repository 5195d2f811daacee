//! Who decided in the log. Actions that answer to what was seen fit no other course of events: played back, they come at the
//! wrong moments although every step of the simulator may be right. Then a clone of who decided decides in the simulator.
//!
//! Whether actions answer is tested on episodes that the clone has not seen: they must be likelier for it than for somebody who
//! takes each action as often as the log does and looks at nothing.

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

/// Fewer episodes tell no clone from chance.
const EPISODES_MIN: usize = 20;
/// Widths of the clone's hidden layers.
const HIDDEN: [usize; 2] = [64, 64];
/// Rows of a gradient step.
const ROWS: usize = 256;
/// Gradient steps.
const STEPS: usize = 3_000;
/// Adam's step size at first; it falls to 0.
const LEARNING_RATE: f64 = 1e-3;
/// An action answers where it is at least so much likelier, in nats a decision …
const GAIN_MIN: f64 = 0.02;
/// … and that by so many standard errors over episodes.
const STANDARD_ERRORS: f64 = 3.0;

/// The clone of who decided in a log.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Controller {
    /// By how much a held-out action is likelier for the clone than for one who looks at nothing, in nats.
    pub gain: f64,
    /// `held_out_accuracy`: share of held-out decisions in which the clone's most probable choice is the log's; or
    /// `held_out_error`: root mean square error of settings on [−1, 1].
    pub measure: String,
    /// Its value.
    pub value: f64,
}

impl Controller {
    /// How well it knows who decided, in words.
    pub fn quality(&self) -> String {
        if self.measure == "held_out_accuracy" {
            format!("decides alike in {:.1} % of held-out decisions", 100.0 * self.value)
        } else {
            format!("decides within {:.3} of the log's settings on [−1, 1] (root mean square)", self.value)
        }
    }
}

/// Clones who decided; `None` where the log's actions do not answer to what is seen, or too little is known to tell.
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
    // Rows of an episode depend on each other: the error is that of a ratio of sums over episodes.
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

/// The log with what is missing of observations as ordinary as can be.
fn whole(problem: &Problem, logged: &Log) -> Log {
    let mut log = logged.clone();
    let features = problem.spec().observation.iter().cycle();
    for (value, feature) in log.observations.iter_mut().zip(features).filter(|(value, _)| !value.is_finite())
    {
        *value = feature.reference;
    }
    log
}

/// Log-probability of each action for one who knows how often each is taken, or the settings' means and deviations, in these
/// very rows: the benefit of the doubt.
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
