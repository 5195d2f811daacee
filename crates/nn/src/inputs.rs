//! What a network reads: features, tensors, and the sequences of its memory.

/// The inputs of a batch of rows. A slice of features alone converts into it.
#[derive(Clone, Copy, Debug)]
pub struct Inputs<'a, T> {
    features: &'a [T],
    tensors: &'a [Tensor<'a, T>],
    sequences: Option<Sequences<'a, T>>,
    /// The first row to read.
    first: usize,
}

/// One tensor part of the observations of all rows.
#[derive(Clone, Copy, Debug)]
pub enum Tensor<'a, T> {
    /// Bytes, which a network reads as numbers from 0 to 1.
    Bytes(&'a [u8]),
    /// Numbers as they are.
    Numbers(&'a [T]),
    /// Sets of points of which the first `counts[row]` of each row are valid.
    Points {
        /// `[rows, points, dimensions]`
        numbers: &'a [T],
        /// Valid points of each row.
        counts: &'a [u32],
    },
}

/// The order of the rows for a memory: `[time, sequences]`, each time's rows side by side.
#[derive(Clone, Copy, Debug)]
pub struct Sequences<'a, T> {
    /// Number of sequences; the rows are a multiple of it.
    pub count: usize,
    /// Rows that begin an episode: the memory is zero before them. Empty: no row does.
    pub starts: &'a [bool],
    /// The memory before the first time, `[count, hidden]`. Empty: zero.
    pub state: &'a [T],
}

impl<'a, T: Copy> Inputs<'a, T> {
    /// Features `[rows, features]` and one tensor for each encoder, in their order.
    pub fn new(features: &'a [T], tensors: &'a [Tensor<'a, T>]) -> Self {
        Self { features, tensors, sequences: None, first: 0 }
    }

    /// The same inputs with other features.
    #[must_use]
    pub fn with_features(self, features: &'a [T]) -> Self {
        Self { features, ..self }
    }

    /// The same inputs in sequences, for a network with a memory. The sequences are those of the rows that are left.
    pub fn in_sequences(self, sequences: Sequences<'a, T>) -> Self {
        Self { sequences: Some(sequences), ..self }
    }

    /// The same inputs without their first `rows`.
    /// # Panics
    /// If they have sequences, whose rows belong together.
    #[must_use]
    pub fn skip(self, rows: usize) -> Self {
        assert!(self.sequences.is_none(), "rows of sequences cannot be skipped");
        Self { first: self.first + rows, ..self }
    }

    /// The features of `rows` rows of `width` numbers.
    ///
    /// # Panics
    /// If there are fewer.
    pub fn features(&self, rows: usize, width: usize) -> &'a [T] {
        part(self.features, self.first, rows, width)
    }

    /// The tensor of an encoder, from the first row on; a row has `width` numbers.
    ///
    /// # Panics
    /// If there is no such tensor, or it has fewer rows.
    pub(crate) fn tensor(&self, index: usize, rows: usize, width: usize) -> Tensor<'a, T> {
        assert!(index < self.tensors.len(), "the inputs have no tensor for encoder {}", index + 1);
        self.tensors[index].part(self.first, rows, width)
    }

    /// The sequences of `rows` rows.
    ///
    /// # Panics
    /// If the inputs have none, or the rows are not a multiple of them.
    pub(crate) fn sequences(&self, rows: usize) -> Sequences<'a, T> {
        let sequences = self.sequences.expect("a network with a memory needs the sequences of its rows");
        let Sequences { count, starts, .. } = sequences;
        assert!(
            count > 0 && rows.is_multiple_of(count),
            "{rows} rows are not a multiple of {count} sequences"
        );
        assert!(starts.is_empty() || starts.len() >= rows, "there are fewer starts than rows");
        sequences
    }
}

impl<'a, T: Copy, S: AsRef<[T]> + ?Sized> From<&'a S> for Inputs<'a, T> {
    fn from(features: &'a S) -> Self {
        Self::new(features.as_ref(), &[])
    }
}

impl<'a, T: Copy> Tensor<'a, T> {
    /// Rows `first..first + rows`, `width` numbers each.
    pub(crate) fn part(self, first: usize, rows: usize, width: usize) -> Self {
        match self {
            Self::Bytes(bytes) => Self::Bytes(part(bytes, first, rows, width)),
            Self::Numbers(numbers) => Self::Numbers(part(numbers, first, rows, width)),
            Self::Points { numbers, counts } => Self::Points {
                numbers: part(numbers, first, rows, width),
                counts: part(counts, first, rows, 1),
            },
        }
    }
}

fn part<T>(values: &[T], first: usize, rows: usize, width: usize) -> &[T] {
    let range = first * width..(first + rows) * width;
    assert!(values.len() >= range.end, "the input has {} numbers, expected {}", values.len(), range.end);
    &values[range]
}
