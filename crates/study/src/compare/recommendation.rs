//! The recommendation as text: by intervals over seeds first, by speed if they overlap.

use serde::{Deserialize, Serialize};

use super::{AlgorithmResult, BaselineReturn};
use setpoint_statistics::number;

/// Least ratio of steps per second that decides between overlapping intervals.
const MUCH_FASTER: f64 = 2.0;

/// The recommended algorithm, and the reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recommendation {
    /// The recommended algorithm; `None` if no algorithm could be trained.
    pub algorithm: Option<String>,
    /// Whether its interval lies above all other intervals.
    pub clear_winner: bool,
    /// The reason in one sentence.
    pub reason: String,
    /// A baseline that the recommended algorithm does not clearly beat; files of Setpoint before 2026-11-29 lack it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unbeaten: Option<String>,
    /// The limit of the comparison; `None` if it took all of the project's steps.
    pub caution: Option<String>,
}

impl Recommendation {
    /// From the results, best mean return first, and the baselines, on a `share` in (0, 1] of the project's steps.
    pub fn of(results: &[AlgorithmResult], baselines: &[BaselineReturn], share: f64) -> Self {
        let [best, others @ ..] = results else {
            let reason = "no algorithm could be trained: see the reasons above".to_owned();
            return Self { algorithm: None, clear_winner: false, reason, unbeaten: None, caution: None };
        };
        let low = best.episode_return.interval.low;
        let overlapping: Vec<&AlgorithmResult> =
            others.iter().filter(|other| other.episode_return.interval.high >= low).collect();
        let one_seed = best.returns.len() < 2;
        let clear_winner = !others.is_empty() && !one_seed && overlapping.is_empty();
        let (taken, reason) = match others {
            [] => (
                best,
                format!(
                    "{} is the only algorithm in this comparison: name more with --algorithms",
                    best.algorithm
                ),
            ),
            _ if one_seed => (
                best,
                format!(
                    "{} has the highest return, but one seed proves little: use three or more",
                    best.algorithm
                ),
            ),
            [next, ..] if clear_winner => (best, winner(best, next, others)),
            _ => undecided(best, &overlapping),
        };
        let caution = (share < 1.0 && !others.is_empty()).then(|| caution(results, taken, share));
        let unbeaten = unbeaten(taken, baselines);
        Self { algorithm: Some(taken.algorithm.clone()), clear_winner, reason, unbeaten, caution }
    }

    /// Reason, baseline and caution as sentences.
    pub fn text(&self) -> String {
        let sentences = std::iter::once(&self.reason).chain(&self.unbeaten).chain(&self.caution);
        sentences.map(|sentence| format!("{sentence}.")).collect::<Vec<_>>().join(" ")
    }
}

/// The best baseline, if the interval of the algorithm over seeds does not lie above its return.
fn unbeaten(taken: &AlgorithmResult, baselines: &[BaselineReturn]) -> Option<String> {
    let best = baselines.iter().max_by(|a, b| a.episode_return.total_cmp(&b.episode_return))?;
    let (found, returns) = (&taken.episode_return, number(best.episode_return));
    if found.mean <= best.episode_return {
        let own = number(found.mean);
        Some(format!(
            "{} does not beat the baselines: it returns {own}, {} {returns}",
            taken.algorithm, best.name
        ))
    } else if found.interval.low <= best.episode_return {
        Some(format!(
            "{} is not clearly better than the baselines: {} returns {returns}",
            taken.algorithm, best.name
        ))
    } else {
        None
    }
}

fn winner(best: &AlgorithmResult, next: &AlgorithmResult, others: &[AlgorithmResult]) -> String {
    let interval = best.episode_return.interval;
    let mut reason = format!(
        "{}: its interval ({} to {}) lies above the others'; the next, {}, returns {}",
        best.algorithm,
        number(interval.low),
        number(interval.high),
        next.algorithm,
        number(next.episode_return.mean)
    );
    let fastest = fastest(others.iter());
    if let Some(fastest) = fastest.filter(|other| ratio(other, best) >= MUCH_FASTER) {
        reason += &format!(
            " and {} is {} faster: with a fast simulator, give it that many more steps before you decide",
            // The next is not named twice in a row.
            if fastest.algorithm == next.algorithm { "it" } else { &fastest.algorithm },
            times(ratio(fastest, best))
        )
        .replace("and it is", "but is");
    }
    reason
}

/// Overlapping intervals: speed decides, and if the speeds are similar, the mean.
fn undecided<'a>(
    best: &'a AlgorithmResult,
    overlapping: &[&'a AlgorithmResult],
) -> (&'a AlgorithmResult, String) {
    let rivals = overlapping.iter().copied();
    let names: Vec<&str> =
        std::iter::once(best).chain(rivals.clone()).map(|found| found.algorithm.as_str()).collect();
    let opening = format!("no clear winner: {} overlap", listed(&names));
    let fastest_rival = fastest(rivals).unwrap_or(best);
    if ratio(fastest_rival, best) >= MUCH_FASTER {
        let reason = format!(
            "{opening}; {fast} is {times} faster than {best}, use it if the simulator is fast, and {best}, whose mean is \
             the highest, if it is slow",
            fast = fastest_rival.algorithm,
            times = times(ratio(fastest_rival, best)),
            best = best.algorithm
        );
        return (fastest_rival, reason);
    }
    let reason = if ratio(best, fastest_rival) >= MUCH_FASTER {
        format!(
            "{opening}; {} has the highest mean and is {} faster, use it",
            best.algorithm,
            times(ratio(best, fastest_rival))
        )
    } else {
        format!(
            "{opening} and are about as fast; {} has the highest mean, more seeds or a larger share would show more",
            best.algorithm
        )
    };
    (best, reason)
}

fn caution(results: &[AlgorithmResult], taken: &AlgorithmResult, share: f64) -> String {
    let may_gain: Vec<&str> = results
        .iter()
        .filter(|result| result.on_policy && result.algorithm != taken.algorithm)
        .map(|result| result.algorithm.as_str())
        .collect();
    let off_policy = results.iter().any(|result| !result.on_policy);
    let outlook = if may_gain.is_empty() || !off_policy {
        "the order may change on all of it".to_owned()
    } else {
        format!("{} may overtake on all of it", listed(&may_gain))
    };
    let percent = (100.0 * share * 1e6).round() / 1e6;
    format!("Caution: {percent} % of the budget favours sample-efficient algorithms; {outlook}")
}

fn fastest<'a>(results: impl Iterator<Item = &'a AlgorithmResult>) -> Option<&'a AlgorithmResult> {
    results.max_by(|a, b| a.steps_per_second.total_cmp(&b.steps_per_second))
}

fn ratio(a: &AlgorithmResult, b: &AlgorithmResult) -> f64 {
    a.steps_per_second / b.steps_per_second.max(1e-9)
}

/// `12 ×`, `2.4 ×`.
fn times(ratio: f64) -> String {
    if ratio >= 10.0 { format!("{ratio:.0} ×") } else { format!("{ratio:.1} ×") }
}

/// `a`, `a and b`, `a, b and c`.
fn listed(names: &[&str]) -> String {
    match names {
        [] => String::new(),
        [one] => (*one).to_owned(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use setpoint_statistics::{Interval, Summary};

    /// A result with a mean of 10 … and an interval of ± 1, unless there is only one seed.
    fn result(algorithm: &str, mean: f64, steps_per_second: f64, seeds: usize) -> AlgorithmResult {
        let half = if seeds > 1 { 1.0 } else { 0.0 };
        let summary =
            Summary::with_interval(&vec![mean; seeds], Interval { low: mean - half, high: mean + half });
        AlgorithmResult {
            algorithm: algorithm.to_owned(),
            on_policy: algorithm == "ppo",
            episode_return: summary.clone(),
            reward_per_step: summary,
            returns: vec![mean; seeds],
            steps: 1000.0,
            steps_per_second,
            wall_seconds: 1000.0 / steps_per_second,
            probability_of_improvement: None,
            warnings: Vec::new(),
            curve: Vec::new(),
        }
    }

    fn of(results: &[(&str, f64, f64)], share: f64) -> Recommendation {
        let results: Vec<AlgorithmResult> =
            results.iter().map(|(name, mean, speed)| result(name, *mean, *speed, 3)).collect();
        Recommendation::of(&results, &[], share)
    }

    fn is(found: &Recommendation, algorithm: &str, clear_winner: bool, reason: &str) {
        assert_eq!(found.reason, reason);
        assert_eq!((found.algorithm.as_deref(), found.clear_winner), (Some(algorithm), clear_winner));
    }

    #[test]
    fn an_interval_above_all_others_wins() {
        let found = of(&[("sac", 20.0, 900.0), ("td3", 15.0, 1000.0), ("ppo", 12.0, 1200.0)], 0.1);
        is(
            &found,
            "sac",
            true,
            "sac: its interval (19.00 to 21.00) lies above the others'; the next, td3, returns 15.00",
        );
        assert_eq!(
            found.caution.as_deref(),
            Some(
                "Caution: 10 % of the budget favours sample-efficient algorithms; ppo may overtake on all of it"
            )
        );
    }

    #[test]
    fn a_slow_winner_is_told_from_a_fast_loser() {
        let start = "sac: its interval (19.00 to 21.00) lies above the others'; the next,";
        let end = "12 × faster: with a fast simulator, give it that many more steps before you decide";
        let found = of(&[("sac", 20.0, 100.0), ("ppo", 15.0, 1200.0)], 0.1);
        is(&found, "sac", true, &format!("{start} ppo, returns 15.00 but is {end}"));
        let found = of(&[("sac", 20.0, 100.0), ("td3", 15.0, 100.0), ("ppo", 12.0, 1200.0)], 0.1);
        is(&found, "sac", true, &format!("{start} td3, returns 15.00 and ppo is {end}"));
    }

    #[test]
    fn where_intervals_overlap_speed_decides() {
        let found = of(&[("sac", 20.0, 100.0), ("ppo", 19.0, 1200.0), ("td3", 5.0, 90.0)], 0.1);
        is(
            &found,
            "ppo",
            false,
            "no clear winner: sac and ppo overlap; ppo is 12 × faster than sac, use it if the simulator is fast, and sac, \
             whose mean is the highest, if it is slow",
        );
        assert!(found.caution.unwrap().ends_with("the order may change on all of it"));
        let found = of(&[("ppo", 20.0, 250.0), ("sac", 19.0, 100.0)], 0.1);
        is(
            &found,
            "ppo",
            false,
            "no clear winner: ppo and sac overlap; ppo has the highest mean and is 2.5 × faster, use it",
        );
    }

    #[test]
    fn where_speeds_are_alike_too_the_mean_decides_and_says_so() {
        let found = of(&[("dqn", 20.0, 100.0), ("sac", 19.5, 120.0), ("ppo", 19.0, 110.0)], 1.0);
        is(
            &found,
            "dqn",
            false,
            "no clear winner: dqn, sac and ppo overlap and are about as fast; dqn has the highest mean, more seeds or a \
             larger share would show more",
        );
        assert_eq!(found.caution, None, "all of the budget was used");
        assert!(found.text().ends_with("would show more."));
    }

    #[test]
    fn one_seed_or_one_algorithm_decides_nothing() {
        let results = [result("sac", 20.0, 100.0, 1), result("ppo", 10.0, 1000.0, 1)];
        let found = Recommendation::of(&results, &[], 0.05);
        is(&found, "sac", false, "sac has the highest return, but one seed proves little: use three or more");
        assert!(found.text().contains("three or more. Caution: 5 % of the budget"));
        is(
            &of(&[("ppo", 1.0, 1.0)], 0.1),
            "ppo",
            false,
            "ppo is the only algorithm in this comparison: name more with --algorithms",
        );
        let none = Recommendation::of(&[], &[], 0.1);
        assert_eq!((none.algorithm, none.clear_winner, none.caution), (None, false, None));
    }

    #[test]
    fn a_baseline_that_is_not_beaten_is_named() {
        let results = [result("sac", 20.0, 100.0, 3), result("ppo", 10.0, 1000.0, 3)];
        for (value, expected) in [
            (25.0, Some("sac does not beat the baselines: it returns 20.00, rule 25.00")),
            (19.5, Some("sac is not clearly better than the baselines: rule returns 19.50")),
            (18.0, None),
        ] {
            let baselines = [("random", -3.0), ("rule", value)]
                .map(|(name, episode_return)| BaselineReturn { name: name.to_owned(), episode_return });
            let found = Recommendation::of(&results, &baselines, 1.0);
            assert_eq!(found.unbeaten.as_deref(), expected);
            assert!(expected.is_none_or(|text| found.text().contains(text)));
        }
    }
}
