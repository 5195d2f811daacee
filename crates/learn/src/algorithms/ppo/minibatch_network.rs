//! A network with the buffers of a minibatch.

use setpoint_decision::spec::TensorPart;
use setpoint_evidence::tensor_views::TensorViews;
use setpoint_nn::inputs::Inputs;
use setpoint_nn::network::Network;
use setpoint_process::rows::rows_mut;
use setpoint_process::tensors::TensorRows;

use super::memory::Recall;
use crate::rollout::Rollout;

/// A network with the buffers of a minibatch, whose rows lie scattered in the rollout.
pub(super) struct MinibatchNetwork {
    /// The network; a Gaussian actor's log standard deviations are separate.
    pub network: Network,
    inputs: Vec<f32>,
    tensors: Vec<TensorRows>,
    /// The sequences of a network with a memory.
    pub recall: Option<Recall>,
    pub outputs: Vec<f32>,
    pub output_gradient: Vec<f32>,
    /// The mask of one row; empty without constraints.
    pub mask: Vec<bool>,
}

impl MinibatchNetwork {
    /// `parts` are the tensor parts of the observations.
    pub fn new(network: Network, rows_max: usize, parts: &[TensorPart], choices_masked: usize) -> Self {
        let (input, output) = (network.shape.input(), network.shape.output());
        Self {
            inputs: vec![0.0; rows_max * input],
            tensors: TensorRows::of_parts(parts, rows_max),
            recall: None,
            outputs: vec![0.0; rows_max * output],
            output_gradient: vec![0.0; rows_max * output],
            mask: vec![true; choices_masked],
            network,
        }
    }

    /// Runs the network on so many observations, which are in sequences for a network with a memory; its outputs are in
    /// `outputs`.
    pub fn look(&mut self, observations: Inputs<'_, f32>, rows: usize) {
        let found = self.network.forward(observations, rows);
        self.outputs[..found.len()].copy_from_slice(found);
    }

    /// Copies the observations of a minibatch next to each other and runs the network on them; its outputs are in `outputs`.
    pub fn forward(&mut self, rollout: &Rollout, indices: &[u32]) {
        let (width, output) = (self.network.shape.input(), self.network.shape.output());
        let rows = indices.len();
        for (row, index) in rows_mut(&mut self.inputs, width, rows).zip(indices) {
            // A policy reads the beginning of a row; the rest is for the critic.
            row.copy_from_slice(&rollout.observation_of(*index as usize)[..width]);
        }
        for (own, kept) in self.tensors.iter_mut().zip(&rollout.tensors) {
            own.gather(kept, indices);
        }
        let tensors = TensorViews::of(&self.tensors);
        let inputs = tensors.with_features(&self.inputs);
        let inputs = match &mut self.recall {
            None => inputs,
            Some(recall) => inputs.in_sequences(recall.gather(rollout, indices)),
        };
        let outputs = self.network.forward(inputs, rows);
        self.outputs[..rows * output].copy_from_slice(outputs);
    }

    /// From `output_gradient` to the gradient of the parameters; returns its squared norm.
    pub fn backward(&mut self, rows: usize) -> f64 {
        let gradient = &self.output_gradient[..rows * self.network.shape.output()];
        let tensors = TensorViews::of(&self.tensors);
        self.network.find_gradient(tensors.with_features(&self.inputs), rows, gradient)
    }
}
