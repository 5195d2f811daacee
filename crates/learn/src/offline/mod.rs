//! The shared part of learners from a log: the source of the log, its transitions, and a training that takes its batches
//! from them instead of from environments.
//!
//! `train.total_steps` counts the rows of the gradient steps: gradient steps × `batch_size`. The environments do not step;
//! they are for the evaluation, and for recording the log.

use std::path::Path;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use setpoint_decision::Diagnostic;
use setpoint_decision::planning::MPC;
use setpoint_decision::section::{Range, Section};
use setpoint_decision::spec::ActionSpace;
use setpoint_evidence::action_distribution::ActionDistribution;
use setpoint_evidence::deciders::{self, Softened};
use setpoint_evidence::environments::Environments;
use setpoint_evidence::logs::{ended, load, place, record, record_decider};
use setpoint_evidence::{Decision, PlayError};
use setpoint_log::log::Log;
use setpoint_nn::network::Cores;
use setpoint_policy::normalizer::Normalizer;
use setpoint_process::preparation::OnProgress;
use setpoint_process::{StateError, plant};
use setpoint_random::Stream;

use crate::algorithm::{Algorithm, Horizon, Snapshot, from_bytes, to_bytes};
use crate::cores::CoresChoice;
use crate::error::TrainError;
use crate::figures::Figures;
use crate::normalize::ObservationNormalizer;
use crate::replay::Batch;

pub mod agreement;

/// Approximate number of rows of an update: log lines and checkpoints have a useful interval.
const UPDATE_ROWS: usize = 20_000;
/// One episode of this number is held out.
const HELD_OUT: usize = 5;
/// Greatest magnitude of a normalised feature.
const CLIP_OBSERVATION: f64 = 10.0;
/// Steps of an episode of a source if the process sets no limit.
const SOURCE_STEPS_MAX: usize = 10_000;

/// The source of the log: a file, or a baseline that acts in the process.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Source {
    /// A CSV or Parquet file, in the project's folder.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub log: Option<String>,
    /// A baseline of the process, such as `line-manager`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// Number of its episodes.
    pub source_episodes: u64,
    /// Share of its decisions that are replaced by uniformly random choices.
    pub source_even_share: f64,
}

impl Source {
    /// Reads its keys from an algorithm's table.
    pub fn read(section: &Section<'_>) -> Result<Self, Box<Diagnostic>> {
        Ok(Self {
            log: section.string("log", "the log, a CSV or Parquet file in the project's folder")?,
            source: section.string("source", "a baseline whose decisions are recorded instead of a log")?,
            ..Self::recording(section)?
        })
    }

    /// The planner as the source, with its keys from an algorithm's table.
    pub fn of_plans(section: &Section<'_>) -> Result<Self, Box<Diagnostic>> {
        // A written project states the source too.
        section.one_of("source", &[(MPC, ())], "the planner; no other source is possible")?;
        Ok(Self { source: Some(MPC.to_owned()), ..Self::recording(section)? })
    }

    /// The size of a recorded log.
    fn recording(section: &Section<'_>) -> Result<Self, Box<Diagnostic>> {
        Ok(Self {
            log: None,
            source: None,
            source_episodes: section
                .integer("source_episodes", Range::between(10.0, 1e6), "number of recorded episodes")?
                .unwrap_or(300),
            source_even_share: section
                .number(
                    "source_even_share",
                    Range::between(0.0, 1.0),
                    "share of recorded decisions that are replaced by uniformly random choices",
                )?
                .unwrap_or(0.0),
        })
    }

    /// Makes the file's path absolute, so that a run's own project file finds it.
    pub fn resolve(&mut self, folder: &Path) {
        if let Some(log) = &mut self.log {
            let path = folder.join(&*log);
            *log = std::path::absolute(&path).unwrap_or(path).display().to_string();
        }
    }

    /// Reads the log, or records it: always with the same seed, so that all trainings of a project learn from one log.
    pub fn open(&self, decision: &Decision, progress: OnProgress<'_>) -> Result<Log, Box<Diagnostic>> {
        let name = decision.project.train.algorithm.as_str();
        let section = decision.project.section(&format!("train.{name}"));
        let of_data = decision.project.data.as_ref().and_then(|data| data.file.as_ref());
        let log = match (&self.log, &self.source, of_data) {
            (Some(log), None, _) => load(&decision.project, decision.spec(), Path::new(log), progress)?,
            (None, Some(_), _) if !decision.factory.simulates() => {
                let label = "expected log = \"…\"";
                return Err(section.error(
                    "source",
                    "a baseline cannot be recorded in a plant",
                    label,
                    plant::REFUSAL,
                ));
            }
            (None, Some(source), _) => self.recorded(decision, source, &section)?,
            (None, None, Some(file)) => {
                load(&decision.project, decision.spec(), &decision.project.folder.join(file), progress)?
            }
            _ => {
                let title = format!("{name} learns from a log, and the project names no log");
                let help = "log = \"line.csv\" (or file = \"line.csv\" in [data]) for a file, or source = \"line-manager\" for the \
                            decisions of a baseline";
                return Err(section.error("log", &title, "expected log or source", help));
            }
        };
        let episodes = log.of_one_episode().len();
        if episodes < HELD_OUT {
            let title = format!("the log has {episodes} episodes, at least {HELD_OUT} are needed");
            return Err(section.error("log", &title, "one in five is held out", "log more episodes"));
        }
        if let Some(row) = log.rewards.iter().position(|reward| !reward.is_finite()) {
            return Err(Diagnostic::without_origin(
                format!("{} has no reward", place(&log, row)),
                "every row needs a reward",
            ));
        }
        Ok(log)
    }

    /// A log of a baseline's own decisions, a share of them uniformly random.
    fn recorded(
        &self,
        decision: &Decision,
        source: &str,
        section: &Section<'_>,
    ) -> Result<Log, Box<Diagnostic>> {
        let (spec, episodes) = (decision.spec(), self.source_episodes as usize);
        let steps = spec.max_steps.map_or(SOURCE_STEPS_MAX, |steps| steps as usize);
        let unknown = |refused: Box<Diagnostic>| {
            let help = refused.help.unwrap_or_default();
            section.error("source", &refused.title, "not a baseline", &help)
        };
        let failed = |error: PlayError| {
            Diagnostic::without_origin(error.to_string(), "`setpoint check` tries the process")
        };
        // Of one choice the log has the probabilities too, unless it comes from plans, which have none.
        let has_probabilities = spec.action.is_discrete() && source != MPC;
        if has_probabilities {
            let who = ActionDistribution::of_baseline(decision, source).map_err(unknown)?;
            let mut who = who.softened(self.source_even_share);
            return record(decision, &mut who, episodes, steps, 0).map_err(failed);
        }
        if source != MPC {
            ActionDistribution::of_baseline(decision, source).map_err(unknown)?;
        }
        // Planning takes long, and its result is the same on any number of cores.
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let planning = decision.clone().with_threads(cores);
        let baseline = deciders::baseline(source, &planning, 0, episodes).map_err(failed)?;
        let baseline = baseline.expect("its name is known");
        let stream = Stream::new(0, "record", 0);
        let mut decider = Softened::new(baseline, &spec.action, self.source_even_share, episodes, stream);
        record_decider(decision, &mut decider, episodes, steps, 0).map_err(failed)
    }
}

/// A log for learners, and its held-out episodes.
pub struct Transitions {
    /// The log.
    pub log: Log,
    /// Episodes that are held out.
    pub held_out: Vec<usize>,
    /// Rows of the episodes to learn from.
    seen: Vec<usize>,
    /// The rows of these whose next state is known, or that ended an episode.
    followed: Vec<usize>,
    /// `[rows, axes]` settings on [−1, 1].
    controls: Vec<f32>,
    /// `[rows]` whether the episode ends after the row.
    ends: Vec<bool>,
    normalizer: ObservationNormalizer,
}

impl Transitions {
    /// The transitions of a log.
    pub fn new(log: Log, space: &ActionSpace) -> Self {
        // The pieces of an episode stay together.
        let mut whole = log.of_one_episode();
        Stream::new(0, "offline held out", 0).shuffle(&mut whole);
        let held_out = whole.split_off(whole.len() - whole.len() / HELD_OUT).into_iter().flatten().collect();
        let mut episodes: Vec<usize> = whole.into_iter().flatten().collect();
        episodes.sort_unstable();
        let mut normalizer = ObservationNormalizer::new(log.features, CLIP_OBSERVATION);
        normalizer.update(&log.observations);
        let mut transitions = Self {
            seen: episodes.iter().flat_map(|episode| log.episodes[*episode].rows.clone()).collect(),
            followed: Vec::new(),
            ends: vec![false; log.rows()],
            controls: (0..log.rows())
                .flat_map(|row| log.settings(row).iter().zip(&space.axes))
                .map(|(value, axis)| {
                    (2.0 * (value - axis.low) / (axis.high - axis.low) - 1.0).clamp(-1.0, 1.0)
                })
                .collect(),
            held_out,
            normalizer,
            log,
        };
        let ended = ended(&transitions.log);
        for episode in episodes {
            let rows = transitions.log.episodes[episode].rows.clone();
            let last = rows.end - 1;
            transitions.followed.extend(rows.start..last);
            if ended[episode] {
                transitions.followed.push(last);
                transitions.ends[last] = true;
            }
        }
        transitions
    }

    /// Draws rows evenly into a batch, observations normalised; `only_followed` leaves out rows whose next state is unknown.
    pub fn draw(&self, rows: usize, gamma: f64, only_followed: bool, random: &mut Stream, batch: &mut Batch) {
        let pool = if only_followed { &self.followed } else { &self.seen };
        let chosen = (0..rows).map(|_| pool[random.below(pool.len() as u32) as usize]);
        self.gather(chosen, gamma, batch);
    }

    /// Every row of the held-out episodes.
    pub fn held_out(&self, batch: &mut Batch) {
        self.gather(self.held_out_rows(), 0.0, batch);
    }

    /// Rows of the held-out episodes.
    pub fn held_out_rows(&self) -> impl Iterator<Item = usize> {
        self.held_out.iter().flat_map(|episode| self.log.episodes[*episode].rows.clone())
    }

    fn gather(&self, rows: impl Iterator<Item = usize>, gamma: f64, batch: &mut Batch) {
        let Self { log, controls, ends, .. } = self;
        for list in [&mut batch.observations, &mut batch.next_observations, &mut batch.controls] {
            list.clear();
        }
        batch.rewards.clear();
        batch.discounts.clear();
        batch.choices.clear();
        batch.places.clear();
        for row in rows {
            batch.places.push(row as u64);
            batch.observations.extend_from_slice(log.observation(row));
            // The value after an end is 0, so any observation is possible.
            let next = if ends[row] || row + 1 >= log.rows() { row } else { row + 1 };
            batch.next_observations.extend_from_slice(log.observation(next));
            batch.discounts.push(if ends[row] { 0.0 } else { gamma as f32 });
            batch.rewards.push(log.rewards[row] as f32);
            let axes = log.width - log.groups;
            batch.choices.extend(log.choices(row));
            batch.controls.extend_from_slice(&controls[row * axes..(row + 1) * axes]);
        }
        batch.rows = batch.places.len();
        self.normalizer.apply_in_place(&mut batch.observations);
        self.normalizer.apply_in_place(&mut batch.next_observations);
    }

    /// The normalisation of observations.
    pub fn frozen_normalizer(&self) -> Normalizer {
        self.normalizer.freeze(self.log.features)
    }

    /// Standard deviation of the rewards of the data.
    pub fn reward_deviation(&self) -> f64 {
        let rewards: Vec<f64> = self.seen.iter().map(|row| self.log.rewards[*row]).collect();
        setpoint_statistics::sample_deviation(&rewards).max(1e-9)
    }
}

/// The interface of an algorithm that learns from a log.
pub trait OfflineLearner: Send {
    /// Whether a row needs a known next state.
    fn needs_successors(&self) -> bool;
    /// One gradient step; the result does not depend on the cores. `Err` names the value that is not finite.
    fn learn(&mut self, batch: &Batch, progress_remaining: f64, cores: Cores) -> Result<(), &'static str>;
    /// Means since the last call, and the figures of the held-out rows.
    fn take_figures(&mut self, held_out: &Batch) -> Figures;
    /// The present policy, without the normaliser.
    fn snapshot(&self) -> Snapshot;
    /// Everything that a bit-identical continuation needs.
    fn save(&self) -> Result<Vec<u8>, StateError>;
    /// Restores the state that [`OfflineLearner::save`] wrote.
    fn load(&mut self, bytes: &[u8]) -> Result<(), StateError>;
}

/// A learner with its log.
pub struct Offline<L> {
    learner: L,
    transitions: Arc<Transitions>,
    batch_size: usize,
    gamma: f64,
    draws: Stream,
    batch: Batch,
    held_out: Batch,
    /// The cores of the gradient steps.
    cores: CoresChoice,
}

impl<L: OfflineLearner> Offline<L> {
    /// Wraps a learner; its draws follow from `seed`.
    pub fn new(
        learner: L,
        transitions: Arc<Transitions>,
        batch_size: usize,
        gamma: f64,
        seed: u64,
        threads: usize,
    ) -> Self {
        let mut held_out = Batch::default();
        transitions.held_out(&mut held_out);
        let draws = Stream::new(seed, "offline draws", 0);
        let cores = CoresChoice::new(threads);
        Self { learner, transitions, batch_size, gamma, draws, batch: Batch::default(), held_out, cores }
    }
}

impl<L: OfflineLearner> Algorithm for Offline<L> {
    fn lanes(&self) -> usize {
        1
    }

    fn begin(&mut self, _environments: &Environments, _adopted: bool) {}

    fn update(
        &mut self,
        environments: &mut Environments,
        horizon: Horizon<'_>,
    ) -> Result<Figures, TrainError> {
        let end = environments.steps() + UPDATE_ROWS as u64;
        while environments.steps() < end.min(horizon.total_steps) {
            horizon.check_stop()?;
            let Self { learner, transitions, draws, batch, cores, .. } = self;
            transitions.draw(self.batch_size, self.gamma, learner.needs_successors(), draws, batch);
            let steps = environments.steps();
            cores
                .measured(|cores| learner.learn(batch, horizon.remaining_at(steps), cores))
                .map_err(|what| TrainError::Diverged { what, steps })?;
            environments.pass(self.batch_size as u64);
        }
        Ok(self.learner.take_figures(&self.held_out))
    }

    fn snapshot(&self) -> Snapshot {
        Snapshot { normalizer: Some(self.transitions.frozen_normalizer()), ..self.learner.snapshot() }
    }

    fn save(&self) -> Result<Vec<u8>, StateError> {
        to_bytes(&(self.learner.save()?, &self.draws))
    }

    fn load(&mut self, bytes: &[u8]) -> Result<(), StateError> {
        let (learner, draws): (Vec<u8>, Stream) = from_bytes(bytes)?;
        self.learner.load(&learner)?;
        self.draws = draws;
        Ok(())
    }
}
