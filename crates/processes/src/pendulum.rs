//! `pendulum`: swing a pendulum up and hold it, with a motor that is too weak to lift it at once (the classical problem of
//! control theory; the same dynamics as Gymnasium's `Pendulum-v1`).
//!
//! State: angle θ (rad, 0 = upright) and angular velocity θ̇ (rad/s); the policy sees cos θ, sin θ and θ̇. A rod of 1 kg
//! and 1 m hangs by its end, g = 10 m/s² (mass, length and gravity are parameters of `[process]`); with the torque u ∈ [−2,
//! 2] N·m, in steps of 0.05 s:
//!
//! ```text
//! θ̇ ← clip(θ̇ + 0.05·(3·g/(2·l)·sin θ + 3/(m·l²)·u), ±8)        θ ← θ + 0.05·θ̇
//! ```
//!
//! An episode begins with θ in U(−π, π) and θ̇ in U(−1, 1), never terminates and is truncated after 200 steps. The reward is
//! −(θ² + 0.1·θ̇² + 0.001·u²) with θ in [−π, π), of the state *before* the step. The signal `cost` is that sum; the signals
//! `angle` and `angular_velocity` belong to the state after the step, which constraints check next.
//!
//! Reference figures (mean return ± standard error, 10,000 episodes): uniform random −1226 ± 3, the heuristic
//! −150.8 ± 0.9; Gymnasium gives no threshold.

use std::f64::consts::{PI, TAU};

use serde::{Deserialize, Serialize};
use setpoint_decision::spec::{ActionSpace, Aggregate, Axis, Feature, Signal, Spec};

use crate::trigonometry::sin_cos;
use setpoint_process::Heuristic;
use setpoint_process::State;
use setpoint_process::parameter::{Field, Parameter};
use setpoint_process::process::{Action, Outcome, Process};
use setpoint_random::Stream;

/// Its name in a project file.
pub const KIND: &str = "pendulum";

const STEP_S: f64 = 0.05;
const VELOCITY_LIMIT: f64 = 8.0;
const TORQUE_LIMIT: f32 = 2.0;
/// 3·g/(2·l): the angular acceleration of the horizontal rod with the default parameters, in rad/s².
const FALL: f32 = 15.0;

/// The pendulum between two decisions.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Pendulum {
    gravity: f64,
    mass_kg: f64,
    length_m: f64,
    angle: f64,
    angular_velocity: f64,
}

impl Default for Pendulum {
    fn default() -> Self {
        Self::at([0.0, 0.0])
    }
}

impl Pendulum {
    /// In the state `[θ, θ̇]`, in rad and rad/s; θ counts whole turns.
    pub fn at([angle, angular_velocity]: [f64; 2]) -> Self {
        Self { gravity: 10.0, mass_kg: 1.0, length_m: 1.0, angle, angular_velocity }
    }

    /// `[θ, θ̇]`, in rad and rad/s; θ counts whole turns.
    pub fn state(&self) -> [f64; 2] {
        [self.angle, self.angular_velocity]
    }

    /// The cost of the state alone.
    #[inline]
    fn deviation(&self) -> f64 {
        let angle = within_half_a_turn(self.angle);
        angle * angle + 0.1 * self.angular_velocity * self.angular_velocity
    }

    #[inline]
    fn report(&self, cost: f64, torque: f32, observation: &mut [f32], signals: &mut [f32]) {
        let (sin, cos) = sin_cos(self.angle);
        let velocity = self.angular_velocity as f32;
        observation.copy_from_slice(&[cos as f32, sin as f32, velocity]);
        signals.copy_from_slice(&[cost as f32, within_half_a_turn(self.angle) as f32, velocity, torque]);
    }
}

/// The same angle in [−π, π).
#[inline]
fn within_half_a_turn(angle: f64) -> f64 {
    (angle + PI).rem_euclid(TAU) - PI
}

impl Process for Pendulum {
    const PARAMETERS: &'static [Parameter<Self>] = &[
        Parameter::new("gravity", "m/s²", (0.0, 100.0), "acceleration of free fall", |process| {
            Field::F64(&mut process.gravity)
        }),
        Parameter::new("mass", "kg", (0.01, 100.0), "the rod's mass", |process| {
            Field::F64(&mut process.mass_kg)
        }),
        Parameter::new("length", "m", (0.05, 20.0), "the rod's length", |process| {
            Field::F64(&mut process.length_m)
        }),
    ];

    fn heuristics(&self) -> Vec<Heuristic> {
        vec![swing_up_and_hold()]
    }

    fn spec(&self) -> Spec {
        let (half_turn, velocity) = (PI as f32, VELOCITY_LIMIT as f32);
        let greatest_cost = (PI * PI + 0.1 * VELOCITY_LIMIT * VELOCITY_LIMIT) as f32 + 0.004;
        Spec {
            summary: "swing a pendulum up and hold it upright with a weak motor".to_owned(),
            source: "classical control; Gymnasium's Pendulum-v1".to_owned(),
            observation: vec![
                Feature::new("angle_cosine", "1", -1.0, 1.0, "cosine of the angle, 1 = upright"),
                Feature::new("angle_sine", "1", -1.0, 1.0, "sine of the angle"),
                Feature::new("angular_velocity", "rad/s", -velocity, velocity, "angular velocity"),
            ],
            action: ActionSpace::settings(vec![Axis::new(
                "torque",
                "N·m",
                -TORQUE_LIMIT,
                TORQUE_LIMIT,
                "the motor's torque",
            )]),
            signals: vec![
                Signal::new(
                    "cost",
                    "1",
                    0.0,
                    greatest_cost,
                    "θ² + 0.1 θ̇² + 0.001 u², with θ and θ̇ before the step",
                )
                .summarised_by(Aggregate::Total),
                Signal::new("angle", "rad", -half_turn, half_turn, "angle from upright after the step"),
                Signal::new(
                    "angular_velocity",
                    "rad/s",
                    -velocity,
                    velocity,
                    "angular velocity after the step",
                ),
                Signal::new("torque", "N·m", -TORQUE_LIMIT, TORQUE_LIMIT, "torque of the step"),
            ],
            max_steps: Some(200),
            reward: vec![("cost".to_owned(), -1.0)],
            ..Spec::default()
        }
    }

    fn reset(&mut self, random: &mut Stream, observation: &mut [f32], signals: &mut [f32]) {
        let (angle, angular_velocity) = random.unit_pair();
        self.angle = PI * (2.0 * f64::from(angle) - 1.0);
        self.angular_velocity = 2.0 * f64::from(angular_velocity) - 1.0;
        self.report(self.deviation(), 0.0, observation, signals);
    }

    #[inline]
    fn step(
        &mut self,
        action: Action<'_>,
        _random: &mut Stream,
        observation: &mut [f32],
        signals: &mut [f32],
    ) -> Outcome {
        let torque = action.settings[0];
        let torque = torque.clamp(-TORQUE_LIMIT, TORQUE_LIMIT);
        let cost = self.deviation() + f64::from(0.001 * (torque * torque));
        let fall = 1.5 * self.gravity / self.length_m;
        let motor = 3.0 / (self.mass_kg * self.length_m * self.length_m);
        // The motor's part is an f32 in Gymnasium, because the action is an f32.
        let acceleration = fall * sin_cos(self.angle).0 + f64::from(motor as f32 * torque);
        self.angular_velocity =
            (self.angular_velocity + acceleration * STEP_S).clamp(-VELOCITY_LIMIT, VELOCITY_LIMIT);
        self.angle += self.angular_velocity * STEP_S;
        self.report(cost, torque, observation, signals);
        Outcome::Running
    }
}

/// Åström & Furuta 2000: bring the energy to the energy of the upright position, then hold like a spring and a damper.
pub fn swing_up_and_hold() -> Heuristic {
    Heuristic::new(
        "swing-up-and-hold",
        "adds or removes energy up to the energy of the upright position, then holds like a spring and a damper",
        |state: &State<'_>, action: &mut [f32]| {
            let [cos, sin, velocity] = state.observation else { unreachable!("the spec has three features") };
            let missing_energy = FALL * (1.0 - cos) - 0.5 * velocity * velocity;
            let torque = if *cos > 0.9 { -10.0 * sin - 2.5 * velocity } else { missing_energy * velocity };
            action[0] = torque.clamp(-TORQUE_LIMIT, TORQUE_LIMIT);
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Horizontal: sin(π/2) = 1.
    #[test]
    fn a_step_by_hand() {
        let mut process = Pendulum::at([PI / 2.0, 1.0]);
        let (mut observation, mut signals) = ([0.0; 3], [0.0; 4]);
        let mut random = Stream::new(0, "test", 0);
        let outcome = process.step(Action::of_settings(&[-2.0]), &mut random, &mut observation, &mut signals);
        let velocity = 1.0 + 0.05 * (15.0 - 6.0);
        let angle = PI / 2.0 + 0.05 * velocity;
        assert!((process.angle - angle).abs() < 1e-15 && (process.angular_velocity - velocity).abs() < 1e-15);
        let cost = PI * PI / 4.0 + 0.1 + 0.004;
        assert!((f64::from(signals[0]) - cost).abs() < 1e-6);
        assert_eq!(signals[1..], [angle as f32, velocity as f32, -2.0]);
        assert_eq!((observation[2], outcome), (velocity as f32, Outcome::Running));
    }

    #[test]
    fn whole_turns_cost_nothing() {
        for turns in -3..=3 {
            let there = Pendulum::at([0.3 + TAU * f64::from(turns), 0.0]);
            assert!((there.deviation() - 0.09).abs() < 1e-13);
        }
        assert_eq!(within_half_a_turn(PI), -PI);
    }
}
