//! The encoder of images: 2-D convolutions with ReLU, and a linear layer with ReLU after them if wanted.
//!
//! A convolution is a product: the patches under the kernel are the rows of a matrix, a few lines of the images at a
//! time, so that the matrix stays in the second-level cache. Bytes become numbers while they are copied into it, so no
//! other copy of the images exists. Activations of all rows are kept for the backward pass, which works on a few images
//! at a time.

use serde::{Deserialize, Serialize};

use crate::elementwise;
use crate::inputs::Tensor;
use crate::layer::{Activation, Layer};
use crate::matmul::Finish;
use crate::patches::Grid;
use crate::real::Real;

mod stage;

use stage::{Scratch, Stage};

/// One convolution without padding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Filters {
    /// Number of filters: the channels that go out.
    pub count: usize,
    /// Height and width.
    pub kernel: [usize; 2],
    /// Pixels from one place of the kernel to the next, down and across.
    pub stride: [usize; 2],
}

impl Filters {
    /// A square kernel with the same stride down and across.
    pub fn square(count: usize, kernel: usize, stride: usize) -> Self {
        Self { count, kernel: [kernel; 2], stride: [stride; 2] }
    }
}

/// These convolutions do not fit the image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnfitFilters {
    /// There are no convolutions.
    #[error("an image encoder needs at least one convolution")]
    Missing,
    /// The image has no numbers.
    #[error("the image has no numbers: its height, width and channels must be at least 1")]
    EmptyImage,
    /// A number of a convolution, or of the linear layer, is 0.
    #[error("layer {layer}: filters, kernel and stride must be at least 1")]
    Zero {
        /// Its place, from 1.
        layer: usize,
    },
    /// A kernel is larger than its input.
    #[error(
        "layer {layer}: the kernel of {} × {} is larger than its input of {} × {}; choose a smaller kernel, or \
         smaller strides before it",
        .kernel[0], .kernel[1], .input[0], .input[1]
    )]
    KernelTooLarge {
        /// Its place, from 1.
        layer: usize,
        /// Height and width of the kernel.
        kernel: [usize; 2],
        /// Height and width of the input.
        input: [usize; 2],
    },
}

/// The shape of an image encoder over images `[rows, height, width, channels]`. Its part of the parameter slice has for
/// each convolution the weights `[kernel height · kernel width · channels, filters]`, then the bias `[filters]`; then
/// the linear layer's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Convolution {
    image: [usize; 3],
    filters: Vec<Filters>,
    linear: Option<usize>,
}

/// Numbers of the matrix of patches, 256 KiB in f32: with the weights it stays in a second-level cache of 1 MiB.
const PATCHES: usize = 1 << 16;

/// Numbers of the gradient of an activation that the backward pass has in hand, 512 KiB in f32.
const GROUP: usize = 1 << 17;

/// Buffers of an encoder for up to a number of rows, allocated once.
#[derive(Clone, Debug)]
pub(crate) struct Workspace<T> {
    stages: Vec<Stage<T>>,
    linear: Option<Linear<T>>,
    /// Images at a time.
    group: usize,
    scratch: Scratch<T>,
    /// dL / d (a stage's activations) of a group, for the stage in hand and the one before it.
    deltas: [Vec<T>; 2],
    /// dL / d (the last stage's sums), all rows.
    delta: Vec<T>,
}

/// The linear layer with its buffers.
#[derive(Clone, Debug)]
struct Linear<T> {
    layer: Layer,
    activations: Vec<T>,
    delta: Vec<T>,
    transposed: Vec<T>,
}

impl Convolution {
    /// Convolutions over an image of height, width and channels, followed by a linear layer of `linear` numbers.
    ///
    /// # Errors
    /// If a kernel is larger than its input, or a number is 0.
    pub fn new(
        image: [usize; 3],
        filters: Vec<Filters>,
        linear: Option<usize>,
    ) -> Result<Self, UnfitFilters> {
        if image.contains(&0) {
            return Err(UnfitFilters::EmptyImage);
        }
        if filters.is_empty() {
            return Err(UnfitFilters::Missing);
        }
        let [mut height, mut width, _] = image;
        for (index, Filters { count, kernel, stride }) in filters.iter().copied().enumerate() {
            let layer = index + 1;
            if count == 0 || kernel.contains(&0) || stride.contains(&0) {
                return Err(UnfitFilters::Zero { layer });
            }
            let input = [height, width];
            if kernel[0] > height || kernel[1] > width {
                return Err(UnfitFilters::KernelTooLarge { layer, kernel, input });
            }
            [height, width] = Grid { height, width, channels: 1, kernel, stride }.places();
        }
        if linear == Some(0) {
            return Err(UnfitFilters::Zero { layer: filters.len() + 1 });
        }
        Ok(Self { image, filters, linear })
    }

    /// The encoder of Mnih et al. (2015) as in Stable-Baselines3's `NatureCNN`: 32 filters of 8 × 8 by 4, 64 of 4 × 4
    /// by 2, 64 of 3 × 3 by 1, and a linear layer of 512.
    ///
    /// # Errors
    /// If the image is smaller than 36 × 36.
    pub fn nature(image: [usize; 3]) -> Result<Self, UnfitFilters> {
        let filters = vec![Filters::square(32, 8, 4), Filters::square(64, 4, 2), Filters::square(64, 3, 1)];
        Self::new(image, filters, Some(512))
    }

    /// The grid and the number of filters of each convolution.
    fn grids(&self) -> impl Iterator<Item = (Grid, usize)> {
        let [mut height, mut width, mut channels] = self.image;
        self.filters.iter().map(move |&Filters { count, kernel, stride }| {
            let grid = Grid { height, width, channels, kernel, stride };
            [height, width] = grid.places();
            channels = count;
            (grid, count)
        })
    }

    /// Numbers of the last convolution's output.
    fn flattened(&self) -> usize {
        self.grids().last().map_or(0, |(grid, filters)| grid.places().iter().product::<usize>() * filters)
    }

    /// Height, width and channels of an image.
    pub fn image(&self) -> [usize; 3] {
        self.image
    }

    /// The convolutions in order.
    pub fn filters(&self) -> &[Filters] {
        &self.filters
    }

    /// Numbers of the linear layer behind them, if there is one.
    pub fn linear(&self) -> Option<usize> {
        self.linear
    }

    /// Numbers of an image.
    pub fn input(&self) -> usize {
        self.image.iter().product()
    }

    /// Numbers that the encoder makes of an image.
    pub fn output(&self) -> usize {
        self.linear.unwrap_or_else(|| self.flattened())
    }

    /// Inputs and outputs of each layer: of a convolution a patch and its filters.
    fn widths(&self) -> impl Iterator<Item = (usize, usize)> {
        let convolutions = self.grids().map(|(grid, filters)| (grid.patch(), filters));
        convolutions.chain(self.linear.map(|outputs| (self.flattened(), outputs)))
    }

    /// Length of its part of the parameter slice.
    pub fn parameters(&self) -> usize {
        self.widths().map(|(inputs, outputs)| (inputs + 1) * outputs).sum()
    }

    /// Numbers that its workspace keeps of each image.
    pub fn kept(&self) -> usize {
        let activations =
            self.grids().map(|(grid, filters)| grid.places().iter().product::<usize>() * filters);
        activations.sum::<usize>() + self.flattened() + self.output()
    }

    /// Multiplications and additions of a forward pass of one image, counted as pairs.
    pub fn multiply_adds(&self) -> usize {
        let convolutions: usize = self
            .grids()
            .map(|(grid, filters)| grid.places().iter().product::<usize>() * grid.patch() * filters)
            .sum();
        convolutions + self.linear.map_or(0, |outputs| self.flattened() * outputs)
    }

    /// The layers in order, the linear one last.
    pub(crate) fn layers(&self) -> Vec<Layer> {
        Layer::in_order(self.widths(), Activation::Relu)
    }

    /// Buffers for up to `rows_max` rows.
    pub(crate) fn workspace<T: Real>(&self, rows_max: usize) -> Workspace<T> {
        let zeros = |n: usize| vec![T::ZERO; n];
        let layers = self.layers();
        let stages: Vec<Stage<T>> =
            self.grids().zip(&layers).map(|((grid, _), layer)| Stage::new(grid, layer, rows_max)).collect();
        let linear = self.linear.map(|outputs| Linear {
            layer: layers[stages.len()].clone(),
            activations: zeros(rows_max * outputs),
            delta: zeros(rows_max * outputs),
            transposed: zeros(self.flattened() * outputs),
        });
        let widest = stages.iter().map(Stage::output).max().unwrap_or(0);
        // No more than the rows there are: one row acts, and needs no buffers of a batch.
        let group = (GROUP / widest.max(1)).clamp(1, rows_max.max(1));
        let below = stages.iter().skip(1).map(|stage| stage.grid.image()).max().unwrap_or(0);
        Workspace {
            scratch: Scratch::new(&stages),
            deltas: [zeros(group * below), zeros(group * below)],
            delta: zeros(rows_max * self.flattened()),
            stages,
            linear,
            group,
        }
    }

    /// Runs `rows` images through the encoder; gives `[rows, output]`. `parameters` is the encoder's part of the slice.
    pub(crate) fn forward<'w, T: Real>(
        &self,
        parameters: &[T],
        images: Tensor<'_, T>,
        rows: usize,
        workspace: &'w mut Workspace<T>,
    ) -> &'w [T] {
        let Workspace { stages, linear, group, scratch, .. } = workspace;
        for first in (0..rows).step_by(*group) {
            let count = (*group).min(rows - first);
            for index in 0..stages.len() {
                let (before, after) = stages.split_at_mut(index);
                let from = before_stage(images, before.last(), first, count, after[0].grid);
                after[0].forward(parameters, from, first, count, scratch);
            }
        }
        let last = stages.last().expect("an image encoder has a convolution");
        let flat = &last.activations[..rows * self.flattened()];
        let Some(Linear { layer, activations, .. }) = linear else { return flat };
        let to = &mut activations[..rows * layer.outputs];
        layer.forward(parameters, flat, rows, to);
        to
    }

    /// From dL/d output `[rows, output]` of the last [`Convolution::forward`] to dL/d parameters, which overwrites
    /// `gradient`.
    pub(crate) fn backward<T: Real>(
        &self,
        parameters: &[T],
        images: Tensor<'_, T>,
        rows: usize,
        workspace: &mut Workspace<T>,
        output_gradient: &[T],
        gradient: &mut [T],
    ) {
        let of_stages = workspace.linear.as_ref().map_or(gradient.len(), |linear| linear.layer.weights.start);
        gradient[..of_stages].fill(T::ZERO);
        self.last_delta(parameters, rows, workspace, output_gradient, gradient);
        let Workspace { stages, group, scratch, deltas, delta, .. } = workspace;
        stages.iter_mut().skip(1).for_each(|stage| stage.transpose(parameters));
        let flattened = self.flattened();
        for first in (0..rows).step_by(*group) {
            let count = (*group).min(rows - first);
            let [one, other] = &mut *deltas;
            let (mut above, mut below) = (one, other);
            for index in (0..stages.len()).rev() {
                let (before, after) = stages.split_at(index);
                let (stage, before) = (&after[0], before.last());
                let from = before_stage(images, before, first, count, stage.grid);
                let is_last = index + 1 == stages.len();
                let own = if is_last { &delta[first * flattened..] } else { &above[..] };
                let own = &own[..count * stage.output()];
                stage.backward(from, count, own, before.map(|_| &mut below[..]), scratch, gradient);
                if let Some(before) = before {
                    elementwise::relu_backward(before.rows(first, count), &mut below[..]);
                }
                std::mem::swap(&mut above, &mut below);
            }
        }
    }

    /// dL / d (the last convolution's sums), through the linear layer if there is one, into the workspace.
    fn last_delta<T: Real>(
        &self,
        parameters: &[T],
        rows: usize,
        workspace: &mut Workspace<T>,
        output_gradient: &[T],
        gradient: &mut [T],
    ) {
        let Workspace { stages, linear, delta: flat_delta, .. } = workspace;
        let flattened = self.flattened();
        let flat = &stages[stages.len() - 1].activations[..rows * flattened];
        let flat_delta = &mut flat_delta[..rows * flattened];
        let output_gradient = &output_gradient[..rows * self.output()];
        let Some(Linear { layer, activations, delta, transposed }) = linear else {
            flat_delta.copy_from_slice(output_gradient);
            elementwise::relu_backward(flat, flat_delta);
            return;
        };
        let delta = &mut delta[..rows * layer.outputs];
        delta.copy_from_slice(output_gradient);
        elementwise::relu_backward(activations, delta);
        layer.gradient(flat, rows, delta, gradient);
        layer.below_once(parameters, transposed, rows, delta, Finish::WherePositive(flat), flat_delta);
    }
}

/// The input of a stage: the activations of the stage before it, or the images, of rows `first..first + count`.
fn before_stage<'a, T: Real>(
    images: Tensor<'a, T>,
    before: Option<&'a Stage<T>>,
    first: usize,
    count: usize,
    grid: Grid,
) -> Tensor<'a, T> {
    match before {
        Some(stage) => Tensor::Numbers(stage.rows(first, count)),
        None => images.part(first, count, grid.image()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nature_has_the_sizes_of_stable_baselines3() {
        let nature = Convolution::nature([84, 84, 4]).unwrap();
        assert_eq!((nature.flattened(), nature.output()), (3136, 512));
        let convolutions = (8 * 8 * 4 + 1) * 32 + (4 * 4 * 32 + 1) * 64 + (3 * 3 * 64 + 1) * 64;
        assert_eq!(nature.parameters(), convolutions + 3137 * 512);
        assert_eq!(Convolution::nature([36, 36, 1]).unwrap().flattened(), 64);
    }

    #[test]
    fn filters_that_do_not_fit_are_refused_with_their_layer() {
        let refused = Convolution::nature([35, 84, 3]).unwrap_err();
        assert_eq!(refused, UnfitFilters::KernelTooLarge { layer: 3, kernel: [3, 3], input: [2, 9] });
        assert_eq!(
            refused.to_string(),
            "layer 3: the kernel of 3 × 3 is larger than its input of 2 × 9; choose a smaller kernel, or smaller \
             strides before it"
        );
        let new = |image, filters| Convolution::new(image, filters, None).unwrap_err();
        assert_eq!(new([4, 4, 1], vec![]), UnfitFilters::Missing);
        assert_eq!(new([4, 0, 1], vec![Filters::square(2, 1, 1)]), UnfitFilters::EmptyImage);
        assert_eq!(new([4, 4, 1], vec![Filters::square(2, 2, 0)]), UnfitFilters::Zero { layer: 1 });
        let small = vec![Filters::square(16, 3, 1), Filters::square(32, 3, 2)];
        assert_eq!(Convolution::new([10, 10, 3], small, None).unwrap().output(), 3 * 3 * 32);
    }
}
