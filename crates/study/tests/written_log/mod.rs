//! The text of a log as a command reads it: from a file, by the project's `[data]`.

use setpoint_learn::problem::Problem;
use setpoint_log::Reading;

/// # Panics
/// If the log is refused.
pub fn read(problem: &Problem, text: &str) -> Reading {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log.csv");
    std::fs::write(&path, text).unwrap();
    let project = &problem.decision.project;
    setpoint_log::read(&path, project.data.as_ref(), problem.spec(), &project.reward, &mut |_| {})
        .unwrap_or_else(|error| panic!("{error}"))
}
