//! `flexible-job-shop`: which job does which machine take next? An operation can be done by one of several machines, with a
//! duration of its own on each; a job may have any number of operations.
//!
//! Each step schedules one operation (see [`dispatch`]): the action is a pair of job and machine, and all pairs but those
//! of the conflict set are masked. An episode has one step for each operation and terminates with the whole schedule. The
//! shop is an instance from a file or built in, one of several instances, or a random one (see [`generator`]): then each
//! episode has another shop of the same size, and an evaluation has shops that no training saw.
//!
//! | signal | its sum over an episode |
//! |---|---|
//! | `makespan` | the makespan: growth of the end of the last operation scheduled |
//! | `makespan_bound` | the makespan − the bound on it before anything is scheduled: growth of a lower bound |
//! | `waiting` | time that jobs wait for a machine |
//! | `idle` | time that machines stand idle before an operation |
//! | `extra_duration` | time that operations take longer than on their fastest machines |
//!
//! The default reward is −1 × `makespan_bound`, as in `job-shop`.
//!
//! Reference, in `tests/flexible_job_shop.rs`: no schedule beats the optimum of Brandimarte's (1993) mk01; every schedule of
//! small shops; `job-shop`'s own decisions and times on shops without a choice of machines.

use serde::{Deserialize, Serialize};
use setpoint_decision::spec::{ActionSpace, Choice, Spec, Termination};
use setpoint_process::gantt::Bar;
use setpoint_process::process::{Action, Outcome, Process};
use setpoint_random::Stream;

use dispatch::{PartialSchedule, Scheduled};
use generator::Generator;
use instance::Instance;
use observation::Layout;
pub use open::open;

use crate::shop;

pub mod dispatch;
pub mod file;
pub mod generator;
pub mod instance;
pub mod observation;
mod open;
pub mod rules;

/// Its name in a project file.
pub const KIND: &str = "flexible-job-shop";

/// The shops of the episodes.
#[derive(Clone, Debug)]
pub enum Shops {
    /// Each episode draws one of these instances. All have one size, and there is at least one.
    Given(Vec<Instance>),
    /// Each episode has a random shop.
    Random(Generator),
}

/// A shop and its present schedule.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FlexibleJobShop {
    /// All of one size; of random shops, only this episode's.
    instances: Vec<Instance>,
    /// Makes each episode's shop, if the shops are random.
    generator: Option<Generator>,
    layout: Layout,
    /// No schedule is longer.
    work_max: f32,
    /// Index of this episode's instance.
    present: usize,
    schedule: PartialSchedule,
    /// Scratch of the generator.
    #[serde(skip)]
    order: Vec<u32>,
}

impl FlexibleJobShop {
    /// For instances of one size, or for random shops.
    ///
    /// # Panics
    /// If there is no instance, or their numbers of jobs or of machines differ.
    pub fn new(shops: Shops) -> Self {
        let (layout, work_max, instances, generator) = match shops {
            Shops::Given(instances) => {
                assert!(shop::are_of_one_size(&instances), "one size of all instances");
                let work = instances.iter().map(Instance::most_work).max().unwrap_or(0);
                (Layout::of(&instances), work, instances, None)
            }
            Shops::Random(generator) => {
                let mut instance = Instance::empty("random", generator.machines);
                generator.generate(&mut Stream::new(0, "the first shop", 0), &mut Vec::new(), &mut instance);
                (generator.layout(), generator.most_work(), vec![instance], Some(generator))
            }
        };
        let mut schedule = PartialSchedule::default();
        schedule.begin(&instances[0]);
        let work_max = work_max as f32;
        Self { instances, generator, layout, work_max, present: 0, schedule, order: Vec::new() }
    }

    /// This episode's instance.
    pub fn instance(&self) -> &Instance {
        &self.instances[self.present]
    }

    /// The schedule so far.
    pub fn partial_schedule(&self) -> &PartialSchedule {
        &self.schedule
    }

    /// Sizes and scales of the observation.
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    fn choices(&self) -> Vec<Choice> {
        let Layout { jobs, machines, .. } = self.layout;
        let choice = |index: usize| {
            let (job, machine) = (index / machines, index % machines);
            Choice {
                name: format!("job_{job}_on_machine_{machine}"),
                description: format!("machine {machine} takes job {job} next"),
            }
        };
        (0..jobs * machines).map(choice).collect()
    }
}

impl Process for FlexibleJobShop {
    fn spec(&self) -> Spec {
        let mut signals = shop::signals(self.work_max);
        signals.push(shop::total(
            "extra_duration",
            self.work_max,
            "duration of the operation minus its duration on its fastest machine",
        ));
        Spec {
            kind: KIND.to_owned(),
            summary: "choose the next pair of job and machine, for the least makespan".to_owned(),
            source: "Brandimarte 1993; conflict sets after Giffler & Thompson 1960; random shops after Song et al. 2022"
                .to_owned(),
            observation: self.layout.features(),
            action: ActionSpace::one_of(self.choices()),
            masked: true,
            deterministic: self.generator.is_none() && self.instances.len() == 1,
            signals,
            reward: vec![("makespan_bound".to_owned(), -1.0)],
            termination: Termination::Goal,
            notes: shop::optima(&self.instances).into_iter().collect(),
            ..Spec::default()
        }
    }

    fn reset(&mut self, random: &mut Stream, observation: &mut [f32], signals: &mut [f32]) {
        if let Some(generator) = &self.generator {
            generator.generate(random, &mut self.order, &mut self.instances[0]);
        } else if self.instances.len() > 1 {
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
        let Self { layout, instances, present, schedule, .. } = self;
        let instance = &instances[*present];
        let (job, machine) = (action.choice() / layout.machines, action.choice() % layout.machines);
        let (makespan, bound) = (schedule.makespan, schedule.bound);
        let (ready, free) = (schedule.ready[job], schedule.free[machine]);
        let scheduled = schedule.take(instance, job, machine);
        let operation = instance.job(job).start + scheduled.operation;
        // Whole numbers below 2²⁴: exact.
        signals[0] = (schedule.makespan - makespan) as f32;
        signals[1] = (schedule.bound - bound) as f32;
        signals[2] = (scheduled.start - ready) as f32;
        signals[3] = (scheduled.start - free) as f32;
        signals[4] = (scheduled.end - scheduled.start - instance.shortest(operation)) as f32;
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
