//! The training loop: updates, log lines, checkpoints, early stops, and going on after a kill.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use serde::{Deserialize, Serialize};
use setpoint_policy::Policy;

use crate::algorithm::{Algorithm, Horizon};
use crate::checkpoint::Checkpoint;
use crate::episodes::EpisodeStatistics;
use crate::error::TrainError;
use crate::figures::Figures;
use crate::metrics::{EPISODES_HEADER, MetricsLine, episode_line};
use crate::problem::Problem;
use crate::replay::segments::Segments;
use crate::tensorboard::EventFile;
use setpoint_evidence::environments::{Environments, Episode};
use setpoint_files::append::AppendFile;
use setpoint_files::atomic;
use setpoint_files::run_folder::RunFolder;

/// How a training is carried out; none of it changes the result.
pub struct TrainOptions<'a> {
    /// Where its files go; `None` leaves none behind (benchmarks, tests).
    pub folder: Option<RunFolder>,
    /// Whether to go on from the folder's newest checkpoint.
    pub resume: bool,
    /// Cores to use, 1 or 2.
    pub threads: usize,
    /// Set to stop after the present update.
    pub stop: &'a AtomicBool,
    /// Called after every update.
    pub progress: &'a mut dyn FnMut(&Progress),
}

/// Cores to use: as many as are given, else all.
pub fn cores(given: Option<usize>) -> usize {
    given.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from))
}

/// What a progress line shows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Progress {
    /// Environment steps taken and to take.
    pub steps: u64,
    /// Environment steps in all.
    pub total_steps: u64,
    /// Updates done.
    pub updates: u64,
    /// Episodes finished.
    pub episodes: u64,
    /// Mean return of the last 100 episodes.
    pub moving_return: Option<f64>,
    /// Greatest of it so far.
    pub best_return: Option<f64>,
    /// Environment steps taken before this sitting, for rates.
    pub steps_before: u64,
    /// The present level of the curriculum, counted from 1, and how many there are; `None` without one.
    pub level: Option<(usize, usize)>,
}

/// Why a training ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ending {
    /// All steps (or episodes) were taken.
    Completed,
    /// The moving return reached `train.target_return`.
    TargetReached,
    /// It was asked to stop; a checkpoint waits.
    Interrupted,
}

/// A training's end: `summary.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// Why it ended.
    pub ending: Ending,
    /// The seed.
    pub seed: u64,
    /// Environment steps taken.
    pub steps: u64,
    /// Updates done.
    pub updates: u64,
    /// Episodes finished.
    pub episodes: u64,
    /// Mean return of the last 100 episodes.
    pub return_mean_100: Option<f64>,
    /// Greatest of it.
    pub return_best: Option<f64>,
    /// Time spent training, in s, over all sittings.
    pub wall_seconds: f64,
    /// Version of Setpoint.
    pub setpoint_version: String,
}

/// What a training gives.
#[derive(Clone, Debug)]
pub struct Trained {
    /// The policy as it stands at the end.
    pub policy: Policy,
    /// How it went.
    pub summary: Summary,
    /// Where its files are.
    pub folder: Option<RunFolder>,
}

/// The run's open files.
struct Files {
    folder: RunFolder,
    metrics: AppendFile,
    episodes: AppendFile,
    events: EventFile,
    replay: Segments,
}

struct Training<'a> {
    problem: &'a Problem,
    seed: u64,
    learner: Box<dyn Algorithm>,
    environments: Environments,
    statistics: EpisodeStatistics,
    updates: u64,
    wall_seconds_before: f64,
    steps_before: u64,
    started: Instant,
    last_line: (u64, f64),
    files: Option<Files>,
}

/// Trains the problem's policy with its seed.
pub fn train(problem: &Problem, options: TrainOptions<'_>) -> Result<Trained, TrainError> {
    let seed = problem.decision.project.train.seed;
    if let Some(trained) = finished(problem, &options)? {
        return Ok(trained);
    }
    let mut training = Training::start(problem, seed, &options)?;
    let settings = &problem.decision.project.train;
    let mut last_checkpoint = training.updates;
    let ending = loop {
        if training.is_complete() {
            break Ending::Completed;
        }
        // What is reached on an easier level is not what was asked for.
        let is_hardest = training.environments.is_at_the_last_level();
        if settings.target_return.is_some_and(|target| is_hardest && training.statistics.has_reached(target))
        {
            break Ending::TargetReached;
        }
        if options.stop.load(Ordering::Relaxed) {
            break Ending::Interrupted;
        }
        training.update()?;
        (options.progress)(&training.progress());
        if training.updates - last_checkpoint >= settings.checkpoint_every_updates {
            training.checkpoint()?;
            last_checkpoint = training.updates;
        }
    };
    if training.updates > last_checkpoint || ending == Ending::Interrupted {
        training.checkpoint()?;
    }
    training.finish(ending)
}

/// A run that has ended already is not trained again.
fn finished(problem: &Problem, options: &TrainOptions<'_>) -> Result<Option<Trained>, TrainError> {
    let Some(folder) = options.folder.as_ref().filter(|_| options.resume) else { return Ok(None) };
    if !folder.summary().is_file() || !folder.policy().is_file() {
        return Ok(None);
    }
    same_settings(problem, folder)?;
    let Ok(summary) = serde_json::from_str::<Summary>(&RunFolder::read(&folder.summary())?) else {
        return Ok(None);
    };
    let policy = match Policy::load(&folder.policy()) {
        Ok(policy) => policy,
        // It is whole; writing it again would lose it.
        Err(error) if error.is_newer() => return Err(error.into()),
        // A damaged file is written again from the last checkpoint.
        Err(_) => return Ok(None),
    };
    Ok(Some(Trained { policy, summary, folder: Some(folder.clone()) }))
}

/// A checkpoint continues only the training that wrote it.
fn same_settings(problem: &Problem, folder: &RunFolder) -> Result<(), TrainError> {
    let path = folder.project_file();
    if !path.is_file() {
        return Ok(());
    }
    let (found, expected) = (RunFolder::read(&path)?, problem.resolved());
    if found == expected {
        return Ok(());
    }
    let decisive = |text: &str| {
        let mut table: toml::Table = text.parse().ok()?;
        let process = table.get_mut("process")?.as_table_mut()?;
        problem.decision.factory.incidental_keys().iter().for_each(|key| drop(process.remove(*key)));
        // A log that is compared with the process changes nothing of what is learnt.
        table.remove("data");
        Some(table)
    };
    if decisive(&found).is_some_and(|found| Some(found) == decisive(&expected)) {
        return Ok(());
    }
    let differs = |(found, expected): &(&str, &str)| found != expected;
    let difference = found.lines().zip(expected.lines()).find(differs).map_or_else(
        || "one has more settings".to_owned(),
        |(found, expected)| format!("there `{found}`, here `{expected}`"),
    );
    Err(TrainError::OtherSettings { folder: folder.path.clone(), difference })
}

/// −Σ p ln p of counts, in nats.
fn entropy(counts: &[f64], total: f64) -> f64 {
    let share = |count: &&f64| **count > 0.0;
    -counts.iter().filter(share).map(|count| count / total * (count / total).ln()).sum::<f64>()
}

impl<'a> Training<'a> {
    fn start(problem: &'a Problem, seed: u64, options: &TrainOptions<'_>) -> Result<Self, TrainError> {
        let mut learner = problem.learner(seed, options.threads);
        let (project, factory) = (&problem.decision.project, &problem.decision.factory);
        let mut environments =
            Environments::for_training(project, factory, learner.lanes(), seed, "training")?;
        let mut checkpoint = None;
        if let Some(folder) = &options.folder {
            if options.resume {
                same_settings(problem, folder)?;
                checkpoint = Checkpoint::newest(&folder.checkpoints())?;
            }
            atomic::create_folder(&folder.path)?;
            atomic::replace(&folder.project_file(), problem.resolved().as_bytes())?;
        }
        match &checkpoint {
            None => learner.begin(&environments),
            Some((path, saved)) => {
                let refuse = |error: setpoint_process::StateError| TrainError::Checkpoint {
                    path: path.clone(),
                    reason: error.to_string(),
                    last_good: None,
                };
                environments.load(&saved.environments).map_err(refuse)?;
                learner.load(&saved.learner).map_err(refuse)?;
            }
        }
        let mut replay = Segments::default();
        if let (Some(folder), Some((buffer, state))) = (&options.folder, learner.replay_to_restore()) {
            replay.restore(buffer, state, &folder.replay())?;
        } else if let Some(folder) = &options.folder {
            // What an earlier training left here belongs to none of this one's checkpoints.
            atomic::remove_folder(&folder.replay())?;
        }
        if checkpoint.is_some() && !factory.resumes_exactly() {
            learner.begin_new_episodes(&environments);
        }
        let checkpoint = checkpoint.map(|(_, checkpoint)| checkpoint);
        let (metrics_bytes, episodes_bytes) =
            checkpoint.as_ref().map_or((0, 0), |saved| (saved.metrics_bytes, saved.episodes_bytes));
        let files = match &options.folder {
            None => None,
            Some(folder) => {
                let metrics = AppendFile::open(&folder.metrics(), metrics_bytes)?;
                let mut episodes = AppendFile::open(&folder.episodes(), episodes_bytes)?;
                if episodes_bytes == 0 {
                    episodes.line(EPISODES_HEADER)?;
                }
                if metrics_bytes == 0 {
                    atomic::remove_folder(&folder.tensorboard())?;
                }
                let names = problem.spec().action.names().into_iter().map(str::to_owned).collect();
                let events = EventFile::create(&folder.tensorboard(), names, environments.steps())?;
                Some(Files { folder: folder.clone(), metrics, episodes, events, replay })
            }
        };
        let wall_seconds_before = checkpoint.as_ref().map_or(0.0, |saved| saved.wall_seconds);
        Ok(Self {
            problem,
            seed,
            learner,
            steps_before: environments.steps(),
            last_line: (environments.steps(), wall_seconds_before),
            environments,
            updates: checkpoint.as_ref().map_or(0, |saved| saved.updates),
            statistics: checkpoint.map_or_else(EpisodeStatistics::default, |saved| saved.episodes),
            wall_seconds_before,
            started: Instant::now(),
            files,
        })
    }

    fn is_complete(&self) -> bool {
        let settings = &self.problem.decision.project.train;
        self.environments.steps() >= settings.total_steps
            || settings.total_episodes.is_some_and(|total| self.statistics.count >= total)
    }

    fn wall_seconds(&self) -> f64 {
        self.wall_seconds_before + self.started.elapsed().as_secs_f64()
    }

    fn update(&mut self) -> Result<(), TrainError> {
        let settings = &self.problem.decision.project.train;
        let mut progress = self.environments.steps() as f64 / settings.total_steps as f64;
        if let Some(total) = settings.total_episodes {
            progress = progress.max(self.statistics.count as f64 / total as f64);
        }
        let horizon = Horizon { remaining: (1.0 - progress).max(0.0), total_steps: settings.total_steps };
        let figures = self
            .learner
            .update(&mut self.environments, horizon)
            .map_err(|error| self.name_checkpoint(error))?;
        self.updates += 1;
        let mut finished: Vec<Episode> = Vec::new();
        self.environments.take_finished(&mut finished);
        for episode in finished {
            self.statistics.add(episode);
            if let Some(files) = &mut self.files {
                files.episodes.line(&episode_line(&episode))?;
            }
        }
        if self.updates.is_multiple_of(settings.log_every_updates) {
            self.log(figures)?;
        }
        Ok(())
    }

    /// An error about numbers tells from where one can go on.
    fn name_checkpoint(&self, error: TrainError) -> TrainError {
        let last =
            self.files.as_ref().and_then(|files| crate::checkpoint::last_good(&files.folder.checkpoints()));
        TrainError::Stopped { source: Box::new(error), last_good: last }
    }

    fn log(&mut self, figures: Figures) -> Result<(), TrainError> {
        let (steps, wall_seconds) = (self.environments.steps(), self.wall_seconds());
        let (last_steps, last_seconds) = std::mem::replace(&mut self.last_line, (steps, wall_seconds));
        let stretch = self.statistics.take_stretch();
        let mut figures = figures;
        let levels = self.environments.standings();
        if let Some(present) = levels.len().checked_sub(1) {
            figures.insert("curriculum_level", present as f64);
            figures.insert("forgotten_levels", levels.iter().filter(|level| level.forgotten).count() as f64);
        }
        let level_returns =
            levels.iter().filter_map(|level| Some((level.name.to_owned(), level.mean?))).collect();
        let tally = self.environments.tally();
        let n = tally.steps.max(1) as f64;
        let terms = self.environments.term_names().iter().zip(&tally.terms);
        let line = MetricsLine {
            update: self.updates,
            steps,
            wall_seconds,
            steps_per_second: (steps - last_steps) as f64 / (wall_seconds - last_seconds).max(1e-9),
            episodes: self.statistics.count,
            return_mean: stretch.map(|stretch| stretch.mean),
            return_min: stretch.map(|stretch| stretch.min),
            return_max: stretch.map(|stretch| stretch.max),
            return_sd: stretch.map(|stretch| stretch.sd),
            return_mean_100: self.statistics.moving(),
            return_best: self.statistics.best,
            episode_steps_mean: stretch.map(|stretch| stretch.steps_mean),
            reward_terms: terms.map(|(name, sum)| (name.clone(), sum / n)).collect(),
            action_distribution: tally.actions.iter().map(|count| count / n).collect(),
            action_entropy: self.problem.spec().action.is_discrete().then(|| entropy(&tally.actions, n)),
            constraint_hits_percent: tally.constraints.iter().map(|hits| 100.0 * *hits as f64 / n).collect(),
            level_returns,
            learner: figures
                .into_iter()
                .filter(|(_, value)| value.is_finite())
                .map(|(name, value)| (name.to_owned(), value))
                .collect::<BTreeMap<_, _>>(),
        };
        self.environments.clear_tally();
        if let Some(files) = &mut self.files {
            files.metrics.line(&serde_json::to_string(&line).expect("a line has only text keys"))?;
            files.metrics.flush()?;
            files.events.add(&line)?;
        }
        Ok(())
    }

    fn progress(&self) -> Progress {
        let settings = self.problem.decision.project.curriculum.as_ref();
        Progress {
            steps: self.environments.steps(),
            total_steps: self.problem.decision.project.train.total_steps,
            updates: self.updates,
            episodes: self.statistics.count,
            moving_return: self.statistics.moving(),
            best_return: self.statistics.best,
            steps_before: self.steps_before,
            level: settings.map(|curriculum| (self.environments.standings().len(), curriculum.levels.len())),
        }
    }

    fn checkpoint(&mut self) -> Result<Option<PathBuf>, TrainError> {
        let (steps, wall_seconds) = (self.environments.steps(), self.wall_seconds());
        let Some(files) = &mut self.files else { return Ok(None) };
        // The buffer first: a checkpoint says that all it speaks of is there.
        if let Some(buffer) = self.learner.replay() {
            files.replay.sync(buffer, &files.folder.replay())?;
        }
        let checkpoint = Checkpoint {
            updates: self.updates,
            steps,
            wall_seconds,
            episodes: self.statistics.clone(),
            metrics_bytes: files.metrics.sync()?,
            episodes_bytes: files.episodes.sync()?,
            environments: self.environments.save()?,
            learner: self.learner.save()?,
        };
        checkpoint.write(&files.folder.checkpoints()).map(Some)
    }

    fn finish(self, ending: Ending) -> Result<Trained, TrainError> {
        let steps = self.environments.steps();
        let policy = self.problem.policy(self.learner.snapshot(), self.seed, steps);
        let summary = Summary {
            ending,
            seed: self.seed,
            steps,
            updates: self.updates,
            episodes: self.statistics.count,
            return_mean_100: self.statistics.moving(),
            return_best: self.statistics.best,
            wall_seconds: self.wall_seconds(),
            setpoint_version: env!("CARGO_PKG_VERSION").to_owned(),
        };
        let folder = self.files.map(|files| files.folder);
        if let Some(folder) = &folder {
            // The policy first: a summary says that all is there.
            atomic::replace(&folder.policy(), &policy.to_bytes())?;
            let text = serde_json::to_string_pretty(&summary).expect("a summary has only text keys");
            if ending == Ending::Interrupted {
                let _ = fs::remove_file(folder.summary());
            } else {
                atomic::replace(&folder.summary(), text.as_bytes())?;
            }
        }
        Ok(Trained { policy, summary, folder })
    }
}
