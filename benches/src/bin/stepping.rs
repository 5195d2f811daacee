//! A built-in process through the vectorised interface: `stepping [KIND [THREADS [LANES]]]`; `assembly-line`, one thread and 256
//! lanes by default. The actions are random. Of a process with masks only the steps themselves are timed, because each action
//! follows from the mask.

use std::time::{Duration, Instant};

use setpoint_benches::print;
use setpoint_decision::spec::Spec;
use setpoint_process::vectorized::{Actions, Batch};
use setpoint_processes::open_kind;
use setpoint_random::Stream;

/// Steps of lanes in a measurement; fewer of an expensive process.
const LANE_STEPS: usize = 5_120_000;
const MASKED_LANE_STEPS: usize = 256_000;
const MEASUREMENTS: usize = 9;
/// Steps after which the random actions, drawn beforehand, repeat.
const DRAWN: usize = 1024;

fn main() {
    let mut arguments = std::env::args().skip(1);
    let kind = arguments.next().unwrap_or_else(|| "assembly-line".to_owned());
    let mut number = |default| arguments.next().map_or(default, |text| text.parse().expect("a number"));
    let (threads, lanes) = (number(1), number(256));
    let factory = open_kind(&kind, None).unwrap_or_else(|| panic!("there is no process `{kind}`"));
    let mut batch = factory.batch(lanes, 0, "benchmark").unwrap();
    batch.use_threads(threads);
    let drawn = Drawn::new(factory.spec(), lanes);
    let lane_steps = if factory.spec().masked { MASKED_LANE_STEPS } else { LANE_STEPS };
    let steps = lane_steps / lanes;
    let mut seconds: Vec<f64> = (0..MEASUREMENTS)
        .map(|_| match factory.spec().masked {
            true => drawn.masked(batch.as_mut(), steps),
            false => drawn.any(batch.as_mut(), steps),
        })
        .map(|time| time.as_secs_f64())
        .collect();
    seconds.sort_by(f64::total_cmp);
    print(&format!("{kind}-stepping"), (steps * lanes) as f64 / seconds[MEASUREMENTS / 2], "steps/s");
}

/// Random actions for [`DRAWN`] steps.
struct Drawn {
    lanes: usize,
    groups: usize,
    axes: usize,
    choices: Vec<u32>,
    settings: Vec<f32>,
}

impl Drawn {
    fn new(spec: &Spec, lanes: usize) -> Self {
        let mut random = Stream::new(0, "benchmark actions", 0);
        let mut drawn = Self {
            lanes,
            groups: spec.action.groups.len(),
            axes: spec.action.axes.len(),
            choices: Vec::new(),
            settings: Vec::new(),
        };
        for _ in 0..lanes * DRAWN {
            let groups = spec.action.groups.iter();
            drawn.choices.extend(groups.map(|group| random.below(group.choices.len() as u32)));
            let axes = spec.action.axes.iter();
            drawn.settings.extend(axes.map(|axis| random.uniform(axis.low, axis.high)));
        }
        drawn
    }

    /// The time of so many steps of a process that allows every action.
    fn any(&self, batch: &mut dyn Batch, steps: usize) -> Duration {
        let Self { lanes, groups, axes, choices, settings } = self;
        let started = Instant::now();
        for step in (0..DRAWN).cycle().take(steps) {
            let (choice, setting) = (lanes * groups, lanes * axes);
            let choices = &choices[step * choice..(step + 1) * choice];
            let settings = &settings[step * setting..(step + 1) * setting];
            batch.step(Actions { choices, settings }).unwrap();
        }
        started.elapsed()
    }

    /// The same of a process with one group of choices, with the next allowed choice behind each drawn one, without the time to find it.
    fn masked(&self, batch: &mut dyn Batch, steps: usize) -> Duration {
        let (mut time, mut choices) = (Duration::ZERO, vec![0; self.lanes]);
        for drawn in self.choices.chunks_exact(self.lanes).cycle().take(steps) {
            let allowed = &batch.transition().allowed;
            let count = allowed.len() / self.lanes;
            for (lane, (choice, drawn)) in choices.iter_mut().zip(drawn).enumerate() {
                let own = &allowed[lane * count..(lane + 1) * count];
                let mut behind = (0..count).map(|ahead| (*drawn as usize + ahead) % count);
                *choice = behind.find(|choice| own[*choice]).expect("an allowed choice") as u32;
            }
            let started = Instant::now();
            batch.step(Actions::of_choices(&choices)).unwrap();
            time += started.elapsed();
        }
        time
    }
}
