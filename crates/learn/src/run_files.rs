//! The files of a training in its run folder: metrics, episodes, events, the replay buffer, checkpoints.

use setpoint_evidence::environments::{Environments, Episode};
use setpoint_files::append::{self, AppendFile, Checked, Extent, Mark};
use setpoint_files::run::{Run, Start};
use setpoint_files::run_folder::RunFolder;
use setpoint_files::{FileError, atomic};
use setpoint_nn::level;

use crate::algorithm::Algorithm;
use crate::checkpoint::{self, Checkpoint};
use crate::episodes::EpisodeStatistics;
use crate::error::TrainError;
use crate::first_policy;
use crate::metrics::{EPISODES_HEADER, MetricsLine, episode_line};
use crate::problem::Problem;
use crate::replay::segments::{Changes, Segments};
use crate::selection::SelectionState;
use crate::settings::same_settings;
use crate::tensorboard::{self, EventFile};

/// A run's open files. The run is locked as long as they are open.
pub struct RunFiles {
    run: Run,
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
    /// What the user should know.
    pub notes: Vec<String>,
}

/// Everything that a resume has found good, before it changes anything.
struct Found {
    replay: Segments,
    changes: Changes,
    metrics: Checked,
    episodes: Checked,
}

/// A run's files that grow, at some moment.
#[derive(Clone, Debug)]
pub struct Marks {
    metrics: Mark,
    episodes: Mark,
}

impl RunFiles {
    /// Opens the files of a run. A resumed run restores learner and environments from its newest checkpoint, if there is one;
    /// otherwise the learner begins. Everything is checked before anything is changed: a refusal changes nothing.
    pub fn open(
        problem: &Problem,
        run: Run,
        start: Start,
        learner: &mut dyn Algorithm,
        environments: &mut Environments,
    ) -> Result<Restored, TrainError> {
        let folder = run.folder.clone();
        let (mut checkpoint, mut growth) = (None, None);
        if run.resumed {
            growth = same_settings(problem, &folder, start.may_grow())?;
            checkpoint = Checkpoint::newest(&folder.checkpoints(), &run.marker)?;
            first_policy::same_beginning(problem.first_policy.as_deref(), &run, checkpoint.is_some())?;
        }
        match &checkpoint {
            None => problem.begin(learner, environments)?,
            Some((path, saved)) => {
                let refuse =
                    |reason: String| TrainError::Checkpoint { path: path.clone(), reason, last_good: None };
                environments.load(&saved.environments).map_err(|error| refuse(error.to_string()))?;
                learner.load(&saved.learner).map_err(|error| refuse(error.to_string()))?;
                if let Some(Err(refusal)) = saved.selection.as_ref().map(SelectionState::check) {
                    return Err(refuse(format!("the best policy in it cannot be read: {refusal}")));
                }
            }
        }
        let checkpoint = checkpoint.map(|(_, checkpoint)| checkpoint);
        let found = Self::look(&run, start, checkpoint.as_ref(), learner)?;
        if checkpoint.is_some() && !problem.decision.factory.resumes_exactly() {
            learner.begin_new_episodes(environments);
        }
        let growth = growth.map(|growth| growth.sentence());
        let notes = checkpoint.as_ref().and_then(other_machine).into_iter().chain(growth).collect();
        let files = found.open(problem, run, checkpoint.is_none(), environments.steps())?;
        Ok(Restored { files, checkpoint, notes })
    }

    /// Looks at the files that grow. Fills the learner's replay buffer.
    fn look(
        run: &Run,
        start: Start,
        checkpoint: Option<&Checkpoint>,
        learner: &mut dyn Algorithm,
    ) -> Result<Found, TrainError> {
        let folder = &run.folder;
        let (replay, changes) = match learner.replay_to_restore() {
            Some((buffer, state)) => Segments::restore(buffer, state, &folder.replay(), &run.marker)?,
            // Without a checkpoint that needs them, segments belong to updates that are repeated.
            None => (Segments::of(run.marker.identity), Changes::delete_all(&folder.replay())?),
        };
        let log = |path: &std::path::Path, extent: Extent| match append::check(path, extent) {
            Err(_) if start == Start::ResumeWithoutLogs => append::check_remains(path),
            Err(source) => Err(source),
            checked => checked,
        };
        let extents = checkpoint.map_or_else(Default::default, |saved| (saved.metrics, saved.episodes_log));
        let lost = |source: FileError| TrainError::Log { source };
        let metrics = log(&folder.metrics(), extents.0).map_err(lost)?;
        let episodes = log(&folder.episodes(), extents.1).map_err(lost)?;
        Ok(Found { replay, changes, metrics, episodes })
    }

    /// The run's folder.
    pub fn folder(&self) -> &RunFolder {
        &self.run.folder
    }

    /// The run.
    pub fn run(&self) -> &Run {
        &self.run
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

    /// The files that grow, for [`RunFiles::go_back`].
    pub fn marks(&self) -> Marks {
        Marks { metrics: self.metrics.mark(), episodes: self.episodes.mark() }
    }

    /// Cuts the files that grow to what they were at an earlier moment.
    pub fn go_back(&mut self, marks: &Marks) -> Result<(), FileError> {
        self.metrics.go_back(&marks.metrics)?;
        self.episodes.go_back(&marks.episodes)
    }

    /// Writes a checkpoint of a training after this number of updates. `policy` is the hash of the policy file of this
    /// moment.
    pub fn checkpoint(
        &mut self,
        learner: &dyn Algorithm,
        environments: &Environments,
        statistics: &EpisodeStatistics,
        (updates, wall_seconds): (u64, f64),
        (policy, selection): ([u8; 32], Option<SelectionState>),
    ) -> Result<(), TrainError> {
        // The buffer first: a checkpoint guarantees that its data exists.
        if let Some(buffer) = learner.replay() {
            self.replay.sync(buffer, &self.run.folder.replay())?;
        }
        let checkpoint = Checkpoint {
            run: Some(self.run.marker.identity),
            machine: Some(level::name().to_owned()),
            policy: Some(policy),
            updates,
            steps: environments.steps(),
            wall_seconds,
            episodes: statistics.clone(),
            metrics: self.metrics.sync()?,
            episodes_log: self.episodes.sync()?,
            environments: environments.save()?,
            learner: learner.save()?,
            selection,
        };
        checkpoint.write(&self.run.folder.checkpoints()).map(drop)
    }

    /// An error that stopped the training, with the newest complete checkpoint.
    pub fn stopped(&self, error: TrainError) -> TrainError {
        let last_good = checkpoint::last_good(&self.run.folder.checkpoints());
        TrainError::Stopped { source: Box::new(error), last_good }
    }
}

impl Found {
    /// Opens the files that grow, cut back to their extent at the checkpoint, and makes the other changes of a resume.
    fn open(self, problem: &Problem, run: Run, is_begun: bool, steps: u64) -> Result<RunFiles, FileError> {
        let folder = &run.folder;
        atomic::sweep_files(&folder.path, &[folder.project_file(), folder.policy(), folder.summary()])?;
        atomic::sweep(&folder.checkpoints())?;
        // The training goes on: what it said about its end no longer holds. Before the project, so that no kill leaves an end that
        // the project does not have.
        if folder.summary().is_file() {
            atomic::remove_file(&folder.summary())?;
        }
        let resolved = problem.resolved();
        if !folder.project_file().is_file() || RunFolder::read(&folder.project_file())? != resolved {
            atomic::replace(&folder.project_file(), resolved.as_bytes())?;
        }
        self.changes.make(&folder.replay())?;
        let metrics = self.metrics.open()?;
        let mut episodes = self.episodes.open()?;
        if episodes.is_empty() {
            episodes.line(EPISODES_HEADER)?;
        }
        if is_begun {
            tensorboard::delete_events(&folder.tensorboard())?;
        }
        let names = problem.spec().action.names().into_iter().map(str::to_owned).collect();
        let events = EventFile::create(&folder.tensorboard(), names, steps)?;
        Ok(RunFiles { metrics, episodes, events, replay: self.replay, run })
    }
}

/// A sentence, if a checkpoint was computed at another level of the machine.
fn other_machine(checkpoint: &Checkpoint) -> Option<String> {
    let (there, here) = (checkpoint.machine.as_deref()?, level::name());
    (there != here).then(|| {
        format!(
            "the checkpoint was computed with {there}, this machine computes with {here}: from here on results may differ in \
             their last bits from those of an undisturbed training"
        )
    })
}
