//! `warehouse-picking`: route one picker through a warehouse in which others pick too (source: the production guide).
//!
//! The floor is a block of parallel aisles between two cross aisles (`layout`). An order is a number of items at locations
//! drawn evenly from all, without repetition. The picker starts at the depot, picks an item by walking to the cell beside
//! it, and brings the order back to the depot, where the next one is waiting: a stream of orders until the time is up.
//!
//! A step is one metre's walk, about one second. In it, in this order:
//! 1. the picker takes its step: `north`, `south`, `east`, `west` where there is floor (the mask forbids the rest), or
//!    `wait`. Where another picker stands, or is about to step, they collide: the picker stays where it was;
//! 2. items beside the picker are picked; a finished order at the depot is exchanged for the next;
//! 3. the others take the step they announced, unless somebody stands there, and announce their next one (`other_pickers`).
//!
//! Aisles are too narrow to pass. Reward of the source: −1 a metre walked, +100 an item picked, −50 a collision. Time has
//! no price of its own, but an episode is a fixed number of steps: who waits picks less.
//!
//! Reference (level normal, 1,000 episodes of 400 steps): nearest-item-first 9.83 ± 0.05 reward per step, 42.8 items, 12 %
//! of the time waiting; s-shape 8.70 ± 0.05, 38.2 items; uniform random −2.2. Without other pickers nearest-item-first
//! picks some 50 items, and its ways are about 5 % longer than the shortest ones (exact, 150 orders of 8 items).

mod features;
mod heuristics;
mod layout;
mod other_pickers;
mod routing;

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use setpoint_decision::Diagnostic;
use setpoint_decision::section::Range;
use setpoint_decision::spec::{ActionSpace, Aggregate, Signal, Spec};

use self::features::{Scene, View};
use self::layout::{Cell, DEPOT, DIRECTIONS, Layout};
use self::other_pickers::OtherPicker;
use setpoint_process::Factory;
use setpoint_process::factory::Simulator;
use setpoint_process::parameter::{self, Field, Parameter};
use setpoint_process::process::{Action, Outcome, Process};
use setpoint_process::registry::Request;
use setpoint_random::Stream;

/// Its name in a project file.
pub const KIND: &str = "warehouse-picking";

const DISTANCE: usize = 0;
const ITEMS_PICKED: usize = 1;
const COLLISIONS: usize = 2;
const ORDERS_COMPLETED: usize = 3;
const WAITING: usize = 4;

/// A difficulty: what the keys are where the project does not give them.
struct Level {
    name: &'static str,
    aisles: u64,
    rows: u64,
    items: u64,
    pickers: u64,
    max_steps: u32,
}

const LEVELS: [Level; 3] = [
    Level { name: "easy", aisles: 3, rows: 8, items: 4, pickers: 1, max_steps: 300 },
    Level { name: "normal", aisles: 5, rows: 10, items: 8, pickers: 3, max_steps: 400 },
    Level { name: "hard", aisles: 8, rows: 15, items: 15, pickers: 6, max_steps: 800 },
];
const DEFAULT_LEVEL: &str = "normal";

/// The warehouse between two steps.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct WarehousePicking {
    layout: Layout,
    items_per_order: usize,
    pickers: usize,
    /// Steps that the others stand at a location on average.
    picking_steps: u32,
    max_steps: u32,
    picker: Cell,
    heading: Cell,
    /// Cells of the open items, the nearest first.
    open: Vec<Cell>,
    others: Vec<OtherPicker>,
}

/// From `[process]`: `level`, and what it sets: `aisles`, `rows`, `items`, `pickers`; and its parameters.
pub fn open(request: &Request<'_>) -> Result<Arc<dyn Factory>, Box<Diagnostic>> {
    let section = &request.section;
    let name = section.choice("level", &LEVELS.map(|level| level.name), "how hard it is")?;
    let name = name.unwrap_or(DEFAULT_LEVEL);
    let level =
        LEVELS.into_iter().find(|level| level.name == name).expect("`choice` returns what it is given");
    let integer = |key, (low, high), meaning, default| -> Result<u64, Box<Diagnostic>> {
        Ok(section.integer(key, Range::between(low, high), meaning)?.unwrap_or(default))
    };
    let aisles = integer("aisles", (2.0, 20.0), "parallel picking aisles, 3 m apart", level.aisles)?;
    let rows = integer("rows", (2.0, 60.0), "metres of shelf along each side of an aisle", level.rows)?;
    let items = integer("items", (1.0, features::ITEMS_MAX as f64), "items of an order", level.items)?;
    let pickers = integer("pickers", (0.0, 10.0), "other pickers, who are in the way", level.pickers)?;
    let locations = 2 * aisles * rows;
    if items > locations {
        let title = format!("an order of {items} items does not fit a warehouse of {locations} locations");
        let help = "locations = 2 sides × aisles × rows";
        return Err(section.error("items", &title, &format!("expected at most {locations}"), help));
    }
    let mut process = WarehousePicking {
        layout: Layout { aisles: aisles as i32, rows: rows as i32 },
        items_per_order: items as usize,
        pickers: pickers as usize,
        picking_steps: other_pickers::PICKING_STEPS,
        max_steps: level.max_steps,
        picker: DEPOT,
        heading: Cell::default(),
        open: Vec::new(),
        others: Vec::new(),
    };
    let heuristics =
        vec![heuristics::nearest_item_first(process.view()), heuristics::s_shape(process.view())];
    let defaults = process.clone();
    let mut parameters = parameter::read(&mut process, section)?;
    parameters.insert("level".to_owned(), toml::Value::from(name));
    for (key, value) in [("aisles", aisles), ("rows", rows), ("items", items), ("pickers", pickers)] {
        parameters.insert(key.to_owned(), toml::Value::from(value as i64));
    }
    let simulator = Simulator::new(process, request.max_steps, heuristics);
    Ok(Arc::new(simulator.with_defaults_of(&defaults).with_parameters(parameters)))
}

impl WarehousePicking {
    fn view(&self) -> View {
        View { layout: self.layout, items: self.items_per_order, pickers: self.pickers }
    }

    fn scene(&self) -> Scene<'_> {
        Scene { picker: self.picker, heading: self.heading, items: &self.open, others: &self.others }
    }

    /// Draws the next order: locations without repetition, of which two (one a side) share a cell.
    fn next_order(&mut self, random: &mut Stream) {
        // Floyd's sampling without repetition (Bentley & Floyd 1987): the set so far is `open`, as location numbers.
        let locations = 2 * self.layout.aisles * self.layout.rows;
        let first = locations - self.items_per_order as i32;
        self.open.clear();
        for last in first..locations {
            let drawn = Cell { x: random.below(last as u32 + 1) as i32, y: 0 };
            let location = if self.open.contains(&drawn) { Cell { x: last, y: 0 } } else { drawn };
            self.open.push(location);
        }
        for item in &mut self.open {
            let place = item.x / 2;
            *item = self.layout.beside(place / self.layout.rows, place % self.layout.rows);
        }
    }

    /// Brings the nearest items to the front; ties go by place, so that the order is the state's alone.
    fn sort_items(&mut self) {
        let (layout, picker) = (self.layout, self.picker);
        self.open.sort_unstable_by_key(|item| (layout.walk(picker, *item), *item));
    }
}

impl Process for WarehousePicking {
    const PARAMETERS: &'static [Parameter<Self>] = &[Parameter::new(
        "others_picking_time",
        "s",
        (other_pickers::PICKING_STEPS_MIN as f64, 120.0),
        "how long the others stand at a location on average, in whole seconds",
        |process| Field::U32(&mut process.picking_steps),
    )];

    fn spec(&self) -> Spec {
        let total = |name: &str, unit: &str, high: f32, description: &str| {
            Signal::new(name, unit, 0.0, high, description).summarised_by(Aggregate::Total)
        };
        Spec {
            kind: KIND.to_owned(),
            summary: "route a picker through a warehouse in which others pick too".to_owned(),
            source: "production guide (reward); de Koster, Le-Duc & Roodbergen 2007 (layout, baselines)"
                .to_owned(),
            observation: self.view().features(),
            action: ActionSpace::choices(&[
                ("north", "one metre towards the back"),
                ("south", "one metre towards the front, where the depot is"),
                ("east", "one metre along a cross aisle, away from the depot"),
                ("west", "one metre along a cross aisle, towards the depot"),
                ("wait", "stay for the time that a metre takes"),
            ]),
            masked: true,
            signals: vec![
                total("distance", "m", 1.0, "metres walked"),
                total("items_picked", "items", self.items_per_order.min(2) as f32, "items picked"),
                total("collisions", "1", 1.0, "steps into another picker's way"),
                total("orders_completed", "orders", 1.0, "orders brought to the depot"),
                Signal::new("waiting", "1", 0.0, 1.0, "whether the picker stood still")
                    .summarised_by(Aggregate::Share),
            ],
            max_steps: Some(self.max_steps),
            reward: [("distance", -1.0), ("items_picked", 100.0), ("collisions", -50.0)]
                .map(|(name, weight)| (name.to_owned(), weight))
                .to_vec(),
            ..Spec::default()
        }
    }

    fn reset(&mut self, random: &mut Stream, observation: &mut [f32], signals: &mut [f32]) {
        (self.picker, self.heading) = (DEPOT, Cell::default());
        self.next_order(random);
        self.sort_items();
        self.others.clear();
        while self.others.len() < self.pickers {
            let (x, y) =
                (random.below(self.layout.east() as u32 + 1), random.below(self.layout.north() as u32 + 1));
            let at = Cell { x: x as i32, y: y as i32 };
            if self.layout.is_floor(at) && at != DEPOT && self.others.iter().all(|other| other.at != at) {
                self.others.push(OtherPicker::new(at, other_pickers::random_location(self.layout, random)));
            }
        }
        other_pickers::announce(self.layout, &mut self.others, self.picker, self.picking_steps, random);
        self.view().write(&self.scene(), observation);
        signals.fill(0.0);
    }

    fn step(
        &mut self,
        action: Action<'_>,
        random: &mut Stream,
        observation: &mut [f32],
        signals: &mut [f32],
    ) -> Outcome {
        let Action::Discrete(choice) = action else { unreachable!("the spec is discrete") };
        signals.fill(0.0);
        let before = self.picker;
        if let Some(direction) = DIRECTIONS.get(choice) {
            let cell = before.after(*direction);
            if !self.scene().is_free(cell) {
                signals[COLLISIONS] = 1.0;
            } else if self.layout.is_floor(cell) {
                (self.picker, self.heading) = (cell, *direction);
                signals[DISTANCE] = 1.0;
            }
        }
        signals[WAITING] = f32::from(u8::from(self.picker == before));

        let (open, picker) = (self.open.len(), self.picker);
        self.open.retain(|item| *item != picker);
        signals[ITEMS_PICKED] = (open - self.open.len()) as f32;
        if self.open.is_empty() && self.picker == DEPOT {
            signals[ORDERS_COMPLETED] = 1.0;
            self.next_order(random);
        }
        self.sort_items();
        other_pickers::walk(self.layout, &mut self.others, self.picker, self.picking_steps, random);
        self.view().write(&self.scene(), observation);
        Outcome::Running
    }

    fn mask(&self, allowed: &mut [bool]) {
        for (allowed, direction) in allowed.iter_mut().zip(DIRECTIONS) {
            *allowed = self.layout.is_floor(self.picker.after(direction));
        }
        allowed[heuristics::WAIT] = true;
    }
}

#[cfg(test)]
mod tests;
