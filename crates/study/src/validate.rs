//! The simulator against a log of the plant: does training in the simulator help at the plant?
//!
//! The simulator plays the log's own actions, episode by episode ([`play`]). Then both are compared: the distributions of
//! their features and signals ([`distribution`]), the effect and the delay of actions ([`dynamics`]), and the reward
//! ([`gap`]). Rows of an episode depend on each other, so whole pieces of episodes are split, swapped and resampled
//! ([`pieces`]). The size of a difference decides, not its certainty: with enough rows every difference is certain.
//!
//! A controller looks at the state before it acts. A replay of its actions ignores the simulated state, so the actions come
//! at the wrong moments. If the simulator does not fit under the log's actions, and these actions depend on the state, a
//! clone of the controller decides in the simulator too ([`controller`]). The better of both verdicts counts: a wrong
//! simulator fits neither.

use std::path::Path;

use serde::{Deserialize, Serialize};
use setpoint_log::audit::Audit;
use setpoint_log::{Log, Reading};
use setpoint_random::Stream;

use setpoint_evidence::evidence_file::{self, Hashes};
use setpoint_evidence::{Decision, PlayError};
use setpoint_files::FileError;
use setpoint_learn::problem::Problem;

pub mod controller;
pub mod distribution;
pub mod dynamics;
pub mod gap;
mod linear;
pub mod pieces;
pub mod play;
pub mod verdict;

use controller::Controller;
use distribution::Distribution;
use dynamics::{Change, Lags, Prediction};
use gap::Gap;
use verdict::{Reason, Verdict};

/// The name of the evidence.
pub const EVIDENCE: &str = "validation";

/// The comparison of a simulator with a log: `evidence/validation.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Validation {
    /// `decision.name`
    pub project: String,
    /// `process.kind`
    pub process: String,
    /// Seed of the simulator and of the resampling.
    pub seed: u64,
    /// The verdict.
    pub verdict: Verdict,
    /// The verdict with its reasons, in a sentence.
    pub sentence: String,
    /// The findings against the simulator, the worst first.
    pub reasons: Vec<Reason>,
    /// The faults of the log itself.
    pub audit: Audit,
    /// Episodes of the log that were compared.
    pub episodes: u64,
    /// Their rows.
    pub rows: u64,
    /// The clone of the log's controller, if it decided in the simulator; absent if the simulator played the log's actions.
    pub controller: Option<Controller>,
    /// Rows of the simulator: fewer if its episodes ended earlier.
    pub simulated_rows: u64,
    /// Pieces of episodes, the unit of the resampling.
    pub pieces: u64,
    /// Reward per step; absent if the log has no reward and it cannot be computed.
    pub reward: Option<Gap>,
    /// Least gap of the reward of a doubtful simulator, in percent.
    pub gap_warn_percent: f64,
    /// Least gap of the reward of an inconsistent simulator, in percent.
    pub gap_fail_percent: f64,
    /// Means of the signals that the log has.
    pub signals: Vec<Gap>,
    /// Distributions of features and signals.
    pub distributions: Vec<Distribution>,
    /// The effect of each action in one step.
    pub changes: Vec<Change>,
    /// The delay at which actions explain the changes best; absent if pieces are too short.
    pub lags: Option<Lags>,
    /// One-step predictions of each feature's change.
    pub predictions: Vec<Prediction>,
}

impl Validation {
    /// Why gaps have no percent, in a sentence; `None` if every gap has its percent.
    pub fn without_percent(&self) -> Option<String> {
        let gaps = self.reward.iter().chain(&self.signals).filter(|gap| gap.percent.is_none());
        let names: Vec<&str> = gaps.map(|gap| gap.name.as_str()).collect();
        let subject = match names.as_slice() {
            [] => return None,
            [name] => format!("The mean of {name}"),
            names => format!("The means of {}", names.join(", ")),
        };
        let verb = if names.len() == 1 { "is" } else { "are" };
        Some(format!("{subject} {verb} 0 in the log, so the gap has no value in percent."))
    }
}

/// Compares both, up to the simulator's limit of steps in each episode. Reports the current task to `progress`.
pub fn validate(
    problem: &Problem,
    reading: &Reading,
    seed: u64,
    progress: &mut dyn FnMut(&'static str),
) -> Result<Validation, PlayError> {
    let decision = &problem.decision;
    let logged = gap::with_rewards(pieces::chosen(&reading.log, decision.spec().max_steps), decision);
    progress("playing the log's actions");
    let simulated = play::play(decision, &logged, None, seed)?;
    let played = compared(decision, reading, &logged, simulated, None, seed, progress);
    if played.verdict == Verdict::Consistent {
        return Ok(played);
    }
    if let Some(shifted) = counted_from_zero(problem, reading, &logged) {
        progress("playing the log's actions, counted from 1");
        let simulated = play::play(decision, &shifted, None, seed)?;
        let other = compared(decision, reading, &shifted, simulated, None, seed, progress);
        if other.verdict < played.verdict {
            let mut found = played;
            let sentence =
                "the simulator fits if the log counts its choices from 1: write action_offset = 1 in [data]";
            verdict::add(
                &mut found,
                Reason { verdict: Verdict::Inconsistent, sentence: sentence.to_owned() },
            );
            return Ok(found);
        }
    }
    progress("learning a clone of the log's controller");
    let Some((policy, controller)) = controller::clone_of(problem, &logged, seed) else { return Ok(played) };
    progress("playing with the clone");
    let simulated = play::play(decision, &logged, Some(&policy), seed)?;
    let cloned = compared(decision, reading, &logged, simulated, Some(controller), seed, progress);
    let rank = |found: &Validation| (found.verdict, found.reasons.len());
    Ok(if rank(&cloned) < rank(&played) { cloned } else { played })
}

/// The same log with choices that are 1 less, if its choices are numbers and none is 0: they may be counted from 1. A project
/// that states where they begin is believed.
fn counted_from_zero(problem: &Problem, reading: &Reading, logged: &Log) -> Option<Log> {
    let data = problem.decision.project.data.as_ref();
    let is_possible = problem.spec().action.is_discrete()
        && data.is_none_or(|data| data.cleaning.action_offset == 0)
        && reading.is_numbered
        && logged.actions.iter().all(|action| *action >= 1.0);
    is_possible.then(|| {
        let mut shifted = logged.clone();
        shifted.actions.iter_mut().for_each(|action| *action -= 1.0);
        shifted
    })
}

/// Compares both sides and gives the verdict.
fn compared(
    decision: &Decision,
    reading: &Reading,
    logged: &Log,
    mut simulated: Log,
    controller: Option<Controller>,
    seed: u64,
    progress: &mut dyn FnMut(&'static str),
) -> Validation {
    let data = decision.project.data.clone().unwrap_or_default();
    play::forget_unknown(&mut simulated, logged);
    let (episodes, rows) = (logged.episodes.len(), logged.rows());
    let both = pieces::Both::cut(logged.clone(), simulated);
    progress("comparing distributions");
    let distributions = distribution::compare(decision.spec(), &both, &reading.resolution, seed);
    progress("comparing the effects of actions");
    let rounded = play::rounded(&both.simulated, &reading.resolution);
    let stepped = pieces::Both { simulated: rounded, ..both.clone() };
    let changes = dynamics::changes(decision.spec(), &stepped);
    let lags = dynamics::lags(decision.spec(), &stepped);
    let predictions = dynamics::predictions(decision.spec(), &stepped);
    progress("comparing the reward");
    let mut random = Stream::new(seed, "validation bootstrap", 0);
    let mut validation = Validation {
        project: decision.project.charter.name.clone(),
        process: decision.spec().kind.clone(),
        seed,
        verdict: Verdict::Consistent,
        sentence: String::new(),
        reasons: Vec::new(),
        controller,
        audit: reading.audit.clone(),
        episodes: episodes as u64,
        rows: rows as u64,
        simulated_rows: both.simulated.rows() as u64,
        pieces: both.len() as u64,
        reward: gap::reward(&both, &mut random),
        gap_warn_percent: data.gap_warn_percent,
        gap_fail_percent: data.gap_fail_percent,
        signals: gap::signals(decision.spec(), &both, &mut random),
        distributions,
        changes,
        lags,
        predictions,
    };
    verdict::judge(&mut validation);
    validation
}

/// Steps of the log's longest episode, if the simulator would truncate it earlier: with `process.max_steps` raised to this
/// number, the whole log is compared.
pub fn longer_than_episodes(decision: &Decision, log: &Log) -> Option<u32> {
    let longest = log.episodes.iter().map(|episode| episode.rows.len()).max().unwrap_or(0) as u32;
    decision.spec().max_steps.is_some_and(|steps| steps < longest).then_some(longest)
}

/// The hashes of the project, by its resolved text, and of the log.
pub fn hashes(problem: &Problem, log: &Path) -> Result<Hashes, FileError> {
    Hashes::of(&problem.decision, &problem.resolved())?.data(log)
}

/// Stores the evidence in a file: the file with the name [`EVIDENCE`] in a run, or another file.
pub fn keep(validation: &Validation, hashes: &Hashes, path: &Path) -> Result<(), FileError> {
    evidence_file::write(path, hashes, validation)
}
