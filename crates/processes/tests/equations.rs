//! Process models that are differential equations, against solutions of the same equations by another solver
//! (`recordings/record_equations.py`: SciPy's DOP853 with tolerances of 10⁻¹²).

use setpoint_process::process::{Action, Process};
use setpoint_processes::cstr::Cstr;
use setpoint_processes::quadruple_tank::QuadrupleTank;
use setpoint_random::Stream;

/// One decision of a recording: the settings, the state before it and the state after it.
struct Decision {
    is_first: bool,
    settings: Vec<f32>,
    before: Vec<f64>,
    after: Vec<f64>,
}

/// The decisions of a recording with so many settings.
fn recorded(text: &str, settings: usize) -> Vec<Decision> {
    let mut decisions = Vec::new();
    let mut before: Option<Vec<f64>> = None;
    let mut is_first = true;
    for line in text.lines().skip(1) {
        let fields: Vec<&str> = line.split(',').collect();
        let state: Vec<f64> = fields[1 + settings..].iter().map(|field| field.parse().unwrap()).collect();
        if fields[1].is_empty() {
            is_first = true;
        } else {
            let settings = fields[1..=settings].iter().map(|field| field.parse().unwrap()).collect();
            let before = before.take().expect("a decision follows a state");
            decisions.push(Decision { is_first, settings, before, after: state.clone() });
            is_first = false;
        }
        before = Some(state);
    }
    decisions
}

/// A process that is put into a state, takes a decision, and tells its state.
fn decide<P: Process>(process: &mut P, settings: &[f32]) {
    let spec = process.spec();
    let mut observation = vec![0.0; spec.observation.len()];
    let mut signals = vec![0.0; spec.signals.len()];
    let mut random = Stream::new(0, "test", 0);
    process.step(Action::of_settings(settings), &mut random, &mut observation, &mut signals);
}

fn set<P: Process>(process: &mut P, name: &str, value: f64) {
    let index = P::PARAMETERS.iter().position(|parameter| parameter.name == name).unwrap();
    process.set_parameter(index, value);
}

/// The greatest difference of two states, as a share of the second, whose values count as at least `least`.
fn difference(found: &[f64], expected: &[f64], least: f64) -> f64 {
    let pairs = found.iter().zip(expected);
    pairs.map(|(found, expected)| (found - expected).abs() / expected.max(least)).fold(0.0, f64::max)
}

/// The greatest relative error of a single decision from each recorded state, and of whole episodes.
fn errors<P: Process, const N: usize>(
    text: &str,
    settings: usize,
    least: f64,
    at: impl Fn([f64; N]) -> P,
    state: impl Fn(&P) -> [f64; N],
) -> (f64, f64) {
    let decisions = recorded(text, settings);
    assert!(decisions.len() > 100, "{}", decisions.len());
    let (mut single, mut whole) = (0.0_f64, 0.0_f64);
    let mut course: Option<P> = None;
    for Decision { is_first, settings, before, after } in decisions {
        let before: [f64; N] = before.try_into().unwrap();
        let mut alone = at(before);
        decide(&mut alone, &settings);
        single = single.max(difference(&state(&alone), &after, least));
        let mut continued = course.take().filter(|_| !is_first).unwrap_or_else(|| at(before));
        decide(&mut continued, &settings);
        whole = whole.max(difference(&state(&continued), &after, least));
        course = Some(continued);
    }
    (single, whole)
}

/// pc-gym 0.1.8's own error against the same solver, measured over an episode of its task (2026-11-30): 8.9 × 10⁻⁶ in a single
/// decision with CasADi's CVODES, 3.9 × 10⁻⁷ with diffrax.
#[test]
fn the_stirred_tank_follows_its_equations() {
    let at = |state| {
        let mut tank = Cstr::at(state);
        set(&mut tank, "coolant_max", 310.0);
        tank
    };
    let (single, whole) = errors(include_str!("recordings/cstr.csv"), 1, 0.0, at, Cstr::state);
    println!("{single:e} {whole:e}");
    assert!(single < 1e-6 && whole < 2e-6, "{single:e} {whole:e}");
}

/// A level below 1 cm counts as 1 cm.
#[test]
fn the_four_tanks_follow_their_equations() {
    let text = include_str!("recordings/quadruple_tank.csv");
    let (single, whole) = errors(text, 2, 0.01, QuadrupleTank::at, QuadrupleTank::levels);
    println!("{single:e} {whole:e}");
    assert!(single < 5e-6 && whole < 5e-6, "{single:e} {whole:e}");
}
