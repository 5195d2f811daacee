//! A trained policy and its inference.

use setpoint_decision::spec::ActionSpace;
use setpoint_nn::mlp::Workspace;
use setpoint_nn::{categorical, gaussian};

use crate::constraints::{ConstraintSet, UnknownName};
use crate::manifest::Manifest;
use crate::normalizer::Normalizer;

/// The trained function with everything needed to run it: what a policy file holds.
#[derive(Clone, Debug, PartialEq)]
pub struct Policy {
    /// What it is, sees and decides.
    pub manifest: Manifest,
    /// The network's flat parameter slice.
    pub parameters: Vec<f32>,
    /// Logarithm of the standard deviation of each axis; empty for discrete actions.
    pub log_std: Vec<f32>,
    /// Statistics of the observations it was trained on, where they are normalised.
    pub normalizer: Option<Normalizer>,
}

impl Policy {
    /// Constraints of the manifest, resolved.
    pub fn constraints(&self) -> Result<ConstraintSet, UnknownName> {
        let manifest = &self.manifest;
        ConstraintSet::new(&manifest.constraints, &manifest.observation, &manifest.signals, &manifest.action)
    }

    /// Whether every number is finite.
    pub fn is_finite(&self) -> bool {
        let normalizer_finite = self.normalizer.as_ref().is_none_or(|normalizer| {
            let mut statistics = normalizer.mean.iter().chain(&normalizer.variance);
            statistics.all(|value| value.is_finite())
        });
        self.parameters.iter().chain(&self.log_std).all(|value| value.is_finite()) && normalizer_finite
    }

    /// A runner with buffers for up to `rows_max` observations at once.
    pub fn runner(&self, rows_max: usize) -> Runner<'_> {
        Runner {
            policy: self,
            workspace: self.manifest.network.workspace(rows_max),
            normalized: vec![0.0; rows_max * self.manifest.network.input],
            output: vec![0.0; rows_max * self.manifest.network.output],
        }
    }
}

/// Where a policy that draws its actions takes its random numbers from.
pub trait Draw {
    /// Uniform in [0, 1).
    fn uniform(&mut self) -> f32;
    /// Standard normal.
    fn normal(&mut self) -> f32;
}

/// Runs a policy without allocating.
pub struct Runner<'p> {
    policy: &'p Policy,
    workspace: Workspace<f32>,
    normalized: Vec<f32>,
    output: Vec<f32>,
}

impl Runner<'_> {
    /// Log-probabilities `[rows, choices]` of a discrete policy (means of a continuous one) for observations
    /// `[rows, features]`. `allowed`, if not empty, is `[rows, choices]`.
    pub fn distribution(&mut self, observations: &[f32], allowed: &[bool]) -> &mut [f32] {
        let network = &self.policy.manifest.network;
        let rows = observations.len() / network.input;
        let input = match &self.policy.normalizer {
            None => observations,
            Some(normalizer) => {
                let normalized = &mut self.normalized[..observations.len()];
                normalizer.apply(observations, normalized);
                normalized
            }
        };
        let output = &mut self.output[..rows * network.output];
        output.copy_from_slice(network.forward(&self.policy.parameters, input, rows, &mut self.workspace));
        if self.policy.manifest.action.is_discrete() {
            let mask = (!allowed.is_empty()).then_some(allowed);
            categorical::log_probabilities(output, network.output, mask);
        }
        output
    }

    /// Chooses an index for each row of a discrete decision: drawn from the distribution, or the most probable one
    /// where no draws are given.
    pub fn choose(
        &mut self,
        observations: &[f32],
        allowed: &[bool],
        mut draw: Option<&mut dyn Draw>,
        chosen: &mut [u32],
    ) {
        let choices = self.policy.manifest.network.output;
        let output = self.distribution(observations, allowed);
        for (row, chosen) in output.chunks_exact(choices).zip(chosen) {
            *chosen = match &mut draw {
                None => categorical::mode(row),
                Some(draw) => categorical::sample(row, draw.uniform()),
            } as u32;
        }
    }

    /// Writes the axes' values `[rows, axes]`, in their units and within their bounds, of a continuous decision: drawn
    /// from the distribution, or its mean where no draws are given.
    pub fn control(&mut self, observations: &[f32], mut draw: Option<&mut dyn Draw>, values: &mut [f32]) {
        let policy = self.policy;
        let ActionSpace::Continuous { axes } = &policy.manifest.action else {
            panic!("`control` is for continuous actions; this policy chooses")
        };
        values.copy_from_slice(self.distribution(observations, &[]));
        for row in values.chunks_exact_mut(axes.len()) {
            for ((value, log_std), axis) in row.iter_mut().zip(&policy.log_std).zip(axes) {
                if let Some(draw) = &mut draw {
                    *value += log_std.exp() * draw.normal();
                }
                *value = gaussian::to_bounds(*value, axis.low, axis.high);
            }
        }
    }
}
