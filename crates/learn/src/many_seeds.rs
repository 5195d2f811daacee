//! One training per seed, side by side on all cores: a distribution over seeds instead of a lucky one.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc;

use serde::{Deserialize, Serialize};
use setpoint_process::random::Stream;

use crate::error::TrainError;
use crate::evaluate::{Evaluation, evaluate};
use crate::problem::Problem;
use crate::run_folder::RunFolder;
use crate::statistics::Summary;
use crate::train::{self, Ending, Progress, TrainOptions, train};

/// All seeds of one training: `evidence/seeds.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Seeds {
    /// Each seed, in order.
    pub runs: Vec<SeedRun>,
    /// Reward per step over seeds, each seed's evaluation one number.
    pub reward_per_step: Summary,
    /// Return of an episode over seeds.
    pub episode_return: Summary,
    /// Each signal's mean over seeds: name, unit, mean ± sd.
    pub signals: Vec<SignalOverSeeds>,
}

/// A signal over seeds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SignalOverSeeds {
    /// Its name.
    pub name: String,
    /// Its unit; `%` for shares.
    pub unit: String,
    /// Over seeds, each seed's evaluation one number.
    pub over_seeds: Summary,
}

/// One seed's training and evaluation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SeedRun {
    /// The seed.
    pub seed: u64,
    /// How its training went.
    pub training: train::Summary,
    /// How its policy does.
    pub evaluation: Evaluation,
}

/// What arrives while seeds are trained.
pub enum Event {
    /// A seed got on.
    Progress {
        /// Its place among the seeds.
        index: usize,
        /// How far it is.
        progress: Progress,
    },
    /// A seed is trained and evaluated.
    Finished {
        /// Its place among the seeds.
        index: usize,
        /// Mean reward per step of its evaluation.
        reward_per_step: f64,
    },
}

/// Trains and evaluates `count` seeds from the project's on, `threads` at a time, each in its own folder below
/// `folder`. Gives `None` when it was stopped; what was trained stays and is not trained again on resume.
pub fn train_seeds(
    problem: &Problem,
    count: usize,
    threads: usize,
    folder: Option<&RunFolder>,
    resume: bool,
    stop: &AtomicBool,
    observe: &mut dyn FnMut(Event),
) -> Result<Option<Seeds>, TrainError> {
    let first = problem.project.train.seed;
    let next = AtomicUsize::new(0);
    let (sender, receiver) = mpsc::channel();
    let mut runs: Vec<Option<SeedRun>> = vec![None; count];
    let mut failure = None;
    std::thread::scope(|scope| {
        for _ in 0..threads.clamp(1, count) {
            let (sender, next) = (sender.clone(), &next);
            scope.spawn(move || {
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    if index >= count || stop.load(Ordering::Relaxed) {
                        break;
                    }
                    let seed = first + index as u64;
                    let folder = folder.map(|folder| RunFolder::at(folder.path.join(format!("seed-{seed}"))));
                    let mut progress = |progress: &Progress| {
                        // The receiver outlives the scope; a failed send could only mean that nobody looks.
                        let _ = sender.send(Message::Progress(index, *progress));
                    };
                    let result = one_seed(problem, seed, folder, resume, stop, &mut progress);
                    let _ = sender.send(Message::Done(index, Box::new(result)));
                }
            });
        }
        drop(sender);
        for message in receiver {
            match message {
                Message::Progress(index, progress) => observe(Event::Progress { index, progress }),
                Message::Done(index, result) => match *result {
                    Ok(Some(run)) => {
                        let reward_per_step = run.evaluation.policy.reward_per_step.mean;
                        observe(Event::Finished { index, reward_per_step });
                        runs[index] = Some(run);
                    }
                    Ok(None) => {}
                    Err(error) => {
                        stop.store(true, Ordering::Relaxed);
                        failure.get_or_insert(error);
                    }
                },
            }
        }
    });
    if let Some(error) = failure {
        return Err(error);
    }
    Ok(runs.into_iter().collect::<Option<Vec<_>>>().map(summarize))
}

enum Message {
    Progress(usize, Progress),
    Done(usize, Box<Result<Option<SeedRun>, TrainError>>),
}

fn one_seed(
    problem: &Problem,
    seed: u64,
    folder: Option<RunFolder>,
    resume: bool,
    stop: &AtomicBool,
    progress: &mut dyn FnMut(&Progress),
) -> Result<Option<SeedRun>, TrainError> {
    let mut problem = problem.clone();
    problem.project.train.seed = seed;
    let trained = train(&problem, TrainOptions { folder, resume, threads: 1, stop, progress })?;
    if trained.summary.ending == Ending::Interrupted {
        return Ok(None);
    }
    let evaluation = evaluate(&problem, &trained.policy, 1)?;
    Ok(Some(SeedRun { seed, training: trained.summary, evaluation }))
}

fn summarize(runs: Vec<SeedRun>) -> Seeds {
    let mut random = Stream::new(runs[0].seed, "bootstrap seeds", 0);
    let mut over = |value: &dyn Fn(&SeedRun) -> f64| {
        let values: Vec<f64> = runs.iter().map(value).collect();
        Summary::of(&values, &mut random)
    };
    let reward_per_step = over(&|run| run.evaluation.policy.reward_per_step.mean);
    let episode_return = over(&|run| run.evaluation.policy.episode_return.mean);
    let signals = (0..runs[0].evaluation.policy.signals.len())
        .map(|index| SignalOverSeeds {
            name: runs[0].evaluation.policy.signals[index].name.clone(),
            unit: runs[0].evaluation.policy.signals[index].unit.clone(),
            over_seeds: over(&|run| run.evaluation.policy.signals[index].mean),
        })
        .collect();
    Seeds { reward_per_step, episode_return, signals, runs }
}
