//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use clap_complete::Shell;
use setpoint_edge::evaluation::EvaluationArguments;
use setpoint_edge::recommendation::StateArguments;

/// Reinforcement learning for one industrial decision at a time.
///
/// Learn a decision in simulation, prove it against baselines, and report it. A project is a folder with a
/// setpoint.toml; every command reads it.
#[derive(Parser)]
#[command(name = "setpoint", version, max_term_width = 110, propagate_version = true)]
#[command(
    after_help = "Start with:  setpoint new my-line --process assembly-line  &&  setpoint run my-line\n\n\
Exit status: 0 done, 1 a check or gate failed, 2 bad input, 130 interrupted."
)]
pub struct Arguments {
    /// Print one JSON document on standard output; all else goes to standard error
    #[arg(long, global = true)]
    pub json: bool,
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Subcommand)]
pub enum Command {
    /// Write a commented project file to start from
    New(New),
    /// Check a project: its charter, spaces, signals, and that its process keeps its promises
    Check(Check),
    /// List what there is: processes (with features, actions, signals) or algorithms
    List(List),
    /// Train a policy, or one per seed
    Train(Train),
    /// Watch a training that is under way, or look at one that has ended: curves, reward terms, actions
    Watch(Watch),
    /// Train several algorithms on a share of the steps and say which to take
    Compare(Compare),
    /// Search better options for the project's algorithm, and prove them on fresh seeds
    Tune(Tune),
    /// Evaluate a trained policy against its baselines; trains nothing
    Eval(Eval),
    /// Try a policy under noise, delay and loss of samples, in every combination
    Faults(Faults),
    /// Hold the simulator against a log of the plant: audit the log, measure the gap
    Validate(Validate),
    /// Estimate from a log of decisions what another policy would have earned; plays nothing
    Ope(Ope),
    /// Say what is wrong with a training, finished or not: the symptom, what shows it, what to try next
    Diagnose(Diagnose),
    /// Rank the actions for one state, with reasons
    Recommend(Recommend),
    /// Write a run's report.html anew
    Report(Report),
    /// Check, train, evaluate and report: the whole way
    Run(Train),
    /// Print a completion script for your shell
    Completions {
        /// Which shell
        shell: Shell,
    },
}

#[derive(Args)]
pub struct New {
    /// Folder to make, and name of the decision
    pub name: PathBuf,
    /// Process to control: see `setpoint list processes`
    #[arg(long, short, value_name = "KIND")]
    pub process: String,
    /// Environment of Gymnasium, for `--process gymnasium`: LunarLander-v3, or my_package:MyEnv-v0
    #[arg(long, value_name = "ID", conflicts_with = "entry")]
    pub id: Option<String>,
    /// Where such an environment is made: my_package.my_module:MyEnv
    #[arg(long, value_name = "MODULE:NAME")]
    pub entry: Option<String>,
}

/// A project and what is laid over it.
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
    /// Probe the reward too: short trainings on all of it and on each term alone, and what they do for it
    #[arg(long)]
    pub probe: bool,
    /// Environment steps of each of these trainings [default: a twentieth of the project's]
    #[arg(long, value_name = "N", requires = "probe", value_parser = clap::value_parser!(u64).range(1_000..=1_000_000_000))]
    pub probe_steps: Option<u64>,
    /// Folder of all runs, whose reports show what the probes found
    #[arg(long, value_name = "DIR", default_value = "runs")]
    pub runs: PathBuf,
}

#[derive(Args)]
pub struct List {
    #[command(subcommand)]
    pub what: Listed,
}

#[derive(Subcommand)]
pub enum Listed {
    /// Processes; with KIND, one of them in full
    Processes {
        /// One process in full
        kind: Option<String>,
    },
    /// Algorithms and when to pick which; with NAME, one of them with all its options
    Algorithms {
        /// One algorithm with all its options
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
    /// Seed (overrides train.seed); the first one with --seeds
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,
    /// Train this many independent seeds on all cores and report their distribution
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=10_000))]
    pub seeds: u64,
    /// Show one line of progress instead of the dashboard
    #[arg(long)]
    pub plain: bool,
    /// Go on with the project's newest run (or --run-dir); ends bit-identical to a run that was never stopped
    #[arg(long)]
    pub resume: bool,
    /// Folder for this run's files [default: runs/PROJECT/TIME-ALGORITHM-sSEED]
    #[arg(long, value_name = "DIR")]
    pub run_dir: Option<PathBuf>,
    /// Folder of all runs
    #[arg(long, value_name = "DIR", default_value = "runs")]
    pub runs: PathBuf,
    /// Cores to use [default: all]; never changes a result
    #[arg(long, value_name = "N", value_parser = threads)]
    pub threads: Option<usize>,
}

/// Each algorithm learns from the same number of steps with the project's options for it, over several seeds on all
/// cores, and is evaluated on the project's evaluation episodes.
#[derive(Args)]
pub struct Compare {
    #[command(flatten)]
    pub project: ProjectArguments,
    /// Algorithms, separated by commas [default: all that learn the process's actions, but for bandits, reinforce and
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
    /// Go on with the project's newest comparison (or --run-dir); what was trained is not trained again
    #[arg(long)]
    pub resume: bool,
    /// Folder for the comparison's files [default: runs/PROJECT/TIME-compare-sSEEDS]
    #[arg(long, value_name = "DIR")]
    pub run_dir: Option<PathBuf>,
    /// Folder of all runs
    #[arg(long, value_name = "DIR", default_value = "runs")]
    pub runs: PathBuf,
    /// Cores to use, one a training [default: all]; never changes a result but the seconds
    #[arg(long, value_name = "N", value_parser = threads)]
    pub threads: Option<usize>,
}

/// Trials are suggested by what was tried before (tree-structured Parzen estimators); poor ones are stopped at a ninth and at a
/// third of the steps. [tune.ranges] of the project file says what may change; without it the usual options of the algorithm
/// do. Trials have seeds of their own; the result is measured on the project's.
#[derive(Args)]
pub struct Tune {
    #[command(flatten)]
    pub project: ProjectArguments,
    /// Trials in all; the first one is the project as it is
    #[arg(long, value_name = "N", default_value_t = 30, value_parser = clap::value_parser!(u64).range(2..=10_000))]
    pub trials: u64,
    /// Fresh seeds on which the best settings and the project's own are trained anew
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u64).range(2..=1_000))]
    pub seeds: u64,
    /// Go on with the project's newest search (or --run-dir); more trials may be asked for than before
    #[arg(long)]
    pub resume: bool,
    /// Folder for the search's files [default: runs/PROJECT/TIME-tune-sSEED]
    #[arg(long, value_name = "DIR")]
    pub run_dir: Option<PathBuf>,
    /// Folder of all runs
    #[arg(long, value_name = "DIR", default_value = "runs")]
    pub runs: PathBuf,
    /// Cores to use, one a training [default: all]; never changes a result
    #[arg(long, value_name = "N", value_parser = threads)]
    pub threads: Option<usize>,
}

fn threads(text: &str) -> Result<usize, String> {
    let threads: usize = text.parse().map_err(|error| format!("{error}"))?;
    if (1..=1024).contains(&threads) { Ok(threads) } else { Err("it is 1 to 1024".to_owned()) }
}

fn share(text: &str) -> Result<f64, String> {
    let share: f64 = text.parse().map_err(|error| format!("{error}"))?;
    if share > 0.0 && share <= 1.0 { Ok(share) } else { Err("a share is above 0 and at most 1".to_owned()) }
}

/// A run, or the project whose newest run is meant.
#[derive(Args, Clone)]
pub struct RunArguments {
    /// Run folder, or a project (its newest run is taken)
    #[arg(default_value = ".")]
    pub run: PathBuf,
    /// Folder of all runs
    #[arg(long, value_name = "DIR", default_value = "runs")]
    pub runs: PathBuf,
}

#[derive(Args)]
pub struct Eval {
    #[command(flatten)]
    pub run: RunArguments,
    #[command(flatten)]
    pub evaluation: EvaluationArguments,
}

/// The matrix goes to the run's evidence/faults.json and into its report. The project's own disturbances are left out of it.
#[derive(Args)]
pub struct Faults {
    #[command(flatten)]
    pub run: RunArguments,
    /// Another run on the same process to show beside it, such as one that was trained with disturbances
    #[arg(long, value_name = "RUN")]
    pub beside: Option<PathBuf>,
    /// Standard deviations of the sensors' noise, as shares of a feature's span, separated by commas
    #[arg(long, value_name = "SIZES", value_delimiter = ',', default_values_t = [0.0, 0.02, 0.05, 0.1], value_parser = noise)]
    pub noise: Vec<f64>,
    /// Delays of the observation, in decision steps
    #[arg(long, value_name = "STEPS", value_delimiter = ',', default_values_t = [0, 1, 2, 4], value_parser = clap::value_parser!(u32).range(0..=1000))]
    pub delay: Vec<u32>,
    /// Shares of samples that are lost; what arrived last is seen instead
    #[arg(long, value_name = "SHARES", value_delimiter = ',', default_values_t = [0.0, 0.2, 0.5], value_parser = lost)]
    pub dropout: Vec<f64>,
    /// Episodes of each combination, the same seeds in all
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

/// The log is audited first: missing values, other units, swapped columns, stuck sensors, clocks that jump, a reward that the
/// project does not make. Then the simulator plays the log's actions, and both are compared: distributions, what each action
/// changes and when, one-step predictions, and the reward per step. Which column is what stands in [data] of the project; where
/// it does not, a [data] to paste is proposed.
///
/// Exit status: 0 consistent or doubtful, 1 inconsistent, 2 bad input.
#[derive(Args)]
pub struct Validate {
    #[command(flatten)]
    pub project: ProjectArguments,
    /// The log, a CSV or Parquet file (overrides data.file)
    #[arg(long, value_name = "LOG")]
    pub data: Option<PathBuf>,
    /// Seed of the simulator and of what is resampled [default: evaluate.seed]
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,
    /// Write the evidence to this file [default: evidence/validation.json of the project's newest run, where it has one]
    #[arg(long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Folder of all runs
    #[arg(long, value_name = "DIR", default_value = "runs")]
    pub runs: PathBuf,
}

/// What would another policy have earned? Four estimates with 95 % intervals, or a refusal where the log holds too little of
/// what the policy would have done.
#[derive(Args)]
pub struct Ope {
    #[command(flatten)]
    pub project: ProjectArguments,
    /// Log of decisions, a CSV or Parquet file: features, action, reward, episode, and probability where it is known
    #[arg(long, value_name = "LOG")]
    pub data: PathBuf,
    /// Who is judged: a policy file, a run folder, or a baseline such as line-manager [default: the project's newest run]
    #[arg(long, value_name = "FILE|RUN|BASELINE")]
    pub policy: Option<PathBuf>,
    /// Judge the policy that makes this share of its decisions evenly among all choices instead
    #[arg(long, value_name = "SHARE", value_parser = softened)]
    pub softened: Option<f64>,
    /// Steps that count, from the beginning of an episode on [default: all of the longest episode]
    #[arg(long, value_name = "N")]
    pub steps: Option<usize>,
    /// Discount per step; 1 makes the return that of `setpoint eval`
    #[arg(long, value_name = "GAMMA", default_value_t = 1.0, value_parser = gamma)]
    pub gamma: f64,
    /// Where the logging policy's probabilities come from [default: the column, estimated where there is none]
    #[arg(long, value_name = "SOURCE", value_parser = ["logged", "uniform", "estimated"])]
    pub behaviour: Option<String>,
    /// Folder of all runs
    #[arg(long, value_name = "DIR", default_value = "runs")]
    pub runs: PathBuf,
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

#[derive(Args)]
pub struct Report {
    #[command(flatten)]
    pub run: RunArguments,
}
