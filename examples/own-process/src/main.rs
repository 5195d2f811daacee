//! The program `batch-oven`: all commands of `setpoint`, with one kind of process more.

fn main() -> std::process::ExitCode {
    setpoint::main_with(setpoint::registry().with([batch_oven::KIND]))
}
