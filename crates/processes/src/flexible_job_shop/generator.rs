//! Random shops: each episode has another shop of one size.
//!
//! As in Song et al. (2022), "Flexible job-shop scheduling via graph neural network and deep reinforcement learning": the
//! number of operations of a job, the number of machines of an operation and its mean duration are uniform; on each
//! machine, the duration differs from the mean by a uniform share.

use serde::{Deserialize, Serialize};
use setpoint_random::Stream;

use super::instance::Instance;
use super::observation::Layout;

/// Ranges of random shops; both ends belong to a range.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Generator {
    /// Number of jobs, at least 1.
    pub jobs: usize,
    /// Number of machines, at least 1.
    pub machines: usize,
    /// Operations of a job, at least 1.
    pub operations: [u32; 2],
    /// Machines that can do an operation, at least 1 and at most [`Self::machines`].
    pub machines_per_operation: [u32; 2],
    /// Mean duration of an operation over its machines, at least 1.
    pub durations: [u32; 2],
    /// Greatest difference between a machine's duration and the mean, in percent of the mean; at most 99.
    pub spread_percent: u32,
}

impl Default for Generator {
    fn default() -> Self {
        Self {
            jobs: 8,
            machines: 5,
            operations: [3, 5],
            machines_per_operation: [1, 3],
            durations: [2, 20],
            spread_percent: 20,
        }
    }
}

impl Generator {
    /// Replaces an instance by a random one; `order` holds the machines. Allocates only if the sizes grow.
    pub fn generate(&self, random: &mut Stream, order: &mut Vec<u32>, instance: &mut Instance) {
        instance.clear();
        let between = |random: &mut Stream, [low, high]: [u32; 2]| low + random.below(high - low + 1);
        for _ in 0..self.jobs {
            for _ in 0..between(random, self.operations) {
                let mean = between(random, self.durations);
                let count = between(random, self.machines_per_operation) as usize;
                order.clear();
                order.extend(0..self.machines as u32);
                random.shuffle(order);
                // In hundredths of the unit of time, then rounded; at least 1.
                let (low, high) = (mean * (100 - self.spread_percent), mean * (100 + self.spread_percent));
                let duration = |random: &mut Stream| ((between(random, [low, high]) + 50) / 100).max(1);
                instance.add_operation(
                    order[..count].iter().map(|machine| (*machine as usize, duration(random))),
                );
            }
            instance.end_job();
        }
    }

    /// The longest duration.
    fn longest(&self) -> u32 {
        (self.durations[1] * (100 + self.spread_percent) + 50) / 100
    }

    /// No schedule takes longer.
    pub fn most_work(&self) -> u64 {
        self.jobs as u64 * u64::from(self.operations[1]) * u64::from(self.longest())
    }

    /// Scales that fit every shop. The horizon is the greater of the longest job and the mean load of a machine.
    pub fn layout(&self) -> Layout {
        let mean = |[low, high]: [u32; 2]| 0.5 * (low + high) as f32;
        let work_max = (self.operations[1] * self.longest()) as f32;
        let work = self.jobs as f32 * mean(self.operations) * mean(self.durations);
        Layout {
            jobs: self.jobs,
            machines: self.machines,
            operations_max: self.operations[1] as f32,
            duration_max: self.longest() as f32,
            work_max,
            horizon: work_max.max(work / self.machines as f32),
        }
    }
}
