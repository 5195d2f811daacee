//! Long suites: the tests of failing disks and of two commands at once, with as many cases as a machine has hours for, and the
//! tests that CI leaves out because they take long.
//!
//! `cargo xtask soak` runs some 10⁵ cases of storage and 1,000 schedules in about an hour on two cores.

use std::process::Command;
use std::time::Instant;

use clap::Args;

use crate::Failure;

#[derive(Args)]
pub struct Arguments {
    /// Rounds of the storage cases; a round has about 10,000
    #[arg(long, default_value_t = 10)]
    rounds: u64,
    /// Random schedules of two commands in one folder
    #[arg(long, default_value_t = 1_000)]
    schedules: u64,
}

pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let suites = [
        ("storage", "SETPOINT_SOAK_ROUNDS", arguments.rounds),
        ("two_at_once", "SETPOINT_SOAK_SCHEDULES", arguments.schedules),
    ];
    for (suite, variable, count) in suites {
        let started = Instant::now();
        let mut command = Command::new(env!("CARGO"));
        command.args(["test", "--package", "setpoint", "--test", suite, "--", "--nocapture"]);
        let status = command.env(variable, count.to_string()).status()?;
        if !status.success() {
            return Err(format!("{suite} found a fault").into());
        }
        println!("{suite}: {variable}={count} in {:.0} s", started.elapsed().as_secs_f64());
    }
    let started = Instant::now();
    let ignored = ["test", "--workspace", "--", "--ignored"];
    if !Command::new(env!("CARGO")).args(ignored).status()?.success() {
        return Err("a test that takes long found a fault".into());
    }
    println!("tests that take long: {:.0} s", started.elapsed().as_secs_f64());
    Ok(())
}
