//! Active schedules, one operation at a time (Giffler & Thompson 1960, "Algorithms for solving production-scheduling
//! problems", Operations Research 8(4)).
//!
//! Among all next operations, the operation with the earliest possible completion decides: its machine takes the next job.
//! Every job that needs this machine and could start there before that completion is in conflict with it. With any of these
//! jobs the schedule stays active (no operation could start earlier without delaying another), and every active schedule
//! can be reached. One active schedule is optimal for any regular measure, so this order excludes no optimum.

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
    /// `[jobs]`: unscheduled work.
    pub remaining: Vec<u32>,
    /// `[machines]`: end of the last scheduled operation.
    pub free: Vec<u32>,
    /// `[machines]`: unscheduled work.
    pub load: Vec<u32>,
    /// `[jobs]`: whether the job is in the conflict set, the jobs that the machine may take next.
    pub in_conflict: Vec<bool>,
    /// The machine that takes the next job.
    pub machine: usize,
    /// The earliest time for its next job: the least earliest start in the conflict set.
    pub now: u32,
    /// The end of the last scheduled operation.
    pub makespan: u32,
    /// No completion of this schedule has a smaller makespan; it never falls, and in the end it is the makespan.
    pub bound: u32,
    /// `[jobs, machines]`: starts of the scheduled operations.
    starts: Vec<u32>,
    /// `[machines]`: least head and least tail of the unscheduled operations.
    #[serde(skip)]
    heads_and_tails: Vec<(u32, u32)>,
}

impl PartialSchedule {
    /// Empties the schedule; allocates only if the sizes grow.
    pub fn begin(&mut self, instance: &Instance) {
        let Instance { jobs, machines, .. } = *instance;
        let refill = |numbers: &mut Vec<u32>, n: usize| {
            numbers.clear();
            numbers.resize(n, 0);
        };
        for numbers in [&mut self.done, &mut self.ready, &mut self.remaining] {
            refill(numbers, jobs);
        }
        for numbers in [&mut self.free, &mut self.load] {
            refill(numbers, machines);
        }
        refill(&mut self.starts, jobs * machines);
        self.in_conflict.resize(jobs, false);
        for job in 0..jobs {
            for operation in instance.job(job) {
                self.remaining[job] += operation.duration;
                self.load[operation.machine as usize] += operation.duration;
            }
        }
        (self.makespan, self.bound) = (0, 0);
        self.raise_bound(instance);
        self.find_conflict(instance);
    }

    /// Whether every operation is scheduled.
    pub fn is_complete(&self, instance: &Instance) -> bool {
        self.done.iter().all(|done| *done as usize == instance.machines)
    }

    /// The earliest start of a job's next operation; for a finished job, its end.
    pub fn earliest_start(&self, instance: &Instance, job: usize) -> u32 {
        match instance.job(job).get(self.done[job] as usize) {
            Some(operation) => self.ready[job].max(self.free[operation.machine as usize]),
            None => self.ready[job],
        }
    }

    /// Schedules the next operation of a job of the conflict set at its earliest start.
    ///
    /// # Panics
    /// If the job is not in the conflict set.
    pub fn take(&mut self, instance: &Instance, job: usize) -> Scheduled {
        assert!(self.in_conflict[job], "job_{job} is not in the conflict set of the machine");
        let operation = self.done[job] as usize;
        let duration = instance.job(job)[operation].duration;
        let (machine, start) = (self.machine, self.earliest_start(instance, job));
        let end = start + duration;
        self.starts[job * instance.machines + operation] = start;
        self.done[job] += 1;
        self.remaining[job] -= duration;
        self.load[machine] -= duration;
        (self.ready[job], self.free[machine]) = (end, end);
        self.makespan = self.makespan.max(end);
        self.raise_bound(instance);
        self.find_conflict(instance);
        Scheduled { job, operation, machine, start, end }
    }

    /// The machine that takes the next job, and the jobs that it may take.
    fn find_conflict(&mut self, instance: &Instance) {
        let next = |job: usize| instance.job(job).get(self.done[job] as usize);
        let completion = |job: usize| Some(self.earliest_start(instance, job) + next(job)?.duration);
        // Of equal completions, the completion on the lowest machine counts, as in the source's tables.
        let first = (0..instance.jobs)
            .filter_map(|job| Some((completion(job)?, next(job)?.machine)))
            .min()
            .map(|(completion, machine)| (completion, machine as usize));
        let Some((least, machine)) = first else {
            self.in_conflict.fill(false);
            (self.machine, self.now) = (0, self.makespan);
            return;
        };
        let mut now = u32::MAX;
        for job in 0..instance.jobs {
            let needs_it = instance.job(job).get(self.done[job] as usize);
            let start = self.earliest_start(instance, job);
            self.in_conflict[job] = needs_it.is_some_and(|operation| {
                // An operation of duration 0 completes at its start; it must not exclude itself.
                let completes_first = start + operation.duration == least;
                operation.machine as usize == machine && (start < least || completes_first)
            });
            if self.in_conflict[job] {
                now = now.min(start);
            }
        }
        (self.machine, self.now) = (machine, now);
    }

    /// The bound is the greatest of three: the scheduled part; for each job, the end of its chain if no other job delayed
    /// it from now on; for each machine, its earliest next start, its total load, and the shortest path out of the shop
    /// after it (the one-machine bound without its sequencing; Zhang et al. 2020, "Learning to dispatch", use the first
    /// two). Each of them can only rise when an operation is scheduled.
    fn raise_bound(&mut self, instance: &Instance) {
        let mut bound = self.bound.max(self.makespan);
        self.heads_and_tails.clear();
        self.heads_and_tails.resize(instance.machines, (u32::MAX, u32::MAX));
        for job in 0..instance.jobs {
            let (mut head, mut tail) = (self.ready[job], self.remaining[job]);
            for operation in &instance.job(job)[self.done[job] as usize..] {
                let machine = operation.machine as usize;
                head = head.max(self.free[machine]);
                tail -= operation.duration;
                let (least_head, least_tail) = &mut self.heads_and_tails[machine];
                *least_head = head.min(*least_head);
                *least_tail = tail.min(*least_tail);
                head += operation.duration;
            }
            bound = bound.max(head);
        }
        for (load, (head, tail)) in self.load.iter().zip(&self.heads_and_tails) {
            if *head != u32::MAX {
                bound = bound.max(head + load + tail);
            }
        }
        self.bound = bound;
    }

    /// Every scheduled operation, by job and in the job's order.
    pub fn scheduled<'a>(&'a self, instance: &'a Instance) -> impl Iterator<Item = Scheduled> + 'a {
        (0..self.done.len()).flat_map(move |job| {
            let operations = instance.job(job).iter().enumerate().take(self.done[job] as usize);
            operations.map(move |(index, operation)| {
                let start = self.starts[job * instance.machines + index];
                let (machine, end) = (operation.machine as usize, start + operation.duration);
                Scheduled { job, operation: index, machine, start, end }
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn begun(text: &str) -> (Instance, PartialSchedule) {
        let instance = Instance::parse("shop.txt", text).unwrap();
        let mut schedule = PartialSchedule::default();
        schedule.begin(&instance);
        (instance, schedule)
    }

    /// job_0: 3 on m0, then 2 on m1; job_1: 2 on m0, then 4 on m1.
    #[test]
    fn two_jobs_by_hand() {
        let (instance, mut schedule) = begun("2 2\n0 3 1 2\n0 2 1 4\n");
        // m0: 0 + 5 + min(2, 4) = 7; m1: 2 + 6 + 0 = 8; jobs: 5 and 6.
        assert_eq!((schedule.machine, schedule.now, schedule.bound), (0, 0, 8));
        assert_eq!(schedule.in_conflict, [true, true]);
        let first = schedule.take(&instance, 0);
        assert_eq!(first, Scheduled { job: 0, operation: 0, machine: 0, start: 0, end: 3 });
        // job_0 could leave m1 at 5, and job_1 could leave m0 at 5: the lower machine is next. job_1's chain ends at 3 + 2 + 4.
        assert_eq!((schedule.machine, schedule.now, schedule.bound), (0, 3, 9));
        assert_eq!(schedule.in_conflict, [false, true]);
        schedule.take(&instance, 1);
        assert_eq!((schedule.machine, schedule.now), (1, 3));
        // job_1 could start on m1 at 5, which is not before 5.
        assert_eq!(schedule.in_conflict, [true, false]);
        schedule.take(&instance, 0);
        schedule.take(&instance, 1);
        assert!(schedule.is_complete(&instance));
        assert_eq!((schedule.makespan, schedule.bound), (9, 9));
        let spans: Vec<_> = schedule.scheduled(&instance).map(|s| (s.machine, s.start, s.end)).collect();
        assert_eq!(spans, [(0, 0, 3), (1, 3, 5), (0, 3, 5), (1, 5, 9)]);
    }

    #[test]
    fn operations_without_duration_and_single_operations_are_scheduled() {
        for text in ["1 1\n0 0\n", "2 2\n0 0 1 0\n0 0 1 0\n", "2 2\n0 0 1 5\n1 0 0 3\n"] {
            let (instance, mut schedule) = begun(text);
            for _ in 0..instance.operations.len() {
                let job = schedule.in_conflict.iter().position(|waits| *waits).unwrap();
                schedule.take(&instance, job);
            }
            assert!(schedule.is_complete(&instance) && schedule.makespan == schedule.bound, "{text}");
        }
    }
}
