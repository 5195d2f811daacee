//! `acrobot`: swing the tip of a two-link arm above its shoulder's height with a motor at the elbow alone (source:
//! Sutton 1996, "Generalization in reinforcement learning"; equations of Sutton & Barto's book; the same dynamics as
//! Gymnasium's `Acrobot-v1`).
//!
//! State: the first link's angle θ₁ from hanging straight down, the second's θ₂ against the first (rad), and their
//! velocities (rad/s). The policy sees cosine and sine of the angles and the velocities. Both links have length 1 m, mass
//! 1 kg, moment of inertia 1 kg·m² and their centre of mass in the middle; g = 9.8 m/s²; the motor's torque is τ ∈
//! {−1, 0, 1} N·m (masses, g and the torque are parameters of `[process]`). With the source's numbers:
//!
//! ```text
//! d₁ = 3.5 + cos θ₂        d₂ = 1.25 + 0.5·cos θ₂        φ₂ = 0.5·g·sin(θ₁ + θ₂)
//! φ₁ = −0.5·θ̇₂²·sin θ₂ − θ̇₁·θ̇₂·sin θ₂ + 1.5·g·sin θ₁ + φ₂
//! θ̈₂ = (τ + φ₁·d₂/d₁ − 0.5·θ̇₁²·sin θ₂ − φ₂) / (1.25 − d₂²/d₁)        θ̈₁ = −(d₂·θ̈₂ + φ₁) / d₁
//! ```
//!
//! One Runge-Kutta step of fourth order over 0.2 s, then the angles are wrapped to ±π and the velocities bounded to ±4π
//! and ±9π. An episode begins with each of the four in U(−0.1, 0.1), terminates when the tip is more than 1 m above the
//! shoulder (−cos θ₁ − cos(θ₁ + θ₂) > 1) and is truncated after 500 steps. The reward is −1 per step, 0 for the last.
//!
//! Reference figures (mean return ± standard error, 10,000 episodes): uniform random −499.0 ± 0.1, the heuristic
//! −90.3 ± 0.4; Gymnasium calls −100 solved.

use std::f64::consts::{PI, TAU};

use serde::{Deserialize, Serialize};
use setpoint_decision::spec::{ActionSpace, Aggregate, Feature, Signal, Spec, Termination};

use crate::trigonometry::sin_cos;
use setpoint_process::Heuristic;
use setpoint_process::State;
use setpoint_process::parameter::{Field, Parameter};
use setpoint_process::process::{Action, Outcome, Process};
use setpoint_random::Stream;

/// Its name in a project file.
pub const KIND: &str = "acrobot";

/// Of a link about its centre of mass, kg·m².
const LINK_INERTIA: f64 = 1.0;
const STEP_S: f64 = 0.2;
const VELOCITY_LIMIT_1: f64 = 4.0 * PI;
const VELOCITY_LIMIT_2: f64 = 9.0 * PI;
const GOAL_HEIGHT_M: f64 = 1.0;
const START: f64 = 0.1;

const TORQUE_MINUS: usize = 0;
const TORQUE_NONE: usize = 1;
const TORQUE_PLUS: usize = 2;

/// The parameters, and derived values for a step.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Dynamics {
    gravity: f64,
    /// Masses of the links, kg.
    masses: [f64; 2],
    torque: f64,
    /// Inertia about the shoulder with the second link at a right angle, and of the second link about the elbow.
    inertias: [f64; 2],
    /// The part of both that depends on the second link's angle: its mass × the first link's length × the distance to its
    /// centre of mass.
    coupling: f64,
    /// Torques of gravity on a level first link, and on a level second one, N·m.
    weights: [f64; 2],
}

impl Dynamics {
    fn derive(&mut self) {
        let [first, second] = self.masses;
        let elbow = 0.25 * second + LINK_INERTIA;
        self.inertias = [0.25 * first + second + LINK_INERTIA + elbow, elbow];
        self.coupling = 0.5 * second;
        self.weights = [(0.5 * first + second) * self.gravity, 0.5 * second * self.gravity];
    }

    /// Velocities and accelerations in a state, under a torque in N·m.
    #[inline]
    fn derivative(&self, [angle_1, angle_2, velocity_1, velocity_2]: [f64; 4], torque: f64) -> [f64; 4] {
        let Self { inertias, coupling, weights, .. } = self;
        let ((sin_1, cos_1), (sin_2, cos_2)) = (sin_cos(angle_1), sin_cos(angle_2));
        let sin_both = sin_1 * cos_2 + cos_1 * sin_2;
        let d1 = inertias[0] + 2.0 * coupling * cos_2;
        let d2 = inertias[1] + coupling * cos_2;
        let phi2 = weights[1] * sin_both;
        let phi1 = -coupling * velocity_2 * velocity_2 * sin_2
            - 2.0 * coupling * velocity_2 * velocity_1 * sin_2
            + weights[0] * sin_1
            + phi2;
        let ratio = d2 / d1;
        let acceleration_2 = (torque + ratio * phi1 - coupling * velocity_1 * velocity_1 * sin_2 - phi2)
            / (inertias[1] - d2 * ratio);
        let acceleration_1 = -(d2 * acceleration_2 + phi1) / d1;
        [velocity_1, velocity_2, acceleration_1, acceleration_2]
    }

    /// One step of the classical Runge-Kutta method, with constant torque.
    #[inline]
    fn runge_kutta(&self, state: [f64; 4], torque: f64) -> [f64; 4] {
        let along =
            |slope: [f64; 4], time: f64| std::array::from_fn(|index| state[index] + time * slope[index]);
        let k1 = self.derivative(state, torque);
        let k2 = self.derivative(along(k1, STEP_S / 2.0), torque);
        let k3 = self.derivative(along(k2, STEP_S / 2.0), torque);
        let k4 = self.derivative(along(k3, STEP_S), torque);
        std::array::from_fn(|index| {
            state[index] + STEP_S / 6.0 * (k1[index] + 2.0 * k2[index] + 2.0 * k3[index] + k4[index])
        })
    }
}

impl Default for Dynamics {
    fn default() -> Self {
        let (inertias, coupling, weights) = ([0.0; 2], 0.0, [0.0; 2]);
        let mut dynamics = Self { gravity: 9.8, masses: [1.0; 2], torque: 1.0, inertias, coupling, weights };
        dynamics.derive();
        dynamics
    }
}

/// The arm between two decisions.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Acrobot {
    dynamics: Dynamics,
    state: [f64; 4],
}

impl Acrobot {
    /// In the state `[θ₁, θ₂, θ̇₁, θ̇₂]`, in rad and rad/s.
    pub fn at(state: [f64; 4]) -> Self {
        Self { dynamics: Dynamics::default(), state }
    }

    /// `[θ₁, θ₂, θ̇₁, θ̇₂]`, in rad and rad/s.
    pub fn state(&self) -> [f64; 4] {
        self.state
    }

    /// Writes the observation and returns the tip's height over the shoulder, in m.
    #[inline]
    fn observe(&self, observation: &mut [f32]) -> f64 {
        let [angle_1, angle_2, velocity_1, velocity_2] = self.state;
        let ((sin_1, cos_1), (sin_2, cos_2)) = (sin_cos(angle_1), sin_cos(angle_2));
        observation.copy_from_slice(&[cos_1, sin_1, cos_2, sin_2, velocity_1, velocity_2].map(|v| v as f32));
        -cos_1 - (cos_1 * cos_2 - sin_1 * sin_2)
    }
}

/// The same angle within ±π.
#[inline]
fn wrapped(angle: f64) -> f64 {
    if angle.abs() > PI { angle - TAU * (angle / TAU).round() } else { angle }
}

impl Process for Acrobot {
    const PARAMETERS: &'static [Parameter<Self>] = &[
        Parameter::new("gravity", "m/s²", (0.0, 100.0), "acceleration of free fall", |process| {
            Field::F64(&mut process.dynamics.gravity)
        }),
        Parameter::new("link_mass_1", "kg", (0.01, 100.0), "mass of the link at the shoulder", |process| {
            Field::F64(&mut process.dynamics.masses[0])
        }),
        Parameter::new("link_mass_2", "kg", (0.01, 100.0), "mass of the link at the elbow", |process| {
            Field::F64(&mut process.dynamics.masses[1])
        }),
        Parameter::new("torque", "N·m", (0.0, 100.0), "the motor's torque", |process| {
            Field::F64(&mut process.dynamics.torque)
        }),
    ];

    fn parameters_changed(&mut self) {
        self.dynamics.derive();
    }

    fn heuristics(&self) -> Vec<Heuristic> {
        vec![energy_pumping()]
    }

    fn spec(&self) -> Spec {
        let cosine_or_sine = |name: &str, description: &str| Feature::new(name, "1", -1.0, 1.0, description);
        let velocity = |name: &str, limit: f64, description: &str| {
            Feature::new(name, "rad/s", -limit as f32, limit as f32, description)
        };
        Spec {
            summary: "swing the tip of a two-link arm up with a motor at the elbow alone".to_owned(),
            source: "Sutton 1996, Sutton & Barto; Gymnasium's Acrobot-v1".to_owned(),
            observation: vec![
                cosine_or_sine("angle_1_cosine", "cosine of the first link's angle from hanging")
                    .ordinarily(1.0),
                cosine_or_sine("angle_1_sine", "sine of the first link's angle from hanging"),
                cosine_or_sine("angle_2_cosine", "cosine of the second link's angle against the first")
                    .ordinarily(1.0),
                cosine_or_sine("angle_2_sine", "sine of the second link's angle against the first"),
                velocity("angular_velocity_1", VELOCITY_LIMIT_1, "angular velocity of the first link"),
                velocity(
                    "angular_velocity_2",
                    VELOCITY_LIMIT_2,
                    "angular velocity of the second link against the first",
                ),
            ],
            action: ActionSpace::choices(&[
                ("torque_minus", "−1 N·m at the elbow"),
                ("torque_none", "no torque"),
                ("torque_plus", "+1 N·m at the elbow"),
            ]),
            signals: vec![
                Signal::new("time", "steps", 0.0, 1.0, "1 in every step that does not reach the goal")
                    .summarised_by(Aggregate::Total),
                Signal::new("tip_height", "m", -2.0, 2.0, "height of the tip over the shoulder"),
            ],
            termination: Termination::Goal,
            max_steps: Some(500),
            reward: vec![("time".to_owned(), -1.0)],
            notes: vec!["Gymnasium calls a mean return of −100 solved.".to_owned()],
            ..Spec::default()
        }
    }

    fn reset(&mut self, random: &mut Stream, observation: &mut [f32], signals: &mut [f32]) {
        self.state = std::array::from_fn(|_| START * (2.0 * f64::from(random.unit()) - 1.0));
        signals[0] = 0.0;
        signals[1] = self.observe(observation) as f32;
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
        let torque = (action as f64 - 1.0) * self.dynamics.torque;
        let [angle_1, angle_2, velocity_1, velocity_2] = self.dynamics.runge_kutta(self.state, torque);
        self.state = [
            wrapped(angle_1),
            wrapped(angle_2),
            velocity_1.clamp(-VELOCITY_LIMIT_1, VELOCITY_LIMIT_1),
            velocity_2.clamp(-VELOCITY_LIMIT_2, VELOCITY_LIMIT_2),
        ];
        let height = self.observe(observation);
        signals[1] = height as f32;
        if height > GOAL_HEIGHT_M {
            signals[0] = 0.0;
            Outcome::Terminated
        } else {
            signals[0] = 1.0;
            Outcome::Running
        }
    }
}

/// The motor's power is its torque times the elbow's velocity: with equal signs it always adds energy.
pub fn energy_pumping() -> Heuristic {
    Heuristic::new(
        "energy-pumping",
        "turns the elbow in the direction in which it moves, which adds energy in every step",
        |state: &State<'_>, action: &mut [f32]| {
            let preferred = if state.observation[5] >= 0.0 {
                [TORQUE_PLUS, TORQUE_NONE, TORQUE_MINUS]
            } else {
                [TORQUE_MINUS, TORQUE_NONE, TORQUE_PLUS]
            };
            action[0] = state.first_allowed(&preferred) as f32;
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Kinetic and potential energy of two rods of 1 m with these masses and a moment of inertia of 1 kg·m² each.
    fn energy_joules(
        [first, second]: [f64; 2],
        gravity: f64,
        [angle_1, angle_2, velocity_1, velocity_2]: [f64; 4],
    ) -> f64 {
        let both = velocity_1 + velocity_2;
        let centre_2 = velocity_1 * velocity_1 + 0.25 * both * both + velocity_1 * both * angle_2.cos();
        let kinetic = 0.5 * (0.25 * first + 1.0) * velocity_1 * velocity_1
            + 0.5 * second * centre_2
            + 0.5 * both * both;
        let height = 0.5 * first * angle_1.cos() + second * (angle_1.cos() + 0.5 * (angle_1 + angle_2).cos());
        kinetic - gravity * height
    }

    /// Power is torque × velocity of the elbow, in every state and with all parameters: the equations of motion belong to a
    /// mechanism.
    #[test]
    fn energy_changes_by_the_motors_power_alone() {
        let mut random = Stream::new(0, "test", 0);
        for [gravity, first, second] in [[9.8, 1.0, 1.0], [1.6, 0.4, 2.5], [24.8, 3.0, 0.2]] {
            let mut process = Acrobot::default();
            [gravity, first, second]
                .into_iter()
                .enumerate()
                .for_each(|(i, value)| process.set_parameter(i, value));
            for _ in 0..1_000 {
                let state: [f64; 4] = std::array::from_fn(|_| f64::from(random.uniform(-3.0, 3.0)));
                let torque = f64::from(random.uniform(-1.0, 1.0));
                let slope = process.dynamics.derivative(state, torque);
                let moved = |time: f64| std::array::from_fn(|i| state[i] + time * slope[i]);
                let at = |time: f64| energy_joules([first, second], gravity, moved(time));
                let power = (at(1e-5) - at(-1e-5)) / 2e-5;
                assert!((power - torque * state[3]).abs() < 1e-5, "{power} against {}", torque * state[3]);
            }
        }
    }

    #[test]
    fn angles_are_wrapped_as_gymnasium_wraps_them() {
        for angle in [0.0, 1.0, PI, -PI] {
            assert_eq!(wrapped(angle), angle);
        }
        assert_eq!(wrapped(4.0), 4.0 - TAU);
        assert_eq!(wrapped(-4.0), TAU - 4.0);
        assert!((wrapped(12.0) - (12.0 - 2.0 * TAU)).abs() < 1e-15);
        assert!(wrapped(f64::INFINITY).is_nan());
    }

    #[test]
    fn the_step_that_reaches_the_goal_costs_nothing() {
        let mut signals = [9.0; 2];
        let mut random = Stream::new(0, "test", 0);
        let mut step = |state| {
            let outcome = Acrobot::at(state).step(
                Action::of_choices(&[TORQUE_NONE as u32]),
                &mut random,
                &mut [0.0; 6],
                &mut signals,
            );
            (outcome, signals[0])
        };
        assert_eq!(step([PI, 0.0, 0.0, 0.0]), (Outcome::Terminated, 0.0));
        assert_eq!(step([0.0; 4]), (Outcome::Running, 1.0));
    }
}
