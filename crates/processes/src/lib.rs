//! The processes of Setpoint: the built-in ones, one file each with its baselines, environments of Gymnasium, and programs in
//! any language.
//!
//! [`registry`] offers all of them. [`trigonometry`] and [`exponential`] – sine, cosine and the exponential function, inlined.

use std::sync::Arc;

use setpoint_process::{Factory, Kind, Registry, plant};

pub mod acrobot;
pub mod assembly_line;
pub mod assembly_setup;
pub mod bin_picking;
pub mod cart_pole;
pub mod catch;
pub mod condition_monitoring;
pub mod cstr;
pub mod exponential;
pub mod filler;
pub mod flexible_job_shop;
pub mod gymnasium;
mod instance_keys;
mod instance_text;
pub mod inventory;
pub mod job_shop;
pub mod mountain_car;
pub mod mountain_car_continuous;
pub mod pendulum;
pub mod ph_reactor;
pub mod program;
pub mod quadruple_tank;
mod shop;
pub mod trigonometry;
pub mod warehouse_picking;
#[cfg(unix)]
pub mod workers;

/// Every built-in process in the order of the list, then Gymnasium's environments, programs and plants.
pub fn registry() -> Registry {
    Registry::new().with([
        Kind::of::<assembly_setup::AssemblySetup>(assembly_setup::KIND),
        Kind::of::<assembly_line::AssemblyLine>(assembly_line::KIND),
        Kind::of::<condition_monitoring::ConditionMonitoring>(condition_monitoring::KIND),
        Kind::of::<filler::Filler>(filler::KIND),
        Kind::new(inventory::KIND, inventory::open),
        Kind::new(warehouse_picking::KIND, warehouse_picking::open),
        Kind::new(job_shop::KIND, job_shop::open),
        Kind::new(flexible_job_shop::KIND, flexible_job_shop::open),
        Kind::of::<cart_pole::CartPole>(cart_pole::KIND),
        Kind::of::<acrobot::Acrobot>(acrobot::KIND),
        Kind::of::<catch::Catch>(catch::KIND),
        Kind::of::<bin_picking::BinPicking>(bin_picking::KIND),
        Kind::of::<mountain_car::MountainCar>(mountain_car::KIND),
        Kind::of::<mountain_car_continuous::MountainCarContinuous>(mountain_car_continuous::KIND),
        Kind::of::<pendulum::Pendulum>(pendulum::KIND),
        Kind::of::<ph_reactor::PhReactor>(ph_reactor::KIND),
        Kind::new(cstr::KIND, cstr::open),
        Kind::new(quadruple_tank::KIND, quadruple_tank::open),
        Kind::with_keys(gymnasium::KIND, gymnasium::SUMMARY, gymnasium::open),
        Kind::with_keys(program::KIND, program::SUMMARY, program::open),
        Kind::with_keys(plant::KIND, plant::SUMMARY, plant::open).with_declared_spaces(),
    ])
}

/// A built-in process with its defaults, by name.
pub fn open_kind(kind: &str, max_steps: Option<u32>) -> Option<Arc<dyn Factory>> {
    registry().open_default(kind, max_steps)
}

/// Every built-in process with its defaults, in the order of the list.
pub fn kinds() -> Vec<Arc<dyn Factory>> {
    let registry = registry();
    registry.complete().filter_map(|kind| registry.open_default(kind, None)).collect()
}
