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
        self.runner.in_lanes(states.lanes);
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

#[cfg(test)]
mod tests {
    use setpoint_decision::spec::Feature;
    use setpoint_nn::mlp::Activation;
    use setpoint_nn::shape::Shape;

    use super::*;
    use crate::sample::two_choices;

    /// A policy of one feature and two choices with a memory of three numbers.
    fn remembering() -> Policy {
        let network = Shape::new(1, Vec::new(), Some(3), vec![4], 2, Activation::Tanh);
        let mut random = Stream::new(3, "test", 0);
        let parameters = (0..network.parameters()).map(|_| random.normal()).collect();
        two_choices(vec![Feature::new("wip", "parts", 0.0, 1.0, "")], network, parameters, None)
    }

    fn probabilities(decider: &mut PolicyDecider<&Policy>, lanes: &[usize], seen: &[f32]) -> Vec<f64> {
        let states =
            States { lanes, observations: seen, tensors: &[], signals: &[], allowed: &[], processes: None };
        let mut found = vec![0.0; 2 * lanes.len()];
        decider.probabilities(&states, &mut found);
        found
    }

    /// Lanes that wait, begin again and decide in other company: each decides as if it were alone.
    #[test]
    fn a_lane_remembers_its_own_episode_alone() {
        let policy = remembering();
        let stream = || Stream::new(0, "test", 0);
        let mut together = PolicyDecider::stochastic(&policy, 3, stream());
        let mut alone: Vec<_> = (0..3).map(|_| PolicyDecider::stochastic(&policy, 1, stream())).collect();
        let mut random = Stream::new(4, "test", 0);
        let mut changed = 0;
        for round in 0..60 {
            let lanes: Vec<usize> = (0..3).filter(|lane| (round + lane) % 4 != 0).collect();
            if round % 13 == 5 {
                together.begin(1);
                alone[1].begin(0);
            }
            let seen: Vec<f32> = lanes.iter().map(|_| random.normal()).collect();
            let found = probabilities(&mut together, &lanes, &seen);
            for (row, lane) in lanes.iter().enumerate() {
                let own = probabilities(&mut alone[*lane], &[0], &seen[row..=row]);
                assert_eq!(found[2 * row..2 * row + 2], own[..], "lane {lane} in round {round}");
                let mut fresh = PolicyDecider::stochastic(&policy, 1, stream());
                changed += usize::from(probabilities(&mut fresh, &[0], &seen[row..=row]) != own);
            }
        }
        assert!(changed > 100, "the memory matters: {changed}");
    }
}
