//! What a decision is: the project file, its words, its units and its errors.
//!
//! * [`project`] – the whole file; start here
//! * a file for each table: [`charter`] is `[decision]`, [`process_choice`] `[process]`; [`reward`], [`train`],
//!   [`evaluate`], [`constraint`], [`scenario`], [`preference`], [`disturbance`], [`curriculum`], [`safety`], [`tuning`].
//!   Each one reads its keys, checks them against a process and writes them out again
//! * [`data`] – which column of a plant's log is what
//! * [`spec`] – what a process offers: features, actions, signals, with names, units and bounds
//! * [`document`], [`section`] – TOML in which every value knows where it was written; typed reading
//! * [`diagnostic`] – one error: what, where, found, expected, the fix
//!
//! No numerics live here, and no file is touched beyond reading the project file.

pub mod charter;
pub mod constraint;
pub mod curriculum;
pub mod data;
pub mod diagnostic;
pub mod disturbance;
pub mod document;
pub mod evaluate;
pub mod preference;
pub mod process_choice;
pub mod project;
pub mod reward;
pub mod safety;
pub mod scenario;
pub mod section;
pub mod spec;
mod table;
pub mod train;
pub mod tuning;

pub use diagnostic::Diagnostic;
pub use project::Project;
