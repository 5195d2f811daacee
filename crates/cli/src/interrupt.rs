//! Ctrl-C: the first requests the end with a checkpoint, the second ends at once.

use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::json;
use setpoint_files::run_folder::RunFolder;
use setpoint_terminal::quoted_path;

use crate::output::{Output, Status};

/// Set after a request to stop.
pub static STOP: AtomicBool = AtomicBool::new(false);

/// Installs the handler.
pub fn listen() {
    let listening = ctrlc::set_handler(|| {
        if STOP.swap(true, Ordering::Relaxed) {
            std::process::exit(130);
        }
        setpoint_terminal::note("\nstopping with a checkpoint (press Ctrl-C again to stop at once)");
    });
    // A second handler in one process is no failure: the first handler is enough.
    if let Err(ctrlc::Error::System(error)) = listening {
        setpoint_terminal::note(format_args!(
            "Ctrl-C ends this program at once, without a last checkpoint: {error}"
        ));
    }
}

/// Says how a stopped command continues, for people and for programs.
pub fn stopped(command: &str, folder: &RunFolder, output: &Output) -> Status {
    output.line(format!(
        "stopped; all results are in {}. To continue, repeat the command with --run-dir {} --resume",
        folder.path.display(),
        quoted_path(&folder.path)
    ));
    output.document(command, Status::Interrupted, json!({ "run": folder.path }));
    Status::Interrupted
}
