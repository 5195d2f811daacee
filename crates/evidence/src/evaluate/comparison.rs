//! The policy against one baseline: headline, ended episodes and signals of `[safety]`, each with the paired difference.

use serde::{Deserialize, Serialize};
use setpoint_decision::evaluate::Headline;
use setpoint_decision::safety::Better;
use setpoint_random::Stream;
use setpoint_statistics::versus::{Estimate, Versus, versus};
use setpoint_statistics::{Interval, bootstrap, probability_of_improvement, ratio};

use super::episodes::{Episodes, Figure};
use crate::decision::Decision;

/// The name of the return among the figures of a comparison.
pub(crate) const RETURN: &str = "return";

/// The policy against one baseline. The same seeds are resampled on both sides.
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

    fn terminated(&mut self) -> Compared {
        let percent = |episodes: &Episodes<'_>| -> Vec<f64> {
            episodes.terminated.iter().map(|over| if *over { 100.0 } else { 0.0 }).collect()
        };
        let ones = vec![1.0; self.own.returns.len()];
        let found = self.ratios([&percent(self.own), &percent(self.other)], [&ones, &ones]);
        Compared::of("terminated", "%", None, found)
    }

    /// `None` if the process has no such signal.
    fn signal(&mut self, name: &str, better: Better) -> Option<Compared> {
        let spec = self.decision.spec();
        let index = spec.signals.iter().position(|signal| signal.name == name)?;
        let [own, other] = [self.own, self.other].map(|episodes| {
            let Figure { sums, weights, scale } = episodes.figure(spec, index);
            (sums.into_iter().map(|sum| scale * sum).collect::<Vec<f64>>(), weights)
        });
        let found = self.ratios([&own.0, &other.0], [&own.1, &other.1]);
        Some(Compared::of(name, spec.signals[index].summary_unit(), Some(better), found))
    }
}
