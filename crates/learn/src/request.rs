//! What a learner is made for: the process's spaces, the seed, the threads, the log.

use std::sync::Arc;

use setpoint_decision::spec::Spec;
use setpoint_nn::network::Cores;

use crate::offline::Transitions;

/// What a learner is made for.
#[derive(Clone, Copy)]
pub struct Request<'a> {
    /// The process's spaces and signals.
    pub spec: &'a Spec,
    /// Whether choices may be forbidden.
    pub masked: bool,
    /// Seed of weights and draws.
    pub seed: u64,
    /// Threads of this training, 1 or more. They change its speed, never its result.
    pub threads: usize,
    /// The log that it learns from, where it learns from a log.
    pub transitions: Option<&'a Arc<Transitions>>,
}

impl Request<'_> {
    /// One core or two.
    pub fn cores(&self) -> Cores {
        if self.threads < 2 { Cores::One } else { Cores::Two }
    }

    /// The log that it learns from.
    ///
    /// # Panics
    /// If there is none: a problem opens the log of the options that name one.
    pub fn log(&self) -> Arc<Transitions> {
        self.transitions.expect("a problem opens the log of an algorithm with a source").clone()
    }
}
