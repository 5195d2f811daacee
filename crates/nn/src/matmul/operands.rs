//! The operands of a product, and what runs it for a number type.

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

/// How each sum begins and ends.
#[derive(Clone, Copy, Debug)]
pub struct Sums<'a, T> {
    /// Where each row of C begins (n numbers); at 0 where it is empty.
    pub start: &'a [T],
    /// What is stored.
    pub finish: Finish<'a, T>,
}

/// What becomes of each sum before it is stored, while it is still in a register.
#[derive(Clone, Copy, Debug)]
pub enum Finish<'a, T> {
    /// The sum itself.
    Plain,
    /// max(sum, 0); NaN stays NaN.
    Relu,
    /// The sum where this matrix of C's shape is positive, else 0: backward through the ReLU that made the matrix.
    WherePositive(&'a [T]),
}

impl<T> Sums<'_, T> {
    /// From 0, stored as they are.
    pub const PLAIN: Self = Self { start: &[], finish: Finish::Plain };
}

/// How a product reads B. The result is the same to the bit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Path {
    /// As it lies.
    Plain,
    /// A panel at a time, copied into one block before all rows use it.
    Packed,
}

/// One product; the bounds are checked before it is made.
#[derive(Clone, Copy)]
pub struct Problem<'a, T> {
    /// `None`: the faster one at this level and size.
    pub(super) path: Option<Path>,
    pub(super) m: usize,
    pub(super) n: usize,
    pub(super) k: usize,
    pub(super) a: View<'a, T>,
    pub(super) b: &'a [T],
    /// Whether `b` holds Bᵀ `[n, k]`; only the packed path reads it so.
    pub(super) turned: bool,
    pub(super) sums: Sums<'a, T>,
}

/// The kernels of a number type. Its functions are compiled here alone: as generic functions each crate that multiplies would
/// compile them again, for every level.
pub trait Multiply: Sized {
    /// Runs a product whose bounds are checked.
    fn multiply(problem: Problem<'_, Self>, c: &mut [Self]);

    /// The path of a product of this size.
    fn path(m: usize, n: usize, k: usize) -> Path;
}
