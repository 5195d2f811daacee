//! A training from its beginning, or from its newest checkpoint, to its end.

use std::sync::atomic::AtomicBool;

use setpoint_policy::Policy;

use crate::error::TrainError;
use crate::problem::Problem;
use crate::settings::same_settings;
use crate::trainer::{Round, Trainer};
use setpoint_files::run::{Kind, NewRun, Run};
use setpoint_files::run_folder::RunFolder;

pub use crate::trainer::{Ending, Progress, StoredSummary, Summary, Trained};
pub use setpoint_files::run::Start;

/// The options of a training that do not change its result.
pub struct TrainOptions<'a> {
    /// The folder of its files; `None` writes no files (benchmarks, tests).
    pub folder: Option<RunFolder>,
    /// How the run in the folder is opened.
    pub start: Start,
    /// Number of cores, 1 or 2.
    pub threads: usize,
    /// Set to stop. The training ends within an environment step or a gradient step, with a checkpoint from which a resume
    /// repeats the update that was interrupted.
    pub stop: &'a AtomicBool,
    /// Called after every update, and before the first one if the training continues: with the steps that it had.
    pub progress: &'a mut dyn FnMut(&Progress),
}

/// Number of cores: the given number, otherwise all.
pub fn cores(given: Option<usize>) -> usize {
    given.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from))
}

/// Trains the problem's policy with its seed.
pub fn train(problem: &Problem, options: TrainOptions<'_>) -> Result<Trained, TrainError> {
    train_until(problem, u64::MAX, options)
}

/// The same, but pauses after the update that reaches this number of environment steps ([`Ending::Paused`]).
pub fn train_until(problem: &Problem, steps: u64, options: TrainOptions<'_>) -> Result<Trained, TrainError> {
    let mut trainer = match &options.folder {
        Some(folder) => {
            let run = Run::open(folder, &new_run(problem, Kind::Training), options.start)?;
            if let Some(trained) = finished(problem, &run, options.start)? {
                return Ok(trained);
            }
            Trainer::in_run(problem, options.threads, run, options.start)?
        }
        None => Trainer::without_files(problem, options.threads)?,
    };
    trainer.pause_at(steps);
    if trainer.steps() > 0 {
        (options.progress)(&trainer.progress());
    }
    loop {
        match trainer.round(options.stop)? {
            Round::Updated => (options.progress)(&trainer.progress()),
            Round::Ended(ending) => return trainer.finish(ending),
        }
    }
}

/// The run of a problem that is about to begin.
pub fn new_run(problem: &Problem, kind: Kind) -> NewRun<'_> {
    let project = &problem.decision.project;
    NewRun {
        kind,
        project: &project.charter.name,
        project_folder: Some(&project.folder),
        part_of: None,
        from: problem.first_policy.as_ref().map(|first| first.beginning.clone()),
    }
}

/// A run that has ended already is not trained again, unless its goals have grown.
fn finished(problem: &Problem, run: &Run, start: Start) -> Result<Option<Trained>, TrainError> {
    let folder = &run.folder;
    if !run.resumed || !folder.summary().is_file() || !folder.policy().is_file() {
        return Ok(None);
    }
    if same_settings(problem, folder, start.may_grow())?.is_some() {
        return Ok(None);
    }
    let stored = match StoredSummary::of(folder) {
        Ok(Some(stored)) if run.marker.owns(stored.run) => stored,
        // A damaged file or one of another run: the last checkpoint replaces it.
        _ => return Ok(None),
    };
    let policy = match Policy::load(&folder.policy()) {
        Ok(policy) => policy,
        // It is complete; writing it again would lose it.
        Err(error) if error.is_newer() => return Err(error.into()),
        // The last checkpoint replaces a damaged file.
        Err(_) => return Ok(None),
    };
    if stored.policy.is_some_and(|hash| hash != policy.hash()) {
        return Ok(None);
    }
    Ok(Some(Trained { policy, summary: stored.summary, folder: Some(folder.clone()), notes: Vec::new() }))
}
