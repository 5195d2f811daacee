//! The target of a command: a run folder, or a project's newest run.

use std::time::SystemTime;

use setpoint_decision::diagnostic::nearest;
use setpoint_files::FileError;
use setpoint_files::run_folder::RunFolder;
use setpoint_learn::checkpoint;
use setpoint_learn::problem::Problem;
use setpoint_policy::Policy;
use setpoint_policy::policy_file::PolicyFileError;
use setpoint_study::compare::Plan;

use setpoint_process::Registry;

use crate::arguments::{Compare, RunArguments, Train};
use crate::output::Failure;
use crate::preparing;

/// Finds the run.
pub fn run_folder(arguments: &RunArguments, registry: &Registry) -> Result<RunFolder, Failure> {
    let given = RunFolder::at(&arguments.run);
    if given.policy().is_file() || given.checkpoints().is_dir() || given.evidence("seeds").is_file() {
        return Ok(given);
    }
    let problem = preparing::load(&arguments.run, registry, &[])?;
    let name = &problem.decision.project.charter.name;
    RunFolder::newest_under(&arguments.runs, name).ok_or_else(|| {
        Failure::Message(format!(
            "{} has no run under {} yet: `setpoint train {}` makes a run",
            name,
            arguments.runs.display(),
            arguments.run.display()
        ))
    })
}

/// The project as the run resolved it, with overrides.
pub fn problem_of(folder: &RunFolder, registry: &Registry, overrides: &[String]) -> Result<Problem, Failure> {
    Ok(preparing::load(&folder.project_file(), registry, overrides)?)
}

/// The run's policy; an error names the last good checkpoint.
pub fn policy_of(folder: &RunFolder, problem: &Problem) -> Result<Policy, Failure> {
    let policy = Policy::load(&folder.policy()).map_err(|error| {
        if error.is_newer() {
            // The file is whole. Writing the policy again from a checkpoint would lose it.
            return Failure::Message(error.to_string());
        }
        let last_good = checkpoint::last_good(&folder.checkpoints());
        let advice = match (&error, last_good) {
            (PolicyFileError::Read { .. }, None) => "; the run has no checkpoint either: train it again".to_owned(),
            (_, Some(path)) => format!(
                "; the last good checkpoint is {}: `setpoint train {} --run-dir {} --resume` writes the policy from it",
                path.display(),
                folder.project_file().display(),
                folder.path.display()
            ),
            (_, None) => "; the run has no good checkpoint: train it again".to_owned(),
        };
        Failure::Message(format!("{error}{advice}"))
    })?;
    match problem.decision.refuses(&policy) {
        None => Ok(policy),
        Some(reason) => Err(Failure::Message(reason)),
    }
}

/// The problem of a training command, with the options of the command.
pub fn problem_to_train(arguments: &Train, registry: &Registry) -> Result<Problem, Failure> {
    let mut overrides = arguments.project.set.clone();
    overrides.extend(arguments.steps.map(|steps| format!("train.total_steps={steps}")));
    overrides.extend(arguments.seed.map(|seed| format!("train.seed={seed}")));
    Ok(preparing::load(&arguments.project.project, registry, &overrides)?)
}

/// The refusal of a kind that the registry does not have, with the nearest name.
pub fn no_process(kind: &str, registry: &Registry) -> Failure {
    let hint = match nearest(kind, registry.complete()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("processes: {}", registry.complete().collect::<Vec<_>>().join(", ")),
    };
    Failure::Message(format!("there is no process `{kind}`; {hint}"))
}

/// The folder of a training.
pub fn folder_to_train(arguments: &Train, problem: &Problem) -> Result<RunFolder, FileError> {
    if let Some(path) = &arguments.run_dir {
        return Ok(RunFolder::at(path));
    }
    let name = &problem.decision.project.charter.name;
    let newest = || RunFolder::newest_under(&arguments.runs, name);
    if let Some(newest) = arguments.resume.then(newest).flatten() {
        return Ok(newest);
    }
    let seeds = seeds_text(problem.decision.project.train.seed, arguments.seeds);
    RunFolder::create_under(&arguments.runs, name, problem.options.name(), &seeds, SystemTime::now())
}

/// The problem of a comparison, with the options of the command.
pub fn problem_to_compare(arguments: &Compare, registry: &Registry) -> Result<Problem, Failure> {
    let mut overrides = arguments.project.set.clone();
    overrides.extend(arguments.seed.map(|seed| format!("train.seed={seed}")));
    Ok(preparing::load(&arguments.project.project, registry, &overrides)?)
}

/// The folder of a comparison.
pub fn folder_to_compare(arguments: &Compare, plan: &Plan) -> Result<RunFolder, FileError> {
    if let Some(path) = &arguments.run_dir {
        return Ok(RunFolder::at(path));
    }
    let settings = &plan.settings;
    let newest = || RunFolder::newest_comparison_under(&arguments.runs, &settings.project);
    if let Some(newest) = arguments.resume.then(newest).flatten() {
        return Ok(newest);
    }
    let seeds = seeds_text(settings.seed, settings.seeds);
    RunFolder::create_under(&arguments.runs, &settings.project, "compare", &seeds, SystemTime::now())
}

/// `0`, or `0-2`.
fn seeds_text(first: u64, count: u64) -> String {
    match count {
        1 => first.to_string(),
        count => format!("{first}-{}", first + count - 1),
    }
}
