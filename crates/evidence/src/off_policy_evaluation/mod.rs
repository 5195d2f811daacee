//! Off-policy evaluation: the return of another policy, estimated from a log of decisions.
//!
//! A log contains the return of its own policy. Four estimators give another policy's return per episode:
//!
//! * per-decision importance sampling, plain and weighted (Precup, Sutton & Singh 2000) – [`importance`]
//! * fitted Q evaluation (Le, Voloshin & Yue 2019), linear in quadratic features – [`fitted_q`]
//! * weighted doubly robust (Jiang & Li 2016; Thomas & Brunskill 2016) – [`doubly_robust`]
//!
//! Intervals are percentile bootstraps over whole episodes. If the policy could have produced too few of the episodes, the
//! evaluation refuses to give a number: the effective sample size (Kong 1992) of the weights at the last step decides.

use serde::Serialize;
use setpoint_decision::Diagnostic;
use setpoint_log::log::Log;
use setpoint_random::Stream;

use crate::action_distribution::ActionDistribution;
use crate::decision::Decision;
use setpoint_statistics::{Interval, bootstrap, mean};

pub mod behaviour;
pub mod doubly_robust;
pub mod fitted_q;
pub mod importance;
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
    /// Effective sample size at the last step, in episodes.
    pub effective_sample_size: f64,
    /// The greatest share of one episode in all weights.
    pub greatest_weight: f64,
    /// Empty if refused.
    pub estimates: Vec<Estimate>,
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
    let effective = sizes[horizon - 1];
    let last = trajectories.weights_at(horizon - 1);
    let returns: Vec<f64> = (0..n).map(|episode| trajectories.sum(episode, |_, reward| reward)).collect();
    let mut report = Report {
        episodes: n as u64,
        rows: log.rows() as u64,
        steps: horizon as u64,
        gamma: settings.gamma,
        behaviour,
        logged: of_episodes("the log's own policy", &returns, settings.seed),
        effective_sample_size: effective,
        greatest_weight: last.iter().fold(0.0, |most: f64, weight| most.max(*weight))
            / last.iter().sum::<f64>().max(f64::MIN_POSITIVE),
        estimates: Vec::new(),
        refusal: None,
        notes: trajectories.notes.clone(),
    };
    if behaviour == Behaviour::Estimated {
        report.notes.push(
            "the logging policy's probabilities are estimated from the log: the intervals do not contain the error of this \
             estimate"
                .to_owned(),
        );
    }
    if effective < EFFECTIVE_SAMPLE_SIZE_MIN {
        report.refusal = Some(refusal(&sizes, n));
        return Ok(report);
    }
    report.estimates = vec![
        importance::per_decision(&trajectories, settings.seed),
        importance::weighted_per_decision(&trajectories, settings.seed),
        fitted_q::evaluate(&trajectories, log, settings.seed),
        doubly_robust::weighted(&trajectories, log, settings.seed),
    ];
    Ok(report)
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
