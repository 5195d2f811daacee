//! The classical control problems: how episodes begin and are cut off, and what their heuristics are worth.

use setpoint_process::process::{Outcome, Process};
use setpoint_process::vectorized::Actions;
use setpoint_process::{Factory, State};
use setpoint_processes::acrobot::Acrobot;
use setpoint_processes::cart_pole::CartPole;
use setpoint_processes::mountain_car::MountainCar;
use setpoint_processes::mountain_car_continuous::MountainCarContinuous;
use setpoint_processes::open_kind;
use setpoint_processes::pendulum::Pendulum;
use setpoint_random::Stream;

/// 100,000 resets: every part of the state is uniform in its range. Nothing lies outside; the ends come within a
/// thousandth of the range (missed once in e¹⁰⁰); mean and mean square lie within 5 standard errors (12 parts that
/// vary, 24 comparisons: a false alarm in about 70,000 seeds).
fn assert_uniform<P: Process, const N: usize>(
    mut process: P,
    state: impl Fn(&P) -> [f64; N],
    ranges: [(f64, f64); N],
) {
    let n = 100_000;
    let spec = process.spec();
    let mut random = Stream::new(1, "resets", 0);
    let mut observation = vec![0.0; spec.observation.len()];
    let mut signals = vec![0.0; spec.signals.len()];
    let (mut least, mut greatest) = ([f64::INFINITY; N], [f64::NEG_INFINITY; N]);
    let (mut sums, mut squares) = ([0.0; N], [0.0; N]);
    for _ in 0..n {
        process.reset(&mut random, &mut observation, &mut signals);
        for (index, (value, (low, high))) in state(&process).into_iter().zip(ranges).enumerate() {
            least[index] = value.min(least[index]);
            greatest[index] = value.max(greatest[index]);
            // In units of half the range, around its middle: mean 0, mean square 1/3.
            let half = ((high - low) / 2.0).max(f64::MIN_POSITIVE);
            let unit = (value - (low + high) / 2.0) / half;
            sums[index] += unit;
            squares[index] += unit * unit;
        }
    }
    for (index, (low, high)) in ranges.into_iter().enumerate() {
        let (kind, slack) = (&spec.kind, 1e-3 * (high - low));
        let within = f64::from(f32::EPSILON);
        assert!(least[index] >= low - within && greatest[index] <= high + within, "{kind} {index}");
        assert!(least[index] <= low + slack && greatest[index] >= high - slack, "{kind} {index}");
        if high > low {
            // Variances 1/3 of a uniform and 4/45 of its square.
            let error = 5.0 / f64::from(n).sqrt();
            let (mean, square) = (sums[index] / f64::from(n), squares[index] / f64::from(n));
            assert!(mean.abs() < error * (1.0_f64 / 3.0).sqrt(), "{kind} {index}: {mean}");
            assert!((square - 1.0 / 3.0).abs() < error * (4.0_f64 / 45.0).sqrt(), "{kind} {index}: {square}");
        }
    }
}

#[test]
fn episodes_begin_as_gymnasium_begins_them() {
    use std::f64::consts::PI;
    assert_uniform(CartPole::default(), CartPole::state, [(-0.05, 0.05); 4]);
    assert_uniform(Acrobot::default(), Acrobot::state, [(-0.1, 0.1); 4]);
    assert_uniform(MountainCar::default(), MountainCar::state, [(-0.6, -0.4), (0.0, 0.0)]);
    let state = |process: &MountainCarContinuous| process.state().map(f64::from);
    assert_uniform(MountainCarContinuous::default(), state, [(-0.6, -0.4), (0.0, 0.0)]);
    assert_uniform(Pendulum::default(), Pendulum::state, [(-PI, PI), (-1.0, 1.0)]);
}

/// Returns and lengths of one episode a lane with the spec's own reward; `decide` writes an action.
fn play(
    factory: &dyn Factory,
    lanes: usize,
    seed: u64,
    mut decide: impl FnMut(&State<'_>, &mut [f32]),
) -> Vec<(f64, u32)> {
    let spec = factory.spec();
    let (features, signals) = (spec.observation.len(), spec.signals.len());
    let axes = if spec.action.is_discrete() { 1 } else { spec.action.len() };
    let weights: Vec<f64> = spec
        .signals
        .iter()
        .map(|signal| {
            spec.reward.iter().find(|(name, _)| *name == signal.name).map_or(0.0, |(_, weight)| *weight)
        })
        .collect();
    let mut batch = factory.batch(lanes, seed, "test").unwrap();
    let mut played = vec![(0.0, 0); lanes];
    let mut open = vec![true; lanes];
    let mut actions = vec![0.0; lanes * axes];
    while open.contains(&true) {
        let transition = batch.transition();
        for (lane, action) in actions.chunks_exact_mut(axes).enumerate() {
            let state = State {
                observation: &transition.observations[lane * features..(lane + 1) * features],
                signals: &transition.current_signals[lane * signals..(lane + 1) * signals],
                allowed: &[],
            };
            decide(&state, action);
        }
        if spec.action.is_discrete() {
            let choices: Vec<u32> = actions.iter().map(|action| *action as u32).collect();
            batch.step(Actions::of_choices(&choices)).unwrap();
        } else {
            batch.step(Actions::of_settings(&actions)).unwrap();
        }
        let transition = batch.transition();
        for lane in (0..lanes).filter(|lane| open[*lane]).collect::<Vec<_>>() {
            let row = &transition.signals[lane * signals..(lane + 1) * signals];
            played[lane].0 += row.iter().zip(&weights).map(|(s, w)| f64::from(*s) * w).sum::<f64>();
            played[lane].1 += 1;
            if transition.outcomes[lane] == Outcome::Terminated {
                played[lane].0 += spec.on_terminated;
            }
            open[lane] = !transition.outcomes[lane].is_over();
        }
    }
    played
}

/// Mean return, its standard error, and the longest episode.
fn summary(played: &[(f64, u32)]) -> (f64, f64, u32) {
    let n = played.len() as f64;
    let mean = played.iter().map(|(total, _)| total).sum::<f64>() / n;
    let squares: f64 = played.iter().map(|(total, _)| (total - mean).powi(2)).sum();
    (mean, (squares / (n - 1.0) / n).sqrt(), played.iter().map(|(_, steps)| *steps).max().unwrap_or(0))
}

/// The reference figures of the modules' documentation, here over 2,000 episodes; the slack is five standard errors of
/// the less certain of the two.
#[test]
fn returns_of_random_and_of_the_heuristics() {
    const EPISODES: usize = 2_000;
    for (kind, limit, random_return, heuristic_return, slack) in [
        ("cart-pole", 500, 22.3, 500.0, 1.5),
        ("acrobot", 500, -499.0, -90.3, 5.0),
        ("mountain-car", 200, -200.0, -119.4, 0.5),
        ("mountain-car-continuous", 999, -33.1, 95.9, 0.6),
        ("pendulum", 200, -1226.0, -150.8, 35.0),
    ] {
        let factory = open_kind(kind, None).unwrap();
        assert_eq!(factory.spec().max_steps, Some(limit), "{kind}");
        let mut random = Stream::new(3, "test actions", 0);
        let mut bounds = Vec::new();
        bounds.extend(factory.spec().action.axes.iter().map(|axis| (axis.low, axis.high)));
        let choices = factory.spec().action.len() as u32;
        let by_chance = summary(&play(factory.as_ref(), EPISODES, 3, |_, action| match bounds.first() {
            Some((low, high)) => action[0] = random.uniform(*low, *high),
            None => action[0] = random.below(choices) as f32,
        }));
        let heuristic = factory.heuristics()[0].clone();
        let by_rule =
            summary(&play(factory.as_ref(), EPISODES, 3, |state, action| (heuristic.decide)(state, action)));
        println!("{kind}: random {by_chance:?}, {} {by_rule:?}", heuristic.name);
        assert!((by_chance.0 - random_return).abs() < slack, "{kind}: {by_chance:?}");
        assert!((by_rule.0 - heuristic_return).abs() < slack, "{kind}: {by_rule:?}");
        assert!(by_chance.2 <= limit && by_rule.2 <= limit, "{kind}: an episode lasts beyond the limit");
    }
}
