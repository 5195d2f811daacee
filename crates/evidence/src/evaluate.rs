//! Evaluation: the policy against each baseline on the same seeds, with intervals.

use serde::{Deserialize, Serialize};
use setpoint_decision::spec::{ActionSpace, Aggregate};
use setpoint_policy::Policy;
use setpoint_policy::policy::{Draw, Runner};
use setpoint_process::vectorized::Actions;
use setpoint_process::{Heuristic, State};
use setpoint_random::Stream;

use crate::decision::Decision;
use crate::environments::{Environments, StepRecord};
use crate::error::PlayError;
use crate::evidence_file::{self, Hashes};
use setpoint_files::run_folder::RunFolder;
use setpoint_statistics::{Interval, Summary, bootstrap, mean, probability_of_improvement, ratio};

/// A policy and its baselines, measured: `evidence/evaluation.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Evaluation {
    /// `decision.name`
    pub project: String,
    /// `process.kind`
    pub process: String,
    /// Episodes of each seed.
    pub episodes_per_seed: u64,
    /// Seeds that all of them met.
    pub seeds: Vec<u64>,
    /// Whether the policy took its most probable action.
    pub deterministic: bool,
    /// The policy.
    pub policy: Subject,
    /// What it is compared with.
    pub baselines: Vec<Subject>,
    /// Policy against each baseline, in their order.
    pub comparisons: Vec<Comparison>,
}

/// One policy or baseline, measured.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Subject {
    /// `policy`, `random`, `heuristic`
    pub name: String,
    /// What it does.
    pub description: String,
    /// Reward per step; the interval resamples whole episodes.
    pub reward_per_step: Summary,
    /// Return of an episode.
    pub episode_return: Summary,
    /// Steps of an episode.
    pub episode_steps: Summary,
    /// Episodes that terminated (rather than being truncated), in percent.
    pub terminated_percent: f64,
    /// Every signal of the process.
    pub signals: Vec<SignalSummary>,
    /// Every term of the reward.
    pub reward_terms: Vec<TermSummary>,
    /// How often each choice was taken, or the mean of each axis.
    pub actions: Vec<ActionShare>,
    /// How often each constraint was active.
    pub constraints: Vec<ConstraintHits>,
    /// Reward per step of each seed.
    pub reward_per_step_by_seed: Vec<f64>,
}

/// A signal over all steps.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SignalSummary {
    /// Its name.
    pub name: String,
    /// Unit of the figures; `%` for shares.
    pub unit: String,
    /// Whether it is a mean or a share.
    pub aggregate: Aggregate,
    /// Mean over steps (for shares, in percent of steps; for totals, over episodes).
    pub mean: f64,
    /// 95 % interval; whole episodes are resampled.
    pub interval: Interval,
}

/// A reward term over all steps.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TermSummary {
    /// Signal or event.
    pub name: String,
    /// Reward per unit of the signal, or per event.
    pub weight: f64,
    /// Mean per step.
    pub per_step: f64,
    /// Mean per episode.
    pub per_episode: f64,
}

/// How an action was used.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ActionShare {
    /// Choice or axis.
    pub name: String,
    /// Share of decisions, for a choice.
    pub percent: Option<f64>,
    /// Mean value in its unit, for an axis.
    pub mean: Option<f64>,
}

/// How often a constraint was active.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ConstraintHits {
    /// The constraint in words.
    pub constraint: String,
    /// Share of decisions, in percent.
    pub decisions_percent: f64,
}

/// The policy against one baseline. The same seeds are resampled on both sides.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Comparison {
    /// The baseline.
    pub baseline: String,
    /// Reward per step, policy minus baseline.
    pub difference_per_step: f64,
    /// Its 95 % interval.
    pub difference_interval: Interval,
    /// The difference in percent of the baseline's reward per step.
    pub lift_percent: f64,
    /// Its 95 % interval.
    pub lift_interval_percent: Interval,
    /// Probability that an episode of the policy returns more than one of the baseline, in [0, 1].
    pub probability_of_improvement: f64,
    /// Its 95 % interval.
    pub probability_interval: Interval,
}

/// Everything of one subject's episodes.
#[derive(Default)]
struct Episodes {
    returns: Vec<f64>,
    steps: Vec<f64>,
    terminated: Vec<bool>,
    /// `[episodes, signals]` sums.
    signals: Vec<f64>,
    terms: Vec<f64>,
    actions: Vec<f64>,
    constraints: Vec<u64>,
    rewards: Vec<f64>,
}

/// What an evaluation calls the policy.
pub const POLICY: &str = "policy";

/// A random stream as policies draw from it.
pub struct Draws(pub Stream);

impl Draw for Draws {
    fn uniform(&mut self) -> f32 {
        self.0.unit()
    }
    fn normal(&mut self) -> f32 {
        self.0.normal()
    }
}

/// What is decided in every environment, and the buffers for it.
pub struct Decisions {
    /// `[lanes]`; empty where actions are settings.
    pub choices: Vec<u32>,
    /// `[lanes, axes]` in the axes' units; empty where they are choices.
    pub values: Vec<f32>,
}

impl Decisions {
    /// Buffers for so many environments.
    pub fn new(space: &ActionSpace, lanes: usize) -> Self {
        if space.is_discrete() {
            Self { choices: vec![0; lanes], values: Vec::new() }
        } else {
            Self { choices: Vec::new(), values: vec![0.0; lanes * space.len()] }
        }
    }

    /// As environments take them.
    pub fn actions(&self) -> Actions<'_> {
        if self.values.is_empty() {
            Actions::Discrete(&self.choices)
        } else {
            Actions::Continuous(&self.values)
        }
    }
}

/// Who decides.
pub enum Controller<'a> {
    /// With draws from its distribution, or without for its most probable action.
    Policy(Runner<'a>, Option<Draws>),
    /// A hand-written policy.
    Heuristic(Heuristic),
    /// Every allowed action equally often.
    Random(Stream),
}

/// Evaluates as [`evaluate`] does and keeps the evidence with the run; `resolved` is the project's text.
pub fn evaluate_into(
    decision: &Decision,
    resolved: &str,
    policy: &Policy,
    seeds: u64,
    folder: &RunFolder,
) -> Result<Evaluation, PlayError> {
    let evaluation = evaluate(decision, policy, seeds)?;
    let hashes = Hashes::default().policy(POLICY, policy).project(&decision.project.charter.name, resolved);
    evidence_file::write(&folder.evidence("evaluation"), &hashes, &evaluation)?;
    Ok(evaluation)
}

/// Evaluates a policy and the project's baselines over `seeds` seeds.
pub fn evaluate(decision: &Decision, policy: &Policy, seeds: u64) -> Result<Evaluation, PlayError> {
    let settings = &decision.project.evaluate;
    let seeds: Vec<u64> = (settings.seed..settings.seed + seeds.max(1)).collect();
    let lanes = settings.episodes as usize;
    let play = |name: &str| -> Result<Option<Episodes>, PlayError> {
        let mut episodes = Episodes::default();
        for seed in &seeds {
            let Some(mut controller) = Controller::named(name, decision, policy, *seed, lanes) else {
                return Ok(None);
            };
            episodes.play(decision, &mut controller, lanes, *seed)?;
        }
        Ok(Some(episodes))
    };
    let deterministic = settings.deterministic;
    let own = play(POLICY)?.expect("a policy always plays");
    let how = if deterministic { "its most probable action" } else { "actions drawn from its distribution" };
    let description = format!("{} after {} steps, {how}", policy.manifest.algorithm, policy.manifest.steps);
    let mut evaluation = Evaluation {
        project: decision.project.charter.name.clone(),
        process: decision.spec().kind.clone(),
        episodes_per_seed: lanes as u64,
        deterministic,
        policy: own.summarize(decision, POLICY, &description, seeds.len()),
        baselines: Vec::new(),
        comparisons: Vec::new(),
        seeds: seeds.clone(),
    };
    for name in &settings.baselines {
        let Some(episodes) = play(name)? else { continue };
        let description = match heuristic_named(decision.factory.heuristics(), name) {
            Some(heuristic) => format!("{}: {}", heuristic.name, heuristic.description),
            None => "every allowed action equally often".to_owned(),
        };
        evaluation.baselines.push(episodes.summarize(decision, name, &description, seeds.len()));
        evaluation.comparisons.push(own.compare(&episodes, name, settings.seed));
    }
    Ok(evaluation)
}

/// Returns of one episode in each of `lanes` environments.
pub fn returns(decision: &Decision, policy: &Policy, seed: u64, lanes: usize) -> Result<Vec<f64>, PlayError> {
    let mut controller =
        Controller::named(POLICY, decision, policy, seed, lanes).expect("a policy always plays");
    let mut episodes = Episodes::default();
    episodes.play(decision, &mut controller, lanes, seed)?;
    Ok(episodes.returns)
}

/// `heuristic` is the first of a process's; others go by their names.
pub fn heuristic_named<'h>(heuristics: &'h [Heuristic], name: &str) -> Option<&'h Heuristic> {
    if name == "heuristic" {
        heuristics.first()
    } else {
        heuristics.iter().find(|heuristic| heuristic.name == name)
    }
}

impl Evaluation {
    /// The comparison that the verdict and the gate speak of.
    pub fn against(&self, decision: &Decision) -> Option<&Comparison> {
        let name = decision.project.evaluate.against()?;
        self.comparisons.iter().find(|comparison| comparison.baseline == name)
    }

    /// Whether the lift that the project asks for is proved: its interval lies above; `None` where none is asked for.
    pub fn gate(&self, decision: &Decision) -> Option<bool> {
        let required = decision.project.evaluate.required_lift_percent?;
        Some(self.against(decision).is_some_and(|found| found.lift_interval_percent.low >= required))
    }
}

impl<'p> Controller<'p> {
    /// The policy, or a baseline by its name in the project file; `None` where the process has none of that name.
    pub fn named(
        name: &str,
        decision: &Decision,
        policy: &'p Policy,
        seed: u64,
        lanes: usize,
    ) -> Option<Self> {
        if name == POLICY {
            let drawn = !decision.project.evaluate.deterministic;
            let draws = drawn.then(|| Draws(Stream::new(seed, "evaluation policy", 0)));
            return Some(Self::Policy(policy.runner(lanes), draws));
        }
        Self::baseline(name, decision, seed)
    }

    /// A baseline by its name in the project file; `None` where the process has none of that name.
    pub fn baseline(name: &str, decision: &Decision, seed: u64) -> Option<Self> {
        Some(match name {
            "random" => Self::Random(Stream::new(seed, "evaluation random", 0)),
            name => Self::Heuristic(heuristic_named(decision.factory.heuristics(), name)?.clone()),
        })
    }

    /// Decides in every environment.
    pub fn decide(
        &mut self,
        environments: &Environments,
        space: &ActionSpace,
        Decisions { choices, values }: &mut Decisions,
    ) {
        let transition = environments.transition();
        let lanes = environments.lanes();
        let (features, signals) =
            (transition.observations.len() / lanes, transition.current_signals.len() / lanes);
        match (self, space) {
            (Self::Policy(runner, draws), space) => {
                let draws = draws.as_mut().map(|draws| draws as &mut dyn Draw);
                if space.is_discrete() {
                    runner.choose(&transition.observations, environments.allowed(), draws, choices);
                } else {
                    runner.control(&transition.observations, draws, values);
                }
            }
            (Self::Heuristic(heuristic), space) => {
                let width = if space.is_discrete() { 1 } else { space.len() };
                let mut action = vec![0.0; width];
                for lane in 0..lanes {
                    let state = State {
                        observation: &transition.observations[lane * features..(lane + 1) * features],
                        signals: &transition.current_signals[lane * signals..(lane + 1) * signals],
                        allowed: environments.allowed_in(lane),
                    };
                    (heuristic.decide)(&state, &mut action);
                    if space.is_discrete() {
                        choices[lane] = action[0] as u32;
                    } else {
                        values[lane * width..(lane + 1) * width].copy_from_slice(&action);
                    }
                }
            }
            (Self::Random(random), ActionSpace::Discrete { choices: names }) => {
                for (lane, choice) in choices.iter_mut().enumerate() {
                    let allowed = environments.allowed_in(lane);
                    *choice = loop {
                        let drawn = random.below(names.len() as u32);
                        if allowed.is_empty() || allowed[drawn as usize] {
                            break drawn;
                        }
                    };
                }
            }
            (Self::Random(random), ActionSpace::Continuous { axes }) => {
                for row in values.chunks_exact_mut(axes.len()) {
                    for (value, axis) in row.iter_mut().zip(axes) {
                        *value = random.uniform(axis.low, axis.high);
                    }
                }
            }
        }
    }
}

impl Episodes {
    /// Plays one episode in each of `lanes` environments; what a lane does after its first episode is not counted.
    fn play(
        &mut self,
        decision: &Decision,
        controller: &mut Controller<'_>,
        lanes: usize,
        seed: u64,
    ) -> Result<(), PlayError> {
        let space = &decision.spec().action;
        let mut environments =
            Environments::new(&decision.project, &decision.factory, lanes, seed, "evaluation")?;
        let signal_count = decision.spec().signals.len();
        let first = self.returns.len();
        self.returns.resize(first + lanes, 0.0);
        self.steps.resize(first + lanes, 0.0);
        self.terminated.resize(first + lanes, false);
        self.signals.resize((first + lanes) * signal_count, 0.0);
        self.terms.resize(environments.term_names().len(), 0.0);
        self.actions.resize(space.len(), 0.0);
        self.constraints.resize(decision.project.constraints.len(), 0);
        let mut open = vec![true; lanes];
        let mut decisions = Decisions::new(space, lanes);
        while open.contains(&true) {
            for (lane, open) in open.iter().enumerate() {
                if *open {
                    environments.count_active(lane, &mut self.constraints);
                }
            }
            controller.decide(&environments, space, &mut decisions);
            environments.step(decisions.actions())?;
            for (lane, open) in open.iter_mut().enumerate().filter(|(_, open)| **open) {
                let StepRecord { reward, outcome, signals } = environments.record(lane, &mut self.terms);
                let index = first + lane;
                self.returns[index] += reward;
                self.steps[index] += 1.0;
                self.rewards.push(reward);
                let sums = &mut self.signals[index * signal_count..(index + 1) * signal_count];
                sums.iter_mut().zip(signals).for_each(|(sum, signal)| *sum += f64::from(*signal));
                if space.is_discrete() {
                    self.actions[decisions.choices[lane] as usize] += 1.0;
                } else {
                    let row = &decisions.values[lane * space.len()..(lane + 1) * space.len()];
                    self.actions.iter_mut().zip(row).for_each(|(sum, value)| *sum += f64::from(*value));
                }
                if outcome.is_over() {
                    *open = false;
                    self.terminated[index] = outcome == setpoint_process::process::Outcome::Terminated;
                }
            }
        }
        Ok(())
    }

    fn summarize(&self, decision: &Decision, name: &str, description: &str, seeds: usize) -> Subject {
        let spec = decision.spec();
        let mut random = Stream::new(decision.project.evaluate.seed, "bootstrap", 0);
        let n = self.returns.len();
        let total_steps: f64 = self.steps.iter().sum();
        let signal_count = spec.signals.len();
        let per_step = bootstrap(n, &mut random, |indices| ratio(&self.returns, &self.steps, indices));
        let ones = vec![1.0; n];
        let signals = spec.signals.iter().enumerate().map(|(index, signal)| {
            let sums: Vec<f64> = self.signals.iter().skip(index).step_by(signal_count).copied().collect();
            let scale = if signal.aggregate == Aggregate::Share { 100.0 } else { 1.0 };
            // A total is a mean over episodes, everything else over steps.
            let weights = if signal.aggregate == Aggregate::Total { &ones } else { &self.steps };
            let interval = bootstrap(n, &mut random, |indices| scale * ratio(&sums, weights, indices));
            SignalSummary {
                name: signal.name.clone(),
                unit: if signal.aggregate == Aggregate::Share { "%".to_owned() } else { signal.unit.clone() },
                aggregate: signal.aggregate,
                mean: scale * sums.iter().sum::<f64>() / weights.iter().sum::<f64>(),
                interval,
            }
        });
        let signals = signals.collect();
        let reward = setpoint_process::reward::RewardFunction::new(&decision.project.reward, spec);
        let terms = reward.names().iter().zip(reward.weights()).zip(&self.terms);
        let discrete = spec.action.is_discrete();
        let action = |(name, sum): (&str, &f64)| ActionShare {
            name: name.to_owned(),
            percent: discrete.then_some(100.0 * sum / total_steps),
            mean: (!discrete).then_some(sum / total_steps),
        };
        let constraint =
            |(constraint, hits): (&setpoint_decision::constraint::Constraint, &u64)| ConstraintHits {
                constraint: constraint.to_string(),
                decisions_percent: 100.0 * *hits as f64 / total_steps,
            };
        let per_seed = n / seeds;
        let seed_mean = |seed: usize| {
            let indices: Vec<usize> = (seed * per_seed..(seed + 1) * per_seed).collect();
            ratio(&self.returns, &self.steps, &indices)
        };
        Subject {
            name: name.to_owned(),
            description: description.to_owned(),
            reward_per_step: Summary::with_interval(&self.rewards, per_step),
            episode_return: Summary::of(&self.returns, &mut random),
            episode_steps: Summary::of(&self.steps, &mut random),
            terminated_percent: 100.0 * mean(self.terminated.iter().map(|over| f64::from(u8::from(*over)))),
            signals,
            reward_terms: terms
                .map(|((name, weight), sum)| TermSummary {
                    name: name.clone(),
                    weight: *weight,
                    per_step: sum / total_steps,
                    per_episode: sum / n as f64,
                })
                .collect(),
            actions: spec.action.names().into_iter().zip(&self.actions).map(action).collect(),
            constraints: decision.project.constraints.iter().zip(&self.constraints).map(constraint).collect(),
            reward_per_step_by_seed: (0..seeds).map(seed_mean).collect(),
        }
    }

    /// Against a baseline that met the same seeds.
    fn compare(&self, other: &Self, name: &str, seed: u64) -> Comparison {
        let mut random = Stream::new(seed, "bootstrap comparison", 0);
        let n = self.returns.len();
        let all: Vec<usize> = (0..n).collect();
        let own = |indices: &[usize]| ratio(&self.returns, &self.steps, indices);
        let their = |indices: &[usize]| ratio(&other.returns, &other.steps, indices);
        let difference = |indices: &[usize]| own(indices) - their(indices);
        // In percent of the baseline's magnitude: a baseline may well be negative.
        let lift = |indices: &[usize]| 100.0 * difference(indices) / their(indices).abs();
        let chances = |indices: &[usize]| {
            let pick = |values: &[f64]| indices.iter().map(|index| values[*index]).collect::<Vec<_>>();
            probability_of_improvement(&pick(&self.returns), &pick(&other.returns))
        };
        Comparison {
            baseline: name.to_owned(),
            difference_per_step: difference(&all),
            difference_interval: bootstrap(n, &mut random, difference),
            lift_percent: lift(&all),
            lift_interval_percent: bootstrap(n, &mut random, lift),
            probability_of_improvement: probability_of_improvement(&self.returns, &other.returns),
            probability_interval: bootstrap(n, &mut random, chances),
        }
    }
}
