//! Tensor parts of an observation: images and sets of points.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Tensor parts that an observation has at most.
pub const TENSORS_MAX: usize = 4;

/// A block of numbers of the observation without a name for each: an image, a set of points.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TensorPart {
    /// Name in snake case; no feature has it.
    pub name: String,
    /// Its meaning, in a few words.
    pub description: String,
    /// Its type, its shape, and the meaning of its axes.
    pub form: TensorForm,
}

/// The type and the shape of a tensor part.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TensorForm {
    /// An image `[height, width, channels]` of bytes, which a network reads as numbers from 0 to 1.
    Image {
        /// Lines, from the top.
        height: usize,
        /// Pixels of a line, from the left.
        width: usize,
        /// Numbers of a pixel.
        channels: usize,
    },
    /// The same of numbers, which a network reads as they are.
    NumberImage {
        /// Lines, from the top.
        height: usize,
        /// Pixels of a line, from the left.
        width: usize,
        /// Numbers of a pixel.
        channels: usize,
    },
    /// A set of points `[points, dimensions]`; a count says how many points there are, and their order means nothing.
    Points {
        /// Greatest number of points.
        points: usize,
        /// Numbers of a point.
        dimensions: usize,
    },
}

impl TensorPart {
    /// A part with a name and a meaning.
    pub fn new(name: &str, form: TensorForm, description: &str) -> Self {
        Self { name: name.to_owned(), description: description.to_owned(), form }
    }
}

impl TensorForm {
    /// Numbers of each axis.
    pub fn shape(self) -> Vec<usize> {
        match self {
            Self::Image { height, width, channels } | Self::NumberImage { height, width, channels } => {
                vec![height, width, channels]
            }
            Self::Points { points, dimensions } => vec![points, dimensions],
        }
    }

    /// Numbers of one tensor.
    pub fn numbers(self) -> usize {
        self.shape().iter().product()
    }

    /// Bytes of one tensor in a buffer.
    pub fn bytes(self) -> usize {
        match self {
            Self::Image { .. } => self.numbers(),
            Self::NumberImage { .. } => 4 * self.numbers(),
            Self::Points { .. } => 4 * (self.numbers() + 1),
        }
    }
}

/// For people: `image of 36 × 36 × 1 bytes`.
impl fmt::Display for TensorForm {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shape: Vec<String> = self.shape().iter().map(usize::to_string).collect();
        let shape = shape.join(" × ");
        match self {
            Self::Image { .. } => write!(formatter, "image of {shape} bytes"),
            Self::NumberImage { .. } => write!(formatter, "image of {shape} numbers"),
            Self::Points { points, dimensions } => {
                write!(formatter, "up to {points} points of {dimensions} numbers")
            }
        }
    }
}
