//! The trainings of the comparison: which project, which algorithm, which options, how many steps.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::Failure;

/// The chore tries every algorithm on these projects: choices under a constraint, choices, a setting.
const TRIED: [&str; 3] = ["assembly-line", "cart-pole", "pendulum"];

/// More pairs of a project and an algorithm: disturbances and masks under a replay buffer, other processes.
const MORE: [(&str, &str); 10] = [
    ("acrobot", "dqn"),
    ("assembly-line-robust", "dqn"),
    ("assembly-line-robust", "sac"),
    ("condition-monitoring", "dqn"),
    ("filler", "bc"),
    ("inventory", "td3"),
    ("job-shop-ft06", "dqn"),
    ("lunar-lander", "dqn"),
    ("mountain-car-continuous", "td3"),
    ("warehouse-picking", "reinforce"),
];

/// A project, an algorithm, a name, and options of the algorithm that no ready project uses.
type Variant = (&'static str, &'static str, &'static str, &'static [(&'static str, &'static str)]);
const VARIANTS: [Variant; 5] = [
    (
        "assembly-line",
        "reinforce",
        "episodes",
        &[("update", "\"episode\""), ("baseline", "true"), ("net_arch", "[16]")],
    ),
    ("cart-pole", "dqn", "boltzmann", &[("exploration", "\"boltzmann\"")]),
    (
        "cart-pole",
        "dqn",
        "prioritized",
        &[("prioritized_replay", "true"), ("double_q", "true"), ("dueling", "true"), ("n_steps", "3")],
    ),
    (
        "cart-pole",
        "ppo",
        "limits",
        &[("target_kl", "0.01"), ("clip_range_vf", "0.2"), ("normalize_reward", "true")],
    ),
    (
        "pendulum",
        "td3",
        "noise",
        &[
            ("action_noise", "\"ornstein-uhlenbeck\""),
            ("normalize_observation", "true"),
            ("net_arch", "[64, 64]"),
        ],
    ),
];

/// The log of the assembly line, in the folder that `SETPOINT_DATA` names.
const LOG: &str = "assembly_line_log.csv";

/// The variable that names a Python with Gymnasium.
pub const PYTHON: &str = "SETPOINT_PYTHON";

/// One training.
pub struct Row {
    /// A folder below `projects`.
    pub project: String,
    pub algorithm: String,
    /// The name of the options that differ from the project's own.
    pub variant: Option<&'static str>,
    options: Vec<(&'static str, String)>,
}

impl Row {
    fn new(project: &str, algorithm: &str) -> Self {
        let set = |options: &[(&'static str, &str)]| {
            options.iter().map(|(option, value)| (*option, (*value).to_owned())).collect()
        };
        // A short training must have gradient steps.
        let options = match algorithm {
            "dqn" | "sac" | "td3" | "ddpg" => set(&[("learning_starts", "300"), ("buffer_size", "5000")]),
            "bc" | "iql" => set(&[("source", "\"random\""), ("source_episodes", "40")]),
            _ => Vec::new(),
        };
        Self { project: project.to_owned(), algorithm: algorithm.to_owned(), variant: None, options }
    }

    /// `project/algorithm`, and `+variant` where the row has one.
    pub fn name(&self) -> String {
        let variant = self.variant.map(|variant| format!("+{variant}")).unwrap_or_default();
        format!("{}/{}{variant}", self.project, self.algorithm)
    }

    /// Environment steps: three updates of a method that learns from a rollout, some hundred gradient steps of the other
    /// methods. A row stops at this number and never at a time.
    pub fn steps(&self, train: &Value) -> u64 {
        match self.algorithm.as_str() {
            "ppo" => {
                let (steps, lanes) = (train["ppo"]["n_steps"].as_u64(), train["ppo"]["n_envs"].as_u64());
                3 * steps.unwrap_or(2048) * lanes.unwrap_or(8)
            }
            "bc" | "iql" => 50_000,
            "reinforce" => 20_000,
            "sac" | "td3" | "ddpg" => 900,
            _ => 3_000,
        }
    }

    /// The row's options as values of `--set`.
    pub fn overrides(&self) -> Vec<String> {
        let options =
            self.options.iter().map(|(key, value)| format!("train.{}.{key}={value}", self.algorithm));
        std::iter::once(format!("train.algorithm=\"{}\"", self.algorithm)).chain(options).collect()
    }
}

/// Every ready project with its own algorithm, every algorithm on a few projects, more pairs, variants, and trainings
/// from a log.
pub fn rows(projects: &Path, binary: &Path) -> Result<Vec<Row>, Failure> {
    let mut rows: Vec<Row> = Vec::new();
    let mut add = |project: &str, algorithm: &str| {
        if !rows.iter().any(|row| row.project == project && row.algorithm == algorithm) {
            rows.push(Row::new(project, algorithm));
        }
    };
    for project in ready(projects)? {
        let table = table(projects, &project)?;
        add(&project, table["train"]["algorithm"].as_str().unwrap_or("ppo"));
    }
    let algorithms = algorithms(binary)?;
    for project in TRIED {
        algorithms.iter().for_each(|algorithm| add(project, algorithm));
    }
    MORE.iter().for_each(|(project, algorithm)| add(project, algorithm));
    for (project, algorithm, variant, options) in VARIANTS {
        let mut row = Row::new(project, algorithm);
        row.variant = Some(variant);
        row.options.extend(options.iter().map(|(option, value)| (*option, (*value).to_owned())));
        rows.push(row);
    }
    for algorithm in ["bc", "iql"] {
        let log = log().unwrap_or_default();
        let options = vec![("log", format!("\"{}\"", log.display()))];
        rows.push(Row { variant: Some("log"), options, ..Row::new("assembly-line", algorithm) });
    }
    Ok(rows)
}

/// The table of a project file.
pub fn table(projects: &Path, project: &str) -> Result<toml::Table, Failure> {
    let path = projects.join(project).join("setpoint.toml");
    let text = fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    Ok(text.parse().map_err(|error| format!("{}: {error}", path.display()))?)
}

/// Why this machine cannot train the row; `None` where it can.
pub fn absent(row: &Row, table: &toml::Table) -> Option<String> {
    if row.variant == Some("log") && log().is_none() {
        return Some(format!("no {LOG}: SETPOINT_DATA names its folder"));
    }
    let process = table.get("process")?.as_table()?;
    if process.get("kind")?.as_str()? != "gymnasium" {
        return None;
    }
    let id = process.get("id")?.as_str()?;
    let own = process.get("python").and_then(toml::Value::as_str).map(str::to_owned);
    let python = own.or_else(python).unwrap_or_else(|| "python3".to_owned());
    let program = "import sys, numpy, gymnasium; gymnasium.make(sys.argv[1]).close()";
    match Command::new(&python).args(["-c", program, id]).output() {
        Ok(output) if output.status.success() => None,
        Ok(output) => {
            let text = String::from_utf8_lossy(&output.stderr).into_owned();
            Some(format!("{python} cannot make {id}: {}", text.lines().last().unwrap_or_default()))
        }
        Err(error) => Some(format!("{python}, a Python with Gymnasium (SETPOINT_PYTHON): {error}")),
    }
}

/// The value of the variable, the same for every working folder: a path is absolute, a name stays as it is.
pub fn python() -> Option<String> {
    let python = std::env::var(PYTHON).ok()?;
    match python.contains('/') {
        true => Some(std::path::absolute(&python).map_or(python, |path| path.display().to_string())),
        false => Some(python),
    }
}

/// Names of the ready projects in alphabetical order.
fn ready(projects: &Path) -> Result<Vec<String>, Failure> {
    let mut names = Vec::new();
    for entry in fs::read_dir(projects).map_err(|error| format!("{}: {error}", projects.display()))? {
        let entry = entry?;
        if entry.path().join("setpoint.toml").is_file() {
            names.push(entry.file_name().to_string_lossy().into_owned());
        }
    }
    names.sort();
    Ok(names)
}

fn algorithms(binary: &Path) -> Result<Vec<String>, Failure> {
    let output = Command::new(binary).args(["list", "algorithms", "--json"]).output()?;
    let listed: Value = serde_json::from_slice(&output.stdout)?;
    let algorithms = listed["algorithms"].as_array().ok_or("`list algorithms --json` lists no algorithms")?;
    Ok(algorithms.iter().filter_map(|algorithm| algorithm["name"].as_str().map(str::to_owned)).collect())
}

fn log() -> Option<PathBuf> {
    let path = PathBuf::from(std::env::var_os("SETPOINT_DATA")?).join(LOG);
    fs::canonicalize(path).ok()
}
