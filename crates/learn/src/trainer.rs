//! The trainer: collects, updates, writes metrics and checkpoints, and reports the end of a training. The command line and the
//! Python package drive the same trainer.
//!
//! A training has sittings: one per command, or one per call of `learn` in Python. A sitting is a sequence of rounds
//! ([`Trainer::round`]), until a round reports the end.

mod evaluations;
mod sitting;
mod summary;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};

use setpoint_policy::Policy;
use setpoint_process::StateError;

use crate::algorithm::{Algorithm, Horizon};
use crate::episodes::EpisodeStatistics;
use crate::error::TrainError;
use crate::figures::Figures;
use crate::kept_state::{KeptState, Records};
use crate::metrics::{self, MetricsLine};
use crate::problem::Problem;
use crate::run_files::RunFiles;
use crate::selection::Selection;
use setpoint_evidence::environments::Environments;
use setpoint_files::atomic;
use setpoint_files::beginning::Beginning;
use setpoint_files::run::{Run, Start};
use sitting::Sitting;

pub use sitting::Goal;
pub use summary::{Ending, Progress, StoredSummary, Summary, Trained};

/// The result of a round.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Round {
    /// The learner collected and learned once.
    Updated,
    /// The sitting has ended without a step.
    Ended(Ending),
}

/// A learner with the environments in which it learns.
pub struct Trainer {
    problem: Problem,
    learner: Box<dyn Algorithm>,
    /// `None` until the first sitting.
    environments: Option<Environments>,
    statistics: EpisodeStatistics,
    updates: u64,
    /// Environment steps in environments that were replaced.
    former_steps: u64,
    /// Number of starts of environments: each start has its own random streams.
    beginnings: u64,
    /// The learner's figures of the last update.
    figures: Figures,
    sitting: Sitting,
    /// Evaluations during the training, if the project has any.
    selection: Option<Selection>,
    /// The state to which an interrupted update goes back.
    kept: Option<KeptState>,
    /// Whether the environments must begin new episodes before the next step.
    begins_new_episodes: bool,
    files: Option<RunFiles>,
    /// What the user should know about the start.
    notes: Vec<String>,
}

impl Trainer {
    /// A fresh learner of a problem, with the problem's seed. It writes no files, and has no environments yet:
    /// [`Trainer::sit`] makes them.
    pub fn new(problem: &Problem, threads: usize) -> Self {
        let settings = &problem.decision.project.train;
        let goal = Goal {
            total_steps: settings.total_steps,
            total_episodes: settings.total_episodes,
            target_return: settings.target_return,
            pause_at: u64::MAX,
        };
        let mut own = problem.clone();
        own.decision.threads = threads;
        Self {
            learner: problem.learner(settings.seed, threads),
            problem: own,
            environments: None,
            statistics: EpisodeStatistics::default(),
            updates: 0,
            former_steps: 0,
            beginnings: 0,
            figures: Figures::new(),
            sitting: Sitting::new(goal, 0, 0.0, 0),
            selection: Selection::of(&problem.decision.project.evaluate),
            kept: None,
            begins_new_episodes: false,
            files: None,
            notes: Vec::new(),
        }
    }

    /// A training without files, in one sitting until the goals of the project.
    pub fn without_files(problem: &Problem, threads: usize) -> Result<Self, TrainError> {
        let mut trainer = Self::new(problem, threads);
        trainer.begin()?;
        Ok(trainer)
    }

    /// A training with its files in a run, in one sitting until the goals of the project; a resumed run continues from its
    /// newest checkpoint. The run is locked until the trainer is dropped.
    pub fn in_run(problem: &Problem, threads: usize, run: Run, start: Start) -> Result<Self, TrainError> {
        let mut trainer = Self::new(problem, threads);
        let mut environments = trainer.next_environments()?;
        let restored = RunFiles::open(problem, run, start, trainer.learner.as_mut(), &mut environments)?;
        trainer.notes = restored.notes;
        let goal = trainer.sitting.goal;
        let mut wall_seconds = 0.0;
        let keeps_first_policy = problem.first_policy.is_some() && restored.checkpoint.is_none();
        if let Some(checkpoint) = restored.checkpoint {
            (trainer.updates, wall_seconds) = (checkpoint.updates, checkpoint.wall_seconds);
            trainer.statistics = checkpoint.episodes;
            if let (Some(own), Some(saved)) = (&mut trainer.selection, checkpoint.selection) {
                own.state = saved;
            }
        }
        trainer.sitting = Sitting::new(goal, environments.steps(), wall_seconds, trainer.updates);
        trainer.environments = Some(environments);
        trainer.files = Some(restored.files);
        if keeps_first_policy {
            // From here on a resume does not need the run or the file of that policy.
            trainer.checkpoint()?;
        }
        Ok(trainer)
    }

    /// Begins a sitting of `steps` environment steps, with new environments if there are none yet or `reset` requires them.
    pub fn sit(&mut self, steps: u64, reset: bool) -> Result<(), TrainError> {
        if reset || self.environments.is_none() {
            self.begin()?;
        } else if let Some(environments) = self.environments.as_mut().filter(|_| self.begins_new_episodes) {
            environments.begin_new_episodes()?;
            self.learner.begin_new_episodes(environments);
        }
        self.begins_new_episodes = false;
        self.kept = None;
        let before = self.environments.as_ref().map_or(0, Environments::steps);
        let goal = Goal {
            total_steps: before.saturating_add(steps),
            total_episodes: None,
            target_return: None,
            pause_at: u64::MAX,
        };
        self.sitting = Sitting::new(goal, before, self.sitting.wall_seconds(), self.updates);
        Ok(())
    }

    /// The sitting pauses after the update that reaches this number of environment steps.
    pub fn pause_at(&mut self, steps: u64) {
        self.sitting.goal.pause_at = steps;
    }

    fn begin(&mut self) -> Result<(), TrainError> {
        // The old environments are dropped first: environments outside of this program may not exist twice.
        self.former_steps = self.steps();
        self.environments = None;
        let environments = self.next_environments()?;
        if self.beginnings == 1 {
            self.problem.begin(self.learner.as_mut(), &environments)?;
        } else {
            self.learner.begin(&environments, false);
        }
        self.environments = Some(environments);
        Ok(())
    }

    fn next_environments(&mut self) -> Result<Environments, TrainError> {
        let purpose = match self.beginnings {
            0 => "training".to_owned(),
            beginning => format!("training {beginning}"),
        };
        let (project, factory) = (&self.problem.decision.project, &self.problem.decision.factory);
        let lanes = self.learner.lanes();
        let mut environments =
            Environments::for_training(project, factory, lanes, project.train.seed, &purpose)?;
        environments.use_threads(self.problem.decision.threads);
        self.beginnings += 1;
        Ok(environments)
    }

    /// Collects and learns once, with metrics and checkpoint when they are due; or reports the end of the sitting. `stop` also
    /// ends it within an update: the training then goes back to a state before the update.
    pub fn round(&mut self, stop: &AtomicBool) -> Result<Round, TrainError> {
        if let Some(ending) = self.ending(stop) {
            return Ok(self.ended(ending));
        }
        match self.evaluate_first_policy(stop) {
            Err(TrainError::Interrupted) => return Ok(self.ended(Ending::Interrupted)),
            evaluated => evaluated?,
        }
        self.keep();
        let before = self.environments.as_ref().map_or(0, Environments::steps);
        match self.update(stop).and_then(|()| self.evaluate_if_due(before, stop)) {
            Err(TrainError::Interrupted) => {
                self.go_back()?;
                return Ok(self.ended(Ending::Interrupted));
            }
            updated => updated?,
        }
        let evaluated = self.selection.as_ref().is_some_and(|selection| !selection.pending.is_empty());
        if evaluated || self.updates.is_multiple_of(self.problem.decision.project.train.log_every_updates) {
            self.log()?;
        }
        if self.sitting.is_checkpoint_due(&self.problem.decision.project.train, self.updates) {
            self.checkpoint()?;
        }
        Ok(Round::Updated)
    }

    fn ended(&mut self, ending: Ending) -> Round {
        self.sitting.end();
        Round::Ended(ending)
    }

    /// Keeps the present state in memory, unless a recent state is kept.
    fn keep(&mut self) {
        let Some(environments) = self.environments.as_ref() else { return };
        if self.kept.as_ref().is_some_and(KeptState::is_recent) {
            return;
        }
        let records = Records {
            statistics: self.statistics.clone(),
            updates: self.updates,
            figures: self.figures.clone(),
            selection: self.selection.clone(),
            last_line: self.sitting.last_line,
            marks: self.files.as_ref().map(RunFiles::marks),
        };
        // A process that cannot be saved finishes its updates.
        self.kept = KeptState::of(self.learner.as_mut(), environments, records).ok();
    }

    /// Goes back to the kept state.
    fn go_back(&mut self) -> Result<(), TrainError> {
        let (Some(kept), Some(environments)) = (self.kept.take(), self.environments.as_mut()) else {
            return Err(TrainError::Interrupted);
        };
        let (records, went_back) = kept.restore(self.learner.as_mut(), environments)?;
        self.begins_new_episodes = !went_back;
        self.statistics = records.statistics;
        self.updates = records.updates;
        self.figures = records.figures;
        self.selection = records.selection;
        self.sitting.last_line = records.last_line;
        if let (Some(files), Some(marks)) = (&mut self.files, &records.marks) {
            files.go_back(marks)?;
        }
        Ok(())
    }

    fn ending(&self, stop: &AtomicBool) -> Option<Ending> {
        let pause_at = self.sitting.goal.pause_at;
        let is_paused = || self.environments.as_ref().is_some_and(|found| found.steps() >= pause_at);
        self.completion()
            .or_else(|| is_paused().then_some(Ending::Paused))
            .or_else(|| stop.load(Ordering::Relaxed).then_some(Ending::Interrupted))
    }

    /// The end of the training, if its goals are reached.
    fn completion(&self) -> Option<Ending> {
        let goal = &self.sitting.goal;
        let Some(environments) = &self.environments else { return Some(Ending::Completed) };
        let all_episodes = goal.total_episodes.is_some_and(|total| self.statistics.count >= total);
        if environments.steps() >= goal.total_steps || all_episodes {
            return Some(Ending::Completed);
        }
        // A return on an easier level does not count for the target.
        let is_hardest = environments.is_at_the_last_level();
        let is_reached = |target| is_hardest && self.statistics.has_reached(target);
        goal.target_return.is_some_and(is_reached).then_some(Ending::TargetReached)
    }

    fn update(&mut self, stop: &AtomicBool) -> Result<(), TrainError> {
        let goal = &self.sitting.goal;
        let Some(environments) = &mut self.environments else { return Ok(()) };
        let mut progress = environments.steps() as f64 / goal.total_steps as f64;
        if let Some(total) = goal.total_episodes {
            progress = progress.max(self.statistics.count as f64 / total as f64);
        }
        let horizon = Horizon::without_stop((1.0 - progress).max(0.0), goal.total_steps);
        // Without a state to go back to, the update ends first.
        let horizon = if self.kept.is_some() { Horizon { stop, ..horizon } } else { horizon };
        let files = &mut self.files;
        let updated = self.learner.update(environments, horizon);
        // An error about numbers names the checkpoint to continue from.
        self.figures = updated.map_err(|error| match (error, files.as_ref()) {
            (TrainError::Interrupted, _) => TrainError::Interrupted,
            (error, Some(files)) => files.stopped(error),
            (error, None) => error,
        })?;
        self.updates += 1;
        let mut finished = Vec::new();
        environments.take_finished(&mut finished);
        for episode in finished {
            self.statistics.add(episode);
            if let Some(files) = files {
                files.episode(&episode)?;
            }
        }
        Ok(())
    }

    /// Writes the sums, if there are files, and begins new sums.
    fn log(&mut self) -> Result<(), TrainError> {
        let Some(environments) = &mut self.environments else { return Ok(()) };
        let stretch = self.statistics.take_stretch();
        let evaluations = self.selection.as_mut().map_or(Vec::new(), |own| std::mem::take(&mut own.pending));
        let Some(files) = &mut self.files else {
            environments.clear_tally();
            return Ok(());
        };
        let (steps, wall_seconds) = (environments.steps(), self.sitting.wall_seconds());
        let (last_steps, last_seconds) =
            std::mem::replace(&mut self.sitting.last_line, (steps, wall_seconds));
        let mut figures = self.figures.clone();
        let levels = environments.standings();
        if let Some(present) = levels.len().checked_sub(1) {
            figures.insert("curriculum_level", present as f64);
            figures.insert("forgotten_levels", levels.iter().filter(|level| level.forgotten).count() as f64);
        }
        let level_returns =
            levels.iter().filter_map(|level| Some((level.name.to_owned(), level.mean?))).collect();
        let tally = environments.tally();
        let n = tally.steps.max(1) as f64;
        let terms = environments.term_names().iter().zip(&tally.terms);
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
            action_entropy: metrics::action_entropy(&self.problem.spec().action, &tally.actions, n),
            constraint_hits_percent: tally.constraints.iter().map(|hits| 100.0 * *hits as f64 / n).collect(),
            level_returns,
            evaluations,
            learner: figures
                .into_iter()
                .filter(|(_, value)| value.is_finite())
                .map(|(name, value)| (name.to_owned(), value))
                .collect::<BTreeMap<_, _>>(),
        };
        environments.clear_tally();
        Ok(files.metrics(&line)?)
    }

    fn checkpoint(&mut self) -> Result<(), TrainError> {
        let moment = (self.updates, self.sitting.wall_seconds());
        if self.files.is_none() {
            return Ok(());
        }
        let policy = *blake3::hash(&self.kept_file()).as_bytes();
        let selection = self.selection.as_ref().map(|selection| selection.state.clone());
        let (Some(environments), Some(files)) = (&self.environments, &mut self.files) else { return Ok(()) };
        files.checkpoint(
            self.learner.as_ref(),
            environments,
            &self.statistics,
            moment,
            (policy, selection),
        )?;
        self.sitting.add_checkpoint(self.updates);
        // The state to go back to is never older than the last checkpoint.
        self.kept = None;
        Ok(())
    }

    /// The problem of the training.
    pub fn problem(&self) -> &Problem {
        &self.problem
    }

    /// Environment steps of all sittings.
    pub fn steps(&self) -> u64 {
        self.former_steps + self.environments.as_ref().map_or(0, Environments::steps)
    }

    /// The learner's figures of the last update.
    pub fn figures(&self) -> &Figures {
        &self.figures
    }

    /// The progress of the sitting.
    pub fn progress(&self) -> Progress {
        let curriculum = self.problem.decision.project.curriculum.as_ref();
        let standings =
            || self.environments.as_ref().map_or(0, |environments| environments.standings().len());
        Progress {
            steps: self.environments.as_ref().map_or(0, Environments::steps),
            total_steps: self.sitting.goal.total_steps,
            updates: self.updates,
            episodes: self.statistics.count,
            moving_return: self.statistics.moving(),
            best_return: self.statistics.best,
            steps_before: self.sitting.steps_before,
            evaluation: self.selection.as_ref().and_then(|selection| selection.last),
            level: curriculum.map(|curriculum| (standings(), curriculum.levels.len())),
        }
    }

    /// The present policy.
    pub fn policy(&self) -> Policy {
        let seed = self.problem.decision.project.train.seed;
        self.problem.policy(self.learner.snapshot(), seed, self.steps())
    }

    /// The state of the learner to continue in new environments (optimisers, statistics, draws), without replay buffer.
    pub fn save(&self) -> Result<Vec<u8>, StateError> {
        let learner = self.learner.save()?;
        let saved = (learner, &self.statistics, self.updates, self.steps(), self.beginnings);
        postcard::to_stdvec(&saved).map_err(|error| StateError::new(error.to_string()))
    }

    /// Restores the state of [`Trainer::save`].
    pub fn load(&mut self, bytes: &[u8]) -> Result<(), StateError> {
        let (learner, statistics, updates, steps, beginnings): (Vec<u8>, _, _, _, _) =
            postcard::from_bytes(bytes).map_err(|error| StateError::new(error.to_string()))?;
        self.learner.load(&learner)?;
        // The buffer is not saved: it fills again.
        let _ = self.learner.replay_to_restore();
        self.environments = None;
        self.kept = None;
        (self.statistics, self.updates, self.former_steps, self.beginnings) =
            (statistics, updates, steps, beginnings);
        Ok(())
    }

    /// The policy that the training began with.
    fn beginning(&self) -> Option<Beginning> {
        match (&self.files, &self.problem.first_policy) {
            (Some(files), _) => files.run().marker.from.clone(),
            (None, first) => first.as_ref().map(|first| first.beginning.clone()),
        }
    }

    /// Writes the last checkpoint, the policy and the summary.
    pub fn finish(mut self, ending: Ending) -> Result<Trained, TrainError> {
        let continues = matches!(ending, Ending::Interrupted | Ending::Paused);
        if self.updates > self.sitting.updates_at_checkpoint || continues {
            self.checkpoint()?;
        }
        let policy = self.kept_policy()?;
        let summary = Summary {
            ending,
            seed: self.problem.decision.project.train.seed,
            steps: self.steps(),
            updates: self.updates,
            episodes: self.statistics.count,
            return_mean_100: self.statistics.moving(),
            return_best: self.statistics.best,
            wall_seconds: self.sitting.wall_seconds(),
            from: self.beginning(),
            kept: self
                .selection
                .as_ref()
                .and_then(|selection| selection.kept(policy.manifest.steps, self.problem.spec())),
            setpoint_version: env!("CARGO_PKG_VERSION").to_owned(),
        };
        let folder = self.files.as_ref().map(|files| files.folder().clone());
        if let Some(files) = &self.files {
            // The policy first: the summary guarantees that all files exist.
            let (folder, bytes) = (files.folder(), self.kept_file());
            atomic::replace(&folder.policy(), &bytes)?;
            if continues {
                atomic::remove_file(&folder.summary())?;
            } else {
                let stored = StoredSummary {
                    run: Some(files.run().marker.identity),
                    policy: Some(blake3::hash(&bytes).to_hex().to_string()),
                    summary: summary.clone(),
                };
                let text = serde_json::to_string_pretty(&stored).expect("a summary has only text keys");
                atomic::replace(&folder.summary(), text.as_bytes())?;
            }
        }
        Ok(Trained { policy, summary, folder, notes: self.notes })
    }
}
