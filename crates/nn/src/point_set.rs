//! The encoder of sets of points: PointNet's shape (Qi et al. 2017).
//!
//! Shared layers with ReLU see each point alone, then each feature is its maximum over the points. The order of the
//! points does not matter, to the bit. Points beyond a row's count are padding, and cost nothing. Only the points that
//! are the maximum of a feature have a gradient, so the backward pass runs the layers again on those alone: the forward
//! pass keeps no activations.

use std::ops::Range;

use crate::inputs::Tensor;
use crate::layer::{Activation, Layer};
use crate::level::for_each_level;
use crate::matmul::Finish;
use crate::real::Real;

/// These layers are no encoder of points.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a point encoder needs points, dimensions and at least one layer, each at least 1")]
pub struct UnfitLayers;

/// The shape of an encoder over points `[rows, points, dimensions]`. Its part of the parameter slice has for each layer
/// the weights `[inputs, outputs]`, then the bias `[outputs]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PointSet {
    points: usize,
    dimensions: usize,
    layers: Vec<usize>,
}

/// The winner of a feature that is positive at no point.
const NO_WINNER: u32 = u32::MAX;

/// Numbers of the widest layer for the points that are in hand at a time, 256 KiB in f32.
const CHUNK: usize = 1 << 16;

/// Buffers of an encoder for up to a number of rows, allocated once.
#[derive(Clone, Debug)]
pub(crate) struct Workspace<T> {
    layers: Vec<Layer>,
    /// `[rows, features]`
    output: Vec<T>,
    /// The point that is the maximum of each feature, `[rows, features]`.
    winners: Vec<u32>,
    chunk: Chunk<T>,
    /// Where a point of the row in hand lies in the chunk; [`NO_WINNER`] if it is not there.
    slots: Vec<u32>,
    transposed: Vec<T>,
    product: Vec<T>,
}

/// The points in hand.
#[derive(Clone, Debug)]
struct Chunk<T> {
    /// Points that it has room for.
    capacity: usize,
    /// `[points, dimensions]`
    points: Vec<T>,
    /// Each layer's activations, `[points, outputs]`.
    activations: Vec<Vec<T>>,
    /// dL / d (a layer's sums), `[points, widest]`, for the layer in hand and the one before it.
    deltas: [Vec<T>; 2],
}

/// The points of a batch.
#[derive(Clone, Copy)]
struct Points<'a, T> {
    numbers: &'a [T],
    /// Empty: every row has `most`.
    counts: &'a [u32],
    most: usize,
    dimensions: usize,
}

impl<'a, T> Points<'a, T> {
    /// Valid points of a row.
    fn count(&self, row: usize) -> usize {
        let count = self.counts.get(row).map_or(self.most, |count| *count as usize);
        assert!(count <= self.most, "row {row} has {count} points, the encoder was made for {}", self.most);
        count
    }

    /// The numbers of some points of a row.
    fn of(&self, row: usize, points: Range<usize>) -> &'a [T] {
        let first = row * self.most + points.start;
        &self.numbers[first * self.dimensions..][..points.len() * self.dimensions]
    }
}

impl PointSet {
    /// Up to `points` points of `dimensions` numbers through shared layers of these widths; the last width is the
    /// number of features.
    ///
    /// # Errors
    /// If there is no layer, or a number is 0.
    pub fn new(points: usize, dimensions: usize, layers: Vec<usize>) -> Result<Self, UnfitLayers> {
        let fits = points > 0 && dimensions > 0 && !layers.is_empty() && !layers.contains(&0);
        fits.then_some(Self { points, dimensions, layers }).ok_or(UnfitLayers)
    }

    /// Inputs and outputs of each layer.
    fn widths(&self) -> impl Iterator<Item = (usize, usize)> {
        let outputs = self.layers.iter().copied();
        std::iter::once(self.dimensions).chain(outputs.clone()).zip(outputs)
    }

    /// Greatest number of points, and numbers of a point.
    pub fn shape(&self) -> [usize; 2] {
        [self.points, self.dimensions]
    }

    /// Outputs of each layer in order.
    pub fn outputs(&self) -> &[usize] {
        &self.layers
    }

    /// Numbers of a row, padding included.
    pub fn input(&self) -> usize {
        self.points * self.dimensions
    }

    /// Numbers that the encoder makes of a set.
    pub fn output(&self) -> usize {
        self.layers[self.layers.len() - 1]
    }

    /// Length of its part of the parameter slice.
    pub fn parameters(&self) -> usize {
        self.widths().map(|(inputs, outputs)| (inputs + 1) * outputs).sum()
    }

    /// The layers in order.
    pub(crate) fn layers(&self) -> Vec<Layer> {
        Layer::in_order(self.widths(), Activation::Relu)
    }

    /// Buffers for up to `rows_max` rows.
    pub(crate) fn workspace<T: Real>(&self, rows_max: usize) -> Workspace<T> {
        let zeros = |n: usize| vec![T::ZERO; n];
        let layers = self.layers();
        let widest = self.layers.iter().copied().max().unwrap_or(1);
        let largest = layers.iter().map(|layer| layer.weights.len()).max().unwrap_or(0);
        let capacity = (CHUNK / widest).clamp(1, rows_max.max(1) * self.points).max(self.points);
        Workspace {
            output: zeros(rows_max * self.output()),
            winners: vec![NO_WINNER; rows_max * self.output()],
            chunk: Chunk {
                capacity,
                points: zeros(capacity * self.dimensions),
                activations: self.layers.iter().map(|outputs| zeros(capacity * outputs)).collect(),
                deltas: [zeros(capacity * widest), zeros(capacity * widest)],
            },
            slots: vec![NO_WINNER; self.points],
            transposed: zeros(largest),
            product: zeros(largest),
            layers,
        }
    }

    fn points<'a, T>(&self, tensor: Tensor<'a, T>) -> Points<'a, T> {
        let (numbers, counts): (_, &[u32]) = match tensor {
            Tensor::Numbers(numbers) => (numbers, &[]),
            Tensor::Points { numbers, counts } => (numbers, counts),
            Tensor::Bytes(_) => panic!("a point encoder reads numbers, not bytes"),
        };
        Points { numbers, counts, most: self.points, dimensions: self.dimensions }
    }

    /// Runs `rows` sets through the encoder; gives `[rows, output]`. A set without points gives zeros. `parameters` is
    /// the encoder's part of the slice.
    pub(crate) fn forward<'w, T: Real>(
        &self,
        parameters: &[T],
        points: Tensor<'_, T>,
        rows: usize,
        workspace: &'w mut Workspace<T>,
    ) -> &'w [T] {
        let Workspace { layers, output, winners, chunk, .. } = workspace;
        let (points, width) = (self.points(points), self.output());
        let mut first = 0;
        while first < rows {
            let (mut end, mut filled) = (first, 0);
            while end < rows && filled + points.count(end) <= chunk.capacity {
                let from = points.of(end, 0..points.count(end));
                chunk.points[filled * self.dimensions..][..from.len()].copy_from_slice(from);
                filled += points.count(end);
                end += 1;
            }
            chunk.forward(layers, parameters, filled);
            let mut start = 0;
            for row in first..end {
                let count = points.count(row);
                let values = &chunk.activations[layers.len() - 1][start * width..][..count * width];
                let own = row * width..(row + 1) * width;
                maximum(values, &mut output[own.clone()], &mut winners[own]);
                start += count;
            }
            first = end;
        }
        &output[..rows * width]
    }

    /// From dL/d output `[rows, output]` of the last [`PointSet::forward`] to dL/d parameters, which overwrites
    /// `gradient`.
    pub(crate) fn backward<T: Real>(
        &self,
        parameters: &[T],
        points: Tensor<'_, T>,
        rows: usize,
        workspace: &mut Workspace<T>,
        output_gradient: &[T],
        gradient: &mut [T],
    ) {
        gradient.fill(T::ZERO);
        let (points, width) = (self.points(points), self.output());
        let mut filled = 0;
        for row in 0..rows {
            if filled + points.count(row).min(width) > workspace.chunk.capacity {
                workspace.flush(parameters, filled, gradient);
                filled = 0;
            }
            filled +=
                self.take_winners(points, row, workspace, &output_gradient[row * width..][..width], filled);
        }
        workspace.flush(parameters, filled, gradient);
    }

    /// Copies a row's winning points to the chunk from place `filled` on, with the gradient of the features that they
    /// win; returns how many they are.
    fn take_winners<T: Real>(
        &self,
        points: Points<'_, T>,
        row: usize,
        workspace: &mut Workspace<T>,
        output_gradient: &[T],
        filled: usize,
    ) -> usize {
        let Workspace { winners, chunk, slots, .. } = workspace;
        let (width, dimensions) = (self.output(), self.dimensions);
        let winners = &winners[row * width..][..width];
        let Chunk { points: chosen, deltas: [delta, _], .. } = chunk;
        let mut end = filled;
        for (feature, winner) in winners.iter().enumerate().filter(|(_, winner)| **winner != NO_WINNER) {
            let point = *winner as usize;
            if slots[point] == NO_WINNER {
                slots[point] = end as u32;
                let from = points.of(row, point..point + 1);
                chosen[end * dimensions..][..dimensions].copy_from_slice(from);
                delta[end * width..][..width].fill(T::ZERO);
                end += 1;
            }
            delta[slots[point] as usize * width + feature] = output_gradient[feature];
        }
        for winner in winners.iter().filter(|winner| **winner != NO_WINNER) {
            slots[*winner as usize] = NO_WINNER;
        }
        end - filled
    }
}

impl<T: Real> Chunk<T> {
    /// Runs its first `count` points through the layers.
    fn forward(&mut self, layers: &[Layer], parameters: &[T], count: usize) {
        for (index, layer) in layers.iter().enumerate() {
            let (before, after) = self.activations.split_at_mut(index);
            let from = before.last().unwrap_or(&self.points);
            layer.forward(parameters, from, count, &mut after[0][..count * layer.outputs]);
        }
    }
}

impl<T: Real> Workspace<T> {
    /// Adds the gradient of the chunk's first `count` points, whose dL / d (the last layer's sums) is its first delta.
    fn flush(&mut self, parameters: &[T], count: usize, gradient: &mut [T]) {
        let Self { layers, chunk, transposed, product, .. } = self;
        if count == 0 {
            return;
        }
        chunk.forward(layers, parameters, count);
        let Chunk { points, activations, deltas: [first, second], .. } = chunk;
        let (mut delta, mut spare) = (first, second);
        for (index, layer) in layers.iter().enumerate().rev() {
            let above = &delta[..count * layer.outputs];
            let from = if index == 0 { &points[..] } else { &activations[index - 1][..] };
            layer.add_gradient(from, count, above, product, gradient);
            if index > 0 {
                let made = &from[..count * layer.inputs];
                layer.transpose(parameters, transposed);
                let below = &mut spare[..count * layer.inputs];
                layer.below(transposed, count, above, Finish::WherePositive(made), below);
                std::mem::swap(&mut delta, &mut spare);
            }
        }
    }
}

for_each_level! {
    /// The maximum of each column of `[points, columns]` and 0, and the first point where it is; none where it is 0. A
    /// NaN is greater than every number.
    fn maximum<T: Real>(values: &[T], greatest: &mut [T], winners: &mut [u32]) = maximum_body
}

#[inline(always)]
fn maximum_body<T: Real, const FUSED: bool>(values: &[T], greatest: &mut [T], winners: &mut [u32]) {
    greatest.fill(T::ZERO);
    winners.fill(NO_WINNER);
    for (point, values) in values.chunks_exact(greatest.len()).enumerate() {
        for ((value, greatest), winner) in values.iter().zip(&mut *greatest).zip(&mut *winners) {
            let is_greater = *value > *greatest || value.partial_cmp(value).is_none();
            *greatest = if is_greater { *value } else { *greatest };
            *winner = if is_greater { point as u32 } else { *winner };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_maximum_of_columns_by_hand() {
        let nan = f32::NAN;
        let values = [0.0, 2.0, -1.0, nan, /**/ 0.0, 2.0, 3.0, 9.0, /**/ -0.0, 1.0, 3.0, 8.0];
        let (mut greatest, mut winners) = ([7.0; 4], [7; 4]);
        maximum(&values, &mut greatest, &mut winners);
        assert_eq!(greatest[..3], [0.0, 2.0, 3.0]);
        assert!(greatest[0].is_sign_positive() && greatest[3].is_nan());
        assert_eq!(winners, [NO_WINNER, 0, 1, 0]);
        maximum(&[], &mut greatest, &mut winners);
        assert_eq!((greatest, winners), ([0.0; 4], [NO_WINNER; 4]));
    }

    #[test]
    fn an_encoder_without_layers_or_points_is_refused() {
        assert_eq!(PointSet::new(0, 3, vec![8]), Err(UnfitLayers));
        assert_eq!(PointSet::new(5, 3, vec![]), Err(UnfitLayers));
        assert_eq!(PointSet::new(5, 3, vec![8, 0]), Err(UnfitLayers));
        assert_eq!(PointSet::new(5, 3, vec![8, 16]).unwrap().parameters(), 4 * 8 + 9 * 16);
    }
}
