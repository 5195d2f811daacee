//! The probabilities with which a policy or a baseline takes each choice of a state: what a log made by it would hold, and
//! what off-policy evaluation weighs a log by.

use setpoint_decision::Diagnostic;
use setpoint_nn::categorical;
use setpoint_policy::Policy;
use setpoint_policy::policy::Runner;
use setpoint_process::{Heuristic, State};

use crate::decision::Decision;
use crate::evaluate::heuristic_named;

/// Who decides, and how often a choice is made evenly instead.
pub struct ActionDistribution<'p> {
    who: Who<'p>,
    /// Share of decisions that are made evenly among what is allowed, in [0, 1].
    even_share: f64,
    action: [f32; 1],
}

enum Who<'p> {
    /// With draws from its distribution, or always its most probable choice.
    Policy {
        runner: Box<Runner<'p>>,
        drawn: bool,
    },
    Heuristic(Heuristic),
    Random,
}

impl<'p> ActionDistribution<'p> {
    /// Of a policy, as the project's evaluation runs it (`evaluate.deterministic`).
    pub fn of_policy(decision: &Decision, policy: &'p Policy) -> Self {
        let drawn = !decision.project.evaluate.deterministic;
        Self::new(Who::Policy { runner: Box::new(policy.runner(1)), drawn })
    }

    /// Of a baseline by its name in the project file.
    pub fn of_baseline(decision: &Decision, name: &str) -> Result<Self, Box<Diagnostic>> {
        if name == "random" {
            return Ok(Self::new(Who::Random));
        }
        let heuristics = decision.factory.heuristics();
        let found = heuristic_named(heuristics, name).ok_or_else(|| {
            let known = heuristics.iter().map(|heuristic| heuristic.name);
            let help =
                format!("baselines: {}", ["random"].into_iter().chain(known).collect::<Vec<_>>().join(", "));
            Diagnostic::without_origin(
                format!("`{name}` is not a baseline of {}", decision.spec().kind),
                help,
            )
        })?;
        Ok(Self::new(Who::Heuristic(found.clone())))
    }

    fn new(who: Who<'p>) -> Self {
        Self { who, even_share: 0.0, action: [0.0] }
    }

    /// The same, which makes this share of its decisions evenly among what is allowed.
    pub fn softened(self, even_share: f64) -> Self {
        Self { even_share, ..self }
    }

    /// Writes the probability of each choice; they sum to 1.
    pub fn probabilities(&mut self, state: &State<'_>, probabilities: &mut [f64]) {
        let is_allowed = |choice: usize| state.allowed.is_empty() || state.allowed[choice];
        let allowed = (0..probabilities.len()).filter(|choice| is_allowed(*choice)).count() as f64;
        let own_share = if matches!(self.who, Who::Random) { 0.0 } else { 1.0 - self.even_share };
        for (choice, probability) in probabilities.iter_mut().enumerate() {
            *probability = if is_allowed(choice) { (1.0 - own_share) / allowed } else { 0.0 };
        }
        match &mut self.who {
            Who::Random => {}
            Who::Heuristic(heuristic) => {
                (heuristic.decide)(state, &mut self.action);
                probabilities[self.action[0] as usize] += own_share;
            }
            Who::Policy { runner, drawn: true } => {
                let own = runner.probabilities(state.observation, state.allowed);
                // In f32 they sum to 1 within a millionth only.
                let sum: f64 = own.iter().map(|own| f64::from(*own)).sum();
                for (probability, own) in probabilities.iter_mut().zip(own) {
                    *probability += own_share * f64::from(*own) / sum;
                }
            }
            Who::Policy { runner, drawn: false } => {
                let scores = runner.scores(state.observation, state.allowed);
                probabilities[categorical::mode(scores)] += own_share;
            }
        }
    }
}
