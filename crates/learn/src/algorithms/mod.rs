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
use crate::network::Cores;
use crate::off_policy::{Collection, OffPolicy};
use crate::replay::{Replay, ReplayState};

pub mod bandits;
pub mod ddpg;
pub mod dqn;
pub mod ppo;
pub mod q_learning;
pub mod reinforce;
pub mod sac;
pub mod td3;

/// An algorithm's figures of one update, by name (`policy_loss`, `entropy`, `approximate_kl` …).
pub type Figures = BTreeMap<&'static str, f64>;

/// What the training loop asks of an algorithm.
pub trait Algorithm: Send {
    /// Number of environments that it wants to learn from.
    fn lanes(&self) -> usize;

    /// Called once before the first update of a new training (not after a resume).
    fn begin(&mut self, environments: &Environments);

    /// Collects and learns once.
    fn update(&mut self, environments: &mut Environments, horizon: Horizon) -> Result<Figures, TrainError>;

    /// The policy as it stands.
    fn snapshot(&self) -> Snapshot;

    /// The replay buffer, where it has one: it is written beside the checkpoints, a piece at a time.
    fn replay(&self) -> Option<&Replay> {
        None
    }

    /// After [`Algorithm::load`]: the buffer that must still be filled, and with what.
    fn replay_to_restore(&mut self) -> Option<(&mut Replay, ReplayState)> {
        None
    }

    /// Everything else that a bit-identical continuation needs.
    fn save(&self) -> Result<Vec<u8>, StateError>;

    /// Puts back what [`Algorithm::save`] wrote.
    fn load(&mut self, bytes: &[u8]) -> Result<(), StateError>;
}

/// How much of a training is left.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Horizon {
    /// What is left at the start of an update: falls from 1 to 0 over the training, for schedules.
    pub remaining: f64,
    /// Environment steps of the whole training.
    pub total_steps: u64,
}

impl Horizon {
    /// What is left after so many environment steps within the update.
    pub fn remaining_at(self, steps: u64) -> f64 {
        (1.0 - steps as f64 / self.total_steps as f64).clamp(0.0, self.remaining)
    }
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
    /// How much it learns from each step of the process.
    pub sample_efficiency: &'static str,
    /// When to pick it.
    pub pick_when: &'static str,
    /// Where it was published.
    pub source: &'static str,
}

/// All algorithms, in the order they are listed.
pub const ALGORITHMS: &[Description] = &[
    ppo::DESCRIPTION,
    dqn::DESCRIPTION,
    sac::DESCRIPTION,
    td3::DESCRIPTION,
    ddpg::DESCRIPTION,
    reinforce::DESCRIPTION,
    q_learning::DESCRIPTION,
    bandits::DESCRIPTIONS[0],
    bandits::DESCRIPTIONS[1],
    bandits::DESCRIPTIONS[2],
    bandits::DESCRIPTIONS[3],
];

/// The options of the project's algorithm, every default filled in.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Options {
    /// `[train.ppo]`
    Ppo(ppo::Options),
    /// `[train.reinforce]`
    Reinforce(reinforce::Options),
    /// `[train.dqn]`
    Dqn(Box<dqn::Options>),
    /// `[train.sac]`
    Sac(Box<sac::Options>),
    /// `[train.td3]`
    Td3(Box<td3::Options>),
    /// `[train.ddpg]`
    Ddpg(Box<ddpg::Options>),
    /// `[train.q-learning]`
    QLearning(q_learning::Options),
    /// One of the bandits, by its place among [`bandits::DESCRIPTIONS`].
    #[serde(serialize_with = "bandit_options")]
    Bandit(usize, bandits::Options),
}

/// The options alone: a project file names the bandit by its table.
fn bandit_options<S: serde::Serializer>(
    _index: &usize,
    options: &bandits::Options,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    options.serialize(serializer)
}

impl Options {
    /// Reads `[train.<algorithm>]`; tables of algorithms that are not chosen are read too, so that a mistake in them
    /// does not wait until they are.
    pub fn read(project: &Project) -> Result<Self, Box<Diagnostic>> {
        let ppo = ppo::Options::read(project.section("train.ppo"))?;
        let reinforce = reinforce::Options::read(project.section("train.reinforce"))?;
        let dqn = dqn::Options::read(project.section("train.dqn"))?;
        let sac = sac::Options::read(project.section("train.sac"))?;
        let td3 = td3::Options::read(project.section("train.td3"))?;
        let ddpg = ddpg::Options::read(project.section("train.ddpg"))?;
        let q_learning = q_learning::Options::read(project.section("train.q-learning"))?;
        let bandit = |name: &str| bandits::Options::read(name, project.section(&format!("train.{name}")));
        let bandits = bandits::DESCRIPTIONS
            .iter()
            .map(|description| bandit(description.name))
            .collect::<Result<Vec<_>, _>>()?;
        let named = bandits::DESCRIPTIONS.iter().position(|found| found.name == project.train.algorithm);
        if let Some(index) = named {
            return Ok(Self::Bandit(index, bandits[index].clone()));
        }
        Ok(match project.train.algorithm.as_str() {
            "q-learning" => Self::QLearning(q_learning),
            "reinforce" => Self::Reinforce(reinforce),
            "dqn" => Self::Dqn(Box::new(dqn)),
            "sac" => Self::Sac(Box::new(sac)),
            "td3" => Self::Td3(Box::new(td3)),
            "ddpg" => Self::Ddpg(Box::new(ddpg)),
            _ => Self::Ppo(ppo),
        })
    }

    /// Name of the algorithm.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Ppo(_) => ppo::DESCRIPTION.name,
            Self::Reinforce(_) => reinforce::DESCRIPTION.name,
            Self::Dqn(_) => dqn::DESCRIPTION.name,
            Self::Sac(_) => sac::DESCRIPTION.name,
            Self::Td3(_) => td3::DESCRIPTION.name,
            Self::Ddpg(_) => ddpg::DESCRIPTION.name,
            Self::QLearning(_) => q_learning::DESCRIPTION.name,
            Self::Bandit(index, _) => bandits::DESCRIPTIONS[*index].name,
        }
    }

    /// Why the algorithm cannot learn this decision, and what can.
    pub fn mismatch(&self, spec: &Spec) -> Option<String> {
        match (self, &spec.action) {
            (Self::Reinforce(_), ActionSpace::Continuous { .. }) => Some(
                "reinforce learns discrete actions only; this process has continuous ones: use ppo".into(),
            ),
            (Self::Dqn(_), ActionSpace::Continuous { .. }) => Some(
                "dqn learns values of choices; this process has continuous actions: use sac, td3, ddpg or ppo".into(),
            ),
            (Self::QLearning(_) | Self::Bandit(..), ActionSpace::Continuous { .. }) => Some(format!(
                "{} learns values of choices; this process has continuous actions: use sac, td3, ddpg or ppo",
                self.name()
            )),
            (Self::QLearning(options), _) => options.mismatch(spec),
            (Self::Td3(_) | Self::Ddpg(_), ActionSpace::Discrete { .. }) => Some(format!(
                "{} learns settings; this process has choices: use ppo, dqn or sac",
                self.name()
            )),
            _ => None,
        }
    }

    /// The options of collecting into a replay buffer, where it has one.
    pub fn collection(&self) -> Option<&Collection> {
        match self {
            Self::Dqn(options) => Some(&options.collection),
            Self::Sac(options) => Some(&options.collection),
            Self::Td3(options) => Some(&options.collection),
            Self::Ddpg(options) => Some(&options.collection),
            _ => None,
        }
    }

    /// A fresh learner. `threads` changes its speed, never its result.
    pub fn learner(&self, spec: &Spec, masked: bool, seed: u64, threads: usize) -> Box<dyn Algorithm> {
        let cores = if threads < 2 { Cores::One } else { Cores::Two };
        match self {
            Self::Ppo(options) => Box::new(ppo::Ppo::new(options.clone(), spec, masked, seed, threads)),
            Self::Reinforce(options) => {
                Box::new(reinforce::Reinforce::new(options.clone(), spec, masked, seed))
            }
            Self::Dqn(options) => {
                let learner = dqn::Dqn::new((**options).clone(), spec, seed);
                Box::new(OffPolicy::new(learner, options.collection.clone(), spec, masked, seed, Cores::One))
            }
            Self::Sac(options) if spec.action.is_discrete() => {
                let learner = sac::discrete::DiscreteSac::new((**options).clone(), spec, seed, cores);
                Box::new(OffPolicy::new(learner, options.collection.clone(), spec, masked, seed, cores))
            }
            Self::Sac(options) => {
                let learner = sac::Sac::new((**options).clone(), spec, seed, cores);
                Box::new(OffPolicy::new(learner, options.collection.clone(), spec, masked, seed, cores))
            }
            Self::Td3(options) => {
                let learner = td3::Td3::new((**options).clone(), spec, seed, cores);
                Box::new(OffPolicy::new(learner, options.collection.clone(), spec, masked, seed, cores))
            }
            Self::QLearning(options) => Box::new(q_learning::QLearning::new(options.clone(), spec, seed)),
            Self::Bandit(_, options) => Box::new(bandits::Bandit::new(options.clone(), spec, seed)),
            Self::Ddpg(options) => {
                let learner = td3::Td3::new(options.as_td3(), spec, seed, cores);
                Box::new(OffPolicy::new(learner, options.collection.clone(), spec, masked, seed, cores))
            }
        }
    }
}
