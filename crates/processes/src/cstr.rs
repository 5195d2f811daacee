//! `cstr`: follow the set-points of the concentration in a stirred tank with an exothermic reaction, by the temperature of its
//! coolant (source: the reactor of Seborg, Edgar & Mellichamp, *Process Dynamics and Control*, in the form of Hedengren's
//! lecture (APMonitor) and of pc-gym 0.1.8, whose parameters and task are the defaults here).
//!
//! A reacts to B in a continuously stirred tank. State: the concentration c of A (mol/L) and the temperature T (K). With the
//! temperature of the coolant u (K) and r = a·k₀·exp(−(E/R)/T)·c:
//!
//! ```text
//! dc/dt = q/V·(c_f − c) − r
//! dT/dt = q/V·(T_f − T) + (−ΔH)/(ρ·C)·r + UA/(ρ·C·V)·(u − T)
//! ```
//!
//! q = 100 L/min, V = 100 L, ρ = 1,000 g/L, C = 0.239 J/(g·K), −ΔH = 5·10⁴ J/mol, E/R = 8,750 K, k₀ = 7.2·10¹⁰ 1/min, UA = 5·10⁴
//! J/(min·K), T_f = 350 K, c_f = 1 mol/L, a = 1. The flow, the feed, the heat transfer and the activity a are parameters of `[process]`.
//!
//! A decision holds for 26/60 min. An episode begins with c = 0.8 mol/L, T = 330 K, each within 1 % (`start_spread`; 0 is
//! pc-gym's start), and a coolant at 300 K; it has 59 decisions. The set-point is 0.85 mol/L, then 0.90, then 0.87, for 20 samples each;
//! `set_point_spread` draws each of them uniformly around these values. The coolant has 295 to 302 K (`coolant_min`, `coolant_max`).
//!
//! **Runaway**: with a coolant above 303 K, less cooling or a warmer feed no cool steady state exists: the reaction heats itself
//! within a minute. Above `runaway_temperature` (400 K) the reactor is shut down, and the episode is terminated. With the defaults
//! this does not happen; the project `cstr-runaway` is the task in which it does.
//!
//! The reward of pc-gym: −1000·((c − set-point)/0.3)² − 0.1·((u − u before)/7)², with c after the step. pc-gym compares the
//! sample of a time with the set-point of that time, and shows the policy that of the time before; here the policy sees the set-point
//! that its next sample is compared with. The first change counts from 300 K; pc-gym does not count it. pc-gym's sensors have a noise of
//! 0.1 %: the ready project has the same as a `[[disturbance]]`.
//!
//! The integrator is the classical Runge–Kutta method with 4 steps for a decision, and shorter steps where the reaction is fast
//! ([`Reactor`]). In the states of pc-gym's task it agrees with the exact solution within 10⁻⁶ for each decision (`tests/equations.rs`).
//!
//! Reference (without noise, `start_spread` 0): the best sequence of temperatures, found with the set-points known in advance, returns −17.4,
//! the heuristic `pid` −42.8, a constant 300 K −256, uniform random −526.

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

use crate::exponential::exp;

/// Its name in a project file.
pub const KIND: &str = "cstr";

/// Time between two decisions.
const STEP_MIN: f64 = 26.0 / 60.0;
const VOLUME_L: f64 = 100.0;
/// ρ·C, in J/(L·K).
const HEAT_CAPACITY: f64 = 1_000.0 * 0.239;
/// −ΔH/(ρ·C): by so much a mol/L of A heats the tank, in K·L/mol.
const HEAT_OF_REACTION: f64 = 5e4 / HEAT_CAPACITY;
/// E/R, in K.
const ACTIVATION: f64 = 8_750.0;
/// k₀, in 1/min.
const FREQUENCY: f64 = 7.2e10;

const SET_POINTS: [f64; 3] = [0.85, 0.9, 0.87];
/// Samples that a set-point holds for.
const SAMPLES_OF_A_SET_POINT: u32 = 20;
const FIRST_CONCENTRATION: f64 = 0.8;
const FIRST_TEMPERATURE: f64 = 330.0;
const FIRST_COOLANT: f64 = 300.0;
/// The range of temperatures that sensors can show, in K.
const TEMPERATURES: (f32, f32) = (250.0, 500.0);

/// The reactor between two decisions.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Cstr {
    flow: f64,
    feed_temperature: f64,
    feed_concentration: f64,
    heat_transfer: f64,
    activity: f64,
    coolant_min: f64,
    coolant_max: f64,
    runaway_temperature: f64,
    start_spread: f64,
    set_point_spread: f64,
    set_points: [f64; 3],
    step: u32,
    concentration: f64,
    temperature: f64,
    coolant: f64,
    /// Changes of concentration and temperature in the last step.
    changes: [f64; 2],
}

impl Default for Cstr {
    fn default() -> Self {
        Self {
            flow: 100.0,
            feed_temperature: 350.0,
            feed_concentration: 1.0,
            heat_transfer: 5e4,
            activity: 1.0,
            coolant_min: 295.0,
            coolant_max: 302.0,
            runaway_temperature: 400.0,
            start_spread: 0.01,
            set_point_spread: 0.0,
            set_points: SET_POINTS,
            step: 0,
            concentration: FIRST_CONCENTRATION,
            temperature: FIRST_TEMPERATURE,
            coolant: FIRST_COOLANT,
            changes: [0.0; 2],
        }
    }
}

impl Cstr {
    /// In the state `[concentration, temperature]`, in mol/L and K.
    pub fn at([concentration, temperature]: [f64; 2]) -> Self {
        Self { concentration, temperature, ..Self::default() }
    }

    /// `[concentration, temperature]`, in mol/L and K.
    pub fn state(&self) -> [f64; 2] {
        [self.concentration, self.temperature]
    }

    /// The set-point that the sample after the next step is compared with.
    #[inline]
    fn set_point(&self) -> f64 {
        self.set_points[((self.step + 1) / SAMPLES_OF_A_SET_POINT).min(2) as usize]
    }

    /// The equations with this coolant.
    #[inline]
    fn reactor(&self) -> Reactor {
        let flow = self.flow / VOLUME_L;
        let cooling = self.heat_transfer / (HEAT_CAPACITY * VOLUME_L);
        Reactor {
            flow,
            feed: flow * self.feed_concentration,
            heating: flow * self.feed_temperature + cooling * self.coolant,
            losses: flow + cooling,
            frequency: FREQUENCY * self.activity,
            hottest: self.runaway_temperature,
        }
    }

    /// Writes the observation and the signals; `error` is the deviation of the sample, `change` that of the coolant.
    #[inline]
    fn report(&self, error: f64, change: f64, observation: &mut [f32], signals: &mut [f32]) {
        let temperature = (self.temperature as f32).clamp(TEMPERATURES.0, TEMPERATURES.1);
        let [concentration, coolant] = [self.concentration as f32, self.coolant as f32];
        let changes = self.changes.map(|change| change as f32);
        observation.copy_from_slice(&[
            concentration,
            temperature,
            self.set_point() as f32,
            coolant,
            changes[0],
            changes[1].clamp(-250.0, 250.0),
        ]);
        signals.copy_from_slice(&[
            (error * error) as f32,
            (change * change) as f32,
            concentration,
            temperature,
            coolant,
            f32::from(u8::from(self.temperature > self.runaway_temperature)),
        ]);
    }
}

/// From `[process]`: its parameters. `coolant_min` and `coolant_max` are the bounds of the action.
pub fn open(request: &Request<'_>) -> Result<Arc<dyn Factory>, Box<Diagnostic>> {
    let mut process = Cstr::default();
    let values = read_parameters(&mut process, &request.section)?;
    if process.coolant_min >= process.coolant_max {
        let title = "`coolant_min` is not below `coolant_max`";
        let label = format!("below {}", process.coolant_max);
        return Err(request.section.error("coolant_min", title, &label, "lower it, or raise `coolant_max`"));
    }
    let heuristics = process.heuristics();
    let simulator = Simulator::new(process, request.max_steps, heuristics);
    Ok(Arc::new(simulator.with_parameters(values).with_defaults_of(&Cstr::default())))
}

/// The equations during a decision, with the sums of their constants.
///
/// Next to c and T the integrator has the states k = a·k₀·exp(−(E/R)/T) and w = 1/T, with dk/dt = k·(E/R)·w²·dT/dt and dw/dt = −w²·dT/dt. So its
/// stages need neither an exponential nor a division, which take most of a stage's time. k and w are computed from T again
/// where a decision begins, and wherever steps are short.
#[derive(Clone, Copy, Debug)]
pub struct Reactor {
    /// q/V, in 1/min.
    flow: f64,
    /// q/V·c_f
    feed: f64,
    /// q/V·T_f + UA/(ρ·C·V)·u
    heating: f64,
    /// q/V + UA/(ρ·C·V)
    losses: f64,
    /// a·k₀
    frequency: f64,
    /// The integration ends above this temperature.
    hottest: f64,
}

/// The length of a step of the integrator.
const REGULAR_STEP: f64 = STEP_MIN / 4.0;
/// Up to this rate (1/min) of changes the regular step does.
const CALM: f64 = 7.0;

impl Reactor {
    /// The state after a decision's time; earlier, if the reaction runs away.
    #[inline]
    fn after_a_decision(&self, [c, t]: [f64; 2]) -> [f64; 2] {
        let mut state = self.extended(c, t);
        let mut left = STEP_MIN;
        while left > 0.0 {
            let rate = self.rate(state);
            let mut step = REGULAR_STEP;
            if rate > CALM {
                state = self.extended(state[0], state[1]);
                step = 1.0 / (1.0 / REGULAR_STEP + 8.0 * (rate - CALM));
            }
            // What would be left is a rounding error, not a step.
            let is_last = left - step < 1e-9;
            state = self.runge_kutta(state, if is_last { left } else { step });
            left = if is_last || state[1] > self.hottest { 0.0 } else { left - step };
        }
        [state[0], state[1]]
    }

    #[inline]
    fn extended(&self, c: f64, t: f64) -> [f64; 4] {
        let w = 1.0 / t;
        [c, t, self.frequency * exp(-ACTIVATION * w), w]
    }

    /// How fast the state changes at most, in 1/min: the sum of the magnitudes in the Jacobian matrix that grow with T.
    #[inline]
    fn rate(&self, [c, _, k, w]: [f64; 4]) -> f64 {
        self.flow + self.losses + k + HEAT_OF_REACTION * ACTIVATION * (k * c) * (w * w)
    }

    #[inline]
    fn derivatives(&self, [c, t, k, w]: [f64; 4]) -> [f64; 4] {
        let reaction = k * c;
        let warming = (self.heating - self.losses * t) + HEAT_OF_REACTION * reaction;
        let w_falls = w * w * warming;
        [(self.feed - self.flow * c) - reaction, warming, ACTIVATION * k * w_falls, -w_falls]
    }

    #[inline]
    fn runge_kutta(&self, state: [f64; 4], step: f64) -> [f64; 4] {
        let ahead = |derivatives: [f64; 4], time: f64| {
            [0, 1, 2, 3].map(|index: usize| state[index] + time * derivatives[index])
        };
        let first = self.derivatives(state);
        let second = self.derivatives(ahead(first, 0.5 * step));
        let third = self.derivatives(ahead(second, 0.5 * step));
        let fourth = self.derivatives(ahead(third, step));
        let sum = |index: usize| (first[index] + fourth[index]) + 2.0 * (second[index] + third[index]);
        ahead([0, 1, 2, 3].map(sum), step / 6.0)
    }
}

impl Process for Cstr {
    const PARAMETERS: &'static [Parameter<Self>] = &[
        Parameter::new("flow", "L/min", (50.0, 200.0), "flow through the tank of 100 L", |process| {
            Field::F64(&mut process.flow)
        }),
        Parameter::new("feed_temperature", "K", (300.0, 400.0), "temperature of the feed", |process| {
            Field::F64(&mut process.feed_temperature)
        }),
        Parameter::new(
            "feed_concentration",
            "mol/L",
            (0.5, 2.0),
            "concentration of A in the feed",
            |process| Field::F64(&mut process.feed_concentration),
        ),
        Parameter::new(
            "heat_transfer",
            "J/(min·K)",
            (1e4, 2e5),
            "heat that the coolant takes for each K; fouling lowers it",
            |process| Field::F64(&mut process.heat_transfer),
        ),
        Parameter::new("activity", "1", (0.1, 5.0), "factor of the reaction's rate", |process| {
            Field::F64(&mut process.activity)
        }),
        Parameter::new("coolant_min", "K", (273.0, 299.0), "coldest temperature of the coolant", |process| {
            Field::F64(&mut process.coolant_min)
        }),
        Parameter::new("coolant_max", "K", (296.0, 350.0), "warmest temperature of the coolant", |process| {
            Field::F64(&mut process.coolant_max)
        }),
        Parameter::new(
            "runaway_temperature",
            "K",
            (325.0, 450.0),
            "above this temperature the reactor is shut down, and the episode ends",
            |process| Field::F64(&mut process.runaway_temperature),
        ),
        Parameter::new(
            "start_spread",
            "1",
            (0.0, 0.02),
            "concentration and temperature of the start are drawn from so large a share around their usual values",
            |process| Field::F64(&mut process.start_spread),
        ),
        Parameter::new(
            "set_point_spread",
            "mol/L",
            (0.0, 0.1),
            "each set-point of an episode is drawn from so much around 0.85, 0.90 and 0.87",
            |process| Field::F64(&mut process.set_point_spread),
        ),
    ];

    fn heuristics(&self) -> Vec<Heuristic> {
        vec![pid(self.coolant_min as f32, self.coolant_max as f32)]
    }

    fn spec(&self) -> Spec {
        let (cold, warm) = (self.coolant_min as f32, self.coolant_max as f32);
        let (low, high) = TEMPERATURES;
        Spec {
            kind: KIND.to_owned(),
            summary: "follow set-points of the concentration in an exothermic stirred tank".to_owned(),
            source: "Seborg, Edgar & Mellichamp; parameters and task of pc-gym 0.1.8".to_owned(),
            observation: vec![
                Feature::new("concentration", "mol/L", 0.0, 2.0, "concentration of A").ordinarily(0.87),
                Feature::new("temperature", "K", low, high, "temperature of the tank").ordinarily(325.0),
                Feature::new(
                    "set_point",
                    "mol/L",
                    0.7,
                    1.0,
                    "concentration that the next sample should have",
                )
                .ordinarily(0.87),
                Feature::new("coolant", "K", 273.0, 350.0, "temperature of the coolant").ordinarily(300.0),
                Feature::new(
                    "concentration_change",
                    "mol/L",
                    -2.0,
                    2.0,
                    "change of the concentration since the last decision",
                ),
                Feature::new(
                    "temperature_change",
                    "K",
                    -250.0,
                    250.0,
                    "change of the temperature since the last decision",
                ),
            ],
            action: ActionSpace::settings(vec![Axis::new(
                "coolant",
                "K",
                cold,
                warm,
                "temperature of the coolant until the next decision",
            )]),
            signals: vec![
                Signal::new(
                    "squared_error",
                    "(mol/L)²",
                    0.0,
                    4.0,
                    "squared difference of concentration and set-point after the step",
                )
                .summarised_by(Aggregate::Total),
                Signal::new("squared_move", "K²", 0.0, 6_000.0, "squared change of the coolant")
                    .summarised_by(Aggregate::Total),
                Signal::new("concentration", "mol/L", 0.0, 2.0, "concentration after the step"),
                Signal::new("temperature", "K", low, high, "temperature after the step"),
                Signal::new("coolant", "K", 273.0, 350.0, "temperature of the coolant in the step"),
                Signal::new("runaway", "1", 0.0, 1.0, "1 when the reactor was shut down")
                    .summarised_by(Aggregate::Total),
            ],
            max_steps: Some(3 * SAMPLES_OF_A_SET_POINT - 1),
            // 1000/0.3² and 0.1/7² of pc-gym's units.
            reward: [("squared_error", -1e3 / 0.09), ("squared_move", -0.1 / 49.0)]
                .map(|(name, weight)| (name.to_owned(), weight))
                .to_vec(),
            ..Spec::default()
        }
    }

    fn reset(&mut self, random: &mut Stream, observation: &mut [f32], signals: &mut [f32]) {
        let mut drawn = |middle: f64, spread: f64| middle + spread * f64::from(random.uniform(-1.0, 1.0));
        self.set_points = SET_POINTS.map(|middle| drawn(middle, self.set_point_spread));
        self.concentration = drawn(FIRST_CONCENTRATION, self.start_spread * FIRST_CONCENTRATION);
        self.temperature = drawn(FIRST_TEMPERATURE, self.start_spread * FIRST_TEMPERATURE);
        self.step = 0;
        self.coolant = FIRST_COOLANT;
        self.changes = [0.0; 2];
        self.report(self.concentration - self.set_point(), 0.0, observation, signals);
    }

    #[inline]
    fn step(
        &mut self,
        action: Action<'_>,
        _random: &mut Stream,
        observation: &mut [f32],
        signals: &mut [f32],
    ) -> Outcome {
        let coolant = f64::from(action.settings[0]).max(self.coolant_min).min(self.coolant_max);
        let moved = coolant - self.coolant;
        self.coolant = coolant;
        let [concentration, temperature] = self.reactor().after_a_decision(self.state());
        self.changes = [concentration - self.concentration, temperature - self.temperature];
        (self.concentration, self.temperature) = (concentration, temperature);
        let error = concentration - self.set_point();
        self.step += 1;
        self.report(error, moved, observation, signals);
        if temperature > self.runaway_temperature { Outcome::Terminated } else { Outcome::Running }
    }
}

/// A PID controller, in the form that computes changes (so that it needs no memory, and no integral winds up at the limits). Its
/// derivative is that of the temperature, which changes before the concentration does.
pub fn pid(coolant_min: f32, coolant_max: f32) -> Heuristic {
    Heuristic::new(
        "pid",
        "PID: changes the coolant by 350 times the change of the concentration, 400 times its error and -1.7 times the change of \
         the temperature",
        move |state: &State<'_>, action: &mut [f32]| {
            let [concentration, _, set_point, coolant, change, warming] = state.observation else {
                unreachable!("the spec has six features")
            };
            let moved = 350.0 * change + 400.0 * (concentration - set_point) - 1.7 * warming;
            action[0] = (coolant + moved).clamp(coolant_min, coolant_max);
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Played {
        total: f64,
        set_points: Vec<f32>,
        outcome: Outcome,
        signals: [f32; 6],
    }

    fn pc_gym() -> Cstr {
        Cstr { start_spread: 0.0, ..Cstr::default() }
    }

    /// An episode with the reward of the spec; `decide` gets an observation.
    fn play(mut tank: Cstr, mut decide: impl FnMut(&[f32]) -> f32) -> Played {
        let spec = tank.spec();
        let (mut random, mut observation, mut signals) = (Stream::new(0, "cstr", 0), [0.0; 6], [0.0; 6]);
        tank.reset(&mut random, &mut observation, &mut signals);
        let mut played = Played { total: 0.0, set_points: Vec::new(), outcome: Outcome::Running, signals };
        for _ in 0..spec.max_steps.unwrap() {
            played.set_points.push(observation[2]);
            let coolant = [decide(&observation)];
            played.outcome =
                tank.step(Action::of_settings(&coolant), &mut random, &mut observation, &mut signals);
            let [error, moved] = [spec.reward[0].1, spec.reward[1].1];
            played.total += error * f64::from(signals[0]) + moved * f64::from(signals[1]);
            played.signals = signals;
            if played.outcome == Outcome::Terminated {
                break;
            }
        }
        played
    }

    /// The returns of another program with the same equations and f64 throughout: −256.419 and −42.812.
    #[test]
    fn returns_of_a_constant_coolant_and_of_the_controller() {
        let constant = play(pc_gym(), |_| 300.0);
        assert!((constant.total + 256.419).abs() < 0.01, "{}", constant.total);
        let controller = pid(295.0, 302.0);
        let controlled = play(pc_gym(), |observation| {
            let mut action = [0.0];
            (controller.decide)(&State { observation, signals: &[], allowed: &[] }, &mut action);
            action[0]
        });
        assert!((controlled.total + 42.812).abs() < 0.3, "{}", controlled.total);
    }

    #[test]
    fn sixty_samples_have_three_set_points_and_the_first_sample_is_the_start() {
        let seen = play(pc_gym(), |_| 300.0).set_points;
        let expected = [vec![0.85; 19], vec![0.9; 20], vec![0.87; 20]].concat();
        assert_eq!(seen, expected);
    }

    /// At 300 K the heat balance has three solutions; the cool one, found by bisection, is stable.
    #[test]
    fn a_steady_state_stays() {
        let mut tank = Cstr::at([0.877_252_9, 324.475_443]);
        let (mut random, mut observation, mut signals) = (Stream::new(0, "cstr", 0), [0.0; 6], [0.0; 6]);
        for _ in 0..100 {
            tank.step(Action::of_settings(&[300.0]), &mut random, &mut observation, &mut signals);
        }
        let [concentration, temperature] = tank.state();
        assert!((concentration - 0.877_252_9).abs() < 1e-6 && (temperature - 324.475_443).abs() < 1e-5);
    }

    #[test]
    fn a_warm_coolant_makes_the_reactor_run_away_and_the_episode_ends() {
        let tank = Cstr { coolant_max: 310.0, ..Cstr::default() };
        let played = play(tank.clone(), |_| 310.0);
        assert_eq!((played.outcome, played.signals[5]), (Outcome::Terminated, 1.0));
        // It ends in the moment in which the limit is exceeded, not half a minute later.
        assert!((400.0..402.0).contains(&played.signals[3]), "{}", played.signals[3]);
        let cooled = play(tank, |_| 302.0);
        assert_eq!((cooled.outcome, cooled.signals[5]), (Outcome::Running, 0.0));
    }
}
