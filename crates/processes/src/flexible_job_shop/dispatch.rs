//! Schedules of a flexible job shop, one operation at a time: Giffler & Thompson's (1960) conflict sets, extended to a
//! choice of machines.
//!
//! Among all pairs of a job's next operation and a machine that can do it, one pair (j*, m*) could complete first, at C*.
//! The conflict set has two kinds of pairs that could start before C*: another job on m*, and j* on another machine. With
//! one machine for each operation these are the conflict sets of Giffler & Thompson.
//!
//! The order excludes no optimum. Take an optimal completion of a partial schedule. If one of its operations is in the
//! conflict set, it can be scheduled next at its earliest start: its predecessor in the job and its predecessor on the
//! machine would complete before C* if they were not scheduled yet, and nothing does. If none is, then m* does nothing
//! before C* and j* starts at C* or later; so the next operation of j* can move to m* and complete at C*, which delays
//! nothing, and the completion stays optimal.

use serde::{Deserialize, Serialize};

use super::instance::Instance;
pub use crate::shop::Scheduled;

/// A partial schedule.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PartialSchedule {
    /// `[jobs]`: number of scheduled operations.
    pub done: Vec<u32>,
    /// `[jobs]`: end of the last scheduled operation.
    pub ready: Vec<u32>,
    /// `[jobs]`: unscheduled work, each operation on its fastest machine.
    pub remaining: Vec<u32>,
    /// `[machines]`: end of the last scheduled operation.
    pub free: Vec<u32>,
    /// `[machines]`: unscheduled work, each operation divided evenly among its machines.
    pub load: Vec<f32>,
    /// `[jobs, machines]`: whether the pair is in the conflict set.
    pub in_conflict: Vec<bool>,
    /// The machine that could complete an operation first; meaningless when everything is scheduled.
    pub machine: usize,
    /// The least earliest start in the conflict set.
    pub now: u32,
    /// The end of the last scheduled operation.
    pub makespan: u32,
    /// No completion of this schedule has a smaller makespan; it never falls, and in the end it is the makespan.
    pub bound: u32,
    /// `[operations]`: machine and start of the scheduled operations.
    placed: Vec<(u32, u32)>,
    /// `[machines]`: unscheduled work that no other machine can do.
    #[serde(skip)]
    bound_to: Vec<u32>,
}

impl PartialSchedule {
    /// Empties the schedule; allocates only if the sizes grow.
    pub fn begin(&mut self, instance: &Instance) {
        fn refill<T: Clone + Default>(values: &mut Vec<T>, n: usize) {
            values.clear();
            values.resize(n, T::default());
        }
        let (jobs, machines) = (instance.jobs(), instance.machines);
        for numbers in [&mut self.done, &mut self.ready, &mut self.remaining] {
            refill(numbers, jobs);
        }
        refill(&mut self.free, machines);
        refill(&mut self.load, machines);
        refill(&mut self.placed, instance.operations());
        refill(&mut self.in_conflict, jobs * machines);
        for job in 0..jobs {
            self.remaining[job] = instance.job(job).map(|operation| instance.shortest(operation)).sum();
        }
        (self.makespan, self.bound) = (0, 0);
        self.look_ahead(instance);
        self.find_conflict(instance);
    }

    /// Whether every operation is scheduled.
    pub fn is_complete(&self, instance: &Instance) -> bool {
        (0..instance.jobs()).all(|job| self.next(instance, job).is_none())
    }

    /// The index of a job's next operation in the instance.
    #[inline]
    pub fn next(&self, instance: &Instance, job: usize) -> Option<usize> {
        let operations = instance.job(job);
        let next = operations.start + self.done[job] as usize;
        (next < operations.end).then_some(next)
    }

    /// The earliest start of a job's next operation on a machine.
    #[inline]
    pub fn earliest_start(&self, job: usize, machine: usize) -> u32 {
        self.ready[job].max(self.free[machine])
    }

    /// Schedules the next operation of a job on a machine, a pair of the conflict set, at its earliest start.
    ///
    /// # Panics
    /// If the pair is not in the conflict set.
    pub fn take(&mut self, instance: &Instance, job: usize, machine: usize) -> Scheduled {
        let pair = job * instance.machines + machine;
        assert!(self.in_conflict[pair], "job_{job} on machine_{machine} is not in the conflict set");
        let next = instance.job(job).start + self.done[job] as usize;
        let duration = instance.duration(next, machine).expect("pairs of the conflict set are eligible");
        let start = self.earliest_start(job, machine);
        let end = start + duration;
        self.placed[next] = (machine as u32, start);
        let operation = self.done[job] as usize;
        self.done[job] += 1;
        self.remaining[job] -= instance.shortest(next);
        (self.ready[job], self.free[machine]) = (end, end);
        self.makespan = self.makespan.max(end);
        self.look_ahead(instance);
        self.find_conflict(instance);
        Scheduled { job, operation, machine, start, end }
    }

    /// The pairs that may be scheduled next.
    fn find_conflict(&mut self, instance: &Instance) {
        self.in_conflict.fill(false);
        // Of equal completions, the completion on the lowest machine counts, and there that of the lowest job.
        let mut first = (u32::MAX, 0, 0);
        for job in 0..instance.jobs() {
            let Some(next) = self.next(instance, job) else { continue };
            for (machine, duration) in instance.alternatives(next) {
                first = first.min((self.earliest_start(job, machine) + duration, machine, job));
            }
        }
        let (least, first_machine, first_job) = first;
        if least == u32::MAX {
            (self.machine, self.now) = (0, self.makespan);
            return;
        }
        let mut now = u32::MAX;
        for job in 0..instance.jobs() {
            let Some(next) = self.next(instance, job) else { continue };
            for (machine, duration) in instance.alternatives(next) {
                let start = self.earliest_start(job, machine);
                // An operation of duration 0 completes at its start; it must not exclude itself.
                let starts_before = start < least || start + duration == least;
                if starts_before && (job == first_job || machine == first_machine) {
                    self.in_conflict[job * instance.machines + machine] = true;
                    now = now.min(start);
                }
            }
        }
        (self.machine, self.now) = (first_machine, now);
    }

    /// The loads of the machines and the bound. The bound is the greatest of four: the scheduled part; for each job, the
    /// end of its chain if no other job delayed it from now on; for each machine, its free time and the work that only this
    /// machine can do; for all machines together, the least time in which they can share the unscheduled work.
    fn look_ahead(&mut self, instance: &Instance) {
        let mut bound = self.bound.max(self.makespan);
        self.bound_to.clear();
        self.bound_to.resize(instance.machines, 0);
        self.load.fill(0.0);
        let mut shared = self.free.iter().map(|free| u64::from(*free)).sum::<u64>();
        for job in 0..instance.jobs() {
            let mut head = self.ready[job];
            shared += u64::from(self.remaining[job]);
            for operation in instance.job(job).skip(self.done[job] as usize) {
                let (mut end, mut count, mut last) = (u32::MAX, 0, 0);
                for (machine, duration) in instance.alternatives(operation) {
                    end = end.min(head.max(self.free[machine]) + duration);
                    (count, last) = (count + 1, machine);
                }
                head = end;
                for (machine, duration) in instance.alternatives(operation) {
                    self.load[machine] += duration as f32 / count as f32;
                }
                if count == 1 {
                    self.bound_to[last] += instance.shortest(operation);
                }
            }
            bound = bound.max(head);
        }
        for (free, work) in self.free.iter().zip(&self.bound_to) {
            bound = bound.max(free + work);
        }
        self.bound = bound.max(shared.div_ceil(instance.machines as u64) as u32);
    }

    /// Every scheduled operation, by job and in the job's order.
    pub fn scheduled<'a>(&'a self, instance: &'a Instance) -> impl Iterator<Item = Scheduled> + 'a {
        (0..self.done.len()).flat_map(move |job| {
            let operations = instance.job(job).take(self.done[job] as usize).enumerate();
            operations.map(move |(operation, index)| {
                let (machine, start) = self.placed[index];
                let machine = machine as usize;
                let end = start + instance.duration(index, machine).unwrap_or(0);
                Scheduled { job, operation, machine, start, end }
            })
        })
    }
}
