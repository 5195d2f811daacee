//! `ph-reactor`: neutralise a batch of 1,000 l with small doses of base and acid (source: "ModelBased_pH").
//!
//! State: pH, temperature T (°C), volume V (l) and buffer strength b of the batch. An episode begins with pH = clip(N(5.5, 0.7), 3, 9),
//! T in U(20, 30), V in U(900, 1100) and b in U(0.8, 1.5). T and b stay; a step adds 0.5 · dose to V, where the dose of acid is
//! negative, as in the source. Only b changes the effect of a dose.
//!
//! | action | dose d (ml) | effect |
//! |---|---|---|
//! | `none` | 0 | pH += N(0, 0.02) |
//! | `base_half`, `base_full` | 0.5, 1.0 | pH += e/(1 + max(0, pH − 7)) + N(0, 0.03) |
//! | `acid_half`, `acid_full` | −0.5, −1.0 | pH −= e/(1 + max(0, 7 − pH)) + N(0, 0.03) |
//!
//! with e = |d|/(b · (|pH − 7| + 0.3)): a dose has a small effect far from 7 and a great effect near it. Then the pH is clipped to
//! [0, 14]. The episode ends when the new pH is within 0.2 of 7, and is truncated after 25 steps. The reward of a step is
//! −10 · |pH − 7| − 0.2 · |d| of the new pH, and 5 more at the end in the target. So an episode has at most one step in the target.
//!
//! Reference: the best possible policy returns −21.5 (value iteration over pH and b, 25 steps, no discount). Measured over 5,000
//! episodes: uniform random −250.2, the planner that looks one step ahead −33.3.

use serde::{Deserialize, Serialize};
use setpoint_decision::spec::{ActionSpace, Aggregate, Feature, Signal, Spec, Termination};
use setpoint_process::Heuristic;
use setpoint_process::State;
use setpoint_process::parameter::{Field, Parameter};
use setpoint_process::process::{Action, Outcome, Process};
use setpoint_random::Stream;

/// Its name in a project file.
pub const KIND: &str = "ph-reactor";

/// In ml, by choice; acid is negative.
const DOSES: [f32; 5] = [0.0, 0.5, 1.0, -0.5, -1.0];
const NEUTRAL: f32 = 7.0;
/// The target is this far around pH 7, with its bounds.
const TARGET: f32 = 0.2;
const PH_MAX: f32 = 14.0;
const MAX_STEPS: u32 = 25;
/// Litres of a step for each ml of the dose.
const LITRES_PER_ML: f32 = 0.5;

/// The batch between two doses.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PhReactor {
    dose_effect: f32,
    idle_noise: f32,
    dose_noise: f32,
    ph: f32,
    temperature_c: f32,
    volume_l: f32,
    buffer: f32,
}

impl Default for PhReactor {
    fn default() -> Self {
        Self {
            dose_effect: 1.0,
            idle_noise: 0.02,
            dose_noise: 0.03,
            ph: 5.5,
            temperature_c: 25.0,
            volume_l: 1_000.0,
            buffer: 1.15,
        }
    }
}

/// The mean change of the pH by a dose in ml.
#[inline]
fn mean_change(ph: f32, buffer: f32, dose: f32) -> f32 {
    let beyond = if dose > 0.0 { ph - NEUTRAL } else { NEUTRAL - ph };
    dose / (buffer * ((ph - NEUTRAL).abs() + 0.3) * (1.0 + beyond.max(0.0)))
}

#[inline]
fn is_in_target(ph: f32) -> bool {
    (NEUTRAL - TARGET..=NEUTRAL + TARGET).contains(&ph)
}

impl PhReactor {
    fn report(&self, dose: f32, observation: &mut [f32], signals: &mut [f32]) {
        observation.copy_from_slice(&[self.ph, self.temperature_c, self.volume_l, self.buffer]);
        signals.copy_from_slice(&[
            self.ph,
            (self.ph - NEUTRAL).abs(),
            f32::from(u8::from(is_in_target(self.ph))),
            dose.abs(),
        ]);
    }
}

impl Process for PhReactor {
    const PARAMETERS: &'static [Parameter<Self>] = &[
        Parameter::new("dose_effect", "1", (0.0, 10.0), "effect of a dose against the source's", |process| {
            Field::F32(&mut process.dose_effect)
        }),
        Parameter::new(
            "idle_noise",
            "pH",
            (0.0, 1.0),
            "standard deviation of a step without a dose",
            |process| Field::F32(&mut process.idle_noise),
        ),
        Parameter::new(
            "dose_noise",
            "pH",
            (0.0, 1.0),
            "standard deviation of a step with a dose",
            |process| Field::F32(&mut process.dose_noise),
        ),
    ];

    fn heuristics(&self) -> Vec<Heuristic> {
        vec![one_step_ahead()]
    }

    fn spec(&self) -> Spec {
        let added = LITRES_PER_ML * MAX_STEPS as f32;
        Spec {
            summary: "neutralise a batch of 1,000 l with small doses of base and acid".to_owned(),
            source: "ModelBased_pH".to_owned(),
            observation: vec![
                Feature::new("ph", "pH", 0.0, PH_MAX, "pH of the batch").ordinarily(5.5),
                Feature::new("temperature", "°C", 20.0, 30.0, "temperature of the batch"),
                // Projects may have more steps, so the bounds hold for four times as many.
                Feature::new("volume", "l", 900.0 - 4.0 * added, 1_100.0 + 4.0 * added, "volume of the batch"),
                Feature::new("buffer_strength", "1", 0.8, 1.5, "a dose has less effect on a strong buffer"),
            ],
            action: ActionSpace::choices(&[
                ("none", "waits a step"),
                ("base_half", "doses 0.5 ml of base"),
                ("base_full", "doses 1 ml of base"),
                ("acid_half", "doses 0.5 ml of acid"),
                ("acid_full", "doses 1 ml of acid"),
            ]),
            signals: vec![
                Signal::new("ph", "pH", 0.0, PH_MAX, "pH after the step"),
                Signal::new("distance", "pH", 0.0, NEUTRAL, "distance of the pH from 7 after the step"),
                Signal::new("in_target", "1", 0.0, 1.0, "1 when the pH reached 6.8 to 7.2, which ends the episode")
                    .summarised_by(Aggregate::Total),
                Signal::new("dose", "ml", 0.0, 1.0, "base or acid of the step").summarised_by(Aggregate::Total),
            ],
            termination: Termination::Goal,
            max_steps: Some(MAX_STEPS),
            reward: [("distance", -10.0), ("dose", -0.2)].map(|(name, weight)| (name.to_owned(), weight)).to_vec(),
            on_terminated: 5.0,
            notes: vec![
                "The source counts steps in the target among all steps. An episode ends in the target, so a good policy \
                 cannot exceed one step of each episode: compare the return."
                    .to_owned(),
                "The best possible return is −21.5 (value iteration); a planner that looks one step ahead returns −33.3."
                    .to_owned(),
            ],
            ..Spec::default()
        }
    }

    fn reset(&mut self, random: &mut Stream, observation: &mut [f32], signals: &mut [f32]) {
        self.ph = (5.5 + 0.7 * random.normal()).clamp(3.0, 9.0);
        self.temperature_c = random.uniform(20.0, 30.0);
        self.volume_l = random.uniform(900.0, 1_100.0);
        self.buffer = random.uniform(0.8, 1.5);
        self.report(0.0, observation, signals);
    }

    #[inline]
    fn step(
        &mut self,
        action: Action<'_>,
        random: &mut Stream,
        observation: &mut [f32],
        signals: &mut [f32],
    ) -> Outcome {
        let dose = DOSES[action.choice()];
        let noise = if dose == 0.0 { self.idle_noise } else { self.dose_noise };
        let change = self.dose_effect * mean_change(self.ph, self.buffer, dose);
        self.ph = (self.ph + change + noise * random.normal()).clamp(0.0, PH_MAX);
        self.volume_l += LITRES_PER_ML * dose;
        self.report(dose, observation, signals);
        if is_in_target(self.ph) { Outcome::Terminated } else { Outcome::Running }
    }
}

/// The source's planner on the true mean of the dynamics: the dose with the best expected reward of one step.
pub fn one_step_ahead() -> Heuristic {
    Heuristic::new(
        "one-step-ahead",
        "the dose after which the mean of the next pH has the best reward; it looks no further",
        |state: &State<'_>, action: &mut [f32]| {
            let [ph, _, _, buffer] = *state.observation else { unreachable!("the spec has four features") };
            let reward = |choice: usize| {
                let next = (ph + mean_change(ph, buffer, DOSES[choice])).clamp(0.0, PH_MAX);
                let reached = if is_in_target(next) { 5.0 } else { 0.0 };
                reached - 10.0 * (next - NEUTRAL).abs() - 0.2 * DOSES[choice].abs()
            };
            let mut choices = [0, 1, 2, 3, 4];
            choices.sort_by(|left, right| reward(*right).total_cmp(&reward(*left)));
            action[0] = state.first_allowed(&choices) as f32;
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch(ph: f32, buffer: f32) -> PhReactor {
        PhReactor { ph, buffer, idle_noise: 0.0, dose_noise: 0.0, ..PhReactor::default() }
    }

    fn step(batch: &mut PhReactor, choice: u32) -> ([f32; 4], [f32; 4], Outcome) {
        let (mut random, mut observation, mut signals) = (Stream::new(0, "ph", 0), [0.0; 4], [0.0; 4]);
        let outcome = batch.step(Action::of_choices(&[choice]), &mut random, &mut observation, &mut signals);
        (observation, signals, outcome)
    }

    /// By hand: at pH 6 and b = 1, e = 1/1.3 for 1 ml; base has all of it, acid half of it (1 + 7 − 6 = 2). At pH 8 the other way round.
    #[test]
    fn doses_by_hand() {
        let e = 1.0 / 1.3;
        for (ph, choice, expected) in [
            (6.0, 0, 6.0),
            (6.0, 1, 6.0 + e / 2.0),
            (6.0, 2, 6.0 + e),
            (6.0, 3, 6.0 - e / 4.0),
            (6.0, 4, 6.0 - e / 2.0),
            (8.0, 2, 8.0 + e / 2.0),
            (8.0, 4, 8.0 - e),
        ] {
            let (observation, signals, _) = step(&mut batch(ph, 1.0), choice);
            let dose = DOSES[choice as usize];
            assert!((observation[0] - expected).abs() < 1e-6, "pH {ph}, choice {choice}: {observation:?}");
            assert_eq!(observation[1..], [25.0, 1_000.0 + 0.5 * dose, 1.0]);
            assert_eq!((signals[0], signals[3]), (observation[0], dose.abs()));
            assert!((signals[1] - (expected - 7.0).abs()).abs() < 1e-6);
        }
        // A strong buffer halves the effect.
        let (weak, strong) = (step(&mut batch(6.0, 1.0), 2).0[0], step(&mut batch(6.0, 2.0), 2).0[0]);
        assert!(((weak - 6.0) - 2.0 * (strong - 6.0)).abs() < 1e-6);
    }

    #[test]
    fn it_ends_in_the_target_only() {
        for (ph, expected) in [
            (6.79, Outcome::Running),
            (6.81, Outcome::Terminated),
            (7.19, Outcome::Terminated),
            (7.21, Outcome::Running),
        ] {
            let (_, signals, outcome) = step(&mut batch(ph, 1.0), 0);
            assert_eq!((outcome, signals[2] == 1.0), (expected, expected == Outcome::Terminated), "pH {ph}");
        }
    }

    /// At pH 6.3 and b = 1, half a dose of base leads to 6.8, a full dose to 7.3.
    #[test]
    fn the_planner_of_one_step_takes_the_dose_that_leads_nearest() {
        let choice = |ph: f32, allowed: &[bool]| {
            let mut action = [0.0];
            let state = State { observation: &[ph, 25.0, 1_000.0, 1.0], signals: &[], allowed };
            (one_step_ahead().decide)(&state, &mut action);
            action[0]
        };
        assert_eq!([choice(6.31, &[]), choice(4.0, &[]), choice(9.5, &[])], [1.0, 2.0, 4.0]);
        assert_eq!(choice(4.0, &[true, true, false, true, true]), 1.0);
    }
}
