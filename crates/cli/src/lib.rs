//! `setpoint`: reinforcement learning for one industrial decision at a time.
//!
//! A library, so that the Python package contains the same command line, and so that your own program can add a kind of
//! process: [`process`] has everything for it, `examples/own-process` shows it.

use std::ffi::OsString;
use std::process::ExitCode;

use setpoint_edge::output;
use setpoint_policy::level;
use setpoint_process::Registry;

mod arguments;
mod commands;
mod dashboard;
mod draft;
mod interrupt;
mod place;
mod preparing;
mod progress;
mod runs;
mod screen;
mod source;
mod study_file;
mod target;

use arguments::Arguments;
use output::{Failure, Output};

/// Everything that your own process needs: `use setpoint::process::*`.
pub mod process {
    pub use setpoint_decision::spec::{ActionSpace, Aggregate, Axis, Feature, Signal, Spec};
    pub use setpoint_process::parameter::Field::{self, F32, F64, U32};
    pub use setpoint_process::parameter::Parameter;
    pub use setpoint_process::process::{Action, Outcome, Process};
    pub use setpoint_process::{Heuristic, Kind, Registry, State};
    pub use setpoint_random::Stream;
}

/// The kinds of process of Setpoint itself.
pub fn registry() -> Registry {
    setpoint_processes::registry().with(setpoint_learn::KINDS)
}

/// A whole program: the command line of Setpoint over the kinds of process in `registry`.
pub fn main_with(registry: Registry) -> ExitCode {
    ExitCode::from(run(std::env::args_os(), &registry))
}

/// Runs the command line; gives the exit status. `arguments` begins with the program's name.
pub fn run(arguments: impl IntoIterator<Item = OsString>, registry: &Registry) -> u8 {
    let arguments: Arguments = match output::parse(arguments) {
        Ok(arguments) => arguments,
        Err(status) => return status,
    };
    let output = Output::new(arguments.json);
    let checked = level::check().map_err(Failure::from);
    output.exit_status(checked.and_then(|()| commands::run(&arguments.command, registry, &output)))
}
