//! What a decision is: the project file, its words, its units and its errors.
//!
//! * [`project`] – the whole file; start here. [`charter`], [`constraint`] – two of its parts
//! * [`data`] – which column of a plant's log is what
//! * [`spec`] – what a process offers: features, actions, signals, with names, units and bounds
//! * [`binding`](Project::bind) – the file's names checked against a process
//! * [`document`], [`section`] – TOML in which every value knows where it was written; typed reading
//! * [`diagnostic`] – one error: what, where, found, expected, the fix
//!
//! No numerics live here, and no file is touched beyond reading the project file.

mod binding;
pub mod charter;
pub mod constraint;
pub mod curriculum;
pub mod data;
pub mod diagnostic;
pub mod disturbance;
pub mod document;
pub mod preference;
pub mod project;
mod resolved;
pub mod safety;
pub mod section;
pub mod spec;
pub mod tuning;

pub use diagnostic::Diagnostic;
pub use project::Project;
