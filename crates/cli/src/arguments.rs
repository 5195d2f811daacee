//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use clap_complete::Shell;

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
    /// Train several algorithms on a share of the steps and say which to take
    Compare(Compare),
    /// Evaluate a trained policy against its baselines; trains nothing
    Eval(Eval),
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
    pub run: PathBuf,
    /// Folder of all runs
    #[arg(long, value_name = "DIR", default_value = "runs")]
    pub runs: PathBuf,
}

#[derive(Args)]
pub struct Eval {
    #[command(flatten)]
    pub run: RunArguments,
    /// Evaluation seeds; each plays evaluate.episodes episodes
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=10_000))]
    pub seeds: u64,
    /// Episodes of each seed (overrides evaluate.episodes)
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(2..=1_000_000))]
    pub episodes: Option<u32>,
}

/// What would another policy have earned? Four estimates with 95 % intervals, or a refusal where the log holds too little of
/// what the policy would have done.
#[derive(Args)]
pub struct Ope {
    #[command(flatten)]
    pub project: ProjectArguments,
    /// Log of decisions, a CSV file: features, action, reward, episode, and probability where it is known
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
    /// A scenario of the project file, by name
    #[arg(long, value_name = "NAME", conflicts_with_all = ["state", "all_scenarios"])]
    pub scenario: Option<String>,
    /// All scenarios of the project file
    #[arg(long, conflicts_with = "state")]
    pub all_scenarios: bool,
    /// A state as JSON, {"wip": 0.75, …}; a file name; or - for standard input
    #[arg(long, value_name = "JSON")]
    pub state: Option<String>,
    /// A feature's value as the policy sees it (wip=0.75), or with its unit (wip=30parts); the others stand at their
    /// reference values (repeatable)
    #[arg(long = "set", value_name = "FEATURE=VALUE")]
    pub set: Vec<String>,
    /// A choice that the process does not allow at present, such as a job that is done; what the constraints forbid is
    /// known without (repeatable)
    #[arg(long, value_name = "CHOICE")]
    pub impossible: Vec<String>,
    /// Drivers to show
    #[arg(long, value_name = "N", default_value_t = 3)]
    pub drivers: usize,
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
