//! Learning: algorithms and the training loop.
//!
//! * [`problem`] – a decision with its algorithm's options; start here
//! * [`algorithms`] – one file per algorithm, and the list of their recipes
//! * [`recipe`], [`recipes`], [`request`] – the description of an algorithm, and the choice of a project
//! * [`selection`] – evaluations during a training, and the best policy by them
//! * [`first_policy`] – the policy that a training begins with
//! * [`algorithm`], [`figures`] – the interface of an algorithm for the trainer
//! * [`trainer`] – collects, updates, writes and stops, round by round; [`mod@train`] – a whole training
//! * [`mod@verify`] – what the files of a training can be relied on for
//! * [`run_files`], [`checkpoint`], [`metrics`], [`tensorboard`] – the files of a training
//! * [`off_policy`], [`replay`], [`exploration`], [`critics`], [`actor_critic`] – the shared parts of learners with a
//!   replay buffer
//! * [`offline`] – the shared parts of learners from a log; [`learned`] – a process learned from a log; [`replayed`] – a
//!   log as a process
//! * [`hidden_layers`], [`learning_rate`], [`usual_ranges`], [`warnings`] – options, ranges and warnings that algorithms share
//! * [`rollout`], [`normalize`], [`episodes`], [`actor_critic_exchange`], [`sight`], [`cores`] – other parts that algorithms share

use setpoint_process::Kind;

pub mod actor_critic;
pub mod actor_critic_exchange;
pub mod algorithm;
pub mod algorithms;
pub mod bounds;
pub mod checkpoint;
pub mod cores;
pub mod critics;
pub mod encoders;
pub mod episodes;
pub mod error;
pub mod exploration;
pub mod figures;
pub mod first_policy;
pub mod hidden_layers;
mod kept_state;
pub mod learned;
pub mod learning_rate;
mod mask_bits;
pub mod memory;
pub mod metrics;
pub mod normalize;
pub mod off_policy;
pub mod offline;
pub mod problem;
pub mod recipe;
pub mod recipes;
pub mod replay;
pub mod replayed;
pub mod request;
pub mod rollout;
pub mod run_files;
pub mod run_project;
pub mod selection;
pub mod settings;
pub mod sight;
pub mod tensorboard;
pub mod train;
pub mod trainer;
pub mod usual_ranges;
pub mod verify;
pub mod warnings;

/// The kinds of process that use a log.
pub const KINDS: [Kind; 2] = [
    Kind::with_keys(learned::KIND, learned::SUMMARY, learned::open).with_declared_spaces(),
    Kind::with_keys(replayed::KIND, replayed::SUMMARY, replayed::open).with_declared_spaces(),
];
