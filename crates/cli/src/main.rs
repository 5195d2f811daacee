//! `setpoint`: reinforcement learning for one industrial decision at a time.

use std::process::ExitCode;

use clap::Parser;

mod arguments;
mod commands;
mod interrupt;
mod output;
mod progress;
mod target;

use arguments::{Arguments, Command};
use output::Output;

fn main() -> ExitCode {
    // clap exits with 2 on bad arguments, which is our status for bad input too.
    let arguments = Arguments::parse();
    let output = Output::new(arguments.json);
    let result = match &arguments.command {
        Command::New(arguments) => commands::new::run(arguments, &output),
        Command::Check(arguments) => commands::check::run(arguments, &output),
        Command::List(arguments) => commands::list::run(arguments, &output),
        Command::Train(arguments) => commands::train::run(arguments, &output),
        Command::Compare(arguments) => commands::compare::run(arguments, &output),
        Command::Eval(arguments) => commands::eval::run(arguments, &output),
        Command::Recommend(arguments) => commands::recommend::run(arguments, &output),
        Command::Report(arguments) => commands::report::run(arguments, &output),
        Command::Run(arguments) => commands::run::run(arguments, &output),
        Command::Completions { shell } => commands::completions::run(*shell),
    };
    match result {
        Ok(status) => ExitCode::from(status as u8),
        Err(failure) => {
            output.failure(&failure);
            ExitCode::from(failure.status() as u8)
        }
    }
}
