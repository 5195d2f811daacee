//! The description in a policy file: enough to run the policy without its project.

use setpoint_decision::constraint::Constraint;
use setpoint_decision::spec::{ActionSpace, Feature, Signal, TensorPart};
use setpoint_nn::shape::Shape;

use crate::head::{Discretization, Head};

/// Everything about a policy except its numbers.
#[derive(Clone, Debug, PartialEq)]
pub struct Manifest {
    /// Version of Setpoint that wrote the file.
    pub setpoint_version: String,
    /// `decision.name` of the project.
    pub project: String,
    /// `process.kind` of the project.
    pub process: String,
    /// Algorithm that trained it.
    pub algorithm: String,
    /// Seed of the training.
    pub seed: u64,
    /// Environment steps of the training.
    pub steps: u64,
    /// The features, in order.
    pub observation: Vec<Feature>,
    /// The images and sets of points that it sees too, in order; the network has an encoder for each.
    pub tensors: Vec<TensorPart>,
    /// The actions.
    pub action: ActionSpace,
    /// The signals of the process; constraints may refer to them.
    pub signals: Vec<Signal>,
    /// The constraints of the training, which also apply to its use.
    pub constraints: Vec<Constraint>,
    /// Shape of the network from (normalised) observation, or from a cell's indicator, to the head.
    pub network: Shape,
    /// The meaning of the network's outputs.
    pub head: Head,
    /// The map from observations to cells, for tables: the network is then one layer without activation, with one row per cell.
    pub discretization: Option<Discretization>,
    /// Greatest magnitude of a normalised feature; absent if observations are not normalised.
    pub clip_observation: Option<f64>,
    /// Added to the variance before the root, if observations are normalised.
    pub normalization_epsilon: f64,
}
