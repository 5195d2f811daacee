//! The observation of a dispatcher: eight numbers per job, three per machine, and the progress of the schedule.

use serde::{Deserialize, Serialize};
use setpoint_decision::spec::Feature;

use super::dispatch::PartialSchedule;
use super::instance::Instance;
use crate::shop::TIME;

/// Features of each job, in this order.
pub const PER_JOB: usize = 8;
/// Index of a feature among a job's features.
pub mod job {
    /// Duration of the next operation.
    pub const NEXT_DURATION: usize = 0;
    /// Unscheduled work, including the next operation.
    pub const REMAINING_WORK: usize = 1;
    /// Number of unscheduled operations.
    pub const REMAINING_OPERATIONS: usize = 2;
    /// Waiting time of the job at the decision.
    pub const WAITED: usize = 3;
    /// Earliest start of the next operation, counted from the decision.
    pub const STARTS_IN: usize = 4;
    /// 1 for a job of the conflict set.
    pub const IN_CONFLICT: usize = 5;
    /// Unscheduled work of the machine that the job needs next.
    pub const MACHINE_LOAD: usize = 6;
    /// Bound on the makespan minus the end of the job's own chain.
    pub const SLACK: usize = 7;
}
const PER_MACHINE: usize = 3;

/// Sizes and scales of the observation: the same for all instances of a project, so that a number has the same meaning
/// in each of them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Layout {
    jobs: usize,
    machines: usize,
    /// Longest operation.
    duration_max: f32,
    /// Longest job.
    work_max: f32,
    /// Heaviest machine.
    load_max: f32,
    /// Largest bound on the makespan before anything is scheduled; times beyond it are cut.
    horizon: f32,
}

impl Layout {
    /// For instances of one size; there must be at least one.
    pub fn new(instances: &[Instance]) -> Self {
        let mut layout = Self { jobs: instances[0].jobs, machines: instances[0].machines, ..Self::default() };
        let mut schedule = PartialSchedule::default();
        for instance in instances {
            schedule.begin(instance);
            let greatest = |numbers: &mut dyn Iterator<Item = u32>| numbers.max().unwrap_or(0).max(1) as f32;
            let durations = &mut instance.operations.iter().map(|operation| operation.duration);
            layout.duration_max = layout.duration_max.max(greatest(durations));
            layout.work_max = layout.work_max.max(greatest(&mut schedule.remaining.iter().copied()));
            layout.load_max = layout.load_max.max(greatest(&mut schedule.load.iter().copied()));
            layout.horizon = layout.horizon.max(greatest(&mut std::iter::once(schedule.bound)));
        }
        layout
    }

    /// Names, units and bounds.
    pub fn features(&self) -> Vec<Feature> {
        let mut features = Vec::with_capacity(self.jobs * PER_JOB + self.machines * PER_MACHINE + 1);
        for job in 0..self.jobs {
            let mut feature = |name: &str, unit: &str, low: f32, scale: f32, description: &str| {
                let name = format!("job_{job}_{name}");
                let feature = Feature::new(&name, unit, low, 1.0, description).seen_as(scale, 0.0);
                features.push(feature.ordinarily(0.0));
            };
            let operations = self.machines as f32;
            feature("next_duration", TIME, 0.0, self.duration_max, "duration of the job's next operation");
            feature("remaining_work", TIME, 0.0, self.work_max, "unscheduled work of the job");
            feature(
                "remaining_operations",
                "operations",
                0.0,
                operations,
                "unscheduled operations of the job",
            );
            feature("waited", TIME, 0.0, self.horizon, "waiting time of the job at the decision");
            feature(
                "starts_in",
                TIME,
                -1.0,
                self.horizon,
                "earliest start of the job's next operation, counted from the decision",
            );
            feature("in_conflict", "1", 0.0, 1.0, "whether the job can be chosen");
            feature(
                "machine_load",
                TIME,
                0.0,
                self.load_max,
                "unscheduled work of the machine that the job needs next",
            );
            feature("slack", TIME, 0.0, self.horizon, "bound minus the end of the job's own chain");
        }
        for machine in 0..self.machines {
            let mut feature = |name: &str, unit: &str, low: f32, scale: f32, description: &str| {
                let name = format!("machine_{machine}_{name}");
                let feature = Feature::new(&name, unit, low, 1.0, description).seen_as(scale, 0.0);
                features.push(feature.ordinarily(0.0));
            };
            feature("is_next", "1", 0.0, 1.0, "whether this machine takes the next job");
            feature(
                "free_in",
                TIME,
                -1.0,
                self.horizon,
                "time until the machine is free, counted from the decision",
            );
            feature("load", TIME, 0.0, self.load_max, "unscheduled work of the machine");
        }
        features.push(Feature::new("progress", "1", 0.0, 1.0, "share of scheduled operations"));
        features
    }

    /// Writes the observation.
    pub fn observe(&self, instance: &Instance, schedule: &PartialSchedule, observation: &mut [f32]) {
        let (per_duration, per_work, per_load) =
            (1.0 / self.duration_max, 1.0 / self.work_max, 1.0 / self.load_max);
        let per_horizon = 1.0 / self.horizon;
        let flag = |yes: bool| f32::from(u8::from(yes));
        let now = schedule.now;
        // Times beyond the horizon are rare, and all mean "much later".
        let from_now = |time: u32| ((time as f32 - now as f32) * per_horizon).clamp(-1.0, 1.0);
        let (of_jobs, others) = observation.split_at_mut(self.jobs * PER_JOB);
        let mut scheduled = 0;
        for (index, row) in of_jobs.chunks_exact_mut(PER_JOB).enumerate() {
            let done = schedule.done[index] as usize;
            let next = instance.job(index).get(done);
            let (ready, start) = (schedule.ready[index], schedule.earliest_start(instance, index));
            let chain_end = start + schedule.remaining[index];
            let load = next.map_or(0, |operation| schedule.load[operation.machine as usize]);
            row[job::NEXT_DURATION] = next.map_or(0, |operation| operation.duration) as f32 * per_duration;
            row[job::REMAINING_WORK] = schedule.remaining[index] as f32 * per_work;
            row[job::REMAINING_OPERATIONS] = (self.machines - done) as f32 / self.machines as f32;
            row[job::WAITED] = next.map_or(0.0, |_| (-from_now(ready)).max(0.0));
            row[job::STARTS_IN] = next.map_or(0.0, |_| from_now(start));
            row[job::IN_CONFLICT] = flag(schedule.in_conflict[index]);
            row[job::MACHINE_LOAD] = load as f32 * per_load;
            row[job::SLACK] = ((schedule.bound - chain_end) as f32 * per_horizon).min(1.0);
            scheduled += done;
        }
        let complete = scheduled == self.jobs * self.machines;
        for (index, row) in others.chunks_exact_mut(PER_MACHINE).enumerate() {
            row[0] = flag(index == schedule.machine && !complete);
            row[1] = from_now(schedule.free[index]);
            row[2] = schedule.load[index] as f32 * per_load;
        }
        others[self.machines * PER_MACHINE] = scheduled as f32 / (self.jobs * self.machines) as f32;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The shop of `dispatch`'s test after job_0 has been taken: now is 3, the bound 9; at first it was 8.
    #[test]
    fn an_observation_by_hand() {
        let instance = Instance::parse("shop.txt", "2 2\n0 3 1 2\n0 2 1 4\n").unwrap();
        let layout = Layout::new(std::slice::from_ref(&instance));
        let mut schedule = PartialSchedule::default();
        schedule.begin(&instance);
        schedule.take(&instance, 0);
        let mut observation = vec![9.0; layout.features().len()];
        layout.observe(&instance, &schedule, &mut observation);
        #[rustfmt::skip]
        let expected = [
            // duration / 4, work / 6, operations / 2, waited / 8, starts in / 8, in conflict, load / 6, slack / 8
            0.5, 2.0 / 6.0, 0.5, 0.0, 0.0, 0.0, 1.0, 0.5,
            0.5, 1.0, 1.0, 3.0 / 8.0, 0.0, 1.0, 2.0 / 6.0, 0.0,
            // is next, free in / 8, load / 6
            1.0, 0.0, 2.0 / 6.0,
            0.0, -3.0 / 8.0, 1.0,
            0.25,
        ];
        assert_eq!(observation.len(), expected.len());
        for ((found, expected), feature) in observation.iter().zip(expected).zip(layout.features()) {
            assert!((found - expected).abs() < 1e-6, "{}: {found}, expected {expected}", feature.name);
        }
    }
}
