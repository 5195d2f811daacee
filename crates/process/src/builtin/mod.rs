//! The built-in processes, one file each, its heuristic baseline beside it.

pub mod assembly_line;
pub mod assembly_setup;
