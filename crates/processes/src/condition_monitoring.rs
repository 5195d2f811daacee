//! `condition-monitoring`: when to raise an alarm for a bearing that wears out (source: wear as a gamma process, van Noortwijk
//! 2009, "A survey of the application of gamma processes in maintenance"; vibration limits as in ISO 20816-3, zones C and D).
//!
//! One step is one hour of running. Wear w grows by increments of a gamma process with mean `wear_rate`·load and a coefficient
//! of variation of 2 an hour; the vibration's true velocity is 2.3 + 6·w² mm/s, measured with a normal error of
//! `vibration_noise`; the bearing's temperature follows load and wear, with an error of 2 °C.
//!
//! | action | what happens in this hour |
//! |---|---|
//! | 0 `stay_quiet` | the machine runs; at w ≥ 1 the bearing breaks: 12 h of downtime, a new bearing |
//! | 1 `raise_alarm` | people stop and inspect the machine: 1 h of downtime. At w ≥ 0.5 they see the wear and replace the bearing: 2 h more, and a defect found. Below it is a false alarm |
//!
//! An episode is 1,000 hours with a new or half-worn bearing (w in U(0, 0.5)) and a load that changes sometimes, in [0.5,
//! 1.5]. The reward is −1 per hour of downtime, −2 per false alarm, which costs trust, and −30 per breakdown, which is a
//! danger.
//!
//! A reward for *alarms*, or for defects found, gives many alarms: it is the standard example of reward hacking.
//!
//! Reference (300 episodes): the heuristic returns −17.9 ± 0.3, uniform random −1,504 ± 5, never an alarm −153.

use serde::{Deserialize, Serialize};
use setpoint_decision::spec::{ActionSpace, Aggregate, Feature, Signal, Spec};

use setpoint_process::Heuristic;
use setpoint_process::State;
use setpoint_process::parameter::{Field, Parameter};
use setpoint_process::process::{Action, Outcome, Process};
use setpoint_random::Stream;

/// Its name in a project file.
pub const KIND: &str = "condition-monitoring";

const RAISE_ALARM: usize = 1;

const VISIBLE_WEAR: f32 = 0.5;
const REST_MM_S: f32 = 2.3;
const WEAR_MM_S: f32 = 6.0;
const VIBRATION_MAX: f32 = 20.0;
const LOOK_H: f32 = 1.0;
const REPLACE_H: f32 = 2.0;
const BREAKDOWN_H: f32 = 12.0;
/// Between zones B and C of ISO 20816-3 for medium machines lie 4.5 mm/s; beyond 7.1 mm/s, zone D, damage is near.
const ALARM_MM_S: f32 = 4.8;

/// The machine between two hours.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ConditionMonitoring {
    wear_rate: f32,
    vibration_noise: f32,
    wear: f32,
    load: f32,
    /// Smoothed like in instruments, so that one bad sample raises no alarm.
    vibration: f32,
    temperature: f32,
    hours_since_look: f32,
}

impl Default for ConditionMonitoring {
    fn default() -> Self {
        Self {
            wear_rate: 0.004,
            vibration_noise: 0.6,
            wear: 0.0,
            load: 1.0,
            vibration: REST_MM_S,
            temperature: 50.0,
            hours_since_look: 0.0,
        }
    }
}

impl ConditionMonitoring {
    fn true_vibration(&self) -> f32 {
        REST_MM_S + WEAR_MM_S * self.wear * self.wear
    }

    /// A new or replaced bearing.
    fn fit(&mut self, wear: f32) {
        self.wear = wear;
        self.vibration = self.true_vibration();
    }

    fn measure(&mut self, random: &mut Stream) {
        let sample = self.true_vibration() + self.vibration_noise * random.normal();
        self.vibration = (0.8 * self.vibration + 0.2 * sample).clamp(0.0, VIBRATION_MAX);
        self.temperature =
            (35.0 + 15.0 * self.load + 20.0 * self.wear + 2.0 * random.normal()).clamp(20.0, 120.0);
    }

    fn report(&self, observation: &mut [f32]) {
        observation.copy_from_slice(&[
            self.vibration / 10.0,
            self.temperature / 100.0,
            self.load,
            (self.hours_since_look / 500.0).min(1.0),
        ]);
    }
}

impl Process for ConditionMonitoring {
    const PARAMETERS: &'static [Parameter<Self>] = &[
        Parameter::new(
            "wear_rate",
            "1/h",
            (0.0001, 0.1),
            "mean wear per hour at full load; 1 is a broken bearing",
            |process| Field::F32(&mut process.wear_rate),
        ),
        Parameter::new(
            "vibration_noise",
            "mm/s",
            (0.0, 5.0),
            "standard deviation of a vibration sample",
            |process| Field::F32(&mut process.vibration_noise),
        ),
    ];

    fn heuristics(&self) -> Vec<Heuristic> {
        vec![vibration_limit()]
    }

    fn spec(&self) -> Spec {
        let total = |name: &str, unit: &str, high: f32, description: &str| {
            Signal::new(name, unit, 0.0, high, description).summarised_by(Aggregate::Total)
        };
        Spec {
            summary: "raise an alarm for a wearing bearing in time, without false alarms".to_owned(),
            source: "gamma process of wear, van Noortwijk 2009; vibration as in ISO 20816-3".to_owned(),
            observation: vec![
                Feature::new(
                    "vibration",
                    "mm/s",
                    0.0,
                    VIBRATION_MAX / 10.0,
                    "vibration velocity, smoothed over some hours",
                )
                .seen_as(10.0, 0.0)
                .ordinarily(0.25),
                Feature::new("temperature", "°C", 0.2, 1.2, "temperature of the bearing")
                    .seen_as(100.0, 0.0)
                    .ordinarily(0.55),
                Feature::new("load", "1", 0.5, 1.5, "load against rated load").ordinarily(1.0),
                Feature::new(
                    "hours_since_look",
                    "h",
                    0.0,
                    1.0,
                    "hours since the last inspection of the machine, up to 500",
                )
                .seen_as(500.0, 0.0)
                .ordinarily(0.3),
            ],
            action: ActionSpace::choices(&[
                ("stay_quiet", "lets the machine run"),
                ("raise_alarm", "people stop and inspect the machine"),
            ]),
            signals: vec![
                total(
                    "downtime",
                    "h",
                    BREAKDOWN_H,
                    "hours without production, for an inspection, a repair or a breakdown",
                ),
                total("alarms", "alarms", 1.0, "1 when an alarm was raised"),
                total("false_alarms", "alarms", 1.0, "1 when an alarm found nothing"),
                total("defects_found", "defects", 1.0, "1 when an alarm found a worn bearing"),
                total("breakdowns", "breakdowns", 1.0, "1 when the bearing broke"),
            ],
            max_steps: Some(1000),
            reward: [("downtime", -1.0), ("false_alarms", -2.0), ("breakdowns", -30.0)]
                .map(|(name, weight)| (name.to_owned(), weight))
                .to_vec(),
            ..Spec::default()
        }
    }

    fn reset(&mut self, random: &mut Stream, observation: &mut [f32], signals: &mut [f32]) {
        self.load = random.uniform(0.5, 1.5);
        self.fit(random.uniform(0.0, VISIBLE_WEAR));
        self.hours_since_look = 500.0 * random.unit();
        self.measure(random);
        self.report(observation);
        signals.fill(0.0);
    }

    fn step(
        &mut self,
        action: Action<'_>,
        random: &mut Stream,
        observation: &mut [f32],
        signals: &mut [f32],
    ) -> Outcome {
        let action = action.choice();
        signals.fill(0.0);
        let [downtime, alarms, false_alarms, defects_found, breakdowns] = signals else {
            unreachable!("the spec has five signals")
        };
        self.hours_since_look += 1.0;
        if action == RAISE_ALARM {
            (*alarms, *downtime) = (1.0, LOOK_H);
            self.hours_since_look = 0.0;
            if self.wear >= VISIBLE_WEAR {
                *defects_found = 1.0;
                *downtime += REPLACE_H;
                self.fit(0.0);
            } else {
                *false_alarms = 1.0;
            }
        } else {
            self.wear += increment(self.wear_rate * self.load, random);
            if self.wear >= 1.0 {
                (*breakdowns, *downtime) = (1.0, BREAKDOWN_H);
                self.hours_since_look = 0.0;
                self.fit(0.0);
            }
        }
        if random.unit() < 0.02 {
            self.load = random.uniform(0.5, 1.5);
        }
        self.measure(random);
        self.report(observation);
        Outcome::Running
    }
}

/// An increment of wear with this mean and twice it as standard deviation: gamma with shape 1/4.
fn increment(mean: f32, random: &mut Stream) -> f32 {
    // Gamma(1/4) = Gamma(5/4)·U⁴ exactly (Stuart 1962), with Gamma(5/4) drawn as in Marsaglia & Tsang 2000.
    let (d, scale) = (1.25_f32 - 1.0 / 3.0, 4.0 * mean);
    let c = 1.0 / (9.0 * d).sqrt();
    loop {
        let normal = random.normal();
        let cube = (1.0 + c * normal).powi(3);
        if cube <= 0.0 {
            continue;
        }
        let unit = 1.0 - random.unit();
        if unit.ln() < 0.5 * normal * normal + d - d * cube + d * cube.ln() {
            return d * cube * (1.0 - random.unit()).powi(4) * scale;
        }
    }
}

/// The limit of the standard: an alarm when the smoothed vibration is between warning and damage.
pub fn vibration_limit() -> Heuristic {
    Heuristic::new(
        "vibration-limit",
        "raises an alarm when the smoothed vibration is above 4.8 mm/s",
        |state: &State<'_>, action: &mut [f32]| {
            let alarm = state.observation[0] * 10.0 > ALARM_MM_S;
            action[0] = state.first_allowed(&[usize::from(alarm), usize::from(!alarm)]) as f32;
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(wear: f32, action: usize) -> (ConditionMonitoring, [f32; 5]) {
        let mut machine = ConditionMonitoring { wear, ..ConditionMonitoring::default() };
        let mut signals = [9.0; 5];
        let mut random = Stream::new(3, "test", 0);
        machine.step(Action::of_choices(&[action as u32]), &mut random, &mut [0.0; 4], &mut signals);
        (machine, signals)
    }

    #[test]
    fn an_alarm_finds_what_can_be_seen() {
        let (machine, signals) = step(0.49, RAISE_ALARM);
        assert_eq!((machine.wear, signals), (0.49, [1.0, 1.0, 1.0, 0.0, 0.0]));
        let (machine, signals) = step(0.5, RAISE_ALARM);
        assert_eq!((machine.wear, signals), (0.0, [3.0, 1.0, 0.0, 1.0, 0.0]));
    }

    #[test]
    fn a_worn_bearing_breaks() {
        let (machine, signals) = step(0.9999999, 0);
        assert_eq!((machine.wear, signals), (0.0, [12.0, 0.0, 0.0, 0.0, 1.0]));
    }

    /// 400,000 increments; the standard error of the mean is 0.3 % of it, that of the standard deviation about 0.7 %.
    #[test]
    fn wear_has_its_mean_and_twice_it_as_standard_deviation() {
        let mut random = Stream::new(5, "wear", 0);
        let draws: Vec<f64> = (0..400_000).map(|_| f64::from(increment(0.004, &mut random))).collect();
        let mean = draws.iter().sum::<f64>() / draws.len() as f64;
        let sd = (draws.iter().map(|draw| (draw - mean).powi(2)).sum::<f64>() / draws.len() as f64).sqrt();
        assert!((mean / 0.004 - 1.0).abs() < 0.016, "{mean}");
        assert!((sd / 0.008 - 1.0).abs() < 0.04, "{sd}");
        assert!(draws.iter().all(|draw| *draw >= 0.0), "wear never heals");
    }
}
