//! A tile of a product: a few rows times a few vectors of the result, in registers from start to end.

use super::{Begin, Finish, Panel, Problem, View};
use crate::real::Real;
use crate::vector::Vector;

/// Where a tile lies in the result: its first row and column, and the numbers of each of its vectors inside.
#[derive(Clone, Copy)]
struct Place<const WIDE: usize> {
    row: usize,
    column: usize,
    counts: [usize; WIDE],
}

impl<T: Real> Problem<'_, T> {
    /// `ROWS` × (`WIDE` vectors) of the result, in registers from start to end.
    #[inline(always)]
    pub(super) fn tile<V: Vector<T>, const WIDE: usize, const ROWS: usize>(
        &self,
        row: usize,
        panel: Panel<T>,
        c: &mut [T],
    ) {
        // Nearly all tiles are whole: their loads and stores need no masks, and their loops are unrolled.
        if self.n - panel.column >= WIDE * V::LANES {
            self.tile_at::<V, WIDE, ROWS>(row, panel, [V::LANES; WIDE], c);
        } else {
            let inside = |wide| (self.n - panel.column).saturating_sub(wide * V::LANES).min(V::LANES);
            self.tile_at::<V, WIDE, ROWS>(row, panel, std::array::from_fn(inside), c);
        }
    }

    /// The tile with so many numbers of each vector inside of the matrix.
    #[inline(always)]
    fn tile_at<V: Vector<T>, const WIDE: usize, const ROWS: usize>(
        &self,
        row: usize,
        panel: Panel<T>,
        counts: [usize; WIDE],
        c: &mut [T],
    ) {
        let Panel { column, begin, ends, .. } = panel;
        let place = Place { row, column, counts };
        let mut sums = [[V::splat(T::ZERO); WIDE]; ROWS];
        // SAFETY: `matmul` has checked that A, B, C, the start and the activations hold m × k, k × n, m × n, n (or no)
        // and m × n numbers with these strides; rows stay below m (`rows`), columns below n (`counts`), the inner index
        // below k. A padded panel holds `last − first` written rows of WIDE whole vectors. The vector type is that of the
        // machine's level.
        unsafe {
            if begin == Begin::Present {
                self.load(place, c, &mut sums);
            } else if !self.sums.start.is_empty() {
                self.start(place, &mut sums);
            }
            if begin == Begin::Present {
                self.fetch_ahead::<V, WIDE, ROWS>(place, c);
            }
            self.multiply(place, panel, &mut sums);
            let finish = if ends { self.sums.finish } else { Finish::Plain };
            self.store(place, finish, &sums, c);
        }
    }

    /// Sums that an earlier part of the inner dimension left in the result.
    ///
    /// # Safety
    /// The place lies in the result, and the vector type is that of the machine's level.
    #[inline(always)]
    unsafe fn load<V: Vector<T>, const WIDE: usize, const ROWS: usize>(
        &self,
        Place { row, column, counts }: Place<WIDE>,
        c: &[T],
        sums: &mut [[V; WIDE]; ROWS],
    ) {
        for (index, sums) in sums.iter_mut().enumerate() {
            // SAFETY: the row and the column lie in the result, and so do `counts` numbers from there.
            unsafe {
                let from = c.as_ptr().add((row + index) * self.n + column);
                for (wide, sum) in sums.iter_mut().enumerate() {
                    if counts[wide] > 0 {
                        *sum = V::load(from.wrapping_add(wide * V::LANES), counts[wide]);
                    }
                }
            }
        }
    }

    /// Requests the numbers of the tile below, which that tile will begin with.
    #[inline(always)]
    fn fetch_ahead<V: Vector<T>, const WIDE: usize, const ROWS: usize>(
        &self,
        Place { row, column, .. }: Place<WIDE>,
        c: &[T],
    ) {
        let from = c.as_ptr().wrapping_add((row + ROWS) * self.n + column);
        for index in 0..ROWS {
            for wide in 0..WIDE {
                fetch(from.wrapping_add(index * self.n + wide * V::LANES));
            }
        }
    }

    /// The same first numbers in every row: a bias.
    ///
    /// # Safety
    /// The start holds n numbers, the place lies in the result, and the vector type is that of the machine's level.
    #[inline(always)]
    unsafe fn start<V: Vector<T>, const WIDE: usize, const ROWS: usize>(
        &self,
        Place { column, counts, .. }: Place<WIDE>,
        sums: &mut [[V; WIDE]; ROWS],
    ) {
        for (wide, count) in counts.iter().enumerate() {
            if *count > 0 {
                // SAFETY: the column and `count` numbers from there are below n.
                let start =
                    unsafe { V::load(self.sums.start.as_ptr().add(column + wide * V::LANES), *count) };
                for sums in sums.iter_mut() {
                    sums[wide] = start;
                }
            }
        }
    }

    /// Adds the products of a part of the inner dimension.
    ///
    /// # Safety
    /// The rows of A and the panel of B hold what the place and the depth need, and the vector type is that of the
    /// machine's level.
    #[inline(always)]
    unsafe fn multiply<V: Vector<T>, const WIDE: usize, const ROWS: usize>(
        &self,
        Place { row, counts, .. }: Place<WIDE>,
        Panel { depth: (first, last), b, stride, padded, .. }: Panel<T>,
        sums: &mut [[V; WIDE]; ROWS],
    ) {
        let View { values: a, row_stride, column_stride } = self.a;
        // SAFETY: the caller's. One pointer a row and one offset for all of them: the loop is then nothing but loads and
        // products. Both may step past the end after the last round, where they are not read.
        unsafe {
            let rows: [*const T; ROWS] =
                std::array::from_fn(|index| a.as_ptr().add((row + index) * row_stride));
            let mut offset = first * column_stride;
            let mut from = b;
            // The caller's sums may lie in memory; a copy of this function's own stays in registers.
            let mut own = *sums;
            let whole = padded || counts[WIDE - 1] == V::LANES;
            if whole {
                let mut left = last - first;
                // With the numbers of a row of A side by side, four rounds share their steps of addresses.
                if column_stride == 1 {
                    let mut at = rows.map(|row| row.wrapping_add(offset));
                    while left >= 4 {
                        for round in 0..4 {
                            add_products(
                                &mut own,
                                at,
                                round,
                                vectors(from.wrapping_add(round * stride), [V::LANES; WIDE]),
                            );
                        }
                        from = from.wrapping_add(4 * stride);
                        at = at.map(|row| row.wrapping_add(4));
                        offset += 4;
                        left -= 4;
                    }
                }
                for _ in 0..left {
                    add_products(&mut own, rows, offset, vectors(from, [V::LANES; WIDE]));
                    from = from.wrapping_add(stride);
                    offset += column_stride;
                }
            } else {
                for _ in first..last {
                    add_products(&mut own, rows, offset, vectors(from, counts));
                    from = from.wrapping_add(stride);
                    offset += column_stride;
                }
            }
            *sums = own;
        }
    }

    /// Writes the sums, finished.
    ///
    /// # Safety
    /// The place lies in the result and in the activations, and the vector type is that of the machine's level.
    #[inline(always)]
    unsafe fn store<V: Vector<T>, const WIDE: usize, const ROWS: usize>(
        &self,
        Place { row, column, counts }: Place<WIDE>,
        finish: Finish<'_, T>,
        sums: &[[V; WIDE]; ROWS],
        c: &mut [T],
    ) {
        for (index, sums) in sums.iter().enumerate() {
            let at = (row + index) * self.n + column;
            // SAFETY: the row and the column lie in the result and in the activations, and so do `counts` numbers from
            // there.
            unsafe {
                let to = c.as_mut_ptr().add(at);
                for (wide, sum) in sums.iter().enumerate() {
                    let count = counts[wide];
                    if count > 0 {
                        let sum = match finish {
                            Finish::Plain => *sum,
                            Finish::Relu => sum.relu(),
                            Finish::WherePositive(made) => {
                                let made = made.as_ptr().wrapping_add(at + wide * V::LANES);
                                sum.where_positive(V::load(made, count))
                            }
                        };
                        sum.store(to.wrapping_add(wide * V::LANES), count);
                    }
                }
            }
        }
    }
}

/// Numbers of a row of B, so many of each vector. A loop and no closure: the compiler leaves some closures as functions, which the
/// inner loop would call in every round, with all sums in memory.
///
/// # Safety
/// The row holds these numbers, and the vector type is that of the machine's level.
#[inline(always)]
unsafe fn vectors<T: Real, V: Vector<T>, const WIDE: usize>(
    from: *const T,
    counts: [usize; WIDE],
) -> [V; WIDE] {
    let mut row = [V::splat(T::ZERO); WIDE];
    for (wide, vector) in row.iter_mut().enumerate() {
        // SAFETY: the caller's.
        *vector = unsafe { V::load(from.wrapping_add(wide * V::LANES), counts[wide]) };
    }
    row
}

/// Adds the product of a column of A and a row of B.
///
/// # Safety
/// Each row of A holds a number at the offset, and the vector type is that of the machine's level.
#[inline(always)]
unsafe fn add_products<T: Real, V: Vector<T>, const WIDE: usize, const ROWS: usize>(
    sums: &mut [[V; WIDE]; ROWS],
    rows: [*const T; ROWS],
    offset: usize,
    b: [V; WIDE],
) {
    for (sums, row) in sums.iter_mut().zip(rows) {
        // SAFETY: the caller's.
        unsafe {
            let factor = V::splat(*row.add(offset));
            for (sum, b) in sums.iter_mut().zip(b) {
                *sum = factor.multiply_add(b, *sum);
            }
        }
    }
}

/// Asks the memory for what will be read soon. Any address is allowed.
#[inline(always)]
fn fetch<T>(from: *const T) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: a prefetch reads nothing that the program can see, and faults nowhere; every x86-64 machine has it.
    unsafe {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        _mm_prefetch::<_MM_HINT_T0>(from.cast());
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = from;
}
