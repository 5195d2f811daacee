//! `setpoint completions`

use clap::CommandFactory;
use clap_complete::Shell;

use crate::arguments::Arguments;
use crate::output::{Failure, Status};

pub fn run(shell: Shell) -> Result<Status, Failure> {
    clap_complete::generate(shell, &mut Arguments::command(), "setpoint", &mut std::io::stdout());
    Ok(Status::Done)
}
