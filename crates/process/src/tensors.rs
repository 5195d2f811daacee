//! Rows of tensor parts, each in its own type: images as bytes, points with their counts.

use std::mem;
use std::ops::Range;

use setpoint_decision::spec::{TENSORS_MAX, TensorForm, TensorPart};

/// Rows of one tensor part.
#[derive(Clone, Debug, PartialEq)]
pub struct TensorRows {
    /// Numbers of a row.
    width: usize,
    values: TensorValues,
}

/// The values of rows of one tensor part, in their own type.
#[derive(Clone, Debug, PartialEq)]
pub enum TensorValues {
    /// `[rows, height, width, channels]`
    Bytes(Vec<u8>),
    /// `[rows, height, width, channels]`
    Numbers(Vec<f32>),
    /// Sets of points.
    Points {
        /// `[rows, points, dimensions]`; numbers of points from the count on mean nothing.
        numbers: Vec<f32>,
        /// `[rows]` the number of points.
        counts: Vec<u32>,
    },
}

/// Rows of one tensor part, to read.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum TensorRef<'a> {
    /// `[rows, height, width, channels]`
    Bytes(&'a [u8]),
    /// `[rows, height, width, channels]`
    Numbers(&'a [f32]),
    /// Sets of points.
    Points {
        /// `[rows, points, dimensions]`; numbers of points from the count on mean nothing.
        numbers: &'a [f32],
        /// `[rows]` the number of points.
        counts: &'a [u32],
    },
}

/// One tensor, to write.
#[derive(Debug)]
pub enum TensorMut<'a> {
    /// `[height, width, channels]`
    Bytes(&'a mut [u8]),
    /// `[height, width, channels]`
    Numbers(&'a mut [f32]),
    /// A set of points.
    Points {
        /// `[points, dimensions]`
        numbers: &'a mut [f32],
        /// The number of points.
        count: &'a mut u32,
    },
}

/// Rows of images, to write.
#[derive(Debug)]
pub enum ImagesMut<'a> {
    /// `[rows, height, width, channels]`
    Bytes(&'a mut [u8]),
    /// `[rows, height, width, channels]`
    Numbers(&'a mut [f32]),
}

impl ImagesMut<'_> {
    /// Their size in bytes.
    pub fn bytes(&self) -> usize {
        match self {
            Self::Bytes(bytes) => bytes.len(),
            Self::Numbers(numbers) => size_of_val(*numbers),
        }
    }
}

impl<'a> TensorMut<'a> {
    /// The pixels of an image of bytes.
    ///
    /// # Panics
    /// If it is another kind of tensor: the spec says which one it is.
    pub fn bytes(self) -> &'a mut [u8] {
        match self {
            Self::Bytes(bytes) => bytes,
            Self::Numbers(_) | Self::Points { .. } => panic!("the spec has no image of bytes here"),
        }
    }

    /// The numbers of a set of points, and their count.
    ///
    /// # Panics
    /// If it is another kind of tensor: the spec says which one it is.
    pub fn points(self) -> (&'a mut [f32], &'a mut u32) {
        match self {
            Self::Points { numbers, count } => (numbers, count),
            Self::Bytes(_) | Self::Numbers(_) => panic!("the spec has no points here"),
        }
    }
}

impl TensorRows {
    /// Rows of zeros, and of sets without points.
    pub fn new(form: TensorForm, rows: usize) -> Self {
        let width = form.numbers();
        let values = match form {
            TensorForm::Image { .. } => TensorValues::Bytes(vec![0; rows * width]),
            TensorForm::NumberImage { .. } => TensorValues::Numbers(vec![0.0; rows * width]),
            TensorForm::Points { .. } => {
                TensorValues::Points { numbers: vec![0.0; rows * width], counts: vec![0; rows] }
            }
        };
        Self { width, values }
    }

    /// Rows of these values.
    ///
    /// # Panics
    /// If the values are of another type than the form, or end within a row.
    pub fn from_values(form: TensorForm, values: TensorValues) -> Self {
        let width = form.numbers();
        let is_whole = match (form, &values) {
            (TensorForm::Image { .. }, TensorValues::Bytes(bytes)) => bytes.len().is_multiple_of(width),
            (TensorForm::NumberImage { .. }, TensorValues::Numbers(numbers)) => {
                numbers.len().is_multiple_of(width)
            }
            (TensorForm::Points { .. }, TensorValues::Points { numbers, counts }) => {
                numbers.len() == counts.len() * width
            }
            _ => false,
        };
        assert!(is_whole, "the values are no rows of {form}");
        Self { width, values }
    }

    /// Hands out the values.
    pub fn into_values(self) -> TensorValues {
        self.values
    }

    /// The same for each part of an observation.
    ///
    /// # Panics
    /// If there are more than [`TENSORS_MAX`].
    pub fn of_parts(parts: &[TensorPart], rows: usize) -> Vec<Self> {
        assert!(parts.len() <= TENSORS_MAX, "an observation has at most {TENSORS_MAX} tensor parts");
        parts.iter().map(|part| Self::new(part.form, rows)).collect()
    }

    /// All rows.
    pub fn all(&self) -> TensorRef<'_> {
        match &self.values {
            TensorValues::Bytes(bytes) => TensorRef::Bytes(bytes),
            TensorValues::Numbers(numbers) => TensorRef::Numbers(numbers),
            TensorValues::Points { numbers, counts } => TensorRef::Points { numbers, counts },
        }
    }

    /// A row to write.
    pub fn row_mut(&mut self, row: usize) -> TensorMut<'_> {
        let at = row * self.width..(row + 1) * self.width;
        match &mut self.values {
            TensorValues::Bytes(bytes) => TensorMut::Bytes(&mut bytes[at]),
            TensorValues::Numbers(numbers) => TensorMut::Numbers(&mut numbers[at]),
            TensorValues::Points { numbers, counts } => {
                TensorMut::Points { numbers: &mut numbers[at], count: &mut counts[row] }
            }
        }
    }

    /// Neighbouring rows of an image, to write.
    ///
    /// # Panics
    /// If they are rows of sets of points.
    pub fn images_mut(&mut self, rows: Range<usize>) -> ImagesMut<'_> {
        let at = rows.start * self.width..rows.end * self.width;
        match &mut self.values {
            TensorValues::Bytes(bytes) => ImagesMut::Bytes(&mut bytes[at]),
            TensorValues::Numbers(numbers) => ImagesMut::Numbers(&mut numbers[at]),
            TensorValues::Points { .. } => panic!("sets of points are no images"),
        }
    }

    /// Writes `count` rows of another buffer of the same part, from its row `from` on, over the rows from `to` on.
    ///
    /// # Panics
    /// If the parts differ, or a row is missing.
    pub fn copy_rows(&mut self, to: usize, other: &Self, from: usize, count: usize) {
        let width = self.width;
        let (there, here) = (from * width..(from + count) * width, to * width..(to + count) * width);
        match (&mut self.values, &other.values) {
            (TensorValues::Bytes(own), TensorValues::Bytes(other)) => {
                own[here].copy_from_slice(&other[there])
            }
            (TensorValues::Numbers(own), TensorValues::Numbers(other)) => {
                own[here].copy_from_slice(&other[there])
            }
            (
                TensorValues::Points { numbers, counts },
                TensorValues::Points { numbers: other, counts: other_counts },
            ) => {
                numbers[here].copy_from_slice(&other[there]);
                counts[to..to + count].copy_from_slice(&other_counts[from..from + count]);
            }
            _ => panic!("the tensors are of different parts"),
        }
    }

    /// Writes rows of another buffer of the same part over the first rows.
    ///
    /// # Panics
    /// If the parts differ, or a row is missing.
    pub fn gather(&mut self, other: &Self, rows: &[u32]) {
        for (to, from) in rows.iter().enumerate() {
            self.copy_rows(to, other, *from as usize, 1);
        }
    }

    /// Bytes of a row.
    pub fn bytes(&self) -> usize {
        match &self.values {
            TensorValues::Bytes(_) => self.width,
            TensorValues::Numbers(_) => 4 * self.width,
            TensorValues::Points { .. } => 4 * (self.width + 1),
        }
    }

    /// Writes a row as bytes: its numbers, then the count of a set of points.
    ///
    /// # Panics
    /// If `bytes` has another length than [`TensorRows::bytes`].
    pub fn write_bytes(&self, row: usize, bytes: &mut [u8]) {
        let own = row * self.width..(row + 1) * self.width;
        match &self.values {
            TensorValues::Bytes(values) => bytes.copy_from_slice(&values[own]),
            TensorValues::Numbers(numbers) => write_numbers(&numbers[own], bytes),
            TensorValues::Points { numbers, counts } => {
                let (of_numbers, of_count) = bytes.split_at_mut(4 * self.width);
                write_numbers(&numbers[own], of_numbers);
                of_count.copy_from_slice(&counts[row].to_le_bytes());
            }
        }
    }

    /// Reads a row that [`TensorRows::write_bytes`] wrote.
    ///
    /// # Panics
    /// If `bytes` has another length than [`TensorRows::bytes`].
    pub fn read_bytes(&mut self, row: usize, bytes: &[u8]) {
        let own = row * self.width..(row + 1) * self.width;
        match &mut self.values {
            TensorValues::Bytes(values) => values[own].copy_from_slice(bytes),
            TensorValues::Numbers(numbers) => read_numbers(bytes, &mut numbers[own]),
            TensorValues::Points { numbers, counts } => {
                let (of_numbers, of_count) = bytes.split_at(4 * self.width);
                read_numbers(of_numbers, &mut numbers[own]);
                counts[row] = u32::from_le_bytes(of_count.try_into().expect("a count has four bytes"));
            }
        }
    }

    /// Sets the number of rows; new rows are zeros.
    pub fn resize(&mut self, rows: usize) {
        let width = self.width;
        match &mut self.values {
            TensorValues::Bytes(bytes) => bytes.resize(rows * width, 0),
            TensorValues::Numbers(numbers) => numbers.resize(rows * width, 0.0),
            TensorValues::Points { numbers, counts } => {
                numbers.resize(rows * width, 0.0);
                counts.resize(rows, 0);
            }
        }
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        match &self.values {
            TensorValues::Bytes(bytes) => bytes.len() / self.width,
            TensorValues::Numbers(numbers) => numbers.len() / self.width,
            TensorValues::Points { counts, .. } => counts.len(),
        }
    }

    /// Appends a row of another buffer of the same part.
    pub fn push(&mut self, other: &Self, from: usize) {
        let rows = self.rows();
        self.resize(rows + 1);
        self.copy_rows(rows, other, from, 1);
    }
}

fn write_numbers(numbers: &[f32], bytes: &mut [u8]) {
    let (places, _) = bytes.as_chunks_mut();
    assert_eq!(places.len(), numbers.len(), "four bytes for each number");
    places.iter_mut().zip(numbers).for_each(|(place, number)| *place = number.to_le_bytes());
}

fn read_numbers(bytes: &[u8], numbers: &mut [f32]) {
    let (places, _) = bytes.as_chunks();
    assert_eq!(places.len(), numbers.len(), "four bytes for each number");
    numbers.iter_mut().zip(places).for_each(|(number, place)| *number = f32::from_le_bytes(*place));
}

/// Rows of the tensor parts of some neighbouring lanes, to write; lanes are taken off the front.
#[derive(Default)]
pub(crate) struct Parts<'a> {
    parts: [Option<(usize, PartMut<'a>)>; TENSORS_MAX],
}

enum PartMut<'a> {
    Bytes(&'a mut [u8]),
    Numbers(&'a mut [f32]),
    Points { numbers: &'a mut [f32], counts: &'a mut [u32] },
}

impl<'a> Parts<'a> {
    /// All rows of each part.
    pub fn of(rows: &'a mut [TensorRows]) -> Self {
        let mut parts = Self::default();
        for (part, TensorRows { width, values }) in parts.parts.iter_mut().zip(rows) {
            let values = match values {
                TensorValues::Bytes(bytes) => PartMut::Bytes(bytes),
                TensorValues::Numbers(numbers) => PartMut::Numbers(numbers),
                TensorValues::Points { numbers, counts } => PartMut::Points { numbers, counts },
            };
            *part = Some((*width, values));
        }
        parts
    }

    /// Whether there are no parts.
    pub fn is_empty(&self) -> bool {
        self.parts[0].is_none()
    }

    /// Takes rows off the front.
    pub fn take(&mut self, rows: usize) -> Self {
        let mut taken = Self::default();
        for (taken, own) in taken.parts.iter_mut().zip(&mut self.parts) {
            let Some((width, values)) = own else { break };
            let front = match values {
                PartMut::Bytes(bytes) => PartMut::Bytes(front(bytes, rows * *width)),
                PartMut::Numbers(numbers) => PartMut::Numbers(front(numbers, rows * *width)),
                PartMut::Points { numbers, counts } => {
                    PartMut::Points { numbers: front(numbers, rows * *width), counts: front(counts, rows) }
                }
            };
            *taken = Some((*width, front));
        }
        taken
    }

    /// One tensor of each part, of one row.
    pub fn row(&mut self, row: usize) -> impl Iterator<Item = TensorMut<'_>> {
        self.parts.iter_mut().map_while(Option::as_mut).map(move |(width, values)| {
            let at = row * *width..(row + 1) * *width;
            match values {
                PartMut::Bytes(bytes) => TensorMut::Bytes(&mut bytes[at]),
                PartMut::Numbers(numbers) => TensorMut::Numbers(&mut numbers[at]),
                PartMut::Points { numbers, counts } => {
                    TensorMut::Points { numbers: &mut numbers[at], count: &mut counts[row] }
                }
            }
        })
    }
}

/// Takes up to `count` values off the front of a slice.
pub(crate) fn front<'a, T>(slice: &mut &'a mut [T], count: usize) -> &'a mut [T] {
    let whole = mem::take(slice);
    let (front, rest) = whole.split_at_mut(count.min(whole.len()));
    *slice = rest;
    front
}
