//! `mountain-car-continuous`: like [`mountain-car`](super::mountain_car), with a stronger engine of any power and a cost
//! of its use (source: Moore 1990; the same dynamics as Gymnasium's `MountainCarContinuous-v0`).
//!
//! State: position x (m) and velocity v (m/s; a step counts as a second), both observed. With the force a ∈ [−1, 1]:
//!
//! ```text
//! v ← clip(v + 0.0015·a − 0.0025·cos 3x, ±0.07)        x ← clip(x + v, −1.2, 0.6)
//! ```
//!
//! and v = 0 when the car reaches the left end (0.0015 and 0.0025 are parameters of `[process]`). An episode begins at rest
//! with x in U(−0.6, −0.4), terminates at x ≥ 0.45 with v ≥ 0 and is truncated after 999 steps. The reward is −0.1·a² per
//! step and +100 at the goal.
//!
//! Gymnasium stores this state in f32, only in this one of its classical problems, and so do we: the trajectories are the
//! same bit for bit.
//!
//! Reference figures (mean return ± standard error, 10,000 episodes): uniform random −33.1 ± 0.05, the heuristic
//! 95.9 ± 0.01; Gymnasium calls 90 solved.

use serde::{Deserialize, Serialize};
use setpoint_decision::spec::{ActionSpace, Aggregate, Axis, Feature, Signal, Spec, Termination};

use crate::trigonometry::sin_cos;
use setpoint_process::Heuristic;
use setpoint_process::State;
use setpoint_process::parameter::{Field, Parameter};
use setpoint_process::process::{Action, Outcome, Process};
use setpoint_random::Stream;

/// Its name in a project file.
pub const KIND: &str = "mountain-car-continuous";

const LEFT_END_M: f32 = -1.2;
const RIGHT_END_M: f32 = 0.6;
const GOAL_M: f32 = 0.45;
const TOP_SPEED: f32 = 0.07;
const ENGINE: f32 = 0.0015;
const GRAVITY: f64 = 0.0025;

/// The car between two decisions.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MountainCarContinuous {
    engine: f32,
    gravity: f64,
    position: f32,
    velocity: f32,
}

impl Default for MountainCarContinuous {
    fn default() -> Self {
        Self::at([0.0; 2])
    }
}

impl MountainCarContinuous {
    /// In the state `[x, v]`, in m and m/s.
    pub fn at([position, velocity]: [f32; 2]) -> Self {
        Self { engine: ENGINE, gravity: GRAVITY, position, velocity }
    }

    /// `[x, v]`, in m and m/s.
    pub fn state(&self) -> [f32; 2] {
        [self.position, self.velocity]
    }
}

impl Process for MountainCarContinuous {
    const PARAMETERS: &'static [Parameter<Self>] = &[
        Parameter::new(
            "engine",
            "m/s²",
            (0.0, 0.015),
            "acceleration by the full engine; a step counts as a second",
            |process| Field::F32(&mut process.engine),
        ),
        Parameter::new("gravity", "m/s²", (0.0, 0.025), "acceleration on the steepest slope", |process| {
            Field::F64(&mut process.gravity)
        }),
    ];

    fn heuristics(&self) -> Vec<Heuristic> {
        vec![momentum()]
    }

    fn spec(&self) -> Spec {
        Spec {
            summary: "drive an underpowered car out of a valley with as little effort as possible".to_owned(),
            source: "Moore 1990; Gymnasium's MountainCarContinuous-v0".to_owned(),
            observation: vec![
                Feature::new(
                    "position",
                    "m",
                    LEFT_END_M,
                    RIGHT_END_M,
                    "position of the car; the valley's floor is at −0.52",
                )
                .ordinarily(-0.5),
                Feature::new(
                    "velocity",
                    "m/s",
                    -TOP_SPEED,
                    TOP_SPEED,
                    "positive to the right; a step counts as a second",
                ),
            ],
            action: ActionSpace::settings(vec![Axis::new(
                "force",
                "1",
                -1.0,
                1.0,
                "share of the engine's force, positive to the right",
            )]),
            signals: vec![
                Signal::new("effort", "1", 0.0, 1.0, "square of the force's share")
                    .summarised_by(Aggregate::Total),
            ],
            termination: Termination::Goal,
            max_steps: Some(999),
            reward: vec![("effort".to_owned(), -0.1)],
            on_terminated: 100.0,
            notes: vec!["Gymnasium calls a mean return of 90 solved.".to_owned()],
            ..Spec::default()
        }
    }

    fn reset(&mut self, random: &mut Stream, observation: &mut [f32], signals: &mut [f32]) {
        self.position = random.uniform(-0.6, -0.4);
        self.velocity = 0.0;
        observation.copy_from_slice(&self.state());
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
        let force = action.settings[0];
        // Rounded to f32 where Gymnasium rounds: after 3x, the engine's and gravity's parts, and each sum.
        let (_, cos) = sin_cos(f64::from(3.0 * self.position));
        let acceleration = force * self.engine - (self.gravity * cos) as f32;
        self.velocity = (self.velocity + acceleration).clamp(-TOP_SPEED, TOP_SPEED);
        self.position = (self.position + self.velocity).clamp(LEFT_END_M, RIGHT_END_M);
        if self.position == LEFT_END_M {
            self.velocity = self.velocity.max(0.0);
        }
        observation.copy_from_slice(&self.state());
        signals[0] = force * force;
        if self.position >= GOAL_M && self.velocity >= 0.0 { Outcome::Terminated } else { Outcome::Running }
    }
}

/// The usual way to get a car out of a ditch: rock it. Half the engine's force takes longer than full force, at a quarter
/// of the cost per step: 95.9 against 89.3.
pub fn momentum() -> Heuristic {
    const HALF: f32 = 0.5;
    Heuristic::new(
        "momentum",
        "accelerates with half the engine in the direction in which the car rolls",
        |state: &State<'_>, action: &mut [f32]| {
            action[0] = if state.observation[1] >= 0.0 { HALF } else { -HALF };
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(state: [f32; 2], force: f32) -> ([f32; 2], f32, Outcome) {
        let mut process = MountainCarContinuous::at(state);
        let (mut random, mut signals) = (Stream::new(0, "test", 0), [9.0]);
        let outcome = process.step(Action::of_settings(&[force]), &mut random, &mut [0.0; 2], &mut signals);
        (process.state(), signals[0], outcome)
    }

    /// At x = 0 the slope is steepest: cos 0 = 1.
    #[test]
    fn a_step_by_hand() {
        let ([position, velocity], effort, outcome) = step([0.0, 0.02], 0.5);
        assert!((velocity - 0.01825).abs() < 1e-8 && (position - 0.01825).abs() < 1e-8);
        assert_eq!((effort, outcome), (0.25, Outcome::Running));
    }

    #[test]
    fn it_stops_at_the_left_end_and_terminates_at_the_goal() {
        assert_eq!(step([-1.19, -0.05], -1.0), ([LEFT_END_M, 0.0], 1.0, Outcome::Running));
        assert_eq!(step([0.44, 0.02], 0.0).2, Outcome::Terminated);
        assert_eq!(step([0.42, 0.02], 0.0).2, Outcome::Running);
        assert_eq!(step([0.5, -0.01], 0.0).2, Outcome::Running, "it rolls back");
    }
}
