//! What both kinds of job shops have: instances of one size, places of operations, signals, and orders of the rules.

use std::cmp::Ordering;

use setpoint_decision::spec::{Aggregate, Signal};
use setpoint_process::gantt::Bar;

/// The unit of all times: the classical instances name no unit.
pub const TIME: &str = "time";

/// An instance of a shop.
pub trait Shop {
    /// Its name, or that of its file.
    fn name(&self) -> &str;
    /// Numbers of jobs and of machines, each at least 1.
    fn size(&self) -> (usize, usize);
    /// The least possible makespan, if it is proven.
    fn optimum(&self) -> Option<u32>;
}

/// Whether all have one number of jobs and one number of machines.
pub fn are_of_one_size(instances: &[impl Shop]) -> bool {
    instances.windows(2).all(|pair| pair[0].size() == pair[1].size())
}

/// The proven optima in a sentence; `None` if there is none.
pub fn optima(instances: &[impl Shop]) -> Option<String> {
    let optima = instances.iter().filter_map(|shop| Some(format!("{} {}", shop.name(), shop.optimum()?)));
    let optima: Vec<String> = optima.collect();
    (!optima.is_empty()).then(|| format!("Proven optimal makespans: {}.", optima.join(", ")))
}

/// One operation with its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scheduled {
    /// The job, from 0.
    pub job: usize,
    /// The index among the job's operations, from 0.
    pub operation: usize,
    /// The machine, from 0.
    pub machine: usize,
    /// In the instance's unit of time, from 0.
    pub start: u32,
    /// Start plus duration.
    pub end: u32,
}

impl Scheduled {
    /// Its bar in a chart with one row per machine.
    pub fn bar(self) -> Bar {
        Bar {
            row: format!("machine_{}", self.machine),
            label: format!("job_{}", self.job),
            start: self.start as f32,
            end: self.end as f32,
        }
    }
}

/// A signal whose sum over an episode counts, a time from 0 to `work_max`, which no schedule exceeds; at least 1, so that its
/// range is never empty.
pub fn total(name: &str, work_max: f32, description: &str) -> Signal {
    Signal::new(name, TIME, 0.0, work_max.max(1.0), description).summarised_by(Aggregate::Total)
}

/// The signals of every shop, in this order; `work_max` as in [`total`].
pub fn signals(work_max: f32) -> Vec<Signal> {
    vec![
        total("makespan", work_max, "growth of the end of the schedule; in all, the makespan"),
        total(
            "makespan_bound",
            work_max,
            "growth of the least possible makespan; in all, the makespan minus the first bound",
        ),
        total("waiting", work_max, "time that the chosen job waited for the machine"),
        total("idle", work_max, "time that the machine was idle before the chosen job"),
    ]
}

/// The order of two candidates of a rule by one of their features, the least first.
pub fn least(feature: usize, a: &[f32], b: &[f32]) -> Ordering {
    a[feature].total_cmp(&b[feature])
}

/// The order of two candidates of a rule by one of their features, the greatest first.
pub fn most(feature: usize, a: &[f32], b: &[f32]) -> Ordering {
    least(feature, b, a)
}
