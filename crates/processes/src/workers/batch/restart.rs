//! Dead workers: they are started again, and the episodes of their environments are truncated.

use super::{Done, WorkerBatch, WorkerWithDeaths, these};
use crate::workers::{Worker, WorkerError, Workers};
use setpoint_process::process::Outcome;
use setpoint_process::vectorized::Transition;

/// Number of deaths without a step in between after which a worker is not started again.
const DEATHS_IN_A_ROW: u32 = 3;
/// A worker that has died so often must have made ...
const DEATHS: u64 = 20;
/// ... so many steps for each death: nothing can be learned from episodes that a death always ends.
const STEPS_PER_DEATH: u64 = 100;

impl<W> WorkerWithDeaths<W> {
    /// Notes a step of all its environments without a death.
    pub(super) fn has_stepped(&mut self) {
        self.in_a_row = 0;
        self.steps += 1;
    }

    /// Notes a death; returns the reason why it is not started again, if it died too often.
    fn has_died(&mut self) -> Option<String> {
        self.in_a_row += 1;
        self.deaths += 1;
        if self.in_a_row >= DEATHS_IN_A_ROW {
            return Some(format!("It died {} times without a step in between", self.in_a_row));
        }
        let per_death = self.steps / self.deaths;
        (self.deaths >= DEATHS && per_death < STEPS_PER_DEATH)
            .then(|| format!("It died {} times, after {per_death} steps on average", self.deaths))
    }
}

impl<K: Workers> WorkerBatch<K> {
    /// Starts a dead worker again and begins new episodes in its lanes, until it lives or has died too often.
    pub(super) fn restart(&mut self, index: usize, how: String) -> Done {
        let mut how = how;
        loop {
            let lanes = self.workers[index].lanes.clone();
            if let Some(too_often) = self.workers[index].has_died() {
                return Err(self.broken_by(index, WorkerError::Died(format!("{how}\n{too_often}"))));
            }
            setpoint_terminal::note(format!(
                "{}: worker {index} with {} died: {how}\nIt is started again; the episodes of its environments \
                 were truncated",
                self.kind.called(),
                these(&lanes),
            ));
            let started = self.kind.start(lanes.len());
            let found = started.and_then(|starting| self.kind.ready(starting, lanes.len()));
            self.workers[index].worker = match found {
                Ok(worker) => worker,
                Err(error) => return Err(self.broken_by(index, error)),
            };
            let seeds = self.seeds(lanes, true);
            match self.workers[index].worker.begin(&seeds).and_then(|()| self.finish(index)) {
                Ok(()) => return Ok(()),
                Err(WorkerError::Died(again)) => how = again,
                Err(error) => return Err(self.broken_by(index, error)),
            }
        }
    }

    /// The episodes of a worker that died in a step, truncated at their last observation.
    pub(super) fn cut_off(&mut self, index: usize, how: String) -> Done {
        let lanes = self.workers[index].lanes.clone();
        let features = lanes.start * self.features..lanes.end * self.features;
        let last = self.transition.observations[features.clone()].to_vec();
        let Transition { tensors, final_tensors, .. } = &mut self.transition;
        for (last, image) in final_tensors.iter_mut().zip(tensors) {
            last.copy_rows(lanes.start, image, lanes.start, lanes.len());
        }
        self.restart(index, how)?;
        self.transition.final_observations[features].copy_from_slice(&last);
        // The reward of the step is unknown.
        self.transition.signals[lanes.start * self.signals..lanes.end * self.signals].fill(0.0);
        self.transition.outcomes[lanes].fill(Outcome::Truncated);
        Ok(())
    }
}
