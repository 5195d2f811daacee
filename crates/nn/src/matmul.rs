//! Products of small matrices.
//!
//! One kernel serves `X·W` and `Xᵀ·dY`: a tile of the result stays in registers while it accumulates over the inner
//! dimension, numbers of A are broadcast (by row and column strides), rows of B are read as they lie. At the smallest
//! sizes of reinforcement learning all operands are in the first-level cache and packing, which general libraries always
//! do, costs more than it saves; in larger ones B is packed a panel at a time where that is faster (`ways`).
//!
//! Every element of the result is `((start + a₀b₀) + a₁b₁) + …` in that order, whatever the tile it falls in: a row's
//! result does not depend on how many rows there are.

use std::mem::MaybeUninit;

use crate::level::{Level, level};
use crate::real::Real;
use crate::transpose::{transpose, transpose_part};
use crate::vector::{Array, Square, Vector};

pub mod operands;
mod tile;
mod ways;

pub use operands::{Finish, Path, Sums, View};
use operands::{Multiply, Problem};
use ways::Way;

/// `C[m, n] = finish(start + A[m, k] · B[k, n])`, B and C stored row by row.
///
/// # Panics
/// If a slice is too short for its matrix.
pub fn matmul<T: Real>(
    m: usize,
    n: usize,
    k: usize,
    a: View<'_, T>,
    b: &[T],
    sums: Sums<'_, T>,
    c: &mut [T],
) {
    matmul_on(None, m, n, k, a, b, sums, c);
}

/// [`matmul`] on a path of one's choice, to measure it; `None` is the faster one.
///
/// # Panics
/// If a slice is too short for its matrix.
#[expect(clippy::too_many_arguments, reason = "matmul's, and the path")]
pub fn matmul_on<T: Real>(
    path: Option<Path>,
    m: usize,
    n: usize,
    k: usize,
    a: View<'_, T>,
    b: &[T],
    sums: Sums<'_, T>,
    c: &mut [T],
) {
    if m == 0 || n == 0 {
        return;
    }
    check_bounds(m, n, k, a, b, sums, c);
    // A column of sums is a row of them where A lies column by column: its vectors are then whole.
    if n == 1 && a.row_stride == 1 && a.column_stride == m && sums.start.is_empty() && path.is_none() {
        let (a, b) = (View::rows(b, k), a.values);
        return T::multiply(Problem { path, m: 1, n: m, k, a, b, turned: false, sums }, c);
    }
    T::multiply(Problem { path, m, n, k, a, b, turned: false, sums }, c);
}

/// Panics where a slice is too short for its matrix. No matrix is empty.
fn check_bounds<T>(m: usize, n: usize, k: usize, a: View<'_, T>, b: &[T], sums: Sums<'_, T>, c: &[T]) {
    let last_a = (m - 1) * a.row_stride + k.saturating_sub(1) * a.column_stride;
    assert!(k == 0 || last_a < a.values.len(), "A is shorter than {m} × {k} with its strides");
    assert!(b.len() >= k * n, "B has {} numbers, expected {k} × {n}", b.len());
    assert!(c.len() >= m * n, "C has {} numbers, expected {m} × {n}", c.len());
    let start = sums.start.len();
    assert!(start == 0 || start >= n, "the start has {start} numbers, expected {n}");
    if let Finish::WherePositive(made) = sums.finish {
        assert!(made.len() >= m * n, "the activations have {} numbers, expected {m} × {n}", made.len());
    }
}

/// `C[m, n] = finish(start + A[m, k] · B[k, n])` where `turned` holds Bᵀ `[n, k]`. `room` is for B, where the product needs it: a
/// packed panel is turned while it is copied.
///
/// # Panics
/// If a slice is too short for its matrix.
#[expect(clippy::too_many_arguments, reason = "matmul's, and the room")]
pub fn matmul_turned<T: Real>(
    m: usize,
    n: usize,
    k: usize,
    a: View<'_, T>,
    turned: &[T],
    room: &mut [T],
    sums: Sums<'_, T>,
    c: &mut [T],
) {
    if T::path(m, n, k) == Path::Plain {
        transpose(n, k, turned, room);
        return matmul(m, n, k, a, room, sums, c);
    }
    check_bounds(m, n, k, a, turned, sums, c);
    T::multiply(Problem { path: Some(Path::Packed), m, n, k, a, b: turned, turned: true, sums }, c);
}

/// The level and the path that an f32 product of this size takes on this machine, as words.
pub fn way(m: usize, n: usize, k: usize) -> (&'static str, Path) {
    let Way { level, path } = ways::faster(m, n, k);
    (level.name(), path)
}

impl Multiply for f32 {
    #[inline(never)]
    fn multiply(problem: Problem<'_, Self>, c: &mut [Self]) {
        let Way { level: at, path } = match problem.path {
            Some(path) => Way { level: level(), path },
            None => ways::faster(problem.m, problem.n, problem.k),
        };
        run_at(at, Problem { path: Some(path), ..problem }, c);
    }

    fn path(m: usize, n: usize, k: usize) -> Path {
        ways::faster(m, n, k).path
    }
}

/// Products of f64 are few; they take the usual way.
impl Multiply for f64 {
    #[inline(never)]
    fn multiply(problem: Problem<'_, Self>, c: &mut [Self]) {
        let path = problem.path.unwrap_or_else(|| Self::path(problem.m, problem.n, problem.k));
        run_at(level(), Problem { path: Some(path), ..problem }, c);
    }

    fn path(m: usize, n: usize, k: usize) -> Path {
        ways::usual(m, n, k).path
    }
}

/// Runs a product at a level that the machine has.
#[inline(never)]
fn run_at<T: Real>(at: Level, problem: Problem<'_, T>, c: &mut [T]) {
    debug_assert!(at <= level(), "the machine has no such level");
    #[cfg(target_arch = "x86_64")]
    {
        #[target_feature(enable = "avx512f,avx512vl,avx512dq,avx512bw,avx2,fma,bmi1,bmi2")]
        fn avx512<T: Real>(problem: Problem<'_, T>, c: &mut [T]) {
            problem.run::<T::Wide, T::Middle>(c);
        }
        #[target_feature(enable = "avx2,fma,bmi1,bmi2")]
        fn avx2<T: Real>(problem: Problem<'_, T>, c: &mut [T]) {
            problem.run::<T::Middle, T::Middle>(c);
        }
        match at {
            // SAFETY: `level` has found every feature that the function is compiled for, and those of the levels below.
            Level::Avx512 => return unsafe { avx512(problem, c) },
            // SAFETY: as above.
            Level::Avx2 => return unsafe { avx2(problem, c) },
            Level::Baseline => {}
        }
    }
    problem.run::<T::Narrow, Array<T, 8>>(c);
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
    /// Whether the inner dimension ends here.
    ends: bool,
}

/// Numbers of a packed panel: half of a first-level cache of 32 KiB at f32 and eight lanes. With AVX-512 a panel has four times as
/// many, and comes from the second-level cache: C is then loaded and stored half as often as with a panel that fits the first.
const PACKED: usize = 4096;

/// A packed panel. It begins with a line of the cache, so no vector lies in two lines: such a load takes twice as long.
#[repr(C, align(64))]
struct Block<T, const NUMBERS: usize>([MaybeUninit<T>; NUMBERS]);

impl<T: Real> Problem<'_, T> {
    /// Tiles are as many rows and vectors as the level's registers hold: 32 with AVX-512, 16 elsewhere.
    #[inline(always)]
    fn run<V: Vector<T>, S: Square<T>>(&self, c: &mut [T]) {
        match (self.path.unwrap_or(Path::Plain), V::LANES >= 16) {
            (Path::Packed, true) => self.packed::<V, S, 4, 6, 2, 12, { 4 * PACKED }>(c),
            (Path::Packed, false) => self.packed::<V, S, 2, 6, 1, 8, PACKED>(c),
            (Path::Plain, true) => self.plain::<V, 4, 6, 2, 8, 1, 8>(c),
            (Path::Plain, false) => self.plain::<V, 2, 6, 2, 6, 1, 8>(c),
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
            let panel = Panel { column, depth, b, stride: self.n, padded: false, begin, ends: true };
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

    /// Panels for a stretch of the inner dimension at a time; each panel is copied into one block before all rows use it, the last
    /// one into a narrow block if it fits. Sums continue from the values in C, so every element adds up in the same order as
    /// without packing.
    #[inline(always)]
    fn packed<
        V: Vector<T>,
        S: Square<T>,
        const WIDE: usize,
        const WIDE_ROWS: usize,
        const NARROW: usize,
        const NARROW_ROWS: usize,
        const NUMBERS: usize,
    >(
        &self,
        c: &mut [T],
    ) {
        let mut block = Block([const { MaybeUninit::<T>::uninit() }; NUMBERS]);
        let width = WIDE * V::LANES;
        for column in (0..self.n).step_by(width) {
            if self.n - column > NARROW * V::LANES {
                self.panel::<V, S, WIDE, WIDE_ROWS>(column, &mut block.0, c);
            } else {
                self.panel::<V, S, NARROW, NARROW_ROWS>(column, &mut block.0, c);
            }
        }
    }

    /// The result's columns `column..`, through packed blocks of B.
    #[inline(always)]
    fn panel<V: Vector<T>, S: Square<T>, const WIDE: usize, const ROWS: usize>(
        &self,
        column: usize,
        block: &mut [MaybeUninit<T>],
        c: &mut [T],
    ) {
        let width = WIDE * V::LANES;
        let depth = block.len() / width;
        for first in (0..self.k).step_by(depth) {
            let last = (first + depth).min(self.k);
            if self.turned {
                self.pack_turned::<S>(column, width, (first, last), block);
            } else {
                self.pack::<V, WIDE>(column, (first, last), block);
            }
            let begin = if first == 0 { Begin::Start } else { Begin::Present };
            let (depth, b) = ((first, last), block.as_ptr().cast());
            let panel = Panel { column, depth, b, stride: width, padded: true, begin, ends: last == self.k };
            self.rows::<V, WIDE, ROWS>(panel, c);
        }
    }

    /// Copies rows `first..last` of B's columns `column..` side by side; past the last column stands 0.
    #[inline(always)]
    fn pack<V: Vector<T>, const WIDE: usize>(
        &self,
        column: usize,
        (first, last): (usize, usize),
        block: &mut [MaybeUninit<T>],
    ) {
        let width = WIDE * V::LANES;
        let columns = (self.n - column).min(width);
        for (row, to) in (first..last).zip(block.chunks_exact_mut(width)) {
            let from = &self.b[row * self.n + column..][..columns];
            for wide in 0..WIDE {
                let count = columns.saturating_sub(wide * V::LANES).min(V::LANES);
                // SAFETY: `count` numbers lie in the row from `wide` vectors on (none is read where it is 0), and the
                // chunk holds WIDE vectors. The vector type is that of the machine's level.
                unsafe {
                    let vector = V::load(from.as_ptr().wrapping_add(wide * V::LANES), count);
                    vector.store(to.as_mut_ptr().cast::<T>().add(wide * V::LANES), V::LANES);
                }
            }
        }
    }

    /// [`Problem::pack`] from Bᵀ, whose rows are B's columns.
    #[inline(always)]
    fn pack_turned<S: Square<T>>(
        &self,
        column: usize,
        width: usize,
        (first, last): (usize, usize),
        block: &mut [MaybeUninit<T>],
    ) {
        let columns = (self.n - column).min(width);
        let block = &mut block[..(last - first) * width];
        if columns < width {
            block.fill(MaybeUninit::new(T::ZERO));
        }
        let from = self.b[column * self.k..][..columns * self.k].as_ptr().wrapping_add(first);
        let to = block.as_mut_ptr().cast::<T>();
        // SAFETY: `columns` rows of k numbers begin at `column`, and `first..last` lies in each; the block has `last − first` rows
        // of `width` numbers, no less than `columns`. The vector type is that of the machine's level.
        unsafe { transpose_part::<T, S>(columns, last - first, (from, self.k), (to, width)) };
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
        matmul(m, n, k, View::rows(&a, k), &b, Sums { start: &start, finish: Finish::Plain }, &mut c);
        matmul(
            m,
            n,
            k,
            View::transposed(&transposed, m),
            &b,
            Sums { start: &start, finish: Finish::Plain },
            &mut other,
        );
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

    /// So the choice of a way has no effect on results.
    #[test]
    fn paths_and_levels_with_fused_products_agree_to_the_bit() {
        let cast = |values: Vec<f64>| values.into_iter().map(|value| value as f32).collect::<Vec<f32>>();
        for (m, n, k) in [(1, 1, 1), (16, 96, 64), (19, 131, 77), (33, 259, 600), (64, 48, 257)] {
            let (a, b, start) = (cast(pseudo(m * k, 0.1)), cast(pseudo(k * n, 0.7)), cast(pseudo(n, 0.3)));
            let product = |path, at| {
                let (mut c, sums) = (vec![f32::NAN; m * n], Sums { start: &start, finish: Finish::Relu });
                let problem =
                    Problem { path: Some(path), m, n, k, a: View::rows(&a, k), b: &b, turned: false, sums };
                run_at(at, problem, &mut c);
                c
            };
            let expected = product(Path::Plain, level());
            assert_eq!(expected, product(Path::Packed, level()), "{m} × {n} × {k}");
            for lower in (1..level().place()).map(Level::at) {
                for path in [Path::Plain, Path::Packed] {
                    assert_eq!(expected, product(path, lower), "{m} × {n} × {k} at {lower:?}");
                }
            }
        }
    }

    /// In both paths, with columns and an inner dimension that fill no block, and longer than a block is deep.
    #[test]
    fn a_turned_matrix_gives_the_same_bits() {
        let cast = |values: Vec<f64>| values.into_iter().map(|value| value as f32).collect::<Vec<f32>>();
        for (m, n, k) in
            [(1, 1, 1), (3, 20, 9), (17, 259, 600), (64, 64, 64), (33, 131, 257), (128, 256, 256)]
        {
            let (a, b, made) = (cast(pseudo(m * k, 0.1)), cast(pseudo(k * n, 0.7)), cast(pseudo(m * n, 0.9)));
            let mut turned = vec![0.0; k * n];
            transpose(k, n, &b, &mut turned);
            let sums = Sums { start: &[], finish: Finish::WherePositive(&made) };
            let (mut expected, mut found, mut room) = (vec![0.0; m * n], vec![1.0; m * n], vec![0.0; k * n]);
            matmul(m, n, k, View::rows(&a, k), &b, sums, &mut expected);
            matmul_turned(m, n, k, View::rows(&a, k), &turned, &mut room, sums, &mut found);
            assert_eq!(found, expected, "{m} × {n} × {k}");
            let packed = |b: &[f32], turned| {
                let mut c = vec![0.0; m * n];
                let path = Some(Path::Packed);
                f32::multiply(Problem { path, m, n, k, a: View::rows(&a, k), b, turned, sums }, &mut c);
                c
            };
            assert_eq!(packed(&turned, true), packed(&b, false), "{m} × {n} × {k}, packed");
        }
    }

    /// The bits of a row do not depend on the other rows.
    #[test]
    fn a_row_is_the_same_alone_and_in_any_batch() {
        for (n, k) in [(15, 64), (64, 8), (1, 64), (70, 33)] {
            let cast = |values: Vec<f64>| values.into_iter().map(|value| value as f32).collect::<Vec<f32>>();
            let (a, b, start) = (cast(pseudo(64 * k, 0.1)), cast(pseudo(k * n, 0.7)), cast(pseudo(n, 0.3)));
            let mut whole = vec![0.0; 64 * n];
            matmul(
                64,
                n,
                k,
                View::rows(&a, k),
                &b,
                Sums { start: &start, finish: Finish::Plain },
                &mut whole,
            );
            for rows in 1..=13 {
                for first in [0, 5, 64 - rows] {
                    let mut part = vec![0.0; rows * n];
                    matmul(
                        rows,
                        n,
                        k,
                        View::rows(&a[first * k..], k),
                        &b,
                        Sums { start: &start, finish: Finish::Plain },
                        &mut part,
                    );
                    assert_eq!(part, whole[first * n..(first + rows) * n]);
                }
            }
        }
    }

    /// What is done to a sum in a register is what would be done to it in memory, to the bit, at every edge of a tile.
    #[test]
    fn sums_finish_as_a_pass_over_the_product_would() {
        let cast = |values: Vec<f64>| values.into_iter().map(|value| value as f32).collect::<Vec<f32>>();
        for (m, n, k) in [(1, 1, 1), (7, 15, 9), (13, 45, 64), (33, 100, 300), (64, 256, 256)] {
            let (mut a, b, start) =
                (cast(pseudo(m * k, 0.1)), cast(pseudo(k * n, 0.7)), cast(pseudo(n, 0.3)));
            a[0] = f32::NAN;
            let mut made = cast(pseudo(m * n, 0.9));
            made[0] = f32::NAN;
            let product = |finish| {
                let mut c = vec![0.0; m * n];
                matmul(m, n, k, View::rows(&a, k), &b, Sums { start: &start, finish }, &mut c);
                c
            };
            let bits = |values: Vec<f32>| values.into_iter().map(f32::to_bits).collect::<Vec<_>>();
            let plain = product(Finish::Plain);
            let relu = plain.iter().map(|sum| if *sum < 0.0 { 0.0 } else { *sum }).collect();
            assert_eq!(bits(product(Finish::Relu)), bits(relu), "{m} × {n} × {k}");
            let kept = plain.iter().zip(&made).map(|(sum, made)| if *made > 0.0 { *sum } else { 0.0 });
            assert_eq!(bits(product(Finish::WherePositive(&made))), bits(kept.collect()), "{m} × {n} × {k}");
        }
    }

    /// All levels that this machine has agree up to the fusion of multiplications and additions.
    #[test]
    fn levels_agree() {
        let cast = |values: Vec<f64>| values.into_iter().map(|value| value as f32).collect::<Vec<f32>>();
        let (m, n, k) = (13, 45, 64);
        let (a, b) = (cast(pseudo(m * k, 0.1)), cast(pseudo(k * n, 0.7)));
        let (mut best, mut plain) = (vec![0.0; m * n], vec![0.0; m * n]);
        matmul(m, n, k, View::rows(&a, k), &b, Sums::PLAIN, &mut best);
        let problem =
            Problem { path: None, m, n, k, a: View::rows(&a, k), b: &b, turned: false, sums: Sums::PLAIN };
        problem.run::<<f32 as Real>::Narrow, Array<f32, 8>>(&mut plain);
        for (best, plain) in best.iter().zip(&plain) {
            assert!((best - plain).abs() < 1e-4);
        }
    }

    #[test]
    #[should_panic(expected = "B has 5 numbers")]
    fn short_operands_are_refused() {
        matmul(2, 3, 2, View::rows(&[0.0_f32; 4], 2), &[0.0; 5], Sums::PLAIN, &mut [0.0; 6]);
    }
}
