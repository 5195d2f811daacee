//! A trained policy and its inference.

use std::ops::Deref;

use setpoint_decision::spec::ActionSpace;
use setpoint_nn::mlp::Workspace;
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
    /// Logarithm of the standard deviation of each axis, for a [`Head::Gaussian`]; otherwise empty.
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

    /// Standard deviations of a continuous policy's draws in one state, in the axes' units; 0 without randomness.
    pub fn deviations(&self, observation: &[f32]) -> Vec<f32> {
        let ActionSpace::Continuous { axes } = &self.manifest.action else { return Vec::new() };
        let (low, high) = gaussian::LOG_STD_RANGE;
        let mut runner = self.runner(1);
        let output = runner.outputs(observation);
        let unit = |index: usize| match self.manifest.head {
            Head::Gaussian => self.log_std[index].exp(),
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
}

/// The value of a forbidden choice: below every value of a training.
const FORBIDDEN: f32 = f32::MIN;

impl<P: Deref<Target = Policy>> Runner<P> {
    /// A runner with buffers for up to `rows_max` observations at once.
    pub fn new(policy: P, rows_max: usize) -> Self {
        let Manifest { network, discretization, .. } = &policy.manifest;
        // A table is looked up, not multiplied: it needs no buffers.
        let workspace = discretization.is_none().then(|| network.workspace(rows_max));
        let normalized = if policy.normalizer.is_some() { rows_max * network.input } else { 0 };
        let output = vec![0.0; rows_max * network.output];
        Self { normalized: vec![0.0; normalized], output, workspace, policy }
    }

    /// Its policy.
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// The network's outputs `[rows, outputs]` for observations `[rows, features]`; see [`Head`] for their meaning.
    fn outputs(&mut self, observations: &[f32]) -> &mut [f32] {
        let Manifest { network, discretization, observation, .. } = &self.policy.manifest;
        let rows = observations.len() / observation.len();
        let input = match &self.policy.normalizer {
            None => observations,
            Some(normalizer) => {
                let normalized = &mut self.normalized[..observations.len()];
                normalizer.apply(observations, normalized);
                normalized
            }
        };
        let output = &mut self.output[..rows * network.output];
        let parameters = &self.policy.parameters;
        match (discretization, &mut self.workspace) {
            (None, Some(workspace)) => {
                output.copy_from_slice(network.forward(parameters, input, rows, workspace));
            }
            (discretization, _) => {
                let grid = discretization.as_ref().expect("only tables go without a workspace");
                let width = network.output;
                let observations = input.chunks_exact(observation.len());
                for (row, observation) in output.chunks_exact_mut(width).zip(observations) {
                    let cell = grid.cell(observation);
                    row.copy_from_slice(&parameters[cell * width..(cell + 1) * width]);
                }
            }
        }
        output
    }

    /// Log-probabilities `[rows, choices]`, or values, depending on the head, of a discrete policy. `allowed`, if not
    /// empty, is `[rows, choices]`; a forbidden choice is never the greatest.
    pub fn scores(&mut self, observations: &[f32], allowed: &[bool]) -> &mut [f32] {
        let choices = self.policy.manifest.network.output;
        let is_values = self.policy.manifest.head == Head::Values;
        let output = self.outputs(observations);
        if is_values {
            for (value, allowed) in output.iter_mut().zip(allowed) {
                *value = if *allowed { *value } else { FORBIDDEN };
            }
        } else {
            let mask = (!allowed.is_empty()).then_some(allowed);
            categorical::log_probabilities(output, choices, mask);
        }
        output
    }

    /// Probabilities `[rows, choices]` with which the policy takes each choice; with values, 1 for the greatest.
    pub fn probabilities(&mut self, observations: &[f32], allowed: &[bool]) -> &mut [f32] {
        let choices = self.policy.manifest.network.output;
        let is_values = self.policy.manifest.head == Head::Values;
        let scores = self.scores(observations, allowed);
        if is_values {
            for row in scores.chunks_exact_mut(choices) {
                let best = categorical::mode(row);
                row.fill(0.0);
                row[best] = 1.0;
            }
        } else {
            scores.iter_mut().for_each(|log| *log = log.exp());
        }
        scores
    }

    /// Chooses an index for each row of a discrete decision: drawn from the distribution, or the most probable choice
    /// without draws. With values it always takes the greatest.
    pub fn choose(
        &mut self,
        observations: &[f32],
        allowed: &[bool],
        mut draw: Option<&mut dyn Draw>,
        chosen: &mut [u32],
    ) {
        let choices = self.policy.manifest.network.output;
        let is_values = self.policy.manifest.head == Head::Values;
        let scores = self.scores(observations, allowed);
        for (row, (scores, chosen)) in scores.chunks_exact(choices).zip(chosen).enumerate() {
            *chosen = match &mut draw {
                Some(draw) if !is_values => categorical::sample(scores, draw.uniform(row)),
                _ => categorical::mode(scores),
            } as u32;
        }
    }

    /// Writes the axes' values `[rows, axes]`, in their units and within their bounds, of a continuous decision: drawn
    /// from the distribution, or its centre without draws.
    ///
    /// # Panics
    /// If the policy's actions are choices.
    pub fn control(&mut self, observations: &[f32], mut draw: Option<&mut dyn Draw>, values: &mut [f32]) {
        self.outputs(observations);
        let policy = &*self.policy;
        let ActionSpace::Continuous { axes } = &policy.manifest.action else {
            panic!("`control` is for settings; this policy has choices")
        };
        let outputs = self.output.chunks_exact(policy.manifest.network.output);
        for (row, (values, output)) in values.chunks_exact_mut(axes.len()).zip(outputs).enumerate() {
            for (index, (value, axis)) in values.iter_mut().zip(axes).enumerate() {
                let mut noise = || draw.as_mut().map_or(0.0, |draw| draw.normal(row));
                let center = output[index];
                let unbounded = match policy.manifest.head {
                    Head::Gaussian => center + policy.log_std[index].exp() * noise(),
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
}
