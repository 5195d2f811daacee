//! An algorithm for the training loop: it collects and learns, gives its policy, and is saved and loaded.

use std::sync::atomic::{AtomicBool, Ordering};

use serde::Serialize;
use serde::de::DeserializeOwned;
use setpoint_evidence::environments::Environments;
use setpoint_nn::shape::Shape;
use setpoint_policy::Policy;
use setpoint_policy::head::{Discretization, Head};
use setpoint_policy::normalizer::Normalizer;
use setpoint_process::StateError;

use crate::error::TrainError;
use crate::figures::Figures;
use crate::replay::{Replay, ReplayState};

/// The critics of a learner that begins with a policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Critics {
    /// The algorithm has none.
    Absent,
    /// They are those of the newest checkpoint of the policy's run.
    Kept,
    /// They have random weights: there is no checkpoint, or its critics have other sizes.
    Random,
}

/// The interface of an algorithm for the training loop.
pub trait Algorithm: Send {
    /// Number of environments that it wants to learn from.
    fn lanes(&self) -> usize;

    /// Takes over a policy whose head, network and normalisation are those of [`Algorithm::snapshot`], before
    /// [`Algorithm::begin`]: until the first update, [`Algorithm::snapshot`] is then this policy. Critics and the scale of
    /// rewards come from `saved`, which [`Algorithm::save`] of a learner of the same algorithm wrote. Everything else begins
    /// fresh: optimisers, buffers, exploration.
    fn adopt(&mut self, policy: &Policy, saved: Option<&[u8]>) -> Result<Critics, StateError> {
        let _ = (policy, saved);
        Err(StateError::new("it cannot begin with a policy"))
    }

    /// Called once before the first update of a new training (not after a resume). `adopted`: after [`Algorithm::adopt`], so that the
    /// statistics of observations are those of the policy.
    fn begin(&mut self, environments: &Environments, adopted: bool);

    /// Called after a resume whose environments could not continue their episodes: all of them have begun new episodes.
    fn begin_new_episodes(&mut self, environments: &Environments) {
        let _ = environments;
    }

    /// Collects and learns once. Loops over environment steps and gradient steps ask [`Horizon::check_stop`]: an error may
    /// leave the update half done, because the training goes back to the state before it.
    fn update(
        &mut self,
        environments: &mut Environments,
        horizon: Horizon<'_>,
    ) -> Result<Figures, TrainError>;

    /// The present policy.
    fn snapshot(&self) -> Snapshot;

    /// The replay buffer, if it has one. It is written separately from the checkpoints, in pieces.
    fn replay(&self) -> Option<&Replay> {
        None
    }

    /// The replay buffer, to mark its present steps: the training may go back to them.
    fn replay_to_mark(&mut self) -> Option<&mut Replay> {
        None
    }

    /// After [`Algorithm::load`]: the buffer that must still be filled, with its content.
    fn replay_to_restore(&mut self) -> Option<(&mut Replay, ReplayState)> {
        None
    }

    /// Everything else that a bit-identical continuation needs.
    fn save(&self) -> Result<Vec<u8>, StateError>;

    /// Restores the state that [`Algorithm::save`] wrote.
    fn load(&mut self, bytes: &[u8]) -> Result<(), StateError>;
}

/// The remaining share of a training, and the request to stop it.
#[derive(Clone, Copy, Debug)]
pub struct Horizon<'a> {
    /// The remaining share at the start of an update, for schedules: it falls from 1 to 0 over the training.
    pub remaining: f64,
    /// Environment steps of the whole training.
    pub total_steps: u64,
    /// Set to interrupt the update.
    pub stop: &'a AtomicBool,
}

impl Horizon<'static> {
    /// Without a request to stop, ever: for benchmarks and tests of a single update.
    pub fn without_stop(remaining: f64, total_steps: u64) -> Self {
        static NEVER: AtomicBool = AtomicBool::new(false);
        Self { remaining, total_steps, stop: &NEVER }
    }
}

impl Horizon<'_> {
    /// [`TrainError::Interrupted`] after a request to stop.
    pub fn check_stop(self) -> Result<(), TrainError> {
        if self.is_stopped() { Err(TrainError::Interrupted) } else { Ok(()) }
    }

    /// Whether there is a request to stop.
    pub fn is_stopped(self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    /// The remaining share after a number of environment steps within the update.
    pub fn remaining_at(self, steps: u64) -> f64 {
        (1.0 - steps as f64 / self.total_steps as f64).clamp(0.0, self.remaining)
    }
}

/// The numbers of a policy, before they become a policy file.
#[derive(Clone, Debug, PartialEq)]
pub struct Snapshot {
    /// Shape from observation to logits or means.
    pub network: Shape,
    /// Its flat parameters.
    pub parameters: Vec<f32>,
    /// The meaning of its outputs.
    pub head: Head,
    /// The map from observations to cells, for tables.
    pub discretization: Option<Discretization>,
    /// Log standard deviation of each axis, for a [`Head::Gaussian`]; otherwise empty.
    pub log_std: Vec<f32>,
    /// Observation statistics, if observations are normalised.
    pub normalizer: Option<Normalizer>,
}

impl Snapshot {
    /// A snapshot of a network alone.
    pub fn of_network(network: impl Into<Shape>, parameters: Vec<f32>, head: Head) -> Self {
        let network = network.into();
        Self { network, parameters, head, discretization: None, log_std: Vec::new(), normalizer: None }
    }
}

/// The bytes of a state for [`Algorithm::save`].
pub fn to_bytes(state: &impl Serialize) -> Result<Vec<u8>, StateError> {
    postcard::to_stdvec(state).map_err(|error| StateError::new(error.to_string()))
}

/// The state at the beginning of some bytes, and the bytes behind it.
pub fn first_of_bytes<T: DeserializeOwned>(bytes: &[u8]) -> Result<(T, &[u8]), StateError> {
    postcard::take_from_bytes(bytes).map_err(|error| StateError::new(error.to_string()))
}

/// The state from the bytes of [`to_bytes`].
pub fn from_bytes<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, StateError> {
    postcard::from_bytes(bytes).map_err(|error| StateError::new(error.to_string()))
}
