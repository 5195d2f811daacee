//! `warehouse-picking`: route one picker through a warehouse with other pickers (source: the production guide).
//!
//! The floor is a block of parallel aisles between two cross aisles (`layout`). An order is a number of items at uniformly
//! drawn locations, without repetition. The picker starts at the depot, walks to the cell next to an item to pick it, and
//! brings the order back to the depot, where the next order waits. Orders follow each other until the time is over.
//!
//! A step is one metre's walk, about one second. In it, in this order:
//! 1. the picker takes its step: `north`, `south`, `east`, `west` where there is floor (the mask forbids the rest), or
//!    `wait`. If another picker stands there, or is about to step there, they collide: the picker does not move;
//! 2. items next to the picker are picked; at the depot the next order replaces a finished order;
//! 3. the other pickers take their announced step, unless a picker stands there, and announce the next step (`other_pickers`).
//!
//! Aisles are too narrow to pass. Reward of the source: −1 per metre, +100 per picked item, −50 per collision. Time has
//! no cost, but an episode has a fixed number of steps: a picker that waits picks less.
//!
//! Reference (level normal, 1,000 episodes of 400 steps): nearest-item-first 9.83 ± 0.05 reward per step, 42.8 items, 12 %
//! of the time waiting; s-shape 8.70 ± 0.05, 38.2 items; uniform random −2.2. Without other pickers nearest-item-first
//! picks about 50 items, and its routes are about 5 % longer than the shortest routes (exact, 150 orders of 8 items).

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
use setpoint_process::factory::{Simulator, read_parameters};
use setpoint_process::parameter::{Field, Parameter};
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

/// A difficulty: the defaults of the keys.
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
    /// Mean number of steps of the others at a location.
    picking_steps: u32,
    max_steps: u32,
    picker: Cell,
    heading: Cell,
    /// Cells of the open items, the nearest first.
    open: Vec<Cell>,
    others: Vec<OtherPicker>,
}

/// From `[process]`: `level`, and the keys whose defaults it sets: `aisles`, `rows`, `items`, `pickers`; and its parameters.
pub fn open(request: &Request<'_>) -> Result<Arc<dyn Factory>, Box<Diagnostic>> {
    let section = &request.section;
    let name = section.choice("level", &LEVELS.map(|level| level.name), "the difficulty")?;
    let name = name.unwrap_or(DEFAULT_LEVEL);
    let level =
        LEVELS.into_iter().find(|level| level.name == name).expect("`choice` returns what it is given");
    let integer = |key, (low, high), meaning, default| -> Result<u64, Box<Diagnostic>> {
        Ok(section.integer(key, Range::between(low, high), meaning)?.unwrap_or(default))
    };
    let aisles = integer("aisles", (2.0, 20.0), "parallel picking aisles, 3 m apart", level.aisles)?;
    let rows = integer("rows", (2.0, 60.0), "metres of shelf along each side of an aisle", level.rows)?;
    let items = integer("items", (1.0, features::ITEMS_MAX as f64), "items of an order", level.items)?;
    let pickers = integer("pickers", (0.0, 10.0), "number of other pickers", level.pickers)?;
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
    let mut parameters = read_parameters(&mut process, section)?;
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

    /// Draws the next order: locations without repetition; two locations (one per side) share a cell.
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

    /// Brings the nearest items to the front; equal distances are ordered by position, so that the order depends only on
    /// the state.
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
        "mean time of the others at a location, in whole seconds",
        |process| Field::U32(&mut process.picking_steps),
    )];

    fn spec(&self) -> Spec {
        let total = |name: &str, unit: &str, high: f32, description: &str| {
            Signal::new(name, unit, 0.0, high, description).summarised_by(Aggregate::Total)
        };
        Spec {
            kind: KIND.to_owned(),
            summary: "route a picker through a warehouse with other pickers".to_owned(),
            source: "production guide (reward); de Koster, Le-Duc & Roodbergen 2007 (layout, baselines)"
                .to_owned(),
            observation: self.view().features(),
            action: ActionSpace::choices(&[
                ("north", "one metre towards the back"),
                ("south", "one metre towards the front, where the depot is"),
                ("east", "one metre along a cross aisle, away from the depot"),
                ("west", "one metre along a cross aisle, towards the depot"),
                ("wait", "stay for the time of one metre"),
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
        let choice = action.choice();
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
