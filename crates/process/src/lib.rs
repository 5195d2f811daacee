//! The interface of industrial processes.
//!
//! * [`process`] – the trait: `reset`, `step`, names and bounds; no reward
//! * [`vectorized`] – many environments that step together; [`registry`] – from a project's `kind` to a process
//! * [`tensors`] – images and sets of points of the observations; [`rows`] – rows of a matrix
//! * [`parameter`] – numbers of the dynamics that projects set, randomise and disturb; [`disturbed`] – noise, delays, loss
//! * [`factory`], [`heuristic`] – environments and baselines of a process; [`preparation`] – the progress of slow preparations
//! * [`hidden`] – a process with features that its policy does not see; [`rules`] – the rules of a project as a baseline
//! * [`plant`] – declared spaces without a simulator
//! * [`ways`] – one core or several for some work: which is faster at present
//! * [`gantt`] – the schedule, for processes that schedule
//! * [`reward`] – signals × weights; [`conformance`] – the checks of every process, with [`random_actions`]
//!
//! This crate does not learn.

pub mod conformance;
pub mod disturbed;
pub mod factory;
pub mod gantt;
pub mod heuristic;
pub mod hidden;
pub mod parameter;
pub mod plant;
pub mod preparation;
pub mod process;
pub mod random_actions;
pub mod registry;
pub mod reward;
pub mod rows;
pub mod rules;
pub mod tensors;
pub mod vectorized;
pub mod ways;

pub use factory::Factory;
pub use heuristic::{Heuristic, State};
pub use registry::{Kind, Registry};
pub use vectorized::{ProcessError, StateError};
