//! `setpoint`: reinforcement learning for one industrial decision at a time.
//!
//! A library, so that the Python package brings the very same command line.

use std::ffi::OsString;
use std::process::ExitCode;

use clap::Parser;
use setpoint_process::Registry;

mod arguments;
mod commands;
mod dashboard;
mod interrupt;
mod output;
mod preparing;
mod progress;
mod study_file;
mod target;

use arguments::Arguments;
use output::Output;

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
    let arguments = match Arguments::try_parse_from(arguments) {
        Ok(arguments) => arguments,
        Err(error) => {
            // Help goes to standard output, bad arguments to standard error, with 2 as for any bad input. A closed pipe
            // is nothing to complain about.
            let _ = error.print();
            return u8::try_from(error.exit_code()).unwrap_or(2);
        }
    };
    let output = Output::new(arguments.json);
    match commands::run(&arguments.command, registry, &output) {
        Ok(status) => status as u8,
        Err(failure) => {
            output.failure(&failure);
            failure.status() as u8
        }
    }
}
