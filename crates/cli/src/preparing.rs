//! Opening a project, with a message if the preparation takes longer than a second.

use std::path::Path;
use std::time::{Duration, Instant};

use indicatif::ProgressBar;
use setpoint_decision::Diagnostic;
use setpoint_files::run_folder::RunFolder;
use setpoint_learn::problem::Problem;
use setpoint_learn::run_project;
use setpoint_process::Registry;
use setpoint_process::preparation::Preparation;
use setpoint_terminal::visible_in_line;

use crate::progress::LINE_EVERY;
use crate::screen;

/// A shorter preparation needs no message.
const QUIET: Duration = Duration::from_secs(1);

/// One preparation on standard error: a line that changes on a terminal, otherwise a line at intervals.
pub struct Preparing {
    started: Instant,
    last_line: Instant,
    spinner: Option<ProgressBar>,
}

impl Preparing {
    pub fn new() -> Self {
        Self { started: Instant::now(), last_line: Instant::now(), spinner: None }
    }

    pub fn tell(&mut self, preparation: Preparation) {
        if self.started.elapsed() < QUIET {
            return;
        }
        let spinner = self.spinner.get_or_insert_with(screen::spinner);
        if !spinner.is_hidden() {
            spinner.set_message(visible_in_line(&preparation.to_string()).into_owned());
        } else if self.last_line.elapsed() >= LINE_EVERY {
            self.last_line = Instant::now();
            setpoint_terminal::note(preparation);
        }
    }
}

impl Drop for Preparing {
    fn drop(&mut self) {
        if let Some(spinner) = &self.spinner {
            spinner.finish_and_clear();
        }
    }
}

/// The problem of a run as the run resolved it, with overrides.
pub fn load_run(
    folder: &RunFolder,
    registry: &Registry,
    overrides: &[String],
) -> Result<Problem, Box<Diagnostic>> {
    let mut preparing = Preparing::new();
    run_project::load(folder, overrides, registry, &mut |preparation| preparing.tell(preparation))
}

/// Reads a project file (or its folder) with overrides, and everything that it names.
pub fn load(path: &Path, registry: &Registry, overrides: &[String]) -> Result<Problem, Box<Diagnostic>> {
    let mut preparing = Preparing::new();
    Problem::load(path, overrides, registry, &mut |preparation| preparing.tell(preparation))
}
