//! `inventory`: the order of each stage of a serial supply chain, every period (source: Clark & Scarf 1960; Snyder &
//! Shen, *Fundamentals of Supply Chain Theory*, chapters 4 and 6).
//!
//! Stage 1 serves customers, stage `j` is supplied by stage `j + 1`, the last stage by an outside supplier with unlimited
//! stock. Demand is Poisson. One step is one period; in it, in this order:
//! 1. every stage orders, at the same time, from the state in the observation. Orders are rounded to whole units
//!    and limited to the room of the stage (`capacity` − on hand − in transit to it);
//! 2. suppliers ship at once: the outside supplier everything, a stage its units on hand. The missing units are neither
//!    shipped nor owed: the stage below may order it again;
//! 3. units that were shipped to stage `j` `lead_times[j]` periods ago arrive; with a lead time of 0, the units of this period;
//! 4. customers come. `backlog` mode: unmet demand waits, and is served before newer demand. `lost-sales` mode: unmet
//!    demand is lost;
//! 5. costs are counted at the end: `holding_cost[j]` per unit on hand at stage `j` (units in transit cost nothing),
//!    `backlog_cost` per waiting unit, or per unit lost in this period.
//!
//! With one stage this is the newsvendor: the best base-stock level is the least `S` with
//! `P(demand of lead time + 1 periods ≤ S) ≥ backlog_cost / (backlog_cost + holding_cost)`.
//!
//! At most 50 periods' mean demand waits; further demand is lost even in `backlog` mode, so that every quantity is
//! bounded. Under any sensible policy that does not happen.
//!
//! Reference (the defaults, 1,000 episodes of 100 periods): base-stock with the found levels of 22 and 38 units costs
//! 12.28 ± 0.10 per period, of which 10.18 for holding; uniform random 71.7.

mod base_stock;
mod demand;

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use setpoint_decision::Diagnostic;
use setpoint_decision::section::{Range, Section};
use setpoint_decision::spec::{ActionSpace, Aggregate, Axis, Feature, Signal, Spec};

use self::demand::Demand;
use setpoint_process::Factory;
use setpoint_process::factory::{Simulator, read_parameters};
use setpoint_process::parameter::{Field, Parameter};
use setpoint_process::process::{Action, Outcome, Process};
use setpoint_process::registry::Request;
use setpoint_random::Stream;

/// Its name in a project file.
pub const KIND: &str = "inventory";

const ECHELONS_MAX: usize = 6;
const LEAD_TIME_MAX: f64 = 12.0;
const COST_MAX: f64 = 1e6;

/// The treatment of unmet demand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Mode {
    /// It waits.
    Backlog,
    /// It is lost.
    LostSales,
}

/// One stage of the chain.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Stage {
    /// Cost per unit on hand at the end of a period.
    holding_cost: f32,
    /// Greatest number of units on hand and in transit to it.
    capacity: f32,
    on_hand: f32,
    /// Units in transit to it, `[lead time]`, in the order of their arrival.
    in_transit: Vec<f32>,
}

impl Stage {
    fn position(&self) -> f32 {
        self.on_hand + self.in_transit.iter().sum::<f32>()
    }

    /// Receives the units that arrive, and sends `shipped`.
    fn receive(&mut self, shipped: f32) {
        match self.in_transit.first().copied() {
            None => self.on_hand += shipped,
            Some(due) => {
                self.on_hand += due;
                self.in_transit.rotate_left(1);
                *self.in_transit.last_mut().expect("it has a first entry") = shipped;
            }
        }
    }
}

/// The events of a period.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Period {
    holding_cost: f32,
    shortage_cost: f32,
    /// Units ordered from the outside supplier.
    ordered: f32,
    demand: f32,
    sold: f32,
    lost: f32,
}

/// The chain between two periods.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Inventory {
    mode: Mode,
    demand: Demand,
    backlog_cost: f32,
    /// Greatest order of a stage in a period.
    order_max: f32,
    backlog_max: f32,
    /// Stage 1, which serves customers, first.
    stages: Vec<Stage>,
    backlog: f32,
}

impl Default for Inventory {
    /// A chain without stages: the process's parameters at their defaults.
    fn default() -> Self {
        Self {
            mode: Mode::Backlog,
            demand: Demand::new(5.0),
            backlog_cost: 9.0,
            order_max: 0.0,
            backlog_max: 0.0,
            stages: Vec::new(),
            backlog: 0.0,
        }
    }
}

/// From `[process]`: `echelons`, `lead_times`, `demand_mean`, `holding_cost`, `backlog_cost`, `mode`, `order_max`,
/// `base_stock_levels`.
pub fn open(request: &Request<'_>) -> Result<Arc<dyn Factory>, Box<Diagnostic>> {
    let section = &request.section;
    let Chain { lead_times, holding_costs } = Chain::read(section)?;
    let echelons = lead_times.len();
    let mut process = Inventory::default();
    let values = read_parameters(&mut process, section)?;
    let demand_mean = process.demand.mean;
    let order_max = section
        .integer("order_max", Range::between(1.0, 10_000.0), "greatest order of a stage in a period, units")?
        .unwrap_or((demand_mean + 5.0 * demand_mean.sqrt()).ceil() as u64);
    let modes = ["backlog", "lost-sales"];
    let mode = section.choice("mode", &modes, "treatment of unmet demand")?.unwrap_or(modes[0]);
    let stage = |lead_time: u64, holding_cost: f64| Stage {
        holding_cost: holding_cost as f32,
        capacity: (3.0 * (lead_time as f64 + 2.0) * demand_mean).ceil() as f32 + 10.0,
        on_hand: 0.0,
        in_transit: vec![0.0; lead_time as usize],
    };
    process.stages =
        lead_times.iter().zip(&holding_costs).map(|(lead_time, cost)| stage(*lead_time, *cost)).collect();
    process.mode = if mode == "backlog" { Mode::Backlog } else { Mode::LostSales };
    process.order_max = order_max as f32;
    process.backlog_max = (50.0 * demand_mean).ceil() as f32;
    process.fill();
    let range = Range::between(0.0, 1e6);
    let given =
        section.integers("base_stock_levels", range, "echelon base-stock levels of the baseline, units")?;
    if let Some(levels) = &given
        && levels.len() != echelons
    {
        return Err(one_each(section, "base_stock_levels", levels.len(), echelons));
    }
    let levels = match given {
        Some(levels) => levels.into_iter().map(|level| level as f32).collect(),
        None => base_stock::search(&process),
    };
    let integers =
        |values: &[u64]| toml::Value::from(values.iter().map(|value| *value as i64).collect::<Vec<_>>());
    let level_list: Vec<u64> = levels.iter().map(|level| *level as u64).collect();
    let parameters = toml::Table::from_iter(
        [
            ("echelons", toml::Value::from(echelons as i64)),
            ("lead_times", integers(&lead_times)),
            ("demand_mean", values["demand_mean"].clone()),
            ("holding_cost", holding_costs.into()),
            ("backlog_cost", values["backlog_cost"].clone()),
            ("mode", mode.into()),
            ("order_max", toml::Value::from(order_max as i64)),
            ("base_stock_levels", integers(&level_list)),
        ]
        .map(|(key, value)| (key.to_owned(), value)),
    );
    let heuristics = vec![base_stock::heuristic(&process, levels)];
    let simulator = Simulator::new(process, request.max_steps, heuristics);
    Ok(Arc::new(simulator.with_defaults_of(&Inventory::default()).with_parameters(parameters)))
}

/// The stages as the project describes them, from the customers up.
struct Chain {
    lead_times: Vec<u64>,
    holding_costs: Vec<f64>,
}

impl Chain {
    fn read(section: &Section<'_>) -> Result<Self, Box<Diagnostic>> {
        let echelons = section
            .integer(
                "echelons",
                Range::between(1.0, ECHELONS_MAX as f64),
                "stages of the serial supply chain",
            )?
            .unwrap_or(2) as usize;
        let lead_times = section
            .integers(
                "lead_times",
                Range::between(0.0, LEAD_TIME_MAX),
                "periods from an order to its arrival",
            )?
            .unwrap_or_else(|| vec![2; echelons]);
        if lead_times.len() != echelons {
            return Err(one_each(section, "lead_times", lead_times.len(), echelons));
        }
        // Each stage adds value, so a unit has the highest holding cost at stage 1.
        let holding_costs = section
            .number_list(
                "holding_cost",
                Range::between(0.0, COST_MAX),
                "cost per unit on hand and period, for each stage",
            )?
            .unwrap_or_else(|| (1..=echelons).map(|stage| 1.0 / stage as f64).collect());
        if holding_costs.len() != echelons {
            return Err(one_each(section, "holding_cost", holding_costs.len(), echelons));
        }
        Ok(Self { lead_times, holding_costs })
    }
}

fn one_each(section: &Section<'_>, key: &str, found: usize, echelons: usize) -> Box<Diagnostic> {
    let title = format!("`{key}` has {found} values for {echelons} echelons");
    section.error(key, &title, &format!("expected {echelons}"), "one per stage, from the customers up")
}

impl Inventory {
    fn features(&self) -> Vec<Feature> {
        let mut observation = vec![
            Feature::new("backlog", "units", 0.0, self.backlog_max, "units that customers wait for")
                .ordinarily(0.0),
        ];
        let mut filled = self.clone();
        filled.fill();
        let mut highest = 0.0;
        for (index, stage) in filled.stages.iter().enumerate() {
            let number = index + 1;
            let mut add = |name: String, low: f32, high: f32, ordinary: f32, description: String| {
                observation.push(Feature::new(&name, "units", low, high, &description).ordinarily(ordinary));
            };
            highest += stage.capacity;
            add(
                format!("echelon_position_{number}"),
                -self.backlog_max,
                highest,
                filled.echelon_position(index),
                format!("on hand and in transit at stage {number} and below, minus the backlog"),
            );
            let description = format!("on hand at stage {number}");
            add(format!("on_hand_{number}"), 0.0, stage.capacity, stage.on_hand, description);
            for (periods, units) in stage.in_transit.iter().enumerate() {
                let description = match periods {
                    0 => format!("arrives at stage {number} in the coming period"),
                    _ => format!("arrives at stage {number} {periods} periods after the coming one"),
                };
                add(format!("in_transit_{number}_{periods}"), 0.0, self.order_max, *units, description);
            }
        }
        observation
    }

    fn signals(&self) -> Vec<Signal> {
        let holding_max = self.stages.iter().map(|stage| stage.holding_cost * stage.capacity).sum();
        let highest = self.stages.iter().map(|stage| stage.capacity).sum();
        let demand_max = self.demand.max() as f32;
        let shortage_max = self.backlog_cost * (self.backlog_max + demand_max);
        let shop_max = self.stages[0].capacity;
        [
            Signal::new("holding_cost", "1", 0.0, holding_max, "cost of units on hand at all stages"),
            Signal::new("shortage_cost", "1", 0.0, shortage_max, "cost of units waited for or lost"),
            Signal::new("on_hand", "units", 0.0, highest, "units on hand at all stages"),
            Signal::new("backlog", "units", 0.0, self.backlog_max, "units that customers wait for"),
            Signal::new("lost_sales", "units", 0.0, demand_max, "units of lost demand"),
            Signal::new("demand", "units", 0.0, demand_max, "units of demand"),
            Signal::new("sold", "units", 0.0, shop_max, "units that customers got"),
            Signal::new("ordered", "units", 0.0, self.order_max, "units bought from the outside supplier"),
        ]
        .into_iter()
        .map(|signal| signal.summarised_by(Aggregate::Mean))
        .collect()
    }

    /// An ordinary state: the mean demand of a period in transit in each period, the mean demand of a lead time and one
    /// period on hand at each stage, no backlog. If the demand exceeds the room of a stage, the stage is full.
    fn fill(&mut self) {
        let mean = (self.demand.mean.round() as f32).min(self.order_max);
        for stage in &mut self.stages {
            let periods = stage.in_transit.len();
            let units = mean.min((stage.capacity / (2 * periods + 1) as f32).floor());
            stage.in_transit.fill(units);
            stage.on_hand = units * (periods + 1) as f32;
        }
        self.backlog = 0.0;
    }

    /// One period; `order` gives the order of each stage (from 0), in units, and must be a number.
    #[inline(always)]
    fn period(&mut self, order: impl Fn(&Self, usize) -> f32, demand: f32) -> Period {
        let mut shipments = [0.0; ECHELONS_MAX];
        for (index, shipped) in shipments.iter_mut().enumerate().take(self.stages.len()) {
            let stage = &self.stages[index];
            let room = (stage.capacity - stage.position()).max(0.0);
            *shipped = order(self, index).round().clamp(0.0, self.order_max).min(room);
            if let Some(supplier) = self.stages.get(index + 1) {
                *shipped = shipped.min(supplier.on_hand);
            }
        }
        for index in 0..self.stages.len() {
            if index > 0 {
                self.stages[index].on_hand -= shipments[index - 1];
            }
            self.stages[index].receive(shipments[index]);
        }
        let mut period = Period { ordered: shipments[self.stages.len() - 1], demand, ..Period::default() };
        let wanted = self.backlog + demand;
        let shop = &mut self.stages[0];
        period.sold = shop.on_hand.min(wanted);
        shop.on_hand -= period.sold;
        let waiting_max = if self.mode == Mode::Backlog { self.backlog_max } else { 0.0 };
        self.backlog = (wanted - period.sold).min(waiting_max);
        period.lost = wanted - period.sold - self.backlog;
        period.holding_cost = self.stages.iter().map(|stage| stage.holding_cost * stage.on_hand).sum();
        period.shortage_cost = self.backlog_cost * (self.backlog + period.lost);
        period
    }

    /// Units at a stage (from 0), below it and on their way to any of these, minus the backlog.
    fn echelon_position(&self, stage: usize) -> f32 {
        self.stages[..=stage].iter().map(Stage::position).sum::<f32>() - self.backlog
    }

    fn observe(&self, observation: &mut [f32]) {
        let mut features = observation.iter_mut();
        let mut write = |value: f32| *features.next().expect("one per feature") = value;
        let mut position = -self.backlog;
        write(self.backlog);
        for stage in &self.stages {
            position += stage.position();
            write(position);
            write(stage.on_hand);
            stage.in_transit.iter().for_each(|units| write(*units));
        }
    }

    fn report(&self, period: Period, signals: &mut [f32]) {
        let on_hand = self.stages.iter().map(|stage| stage.on_hand).sum();
        let Period { holding_cost, shortage_cost, ordered, demand, sold, lost } = period;
        let values = [holding_cost, shortage_cost, on_hand, self.backlog, lost, demand, sold, ordered];
        signals.copy_from_slice(&values);
    }
}

impl Process for Inventory {
    // Room and greatest order keep their planned values.
    const PARAMETERS: &'static [Parameter<Self>] = &[
        Parameter::new(
            "demand_mean",
            "units",
            (0.1, 100.0),
            "customers' demand per period (Poisson)",
            |process| Field::F64(&mut process.demand.mean),
        ),
        Parameter::new(
            "backlog_cost",
            "1",
            (0.0, COST_MAX),
            "cost per unit and period of waiting, or per lost sale",
            |process| Field::F32(&mut process.backlog_cost),
        ),
    ];

    fn parameters_changed(&mut self) {
        self.demand = Demand::new(self.demand.mean);
    }

    fn spec(&self) -> Spec {
        let axis = |stage: usize| {
            let description = match self.stages.len() {
                last if stage == last => format!("units that stage {stage} orders from the outside supplier"),
                _ => format!("units that stage {stage} orders from stage {}", stage + 1),
            };
            Axis::new(&format!("order_{stage}"), "units", 0.0, self.order_max, &description).rounded_to(1.0)
        };
        Spec {
            kind: KIND.to_owned(),
            summary: format!("choose the orders of {} stages of a supply chain", self.stages.len()),
            source: "Clark & Scarf 1960; Snyder & Shen, Fundamentals of Supply Chain Theory".to_owned(),
            observation: self.features(),
            action: ActionSpace::settings((1..=self.stages.len()).map(axis).collect()),
            signals: self.signals(),
            max_steps: Some(100),
            reward: vec![("holding_cost".to_owned(), -1.0), ("shortage_cost".to_owned(), -1.0)],
            ..Spec::default()
        }
    }

    fn reset(&mut self, _: &mut Stream, observation: &mut [f32], signals: &mut [f32]) {
        self.fill();
        self.observe(observation);
        self.report(Period::default(), signals);
    }

    #[inline]
    fn step(
        &mut self,
        action: Action<'_>,
        random: &mut Stream,
        observation: &mut [f32],
        signals: &mut [f32],
    ) -> Outcome {
        let orders = action.settings;
        let demand = self.demand.draw(random) as f32;
        let period = self.period(|_, stage| orders[stage], demand);
        self.observe(observation);
        self.report(period, signals);
        Outcome::Running
    }
}

#[cfg(test)]
mod tests;
