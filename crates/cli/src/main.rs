//! The program `setpoint`.

use std::process::ExitCode;

fn main() -> ExitCode {
    ExitCode::from(setpoint_cli::run(std::env::args_os()))
}
