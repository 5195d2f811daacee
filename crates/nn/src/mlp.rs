//! The multi-layer perceptron: a shape over a flat parameter slice, with explicit forward and backward passes.

use serde::{Deserialize, Serialize};

use crate::elementwise;
pub use crate::layer::{Activation, Layer};
use crate::matmul::Finish;
use crate::real::Real;

/// The shape of a network; its numbers are a flat slice that the caller owns: for each layer the weights
/// `[inputs, outputs]` row by row, then the bias `[outputs]`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mlp {
    /// Numbers of an input.
    pub input: usize,
    /// Widths of the hidden layers; none makes the network linear.
    pub hidden: Vec<usize>,
    /// Numbers of an output.
    pub output: usize,
    /// Activation of the hidden layers; the output layer is linear.
    pub activation: Activation,
}

/// Buffers of one network for up to a number of rows, allocated once.
#[derive(Clone, Debug)]
pub struct Workspace<T> {
    rows_max: usize,
    layers: Vec<Layer>,
    /// Each layer's activations, `[rows, outputs]`.
    activations: Vec<Vec<T>>,
    /// dL / d (a layer's activations), `[rows, widest]`, for the layer in hand and the one before it.
    deltas: [Vec<T>; 2],
    transposed: Vec<T>,
}

impl Mlp {
    /// Inputs and outputs of each layer.
    fn widths(&self) -> impl Iterator<Item = (usize, usize)> {
        let inputs = std::iter::once(self.input).chain(self.hidden.iter().copied());
        inputs.zip(self.hidden.iter().copied().chain(std::iter::once(self.output)))
    }

    /// Length of the parameter slice.
    pub fn parameters(&self) -> usize {
        self.widths().map(|(inputs, outputs)| (inputs + 1) * outputs).sum()
    }

    /// The layers in order.
    pub fn layers(&self) -> Vec<Layer> {
        let mut layers = Layer::in_order(self.widths(), self.activation);
        layers[self.hidden.len()].activation = Activation::Linear;
        layers
    }

    /// Buffers for up to `rows_max` rows.
    pub fn workspace<T: Real>(&self, rows_max: usize) -> Workspace<T> {
        let layers = self.layers();
        let widest = self.hidden.iter().copied().max().unwrap_or(0);
        let largest = layers.iter().map(|layer| layer.weights.len()).max().unwrap_or(0);
        let zeros = |n: usize| vec![T::ZERO; n];
        Workspace {
            rows_max,
            activations: layers.iter().map(|layer| zeros(rows_max * layer.outputs)).collect(),
            deltas: [zeros(rows_max * widest), zeros(rows_max * widest)],
            transposed: zeros(largest),
            layers,
        }
    }

    /// Orthogonal weights (Saxe et al. 2014) with one gain for hidden layers and another for the output layer; bias 0.
    /// `normal` gives standard normal numbers.
    pub fn initialize_orthogonal<T: Real>(
        &self,
        parameters: &mut [T],
        hidden_gain: f64,
        output_gain: f64,
        normal: &mut impl FnMut() -> f64,
    ) {
        let layers = self.layers();
        let last = layers.len() - 1;
        for (index, layer) in layers.into_iter().enumerate() {
            let gain = if index == last { output_gain } else { hidden_gain };
            layer.initialize_orthogonal(parameters, gain, normal);
        }
    }

    /// Weights and bias uniform in ±1/√inputs (PyTorch's default of a linear layer). `unit` is uniform in [0, 1).
    pub fn initialize_uniform<T: Real>(&self, parameters: &mut [T], unit: &mut impl FnMut() -> f64) {
        for layer in self.layers() {
            layer.initialize_uniform(parameters, unit);
        }
    }

    /// Runs `rows` inputs `[rows, input]` through the network; gives the outputs `[rows, output]`. The workspace keeps
    /// what [`Mlp::backward`] needs.
    ///
    /// # Panics
    /// If a slice is too short or there are more rows than the workspace holds.
    pub fn forward<'w, T: Real>(
        &self,
        parameters: &[T],
        input: &[T],
        rows: usize,
        workspace: &'w mut Workspace<T>,
    ) -> &'w [T] {
        let Workspace { layers, activations, rows_max, .. } = workspace;
        assert!(rows <= *rows_max, "{rows} rows, the workspace was made for {rows_max}");
        assert!(input.len() >= rows * self.input, "the input is shorter than {rows} × {}", self.input);
        for (index, layer) in layers.iter().enumerate() {
            let (before, after) = activations.split_at_mut(index);
            let from = before.last().map_or(input, Vec::as_slice);
            layer.forward(parameters, from, rows, &mut after[0][..rows * layer.outputs]);
        }
        &activations[layers.len() - 1][..rows * self.output]
    }

    /// From dL/d output `[rows, output]` to dL/d parameters, which overwrites `gradient`. `input` and `rows` are those
    /// of the last [`Mlp::forward`] with this workspace.
    ///
    /// # Panics
    /// As [`Mlp::forward`].
    pub fn backward<T: Real>(
        &self,
        parameters: &[T],
        input: &[T],
        rows: usize,
        workspace: &mut Workspace<T>,
        output_gradient: &[T],
        gradient: &mut [T],
    ) {
        assert_eq!(gradient.len(), self.parameters(), "one gradient a parameter");
        self.backward_to(parameters, input, rows, workspace, output_gradient, Some(gradient), None);
    }

    /// From dL/d output `[rows, output]` to dL/d input `[rows, input]`, which overwrites `input_gradient`; the parameters'
    /// gradient is not computed. For actors that learn through a critic.
    ///
    /// # Panics
    /// As [`Mlp::forward`].
    pub fn input_gradient<T: Real>(
        &self,
        parameters: &[T],
        rows: usize,
        workspace: &mut Workspace<T>,
        output_gradient: &[T],
        input_gradient: &mut [T],
    ) {
        assert!(input_gradient.len() >= rows * self.input, "the input gradient is too short");
        self.backward_to(parameters, &[], rows, workspace, output_gradient, None, Some(input_gradient));
    }

    /// Keeps some rows of the last [`Mlp::forward`] alone, in their order, so that a following [`Mlp::input_gradient`] is
    /// that of those rows and costs no more than they do.
    ///
    /// # Panics
    /// If the row numbers do not rise, or one was not in the last forward pass.
    pub fn keep_rows<T: Real>(&self, kept: &[u32], workspace: &mut Workspace<T>) {
        assert!(kept.is_sorted_by(|a, b| a < b), "row numbers must rise");
        for (layer, activations) in workspace.layers.iter().zip(&mut workspace.activations) {
            let width = layer.outputs;
            for (index, row) in kept.iter().enumerate() {
                let row = *row as usize;
                activations.copy_within(row * width..(row + 1) * width, index * width);
            }
        }
    }

    /// [`Mlp::backward`], [`Mlp::input_gradient`], or both in one pass.
    #[expect(clippy::too_many_arguments, reason = "the two public faces above have fewer")]
    pub(crate) fn backward_to<T: Real>(
        &self,
        parameters: &[T],
        input: &[T],
        rows: usize,
        workspace: &mut Workspace<T>,
        output_gradient: &[T],
        mut gradient: Option<&mut [T]>,
        mut input_gradient: Option<&mut [T]>,
    ) {
        let Workspace { layers, activations, deltas, transposed, rows_max } = workspace;
        assert!(rows <= *rows_max, "{rows} rows, the workspace was made for {rows_max}");
        assert!(output_gradient.len() >= rows * self.output, "the output gradient is too short");
        let [first, second] = deltas;
        let (mut delta, mut spare) = (first, second);
        for (index, layer) in layers.iter().enumerate().rev() {
            let &Layer { inputs, outputs, .. } = layer;
            let is_last = index + 1 == layers.len();
            // dL / d (W·x + b) of this layer.
            let above: &[T] =
                if is_last { &output_gradient[..rows * outputs] } else { &delta[..rows * outputs] };
            let from = if index == 0 { input } else { activations[index - 1].as_slice() };
            if let Some(gradient) = &mut gradient {
                layer.gradient(from, rows, above, gradient);
            }
            if index == 0 && input_gradient.is_none() {
                break;
            }
            // dX = δ · Wᵀ, then backward through the activation that made X.
            if let Some(input_gradient) = input_gradient.as_mut().filter(|_| index == 0) {
                layer.below_once(parameters, transposed, rows, above, Finish::Plain, input_gradient);
                break;
            }
            let below = &mut spare[..rows * inputs];
            let made = &activations[index - 1][..rows * inputs];
            let activation = layers[index - 1].activation;
            let is_relu = activation == Activation::Relu;
            let finish = if is_relu { Finish::WherePositive(made) } else { Finish::Plain };
            layer.below_once(parameters, transposed, rows, above, finish, below);
            if activation == Activation::Tanh {
                elementwise::tanh_backward(made, below);
            }
            std::mem::swap(&mut delta, &mut spare);
        }
    }
}
