//! The processes of Setpoint: the built-in ones, one file each with its baselines, and environments of Gymnasium.
//!
//! [`registry`] offers all of them. [`trigonometry`] – sine and cosine, inlined.

use std::sync::Arc;

use setpoint_process::{Factory, Kind, Registry};

pub mod acrobot;
pub mod assembly_line;
pub mod assembly_setup;
pub mod cart_pole;
pub mod condition_monitoring;
pub mod gymnasium;
pub mod inventory;
pub mod job_shop;
pub mod mountain_car;
pub mod mountain_car_continuous;
pub mod pendulum;
pub mod trigonometry;
pub mod warehouse_picking;

/// Every built-in process in the order in which it is listed, then those of Gymnasium.
pub fn registry() -> Registry {
    Registry::new().with([
        Kind::new(assembly_setup::KIND, assembly_setup::open),
        Kind::new(assembly_line::KIND, assembly_line::open),
        Kind::new(condition_monitoring::KIND, condition_monitoring::open),
        Kind::new(inventory::KIND, inventory::open),
        Kind::new(warehouse_picking::KIND, warehouse_picking::open),
        Kind::new(job_shop::KIND, job_shop::open),
        Kind::new(cart_pole::KIND, cart_pole::open),
        Kind::new(acrobot::KIND, acrobot::open),
        Kind::new(mountain_car::KIND, mountain_car::open),
        Kind::new(mountain_car_continuous::KIND, mountain_car_continuous::open),
        Kind::new(pendulum::KIND, pendulum::open),
        Kind::with_keys(gymnasium::KIND, gymnasium::SUMMARY, gymnasium::open),
    ])
}

/// A built-in process with its defaults, by name.
pub fn open_kind(kind: &str, max_steps: Option<u32>) -> Option<Arc<dyn Factory>> {
    registry().open_default(kind, max_steps)
}

/// Every built-in process with its defaults, in the order in which it is listed.
pub fn kinds() -> Vec<Arc<dyn Factory>> {
    let registry = registry();
    registry.complete().filter_map(|kind| registry.open_default(kind, None)).collect()
}
