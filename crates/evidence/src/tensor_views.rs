//! The tensor parts of a batch's observations, as a network reads them.

use setpoint_decision::spec::TENSORS_MAX;
use setpoint_nn::inputs::{Inputs, Tensor};
use setpoint_process::tensors::{TensorRef, TensorRows};

/// A view of each part, without an allocation.
#[derive(Clone, Copy)]
pub struct TensorViews<'a> {
    views: [Tensor<'a, f32>; TENSORS_MAX],
    count: usize,
}

impl<'a> TensorViews<'a> {
    /// Views of all rows of each part.
    ///
    /// # Panics
    /// If there are more than [`TENSORS_MAX`].
    pub fn of(parts: &'a [TensorRows]) -> Self {
        let mut views = [Tensor::Bytes(&[]); TENSORS_MAX];
        for (view, rows) in views[..parts.len()].iter_mut().zip(parts) {
            *view = match rows.all() {
                TensorRef::Bytes(bytes) => Tensor::Bytes(bytes),
                TensorRef::Numbers(numbers) => Tensor::Numbers(numbers),
                TensorRef::Points { numbers, counts } => Tensor::Points { numbers, counts },
            };
        }
        Self { views, count: parts.len() }
    }

    /// The views, in the order of the parts.
    pub fn as_slice(&self) -> &[Tensor<'a, f32>] {
        &self.views[..self.count]
    }

    /// Features and tensors of the same rows together.
    pub fn with_features<'s>(&'s self, features: &'s [f32]) -> Inputs<'s, f32> {
        Inputs::new(features, self.as_slice())
    }
}
