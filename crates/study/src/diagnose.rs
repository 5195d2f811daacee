//! The faults of a training, from its metrics: symptom, evidence and next experiment.
//!
//! Each symptom is one function over the course of a training. It is reported only if the figures leave little doubt: a
//! healthy run gets no symptom.

use serde::Serialize;
use setpoint_decision::charter::RewardDelay;

use setpoint_learn::metrics::MetricsLine;
use setpoint_learn::problem::Problem;
use setpoint_statistics::quantile;

/// Fewer log lines are too few for a symptom.
const LINES_MIN: usize = 8;

/// A fault of a training.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Symptom {
    /// Its name, in one or two words.
    pub name: &'static str,
    /// The figures that show it.
    pub evidence: String,
    /// The next experiment.
    pub experiment: String,
}

/// All symptoms of a training, the most serious first; `None` if there are too few log lines.
pub fn diagnose(problem: &Problem, lines: &[MetricsLine]) -> Option<Vec<Symptom>> {
    if lines.len() < LINES_MIN {
        return None;
    }
    let course = Course { problem, lines };
    let looks = [
        sparse_reward,
        short_discount,
        saturated_clipping,
        vanished_entropy,
        little_exploration,
        blind_value,
        forgetting,
        collapse,
        oscillation,
        plateau,
        skewed_actions,
    ];
    Some(looks.iter().filter_map(|look| look(&course)).collect())
}

/// A training from its first log line to its last.
struct Course<'a> {
    problem: &'a Problem,
    lines: &'a [MetricsLine],
}

impl Course<'_> {
    /// The lines between two shares of the training.
    fn part(&self, from: f64, to: f64) -> &[MetricsLine] {
        let at = |share: f64| ((share * self.lines.len() as f64).round() as usize).min(self.lines.len());
        &self.lines[at(from)..at(to)]
    }

    /// The median of a learner's figure over a part of the training.
    fn median(&self, name: &str, from: f64, to: f64) -> Option<f64> {
        median(self.part(from, to).iter().filter_map(|line| line.learner.get(name).copied()).collect())
    }

    /// Mean returns of the last 100 episodes, in the order of the training; with a curriculum, only of the present level,
    /// because a harder level is expected to return less.
    fn returns(&self, from: f64, to: f64) -> Vec<f64> {
        let of = |line: &MetricsLine| match self.level() {
            Some(level) => line.level_returns.get(level).copied(),
            None => line.return_mean_100,
        };
        self.part(from, to).iter().filter_map(of).collect()
    }

    /// The present level of the curriculum.
    fn level(&self) -> Option<&str> {
        let curriculum = self.problem.decision.project.curriculum.as_ref()?;
        let level = *self.lines.last()?.learner.get("curriculum_level")? as usize;
        curriculum.levels.get(level).map(String::as_str)
    }

    /// The standard deviation of the returns of episodes at the end.
    fn spread(&self) -> f64 {
        let deviations = self.part(0.8, 1.0).iter().filter_map(|line| line.return_sd);
        median(deviations.collect()).unwrap_or(0.0)
    }

    /// The difference of two means of a hundred episodes that may be chance: two standard errors.
    fn noise(&self) -> f64 {
        2.0 * self.spread() / 10.0
    }

    fn algorithm(&self) -> &str {
        self.problem.options.name()
    }
}

/// The policy no longer masters an earlier level.
fn forgetting(course: &Course<'_>) -> Option<Symptom> {
    let curriculum = course.problem.decision.project.curriculum.as_ref()?;
    let last = course.lines.last()?;
    let forgotten = *last.learner.get("forgotten_levels")?;
    let returns: Vec<String> = curriculum
        .levels
        .iter()
        .filter_map(|level| Some(format!("{level} {:.1}", last.level_returns.get(level)?)))
        .collect();
    (forgotten > 0.0).then(|| Symptom {
        name: "forgetting",
        evidence: format!(
            "{forgotten} of the earlier levels return more than {} % less than at the end of their level; mean returns now: {}",
            curriculum.forgotten_percent,
            returns.join(", ")
        ),
        experiment: format!(
            "raise curriculum.rehearsal (it is {}): more episodes on the earlier levels; or let the policy distinguish \
             levels by a feature, if the plant can",
            curriculum.rehearsal
        ),
    })
}

fn median(mut values: Vec<f64>) -> Option<f64> {
    values.retain(|value| value.is_finite());
    values.sort_by(f64::total_cmp);
    (!values.is_empty()).then(|| quantile(&values, 0.5))
}

fn mean(values: &[f64]) -> f64 {
    setpoint_statistics::mean(values.iter().copied())
}

/// Nearly all episodes have the same return, so nothing distinguishes good episodes from bad ones.
fn sparse_reward(course: &Course<'_>) -> Option<Symptom> {
    // Later they may be equal because all are perfect.
    let several: Vec<&MetricsLine> =
        course.part(0.0, 0.4).iter().filter(|line| line.return_sd.is_some()).collect();
    let same = |line: &&&MetricsLine| match (line.return_min, line.return_max) {
        (Some(least), Some(most)) => most - least <= 1e-6 * most.abs().max(1.0),
        _ => false,
    };
    let alike = several.iter().filter(same).count();
    let share = alike as f64 / several.len().max(1) as f64;
    let common = several.last()?.return_mean?;
    (several.len() >= LINES_MIN / 2 && share > 0.7).then(|| Symptom {
        name: "reward too sparse",
        evidence: format!(
            "in {:.0} % of the first log lines all episodes had the same return ({common:.4})",
            100.0 * share
        ),
        experiment: "reward progress: a signal that rises towards the goal as a reward term, or initial states nearer to \
                     it; a learner from a replay buffer with noise that keeps its direction (ornstein-uhlenbeck) finds rare \
                     rewards sooner"
            .to_owned(),
    })
}

/// The reward of an action comes too late for the discount.
fn short_discount(course: &Course<'_>) -> Option<Symptom> {
    let gamma = course.problem.options.gamma()?;
    let horizon = 1.0 / (1.0 - gamma).max(1e-12);
    let (delay, cause) = match course.problem.decision.project.charter.reward_delay? {
        RewardDelay::SameStep => return None,
        RewardDelay::Steps(steps) => (f64::from(steps), "the charter's reward_delay"),
        RewardDelay::EndOfEpisode => {
            let lengths = course.part(0.0, 1.0).iter().filter_map(|line| line.episode_steps_mean);
            (median(lengths.collect())?, "the length of an episode, at whose end the reward shows")
        }
    };
    // At three horizons e⁻³ = 5 % of a reward remains.
    (delay > 3.0 * horizon).then(|| Symptom {
        name: "discount too short",
        evidence: format!(
            "gamma = {gamma} looks {horizon:.0} steps ahead; {delay:.0} steps are {cause}: {:.1} % of the reward remains",
            100.0 * gamma.powf(delay)
        ),
        experiment: format!(
            "gamma = {:.4} in [train.{}] looks as far as the delay of the reward",
            1.0 - 1.0 / delay.max(2.0),
            course.algorithm()
        ),
    })
}

/// Updates that reach the limit of the clip.
fn saturated_clipping(course: &Course<'_>) -> Option<Symptom> {
    let clipped = course.median("clip_fraction", 0.0, 0.5)?;
    let divergence = course.median("approximate_kl", 0.0, 0.5).unwrap_or(0.0);
    (clipped > 0.3 || divergence > 0.05).then(|| Symptom {
        name: "clipping saturated",
        evidence: format!(
            "in the first half {:.0} % of the samples were clipped in the median update, and the policy moved by a divergence \
             of {divergence:.4}",
            100.0 * clipped
        ),
        experiment: "a third of the learning_rate, fewer n_epochs, or target_kl = 0.02, which ends an update in time".to_owned(),
    })
}

/// The policy is nearly deterministic before it has learned.
fn vanished_entropy(course: &Course<'_>) -> Option<Symptom> {
    let choices = course.problem.spec().action.is_discrete().then(|| course.problem.spec().action.len())?;
    let most = (choices as f64).ln();
    let early = course.median("entropy", 0.15, 0.4)?;
    (early < 0.03 * most).then(|| Symptom {
        name: "entropy gone",
        evidence: format!(
            "after a quarter of the training the policy's entropy was {early:.4} of at most {most:.2} nats: it took nearly \
             always the same choice in the same state"
        ),
        experiment: "ent_coef = 0.01 (or ten times what it is), a smaller learning_rate, normalize_reward = true".to_owned(),
    })
}

/// The training tried too few other actions.
fn little_exploration(course: &Course<'_>) -> Option<Symptom> {
    let tried = course.median("not_greedy_percent", 0.0, 0.25)?;
    // A stochastic policy explores by its own randomness; its entropy shows it.
    let by_rate = course.median("exploration_rate", 0.0, 0.25).is_some();
    (by_rate && tried < 1.0).then(|| Symptom {
        name: "exploration too low",
        evidence: format!(
            "in the first quarter {tried:.2} % of the decisions differed from the best known action"
        ),
        experiment:
            "exploration_initial_eps = 1.0 and exploration_fraction = 0.2, or exploration = \"boltzmann\""
                .to_owned(),
    })
}

/// The value does not explain the returns.
fn blind_value(course: &Course<'_>) -> Option<Symptom> {
    if let Some(explained) = course.median("explained_variance", 0.6, 1.0) {
        // Equal returns leave nothing to explain.
        let alike = course.spread() <= 1e-3 * mean(&course.returns(0.6, 1.0)).abs();
        return (explained < 0.05 && !alike).then(|| Symptom {
            name: "value not learning",
            evidence: format!(
                "the critic explains {:.0} % of the returns' variance towards the end",
                (100.0 * explained).max(0.0)
            ),
            experiment: "normalize_reward = true (returns of thousands take long to reach), vf_coef = 0.5 or more, a larger \
                         net_arch.vf; if this does not help, the observation may lack the cause of the return"
                .to_owned(),
        });
    }
    let estimate =
        course.median("mean_target", 0.5, 1.0).or_else(|| course.median("mean_value", 0.5, 1.0))?;
    // No state has a value beyond the best or the worst episode; a discount makes values smaller.
    let sizes = course.lines.iter().flat_map(|line| [line.return_min, line.return_max]).flatten();
    let most = sizes.fold(0.0_f64, |most, value| most.max(value.abs()));
    (estimate.abs() > 3.0 * most && most > 0.0).then(|| Symptom {
        name: "value not learning",
        evidence: format!(
            "the critic estimates a median value of {estimate:.4}, but no episode returned more than {most:.4}: \
             it believes its own errors"
        ),
        experiment: "a third of the learning_rate, a slower target (tau = 0.005, or a larger target_update_interval), rewards \
                     of about 1"
            .to_owned(),
    })
}

/// The mean return was much better before.
fn collapse(course: &Course<'_>) -> Option<Symptom> {
    let returns = course.returns(0.0, 1.0);
    let (first, last) = (*returns.first()?, *returns.last()?);
    let (best_at, best) = returns.iter().copied().enumerate().max_by(|(_, a), (_, b)| a.total_cmp(b))?;
    let (gained, lost) = (best - first, best - last);
    let steps = course.lines.iter().filter(|line| line.return_mean_100.is_some()).nth(best_at)?.steps;
    (lost > 0.5 * gained && gained > course.noise() && lost > course.noise().max(0.2 * best.abs())).then(|| Symptom {
        name: "collapse",
        evidence: format!(
            "the mean return rose from {first:.4} to {best:.4} at {steps} steps and fell to {last:.4} by the end"
        ),
        experiment: "a learning_rate that falls (\"linear_…\"), a third of it, or target_kl; end the training at its best with \
                     target_return; a larger buffer forgets more slowly"
            .to_owned(),
    })
}

/// The mean return rises and falls without progress.
fn oscillation(course: &Course<'_>) -> Option<Symptom> {
    let returns = course.returns(0.4, 1.0);
    if returns.len() < LINES_MIN {
        return None;
    }
    // Twelve means: changes within one of them are noise.
    let size = returns.len().div_ceil(12);
    let looks: Vec<f64> = returns.chunks(size).map(mean).collect();
    let moves: Vec<f64> = looks.windows(2).map(|pair| pair[1] - pair[0]).collect();
    let turns = moves.windows(2).filter(|pair| pair[0] * pair[1] < 0.0).count();
    let travelled: f64 = moves.iter().map(|step| step.abs()).sum();
    let whole = course.returns(0.0, 1.0);
    let reach =
        whole.iter().copied().fold(f64::MIN, f64::max) - whole.iter().copied().fold(f64::MAX, f64::min);
    let net = (looks.last()? - looks.first()?).abs();
    (turns >= 4 && travelled > 1.5 * reach && travelled > 3.0 * net && reach > 0.0).then(|| Symptom {
        name: "oscillation",
        evidence: format!(
            "in the last 60 % the mean return turned {turns} times and travelled {travelled:.4}, of a range of {reach:.4}"
        ),
        experiment: "a third of the learning_rate or one that falls, larger batches, a slower target network".to_owned(),
    })
}

/// The mean return does not rise, and has not reached its target.
fn plateau(course: &Course<'_>) -> Option<Symptom> {
    let returns = course.returns(0.0, 1.0);
    let quarter = returns.len() / 4;
    if quarter == 0 {
        return None;
    }
    let (early, middle) = (mean(&returns[..quarter]), mean(&returns[2 * quarter..3 * quarter]));
    let late = mean(&returns[returns.len() - quarter..]);
    let noise = course.noise();
    let target = course.problem.decision.project.train.target_return.filter(|target| late < *target);
    let never_rose = late - early <= noise.max(0.01 * early.abs());
    let stopped = target.is_some() && late - middle <= noise.max(0.005 * middle.abs());
    (never_rose || stopped).then(|| Symptom {
        name: "plateau",
        evidence: match target {
            Some(target) if !never_rose => format!(
                "the mean return went from {middle:.4} in the third quarter to {late:.4} in the last, short of \
                 target_return = {target}"
            ),
            _ => format!("the mean return was {early:.4} in the first quarter and {late:.4} in the last"),
        },
        experiment: "ten times the learning_rate if the losses hardly move, a tenth if they jump; more exploration; larger \
                     rollouts or batches; `setpoint compare` shows whether another algorithm is better"
            .to_owned(),
    })
}

/// The policy nearly always takes one choice.
fn skewed_actions(course: &Course<'_>) -> Option<Symptom> {
    let names = course.problem.spec().action.names();
    let part = course.part(0.85, 1.0);
    if !course.problem.spec().action.is_discrete() || names.len() < 2 || part.is_empty() {
        return None;
    }
    let share = |choice: usize| {
        mean(
            &part.iter().filter_map(|line| line.action_distribution.get(choice).copied()).collect::<Vec<_>>(),
        )
    };
    let (choice, share) =
        (0..names.len()).map(|choice| (choice, share(choice))).max_by(|(_, a), (_, b)| a.total_cmp(b))?;
    (share > 0.9).then(|| Symptom {
        name: "action skew",
        evidence: format!("at the end {} was taken in {:.1} % of the decisions", names[choice], 100.0 * share),
        experiment: format!(
            "test whether this action alone gets the most reward: a [[scenario]] that prefers the heuristic over actions = \
             [\"{}\"]; if so, the reward is wrong; if not, increase exploration",
            names[choice]
        ),
    })
}
