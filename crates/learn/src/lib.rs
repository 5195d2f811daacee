//! Learning: algorithms, the training loop, evaluation with its statistics, and reports.
//!
//! * [`problem`] – a project with its process and its algorithm's options; start here; [`preparation`] – what takes its time until then
//! * [`algorithms`] – one file an algorithm
//! * [`mod@train`] – the training loop; [`checkpoint`], [`run_folder`], [`metrics`], [`durable`] – what it leaves on disk
//! * [`report`] – the page that people read
//! * [`suitability`] – settings with which an algorithm hardly learns
//! * [`compare`] – several algorithms on one decision, and which to take
//! * [`tune`] – the search for better options, and its proof
//! * [`many_seeds`] – one training per seed on all cores
//! * [`environment`] – processes with reward, constraints and episode book-keeping around them
//! * [`curriculum`] – going through a project's levels of difficulty
//! * [`mod@evaluate`], [`statistics`] – the policy against its baselines, and what the difference is worth
//! * [`faults`] – the policy under noise, delay and loss of samples, size by size
//! * [`mod@validate`] – the simulator against a log of the plant
//! * [`off_policy`], [`replay`], [`exploration`] – what learners from a replay buffer share
//! * [`offline`] – what learners from a log share; [`learned`] – a process learnt from a log; [`replayed`] – a log played back
//! * [`logs`], [`off_policy_evaluation`], [`action_distribution`] – logs of decisions, and what another policy would have earned
//! * [`rollout`], [`normalize`], [`schedule`], [`episodes`], [`pair`] – the pieces that algorithms share

pub mod action_distribution;
pub mod algorithms;
pub mod checkpoint;
pub mod compare;
pub mod critics;
pub mod curriculum;
pub mod diagnose;
pub mod durable;
pub mod environment;
pub mod episodes;
pub mod error;
pub mod evaluate;
pub mod exploration;
pub mod faults;
pub mod learned;
pub mod logs;
pub mod many_seeds;
pub mod metrics;
pub mod network;
pub mod normalize;
pub mod off_policy;
pub mod off_policy_evaluation;
pub mod offline;
pub mod pair;
pub mod preferences;
pub mod preparation;
pub mod probes;
pub mod problem;
pub mod replay;
pub mod replayed;
pub mod report;
pub mod rollout;
pub mod run_folder;
pub mod schedule;
pub mod statistics;
pub mod suitability;
pub mod tensorboard;
pub mod train;
pub mod tune;
pub mod validate;
