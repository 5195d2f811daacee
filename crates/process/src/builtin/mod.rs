//! The built-in processes, one file each, its heuristic baselines beside it.

use crate::open::Open;

pub mod acrobot;
pub mod assembly_line;
pub mod assembly_setup;
pub mod cart_pole;
pub mod condition_monitoring;
pub mod inventory;
pub mod job_shop;
pub mod mountain_car;
pub mod mountain_car_continuous;
pub mod pendulum;
pub mod warehouse_picking;

/// Every built-in process: its name in a project file and what makes it from one, in the order they are listed.
pub const BUILTIN: &[(&str, Open)] = &[
    (assembly_setup::KIND, assembly_setup::open),
    (assembly_line::KIND, assembly_line::open),
    (condition_monitoring::KIND, condition_monitoring::open),
    (inventory::KIND, inventory::open),
    (warehouse_picking::KIND, warehouse_picking::open),
    (job_shop::KIND, job_shop::open),
    (cart_pole::KIND, cart_pole::open),
    (acrobot::KIND, acrobot::open),
    (mountain_car::KIND, mountain_car::open),
    (mountain_car_continuous::KIND, mountain_car_continuous::open),
    (pendulum::KIND, pendulum::open),
];
