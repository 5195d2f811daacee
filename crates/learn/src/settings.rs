//! The settings of a training that decide its result: a resume needs the same settings, and only these.

use setpoint_files::run_folder::RunFolder;
use toml::Table;

use crate::error::TrainError;
use crate::problem::Problem;
use crate::run_project;

/// Keys of `[train]` that change no result. Projects from before a key may lack it.
const INTERVALS: [&str; 2] = ["checkpoint_every_updates", "checkpoint_every_seconds"];

/// A checkpoint continues only the training that wrote it: refuses a run folder whose project has other settings.
pub fn same_settings(problem: &Problem, folder: &RunFolder) -> Result<(), TrainError> {
    if !folder.project_file().is_file() {
        return Ok(());
    }
    let incidental = |table: &mut Table| {
        let keys = problem.decision.factory.incidental_keys();
        if let Some(process) = table.get_mut("process").and_then(toml::Value::as_table_mut) {
            keys.iter().for_each(|key| drop(process.remove(*key)));
        }
        // A log for the validation of the process does not change the training.
        table.remove("data");
    };
    match difference(&run_project::text(folder)?, &problem.resolved(), &incidental) {
        None => Ok(()),
        Some(difference) => Err(TrainError::OtherSettings { folder: folder.path.clone(), difference }),
    }
}

/// The first difference between two resolved projects in a sentence, or `None`. The intervals of checkpoints do not count, and
/// neither do the keys that `remove` deletes.
pub fn difference(found: &str, expected: &str, remove: &dyn Fn(&mut Table)) -> Option<String> {
    if found == expected {
        return None;
    }
    let decisive = |text: &str| {
        let mut table: Table = text.parse().ok()?;
        if let Some(train) = table.get_mut("train").and_then(toml::Value::as_table_mut) {
            INTERVALS.iter().for_each(|key| drop(train.remove(*key)));
        }
        remove(&mut table);
        toml::to_string_pretty(&table).ok()
    };
    // A text that is no project differs by its lines.
    let (found, expected) = match (decisive(found), decisive(expected)) {
        (Some(found), Some(expected)) => (found, expected),
        _ => (found.to_owned(), expected.to_owned()),
    };
    if found == expected {
        return None;
    }
    let differs = |(found, expected): &(&str, &str)| found != expected;
    Some(found.lines().zip(expected.lines()).find(differs).map_or_else(
        || "one project has more keys".to_owned(),
        |(found, expected)| format!("there `{found}`, here `{expected}`"),
    ))
}
