//! The probability of each choice of a policy or a baseline in a state: the probabilities that its log would contain, and
//! the weights of off-policy evaluation.

use setpoint_decision::Diagnostic;
use setpoint_guard::decider::{ActionBuffer, ChoiceProbabilities, Decider, States};
use setpoint_guard::draws::LaneDraws;
use setpoint_guard::policy_decider::PolicyDecider;
use setpoint_nn::categorical;
use setpoint_policy::Policy;
use setpoint_process::State;
use setpoint_random::Stream;

use crate::deciders::{HeuristicDecider, RANDOM, UniformRandom, heuristic_named};
use crate::decision::Decision;

/// The choices of a decider, with a share of uniformly random choices.
pub struct ActionDistribution<'p> {
    decider: Box<dyn ChoiceProbabilities + 'p>,
    /// Share of decisions that are uniformly random among the allowed choices, in [0, 1].
    even_share: f64,
    /// Whether the decider itself is uniformly random.
    is_even: bool,
}

impl<'p> ActionDistribution<'p> {
    /// Of a policy, as the project's evaluation runs it (`evaluate.deterministic`).
    pub fn of_policy(decision: &Decision, policy: &'p Policy) -> Self {
        Self::new(if decision.project.evaluate.deterministic {
            PolicyDecider::deterministic(policy, 1)
        } else {
            PolicyDecider::stochastic(policy, 1, unused())
        })
    }

    /// Of a baseline by its name in the project file.
    pub fn of_baseline(decision: &Decision, name: &str) -> Result<Self, Box<Diagnostic>> {
        let space = &decision.spec().action;
        if name == RANDOM {
            return Ok(Self { is_even: true, ..Self::new(UniformRandom::new(space, 1, unused())) });
        }
        let heuristics = decision.factory.heuristics();
        let found = heuristic_named(heuristics, name).ok_or_else(|| {
            let known = heuristics.iter().map(|heuristic| heuristic.name);
            let help =
                format!("baselines: {}", [RANDOM].into_iter().chain(known).collect::<Vec<_>>().join(", "));
            Diagnostic::without_origin(
                format!("`{name}` is not a baseline of {}", decision.spec().kind),
                help,
            )
        })?;
        Ok(Self::new(HeuristicDecider::new(found.clone(), space)))
    }

    fn new(decider: impl ChoiceProbabilities + 'p) -> Self {
        Self { decider: Box::new(decider), even_share: 0.0, is_even: false }
    }

    /// The same, with this share of its decisions uniformly random among the allowed choices.
    pub fn softened(self, even_share: f64) -> Self {
        Self { even_share, ..self }
    }

    /// Writes the probability of each choice; they sum to 1.
    pub fn probabilities(&mut self, state: &State<'_>, probabilities: &mut [f64]) {
        let states = States::single(state.observation, state.signals, state.allowed);
        self.decider.probabilities(&states, probabilities);
        if self.is_even {
            return;
        }
        let is_allowed = |choice: usize| state.allowed.is_empty() || state.allowed[choice];
        let allowed = (0..probabilities.len()).filter(|choice| is_allowed(*choice)).count() as f64;
        let own_share = 1.0 - self.even_share;
        for (choice, probability) in probabilities.iter_mut().enumerate() {
            let even = if is_allowed(choice) { (1.0 - own_share) / allowed } else { 0.0 };
            *probability = even + own_share * *probability;
        }
    }
}

/// For callers that need only probabilities: no choice is drawn.
fn unused() -> Stream {
    Stream::new(0, "unused", 0)
}

/// A decider that draws its choices from a distribution, and gives their probabilities.
pub struct Drawn<'d, 'p> {
    distribution: &'d mut ActionDistribution<'p>,
    draws: LaneDraws,
    probabilities: Vec<f64>,
}

impl<'d, 'p> Drawn<'d, 'p> {
    /// For these numbers of lanes and of choices.
    pub fn new(
        distribution: &'d mut ActionDistribution<'p>,
        choices: usize,
        lanes: usize,
        stream: Stream,
    ) -> Self {
        let draws = LaneDraws::new(stream, lanes, 1);
        Self { distribution, draws, probabilities: vec![0.0; choices] }
    }
}

impl Decider for Drawn<'_, '_> {
    fn begin(&mut self, _lane: usize) {}

    fn decide(&mut self, states: &States<'_>, actions: &mut ActionBuffer) {
        let mut round = self.draws.round(states.lanes);
        for row in 0..states.rows() {
            let state = State {
                observation: states.observation(row),
                signals: states.signals(row),
                allowed: states.allowed(row),
            };
            self.distribution.probabilities(&state, &mut self.probabilities);
            let unit = f64::from(round.stream(row).unit());
            let choice = categorical::sample_probability(&self.probabilities, unit);
            actions.choices[row] = choice as u32;
            actions.probabilities[row] = self.probabilities[choice];
        }
    }
}
