//! The simulator against a log of the plant: is what is learnt in the one worth anything in the other?
//!
//! The simulator plays the log's own actions, episode by episode ([`play`]). Then both are compared: what their features
//! and signals look like ([`distribution`]), what an action changes and when ([`dynamics`]), and what is paid ([`gap`]). Rows of
//! an episode depend on each other, so whole pieces of episodes are split, swapped and resampled ([`pieces`]), and differences
//! are judged by their size, not by how sure it is that they are not nothing: with enough rows nothing is.
//!
//! A behaviour that looks at the state before it acts is not the same behaviour when its actions are played back: at other
//! moments they mean something else. Where the simulator does not fit under the log's actions, and these answer to what was
//! seen, a clone of who decided plays too ([`controller`]), and the better of both judgements holds: a wrong simulator fits
//! neither.

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

/// What the evidence is called.
pub const EVIDENCE: &str = "validation";

/// A simulator held against a log: `evidence/validation.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Validation {
    /// `decision.name`
    pub project: String,
    /// `process.kind`
    pub process: String,
    /// Seed of the simulator and of everything that is resampled.
    pub seed: u64,
    /// The judgement.
    pub verdict: Verdict,
    /// The judgement and why, in a sentence.
    pub sentence: String,
    /// What speaks against the simulator, the worst first.
    pub reasons: Vec<Reason>,
    /// What is wrong with the log itself.
    pub audit: Audit,
    /// Episodes of the log that were compared.
    pub episodes: u64,
    /// Their rows.
    pub rows: u64,
    /// The clone of who decided in the log, where it decided in the simulator too; absent where the log's actions were played.
    pub controller: Option<Controller>,
    /// Rows that the simulator took: fewer where it came to an end before.
    pub simulated_rows: u64,
    /// Pieces of episodes, the unit of everything that is resampled.
    pub pieces: u64,
    /// Reward per step; absent where the log has none and none can be computed.
    pub reward: Option<Gap>,
    /// From this gap of the reward on the simulator is doubtful, in percent.
    pub gap_warn_percent: f64,
    /// From this gap of the reward on it is inconsistent, in percent.
    pub gap_fail_percent: f64,
    /// Means of the signals that the log has.
    pub signals: Vec<Gap>,
    /// Distributions of features and signals.
    pub distributions: Vec<Distribution>,
    /// What each action changes in one step.
    pub changes: Vec<Change>,
    /// Which earlier action explains the changes best; absent where pieces are too short to tell.
    pub lags: Option<Lags>,
    /// One-step predictions of each feature's change.
    pub predictions: Vec<Prediction>,
}

/// Compares. Of an episode as much is looked at as the simulator's limit of steps allows. `told` hears what is being done.
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
    progress("learning who decided in the log");
    let Some((policy, controller)) = controller::clone_of(problem, &logged, seed) else { return Ok(played) };
    progress("letting a clone of who decided play");
    let simulated = play::play(decision, &logged, Some(&policy), seed)?;
    let cloned = compared(decision, reading, &logged, simulated, Some(controller), seed, progress);
    let rank = |found: &Validation| (found.verdict, found.reasons.len());
    Ok(if rank(&cloned) < rank(&played) { cloned } else { played })
}

/// Both sides, and what to make of them.
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
    progress("comparing what actions change");
    let rounded = play::rounded(&both.simulated, &reading.resolution);
    let stepped = pieces::Both { simulated: rounded, ..both.clone() };
    let changes = dynamics::changes(decision.spec(), &stepped);
    let lags = dynamics::lags(decision.spec(), &stepped);
    let predictions = dynamics::predictions(decision.spec(), &stepped);
    progress("comparing what is paid");
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

/// Steps of the log's longest episode, where the simulator would cut it off before: with `process.max_steps` raised to them,
/// all of the log is compared.
pub fn longer_than_episodes(decision: &Decision, log: &Log) -> Option<u32> {
    let longest = log.episodes.iter().map(|episode| episode.rows.len()).max().unwrap_or(0) as u32;
    decision.spec().max_steps.is_some_and(|steps| steps < longest).then_some(longest)
}

/// The hashes of the project, by its resolved text, and of the log that it was compared with.
pub fn hashes(problem: &Problem, log: &Path) -> Result<Hashes, FileError> {
    let decision = &problem.decision;
    Hashes::default()
        .project(&decision.project.charter.name, &problem.resolved(), &*decision.factory)?
        .data(log)
}

/// Keeps the evidence in a file: that of the name [`EVIDENCE`] in a run, or another.
pub fn keep(validation: &Validation, hashes: &Hashes, path: &Path) -> Result<(), FileError> {
    evidence_file::write(path, hashes, validation)
}
