//! Dead workers: they are started again, and the episodes of their environments are truncated.

use super::{Done, WorkerBatch, these};
use crate::gymnasium::worker::{StartingWorker, WorkerError};
use setpoint_process::process::Outcome;
use setpoint_process::vectorized::Transition;

/// Number of deaths without a step in between after which a worker is not started again.
const DEATHS_MAX: u32 = 3;

impl WorkerBatch {
    /// Starts a dead worker again and begins new episodes in its lanes, until it lives or has died too often.
    pub(super) fn restart(&mut self, index: usize, how: String) -> Done {
        let mut how = how;
        loop {
            let lanes = self.workers[index].worker.lanes.clone();
            self.workers[index].deaths += 1;
            let deaths = self.workers[index].deaths;
            if deaths >= DEATHS_MAX {
                let reason = format!("{how}\nIt died {deaths} times without a step in between");
                return Err(self.broken_by(index, WorkerError::Died(reason)));
            }
            setpoint_terminal::note(format!(
                "{}: worker {index} with {} died: {how}\nIt is started again; the episodes of its environments \
                 were truncated",
                self.settings.called(),
                these(&lanes),
            ));
            let starting = StartingWorker::new(&self.settings, lanes.clone(), Some(self.description.masked));
            let found = match starting {
                Ok(starting) => self.admit(starting),
                Err(error) => Err(self.error(lanes.clone(), error)),
            };
            self.workers[index].worker = found.inspect_err(|error| self.broken = Some(error.clone()))?;
            let mut seeds = vec![None; self.lanes.len()];
            for lane in lanes {
                seeds[lane] = Some(self.lanes[lane].seed());
            }
            let line = self.reset_line(index, &seeds);
            let worker = &mut self.workers[index].worker;
            match worker.say(&line).and_then(|()| worker.wait(self.settings.timeout)) {
                Ok(()) => return Ok(()),
                Err(WorkerError::Died(again)) => how = again,
                Err(error) => return Err(self.broken_by(index, error)),
            }
        }
    }

    /// The episodes of a worker that died in a step, truncated at their last observation.
    pub(super) fn cut_off(&mut self, index: usize, how: String) -> Done {
        let lanes = self.workers[index].worker.lanes.clone();
        let features = lanes.start * self.features..lanes.end * self.features;
        let last = self.transition.observations[features.clone()].to_vec();
        let Transition { tensors, final_tensors, .. } = &mut self.transition;
        for (last, image) in final_tensors.iter_mut().zip(tensors) {
            last.copy_rows(lanes.start, image, lanes.start, lanes.len());
        }
        self.restart(index, how)?;
        self.read(index)?;
        self.transition.final_observations[features].copy_from_slice(&last);
        // The reward of the step is unknown.
        self.transition.signals[lanes.start * self.signals..lanes.end * self.signals].fill(0.0);
        self.transition.outcomes[lanes].fill(Outcome::Truncated);
        Ok(())
    }
}
