//! `filler`: how a filling machine runs the next ten minutes: which nozzles, cleaned or not, and how fast (source: flow through
//! a pipe after Hagen and Poiseuille, and through an opening after Torricelli, in series; the limits of foam and drops are
//! round numbers of this project).
//!
//! The machine has 24 valves, and a bottle of 0.5 l is filled during half of a turn, so at a speed of s bottles a minute a bottle
//! has 720/s seconds and needs a flow of q = 500 ml · s/720 a second. A valve can give 1/Q = 1/Q₁ + 1/Q₂ with Q₁ = π r⁴ Δp/(8 μ L) and
//! Q₂ = π r² √(2 Δp/ρ); Δp = 20 kPa, L = 0.1 m, ρ = 1,000 kg/m³, r the nozzle's radius times (1 − 0.3 · deposit).
//!
//! | part of the action | what it does |
//! |---|---|
//! | `nozzle`: `narrow` or `wide` | radius 6 or 9 mm; a change takes 4 minutes |
//! | `cleaning`: `keep` or `clean` | cleaning takes 5 minutes and removes the deposit |
//! | `speed` | 40 to 300 bottles a minute in the rest of the ten minutes |
//!
//! A bottle is rejected if it is not full (share 1/(1 + exp(−(q/Q − 1)/0.06))), if it foams (the same with v/v₀ and 0.08, where
//! v = q/(π r²) is the speed of the jet and v₀ = μ^0.3 m/s its limit), or if the valve drips (0.2 · (r/9 mm)⁴/(1 + μ/10) · (1 + 2 · deposit));
//! μ in mPa·s. The number of rejects is drawn with the variance of a binomial distribution. The deposit grows by
//! 0.03 · (1 + log₁₀ μ) for each 1,000 bottles. In every step a new product comes with probability 1/12; log₁₀ μ is uniform in [0, 3]:
//! water to syrup. An episode is a day: 144 steps. The reward is 1 for 1,000 good bottles and −3 for 1,000 rejects.
//!
//! Reference (500 episodes, with the constraints of the ready project): the recipe returns 205 ± 2, the rule that computes the
//! limits 242 ± 3, uniform random 10 ± 5.

use std::f32::consts::PI;

use serde::{Deserialize, Serialize};
use setpoint_decision::spec::{ActionSpace, Aggregate, Axis, Choice, ChoiceGroup, Feature, Signal, Spec};
use setpoint_process::Heuristic;
use setpoint_process::State;
use setpoint_process::parameter::{Field, Parameter};
use setpoint_process::process::{Action, Outcome, Process};
use setpoint_random::Stream;

/// Its name in a project file.
pub const KIND: &str = "filler";

const NARROW: u32 = 0;
const WIDE: u32 = 1;
const CLEAN: u32 = 1;
/// In m.
const RADIUS: [f32; 2] = [0.006, 0.009];
const SPEED_MIN: f32 = 40.0;
const SPEED_MAX: f32 = 300.0;
const STEP_MIN: f32 = 10.0;
const BOTTLE_ML: f32 = 500.0;
/// Seconds that a bottle has at one bottle a minute.
const FILLING_S: f32 = 720.0;
const PRESSURE_PA: f32 = 20_000.0;
const PIPE_M: f32 = 0.1;
const DENSITY: f32 = 1_000.0;
/// The range of log₁₀ of a viscosity in mPa·s.
const DECADES: f32 = 3.0;

/// The machine between two decisions.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Filler {
    fouling: f32,
    dripping: f32,
    /// log₁₀ of the viscosity in mPa·s.
    thickness: f32,
    deposit: f32,
    nozzle: u32,
}

impl Default for Filler {
    fn default() -> Self {
        Self { fouling: 0.03, dripping: 0.2, thickness: 1.0, deposit: 0.0, nozzle: NARROW }
    }
}

/// A valve with a product.
#[derive(Clone, Copy)]
struct Valve {
    /// In m, with its deposit.
    radius: f32,
    /// In mPa·s.
    viscosity: f32,
}

impl Valve {
    fn new(nozzle: u32, deposit: f32, thickness: f32) -> Self {
        Self { radius: RADIUS[nozzle as usize] * (1.0 - 0.3 * deposit), viscosity: 10.0_f32.powf(thickness) }
    }

    /// The greatest flow, in ml/s.
    fn flow_max(self) -> f32 {
        let pipe = PI * self.radius.powi(4) * PRESSURE_PA / (8.0 * 0.001 * self.viscosity * PIPE_M);
        let opening = PI * self.radius.powi(2) * (2.0 * PRESSURE_PA / DENSITY).sqrt();
        1e6 / (1.0 / pipe + 1.0 / opening)
    }

    /// The flow at which the jet is as fast as it may be, in ml/s.
    fn flow_without_foam(self) -> f32 {
        1e6 * PI * self.radius.powi(2) * self.viscosity.powf(0.3)
    }

    /// The share of bottles that are rejected at a speed.
    fn rejected(self, speed: f32, drips: f32) -> f32 {
        let flow = BOTTLE_ML * speed / FILLING_S;
        let beyond = |limit: f32, width: f32| 1.0 / (1.0 + (-(flow / limit - 1.0) / width).exp());
        let good = (1.0 - beyond(self.flow_max(), 0.06)) * (1.0 - beyond(self.flow_without_foam(), 0.08));
        1.0 - good * (1.0 - drips)
    }
}

impl Filler {
    fn drips(&self) -> f32 {
        let width = (RADIUS[self.nozzle as usize] / RADIUS[WIDE as usize]).powi(4);
        let share = self.dripping * width / (1.0 + 0.1 * 10.0_f32.powf(self.thickness));
        (share * (1.0 + 2.0 * self.deposit)).min(1.0)
    }

    fn report(&self, observation: &mut [f32]) {
        observation.copy_from_slice(&[
            self.thickness / DECADES,
            self.deposit,
            f32::from(u8::from(self.nozzle == WIDE)),
        ]);
    }
}

fn choice(name: &str, description: &str) -> Choice {
    Choice { name: name.to_owned(), description: description.to_owned() }
}

impl Process for Filler {
    const PARAMETERS: &'static [Parameter<Self>] = &[
        Parameter::new(
            "fouling",
            "1",
            (0.0, 1.0),
            "deposit of 1,000 bottles of water; 1 is a nozzle at 0.7 of its radius",
            |process| Field::F32(&mut process.fouling),
        ),
        Parameter::new(
            "dripping",
            "1",
            (0.0, 1.0),
            "share of bottles of water spoiled by drops from clean wide nozzles",
            |process| Field::F32(&mut process.dripping),
        ),
    ];

    fn heuristics(&self) -> Vec<Heuristic> {
        vec![recipe(), limits()]
    }

    fn spec(&self) -> Spec {
        let total = |name: &str, unit: &str, high: f32, description: &str| {
            Signal::new(name, unit, 0.0, high, description).summarised_by(Aggregate::Total)
        };
        let bottles = SPEED_MAX * STEP_MIN;
        Spec {
            summary: "run a filling machine: which nozzles, cleaned or not, and how fast".to_owned(),
            source: "flow after Hagen–Poiseuille and Torricelli; limits of foam and drops of this project"
                .to_owned(),
            observation: vec![
                Feature::new("thickness", "1", 0.0, 1.0, "log10 of the product's viscosity in mPa·s")
                    .seen_as(DECADES, 0.0),
                Feature::new(
                    "deposit",
                    "1",
                    0.0,
                    1.0,
                    "deposit in the nozzles; at 1 they have 0.7 of their radius",
                )
                .ordinarily(0.2),
                Feature::new("wide_nozzles", "1", 0.0, 1.0, "1 with wide nozzles, 0 with narrow ones")
                    .ordinarily(0.0),
            ],
            action: ActionSpace {
                groups: vec![
                    ChoiceGroup::new(
                        "nozzle",
                        "the nozzles of the next ten minutes; a change takes 4 minutes",
                        vec![
                            choice("narrow", "radius 6 mm: drips little, for thin products"),
                            choice("wide", "radius 9 mm: for thick products"),
                        ],
                    ),
                    ChoiceGroup::new(
                        "cleaning",
                        "whether the nozzles are cleaned first; this takes 5 minutes",
                        vec![choice("keep", "fills at once"), choice("clean", "removes the deposit")],
                    ),
                ],
                axes: vec![Axis::new("speed", "1/min", SPEED_MIN, SPEED_MAX, "bottles a minute")],
            },
            signals: vec![
                total("good_bottles", "bottles", bottles, "bottles that are full and clean"),
                total("rejects", "bottles", bottles, "bottles that are not full, foamed over or dripped on"),
                total("stopped", "min", 9.0, "minutes for changes and cleaning"),
                total("cleanings", "cleanings", 1.0, "1 when the nozzles were cleaned"),
                Signal::new("deposit", "1", 0.0, 1.0, "deposit in the nozzles after the step"),
            ],
            max_steps: Some(144),
            reward: [("good_bottles", 0.001), ("rejects", -0.003)]
                .map(|(name, weight)| (name.to_owned(), weight))
                .to_vec(),
            ..Spec::default()
        }
    }

    fn reset(&mut self, random: &mut Stream, observation: &mut [f32], signals: &mut [f32]) {
        self.thickness = random.uniform(0.0, DECADES);
        self.deposit = random.uniform(0.0, 0.5);
        self.nozzle = random.below(2);
        self.report(observation);
        signals.fill(0.0);
        signals[4] = self.deposit;
    }

    fn step(
        &mut self,
        action: Action<'_>,
        random: &mut Stream,
        observation: &mut [f32],
        signals: &mut [f32],
    ) -> Outcome {
        let (&[nozzle, cleaning], &[speed]) = (action.choices, action.settings) else {
            unreachable!("the spec has two groups of choices and a setting")
        };
        let mut stopped = 0.0;
        if nozzle != self.nozzle {
            stopped += 4.0;
            self.nozzle = nozzle;
        }
        if cleaning == CLEAN {
            stopped += 5.0;
            self.deposit = 0.0;
        }
        let bottles = (speed * (STEP_MIN - stopped)).floor();
        let share = Valve::new(nozzle, self.deposit, self.thickness).rejected(speed, self.drips());
        let spread = (bottles * share * (1.0 - share)).sqrt();
        let rejects = (bottles * share + spread * random.normal()).round().clamp(0.0, bottles);
        self.deposit = (self.deposit + self.fouling * (1.0 + self.thickness) * bottles / 1_000.0).min(1.0);
        signals.copy_from_slice(&[
            bottles - rejects,
            rejects,
            stopped,
            f32::from(u8::from(cleaning == CLEAN)),
            self.deposit,
        ]);
        if random.below(12) == 0 {
            self.thickness = random.uniform(0.0, DECADES);
        }
        self.report(observation);
        Outcome::Running
    }
}

/// What operators have on a card: nozzles and a speed for four classes of products, cleaning at a fixed deposit.
pub fn recipe() -> Heuristic {
    Heuristic::new(
        "recipe",
        "a card: 110, 160 and 210 bottles a minute below 3, 10 and 160 mPa·s, wide nozzles and 220 above, cleaning above a deposit of 0.4",
        |state: &State<'_>, action: &mut [f32]| {
            let thickness = state.observation[0] * DECADES;
            let (nozzle, speed) = match thickness {
                _ if thickness < 0.5 => (NARROW, 110.0),
                _ if thickness < 1.0 => (NARROW, 160.0),
                _ if thickness < 2.2 => (NARROW, 210.0),
                _ => (WIDE, 220.0),
            };
            act(state, nozzle, state.observation[1] > 0.4, speed, action);
        },
    )
}

/// A rule that computes what no operator can: 70 % of the speed that the nozzles bear with their deposit. It is near the
/// best possible.
pub fn limits() -> Heuristic {
    Heuristic::new(
        "limits",
        "70 % of the speed at which foam or lack of flow begins with this deposit, wide nozzles above 160 mPa·s, cleaning above a deposit \
         of 0.5",
        |state: &State<'_>, action: &mut [f32]| {
            let (thickness, deposit) = (state.observation[0] * DECADES, state.observation[1]);
            let nozzle = if thickness > 2.2 { WIDE } else { NARROW };
            let cleans = deposit > 0.5;
            let valve = Valve::new(nozzle, if cleans { 0.0 } else { deposit }, thickness);
            let flow = valve.flow_max().min(valve.flow_without_foam());
            act(state, nozzle, cleans, 0.7 * flow * FILLING_S / BOTTLE_ML, action);
        },
    )
}

/// Writes an action with what is allowed of it.
fn act(state: &State<'_>, nozzle: u32, cleans: bool, speed: f32, action: &mut [f32]) {
    let (nozzle, cleans) = (nozzle as usize, usize::from(cleans));
    action.copy_from_slice(&[
        state.first_allowed_of(0..2, &[nozzle, 1 - nozzle]) as f32,
        state.first_allowed_of(2..4, &[cleans, 1 - cleans]) as f32,
        speed.clamp(SPEED_MIN, SPEED_MAX),
    ]);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(machine: &mut Filler, choices: [u32; 2], speed: f32) -> [f32; 5] {
        let (mut random, mut observation, mut signals) = (Stream::new(0, "filler", 0), [0.0; 3], [0.0; 5]);
        let action = Action { choices: &choices, settings: &[speed] };
        assert_eq!(machine.step(action, &mut random, &mut observation, &mut signals), Outcome::Running);
        signals
    }

    #[test]
    fn a_change_takes_four_minutes_and_a_cleaning_five() {
        for (choices, stopped) in [([0, 0], 0.0), ([1, 0], 4.0), ([0, 1], 5.0), ([1, 1], 9.0)] {
            let mut machine = Filler { deposit: 0.4, ..Filler::default() };
            let [good, rejects, found, cleanings, deposit] = step(&mut machine, choices, 100.0);
            let bottles = 100.0 * (10.0 - stopped);
            assert_eq!((found, good + rejects, cleanings), (stopped, bottles, choices[1] as f32));
            // 0.03 · (1 + log₁₀ 10) for 1,000 bottles.
            let before = if choices[1] == CLEAN { 0.0 } else { 0.4 };
            assert!((deposit - (before + 0.06 * bottles / 1_000.0)).abs() < 1e-6);
        }
    }

    /// By hand: the narrow nozzle gives 1/(1/10.18 l/s + 1/0.715 l/s) of 10 mPa·s, and 0.226 l/s without foam.
    #[test]
    fn flows_by_hand() {
        let valve = Valve::new(NARROW, 0.0, 1.0);
        assert!((valve.flow_max() - 668.4).abs() < 1.0, "{}", valve.flow_max());
        assert!((valve.flow_without_foam() - 225.7).abs() < 0.5, "{}", valve.flow_without_foam());
        // At its limit one half is lost.
        let at_limit = valve.rejected(valve.flow_without_foam() * FILLING_S / BOTTLE_ML, 0.0);
        assert!((at_limit - 0.5).abs() < 1e-3, "{at_limit}");
    }

    #[test]
    fn thin_products_drip_from_wide_nozzles_and_thick_ones_need_them() {
        let share = |nozzle: u32, thickness: f32, speed: f32| {
            let machine = Filler { nozzle, thickness, ..Filler::default() };
            Valve::new(nozzle, 0.0, thickness).rejected(speed, machine.drips())
        };
        assert!(share(NARROW, 0.0, 100.0) < 0.05 && share(WIDE, 0.0, 100.0) > 0.15);
        assert!(share(NARROW, 3.0, 200.0) > 0.9 && share(WIDE, 3.0, 200.0) < 0.05);
    }
}
