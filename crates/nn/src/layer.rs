//! One layer over a flat parameter slice: its place, and the products of its forward and backward pass.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use crate::elementwise;
use crate::initialize;
use crate::matmul::{Finish, Sums, View, matmul, matmul_turned};
use crate::real::Real;
use crate::transpose::transpose;

/// What follows a layer's linear map.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Activation {
    /// Nothing.
    Linear,
    /// tanh(x)
    Tanh,
    /// max(x, 0)
    Relu,
}

/// One layer's place in the parameter slice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layer {
    /// Numbers that come in.
    pub inputs: usize,
    /// Numbers that go out.
    pub outputs: usize,
    /// `[inputs, outputs]`, row by row.
    pub weights: Range<usize>,
    /// `[outputs]`
    pub bias: Range<usize>,
    /// What follows.
    pub activation: Activation,
}

impl Layer {
    /// The layer whose weights begin at `start` of the slice; its bias follows them.
    pub(crate) fn at(start: usize, inputs: usize, outputs: usize, activation: Activation) -> Self {
        let weights = start..start + inputs * outputs;
        let bias = weights.end..weights.end + outputs;
        Self { inputs, outputs, weights, bias, activation }
    }

    /// The same layer in a slice with `numbers` other numbers before it.
    pub(crate) fn behind(self, numbers: usize) -> Self {
        let moved = |range: Range<usize>| range.start + numbers..range.end + numbers;
        Self { weights: moved(self.weights), bias: moved(self.bias), ..self }
    }

    /// Layers of these inputs and outputs, one after another from the beginning of the slice.
    pub(crate) fn in_order(
        widths: impl Iterator<Item = (usize, usize)>,
        activation: Activation,
    ) -> Vec<Self> {
        let mut start = 0;
        let layer = |(inputs, outputs)| {
            let layer = Self::at(start, inputs, outputs, activation);
            start = layer.bias.end;
            layer
        };
        widths.map(layer).collect()
    }

    /// Orthogonal weights with a gain; bias 0.
    pub(crate) fn initialize_orthogonal<T: Real>(
        &self,
        parameters: &mut [T],
        gain: f64,
        normal: &mut impl FnMut() -> f64,
    ) {
        let weights = &mut parameters[self.weights.clone()];
        initialize::orthogonal(weights, self.inputs, self.outputs, gain, normal);
        initialize::zero(&mut parameters[self.bias.clone()]);
    }

    /// Weights and bias uniform in ±1/√inputs.
    pub(crate) fn initialize_uniform<T: Real>(&self, parameters: &mut [T], unit: &mut impl FnMut() -> f64) {
        let bound = 1.0 / (self.inputs as f64).sqrt();
        initialize::uniform(&mut parameters[self.weights.start..self.bias.end], bound, unit);
    }

    /// `[rows, inputs]` to `[rows, outputs]`.
    pub(crate) fn forward<T: Real>(&self, parameters: &[T], from: &[T], rows: usize, to: &mut [T]) {
        let (weights, bias) = (&parameters[self.weights.clone()], &parameters[self.bias.clone()]);
        let finish = if self.activation == Activation::Relu { Finish::Relu } else { Finish::Plain };
        let sums = Sums { start: bias, finish };
        matmul(rows, self.outputs, self.inputs, View::rows(from, self.inputs), weights, sums, to);
        if self.activation == Activation::Tanh {
            elementwise::tanh(to);
        }
    }

    /// From `above`, dL / d (W·x + b) `[rows, outputs]`, to the layer's part of `gradient`, which it overwrites:
    /// dW = Xᵀ · δ, db = Σ rows of δ.
    pub(crate) fn gradient<T: Real>(&self, from: &[T], rows: usize, above: &[T], gradient: &mut [T]) {
        let weights = &mut gradient[self.weights.clone()];
        let from = View::transposed(from, self.inputs);
        matmul(self.inputs, self.outputs, rows, from, above, Sums::PLAIN, weights);
        elementwise::column_sums(above, &mut gradient[self.bias.clone()]);
    }

    /// [`Layer::gradient`] added to what `gradient` holds; `product` has room for the weights.
    pub(crate) fn add_gradient<T: Real>(
        &self,
        from: &[T],
        rows: usize,
        above: &[T],
        product: &mut [T],
        gradient: &mut [T],
    ) {
        let product = &mut product[..self.weights.len()];
        let from = View::transposed(from, self.inputs);
        matmul(self.inputs, self.outputs, rows, from, above, Sums::PLAIN, product);
        elementwise::add(product, &mut gradient[self.weights.clone()]);
        elementwise::add_column_sums(above, &mut gradient[self.bias.clone()]);
    }

    /// The transpose of the weights, for [`Layer::below`].
    pub(crate) fn transpose<T: Real>(&self, parameters: &[T], transposed: &mut [T]) {
        transpose(self.inputs, self.outputs, &parameters[self.weights.clone()], transposed);
    }

    /// From `above`, dL / d (W·x + b), to dL/dx `[rows, inputs]`: δ · Wᵀ.
    pub(crate) fn below<T: Real>(
        &self,
        transposed: &[T],
        rows: usize,
        above: &[T],
        finish: Finish<'_, T>,
        below: &mut [T],
    ) {
        let sums = Sums { start: &[], finish };
        matmul(rows, self.inputs, self.outputs, View::rows(above, self.outputs), transposed, sums, below);
    }

    /// [`Layer::transpose`] and [`Layer::below`] for one product; `room` has room for the weights.
    pub(crate) fn below_once<T: Real>(
        &self,
        parameters: &[T],
        room: &mut [T],
        rows: usize,
        above: &[T],
        finish: Finish<'_, T>,
        below: &mut [T],
    ) {
        let (weights, sums) = (&parameters[self.weights.clone()], Sums { start: &[], finish });
        let above = View::rows(above, self.outputs);
        matmul_turned(rows, self.inputs, self.outputs, above, weights, room, sums, below);
    }
}
