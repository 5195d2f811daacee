//! What would another policy have earned? Off-policy evaluation from a log of decisions.
//!
//! A log tells what its own policy earned. Another policy's return per episode is estimated four ways:
//!
//! * per-decision importance sampling, plain and weighted (Precup, Sutton & Singh 2000) – [`importance`]
//! * fitted Q evaluation (Le, Voloshin & Yue 2019), linear in quadratic features – [`fitted_q`]
//! * weighted doubly robust (Jiang & Li 2016; Thomas & Brunskill 2016) – [`doubly_robust`]
//!
//! Intervals are percentile bootstraps over whole episodes. Where too few episodes could have been the policy's own, it
//! refuses to give a number: the effective sample size (Kong 1992) of the weights at the last step decides.

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

/// Least effective sample size for which a number is given, in episodes. Below it the weighted estimators' intervals were
/// seen to hold the truth less often than they say (`tests/off_policy_evaluation.rs`).
pub const EFFECTIVE_SAMPLE_SIZE_MIN: f64 = 30.0;

/// What is asked.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// Discount per step, in [0, 1]; 1 makes the return that of `setpoint eval`.
    pub gamma: f64,
    /// Steps that count, from the beginning of an episode on; all that the longest episode has where absent.
    pub steps: Option<usize>,
    /// Where the logging policy's probabilities come from; the log's column, or an estimate where it has none, if absent.
    pub behaviour: Option<Behaviour>,
    /// Of the bootstrap.
    pub seed: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self { gamma: 1.0, steps: None, behaviour: None, seed: 0 }
    }
}

/// One way to estimate, and what it gives.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Estimate {
    /// `per-decision importance sampling` …
    pub estimator: &'static str,
    /// Return per episode.
    pub value: f64,
    /// 95 % interval; whole episodes are resampled.
    pub interval: Interval,
}

/// What a log says of a policy.
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
    /// Where the logging policy's probabilities come from.
    pub behaviour: Behaviour,
    /// What the log's own policy earned over the same steps.
    pub logged: Estimate,
    /// How many episodes of the policy's own the log is worth, at the last step.
    pub effective_sample_size: f64,
    /// The greatest share that one episode has of all weights.
    pub greatest_weight: f64,
    /// Empty where refused.
    pub estimates: Vec<Estimate>,
    /// Why no number is given.
    pub refusal: Option<String>,
    /// What a reader must know.
    pub notes: Vec<String>,
}

/// Estimates what a policy would have earned per episode.
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
            "the logging policy's probabilities are estimated from the log: the intervals do not know of their error"
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
        "a policy that gives settings is not evaluated from a log: hardly any logged setting is one that it would give"
    } else if spec.masked {
        "the process forbids choices in some states, and a log does not say which ones it could have taken"
    } else if log.episodes.len() < 2 {
        "an interval needs at least two episodes"
    } else {
        return Ok(());
    };
    Err(Diagnostic::without_origin(
        format!("{}: {reason}", spec.kind),
        "`setpoint eval` plays the policy in a simulator; one can be learnt from the log: kind = \"learned\"",
    ))
}

fn refusal(sizes: &[f64], episodes: usize) -> String {
    let effective = sizes[sizes.len() - 1];
    let mut text = format!(
        "the overlap is too small: effective sample size {effective:.1} of {episodes} episodes, at least \
         {EFFECTIVE_SAMPLE_SIZE_MIN} are needed. "
    );
    match sizes.iter().take_while(|size| **size >= EFFECTIVE_SAMPLE_SIZE_MIN).count() {
        0 => text.push_str("Log more episodes, by a policy that takes this one's choices more often"),
        steps => text.push_str(&format!(
            "The first {} of an episode can be judged (--steps {steps}, effective sample size {:.0}); for more, \
             log more episodes, or judge a policy that is closer to the logging one (--softened)",
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
