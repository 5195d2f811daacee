//! The ensemble: its inputs, its predictions, and the errors that are added to them.

use std::ops::Range;

use serde::{Deserialize, Serialize};
use setpoint_decision::spec::Spec;
use setpoint_nn::mlp::{Activation, Mlp, Workspace};
use setpoint_random::Stream;

use super::UNCERTAINTY_MAX;
use super::ends::Limit;

/// Number of networks.
pub const MEMBERS: usize = 5;
/// Widths of their hidden layers.
const HIDDEN: [usize; 2] = [64, 64];

/// The layout of inputs and outputs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Layout {
    /// Numbers of an observation.
    pub features: usize,
    /// Choices, one-hot, or axes on [−1, 1].
    pub actions: usize,
    /// Signals that are predicted, by their index in the learned spec.
    pub measured: Vec<usize>,
    /// Signals that a feature shows: index of the signal, index of the feature.
    pub shown: Vec<(usize, usize)>,
}

impl Layout {
    /// The layout of a learned spec.
    pub fn of(spec: &Spec) -> Self {
        let feature = |name: &str| spec.observation.iter().position(|feature| feature.name == name);
        let signals =
            || spec.signals.iter().enumerate().filter(|(_, signal)| signal.name != super::UNCERTAINTY);
        Self {
            features: spec.observation.len(),
            actions: spec.action.len(),
            measured: signals().filter(|(_, s)| feature(&s.name).is_none()).map(|(place, _)| place).collect(),
            shown: signals().filter_map(|(place, s)| Some((place, feature(&s.name)?))).collect(),
        }
    }

    /// Number of inputs of a network.
    pub fn inputs(&self) -> usize {
        self.features + self.actions
    }

    /// Number of predicted values: changes of features, then measured signals.
    pub fn predicted(&self) -> usize {
        self.features + self.measured.len()
    }

    /// The networks' shape; their last output is the logit of a termination.
    pub fn shape(&self) -> Mlp {
        let hidden = HIDDEN.to_vec();
        Mlp { input: self.inputs(), hidden, output: self.predicted() + 1, activation: Activation::Relu }
    }
}

/// Mean and standard deviation of each column.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Scale {
    /// Means.
    pub mean: Vec<f32>,
    /// Standard deviations, never 0.
    pub deviation: Vec<f32>,
}

impl Scale {
    /// The statistics of rows `[n, columns]`.
    pub fn of(rows: &[f32], columns: usize) -> Self {
        let n = (rows.len() / columns) as f64;
        let column = |column: usize| rows[column..].iter().step_by(columns).map(|value| f64::from(*value));
        let means: Vec<f64> = (0..columns).map(|index| column(index).sum::<f64>() / n).collect();
        let deviation = |index: usize| {
            let squares: f64 = column(index).map(|value| (value - means[index]).powi(2)).sum();
            ((squares / n).sqrt() as f32).max(1e-6)
        };
        Self {
            deviation: (0..columns).map(deviation).collect(),
            mean: means.iter().map(|mean| *mean as f32).collect(),
        }
    }
}

/// The quality of its predictions.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Fit {
    /// Number of decisions in its data.
    pub rows: u64,
    /// Episodes of the log that ended by themselves.
    pub ended: u64,
    /// Number of held-out episodes.
    pub held_out_episodes: u64,
    /// Share of the variance of each feature's next value, and of each measured signal, that the mean prediction explains
    /// there (R²).
    pub explained: Vec<(String, f64)>,
    /// The rows of the log that were left out, and why, in a sentence.
    pub left_out: Option<String>,
}

/// A learned process.
#[derive(Clone, Debug, PartialEq)]
pub struct Model {
    /// Names, units and bounds.
    pub spec: Spec,
    /// The layout of inputs and outputs.
    pub layout: Layout,
    /// Flat parameters of each network.
    pub members: Vec<Vec<f32>>,
    /// Statistics of the observations.
    pub inputs: Scale,
    /// Statistics of the features' changes, then of the measured signals.
    pub outputs: Scale,
    /// `[n, predicted]`: errors of the mean prediction in held-out episodes, not standardised, sorted by choice.
    pub errors: Vec<f32>,
    /// Rows of `errors` that belong to each choice; one range for settings.
    pub errors_by_choice: Vec<Range<usize>>,
    /// `[n, features]` first observations of the log's episodes.
    pub starts: Vec<f32>,
    /// `[n, measured]` the measured signals of their first step, which are nearest to them.
    pub start_signals: Vec<f32>,
    /// The guessed limits from the log's own ends.
    pub limits: Vec<Limit>,
    /// The quality of its predictions.
    pub fit: Fit,
}

/// Buffers of the ensemble for a number of rows.
pub struct Ensemble {
    workspace: Workspace<f32>,
    inputs: Vec<f32>,
    /// `[members, rows, outputs]`
    outputs: Vec<f32>,
    rows_max: usize,
}

impl Model {
    /// Writes the inputs of a network for one state and the numbers of an action: the index of a choice of each group, then the
    /// settings.
    pub fn input(&self, observation: &[f32], action: &[f32], input: &mut [f32]) {
        let (features, rest) = input.split_at_mut(self.layout.features);
        for (((to, value), mean), deviation) in
            features.iter_mut().zip(observation).zip(&self.inputs.mean).zip(&self.inputs.deviation)
        {
            *to = (value - mean) / deviation;
        }
        rest.fill(0.0);
        let space = &self.spec.action;
        let (choices, settings) = action.split_at(space.groups.len());
        for (choice, offset) in choices.iter().zip(space.offsets()) {
            rest[offset + *choice as usize] = 1.0;
        }
        let rest = rest[space.choice_count()..].iter_mut();
        for ((to, value), axis) in rest.zip(settings).zip(&space.axes) {
            *to = 2.0 * (value - axis.low) / (axis.high - axis.low) - 1.0;
        }
    }

    /// Buffers for up to this number of rows.
    pub fn ensemble(&self, rows_max: usize) -> Ensemble {
        let shape = self.layout.shape();
        Ensemble {
            workspace: shape.workspace(rows_max),
            inputs: vec![0.0; rows_max * shape.input],
            outputs: vec![0.0; self.members.len() * rows_max * shape.output],
            rows_max,
        }
    }

    /// Changes of features and measured signals from a network's standardised outputs of one row.
    pub fn natural<'a>(&'a self, outputs: &'a [f32]) -> impl Iterator<Item = f32> + 'a {
        let scale = self.outputs.mean.iter().zip(&self.outputs.deviation);
        outputs.iter().zip(scale).map(|(output, (mean, deviation))| output * deviation + mean)
    }

    /// A uniformly drawn error of a choice; of any action, where an action is more than one choice.
    pub fn draw_error(&self, action: &[f32], random: &mut Stream) -> &[f32] {
        let pool = if self.spec.action.is_discrete() { action[0] as usize } else { 0 };
        let pool = &self.errors_by_choice[pool];
        if pool.is_empty() {
            return &[];
        }
        let row = pool.start + random.below(pool.len() as u32) as usize;
        let width = self.layout.predicted();
        &self.errors[row * width..(row + 1) * width]
    }

    /// Clips an observation to its bounds.
    pub fn hold(&self, observation: &mut [f32]) {
        for (value, feature) in observation.iter_mut().zip(&self.spec.observation) {
            *value = value.clamp(feature.low, feature.high);
        }
    }
}

impl Ensemble {
    /// The inputs, `[rows_max, inputs]`, to be written before [`Ensemble::predict`].
    pub fn inputs(&mut self) -> &mut [f32] {
        &mut self.inputs
    }

    /// Runs every network over the first `rows` inputs.
    pub fn predict(&mut self, model: &Model, rows: usize) {
        let shape = model.layout.shape();
        let stride = self.rows_max * shape.output;
        for (parameters, outputs) in model.members.iter().zip(self.outputs.chunks_exact_mut(stride)) {
            let found = shape.forward(parameters, &self.inputs, rows, &mut self.workspace);
            outputs[..found.len()].copy_from_slice(found);
        }
    }

    /// One network's standardised outputs of one row; the last is the logit of a termination.
    pub fn of_member(&self, model: &Model, member: usize, row: usize) -> &[f32] {
        let width = model.layout.predicted() + 1;
        let begin = member * self.rows_max * width + row * width;
        &self.outputs[begin..begin + width]
    }

    /// Mean over the networks of one output of a row.
    pub fn mean(&self, model: &Model, row: usize, output: usize) -> f32 {
        let members = model.members.len();
        (0..members).map(|member| self.of_member(model, member, row)[output]).sum::<f32>() / members as f32
    }

    /// Mean probability that the episode ends in a row.
    pub fn termination(&self, model: &Model, row: usize) -> f32 {
        let members = model.members.len();
        let logit = |member| self.of_member(model, member, row)[model.layout.predicted()];
        (0..members).map(|member| 1.0 / (1.0 + (-logit(member)).exp())).sum::<f32>() / members as f32
    }

    /// The disagreement of the networks in a row: root mean square, over the predicted values, of the standard deviation
    /// over the networks, where the change in a step has standard deviation 1.
    pub fn uncertainty(&self, model: &Model, row: usize) -> f32 {
        let (members, predicted) = (model.members.len(), model.layout.predicted());
        let mut squares = 0.0;
        for output in 0..predicted {
            let mean = self.mean(model, row, output);
            let deviation = |member| self.of_member(model, member, row)[output] - mean;
            squares += (0..members).map(|member| deviation(member).powi(2)).sum::<f32>() / members as f32;
        }
        (squares / predicted as f32).sqrt().min(UNCERTAINTY_MAX)
    }
}
