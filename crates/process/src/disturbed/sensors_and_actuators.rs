//! The sensors and actuators of one environment: errors, delays and losses of samples, delays and losses of actions, and
//! events.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};
use setpoint_decision::disturbance::{Distribution, SensorError};

use super::plan::{Draw, Plan};
use setpoint_random::Stream;

/// The sensors and actuators between one environment and its policy, and the random numbers of their errors.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct SensorsAndActuators {
    pub(super) random: Stream,
    level: usize,
    /// For each sensor error: this episode's constant part, in [−1, 1] of its size.
    offsets: Vec<f32>,
    /// Samples measured in this episode.
    samples: u32,
    /// Observations on their way, the oldest first.
    travelling: VecDeque<Vec<f32>>,
    /// Actions on their way, the oldest first.
    queued: VecDeque<Vec<f32>>,
    /// The last value that arrived of every feature.
    held: Vec<f32>,
    /// For each dropout and feature: remaining number of lost samples.
    lost: Vec<Vec<u32>>,
    /// For each event: its remaining steps.
    lasting: Vec<u32>,
    /// This episode's dynamics.
    parameters: Vec<f64>,
}

impl SensorsAndActuators {
    pub(super) fn new(plan: &Plan, random: Stream) -> Self {
        Self {
            random,
            level: 0,
            offsets: vec![0.0; plan.sensors.len()],
            samples: 0,
            travelling: VecDeque::new(),
            queued: VecDeque::new(),
            held: vec![0.0; plan.features()],
            lost: plan.dropouts.iter().map(|dropout| vec![0; dropout.features.len()]).collect(),
            lasting: vec![0; plan.events.len()],
            parameters: plan.parameters.clone(),
        }
    }

    pub(super) fn level(&self) -> usize {
        self.level
    }

    /// Whether another environment has the same disturbances around it.
    pub(super) fn fits(&self, other: &Self) -> bool {
        let shape = |one: &Self| {
            let lost: Vec<usize> = one.lost.iter().map(Vec::len).collect();
            (one.offsets.len(), one.held.len(), lost, one.lasting.len(), one.parameters.len())
        };
        shape(self) == shape(other)
    }

    /// Resets the last episode; draws the constants of the next one.
    pub(super) fn begin(&mut self, plan: &Plan, level: usize) {
        self.level = level;
        self.samples = 0;
        for (offset, sensor) in self.offsets.iter_mut().zip(&plan.sensors) {
            *offset = match sensor.error {
                SensorError::Bias => self.random.uniform(-1.0, 1.0),
                SensorError::Drift => 1.0 - 2.0 * self.random.below(2) as f32,
                SensorError::Noise | SensorError::Quantisation => 0.0,
            };
        }
        self.travelling.clear();
        self.queued.clear();
        self.queued.resize(Plan::delay(&plan.actuation_delay, level), plan.idle.clone());
        self.lost.iter_mut().for_each(|lost| lost.fill(0));
        self.lasting.fill(0);
    }

    /// This episode's dynamics: every parameter and its value.
    pub(super) fn draw_parameters(&mut self, plan: &Plan) -> impl Iterator<Item = (usize, f64)> + use<> {
        self.parameters.copy_from_slice(&plan.parameters);
        for draw in &plan.draws {
            self.parameters[draw.parameter] = value(draw, self.level, &mut self.random);
        }
        self.parameters.clone().into_iter().enumerate()
    }

    /// Begins and ends events; returns the changed parameters.
    pub(super) fn events(&mut self, plan: &Plan) -> Vec<(usize, f64)> {
        let mut changes = Vec::new();
        for (left, event) in self.lasting.iter_mut().zip(&plan.events) {
            if *left > 0 {
                *left -= 1;
                if *left == 0 {
                    changes.extend(event.set.iter().map(|(index, _)| (*index, self.parameters[*index])));
                }
            } else if f64::from(self.random.unit()) < event.probability.at(self.level) {
                *left = geometric(event.mean_steps, &mut self.random);
                changes.extend(&event.set);
            }
        }
        changes
    }

    /// Replaces the chosen action by the one that takes effect now.
    pub(super) fn act(&mut self, plan: &Plan, action: &mut [f32]) {
        if let Some(arriving) = self.queued.pop_front() {
            self.queued.push_back(action.to_vec());
            action.copy_from_slice(&arriving);
        }
        if plan.events.iter().zip(&self.lasting).any(|(event, left)| event.actions_lost && *left > 0) {
            action.copy_from_slice(&plan.idle);
        }
    }

    /// Writes the observation of this true state.
    pub(super) fn measure(&mut self, plan: &Plan, truth: &[f32], first: bool, seen: &mut [f32]) {
        seen.copy_from_slice(truth);
        for (sensor, offset) in plan.sensors.iter().zip(&self.offsets) {
            let size = sensor.size[self.level.min(sensor.size.len() - 1)];
            let value = &mut seen[sensor.feature];
            match sensor.error {
                SensorError::Noise => *value += size * self.random.normal(),
                SensorError::Bias => *value += size * offset,
                SensorError::Drift => *value += size * offset * self.samples as f32,
                SensorError::Quantisation if size > 0.0 => *value = (*value / size).round() * size,
                SensorError::Quantisation => {}
            }
        }
        for (value, (low, high)) in seen.iter_mut().zip(&plan.bounds) {
            *value = value.clamp(*low, *high);
        }
        self.samples += 1;

        let delay = Plan::delay(&plan.observation_delay, self.level);
        if delay > 0 {
            // Until the first sample has arrived, it is the only sample.
            if first {
                self.travelling.resize(delay, seen.to_vec());
            }
            self.travelling.push_back(seen.to_vec());
            let arriving = self.travelling.pop_front().expect("one was just pushed");
            seen.copy_from_slice(&arriving);
        }

        if !plan.dropouts.is_empty() {
            if !first {
                self.lose(plan, seen);
            }
            self.held.copy_from_slice(seen);
        }
    }

    /// Replaces lost values by the last values that arrived.
    fn lose(&mut self, plan: &Plan, seen: &mut [f32]) {
        for (dropout, lost) in plan.dropouts.iter().zip(&mut self.lost) {
            let probability = dropout.probability.at(self.level);
            for index in 0..lost.len() {
                if dropout.together && index > 0 {
                    lost[index] = lost[0];
                } else if lost[index] > 0 {
                    lost[index] -= 1;
                } else if f64::from(self.random.unit()) < probability {
                    lost[index] = geometric(dropout.mean_steps, &mut self.random);
                }
                if lost[index] > 0 {
                    let feature = dropout.features[index];
                    seen[feature] = self.held[feature];
                }
            }
        }
    }
}

/// A length in {1, 2, …} of this mean.
fn geometric(mean: f64, random: &mut Stream) -> u32 {
    if mean <= 1.0 {
        return 1;
    }
    // Inversion: P(length > k) = (1 − 1/mean)^k.
    let unit = 1.0 - f64::from(random.unit());
    1 + (unit.ln() / (1.0 - 1.0 / mean).ln()).min(1e6) as u32
}

/// A draw of a parameter.
fn value(draw: &Draw, level: usize, random: &mut Stream) -> f64 {
    let (first, second) = (draw.first.at(level), draw.second.at(level));
    let drawn = match draw.distribution {
        Distribution::Uniform => first + (second - first) * f64::from(random.unit()),
        Distribution::LogUniform => {
            (first.ln() + (second.ln() - first.ln()) * f64::from(random.unit())).exp()
        }
        Distribution::Normal => first + second * f64::from(random.normal()),
    };
    drawn.clamp(draw.bounds.0, draw.bounds.1)
}
