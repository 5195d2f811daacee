//! One file per command. A new command needs its file, a line in [`Command`], and two lines here.

use setpoint_process::Registry;

use crate::arguments::Command;
use crate::output::{Failure, Output, Status};

mod audit;
mod check;
mod compare;
mod completions;
mod conformance;
mod diagnose;
mod eval;
mod faults;
mod list;
mod new;
mod ope;
mod recommend;
mod report;
mod run;
mod train;
mod tune;
mod validate;
mod verify;
mod watch;

/// Runs a command.
pub fn run(command: &Command, registry: &Registry, output: &Output) -> Result<Status, Failure> {
    match command {
        Command::New(arguments) => new::run(arguments, registry, output),
        Command::Audit(arguments) => audit::run(arguments, output),
        Command::Check(arguments) => check::run(arguments, registry, output),
        Command::Conformance(arguments) => conformance::run(arguments, output),
        Command::List(arguments) => list::run(arguments, registry, output),
        Command::Train(arguments) => train::run(arguments, registry, output),
        Command::Compare(arguments) => compare::run(arguments, registry, output),
        Command::Tune(arguments) => tune::run(arguments, registry, output),
        Command::Eval(arguments) => eval::run(arguments, registry, output),
        Command::Faults(arguments) => faults::run(arguments, registry, output),
        Command::Validate(arguments) => validate::run(arguments, registry, output),
        Command::Verify(arguments) => verify::run(arguments, registry, output),
        Command::Ope(arguments) => ope::run(arguments, registry, output),
        Command::Diagnose(arguments) => diagnose::run(arguments, registry, output),
        Command::Recommend(arguments) => recommend::run(arguments, registry, output),
        Command::Report(arguments) => report::run(arguments, registry, output),
        Command::Watch(arguments) => watch::run(arguments, registry, output),
        Command::Run(arguments) => run::run(arguments, registry, output),
        Command::Completions { shell } => completions::run(*shell, output),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use clap::CommandFactory;

    use crate::arguments::Arguments;

    #[test]
    fn every_command_has_a_file_of_its_name_and_every_file_is_a_command() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/commands");
        let mut files: Vec<String> = std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            // A folder holds the parts of the command of its name.
            .filter(|path| path.is_file())
            .map(|path| path.file_stem().unwrap().to_string_lossy().into_owned())
            .filter(|name| name != "mod")
            .collect();
        let arguments = Arguments::command();
        let mut commands: Vec<String> =
            arguments.get_subcommands().map(|command| command.get_name().replace('-', "_")).collect();
        files.sort();
        commands.sort();
        assert_eq!(files, commands);
    }
}
