//! What a policy file says of itself: enough to run the policy without the project it came from.

use setpoint_decision::constraint::Constraint;
use setpoint_decision::spec::{ActionSpace, Feature, Signal};
use setpoint_nn::mlp::Mlp;

use crate::head::{Discretization, Head};

/// Everything about a policy but its numbers.
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
    /// Environment steps it was trained for.
    pub steps: u64,
    /// What it sees, in order.
    pub observation: Vec<Feature>,
    /// What it decides.
    pub action: ActionSpace,
    /// What the process reports; constraints may speak of these.
    pub signals: Vec<Signal>,
    /// The rules it was trained under and must run under.
    pub constraints: Vec<Constraint>,
    /// Shape of the network from (normalised) observation, or from a cell's indicator, to the head.
    pub network: Mlp,
    /// What the network's outputs mean.
    pub head: Head,
    /// How observations become cells, for tables: the network is then one layer without activation, a row a cell.
    pub discretization: Option<Discretization>,
    /// Greatest magnitude of a normalised feature; absent when observations are used as they are.
    pub clip_observation: Option<f64>,
    /// Added to the variance before the root, where observations are normalised.
    pub normalization_epsilon: f64,
}
