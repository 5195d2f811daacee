//! One file an algorithm: its options, how it collects, its losses with their equations, its update.

use std::collections::BTreeMap;

use serde::Serialize;
use setpoint_decision::spec::{ActionSpace, Spec};
use setpoint_decision::{Diagnostic, Project};
use setpoint_nn::mlp::Mlp;
use setpoint_policy::head::{Discretization, Head};
use setpoint_policy::normalizer::Normalizer;
use setpoint_process::StateError;

use crate::environment::Environments;
use crate::error::TrainError;

pub mod ppo;
pub mod reinforce;

/// An algorithm's figures of one update, by name (`policy_loss`, `entropy`, `approximate_kl` …).
pub type Figures = BTreeMap<&'static str, f64>;

/// What the training loop asks of an algorithm.
pub trait Algorithm: Send {
    /// Number of environments that it wants to learn from.
    fn lanes(&self) -> usize;

    /// Called once before the first update of a new training (not after a resume).
    fn begin(&mut self, environments: &Environments);

    /// Collects and learns once. `progress_remaining` falls from 1 to 0 over the training, for schedules.
    fn update(
        &mut self,
        environments: &mut Environments,
        progress_remaining: f64,
    ) -> Result<Figures, TrainError>;

    /// The policy as it stands.
    fn snapshot(&self) -> Snapshot;

    /// Everything that a bit-identical continuation needs.
    fn save(&self) -> Result<Vec<u8>, StateError>;

    /// Puts back what [`Algorithm::save`] wrote.
    fn load(&mut self, bytes: &[u8]) -> Result<(), StateError>;
}

/// A policy's numbers, before they become a policy file.
#[derive(Clone, Debug, PartialEq)]
pub struct Snapshot {
    /// Shape from observation to logits or means.
    pub network: Mlp,
    /// Its flat parameters.
    pub parameters: Vec<f32>,
    /// What its outputs mean.
    pub head: Head,
    /// How observations become cells, for tables.
    pub discretization: Option<Discretization>,
    /// Log standard deviation of each axis, for a [`Head::Gaussian`]; else empty.
    pub log_std: Vec<f32>,
    /// Observation statistics, where observations are normalised.
    pub normalizer: Option<Normalizer>,
}

/// What an algorithm is and when to pick it: one row of `setpoint list algorithms`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Description {
    /// Its name in the project file.
    pub name: &'static str,
    /// What it is.
    pub summary: &'static str,
    /// Whether it learns from its present policy's data alone.
    pub on_policy: bool,
    /// Kinds of actions it learns.
    pub actions: &'static str,
    /// When to pick it.
    pub pick_when: &'static str,
    /// Where it was published.
    pub source: &'static str,
}

/// All algorithms, in the order they are listed.
pub const ALGORITHMS: &[Description] = &[ppo::DESCRIPTION, reinforce::DESCRIPTION];

/// The options of the project's algorithm, every default filled in.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Options {
    /// `[train.ppo]`
    Ppo(ppo::Options),
    /// `[train.reinforce]`
    Reinforce(reinforce::Options),
}

impl Options {
    /// Reads `[train.<algorithm>]`; tables of algorithms that are not chosen are read too, so that a mistake in them
    /// does not wait until they are.
    pub fn read(project: &Project) -> Result<Self, Box<Diagnostic>> {
        let ppo = ppo::Options::read(project.section("train.ppo"))?;
        let reinforce = reinforce::Options::read(project.section("train.reinforce"))?;
        Ok(match project.train.algorithm.as_str() {
            "reinforce" => Self::Reinforce(reinforce),
            _ => Self::Ppo(ppo),
        })
    }

    /// Name of the algorithm.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Ppo(_) => ppo::DESCRIPTION.name,
            Self::Reinforce(_) => reinforce::DESCRIPTION.name,
        }
    }

    /// Why the algorithm cannot learn this decision, and what can.
    pub fn mismatch(&self, spec: &Spec) -> Option<String> {
        match (self, &spec.action) {
            (Self::Reinforce(_), ActionSpace::Continuous { .. }) => Some(
                "reinforce learns discrete actions only; this process has continuous ones: use ppo".into(),
            ),
            _ => None,
        }
    }

    /// A fresh learner. `threads` changes its speed, never its result.
    pub fn learner(&self, spec: &Spec, masked: bool, seed: u64, threads: usize) -> Box<dyn Algorithm> {
        match self {
            Self::Ppo(options) => Box::new(ppo::Ppo::new(options.clone(), spec, masked, seed, threads)),
            Self::Reinforce(options) => {
                Box::new(reinforce::Reinforce::new(options.clone(), spec, masked, seed))
            }
        }
    }
}
