//! The command line of `setpoint-edge`.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::evaluation::EvaluationArguments;
use crate::recommendation::StateArguments;

/// A trained policy next to the plant: evaluates it and asks it for recommendations.
#[derive(Parser)]
#[command(name = "setpoint-edge", version, max_term_width = 110, propagate_version = true)]
#[command(
    after_help = "Exit status: 0 done, 1 a gate failed, or standard output could not be written, 2 bad input."
)]
pub struct Arguments {
    /// Print one JSON document on standard output, and all other text on standard error
    #[arg(long, global = true)]
    pub json: bool,
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Subcommand)]
pub enum Command {
    /// Evaluate a policy file against the baselines of a project
    Eval(Eval),
    /// Rank the actions for one state, with reasons
    Recommend(Recommend),
}

#[derive(Args)]
pub struct Eval {
    /// Policy file: policy.safetensors of a run
    #[arg(long, value_name = "FILE")]
    pub policy: PathBuf,
    /// Project folder, or its setpoint.toml
    #[arg(default_value = ".")]
    pub project: PathBuf,
    #[command(flatten)]
    pub evaluation: EvaluationArguments,
}

#[derive(Args)]
pub struct Recommend {
    /// Policy file: policy.safetensors of a run
    #[arg(long, value_name = "FILE")]
    pub policy: PathBuf,
    /// Project folder, or its setpoint.toml: it contains the scenarios, and the policy must fit it
    pub project: Option<PathBuf>,
    #[command(flatten)]
    pub asked: StateArguments,
}
