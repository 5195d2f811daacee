//! The observation of a dispatcher: seven numbers per job, three per machine, three per pair of job and machine, and the
//! progress of the schedule.

use serde::{Deserialize, Serialize};
use setpoint_decision::spec::Feature;

use super::dispatch::PartialSchedule;
use super::instance::Instance;
use crate::shop::TIME;

/// Features of each job, in this order.
pub const PER_JOB: usize = 7;
/// Features of each machine.
pub const PER_MACHINE: usize = 3;
/// Features of each pair of job and machine; the pairs of a job are next to each other.
pub const PER_PAIR: usize = 3;

/// Index of a feature among a job's features.
pub mod job {
    /// Duration of the next operation on its fastest machine.
    pub const NEXT_DURATION: usize = 0;
    /// Unscheduled work, including the next operation, on the fastest machines.
    pub const REMAINING_WORK: usize = 1;
    /// Number of unscheduled operations.
    pub const REMAINING_OPERATIONS: usize = 2;
    /// Number of machines that can do the next operation.
    pub const MACHINES: usize = 3;
    /// Waiting time of the job at the decision.
    pub const WAITED: usize = 4;
    /// Earliest start of the next operation on any of its machines, counted from the decision.
    pub const STARTS_IN: usize = 5;
    /// Bound on the makespan minus the end of the job's own chain.
    pub const SLACK: usize = 6;
}

/// Index of a feature among a pair's features.
pub mod pair {
    /// Duration of the job's next operation on the machine; 0 if the machine cannot do it.
    pub const DURATION: usize = 0;
    /// Earliest end of the job's next operation on the machine, counted from the decision; the horizon if the machine
    /// cannot do it.
    pub const ENDS_IN: usize = 1;
    /// 1 for a pair of the conflict set.
    pub const IN_CONFLICT: usize = 2;
}

/// Sizes and scales of the observation: the same in every episode, so that a number has the same meaning in each.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Layout {
    /// Number of jobs.
    pub jobs: usize,
    /// Number of machines.
    pub machines: usize,
    /// Most operations of a job.
    pub operations_max: f32,
    /// Longest operation.
    pub duration_max: f32,
    /// Most work of a job.
    pub work_max: f32,
    /// Times beyond it are cut.
    pub horizon: f32,
}

impl Layout {
    /// For instances of one size; there must be at least one.
    pub fn of(instances: &[Instance]) -> Self {
        let first = &instances[0];
        let mut layout = Self { jobs: first.jobs(), machines: first.machines, ..Self::default() };
        let mut schedule = PartialSchedule::default();
        let greater = |a: &mut f32, b: u32| *a = a.max(b.max(1) as f32);
        for instance in instances {
            schedule.begin(instance);
            for job in 0..instance.jobs() {
                greater(&mut layout.operations_max, instance.job(job).len() as u32);
                greater(&mut layout.work_max, schedule.remaining[job]);
            }
            greater(&mut layout.duration_max, instance.longest());
            greater(&mut layout.horizon, schedule.bound);
        }
        layout
    }

    /// Number of features.
    fn features_count(&self) -> usize {
        self.jobs * PER_JOB + self.machines * PER_MACHINE + self.jobs * self.machines * PER_PAIR + 1
    }

    /// Names, units and bounds.
    pub fn features(&self) -> Vec<Feature> {
        let mut features = Vec::with_capacity(self.features_count());
        (0..self.jobs).for_each(|job| features.extend(self.features_of_job(job)));
        (0..self.machines).for_each(|machine| features.extend(self.features_of_machine(machine)));
        for job in 0..self.jobs {
            (0..self.machines).for_each(|machine| features.extend(self.features_of_pair(job, machine)));
        }
        features.push(Feature::new("progress", "1", 0.0, 1.0, "share of scheduled operations"));
        features
    }

    fn features_of_job(&self, job: usize) -> [Feature; PER_JOB] {
        let name = |part: &str| format!("job_{job}_{part}");
        let (duration, operations) = (self.duration_max, self.operations_max);
        let whose = "the job's next operation";
        [
            time(
                &name("next_duration"),
                0.0,
                duration,
                &format!("duration of {whose} on its fastest machine"),
            ),
            time(
                &name("remaining_work"),
                0.0,
                self.work_max,
                "unscheduled work of the job on its fastest machines",
            ),
            count(
                &name("remaining_operations"),
                "operations",
                operations,
                "unscheduled operations of the job",
            ),
            count(
                &name("machines"),
                "machines",
                self.machines as f32,
                &format!("machines that can do {whose}"),
            ),
            time(&name("waited"), 0.0, self.horizon, "waiting time of the job at the decision"),
            time(
                &name("starts_in"),
                -1.0,
                self.horizon,
                &format!("earliest start of {whose}, counted from the decision"),
            ),
            time(&name("slack"), 0.0, self.horizon, "bound minus the end of the job's own chain"),
        ]
    }

    fn features_of_machine(&self, machine: usize) -> [Feature; PER_MACHINE] {
        let name = |part: &str| format!("machine_{machine}_{part}");
        [
            count(&name("is_first"), "1", 1.0, "whether this machine could complete an operation first"),
            time(
                &name("free_in"),
                -1.0,
                self.horizon,
                "time until the machine is free, counted from the decision",
            ),
            time(
                &name("load"),
                0.0,
                self.horizon,
                "unscheduled work of the machine, each operation divided evenly among its machines",
            ),
        ]
    }

    fn features_of_pair(&self, job: usize, machine: usize) -> [Feature; PER_PAIR] {
        let name = |part: &str| format!("job_{job}_on_machine_{machine}_{part}");
        let whose = "the job's next operation on the machine";
        [
            time(
                &name("duration"),
                0.0,
                self.duration_max,
                &format!("duration of {whose}; 0 if the machine cannot do it"),
            ),
            time(
                &name("ends_in"),
                -1.0,
                self.horizon,
                &format!("earliest end of {whose}, counted from the decision"),
            ),
            count(&name("in_conflict"), "1", 1.0, "whether the pair can be chosen"),
        ]
    }

    /// Writes the observation.
    pub fn observe(&self, instance: &Instance, schedule: &PartialSchedule, observation: &mut [f32]) {
        let (of_jobs, others) = observation.split_at_mut(self.jobs * PER_JOB);
        let (of_machines, others) = others.split_at_mut(self.machines * PER_MACHINE);
        let (of_pairs, progress) = others.split_at_mut(self.jobs * self.machines * PER_PAIR);
        let mut done = 0;
        let pairs_of_jobs = of_pairs.chunks_exact_mut(self.machines * PER_PAIR);
        for (job, (row, pairs)) in of_jobs.chunks_exact_mut(PER_JOB).zip(pairs_of_jobs).enumerate() {
            self.observe_job(instance, schedule, job, row);
            self.observe_pairs(instance, schedule, job, pairs);
            done += schedule.done[job];
        }
        let complete = done as usize == instance.operations();
        for (machine, row) in of_machines.chunks_exact_mut(PER_MACHINE).enumerate() {
            row[0] = flag(machine == schedule.machine && !complete);
            row[1] = self.counted_from_now(schedule, schedule.free[machine]);
            row[2] = (schedule.load[machine] / self.horizon).min(1.0);
        }
        progress[0] = done as f32 / instance.operations() as f32;
    }

    fn observe_job(&self, instance: &Instance, schedule: &PartialSchedule, job: usize, row: &mut [f32]) {
        let next = schedule.next(instance, job);
        let starts = next.iter().flat_map(|next| instance.alternatives(*next));
        let start = starts.map(|(machine, _)| schedule.earliest_start(job, machine)).min();
        let ready = schedule.ready[job];
        let chain_end = start.unwrap_or(ready) + schedule.remaining[job];
        let remaining = instance.job(job).len() - schedule.done[job] as usize;
        row[job::NEXT_DURATION] = next.map_or(0, |next| instance.shortest(next)) as f32 / self.duration_max;
        row[job::REMAINING_WORK] = schedule.remaining[job] as f32 / self.work_max;
        row[job::REMAINING_OPERATIONS] = remaining as f32 / self.operations_max;
        let machines = next.map_or(0, |next| instance.alternatives(next).count());
        row[job::MACHINES] = machines as f32 / self.machines as f32;
        row[job::WAITED] = next.map_or(0.0, |_| (-self.counted_from_now(schedule, ready)).max(0.0));
        row[job::STARTS_IN] = start.map_or(0.0, |start| self.counted_from_now(schedule, start));
        row[job::SLACK] = (schedule.bound.saturating_sub(chain_end) as f32 / self.horizon).min(1.0);
    }

    fn observe_pairs(&self, instance: &Instance, schedule: &PartialSchedule, job: usize, pairs: &mut [f32]) {
        let next = schedule.next(instance, job);
        for (machine, row) in pairs.chunks_exact_mut(PER_PAIR).enumerate() {
            let duration = next.and_then(|next| instance.duration(next, machine));
            row[pair::DURATION] = duration.unwrap_or(0) as f32 / self.duration_max;
            row[pair::ENDS_IN] = duration.map_or(1.0, |duration| {
                self.counted_from_now(schedule, schedule.earliest_start(job, machine) + duration)
            });
            row[pair::IN_CONFLICT] = flag(schedule.in_conflict[job * self.machines + machine]);
        }
    }

    /// Times beyond the horizon are rare, and all mean "much later".
    fn counted_from_now(&self, schedule: &PartialSchedule, time: u32) -> f32 {
        ((time as f32 - schedule.now as f32) / self.horizon).clamp(-1.0, 1.0)
    }
}

fn flag(yes: bool) -> f32 {
    f32::from(u8::from(yes))
}

fn time(name: &str, low: f32, scale: f32, description: &str) -> Feature {
    Feature::new(name, TIME, low, 1.0, description).seen_as(scale, 0.0).ordinarily(0.0)
}

fn count(name: &str, unit: &str, scale: f32, description: &str) -> Feature {
    Feature::new(name, unit, 0.0, 1.0, description).seen_as(scale, 0.0).ordinarily(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// job_0: 3 on m0 or 5 on m1, then 2 on m1; job_1: 4 on m0. After job_0 has m0 until 3, job_1 waits for m0 until 7;
    /// the bound is 7 (before anything was scheduled: 5, the chain of job_0 or half of 3 + 2 + 4).
    #[test]
    fn an_observation_by_hand() {
        let mut instance = Instance::empty("hand", 2);
        instance.add_operation([(0, 3), (1, 5)]);
        instance.add_operation([(1, 2)]);
        instance.end_job();
        instance.add_operation([(0, 4)]);
        instance.end_job();
        let layout = Layout::of(std::slice::from_ref(&instance));
        assert_eq!((layout.horizon, layout.duration_max, layout.work_max), (5.0, 5.0, 5.0));
        let mut schedule = PartialSchedule::default();
        schedule.begin(&instance);
        schedule.take(&instance, 0, 0);
        assert_eq!((schedule.machine, schedule.now, schedule.bound), (1, 3, 7));
        let mut observation = vec![9.0; layout.features_count()];
        layout.observe(&instance, &schedule, &mut observation);
        #[rustfmt::skip]
        let expected = [
            // shortest duration, work and waiting / 5, operations / 2, machines / 2, starts in / 5, slack / 5
            0.4, 0.4, 0.5, 0.5, 0.0, 0.0, 0.4,
            0.8, 0.8, 0.5, 0.5, 0.6, 0.0, 0.0,
            // is first, free in / 5, load / 5
            0.0, 0.0, 0.8,
            1.0, -0.6, 0.4,
            // duration / 5, ends in / 5, in conflict
            0.0, 1.0, 0.0,   0.4, 0.4, 1.0,
            0.8, 0.8, 0.0,   0.0, 1.0, 0.0,
            1.0 / 3.0,
        ];
        assert_eq!((observation.len(), layout.features().len()), (expected.len(), expected.len()));
        for ((found, expected), feature) in observation.iter().zip(expected).zip(layout.features()) {
            assert!((found - expected).abs() < 1e-6, "{}: {found}, expected {expected}", feature.name);
        }
    }
}
