//! The classical control problems against trajectories recorded from Gymnasium 1.4 itself (`recordings/record.py`).
//!
//! Twice: each recorded step on its own, from the recorded state, and each whole episode from its first state alone.
//! What differs is rounding: Gymnasium divides where we multiply by a reciprocal, and takes its sines from another
//! library. Measured: at most 2.2 × 10⁻¹⁵ in a state after one step; after whole episodes 3 × 10⁻¹⁵ (cart-pole),
//! 8 × 10⁻¹³ (acrobot), 4 × 10⁻¹⁶ (mountain-car) and 8 × 10⁻¹⁴ (pendulum); observations are the same f32.
//! `mountain-car-continuous` must agree bit for bit, because both keep its state in f32.

use setpoint_decision::project::Reward;
use setpoint_decision::spec::Spec;
use setpoint_process::process::{Action, Outcome, Process};
use setpoint_process::reward::RewardFunction;
use setpoint_processes::acrobot::Acrobot;
use setpoint_processes::cart_pole::CartPole;
use setpoint_processes::mountain_car::MountainCar;
use setpoint_processes::mountain_car_continuous::MountainCarContinuous;
use setpoint_processes::pendulum::Pendulum;
use setpoint_random::Stream;

/// A state of an episode, and the step that led to it (none to its first state).
struct Row<const N: usize> {
    step: Option<Step>,
    state: [f64; N],
    observation: Vec<f32>,
}

struct Step {
    action: f32,
    reward: f64,
    terminated: bool,
}

/// The episodes of a recording, each with its first state first.
fn episodes<const N: usize>(recording: &str) -> Vec<Vec<Row<N>>> {
    let mut episodes: Vec<Vec<Row<N>>> = Vec::new();
    for line in recording.lines().skip(1) {
        let fields: Vec<&str> = line.split(',').collect();
        let [_episode, action, numbers @ .., reward, terminated] = &fields[..] else {
            panic!("too few columns: {line}")
        };
        let (state, observation) = numbers.split_at(N);
        let step = (!action.is_empty()).then(|| Step {
            action: action.parse().unwrap(),
            reward: reward.parse().unwrap(),
            terminated: *terminated == "1",
        });
        if step.is_none() {
            episodes.push(Vec::new());
        }
        episodes.last_mut().expect("the first row begins an episode").push(Row {
            step,
            state: std::array::from_fn(|index| state[index].parse().unwrap()),
            observation: observation.iter().map(|value| value.parse().unwrap()).collect(),
        });
    }
    episodes
}

/// The greatest differences seen.
#[derive(Debug, Default)]
struct Worst {
    /// Of a state after one step, against the greater of 1 and the value itself.
    state: f64,
    observation: f64,
    reward: f64,
    /// Of a state anywhere in a replayed episode.
    replayed: f64,
    steps: usize,
    terminations: usize,
}

/// Compares a process with its recording; outcomes must be the same, the differences are given back.
fn compare<P: Process, const N: usize>(
    recording: &str,
    at: impl Fn([f64; N]) -> P,
    state: impl Fn(&P) -> [f64; N],
) -> Worst {
    let spec = at([0.0; N]).spec();
    let reward = reward_of(&spec);
    let mut worst = Worst::default();
    let mut random = Stream::new(0, "unused", 0);
    let unused = random.clone();
    let mut observation = vec![0.0; spec.observation.len()];
    let mut signals = vec![0.0; spec.signals.len()];
    let mut terms = vec![0.0; reward.names().len()];
    for episode in episodes::<N>(recording) {
        let mut replayed = at(episode[0].state);
        for (index, pair) in episode.windows(2).enumerate() {
            let [before, after] = pair else { unreachable!("windows of two") };
            let step = after.step.as_ref().expect("only an episode's first state has no step");
            let discrete = spec.action.is_discrete();
            let (choices, settings) = ([step.action as u32], [step.action]);
            let action = if discrete { Action::of_choices(&choices) } else { Action::of_settings(&settings) };
            let expected_outcome = if step.terminated { Outcome::Terminated } else { Outcome::Running };

            let mut process = at(before.state);
            let outcome = process.step(action, &mut random, &mut observation, &mut signals);
            assert_eq!(outcome, expected_outcome, "{} step {index}", spec.kind);
            worst.state = worst.state.max(difference(state(&process), after.state));
            for (found, expected) in observation.iter().zip(&after.observation) {
                worst.observation = worst.observation.max(f64::from((found - expected).abs()));
            }
            let found = reward.evaluate(&signals, outcome, &mut terms);
            worst.reward = worst.reward.max((found - step.reward).abs());

            let outcome = replayed.step(action, &mut random, &mut observation, &mut signals);
            assert_eq!(outcome, expected_outcome, "{} replayed step {index}", spec.kind);
            worst.replayed = worst.replayed.max(difference(state(&replayed), after.state));
            worst.steps += 1;
            worst.terminations += usize::from(step.terminated);
        }
    }
    assert_eq!(random, unused, "a step draws nothing");
    println!("{}: {worst:?}", spec.kind);
    worst
}

/// The reward of the spec, as a new project has it.
fn reward_of(spec: &Spec) -> RewardFunction {
    let reward = Reward {
        terms: spec.reward.clone(),
        on_terminated: spec.on_terminated,
        on_truncated: spec.on_truncated,
    };
    RewardFunction::new(&reward, spec)
}

fn difference<const N: usize>(found: [f64; N], expected: [f64; N]) -> f64 {
    let pairs = found.into_iter().zip(expected);
    pairs.map(|(found, expected)| (found - expected).abs() / expected.abs().max(1.0)).fold(0.0, f64::max)
}

fn assert_within(worst: &Worst, state: f64, replayed: f64) {
    assert!(worst.state <= state && worst.replayed <= replayed, "{worst:?}");
    assert!(worst.observation <= 1e-6 && worst.reward <= 1e-5, "{worst:?}");
}

#[test]
fn cart_pole() {
    let worst = compare(include_str!("recordings/cart_pole.csv"), CartPole::at, CartPole::state);
    assert_within(&worst, 1e-12, 1e-12);
    assert!(worst.steps > 500 && worst.terminations >= 30, "{worst:?}");
}

/// Chaotic, so that rounding grows along an episode: 2 × 10⁻¹⁵ after one step became 8 × 10⁻¹³ within 500.
#[test]
fn acrobot() {
    let worst = compare(include_str!("recordings/acrobot.csv"), Acrobot::at, Acrobot::state);
    assert_within(&worst, 1e-12, 1e-9);
    assert!(worst.steps > 600 && worst.terminations >= 20, "{worst:?}");
}

#[test]
fn mountain_car() {
    let worst = compare(include_str!("recordings/mountain_car.csv"), MountainCar::at, MountainCar::state);
    assert_within(&worst, 1e-12, 1e-12);
    assert!(worst.steps > 700 && worst.terminations >= 10, "{worst:?}");
}

#[test]
fn mountain_car_continuous() {
    // Every recorded number is an f32.
    let at = |state: [f64; 2]| MountainCarContinuous::at(state.map(|value| value as f32));
    let state = |process: &MountainCarContinuous| process.state().map(f64::from);
    let worst = compare(include_str!("recordings/mountain_car_continuous.csv"), at, state);
    assert_within(&worst, 0.0, 0.0);
    assert!(worst.steps > 1_300 && worst.terminations >= 10, "{worst:?}");
}

#[test]
fn pendulum() {
    let worst = compare(include_str!("recordings/pendulum.csv"), Pendulum::at, Pendulum::state);
    assert_within(&worst, 1e-12, 1e-9);
    assert!(worst.steps > 900 && worst.terminations == 0, "{worst:?}");
}
