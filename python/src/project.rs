//! Projects as folders: training and evaluation as the command line does them.

use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::time::SystemTime;

use pyo3::exceptions::{PyOSError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyDict;
use setpoint_evidence::evaluate::evaluate_into;
use setpoint_files::newest::newest;
use setpoint_files::run::{Kind, Start};
use setpoint_files::run_folder::RunFolder;
use setpoint_learn::error::TrainError;
use setpoint_learn::first_policy::FirstPolicy;
use setpoint_learn::problem::Problem;
use setpoint_learn::run_project;
use setpoint_learn::train::{Progress, TrainOptions, Trained, cores};
use setpoint_policy::Policy;

use crate::description::{broke_off, refused, to_json};
use crate::registry::registry;
use crate::waiting::{self, Reporter};

/// Trains a project's policy into a run folder; gives the folder and the summary as JSON. `callback` is given a dictionary
/// after each update, and ends the training by giving False; a checkpoint then waits.
#[pyfunction]
#[pyo3(signature = (project, overrides, runs, run_dir=None, resume=false, force=false, from_run=None, threads=0, callback=None))]
#[expect(clippy::too_many_arguments, reason = "the Python side names every one of them")]
pub fn train(
    py: Python<'_>,
    project: PathBuf,
    overrides: Vec<String>,
    runs: PathBuf,
    run_dir: Option<PathBuf>,
    resume: bool,
    force: bool,
    from_run: Option<PathBuf>,
    threads: usize,
    callback: Option<Bound<'_, PyAny>>,
) -> PyResult<(PathBuf, String)> {
    let problem = py
        .detach(|| Problem::load(&project, &overrides, registry(), &mut |_| {}))
        .map_err(|error| refused(&error))?;
    let problem = match from_run {
        None => problem,
        Some(from) => first_policy(&from)
            .and_then(|first| problem.beginning_with(first))
            .map_err(|error| PyValueError::new_err(error.to_string()))?,
    };
    let decision = &problem.decision.project;
    let name = &decision.charter.name;
    let folder = match run_dir {
        Some(path) => Some(RunFolder::at(path)),
        None if resume => {
            let found = newest(&runs, name, Some(&decision.folder), &[Kind::Training]);
            let found = found.map_err(|error| PyOSError::new_err(error.to_string()))?;
            let nothing =
                || PyValueError::new_err(format!("{name} has no run under {} to resume", runs.display()));
            Some(found.newest.ok_or_else(nothing)?.0)
        }
        None => None,
    };
    let seed = problem.decision.project.train.seed.to_string();
    let folder = match folder {
        Some(folder) => folder,
        None => RunFolder::create_under(&runs, name, problem.options.name(), &seed, SystemTime::now())
            .map_err(|error| PyOSError::new_err(error.to_string()))?,
    };
    let threads = cores((threads > 0).then_some(threads));
    let start = Start::of(resume, force);
    let stop = AtomicBool::new(false);
    let work = |reporter: Reporter<Progress>| -> Result<Trained, TrainError> {
        let progress = &mut |progress: &Progress| reporter.report(*progress);
        let options = TrainOptions { folder: Some(folder.clone()), start, threads, stop: &stop, progress };
        setpoint_learn::train::train(&problem, options)
    };
    let trained = waiting::run(py, &stop, work, |py, progress| {
        let Some(callback) = &callback else { return Ok(true) };
        let figures = PyDict::new(py);
        figures.set_item("steps", progress.steps)?;
        figures.set_item("total_steps", progress.total_steps)?;
        figures.set_item("updates", progress.updates)?;
        figures.set_item("episodes", progress.episodes)?;
        figures.set_item("return_mean_100", progress.moving_return)?;
        figures.set_item("evaluation", progress.evaluation.map(|found| found.return_mean))?;
        waiting::ask(callback, &figures)
    })?;
    let trained = trained.map_err(|error| broke_off(&error))?;
    Ok((folder.path.clone(), to_json(&trained.summary)?))
}

/// The policy of a run, or of a policy file.
fn first_policy(from: &Path) -> Result<FirstPolicy, TrainError> {
    if from.is_file() { FirstPolicy::of_file(from) } else { FirstPolicy::of_run(&RunFolder::at(from)) }
}

/// Evaluates a run's policy against the project's baselines, stores the evidence in the run and writes the report. Returns
/// the text of the evidence file, with the hashes.
#[pyfunction]
#[pyo3(signature = (run, episodes=None, seeds=1))]
pub fn evaluate(py: Python<'_>, run: PathBuf, episodes: Option<u64>, seeds: u64) -> PyResult<String> {
    let folder = RunFolder::at(&run);
    let overrides: Vec<String> =
        episodes.map(|episodes| format!("evaluate.episodes={episodes}")).into_iter().collect();
    let problem =
        run_project::load(&folder, &overrides, registry(), &mut |_| {}).map_err(|error| refused(&error))?;
    let policy = Policy::load(&folder.policy()).map_err(|error| PyValueError::new_err(error.to_string()))?;
    if let Some(reason) = problem.decision.refuses(&policy) {
        return Err(PyValueError::new_err(reason));
    }
    let stop = AtomicBool::new(false);
    let work = |_: Reporter<()>| -> Result<String, TrainError> {
        let decision = problem.decision.clone().with_threads(cores(None));
        let (_, kept) =
            evaluate_into(&decision, &problem.resolved(), &policy, seeds, &folder, Some(&stop), &[])?;
        setpoint_report::write(&problem, &folder)?;
        Ok(RunFolder::read(&kept.path)?)
    };
    waiting::run(py, &stop, work, |_, ()| Ok(true))?.map_err(|error| broke_off(&error))
}
