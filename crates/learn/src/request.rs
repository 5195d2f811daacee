//! The request for a learner: the process's spaces, the seed, the threads, the log.

use std::sync::Arc;

use setpoint_decision::spec::Spec;

use crate::offline::Transitions;

/// The request for a learner.
#[derive(Clone, Copy)]
pub struct Request<'a> {
    /// The process's spaces and signals.
    pub spec: &'a Spec,
    /// Whether choices may be forbidden.
    pub masked: bool,
    /// Seed of weights and draws.
    pub seed: u64,
    /// Threads of this training, 1 or more. They change its speed, not its result.
    pub threads: usize,
    /// Its log, if it learns from a log.
    pub transitions: Option<&'a Arc<Transitions>>,
}

impl Request<'_> {
    /// The log of the learner.
    ///
    /// # Panics
    /// If there is no log: a problem opens the log of the options that name one.
    pub fn log(&self) -> Arc<Transitions> {
        self.transitions.expect("a problem opens the log of an algorithm with a source").clone()
    }
}
