//! `assembly-setup`: set up one station, 5 tools × 3 parameters (source: the tutorial "RL in Industry 4.0").
//!
//! The observation is 8 numbers in [0, 1]; an action is `tool × 3 + parameter`. A set-up takes
//! `1.0 + 0.5·|tool − obs₀| + 0.3·|parameter − obs₁|`; tool 2 with parameter 1 is the ideal one. The next observation is
//! `[tool/5, parameter/3, U(0,1)⁶]`. The episode terminates when the elapsed time exceeds 50. The source names no unit
//! of time; we speak of minutes. The four times are parameters of `[process]`. Its reward is `−setup_time + 10·ideal`.
//!
//! Reference: uniform random −35 ± 2 in 23.8 steps, 6.5 % ideal; always ideal 205.7 ± 0.2 in 25.7 steps.

use serde::{Deserialize, Serialize};
use setpoint_decision::spec::{ActionSpace, Aggregate, Choice, Feature, Signal, Spec};

use setpoint_process::Heuristic;
use setpoint_process::State;
use setpoint_process::parameter::{Field, Parameter};
use setpoint_process::process::{Action, Outcome, Process};
use setpoint_random::Stream;

/// Its name in a project file.
pub const KIND: &str = "assembly-setup";

const TOOLS: usize = 5;
const SETTINGS: usize = 3;
const IDEAL: (usize, usize) = (2, 1);
const BASE_MINUTES: f32 = 1.0;
const TOOL_MINUTES: f32 = 0.5;
const PARAMETER_MINUTES: f32 = 0.3;
const SHIFT_MINUTES: f32 = 50.0;
const SENSORS: [&str; 6] =
    ["part_length", "part_width", "part_mass", "surface_finish", "ambient_temperature", "operator_load"];

/// The state between two set-ups.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct AssemblySetup {
    base_minutes: f32,
    tool_minutes: f32,
    parameter_minutes: f32,
    shift_minutes: f32,
    observed: [f32; 2],
    elapsed_minutes: f32,
}

impl Default for AssemblySetup {
    fn default() -> Self {
        Self {
            base_minutes: BASE_MINUTES,
            tool_minutes: TOOL_MINUTES,
            parameter_minutes: PARAMETER_MINUTES,
            shift_minutes: SHIFT_MINUTES,
            observed: [0.0; 2],
            elapsed_minutes: 0.0,
        }
    }
}

impl Process for AssemblySetup {
    const PARAMETERS: &'static [Parameter<Self>] = &[
        Parameter::new(
            "base_time",
            "min",
            (0.01, 60.0),
            "time of a set-up that changes nothing",
            |process| Field::F32(&mut process.base_minutes),
        ),
        Parameter::new("tool_time", "min", (0.0, 60.0), "additional time per tool of distance", |process| {
            Field::F32(&mut process.tool_minutes)
        }),
        Parameter::new(
            "parameter_time",
            "min",
            (0.0, 60.0),
            "additional time per parameter of distance",
            |process| Field::F32(&mut process.parameter_minutes),
        ),
        Parameter::new("shift", "min", (1.0, 10_000.0), "an episode ends after this time", |process| {
            Field::F32(&mut process.shift_minutes)
        }),
    ];

    fn heuristics(&self) -> Vec<Heuristic> {
        vec![shortest_setup_first()]
    }

    fn spec(&self) -> Spec {
        let feature = |name: &str, description: String| Feature {
            name: name.to_owned(),
            unit: "1".to_owned(),
            description,
            low: 0.0,
            high: 1.0,
            scale: 1.0,
            offset: 0.0,
            reference: 0.5,
        };
        let mut observation = vec![
            feature("last_tool", "the tool of the last set-up, divided by 5 (random at the start)".into()),
            feature(
                "last_parameter",
                "the parameter of the last set-up, divided by 3 (random at the start)".into(),
            ),
        ];
        let sensor =
            |name: &&str| feature(name, "a station reading without effect on the set-up time".into());
        observation.extend(SENSORS.iter().map(sensor));
        let choice = |index: usize| Choice {
            name: format!("tool_{}_parameter_{}", index / SETTINGS, index % SETTINGS),
            description: format!("set up tool {} with parameter {}", index / SETTINGS, index % SETTINGS),
        };
        let signal = |name: &str, unit: &str, description: &str, low, high, aggregate| Signal {
            name: name.to_owned(),
            unit: unit.to_owned(),
            description: description.to_owned(),
            low,
            high,
            aggregate,
        };
        let setup_max = self.base_minutes
            + self.tool_minutes * (TOOLS - 1) as f32
            + self.parameter_minutes * (SETTINGS - 1) as f32;
        Spec {
            summary: "set up one station: choose the next of 5 tools and of 3 parameters".to_owned(),
            source: "tutorial \"RL in Industry 4.0\"".to_owned(),
            observation,
            action: ActionSpace::one_of((0..TOOLS * SETTINGS).map(choice).collect()),
            signals: vec![
                signal("setup_time", "min", "time of this set-up", 0.0, setup_max, Aggregate::Mean),
                signal("ideal", "1", "whether this was the ideal set-up", 0.0, 1.0, Aggregate::Share),
            ],
            max_steps: None,
            reward: vec![("setup_time".to_owned(), -1.0), ("ideal".to_owned(), 10.0)],
            notes: vec![
                "The tutorial gives an average set-up time of 45 before and 35 after (−22 %), a reward of −55 and −42, and \
                 12 % and 78 % ideal set-ups. Its own environment cannot give these figures: a set-up takes 1.0 to 3.6, \
                 uniform random returns about −35, always the ideal set-up returns 205.7. The table above was \
                 measured here."
                    .to_owned(),
            ],
            ..Spec::default()
        }
    }

    fn reset(&mut self, random: &mut Stream, observation: &mut [f32], signals: &mut [f32]) {
        observation.fill_with(|| random.unit());
        self.observed = [observation[0], observation[1]];
        self.elapsed_minutes = 0.0;
        signals.fill(0.0);
    }

    #[inline]
    fn step(
        &mut self,
        action: Action<'_>,
        random: &mut Stream,
        observation: &mut [f32],
        signals: &mut [f32],
    ) -> Outcome {
        let action = action.choice();
        let (tool, parameter) = (action / SETTINGS, action % SETTINGS);
        let setup_minutes = self.base_minutes
            + self.tool_minutes * (tool as f32 - self.observed[0]).abs()
            + self.parameter_minutes * (parameter as f32 - self.observed[1]).abs();
        self.elapsed_minutes += setup_minutes;
        signals[0] = setup_minutes;
        signals[1] = f32::from(u8::from((tool, parameter) == IDEAL));
        self.observed = [tool as f32 / TOOLS as f32, parameter as f32 / SETTINGS as f32];
        observation[..2].copy_from_slice(&self.observed);
        for pair in observation[2..8].chunks_exact_mut(2) {
            (pair[0], pair[1]) = random.unit_pair();
        }
        if self.elapsed_minutes > self.shift_minutes { Outcome::Terminated } else { Outcome::Running }
    }
}

/// The rule of many set-up benches: the quickest set-up next.
pub fn shortest_setup_first() -> Heuristic {
    Heuristic::new(
        "shortest-setup-first",
        "takes the set-up that is quickest from the station's present set-up, by the times of the source",
        |state: &State<'_>, action: &mut [f32]| {
            let minutes = |choice: &usize| {
                TOOL_MINUTES * ((choice / SETTINGS) as f32 - state.observation[0]).abs()
                    + PARAMETER_MINUTES * ((choice % SETTINGS) as f32 - state.observation[1]).abs()
            };
            let mut choices: [usize; TOOLS * SETTINGS] = std::array::from_fn(|index| index);
            choices.sort_by(|a, b| minutes(a).total_cmp(&minutes(b)));
            action[0] = state.first_allowed(&choices) as f32;
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_by_hand() {
        let mut process =
            AssemblySetup { observed: [0.4, 0.5], elapsed_minutes: 48.0, ..AssemblySetup::default() };
        let (mut observation, mut signals) = ([9.0; 8], [0.0; 2]);
        let mut random = Stream::new(0, "test", 0);
        let outcome = process.step(Action::of_choices(&[7]), &mut random, &mut observation, &mut signals);
        // tool 2, parameter 1: 1 + 0.5·1.6 + 0.3·0.5 = 1.95, ideal; 49.95 is not over 50.
        assert!((signals[0] - 1.95).abs() < 1e-6 && signals[1] == 1.0 && outcome == Outcome::Running);
        assert_eq!(observation[..2], [0.4, 1.0 / 3.0]);
        assert!(observation[2..].iter().all(|value| (0.0..1.0).contains(value)));
        let outcome = process.step(Action::of_choices(&[0]), &mut random, &mut observation, &mut signals);
        assert!((signals[0] - 1.3).abs() < 1e-6 && signals[1] == 0.0 && outcome == Outcome::Terminated);
    }
}
