//! Deciders by their names in a project file: the policy, uniform random, the process's heuristics, and the planner.

use setpoint_decision::planning::MPC;
use setpoint_decision::spec::ActionSpace;
use setpoint_guard::decider::{ActionBuffer, ChoiceProbabilities, Decider, States};
use setpoint_guard::draws::LaneDraws;
use setpoint_guard::policy_decider::PolicyDecider;
use setpoint_policy::Policy;
use setpoint_process::{Heuristic, State};
use setpoint_random::Stream;

use crate::decision::Decision;
use crate::error::PlayError;
use crate::planner::Planner;

/// The name of the policy among the deciders of an evaluation.
pub const POLICY: &str = "policy";
/// The name of the baseline that draws uniformly from the allowed actions.
pub const RANDOM: &str = "random";

/// The policy as the project's evaluation runs it (`evaluate.deterministic`), or a baseline; `None` where the process has no
/// baseline of that name. A planner is refused where the process cannot be copied.
pub fn named<'p>(
    name: &str,
    decision: &Decision,
    policy: &'p Policy,
    seed: u64,
    lanes: usize,
) -> Result<Option<Box<dyn Decider + 'p>>, PlayError> {
    if name != POLICY {
        return Ok(baseline(name, decision, seed, lanes)?.map(|baseline| baseline as Box<dyn Decider>));
    }
    Ok(Some(Box::new(if decision.project.evaluate.deterministic {
        PolicyDecider::deterministic(policy, lanes)
    } else {
        PolicyDecider::stochastic(policy, lanes, Stream::new(seed, "evaluation policy", 0))
    })))
}

/// A baseline by its name in the project file; `None` where the process has no baseline of that name. A planner is refused where
/// the process cannot be copied.
pub fn baseline(
    name: &str,
    decision: &Decision,
    seed: u64,
    lanes: usize,
) -> Result<Option<Box<dyn Decider>>, PlayError> {
    let space = &decision.spec().action;
    Ok(match name {
        RANDOM => {
            let stream = Stream::new(seed, "evaluation random", 0);
            Some(Box::new(UniformRandom::new(space, lanes, stream)))
        }
        MPC => Some(Box::new(Planner::new(decision, seed, lanes)?)),
        _ => heuristic_named(decision.factory.heuristics(), name).map(|heuristic| {
            let decider: Box<dyn Decider> = Box::new(HeuristicDecider::new(heuristic.clone(), space));
            decider
        }),
    })
}

/// The description of a baseline in a sentence.
pub fn description(name: &str, decision: &Decision) -> String {
    if name == MPC {
        return Planner::description(decision);
    }
    match heuristic_named(decision.factory.heuristics(), name) {
        Some(heuristic) => format!("{}: {}", heuristic.name, heuristic.description),
        None => "a uniformly random allowed action".to_owned(),
    }
}

/// `heuristic` is the first of a process's heuristics; the others have their own names.
pub fn heuristic_named<'h>(heuristics: &'h [Heuristic], name: &str) -> Option<&'h Heuristic> {
    if name == "heuristic" {
        heuristics.first()
    } else {
        heuristics.iter().find(|heuristic| heuristic.name == name)
    }
}

/// A hand-written policy as a decider.
pub struct HeuristicDecider {
    heuristic: Heuristic,
    action: Vec<f32>,
}

impl HeuristicDecider {
    /// For any number of lanes.
    pub fn new(heuristic: Heuristic, space: &ActionSpace) -> Self {
        Self { heuristic, action: vec![0.0; space.width()] }
    }

    fn ask(&mut self, states: &States<'_>, row: usize) -> &[f32] {
        let state = State {
            observation: states.observation(row),
            signals: states.signals(row),
            allowed: states.allowed(row),
        };
        (self.heuristic.decide)(&state, &mut self.action);
        &self.action
    }
}

impl Decider for HeuristicDecider {
    fn begin(&mut self, _lane: usize) {}

    fn decide(&mut self, states: &States<'_>, actions: &mut ActionBuffer) {
        for row in 0..states.rows() {
            actions.set(row, self.ask(states, row));
        }
    }
}

impl ChoiceProbabilities for HeuristicDecider {
    fn probabilities(&mut self, states: &States<'_>, probabilities: &mut [f64]) {
        let choices = probabilities.len() / states.rows();
        for (row, probabilities) in probabilities.chunks_exact_mut(choices).enumerate() {
            probabilities.fill(0.0);
            probabilities[self.ask(states, row)[0] as usize] = 1.0;
        }
    }
}

/// Draws uniformly from the allowed choices of each group, and between the bounds of each setting.
pub struct UniformRandom {
    space: ActionSpace,
    draws: LaneDraws,
}

impl UniformRandom {
    /// With the random numbers of `stream`, for this number of lanes.
    pub fn new(space: &ActionSpace, lanes: usize, stream: Stream) -> Self {
        Self { space: space.clone(), draws: LaneDraws::new(stream, lanes, space.width()) }
    }
}

impl Decider for UniformRandom {
    fn begin(&mut self, _lane: usize) {}

    fn decide(&mut self, states: &States<'_>, actions: &mut ActionBuffer) {
        let mut round = self.draws.round(states.lanes);
        for row in 0..states.rows() {
            let allowed = states.allowed(row);
            let chosen = actions.choices_mut(row).iter_mut();
            for (choice, (_, places)) in chosen.zip(self.space.placed_groups()) {
                let count = places.len();
                let allowed = allowed.get(places).unwrap_or(&[]);
                // One draw per group, whatever is forbidden, so that the draws of other lanes do not change.
                *choice = match allowed.iter().filter(|allowed| **allowed).count() {
                    0 => round.stream(row).below(count as u32),
                    open_count => {
                        let place = round.stream(row).below(open_count as u32) as usize;
                        let open = allowed.iter().enumerate().filter(|(_, allowed)| **allowed);
                        open.map(|(choice, _)| choice as u32).nth(place).unwrap_or(0)
                    }
                };
            }
            for (value, axis) in actions.settings_mut(row).iter_mut().zip(&self.space.axes) {
                *value = round.stream(row).uniform(axis.low, axis.high);
            }
        }
    }
}

/// A decider with a share of uniformly random decisions.
pub struct Softened<D> {
    decider: D,
    random: UniformRandom,
    even_share: f64,
    draws: LaneDraws,
    drawn: ActionBuffer,
}

impl<D: Decider> Softened<D> {
    /// With the random numbers of `stream`, for this number of lanes; `even_share` is in [0, 1].
    pub fn new(decider: D, space: &ActionSpace, even_share: f64, lanes: usize, stream: Stream) -> Self {
        let mut of_random = stream.clone();
        // Numbers of its own: which decisions are random does not tell what they are.
        let stream = Stream::new(of_random.next_u64(), "softened", 0);
        let random = UniformRandom::new(space, lanes, of_random);
        let (draws, drawn) = (LaneDraws::new(stream, lanes, 1), ActionBuffer::new(space, lanes));
        Self { decider, random, even_share, draws, drawn }
    }
}

impl<D: Decider> Decider for Softened<D> {
    fn begin(&mut self, lane: usize) {
        self.decider.begin(lane);
    }

    fn decide(&mut self, states: &States<'_>, actions: &mut ActionBuffer) {
        self.decider.decide(states, actions);
        self.drawn.clear(states.rows());
        self.random.decide(states, &mut self.drawn);
        let mut round = self.draws.round(states.lanes);
        for row in 0..states.rows() {
            if f64::from(round.stream(row).unit()) < self.even_share {
                actions.choices_mut(row).copy_from_slice(self.drawn.choices(row));
                actions.settings_mut(row).copy_from_slice(self.drawn.settings(row));
            }
        }
    }
}

impl ChoiceProbabilities for UniformRandom {
    fn probabilities(&mut self, states: &States<'_>, probabilities: &mut [f64]) {
        let choices = probabilities.len() / states.rows();
        for (row, probabilities) in probabilities.chunks_exact_mut(choices).enumerate() {
            let allowed = states.allowed(row);
            let is_allowed = |choice: usize| allowed.is_empty() || allowed[choice];
            let count = (0..choices).filter(|choice| is_allowed(*choice)).count() as f64;
            for (choice, probability) in probabilities.iter_mut().enumerate() {
                *probability = if is_allowed(choice) { 1.0 / count } else { 0.0 };
            }
        }
    }
}
