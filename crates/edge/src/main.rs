//! The program `setpoint-edge`.

use std::process::ExitCode;

fn main() -> ExitCode {
    setpoint_edge::main_with(setpoint_processes::registry())
}
