//! The target of a command: a run folder, or a project's newest run.

pub mod training;

use std::path::{Path, PathBuf};

use setpoint_decision::Project;
use setpoint_decision::diagnostic::nearest;
use setpoint_files::lock::holder_of;
use setpoint_files::run::{Kind, is_run};
use setpoint_files::run_folder::RunFolder;
use setpoint_learn::checkpoint;
use setpoint_learn::first_policy::FirstPolicy;
use setpoint_learn::problem::Problem;
use setpoint_policy::Policy;
use setpoint_policy::policy_file::PolicyFileError;

use setpoint_process::Registry;
use setpoint_terminal::quoted_path;

use crate::arguments::{Compare, RunArguments, Train};
use crate::output::{Failure, Output};
use crate::preparing;
use crate::runs::Runs;
use crate::target::training::{seeds_of, training_of};

/// The kinds of run that have a policy, or a policy of each seed.
pub const TRAININGS: [Kind; 2] = [Kind::Training, Kind::Seeds];

/// Finds the run: the given one, or the newest training of a project, of one seed or of several.
pub fn run_folder(arguments: &RunArguments) -> Result<RunFolder, Failure> {
    newest_of(&arguments.run, &arguments.runs, &TRAININGS)
}

/// The same; `None` if the given path is a policy file outside of its run.
pub fn run_folder_or_policy_file(arguments: &RunArguments) -> Result<Option<RunFolder>, Failure> {
    find(&arguments.run, &arguments.runs, &TRAININGS)
}

/// The given run, or the newest run of a project. The process of the project is not opened: that may take long or write files.
pub fn newest_of(given: &Path, runs: &Runs, kinds: &[Kind]) -> Result<RunFolder, Failure> {
    find(given, runs, kinds)?.ok_or_else(|| {
        let quoted = quoted_path(given);
        Failure::Message(format!(
            "{} is a policy file outside of its run: name the run's folder; a policy file alone is enough for `setpoint recommend \
             {quoted}`, and with its project for `setpoint-edge eval --policy {quoted} PROJECT`",
            given.display(),
        ))
    })
}

/// The same; `None` if the given path is a policy file outside of its run.
fn find(given: &Path, runs: &Runs, kinds: &[Kind]) -> Result<Option<RunFolder>, Failure> {
    let folder = RunFolder::at(given);
    if is_run(&folder) {
        return Ok(Some(folder));
    }
    if is_policy_file(given) {
        return Ok(run_of_policy_file(given));
    }
    let project = Project::load(given, &[])?;
    let name = &project.charter.name;
    let found = runs.newest(&project, kinds)?;
    found.newest.map(|(run, _)| Some(run)).ok_or_else(|| {
        let another = found.of_another.map_or(String::new(), |other| {
            format!(" (a run of that name belongs to the project in {})", other.display())
        });
        Failure::Message(format!(
            "{name} has no run under {} yet{another}: `setpoint train {}` makes a run",
            runs.looked_into(&project),
            quoted_path(given)
        ))
    })
}

/// Whether a path names a policy file rather than a project or a run.
pub fn is_policy_file(given: &Path) -> bool {
    given.is_file() && given.extension().is_some_and(|extension| extension == "safetensors")
}

/// The run in whose folder a policy file lies, if it is the policy of that run.
fn run_of_policy_file(file: &Path) -> Option<RunFolder> {
    let absolute = std::path::absolute(file).unwrap_or_else(|_| file.to_owned());
    let folder = RunFolder::at(absolute.parent().unwrap_or(Path::new("/")));
    (is_run(&folder) && folder.policy() == absolute).then(|| {
        // The folder as the user would name it.
        let parent = file.parent().filter(|parent| !parent.as_os_str().is_empty());
        RunFolder::at(parent.unwrap_or(Path::new(".")))
    })
}

/// The project as the run resolved it, with overrides.
pub fn problem_of(folder: &RunFolder, registry: &Registry, overrides: &[String]) -> Result<Problem, Failure> {
    Ok(preparing::load_run(folder, registry, overrides)?)
}

/// The run's policy; an error names the last good checkpoint.
pub fn policy_of(folder: &RunFolder, problem: &Problem) -> Result<Policy, Failure> {
    let policy = Policy::load(&folder.policy()).map_err(|error| {
        if error.is_newer() {
            // The file is whole. Writing the policy again from a checkpoint would lose it.
            return Failure::Message(error.to_string());
        }
        let last_good = checkpoint::last_good(&folder.checkpoints());
        if last_good.is_none() && !folder.policy().exists() {
            return Failure::Message(without_policy(folder));
        }
        let advice = match (&error, last_good) {
            (PolicyFileError::Read { .. }, None) => "; the run has no checkpoint either: train it again".to_owned(),
            (_, Some(path)) => format!(
                "; the last good checkpoint is {}: `setpoint train {} --run-dir {} --resume` writes the policy from it",
                path.display(),
                quoted_path(&folder.project_file()),
                quoted_path(&folder.path)
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

/// Why a run has no policy: it is trained now, or its training failed.
fn without_policy(folder: &RunFolder) -> String {
    let path = folder.path.display();
    match holder_of(&folder.path) {
        Some(holder) => {
            format!("the training in {path} has no policy yet: {holder} trains it; `setpoint watch` shows it")
        }
        None => format!(
            "the training in {path} failed or was stopped before its first checkpoint, so it has no policy: train again"
        ),
    }
}

/// The problem of a training command, with the options of the command.
pub fn problem_to_train(arguments: &Train, registry: &Registry, output: &Output) -> Result<Problem, Failure> {
    let mut overrides = arguments.project.set.clone();
    overrides.extend(arguments.steps.map(|steps| format!("train.total_steps={steps}")));
    overrides.extend(arguments.seed.map(|seed| format!("train.seed={seed}")));
    let problem = match run_to_resume(arguments) {
        Some(run) => preparing::load_run(&with_project(RunFolder::at(run))?, registry, &overrides)?,
        None => preparing::load(&arguments.project.project, registry, &overrides)?,
    };
    match &arguments.from {
        None => Ok(problem),
        Some(from) => Ok(problem.beginning_with(first_policy(from, &arguments.runs, output)?)?),
    }
}

/// The run that stands in the place of the project, if the command resumes.
pub fn run_to_resume(arguments: &Train) -> Option<&PathBuf> {
    let given = &arguments.project.project;
    (arguments.resume && arguments.run_dir.is_none() && is_run(&RunFolder::at(given))).then_some(given)
}

/// The folder with the resolved project of a run. A run over several seeds gets its own copy at the end; the first seed has one
/// from its beginning, with the seed of the project.
fn with_project(run: RunFolder) -> Result<RunFolder, Failure> {
    let first = seeds_of(&run)?.and_then(|seeds| seeds.first().copied());
    Ok(match first.filter(|_| !run.project_file().is_file()) {
        Some(seed) => run.of_seed(seed),
        None => run,
    })
}

/// The policy of a run, of a project's newest run, or of a file; of a run over several seeds that of the median.
fn first_policy(from: &Path, runs: &Runs, output: &Output) -> Result<FirstPolicy, Failure> {
    if is_policy_file(from) {
        return Ok(FirstPolicy::of_file(from)?);
    }
    let run = newest_of(from, runs, &TRAININGS)?;
    Ok(FirstPolicy::of_run(&training_of(run, None, output)?.folder)?)
}

/// The refusal of a kind that the registry does not have, with the nearest name.
pub fn no_process(kind: &str, registry: &Registry) -> Failure {
    let hint = match nearest(kind, registry.complete()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("processes: {}", registry.complete().collect::<Vec<_>>().join(", ")),
    };
    Failure::Message(format!("there is no process `{kind}`; {hint}"))
}

/// The problem of a comparison, with the options of the command.
pub fn problem_to_compare(arguments: &Compare, registry: &Registry) -> Result<Problem, Failure> {
    let mut overrides = arguments.project.set.clone();
    overrides.extend(arguments.seed.map(|seed| format!("train.seed={seed}")));
    Ok(preparing::load(&arguments.project.project, registry, &overrides)?)
}
