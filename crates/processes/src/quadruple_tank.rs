//! `quadruple-tank`: keep two of four coupled tanks at their set-points, by the voltages of two pumps (source: Johansson 2000,
//! *The Quadruple-Tank Process*; parameters and task of pc-gym 0.1.8, where it is named `four_tank`).
//!
//! Each pump fills a lower tank and, crosswise, the upper tank above the other one: pump 1 tanks 1 and 4, pump 2 tanks 2 and 3. Tank 3
//! drains into tank 1, tank 4 into tank 2. With the levels h (m) and the voltages v:
//!
//! ```text
//! A·dh₁/dt = −a₁·√(2g·h₁) + a₃·√(2g·h₃) + γ₁·k₁·v₁        A·dh₃/dt = −a₃·√(2g·h₃) + (1 − γ₂)·k₂·v₂
//! A·dh₂/dt = −a₂·√(2g·h₂) + a₄·√(2g·h₄) + γ₂·k₂·v₂        A·dh₄/dt = −a₄·√(2g·h₄) + (1 − γ₁)·k₁·v₁
//! ```
//!
//! A = 1 m², a = 35, 30, 20 and 25 cm², g = 9.81 m/s², γ₁ = γ₂ = 0.2, k₁ = 0.85 and k₂ = 0.95 L/(V·s). γ and k are parameters of `[process]`.
//! A tank is 2 m high; what exceeds that overflows. A voltage lies between 0.1 and 10 V.
//!
//! | `tracked` | set-points (m), first and second half | difficulty |
//! |---|---|---|
//! | `upper`, the default | h₃: 0.5, 0.1; h₄: 0.2, 0.3 | the task of pc-gym: each level has its own pump |
//! | `lower` | h₁: 0.19, 0.21; h₂: 0.26, 0.18 | Johansson's problem: with γ₁ + γ₂ < 1 a level first moves in the wrong direction (non-minimum phase) |
//!
//! `set_point_spread` draws each set-point uniformly around these values. A decision holds for 1000/60 s. An episode begins with the
//! levels 0.141, 0.112, 0.072 and 0.42 m, each within 5 % (`start_spread`; 0 is pc-gym's start), and both pumps at 5 V, and has 59 decisions. The reward is pc-gym's: −((h − set-point)/0.6)² of both levels
//! − 0.1·((v − v before)/9.9)² of both voltages. As in `cstr`, the policy sees the set-points that its next sample is compared with, and
//! the first change counts.
//!
//! The integrator is the classical Runge–Kutta method with at least 4 steps for a decision, and more where a tank is nearly empty. It agrees
//! with the exact solution within 5 · 10⁻⁶ of a level for each decision (of 1 cm for lower levels; `tests/equations.rs`).
//!
//! Reference (without noise, `start_spread` 0, tanks 3 and 4): the best sequence of voltages, found with the set-points known in advance, returns −1.25, the
//! heuristic `pi` −1.61. Tanks 1 and 2: −0.15 and −0.42.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use setpoint_decision::Diagnostic;
use setpoint_decision::spec::{ActionSpace, Aggregate, Axis, Feature, Signal, Spec};
use setpoint_process::factory::{Simulator, read_parameters};
use setpoint_process::parameter::{Field, Parameter};
use setpoint_process::process::{Action, Outcome, Process};
use setpoint_process::registry::Request;
use setpoint_process::{Factory, Heuristic, State};
use setpoint_random::Stream;

/// Its name in a project file.
pub const KIND: &str = "quadruple-tank";

/// Time between two decisions.
const STEP_S: f64 = 1_000.0 / 60.0;
const REGULAR_STEP_S: f64 = STEP_S / 4.0;
/// The integrator's shortest step: an empty tank has no finite rate.
const LEAST_STEP_S: f64 = STEP_S / 1_000.0;
/// a·√(2g)/A of each tank: the level falls by so much times its square root, in √m/s.
const OUTFLOWS: [f64; 4] = [0.0035 * ROOT_2G, 0.003 * ROOT_2G, 0.002 * ROOT_2G, 0.0025 * ROOT_2G];
/// √(2·9.81)
const ROOT_2G: f64 = 4.429_446_918_070_020_4;
const HEIGHT_M: f64 = 2.0;
const VOLTAGES: (f32, f32) = (0.1, 10.0);
const FIRST_LEVELS: [f64; 4] = [0.141, 0.112, 0.072, 0.42];
const FIRST_VOLTAGES: [f64; 2] = [5.0; 2];
/// Samples in an episode; a half has one set-point.
const SAMPLES: u32 = 60;

/// The two tanks with set-points.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Tracked {
    /// Tanks 3 and 4.
    Upper,
    /// Tanks 1 and 2.
    Lower,
}

impl Tracked {
    /// The index of its first tank.
    fn first(self) -> usize {
        match self {
            Self::Upper => 2,
            Self::Lower => 0,
        }
    }

    /// Of each tank, in the first and in the second half.
    fn set_points(self) -> [[f64; 2]; 2] {
        match self {
            Self::Upper => [[0.5, 0.1], [0.2, 0.3]],
            Self::Lower => [[0.19, 0.21], [0.26, 0.18]],
        }
    }
}

/// The tanks between two decisions.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct QuadrupleTank {
    tracked: Tracked,
    valve_1: f64,
    valve_2: f64,
    pump_gain_1: f64,
    pump_gain_2: f64,
    start_spread: f64,
    set_point_spread: f64,
    set_points: [[f64; 2]; 2],
    step: u32,
    levels: [f64; 4],
    voltages: [f64; 2],
    /// Changes of the two tracked levels in the last step.
    changes: [f64; 2],
}

impl Default for QuadrupleTank {
    fn default() -> Self {
        Self::at(FIRST_LEVELS)
    }
}

impl QuadrupleTank {
    /// With these levels, in m.
    pub fn at(levels: [f64; 4]) -> Self {
        Self {
            tracked: Tracked::Upper,
            valve_1: 0.2,
            valve_2: 0.2,
            pump_gain_1: 0.85,
            pump_gain_2: 0.95,
            start_spread: 0.05,
            set_point_spread: 0.0,
            set_points: Tracked::Upper.set_points(),
            step: 0,
            levels,
            voltages: FIRST_VOLTAGES,
            changes: [0.0; 2],
        }
    }

    /// The four levels, in m.
    pub fn levels(&self) -> [f64; 4] {
        self.levels
    }

    fn with(tracked: Tracked) -> Self {
        Self { tracked, set_points: tracked.set_points(), ..Self::default() }
    }

    /// The set-points that the sample after the next step is compared with.
    fn wanted(&self) -> [f64; 2] {
        let half = usize::from(self.step + 1 >= SAMPLES / 2);
        self.set_points.map(|set_points| set_points[half])
    }

    fn tracked_levels(&self) -> [f64; 2] {
        let first = self.tracked.first();
        [self.levels[first], self.levels[first + 1]]
    }

    fn errors(&self, wanted: [f64; 2]) -> [f64; 2] {
        let levels = self.tracked_levels();
        [levels[0] - wanted[0], levels[1] - wanted[1]]
    }

    /// What the pumps add to each level, in m/s: a pump gives litres, a tank has a square metre.
    fn inflows(&self) -> [f64; 4] {
        let [first, second] =
            [self.pump_gain_1 * self.voltages[0] * 1e-3, self.pump_gain_2 * self.voltages[1] * 1e-3];
        [
            self.valve_1 * first,
            self.valve_2 * second,
            (1.0 - self.valve_2) * second,
            (1.0 - self.valve_1) * first,
        ]
    }

    fn flow(&mut self) {
        let inflows = self.inflows();
        let mut left = STEP_S;
        while left > 0.0 {
            let step = step_in(&self.levels);
            // What would be left is a rounding error, not a step.
            let is_last = left - step < 1e-9;
            self.levels = runge_kutta(self.levels, &inflows, if is_last { left } else { step });
            left = if is_last { 0.0 } else { left - step };
        }
    }

    fn report(&self, errors: [f64; 2], moves: [f64; 2], observation: &mut [f32], signals: &mut [f32]) {
        let wanted = self.wanted();
        let [one, two, three, four] = self.levels;
        let [first, second] = self.voltages;
        let seen =
            [one, two, three, four, wanted[0], wanted[1], first, second, self.changes[0], self.changes[1]];
        observation.copy_from_slice(&seen.map(|value| value as f32));
        let square = |value: f64| value * value;
        let reported = [
            square(errors[0]),
            square(errors[1]),
            square(moves[0]) + square(moves[1]),
            one,
            two,
            three,
            four,
        ];
        signals.copy_from_slice(&reported.map(|value| value as f32));
    }
}

/// From `[process]`: `tracked` and the parameters.
pub fn open(request: &Request<'_>) -> Result<Arc<dyn Factory>, Box<Diagnostic>> {
    let words = ["upper", "lower"];
    let word = request.section.choice("tracked", &words, "the tanks with set-points")?.unwrap_or(words[0]);
    let tracked = if word == "upper" { Tracked::Upper } else { Tracked::Lower };
    let mut process = QuadrupleTank::with(tracked);
    let mut values = read_parameters(&mut process, &request.section)?;
    values.insert("tracked".to_owned(), word.into());
    let heuristics = process.heuristics();
    let simulator = Simulator::new(process, request.max_steps, heuristics);
    Ok(Arc::new(simulator.with_parameters(values).with_defaults_of(&QuadrupleTank::with(tracked))))
}

/// The integrator's step: a quarter of a decision, or less where a level changes fast.
fn step_in(levels: &[f64; 4]) -> f64 {
    let rates = [0, 1, 2, 3].map(|tank| OUTFLOWS[tank] / (2.0 * levels[tank].sqrt()));
    let fastest = rates.into_iter().fold(0.0, f64::max);
    (0.07 / fastest).clamp(LEAST_STEP_S, REGULAR_STEP_S)
}

fn derivatives(levels: [f64; 4], inflows: &[f64; 4]) -> [f64; 4] {
    let out = [0, 1, 2, 3].map(|tank| OUTFLOWS[tank] * levels[tank].max(0.0).sqrt());
    [inflows[0] + out[2] - out[0], inflows[1] + out[3] - out[1], inflows[2] - out[2], inflows[3] - out[3]]
}

fn runge_kutta(levels: [f64; 4], inflows: &[f64; 4], step: f64) -> [f64; 4] {
    let ahead =
        |slopes: [f64; 4], time: f64| [0, 1, 2, 3].map(|tank: usize| levels[tank] + time * slopes[tank]);
    let first = derivatives(levels, inflows);
    let second = derivatives(ahead(first, 0.5 * step), inflows);
    let third = derivatives(ahead(second, 0.5 * step), inflows);
    let fourth = derivatives(ahead(third, step), inflows);
    let sum = |tank: usize| (first[tank] + fourth[tank]) + 2.0 * (second[tank] + third[tank]);
    ahead([0, 1, 2, 3].map(sum), step / 6.0).map(|level| level.clamp(0.0, HEIGHT_M))
}

impl Process for QuadrupleTank {
    const PARAMETERS: &'static [Parameter<Self>] = &[
        Parameter::new(
            "valve_1",
            "1",
            (0.0, 1.0),
            "share of pump 1 that fills tank 1, not tank 4",
            |process| Field::F64(&mut process.valve_1),
        ),
        Parameter::new(
            "valve_2",
            "1",
            (0.0, 1.0),
            "share of pump 2 that fills tank 2, not tank 3",
            |process| Field::F64(&mut process.valve_2),
        ),
        Parameter::new("pump_gain_1", "L/(V·s)", (0.2, 2.0), "flow of pump 1 at a volt", |process| {
            Field::F64(&mut process.pump_gain_1)
        }),
        Parameter::new("pump_gain_2", "L/(V·s)", (0.2, 2.0), "flow of pump 2 at a volt", |process| {
            Field::F64(&mut process.pump_gain_2)
        }),
        Parameter::new(
            "start_spread",
            "1",
            (0.0, 0.5),
            "the levels of the start are drawn from so large a share around their usual values",
            |process| Field::F64(&mut process.start_spread),
        ),
        Parameter::new(
            "set_point_spread",
            "m",
            (0.0, 0.1),
            "each set-point of an episode is drawn from so much around its usual value",
            |process| Field::F64(&mut process.set_point_spread),
        ),
    ];

    fn heuristics(&self) -> Vec<Heuristic> {
        vec![pi(self.tracked)]
    }

    fn spec(&self) -> Spec {
        let first = self.tracked.first() + 1;
        let height = HEIGHT_M as f32;
        let level = |tank: usize| {
            Feature::new(&format!("level_{tank}"), "m", 0.0, height, &format!("level of tank {tank}"))
                .ordinarily(0.2)
        };
        let set_point = |tank: usize| {
            let meaning = format!("level that tank {tank} should have at the next sample");
            Feature::new(&format!("set_point_{tank}"), "m", 0.0, 1.0, &meaning).ordinarily(0.2)
        };
        let pump = |number: usize| {
            let meaning = format!("voltage of pump {number}");
            Feature::new(&format!("pump_{number}"), "V", VOLTAGES.0, VOLTAGES.1, &meaning)
        };
        let change = |tank: usize| {
            let meaning = format!("change of tank {tank} since the last decision");
            Feature::new(&format!("change_{tank}"), "m", -height, height, &meaning)
        };
        let error = |tank: usize| {
            let meaning = format!("squared difference of level and set-point of tank {tank} after the step");
            Signal::new(&format!("squared_error_{tank}"), "m²", 0.0, height * height, &meaning)
                .summarised_by(Aggregate::Total)
        };
        let reported = |tank: usize| {
            let meaning = format!("level of tank {tank} after the step");
            Signal::new(&format!("level_{tank}"), "m", 0.0, height, &meaning)
        };
        let mut signals = vec![
            error(first),
            error(first + 1),
            Signal::new("squared_move", "V²", 0.0, 200.0, "sum of the squared changes of both voltages")
                .summarised_by(Aggregate::Total),
        ];
        signals.extend((1..=4).map(reported));
        let mut observation: Vec<Feature> = (1..=4).map(level).collect();
        observation.extend([set_point(first), set_point(first + 1), pump(1), pump(2)]);
        observation.extend([change(first), change(first + 1)]);
        let axis = |number: usize| {
            let meaning = format!("voltage of pump {number} until the next decision");
            Axis::new(&format!("pump_{number}"), "V", VOLTAGES.0, VOLTAGES.1, &meaning)
        };
        // 1/0.6² and 0.1/9.9² of pc-gym's units.
        let weights = [-1.0 / 0.36, -1.0 / 0.36, -0.1 / (9.9 * 9.9)];
        let names: Vec<String> = signals[..3].iter().map(|signal| signal.name.clone()).collect();
        Spec {
            kind: KIND.to_owned(),
            summary: "keep two of four coupled tanks at their set-points with two pumps".to_owned(),
            source: "Johansson 2000; parameters and task of pc-gym 0.1.8".to_owned(),
            observation,
            action: ActionSpace::settings(vec![axis(1), axis(2)]),
            signals,
            max_steps: Some(SAMPLES - 1),
            reward: names.into_iter().zip(weights).collect(),
            ..Spec::default()
        }
    }

    fn reset(&mut self, random: &mut Stream, observation: &mut [f32], signals: &mut [f32]) {
        let mut drawn = |middle: f64, spread: f64| middle + spread * f64::from(random.uniform(-1.0, 1.0));
        let set_points = self.tracked.set_points();
        self.set_points =
            set_points.map(|halves| halves.map(|middle| drawn(middle, self.set_point_spread).max(0.0)));
        self.levels = FIRST_LEVELS.map(|level| drawn(level, self.start_spread * level));
        self.step = 0;
        (self.voltages, self.changes) = (FIRST_VOLTAGES, [0.0; 2]);
        self.report(self.errors(self.wanted()), [0.0; 2], observation, signals);
    }

    fn step(
        &mut self,
        action: Action<'_>,
        _random: &mut Stream,
        observation: &mut [f32],
        signals: &mut [f32],
    ) -> Outcome {
        let (before, wanted) = (self.tracked_levels(), self.wanted());
        let volts = |index: usize| f64::from(action.settings[index].clamp(VOLTAGES.0, VOLTAGES.1));
        let moves = [volts(0) - self.voltages[0], volts(1) - self.voltages[1]];
        self.voltages = [volts(0), volts(1)];
        self.flow();
        let after = self.tracked_levels();
        self.changes = [after[0] - before[0], after[1] - before[1]];
        let errors = self.errors(wanted);
        self.step += 1;
        self.report(errors, moves, observation, signals);
        Outcome::Running
    }
}

/// Gains of the changes and of the errors, in V/m.
type Gains = [[f32; 2]; 2];

/// Two PI controllers, in the form that computes changes: pump 2 follows tank 3 (or 1, below it), and pump 1 tank 4 (or 2). The other
/// pairing of Johansson's problem is unstable where γ₁ + γ₂ < 1.
pub fn pi(tracked: Tracked) -> Heuristic {
    let (description, gains): (_, Gains) = match tracked {
        Tracked::Upper => {
            ("two PI controllers: pump 2 follows tank 3, pump 1 follows tank 4", [[0.0, 25.0], [30.0, 18.0]])
        }
        Tracked::Lower => {
            ("two PI controllers: pump 2 follows tank 1, pump 1 follows tank 2", [[5.0, 4.0], [0.0, 5.0]])
        }
    };
    let first = tracked.first();
    Heuristic::new("pi", description, move |state: &State<'_>, action: &mut [f32]| {
        let seen = state.observation;
        let moved = |which: usize| {
            let error = seen[4 + which] - seen[first + which];
            gains[which][1] * error - gains[which][0] * seen[8 + which]
        };
        action[0] = (seen[6] + moved(1)).clamp(VOLTAGES.0, VOLTAGES.1);
        action[1] = (seen[7] + moved(0)).clamp(VOLTAGES.0, VOLTAGES.1);
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The return of an episode of the task with the PI controllers.
    fn controlled(tracked: Tracked) -> f64 {
        let mut tanks = QuadrupleTank { start_spread: 0.0, ..QuadrupleTank::with(tracked) };
        let (spec, controller) = (tanks.spec(), pi(tracked));
        let (mut random, mut observation, mut signals) = (Stream::new(0, "tanks", 0), [0.0; 10], [0.0; 7]);
        tanks.reset(&mut random, &mut observation, &mut signals);
        let mut total = 0.0;
        for _ in 0..spec.max_steps.unwrap() {
            let mut action = [0.0; 2];
            let state = State { observation: &observation, signals: &signals, allowed: &[] };
            (controller.decide)(&state, &mut action);
            tanks.step(Action::of_settings(&action), &mut random, &mut observation, &mut signals);
            total += spec.reward.iter().zip(&signals).map(|((_, w), s)| w * f64::from(*s)).sum::<f64>();
        }
        total
    }

    /// The returns of another program with the same equations and f64 throughout: −1.606 and −0.421.
    #[test]
    fn returns_of_the_controllers() {
        let (upper, lower) = (controlled(Tracked::Upper), controlled(Tracked::Lower));
        assert!((upper + 1.606).abs() < 0.01 && (lower + 0.421).abs() < 0.01, "{upper} {lower}");
    }

    /// By hand: in a steady state √h is the inflow through an opening over its outflow's factor.
    #[test]
    fn levels_settle_where_inflow_and_outflow_are_equal() {
        let mut tanks = QuadrupleTank::default();
        let (mut random, mut observation, mut signals) = (Stream::new(0, "tanks", 0), [0.0; 10], [0.0; 7]);
        for _ in 0..400 {
            tanks.step(Action::of_settings(&[7.0, 8.0]), &mut random, &mut observation, &mut signals);
        }
        let root = |flow: f64, opening: f64| (flow / (opening * ROOT_2G)).powi(2);
        let expected = [
            root(0.17e-3 * 7.0 + 0.76e-3 * 8.0, 0.0035),
            root(0.19e-3 * 8.0 + 0.68e-3 * 7.0, 0.003),
            root(0.76e-3 * 8.0, 0.002),
            root(0.68e-3 * 7.0, 0.0025),
        ];
        for (found, expected) in tanks.levels().into_iter().zip(expected) {
            assert!((found - expected).abs() < 1e-6, "{found} {expected}");
        }
    }

    #[test]
    fn a_tank_overflows_at_its_height_and_never_has_a_negative_level() {
        let mut tanks = QuadrupleTank { pump_gain_2: 2.0, valve_2: 0.0, ..QuadrupleTank::default() };
        let (mut random, mut observation, mut signals) = (Stream::new(0, "tanks", 0), [0.0; 10], [0.0; 7]);
        let mut go = |tanks: &mut QuadrupleTank, volts: [f32; 2]| {
            for _ in 0..200 {
                tanks.step(Action::of_settings(&volts), &mut random, &mut observation, &mut signals);
            }
        };
        go(&mut tanks, [0.1, 10.0]);
        assert_eq!(tanks.levels()[2], HEIGHT_M);
        tanks.pump_gain_1 = 0.2;
        go(&mut tanks, [0.1, 0.1]);
        assert!(tanks.levels().iter().all(|level| (0.0..0.01).contains(level)), "{:?}", tanks.levels());
    }
}
