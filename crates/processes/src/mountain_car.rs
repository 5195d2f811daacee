//! `mountain-car`: drive an underpowered car out of a valley by gaining momentum first (source: Moore 1990, "Efficient
//! memory-based learning for robot control"; Sutton 1996; the same dynamics as Gymnasium's `MountainCar-v0`).
//!
//! State: position x (m) and velocity v (m/s; a step counts as a second), both observed. With a ∈ {−1, 0, 1}:
//!
//! ```text
//! v ← clip(v + 0.001·a − 0.0025·cos 3x, ±0.07)        x ← clip(x + v, −1.2, 0.6)
//! ```
//!
//! and v = 0 when the car reaches the left end (the engine's 0.001 and gravity's 0.0025 are parameters of `[process]`). An
//! episode begins at rest with x in U(−0.6, −0.4), terminates at x ≥ 0.5 with v ≥ 0 and is truncated after 200 steps. The
//! reward is −1 per step, including the last step.
//!
//! Reference figures (mean return ± standard error, 10,000 episodes): uniform random −200, because it never arrives, the
//! heuristic −119.4 ± 0.04; Gymnasium calls −110 solved.

use serde::{Deserialize, Serialize};
use setpoint_decision::spec::{ActionSpace, Aggregate, Feature, Signal, Spec, Termination};

use crate::trigonometry::sin_cos;
use setpoint_process::Heuristic;
use setpoint_process::State;
use setpoint_process::parameter::{Field, Parameter};
use setpoint_process::process::{Action, Outcome, Process};
use setpoint_random::Stream;

/// Its name in a project file.
pub const KIND: &str = "mountain-car";

const LEFT_END_M: f64 = -1.2;
const RIGHT_END_M: f64 = 0.6;
const GOAL_M: f64 = 0.5;
const TOP_SPEED: f64 = 0.07;
const ENGINE: f64 = 0.001;
const GRAVITY: f64 = 0.0025;
const START_M: (f64, f64) = (-0.6, -0.4);

const ACCELERATE_LEFT: usize = 0;
const COAST: usize = 1;
const ACCELERATE_RIGHT: usize = 2;

/// The car between two decisions.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MountainCar {
    engine: f64,
    gravity: f64,
    position: f64,
    velocity: f64,
}

impl Default for MountainCar {
    fn default() -> Self {
        Self::at([0.0; 2])
    }
}

impl MountainCar {
    /// In the state `[x, v]`, in m and m/s.
    pub fn at([position, velocity]: [f64; 2]) -> Self {
        Self { engine: ENGINE, gravity: GRAVITY, position, velocity }
    }

    /// `[x, v]`, in m and m/s.
    pub fn state(&self) -> [f64; 2] {
        [self.position, self.velocity]
    }
}

impl Process for MountainCar {
    const PARAMETERS: &'static [Parameter<Self>] = &[
        Parameter::new(
            "engine",
            "m/s²",
            (0.0, 0.01),
            "acceleration by the engine; a step counts as a second",
            |process| Field::F64(&mut process.engine),
        ),
        Parameter::new("gravity", "m/s²", (0.0, 0.025), "acceleration on the steepest slope", |process| {
            Field::F64(&mut process.gravity)
        }),
    ];

    fn heuristics(&self) -> Vec<Heuristic> {
        vec![momentum()]
    }

    fn spec(&self) -> Spec {
        let (left, right, speed) = (LEFT_END_M as f32, RIGHT_END_M as f32, TOP_SPEED as f32);
        Spec {
            summary: "drive an underpowered car out of a valley by gaining momentum first".to_owned(),
            source: "Moore 1990, Sutton 1996; Gymnasium's MountainCar-v0".to_owned(),
            observation: vec![
                Feature::new(
                    "position",
                    "m",
                    left,
                    right,
                    "position of the car; the valley's floor is at −0.52",
                )
                .ordinarily(-0.5),
                Feature::new(
                    "velocity",
                    "m/s",
                    -speed,
                    speed,
                    "positive to the right; a step counts as a second",
                ),
            ],
            action: ActionSpace::choices(&[
                ("accelerate_left", "engine to the left"),
                ("coast", "engine off"),
                ("accelerate_right", "engine to the right, where the goal is"),
            ]),
            signals: vec![
                Signal::new("time", "steps", 0.0, 1.0, "1 in every step").summarised_by(Aggregate::Total),
            ],
            termination: Termination::Goal,
            max_steps: Some(200),
            reward: vec![("time".to_owned(), -1.0)],
            notes: vec!["Gymnasium calls a mean return of −110 solved.".to_owned()],
            ..Spec::default()
        }
    }

    fn reset(&mut self, random: &mut Stream, observation: &mut [f32], signals: &mut [f32]) {
        self.position = START_M.0 + (START_M.1 - START_M.0) * f64::from(random.unit());
        self.velocity = 0.0;
        observation.copy_from_slice(&[self.position as f32, 0.0]);
        signals[0] = 0.0;
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
        let (_, cos) = sin_cos(3.0 * self.position);
        let acceleration = (action as f64 - 1.0) * self.engine - cos * self.gravity;
        self.velocity = (self.velocity + acceleration).clamp(-TOP_SPEED, TOP_SPEED);
        self.position = (self.position + self.velocity).clamp(LEFT_END_M, RIGHT_END_M);
        if self.position == LEFT_END_M {
            self.velocity = self.velocity.max(0.0);
        }
        observation.copy_from_slice(&[self.position as f32, self.velocity as f32]);
        signals[0] = 1.0;
        if self.position >= GOAL_M && self.velocity >= 0.0 { Outcome::Terminated } else { Outcome::Running }
    }
}

/// The usual way to get a car out of a ditch: rock it.
pub fn momentum() -> Heuristic {
    Heuristic::new(
        "momentum",
        "accelerates in the direction in which the car rolls",
        |state: &State<'_>, action: &mut [f32]| {
            let preferred = if state.observation[1] >= 0.0 {
                [ACCELERATE_RIGHT, COAST, ACCELERATE_LEFT]
            } else {
                [ACCELERATE_LEFT, COAST, ACCELERATE_RIGHT]
            };
            action[0] = state.first_allowed(&preferred) as f32;
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(state: [f64; 2], action: usize) -> ([f64; 2], Outcome) {
        let mut process = MountainCar::at(state);
        let mut random = Stream::new(0, "test", 0);
        let outcome =
            process.step(Action::of_choices(&[action as u32]), &mut random, &mut [0.0; 2], &mut [0.0; 1]);
        (process.state(), outcome)
    }

    /// At x = 0 the slope is steepest: cos 0 = 1.
    #[test]
    fn a_step_by_hand() {
        let ([position, velocity], outcome) = step([0.0, 0.02], ACCELERATE_RIGHT);
        assert!((velocity - 0.0185).abs() < 1e-15 && (position - 0.0185).abs() < 1e-15);
        assert_eq!(outcome, Outcome::Running);
    }

    #[test]
    fn it_stops_at_the_left_end_and_terminates_at_the_goal() {
        assert_eq!(step([-1.19, -0.05], ACCELERATE_LEFT), ([LEFT_END_M, 0.0], Outcome::Running));
        assert_eq!(step([0.49, 0.02], COAST).1, Outcome::Terminated);
        assert_eq!(step([0.47, 0.02], COAST).1, Outcome::Running);
        assert_eq!(step([0.55, -0.01], COAST).1, Outcome::Running, "it rolls back");
    }
}
