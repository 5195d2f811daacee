//! A network with its parameters, its optimiser and the buffers of a gradient step, and its slowly following copy.

use std::error::Error;
use std::sync::OnceLock;

use crate::gradient;
use crate::inputs::Inputs;
use crate::optimizer::{Adam, polyak};
use crate::shape::{Shape, Workspace};
use serde::{Deserialize, Serialize};
use setpoint_random::Stream;

/// Saved networks have different sizes than the networks of the project.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("its {0} have other sizes than this project's")]
pub struct WrongSize(&'static str);

impl From<WrongSize> for String {
    fn from(error: WrongSize) -> Self {
        error.to_string()
    }
}

/// The part of a checkpoint.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Trained {
    /// The flat parameter slice: the network's parameters, then the additional parameters.
    pub parameters: Vec<f32>,
    /// Its optimiser.
    pub optimizer: Adam<f32>,
}

/// A network that learns by Adam, with additional parameters if an algorithm has some: log standard deviations, for
/// example, which belong to no layer.
pub struct Network {
    /// Its shape.
    pub shape: Shape,
    /// Its parameters and optimiser.
    pub trained: Trained,
    workspace: Workspace<f32>,
    gradient: Vec<f32>,
    /// Number of the network's own parameters.
    own: usize,
}

impl Network {
    /// Weights and biases uniform in ±1/√inputs (PyTorch's default, which Stable-Baselines3's off-policy learners use);
    /// Adam with ε = 10⁻⁸.
    pub fn new(shape: impl Into<Shape>, rows_max: usize, weights: &mut Stream) -> Self {
        let mut network = Self::zeroed(shape, 0, rows_max, 1e-8);
        network.shape.initialize_uniform(&mut network.trained.parameters, &mut || f64::from(weights.unit()));
        network
    }

    /// All parameters 0, with `additional` more parameters than the network; Adam with the given ε.
    pub fn zeroed(shape: impl Into<Shape>, additional: usize, rows_max: usize, epsilon: f64) -> Self {
        let shape = shape.into();
        let own = shape.parameters();
        let n = own + additional;
        Self {
            workspace: shape.workspace(rows_max),
            gradient: vec![0.0; n],
            trained: Trained { parameters: vec![0.0; n], optimizer: Adam::new(n, epsilon) },
            own,
            shape,
        }
    }

    /// The shape and the network's own parameters, for initial weights.
    pub fn own(&mut self) -> (&Shape, &mut [f32]) {
        (&self.shape, &mut self.trained.parameters[..self.own])
    }

    /// The additional parameters, and their gradient, which the caller writes.
    pub fn beside(&mut self) -> (&mut [f32], &mut [f32]) {
        (&mut self.trained.parameters[self.own..], &mut self.gradient[self.own..])
    }

    /// Outputs `[rows, output]` for `rows` inputs.
    pub fn forward<'a>(&mut self, inputs: impl Into<Inputs<'a, f32>>, rows: usize) -> &[f32] {
        self.shape.forward(&self.trained.parameters, inputs, rows, &mut self.workspace)
    }

    /// The memory after the last [`Network::forward`], `[sequences, hidden]`; empty without a memory.
    pub fn state(&self) -> &[f32] {
        self.workspace.state()
    }

    /// The memory after each row of the last [`Network::forward`], `[rows, hidden]`, and whatever the buffer holds behind them;
    /// empty without a memory.
    pub fn states(&self) -> &[f32] {
        self.workspace.states()
    }

    /// One step of Adam down dL/d output of the last [`Network::forward`]; returns the gradient's norm before clipping.
    pub fn learn<'a>(
        &mut self,
        inputs: impl Into<Inputs<'a, f32>>,
        rows: usize,
        output_gradient: &[f32],
        learning_rate: f64,
        max_norm: Option<f64>,
    ) -> f64 {
        let squared = self.find_gradient(inputs, rows, output_gradient);
        let scale = max_norm.map_or(1.0, |max_norm| gradient::clip_scale(squared, max_norm));
        self.step(learning_rate, scale);
        squared.sqrt()
    }

    /// dL/d parameters from dL/d output of the last [`Network::forward`]; returns the gradient's squared norm, including
    /// the additional parameters.
    pub fn find_gradient<'a>(
        &mut self,
        inputs: impl Into<Inputs<'a, f32>>,
        rows: usize,
        output_gradient: &[f32],
    ) -> f64 {
        let Self { shape, trained, workspace, gradient, own } = self;
        let own_gradient = &mut gradient[..*own];
        shape.backward(&trained.parameters, inputs, rows, workspace, output_gradient, own_gradient);
        gradient::squared_norm(gradient)
    }

    /// One step of Adam down `scale` times the gradient that [`Network::find_gradient`] found.
    pub fn step(&mut self, learning_rate: f64, scale: f64) {
        let Trained { parameters, optimizer } = &mut self.trained;
        optimizer.step(parameters, &self.gradient, learning_rate, scale as f32);
    }

    /// dL / d features from dL/d output of the last [`Network::forward`].
    pub fn input_gradient(&mut self, rows: usize, output_gradient: &[f32], input_gradient: &mut [f32]) {
        let Self { shape, trained, workspace, .. } = self;
        shape.input_gradient(&trained.parameters, rows, workspace, output_gradient, input_gradient);
    }

    /// dL / d features of some rows of the last [`Network::forward`], in their order; `output_gradient` has the same rows.
    pub fn input_gradient_of(&mut self, kept: &[u32], output_gradient: &[f32], input_gradient: &mut [f32]) {
        self.shape.keep_rows(kept, &mut self.workspace);
        self.input_gradient(kept.len(), output_gradient, input_gradient);
    }

    /// One step of Adam down a given gradient; returns its norm.
    pub fn apply(&mut self, gradient: &[f32], learning_rate: f64) -> f64 {
        let Trained { parameters, optimizer } = &mut self.trained;
        optimizer.step(parameters, gradient, learning_rate, 1.0);
        gradient::squared_norm(gradient).sqrt()
    }

    /// Takes over parameters, additional ones at the end. The optimiser stays as it is.
    pub fn adopt(&mut self, parameters: Vec<f32>) -> Result<(), WrongSize> {
        if parameters.len() != self.trained.parameters.len() {
            return Err(WrongSize("networks"));
        }
        self.trained.parameters = parameters;
        Ok(())
    }

    /// Restores the part of a checkpoint.
    pub fn restore(&mut self, trained: Trained) -> Result<(), WrongSize> {
        let n = self.trained.parameters.len();
        let Adam { first, second, .. } = &trained.optimizer;
        if [trained.parameters.len(), first.len(), second.len()] != [n; 3] {
            return Err(WrongSize("networks"));
        }
        self.trained = trained;
        Ok(())
    }
}

/// Two halves of a batch through one network, in parallel on two cores, if there are two. The halves and the order in
/// which their gradients are added are the same on one core, so the result is too.
pub struct Halves {
    workspaces: [Workspace<f32>; 2],
    gradients: [Vec<f32>; 2],
}

impl Halves {
    /// Buffers for a network and batches of up to `rows_max`.
    ///
    /// # Panics
    /// If the network has a memory: the rows of its batch are sequences, which have no halves.
    pub fn new(shape: &Shape, rows_max: usize) -> Self {
        assert!(shape.memory().is_none(), "a batch of sequences has no halves");
        let workspace = || shape.workspace(rows_max.div_ceil(2));
        Self {
            workspaces: [workspace(), workspace()],
            gradients: [vec![0.0; shape.parameters()], vec![0.0; shape.parameters()]],
        }
    }

    /// Outputs `[rows, output]` for `rows` inputs, into `output`.
    pub fn forward<'a>(
        &mut self,
        shape: &Shape,
        parameters: &[f32],
        inputs: impl Into<Inputs<'a, f32>>,
        rows: usize,
        cores: Cores,
        output: &mut [f32],
    ) {
        let first = rows.div_ceil(2);
        let [upper, lower] = &mut self.workspaces;
        let inputs = inputs.into();
        let (upper_inputs, lower_inputs) = (inputs, inputs.skip(first));
        let (upper_output, lower_output) =
            output[..rows * shape.output()].split_at_mut(first * shape.output());
        cores.join(
            || upper_output.copy_from_slice(shape.forward(parameters, upper_inputs, first, upper)),
            || {
                if rows > first {
                    lower_output.copy_from_slice(shape.forward(
                        parameters,
                        lower_inputs,
                        rows - first,
                        lower,
                    ));
                }
            },
        );
    }

    /// Finds dL/d parameters of the last [`Halves::forward`]; see [`Halves::gradient`].
    pub fn backward<'a>(
        &mut self,
        shape: &Shape,
        parameters: &[f32],
        inputs: impl Into<Inputs<'a, f32>>,
        rows: usize,
        cores: Cores,
        output_gradient: &[f32],
    ) {
        let first = rows.div_ceil(2);
        let [upper, lower] = &mut self.workspaces;
        let [upper_gradient, lower_gradient] = &mut self.gradients;
        let inputs = inputs.into();
        let (upper_inputs, lower_inputs) = (inputs, inputs.skip(first));
        let (above, below) = output_gradient[..rows * shape.output()].split_at(first * shape.output());
        cores.join(
            || shape.backward(parameters, upper_inputs, first, upper, above, upper_gradient),
            || shape.backward(parameters, lower_inputs, rows - first, lower, below, lower_gradient),
        );
        if rows > first {
            upper_gradient.iter_mut().zip(lower_gradient).for_each(|(sum, part)| *sum += *part);
        }
    }

    /// The gradient of the last [`Halves::backward`].
    pub fn gradient(&self) -> &[f32] {
        &self.gradients[0]
    }

    /// dL / d features `[rows, features]` of the last [`Halves::forward`].
    pub fn input_gradient(
        &mut self,
        shape: &Shape,
        parameters: &[f32],
        rows: usize,
        cores: Cores,
        output_gradient: &[f32],
        input_gradient: &mut [f32],
    ) {
        let first = rows.div_ceil(2);
        let [upper, lower] = &mut self.workspaces;
        let (above, below) = output_gradient[..rows * shape.output()].split_at(first * shape.output());
        let (to_upper, to_lower) = input_gradient[..rows * shape.input()].split_at_mut(first * shape.input());
        cores.join(
            || shape.input_gradient(parameters, first, upper, above, to_upper),
            || shape.input_gradient(parameters, rows - first, lower, below, to_lower),
        );
    }
}

/// The cores of a learner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cores {
    /// The caller's core.
    One,
    /// Two of the thread pool in which the caller runs.
    Two,
}

impl Cores {
    /// Runs both, in parallel or in turn.
    pub fn join<A: Send, B: Send>(
        self,
        first: impl FnOnce() -> A + Send,
        second: impl FnOnce() -> B + Send,
    ) -> (A, B) {
        match self {
            Self::Two if has_threads() => rayon::join(first, second),
            Self::One | Self::Two => {
                let a = first();
                (a, second())
            }
        }
    }
}

/// Whether the caller runs in a pool, or the system gives the threads of the global pool.
fn has_threads() -> bool {
    static GLOBAL: OnceLock<bool> = OnceLock::new();
    rayon::current_thread_index().is_some()
        || *GLOBAL.get_or_init(|| match rayon::ThreadPoolBuilder::new().build_global() {
            Ok(()) => true,
            // Only an error of the system has a source; otherwise there is a global pool already.
            Err(error) => error.source().is_none(),
        })
}

/// A copy that follows a network slowly, so that the targets of the learning change slowly.
pub struct Target {
    /// Its shape.
    pub shape: Shape,
    /// Its flat parameter slice.
    pub parameters: Vec<f32>,
    workspace: Workspace<f32>,
}

impl Target {
    /// A copy of the present network.
    pub fn of(network: &Network, rows_max: usize) -> Self {
        Self {
            workspace: network.shape.workspace(rows_max),
            parameters: network.trained.parameters.clone(),
            shape: network.shape.clone(),
        }
    }

    /// Outputs `[rows, output]` for `rows` inputs.
    pub fn forward<'a>(&mut self, inputs: impl Into<Inputs<'a, f32>>, rows: usize) -> &[f32] {
        self.shape.forward(&self.parameters, inputs, rows, &mut self.workspace)
    }

    /// The memory after the last [`Target::forward`], `[sequences, hidden]`; empty without a memory.
    pub fn state(&self) -> &[f32] {
        self.workspace.state()
    }

    /// Moves by τ towards the network.
    pub fn follow(&mut self, network: &Network, tau: f64) {
        polyak(&mut self.parameters, &network.trained.parameters, tau);
    }

    /// Restores the part of a checkpoint.
    pub fn restore(&mut self, parameters: Vec<f32>) -> Result<(), WrongSize> {
        if parameters.len() != self.parameters.len() {
            return Err(WrongSize("target networks"));
        }
        self.parameters = parameters;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use crate::mlp::{Activation, Mlp};

    use super::*;

    /// PyTorch's default, which Stable-Baselines3's off-policy learners use; PPO has another (`algorithms::ppo`).
    #[test]
    fn weights_and_biases_begin_within_one_over_the_root_of_their_inputs() {
        let shape = Mlp { input: 4, hidden: vec![100], output: 50, activation: Activation::Relu };
        let network = Network::new(shape, 1, &mut Stream::new(0, "test", 0));
        let Trained { parameters, optimizer } = &network.trained;
        let greatest = |slice: &[f32]| slice.iter().fold(0.0_f32, |most, value| most.max(value.abs()));
        let (first, second) = parameters.split_at(4 * 100 + 100);
        for (layer, inputs) in [(first, 4.0_f32), (second, 100.0)] {
            let bound = 1.0 / inputs.sqrt();
            assert!(greatest(layer) <= bound && greatest(layer) > 0.98 * bound);
            // Uniform: variance bound² / 3.
            let variance = layer.iter().map(|value| value * value).sum::<f32>() / layer.len() as f32;
            assert!((variance * 3.0 / (bound * bound) - 1.0).abs() < 0.1, "{variance}");
        }
        assert_eq!(optimizer.epsilon, 1e-8);
    }
}
