//! The policy against one baseline: headline, ended episodes and signals of `[safety]`, each with the paired difference.

use std::cmp::Ordering;

use serde::{Deserialize, Serialize};
use setpoint_decision::evaluate::Headline;
use setpoint_decision::safety::Better;
use setpoint_random::Stream;
use setpoint_statistics::shares::{Pairs, share_of_wins};
use setpoint_statistics::versus::{Estimate, Versus, versus};
use setpoint_statistics::{Interval, bootstrap, probability_of_improvement, ratio};

use super::episodes::{Episodes, Figure};
use crate::decision::Decision;

/// The name of the return among the figures of a comparison.
pub(crate) const RETURN: &str = "return";

/// The policy against one baseline on the same seeds. The figures of returns, steps and signals have bootstrap intervals; those of
/// shares of episodes have the intervals of [`setpoint_statistics::shares`] (files of Setpoint before 2026-11-30: bootstraps too).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Comparison {
    /// The baseline.
    pub baseline: String,
    /// Reward per step, policy minus baseline.
    #[serde(deserialize_with = "setpoint_statistics::stored::figures")]
    pub difference_per_step: f64,
    /// Its 95 % interval.
    pub difference_interval: Interval,
    /// The difference in percent of the baseline's reward per step; absent where the baseline's interval does not stay away from 0.
    pub lift_percent: Option<f64>,
    /// Its 95 % interval.
    pub lift_interval_percent: Option<Interval>,
    /// Probability that an episode of the policy returns more than an episode of the baseline, in [0, 1].
    #[serde(deserialize_with = "setpoint_statistics::stored::figures")]
    pub probability_of_improvement: f64,
    /// Its 95 % interval.
    pub probability_interval: Interval,
    /// The share of the episodes that are better with the policy than the same episode with the baseline, by the figure of the
    /// headline, in [0, 1]; a tie counts half. Files of Setpoint before 2026-11-30 lack it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub better_share: Option<Estimate>,
    /// The figure of the headline. Files of Setpoint before 2026-11-29 lack it, and the two figures below.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub headline: Option<Compared>,
    /// Episodes that the process ended (rather than the limit of steps), in percent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub terminated: Option<Compared>,
    /// The signals of `[safety]`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub safety: Vec<Compared>,
}

/// A figure of the policy against the same figure of a baseline. A figure or an interval that is no finite number is absent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Compared {
    /// `return`, `terminated`, or a signal.
    pub name: String,
    /// Unit of the figures and of their difference; `%` for shares, `reward` for returns.
    pub unit: String,
    /// The better direction; absent if more or fewer ended episodes can be better.
    pub better: Option<Better>,
    /// The policy's figure.
    pub policy: Option<Estimate>,
    /// The baseline's figure.
    pub baseline: Option<Estimate>,
    /// The policy's figure minus the baseline's.
    pub difference: Option<Estimate>,
    /// By how much the policy is better (negative: worse), in percent of the baseline's magnitude; absent where the baseline's
    /// interval does not stay away from 0.
    pub lift_percent: Option<Estimate>,
}

impl Compared {
    fn of(name: &str, unit: &str, better: Option<Better>, found: Versus) -> Self {
        let finite = |estimate: Estimate| Some(estimate).filter(Estimate::is_finite);
        let lower = better == Some(Better::Lower);
        Self {
            name: name.to_owned(),
            unit: unit.to_owned(),
            better,
            policy: finite(found.own),
            baseline: finite(found.other),
            difference: finite(found.difference),
            lift_percent: found.lift.map(|lift| if lower { lift.negated() } else { lift }),
        }
    }

    /// By how much the policy is better, in the unit of the figure; negative if it is worse.
    pub fn improvement(&self) -> Option<Estimate> {
        match self.better? {
            Better::Higher => self.difference,
            Better::Lower => self.difference.map(Estimate::negated),
        }
    }
}

/// The policy's episodes against a baseline's on the same seeds.
pub(super) fn compare(
    decision: &Decision,
    own: &Episodes<'_>,
    other: &Episodes<'_>,
    name: &str,
) -> Comparison {
    let settings = &decision.project.evaluate;
    let mut random = Stream::new(settings.seed, "bootstrap comparison", 0);
    let n = own.returns.len();
    let per_step = versus(
        n,
        &mut random,
        |indices| ratio(&own.returns, &own.steps, indices),
        |indices| ratio(&other.returns, &other.steps, indices),
    );
    let chances = |indices: &[usize]| {
        let pick = |values: &[f64]| indices.iter().map(|index| values[*index]).collect::<Vec<_>>();
        probability_of_improvement(&pick(&own.returns), &pick(&other.returns))
    };
    let probability_interval = bootstrap(n, &mut random, chances);
    let mut pair = Pair { decision, own, other, random };
    let headline = match &settings.headline {
        Headline::Return => Some(pair.episode_return()),
        Headline::Signal { name, better } => pair.signal(name, *better),
    };
    let safety = &decision.project.safety;
    Comparison {
        baseline: name.to_owned(),
        difference_per_step: per_step.difference.mean,
        difference_interval: per_step.difference.interval,
        lift_percent: per_step.lift.map(|lift| lift.mean),
        lift_interval_percent: per_step.lift.map(|lift| lift.interval),
        probability_of_improvement: probability_of_improvement(&own.returns, &other.returns),
        probability_interval,
        better_share: pair.better_share(&settings.headline),
        headline,
        terminated: Some(pair.terminated()),
        safety: safety.iter().filter_map(|signal| pair.signal(&signal.name, signal.better)).collect(),
    }
}

/// Both sides' episodes.
struct Pair<'p> {
    decision: &'p Decision,
    own: &'p Episodes<'p>,
    other: &'p Episodes<'p>,
    random: Stream,
}

impl Pair<'_> {
    /// Σ figures / Σ weights over whole episodes, of both sides.
    fn ratios(&mut self, figures: [&[f64]; 2], weights: [&[f64]; 2]) -> Versus {
        versus(
            self.own.returns.len(),
            &mut self.random,
            |indices| ratio(figures[0], weights[0], indices),
            |indices| ratio(figures[1], weights[1], indices),
        )
    }

    fn episode_return(&mut self) -> Compared {
        let ones = vec![1.0; self.own.returns.len()];
        let found = self.ratios([&self.own.returns, &self.other.returns], [&ones, &ones]);
        Compared::of(
            RETURN,
            Headline::Return.unit(self.decision.spec()).unwrap_or_default(),
            Some(Better::Higher),
            found,
        )
    }

    /// `None` if the process has no such signal, or if a figure is no finite number.
    fn better_share(&self, headline: &Headline) -> Option<Estimate> {
        let (own, other) = match headline {
            Headline::Return => (self.own.returns.clone(), self.other.returns.clone()),
            Headline::Signal { name, better } => {
                let spec = self.decision.spec();
                let index = spec.signals.iter().position(|signal| signal.name == *name)?;
                let sign = if *better == Better::Lower { -1.0 } else { 1.0 };
                let of = |episodes: &Episodes<'_>| -> Vec<f64> {
                    let Figure { sums, weights, .. } = episodes.figure(spec, index);
                    sums.iter().zip(&weights).map(|(sum, weight)| sign * sum / weight).collect()
                };
                (of(self.own), of(self.other))
            }
        };
        let (mut wins, mut ties) = (0, 0);
        for (own, other) in own.iter().zip(&other) {
            match own.partial_cmp(other)? {
                Ordering::Greater => wins += 1,
                Ordering::Equal => ties += 1,
                Ordering::Less => {}
            }
        }
        Some(share_of_wins(wins, ties, own.len() as u64)).filter(Estimate::is_finite)
    }

    fn terminated(&self) -> Compared {
        let found = Pairs::count(&self.own.terminated, &self.other.terminated).versus();
        Compared::of("terminated", "%", None, found.scaled(100.0))
    }

    /// `None` if the process has no such signal.
    fn signal(&mut self, name: &str, better: Better) -> Option<Compared> {
        let spec = self.decision.spec();
        let index = spec.signals.iter().position(|signal| signal.name == name)?;
        let [own, other] = [self.own, self.other].map(|episodes| episodes.figure(spec, index));
        let found = match (own.answers(), other.answers()) {
            (Some(own), Some(other)) => Pairs::count(&own, &other).versus(),
            _ => {
                let scaled = |figure: &Figure| -> Vec<f64> {
                    figure.sums.iter().map(|sum| figure.scale * sum).collect()
                };
                self.ratios([&scaled(&own), &scaled(&other)], [&own.weights, &other.weights])
            }
        };
        Some(Compared::of(name, spec.signals[index].summary_unit(), Some(better), found))
    }
}

#[cfg(test)]
mod tests {
    use setpoint_decision::Project;
    use setpoint_statistics::Interval;

    use super::*;

    /// A decision whose gate looks at failures and at one total.
    fn decision() -> Decision {
        let text = "[process]\nkind = \"mountain-car\"\n[reward]\ntime = -1.0\n[safety]\ntime = \"lower\"\n[evaluate]\n\
                    episodes = 200\nbaselines = [\"random\"]\ntermination = \"failure\"\n";
        let project = Project::from_text("test", text, &[]).unwrap();
        Decision::open(project, &setpoint_processes::registry(), &mut |_| {}).unwrap()
    }

    /// 200 episodes of 10 steps, of which the first ones fail; each failure counts 1 in the total.
    fn episodes(decision: &Decision, failures: usize) -> Episodes<'static> {
        let mut episodes = Episodes::new(decision, None);
        episodes.returns = (0..200).map(|index| -10.0 - f64::from(index % 3)).collect();
        episodes.steps = vec![10.0; 200];
        episodes.terminated = (0..200).map(|index| index < failures).collect();
        episodes.signals = (0..200 * decision.spec().signals.len())
            .map(|index| f64::from(index / decision.spec().signals.len() < failures))
            .collect();
        episodes
    }

    /// Episodes differ more from each other than the two sides do in one episode: only the same episode tells who is better.
    #[test]
    fn an_episode_is_better_than_the_same_episode() {
        let decision = decision();
        let (mut own, other) = (episodes(&decision, 0), episodes(&decision, 0));
        own.returns.iter_mut().for_each(|figure| *figure += 0.1);
        own.returns[..10].copy_from_slice(&other.returns[..10]);
        own.returns[10] -= 1.0;
        let found = compare(&decision, &own, &other, "random");
        let share = found.better_share.unwrap();
        assert_eq!(share.mean, (189.0 + 0.5 * 10.0) / 200.0);
        assert!(share.interval.low > 0.93 && share.interval.high < 1.0);
        assert!(found.probability_of_improvement < 0.7);
    }

    /// Of 200 episodes, 4 failures against 0 can be chance; 12 against 0 cannot. A total of yes or no is judged like the ends.
    #[test]
    fn rare_failures_are_no_certainty() {
        let decision = decision();
        let (index, signal) = decision
            .spec()
            .signals
            .iter()
            .enumerate()
            .find(|(_, signal)| signal.aggregate == setpoint_decision::spec::Aggregate::Total)
            .unwrap();
        assert_eq!(signal.name, "time");
        for (own, other, more, fewer) in
            [(4, 0, false, false), (12, 0, true, false), (0, 4, false, false), (0, 12, false, true)]
        {
            let (own, other) = (episodes(&decision, own), episodes(&decision, other));
            let found = compare(&decision, &own, &other, "random");
            let of = |compared: &Compared| {
                let Interval { low, high } = compared.difference.unwrap().interval;
                (low > 0.0, high < 0.0)
            };
            let ends = found.terminated.as_ref().unwrap();
            assert_eq!(of(ends), (more, fewer), "{ends:?}");
            assert_eq!(of(&found.safety[0]), (more, fewer), "{:?}", found.safety);
            assert!((ends.policy.unwrap().mean - 100.0 * found.safety[0].policy.unwrap().mean).abs() < 1e-9);
            let summary = own.summarize(&decision, "policy", "", 1);
            assert_eq!(summary.terminated().mean, ends.policy.unwrap().mean);
            assert_eq!(summary.terminated().interval, ends.policy.unwrap().interval);
            assert_eq!(summary.signals[index].interval, found.safety[0].policy.unwrap().interval);
            let findings = crate::gate::findings(&found, &decision);
            for finding in findings.iter().filter(|finding| finding.name != "lift") {
                assert_eq!(finding.passed, !more, "{finding:?}");
                assert_eq!(finding.sentence.contains("no clear difference"), !more && !fewer, "{finding:?}");
            }
            assert_eq!(findings.iter().filter(|finding| finding.name != "lift").count(), 2);
        }
    }
}
