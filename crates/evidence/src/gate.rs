//! The gate: whether an evaluation proves the lift over a baseline that the project requires.

use crate::decision::Decision;
use crate::evaluate::{Comparison, Evaluation};
use setpoint_statistics::{Interval, number};

/// The result of a project's gate for an evaluation.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Gate {
    /// The lift that the project requires, in percent.
    pub required_lift_percent: f64,
    /// Whether the whole interval of the lift is at least that.
    pub passed: bool,
}

/// The gate of a decision; `None` if its project requires no lift.
pub fn gate(evaluation: &Evaluation, decision: &Decision) -> Option<Gate> {
    let required_lift_percent = decision.project.evaluate.required_lift_percent?;
    let passed = against(evaluation, decision)
        .and_then(|found| found.lift_interval_percent)
        .is_some_and(|lift| lift.low >= required_lift_percent);
    Some(Gate { required_lift_percent, passed })
}

/// The comparison with the baseline of the gate (`evaluate.against`); `None` if the policy was compared with no baseline.
pub fn against<'e>(evaluation: &'e Evaluation, decision: &Decision) -> Option<&'e Comparison> {
    let name = decision.project.evaluate.against()?;
    evaluation.comparisons.iter().find(|comparison| comparison.baseline == name)
}

/// The comparison of the gate in one sentence with its interval, for the page and for the terminal; `None` without a baseline.
pub fn sentence(evaluation: &Evaluation, decision: &Decision) -> Option<String> {
    let found = against(evaluation, decision)?;
    let algorithm = decision.project.train.algorithm.to_uppercase();
    let reward = evaluation.policy.reward_per_step.mean;
    let baseline = match found.baseline.as_str() {
        "random" => "uniform random".to_owned(),
        "heuristic" => "the heuristic".to_owned(),
        name => format!("the baseline {name}"),
    };
    // A baseline with a reward of 0 has no percent: the difference itself is told.
    let (size, interval, unit): (f64, Interval, fn(f64) -> String) =
        match (found.lift_percent, found.lift_interval_percent) {
            (Some(lift), Some(interval)) => (lift, interval, percent),
            _ => (found.difference_per_step, found.difference_interval, number),
        };
    let (low, high) = (unit(interval.low), unit(interval.high));
    let interval_text = format!("95\u{a0}% interval of the difference {low} to {high}");
    let size = unit(size.abs());
    let episodes = percent(100.0 * found.probability_of_improvement);
    let sentence = if interval.low > 0.0 {
        format!(
            "{size} more than {baseline} ({interval_text}), and is better in {episodes} of pairs of episodes"
        )
    } else if interval.high < 0.0 {
        format!("{size} less than {baseline} ({interval_text}): it is not better")
    } else {
        format!("with no clear difference from {baseline} ({interval_text})")
    };
    Some(format!("{algorithm} gets {reward:.1} reward per step, {sentence}."))
}

/// A percentage as people write it.
fn percent(value: f64) -> String {
    // 99.6 % is not 100 %.
    let whole = value.abs() >= 10.0 && !(99.0..100.0).contains(&value);
    let decimals = if whole { 0 } else { 1 };
    // A number never leaves its sign on the next line.
    format!("{value:.decimals$}\u{a0}%").replace('-', "−")
}
