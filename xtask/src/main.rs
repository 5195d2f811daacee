//! Chores: `cargo xtask <chore>`.

use std::process::ExitCode;

use clap::{Parser, Subcommand};

mod lines;
mod machine;
mod peers;
mod policies;
mod proofs;
mod soak;
mod templates;

/// Why a chore could not be done.
type Failure = Box<dyn std::error::Error + Send + Sync>;

#[derive(Parser)]
#[command(name = "cargo xtask", about = "Chores of the Setpoint workspace")]
struct Arguments {
    #[command(subcommand)]
    chore: Chore,
}

#[derive(Subcommand)]
enum Chore {
    /// Run ours and the peers' programs in turn and print the ratios
    Peers(peers::Arguments),
    /// Train every ready project for a short time and print the hashes of the policies; compare two builds
    Policies(policies::Arguments),
    /// Train the ready projects and Stable-Baselines3 with the same settings and write docs/proofs.md
    Proofs(proofs::Arguments),
    /// Fail and kill every command at every operation on files, and run two commands at once, many thousand times
    Soak(soak::Arguments),
    /// Train the project that `setpoint new` writes for every process, over five seeds, and write docs/new-projects.md
    Templates(templates::Arguments),
}

fn main() -> ExitCode {
    let result = match Arguments::parse().chore {
        Chore::Peers(arguments) => peers::run(&arguments),
        Chore::Policies(arguments) => policies::run(&arguments),
        Chore::Proofs(arguments) => proofs::run(&arguments),
        Chore::Soak(arguments) => soak::run(&arguments),
        Chore::Templates(arguments) => templates::run(&arguments),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}
