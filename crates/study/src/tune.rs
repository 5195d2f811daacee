//! The search for better options: each trial follows from the results of earlier trials, and poor trials stop early.
//!
//! *Successive halving* (Jamieson & Talwalkar 2016; in generations, so that the result does not depend on the number of
//! cores): every trial takes a ninth of the steps; the best third of all trials so far continues to a third of the steps,
//! and the best third of these to the end. A trial continues from its own checkpoint, so no step is repeated. The first
//! trial uses the project's own options.
//!
//! *Selection and proof are separate*: trials have their own seeds for training and scores. Then the best options and the
//! project's options are trained again on the project's seeds and evaluated on its evaluation episodes. That figure is the
//! result, and it may say that the search found no better options.

pub mod importance;
pub mod sampler;

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use serde::{Deserialize, Serialize};
use setpoint_decision::Diagnostic;
use setpoint_decision::tuning::{Range, Ranges};
use setpoint_random::Stream;

use crate::many_seeds::{Event, Member, SideBySide, begin, train_members};
use crate::seeds::SeedRun;
use setpoint_evidence::PlayError;
use setpoint_evidence::evaluate::returns;
use setpoint_files::run::{Run, Start};
use setpoint_files::run_folder::RunFolder;
use setpoint_learn::error::TrainError;
use setpoint_learn::problem::Problem;
use setpoint_learn::train::{Ending, Progress, TrainOptions, train_until};
use setpoint_statistics::paired::paired;
use setpoint_statistics::{Interval, mean};

/// Shares of the steps at which trials are judged.
const RUNGS: [f64; 3] = [1.0 / 9.0, 1.0 / 3.0, 1.0];
/// One trial of this number continues.
const KEEP: usize = 3;
/// Trials that are suggested together.
const GENERATION: usize = 4;
/// Added to the project's seeds for trials, so that they share no seed with the final figure.
const SELECTION: u64 = 500_000_000;
/// Number of evaluation episodes of a trial.
const EPISODES: usize = 200;

/// One set of options and its scores.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Trial {
    /// Its number; 0 has the project's own options.
    pub index: usize,
    /// Options and their values, as overrides of the project file; empty for trial 0.
    pub settings: Vec<(String, toml::Value)>,
    /// Mean return at each share of the steps that it was trained for.
    #[serde(deserialize_with = "setpoint_statistics::stored::figures")]
    pub scores: Vec<f64>,
    /// The reason why it could not be trained, if so.
    pub failed: Option<String>,
}

impl Trial {
    /// Overrides of the project file.
    pub fn overrides(&self, algorithm: &str) -> Vec<String> {
        self.settings.iter().map(|(option, value)| format!("train.{algorithm}.{option}={value}")).collect()
    }

    /// The options in one line.
    pub fn words(&self) -> String {
        if self.settings.is_empty() {
            return "the project's own options".to_owned();
        }
        self.settings.iter().map(|(option, value)| format!("{option} {value}")).collect::<Vec<_>>().join(", ")
    }

    /// Trials with more steps are better; of trials with equal steps, the trial with the greater score.
    fn merit(&self) -> (usize, f64) {
        let score = self.scores.last().copied().unwrap_or(f64::NEG_INFINITY);
        (if self.failed.is_some() { 0 } else { self.scores.len() }, score)
    }
}

/// A project's search.
pub struct Plan<'a> {
    /// The project without overrides.
    pub problem: &'a Problem,
    /// Number of trials.
    pub trials: usize,
    /// Seeds of the final figure.
    pub seeds: u64,
    /// Number of trainings at a time, one core each.
    pub at_once: usize,
    /// The run of the search; trials and final trainings are its parts.
    pub run: &'a Run,
    /// Set to stop; finished trials are kept.
    pub stop: &'a AtomicBool,
}

/// An event during a search.
pub enum News<'a> {
    /// A trial reached its next share of the steps, or failed.
    Judged(&'a Trial),
    /// Environment steps of one trial or final training.
    Steps(u64),
}

/// Why a search ended without a result.
#[derive(Debug, thiserror::Error)]
pub enum SearchError {
    /// The project cannot be read with the options of a trial.
    #[error(transparent)]
    Project(#[from] Box<Diagnostic>),
    /// The files of a trial cannot be read or written; a resume continues from there.
    #[error(transparent)]
    Training(#[from] TrainError),
}

enum Message {
    Steps(u64),
    Judged(Trial),
    Broken(TrainError),
}

/// The result of the search.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Proof {
    /// Mean return of each fresh seed with the project's own options.
    #[serde(deserialize_with = "setpoint_statistics::stored::figures")]
    pub own: Vec<f64>,
    /// Mean return of each fresh seed with the best options.
    #[serde(deserialize_with = "setpoint_statistics::stored::figures")]
    pub tuned: Vec<f64>,
    /// Mean difference, tuned minus own.
    #[serde(deserialize_with = "setpoint_statistics::stored::figures")]
    pub difference: f64,
    /// Its 95 % interval over seeds.
    pub interval: Interval,
    /// Randomisation test of the difference.
    #[serde(deserialize_with = "setpoint_statistics::stored::figures")]
    pub p_value: f64,
}

impl Proof {
    fn new(own: Vec<f64>, tuned: Vec<f64>, seed: u64) -> Self {
        let compared = paired(&tuned, &own, &mut Stream::new(seed, "bootstrap tune", 0));
        Self {
            difference: compared.difference.mean,
            interval: compared.difference.interval,
            p_value: compared.p_value,
            own,
            tuned,
        }
    }

    /// The result in a sentence.
    pub fn verdict(&self) -> String {
        let (own, tuned) = (mean(self.own.iter().copied()), mean(self.tuned.iter().copied()));
        let Interval { low, high } = self.interval;
        let figures = format!(
            "over {} fresh seeds the tuned options return {tuned:.1} and the project's own {own:.1}, a difference of {:.1} \
             [{low:.1}, {high:.1}]",
            self.own.len(),
            self.difference
        );
        if low > 0.0 {
            format!("Better: {figures}.")
        } else if high < 0.0 {
            format!("Worse: {figures}. Keep your own options.")
        } else {
            format!(
                "Not better: {figures}, which may be chance. Keep your own options, or search with more trials."
            )
        }
    }
}

/// The ranges of a search: the project's, or the usual ranges of its algorithm.
pub fn ranges(problem: &Problem) -> Ranges {
    let own = &problem.decision.project.tuning;
    if own.is_empty() { (problem.options.recipe().tuning)() } else { own.clone() }
}

impl Plan<'_> {
    fn algorithm(&self) -> &str {
        self.problem.options.name()
    }

    /// Approximate number of environment steps of the search: the number of trials that continue is not known before.
    pub fn steps(&self) -> u64 {
        let total = self.problem.decision.project.train.total_steps;
        let (mut left, mut share, mut before) = (self.trials, 0.0, 0.0);
        for rung in RUNGS {
            share += left as f64 * (rung - before);
            before = rung;
            left = left.div_ceil(KEEP);
        }
        (share * total as f64) as u64 + 2 * self.seeds * total
    }

    /// Continues from the trials in `tried` until all are judged; `None` if it was stopped.
    pub fn search(
        &self,
        mut tried: Vec<Trial>,
        news: &mut dyn FnMut(News<'_>),
    ) -> Result<Option<Vec<Trial>>, SearchError> {
        let ranges = ranges(self.problem);
        // Names and types are checked before anything is trained.
        self.problem.with_overrides(&self.trial(&ranges, &tried, 1).overrides(self.algorithm()))?;
        for begin in (0..self.trials).step_by(GENERATION) {
            let generation = begin..(begin + GENERATION).min(self.trials);
            for index in generation.clone() {
                // Trials in this list were suggested before a stop, from the same history.
                if !tried.iter().any(|trial| trial.index == index) {
                    let earlier: Vec<Trial> =
                        tried.iter().filter(|trial| trial.index < begin).cloned().collect();
                    let trial = self.trial(&ranges, &earlier, index);
                    tried.push(trial);
                }
            }
            tried.sort_by_key(|trial| trial.index);
            for rung in 0..RUNGS.len() {
                let due: Vec<usize> = generation
                    .clone()
                    .filter(|index| tried[*index].scores.len() == rung && tried[*index].failed.is_none())
                    .filter(|index| rung == 0 || goes_on(&tried, *index, rung, generation.end))
                    .collect();
                self.train(&mut tried, &due, rung, news)?;
                if self.stop.load(Ordering::Relaxed) {
                    return Ok(None);
                }
            }
        }
        Ok(Some(tried))
    }

    fn trial(&self, ranges: &[Range], tried: &[Trial], index: usize) -> Trial {
        let mut trial = Trial { index, settings: Vec::new(), scores: Vec::new(), failed: None };
        if index > 0 {
            let order = by_merit(tried);
            let own = self.problem.options.written();
            let history: Vec<(Vec<f64>, f64)> = order
                .iter()
                .enumerate()
                .map(|(rank, trial)| {
                    let encoded = ranges.iter().map(|range| {
                        let set = trial.settings.iter().find(|(option, _)| *option == range.option);
                        let value = set.map(|(_, value)| value).or_else(|| own.get(&range.option));
                        value.and_then(|value| sampler::encode(&range.values, value)).unwrap_or(f64::NAN)
                    });
                    (encoded.collect(), rank as f64)
                })
                .collect();
            let seed = self.problem.decision.project.train.seed;
            let values = sampler::suggest(&ranges.to_vec(), &history, seed, index);
            trial.settings = ranges.iter().map(|range| range.option.clone()).zip(values).collect();
        }
        trial
    }

    /// Trains some trials up to a share of the steps, in parallel. A trial whose files cannot be read or written ends the
    /// search: it says nothing about its options, and a resume trains it again.
    fn train(
        &self,
        tried: &mut [Trial],
        due: &[usize],
        rung: usize,
        news: &mut dyn FnMut(News<'_>),
    ) -> Result<(), TrainError> {
        let mut broken = None;
        let next = AtomicUsize::new(0);
        let (sender, receiver) = std::sync::mpsc::channel();
        let waiting: Vec<Mutex<Trial>> = due.iter().map(|index| Mutex::new(tried[*index].clone())).collect();
        std::thread::scope(|scope| {
            for _ in 0..self.at_once.clamp(1, due.len().max(1)) {
                let (sender, next, waiting) = (sender.clone(), &next, &waiting);
                let work = move || {
                    while let Some(trial) = waiting.get(next.fetch_add(1, Ordering::Relaxed)) {
                        if self.stop.load(Ordering::Relaxed) {
                            break;
                        }
                        let mut trial = trial.lock().expect("no other thread takes it").clone();
                        let mut steps = |steps| drop(sender.send(Message::Steps(steps)));
                        let _ = match self.judge(&mut trial, rung, &mut steps) {
                            Ok(true) => sender.send(Message::Judged(trial)),
                            Ok(false) => Ok(()),
                            Err(error) => sender.send(Message::Broken(error)),
                        };
                    }
                };
                begin(scope, work);
            }
            drop(sender);
            for message in receiver {
                match message {
                    Message::Steps(steps) => news(News::Steps(steps)),
                    Message::Judged(trial) => {
                        news(News::Judged(&trial));
                        let index = trial.index;
                        tried[index] = trial;
                    }
                    Message::Broken(error) => {
                        self.stop.store(true, Ordering::Relaxed);
                        broken.get_or_insert(error);
                    }
                }
            }
        });
        broken.map_or(Ok(()), Err)
    }

    /// Trains one trial further and scores it; `false` if it was stopped.
    fn judge(&self, trial: &mut Trial, rung: usize, steps: &mut dyn FnMut(u64)) -> Result<bool, TrainError> {
        let mut problem = match self.problem.with_overrides(&trial.overrides(self.algorithm())) {
            Ok(problem) => problem,
            Err(error) => {
                trial.failed = Some(error.to_string());
                return Ok(true);
            }
        };
        problem.decision.project.train.seed += SELECTION;
        problem.decision.project.train.target_return = None;
        let until = (RUNGS[rung] * problem.decision.project.train.total_steps as f64) as u64;
        let until = if rung + 1 < RUNGS.len() { until } else { u64::MAX };
        let mut before = None;
        let mut progress = |progress: &Progress| {
            steps(progress.steps - before.unwrap_or(progress.steps_before));
            before = Some(progress.steps);
        };
        let options = TrainOptions {
            folder: Some(RunFolder::at(self.run.folder.path.join(format!("trial-{:03}", trial.index)))),
            start: Start::Part(self.run.marker.identity),
            threads: 1,
            stop: self.stop,
            progress: &mut progress,
        };
        let seed = problem.decision.project.evaluate.seed + SELECTION;
        // A trial whose checkpoint has its share of the steps already pauses before the next update.
        let trained = match train_until(&problem, until, options) {
            Ok(trained) if trained.summary.ending == Ending::Interrupted => return Ok(false),
            trained => trained,
        };
        let score = trained.and_then(|trained| {
            let found = returns(&problem.decision, &trained.policy, seed, EPISODES, Some(self.stop))?;
            Ok(mean(found.into_iter()))
        });
        match score {
            Ok(score) => trial.scores.push(score),
            // The trial did not fail: a resume scores it again.
            Err(TrainError::Play(PlayError::Interrupted)) => return Ok(false),
            Err(error) if error.is_of_files() => return Err(error),
            Err(error) => trial.failed = Some(error.to_string()),
        }
        Ok(true)
    }

    /// Trains the best options and the project's own on fresh seeds; `None` if it was stopped.
    pub fn prove(
        &self,
        tuned: &Problem,
        news: &mut dyn FnMut(News<'_>),
    ) -> Result<Option<Proof>, TrainError> {
        let first = self.problem.decision.project.train.seed;
        let members: Vec<Member<'_>> = [(self.problem, "own"), (tuned, "tuned")]
            .into_iter()
            .flat_map(|(problem, name)| {
                let folder = RunFolder::at(self.run.folder.path.join(name));
                (first..first + self.seeds).map(move |seed| Member {
                    problem,
                    seed,
                    folder: Some(folder.of_seed(seed)),
                })
            })
            .collect();
        let start = Start::Part(self.run.marker.identity);
        let how = SideBySide { at_once: self.at_once, start, stop: self.stop, stops_all: |_| true };
        let mut taken = vec![None; members.len()];
        let ends = train_members(&members, &how, &mut |event| {
            if let Event::Progress { index, progress } = event {
                news(News::Steps(progress.steps - taken[index].unwrap_or(progress.steps_before)));
                taken[index] = Some(progress.steps);
            }
        });
        let mut found = Vec::with_capacity(members.len());
        let mut is_stopped = false;
        // All are looked at before a stop is reported: the error of one has stopped the others.
        for end in ends {
            match end.transpose()? {
                Some(SeedRun { evaluation, .. }) => found.push(evaluation.policy.episode_return.mean),
                None => is_stopped = true,
            }
        }
        if is_stopped {
            return Ok(None);
        }
        let tuned = found.split_off(self.seeds as usize);
        Ok(Some(Proof::new(found, tuned, first)))
    }
}

/// Best first.
pub fn by_merit(trials: &[Trial]) -> Vec<&Trial> {
    let mut order: Vec<&Trial> = trials.iter().collect();
    order.sort_by(|a, b| {
        let ((a_far, a_score), (b_far, b_score)) = (a.merit(), b.merit());
        b_far.cmp(&a_far).then(b_score.total_cmp(&a_score)).then(a.index.cmp(&b.index))
    });
    order
}

/// Whether a trial is in the best third of those before `end` that were judged at the rung before this one.
fn goes_on(trials: &[Trial], index: usize, rung: usize, end: usize) -> bool {
    let score = |trial: &Trial| trial.scores.get(rung - 1).copied();
    let Some(own) = score(&trials[index]) else { return false };
    let others = || {
        trials.iter().filter(|trial| trial.index < end).filter_map(|trial| Some((trial.index, score(trial)?)))
    };
    // Of equal trials the earlier ones come first, otherwise all equal trials would continue.
    let better = others().filter(|(place, other)| *other > own || (*other == own && *place < index)).count();
    better < others().count().div_ceil(KEEP)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trial(index: usize, scores: &[f64]) -> Trial {
        Trial { index, settings: Vec::new(), scores: scores.to_vec(), failed: None }
    }

    #[test]
    fn the_best_third_goes_on() {
        let trials: Vec<Trial> =
            [5.0, 1.0, 9.0, 7.0].iter().enumerate().map(|(index, score)| trial(index, &[*score])).collect();
        let going = |end| (0..end).filter(|index| goes_on(&trials, *index, 1, end)).collect::<Vec<_>>();
        assert_eq!(going(4), [2, 3], "two of four");
        assert_eq!(going(3), [2], "one of three; later trials are not known yet");
        let equal: Vec<Trial> = (0..6).map(|index| trial(index, &[4.0])).collect();
        let going: Vec<usize> = (0..6).filter(|index| goes_on(&equal, *index, 1, 6)).collect();
        assert_eq!(going, [0, 1], "a third of equals");
    }

    #[test]
    fn a_trial_that_came_further_is_better() {
        let mut trials =
            vec![trial(0, &[9.0]), trial(1, &[5.0, 6.0]), trial(2, &[5.0, 7.0]), trial(3, &[8.0])];
        trials[3].failed = Some("it diverged".into());
        let order: Vec<usize> = by_merit(&trials).iter().map(|trial| trial.index).collect();
        assert_eq!(order, [2, 1, 0, 3]);
    }

    #[test]
    fn a_verdict_needs_an_interval_on_one_side() {
        let of = |own: &[f64], tuned: &[f64]| Proof::new(own.to_vec(), tuned.to_vec(), 0).verdict();
        assert!(of(&[1.0, 2.0, 3.0, 2.0, 1.0], &[5.0, 6.0, 7.0, 6.5, 5.5]).starts_with("Better:"));
        assert!(of(&[5.0, 6.0, 7.0, 6.5, 5.5], &[1.0, 2.0, 3.0, 2.0, 1.0]).starts_with("Worse:"));
        assert!(of(&[1.0, 2.0, 3.0, 2.0, 1.0], &[2.0, 1.0, 3.5, 1.0, 2.0]).starts_with("Not better:"));
    }
}
