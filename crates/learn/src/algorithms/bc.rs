//! Behaviour cloning (Pomerleau 1989; Bain & Sammut 1995): the policy under which the log is most likely.
//!
//! The loss is the cross-entropy for choices. For settings it is the likelihood of a Gaussian: its means come from the
//! network, its deviations belong to the axes. One fifth of the episodes is held out; every update reports the result on
//! them.

use std::path::Path;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use setpoint_decision::Diagnostic;
use setpoint_decision::section::{Range, Section};
use setpoint_decision::spec::Spec;
use setpoint_nn::categorical;
use setpoint_nn::joint::Joint;
use setpoint_nn::mlp::{Activation, Mlp};
use setpoint_nn::network::{Cores, Network, Trained};
use setpoint_nn::optimizer::Adam;
use setpoint_policy::head::Head;
use setpoint_process::StateError;
use setpoint_random::Stream;

use crate::algorithm::{Algorithm, Snapshot, from_bytes, to_bytes};
use crate::bounds;
use crate::figures::{Figures, Means};
use crate::hidden_layers::{NetArch, read_activation, read_net_arch};
use crate::learning_rate::{Schedule, read_schedule};
use crate::memory::Need;
use crate::offline::{OfflineLearner, Source, Transitions};
use crate::recipe::{LearnerOptions, Learns, Recipe};
use crate::replay::Batch;
use crate::request::Request;

/// The recipe.
pub const RECIPE: Recipe = Recipe {
    name: "bc",
    class: "BC",
    summary: "behaviour cloning: imitates the log's controller, or a hand-written rule",
    on_policy: false,
    actions: Learns::Logged,
    reads_tensors: false,
    sample_efficiency: "needs a log and no steps",
    pick_when: "today's controller should become a policy, as a baseline or as a start",
    source: "Pomerleau 1989; Bain & Sammut 1995",
    is_first_choice: false,
    tuning: Vec::new,
    read: |section| Ok(Box::new(Options::read(section)?)),
};

/// `[train.bc]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Options {
    /// The log.
    #[serde(flatten)]
    pub source: Source,
    /// Adam's step size.
    pub learning_rate: Schedule,
    /// Rows of a gradient step.
    pub batch_size: usize,
    /// Widths of the hidden layers.
    pub net_arch: NetArch,
    /// Activation of the hidden layers.
    pub activation_fn: Activation,
}

impl Options {
    /// Reads the section; absent keys take their defaults.
    pub fn read(section: &Section<'_>) -> Result<Self, Box<Diagnostic>> {
        Self::read_with(section, Source::read(section)?)
    }

    /// Reads the section but for its source.
    pub fn read_with(section: &Section<'_>, source: Source) -> Result<Self, Box<Diagnostic>> {
        let default = NetArch { pi: vec![64, 64], vf: vec![64, 64] };
        let options = Self {
            source,
            learning_rate: read_schedule(section, "learning_rate", bounds::positive(), "Adam's step size")?
                .unwrap_or(Schedule::Constant(1e-3)),
            batch_size: section
                .integer("batch_size", Range::between(1.0, 1e6), "rows of a gradient step")?
                .unwrap_or(128) as usize,
            net_arch: read_net_arch(section, &default)?.unwrap_or(default),
            activation_fn: read_activation(section)?.unwrap_or(Activation::Tanh),
        };
        Ok(options)
    }
}

impl LearnerOptions for Options {
    fn learner(&self, request: &Request<'_>) -> Box<dyn Algorithm> {
        Box::new(Bc::on(self, request.spec, request.log(), request.seed))
    }

    fn needs(&self, spec: &Spec, masked: bool) -> Vec<Need> {
        let _ = masked;
        vec![Need::networks(spec, &[&self.net_arch.pi], &[], self.batch_size)]
    }

    fn source(&self) -> Option<&Source> {
        Some(&self.source)
    }

    fn imitates(&self) -> bool {
        true
    }

    fn resolve(&mut self, folder: &Path) {
        self.source.resolve(folder);
    }
}

/// A policy's network with the axes' deviations, and its steps towards the actions of a log.
pub struct Actor {
    network: Network,
    joint: Joint,
    head: Head,
    axes: usize,
    trained: LogStd,
    outputs: Vec<f32>,
    gradient: Vec<f32>,
}

/// Logarithms of the axes' deviations, with their optimiser.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LogStd {
    log_std: Vec<f32>,
    optimizer: Adam<f32>,
}

/// The part of a checkpoint with an actor.
pub type SavedActor = (Trained, LogStd);

impl Actor {
    /// Fresh; for batches of up to `rows_max`.
    pub fn new(
        hidden: &[usize],
        activation: Activation,
        spec: &Spec,
        rows_max: usize,
        random: &mut Stream,
    ) -> Self {
        let (features, output) = (spec.observation.len(), spec.action.len());
        let shape = Mlp { input: features, hidden: hidden.to_vec(), output, activation };
        let axes = spec.action.axes.len();
        Self {
            joint: Joint { groups: spec.action.group_sizes() },
            head: Head::stochastic(&spec.action),
            network: Network::new(shape, rows_max, random),
            axes,
            trained: LogStd { log_std: vec![-0.5; axes], optimizer: Adam::new(axes, 1e-8) },
            outputs: vec![0.0; rows_max * output],
            gradient: vec![0.0; rows_max * output],
        }
    }

    /// One step of Adam down −Σ w log π(a|s), `weights` one a row; returns that sum.
    pub fn imitate(&mut self, batch: &Batch, weights: &[f32], learning_rate: f64) -> f64 {
        let (rows, width) = (batch.rows, self.network.shape.output());
        let outputs = &mut self.outputs[..rows * width];
        outputs.copy_from_slice(self.network.forward(&batch.observations, rows));
        let gradient = &mut self.gradient[..rows * width];
        let mut to_log_std = vec![0.0; self.axes];
        let log_std = &self.trained.log_std;
        let loss = match (self.joint.groups.len(), self.axes) {
            (1, 0) => choices_loss(outputs, width, &batch.choices, weights, gradient),
            _ => joint_loss(&self.joint, outputs, log_std, batch, weights, gradient, &mut to_log_std),
        };
        self.network.learn(&batch.observations, rows, gradient, learning_rate, None);
        if self.axes > 0 {
            let LogStd { log_std, optimizer } = &mut self.trained;
            optimizer.step(log_std, &to_log_std, learning_rate, 1.0);
            // With a controller without noise they would fall to zero, and the gradient of the means would grow without bound.
            log_std.iter_mut().for_each(|log_std| *log_std = log_std.clamp(-4.0, 1.0));
        }
        loss
    }

    /// For choices the share of rows whose most probable choices are the logged ones; for settings alone the root mean square
    /// error on [−1, 1].
    pub fn held_out_figure(&mut self, held_out: &Batch) -> (&'static str, f64) {
        let width = self.network.shape.output();
        let rows_max = self.outputs.len() / width;
        let features = self.network.shape.input();
        let mut sum = 0.0;
        for begin in (0..held_out.rows).step_by(rows_max) {
            let end = held_out.rows.min(begin + rows_max);
            let found =
                self.network.forward(&held_out.observations[begin * features..end * features], end - begin);
            for (row, found) in (begin..end).zip(found.chunks_exact(width)) {
                let groups = self.joint.groups.len();
                if groups > 0 {
                    let logged = &held_out.choices[row * groups..(row + 1) * groups];
                    sum += f64::from(u8::from(self.joint.modes(found).eq(logged.iter().copied())));
                } else {
                    let done = &held_out.controls[row * width..(row + 1) * width];
                    let squares = found.iter().zip(done).map(|(a, b)| f64::from(a - b).powi(2));
                    sum += squares.sum::<f64>() / width as f64;
                }
            }
        }
        let mean = sum / held_out.rows.max(1) as f64;
        if self.joint.groups.is_empty() {
            ("held_out_error", mean.sqrt())
        } else {
            ("held_out_accuracy", mean)
        }
    }

    /// Log-probability (of settings on [−1, 1]: log-density) of each row's action.
    pub fn log_probabilities(&mut self, batch: &Batch) -> Vec<f64> {
        let (width, features) = (self.network.shape.output(), self.network.shape.input());
        let rows_max = self.outputs.len() / width;
        let mut logs = Vec::with_capacity(batch.rows);
        for begin in (0..batch.rows).step_by(rows_max) {
            let end = batch.rows.min(begin + rows_max);
            let inputs = &batch.observations[begin * features..end * features];
            let outputs = &mut self.outputs[..(end - begin) * width];
            outputs.copy_from_slice(self.network.forward(inputs, end - begin));
            for (row, output) in (begin..end).zip(outputs.chunks_exact_mut(width)) {
                self.joint.normalize(output, &[]);
                let (choices, settings) = action_of(&self.joint, self.axes, batch, row);
                let log_std = &self.trained.log_std;
                logs.push(f64::from(self.joint.log_probability(output, log_std, choices, settings)));
            }
        }
        logs
    }

    /// The present policy.
    pub fn snapshot(&self) -> Snapshot {
        let Network { shape, trained, .. } = &self.network;
        Snapshot {
            log_std: self.trained.log_std.clone(),
            ..Snapshot::of_network(shape.clone(), trained.parameters.clone(), self.head)
        }
    }

    /// The part for a checkpoint.
    pub fn saved(&self) -> (&Trained, &LogStd) {
        (&self.network.trained, &self.trained)
    }

    /// Restores the part of a checkpoint.
    pub fn restore(&mut self, (trained, log_std): SavedActor) -> Result<(), StateError> {
        if log_std.log_std.len() != self.axes {
            return Err(StateError::new("its policy has different axes than this project's policy"));
        }
        self.network.restore(trained).map_err(StateError::new)?;
        self.trained = log_std;
        Ok(())
    }
}

/// L = −Σ w log softmax(z)ₐ over rows of logits `[rows, choices]`, which become log-probabilities; dL/dz into `gradient`.
fn choices_loss(
    logits: &mut [f32],
    choices: usize,
    chosen: &[u32],
    weights: &[f32],
    gradient: &mut [f32],
) -> f64 {
    categorical::log_probabilities(logits, choices, None);
    let scales: Vec<f32> = weights.iter().map(|weight| -weight).collect();
    let indices = || chosen.iter().map(|choice| *choice as usize);
    categorical::logits_gradient(logits, choices, indices(), &scales, 0.0, gradient);
    let log = |(row, choice): (&[f32], usize)| f64::from(row[choice]);
    let logs = logits.chunks_exact(choices).zip(indices()).map(log);
    logs.zip(weights).map(|(log, weight)| -log * f64::from(*weight)).sum()
}

/// The logged action of a row: a choice of each group, and the settings on [−1, 1].
fn action_of<'b>(joint: &Joint, axes: usize, batch: &'b Batch, row: usize) -> (&'b [u32], &'b [f32]) {
    let groups = joint.groups.len();
    (&batch.choices[row * groups..(row + 1) * groups], &batch.controls[row * axes..(row + 1) * axes])
}

/// L = −Σ w log π(a) over rows of logits and means, whose logits become log-probabilities; dL/d outputs into `gradient`,
/// dL/d log σ added to `to_log_std`.
fn joint_loss(
    joint: &Joint,
    outputs: &mut [f32],
    log_std: &[f32],
    batch: &Batch,
    weights: &[f32],
    gradient: &mut [f32],
    to_log_std: &mut [f32],
) -> f64 {
    let width = joint.choices() + log_std.len();
    let rows = outputs.chunks_exact_mut(width).zip(gradient.chunks_exact_mut(width));
    let mut loss = 0.0;
    for (row, ((output, gradient), weight)) in rows.zip(weights).enumerate() {
        let (choices, settings) = action_of(joint, log_std.len(), batch, row);
        joint.normalize(output, &[]);
        let log = joint.log_probability(output, log_std, choices, settings);
        loss -= f64::from(*weight) * f64::from(log);
        joint.gradient(output, log_std, choices, settings, (-weight, 0.0), gradient, to_log_std);
    }
    loss
}

/// The learner.
pub struct Bc {
    learning_rate: Schedule,
    actor: Actor,
    weights: Vec<f32>,
    means: Means,
}

impl Bc {
    /// A fresh learner whose weights follow from `seed`, with its log.
    pub fn on(
        options: &Options,
        spec: &Spec,
        transitions: Arc<Transitions>,
        seed: u64,
    ) -> crate::offline::Offline<Self> {
        let rows = options.batch_size;
        let mut random = Stream::new(seed, "bc weights", 0);
        let learner = Self {
            learning_rate: options.learning_rate,
            actor: Actor::new(&options.net_arch.pi, options.activation_fn, spec, rows, &mut random),
            weights: vec![1.0 / rows as f32; rows],
            means: Means::default(),
        };
        crate::offline::Offline::new(learner, transitions, rows, 0.0, seed, 1)
    }
}

impl OfflineLearner for Bc {
    fn needs_successors(&self) -> bool {
        false
    }

    fn learn(&mut self, batch: &Batch, progress_remaining: f64, _cores: Cores) -> Result<(), &'static str> {
        let learning_rate = self.learning_rate.at(progress_remaining);
        let loss = self.actor.imitate(batch, &self.weights[..batch.rows], learning_rate);
        self.means.add(&[loss]);
        if loss.is_finite() { Ok(()) } else { Err("policy loss") }
    }

    fn take_figures(&mut self, held_out: &Batch) -> Figures {
        let mut figures = self.means.take(&["policy_loss"]);
        figures.extend([self.actor.held_out_figure(held_out)]);
        figures
    }

    fn snapshot(&self) -> Snapshot {
        self.actor.snapshot()
    }

    fn save(&self) -> Result<Vec<u8>, StateError> {
        to_bytes(&(self.actor.saved(), &self.means))
    }

    fn load(&mut self, bytes: &[u8]) -> Result<(), StateError> {
        let (actor, means): (SavedActor, Means) = from_bytes(bytes)?;
        self.actor.restore(actor)?;
        self.means = means;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shifted(values: &[f32], index: usize, by: f32) -> Vec<f32> {
        let mut values = values.to_vec();
        values[index] += by;
        values
    }

    #[test]
    fn the_losses_gradients_agree_with_finite_differences() {
        let logits = [0.3, -1.2, 0.7, 0.1, 0.4, -0.9];
        let weights = [0.5, 2.0];
        let loss = |logits: &[f32]| choices_loss(&mut logits.to_vec(), 3, &[2, 0], &weights, &mut [0.0; 6]);
        let mut gradient = [9.0; 6];
        choices_loss(&mut logits.to_vec(), 3, &[2, 0], &weights, &mut gradient);
        for (index, gradient) in gradient.iter().enumerate() {
            let numeric =
                (loss(&shifted(&logits, index, 1e-2)) - loss(&shifted(&logits, index, -1e-2))) / 2e-2;
            assert!((numeric - f64::from(*gradient)).abs() < 1e-3, "{index}: {numeric}");
        }

        let (means, log_std, done) = ([0.3, -0.2, 0.5, 0.9], [-0.5, 0.2], vec![0.1, 0.4, 0.6, -0.3]);
        let (joint, batch) =
            (Joint { groups: vec![] }, Batch { rows: 2, controls: done, ..Batch::default() });
        let loss = |means: &[f32], log_std: &[f32]| {
            joint_loss(&joint, &mut means.to_vec(), log_std, &batch, &weights, &mut [0.0; 4], &mut [0.0; 2])
        };
        let (mut to_means, mut to_log_std) = ([9.0; 4], [0.0; 2]);
        joint_loss(&joint, &mut means.to_vec(), &log_std, &batch, &weights, &mut to_means, &mut to_log_std);
        for (index, gradient) in to_means.iter().enumerate() {
            let at = |by| loss(&shifted(&means, index, by), &log_std);
            let numeric = (at(1e-2) - at(-1e-2)) / 2e-2;
            assert!((numeric - f64::from(*gradient)).abs() < 1e-3, "{index}: {numeric}");
        }
        for (index, gradient) in to_log_std.iter().enumerate() {
            let at = |by| loss(&means, &shifted(&log_std, index, by));
            let numeric = (at(1e-2) - at(-1e-2)) / 2e-2;
            assert!((numeric - f64::from(*gradient)).abs() < 1e-2, "{index}: {numeric}");
        }
    }
}
