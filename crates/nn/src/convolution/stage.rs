//! One convolution with its buffers.

use std::ops::Range;

use super::PATCHES;
use crate::inputs::Tensor;
use crate::layer::Layer;
use crate::matmul::Finish;
use crate::patches::{Grid, scatter};
use crate::real::Real;

/// One convolution with its buffers.
#[derive(Clone, Debug)]
pub(super) struct Stage<T> {
    pub grid: Grid,
    layer: Layer,
    /// Lines of the output, counted over all images, at a time. It depends on the shape alone, so a gradient adds up in
    /// the same order in every workspace.
    lines: usize,
    /// `[rows, places down, places across, filters]`
    pub activations: Vec<T>,
    transposed: Vec<T>,
}

/// Buffers that all stages share.
#[derive(Clone, Debug)]
pub(super) struct Scratch<T> {
    patches: Vec<T>,
    product: Vec<T>,
}

impl<T: Real> Scratch<T> {
    pub fn new(stages: &[Stage<T>]) -> Self {
        let patches = |stage: &Stage<T>| stage.lines * stage.grid.places()[1] * stage.grid.patch();
        let product = |stage: &Stage<T>| stage.layer.weights.len();
        Self {
            patches: vec![T::ZERO; stages.iter().map(patches).max().unwrap_or(0)],
            product: vec![T::ZERO; stages.iter().map(product).max().unwrap_or(0)],
        }
    }
}

/// Stretches of `0..lines` of `at_once` lines.
fn chunks(lines: usize, at_once: usize) -> impl Iterator<Item = Range<usize>> {
    (0..lines).step_by(at_once).map(move |first| first..lines.min(first + at_once))
}

impl<T: Real> Stage<T> {
    pub fn new(grid: Grid, layer: &Layer, rows_max: usize) -> Self {
        let [down, across] = grid.places();
        Self {
            lines: (PATCHES / (across * grid.patch())).max(1),
            activations: vec![T::ZERO; rows_max * down * across * layer.outputs],
            transposed: vec![T::ZERO; layer.weights.len()],
            layer: layer.clone(),
            grid,
        }
    }

    /// Numbers of the output of an image.
    pub fn output(&self) -> usize {
        let [down, across] = self.grid.places();
        down * across * self.layer.outputs
    }

    /// Activations of some rows.
    pub fn rows(&self, first: usize, count: usize) -> &[T] {
        &self.activations[first * self.output()..][..count * self.output()]
    }

    /// The activations of rows `first..first + count` from their images.
    pub fn forward(
        &mut self,
        parameters: &[T],
        from: Tensor<'_, T>,
        first: usize,
        count: usize,
        scratch: &mut Scratch<T>,
    ) {
        let [down, across] = self.grid.places();
        let (output, width) = (self.output(), across * self.layer.outputs);
        let to = &mut self.activations[first * output..][..count * output];
        for lines in chunks(count * down, self.lines) {
            let places = lines.len() * across;
            let patches = &mut scratch.patches[..places * self.grid.patch()];
            self.grid.gather(from, lines.clone(), patches);
            let to = &mut to[lines.start * width..lines.end * width];
            self.layer.forward(parameters, patches, places, to);
        }
    }

    /// The transpose of the weights, for [`Stage::backward`].
    pub fn transpose(&mut self, parameters: &[T]) {
        self.layer.transpose(parameters, &mut self.transposed);
    }

    /// Adds dL/d parameters to `gradient`, and writes dL/d input to `below` if the input is not the image; `above` is
    /// dL / d (this stage's sums).
    pub fn backward(
        &self,
        from: Tensor<'_, T>,
        count: usize,
        above: &[T],
        mut below: Option<&mut [T]>,
        scratch: &mut Scratch<T>,
        gradient: &mut [T],
    ) {
        let [down, across] = self.grid.places();
        let width = across * self.layer.outputs;
        if let Some(below) = &mut below {
            below[..count * self.grid.image()].fill(T::ZERO);
        }
        let Scratch { patches, product } = scratch;
        for lines in chunks(count * down, self.lines) {
            let places = lines.len() * across;
            let patches = &mut patches[..places * self.grid.patch()];
            let above = &above[lines.start * width..lines.end * width];
            self.grid.gather(from, lines.clone(), patches);
            self.layer.add_gradient(patches, places, above, product, gradient);
            if let Some(below) = &mut below {
                self.layer.below(&self.transposed, places, above, Finish::Plain, patches);
                scatter(self.grid, patches, lines, below);
            }
        }
    }
}
