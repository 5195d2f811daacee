//! A network with the buffers of a minibatch.

use setpoint_nn::network::Network;

/// A network with the buffers of a minibatch, whose rows lie scattered in the rollout.
pub(super) struct MinibatchNetwork {
    /// The network; a Gaussian actor's log standard deviations are separate.
    pub network: Network,
    inputs: Vec<f32>,
    pub outputs: Vec<f32>,
    pub output_gradient: Vec<f32>,
    /// The mask of one row; empty without constraints.
    pub mask: Vec<bool>,
}

impl MinibatchNetwork {
    pub fn new(network: Network, rows_max: usize, choices_masked: usize) -> Self {
        let (input, output) = (network.shape.input(), network.shape.output());
        Self {
            inputs: vec![0.0; rows_max * input],
            outputs: vec![0.0; rows_max * output],
            output_gradient: vec![0.0; rows_max * output],
            mask: vec![true; choices_masked],
            network,
        }
    }

    /// Copies the observations of a minibatch into one block and runs the network on them; its outputs are in `outputs`.
    pub fn forward(&mut self, observations: &[f32], indices: &[u32]) {
        let (width, output) = (self.network.shape.input(), self.network.shape.output());
        for (row, index) in self.inputs.chunks_exact_mut(width).zip(indices) {
            row.copy_from_slice(&observations[*index as usize * width..][..width]);
        }
        let rows = indices.len();
        let outputs = self.network.forward(&self.inputs[..rows * width], rows);
        self.outputs[..rows * output].copy_from_slice(outputs);
    }

    /// From `output_gradient` to the gradient of the parameters; returns its squared norm.
    pub fn backward(&mut self, rows: usize) -> f64 {
        let (input, output) = (self.network.shape.input(), self.network.shape.output());
        let (inputs, gradient) = (&self.inputs[..rows * input], &self.output_gradient[..rows * output]);
        self.network.find_gradient(inputs, rows, gradient)
    }
}
