//! From figures to a verdict. The limits are sizes of effects: a difference that nobody would notice at the plant does not
//! become serious because it is certain.

use serde::{Deserialize, Serialize};
use setpoint_log::finding::Severity;

use super::Validation;
use setpoint_statistics::{Interval, number};

/// Whether the simulator can represent the plant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// No finding against it.
    Consistent,
    /// A finding needs a look first.
    Doubtful,
    /// The simulator differs from the plant, or the log is not reliable.
    Inconsistent,
}

impl Verdict {
    /// As one word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Consistent => "consistent",
            Self::Doubtful => "doubtful",
            Self::Inconsistent => "inconsistent",
        }
    }
}

/// A finding against the simulator.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reason {
    /// The best possible verdict with this finding.
    pub verdict: Verdict,
    /// The finding as a sentence.
    pub sentence: String,
}

/// With a fault in more than this share of its rows, the log is not reliable.
const FAULTY_SHARE: f64 = 0.01;
/// Least distances of distributions that count as doubtful, and as inconsistent.
const KS_DISTANCE: [f64; 2] = [0.1, 0.2];
/// A distance with a greater p-value is no finding.
const P_VALUE: f64 = 0.01;
/// Differences of mean changes, in standard deviations.
const CHANGE: [f64; 2] = [0.2, 0.5];
/// Such a difference must have at least this number of standard errors: then none of about a hundred is chance.
const STANDARD_ERRORS: f64 = 4.5;
/// Permitted difference of the spread of a change, as a share of the feature's spread.
const SPREAD: f64 = 0.5;
/// Permitted loss of R² of a predictor that was fitted on the simulator.
const LOSS: [f64; 2] = [0.1, 0.3];
/// Number of reasons in the sentence.
const NAMED: usize = 2;

/// Which of two limits a size exceeds.
fn beyond(size: f64, [doubtful, inconsistent]: [f64; 2]) -> Option<Verdict> {
    match size {
        size if size > inconsistent => Some(Verdict::Inconsistent),
        size if size > doubtful => Some(Verdict::Doubtful),
        _ => None,
    }
}

/// Fills in reasons, verdict and sentence.
pub fn judge(validation: &mut Validation) {
    let mut reasons = about_the_log(validation);
    reasons.extend(about_the_reward(validation));
    reasons.extend(about_steps(validation));
    reasons.extend(about_distributions(validation));
    // A stable sort keeps the most important reasons first.
    reasons.sort_by_key(|reason| std::cmp::Reverse(reason.verdict));
    validation.verdict = reasons.iter().map(|reason| reason.verdict).max().unwrap_or(Verdict::Consistent);
    validation.reasons = reasons;
    validation.sentence = sentence(validation);
}

/// Adds a reason before the others, and says so.
pub fn add(validation: &mut Validation, reason: Reason) {
    validation.reasons.insert(0, reason);
    validation.reasons.sort_by_key(|reason| std::cmp::Reverse(reason.verdict));
    validation.verdict = validation.reasons[0].verdict;
    validation.sentence = sentence(validation);
}

fn about_the_log(validation: &Validation) -> Vec<Reason> {
    let rows = validation.audit.rows as f64;
    let errors = validation.audit.findings.iter().filter(|finding| finding.severity == Severity::Error);
    let reason = |finding: &setpoint_log::finding::Finding| Reason {
        verdict: if finding.count as f64 > FAULTY_SHARE * rows {
            Verdict::Inconsistent
        } else {
            Verdict::Doubtful
        },
        sentence: format!("the log: {}", finding.sentence),
    };
    errors.map(reason).collect()
}

fn about_the_reward(validation: &Validation) -> Vec<Reason> {
    let Some(gap) = &validation.reward else {
        let sentence = "the log has no reward, and no signals to compute it: the gap is not known".to_owned();
        return vec![Reason { verdict: Verdict::Doubtful, sentence }];
    };
    let limits = [validation.gap_warn_percent, validation.gap_fail_percent];
    let rewards = format!(
        "the simulator has a reward of {} per step {}, the log {}",
        number(gap.simulated),
        if validation.controller.is_some() {
            "under a clone of the log's controller"
        } else {
            "under the same actions"
        },
        number(gap.logged)
    );
    let (Some(percent), Some(Interval { low, high })) = (gap.percent, gap.interval_percent) else {
        if gap.simulated == gap.logged {
            return Vec::new();
        }
        let sentence = format!("{rewards}: the gap has no value in percent");
        return vec![Reason { verdict: Verdict::Doubtful, sentence }];
    };
    let figures = format!("{rewards}: {} % [{}, {}]", number(percent), number(low), number(high));
    if let Some(verdict) = of_gap(percent, [low, high], limits) {
        return vec![Reason { verdict, sentence: figures }];
    }
    if low.abs().max(high.abs()) > validation.gap_fail_percent {
        let sentence = format!("{figures}; the log is too short for a verdict");
        return vec![Reason { verdict: Verdict::Doubtful, sentence }];
    }
    Vec::new()
}

/// The verdict on a gap: at most doubtful if its interval contains 0.
fn of_gap(percent: f64, [low, high]: [f64; 2], limits: [f64; 2]) -> Option<Verdict> {
    let is_clear = low > 0.0 || high < 0.0;
    let verdict = beyond(percent.abs(), limits)?;
    Some(if is_clear { verdict } else { Verdict::Doubtful })
}

fn about_steps(validation: &Validation) -> Vec<Reason> {
    let mut reasons = Vec::new();
    if let Some(lags) = validation.lags.as_ref().filter(|lags| lags.clear && lags.best[0] != lags.best[1]) {
        let [logged, simulated] = lags.best;
        let when = |lag: usize| match lag {
            0 => "in the same step".to_owned(),
            1 => "1 step later".to_owned(),
            lag => format!("{lag} steps later"),
        };
        reasons.push(Reason {
            verdict: Verdict::Inconsistent,
            sentence: format!(
                "an action takes effect {} in the log and {} in the simulator",
                when(logged),
                when(simulated)
            ),
        });
    }
    for change in &validation.changes {
        let [logged, simulated] = change.means.map(number);
        let what = format!("{} under {}", change.feature, change.action);
        let clear = change.standard_errors.abs() > STANDARD_ERRORS;
        if let Some(verdict) = beyond(change.difference.abs(), CHANGE).filter(|_| clear) {
            let sentence = format!(
                "{what} changes by {simulated}{unit} per step in the simulator and by {logged}{unit} in the log",
                unit = after(&change.unit)
            );
            reasons.push(Reason { verdict, sentence });
        } else if change.difference != 0.0 {
            // Relative to the difference itself, so that the feature's own spread is not needed.
            let per_unit = (change.means[1] - change.means[0]).abs() / change.difference.abs();
            let spread =
                (change.deviations[1] - change.deviations[0]).abs() / per_unit.max(f64::MIN_POSITIVE);
            if spread > SPREAD {
                let [logged, simulated] = change.deviations.map(number);
                let sentence = format!(
                    "the change of {what} has a standard deviation of {simulated} in the simulator and of {logged} in the log"
                );
                reasons.push(Reason { verdict: Verdict::Doubtful, sentence });
            }
        }
    }
    for prediction in &validation.predictions {
        if let Some(verdict) = beyond(prediction.log - prediction.transferred, LOSS) {
            let sentence = format!(
                "a predictor of {} that was fitted on the simulator explains {} of the variance in the log; a predictor \
                 that was fitted on the log explains {}",
                prediction.feature,
                number(prediction.transferred),
                number(prediction.log)
            );
            reasons.push(Reason { verdict, sentence });
        }
    }
    reasons
}

/// A unit after a number; empty for pure numbers.
fn after(unit: &str) -> String {
    if unit == "1" || unit.is_empty() { String::new() } else { format!(" {unit}") }
}

fn about_distributions(validation: &Validation) -> Vec<Reason> {
    let reason = |found: &super::distribution::Distribution| {
        let verdict = beyond(found.ks_distance, KS_DISTANCE).filter(|_| found.p_value <= P_VALUE)?;
        let sentence = format!(
            "{} has a different distribution: mean {} in the simulator and {}{} in the log, KS distance {}",
            found.name,
            number(found.means[1]),
            number(found.means[0]),
            after(&found.unit),
            number(found.ks_distance)
        );
        Some(Reason { verdict, sentence })
    };
    let mut found: Vec<_> = validation.distributions.iter().collect();
    found.sort_by(|a, b| b.ks_distance.total_cmp(&a.ks_distance));
    found.into_iter().filter_map(reason).collect()
}

fn sentence(validation: &Validation) -> String {
    let subject = format!("The simulator is {} with the log", validation.verdict.word());
    if validation.reasons.is_empty() {
        let gap = validation.reward.as_ref().and_then(|gap| {
            let (percent, Interval { low, high }) = (number(gap.percent?), gap.interval_percent?);
            Some(format!("reward per step differs by {percent} % [{}, {}], ", number(low), number(high)))
        });
        let gap = gap.unwrap_or_default();
        let furthest = validation.distributions.iter().map(|found| found.ks_distance).fold(0.0, f64::max);
        let steps = validation.changes.iter().map(|change| change.difference.abs()).fold(0.0, f64::max);
        let subject = match &validation.controller {
            None => subject,
            Some(controller) => {
                format!("{subject} under a clone of the log's controller, which {}", controller.quality())
            }
        };
        return format!(
            "{subject}: {gap}no distribution by a KS distance of more than {}, no step by more than {} standard deviations.",
            number(furthest),
            number(steps)
        );
    }
    let subject = match validation.verdict {
        Verdict::Doubtful => "It is doubtful whether the simulator is consistent with the log".to_owned(),
        Verdict::Consistent | Verdict::Inconsistent => subject,
    };
    let named: Vec<&str> =
        validation.reasons.iter().take(NAMED).map(|reason| reason.sentence.as_str()).collect();
    let more = validation.reasons.len().saturating_sub(NAMED);
    let rest = if more > 0 { format!("; and {more} more") } else { String::new() };
    format!("{subject}: {}{rest}.", named.join("; "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gap_that_may_be_none_is_doubtful_and_no_more() {
        let limits = [15.0, 20.0];
        assert_eq!(of_gap(-25.0, [-30.0, -19.0], limits), Some(Verdict::Inconsistent));
        assert_eq!(of_gap(35.0, [-5.0, 65.0], limits), Some(Verdict::Doubtful));
        assert_eq!(of_gap(16.0, [-1.0, 19.0], limits), Some(Verdict::Doubtful));
        assert_eq!(of_gap(16.0, [14.0, 19.0], limits), Some(Verdict::Doubtful));
        assert_eq!(of_gap(2.0, [-1.0, 5.0], limits), None);
    }
}
