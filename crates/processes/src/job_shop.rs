//! `job-shop`: which job does a machine take next? Every job visits every machine once, in its own order.
//!
//! Each step schedules one operation of an active schedule (Giffler & Thompson 1960, see [`dispatch`]): the process
//! names the machine, the action names the next of the jobs that wait for it; all other jobs are masked. An episode
//! has jobs × machines steps and terminates with the whole schedule. The process has no randomness, except that a project
//! with several instances draws one of them for each episode.
//!
//! | signal | its sum over an episode |
//! |---|---|
//! | `makespan` | the makespan: growth of the end of the last operation scheduled |
//! | `makespan_bound` | the makespan − the bound on it before anything is scheduled: growth of a lower bound |
//! | `waiting` | time that jobs wait for a machine |
//! | `idle` | time that machines stand idle before an operation |
//!
//! The bound grows in the step that makes a better schedule impossible, the makespan often much later; so the
//! default reward is −1 × `makespan_bound` (as in Zhang et al. 2020, "Learning to dispatch for job shop scheduling via
//! deep reinforcement learning"), whose sum equals the sum of −1 × `makespan` up to a constant of the instance.
//!
//! Reference: the optima of the classical instances (`instances/*.txt`); makespans of the rules in `tests/job_shop.rs`.

use serde::{Deserialize, Serialize};
use setpoint_decision::spec::{ActionSpace, Choice, Spec, Termination};

use setpoint_process::gantt::Bar;
use setpoint_process::process::{Action, Outcome, Process};
use setpoint_random::Stream;

use dispatch::{PartialSchedule, Scheduled};
use instance::Instance;
use observation::Layout;
pub use open::open;

use crate::shop;

pub mod dispatch;
pub mod instance;
pub mod observation;
mod open;
pub mod rules;

/// Its name in a project file.
pub const KIND: &str = "job-shop";

/// A shop and its present schedule.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct JobShop {
    /// All of one size.
    instances: Vec<Instance>,
    layout: Layout,
    /// Index of this episode's instance.
    present: usize,
    schedule: PartialSchedule,
}

impl JobShop {
    /// For instances of one size; each episode draws one of them.
    ///
    /// # Panics
    /// If there is no instance, or their sizes differ.
    pub fn new(instances: Vec<Instance>) -> Self {
        assert!(shop::are_of_one_size(&instances), "one size of all instances");
        let layout = Layout::new(&instances);
        let mut schedule = PartialSchedule::default();
        schedule.begin(&instances[0]);
        Self { instances, layout, present: 0, schedule }
    }

    /// This episode's instance.
    pub fn instance(&self) -> &Instance {
        &self.instances[self.present]
    }

    /// The schedule so far.
    pub fn partial_schedule(&self) -> &PartialSchedule {
        &self.schedule
    }
}

impl Process for JobShop {
    fn spec(&self) -> Spec {
        let Instance { jobs, machines, .. } = self.instances[0];
        let choice = |job: usize| Choice {
            name: format!("job_{job}"),
            description: format!("the machine takes job {job} next"),
        };
        // The sum of all work, which no active schedule exceeds.
        let work_max = self.instances.iter().map(Instance::work).max().unwrap_or(0) as f32;
        let names: Vec<&str> = self.instances.iter().map(|instance| instance.name.as_str()).collect();
        Spec {
            kind: KIND.to_owned(),
            summary: "choose the next waiting job for a machine, for the least makespan".to_owned(),
            source: "Giffler & Thompson 1960; instances of Fisher & Thompson 1963 and Lawrence 1984"
                .to_owned(),
            observation: self.layout.features(),
            action: ActionSpace::one_of((0..jobs).map(choice).collect()),
            masked: true,
            deterministic: self.instances.len() == 1,
            termination: Termination::Goal,
            signals: shop::signals(work_max),
            reward: vec![("makespan_bound".to_owned(), -1.0)],
            notes: shop::optima(&self.instances)
                .map(|optima| format!("{optima} {jobs} jobs on {machines} machines ({}).", names.join(", ")))
                .into_iter()
                .collect(),
            ..Spec::default()
        }
    }

    fn reset(&mut self, random: &mut Stream, observation: &mut [f32], signals: &mut [f32]) {
        if self.instances.len() > 1 {
            self.present = random.below(self.instances.len() as u32) as usize;
        }
        let instance = &self.instances[self.present];
        self.schedule.begin(instance);
        self.layout.observe(instance, &self.schedule, observation);
        signals.fill(0.0);
    }

    fn step(
        &mut self,
        action: Action<'_>,
        _random: &mut Stream,
        observation: &mut [f32],
        signals: &mut [f32],
    ) -> Outcome {
        let job = action.choice();
        let Self { instances, present, schedule, layout } = self;
        let instance = &instances[*present];
        let (makespan, bound) = (schedule.makespan, schedule.bound);
        let (ready, free) = (schedule.ready[job], schedule.free[schedule.machine]);
        let scheduled = schedule.take(instance, job);
        // Whole numbers below 2²⁴: exact.
        signals[0] = (schedule.makespan - makespan) as f32;
        signals[1] = (schedule.bound - bound) as f32;
        signals[2] = (scheduled.start - ready) as f32;
        signals[3] = (scheduled.start - free) as f32;
        layout.observe(instance, schedule, observation);
        if schedule.is_complete(instance) { Outcome::Terminated } else { Outcome::Running }
    }

    fn mask(&self, allowed: &mut [bool]) {
        allowed.copy_from_slice(&self.schedule.in_conflict);
        // A finished schedule is reset before the next decision, so its mask is not needed.
        if self.schedule.is_complete(self.instance()) {
            allowed.fill(true);
        }
    }

    fn schedule(&self) -> Vec<Bar> {
        self.schedule.scheduled(self.instance()).map(Scheduled::bar).collect()
    }
}
