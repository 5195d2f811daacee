//! The encoders of tensor parts.

use crate::convolution::{self, Convolution};
use crate::inputs::Tensor;
use crate::layer::Layer;
use crate::point_set::{self, PointSet};
use crate::real::Real;

/// What makes features of one tensor part of an observation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Encoder {
    /// Of images.
    Convolution(Convolution),
    /// Of sets of points.
    PointSet(PointSet),
}

/// Buffers of an encoder.
#[derive(Clone, Debug)]
pub(crate) enum Workspace<T> {
    Convolution(convolution::Workspace<T>),
    PointSet(point_set::Workspace<T>),
}

const FOREIGN: &str = "the workspace belongs to another shape";

impl Encoder {
    /// Numbers of its tensor in one row.
    pub fn input(&self) -> usize {
        match self {
            Self::Convolution(encoder) => encoder.input(),
            Self::PointSet(encoder) => encoder.input(),
        }
    }

    /// Features that it makes of a row.
    pub fn output(&self) -> usize {
        match self {
            Self::Convolution(encoder) => encoder.output(),
            Self::PointSet(encoder) => encoder.output(),
        }
    }

    /// Length of its part of the parameter slice.
    pub fn parameters(&self) -> usize {
        match self {
            Self::Convolution(encoder) => encoder.parameters(),
            Self::PointSet(encoder) => encoder.parameters(),
        }
    }

    /// Numbers that its workspace keeps of each row.
    pub fn kept(&self) -> usize {
        match self {
            Self::Convolution(encoder) => encoder.kept(),
            // The output and its winners.
            Self::PointSet(encoder) => 2 * encoder.output(),
        }
    }

    /// Its layers in its part of the parameter slice.
    pub(crate) fn layers(&self) -> Vec<Layer> {
        match self {
            Self::Convolution(encoder) => encoder.layers(),
            Self::PointSet(encoder) => encoder.layers(),
        }
    }

    /// Buffers for up to `rows_max` rows.
    pub(crate) fn workspace<T: Real>(&self, rows_max: usize) -> Workspace<T> {
        match self {
            Self::Convolution(encoder) => Workspace::Convolution(encoder.workspace(rows_max)),
            Self::PointSet(encoder) => Workspace::PointSet(encoder.workspace(rows_max)),
        }
    }

    /// Features `[rows, output]` of a tensor's rows.
    pub(crate) fn forward<'w, T: Real>(
        &self,
        parameters: &[T],
        tensor: Tensor<'_, T>,
        rows: usize,
        workspace: &'w mut Workspace<T>,
    ) -> &'w [T] {
        match (self, workspace) {
            (Self::Convolution(encoder), Workspace::Convolution(workspace)) => {
                encoder.forward(parameters, tensor, rows, workspace)
            }
            (Self::PointSet(encoder), Workspace::PointSet(workspace)) => {
                encoder.forward(parameters, tensor, rows, workspace)
            }
            _ => panic!("{FOREIGN}"),
        }
    }

    /// From dL / d features `[rows, output]` of the last [`Encoder::forward`] to dL/d parameters, which overwrites
    /// `gradient`.
    pub(crate) fn backward<T: Real>(
        &self,
        parameters: &[T],
        tensor: Tensor<'_, T>,
        rows: usize,
        workspace: &mut Workspace<T>,
        output_gradient: &[T],
        gradient: &mut [T],
    ) {
        match (self, workspace) {
            (Self::Convolution(encoder), Workspace::Convolution(workspace)) => {
                encoder.backward(parameters, tensor, rows, workspace, output_gradient, gradient);
            }
            (Self::PointSet(encoder), Workspace::PointSet(workspace)) => {
                encoder.backward(parameters, tensor, rows, workspace, output_gradient, gradient);
            }
            _ => panic!("{FOREIGN}"),
        }
    }
}

impl From<Convolution> for Encoder {
    fn from(encoder: Convolution) -> Self {
        Self::Convolution(encoder)
    }
}

impl From<PointSet> for Encoder {
    fn from(encoder: PointSet) -> Self {
        Self::PointSet(encoder)
    }
}
