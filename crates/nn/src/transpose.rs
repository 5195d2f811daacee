//! The transpose of a matrix, block by block in registers.

use crate::level::{Level, level};
use crate::real::Real;
use crate::vector::{Array, Square};

/// Writes the transpose of `[rows, columns]` to `[columns, rows]`, block by block so that both sides stay in cache.
///
/// # Panics
/// If a slice is too short for its matrix.
pub fn transpose<T: Real>(rows: usize, columns: usize, from: &[T], to: &mut [T]) {
    assert!(from.len() >= rows * columns && to.len() >= rows * columns, "a matrix is too short");
    let (from, to) = (from.as_ptr(), to.as_mut_ptr());
    #[cfg(target_arch = "x86_64")]
    {
        #[target_feature(enable = "avx2,fma,bmi1,bmi2")]
        unsafe fn avx2<T: Real>(rows: usize, columns: usize, from: *const T, to: *mut T) {
            // SAFETY: the caller's.
            unsafe { transpose_part::<T, T::Middle>(rows, columns, (from, columns), (to, rows)) };
        }
        if level() != Level::Baseline {
            // SAFETY: every level above the baseline has the features that the function is compiled for, and both slices hold
            // rows × columns numbers.
            return unsafe { avx2(rows, columns, from, to) };
        }
    }
    // SAFETY: both slices hold rows × columns numbers.
    unsafe { transpose_part::<T, Array<T, 8>>(rows, columns, (from, columns), (to, rows)) };
}

/// Numbers in a row of a block: a block goes through registers.
const BLOCK: usize = 8;

/// Writes the transpose of a part `[rows, columns]` of one matrix to a part of another; each is a pointer and the distance of its
/// rows. Whole blocks of 8 × 8 go through registers, the rest number by number. Two by two blocks follow each other: their rows are
/// whole lines of the cache on both sides, so no line is fetched twice.
///
/// # Safety
/// Both parts lie in memory that the caller may read and write, and the vector type is that of the machine's level.
#[inline(always)]
pub(crate) unsafe fn transpose_part<T: Real, V: Square<T>>(
    rows: usize,
    columns: usize,
    (from, from_stride): (*const T, usize),
    (to, to_stride): (*mut T, usize),
) {
    const STEP: usize = 2 * BLOCK;
    let (whole_rows, whole_columns) = (rows - rows % BLOCK, columns - columns % BLOCK);
    for first_row in (0..whole_rows).step_by(STEP) {
        for first_column in (0..whole_columns).step_by(STEP) {
            for column in (first_column..whole_columns.min(first_column + STEP)).step_by(BLOCK) {
                for row in (first_row..whole_rows.min(first_row + STEP)).step_by(BLOCK) {
                    // SAFETY: the block lies within rows × columns numbers, which both parts hold; the vector type is the
                    // caller's.
                    unsafe {
                        let from = from.add(row * from_stride + column);
                        let to = to.add(column * to_stride + row);
                        let block = V::transpose(std::array::from_fn(|line| {
                            V::load(from.add(line * from_stride), BLOCK)
                        }));
                        for (line, vector) in block.into_iter().enumerate() {
                            vector.store(to.add(line * to_stride), BLOCK);
                        }
                    }
                }
            }
        }
    }
    for row in 0..rows {
        let first = if row < whole_rows { whole_columns } else { 0 };
        for column in first..columns {
            // SAFETY: as above.
            unsafe { *to.add(column * to_stride + row) = *from.add(row * from_stride + column) };
        }
    }
}
