//! A decision: the project file, its names, its units and its errors.
//!
//! * [`project`] – the whole file; start here
//! * a file for each table: [`charter`] is `[decision]`, [`process_choice`] `[process]`; [`reward`], [`train`],
//!   [`evaluate`], [`planning`], [`constraint`], [`scenario`], [`preference`], [`disturbance`], [`curriculum`], [`safety`],
//!   [`tuning`]; [`rule`] is `[[rule]]`, [`spaces`] the tables of a process without a spec of its own.
//!   Each one reads its keys, checks them against a process and writes them out again; [`constraint::contradiction`] finds
//!   constraints that cannot hold together
//! * [`data`] – the meaning of the columns of a plant's log
//! * [`spec`] – the interface of a process: features, actions, signals, with names, units and bounds
//! * [`document`], [`section`] – TOML in which every value knows its position; typed reading
//! * [`diagnostic`] – one error: what, where, found, expected, the fix
//!
//! This crate has no numerics, and reads no file but the project file.

pub mod charter;
pub mod constraint;
pub mod curriculum;
pub mod data;
pub mod diagnostic;
pub mod disturbance;
pub mod document;
pub mod evaluate;
pub mod planning;
pub mod preference;
pub mod process_choice;
pub mod project;
pub mod reward;
pub mod rule;
pub mod safety;
pub mod scenario;
pub mod section;
pub mod spaces;
pub mod spec;
mod table;
pub mod train;
pub mod tuning;

pub use diagnostic::Diagnostic;
pub use project::Project;
