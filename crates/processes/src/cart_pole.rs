//! `cart-pole`: balance a pole on a cart by pushing the cart left or right (source: Barto, Sutton & Anderson 1983,
//! "Neuronlike adaptive elements that can solve difficult learning control problems"; the same dynamics as Gymnasium's
//! `CartPole-v1`).
//!
//! State: position x (m) and velocity ẋ (m/s) of the cart, angle θ (rad, 0 = upright) and angular velocity θ̇ (rad/s) of
//! the pole, all four observed. With the cart's mass M = 1 kg, the pole's m = 0.1 kg and half length l = 0.5 m,
//! g = 9.8 m/s² and the push F = ±10 N (parameters of `[process]`):
//!
//! ```text
//! t = (F + m·l·θ̇²·sin θ) / (M + m)
//! θ̈ = (g·sin θ − t·cos θ) / (l·(4/3 − m·cos²θ / (M + m)))        ẍ = t − m·l·θ̈·cos θ / (M + m)
//! ```
//!
//! Explicit Euler steps of 0.02 s: position and angle move with the velocities before the step. An episode begins with
//! each of the four in U(−0.05, 0.05), terminates beyond |x| = 2.4 m or |θ| = 12° and is truncated after 500 steps. The
//! reward is 1 per step, including the last step.
//!
//! Reference figures (mean return ± standard error, 10,000 episodes): uniform random 22.3 ± 0.1, the heuristic 500, which
//! is the greatest possible; Gymnasium calls 475 solved.

use std::f64::consts::PI;

use serde::{Deserialize, Serialize};
use setpoint_decision::spec::{ActionSpace, Aggregate, Feature, Signal, Spec, Termination};

use crate::trigonometry::sin_cos;
use setpoint_process::Heuristic;
use setpoint_process::State;
use setpoint_process::parameter::{Field, Parameter};
use setpoint_process::process::{Action, Outcome, Process};
use setpoint_random::Stream;

/// Its name in a project file.
pub const KIND: &str = "cart-pole";

const STEP_S: f64 = 0.02;
const POSITION_LIMIT_M: f64 = 2.4;
const ANGLE_LIMIT_RAD: f64 = 24.0 * PI / 360.0;
const START: f64 = 0.05;

const PUSH_LEFT: usize = 0;
const PUSH_RIGHT: usize = 1;

/// The parameters, and derived values for a step: with reciprocals, a step needs one division.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Dynamics {
    gravity: f64,
    cart_mass_kg: f64,
    pole_mass_kg: f64,
    half_length_m: f64,
    push_n: f64,
    /// m·l
    pole_moment: f64,
    /// 1/(M + m)
    per_total_mass: f64,
    /// m·l/(M + m)
    moment_share: f64,
}

impl Dynamics {
    fn derive(&mut self) {
        let total_mass_kg = self.cart_mass_kg + self.pole_mass_kg;
        self.pole_moment = self.pole_mass_kg * self.half_length_m;
        self.per_total_mass = 1.0 / total_mass_kg;
        self.moment_share = self.pole_moment / total_mass_kg;
    }
}

impl Default for Dynamics {
    fn default() -> Self {
        let (gravity, cart_mass_kg, pole_mass_kg, half_length_m, push_n) = (9.8, 1.0, 0.1, 0.5, 10.0);
        let (pole_moment, per_total_mass, moment_share) = (0.0, 0.0, 0.0);
        let mut dynamics = Self {
            gravity,
            cart_mass_kg,
            pole_mass_kg,
            half_length_m,
            push_n,
            pole_moment,
            per_total_mass,
            moment_share,
        };
        dynamics.derive();
        dynamics
    }
}

/// Cart and pole between two pushes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct CartPole {
    dynamics: Dynamics,
    state: [f64; 4],
}

impl CartPole {
    /// In the state `[x, ẋ, θ, θ̇]`, in m, m/s, rad and rad/s.
    pub fn at(state: [f64; 4]) -> Self {
        Self { dynamics: Dynamics::default(), state }
    }

    /// `[x, ẋ, θ, θ̇]`, in m, m/s, rad and rad/s.
    pub fn state(&self) -> [f64; 4] {
        self.state
    }

    #[inline(always)]
    fn report(&self, observation: &mut [f32], signals: &mut [f32]) {
        observation.copy_from_slice(&self.state.map(|value| value as f32));
        signals[0] = 1.0;
    }
}

impl Process for CartPole {
    const PARAMETERS: &'static [Parameter<Self>] = &[
        Parameter::new("gravity", "m/s²", (0.0, 100.0), "acceleration of free fall", |process| {
            Field::F64(&mut process.dynamics.gravity)
        }),
        Parameter::new("cart_mass", "kg", (0.01, 100.0), "the cart's mass", |process| {
            Field::F64(&mut process.dynamics.cart_mass_kg)
        }),
        Parameter::new("pole_mass", "kg", (0.001, 100.0), "the pole's mass", |process| {
            Field::F64(&mut process.dynamics.pole_mass_kg)
        }),
        Parameter::new(
            "pole_half_length",
            "m",
            (0.01, 20.0),
            "from the pole's foot to its centre of mass",
            |process| Field::F64(&mut process.dynamics.half_length_m),
        ),
        Parameter::new("push", "N", (0.0, 1000.0), "force of a push", |process| {
            Field::F64(&mut process.dynamics.push_n)
        }),
    ];

    fn parameters_changed(&mut self) {
        self.dynamics.derive();
    }

    fn heuristics(&self) -> Vec<Heuristic> {
        vec![proportional_derivative()]
    }

    fn spec(&self) -> Spec {
        let feature = |name: &str, unit: &str, high: f32, description: &str| {
            Feature::new(name, unit, -high, high, description).ordinarily(0.0)
        };
        Spec {
            summary: "balance a pole on a cart by pushing the cart left or right".to_owned(),
            source: "Barto, Sutton & Anderson 1983; Gymnasium's CartPole-v1".to_owned(),
            // Twice the limits, as Gymnasium gives them, so that the state that ends an episode is within bounds.
            observation: vec![
                feature(
                    "cart_position",
                    "m",
                    2.0 * POSITION_LIMIT_M as f32,
                    "the cart's distance from the middle",
                ),
                feature("cart_velocity", "m/s", f32::MAX, "the cart's velocity, positive to the right"),
                feature("pole_angle", "rad", 2.0 * ANGLE_LIMIT_RAD as f32, "the pole's lean to the right"),
                feature(
                    "pole_angular_velocity",
                    "rad/s",
                    f32::MAX,
                    "angular velocity of the pole, positive to the right",
                ),
            ],
            action: ActionSpace::choices(&[
                ("push_left", "pushes the cart to the left with 10 N"),
                ("push_right", "pushes the cart to the right with 10 N"),
            ]),
            signals: vec![
                Signal::new("upright", "steps", 0.0, 1.0, "1 in every step in which the pole stays upright")
                    .summarised_by(Aggregate::Total),
            ],
            termination: Termination::Failure,
            max_steps: Some(500),
            reward: vec![("upright".to_owned(), 1.0)],
            notes: vec!["Gymnasium calls a mean return of 475 solved.".to_owned()],
            ..Spec::default()
        }
    }

    fn reset(&mut self, random: &mut Stream, observation: &mut [f32], signals: &mut [f32]) {
        for pair in self.state.chunks_exact_mut(2) {
            let (first, second) = random.unit_pair();
            pair[0] = START * (2.0 * f64::from(first) - 1.0);
            pair[1] = START * (2.0 * f64::from(second) - 1.0);
        }
        self.report(observation, signals);
    }

    #[inline]
    fn step(
        &mut self,
        action: Action<'_>,
        _random: &mut Stream,
        observation: &mut [f32],
        signals: &mut [f32],
    ) -> Outcome {
        let action = action.choice();
        let [position, velocity, angle, angular_velocity] = self.state;
        let Dynamics { gravity, half_length_m, push_n, pole_moment, per_total_mass, moment_share, .. } =
            self.dynamics;
        let push = if action == PUSH_RIGHT { push_n } else { -push_n };
        let (sin, cos) = sin_cos(angle);
        let thrust = (push + pole_moment * angular_velocity * angular_velocity * sin) * per_total_mass;
        let inertia = half_length_m * (4.0 / 3.0) - cos * cos * moment_share;
        let angular_acceleration = (gravity * sin - cos * thrust) / inertia;
        let acceleration = thrust - angular_acceleration * cos * moment_share;
        self.state = [
            position + STEP_S * velocity,
            velocity + STEP_S * acceleration,
            angle + STEP_S * angular_velocity,
            angular_velocity + STEP_S * angular_acceleration,
        ];
        self.report(observation, signals);
        // One branch for both limits, because the limit that an episode reaches is not predictable.
        if (self.state[0].abs() > POSITION_LIMIT_M) | (self.state[2].abs() > ANGLE_LIMIT_RAD) {
            Outcome::Terminated
        } else {
            Outcome::Running
        }
    }
}

/// A proportional and derivative controller of the angle, with terms of the cart that keep it in the middle.
pub fn proportional_derivative() -> Heuristic {
    Heuristic::new(
        "proportional-derivative",
        "pushes to the side to which the pole leans or will lean, a little earlier on the side of the cart",
        |state: &State<'_>, action: &mut [f32]| {
            let [position, velocity, angle, angular_velocity] = state.observation else {
                unreachable!("the spec has four features")
            };
            let lean = angle + 0.2 * angular_velocity + 0.04 * position + 0.07 * velocity;
            let preferred = if lean > 0.0 { [PUSH_RIGHT, PUSH_LEFT] } else { [PUSH_LEFT, PUSH_RIGHT] };
            action[0] = state.first_allowed(&preferred) as f32;
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(state: [f64; 4], action: usize) -> (CartPole, Outcome) {
        let mut process = CartPole::at(state);
        let mut random = Stream::new(0, "test", 0);
        let outcome =
            process.step(Action::of_choices(&[action as u32]), &mut random, &mut [0.0; 4], &mut [0.0; 1]);
        (process, outcome)
    }

    /// Upright and at rest: t = 10/1.1, θ̈ = −t / (0.5·(4/3 − 0.1/1.1)), ẍ = t − 0.05·θ̈/1.1.
    #[test]
    fn a_step_by_hand() {
        let (process, outcome) = step([0.0; 4], PUSH_RIGHT);
        let thrust = 10.0 / 1.1;
        let angular_acceleration = -thrust / (0.5 * (4.0 / 3.0 - 0.1 / 1.1));
        let acceleration = thrust - 0.05 * angular_acceleration / 1.1;
        let expected = [0.0, 0.02 * acceleration, 0.0, 0.02 * angular_acceleration];
        for (found, expected) in process.state().into_iter().zip(expected) {
            assert!((found - expected).abs() < 1e-15);
        }
        assert_eq!(outcome, Outcome::Running);
    }

    #[test]
    fn left_is_the_mirror_image_of_right() {
        let (right, _) = step([0.3, -0.2, 0.1, 0.7], PUSH_RIGHT);
        let (left, _) = step([-0.3, 0.2, -0.1, -0.7], PUSH_LEFT);
        assert_eq!(right.state(), left.state().map(|value| -value));
    }

    #[test]
    fn it_terminates_beyond_the_limits_only() {
        assert_eq!(step([2.39, 0.4, 0.0, 0.0], PUSH_LEFT).1, Outcome::Running);
        assert_eq!(step([2.39, 0.6, 0.0, 0.0], PUSH_LEFT).1, Outcome::Terminated);
        assert_eq!(step([0.0, 0.0, -0.2, -0.4], PUSH_LEFT).1, Outcome::Running);
        assert_eq!(step([0.0, 0.0, -0.2, -0.6], PUSH_LEFT).1, Outcome::Terminated);
    }
}
