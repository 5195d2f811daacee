//! Rows of a matrix that may have no columns: an observation of images alone has no features.

use std::mem;

/// The rows of a matrix `[count, width]`, also of width 0.
///
/// # Panics
/// While iterating, if there are fewer numbers.
pub fn rows<T>(values: &[T], width: usize, count: usize) -> impl Iterator<Item = &[T]> {
    (0..count).map(move |row| &values[row * width..(row + 1) * width])
}

/// [`rows`] to write.
///
/// # Panics
/// While iterating, if there are fewer numbers.
pub fn rows_mut<T>(values: &mut [T], width: usize, count: usize) -> impl Iterator<Item = &mut [T]> {
    let mut rest = values;
    (0..count).map(move |_| {
        let (row, others) = mem::take(&mut rest).split_at_mut(width);
        rest = others;
        row
    })
}
