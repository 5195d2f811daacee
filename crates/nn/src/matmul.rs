//! Products of small matrices without packing.
//!
//! One kernel serves `X·W` and `Xᵀ·dY`: a tile of the result stays in registers while it accumulates over the inner
//! dimension, numbers of A are broadcast (by row and column strides), rows of B are read as they lie. At the sizes of
//! reinforcement learning (a batch of 64, layers of 64) all operands are in the first-level cache, and packing, which
//! general libraries do, costs more than it saves.
//!
//! Every element of the result is `((start + a₀b₀) + a₁b₁) + …` in that order, whatever the tile it falls in: a row's
//! result does not depend on how many rows there are.

use crate::level::{Level, level};
use crate::real::Real;
use crate::vector::Vector;

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

impl<T: Real> Problem<'_, T> {
    /// Panels of four, two and one vectors' width from left to right.
    #[inline(always)]
    fn run<V: Vector<T>>(&self, c: &mut [T]) {
        let mut column = 0;
        while column < self.n {
            let left = self.n - column;
            if left >= 4 * V::LANES {
                self.panel::<V, 4, 6>(column, c);
                column += 4 * V::LANES;
            } else if left > V::LANES {
                self.panel::<V, 2, 8>(column, c);
                column += 2 * V::LANES;
            } else {
                self.panel::<V, 1, 8>(column, c);
                column += V::LANES;
            }
        }
    }

    /// All rows of a panel, `ROWS` at a time, then the rest four, two and one at a time.
    #[inline(always)]
    fn panel<V: Vector<T>, const WIDE: usize, const ROWS: usize>(&self, column: usize, c: &mut [T]) {
        let mut row = 0;
        while row + ROWS <= self.m {
            self.tile::<V, WIDE, ROWS>(row, column, c);
            row += ROWS;
        }
        if row + 4 <= self.m {
            self.tile::<V, WIDE, 4>(row, column, c);
            row += 4;
        }
        if row + 2 <= self.m {
            self.tile::<V, WIDE, 2>(row, column, c);
            row += 2;
        }
        while row < self.m {
            self.tile::<V, WIDE, 1>(row, column, c);
            row += 1;
        }
    }

    /// `ROWS` × (`WIDE` vectors) of the result, in registers from start to end.
    #[inline(always)]
    fn tile<V: Vector<T>, const WIDE: usize, const ROWS: usize>(
        &self,
        row: usize,
        column: usize,
        c: &mut [T],
    ) {
        let View { values: a, row_stride, column_stride } = self.a;
        // Numbers of each vector that lie in the matrix: all but in the last vector of the last panel.
        let counts: [usize; WIDE] =
            std::array::from_fn(|wide| (self.n - column).saturating_sub(wide * V::LANES).min(V::LANES));
        let mut sums = [[V::splat(T::ZERO); WIDE]; ROWS];
        // SAFETY: `matmul` has checked that A, B, C and the start hold m × k, k × n, m × n and n (or no) numbers with
        // these strides; rows stay below m (`panel`), columns below n (`counts`), the inner index below k. The vector
        // type is that of the machine's level.
        unsafe {
            if !self.start.is_empty() {
                for (wide, count) in counts.iter().enumerate() {
                    if *count > 0 {
                        let start = V::load(self.start.as_ptr().add(column + wide * V::LANES), *count);
                        for sums in &mut sums {
                            sums[wide] = start;
                        }
                    }
                }
            }
            let a = a.as_ptr().add(row * row_stride);
            let b = self.b.as_ptr().add(column);
            if counts[WIDE - 1] == V::LANES {
                for inner in 0..self.k {
                    let from = b.add(inner * self.n);
                    let b: [V; WIDE] =
                        std::array::from_fn(|wide| V::load(from.add(wide * V::LANES), V::LANES));
                    for (index, sums) in sums.iter_mut().enumerate() {
                        let factor = V::splat(*a.add(index * row_stride + inner * column_stride));
                        for (sum, b) in sums.iter_mut().zip(b) {
                            *sum = factor.multiply_add(b, *sum);
                        }
                    }
                }
            } else {
                for inner in 0..self.k {
                    let from = b.add(inner * self.n);
                    let b: [V; WIDE] =
                        std::array::from_fn(|wide| V::load(from.wrapping_add(wide * V::LANES), counts[wide]));
                    for (index, sums) in sums.iter_mut().enumerate() {
                        let factor = V::splat(*a.add(index * row_stride + inner * column_stride));
                        for (sum, b) in sums.iter_mut().zip(b) {
                            *sum = factor.multiply_add(b, *sum);
                        }
                    }
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
pub fn transpose<T: Real>(rows: usize, columns: usize, from: &[T], to: &mut [T]) {
    const BLOCK: usize = 16;
    assert!(from.len() >= rows * columns && to.len() >= rows * columns, "a matrix is too short");
    for first_row in (0..rows).step_by(BLOCK) {
        let row_end = (first_row + BLOCK).min(rows);
        for column in 0..columns {
            let to = &mut to[column * rows + first_row..column * rows + row_end];
            for (offset, to) in to.iter_mut().enumerate() {
                *to = from[(first_row + offset) * columns + column];
            }
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
