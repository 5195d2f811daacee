//! A policy as a decider: its most probable action, or an action drawn from its distribution.

use std::ops::Deref;

use setpoint_nn::categorical;
use setpoint_policy::Policy;
use setpoint_policy::policy::{Draw, Runner};
use setpoint_random::Stream;

use crate::decider::{ActionBuffer, ChoiceProbabilities, Decider, States};
use crate::draws::LaneDraws;

/// A policy that decides in several lanes at once. `P` borrows the policy (`&Policy`) or shares it (`Arc<Policy>`).
pub struct PolicyDecider<P> {
    runner: Runner<P>,
    draws: Option<LaneDraws>,
}

impl<P: Deref<Target = Policy>> PolicyDecider<P> {
    /// Takes the most probable action.
    pub fn deterministic(policy: P, lanes: usize) -> Self {
        Self { runner: Runner::new(policy, lanes), draws: None }
    }

    /// Draws its actions from the policy's distribution, with the random numbers of `stream`.
    pub fn stochastic(policy: P, lanes: usize, stream: Stream) -> Self {
        let draws = Some(LaneDraws::new(stream, lanes, policy.manifest.action.width()));
        Self { runner: Runner::new(policy, lanes), draws }
    }
}

impl<P: Deref<Target = Policy> + Send> Decider for PolicyDecider<P> {
    fn begin(&mut self, lane: usize) {
        self.runner.begin(lane);
    }

    fn decide(&mut self, states: &States<'_>, actions: &mut ActionBuffer) {
        let mut round = self.draws.as_mut().map(|draws| draws.round(states.lanes));
        let draw = round.as_mut().map(|round| round as &mut dyn Draw);
        let ActionBuffer { choices, settings, .. } = actions;
        self.runner.in_lanes(states.lanes).decide(
            states.inputs(),
            states.rows(),
            states.allowed,
            draw,
            choices,
            settings,
        );
    }
}

impl<P: Deref<Target = Policy> + Send> ChoiceProbabilities for PolicyDecider<P> {
    fn probabilities(&mut self, states: &States<'_>, probabilities: &mut [f64]) {
        let choices = self.runner.policy().manifest.action.len();
        let is_drawn = self.draws.is_some();
        let own = if is_drawn {
            self.runner.probabilities(states.inputs(), states.rows(), states.allowed)
        } else {
            self.runner.scores(states.inputs(), states.rows(), states.allowed)
        };
        for (probabilities, own) in probabilities.chunks_exact_mut(choices).zip(own.chunks_exact(choices)) {
            if is_drawn {
                // In f32 they sum to 1 only within a millionth.
                let sum: f64 = own.iter().map(|own| f64::from(*own)).sum();
                probabilities.iter_mut().zip(own).for_each(|(to, own)| *to = f64::from(*own) / sum);
            } else {
                probabilities.fill(0.0);
                probabilities[categorical::mode(own)] = 1.0;
            }
        }
    }
}
