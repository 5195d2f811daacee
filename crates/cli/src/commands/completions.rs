//! `setpoint completions`

use clap::CommandFactory;
use clap_complete::Shell;
use serde_json::json;

use crate::arguments::Arguments;
use crate::output::{Failure, Output, Status};

pub fn run(shell: Shell, output: &Output) -> Result<Status, Failure> {
    // Into memory, for the generator panics if its stream cannot be written.
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Arguments::command(), "setpoint", &mut script);
    let script = String::from_utf8_lossy(&script);
    output.script(&script);
    output.document("completions", Status::Done, json!({ "shell": shell.to_string(), "script": script }));
    Ok(Status::Done)
}
