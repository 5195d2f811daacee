//! The files of a training in its run folder: metrics, episodes, events, the replay buffer, checkpoints.

use setpoint_evidence::environments::{Environments, Episode};
use setpoint_files::FileError;
use setpoint_files::append::AppendFile;
use setpoint_files::atomic;
use setpoint_files::run_folder::RunFolder;

use crate::algorithm::Algorithm;
use crate::checkpoint::{self, Checkpoint};
use crate::episodes::EpisodeStatistics;
use crate::error::TrainError;
use crate::metrics::{EPISODES_HEADER, MetricsLine, episode_line};
use crate::problem::Problem;
use crate::replay::segments::Segments;
use crate::tensorboard::EventFile;

/// A run's open files.
pub struct RunFiles {
    folder: RunFolder,
    metrics: AppendFile,
    episodes: AppendFile,
    events: EventFile,
    replay: Segments,
}

/// The opened files, and the checkpoint to continue from.
pub struct Restored {
    /// The files, cut back to their length at the checkpoint.
    pub files: RunFiles,
    /// The checkpoint; `None` if the training begins.
    pub checkpoint: Option<Checkpoint>,
}

/// The lengths of a run's files at some moment, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lengths {
    metrics: u64,
    episodes: u64,
}

impl RunFiles {
    /// Opens the files of a run. Restores learner and environments from its newest checkpoint, if `resume` is set and there
    /// is a checkpoint; otherwise the learner begins.
    pub fn open(
        problem: &Problem,
        folder: &RunFolder,
        resume: bool,
        learner: &mut dyn Algorithm,
        environments: &mut Environments,
    ) -> Result<Restored, TrainError> {
        let mut checkpoint = None;
        if resume {
            same_settings(problem, folder)?;
            checkpoint = Checkpoint::newest(&folder.checkpoints())?;
        }
        atomic::create_folder(&folder.path)?;
        atomic::replace(&folder.project_file(), problem.resolved().as_bytes())?;
        match &checkpoint {
            None => learner.begin(environments),
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
        match learner.replay_to_restore() {
            Some((buffer, state)) => replay.restore(buffer, state, &folder.replay())?,
            // The segments of an earlier training in this folder belong to none of this training's checkpoints.
            None => atomic::remove_folder(&folder.replay())?,
        }
        if checkpoint.is_some() && !problem.decision.factory.resumes_exactly() {
            learner.begin_new_episodes(environments);
        }
        let checkpoint = checkpoint.map(|(_, checkpoint)| checkpoint);
        let files = Self::append(problem, folder, checkpoint.as_ref(), replay, environments.steps())?;
        Ok(Restored { files, checkpoint })
    }

    /// Opens the files that grow, cut back to their length at the checkpoint.
    fn append(
        problem: &Problem,
        folder: &RunFolder,
        checkpoint: Option<&Checkpoint>,
        replay: Segments,
        steps: u64,
    ) -> Result<Self, FileError> {
        let (metrics_bytes, episodes_bytes) =
            checkpoint.map_or((0, 0), |saved| (saved.metrics_bytes, saved.episodes_bytes));
        let metrics = AppendFile::open(&folder.metrics(), metrics_bytes)?;
        let mut episodes = AppendFile::open(&folder.episodes(), episodes_bytes)?;
        if episodes_bytes == 0 {
            episodes.line(EPISODES_HEADER)?;
        }
        if metrics_bytes == 0 {
            atomic::remove_folder(&folder.tensorboard())?;
        }
        let names = problem.spec().action.names().into_iter().map(str::to_owned).collect();
        let events = EventFile::create(&folder.tensorboard(), names, steps)?;
        Ok(Self { folder: folder.clone(), metrics, episodes, events, replay })
    }

    /// The run's folder.
    pub fn folder(&self) -> &RunFolder {
        &self.folder
    }

    /// Appends a finished episode.
    pub fn episode(&mut self, episode: &Episode) -> Result<(), FileError> {
        self.episodes.line(&episode_line(episode))
    }

    /// Appends a line of metrics.
    pub fn metrics(&mut self, line: &MetricsLine) -> Result<(), FileError> {
        self.metrics.line(&serde_json::to_string(line).expect("a line has only text keys"))?;
        self.metrics.flush()?;
        self.events.add(line)
    }

    /// The lengths of the files that grow, for [`RunFiles::go_back`].
    pub fn lengths(&self) -> Lengths {
        Lengths { metrics: self.metrics.length(), episodes: self.episodes.length() }
    }

    /// Cuts the files that grow to their lengths at an earlier moment.
    pub fn go_back(&mut self, lengths: Lengths) -> Result<(), FileError> {
        self.metrics.cut(lengths.metrics)?;
        self.episodes.cut(lengths.episodes)
    }

    /// Writes a checkpoint of a training after this number of updates.
    pub fn checkpoint(
        &mut self,
        learner: &dyn Algorithm,
        environments: &Environments,
        statistics: &EpisodeStatistics,
        (updates, wall_seconds): (u64, f64),
    ) -> Result<(), TrainError> {
        // The buffer first: a checkpoint guarantees that its data exists.
        if let Some(buffer) = learner.replay() {
            self.replay.sync(buffer, &self.folder.replay())?;
        }
        let checkpoint = Checkpoint {
            updates,
            steps: environments.steps(),
            wall_seconds,
            episodes: statistics.clone(),
            metrics_bytes: self.metrics.sync()?,
            episodes_bytes: self.episodes.sync()?,
            environments: environments.save()?,
            learner: learner.save()?,
        };
        checkpoint.write(&self.folder.checkpoints()).map(drop)
    }

    /// An error that stopped the training, with the newest complete checkpoint.
    pub fn stopped(&self, error: TrainError) -> TrainError {
        let last_good = checkpoint::last_good(&self.folder.checkpoints());
        TrainError::Stopped { source: Box::new(error), last_good }
    }
}

/// A checkpoint continues only the training that wrote it.
pub fn same_settings(problem: &Problem, folder: &RunFolder) -> Result<(), TrainError> {
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
        // A log for the validation of the process does not change the training.
        table.remove("data");
        Some(table)
    };
    if decisive(&found).is_some_and(|found| Some(found) == decisive(&expected)) {
        return Ok(());
    }
    let differs = |(found, expected): &(&str, &str)| found != expected;
    let difference = found.lines().zip(expected.lines()).find(differs).map_or_else(
        || "one project has more keys".to_owned(),
        |(found, expected)| format!("there `{found}`, here `{expected}`"),
    );
    Err(TrainError::OtherSettings { folder: folder.path.clone(), difference })
}
