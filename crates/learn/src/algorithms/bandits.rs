//! Bandits: decisions without consequences after the step, or with costly exploration. Each step is a round: the context is
//! the observation, the payoff is the reward, and nothing is bootstrapped.
//!
//! * `epsilon-greedy` – the arm with the best mean, except for a share ε (Sutton & Barto 2018, section 2.2)
//! * `ucb1` – the best mean plus a bonus for rarely taken arms (Auer, Cesa-Bianchi & Fischer 2002)
//! * `lin-ucb` – the same for payoffs linear in the context (Li et al. 2010, arXiv 1003.0146, algorithm 1, disjoint)
//! * `thompson` – each arm with its probability of being the best (Thompson 1933; Chapelle & Li 2011): Beta–Bernoulli,
//!   Gaussian, or linear in the context (Agrawal & Goyal 2013, arXiv 1209.3352)
//!
//! The metrics' `cumulative_regret` is Σ (expected payoff of the best arm by present knowledge − expected payoff of the arm
//! taken, by the same estimates). It is an estimate, since only a simulator knows the true payoffs. If the process reports
//! a signal with the name `regret`, its sum is reported instead.

use serde::{Deserialize, Serialize};
use setpoint_decision::Diagnostic;
use setpoint_decision::charter::{Finding, RewardDelay};
use setpoint_decision::section::Section;
use setpoint_decision::spec::Spec;
use setpoint_evidence::Decision;
use setpoint_evidence::environments::Environments;
use setpoint_nn::mlp::{Activation, Mlp};
use setpoint_policy::head::Head;
use setpoint_process::StateError;
use setpoint_process::vectorized::Actions;
use setpoint_random::Stream;

use crate::algorithm::{Algorithm, Horizon, Snapshot, from_bytes, to_bytes};
use crate::bounds;
use crate::error::TrainError;
use crate::exploration::{
    Decay, DiscreteExploration, DiscreteExplorer, ExplorationCount, greatest, ucb_bonus,
};
use crate::figures::{Figures, Means};
use crate::recipe::{LearnerOptions, Learns, Read, Recipe};
use crate::request::Request;

mod arms;
mod linear;

use arms::{Arm, beta};
use linear::LinearArm;

/// Environment steps of an update.
const UPDATE_STEPS: u64 = 1_000;

const fn recipe(
    name: &'static str,
    class: &'static str,
    summary: &'static str,
    source: &'static str,
    read: Read,
) -> Recipe {
    Recipe {
        name,
        class,
        summary,
        on_policy: false,
        actions: Learns::Choices,
        reads_tensors: false,
        sample_efficiency: "very high, because it learns nothing about consequences",
        pick_when: "an action does not change the next state, or exploration is costly",
        source,
        is_first_choice: false,
        tuning: Vec::new,
        read,
    }
}

/// The recipe of the ε-greedy bandit.
pub const EPSILON_GREEDY: Recipe = recipe(
    "epsilon-greedy",
    "EpsilonGreedy",
    "bandit: the arm with the best mean, except for a share ε",
    "Sutton & Barto 2018, section 2.2",
    |section| Ok(Box::new(Options::read_epsilon_greedy(section)?)),
);

/// The recipe of UCB1.
pub const UCB1: Recipe = recipe(
    "ucb1",
    "UCB1",
    "bandit: the best mean plus a bonus for rarely taken arms",
    "Auer, Cesa-Bianchi & Fischer 2002",
    |section| Ok(Box::new(Options::read_ucb1(section)?)),
);

/// The recipe of LinUCB.
pub const LIN_UCB: Recipe = recipe(
    "lin-ucb",
    "LinUCB",
    "contextual bandit: payoffs linear in the observation, plus a bonus",
    "Li et al. 2010, arXiv 1003.0146",
    |section| Ok(Box::new(Options::read_lin_ucb(section)?)),
);

/// The recipe of Thompson sampling.
pub const THOMPSON: Recipe = recipe(
    "thompson",
    "Thompson",
    "bandit: each arm with its probability of being the best",
    "Thompson 1933; Agrawal & Goyal 2013, arXiv 1209.3352",
    |section| Ok(Box::new(Options::read_thompson(section)?)),
);

/// The model of an arm of a Thompson sampler.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Belief {
    /// Payoffs are 0 or 1.
    Beta,
    /// Payoffs are normal with an unknown mean.
    #[default]
    Gaussian,
    /// Payoffs are normal around a linear function of the context.
    Linear,
}

/// A bandit with its options.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Options {
    /// `[train.epsilon-greedy]`
    EpsilonGreedy(DiscreteExploration),
    /// `[train.ucb1]`
    Ucb1 {
        /// Weight of the bonus, in units of the range of payoffs seen; √2 is the paper's.
        c: f64,
    },
    /// `[train.lin-ucb]`
    LinUcb {
        /// Weight of the bonus, in units of payoff.
        alpha: f64,
        /// Ridge: the weight of the prior.
        regularization: f64,
    },
    /// `[train.thompson]`
    Thompson {
        /// The model of an arm.
        belief: Belief,
        /// Standard deviation of a payoff around its mean.
        payoff_sd: f64,
        /// Ridge: the weight of the prior.
        regularization: f64,
    },
}

impl Options {
    fn read_epsilon_greedy(section: &Section<'_>) -> Result<Self, Box<Diagnostic>> {
        // The guide's: from 0.3 down to 0.01.
        let default = DiscreteExploration {
            exploration_decay: Decay::Linear,
            exploration_fraction: 1.0,
            exploration_initial_eps: 0.3,
            exploration_final_eps: 0.01,
            ..DiscreteExploration::default()
        };
        Ok(Self::EpsilonGreedy(DiscreteExploration::read(section, default)?))
    }

    fn read_ucb1(section: &Section<'_>) -> Result<Self, Box<Diagnostic>> {
        let c = section.number("c", bounds::not_negative(), "weight of the bonus")?;
        Ok(Self::Ucb1 { c: c.unwrap_or(std::f64::consts::SQRT_2) })
    }

    fn read_lin_ucb(section: &Section<'_>) -> Result<Self, Box<Diagnostic>> {
        let alpha = section.number("alpha", bounds::not_negative(), "weight of the bonus")?.unwrap_or(1.0);
        Ok(Self::LinUcb { alpha, regularization: read_regularization(section)? })
    }

    fn read_thompson(section: &Section<'_>) -> Result<Self, Box<Diagnostic>> {
        let beliefs = [("gaussian", Belief::Gaussian), ("beta", Belief::Beta), ("linear", Belief::Linear)];
        let belief = section.one_of("belief", &beliefs, "the model of an arm")?;
        let payoff_sd =
            section.number("payoff_sd", bounds::positive(), "deviation of a payoff around its mean")?;
        Ok(Self::Thompson {
            belief: belief.unwrap_or_default(),
            payoff_sd: payoff_sd.unwrap_or(1.0),
            regularization: read_regularization(section)?,
        })
    }

    /// Name of the bandit.
    fn name(&self) -> &'static str {
        match self {
            Self::EpsilonGreedy(_) => EPSILON_GREEDY.name,
            Self::Ucb1 { .. } => UCB1.name,
            Self::LinUcb { .. } => LIN_UCB.name,
            Self::Thompson { .. } => THOMPSON.name,
        }
    }

    fn is_linear(&self) -> bool {
        matches!(self, Self::LinUcb { .. } | Self::Thompson { belief: Belief::Linear, .. })
    }
}

/// Weight of the prior, for the bandits that have a prior.
fn read_regularization(section: &Section<'_>) -> Result<f64, Box<Diagnostic>> {
    Ok(section.number("regularization", bounds::positive(), "weight of the prior")?.unwrap_or(1.0))
}

impl LearnerOptions for Options {
    fn learner(&self, request: &Request<'_>) -> Box<dyn Algorithm> {
        Box::new(Bandit::new(self.clone(), request.spec, request.seed))
    }

    fn warnings(&self, decision: &Decision) -> Vec<Finding> {
        consequences(self.name(), decision).into_iter().collect()
    }
}

/// A bandit credits a payoff to the last arm.
fn consequences(name: &str, decision: &Decision) -> Option<Finding> {
    let delayed = match decision.project.charter.reward_delay {
        None | Some(RewardDelay::SameStep | RewardDelay::Steps(0)) => None,
        Some(delay) => Some(format!("the charter's reward_delay is \"{delay}\"")),
    };
    let long = match decision.spec().max_steps {
        Some(1) => None,
        Some(steps) => Some(format!("an episode has up to {steps} steps")),
        None => Some("an episode may have many steps".to_owned()),
    };
    let reasons: Vec<String> = [delayed, long].into_iter().flatten().collect();
    (!reasons.is_empty()).then(|| {
        Finding::warn(
            "consequences",
            format!(
                "{}: an action may change later states, but {name} judges each action only by the reward of its own \
                 step; if it changes them, use dqn or ppo",
                reasons.join(", and ")
            ),
        )
    })
}

/// The learner.
pub struct Bandit {
    options: Options,
    choices: usize,
    /// Index of the signal `regret`, if the process has one.
    regret_signal: Option<usize>,
    state: State,
    context: Vec<f64>,
    expected: Vec<f32>,
    optimistic: Vec<f64>,
}

#[derive(Serialize, Deserialize)]
struct State {
    arms: Vec<Arm>,
    linear: Vec<LinearArm>,
    explorer: DiscreteExplorer,
    counted: ExplorationCount,
    random: Stream,
    rounds: u64,
    explored: u64,
    rounds_logged: u64,
    explored_logged: u64,
    least_payoff: f64,
    greatest_payoff: f64,
    cumulative_regret: f64,
    means: Means,
}

impl Bandit {
    /// A fresh learner whose draws follow from `seed`.
    pub fn new(options: Options, spec: &Spec, seed: u64) -> Self {
        let choices = spec.action.len();
        let width = spec.observation.len() + 1;
        let ridge = match &options {
            Options::LinUcb { regularization, .. } | Options::Thompson { regularization, .. } => {
                *regularization
            }
            Options::EpsilonGreedy(_) | Options::Ucb1 { .. } => 1.0,
        };
        let exploration = match &options {
            Options::EpsilonGreedy(exploration) => *exploration,
            Options::Ucb1 { .. } | Options::LinUcb { .. } | Options::Thompson { .. } => {
                DiscreteExploration::default()
            }
        };
        let linear_arms = if options.is_linear() { choices } else { 0 };
        Self {
            state: State {
                arms: vec![Arm::default(); choices],
                linear: vec![LinearArm::new(width, ridge); linear_arms],
                explorer: DiscreteExplorer::new(exploration, choices, seed),
                counted: ExplorationCount::default(),
                random: Stream::new(seed, "bandit", 0),
                rounds: 0,
                explored: 0,
                rounds_logged: 0,
                explored_logged: 0,
                least_payoff: f64::INFINITY,
                greatest_payoff: f64::NEG_INFINITY,
                cumulative_regret: 0.0,
                means: Means::default(),
            },
            regret_signal: spec.signals.iter().position(|signal| signal.name == "regret"),
            context: vec![1.0; width],
            expected: vec![0.0; choices],
            optimistic: vec![0.0; choices],
            choices,
            options,
        }
    }

    /// The expected payoff of each arm in this context.
    fn expect(&mut self, observation: &[f32]) {
        let features = observation.len();
        self.context[..features].iter_mut().zip(observation).for_each(|(to, from)| *to = f64::from(*from));
        for (choice, expected) in self.expected.iter_mut().enumerate() {
            *expected = match self.state.linear.get(choice) {
                Some(arm) => arm.expected(&self.context) as f32,
                None => self.state.arms[choice].mean as f32,
            };
        }
    }

    fn choose(&mut self, allowed: &[bool], progress_remaining: f64) -> usize {
        let State { arms, linear, explorer, random, rounds, greatest_payoff, least_payoff, .. } =
            &mut self.state;
        let is_allowed = |choice: usize| allowed.is_empty() || allowed[choice];
        let range = (*greatest_payoff - *least_payoff).max(1e-9);
        for (choice, value) in self.optimistic.iter_mut().enumerate() {
            let expected = f64::from(self.expected[choice]);
            *value = match &self.options {
                Options::EpsilonGreedy(_) => {
                    return explorer.choose(&self.expected, allowed, progress_remaining);
                }
                Options::Ucb1 { c } => {
                    let scale = if range.is_finite() { range } else { 1.0 };
                    expected + ucb_bonus(c * scale, *rounds + 1, arms[choice].count)
                }
                Options::LinUcb { alpha, .. } => expected + alpha * linear[choice].deviation(&self.context),
                Options::Thompson { belief: Belief::Beta, .. } => {
                    let Arm { count, mean } = arms[choice];
                    let wins = mean * count as f64;
                    beta(1.0 + wins, 1.0 + count as f64 - wins, random)
                }
                Options::Thompson { belief: Belief::Gaussian, payoff_sd, regularization } => {
                    let Arm { count, mean } = arms[choice];
                    let weight = count as f64 + regularization;
                    mean * count as f64 / weight + payoff_sd / weight.sqrt() * f64::from(random.normal())
                }
                Options::Thompson { belief: Belief::Linear, payoff_sd, .. } => {
                    expected
                        + payoff_sd * linear[choice].deviation(&self.context) * f64::from(random.normal())
                }
            };
        }
        greatest(self.optimistic.iter().copied(), is_allowed)
    }

    fn round(&mut self, environments: &mut Environments, progress_remaining: f64) -> Result<(), TrainError> {
        self.expect(&environments.transition().observations);
        let choice = self.choose(environments.allowed(), progress_remaining);
        let allowed = environments.allowed();
        let is_allowed = |choice: usize| allowed.is_empty() || allowed[choice];
        let best = greatest(self.expected.iter().map(|value| f64::from(*value)), is_allowed);
        let shortfall = f64::from(self.expected[best] - self.expected[choice]);
        environments.step(Actions::of_choices(&[choice as u32]))?;
        let payoff = f64::from(environments.rewards()[0]);
        let regret = match self.regret_signal {
            Some(index) => f64::from(environments.transition().signals[index]),
            None => shortfall,
        };
        let state = &mut self.state;
        state.arms[choice].add(payoff);
        if let Some(arm) = state.linear.get_mut(choice) {
            arm.add(&self.context, payoff);
        }
        state.least_payoff = state.least_payoff.min(payoff);
        state.greatest_payoff = state.greatest_payoff.max(payoff);
        state.cumulative_regret += regret;
        state.rounds += 1;
        state.explored += u64::from(choice != best);
        state.means.add(&[payoff]);
        Ok(())
    }
}

impl Algorithm for Bandit {
    fn lanes(&self) -> usize {
        1
    }

    fn begin(&mut self, _environments: &Environments, _adopted: bool) {}

    fn update(
        &mut self,
        environments: &mut Environments,
        horizon: Horizon<'_>,
    ) -> Result<Figures, TrainError> {
        let end = (environments.steps() + UPDATE_STEPS).min(horizon.total_steps);
        while environments.steps() < end {
            horizon.check_stop()?;
            self.round(environments, horizon.remaining_at(environments.steps()))?;
        }
        let remaining = horizon.remaining_at(environments.steps());
        let state = &mut self.state;
        let mut figures = state.means.take(&["payoff"]);
        let rounds = (state.rounds - state.rounds_logged).max(1) as f64;
        let mut explored = 100.0 * (state.explored - state.explored_logged) as f64 / rounds;
        (state.rounds_logged, state.explored_logged) = (state.rounds, state.explored);
        figures.insert("not_greedy_percent", explored);
        if let Options::EpsilonGreedy(_) = self.options {
            explored = state.explorer.take_shares(&mut state.counted).0;
            figures.insert("exploration_rate", state.explorer.rate(remaining));
        }
        figures.insert("exploration_percent", explored);
        figures.insert("exploitation_percent", 100.0 - explored);
        figures.insert("cumulative_regret", state.cumulative_regret);
        Ok(figures)
    }

    fn snapshot(&self) -> Snapshot {
        let width = self.context.len();
        // Weights `[features, choices]`, then the bias: the expected payoff of each arm.
        let mut parameters = vec![0.0; width * self.choices];
        for choice in 0..self.choices {
            match self.state.linear.get(choice) {
                Some(arm) => {
                    for (index, weight) in arm.weights().into_iter().enumerate() {
                        parameters[index * self.choices + choice] = weight as f32;
                    }
                }
                None => parameters[(width - 1) * self.choices + choice] = self.state.arms[choice].mean as f32,
            }
        }
        let network = Mlp {
            input: width - 1,
            hidden: Vec::new(),
            output: self.choices,
            activation: Activation::Linear,
        };
        Snapshot::of_network(network, parameters, Head::Values)
    }

    fn save(&self) -> Result<Vec<u8>, StateError> {
        to_bytes(&self.state)
    }

    fn load(&mut self, bytes: &[u8]) -> Result<(), StateError> {
        let state: State = from_bytes(bytes)?;
        let sizes =
            |state: &State| (state.arms.len(), state.linear.iter().map(LinearArm::width).collect::<Vec<_>>());
        if sizes(&state) != sizes(&self.state) {
            return Err(StateError::new("it has other arms than this project"));
        }
        self.state = state;
        Ok(())
    }
}
