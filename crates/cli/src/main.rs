//! The program `setpoint`.

use std::process::ExitCode;

fn main() -> ExitCode {
    setpoint::main_with(setpoint::registry())
}
