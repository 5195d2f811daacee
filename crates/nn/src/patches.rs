//! Patches of images as rows of a matrix, so that a convolution is one product, and back.

use std::ops::Range;

use crate::inputs::Tensor;
use crate::level::for_each_level;
use crate::real::Real;

/// The places of a kernel on images `[height, width, channels]`, without padding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Grid {
    pub height: usize,
    pub width: usize,
    pub channels: usize,
    /// Height and width.
    pub kernel: [usize; 2],
    /// Down and across.
    pub stride: [usize; 2],
}

impl Grid {
    /// Places down and across.
    pub fn places(self) -> [usize; 2] {
        let [height, width] = self.kernel;
        [(self.height - height) / self.stride[0] + 1, (self.width - width) / self.stride[1] + 1]
    }

    /// Numbers of an image.
    pub fn image(self) -> usize {
        self.height * self.width * self.channels
    }

    /// Numbers of a patch.
    pub fn patch(self) -> usize {
        self.kernel[0] * self.kernel[1] * self.channels
    }

    /// Where in its image the patch in the given line and place of the line begins.
    fn corner(self, line: usize, place: usize) -> usize {
        (line * self.stride[0] * self.width + place * self.stride[1]) * self.channels
    }

    /// Copies the patches of some lines, counted over all images, to `[places, patch]`. Bytes become numbers from 0 to 1.
    ///
    /// # Panics
    /// For points, which are no images, and if a slice is too short.
    pub fn gather<T: Real>(self, images: Tensor<'_, T>, lines: Range<usize>, patches: &mut [T]) {
        match images {
            Tensor::Bytes(bytes) => gather_bytes(self, bytes, lines, patches),
            Tensor::Numbers(numbers) => {
                self.copy(numbers, lines, patches, |from, to| to.copy_from_slice(from));
            }
            Tensor::Points { .. } => panic!("a convolution reads images, not points"),
        }
    }

    /// Calls `copy` with each row of each patch: its place in the images, and its place in the patches.
    #[inline(always)]
    fn copy<S, T>(self, images: &[S], lines: Range<usize>, patches: &mut [T], copy: impl Fn(&[S], &mut [T])) {
        let run = self.kernel[1] * self.channels;
        let [down, across] = self.places();
        let mut patches = patches.chunks_exact_mut(self.patch());
        for line in lines {
            let image = &images[line / down * self.image()..][..self.image()];
            for (place, patch) in (0..across).zip(&mut patches) {
                let corner = self.corner(line % down, place);
                for (index, to) in patch.chunks_exact_mut(run).enumerate() {
                    copy(&image[corner + index * self.width * self.channels..][..run], to);
                }
            }
        }
    }
}

for_each_level! {
    /// Copies patches as [`Grid::gather`], times 1/255.
    fn gather_bytes<T: Real>(grid: Grid, images: &[u8], lines: Range<usize>, patches: &mut [T]) = gather_bytes_body
}

#[inline(always)]
fn gather_bytes_body<T: Real, const FUSED: bool>(
    grid: Grid,
    images: &[u8],
    lines: Range<usize>,
    patches: &mut [T],
) {
    let scale = T::from_f64(1.0 / 255.0);
    grid.copy(images, lines, patches, |from, to| {
        from.iter().zip(to).for_each(|(byte, to)| *to = T::from_byte(*byte) * scale);
    });
}

for_each_level! {
    /// Adds patches `[places, patch]` to their places in the images: the transpose of [`Grid::gather`].
    pub(crate) fn scatter<T: Real>(grid: Grid, patches: &[T], lines: Range<usize>, images: &mut [T]) = scatter_body
}

#[inline(always)]
fn scatter_body<T: Real, const FUSED: bool>(
    grid: Grid,
    patches: &[T],
    lines: Range<usize>,
    images: &mut [T],
) {
    let run = grid.kernel[1] * grid.channels;
    let [down, across] = grid.places();
    let mut patches = patches.chunks_exact(grid.patch());
    for line in lines {
        let image = &mut images[line / down * grid.image()..][..grid.image()];
        for (place, patch) in (0..across).zip(&mut patches) {
            let corner = grid.corner(line % down, place);
            for (index, from) in patch.chunks_exact(run).enumerate() {
                let to = &mut image[corner + index * grid.width * grid.channels..][..run];
                to.iter_mut().zip(from).for_each(|(sum, value)| *sum += *value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two images of 3 × 4 with two channels, a kernel of 2 × 3 that moves by 1 down and 1 across.
    const GRID: Grid = Grid { height: 3, width: 4, channels: 2, kernel: [2, 3], stride: [1, 1] };

    #[test]
    fn patches_by_hand() {
        let images: Vec<f32> = (0..48).map(|index| index as f32).collect();
        let mut patches = vec![0.0; 2 * 12];
        // The second line of the second image.
        GRID.gather(Tensor::Numbers(&images), 3..4, &mut patches);
        let first = [32, 33, 34, 35, 36, 37, 40, 41, 42, 43, 44, 45].map(|value: u8| f32::from(value));
        assert_eq!(patches[..12], first);
        assert_eq!(patches[12..], first.map(|value| value + 2.0));
        let bytes: Vec<u8> = (0..48).map(|index| index * 5).collect();
        GRID.gather(Tensor::Bytes(&bytes), 3..4, &mut patches);
        assert_eq!(patches[0], 160.0 * (1.0 / 255.0));
    }

    /// ⟨gather(x), y⟩ = ⟨x, scatter(y)⟩
    #[test]
    fn scatter_is_the_transpose_of_gather() {
        for stride in [[1, 1], [1, 2], [2, 1]] {
            let grid = Grid { height: 5, width: 6, stride, ..GRID };
            let [down, across] = grid.places();
            let images: Vec<f64> = (0..2 * grid.image()).map(|index| (index as f64).sin()).collect();
            let mut patches = vec![0.0; 2 * down * across * grid.patch()];
            let other: Vec<f64> = (0..patches.len()).map(|index| (index as f64).cos()).collect();
            grid.gather(Tensor::Numbers(&images), 0..2 * down, &mut patches);
            let mut back = vec![0.0; images.len()];
            scatter(grid, &other, 0..2 * down, &mut back);
            let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
            assert!((dot(&patches, &other) - dot(&images, &back)).abs() < 1e-11);
        }
    }
}
