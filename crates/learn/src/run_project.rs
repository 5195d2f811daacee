//! The resolved project of a run, with the files that it names where they are today: project and runs may be moved together.

use std::path::{Path, PathBuf};

use setpoint_decision::{Diagnostic, Project};
use setpoint_evidence::Decision;
use setpoint_files::FileError;
use setpoint_files::run::Marker;
use setpoint_files::run_folder::RunFolder;
use setpoint_process::Registry;
use setpoint_process::preparation::OnProgress;
use toml::Value;

use crate::problem::Problem;

/// The problem of a run as the run resolved it, with overrides.
pub fn load(
    folder: &RunFolder,
    overrides: &[String],
    registry: &Registry,
    progress: OnProgress<'_>,
) -> Result<Problem, Box<Diagnostic>> {
    let file = folder.project_file();
    let text = text(folder).map_err(|error| {
        let help = "a run keeps its resolved project there; name a run folder, or a project that has a run";
        Diagnostic::without_origin(error.to_string(), help)
    })?;
    let mut project = Project::from_text(&file.display().to_string(), &text, overrides)?;
    project.folder.clone_from(&folder.path);
    Problem::of(Decision::open(project, registry, progress)?, progress)
}

/// The text of a run's resolved project.
pub fn text(folder: &RunFolder) -> Result<String, FileError> {
    let text = RunFolder::read(&folder.project_file())?;
    let Some((then, now)) = moved(folder)? else { return Ok(text) };
    let Ok(mut table) = text.parse::<toml::Table>() else { return Ok(text) };
    table.iter_mut().for_each(|(_, value)| relocate(value, &then, &now));
    Ok(toml::to_string_pretty(&table).unwrap_or(text))
}

/// The project's folder when the run began, and today, if it was moved.
fn moved(folder: &RunFolder) -> Result<Option<(PathBuf, PathBuf)>, FileError> {
    let Some(origin) = Marker::of(&folder.path)?.map(|marker| marker.project) else { return Ok(None) };
    let (Some(then), Some(relative)) = (origin.absolute, origin.folder) else { return Ok(None) };
    // Where it was comes first: runs may have been moved alone.
    if then.is_dir() {
        return Ok(None);
    }
    let now = folder.path.join(relative).canonicalize().ok();
    Ok(now.filter(|now| *now != then).map(|now| (then, now)))
}

/// Names of files below `then` become names below `now`.
fn relocate(value: &mut Value, then: &Path, now: &Path) {
    match value {
        Value::String(text) => {
            if let Ok(below) = Path::new(text.as_str()).strip_prefix(then) {
                *text = now.join(below).display().to_string();
            }
        }
        Value::Array(values) => values.iter_mut().for_each(|value| relocate(value, then, now)),
        Value::Table(table) => table.iter_mut().for_each(|(_, value)| relocate(value, then, now)),
        _ => {}
    }
}
