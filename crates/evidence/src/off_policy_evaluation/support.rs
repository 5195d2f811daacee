//! Whether a log can tell about another policy at all. Three checks refuse a number before it is computed:
//!
//! * **Probabilities.** With b the logging policy, the mean of 1[a = c] / b(a|s) over decisions is 1 for every choice c. If the
//!   log's mean differs, the stated probabilities are not those of the log.
//! * **Support.** The share of the judged policy's decisions whose choice the log takes in similar states: at least once in the
//!   [`NEIGHBOURS`] most similar states of other episodes.
//! * **Weights.** The mean of π / b over decisions and episodes is 1, because both distributions sum to 1.
//!
//! All standard errors are over whole episodes. A sound log fails one of the tests by chance less than once in 100
//! (`tests/off_policy_support.rs`).

use std::ops::Range;

use setpoint_decision::spec::Spec;
use setpoint_log::log::Log;

use super::Behaviour;
use super::importance::effective_sample_size;
use super::trajectories::Trajectories;

/// Least share of the judged policy's decisions that the log takes in similar states.
pub const SUPPORT_MIN: f64 = 0.95;
/// Similar states that are asked for a choice.
pub const NEIGHBOURS: usize = 50;
/// Greatest numbers of states that are asked, and of states among which neighbours are found.
const ASKED_MAX: usize = 400;
const CANDIDATES_MAX: usize = 20_000;
/// Standard errors by which a mean must differ from 1.
const STANDARD_ERRORS: f64 = 4.0;
/// Least difference from 1 that matters.
const DIFFERENCE_MIN: f64 = 0.05;

/// The mean of a value over rows, with its standard error over episodes.
fn mean_over_rows(episodes: &[Range<usize>], value: impl Fn(usize) -> f64) -> (f64, f64) {
    let rows: usize = episodes.iter().map(|rows| rows.len()).sum();
    let sums: Vec<(f64, f64)> =
        episodes.iter().map(|rows| (rows.clone().map(&value).sum(), rows.len() as f64)).collect();
    let mean = sums.iter().map(|(sum, _)| sum).sum::<f64>() / rows as f64;
    let squares: f64 = sums.iter().map(|(sum, rows)| (sum - mean * rows).powi(2)).sum();
    (mean, squares.sqrt() / rows as f64)
}

/// Whether a mean that should be 1 is certainly another.
fn differs(mean: f64, standard_error: f64) -> bool {
    !mean.is_finite()
        || ((mean - 1.0).abs() > DIFFERENCE_MIN && (mean - 1.0).abs() > STANDARD_ERRORS * standard_error)
}

/// How the log contradicts the stated probabilities of its policy, in a sentence.
pub fn contradiction(spec: &Spec, log: &Log, behaviour: Behaviour, probabilities: &[f64]) -> Option<String> {
    if behaviour == Behaviour::Estimated {
        return None;
    }
    let episodes: Vec<Range<usize>> = log.episodes.iter().map(|episode| episode.rows.clone()).collect();
    let rows = log.rows() as f64;
    for (choice, name) in spec.action.names().iter().enumerate() {
        let taken: Vec<usize> = (0..log.rows()).filter(|row| log.choice(*row) == choice).collect();
        let inverse = |row: usize| if log.choice(row) == choice { 1.0 / probabilities[row] } else { 0.0 };
        let (mean, error) = mean_over_rows(&episodes, inverse);
        // Few decisions scatter less than they should: the error of their expected number counts too.
        let usual =
            taken.iter().map(|row| 1.0 / probabilities[*row]).sum::<f64>() / taken.len().max(1) as f64;
        let error = error.max((usual.max(1.0) / rows).sqrt());
        // A choice that is impossible in some states has a mean below 1: that is a matter of support.
        let is_lie = mean > 1.0 || behaviour == Behaviour::Uniform;
        if is_lie && differs(mean, error) {
            let share = taken.len() as f64 / rows;
            let source = match behaviour {
                Behaviour::Uniform => "--behaviour uniform states",
                _ => "its column of probabilities states",
            };
            return Some(format!(
                "the log contradicts its probabilities: it takes {name} in {:.1} % of its decisions, and {source} {:.1} %. \
                 Correct the column, or estimate the probabilities: --behaviour estimated",
                100.0 * share,
                100.0 * share / mean
            ));
        }
    }
    None
}

/// The share of the judged policy's decisions whose choice the log takes in similar states, in [0, 1].
pub fn share(trajectories: &Trajectories, log: &Log) -> f64 {
    let mut episode_of = vec![0; log.rows()];
    for (index, episode) in log.episodes.iter().enumerate() {
        episode_of[episode.rows.clone()].fill(index);
    }
    let judged: Vec<usize> = trajectories.episodes.iter().flat_map(Clone::clone).collect();
    let thin = |rows: &[usize], most: usize| -> Vec<usize> {
        rows.iter().copied().step_by(rows.len().div_ceil(most).max(1)).collect()
    };
    let (asked, all) = (thin(&judged, ASKED_MAX), (0..log.rows()).collect::<Vec<_>>());
    let candidates = thin(&all, CANDIDATES_MAX);
    let scales = scales(log);
    let choices = trajectories.choices;
    let mut sum = 0.0;
    let mut near: Vec<(f32, usize)> = Vec::with_capacity(candidates.len());
    for row in &asked {
        let others = candidates.iter().filter(|other| episode_of[**other] != episode_of[*row]);
        near.clear();
        near.extend(others.map(|other| (distance(log, *row, *other, &scales), *other)));
        if near.is_empty() {
            return 0.0;
        }
        let last = NEIGHBOURS.min(near.len()) - 1;
        near.select_nth_unstable_by(last, |a, b| a.0.total_cmp(&b.0));
        let mut taken = vec![false; choices];
        near[..=last].iter().for_each(|(_, other)| taken[log.choice(*other)] = true);
        let own = &trajectories.target[row * choices..(row + 1) * choices];
        sum += own.iter().zip(&taken).filter(|(_, taken)| **taken).map(|(share, _)| share).sum::<f64>();
    }
    sum / asked.len().max(1) as f64
}

/// `[features]` 1 / variance; 0 for a feature that never changes.
fn scales(log: &Log) -> Vec<f32> {
    let mut moments = setpoint_statistics::moments::RunningMoments::new(log.features);
    moments.update(&log.observations);
    let scale = |variance: &f64| if *variance > 1e-12 { (1.0 / variance) as f32 } else { 0.0 };
    moments.variance.iter().map(scale).collect()
}

fn distance(log: &Log, first: usize, second: usize, scales: &[f32]) -> f32 {
    let pairs = log.observation(first).iter().zip(log.observation(second)).zip(scales);
    pairs.map(|((a, b), scale)| (a - b) * (a - b) * scale).sum()
}

/// Why too little of the judged policy is in the log; `None` if enough is.
pub fn refusal(share: f64) -> Option<String> {
    (share < SUPPORT_MIN).then(|| {
        format!(
            "the log cannot tell about this policy: in similar states it takes the policy's choices in only {:.0} % of the \
             policy's decisions, but {:.0} % or more are needed. Log more of the other choices, or judge a policy that is \
             closer to the logging policy (--softened)",
            (100.0 * share).floor(),
            100.0 * SUPPORT_MIN
        )
    })
}

/// Why the weights cannot be right; `None` if their means are 1 within their errors.
pub fn wrong_weights(trajectories: &Trajectories) -> Option<String> {
    let n = trajectories.episodes.len() as f64;
    let (mean, error) = mean_over_rows(&trajectories.episodes, |row| trajectories.ratios[row]);
    let mut found = differs(mean, error).then_some(("decisions".to_owned(), mean));
    for step in 0..trajectories.horizon {
        let weights = trajectories.weights_at(step);
        let mean = weights.iter().sum::<f64>() / n;
        // The relative error of a mean of weights follows from their effective number.
        let error = (1.0 / effective_sample_size(&weights).max(1.0)).sqrt() * mean.max(1.0);
        let is_constant = weights.iter().all(|weight| (weight - mean).abs() <= 1e-9 * mean.abs());
        if found.is_none() && differs(mean, if is_constant { 0.0 } else { error }) {
            found = Some((format!("the first {} steps of the episodes", step + 1), mean));
        }
    }
    found.map(|(what, mean)| {
        format!(
            "the weights contradict each other: their mean over {what} is {mean:.3}, and it must be 1. The probabilities of \
             the logging policy are wrong, or the log never takes some of the judged policy's choices"
        )
    })
}
