//! `batch-oven`: heat a curing oven, minute by minute, while batch after batch goes through it.
//!
//! Oven and batch are two bodies, each of one temperature (lumped capacitance: Incropera & DeWitt, "Fundamentals of Heat and
//! Mass Transfer", chapter 5), in Euler steps of 60 s, with h = 0.3 kW/K and steel of c = 0.5 kJ/(kg·K):
//!
//! ```text
//! 120 kJ/K · dT_oven/dt = P − w·(T_oven − 20 °C) − h·(T_oven − T_batch)        c·m · dT_batch/dt = h·(T_oven − T_batch)
//! ```
//!
//! A batch has a mass m from U(100, 400) kg and comes at 20 °C. It is cured after 15 minutes at 180 °C or more, and the next
//! batch follows. Above 200 °C it loses value. A limiter stops the heater at 350 °C. An episode is a shift of 8 hours.

use serde::{Deserialize, Serialize};
use setpoint::process::*;

/// The kind, for registries.
pub const KIND: Kind = Kind::of::<BatchOven>("batch-oven");

/// The oven between two decisions: temperatures in °C, time in minutes.
#[derive(Clone, Serialize, Deserialize)]
pub struct BatchOven {
    heater_kw: f32,
    wall_loss: f32,
    mass_kg: f32,
    oven: f32,
    batch: f32,
    cured: f32,
}

impl Default for BatchOven {
    fn default() -> Self {
        Self { heater_kw: 30.0, wall_loss: 0.05, mass_kg: 0.0, oven: 0.0, batch: 0.0, cured: 0.0 }
    }
}

impl Process for BatchOven {
    const PARAMETERS: &'static [Parameter<Self>] = &[
        Parameter::new("heater", "kW", (10.0, 100.0), "full power P", |oven| F32(&mut oven.heater_kw)),
        Parameter::new("wall_loss", "kW/K", (0.0, 0.5), "heat loss w", |oven| F32(&mut oven.wall_loss)),
    ];

    fn spec(&self) -> Spec {
        Spec {
            summary: "heat a curing oven, minute by minute, while batch after batch goes through it".into(),
            source: "lumped capacitance; Incropera & DeWitt, Fundamentals of Heat and Mass Transfer".into(),
            observation: vec![
                Feature::new("oven_temperature", "°C", 0.0, 400.0, "temperature of the oven"),
                Feature::new("batch_temperature", "°C", 0.0, 400.0, "temperature of the batch"),
                Feature::new("batch_mass", "kg", 100.0, 400.0, "mass of the batch"),
                Feature::new("curing", "min", 0.0, 15.0, "time at 180 °C or more so far"),
            ],
            action: ActionSpace::choices(&[("off", "no heat"), ("half", "half heat"), ("full", "full heat")]),
            signals: vec![
                Signal::new("energy", "kWh", 0.0, 2.0, "electricity of the heater"),
                Signal::new("overheating", "K", 0.0, 200.0, "temperature of the batch above 200 °C"),
                Signal::new("cured", "1/min", 0.0, 1.0, "batches that are cured"),
            ],
            reward: vec![("energy".into(), -0.3), ("overheating".into(), -1.0), ("cured".into(), 25.0)],
            max_steps: Some(480),
            ..Spec::default()
        }
    }

    fn heuristics(&self) -> Vec<Heuristic> {
        vec![Heuristic::new("thermostat", "full power below 190 °C in the oven", |state, action| {
            let preferred = if state.observation[0] < 190.0 { [2, 1, 0] } else { [0, 1, 2] };
            action[0] = state.first_allowed(&preferred) as f32;
        })]
    }

    fn reset(&mut self, random: &mut Stream, seen: &mut [f32], signals: &mut [f32]) {
        (self.oven, self.mass_kg) = (random.uniform(20.0, 120.0), random.uniform(100.0, 400.0));
        (self.batch, self.cured) = (20.0, 0.0);
        seen.copy_from_slice(&[self.oven, self.batch, self.mass_kg, self.cured]);
        signals.fill(0.0);
    }

    fn step(
        &mut self,
        action: Action,
        random: &mut Stream,
        seen: &mut [f32],
        signals: &mut [f32],
    ) -> Outcome {
        let kw = if self.oven < 350.0 { self.heater_kw * action.choice() as f32 / 2.0 } else { 0.0 };
        let (lost_kw, to_batch_kw) = (self.wall_loss * (self.oven - 20.0), 0.3 * (self.oven - self.batch));
        self.oven += 60.0 / 120.0 * (kw - lost_kw - to_batch_kw);
        self.batch += 60.0 / (0.5 * self.mass_kg) * to_batch_kw;
        self.cured += f32::from(self.batch >= 180.0);
        let is_cured = self.cured >= 15.0;
        signals.copy_from_slice(&[kw / 60.0, (self.batch - 200.0).max(0.0), f32::from(is_cured)]);
        if is_cured {
            (self.mass_kg, self.batch, self.cured) = (random.uniform(100.0, 400.0), 20.0, 0.0);
        }
        seen.copy_from_slice(&[self.oven, self.batch, self.mass_kg, self.cured]);
        Outcome::Running
    }
}
