//! A project's disturbances with every name resolved to an index.

use setpoint_decision::disturbance::{Distribution, Disturbance, Levels, SensorError, idle_choices, span};
use setpoint_decision::spec::{Feature, Spec};

use crate::Factory;

/// An error of one feature's sensor.
#[derive(Clone, Debug)]
pub(super) struct Sensor {
    pub(super) error: SensorError,
    pub(super) feature: usize,
    /// Size of the error as the policy sees the feature, one per level.
    pub(super) size: Vec<f32>,
}

/// A parameter that is drawn for every episode.
#[derive(Clone, Debug)]
pub(super) struct Draw {
    pub(super) parameter: usize,
    pub(super) distribution: Distribution,
    pub(super) first: Levels,
    pub(super) second: Levels,
    /// Its admissible range.
    pub(super) bounds: (f64, f64),
}

#[derive(Clone, Debug)]
pub(super) struct Dropout {
    pub(super) probability: Levels,
    pub(super) mean_steps: f64,
    pub(super) together: bool,
    pub(super) features: Vec<usize>,
}

#[derive(Clone, Debug)]
pub(super) struct Event {
    pub(super) probability: Levels,
    pub(super) mean_steps: f64,
    pub(super) set: Vec<(usize, f64)>,
    pub(super) actions_lost: bool,
}

/// All of a project's disturbances around one process.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    pub(super) sensors: Vec<Sensor>,
    pub(super) observation_delay: Vec<Levels>,
    pub(super) actuation_delay: Vec<Levels>,
    pub(super) dropouts: Vec<Dropout>,
    pub(super) draws: Vec<Draw>,
    pub(super) events: Vec<Event>,
    /// The action while no action arrives.
    pub(super) idle: Vec<f32>,
    /// Bounds of every feature.
    pub(super) bounds: Vec<(f32, f32)>,
    /// The project's values of the parameters.
    pub(super) parameters: Vec<f64>,
    /// Signals that have a feature's name: signal, feature, scale and offset of the natural value.
    shown: Vec<(usize, usize, f32, f32)>,
}

impl Plan {
    /// Resolves names; `Project::bind` has checked that they exist.
    pub fn new(disturbances: &[Disturbance], factory: &dyn Factory) -> Self {
        let spec = factory.spec();
        let given = factory.parameters();
        let value = |parameter: &setpoint_decision::spec::Parameter| {
            given.get(&parameter.name).and_then(toml::Value::as_float).unwrap_or(parameter.default)
        };
        let mut plan = Self {
            bounds: spec.observation.iter().map(|feature| (feature.low, feature.high)).collect(),
            parameters: spec.parameters.iter().map(value).collect(),
            idle: idle(spec, &[]),
            ..Self::default()
        };
        for disturbance in disturbances {
            plan.add(disturbance, spec);
        }
        if plan.disturbs_observations() {
            let signal = |(index, signal): (usize, &setpoint_decision::spec::Signal)| {
                let feature = spec.observation.iter().position(|feature| feature.name == signal.name)?;
                let Feature { scale, offset, .. } = spec.observation[feature];
                Some((index, feature, scale, offset))
            };
            plan.shown = spec.signals.iter().enumerate().filter_map(signal).collect();
        }
        plan
    }

    fn add(&mut self, disturbance: &Disturbance, spec: &Spec) {
        let indices = |names: &[String]| -> Vec<usize> {
            let concerned = |feature: &Feature| names.is_empty() || names.contains(&feature.name);
            (0..spec.observation.len()).filter(|index| concerned(&spec.observation[*index])).collect()
        };
        let parameter = |name: &String| {
            spec.parameters.iter().position(|parameter| parameter.name == *name).expect("`bind` checks")
        };
        match disturbance {
            Disturbance::Sensor { error, size, natural, features } => {
                for feature in indices(features) {
                    let about = &spec.observation[feature];
                    let unit = if *natural { 1.0 / about.scale.abs() } else { span(about).unwrap_or(0.0) };
                    let size = size.0.iter().map(|size| *size as f32 * unit).collect();
                    self.sensors.push(Sensor { error: *error, feature, size });
                }
            }
            Disturbance::ObservationDelay { steps } => self.observation_delay.push(steps.clone()),
            Disturbance::ActuationDelay { steps, idle: name } => {
                self.actuation_delay.push(steps.clone());
                self.idle = idle(spec, name);
            }
            Disturbance::Dropout { probability, mean_steps, together, features } => {
                self.dropouts.push(Dropout {
                    probability: probability.clone(),
                    mean_steps: *mean_steps,
                    together: *together,
                    features: indices(features),
                })
            }
            Disturbance::Randomisation { parameter: name, distribution, first, second } => {
                let index = parameter(name);
                self.draws.push(Draw {
                    parameter: index,
                    distribution: *distribution,
                    first: first.clone(),
                    second: second.clone(),
                    bounds: (spec.parameters[index].low, spec.parameters[index].high),
                });
            }
            Disturbance::Event { probability, mean_steps, set, actions_lost, idle: name } => {
                if *actions_lost {
                    self.idle = idle(spec, name);
                }
                self.events.push(Event {
                    probability: probability.clone(),
                    mean_steps: *mean_steps,
                    set: set.iter().map(|(name, value)| (parameter(name), *value)).collect(),
                    actions_lost: *actions_lost,
                });
            }
        }
    }

    /// Whether nothing is disturbed.
    pub fn is_empty(&self) -> bool {
        !self.disturbs_observations()
            && self.actuation_delay.is_empty()
            && self.draws.is_empty()
            && self.events.is_empty()
    }

    fn disturbs_observations(&self) -> bool {
        !self.sensors.is_empty() || !self.observation_delay.is_empty() || !self.dropouts.is_empty()
    }

    /// Whether an episode's dynamics may differ from the last one's.
    pub(super) fn draws_parameters(&self) -> bool {
        !self.draws.is_empty() || self.events.iter().any(|event| !event.set.is_empty())
    }

    /// Numbers of an observation.
    pub(super) fn features(&self) -> usize {
        self.bounds.len()
    }

    /// Signals with a feature's name follow its observation.
    pub(super) fn show_in_signals(&self, seen: &[f32], signals: &mut [f32]) {
        for (signal, feature, scale, offset) in &self.shown {
            signals[*signal] = seen[*feature] * scale + offset;
        }
    }

    /// Sum of the delays at a level, in steps.
    pub(super) fn delay(delays: &[Levels], level: usize) -> usize {
        delays.iter().map(|steps| steps.at(level) as usize).sum()
    }
}

/// The action while no action arrives: the idle choice of each group, and 0 on every axis that can be 0 (otherwise its middle).
fn idle(spec: &Spec, named: &[String]) -> Vec<f32> {
    // Where no choice is idle, reading the project has refused every disturbance that needs one.
    let choices = idle_choices(&spec.action, named).unwrap_or_else(|_| vec![0; spec.action.groups.len()]);
    let rest = |low: f32, high: f32| if low <= 0.0 && 0.0 <= high { 0.0 } else { 0.5 * low + 0.5 * high };
    let settings = spec.action.axes.iter().map(|axis| rest(axis.low, axis.high));
    choices.into_iter().map(|choice| choice as f32).chain(settings).collect()
}
