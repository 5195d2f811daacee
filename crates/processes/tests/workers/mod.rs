//! Environments in Python workers for tests.
//!
//! They need a Python with gymnasium (`SETPOINT_PYTHON`, else `python3`); without one every test says that it was skipped.

use std::process::{Command, Stdio};
use std::sync::Arc;

use setpoint_decision::Project;
use setpoint_process::Factory;
use setpoint_process::vectorized::{Actions, Batch, ProcessError};
use setpoint_processes::registry;

/// The folder with the environments.
pub const ENVIRONMENTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/environments");

/// The interpreter.
pub fn python() -> String {
    std::env::var("SETPOINT_PYTHON").unwrap_or_else(|_| "python3".to_owned())
}

/// Whether there is anything to test with; says so where not.
pub fn is_there() -> bool {
    let there = Command::new(python())
        .args(["-c", "import gymnasium, numpy; assert int(gymnasium.__version__.split('.')[0]) >= 1"])
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success());
    if !there {
        println!("skipped: {} has no gymnasium (SETPOINT_PYTHON names another Python)", python());
    }
    there
}

/// A project whose `[process]` has these keys.
pub fn project(keys: &str) -> Project {
    let text = format!(
        "[process]\nkind = \"gymnasium\"\npython = \"{}\"\npath = [\"{ENVIRONMENTS}\"]\n{keys}\n[reward]\nreward = 1\n",
        python()
    );
    Project::from_text("setpoint.toml", &text, &[]).unwrap()
}

/// Its environments.
pub fn factory(keys: &str) -> Arc<dyn Factory> {
    registry().open(&project(keys), &mut |_| {}).unwrap_or_else(|error| panic!("{error}"))
}

/// Takes always the same action until a batch fails or `steps` are done.
pub fn run(batch: &mut dyn Batch, steps: usize) -> Result<(), Box<ProcessError>> {
    let actions = vec![0; batch.lanes()];
    (0..steps).try_for_each(|_| batch.step(Actions::of_choices(&actions)))
}
