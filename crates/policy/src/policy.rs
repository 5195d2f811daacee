//! A trained policy and its inference.

use std::ops::Deref;

use setpoint_decision::spec::ActionSpace;
use setpoint_nn::inputs::{Inputs, Sequences};
use setpoint_nn::shape::Workspace;
use setpoint_nn::{categorical, gaussian};
use setpoint_random::Stream;

use crate::head::Head;
use crate::manifest::Manifest;
use crate::normalizer::Normalizer;

/// The trained function with everything needed to run it: the content of a policy file.
#[derive(Clone, Debug)]
pub struct Policy {
    /// Its description, features and actions.
    pub manifest: Manifest,
    /// The network's flat parameter slice.
    pub parameters: Vec<f32>,
    /// Logarithm of the standard deviation of each axis, for heads with [`Head::log_stds`]; otherwise empty.
    pub log_std: Vec<f32>,
    /// Statistics of the training's observations, if they are normalised.
    pub normalizer: Option<Normalizer>,
    /// The file of the policy; its hash is the policy's hash.
    pub(crate) origin: Option<Origin>,
}

/// The file of a policy.
#[derive(Clone, Debug)]
pub(crate) struct Origin {
    /// Hash of the file's bytes.
    pub file: blake3::Hash,
    /// Hash of the bytes of [`Policy::to_bytes`] right after reading.
    pub rewritten: blake3::Hash,
}

/// Two policies are equal if their numbers and descriptions are equal, even if they come from different files.
impl PartialEq for Policy {
    fn eq(&self, other: &Self) -> bool {
        self.manifest == other.manifest
            && self.parameters == other.parameters
            && self.log_std == other.log_std
            && self.normalizer == other.normalizer
    }
}

impl Policy {
    /// A policy from its parts: see the fields.
    pub fn new(
        manifest: Manifest,
        parameters: Vec<f32>,
        log_std: Vec<f32>,
        normalizer: Option<Normalizer>,
    ) -> Self {
        Self { manifest, parameters, log_std, normalizer, origin: None }
    }

    /// Standard deviations of the settings that a policy draws in one state, in their units; 0 without randomness.
    pub fn deviations<'a>(&self, observation: impl Into<Inputs<'a, f32>>) -> Vec<f32> {
        let axes = &self.manifest.action.axes;
        let (low, high) = gaussian::LOG_STD_RANGE;
        let mut runner = self.runner(1);
        let output = runner.outputs(observation.into(), 1);
        let unit = |index: usize| match self.manifest.head {
            Head::Gaussian | Head::CategoricalGaussian => self.log_std[index].exp(),
            // Through tanh, to first order: σ (1 − tanh² μ).
            Head::SquashedGaussian => {
                let slope = 1.0 - output[index].tanh().powi(2);
                output[axes.len() + index].clamp(low as f32, high as f32).exp() * slope
            }
            Head::Deterministic | Head::Categorical | Head::Values => 0.0,
        };
        axes.iter().enumerate().map(|(index, axis)| unit(index) * 0.5 * (axis.high - axis.low)).collect()
    }

    /// Whether every number is finite.
    pub fn is_finite(&self) -> bool {
        let normalizer_finite = self.normalizer.as_ref().is_none_or(|normalizer| {
            let mut statistics = normalizer.mean.iter().chain(&normalizer.variance);
            statistics.all(|value| value.is_finite())
        });
        self.parameters.iter().chain(&self.log_std).all(|value| value.is_finite()) && normalizer_finite
    }

    /// A runner with buffers for up to `rows_max` observations at once, which borrows the policy.
    pub fn runner(&self, rows_max: usize) -> Runner<&Self> {
        Runner::new(self, rows_max)
    }
}

/// The source of the random numbers of a policy that draws its actions. Rows ask in their order.
pub trait Draw {
    /// Uniform in [0, 1), for one row.
    fn uniform(&mut self, row: usize) -> f32;
    /// Standard normal, for one row.
    fn normal(&mut self, row: usize) -> f32;
}

/// All rows draw from one stream, one row after another.
impl Draw for Stream {
    fn uniform(&mut self, _row: usize) -> f32 {
        self.unit()
    }
    fn normal(&mut self, _row: usize) -> f32 {
        Self::normal(self)
    }
}

/// Runs a policy without allocation. `P` borrows the policy (`&Policy`) or shares it (`Arc<Policy>`).
pub struct Runner<P> {
    policy: P,
    workspace: Option<Workspace<f32>>,
    normalized: Vec<f32>,
    output: Vec<f32>,
    memory: Option<Memory>,
}

/// The memory of a policy in each of its lanes.
struct Memory {
    size: usize,
    /// `[lanes, size]`, 0 at the beginning of an episode.
    of_lanes: Vec<f32>,
    /// The lane of each row of the next observations.
    lanes: Vec<usize>,
    /// `[rows, size]`
    of_rows: Vec<f32>,
}

impl Memory {
    fn gather(&mut self, rows: usize) {
        let Self { size, of_lanes, lanes, of_rows } = self;
        assert_eq!(
            lanes.len(),
            rows,
            "a policy with a memory needs the lane of each row (`Runner::in_lanes`)"
        );
        of_rows.clear();
        lanes.iter().for_each(|lane| of_rows.extend_from_slice(&of_lanes[lane * *size..(lane + 1) * *size]));
    }

    fn scatter(&mut self, state: &[f32]) {
        let Self { size, of_lanes, lanes, .. } = self;
        for (lane, state) in lanes.iter().zip(state.chunks_exact(*size)) {
            of_lanes[lane * *size..(lane + 1) * *size].copy_from_slice(state);
        }
    }
}

/// The value of a forbidden choice: below every value of a training.
const FORBIDDEN: f32 = f32::MIN;

impl<P: Deref<Target = Policy>> Runner<P> {
    /// A runner with buffers for up to `rows_max` observations at once.
    pub fn new(policy: P, rows_max: usize) -> Self {
        let Manifest { network, discretization, .. } = &policy.manifest;
        // A table is looked up, not multiplied: it needs no buffers.
        let workspace = discretization.is_none().then(|| network.workspace(rows_max));
        let normalized = if policy.normalizer.is_some() { rows_max * network.input() } else { 0 };
        let output = vec![0.0; rows_max * network.output()];
        let memory = network.memory().map(|memory| Memory {
            size: memory.hidden,
            of_lanes: vec![0.0; rows_max * memory.hidden],
            lanes: (0..rows_max).collect(),
            of_rows: Vec::with_capacity(rows_max * memory.hidden),
        });
        Self { normalized: vec![0.0; normalized], output, workspace, memory, policy }
    }

    /// Its policy.
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// An episode begins in a lane, of as many lanes as the runner has rows: its memory is empty.
    pub fn begin(&mut self, lane: usize) {
        if let Some(Memory { size, of_lanes, .. }) = &mut self.memory {
            of_lanes[lane * *size..(lane + 1) * *size].fill(0.0);
        }
    }

    /// The rows of the next observations are those of these lanes. A policy without a memory need not know.
    pub fn in_lanes(&mut self, lanes: &[usize]) -> &mut Self {
        if let Some(memory) = &mut self.memory {
            memory.lanes.clear();
            memory.lanes.extend_from_slice(lanes);
        }
        self
    }

    /// The network's outputs `[rows, outputs]` for so many observations; see [`Head`] for their meaning.
    fn outputs(&mut self, observations: Inputs<'_, f32>, rows: usize) -> &mut [f32] {
        let Manifest { network, discretization, observation, .. } = &self.policy.manifest;
        let features = observations.features(rows, observation.len());
        let input = match &self.policy.normalizer {
            None => observations,
            Some(normalizer) => {
                let normalized = &mut self.normalized[..features.len()];
                normalizer.apply(features, normalized);
                observations.with_features(normalized)
            }
        };
        let output = &mut self.output[..rows * network.output()];
        let parameters = &self.policy.parameters;
        match (discretization, &mut self.workspace) {
            (None, Some(workspace)) => match &mut self.memory {
                None => output.copy_from_slice(network.forward(parameters, input, rows, workspace)),
                Some(memory) => {
                    memory.gather(rows);
                    let sequences = Sequences { count: rows, starts: &[], state: &memory.of_rows };
                    let input = input.in_sequences(sequences);
                    output.copy_from_slice(network.forward(parameters, input, rows, workspace));
                    memory.scatter(workspace.state());
                }
            },
            (discretization, _) => {
                let grid = discretization.as_ref().expect("only tables go without a workspace");
                let width = network.output();
                let observations = input.features(rows, observation.len()).chunks_exact(observation.len());
                for (row, observation) in output.chunks_exact_mut(width).zip(observations) {
                    let cell = grid.cell(observation);
                    row.copy_from_slice(&parameters[cell * width..(cell + 1) * width]);
                }
            }
        }
        output
    }

    /// The network's outputs `[rows, outputs]`, in which the log-probabilities (or values, depending on the head) of the
    /// choices of all groups come first. Observations have `rows` rows. `allowed`, if not empty, is `[rows, choices]`; a
    /// forbidden choice is never the greatest of its group.
    pub fn scores<'a>(
        &mut self,
        observations: impl Into<Inputs<'a, f32>>,
        rows: usize,
        allowed: &[bool],
    ) -> &mut [f32] {
        let numbers = self.outputs(observations.into(), rows).len();
        let Manifest { head, action, network, .. } = &self.policy.manifest;
        let output = &mut self.output[..numbers];
        match (head, action.groups.len(), action.axes.len()) {
            (_, 0, _) => {}
            (Head::Values, ..) => {
                for (value, allowed) in output.iter_mut().zip(allowed) {
                    *value = if *allowed { *value } else { FORBIDDEN };
                }
            }
            (_, 1, 0) => {
                let mask = (!allowed.is_empty()).then_some(allowed);
                categorical::log_probabilities(output, network.output(), mask);
            }
            _ => normalize_groups(action, output, network.output(), allowed),
        }
        output
    }

    /// The same with the probabilities with which the policy takes each choice; with values, 1 for the greatest.
    pub fn probabilities<'a>(
        &mut self,
        observations: impl Into<Inputs<'a, f32>>,
        rows: usize,
        allowed: &[bool],
    ) -> &mut [f32] {
        let Manifest { head, action, network, .. } = &self.policy.manifest;
        let (width, choices, is_values) = (network.output(), action.choice_count(), *head == Head::Values);
        let scores = self.scores(observations, rows, allowed);
        for row in scores.chunks_exact_mut(width) {
            if is_values {
                let best = categorical::mode(row);
                row.fill(0.0);
                row[best] = 1.0;
            } else {
                row[..choices].iter_mut().for_each(|log| *log = log.exp());
            }
        }
        scores
    }

    /// Writes an action for each of `rows` rows: a choice of each group `[rows, groups]`, and the settings `[rows, axes]` in
    /// their units and within their bounds. They are drawn from the distribution, or the most probable ones without draws. With values
    /// it always takes the greatest.
    pub fn decide<'a>(
        &mut self,
        observations: impl Into<Inputs<'a, f32>>,
        rows: usize,
        allowed: &[bool],
        mut draw: Option<&mut dyn Draw>,
        chosen: &mut [u32],
        settings: &mut [f32],
    ) {
        self.scores(observations, rows, allowed);
        let policy = &*self.policy;
        let Manifest { head, action, network, .. } = &policy.manifest;
        let (groups, axes, width) = (action.groups.len(), action.axes.len(), network.output());
        let output = &self.output[..rows * width];
        for (row, output) in output.chunks_exact(width).enumerate() {
            let mut place = 0;
            let chosen = &mut chosen[row * groups..(row + 1) * groups];
            for (group, chosen) in action.groups.iter().zip(chosen) {
                let scores = &output[place..place + group.choices.len()];
                place += group.choices.len();
                *chosen = match &mut draw {
                    Some(draw) if *head != Head::Values => categorical::sample(scores, draw.uniform(row)),
                    _ => categorical::mode(scores),
                } as u32;
            }
            policy.write_settings(
                &output[place..],
                || draw.as_mut().map_or(0.0, |draw| draw.normal(row)),
                &mut settings[row * axes..(row + 1) * axes],
            );
        }
    }
}

impl Policy {
    /// The settings of one row, in their units, of the outputs behind the logits.
    fn write_settings(&self, output: &[f32], mut noise: impl FnMut() -> f32, values: &mut [f32]) {
        let axes = &self.manifest.action.axes;
        for (index, (value, axis)) in values.iter_mut().zip(axes).enumerate() {
            let center = output[index];
            let unbounded = match self.manifest.head {
                Head::Gaussian | Head::CategoricalGaussian => center + self.log_std[index].exp() * noise(),
                Head::SquashedGaussian => {
                    let (low, high) = gaussian::LOG_STD_RANGE;
                    let log_std = output[axes.len() + index].clamp(low as f32, high as f32);
                    (center + log_std.exp() * noise()).tanh()
                }
                Head::Deterministic => center.tanh(),
                Head::Categorical | Head::Values => {
                    panic!("a head of choices on a policy for settings: its reader checks `Head::fits`")
                }
            };
            *value = gaussian::to_bounds(unbounded, axis.low, axis.high);
        }
    }
}

/// Turns the logits of each group, which are the first of every row of `width` numbers, into log-probabilities.
fn normalize_groups(action: &ActionSpace, rows: &mut [f32], width: usize, allowed: &[bool]) {
    let choices = action.choice_count();
    for (row, output) in rows.chunks_exact_mut(width).enumerate() {
        let allowed = allowed.get(row * choices..(row + 1) * choices);
        for (_, places) in action.placed_groups() {
            let (count, mask) = (places.len(), allowed.map(|allowed| &allowed[places.clone()]));
            categorical::log_probabilities(&mut output[places], count, mask);
        }
    }
}
