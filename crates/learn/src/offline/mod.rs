//! What learners from a log share: where the log comes from, its transitions, and a training that takes its batches from them
//! instead of from environments.
//!
//! `train.total_steps` counts the rows that are learnt from: gradient steps × `batch_size`. The environments stand still; they
//! are there for the evaluation, and for what the log may be recorded in.

use std::path::Path;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use setpoint_decision::Diagnostic;
use setpoint_decision::section::{Range, Section};
use setpoint_decision::spec::ActionSpace;
use setpoint_evidence::Decision;
use setpoint_evidence::action_distribution::ActionDistribution;
use setpoint_evidence::environments::Environments;
use setpoint_evidence::logs::{ended, load, place, record};
use setpoint_log::log::Log;
use setpoint_policy::normalizer::Normalizer;
use setpoint_process::StateError;
use setpoint_process::preparation::OnProgress;
use setpoint_random::Stream;

use crate::algorithm::{Algorithm, Horizon, Snapshot, from_bytes, to_bytes};
use crate::error::TrainError;
use crate::figures::Figures;
use crate::normalize::ObservationNormalizer;
use crate::replay::Batch;

pub mod agreement;

/// Rows of an update, about: log lines and checkpoints come at a human pace.
const UPDATE_ROWS: usize = 20_000;
/// One episode in so many is held out.
const HELD_OUT: usize = 5;
/// Greatest magnitude of a normalised feature.
const CLIP_OBSERVATION: f64 = 10.0;
/// Steps of an episode that a source plays where the process sets no limit.
const SOURCE_STEPS_MAX: usize = 10_000;

/// Where the log comes from: a file, or a baseline that plays in the process.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Source {
    /// A CSV or Parquet file, beside the project file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub log: Option<String>,
    /// A baseline of the process, such as `line-manager`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// Episodes that it plays.
    pub source_episodes: u64,
    /// Share of its decisions that are made evenly among all choices instead.
    pub source_even_share: f64,
}

impl Source {
    /// Reads its keys from an algorithm's table.
    pub fn read(section: &Section<'_>) -> Result<Self, Box<Diagnostic>> {
        Ok(Self {
            log: section.string(
                "log",
                "the log that it learns from, a CSV or Parquet file beside the project file",
            )?,
            source: section.string("source", "a baseline that plays in the process instead of a log")?,
            source_episodes: section
                .integer("source_episodes", Range::between(10.0, 1e6), "episodes that it plays")?
                .unwrap_or(300),
            source_even_share: section
                .number(
                    "source_even_share",
                    Range::between(0.0, 1.0),
                    "share of its decisions that are made evenly among all choices instead",
                )?
                .unwrap_or(0.0),
        })
    }

    /// The file's place seen from anywhere, so that a run's own project file finds it.
    pub fn resolve(&mut self, folder: &Path) {
        if let Some(log) = &mut self.log {
            let path = folder.join(&*log);
            *log = std::path::absolute(&path).unwrap_or(path).display().to_string();
        }
    }

    /// Reads the log, or has it played: always from the same seed, so that all trainings of a project learn from one log.
    pub fn open(&self, decision: &Decision, progress: OnProgress<'_>) -> Result<Log, Box<Diagnostic>> {
        let name = decision.project.train.algorithm.as_str();
        let section = decision.project.section(&format!("train.{name}"));
        let log = match (&self.log, &self.source) {
            (Some(log), None) => load(&decision.project, decision.spec(), Path::new(log), progress)?,
            (None, Some(source)) => {
                if !decision.spec().action.is_discrete() {
                    let title = format!("`source` plays choices; {} has settings", decision.spec().kind);
                    return Err(section.error(
                        "source",
                        &title,
                        "not for settings",
                        "record a log and give it as `log`",
                    ));
                }
                let mut who = ActionDistribution::of_baseline(decision, source)
                    .map_err(|refused| {
                        let help = refused.help.unwrap_or_default();
                        section.error("source", &refused.title, "not a baseline", &help)
                    })?
                    .softened(self.source_even_share);
                let steps = decision.spec().max_steps.map_or(SOURCE_STEPS_MAX, |steps| steps as usize);
                record(decision, &mut who, self.source_episodes as usize, steps, 0).map_err(|error| {
                    Diagnostic::without_origin(error.to_string(), "`setpoint check` tries the process")
                })?
            }
            _ => {
                let title = format!("{name} learns from a log, and needs to know which");
                let help =
                    "log = \"line.csv\" for a file, or source = \"line-manager\" for what a baseline does";
                return Err(section.error("log", &title, "expected log or source", help));
            }
        };
        if log.episodes.len() < HELD_OUT {
            let title =
                format!("the log has {} episodes, at least {HELD_OUT} are needed", log.episodes.len());
            return Err(section.error("log", &title, "one in five is held out", "log more episodes"));
        }
        if let Some(row) = log.rewards.iter().position(|reward| !reward.is_finite()) {
            return Err(Diagnostic::without_origin(
                format!("{} has no reward", place(&log, row)),
                "every row needs one",
            ));
        }
        Ok(log)
    }
}

/// A log as learners take it, and which of its episodes they never see.
pub struct Transitions {
    /// The log.
    pub log: Log,
    /// Episodes that are held out.
    pub held_out: Vec<usize>,
    /// Rows whose episode is learnt from.
    seen: Vec<usize>,
    /// Those of them whose successor is known, or known to be none.
    followed: Vec<usize>,
    /// `[rows, axes]` settings on [−1, 1]; empty for choices.
    controls: Vec<f32>,
    /// `[rows]` whether the episode ends after the row.
    ends: Vec<bool>,
    normalizer: ObservationNormalizer,
}

impl Transitions {
    /// Of a log.
    pub fn new(log: Log, space: &ActionSpace) -> Self {
        let mut episodes: Vec<usize> = (0..log.episodes.len()).collect();
        Stream::new(0, "offline held out", 0).shuffle(&mut episodes);
        let held_out = episodes.split_off(episodes.len() - episodes.len() / HELD_OUT);
        episodes.sort_unstable();
        let mut normalizer = ObservationNormalizer::new(log.features, CLIP_OBSERVATION);
        normalizer.update(&log.observations);
        let mut transitions = Self {
            seen: episodes.iter().flat_map(|episode| log.episodes[*episode].rows.clone()).collect(),
            followed: Vec::new(),
            ends: vec![false; log.rows()],
            controls: match space {
                ActionSpace::Discrete { .. } => Vec::new(),
                ActionSpace::Continuous { axes } => {
                    let axes = axes.iter().cycle();
                    let scaled = |(value, axis): (&f32, &setpoint_decision::spec::Axis)| {
                        (2.0 * (value - axis.low) / (axis.high - axis.low) - 1.0).clamp(-1.0, 1.0)
                    };
                    log.actions.iter().zip(axes).map(scaled).collect()
                }
            },
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

    /// Draws rows evenly into a batch, observations normalised; `only_followed` leaves out those whose successor nobody knows.
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
            // What follows an end is worth nothing, so any observation does.
            let next = if ends[row] || row + 1 >= log.rows() { row } else { row + 1 };
            batch.next_observations.extend_from_slice(log.observation(next));
            batch.discounts.push(if ends[row] { 0.0 } else { gamma as f32 });
            batch.rewards.push(log.rewards[row] as f32);
            if controls.is_empty() {
                batch.choices.push(log.choice(row) as u32);
            } else {
                batch.controls.extend_from_slice(&controls[row * log.width..(row + 1) * log.width]);
            }
        }
        batch.rows = batch.places.len();
        self.normalizer.apply_in_place(&mut batch.observations);
        self.normalizer.apply_in_place(&mut batch.next_observations);
    }

    /// How observations are normalised.
    pub fn frozen_normalizer(&self) -> Normalizer {
        self.normalizer.freeze()
    }

    /// Standard deviation of the rewards that are learnt from.
    pub fn reward_deviation(&self) -> f64 {
        let rewards: Vec<f64> = self.seen.iter().map(|row| self.log.rewards[*row]).collect();
        setpoint_statistics::sample_deviation(&rewards).max(1e-9)
    }
}

/// What an algorithm that learns from a log adds.
pub trait OfflineLearner: Send {
    /// Whether a row is of use only if what followed it is known.
    fn needs_successors(&self) -> bool;
    /// One gradient step. `Err` names what is not finite.
    fn learn(&mut self, batch: &Batch, progress_remaining: f64) -> Result<(), &'static str>;
    /// Means since the last call, and what the held-out rows say.
    fn take_figures(&mut self, held_out: &Batch) -> Figures;
    /// The policy as it stands, without the normaliser.
    fn snapshot(&self) -> Snapshot;
    /// Everything that a bit-identical continuation needs.
    fn save(&self) -> Result<Vec<u8>, StateError>;
    /// Puts back what [`OfflineLearner::save`] wrote.
    fn load(&mut self, bytes: &[u8]) -> Result<(), StateError>;
}

/// A learner with the log that it learns from.
pub struct Offline<L> {
    learner: L,
    transitions: Arc<Transitions>,
    batch_size: usize,
    gamma: f64,
    draws: Stream,
    batch: Batch,
    held_out: Batch,
}

impl<L: OfflineLearner> Offline<L> {
    /// Around a learner; its draws follow from `seed`.
    pub fn new(learner: L, transitions: Arc<Transitions>, batch_size: usize, gamma: f64, seed: u64) -> Self {
        let mut held_out = Batch::default();
        transitions.held_out(&mut held_out);
        let draws = Stream::new(seed, "offline draws", 0);
        Self { learner, transitions, batch_size, gamma, draws, batch: Batch::default(), held_out }
    }
}

impl<L: OfflineLearner> Algorithm for Offline<L> {
    fn lanes(&self) -> usize {
        1
    }

    fn begin(&mut self, _environments: &Environments) {}

    fn update(&mut self, environments: &mut Environments, horizon: Horizon) -> Result<Figures, TrainError> {
        let end = environments.steps() + UPDATE_ROWS as u64;
        while environments.steps() < end.min(horizon.total_steps) {
            let Self { learner, transitions, draws, batch, .. } = self;
            transitions.draw(self.batch_size, self.gamma, learner.needs_successors(), draws, batch);
            let steps = environments.steps();
            learner
                .learn(batch, horizon.remaining_at(steps))
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
