//! Evaluation: the policy against each baseline on the same seeds, with intervals.

use std::sync::atomic::AtomicBool;

use serde::{Deserialize, Serialize};
use setpoint_decision::evaluate::Headline;
use setpoint_decision::spec::Aggregate;
use setpoint_policy::Policy;

use crate::deciders::{self, POLICY};
use crate::decision::Decision;
use crate::error::PlayError;
use crate::evidence_file::Hashes;
use setpoint_files::run_folder::RunFolder;
use setpoint_statistics::shares::share;
use setpoint_statistics::versus::Estimate;
use setpoint_statistics::{Interval, Summary, grouped};

mod comparison;
mod episodes;
mod kept;

pub(crate) use comparison::RETURN;
pub use comparison::{Compared, Comparison};
use episodes::Episodes;
pub use kept::{Kept, keep};

/// A policy and its baselines, measured: `evidence/evaluation.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Evaluation {
    /// `decision.name`
    pub project: String,
    /// `process.kind`
    pub process: String,
    /// Episodes of each seed.
    pub episodes_per_seed: u64,
    /// The seeds of all of them.
    pub seeds: Vec<u64>,
    /// Whether the policy took its most probable action.
    pub deterministic: bool,
    /// The policy.
    pub policy: Subject,
    /// The baselines.
    pub baselines: Vec<Subject>,
    /// Policy against each baseline, in their order.
    pub comparisons: Vec<Comparison>,
}

/// One policy or baseline, measured.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Subject {
    /// `policy`, `random`, `heuristic`
    pub name: String,
    /// Its description.
    pub description: String,
    /// Reward per step; the interval resamples whole episodes.
    pub reward_per_step: Summary,
    /// Return of an episode.
    pub episode_return: Summary,
    /// Steps of an episode.
    pub episode_steps: Summary,
    /// Episodes that terminated (rather than being truncated), in percent.
    #[serde(deserialize_with = "setpoint_statistics::stored::figures")]
    pub terminated_percent: f64,
    /// Every signal of the process.
    pub signals: Vec<SignalSummary>,
    /// Every term of the reward.
    pub reward_terms: Vec<TermSummary>,
    /// The share of each choice, or the mean of each axis.
    pub actions: Vec<ActionShare>,
    /// The share of decisions with each constraint active.
    pub constraints: Vec<ConstraintHits>,
    /// Reward per step of each seed.
    #[serde(deserialize_with = "setpoint_statistics::stored::figures")]
    pub reward_per_step_by_seed: Vec<f64>,
}

impl Subject {
    /// The description without the name, for a place where the name stands before it.
    pub fn description_alone(&self) -> &str {
        let after_name = self.description.strip_prefix(self.name.as_str());
        after_name.and_then(|rest| rest.strip_prefix(": ")).unwrap_or(&self.description)
    }

    /// The episodes that terminated, in percent, with Wilson's interval of a share.
    pub fn terminated(&self) -> Estimate {
        let episodes = self.episode_return.n;
        let count = (0.01 * self.terminated_percent * episodes as f64).round();
        let Estimate { interval, .. } = share(count as u64, episodes).scaled(100.0);
        Estimate { mean: self.terminated_percent, interval }
    }
}

/// A signal over all steps.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SignalSummary {
    /// Its name.
    pub name: String,
    /// Unit of the figures; `%` for shares.
    pub unit: String,
    /// Whether it is a mean or a share.
    pub aggregate: Aggregate,
    /// Mean over steps (for shares, in percent of steps; for totals, over episodes).
    #[serde(deserialize_with = "setpoint_statistics::stored::figures")]
    pub mean: f64,
    /// 95 % interval: whole episodes are resampled, or, of a total that is 0 or 1 in every episode, Wilson's interval of a share.
    pub interval: Interval,
}

/// A reward term over all steps.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TermSummary {
    /// Signal or event.
    pub name: String,
    /// Reward per unit of the signal, or per event.
    #[serde(deserialize_with = "setpoint_statistics::stored::figures")]
    pub weight: f64,
    /// Mean per step.
    #[serde(deserialize_with = "setpoint_statistics::stored::figures")]
    pub per_step: f64,
    /// Mean per episode.
    #[serde(deserialize_with = "setpoint_statistics::stored::figures")]
    pub per_episode: f64,
}

/// The use of an action.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ActionShare {
    /// Choice or axis.
    pub name: String,
    /// Share of decisions, for a choice.
    pub percent: Option<f64>,
    /// Mean value in its unit, for an axis: of the values that were taken, after the constraints and the process' rounding.
    pub mean: Option<f64>,
}

/// The activity of a constraint.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ConstraintHits {
    /// The constraint as text.
    pub constraint: String,
    /// Share of decisions, in percent.
    #[serde(deserialize_with = "setpoint_statistics::stored::figures")]
    pub decisions_percent: f64,
    /// Share of decisions that broke it while it was active, in percent; evidence before 2026-11-30 does not have it.
    #[serde(default)]
    pub broken_percent: Option<f64>,
}

/// Whether the policy or a baseline broke a constraint, by its index.
pub fn breaks(evaluation: &Evaluation, constraint: usize) -> bool {
    let subjects = std::iter::once(&evaluation.policy).chain(&evaluation.baselines);
    subjects
        .filter_map(|subject| subject.constraints.get(constraint)?.broken_percent)
        .any(|broken| broken > 0.0)
}

/// Evaluates with [`evaluate_unless_stopped`] and stores the evidence in the run with [`keep`]; `resolved` is the project's text.
pub fn evaluate_into(
    decision: &Decision,
    resolved: &str,
    policy: &Policy,
    seeds: u64,
    folder: &RunFolder,
    stop: Option<&AtomicBool>,
    changed: &[String],
) -> Result<(Evaluation, Kept), PlayError> {
    let evaluation = evaluate_unless_stopped(decision, policy, seeds, stop)?;
    let hashes = Hashes::of(decision, resolved)?.policy(POLICY, policy);
    let kept = keep(&evaluation, &hashes, folder, changed)?;
    Ok((evaluation, kept))
}

/// Evaluates a policy and the project's baselines over `seeds` seeds.
pub fn evaluate(decision: &Decision, policy: &Policy, seeds: u64) -> Result<Evaluation, PlayError> {
    evaluate_unless_stopped(decision, policy, seeds, None)
}

/// The same, but after a request to stop it ends within one step of the environments, with [`PlayError::Interrupted`].
pub fn evaluate_unless_stopped(
    decision: &Decision,
    policy: &Policy,
    seeds: u64,
    stop: Option<&AtomicBool>,
) -> Result<Evaluation, PlayError> {
    let settings = &decision.project.evaluate;
    let seeds: Vec<u64> = (settings.seed..settings.seed + seeds.max(1)).collect();
    let lanes = settings.episodes as usize;
    let play = |name: &str| -> Result<Option<Episodes<'_>>, PlayError> {
        let mut episodes = Episodes::new(decision, stop);
        for seed in &seeds {
            if !episodes.play(decision, (name, policy), lanes, *seed)? {
                return Ok(None);
            }
        }
        Ok(Some(episodes))
    };
    let deterministic = settings.deterministic;
    let own = play(POLICY)?.expect("a policy always plays");
    let how = if deterministic { "its most probable action" } else { "actions drawn from its distribution" };
    let steps = grouped(policy.manifest.steps as f64);
    let description = format!("{} after {steps} steps, {how}", policy.manifest.algorithm);
    let mut evaluation = Evaluation {
        project: decision.project.charter.name.clone(),
        process: decision.spec().kind.clone(),
        episodes_per_seed: lanes as u64,
        deterministic,
        policy: own.summarize(decision, POLICY, &description, seeds.len()),
        baselines: Vec::new(),
        comparisons: Vec::new(),
        seeds: seeds.clone(),
    };
    for name in &settings.baselines {
        let Some(episodes) = play(name)? else { continue };
        let description = deciders::description(name, decision);
        evaluation.baselines.push(episodes.summarize(decision, name, &description, seeds.len()));
        evaluation.comparisons.push(comparison::compare(decision, &own, &episodes, name));
    }
    Ok(evaluation)
}

/// Seeds of evaluations during a training begin here: a project file can state no such seed.
const TRAINING_SEEDS: u64 = 1 << 60;

/// An evaluation during a training.
#[derive(Clone, Debug, PartialEq)]
pub struct InTraining {
    /// The return of each episode.
    pub returns: Vec<f64>,
    /// The figure of the headline over all episodes, where that is a signal; `None` too if the figure is no finite number.
    pub headline: Option<f64>,
}

/// The policy in an evaluation during its training: the project's number of episodes, the same ones each time. No training and no
/// other evaluation plays these episodes.
pub fn evaluate_in_training(
    decision: &Decision,
    policy: &Policy,
    stop: Option<&AtomicBool>,
) -> Result<InTraining, PlayError> {
    let settings = &decision.project.evaluate;
    let mut episodes = Episodes::new(decision, stop).of_purpose("evaluation during the training");
    let seed = TRAINING_SEEDS + settings.seed;
    episodes.play(decision, (POLICY, policy), settings.episodes as usize, seed)?;
    let headline = match &settings.headline {
        Headline::Return => None,
        Headline::Signal { name, .. } => {
            episodes.signal(decision.spec(), name).filter(|mean| mean.is_finite())
        }
    };
    Ok(InTraining { returns: episodes.returns, headline })
}

/// Returns of one episode in each of `lanes` environments. After a request to stop it ends within one step of the
/// environments, with [`PlayError::Interrupted`].
pub fn returns(
    decision: &Decision,
    policy: &Policy,
    seed: u64,
    lanes: usize,
    stop: Option<&AtomicBool>,
) -> Result<Vec<f64>, PlayError> {
    let mut episodes = Episodes::new(decision, stop);
    episodes.play(decision, (POLICY, policy), lanes, seed)?;
    Ok(episodes.returns)
}
