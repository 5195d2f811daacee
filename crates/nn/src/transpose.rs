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
