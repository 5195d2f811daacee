//! Products of small matrices.
//!
//! One kernel serves `X·W` and `Xᵀ·dY`: a tile of the result stays in registers while it accumulates over the inner
//! dimension, numbers of A are broadcast (by row and column strides), rows of B are read as they lie. At the smallest
//! sizes of reinforcement learning all operands are in the first-level cache and packing, which general libraries always
//! do, costs more than it saves; from layers of 64 (with AVX-512: 96) on, B is packed a panel at a time.
//!
//! Every element of the result is `((start + a₀b₀) + a₁b₁) + …` in that order, whatever the tile it falls in: a row's
//! result does not depend on how many rows there are.

use std::mem::MaybeUninit;

use crate::level::{Level, level};
use crate::real::Real;
use crate::vector::{Array, Square, Vector};

/// A matrix as a slice with strides.
#[derive(Clone, Copy, Debug)]
pub struct View<'a, T> {
    /// The numbers.
    pub values: &'a [T],
    /// Distance between rows.
    pub row_stride: usize,
    /// Distance between columns.
    pub column_stride: usize,
}

impl<'a, T> View<'a, T> {
    /// A matrix `[rows, columns]` stored row by row.
    pub fn rows(values: &'a [T], columns: usize) -> Self {
        Self { values, row_stride: columns, column_stride: 1 }
    }

    /// The transpose of a matrix `[rows, columns]` stored row by row.
    pub fn transposed(values: &'a [T], columns: usize) -> Self {
        Self { values, row_stride: 1, column_stride: columns }
    }
}

/// `C[m, n] = start + A[m, k] · B[k, n]`, B and C stored row by row; each row of C starts at `start` (n numbers), or at 0
/// where it is empty.
///
/// # Panics
/// If a slice is too short for its matrix.
pub fn matmul<T: Real>(m: usize, n: usize, k: usize, a: View<'_, T>, b: &[T], start: &[T], c: &mut [T]) {
    if m == 0 || n == 0 {
        return;
    }
    let last_a = (m - 1) * a.row_stride + k.saturating_sub(1) * a.column_stride;
    assert!(k == 0 || last_a < a.values.len(), "A is shorter than {m} × {k} with its strides");
    assert!(b.len() >= k * n, "B has {} numbers, expected {k} × {n}", b.len());
    assert!(c.len() >= m * n, "C has {} numbers, expected {m} × {n}", c.len());
    assert!(start.is_empty() || start.len() >= n, "the start has {} numbers, expected {n}", start.len());
    #[cfg(target_arch = "x86_64")]
    {
        #[target_feature(enable = "avx512f,avx512vl,avx512dq,avx512bw,avx2,fma,bmi1,bmi2")]
        fn avx512<T: Real>(problem: Problem<'_, T>, c: &mut [T]) {
            problem.run::<T::Wide>(c);
        }
        #[target_feature(enable = "avx2,fma,bmi1,bmi2")]
        fn avx2<T: Real>(problem: Problem<'_, T>, c: &mut [T]) {
            problem.run::<T::Middle>(c);
        }
        match level() {
            // SAFETY: `level` has found every feature that the function is compiled for.
            Level::Avx512 => return unsafe { avx512(Problem { m, n, k, a, b, start }, c) },
            // SAFETY: as above.
            Level::Avx2 => return unsafe { avx2(Problem { m, n, k, a, b, start }, c) },
            Level::Baseline => {}
        }
    }
    Problem { m, n, k, a, b, start }.run::<T::Narrow>(c);
}

/// One product; the bounds are checked before it is made.
#[derive(Clone, Copy)]
struct Problem<'a, T> {
    m: usize,
    n: usize,
    k: usize,
    a: View<'a, T>,
    b: &'a [T],
    start: &'a [T],
}

/// Where a tile begins to add up.
#[derive(Clone, Copy, PartialEq)]
enum Begin {
    /// At the start row, or at 0.
    Start,
    /// At what C holds: the sum over the inner dimension so far.
    Present,
}

/// A stretch of the inner dimension of B's columns `column..`: as they lie in B, or packed side by side.
#[derive(Clone, Copy)]
struct Panel<T> {
    column: usize,
    /// First and last + 1 of the inner dimension.
    depth: (usize, usize),
    /// Points at (`depth.0`, `column`).
    b: *const T,
    stride: usize,
    /// Whether every vector of a row may be read whole, past the last column too.
    padded: bool,
    begin: Begin,
}

/// Numbers of a packed panel: half of a first-level cache of 32 KiB at f32 and eight lanes.
const PACKED: usize = 4096;

impl<T: Real> Problem<'_, T> {
    /// Tiles are as many rows and vectors as the level's registers hold: 32 with AVX-512, 16 elsewhere.
    #[inline(always)]
    fn run<V: Vector<T>>(&self, c: &mut [T]) {
        // The farther apart B's rows lie, the fewer places of the first-level cache a panel's lines compete for.
        let packs = |n, k| self.n >= n && self.k >= k && self.m >= 16;
        if V::LANES >= 16 {
            if packs(96, 64) {
                self.packed::<V, 4, 6, { 2 * PACKED }>(c);
            } else {
                self.plain::<V, 4, 6, 2, 8, 1, 8>(c);
            }
        } else if packs(48, 32) {
            self.packed::<V, 2, 6, PACKED>(c);
        } else {
            self.plain::<V, 2, 6, 2, 6, 1, 8>(c);
        }
    }

    /// Panels of three widths from left to right, read from B as it lies.
    #[inline(always)]
    fn plain<
        V: Vector<T>,
        const WIDE: usize,
        const WIDE_ROWS: usize,
        const MIDDLE: usize,
        const MIDDLE_ROWS: usize,
        const NARROW: usize,
        const NARROW_ROWS: usize,
    >(
        &self,
        c: &mut [T],
    ) {
        let mut column = 0;
        while column < self.n {
            let left = self.n - column;
            let b = self.b.as_ptr().wrapping_add(column);
            let (depth, begin) = ((0, self.k), Begin::Start);
            let panel = Panel { column, depth, b, stride: self.n, padded: false, begin };
            if left >= WIDE * V::LANES {
                self.rows::<V, WIDE, WIDE_ROWS>(panel, c);
                column += WIDE * V::LANES;
            } else if left > V::LANES {
                self.rows::<V, MIDDLE, MIDDLE_ROWS>(panel, c);
                column += MIDDLE * V::LANES;
            } else {
                self.rows::<V, NARROW, NARROW_ROWS>(panel, c);
                column += V::LANES;
            }
        }
    }

    /// Panels of one width, a stretch of the inner dimension at a time, each copied side by side before all rows meet it.
    /// Sums go on where C stands, so every element adds up in the same order as without packing.
    #[inline(always)]
    fn packed<V: Vector<T>, const WIDE: usize, const ROWS: usize, const NUMBERS: usize>(&self, c: &mut [T]) {
        let mut buffer = [const { MaybeUninit::uninit() }; NUMBERS];
        let width = WIDE * V::LANES;
        let depth = NUMBERS / width;
        for column in (0..self.n).step_by(width) {
            let columns = (self.n - column).min(width);
            for first in (0..self.k).step_by(depth) {
                let last = (first + depth).min(self.k);
                for (row, to) in (first..last).zip(buffer.chunks_exact_mut(width)) {
                    let from = &self.b[row * self.n + column..][..columns];
                    for (to, from) in to.iter_mut().zip(from) {
                        to.write(*from);
                    }
                    for to in &mut to[columns..] {
                        to.write(T::ZERO);
                    }
                }
                let begin = if first == 0 { Begin::Start } else { Begin::Present };
                let (depth, b) = ((first, last), buffer.as_ptr().cast());
                let panel = Panel { column, depth, b, stride: width, padded: true, begin };
                self.rows::<V, WIDE, ROWS>(panel, c);
            }
        }
    }

    /// All rows of a panel, `ROWS` at a time, then the rest four, two and one at a time.
    #[inline(always)]
    fn rows<V: Vector<T>, const WIDE: usize, const ROWS: usize>(&self, panel: Panel<T>, c: &mut [T]) {
        let mut row = 0;
        while row + ROWS <= self.m {
            self.tile::<V, WIDE, ROWS>(row, panel, c);
            row += ROWS;
        }
        while row + 4 <= self.m {
            self.tile::<V, WIDE, 4>(row, panel, c);
            row += 4;
        }
        if row + 2 <= self.m {
            self.tile::<V, WIDE, 2>(row, panel, c);
            row += 2;
        }
        if row < self.m {
            self.tile::<V, WIDE, 1>(row, panel, c);
        }
    }

    /// `ROWS` × (`WIDE` vectors) of the result, in registers from start to end.
    #[inline(always)]
    fn tile<V: Vector<T>, const WIDE: usize, const ROWS: usize>(
        &self,
        row: usize,
        panel: Panel<T>,
        c: &mut [T],
    ) {
        let View { values: a, row_stride, column_stride } = self.a;
        let Panel { column, depth: (first, last), b, stride, padded, begin } = panel;
        // Numbers of each vector that lie in the matrix: all but in the last vectors of the last panel.
        let counts: [usize; WIDE] =
            std::array::from_fn(|wide| (self.n - column).saturating_sub(wide * V::LANES).min(V::LANES));
        let mut sums = [[V::splat(T::ZERO); WIDE]; ROWS];
        // SAFETY: `matmul` has checked that A, B, C and the start hold m × k, k × n, m × n and n (or no) numbers with
        // these strides; rows stay below m (`rows`), columns below n (`counts`), the inner index below k. A padded
        // panel holds `last − first` written rows of WIDE whole vectors. The vector type is that of the machine's level.
        unsafe {
            if begin == Begin::Present {
                for (index, sums) in sums.iter_mut().enumerate() {
                    let from = c.as_ptr().add((row + index) * self.n + column);
                    for (wide, sum) in sums.iter_mut().enumerate() {
                        if counts[wide] > 0 {
                            *sum = V::load(from.wrapping_add(wide * V::LANES), counts[wide]);
                        }
                    }
                }
            } else if !self.start.is_empty() {
                for (wide, count) in counts.iter().enumerate() {
                    if *count > 0 {
                        let start = V::load(self.start.as_ptr().add(column + wide * V::LANES), *count);
                        for sums in &mut sums {
                            sums[wide] = start;
                        }
                    }
                }
            }
            // One pointer a row and one offset for all of them: the loop is then nothing but loads and products. Both
            // may step past the end after the last round, where they are not read.
            let rows: [*const T; ROWS] =
                std::array::from_fn(|index| a.as_ptr().add((row + index) * row_stride));
            let mut offset = first * column_stride;
            let mut from = b;
            let whole = padded || counts[WIDE - 1] == V::LANES;
            if whole {
                for _ in first..last {
                    let b: [V; WIDE] =
                        std::array::from_fn(|wide| V::load(from.add(wide * V::LANES), V::LANES));
                    for (sums, row) in sums.iter_mut().zip(rows) {
                        let factor = V::splat(*row.add(offset));
                        for (sum, b) in sums.iter_mut().zip(b) {
                            *sum = factor.multiply_add(b, *sum);
                        }
                    }
                    from = from.wrapping_add(stride);
                    offset += column_stride;
                }
            } else {
                for _ in first..last {
                    let b: [V; WIDE] =
                        std::array::from_fn(|wide| V::load(from.wrapping_add(wide * V::LANES), counts[wide]));
                    for (sums, row) in sums.iter_mut().zip(rows) {
                        let factor = V::splat(*row.add(offset));
                        for (sum, b) in sums.iter_mut().zip(b) {
                            *sum = factor.multiply_add(b, *sum);
                        }
                    }
                    from = from.wrapping_add(stride);
                    offset += column_stride;
                }
            }
            for (index, sums) in sums.iter().enumerate() {
                let to = c.as_mut_ptr().add((row + index) * self.n + column);
                for (wide, sum) in sums.iter().enumerate() {
                    if counts[wide] > 0 {
                        sum.store(to.wrapping_add(wide * V::LANES), counts[wide]);
                    }
                }
            }
        }
    }
}

/// Writes the transpose of `[rows, columns]` to `[columns, rows]`, block by block so that both sides stay in cache.
///
/// # Panics
/// If a slice is too short for its matrix.
pub fn transpose<T: Real>(rows: usize, columns: usize, from: &[T], to: &mut [T]) {
    assert!(from.len() >= rows * columns && to.len() >= rows * columns, "a matrix is too short");
    #[cfg(target_arch = "x86_64")]
    {
        #[target_feature(enable = "avx2,fma,bmi1,bmi2")]
        fn avx2<T: Real>(rows: usize, columns: usize, from: &[T], to: &mut [T]) {
            transpose_blocks::<T, T::Middle>(rows, columns, from, to);
        }
        if level() != Level::Baseline {
            // SAFETY: every level above the baseline has the features that the function is compiled for.
            return unsafe { avx2(rows, columns, from, to) };
        }
    }
    transpose_blocks::<T, Array<T, 8>>(rows, columns, from, to);
}

/// Whole blocks of 8 × 8 go through registers, the rest number by number.
#[inline(always)]
fn transpose_blocks<T: Real, V: Square<T>>(rows: usize, columns: usize, from: &[T], to: &mut [T]) {
    const BLOCK: usize = 8;
    let (whole_rows, whole_columns) = (rows - rows % BLOCK, columns - columns % BLOCK);
    for row in (0..whole_rows).step_by(BLOCK) {
        for column in (0..whole_columns).step_by(BLOCK) {
            // SAFETY: the block lies within `rows` × `columns` numbers, which both slices hold (`transpose`); the vector
            // type is that of the machine's level.
            unsafe {
                let from = from.as_ptr().add(row * columns + column);
                let block =
                    V::transpose(std::array::from_fn(|line| V::load(from.add(line * columns), BLOCK)));
                let to = to.as_mut_ptr().add(column * rows + row);
                for (line, vector) in block.into_iter().enumerate() {
                    vector.store(to.add(line * rows), BLOCK);
                }
            }
        }
    }
    for row in 0..rows {
        let first = if row < whole_rows { whole_columns } else { 0 };
        for column in first..columns {
            to[column * rows + row] = from[row * columns + column];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pseudo(n: usize, salt: f64) -> Vec<f64> {
        (0..n).map(|i| ((i as f64 + salt) * 12.9898).sin() * 1.7).collect()
    }

    /// Against the definition, in every size from 0 to 20 and around the panels' widths; equal to rounding.
    #[test]
    fn equals_the_definition_in_all_small_sizes() {
        // Longer than a packed panel is deep, with every rest.
        for (m, n, k) in [(17, 100, 300), (16, 96, 513), (33, 259, 600), (64, 48, 257)] {
            check::<f32>(m, n, k, 1e-3);
            check::<f64>(m, n, k, 1e-11);
        }
        let sizes: Vec<usize> = (0..=10).chain([15, 16, 17, 31, 32, 33, 47, 63, 64, 65, 100]).collect();
        for &m in &sizes {
            for &n in &sizes {
                for &k in &[0, 1, 3, 11, 64] {
                    check::<f32>(m, n, k, 1e-4);
                    check::<f64>(m, n, k, 1e-12);
                }
            }
        }
    }

    fn check<T: Real>(m: usize, n: usize, k: usize, tolerance: f64) {
        let cast = |values: Vec<f64>| values.into_iter().map(T::from_f64).collect::<Vec<T>>();
        let (a, b, start) = (cast(pseudo(m * k, 0.1)), cast(pseudo(k * n, 0.7)), cast(pseudo(n, 0.3)));
        let mut transposed = vec![T::ZERO; m * k];
        transpose(m, k, &a, &mut transposed);
        let (mut c, mut other) = (vec![T::ONE; m * n], vec![T::ONE; m * n]);
        matmul(m, n, k, View::rows(&a, k), &b, &start, &mut c);
        matmul(m, n, k, View::transposed(&transposed, m), &b, &start, &mut other);
        for row in 0..m {
            for column in 0..n {
                let products = (0..k).map(|i| a[row * k + i].to_f64() * b[i * n + column].to_f64());
                let expected = start[column].to_f64() + products.sum::<f64>();
                let found = c[row * n + column];
                assert!((found.to_f64() - expected).abs() < tolerance, "{m}×{n}×{k} at {row},{column}");
                assert!(found == other[row * n + column], "strides change the result");
            }
        }
    }

    /// The bits of a row do not depend on the other rows.
    #[test]
    fn a_row_is_the_same_alone_and_in_any_batch() {
        for (n, k) in [(15, 64), (64, 8), (1, 64), (70, 33)] {
            let cast = |values: Vec<f64>| values.into_iter().map(|value| value as f32).collect::<Vec<f32>>();
            let (a, b, start) = (cast(pseudo(64 * k, 0.1)), cast(pseudo(k * n, 0.7)), cast(pseudo(n, 0.3)));
            let mut whole = vec![0.0; 64 * n];
            matmul(64, n, k, View::rows(&a, k), &b, &start, &mut whole);
            for rows in 1..=13 {
                for first in [0, 5, 64 - rows] {
                    let mut part = vec![0.0; rows * n];
                    matmul(rows, n, k, View::rows(&a[first * k..], k), &b, &start, &mut part);
                    assert_eq!(part, whole[first * n..(first + rows) * n]);
                }
            }
        }
    }

    /// All levels that this machine has agree up to the fusion of multiplications and additions.
    #[test]
    fn levels_agree() {
        let cast = |values: Vec<f64>| values.into_iter().map(|value| value as f32).collect::<Vec<f32>>();
        let (m, n, k) = (13, 45, 64);
        let (a, b) = (cast(pseudo(m * k, 0.1)), cast(pseudo(k * n, 0.7)));
        let (mut best, mut plain) = (vec![0.0; m * n], vec![0.0; m * n]);
        matmul(m, n, k, View::rows(&a, k), &b, &[], &mut best);
        let problem = Problem { m, n, k, a: View::rows(&a, k), b: &b, start: &[] };
        problem.run::<<f32 as Real>::Narrow>(&mut plain);
        for (best, plain) in best.iter().zip(&plain) {
            assert!((best - plain).abs() < 1e-4);
        }
    }

    #[test]
    #[should_panic(expected = "B has 5 numbers")]
    fn short_operands_are_refused() {
        matmul(2, 3, 2, View::rows(&[0.0_f32; 4], 2), &[0.0; 5], &[], &mut [0.0; 6]);
    }
}
