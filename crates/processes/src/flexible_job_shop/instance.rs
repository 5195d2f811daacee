//! Instances of the flexible job shop, and the classical instance that is built in.

use serde::{Deserialize, Serialize};

use crate::shop::Shop;

/// In the table of durations: the machine cannot do the operation.
const NOT_ELIGIBLE: u32 = u32::MAX;

/// The classical instances: name, text, proven optimal makespan.
const BUILTIN: [(&str, &str, u32); 1] = [("mk01", include_str!("instances/mk01.fjs"), 40)];

/// Names of the built-in instances.
pub fn names() -> impl Iterator<Item = &'static str> {
    BUILTIN.iter().map(|(name, ..)| *name)
}

/// Text and proven optimum of a built-in instance.
pub fn built_in(name: &str) -> Option<(&'static str, u32)> {
    BUILTIN.iter().find(|(known, ..)| *known == name).map(|(_, text, optimum)| (*text, *optimum))
}

/// The jobs, the operations of each job in their order, and the duration of each operation on each of its machines.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Instance {
    /// Its name, or that of its file.
    pub name: String,
    /// Number of machines, at least 1.
    pub machines: usize,
    /// The least possible makespan, if it is proven.
    pub optimum: Option<u32>,
    /// `[jobs + 1]`: the first operation of each job; then the number of operations.
    first: Vec<u32>,
    /// `[operations, machines]`: durations.
    durations: Vec<u32>,
    /// `[operations]`: the duration on the fastest machine.
    shortest: Vec<u32>,
}

impl Instance {
    /// Without any job.
    pub fn empty(name: &str, machines: usize) -> Self {
        Self { name: name.to_owned(), machines, first: vec![0], ..Self::default() }
    }

    /// Removes all jobs and keeps the memory.
    pub fn clear(&mut self) {
        self.first.truncate(1);
        self.durations.clear();
        self.shortest.clear();
    }

    /// Adds an operation to the job that [`Instance::end_job`] will end; pairs of machine (from 0) and duration.
    ///
    /// # Panics
    /// If there is no pair, or a machine does not exist.
    pub fn add_operation(&mut self, alternatives: impl IntoIterator<Item = (usize, u32)>) {
        let start = self.durations.len();
        self.durations.resize(start + self.machines, NOT_ELIGIBLE);
        let row = &mut self.durations[start..];
        alternatives.into_iter().for_each(|(machine, duration)| row[machine] = duration);
        let shortest = row.iter().copied().min().unwrap_or(NOT_ELIGIBLE);
        assert!(shortest != NOT_ELIGIBLE, "an operation needs a machine");
        self.shortest.push(shortest);
    }

    /// Ends a job: the operations added since the last job are its operations.
    pub fn end_job(&mut self) {
        self.first.push(self.shortest.len() as u32);
    }

    /// Number of jobs.
    pub fn jobs(&self) -> usize {
        self.first.len() - 1
    }

    /// Number of operations of all jobs.
    pub fn operations(&self) -> usize {
        self.shortest.len()
    }

    /// Indices of a job's operations, in the job's order.
    pub fn job(&self, job: usize) -> std::ops::Range<usize> {
        self.first[job] as usize..self.first[job + 1] as usize
    }

    /// The duration on a machine; `None` if the machine cannot do the operation.
    #[inline]
    pub fn duration(&self, operation: usize, machine: usize) -> Option<u32> {
        let duration = self.durations[operation * self.machines + machine];
        (duration != NOT_ELIGIBLE).then_some(duration)
    }

    /// The machines that can do an operation, with the duration on each.
    #[inline]
    pub fn alternatives(&self, operation: usize) -> impl Iterator<Item = (usize, u32)> + '_ {
        let row = &self.durations[operation * self.machines..(operation + 1) * self.machines];
        row.iter().copied().enumerate().filter(|(_, duration)| *duration != NOT_ELIGIBLE)
    }

    /// The duration on the fastest machine.
    #[inline]
    pub fn shortest(&self, operation: usize) -> u32 {
        self.shortest[operation]
    }

    /// The longest duration of any operation on any machine that can do it.
    pub fn longest(&self) -> u32 {
        self.durations.iter().copied().filter(|duration| *duration != NOT_ELIGIBLE).max().unwrap_or(0)
    }

    /// Sum of the longest durations of all operations: no schedule of [`super::dispatch`] takes longer.
    pub fn most_work(&self) -> u64 {
        let longest =
            |operation| self.alternatives(operation).map(|(_, duration)| duration).max().unwrap_or(0);
        (0..self.operations()).map(|operation| u64::from(longest(operation))).sum()
    }
}

impl Shop for Instance {
    fn name(&self) -> &str {
        &self.name
    }

    fn size(&self) -> (usize, usize) {
        (self.jobs(), self.machines)
    }

    fn optimum(&self) -> Option<u32> {
        self.optimum
    }
}
