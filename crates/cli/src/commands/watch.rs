//! `setpoint watch`

use std::sync::atomic::Ordering;
use std::time::Duration;

use serde_json::json;
use setpoint_files::run_folder::RunFolder;

use crate::arguments::Watch;
use crate::dashboard::Dashboard;
use crate::interrupt;
use crate::output::{Failure, Output, Status};
use crate::target::problem_of;
use setpoint_process::Registry;

/// Time between two updates of the screen.
const EVERY: Duration = Duration::from_millis(250);

pub fn run(arguments: &Watch, registry: &Registry, output: &Output) -> Result<Status, Failure> {
    let folder = running(arguments)?;
    let problem = problem_of(&folder, registry, &[])?;
    let Some(mut dashboard) = Dashboard::new(&problem, &folder) else {
        return Err(Failure::Message(
            "`setpoint watch` needs a terminal of at least 72 columns and 24 rows; metrics.jsonl and tensorboard/ in the \
             run folder contain the same figures"
                .to_owned(),
        ));
    };
    interrupt::listen();
    dashboard.draw();
    // A summary is written at the end of every training.
    while !folder.summary().is_file() && !interrupt::STOP.load(Ordering::Relaxed) {
        std::thread::sleep(EVERY);
        dashboard.update();
    }
    dashboard.finish();
    output.line(format!("run folder: {}", folder.path.display()));
    output.document(
        "watch",
        Status::Done,
        json!({ "run": folder.path, "ended": folder.summary().is_file() }),
    );
    Ok(Status::Done)
}

/// A run that has begun or ended; for several seeds the run with the newest log.
fn running(arguments: &Watch) -> Result<RunFolder, Failure> {
    let given = RunFolder::at(&arguments.run.run);
    if given.metrics().is_file() {
        return Ok(given);
    }
    crate::target::run_folder(&arguments.run)
}
