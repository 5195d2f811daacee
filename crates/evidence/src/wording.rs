//! Figures of a comparison as text, for the headline and the gate.

use setpoint_decision::evaluate::Headline;
use setpoint_decision::safety::Better;
use setpoint_decision::spec::{Spec, Termination};
use setpoint_statistics::versus::Estimate;
use setpoint_statistics::{Interval, number};

use setpoint_decision::spec::behind_number;

use crate::decision::Decision;
use crate::evaluate::Compared;

/// A baseline as the subject of a sentence.
pub fn baseline(name: &str) -> String {
    match name {
        "random" => "uniform random".to_owned(),
        "heuristic" => "the heuristic".to_owned(),
        name => format!("the baseline {name}"),
    }
}

/// The unit of a difference of two figures: that of two shares has percentage points, since a percent of a share is its ratio.
pub(crate) fn unit_of_difference(unit: &str) -> &str {
    if unit == "%" { "percentage points" } else { unit }
}

/// A number with its unit; a return and a pure number have no unit behind the number.
pub fn amount(value: f64, unit: &str) -> String {
    match unit {
        "%" => percent(value),
        "1" | "" | "reward" => number(value),
        // A number never leaves its unit on the next line.
        unit => format!("{}{}", number(value), behind_number(unit).replacen(' ', "\u{a0}", 1)),
    }
}

/// A percentage as people write it; "–" if it is no finite number.
pub(crate) fn percent(value: f64) -> String {
    if !value.is_finite() {
        return number(value);
    }
    // 99.6 % is not 100 %.
    let whole = value.abs() >= 10.0 && !(99.0..100.0).contains(&value.abs());
    let decimals = if whole { 0 } else { 1 };
    format!("{value:.decimals$}\u{a0}%").replace('-', "−")
}

/// Both ends of an interval.
pub fn ends(interval: Interval, unit: &str) -> String {
    format!("{} to {}", number_alone(interval.low, unit), amount(interval.high, unit))
}

/// The lower end of an interval: its unit stands behind the higher end alone, except for percent.
fn number_alone(value: f64, unit: &str) -> String {
    if unit == "%" { percent(value) } else { number(value) }
}

/// A figure, or "–" without a figure.
pub(crate) fn figure(estimate: Option<Estimate>, unit: &str) -> String {
    estimate.map_or_else(|| number(f64::NAN), |estimate| amount(estimate.mean, unit))
}

/// The unit to write after the name of a signal: none for a pure number, and none where it is the name itself (`breakdowns`).
pub fn unit_behind_name<'u>(name: &str, unit: &'u str) -> &'u str {
    if unit == "1" || unit == name { "" } else { unit }
}

/// The same comparison without its unit, where the name of the signal says the unit already.
pub(crate) fn without_repeated_unit(compared: &Compared) -> Compared {
    let unit = if compared.unit == compared.name { "" } else { compared.unit.as_str() };
    Compared { unit: unit.to_owned(), ..compared.clone() }
}

/// A signal as the subject at the beginning of a sentence. A name of several words keeps its letters as the project writes them.
pub(crate) fn subject(signal: &str) -> String {
    let mut letters = signal.chars();
    match letters.next() {
        Some(first) if !signal.contains('_') => first.to_uppercase().chain(letters).collect(),
        _ => format!("The signal {signal}"),
    }
}

/// What a figure is called: `return`, or the name of the signal.
pub(crate) fn measure(headline: &Headline) -> &str {
    match headline {
        Headline::Return => "return",
        Headline::Signal { name, .. } => name,
    }
}

/// Whether a stored comparison is of the figure that the project asks for.
pub(crate) fn is_of(found: &Compared, headline: &Headline) -> bool {
    let better = match headline {
        Headline::Return => Better::Higher,
        Headline::Signal { better, .. } => *better,
    };
    found.name == measure(headline) && found.better == Some(better)
}

/// The meaning of an ended episode: of the project's own word, else of the process's, else of the sign of the reward at the end.
pub(crate) fn termination(decision: &Decision) -> Termination {
    let Spec { termination, .. } = decision.spec();
    let by_reward = match decision.project.reward.on_terminated {
        amount if amount < 0.0 => Termination::Failure,
        amount if amount > 0.0 => Termination::Goal,
        _ => Termination::Unstated,
    };
    match (decision.project.evaluate.termination, termination) {
        (Some(stated), _) => stated,
        (None, Termination::Unstated) => by_reward,
        (None, stated) => *stated,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_shows_a_number_that_is_not_finite() {
        for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            let interval = Interval { low: value, high: 1.0 };
            for unit in ["%", "1", "reward", "min"] {
                let text = amount(value, unit) + &ends(interval, unit) + &figure(None, unit);
                assert!(!text.contains("NaN") && !text.contains("inf"), "{text}");
            }
        }
        assert_eq!(
            [99.6, 12.34, -0.05, 100.0].map(percent),
            ["99.6\u{a0}%", "12\u{a0}%", "−0.1\u{a0}%", "100\u{a0}%"]
        );
        assert_eq!(ends(Interval { low: 1.0, high: 2.5 }, "min"), "1.00 to 2.50\u{a0}min");
    }
}
