//! `setpoint report`

use serde_json::json;
use setpoint_files::run_folder::RunFolder;
use setpoint_learn::problem::Problem;

use crate::arguments;
use crate::output::{Failure, Output, Status};
use crate::target::training::training;
use crate::target::{problem_of, run_folder};
use setpoint_process::Registry;

pub fn run(arguments: &arguments::Report, registry: &Registry, output: &Output) -> Result<Status, Failure> {
    let folder = match arguments.run.seed {
        Some(_) => training(&arguments.run, output)?.folder,
        // The report of a run over several seeds shows all of them.
        None => run_folder(&arguments.run)?,
    };
    let problem = problem_of(&folder, registry, &[])?;
    write(&problem, &folder, output)?;
    output.document("report", Status::Done, json!({ "run": folder.path, "report": folder.report() }));
    Ok(Status::Done)
}

/// Writes the run's report and says where it is.
pub fn write(problem: &Problem, folder: &RunFolder, output: &Output) -> Result<(), Failure> {
    setpoint_report::write(problem, folder)?;
    output.line(format!("report: {}", folder.report().display()));
    Ok(())
}
