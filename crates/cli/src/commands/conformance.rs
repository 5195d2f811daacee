//! `setpoint conformance`: tests a program for `kind = "program"`.

use serde_json::json;

use super::check::{self, status_of};
use crate::arguments::Conformance;
use crate::output::{Failure, Output, Status};

#[cfg(unix)]
pub fn run(arguments: &Conformance, output: &Output) -> Result<Status, Failure> {
    use std::time::Duration;

    use setpoint_processes::program::{Settings, author};

    let Conformance { steps, folder, timeout_s, command } = arguments;
    if !(0.01..=1e6).contains(timeout_s) {
        return Err(Failure::Message("--timeout-s expects a number from 0.01 to 1000000".to_owned()));
    }
    if !folder.is_dir() {
        return Err(Failure::Message(format!("--folder: there is no folder {}", folder.display())));
    }
    let timeout = Duration::from_secs_f64(*timeout_s);
    let settings = Settings { timeout, ..Settings::new(command.clone(), folder) };
    let findings = author::findings(&settings, *steps as usize);
    output.line(settings.called());
    check::show_findings(&findings, output);
    let status = status_of(&findings);
    output.document("conformance", status, json!({ "program": command, "findings": findings }));
    Ok(status)
}

#[cfg(not(unix))]
pub fn run(_: &Conformance, _: &Output) -> Result<Status, Failure> {
    Err(Failure::Message(
        "programs as processes need a Unix system: Linux or macOS, or WSL on Windows".to_owned(),
    ))
}
