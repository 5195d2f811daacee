//! The gate: whether an evaluation proves what the project requires of a policy.
//!
//! A project requires a lift (`required_lift_percent`, `required_lift`), signals that do not get worse (`[safety]`), and, with
//! either of them, that no more episodes end in failure than with the baseline.

use serde::{Deserialize, Serialize};
use setpoint_decision::evaluate::{Headline, MoreFailures};
use setpoint_decision::safety::SafetySignal;
use setpoint_decision::spec::Termination;
use setpoint_statistics::number;
use setpoint_statistics::versus::Estimate;

use crate::decision::Decision;
use crate::evaluate::{Compared, Comparison, Evaluation, Subject};
use crate::wording::{
    amount, baseline, ends, figure, is_of, measure, termination, unit_of_difference, without_repeated_unit,
};

/// The result of a project's gate for an evaluation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gate {
    /// Whether every requirement is met.
    pub passed: bool,
    /// Every requirement.
    pub findings: Vec<Finding>,
}

/// One requirement, and what the evaluation says about it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// `lift`, `failures`, or the signal of `[safety]`.
    pub name: String,
    /// Whether it is met.
    pub passed: bool,
    /// The requirement and the figures, for people.
    pub sentence: String,
}

/// The gate of a decision; `None` if its project requires nothing.
pub fn gate(evaluation: &Evaluation, decision: &Decision) -> Option<Gate> {
    let settings = &decision.project.evaluate;
    let wants_lift = settings.required_lift_percent.is_some() || settings.required_lift.is_some();
    let wants_safety = !decision.project.safety.is_empty() && settings.against().is_some();
    if !wants_lift && !wants_safety {
        return None;
    }
    let findings = match against(evaluation, decision) {
        None => vec![unmeasured(&no_baseline(decision))],
        Some(found) => findings(found, decision),
    };
    Some(Gate { passed: findings.iter().all(|finding| finding.passed), findings })
}

/// The comparison with the baseline of the gate (`evaluate.against`); `None` if the policy was compared with no baseline.
pub fn against<'e>(evaluation: &'e Evaluation, decision: &Decision) -> Option<&'e Comparison> {
    let name = decision.project.evaluate.against()?;
    evaluation.comparisons.iter().find(|comparison| comparison.baseline == name)
}

/// The gate's baseline, if the policy was compared with it.
pub fn baseline_of<'e>(evaluation: &'e Evaluation, decision: &Decision) -> Option<&'e Subject> {
    let name = &against(evaluation, decision)?.baseline;
    evaluation.baselines.iter().find(|subject| subject.name == *name)
}

/// The comparisons, that with the gate's baseline first.
pub fn comparisons<'e>(evaluation: &'e Evaluation, decision: &Decision) -> Vec<&'e Comparison> {
    let mut all: Vec<&Comparison> = evaluation.comparisons.iter().collect();
    all.sort_by_key(|comparison| Some(comparison.baseline.as_str()) != decision.project.evaluate.against());
    all
}

/// The policy, the gate's baseline, and the other baselines: the columns of tables, since a narrow screen shows the first.
pub fn subjects<'e>(evaluation: &'e Evaluation, decision: &Decision) -> Vec<&'e Subject> {
    let mut all: Vec<&Subject> = evaluation.baselines.iter().collect();
    all.sort_by_key(|subject| Some(subject.name.as_str()) != decision.project.evaluate.against());
    all.insert(0, &evaluation.policy);
    all
}

/// The indices of the signals in the order of tables: that of the headline, those of `[safety]`, the others.
pub fn signals(evaluation: &Evaluation, decision: &Decision) -> Vec<usize> {
    let safety = &decision.project.safety;
    let place = |name: &str| match &decision.project.evaluate.headline {
        Headline::Signal { name: headline, .. } if headline == name => 0,
        _ => 1 + safety.iter().position(|signal| signal.name == name).unwrap_or(safety.len()),
    };
    let mut indices: Vec<usize> = (0..evaluation.policy.signals.len()).collect();
    indices.sort_by_key(|index| place(&evaluation.policy.signals[*index].name));
    indices
}

/// Why there is no comparison with the gate's baseline, and the fix.
fn no_baseline(decision: &Decision) -> String {
    match decision.project.evaluate.against() {
        None => "the policy was compared with no baseline".to_owned(),
        Some(name) => format!("{} was not measured: name another in [evaluate] against", baseline(name)),
    }
}

fn unmeasured(reason: &str) -> Finding {
    Finding { name: "lift".to_owned(), passed: false, sentence: format!("not judged: {reason}") }
}

pub(crate) fn findings(found: &Comparison, decision: &Decision) -> Vec<Finding> {
    let headline = &decision.project.evaluate.headline;
    let Some(compared) = found.headline.as_ref().filter(|compared| is_of(compared, headline)) else {
        let reason = format!(
            "this evidence does not hold the {} of policy and baseline on the same seeds: evaluate again",
            measure(headline)
        );
        return vec![unmeasured(&reason)];
    };
    let mut all = lifts(compared, &found.baseline, decision);
    all.extend(failures(found, decision));
    for signal in &decision.project.safety {
        all.push(safety(signal, of_signal(found, signal), &found.baseline));
    }
    all
}

/// The required lifts, in percent and in units.
fn lifts(compared: &Compared, name: &str, decision: &Decision) -> Vec<Finding> {
    let settings = &decision.project.evaluate;
    let mut all = Vec::new();
    let mut lift = |required: String, found: Option<Estimate>, unit: &str, least: f64, refused: String| {
        let (passed, text) = match found {
            Some(found) => (
                found.interval.low >= least,
                format!(
                    "found: {} (95\u{a0}% interval {})",
                    amount(found.mean, unit),
                    ends(found.interval, unit)
                ),
            ),
            None => (false, format!("refused: {refused}")),
        };
        let sentence = format!("required lift: at least {required}; {text}");
        all.push(Finding { name: "lift".to_owned(), passed, sentence });
    };
    if let Some(least) = settings.required_lift_percent {
        let required = match least < 0.0 {
            true => format!("−{}\u{a0}%, a loss", -least),
            false => format!("{least}\u{a0}%"),
        };
        lift(required, compared.lift_percent, "%", least, no_percent(compared, name));
    }
    if let Some(least) = &settings.required_lift {
        let unit = unit_of_difference(&compared.unit);
        let refused = "a figure of the difference is no finite number".to_owned();
        let required = if unit == "reward" {
            format!("{} reward", number(least.value))
        } else {
            amount(least.value, unit)
        };
        lift(required, compared.improvement(), unit, least.value, refused);
    }
    all
}

/// Why there is no lift in percent, and the fix.
fn no_percent(compared: &Compared, name: &str) -> String {
    let Compared { unit, baseline: figure, .. } = compared;
    let Some(figure) = figure else { return "the baseline's figure is no finite number".to_owned() };
    // Half of the difference that was found: the size of a lift is for the project to decide.
    let size = rounded(compared.improvement().map_or(1.0, |found| 0.5 * found.mean.abs()));
    let example = match unit.as_str() {
        "1" | "%" | "" => size.to_string(),
        unit => format!("\"{size} {unit}\""),
    };
    format!(
        "a percent of {} has no meaning where its interval ({}) does not stay away from 0. State the lift in units, for \
         example required_lift = {example}",
        baseline(name),
        ends(figure.interval, unit),
    )
}

/// A number with two digits, as a project file writes it.
fn rounded(value: f64) -> f64 {
    if value == 0.0 || !value.is_finite() {
        return 1.0;
    }
    let scale = 10_f64.powi(1 - value.log10().floor() as i32);
    (value * scale).round() / scale
}

/// Whether more of the policy's episodes end in failure than the project allows; `None` where an end is no failure.
fn failures(found: &Comparison, decision: &Decision) -> Option<Finding> {
    let compared = found.terminated.as_ref()?;
    let difference = compared.difference?;
    let allowed = match decision.project.evaluate.allow_more_failures {
        _ if termination(decision) != Termination::Failure => return None,
        MoreFailures::Any => f64::INFINITY,
        MoreFailures::Points(points) => points,
    };
    let passed = difference.interval.low <= allowed;
    let rule = match allowed {
        0.0 if passed => String::new(),
        0.0 => ". The project allows no more failures (allow_more_failures)".to_owned(),
        1.0 => ". The project's limit is 1 percentage point".to_owned(),
        points if points.is_finite() => format!(". The project's limit is {points} percentage points"),
        _ => ". The project allows more".to_owned(),
    };
    let sentence = format!("failures: {}{rule}", failure_text(compared, difference, &found.baseline));
    Some(Finding { name: "failures".to_owned(), passed, sentence })
}

/// Shares of episodes that end in failure.
pub(crate) fn failure_text(compared: &Compared, difference: Estimate, name: &str) -> String {
    let Compared { policy, baseline: other, .. } = compared;
    let more = if difference.interval.low > 0.0 {
        points(difference, "more")
    } else if difference.interval.high < 0.0 {
        points(difference.negated(), "fewer")
    } else {
        "no clear difference".to_owned()
    };
    format!(
        "{} of the policy's episodes end in failure, {} of those of {} ({more})",
        figure(*policy, "%"),
        figure(*other, "%"),
        baseline(name)
    )
}

fn points(difference: Estimate, word: &str) -> String {
    format!(
        "{} to {} percentage points {word}",
        number(difference.interval.low),
        number(difference.interval.high)
    )
}

/// Whether a signal of `[safety]` is worse than the baseline's by more than its margin.
fn safety(signal: &SafetySignal, compared: Option<&Compared>, name: &str) -> Finding {
    let passed = compared.is_some_and(|compared| !is_violated(signal, compared));
    let sentence = match compared.map(|compared| (compared, compared.improvement())) {
        None => format!("safety: {} was not measured: evaluate again", signal.name),
        Some((_, None)) => {
            format!("safety: {} cannot be judged, because a figure of it is no finite number", signal.name)
        }
        Some((compared, Some(better))) => {
            format!("safety: {}", safety_text(signal, &without_repeated_unit(compared), better, name))
        }
    };
    Finding { name: signal.name.clone(), passed, sentence }
}

/// The stored comparison of a signal of `[safety]`, if it was judged in the direction that the project states.
pub fn of_signal<'c>(found: &'c Comparison, signal: &SafetySignal) -> Option<&'c Compared> {
    found
        .safety
        .iter()
        .find(|compared| compared.name == signal.name && compared.better == Some(signal.better))
}

/// Whether the signal is worse by more than its margin: the whole interval of the deterioration, on the same episodes, lies above
/// it. A signal without figures is violated. Gate, headline and probes of the reward use this one rule.
pub fn is_violated(signal: &SafetySignal, compared: &Compared) -> bool {
    compared.improvement().is_none_or(|better| -better.interval.high > signal.margin)
}

/// Both figures of a signal, which of them is better, and the margin where it matters.
pub(crate) fn safety_text(
    signal: &SafetySignal,
    compared: &Compared,
    better: Estimate,
    name: &str,
) -> String {
    let (unit, by) = (compared.unit.as_str(), unit_of_difference(&compared.unit));
    let worse = better.negated();
    let verdict = if better.interval.low > 0.0 {
        format!("better by {}", ends(better.interval, by))
    } else if worse.interval.low > 0.0 {
        format!("worse by {}", ends(worse.interval, by))
    } else {
        format!("no clear difference, {} more", ends(compared.difference.unwrap_or(better).interval, by))
    };
    let margin = if worse.interval.low <= 0.0 {
        String::new()
    } else if is_violated(signal, compared) {
        format!(", beyond its margin of {}", amount(signal.margin, by))
    } else {
        format!(", a trade within its margin of {}", amount(signal.margin, by))
    };
    format!(
        "{} ({} is better) is {}, {} has {}: {verdict}{margin}",
        signal.name,
        signal.better.word(),
        figure(compared.policy, unit),
        baseline(name),
        figure(compared.baseline, unit)
    )
}
