//! Off-policy evaluation: the return of another policy, estimated from a log of decisions.
//!
//! A log contains the return of its own policy. Four estimators give another policy's return per episode:
//!
//! * per-decision importance sampling, plain and weighted (Precup, Sutton & Singh 2000) – [`importance`]
//! * fitted Q evaluation (Le, Voloshin & Yue 2019), linear in quadratic features – [`fitted_q`]
//! * weighted doubly robust (Jiang & Li 2016; Thomas & Brunskill 2016) – [`doubly_robust`]
//!
//! Intervals are percentile bootstraps over whole episodes. If the log cannot tell about the policy ([`support`]), or if the
//! policy could have produced too few of the episodes, the evaluation refuses to give a number: the effective sample size
//! (Kong 1992) of the weights at the last step decides. A result that is no finite number is refused, never shown.

use std::borrow::Cow;

use serde::Serialize;
use setpoint_decision::Diagnostic;
use setpoint_log::log::{Log, LoggedEpisode};
use setpoint_random::Stream;

use crate::action_distribution::ActionDistribution;
use crate::decision::Decision;
use setpoint_statistics::{Interval, bootstrap, mean};

pub mod behaviour;
pub mod doubly_robust;
pub mod fitted_q;
pub mod importance;
pub mod support;
pub mod trajectories;

pub use behaviour::Behaviour;
use trajectories::Trajectories;

/// Least effective sample size for a number, in episodes. Below it, measurements showed that the weighted estimators'
/// intervals contain the true value less often than they claim (`tests/off_policy_evaluation.rs`).
pub const EFFECTIVE_SAMPLE_SIZE_MIN: f64 = 30.0;

/// The settings of an evaluation.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// Discount per step, in [0, 1]; 1 gives the return of `setpoint eval`.
    pub gamma: f64,
    /// Number of first steps of an episode that count; by default all steps of the longest episode.
    pub steps: Option<usize>,
    /// Source of the logging policy's probabilities; by default the log's column, or an estimate if there is no column.
    pub behaviour: Option<Behaviour>,
    /// Seed of the bootstrap.
    pub seed: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self { gamma: 1.0, steps: None, behaviour: None, seed: 0 }
    }
}

/// An estimator and its estimate.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Estimate {
    /// `per-decision importance sampling` …
    pub estimator: &'static str,
    /// Return per episode.
    pub value: f64,
    /// 95 % interval; whole episodes are resampled.
    pub interval: Interval,
}

/// An estimator without a result.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct WithoutResult {
    /// Its name.
    pub estimator: &'static str,
    /// Why it has no result.
    pub reason: String,
}

/// The estimates for a policy from a log.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Report {
    /// Episodes of the log.
    pub episodes: u64,
    /// Its decisions.
    pub rows: u64,
    /// Steps of an episode that count.
    pub steps: u64,
    /// Discount per step.
    pub gamma: f64,
    /// Source of the logging policy's probabilities.
    pub behaviour: Behaviour,
    /// The return of the log's own policy over the same steps.
    pub logged: Estimate,
    /// Share of the policy's decisions whose choice the log takes in similar states.
    pub support: f64,
    /// Mean of the weights at the last step; 1 but for chance.
    pub mean_weight: Option<f64>,
    /// Effective sample size at the last step, in episodes.
    pub effective_sample_size: f64,
    /// The greatest share of one episode in all weights.
    pub greatest_weight: f64,
    /// Empty if refused.
    pub estimates: Vec<Estimate>,
    /// Estimators whose result is no finite number.
    pub without_result: Vec<WithoutResult>,
    /// The reason of a refusal.
    pub refusal: Option<String>,
    /// Warnings about the estimates.
    pub notes: Vec<String>,
}

/// Estimates the return of a policy per episode.
pub fn estimate(
    decision: &Decision,
    log: &Log,
    target: &mut ActionDistribution<'_>,
    settings: &Settings,
) -> Result<Report, Box<Diagnostic>> {
    let (log, mut notes) = whole_episodes(log, settings);
    let log = &*log;
    refuse_unsuited(decision, log)?;
    let behaviour = settings.behaviour.unwrap_or(if behaviour::is_logged(log) {
        Behaviour::Logged
    } else {
        Behaviour::Estimated
    });
    let probabilities = behaviour::probabilities(behaviour, decision.spec(), log)?;
    let trajectories = Trajectories::new(decision, log, target, &probabilities, settings)?;
    let n = trajectories.episodes.len();
    let horizon = trajectories.horizon;
    let sizes: Vec<f64> =
        (0..horizon).map(|step| importance::effective_sample_size(&trajectories.weights_at(step))).collect();
    let last = trajectories.weights_at(horizon - 1);
    let sum: f64 = last.iter().sum();
    let returns: Vec<f64> = (0..n).map(|episode| trajectories.sum(episode, |_, reward| reward)).collect();
    let logged = of_episodes("the log's own policy", &returns, settings.seed);
    if !is_finite(&logged) {
        return Err(Diagnostic::without_origin(
            "the return of the log's own policy is no finite number: its rewards are too great",
            "log rewards in another unit",
        ));
    }
    notes.extend(trajectories.notes.clone());
    if behaviour == Behaviour::Estimated {
        notes.push(
            "the logging policy's probabilities are estimated from the log: the intervals do not contain the error of this \
             estimate"
                .to_owned(),
        );
    }
    let mut report = Report {
        episodes: n as u64,
        rows: log.rows() as u64,
        steps: horizon as u64,
        gamma: settings.gamma,
        behaviour,
        logged,
        support: support::share(&trajectories, log),
        mean_weight: Some(sum / n as f64).filter(|mean| mean.is_finite()),
        // Weights beyond all numbers are as good as one weight.
        effective_sample_size: finite_or(sizes[horizon - 1], 1.0),
        greatest_weight: finite_or(
            last.iter().fold(0.0, |a: f64, b| a.max(*b)) / sum.max(f64::MIN_POSITIVE),
            1.0,
        ),
        estimates: Vec::new(),
        without_result: Vec::new(),
        refusal: None,
        notes,
    };
    report.refusal = support::contradiction(decision.spec(), log, behaviour, &probabilities)
        .or_else(|| support::refusal(report.support))
        .or_else(|| (report.effective_sample_size < EFFECTIVE_SAMPLE_SIZE_MIN).then(|| refusal(&sizes, n)))
        .or_else(|| support::wrong_weights(&trajectories));
    if report.refusal.is_none() {
        report.judge(&trajectories, log, settings.seed);
    }
    Ok(report)
}

impl Report {
    /// Fills in the estimates.
    fn judge(&mut self, trajectories: &Trajectories, log: &Log, seed: u64) {
        let estimates = [
            importance::per_decision(trajectories, seed),
            importance::weighted_per_decision(trajectories, seed),
            fitted_q::evaluate(trajectories, log, seed),
            doubly_robust::weighted(trajectories, log, seed),
        ];
        for found in estimates {
            if is_finite(&found) {
                self.estimates.push(found);
            } else {
                self.without_result.push(WithoutResult {
                    estimator: found.estimator,
                    reason: "its result is no finite number: values of the log are too great for it"
                        .to_owned(),
                });
            }
        }
    }
}

fn is_finite(estimate: &Estimate) -> bool {
    [estimate.value, estimate.interval.low, estimate.interval.high].iter().all(|value| value.is_finite())
}

fn finite_or(value: f64, otherwise: f64) -> f64 {
    if value.is_finite() { value } else { otherwise }
}

/// The episodes that the log has from their first decision on, up to the last step that counts; and what is left out.
fn whole_episodes<'l>(log: &'l Log, settings: &Settings) -> (Cow<'l, Log>, Vec<String>) {
    let mut notes: Vec<String> = crate::logs::left_out(log).into_iter().collect();
    let whole = |episode: &&LoggedEpisode| !episode.continued;
    let longest = log.episodes.iter().filter(whole).map(|episode| episode.rows.len()).max().unwrap_or(0);
    let steps = settings.steps.unwrap_or(longest).min(longest);
    let is_known =
        |episode: &LoggedEpisode| !episode.continued && (!episode.cut || episode.rows.len() >= steps);
    let known: Vec<usize> = (0..log.episodes.len()).filter(|index| is_known(&log.episodes[*index])).collect();
    if known.len() == log.episodes.len() {
        return (Cow::Borrowed(log), notes);
    }
    let all = log.of_one_episode().len();
    notes.push(format!(
        "{} of {all} episodes lack rows among their first {steps} steps and are not used: whether a row is missing must not \
         depend on its return",
        all - known.len().min(all)
    ));
    (Cow::Owned(log.select(known)), notes)
}

fn refuse_unsuited(decision: &Decision, log: &Log) -> Result<(), Box<Diagnostic>> {
    let spec = decision.spec();
    let reason = if !spec.action.is_discrete() {
        "off-policy evaluation needs a policy with choices: a policy that gives settings would hardly ever repeat a logged \
         setting"
    } else if spec.masked {
        "the process forbids choices in some states, and the log does not contain the allowed choices"
    } else if log.episodes.len() < 2 {
        "an interval needs at least two episodes"
    } else {
        return Ok(());
    };
    Err(Diagnostic::without_origin(
        format!("{}: {reason}", spec.kind),
        "`setpoint eval` plays the policy in a simulator; a simulator can be learned from the log: kind = \"learned\"",
    ))
}

fn refusal(sizes: &[f64], episodes: usize) -> String {
    let effective = sizes[sizes.len() - 1];
    let mut text = format!(
        "the overlap is too small: effective sample size {effective:.1} of {episodes} episodes, but \
         {EFFECTIVE_SAMPLE_SIZE_MIN} or more are needed. "
    );
    match sizes.iter().take_while(|size| **size >= EFFECTIVE_SAMPLE_SIZE_MIN).count() {
        0 => text.push_str("Log more episodes, with a policy that takes the judged policy's choices more often"),
        steps => text.push_str(&format!(
            "The first {} of an episode can be judged (--steps {steps}, effective sample size {:.0}); for more, \
             log more episodes, or judge a policy that is closer to the logging policy (--softened)",
            if steps == 1 { "step".to_owned() } else { format!("{steps} steps") },
            sizes[steps - 1]
        )),
    }
    text
}

/// A mean over episodes, with its interval.
fn of_episodes(estimator: &'static str, values: &[f64], seed: u64) -> Estimate {
    let interval = bootstrap(values.len(), &mut bootstrap_stream(seed), |indices| {
        mean(indices.iter().map(|index| values[*index]))
    });
    Estimate { estimator, value: mean(values.iter().copied()), interval }
}

fn bootstrap_stream(seed: u64) -> Stream {
    Stream::new(seed, "bootstrap off-policy evaluation", 0)
}
