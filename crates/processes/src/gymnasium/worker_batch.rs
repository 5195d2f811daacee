//! Environments of several workers that step together. The batch sends requests to all workers before it waits, so they
//! work in parallel; the result does not depend on the worker of an environment.

use std::ops::Range;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::Settings;
use super::description::Description;
use super::shared::Sizes;
use super::worker::{Failure, StartingWorker, Worker, WorkerError};
use setpoint_process::process::Outcome;
use setpoint_process::vectorized::{Actions, Batch, ProcessError, StateError, Transition};
use setpoint_random::Stream;

mod restart;

type Done = Result<(), Box<ProcessError>>;

/// Environments in workers.
pub struct WorkerBatch {
    settings: Arc<Settings>,
    /// The required description of every worker's environments.
    description: Arc<Description>,
    workers: Vec<WorkerWithDeaths>,
    lanes: Vec<SeededLane>,
    transition: Transition,
    features: usize,
    signals: usize,
    /// Number of choices, if they are masked; otherwise 0.
    masked: usize,
    groups: usize,
    axes: usize,
    /// Whether no environment has taken a step since all of them began their episodes.
    fresh: bool,
    /// The error after which the batch is unusable: workers are in the middle of a request, or dead.
    broken: Option<Box<ProcessError>>,
}

/// A worker, and the number of its deaths in a row.
struct WorkerWithDeaths {
    worker: Worker,
    deaths: u32,
}

/// The part of an environment in this program; the rest is in its worker.
#[derive(Clone, Serialize, Deserialize)]
struct SeededLane {
    /// The source of its seeds.
    random: Stream,
    /// All its steps so far.
    steps: u64,
}

impl SeededLane {
    /// The next seed: Gymnasium's seeds are not negative, and some environments store them in 32 bits.
    fn seed(&mut self) -> u32 {
        (self.random.next_u64() >> 33) as u32
    }
}

impl WorkerBatch {
    /// Starts workers for `lanes` environments and begins an episode in each, seeded from the stream (seed, purpose, i).
    pub fn start(
        settings: &Arc<Settings>,
        description: &Arc<Description>,
        lanes: usize,
        seed: u64,
        purpose: &str,
    ) -> Result<Self, Box<ProcessError>> {
        let spec = super::description::spec(description, None);
        let (features, signals) = (spec.observation.len(), spec.signals.len());
        let masked = if spec.masked { spec.action.choice_count() } else { 0 };
        let lane = |index: usize| SeededLane { random: Stream::new(seed, purpose, index as u64), steps: 0 };
        let mut batch = Self {
            settings: Arc::clone(settings),
            description: Arc::clone(description),
            workers: Vec::new(),
            lanes: (0..lanes).map(lane).collect(),
            transition: Transition::new(&spec, lanes),
            features,
            signals,
            masked,
            groups: spec.action.groups.len(),
            axes: spec.action.axes.len(),
            fresh: false,
            broken: None,
        };
        // All workers start before the first wait, because imports take most of the time.
        let starting: Vec<_> = shares(lanes, settings.workers_for(lanes))
            .map(|share| {
                StartingWorker::new(settings, share.clone(), Some(description.masked)).map_err(|e| (share, e))
            })
            .collect();
        for starting in starting {
            let worker = match starting {
                Ok(starting) => batch.admit(starting),
                Err((lanes, error)) => Err(batch.error(lanes, error)),
            }?;
            batch.workers.push(WorkerWithDeaths { worker, deaths: 0 });
        }
        let seeds = batch.lanes.iter_mut().map(|lane| Some(lane.seed())).collect::<Vec<_>>();
        batch.begin(&seeds)?;
        Ok(batch)
    }

    /// Waits for a started worker and checks its description against the others.
    fn admit(&self, starting: StartingWorker) -> Result<Worker, Box<ProcessError>> {
        let lanes = starting.lanes();
        let (worker, description, layout) =
            starting.ready(self.settings.timeout).map_err(|error| self.error(lanes.clone(), error))?;
        let sizes = self.sizes(lanes.len());
        if description != *self.description || !sizes.fit(&layout, &self.description.tensors) {
            let reason = "the spaces of its environments have changed since the project was opened: spaces must not change";
            let failure = Failure { lane: None, episode: None, reason: reason.to_owned() };
            return Err(self.error(lanes, WorkerError::Failed(failure)));
        }
        Ok(worker)
    }

    fn sizes(&self, lanes: usize) -> Sizes {
        Sizes { lanes, features: self.features, signals: self.signals, masked: self.masked }
    }

    /// Begins an episode in every lane, with its seed.
    fn begin(&mut self, seeds: &[Option<u32>]) -> Done {
        for index in 0..self.workers.len() {
            let line = self.reset_line(index, seeds);
            // The wait detects a dead worker.
            let _ = self.workers[index].worker.say(&line);
        }
        for index in 0..self.workers.len() {
            let timeout = self.settings.timeout;
            match self.workers[index].worker.wait(timeout) {
                Ok(()) => {}
                Err(WorkerError::Died(how)) => self.restart(index, how)?,
                Err(error) => return Err(self.broken_by(index, error)),
            }
            self.read(index)?;
        }
        self.transition.outcomes.fill(Outcome::Running);
        self.fresh = true;
        Ok(())
    }

    /// The request to a worker to begin all its episodes.
    fn reset_line(&self, index: usize, seeds: &[Option<u32>]) -> String {
        let lanes = self.workers[index].worker.lanes.clone();
        let mut line = "reset".to_owned();
        for (lane, seed) in seeds[lanes].iter().enumerate() {
            line.push_str(&match seed {
                Some(seed) => format!(" {lane}:{seed}"),
                None => format!(" {lane}:-"),
            });
        }
        line
    }

    /// Reads the results of a worker's environments.
    fn read(&mut self, index: usize) -> Done {
        let WorkerWithDeaths { worker, .. } = &mut self.workers[index];
        let sizes = Sizes {
            lanes: worker.lanes.len(),
            features: self.features,
            signals: self.signals,
            masked: self.masked,
        };
        let first = worker.lanes.start;
        worker.shared.read_results(&sizes, first, &mut self.transition).map_err(|error| {
            let reason = format!("its results cannot be read: {error}");
            self.broken_by(index, WorkerError::Failed(Failure { lane: None, episode: None, reason }))
        })
    }

    /// An error of a worker, in the batch's terms.
    fn error(&self, lanes: Range<usize>, error: WorkerError) -> Box<ProcessError> {
        let workers = shares(self.lanes.len(), self.settings.workers_for(self.lanes.len()));
        let number = workers.take_while(|share| share.start < lanes.start).count();
        let (lane, reason) = match error {
            WorkerError::Refused(refusal) => (None, format!("{}. {}", refusal.title, refusal.help)),
            WorkerError::Failed(Failure { lane, episode, reason }) => match episode {
                Some(episode) if episode > 1 => (lane, format!("{reason} (in its episode {episode})")),
                _ => (lane, reason),
            },
            WorkerError::Died(how) => (None, format!("worker {number} with {} died: {how}", these(&lanes))),
            WorkerError::Hung(lane) => {
                let seconds = self.settings.timeout.as_secs_f64();
                let reason = format!(
                    "a step or reset took more than {seconds} s; worker {number} with {} was killed. `timeout_s` in \
                     [process] sets this time limit",
                    these(&lanes)
                );
                (lane, reason)
            }
        };
        let lane = lane.map(|lane| lanes.start + lane);
        let step = lane.and_then(|lane| self.lanes.get(lane)).map(|lane| lane.steps);
        Box::new(ProcessError { process: self.settings.called(), lane, step, reason })
    }

    /// An error after which the batch is unusable.
    fn broken_by(&mut self, index: usize, error: WorkerError) -> Box<ProcessError> {
        let error = self.error(self.workers[index].worker.lanes.clone(), error);
        self.broken = Some(error.clone());
        error
    }

    fn is_whole(&self) -> Done {
        self.broken.clone().map_or(Ok(()), Err)
    }

    /// Sends a worker the actions of a step.
    fn ask(&mut self, index: usize, actions: Actions<'_>, steps: &[bool]) -> Result<(), WorkerError> {
        let WorkerWithDeaths { worker, .. } = &mut self.workers[index];
        let lanes = worker.lanes.clone();
        let own = actions.of_lanes(lanes.clone(), self.lanes.len());
        let unwritten = |error: std::io::Error| {
            let reason = format!("its actions cannot be written: {error}");
            WorkerError::Failed(Failure { lane: None, episode: None, reason })
        };
        worker.shared.write_actions(own).map_err(unwritten)?;
        if steps.is_empty() {
            return worker.say("step");
        }
        worker.shared.write_stepping(&steps[lanes]).map_err(unwritten)?;
        worker.say("where")
    }
}

impl Batch for WorkerBatch {
    fn lanes(&self) -> usize {
        self.lanes.len()
    }

    /// Episodes without a step stay as they are: a reset may be the slowest operation of an environment, and only the first
    /// reset is seeded.
    fn reset(&mut self) -> Done {
        self.is_whole()?;
        if self.fresh {
            return Ok(());
        }
        self.begin(&vec![None; self.lanes.len()])
    }

    fn reset_lane(&mut self, lane: usize, random: Option<Stream>) -> Done {
        self.is_whole()?;
        let seed = random.map(|random| {
            self.lanes[lane].random = random;
            self.lanes[lane].seed()
        });
        let index = self.workers.iter().position(|found| found.worker.lanes.contains(&lane));
        let index = index.expect("every lane has a worker");
        let worker = &mut self.workers[index].worker;
        let seed = seed.map_or("-".to_owned(), |seed| seed.to_string());
        let line = format!("reset {}:{seed}", lane - worker.lanes.start);
        match worker.say(&line).and_then(|()| worker.wait(self.settings.timeout)) {
            Ok(()) => {
                self.read(index)?;
                self.transition.outcomes[lane] = Outcome::Running;
                Ok(())
            }
            Err(WorkerError::Died(how)) => self.cut_off(index, how),
            Err(error) => Err(self.broken_by(index, error)),
        }
    }

    /// See the trait. If a worker dies, all its episodes are truncated, also in lanes that do not step.
    fn step_where(&mut self, actions: Actions<'_>, steps: &[bool]) -> Done {
        let lanes = self.lanes.len();
        assert!(steps.is_empty() || steps.len() == lanes, "one flag per lane, or none");
        actions.check(lanes, self.groups, self.axes);
        self.is_whole()?;
        self.fresh = false;
        for index in 0..self.workers.len() {
            match self.ask(index, actions, steps) {
                // The wait detects a dead worker.
                Ok(()) | Err(WorkerError::Died(_)) => {}
                Err(error) => return Err(self.broken_by(index, error)),
            }
        }
        for index in 0..self.workers.len() {
            match self.workers[index].worker.wait(self.settings.timeout) {
                Ok(()) => {
                    self.workers[index].deaths = 0;
                    self.read(index)?;
                }
                Err(WorkerError::Died(how)) => self.cut_off(index, how)?,
                Err(error) => return Err(self.broken_by(index, error)),
            }
        }
        for (index, lane) in self.lanes.iter_mut().enumerate() {
            lane.steps += u64::from(steps.is_empty() || steps[index]);
        }
        Ok(())
    }

    fn transition(&self) -> &Transition {
        &self.transition
    }

    /// The streams of the seeds, and their positions: the environments keep their own state.
    fn save(&self) -> Result<Vec<u8>, StateError> {
        postcard::to_stdvec(&self.lanes).map_err(|error| StateError::new(error.to_string()))
    }

    /// Begins new episodes, with seeds that follow the seeds used before.
    fn load(&mut self, state: &[u8]) -> Result<(), StateError> {
        let lanes: Vec<SeededLane> =
            postcard::from_bytes(state).map_err(|error| StateError::new(error.to_string()))?;
        if lanes.len() != self.lanes.len() {
            let (found, expected) = (lanes.len(), self.lanes.len());
            return Err(StateError::new(format!("it has {found} environments, expected {expected}")));
        }
        self.lanes = lanes;
        let seeds: Vec<_> = self.lanes.iter_mut().map(|lane| Some(lane.seed())).collect();
        self.begin(&seeds).map_err(|error| StateError::new(error.to_string()))
    }
}

/// The lanes of each worker: equal numbers, with one more for the first workers.
fn shares(lanes: usize, workers: usize) -> impl Iterator<Item = Range<usize>> {
    let (least, rest) = (lanes / workers, lanes % workers);
    (0..workers).map(move |worker| {
        let first = worker * least + worker.min(rest);
        first..first + least + usize::from(worker < rest)
    })
}

fn these(lanes: &Range<usize>) -> String {
    match lanes.len() {
        1 => format!("environment {}", lanes.start),
        _ => format!("environments {} to {}", lanes.start, lanes.end - 1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_lane_has_one_worker() {
        for lanes in 1..20 {
            for workers in 1..=lanes {
                let shares: Vec<_> = shares(lanes, workers).collect();
                assert_eq!(shares.len(), workers);
                assert!(shares.iter().all(|share| !share.is_empty()));
                assert_eq!(shares.into_iter().flatten().collect::<Vec<_>>(), (0..lanes).collect::<Vec<_>>());
            }
        }
    }
}
