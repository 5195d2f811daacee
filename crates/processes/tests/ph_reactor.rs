//! `ph-reactor` against its reference figures, and against a value iteration that is written from the facts of the source.

use std::sync::Arc;

use setpoint_process::Factory;
use setpoint_process::State;
use setpoint_process::process::Outcome;
use setpoint_process::vectorized::Actions;
use setpoint_processes::open_kind;
use setpoint_random::Stream;

const EPISODES: usize = 5_000;

/// Returns of one episode in each of 5,000 environments; `decide` gets the step and the state.
fn returns(seed: u64, mut decide: impl FnMut(usize, &State<'_>) -> u32) -> Vec<f64> {
    let factory = open_kind("ph-reactor", None).unwrap();
    let mut batch = factory.batch(EPISODES, seed, "test").unwrap();
    let (mut returns, mut open) = (vec![0.0; EPISODES], vec![true; EPISODES]);
    for step in 0.. {
        if !open.contains(&true) {
            break;
        }
        let transition = batch.transition();
        let choices: Vec<u32> = (0..EPISODES)
            .map(|lane| {
                let row = lane * 4..(lane + 1) * 4;
                let state = State {
                    observation: &transition.observations[row.clone()],
                    signals: &transition.current_signals[row],
                    allowed: &[],
                };
                decide(step, &state)
            })
            .collect();
        batch.step(Actions::of_choices(&choices)).unwrap();
        let transition = batch.transition();
        for lane in (0..EPISODES).filter(|lane| open[*lane]).collect::<Vec<_>>() {
            let [_, distance, in_target, dose] = transition.signals[lane * 4..(lane + 1) * 4] else {
                unreachable!()
            };
            let outcome = transition.outcomes[lane];
            assert_eq!(in_target == 1.0, outcome == Outcome::Terminated);
            returns[lane] += f64::from(5.0 * in_target - 10.0 * distance - 0.2 * dose);
            open[lane] = !outcome.is_over();
        }
    }
    returns
}

/// Mean and its standard error.
fn mean(returns: &[f64]) -> (f64, f64) {
    let n = returns.len() as f64;
    let mean = returns.iter().sum::<f64>() / n;
    let squares: f64 = returns.iter().map(|value| (value - mean).powi(2)).sum();
    (mean, (squares / (n - 1.0) / n).sqrt())
}

/// The reference was measured over 5,000 episodes too, so both errors count; 4 of them: a false alarm in 16,000 runs.
fn assert_near(found: &[f64], expected: f64) {
    let (mean, error) = mean(found);
    assert!((mean - expected).abs() < 4.0 * 2.0_f64.sqrt() * error, "{mean} ± {error}, expected {expected}");
}

#[test]
fn random_and_the_planner_of_one_step_have_their_reference_returns() {
    let mut random = Stream::new(1, "test actions", 0);
    assert_near(&returns(1, |_, _| random.below(5)), -250.2);
    let factory: Arc<dyn Factory> = open_kind("ph-reactor", None).unwrap();
    let planner = factory.heuristics()[0].clone();
    let planned = returns(2, |_, state| {
        let mut action = [0.0];
        (planner.decide)(state, &mut action);
        action[0] as u32
    });
    assert_near(&planned, -33.3);
}

/// Cells of the value iteration: pH 2 to 12, and the buffer strength.
const CELL: f64 = 0.01;
const CELLS: usize = 1_001;
const BUFFERS: usize = 15;
const STEPS: usize = 25;

/// The best choice `[step][cell]` for one buffer strength, and the best return from a pH at the beginning.
fn best_choices(buffer: f64) -> (Vec<Vec<u32>>, Vec<f64>) {
    // The noise as 13 equally spaced points with the weights of the normal distribution.
    let points: Vec<(f64, f64)> =
        (-6..=6).map(|k| f64::from(k) * 0.5).map(|z| (z, (-z * z / 2.0).exp())).collect();
    let total: f64 = points.iter().map(|(_, weight)| weight).sum();
    let mut values = vec![0.0; CELLS];
    let mut choices = Vec::new();
    for _ in 0..STEPS {
        let mut best = vec![(f64::NEG_INFINITY, 0); CELLS];
        for (cell, best) in best.iter_mut().enumerate() {
            let ph = 2.0 + CELL * cell as f64;
            let e = |dose: f64| dose / (buffer * ((ph - 7.0).abs() + 0.3));
            for (choice, dose) in [0.0_f64, 0.5, 1.0, -0.5, -1.0].into_iter().enumerate() {
                let (change, noise) = match dose {
                    0.0 => (0.0, 0.02),
                    _ if dose > 0.0 => (e(dose) / (1.0 + (ph - 7.0).max(0.0)), 0.03),
                    _ => (e(dose) / (1.0 + (7.0 - ph).max(0.0)), 0.03),
                };
                let mut value = -0.2 * dose.abs();
                for (z, weight) in &points {
                    let next = ph + change + noise * z;
                    let is_reached = (6.8..=7.2).contains(&next);
                    let place = ((next - 2.0) / CELL).clamp(0.0, (CELLS - 2) as f64);
                    let (low, share) = (place as usize, place.fract());
                    let later = (1.0 - share) * values[low] + share * values[low + 1];
                    let ahead = if is_reached { 5.0 } else { later };
                    value += weight / total * (ahead - 10.0 * (next - 7.0).abs());
                }
                if value > best.0 {
                    *best = (value, choice as u32);
                }
            }
        }
        values = best.iter().map(|(value, _)| *value).collect();
        choices.push(best.iter().map(|(_, choice)| *choice).collect());
    }
    choices.reverse();
    (choices, values)
}

/// The policy of the value iteration returns the optimum of the reference when it plays in the process, so the process has the
/// dynamics of the source.
#[test]
fn the_best_policy_by_value_iteration_has_the_optimal_return() {
    let tables: Vec<_> =
        (0..BUFFERS).map(|index| best_choices(0.8 + 0.7 * index as f64 / (BUFFERS - 1) as f64)).collect();
    let played = returns(3, |step, state| {
        let cell = ((f64::from(state.observation[0]) - 2.0) / CELL).round().clamp(0.0, (CELLS - 1) as f64);
        let buffer = (f64::from(state.observation[3]) - 0.8) / 0.7 * (BUFFERS - 1) as f64;
        tables[buffer.round() as usize].0[step.min(STEPS - 1)][cell as usize]
    });
    let (found, error) = mean(&played);
    assert!((found + 21.5).abs() < 4.0 * error + 0.05, "{found} ± {error}");
}
