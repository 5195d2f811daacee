//! Learning: algorithms and the training loop.
//!
//! * [`problem`] – a decision with its algorithm's options; start here
//! * [`algorithms`] – one file an algorithm
//! * [`trainer`] – collects, updates, writes, stops, round by round; [`mod@train`] – a whole training
//! * [`run_files`], [`checkpoint`], [`metrics`], [`tensorboard`] – the files of a training
//! * [`off_policy`], [`replay`], [`exploration`], [`critics`] – the shared pieces of learners from a replay buffer
//! * [`offline`] – the shared pieces of learners from a log; [`learned`] – a process learned from a log; [`replayed`] – a log played back
//! * [`rollout`], [`normalize`], [`schedule`], [`episodes`], [`pair`] – the pieces that algorithms share

use setpoint_process::Kind;

pub mod algorithms;
pub mod checkpoint;
pub mod critics;
pub mod episodes;
pub mod error;
pub mod exploration;
pub mod learned;
pub mod metrics;
pub mod normalize;
pub mod off_policy;
pub mod offline;
pub mod pair;
pub mod problem;
pub mod replay;
pub mod replayed;
pub mod rollout;
pub mod run_files;
pub mod schedule;
pub mod tensorboard;
pub mod train;
pub mod trainer;

/// The kinds of process that come from a log.
pub const KINDS: [Kind; 2] = [
    Kind::with_keys(learned::KIND, learned::SUMMARY, learned::open),
    Kind::with_keys(replayed::KIND, replayed::SUMMARY, replayed::open),
];
