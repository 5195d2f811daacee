//! `assembly-line`: choose the next intervention on a 6-station line (source: PolicyOpt_Assembly, "REINFORCE decided").
//!
//! | action | effect |
//! |---|---|
//! | 0 `reassign_operator` | efficiency += U(0, 0.05); micro-stops −1 |
//! | 1 `increase_speed` | speed += 0.03; each cycle time −= U(0.3, 0.8); failure probability += 0.02 |
//! | 2 `decrease_speed` | speed −= 0.03; each cycle time += U(0.5, 1.2); failure probability −= 0.015 |
//! | 3 `quick_maintenance` | micro-stops −3; failure probability −= 0.03; each cycle time += U(0.2, 0.6) |
//! | 4 `redirect_flow` | WIP −= {1..3}; speed += 0.01 |
//! | 5 `no_action` | – |
//!
//! These amounts and those of the drift are parameters of `[process]`, with the source's values as defaults.
//!
//! Then drift, every step: each cycle time += U(−0.5, 0.5); WIP += {−1, 0, 1}; micro-stops += {0, 1}; failure probability
//! += U(−0.01, 0.01). Then clipping to the bounds. `throughput = 3600 / mean(cycle times) · speed · efficiency`.
//! Terminated at WIP ≥ 40 or failure probability > 0.20; truncated after 100 steps.
//!
//! Reference (uniform random, 12 seeds × 50 episodes): 94.2 ± 1.9 reward per step, 93.1 ± 1.4 units per hour.

use serde::{Deserialize, Serialize};
use setpoint_decision::spec::{ActionSpace, Aggregate, Choice, Feature, Signal, Spec, Termination};

use setpoint_process::Heuristic;
use setpoint_process::State;
use setpoint_process::parameter::{Field, Parameter};
use setpoint_process::process::{Action, Outcome, Process};
use setpoint_random::Stream;

/// Its name in a project file.
pub const KIND: &str = "assembly-line";

const STATIONS: usize = 6;
const WIP_MAX: f32 = 40.0;
const SPEED_MAX: f32 = 1.2;
const MICRO_STOPS_MAX: f32 = 15.0;
const FAILURE_LIMIT: f32 = 0.20;

const REASSIGN_OPERATOR: usize = 0;
const INCREASE_SPEED: usize = 1;
const DECREASE_SPEED: usize = 2;
const QUICK_MAINTENANCE: usize = 3;
const REDIRECT_FLOW: usize = 4;
const NO_ACTION: usize = 5;

/// The response of the line.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Dynamics {
    efficiency_gain: f32,
    speed_step: f32,
    failure_per_speed: f32,
    maintenance_effect: f32,
    cycle_time_drift_s: f32,
    failure_drift: f32,
    micro_stop_rate: f32,
}

impl Default for Dynamics {
    fn default() -> Self {
        Self {
            efficiency_gain: 0.05,
            speed_step: 0.03,
            failure_per_speed: 0.02,
            maintenance_effect: 0.03,
            cycle_time_drift_s: 0.5,
            failure_drift: 0.01,
            micro_stop_rate: 0.5,
        }
    }
}

/// The line between two interventions.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct AssemblyLine {
    dynamics: Dynamics,
    cycle_times_s: [f32; STATIONS],
    wip: f32,
    speed: f32,
    failure_prob: f32,
    micro_stops: f32,
    operator_efficiency: f32,
}

impl AssemblyLine {
    /// Adds U(low, high) to each cycle time, independently for each station.
    #[inline(always)]
    fn shift_cycle_times(&mut self, random: &mut Stream, low: f32, high: f32) {
        for pair in self.cycle_times_s.chunks_exact_mut(2) {
            let (first, second) = random.unit_pair();
            pair[0] += low + (high - low) * first;
            pair[1] += low + (high - low) * second;
        }
    }

    #[inline(always)]
    fn report(&self, observation: &mut [f32], signals: &mut [f32]) {
        for (feature, cycle_time) in observation.iter_mut().zip(self.cycle_times_s) {
            *feature = (cycle_time - 20.0) * (1.0 / 25.0);
        }
        observation[6] = self.wip * (1.0 / WIP_MAX);
        observation[7] = self.speed * (1.0 / SPEED_MAX);
        observation[8] = self.failure_prob;
        observation[9] = self.micro_stops * (1.0 / MICRO_STOPS_MAX);
        observation[10] = self.operator_efficiency;
        let mean = self.cycle_times_s.iter().sum::<f32>() * (1.0 / STATIONS as f32);
        signals[0] = 3600.0 / mean * self.speed * self.operator_efficiency;
        signals[1] = self.micro_stops;
        signals[2] = self.wip;
        signals[3] = self.failure_prob;
        signals[4] = mean;
        signals[5] = self.speed;
        signals[6] = self.operator_efficiency;
    }
}

fn features() -> Vec<Feature> {
    let feature =
        |name: &str, unit: &str, description: &str, (low, high), scale, offset, reference| Feature {
            name: name.to_owned(),
            unit: unit.to_owned(),
            description: description.to_owned(),
            low,
            high,
            scale,
            offset,
            reference,
        };
    let mut observation: Vec<Feature> = (1..=STATIONS)
        .map(|station| {
            let (name, description) = (format!("ct_{station}"), format!("cycle time of station {station}"));
            feature(&name, "s", &description, (0.0, 1.0), 25.0, 20.0, 0.46)
        })
        .collect();
    observation.extend([
        feature("wip", "parts", "work in progress", (0.0, 1.0), WIP_MAX, 0.0, 0.25),
        feature("speed", "1", "line speed against rated speed", (0.41, 1.0), SPEED_MAX, 0.0, 0.75),
        feature("failure_prob", "1", "probability of a failure", (0.0, 0.25), 1.0, 0.0, 0.085),
        feature(
            "micro_stops",
            "stops",
            "micro-stops waiting to be cleared",
            (0.0, 1.0),
            MICRO_STOPS_MAX,
            0.0,
            0.2,
        ),
        feature("operator_efficiency", "1", "efficiency of the operators", (0.6, 1.0), 1.0, 0.0, 0.85),
    ]);
    observation
}

fn signals() -> Vec<Signal> {
    let signal = |name: &str, unit: &str, description: &str, low, high| Signal {
        name: name.to_owned(),
        unit: unit.to_owned(),
        description: description.to_owned(),
        low,
        high,
        aggregate: Aggregate::Mean,
    };
    vec![
        signal("throughput_uph", "1/h", "units per hour", 0.0, 216.0),
        signal("micro_stops", "stops", "micro-stops waiting to be cleared", 0.0, MICRO_STOPS_MAX),
        signal("wip", "parts", "work in progress", 0.0, WIP_MAX),
        signal("failure_prob", "1", "probability of a failure", 0.0, 0.25),
        signal("mean_cycle_time", "s", "mean cycle time of the stations", 20.0, 45.0),
        signal("speed", "1", "line speed against rated speed", 0.5, SPEED_MAX),
        signal("operator_efficiency", "1", "efficiency of the operators", 0.6, 1.0),
    ]
}

impl Process for AssemblyLine {
    const PARAMETERS: &'static [Parameter<Self>] = &[
        Parameter::new(
            "efficiency_gain",
            "1",
            (0.0, 0.4),
            "greatest gain in efficiency by a reassignment of operators",
            |process| Field::F32(&mut process.dynamics.efficiency_gain),
        ),
        Parameter::new(
            "speed_step",
            "1",
            (0.0, 0.3),
            "change of speed when it is raised or lowered",
            |process| Field::F32(&mut process.dynamics.speed_step),
        ),
        Parameter::new(
            "failure_per_speed",
            "1",
            (0.0, 0.1),
            "failure probability added when speed is raised",
            |process| Field::F32(&mut process.dynamics.failure_per_speed),
        ),
        Parameter::new(
            "maintenance_effect",
            "1",
            (0.0, 0.2),
            "failure probability that maintenance removes",
            |process| Field::F32(&mut process.dynamics.maintenance_effect),
        ),
        Parameter::new(
            "cycle_time_drift",
            "s",
            (0.0, 5.0),
            "greatest drift of a cycle time in a step, in both directions",
            |process| Field::F32(&mut process.dynamics.cycle_time_drift_s),
        ),
        Parameter::new(
            "failure_drift",
            "1",
            (0.0, 0.1),
            "greatest drift of the failure probability in a step",
            |process| Field::F32(&mut process.dynamics.failure_drift),
        ),
        Parameter::new(
            "micro_stop_rate",
            "1",
            (0.0, 1.0),
            "probability of a new micro-stop in a step",
            |process| Field::F32(&mut process.dynamics.micro_stop_rate),
        ),
    ];

    fn heuristics(&self) -> Vec<Heuristic> {
        vec![line_manager()]
    }

    fn spec(&self) -> Spec {
        let choice = |name: &str, description: &str| Choice {
            name: name.to_owned(),
            description: description.to_owned(),
        };
        Spec {
            summary: "choose the next intervention on a 6-station line".to_owned(),
            source: "PolicyOpt_Assembly, \"REINFORCE decided\"".to_owned(),
            observation: features(),
            action: ActionSpace::one_of(vec![
                    choice("reassign_operator", "raises efficiency, clears one micro-stop"),
                    choice("increase_speed", "faster line and shorter cycles, more failures"),
                    choice("decrease_speed", "slower line and longer cycles, fewer failures"),
                    choice("quick_maintenance", "clears three micro-stops, fewer failures, slightly longer cycles"),
                    choice("redirect_flow", "removes one to three parts from the line, slightly faster line"),
                    choice("no_action", "changes nothing"),
                ]),
            signals: signals(),
            termination: Termination::Failure,
            max_steps: Some(100),
            reward: [("throughput_uph", 1.2), ("micro_stops", -4.0), ("wip", -1.5), ("failure_prob", -10.0)]
                .map(|(name, weight)| (name.to_owned(), weight))
                .to_vec(),
            on_terminated: -200.0,
            on_truncated: 0.0,
            masked: false,
            deterministic: false,
            notes: vec![
                "The source gives 128.74 reward per step for REINFORCE. That is one seed (42), and a lucky one: over 12 \
                 seeds the same settings get 107.5 ± 12.3 (mean ± standard deviation over seeds)."
                    .to_owned(),
                "Uniform random gets 94.2 ± 1.9 reward per step and 93.1 ± 1.4 units per hour (12 seeds × 50 episodes)."
                    .to_owned(),
            ],
            ..Spec::default()
        }
    }

    fn reset(&mut self, random: &mut Stream, observation: &mut [f32], signals: &mut [f32]) {
        self.cycle_times_s = std::array::from_fn(|_| random.uniform(28.0, 35.0));
        self.wip = 6.0 + random.below(9) as f32;
        self.speed = random.uniform(0.80, 1.00);
        self.failure_prob = random.uniform(0.05, 0.12);
        self.micro_stops = random.below(5) as f32;
        self.operator_efficiency = random.uniform(0.75, 0.95);
        self.report(observation, signals);
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
        match action {
            REASSIGN_OPERATOR => {
                self.operator_efficiency += random.uniform(0.0, self.dynamics.efficiency_gain);
                self.micro_stops = (self.micro_stops - 1.0).max(0.0);
            }
            INCREASE_SPEED => {
                self.speed += self.dynamics.speed_step;
                self.shift_cycle_times(random, -0.8, -0.3);
                self.failure_prob += self.dynamics.failure_per_speed;
            }
            DECREASE_SPEED => {
                self.speed -= self.dynamics.speed_step;
                self.shift_cycle_times(random, 0.5, 1.2);
                self.failure_prob -= 0.015;
            }
            QUICK_MAINTENANCE => {
                self.micro_stops = (self.micro_stops - 3.0).max(0.0);
                self.failure_prob -= self.dynamics.maintenance_effect;
                self.shift_cycle_times(random, 0.2, 0.6);
            }
            REDIRECT_FLOW => {
                self.wip -= 1.0 + random.below(3) as f32;
                self.speed += 0.01;
            }
            _ => debug_assert_eq!(action, NO_ACTION),
        }

        let Dynamics { cycle_time_drift_s, failure_drift, micro_stop_rate, .. } = self.dynamics;
        self.shift_cycle_times(random, -cycle_time_drift_s, cycle_time_drift_s);
        // One draw for the three small drifts: 24 bits for the failure probability, 31 for WIP (a bias of 2⁻³¹), nine
        // for the micro-stop, the highest of them first.
        let bits = random.next_u64();
        self.failure_prob += ((bits >> 40) as f32 * (1.0 / 16_777_216.0) - 0.5) * (2.0 * failure_drift);
        self.wip += ((((bits >> 1) & 0x7FFF_FFFF) * 3) >> 31) as f32 - 1.0;
        let nine = ((bits & 1) << 8) | ((bits >> 32) & 0xFF);
        self.micro_stops += f32::from(u8::from(nine as f32 * (1.0 / 512.0) >= 1.0 - micro_stop_rate));

        for cycle_time in &mut self.cycle_times_s {
            *cycle_time = cycle_time.clamp(20.0, 45.0);
        }
        self.wip = self.wip.clamp(0.0, WIP_MAX);
        self.speed = self.speed.clamp(0.5, SPEED_MAX);
        self.failure_prob = self.failure_prob.clamp(0.0, 0.25);
        self.micro_stops = self.micro_stops.clamp(0.0, MICRO_STOPS_MAX);
        self.operator_efficiency = self.operator_efficiency.clamp(0.60, 1.00);
        self.report(observation, signals);
        if self.wip >= WIP_MAX || self.failure_prob > FAILURE_LIMIT {
            Outcome::Terminated
        } else {
            Outcome::Running
        }
    }
}

/// The rule of an experienced line manager: first failures, then queues, then staffing,
/// then speed.
pub fn line_manager() -> Heuristic {
    Heuristic::new(
        "line-manager",
        "maintains when failures or micro-stops increase, redirects when parts queue, staffs the line, \
                  then raises speed while it is safe",
        |state: &State<'_>, action: &mut [f32]| {
            let [.., wip, speed, failure_prob, micro_stops, efficiency] = state.observation else {
                unreachable!("the spec has eleven features")
            };
            let (parts, stops) = (wip * WIP_MAX, micro_stops * MICRO_STOPS_MAX);
            let mean_cycle =
                state.observation[..STATIONS].iter().sum::<f32>() / STATIONS as f32 * 25.0 + 20.0;
            let preferred: &[usize] = if *failure_prob > 0.15 {
                &[QUICK_MAINTENANCE, DECREASE_SPEED]
            } else if stops >= 5.0 {
                &[QUICK_MAINTENANCE, REASSIGN_OPERATOR]
            } else if parts > 15.0 {
                &[REDIRECT_FLOW]
            } else if *efficiency < 0.90 {
                &[REASSIGN_OPERATOR]
            } else if *failure_prob < 0.12 && (*speed * SPEED_MAX < 1.1 || mean_cycle > 25.0) {
                &[INCREASE_SPEED, REDIRECT_FLOW]
            } else if stops >= 2.0 {
                &[REASSIGN_OPERATOR]
            } else {
                &[NO_ACTION]
            };
            action[0] = state.first_allowed(preferred) as f32;
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line() -> AssemblyLine {
        AssemblyLine {
            dynamics: Dynamics::default(),
            cycle_times_s: [30.0; STATIONS],
            wip: 10.0,
            speed: 0.9,
            failure_prob: 0.1,
            micro_stops: 2.0,
            operator_efficiency: 0.8,
        }
    }

    /// Every action from the same state, many times: each change must lie in the range of the reference.
    #[test]
    fn each_action_changes_what_it_should_within_its_range() {
        // Per action: range of the changes of a cycle time, WIP, speed, failure probability, micro-stops, efficiency.
        type Ranges = [(f32, f32); 6];
        let expected: [Ranges; 6] = [
            [(-0.5, 0.5), (-1.0, 1.0), (0.0, 0.0), (-0.01, 0.01), (-1.0, 0.0), (0.0, 0.05)],
            [(-1.3, 0.2), (-1.0, 1.0), (0.03, 0.03), (0.01, 0.03), (0.0, 1.0), (0.0, 0.0)],
            [(0.0, 1.7), (-1.0, 1.0), (-0.03, -0.03), (-0.025, -0.005), (0.0, 1.0), (0.0, 0.0)],
            [(-0.3, 1.1), (-1.0, 1.0), (0.0, 0.0), (-0.04, -0.02), (-2.0, -1.0), (0.0, 0.0)],
            [(-0.5, 0.5), (-4.0, 0.0), (0.01, 0.01), (-0.01, 0.01), (0.0, 1.0), (0.0, 0.0)],
            [(-0.5, 0.5), (-1.0, 1.0), (0.0, 0.0), (-0.01, 0.01), (0.0, 1.0), (0.0, 0.0)],
        ];
        let mut random = Stream::new(1, "ranges", 0);
        for (action, ranges) in expected.iter().enumerate() {
            let mut seen = [(f32::INFINITY, f32::NEG_INFINITY); 6];
            for _ in 0..20_000 {
                let mut after = line();
                after.step(Action::of_choices(&[action as u32]), &mut random, &mut [0.0; 11], &mut [0.0; 7]);
                let before = line();
                let changes = [
                    after.cycle_times_s[3] - before.cycle_times_s[3],
                    after.wip - before.wip,
                    after.speed - before.speed,
                    after.failure_prob - before.failure_prob,
                    after.micro_stops - before.micro_stops,
                    after.operator_efficiency - before.operator_efficiency,
                ];
                for (seen, change) in seen.iter_mut().zip(changes) {
                    *seen = (seen.0.min(change), seen.1.max(change));
                }
            }
            for (index, ((low, high), (seen_low, seen_high))) in ranges.iter().zip(seen).enumerate() {
                // The changes reach the whole range (to 4 %), and never leave it.
                let slack = 0.04 * (high - low) + 1e-5;
                assert!(
                    seen_low >= low - 1e-5
                        && seen_high <= high + 1e-5
                        && seen_low <= low + slack
                        && seen_high >= high - slack,
                    "action {action}, quantity {index}: saw {seen_low}..{seen_high}, expected {low}..{high}"
                );
            }
        }
    }

    #[test]
    fn observation_and_throughput_by_hand() {
        let (mut observation, mut signals) = ([0.0; 11], [0.0; 7]);
        line().report(&mut observation, &mut signals);
        assert!((signals[0] - 3600.0 / 30.0 * 0.9 * 0.8).abs() < 1e-4);
        let expected = [0.4, 0.4, 0.4, 0.4, 0.4, 0.4, 0.25, 0.75, 0.1, 2.0 / 15.0, 0.8];
        for (found, expected) in observation.iter().zip(expected) {
            assert!((found - expected).abs() < 1e-6);
        }
    }

    #[test]
    fn it_terminates_beyond_the_limits_only() {
        let step = |line: AssemblyLine, action| {
            let mut line = line;
            line.step(
                Action::of_choices(&[action as u32]),
                &mut Stream::new(2, "limits", 0),
                &mut [0.0; 11],
                &mut [0.0; 7],
            )
        };
        assert_eq!(step(AssemblyLine { failure_prob: 0.19, ..line() }, NO_ACTION), Outcome::Running);
        assert_eq!(step(AssemblyLine { failure_prob: 0.195, ..line() }, INCREASE_SPEED), Outcome::Terminated);
        assert_eq!(step(AssemblyLine { wip: 41.0, ..line() }, NO_ACTION), Outcome::Terminated);
        assert_eq!(step(AssemblyLine { wip: 38.0, ..line() }, NO_ACTION), Outcome::Running);
    }
}
