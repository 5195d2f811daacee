//! The built-in processes, one file each, its heuristic baselines beside it.

use crate::open::Open;

pub mod assembly_line;
pub mod assembly_setup;

/// Every built-in process: its name in a project file and what makes it from one, in the order they are listed.
pub const BUILTIN: &[(&str, Open)] =
    &[(assembly_setup::KIND, assembly_setup::open), (assembly_line::KIND, assembly_line::open)];
