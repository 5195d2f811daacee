//! Environments of several workers that step together. The batch sends requests to all workers before it waits, so they
//! work in parallel; the result does not depend on the worker of an environment.

use std::ops::Range;
use std::sync::Arc;

use super::{Failure, SeededLane, Worker, WorkerError, Workers};
use setpoint_process::process::Outcome;
use setpoint_process::vectorized::{Actions, Batch, ProcessError, StateError, Transition};
use setpoint_random::Stream;

mod restart;

type Done = Result<(), Box<ProcessError>>;

/// Environments in workers.
pub struct WorkerBatch<K: Workers> {
    kind: Arc<K>,
    workers: Vec<WorkerWithDeaths<K::Worker>>,
    lanes: Vec<SeededLane>,
    transition: Transition,
    features: usize,
    signals: usize,
    groups: usize,
    axes: usize,
    /// Whether no environment has taken a step since all of them began their episodes.
    fresh: bool,
    /// The error after which the batch is unusable: workers are in the middle of a request, or dead.
    broken: Option<Box<ProcessError>>,
}

/// A worker, and its deaths.
struct WorkerWithDeaths<W> {
    worker: W,
    /// Its lanes of the batch.
    lanes: Range<usize>,
    /// Deaths without a step in between.
    in_a_row: u32,
    /// All deaths, and the steps of its environments between them.
    deaths: u64,
    steps: u64,
}

impl<K: Workers> WorkerBatch<K> {
    /// Starts workers for `lanes` environments and begins an episode in each, seeded from the stream (seed, purpose, i).
    pub fn start(kind: &Arc<K>, lanes: usize, seed: u64, purpose: &str) -> Result<Self, Box<ProcessError>> {
        let spec = kind.spec();
        let lane = |index: usize| SeededLane { random: Stream::new(seed, purpose, index as u64), steps: 0 };
        let mut batch = Self {
            kind: Arc::clone(kind),
            workers: Vec::new(),
            lanes: (0..lanes).map(lane).collect(),
            transition: Transition::new(spec, lanes),
            features: spec.observation.len(),
            signals: spec.signals.len(),
            groups: spec.action.groups.len(),
            axes: spec.action.axes.len(),
            fresh: false,
            broken: None,
        };
        // All workers start before the first wait, because imports take most of the time.
        let starting: Vec<_> =
            shares(lanes, kind.count_for(lanes)).map(|share| (kind.start(share.len()), share)).collect();
        for (starting, lanes) in starting {
            let worker = starting.and_then(|starting| kind.ready(starting, lanes.len()));
            let worker = worker.map_err(|error| batch.error(lanes.clone(), error))?;
            batch.workers.push(WorkerWithDeaths { worker, lanes, in_a_row: 0, deaths: 0, steps: 0 });
        }
        batch.begin(true)?;
        Ok(batch)
    }

    /// The seeds of new episodes in these lanes, counted from the first of them. A seed is `None` where an environment continues
    /// its own random stream.
    fn seeds(&mut self, lanes: Range<usize>, is_first: bool) -> Vec<(usize, Option<u32>)> {
        let is_seeded = is_first || self.kind.seeds_every_episode();
        let lanes = self.lanes[lanes].iter_mut().enumerate();
        lanes.map(|(index, lane)| (index, is_seeded.then(|| lane.seed()))).collect()
    }

    /// Begins an episode in every lane; the first of its environment, or another.
    fn begin(&mut self, is_first: bool) -> Done {
        for index in 0..self.workers.len() {
            let seeds = self.seeds(self.workers[index].lanes.clone(), is_first);
            // The wait detects a dead worker.
            match self.workers[index].worker.begin(&seeds) {
                Ok(()) | Err(WorkerError::Died(_)) => {}
                Err(error) => return Err(self.broken_by(index, error)),
            }
        }
        for index in 0..self.workers.len() {
            match self.finish(index) {
                Ok(()) => {}
                Err(WorkerError::Died(how)) => self.restart(index, how)?,
                Err(error) => return Err(self.broken_by(index, error)),
            }
        }
        self.transition.outcomes.fill(Outcome::Running);
        self.fresh = true;
        Ok(())
    }

    /// Waits for the results of a worker's environments.
    fn finish(&mut self, index: usize) -> Result<(), WorkerError> {
        let WorkerWithDeaths { worker, lanes, .. } = &mut self.workers[index];
        worker.finish(lanes.clone(), &mut self.transition, &mut self.lanes[lanes.clone()])
    }

    /// An error of a worker, in the batch's terms.
    fn error(&self, lanes: Range<usize>, error: WorkerError) -> Box<ProcessError> {
        let workers = shares(self.lanes.len(), self.kind.count_for(self.lanes.len()));
        let number = workers.take_while(|share| share.start < lanes.start).count();
        let (lane, reason) = match error {
            WorkerError::Refused(refusal) => (None, format!("{}. {}", refusal.title, refusal.help)),
            WorkerError::Failed(Failure { lane, episode, reason }) => match episode {
                Some(episode) if episode > 1 => (lane, format!("{reason} (in its episode {episode})")),
                _ => (lane, reason),
            },
            WorkerError::Died(how) => (None, format!("worker {number} with {} died: {how}", these(&lanes))),
            WorkerError::Hung(lane) => {
                let seconds = self.kind.timeout().as_secs_f64();
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
        Box::new(ProcessError { process: self.kind.called(), lane, step, reason })
    }

    /// An error after which the batch is unusable.
    fn broken_by(&mut self, index: usize, error: WorkerError) -> Box<ProcessError> {
        let error = self.error(self.workers[index].lanes.clone(), error);
        self.broken = Some(error.clone());
        error
    }

    fn is_whole(&self) -> Done {
        self.broken.clone().map_or(Ok(()), Err)
    }
}

impl<K: Workers> Batch for WorkerBatch<K> {
    fn lanes(&self) -> usize {
        self.lanes.len()
    }

    /// Episodes without a step stay as they are: a reset may be the slowest operation of an environment.
    fn reset(&mut self) -> Done {
        self.is_whole()?;
        if self.fresh { Ok(()) } else { self.begin(false) }
    }

    fn reset_lane(&mut self, lane: usize, random: Option<Stream>) -> Done {
        self.is_whole()?;
        let is_first = random.is_some();
        if let Some(random) = random {
            self.lanes[lane].random = random;
        }
        let seed = self.seeds(lane..lane + 1, is_first)[0].1;
        let index = self.workers.iter().position(|found| found.lanes.contains(&lane));
        let index = index.expect("every lane has a worker");
        let WorkerWithDeaths { worker, lanes, .. } = &mut self.workers[index];
        match worker.begin(&[(lane - lanes.start, seed)]).and_then(|()| self.finish(index)) {
            Ok(()) => {
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
            let WorkerWithDeaths { worker, lanes: own, .. } = &mut self.workers[index];
            let stepping = if steps.is_empty() { steps } else { &steps[own.clone()] };
            match worker.step(actions.of_lanes(own.clone(), lanes), stepping) {
                // The wait detects a dead worker.
                Ok(()) | Err(WorkerError::Died(_)) => {}
                Err(error) => return Err(self.broken_by(index, error)),
            }
        }
        for index in 0..self.workers.len() {
            match self.finish(index) {
                Ok(()) => self.workers[index].has_stepped(),
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

    /// The streams of the seeds, and their positions; with them everything else, if workers save the state of their
    /// environments.
    fn save(&self) -> Result<Vec<u8>, StateError> {
        let saved = if self.kind.saves() {
            let mut states = Vec::new();
            for WorkerWithDeaths { worker, lanes, .. } in &self.workers {
                states.extend(worker.save().map_err(|error| self.unsaved(lanes.clone(), error))?);
            }
            postcard::to_stdvec(&(&self.lanes, &self.transition, &states))
        } else {
            postcard::to_stdvec(&self.lanes)
        };
        saved.map_err(|error| StateError::new(error.to_string()))
    }

    /// Without the state of the environments it begins new episodes, with seeds that follow the seeds used before.
    fn load(&mut self, state: &[u8]) -> Result<(), StateError> {
        let unreadable = |error: postcard::Error| StateError::new(error.to_string());
        let count = self.lanes.len();
        let fits = |found: usize| match found == count {
            true => Ok(()),
            false => Err(StateError::new(format!("it has {found} environments, expected {count}"))),
        };
        if !self.kind.saves() {
            let lanes: Vec<SeededLane> = postcard::from_bytes(state).map_err(unreadable)?;
            fits(lanes.len())?;
            self.lanes = lanes;
            return self.begin(true).map_err(|error| StateError::new(error.to_string()));
        }
        type Saved = (Vec<SeededLane>, Transition, Vec<Vec<u8>>);
        let (lanes, transition, states): Saved = postcard::from_bytes(state).map_err(unreadable)?;
        fits(lanes.len())?;
        fits(states.len())?;
        if !self.transition.has_sizes_of(&transition) {
            return Err(StateError::new("its environments have other features or signals"));
        }
        for index in 0..self.workers.len() {
            let WorkerWithDeaths { worker, lanes, .. } = &mut self.workers[index];
            if let Err(error) = worker.load(&states[lanes.clone()]) {
                let lanes = lanes.clone();
                return Err(self.unsaved(lanes, error));
            }
        }
        (self.lanes, self.transition, self.fresh) = (lanes, transition, false);
        Ok(())
    }
}

impl<K: Workers> WorkerBatch<K> {
    /// Why a state could not be saved or restored.
    fn unsaved(&self, lanes: Range<usize>, error: WorkerError) -> StateError {
        StateError::new(self.error(lanes, error).to_string())
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
