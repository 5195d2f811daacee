//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use clap_complete::Shell;
use setpoint_edge::evaluation::EvaluationArguments;
use setpoint_edge::recommendation::StateArguments;

use crate::runs::Runs;

/// Reinforcement learning for one industrial decision at a time.
///
/// Learn a decision in simulation, prove it against baselines, and report it. A project is a folder with a
/// setpoint.toml; every command reads it.
#[derive(Parser)]
#[command(name = "setpoint", version, max_term_width = 110, propagate_version = true)]
#[command(
    after_help = "Start with:  setpoint new my-line --process assembly-line  &&  setpoint run my-line\n\n\
Exit status: 0 done, 1 a check or gate failed, or standard output could not be written, 2 bad input, \
130 interrupted."
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
    /// Write a project file with comments, as a start: for a process, or from a log
    New(New),
    /// Audit a log without any project: its columns, the part that each may play, its faults
    Audit(Audit),
    /// Check a project: charter, spaces, signals, and the behaviour of its process
    Check(Check),
    /// Test a program for `kind = "program"`, rule by rule: description, steps, seeds, batches, saved states
    Conformance(Conformance),
    /// List the processes (with features, actions, signals) or the algorithms
    List(List),
    /// Train a policy, or one policy per seed
    Train(Train),
    /// Watch a training while it runs, or look at it after its end: curves, reward terms, actions
    Watch(Watch),
    /// Train several algorithms on a share of the steps and recommend one
    Compare(Compare),
    /// Search better options for the project's algorithm, and test them on fresh seeds
    Tune(Tune),
    /// Evaluate a trained policy against its baselines
    Eval(Eval),
    /// Test a policy under noise, delay and loss of samples, in every combination
    Faults(Faults),
    /// Compare the simulator with a log of the plant: audit the log, measure the gap
    Validate(Validate),
    /// Estimate the return of a policy from a log of decisions, without a simulator
    Ope(Ope),
    /// Find the faults of a training, during it or after it: symptom, evidence, next experiment
    Diagnose(Diagnose),
    /// Check every file of a run: what can be relied on, and what to do about the rest
    Verify(Verify),
    /// Rank the actions for one state, with reasons
    Recommend(Recommend),
    /// Write the report.html of a run again
    Report(Report),
    /// Check, train, evaluate and report in one command
    Run(Train),
    /// Print a completion script for your shell
    Completions {
        /// Name of the shell
        shell: Shell,
    },
}

#[derive(Args)]
pub struct New {
    /// Folder to create; its name is the name of the decision
    pub name: PathBuf,
    /// Process to control: see `setpoint list processes`; with --data, learned or plant [default with --data: learned]
    #[arg(long, short, value_name = "KIND", required_unless_present = "data")]
    pub process: Option<String>,
    /// Log of the process, a CSV or Parquet file: the project is drafted from it
    #[arg(long, value_name = "LOG")]
    pub data: Option<PathBuf>,
    #[command(flatten)]
    pub columns: StatedColumns,
    /// Environment of Gymnasium, for `--process gymnasium`: LunarLander-v3, or my_package:MyEnv-v0
    #[arg(long, value_name = "ID", conflicts_with = "entry")]
    pub id: Option<String>,
    /// Class or function that makes such an environment: my_package.my_module:MyEnv
    #[arg(long, value_name = "MODULE:NAME")]
    pub entry: Option<String>,
    /// Program in the project's folder, for `--process program`, with its arguments: "python3 line.py"
    #[arg(long, value_name = "COMMAND")]
    pub command: Option<String>,
}

/// Reads every column of a log and guesses its part in a decision: time, episode, quality, action, result, measurement. The audit
/// then reads the log with these parts. `setpoint new NAME --data LOG` writes them as a project.
#[derive(Args)]
pub struct Audit {
    /// The log, a CSV or Parquet file
    pub log: PathBuf,
    #[command(flatten)]
    pub columns: StatedColumns,
}

/// Columns of a log whose part is stated, not guessed.
#[derive(Args, Default)]
pub struct StatedColumns {
    /// The column of time in the log
    #[arg(long, value_name = "COLUMN")]
    pub time: Option<String>,
    /// The column whose value changes from episode to episode (a batch, an order, a shift)
    #[arg(long, value_name = "COLUMN")]
    pub episode: Option<String>,
    /// A column of the action: a choice or a set-point (repeatable)
    #[arg(long, value_name = "COLUMN")]
    pub action: Vec<String>,
    /// A result of which more is better (repeatable)
    #[arg(long, value_name = "COLUMN")]
    pub more: Vec<String>,
    /// A result of which less is better (repeatable)
    #[arg(long, value_name = "COLUMN")]
    pub less: Vec<String>,
    /// A column that the decision does not use (repeatable)
    #[arg(long, value_name = "COLUMN")]
    pub ignore: Vec<String>,
}

/// A project and its overrides.
#[derive(Args, Clone)]
pub struct ProjectArguments {
    /// Project folder, or its setpoint.toml
    #[arg(default_value = ".")]
    pub project: PathBuf,
    /// Override a key of the project file, for example train.ppo.learning_rate=1e-3 (repeatable)
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub set: Vec<String>,
}

#[derive(Args)]
pub struct Check {
    #[command(flatten)]
    pub project: ProjectArguments,
    /// Steps of the conformance run
    #[arg(long, default_value_t = 2_000, value_parser = clap::value_parser!(u64).range(2..=10_000_000))]
    pub steps: u64,
    /// Probe the reward too: short trainings on the whole reward, and on each term alone
    #[arg(long)]
    pub probe: bool,
    /// Environment steps of each of these trainings [default: a twentieth of the project's]
    #[arg(long, value_name = "N", requires = "probe", value_parser = clap::value_parser!(u64).range(1_000..=1_000_000_000))]
    pub probe_steps: Option<u64>,
    #[command(flatten)]
    pub runs: Runs,
}

/// Starts the program several times and checks each rule of docs/program.md. It needs no project.
#[derive(Args)]
#[command(after_help = "For example:  setpoint conformance python3 line.py")]
pub struct Conformance {
    /// Random steps of each environment in a test
    #[arg(long, value_name = "N", default_value_t = 300, value_parser = clap::value_parser!(u64).range(10..=1_000_000))]
    pub steps: u64,
    /// Folder in which the program runs
    #[arg(long, value_name = "DIR", default_value = ".")]
    pub folder: PathBuf,
    /// Time limit of a step or reset, in seconds
    #[arg(long, value_name = "S", default_value_t = 10.0)]
    pub timeout_s: f64,
    /// The program and its arguments
    #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true, value_name = "COMMAND")]
    pub command: Vec<String>,
}

#[derive(Args)]
pub struct List {
    #[command(subcommand)]
    pub what: Listed,
}

#[derive(Subcommand)]
pub enum Listed {
    /// List the processes; with KIND, show one process in full
    Processes {
        /// Process to show in full
        kind: Option<String>,
    },
    /// List the algorithms and their uses; with NAME, show one algorithm with all its options
    Algorithms {
        /// Algorithm to show with all its options
        name: Option<String>,
    },
}

#[derive(Args, Clone)]
pub struct Train {
    #[command(flatten)]
    pub project: ProjectArguments,
    /// Environment steps (overrides train.total_steps)
    #[arg(long, value_name = "N")]
    pub steps: Option<u64>,
    /// Seed (overrides train.seed); with --seeds, the first seed
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,
    /// Train this many independent seeds on all cores and report their distribution
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=10_000))]
    pub seeds: u64,
    /// Begin with the policy of this run, of a project's newest run, or of a policy file, instead of random weights
    #[arg(long, value_name = "RUN|FILE")]
    pub from: Option<PathBuf>,
    /// Show one line of progress instead of the dashboard
    #[arg(long)]
    pub plain: bool,
    /// Continue the project's newest run (or --run-dir, or a run folder instead of the project); the result is bit-identical
    /// to an uninterrupted run. With more --steps, a finished run continues
    #[arg(long)]
    pub resume: bool,
    /// Delete the run in --run-dir first; with --resume, continue although lines of its logs are lost
    #[arg(long, requires = "run_dir")]
    pub force: bool,
    /// Folder for this run's files [default: runs/PROJECT/TIME-ALGORITHM-sSEED]
    #[arg(long, value_name = "DIR")]
    pub run_dir: Option<PathBuf>,
    #[command(flatten)]
    pub runs: Runs,
    /// Number of cores [default: all]; the result does not depend on it
    #[arg(long, value_name = "N", value_parser = threads)]
    pub threads: Option<usize>,
}

/// Trains each algorithm on the same number of steps, with the project's options for it, over several seeds on all cores.
/// Then evaluates each policy on the project's evaluation episodes.
#[derive(Args)]
pub struct Compare {
    #[command(flatten)]
    pub project: ProjectArguments,
    /// Algorithms, separated by commas [default: all that learn the process's actions, except bandits, reinforce and
    /// q-learning]
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    pub algorithms: Vec<String>,
    /// Share of train.total_steps that each training takes, above 0 and up to 1
    #[arg(long, value_name = "SHARE", default_value_t = 0.1, value_parser = share)]
    pub share: f64,
    /// Independent seeds of each algorithm
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..=10_000))]
    pub seeds: u64,
    /// First seed (overrides train.seed)
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,
    /// Continue the project's newest comparison (or --run-dir); finished trainings are not repeated
    #[arg(long)]
    pub resume: bool,
    /// Delete the run in --run-dir first; with --resume, continue although lines of its logs are lost
    #[arg(long, requires = "run_dir")]
    pub force: bool,
    /// Folder for the comparison's files [default: runs/PROJECT/TIME-compare-sSEEDS]
    #[arg(long, value_name = "DIR")]
    pub run_dir: Option<PathBuf>,
    #[command(flatten)]
    pub runs: Runs,
    /// Number of cores, one per training [default: all]; only the seconds depend on it
    #[arg(long, value_name = "N", value_parser = threads)]
    pub threads: Option<usize>,
}

/// Each trial follows from the results of earlier trials (tree-structured Parzen estimators). Poor trials stop at a ninth
/// or at a third of the steps. [tune.ranges] in the project file states the ranges of the search; without it the command
/// searches the usual options of the algorithm. Trials have their own seeds; the result is measured on the project's seeds.
#[derive(Args)]
pub struct Tune {
    #[command(flatten)]
    pub project: ProjectArguments,
    /// Number of trials; the first trial uses the project's own options
    #[arg(long, value_name = "N", default_value_t = 30, value_parser = clap::value_parser!(u64).range(2..=10_000))]
    pub trials: u64,
    /// Number of fresh seeds on which the best options and the project's own options are trained again
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u64).range(2..=1_000))]
    pub seeds: u64,
    /// Continue the project's newest search (or --run-dir); --trials may be larger than before
    #[arg(long)]
    pub resume: bool,
    /// Delete the run in --run-dir first; with --resume, continue although lines of its logs are lost
    #[arg(long, requires = "run_dir")]
    pub force: bool,
    /// Folder for the search's files [default: runs/PROJECT/TIME-tune-sSEED]
    #[arg(long, value_name = "DIR")]
    pub run_dir: Option<PathBuf>,
    #[command(flatten)]
    pub runs: Runs,
    /// Number of cores, one per training [default: all]; the result does not depend on it
    #[arg(long, value_name = "N", value_parser = threads)]
    pub threads: Option<usize>,
}

fn threads(text: &str) -> Result<usize, String> {
    let threads: usize = text.parse().map_err(|error| format!("{error}"))?;
    if (1..=1024).contains(&threads) { Ok(threads) } else { Err("expected 1 to 1024".to_owned()) }
}

fn share(text: &str) -> Result<f64, String> {
    let share: f64 = text.parse().map_err(|error| format!("{error}"))?;
    if share > 0.0 && share <= 1.0 { Ok(share) } else { Err("a share is above 0 and at most 1".to_owned()) }
}

/// A run, or a project, which stands for its newest run.
#[derive(Args, Clone)]
pub struct RunArguments {
    /// Run folder, or a project (then its newest run)
    #[arg(default_value = ".")]
    pub run: PathBuf,
    #[command(flatten)]
    pub runs: Runs,
    /// Seed of a run over several [default: the median seed by the figure of the headline]
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,
    /// Use the run as it was trained, although the project file states other constraints today
    #[arg(long)]
    pub as_trained: bool,
}

#[derive(Args)]
pub struct Eval {
    #[command(flatten)]
    pub run: RunArguments,
    #[command(flatten)]
    pub evaluation: EvaluationArguments,
}

/// Writes the matrix to the run's evidence/faults.json and report. The project's own disturbances do not apply.
#[derive(Args)]
pub struct Faults {
    #[command(flatten)]
    pub run: RunArguments,
    /// Another run on the same process to compare with, such as a run that was trained with disturbances
    #[arg(long, value_name = "RUN")]
    pub against: Option<PathBuf>,
    /// Standard deviations of the sensors' noise, separated by commas: as shares of a feature's span, or, without bounds, of 4
    /// standard deviations of what the policy saw in training
    #[arg(long, value_name = "SIZES", value_delimiter = ',', default_values_t = [0.0, 0.02, 0.05, 0.1], value_parser = noise)]
    pub noise: Vec<f64>,
    /// The features with noise, separated by commas; by default all
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    pub features: Vec<String>,
    /// Delays of the observation, in decision steps
    #[arg(long, value_name = "STEPS", value_delimiter = ',', default_values_t = [0, 1, 2, 4], value_parser = clap::value_parser!(u32).range(0..=1000))]
    pub delay: Vec<u32>,
    /// Shares of lost samples; the policy sees the last sample that arrived instead
    #[arg(long, value_name = "SHARES", value_delimiter = ',', default_values_t = [0.0, 0.2, 0.5], value_parser = lost)]
    pub dropout: Vec<f64>,
    /// Episodes of each combination, with the same seeds in all combinations
    #[arg(long, value_name = "N", default_value_t = 300, value_parser = clap::value_parser!(u32).range(2..=1_000_000))]
    pub episodes: u32,
}

fn noise(text: &str) -> Result<f64, String> {
    let size: f64 = text.parse().map_err(|error| format!("{error}"))?;
    if (0.0..=10.0).contains(&size) { Ok(size) } else { Err("a size is 0 to 10 spans".to_owned()) }
}

fn lost(text: &str) -> Result<f64, String> {
    let share: f64 = text.parse().map_err(|error| format!("{error}"))?;
    if (0.0..1.0).contains(&share) { Ok(share) } else { Err("a share is at least 0 and below 1".to_owned()) }
}

/// First audits the log: missing values, other units, swapped columns, stuck sensors, clocks that jump, a reward that
/// differs from the project's reward. Then the simulator plays the actions of the log, and the command compares both:
/// distributions, the effect and the delay of each action, one-step predictions, and the reward per step. [data] in the
/// project names the columns; without it the command proposes a [data] to paste.
///
/// Exit status: 0 consistent or doubtful, 1 inconsistent, or standard output could not be written, 2 bad input.
#[derive(Args)]
pub struct Validate {
    #[command(flatten)]
    pub project: ProjectArguments,
    /// The log, a CSV or Parquet file (overrides data.file)
    #[arg(long, value_name = "LOG")]
    pub data: Option<PathBuf>,
    /// Seed of the simulator and of the resampling [default: evaluate.seed]
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,
    /// Write the evidence to this file [default: evidence/validation.json of the project's newest run, if there is one]
    #[arg(long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    #[command(flatten)]
    pub runs: Runs,
}

/// Gives four estimates of the policy's return with 95 % intervals, or refuses if the log contains too few actions that the
/// policy would have taken.
#[derive(Args)]
pub struct Ope {
    #[command(flatten)]
    pub project: ProjectArguments,
    /// Log of decisions, a CSV or Parquet file: features, action, reward, episode, and probability if it is known
    #[arg(long, value_name = "LOG")]
    pub data: PathBuf,
    /// Policy to judge: a policy file, a run folder, or a baseline such as line-manager [default: the project's newest run]
    #[arg(long, value_name = "FILE|RUN|BASELINE")]
    pub policy: Option<PathBuf>,
    /// Judge the policy with this share of its decisions replaced by uniformly random choices
    #[arg(long, value_name = "SHARE", value_parser = softened)]
    pub softened: Option<f64>,
    /// Number of first steps of an episode that count [default: all of the longest episode]
    #[arg(long, value_name = "N")]
    pub steps: Option<usize>,
    /// Discount per step; 1 gives the return of `setpoint eval`
    #[arg(long, value_name = "GAMMA", default_value_t = 1.0, value_parser = gamma)]
    pub gamma: f64,
    /// Source of the logging policy's probabilities [default: the column, or an estimate without one]
    #[arg(long, value_name = "SOURCE", value_parser = ["logged", "uniform", "estimated"])]
    pub behaviour: Option<String>,
    /// Seed of a run over several [default: the median seed by the figure of the headline]
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,
    #[command(flatten)]
    pub runs: Runs,
}

fn softened(text: &str) -> Result<f64, String> {
    unit_interval(text, "a share is 0 to 1")
}

fn gamma(text: &str) -> Result<f64, String> {
    unit_interval(text, "a discount is 0 to 1")
}

fn unit_interval(text: &str, expected: &str) -> Result<f64, String> {
    let value: f64 = text.parse().map_err(|error| format!("{error}"))?;
    if (0.0..=1.0).contains(&value) { Ok(value) } else { Err(expected.to_owned()) }
}

#[derive(Args)]
pub struct Recommend {
    #[command(flatten)]
    pub run: RunArguments,
    #[command(flatten)]
    pub asked: StateArguments,
}

#[derive(Args)]
pub struct Watch {
    #[command(flatten)]
    pub run: RunArguments,
}

#[derive(Args)]
pub struct Diagnose {
    #[command(flatten)]
    pub run: RunArguments,
}

/// Reads the marker, the project, every checkpoint, the logs, the replay buffer, the policy, the summary, the evidence and the
/// parts of a run. Changes nothing, and works while the run is trained.
///
/// Exit status: 0 all files are good, 1 a file cannot be relied on, 2 not a run.
#[derive(Args)]
pub struct Verify {
    /// Run folder, or a project (then its newest run)
    #[arg(default_value = ".")]
    pub run: PathBuf,
    #[command(flatten)]
    pub runs: Runs,
}

#[derive(Args)]
pub struct Report {
    #[command(flatten)]
    pub run: RunArguments,
}
