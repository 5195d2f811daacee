//! Environments in worker processes: what a kind of them needs ([`Workers`]), whatever their language.
//!
//! [`child`] is one process and the connection to it; in [`batch`] the environments of several workers step together. The batch
//! seeds them, checks that they have not changed, names the environment of an error, and starts dead workers again.

use std::ops::Range;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use setpoint_decision::spec::Spec;
use setpoint_process::vectorized::{Actions, Transition};
use setpoint_random::Stream;

pub mod batch;
pub mod child;

/// A kind of worker, with its settings.
pub trait Workers: Send + Sync + 'static {
    /// A worker that has started and not described its environments yet.
    type Starting;
    /// A worker that takes requests.
    type Worker: Worker;

    /// The name of the environments in messages.
    fn called(&self) -> String;
    /// The process of the environments. Every worker must have the same.
    fn spec(&self) -> &Spec;
    /// Time limit of a step or reset.
    fn timeout(&self) -> Duration;
    /// Number of workers for a number of environments: at least 1, and no more than environments.
    fn count_for(&self, lanes: usize) -> usize;
    /// Whether every episode has a seed. Otherwise an environment gets a seed once, and then continues its own random stream.
    fn seeds_every_episode(&self) -> bool {
        false
    }
    /// Whether the state of an environment can be saved ([`Worker::save`]).
    fn saves(&self) -> bool {
        false
    }
    /// Starts a worker for a number of environments.
    fn start(&self, lanes: usize) -> Result<Self::Starting, WorkerError>;
    /// Waits for a started worker, and checks its description.
    fn ready(&self, starting: Self::Starting, lanes: usize) -> Result<Self::Worker, WorkerError>;
}

/// A worker with some of the environments. Its environments are counted from 0.
///
/// A request only sends; [`Worker::finish`] waits. So all workers work at the same time.
pub trait Worker: Send {
    /// Requests new episodes in these environments, with their seeds.
    fn begin(&mut self, seeds: &[(usize, Option<u32>)]) -> Result<(), WorkerError>;
    /// Requests a step of every environment whose `steps` is true, or of all if `steps` is empty.
    fn step(&mut self, actions: Actions<'_>, steps: &[bool]) -> Result<(), WorkerError>;
    /// Waits for the end of the request and writes the results into the rows `rows` of a transition. `lanes` has the seeds of
    /// episodes that begin because an episode has ended.
    fn finish(
        &mut self,
        rows: Range<usize>,
        into: &mut Transition,
        lanes: &mut [SeededLane],
    ) -> Result<(), WorkerError>;
    /// The state of every environment.
    fn save(&self) -> Result<Vec<Vec<u8>>, WorkerError> {
        Ok(Vec::new())
    }
    /// Restores the state of every environment.
    fn load(&mut self, _states: &[Vec<u8>]) -> Result<(), WorkerError> {
        Ok(())
    }
    /// The number of its process.
    fn id(&self) -> u32;
}

/// The part of an environment in this program; the rest is in its worker.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SeededLane {
    /// The source of its seeds.
    pub random: Stream,
    /// All its steps so far.
    pub steps: u64,
}

impl SeededLane {
    /// The next seed: seeds are not negative, and some environments store them in 32 bits with a sign.
    pub fn seed(&mut self) -> u32 {
        (self.random.next_u64() >> 33) as u32
    }
}

/// The reason why a worker failed.
#[derive(Debug)]
pub enum WorkerError {
    /// Its environments cannot be made.
    Refused(Refusal),
    /// An environment failed, or gave values outside of its spaces.
    Failed(Failure),
    /// It is dead: its exit status and its last output.
    Died(String),
    /// It does not answer; with its present environment.
    Hung(Option<usize>),
}

impl WorkerError {
    /// A failure of the worker itself.
    pub fn failed(reason: impl Into<String>) -> Self {
        Self::Failed(Failure { lane: None, episode: None, reason: reason.into() })
    }
}

/// Environments that cannot be made.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Refusal {
    /// The key of `[process]` that caused it.
    pub about: String,
    /// The error.
    pub title: String,
    /// The remedy, if the worker knows it.
    pub help: String,
    /// Similar names.
    pub known: Vec<String>,
}

/// The failure of an environment.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Failure {
    /// Its environment, counted within the worker; `None` if the worker itself failed.
    pub lane: Option<usize>,
    /// Its episode since the start of the worker, from 1.
    pub episode: Option<u64>,
    /// The error, and a possible remedy.
    pub reason: String,
}
