//! One training per seed, in parallel on all cores: a distribution over seeds instead of one lucky seed.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc;

use setpoint_evidence::PlayError;
use setpoint_evidence::evaluate::evaluate_unless_stopped;
use setpoint_files::run::{Run, Start};
use setpoint_files::run_folder::RunFolder;
use setpoint_learn::error::TrainError;
use setpoint_learn::first_policy::same_beginning;
use setpoint_learn::problem::Problem;
use setpoint_learn::train;
use setpoint_learn::train::{Ending, Progress, TrainOptions, train};

use crate::seeds::{SeedRun, Seeds};

/// One of several parallel trainings.
pub struct Member<'a> {
    /// The problem; `seed` replaces its own seed.
    pub problem: &'a Problem,
    /// The seed.
    pub seed: u64,
    /// The folder of its files.
    pub folder: Option<RunFolder>,
}

/// An event during the trainings.
pub enum Event {
    /// Progress of a member.
    Progress {
        /// Its place among the members.
        index: usize,
        /// Its progress.
        progress: Progress,
    },
    /// A member is trained and evaluated.
    Finished {
        /// Its place among the members.
        index: usize,
        /// The summary of its training.
        training: train::Summary,
        /// Mean return per episode of its evaluation.
        episode_return: f64,
    },
}

/// The options of parallel trainings; they do not change a result.
pub struct SideBySide<'a> {
    /// Number of trainings at a time, one core each.
    pub at_once: usize,
    /// How the run in the folder of each is opened.
    pub start: Start,
    /// Set to stop: within an update, or within a step of an evaluation.
    pub stop: &'a AtomicBool,
    /// Whether a failure stops the other members too.
    pub stops_all: fn(&TrainError) -> bool,
}

/// Trains and evaluates `count` seeds from the project's seed on, `at_once` at a time, each in its own folder in the run
/// `whole`. Gives `None` if it was stopped; finished trainings are kept, and a resume does not repeat them.
pub fn train_seeds(
    problem: &Problem,
    count: usize,
    at_once: usize,
    whole: Option<&Run>,
    stop: &AtomicBool,
    observe: &mut dyn FnMut(Event),
) -> Result<Option<Seeds>, TrainError> {
    if let Some(run) = whole.filter(|run| run.resumed) {
        // A seed that has not begun yet needs the first policy.
        same_beginning(problem.first_policy.as_deref(), run, false)?;
    }
    let first = problem.decision.project.train.seed;
    let members: Vec<Member<'_>> = (first..first + count as u64)
        .map(|seed| Member { problem, seed, folder: whole.map(|run| run.folder.of_seed(seed)) })
        .collect();
    let start = whole.map_or(Start::New, |run| Start::Part(run.marker.identity));
    let how = SideBySide { at_once, start, stop, stops_all: |_| true };
    let mut runs = Vec::with_capacity(count);
    let mut stopped = false;
    for end in train_members(&members, &how, observe) {
        match end.transpose()? {
            Some(run) => runs.push(run),
            None => stopped = true,
        }
    }
    Ok((!stopped).then(|| Seeds::of(runs)))
}

/// Trains and evaluates every member, each on one core. The result is `None` for a member that was stopped before its end.
pub fn train_members(
    members: &[Member<'_>],
    how: &SideBySide<'_>,
    observe: &mut dyn FnMut(Event),
) -> Vec<Option<Result<SeedRun, TrainError>>> {
    let next = AtomicUsize::new(0);
    let (sender, receiver) = mpsc::channel();
    let mut ends: Vec<Option<Result<SeedRun, TrainError>>> = members.iter().map(|_| None).collect();
    std::thread::scope(|scope| {
        for _ in 0..how.at_once.clamp(1, members.len().max(1)) {
            let (sender, next) = (sender.clone(), &next);
            let work = move || {
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    if index >= members.len() || how.stop.load(Ordering::Relaxed) {
                        break;
                    }
                    let mut progress = |progress: &Progress| {
                        // The receiver outlives the scope; a failed send could only mean that the receiver has ended.
                        let _ = sender.send(Message::Progress(index, *progress));
                    };
                    let result = members[index].train(how, &mut progress);
                    let _ = sender.send(Message::Done(index, Box::new(result)));
                }
            };
            begin(scope, work);
        }
        drop(sender);
        for message in receiver {
            match message {
                Message::Progress(index, progress) => observe(Event::Progress { index, progress }),
                Message::Done(index, result) => {
                    match result.as_ref() {
                        Ok(Some(run)) => {
                            let episode_return = run.evaluation.policy.episode_return.mean;
                            observe(Event::Finished {
                                index,
                                training: run.training.clone(),
                                episode_return,
                            });
                        }
                        Err(error) if (how.stops_all)(error) => how.stop.store(true, Ordering::Relaxed),
                        _ => {}
                    }
                    ends[index] = result.transpose();
                }
            }
        }
    });
    ends
}

/// Runs work on a thread of its own, or at once on this thread if the system gives no thread: the messages of the work wait in
/// their channel.
pub(crate) fn begin<'scope>(
    scope: &'scope std::thread::Scope<'scope, '_>,
    work: impl FnOnce() + Clone + Send + 'scope,
) {
    if std::thread::Builder::new().spawn_scoped(scope, work.clone()).is_err() {
        work();
    }
}

enum Message {
    Progress(usize, Progress),
    Done(usize, Box<Result<Option<SeedRun>, TrainError>>),
}

impl Member<'_> {
    fn train(
        &self,
        how: &SideBySide<'_>,
        progress: &mut dyn FnMut(&Progress),
    ) -> Result<Option<SeedRun>, TrainError> {
        let mut problem = self.problem.clone();
        problem.decision.project.train.seed = self.seed;
        let options = TrainOptions {
            folder: self.folder.clone(),
            start: how.start,
            threads: 1,
            stop: how.stop,
            progress,
        };
        let trained = train(&problem, options)?;
        if trained.summary.ending == Ending::Interrupted {
            return Ok(None);
        }
        match evaluate_unless_stopped(&problem.decision, &trained.policy, 1, Some(how.stop)) {
            // The policy is stored: a resume only evaluates it again.
            Err(PlayError::Interrupted) => Ok(None),
            Err(error) => Err(error.into()),
            Ok(evaluation) => Ok(Some(SeedRun { seed: self.seed, training: trained.summary, evaluation })),
        }
    }
}
