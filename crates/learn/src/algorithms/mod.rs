//! One file an algorithm: its options, how it collects, its losses with their equations, its update.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use serde::Serialize;
use setpoint_decision::section::{Key, Section};
use setpoint_decision::spec::{ActionSpace, Spec};
use setpoint_decision::{Diagnostic, Project};
use setpoint_nn::mlp::Mlp;
use setpoint_policy::head::{Discretization, Head};
use setpoint_policy::normalizer::Normalizer;
use setpoint_process::StateError;

use crate::error::TrainError;
use crate::off_policy::{Collection, OffPolicy};
use crate::offline::{Source, Transitions};
use crate::replay::{Replay, ReplayState};
use setpoint_evidence::environments::Environments;
use setpoint_nn::network::Cores;

pub mod bandits;
pub mod bc;
pub mod ddpg;
pub mod dqn;
pub mod iql;
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

    /// Called after a resume whose environments could not go on where they were: all of them have begun new episodes.
    fn begin_new_episodes(&mut self, environments: &Environments) {
        let _ = environments;
    }

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
    bc::DESCRIPTION,
    iql::DESCRIPTION,
    bandits::DESCRIPTIONS[0],
    bandits::DESCRIPTIONS[1],
    bandits::DESCRIPTIONS[2],
    bandits::DESCRIPTIONS[3],
];

/// An option of an algorithm, as `setpoint list algorithms NAME` shows it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct OptionDescription {
    /// Its key in `[train.<algorithm>]`.
    pub name: &'static str,
    /// What it is where the project file says nothing; `None` where that is to leave something out.
    pub default: Option<toml::Value>,
    /// What it may be, in words.
    pub expected: String,
    /// What it means.
    pub meaning: &'static str,
}

/// Every option of one of [`ALGORITHMS`], in the order of its reader; `None` where there is no such algorithm.
pub fn options_of(name: &str) -> Option<Vec<OptionDescription>> {
    let Description { name, .. } = ALGORITHMS.iter().find(|description| description.name == name)?;
    let project = Project::from_text("defaults", "[process]\nkind = \"none\"\n[reward]\nnone = 1", &[])
        .expect("a project needs no more than that until its process is looked for");
    let asked = RefCell::new(Vec::new());
    let section = project.section(&format!("train.{name}")).noting(&asked);
    let options = Options::read_table(name, section).expect("defaults are within their ranges");
    let defaults = toml::Value::try_from(&options).expect("options are numbers, texts and lists of them");
    let describe = |Key { name, expected, meaning }: Key| OptionDescription {
        default: defaults.get(name).cloned(),
        name,
        expected,
        meaning,
    };
    Some(asked.into_inner().into_iter().map(describe).collect())
}

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
    /// `[train.bc]`
    Bc(Box<bc::Options>),
    /// `[train.iql]`
    Iql(Box<iql::Options>),
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
        let mut chosen = None;
        for Description { name, .. } in ALGORITHMS {
            let options = Self::read_table(name, project.section(&format!("train.{name}")))?;
            if *name == project.train.algorithm {
                chosen = Some(options);
            }
        }
        Ok(chosen.expect("a project names one of `decision::project::ALGORITHMS`, and each is listed here"))
    }

    /// Reads the table of one of [`ALGORITHMS`].
    fn read_table(name: &str, section: Section<'_>) -> Result<Self, Box<Diagnostic>> {
        Ok(match name {
            "ppo" => Self::Ppo(ppo::Options::read(section)?),
            "reinforce" => Self::Reinforce(reinforce::Options::read(section)?),
            "dqn" => Self::Dqn(Box::new(dqn::Options::read(section)?)),
            "sac" => Self::Sac(Box::new(sac::Options::read(section)?)),
            "td3" => Self::Td3(Box::new(td3::Options::read(section)?)),
            "ddpg" => Self::Ddpg(Box::new(ddpg::Options::read(section)?)),
            "q-learning" => Self::QLearning(q_learning::Options::read(section)?),
            "bc" => Self::Bc(Box::new(bc::Options::read(section)?)),
            "iql" => Self::Iql(Box::new(iql::Options::read(section)?)),
            bandit => {
                let index = bandits::DESCRIPTIONS.iter().position(|found| found.name == bandit);
                let index = index.expect("all but the bandits stand above");
                Self::Bandit(index, bandits::Options::read(bandit, section)?)
            }
        })
    }

    /// What the algorithm is.
    pub fn description(&self) -> &'static Description {
        let listed = ALGORITHMS.iter().find(|description| description.name == self.name());
        listed.expect("every algorithm is listed")
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
            Self::Bc(_) => bc::DESCRIPTION.name,
            Self::Iql(_) => iql::DESCRIPTION.name,
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

    /// Where the log comes from that it learns from, where it learns from one.
    pub fn source(&self) -> Option<&Source> {
        match self {
            Self::Bc(options) => Some(&options.source),
            Self::Iql(options) => Some(&options.source),
            _ => None,
        }
    }

    /// Makes file names independent of where the project file stands.
    pub fn resolve(&mut self, folder: &Path) {
        match self {
            Self::Bc(options) => options.source.resolve(folder),
            Self::Iql(options) => options.source.resolve(folder),
            _ => {}
        }
    }

    /// The discount per step; `None` for what looks no further than its step: a bandit, a clone.
    pub fn gamma(&self) -> Option<f64> {
        match self {
            Self::Ppo(options) => Some(options.gamma),
            Self::Reinforce(options) => Some(options.gamma),
            Self::Dqn(options) => Some(options.collection.gamma),
            Self::Sac(options) => Some(options.collection.gamma),
            Self::Td3(options) => Some(options.collection.gamma),
            Self::Ddpg(options) => Some(options.collection.gamma),
            Self::QLearning(options) => Some(options.gamma),
            Self::Iql(options) => Some(options.gamma),
            Self::Bc(_) | Self::Bandit(..) => None,
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

    /// A fresh learner. `threads` changes its speed, never its result; `transitions` are those of [`Options::source`].
    ///
    /// # Panics
    /// If it learns from a log and none is given.
    pub fn learner(
        &self,
        spec: &Spec,
        masked: bool,
        seed: u64,
        threads: usize,
        transitions: Option<&Arc<Transitions>>,
    ) -> Box<dyn Algorithm> {
        let log = || transitions.expect("a problem opens the log of what learns from one").clone();
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
            Self::Bc(options) => Box::new(bc::Bc::on(options, spec, log(), seed)),
            Self::Iql(options) => Box::new(iql::Iql::on(options, spec, log(), seed, cores)),
            Self::QLearning(options) => Box::new(q_learning::QLearning::new(options.clone(), spec, seed)),
            Self::Bandit(_, options) => Box::new(bandits::Bandit::new(options.clone(), spec, seed)),
            Self::Ddpg(options) => {
                let learner = td3::Td3::new(options.as_td3(), spec, seed, cores);
                Box::new(OffPolicy::new(learner, options.collection.clone(), spec, masked, seed, cores))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_algorithm_of_the_project_file_is_listed_with_all_its_options() {
        let listed: Vec<&str> = ALGORITHMS.iter().map(|description| description.name).collect();
        assert_eq!(listed, setpoint_decision::project::ALGORITHMS);
        for name in listed {
            let options = options_of(name).unwrap();
            assert!(options.iter().all(|option| !option.meaning.is_empty()), "{name}");
            // What is written out in a run folder is explained here.
            let defaults = Options::read_table(name, empty().section(&format!("train.{name}"))).unwrap();
            for key in toml::Table::try_from(&defaults).unwrap().keys() {
                assert!(options.iter().any(|option| option.name == key), "{name} does not explain {key}");
            }
        }
        let ppo = options_of("ppo").unwrap();
        let find = |name| ppo.iter().find(|option| option.name == name).unwrap();
        assert_eq!(find("gamma").default, Some(toml::Value::Float(0.99)));
        assert_eq!(
            (find("gamma").expected.as_str(), find("gamma").meaning),
            ("a number from 0 to 1", "discount per step")
        );
        assert_eq!(find("target_kl").default, None);
        assert!(options_of("pop").is_none());
    }

    /// As of Stable-Baselines3 2.9 (`stable_baselines3/{ppo,dqn,ddpg,td3,sac}`), whose users bring their habits along. PPO's
    /// 8 environments are the one difference: there the environment that is handed over decides, and a single one is slow.
    #[test]
    fn defaults_are_stable_baselines3s() {
        const PPO: &str = "n_steps = 2048\nbatch_size = 64\nn_epochs = 10\nlearning_rate = 3e-4\ngamma = 0.99\n\
            gae_lambda = 0.95\nclip_range = 0.2\nnormalize_advantage = true\nent_coef = 0.0\nvf_coef = 0.5\n\
            max_grad_norm = 0.5\nnet_arch = { pi = [64, 64], vf = [64, 64] }\nactivation_fn = \"tanh\"\n\
            ortho_init = true\nlog_std_init = 0.0\nadam_epsilon = 1e-5";
        const DQN: &str = "learning_rate = 1e-4\nbuffer_size = 1_000_000\nlearning_starts = 100\nbatch_size = 32\n\
            tau = 1.0\ngamma = 0.99\ntrain_freq = 4\ngradient_steps = 1\ntarget_update_interval = 10_000\n\
            exploration_fraction = 0.1\nexploration_initial_eps = 1.0\nexploration_final_eps = 0.05\n\
            max_grad_norm = 10.0\nnet_arch = [64, 64]\nactivation_fn = \"relu\"\nn_steps = 1";
        const SAC: &str = "learning_rate = 3e-4\nbuffer_size = 1_000_000\nlearning_starts = 100\nbatch_size = 256\n\
            tau = 0.005\ngamma = 0.99\ntrain_freq = 1\ngradient_steps = 1\nent_coef = \"auto_1\"\n\
            target_update_interval = 1\nnet_arch = { pi = [256, 256], vf = [256, 256] }\nactivation_fn = \"relu\"";
        const DDPG: &str = "learning_rate = 1e-3\nbuffer_size = 1_000_000\nlearning_starts = 100\nbatch_size = 256\n\
            tau = 0.005\ngamma = 0.99\ntrain_freq = 1\ngradient_steps = 1\naction_noise = \"none\"\n\
            net_arch = { pi = [400, 300], vf = [400, 300] }\nactivation_fn = \"relu\"";
        let td3 = format!("{DDPG}\npolicy_delay = 2\ntarget_policy_noise = 0.2\ntarget_noise_clip = 0.5");
        for (name, expected) in [("ppo", PPO), ("dqn", DQN), ("sac", SAC), ("ddpg", DDPG), ("td3", &td3)] {
            let defaults = Options::read_table(name, empty().section(&format!("train.{name}"))).unwrap();
            let defaults = toml::Table::try_from(&defaults).unwrap();
            for (key, value) in expected.parse::<toml::Table>().unwrap() {
                assert_eq!(defaults.get(&key), Some(&value), "{name}.{key}");
            }
        }
    }

    fn empty() -> Project {
        Project::from_text("defaults", "[process]\nkind = \"none\"\n[reward]\nnone = 1", &[]).unwrap()
    }
}
