//! The headline of an evaluation: policy and gate's baseline in one sentence, and every trade that a reader must know.

use setpoint_decision::evaluate::Headline;
use setpoint_decision::safety::Better;
use setpoint_decision::spec::{Aggregate, Termination};
use setpoint_statistics::versus::Estimate;

use crate::deciders::RANDOM;
use crate::decision::Decision;
use crate::evaluate::{Compared, Comparison, Evaluation, RETURN};
use crate::gate::{against, failure_text, is_violated, of_signal, safety_text};
use crate::wording::{
    amount, baseline, ends, figure, is_of, percent, subject, termination, unit_of_difference,
    without_repeated_unit,
};

/// The comparison with the baseline of the gate as sentences, for the page and for the terminal; `None` without a baseline.
pub fn headline(evaluation: &Evaluation, decision: &Decision) -> Option<String> {
    let found = against(evaluation, decision)?;
    let algorithm = decision.project.train.algorithm.to_uppercase();
    let settings = &decision.project.evaluate;
    let Some(compared) = found.headline.as_ref().filter(|compared| is_of(compared, &settings.headline))
    else {
        return Some(of_an_older_file(evaluation, found, &algorithm));
    };
    let compared = &without_repeated_unit(compared);
    let name = baseline(&found.baseline);
    let (own, other) = (figure(compared.policy, &compared.unit), figure(compared.baseline, &compared.unit));
    let figures = match &settings.headline {
        Headline::Return => format!("{algorithm} returns {own} an episode, {name} {other}"),
        Headline::Signal { name: signal, .. } => {
            let base = base(signal, decision);
            let signal = subject(signal);
            format!("{signal} is {own}{base} with {algorithm} and {other} with {name}")
        }
    };
    let mut text = format!("{figures}: {}.", difference(compared, found, decision));
    for sentence in worse_than_random(found, evaluation)
        .into_iter()
        .chain(ends_of_episodes(found, decision))
        .chain(safety(found, decision))
    {
        text += &format!(" {sentence}.");
    }
    Some(text)
}

/// What a signal's figure is measured over.
fn base(signal: &str, decision: &Decision) -> &'static str {
    let found = decision.spec().signals.iter().find(|found| found.name == signal);
    match found.map(|found| found.aggregate) {
        Some(Aggregate::Total) => " an episode",
        Some(Aggregate::Mean) => " a step",
        Some(Aggregate::Share) => " of the steps",
        None => "",
    }
}

/// A baseline that random actions clearly beat is easy to beat; its lift flatters.
fn worse_than_random(found: &Comparison, evaluation: &Evaluation) -> Option<String> {
    let random = evaluation.comparisons.iter().find(|other| other.baseline == RANDOM)?.headline.as_ref()?;
    let compared = found.headline.as_ref().filter(|compared| compared.name == random.name)?;
    let (of_random, own) = (random.baseline?, compared.baseline?);
    let is_better = match compared.better? {
        Better::Higher => of_random.interval.low > own.interval.high,
        Better::Lower => of_random.interval.high < own.interval.low,
    };
    (found.baseline != RANDOM && is_better).then(|| {
        format!(
            "Random actions are better than {}: {} against {}",
            baseline(&found.baseline),
            amount(of_random.mean, &compared.unit),
            amount(own.mean, &compared.unit)
        )
    })
}

/// Evidence from before the headline: both returns, without a verdict.
fn of_an_older_file(evaluation: &Evaluation, found: &Comparison, algorithm: &str) -> String {
    let subject = evaluation.baselines.iter().find(|subject| subject.name == found.baseline);
    let other = subject.map_or(f64::NAN, |subject| subject.episode_return.mean);
    format!(
        "{algorithm} returns {} an episode, {} {}. This evidence does not hold their difference in the headline's figure: \
         evaluate again.",
        amount(evaluation.policy.episode_return.mean, "reward"),
        baseline(&found.baseline),
        amount(other, "reward")
    )
}

/// `2.10 more, 12 % (95 % interval …)`, and whether that is better.
fn difference(compared: &Compared, found: &Comparison, decision: &Decision) -> String {
    let unit = unit_of_difference(&compared.unit);
    let Some(difference) = compared.difference else {
        return "a figure of the difference is no finite number, so they cannot be compared".to_owned();
    };
    let is_return = compared.name == RETURN;
    let is_more = difference.mean > 0.0;
    let size = if is_more { difference } else { difference.negated() };
    if size.interval.low <= 0.0 {
        let interval = ends(difference.interval, unit);
        return format!("no clear difference (95\u{a0}% interval of the difference {interval})");
    }
    let is_better = is_more == (compared.better != Some(Better::Lower));
    let lift = lift_text(compared);
    let in_percent = lift.as_ref().map_or(String::new(), |(size, _)| format!(", {size}"));
    let ends_in_percent = lift.as_ref().map_or(String::new(), |(_, ends)| format!("; {ends}"));
    // Of a negative return, "more" can be read both ways.
    let losses = [compared.policy, compared.baseline].iter().flatten().any(|figure| figure.mean < 0.0);
    let word = match (is_return && losses, is_more, is_better) {
        (true, _, true) => "better",
        (true, _, false) => "worse",
        (false, true, _) => "more",
        (false, false, _) => "less",
    };
    let verdict = match (is_return, is_better) {
        (true, true) => {
            let share = found.better_share.map(|share| percent(100.0 * share.mean));
            share.map_or(String::new(), |share| format!(", and better in {share} of the episodes"))
        }
        (false, true) => ", which is better".to_owned(),
        (_, false) => match (allowed_loss(compared, decision), is_return) {
            (Some(allowed), _) => allowed,
            (None, true) => ": it is not better".to_owned(),
            (None, false) => ", which is worse".to_owned(),
        },
    };
    format!(
        "{} {word}{in_percent} (95\u{a0}% interval {}{ends_in_percent}){verdict}",
        amount(size.mean, unit),
        ends(size.interval, unit)
    )
}

/// A loss that the project allows.
fn allowed_loss(compared: &Compared, decision: &Decision) -> Option<String> {
    let least = decision.project.evaluate.required_lift_percent.filter(|least| *least < 0.0)?;
    let lift = compared.lift_percent.filter(|lift| lift.interval.low >= least)?;
    let allowed = percent(-least);
    Some(match lift_text(compared) {
        Some(_) => format!(": the project allows {allowed}"),
        None => format!(": {} of the baseline, and the project allows {allowed}", percent(-lift.mean)),
    })
}

/// The lift and its interval, where both figures are positive: of a loss, people read a percent in two ways.
fn lift_text(compared: &Compared) -> Option<(String, String)> {
    let lift = compared.lift_percent?;
    let is_positive = |found: Option<Estimate>| found.is_some_and(|found| found.mean >= 0.0);
    if !is_positive(compared.policy) || !is_positive(compared.baseline) {
        return None;
    }
    let size = if lift.mean < 0.0 { lift.negated() } else { lift };
    Some((percent(size.mean), ends(size.interval, "%")))
}

/// A clear difference in the share of ended episodes: always if an end is a failure and there are more; otherwise both shares.
fn ends_of_episodes(found: &Comparison, decision: &Decision) -> Option<String> {
    let compared = found.terminated.as_ref()?;
    let difference = compared.difference?;
    let (more, fewer) = (difference.interval.low > 0.0, difference.interval.high < 0.0);
    let (own, other) = (figure(compared.policy, "%"), figure(compared.baseline, "%"));
    let name = baseline(&found.baseline);
    match termination(decision) {
        Termination::Failure if more => {
            Some(format!("But {}", failure_text(compared, difference, &found.baseline)))
        }
        Termination::Goal if fewer => {
            Some(format!("But {own} of the policy's episodes reach their end, {other} of those of {name}"))
        }
        Termination::Unstated if more || fewer => Some(format!(
            "The process ends {own} of the policy's episodes, {other} of those of {name}; whether that is a failure is not \
             stated ([evaluate] termination)"
        )),
        _ => None,
    }
}

/// The signals of `[safety]` that are clearly worse.
fn safety(found: &Comparison, decision: &Decision) -> Vec<String> {
    let mut sentences = Vec::new();
    for signal in &decision.project.safety {
        let Some((compared, better)) =
            of_signal(found, signal).and_then(|found| Some((found, found.improvement()?)))
        else {
            sentences.push(format!("But {} of [safety] cannot be judged", signal.name));
            continue;
        };
        let is_worse = |better: Estimate| better.interval.high < 0.0;
        if is_worse(better) {
            let word = if is_violated(signal, compared) { "But safety: " } else { "It trades safety: " };
            sentences.push(
                word.to_owned()
                    + &safety_text(signal, &without_repeated_unit(compared), better, &found.baseline),
            );
        }
    }
    sentences
}
