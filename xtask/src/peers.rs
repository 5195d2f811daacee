//! `cargo xtask peers`: paired runs of ours and of each peer in alternating order, median ratio with its range.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use serde_json::{Value, json};

use crate::{Failure, machine};

#[derive(clap::Args)]
pub struct Arguments {
    /// Only these rows, separated by commas
    #[arg(long, value_delimiter = ',')]
    rows: Vec<String>,
    /// Pairs of runs for each figure
    #[arg(long, default_value_t = 5)]
    pairs: usize,
    /// List the rows and stop
    #[arg(long)]
    list: bool,
    /// Write the table into docs/benchmarks.md
    #[arg(long)]
    write: bool,
}

/// The measure of a program.
#[derive(Clone, Copy, PartialEq)]
enum Figure {
    /// Wall time of the whole program, from outside.
    WholeProgram,
    /// `value` of the JSON line it prints, less is better.
    Less,
    /// `value` of the JSON line it prints, more is better.
    More,
}

/// The target of a row.
#[derive(Clone, Copy, PartialEq)]
enum Bar {
    /// No target: the row is for information.
    None,
    /// The median ratio must be at least this.
    Times(f64),
    /// Our own median figure must be at least this.
    Least(f64),
}

/// One comparison. Programs that begin with `py:` run in the peers' environment, others are ours.
struct Row {
    name: &'static str,
    figure: Figure,
    unit: &'static str,
    one_core: bool,
    ours: &'static [&'static str],
    peer_name: &'static str,
    peer: &'static [&'static str],
    bar: Bar,
}

const SETUP: &[&str] = &[
    "setpoint",
    "train",
    "projects/assembly-setup",
    "--json",
    "--run-dir",
    "target/peers-run/RUN",
    "--seed",
    "SEED",
];
const SOURCE: &[&str] =
    &["setpoint", "train", "projects/assembly-line-reinforce", "--json", "--run-dir", "target/peers-run/RUN"];

#[rustfmt::skip]
const ROWS: &[Row] = &[
    Row { name: "assembly-setup-sb3", figure: Figure::WholeProgram, unit: "s", one_core: false, ours: SETUP,
          peer_name: "Stable-Baselines3 PPO", peer: &["py:sb3_assembly_setup.py", "SEED", "1"], bar: Bar::Times(50.0) },
    Row { name: "assembly-setup-jax", figure: Figure::WholeProgram, unit: "s", one_core: false, ours: SETUP,
          peer_name: "compiled JAX PPO", peer: &["py:jax_assembly_setup.py", "SEED"], bar: Bar::Times(2.5) },
    Row { name: "assembly-setup-rlox", figure: Figure::WholeProgram, unit: "s", one_core: false, ours: SETUP,
          peer_name: "rlox PPO", peer: &["py:rlox_assembly_setup.py", "SEED"], bar: Bar::None },
    Row { name: "ppo-update-torch", figure: Figure::Less, unit: "us", one_core: true, ours: &["ppo_update"],
          peer_name: "PyTorch eager", peer: &["py:torch_ppo_update.py"], bar: Bar::Times(25.0) },
    Row { name: "assembly-line-stepping", figure: Figure::More, unit: "steps/s", one_core: true, ours: &["stepping"],
          peer_name: "NumPy, 4,096 lines", peer: &["py:assembly_line_numpy.py"], bar: Bar::None },
    Row { name: "cart-pole-stepping", figure: Figure::More, unit: "steps/s", one_core: true,
          ours: &["stepping", "cart-pole"], peer_name: "Gymnasium's CartPoleVectorEnv, 256 carts",
          peer: &["py:vector_stepping.py", "gymnasium"], bar: Bar::Least(25e6) },
    Row { name: "cart-pole-rlox-stepping", figure: Figure::More, unit: "steps/s", one_core: true,
          ours: &["stepping", "cart-pole"], peer_name: "rlox's VecEnv, 256 carts",
          peer: &["py:vector_stepping.py", "rlox"], bar: Bar::None },
    Row { name: "reinforce-source", figure: Figure::Less, unit: "s", one_core: true, ours: &["reinforce_source"],
          peer_name: "NumPy", peer: &["py:reinforce_numpy.py"], bar: Bar::Times(200.0) },
    Row { name: "reinforce-source-whole-program", figure: Figure::WholeProgram, unit: "s", one_core: true, ours: SOURCE,
          peer_name: "NumPy", peer: &["py:reinforce_numpy.py"], bar: Bar::None },
    Row { name: "sac-sb3", figure: Figure::More, unit: "steps/s", one_core: false, ours: &["off_policy", "sac"],
          peer_name: "Stable-Baselines3 SAC", peer: &["py:off_policy.py", "sb3", "sac"], bar: Bar::Times(3.5) },
    Row { name: "sac-sbx", figure: Figure::More, unit: "steps/s", one_core: false, ours: &["off_policy", "sac"],
          peer_name: "SBX (JAX) SAC", peer: &["py:off_policy.py", "sbx", "sac"], bar: Bar::Times(1.5) },
    Row { name: "sac-rlox", figure: Figure::More, unit: "steps/s", one_core: false, ours: &["off_policy", "sac"],
          peer_name: "rlox SAC", peer: &["py:off_policy.py", "rlox", "sac"], bar: Bar::None },
    Row { name: "td3-sb3", figure: Figure::More, unit: "steps/s", one_core: false, ours: &["off_policy", "td3"],
          peer_name: "Stable-Baselines3 TD3", peer: &["py:off_policy.py", "sb3", "td3"], bar: Bar::Times(3.5) },
    Row { name: "td3-sbx", figure: Figure::More, unit: "steps/s", one_core: false, ours: &["off_policy", "td3"],
          peer_name: "SBX (JAX) TD3", peer: &["py:off_policy.py", "sbx", "td3"], bar: Bar::Times(1.5) },
    Row { name: "td3-rlox", figure: Figure::More, unit: "steps/s", one_core: false, ours: &["off_policy", "td3"],
          peer_name: "rlox TD3", peer: &["py:off_policy.py", "rlox", "td3"], bar: Bar::None },
    Row { name: "dqn-sb3", figure: Figure::More, unit: "steps/s", one_core: false, ours: &["off_policy", "dqn"],
          peer_name: "Stable-Baselines3 DQN", peer: &["py:off_policy.py", "sb3", "dqn"], bar: Bar::Times(40.0) },
    Row { name: "dqn-rlox", figure: Figure::More, unit: "steps/s", one_core: false, ours: &["off_policy", "dqn"],
          peer_name: "rlox DQN", peer: &["py:off_policy.py", "rlox", "dqn"], bar: Bar::None },
    Row { name: "catch-ppo-sb3", figure: Figure::More, unit: "steps/s", one_core: false, ours: &["off_policy", "catch-ppo"],
          peer_name: "Stable-Baselines3 PPO on images", peer: &["py:off_policy.py", "sb3", "catch-ppo"], bar: Bar::None },
    Row { name: "catch-dqn-sb3", figure: Figure::More, unit: "steps/s", one_core: false, ours: &["off_policy", "catch-dqn"],
          peer_name: "Stable-Baselines3 DQN on images", peer: &["py:off_policy.py", "sb3", "catch-dqn"], bar: Bar::None },
    Row { name: "sac-rltools", figure: Figure::More, unit: "steps/CPU s", one_core: true,
          ours: &["pendulum_training", "sac", "wide"], peer_name: "RLtools SAC, MKL",
          peer: &["py:rltools_training.py", "sac", "wide"], bar: Bar::Times(1.3) },
    Row { name: "sac-rltools-defaults", figure: Figure::More, unit: "steps/CPU s", one_core: true,
          ours: &["pendulum_training", "sac", "defaults"], peer_name: "RLtools SAC, MKL",
          peer: &["py:rltools_training.py", "sac", "defaults"], bar: Bar::None },
    Row { name: "td3-rltools", figure: Figure::More, unit: "steps/CPU s", one_core: true,
          ours: &["pendulum_training", "td3", "wide"], peer_name: "RLtools TD3, MKL",
          peer: &["py:rltools_training.py", "td3", "wide"], bar: Bar::None },
    Row { name: "td3-rltools-defaults", figure: Figure::More, unit: "steps/CPU s", one_core: true,
          ours: &["pendulum_training", "td3", "defaults"], peer_name: "RLtools TD3, MKL",
          peer: &["py:rltools_training.py", "td3", "defaults"], bar: Bar::None },
    Row { name: "ppo-rltools", figure: Figure::More, unit: "steps/CPU s", one_core: true,
          ours: &["pendulum_training", "ppo", "wide"], peer_name: "RLtools PPO, MKL",
          peer: &["py:rltools_training.py", "ppo", "wide"], bar: Bar::None },
    Row { name: "ppo-rltools-defaults", figure: Figure::More, unit: "steps/CPU s", one_core: true,
          ours: &["pendulum_training", "ppo", "defaults"], peer_name: "RLtools PPO, MKL",
          peer: &["py:rltools_training.py", "ppo", "defaults"], bar: Bar::None },
    Row { name: "python-ppo", figure: Figure::Less, unit: "s", one_core: false, ours: &["py:python_training.py", "setpoint", "ppo"],
          peer_name: "Stable-Baselines3 PPO", peer: &["py:python_training.py", "sb3", "ppo"], bar: Bar::Times(10.0) },
    Row { name: "python-sac", figure: Figure::Less, unit: "s", one_core: false, ours: &["py:python_training.py", "setpoint", "sac"],
          peer_name: "Stable-Baselines3 SAC", peer: &["py:python_training.py", "sb3", "sac"], bar: Bar::Times(3.0) },
    Row { name: "make-vec-gymnasium", figure: Figure::More, unit: "steps/s", one_core: true,
          ours: &["py:vector_stepping.py", "setpoint"], peer_name: "Gymnasium's CartPoleVectorEnv",
          peer: &["py:vector_stepping.py", "gymnasium"], bar: Bar::Times(4.0) },
    Row { name: "make-vec-envpool", figure: Figure::More, unit: "steps/s", one_core: true,
          ours: &["py:vector_stepping.py", "setpoint"], peer_name: "EnvPool",
          peer: &["py:vector_stepping.py", "envpool"], bar: Bar::Times(4.0) },
];

pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    if arguments.list {
        ROWS.iter().for_each(|row| println!("{:<34} ours against {}", row.name, row.peer_name));
        return Ok(());
    }
    let root =
        Path::new(env!("CARGO_MANIFEST_DIR")).parent().ok_or("xtask lies in the workspace")?.to_owned();
    let python = environment(&root)?;
    for package in ["setpoint", "setpoint-benches"] {
        let built = Command::new("cargo")
            .args(["build", "--release", "--package", package])
            .current_dir(&root)
            .status()?;
        if !built.success() {
            return Err(format!("{package} does not build").into());
        }
    }
    // The present package, for the rows in which our program is also in Python.
    let asked = |row: &&Row| arguments.rows.is_empty() || arguments.rows.iter().any(|name| name == row.name);
    if ROWS.iter().filter(asked).any(|row| row.ours[0].starts_with("py:")) {
        let install = ["-m", "pip", "install", "--quiet", "--no-deps", "--force-reinstall", "."];
        if !Command::new(&python).args(install).current_dir(&root).status()?.success() {
            return Err("the Python package cannot be installed".into());
        }
    }
    let unknown = arguments.rows.iter().find(|name| !ROWS.iter().any(|row| row.name == name.as_str()));
    if let Some(name) = unknown {
        return Err(format!("there is no row `{name}`; --list shows them").into());
    }
    let mut lines = Vec::new();
    let mut raw = Vec::new();
    for row in ROWS.iter().filter(asked) {
        match row.measure(&root, &python, arguments.pairs) {
            Ok(pairs) => {
                let line = row.line(&pairs);
                println!("{line}");
                lines.push((row.name, line));
                raw.push(json!({ "row": row.name, "pairs": pairs }));
            }
            Err(error) => {
                println!("{}: not measured: {error}", row.name);
                raw.push(json!({ "row": row.name, "error": error.to_string() }));
            }
        }
    }
    fs::write(root.join("target/peers.json"), serde_json::to_string_pretty(&raw)?)?;
    if arguments.write { write_table(&root, &lines, arguments.pairs) } else { Ok(()) }
}

impl Row {
    /// Ours and the peer's figure of each pair; A B, then B A, and so on.
    fn measure(&self, root: &Path, python: &Path, pairs: usize) -> Result<Vec<(f64, f64)>, Failure> {
        let mut figures = Vec::new();
        for pair in 0..pairs {
            eprintln!("{}: pair {} of {pairs}", self.name, pair + 1);
            let ours = || self.time(self.ours, root, python, pair);
            let peer = || self.time(self.peer, root, python, pair);
            figures.push(if pair % 2 == 0 {
                let first = ours()?;
                (first, peer()?)
            } else {
                let first = peer()?;
                (ours()?, first)
            });
        }
        Ok(figures)
    }

    fn time(&self, program: &[&str], root: &Path, python: &Path, pair: usize) -> Result<f64, Failure> {
        let run = format!("{}-{pair}", self.name);
        let _ = fs::remove_dir_all(root.join("target/peers-run").join(&run));
        let mut words: Vec<String> = Vec::new();
        if self.one_core {
            words.extend(["taskset", "-c", "0"].map(str::to_owned));
        }
        let (first, rest) = program.split_first().ok_or("a program has a name")?;
        match first.strip_prefix("py:") {
            Some(script) => {
                words.push(python.display().to_string());
                words.push(root.join("benches/peers").join(script).display().to_string());
            }
            None => words.push(root.join("target/release").join(first).display().to_string()),
        }
        words.extend(rest.iter().map(|word| word.replace("SEED", &pair.to_string()).replace("RUN", &run)));
        let started = Instant::now();
        let output = Command::new(&words[0]).args(&words[1..]).current_dir(root).output()?;
        let seconds = started.elapsed().as_secs_f64();
        if !output.status.success() {
            let message = String::from_utf8_lossy(&output.stderr);
            return Err(message.lines().last().unwrap_or("it failed silently").to_owned().into());
        }
        if self.figure == Figure::WholeProgram {
            return Ok(seconds);
        }
        let text = String::from_utf8(output.stdout)?;
        let line: Value = serde_json::from_str(text.lines().next().unwrap_or_default())?;
        line["value"].as_f64().ok_or_else(|| format!("no figure in {line}").into())
    }

    fn line(&self, pairs: &[(f64, f64)]) -> String {
        let median = |mut values: Vec<f64>| {
            values.sort_by(f64::total_cmp);
            values[values.len() / 2]
        };
        let ratio =
            |(ours, peer): &(f64, f64)| if self.figure == Figure::More { ours / peer } else { peer / ours };
        let mut ratios: Vec<f64> = pairs.iter().map(ratio).collect();
        ratios.sort_by(f64::total_cmp);
        let ours = median(pairs.iter().map(|pair| pair.0).collect());
        let peer = median(pairs.iter().map(|pair| pair.1).collect());
        let missed = |reached: bool| if reached { "" } else { ", missed" };
        let bar = match self.bar {
            Bar::None => "–".to_owned(),
            Bar::Times(times) => format!("≥ {times} ×{}", missed(ratios[ratios.len() / 2] >= times)),
            Bar::Least(least) => format!("≥ {} {}{}", short(least), self.unit, missed(ours >= least)),
        };
        let whole = if self.figure == Figure::WholeProgram { ", whole program" } else { "" };
        format!(
            "| {}{whole} | {} {} | {} | {} {} | {:.1} × | {:.1}–{:.1} | {bar} |",
            self.name,
            short(ours),
            self.unit,
            self.peer_name,
            short(peer),
            self.unit,
            ratios[ratios.len() / 2],
            ratios[0],
            ratios[ratios.len() - 1],
        )
    }
}

fn short(value: f64) -> String {
    match value {
        v if v >= 1e6 => format!("{:.1} M", v / 1e6),
        v if v >= 100.0 => format!("{v:.0}"),
        v if v >= 1.0 => format!("{v:.2}"),
        v => format!("{v:.4}"),
    }
}

/// The peers' Python environment in `.peers/`, made or updated; returns its interpreter.
pub fn environment(root: &Path) -> Result<PathBuf, Failure> {
    let folder = root.join(".peers");
    let python = folder.join("venv/bin/python");
    let requirements = root.join("benches/peers/requirements.txt");
    let wanted = fs::read_to_string(&requirements)?;
    let stamp = folder.join("installed.txt");
    if python.is_file() && fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) {
        return Ok(python);
    }
    eprintln!("making the peers' Python environment in .peers (once; several GB with PyTorch)");
    fs::create_dir_all(&folder)?;
    let run = |program: &Path, arguments: &[&str]| -> Result<(), Failure> {
        let status = Command::new(program).args(arguments).status()?;
        if status.success() { Ok(()) } else { Err(format!("{} failed", program.display()).into()) }
    };
    let venv = folder.join("venv").display().to_string();
    run(Path::new("python3"), &["-m", "venv", &venv])?;
    run(&python, &["-m", "pip", "install", "--quiet", "--requirement", &requirements.display().to_string()])?;
    fs::write(stamp, wanted)?;
    Ok(python)
}

/// Puts the lines into the table between the markers of docs/benchmarks.md; lines of other rows do not change.
fn write_table(root: &Path, lines: &[(&str, String)], pairs: usize) -> Result<(), Failure> {
    const START: &str = "<!-- table: begin -->";
    const END: &str = "<!-- table: end -->";
    const HEAD: &str = "| figure | ours (median) | peer | peer (median) | ratio (median) | range | bar | pairs, measured |\n\
                        |---|---|---|---|---|---|---|---|\n";
    let path = root.join("docs/benchmarks.md");
    let text = fs::read_to_string(&path)?;
    let (before, rest) = text.split_once(START).ok_or("docs/benchmarks.md has no table marker")?;
    let (old, after) = rest.split_once(END).ok_or("docs/benchmarks.md has no end marker")?;
    let measured = format!("{pairs}, {}, {} |", machine::today()?, machine::processor()?);
    let mut table = String::new();
    for row in ROWS {
        let is_own = |line: &&str| {
            line.strip_prefix("| ")
                .and_then(|line| line.strip_prefix(row.name))
                .is_some_and(|rest| rest.starts_with([',', ' ']))
        };
        match lines.iter().find(|(name, _)| *name == row.name) {
            Some((_, line)) => writeln!(table, "{line} {measured}")?,
            None => old.lines().find(is_own).map_or(Ok(()), |line| writeln!(table, "{line}"))?,
        }
    }
    fs::write(path, format!("{before}{START}\n\n{HEAD}{table}{END}{after}"))?;
    Ok(())
}
