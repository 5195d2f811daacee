//! `cargo xtask proofs`: trains the ready projects over several seeds, and Stable-Baselines3 with the same
//! settings, and writes docs/proofs.md from the results.

use std::collections::VecDeque;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, PoisonError};

use serde_json::Value;

use self::results::{Outcome, Who};
use self::rows::{QUICK, ROWS, Row, Target};
use crate::lines;
use crate::{Failure, machine, peers};

mod page;
mod results;
mod rows;

/// Number of parallel trainings, one core each.
const SIDE_BY_SIDE: usize = 2;

#[derive(clap::Args)]
pub struct Arguments {
    /// Only these rows, separated by commas
    #[arg(long, value_delimiter = ',')]
    rows: Vec<String>,
    /// Number of seeds of each row, from seed 0
    #[arg(long, default_value_t = 5)]
    seeds: u64,
    /// List the rows and stop
    #[arg(long)]
    list: bool,
    /// Leave Stable-Baselines3 out
    #[arg(long)]
    ours_only: bool,
    /// Write docs/proofs.md from the existing results and measure nothing
    #[arg(long, conflicts_with = "quick")]
    page_only: bool,
    /// Train two short rows, ours alone, with one seed: fails if a row misses its floor; writes nothing
    #[arg(long)]
    quick: bool,
}

/// One training to do.
struct Task {
    row: &'static Row,
    who: Who,
    seed: u64,
    settings: String,
}

/// The result of a training and its evaluation; see [`Outcome`].
struct Measured {
    figure: f64,
    bar: Option<f64>,
    seconds: f64,
    steps: u64,
    with: String,
}

/// The common inputs of all tasks.
struct Workshop {
    root: PathBuf,
    /// The peers' Python, if Stable-Baselines3 or an environment of Gymnasium takes part.
    python: Option<PathBuf>,
    date: String,
    processor: String,
}

pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    if arguments.list {
        ROWS.iter().for_each(|row| println!("{:<28} {}", row.name, row.about()));
        return Ok(());
    }
    let known = |name: &String| ROWS.iter().any(|row| row.name == name.as_str());
    if let Some(name) = arguments.rows.iter().find(|name| !known(name)) {
        return Err(format!("there is no row `{name}`; --list shows them").into());
    }
    let root =
        Path::new(env!("CARGO_MANIFEST_DIR")).parent().ok_or("xtask lies in the workspace")?.to_owned();
    let store = root.join("docs/proofs.jsonl");
    if arguments.page_only {
        return page::write(&root, &lines::read(&store));
    }
    let built = Command::new("cargo")
        .args(["build", "--release", "--quiet", "--package", "setpoint"])
        .current_dir(&root)
        .status()?;
    if !built.success() {
        return Err("setpoint does not build".into());
    }
    if arguments.quick {
        return quick(&Workshop::new(root, false)?);
    }

    let wanted: Vec<&Row> = ROWS
        .iter()
        .filter(|row| arguments.rows.is_empty() || arguments.rows.iter().any(|name| name == row.name))
        .collect();
    let there: Vec<Outcome> = lines::read(&store);
    let mut tasks = VecDeque::new();
    // All of our trainings first: they are shorter, and they judge a change of ours.
    for who in [Who::Ours, Who::Peer] {
        for row in wanted.iter().filter(|row| who == Who::Ours || (row.peer && !arguments.ours_only)) {
            let settings = results::settings(&fs::read_to_string(row.file(&root))?, row)?;
            for seed in 0..arguments.seeds {
                let task = Task { row, who, seed, settings: settings.clone() };
                if !there.iter().any(|outcome| task.is(outcome)) {
                    tasks.push_back(task);
                }
            }
        }
    }
    let mut with_python = false;
    for task in &tasks {
        with_python |= task.who == Who::Peer || task.row.is_on_gymnasium(&root)?;
    }
    let workshop = Workshop::new(root, with_python)?;
    let file = Mutex::new(lines::open(&store)?);
    let failed = workshop.work(tasks, &|outcome| {
        lines::add(&mut file.lock().unwrap_or_else(PoisonError::into_inner), outcome)
    })?;
    page::write(&workshop.root, &lines::read(&store))?;
    if failed == 0 { Ok(()) } else { Err(format!("{failed} trainings failed; see above").into()) }
}

/// The two short rows against their floors.
fn quick(workshop: &Workshop) -> Result<(), Failure> {
    let task = |row| Task { row, who: Who::Ours, seed: 0, settings: String::new() };
    let outcomes = Mutex::new(Vec::new());
    let failed = workshop.work(QUICK.iter().map(task).collect(), &|outcome| {
        outcomes.lock().unwrap_or_else(PoisonError::into_inner).push(outcome.clone());
        Ok(())
    })?;
    let outcomes = outcomes.into_inner().unwrap_or_else(PoisonError::into_inner);
    let mut missed = failed;
    for row in QUICK {
        let Some(outcome) = outcomes.iter().find(|outcome| outcome.row == row.name) else { continue };
        let reached = outcome.bar.is_some_and(|bar| row.bar.is_reached(row.figure, outcome.figure, bar));
        let verdict = if reached { "reached" } else { "MISSED" };
        println!(
            "{}: {}, floor {} {verdict}",
            row.name,
            outcome.figure,
            row.bar.words(row.figure, outcome.bar)
        );
        missed += usize::from(!reached);
    }
    if missed == 0 { Ok(()) } else { Err(format!("{missed} of {} quick proofs missed", QUICK.len()).into()) }
}

impl Row {
    fn file(&self, root: &Path) -> PathBuf {
        root.join("projects").join(self.project).join("setpoint.toml")
    }

    fn is_on_gymnasium(&self, root: &Path) -> Result<bool, Failure> {
        let project: toml::Table = fs::read_to_string(self.file(root))?.parse()?;
        Ok(project["process"].get("kind").and_then(toml::Value::as_str) == Some("gymnasium"))
    }

    fn about(&self) -> String {
        let steps = self.steps.map_or_else(|| "the project's".to_owned(), |steps| steps.to_string());
        let peer = if self.peer { ", with Stable-Baselines3" } else { "" };
        format!("{} on {}, {steps} steps{peer}", self.algorithm, self.project)
    }
}

impl Task {
    /// Whether an outcome belongs to this task.
    fn is(&self, outcome: &Outcome) -> bool {
        outcome.row == self.row.name
            && outcome.who == self.who
            && outcome.seed == self.seed
            && outcome.settings == self.settings
    }
}

impl Workshop {
    fn new(root: PathBuf, with_python: bool) -> Result<Self, Failure> {
        let python = if with_python { Some(peers::environment(&root)?) } else { None };
        Ok(Self { root, python, date: machine::today()?, processor: machine::processor()? })
    }

    /// Does the tasks, two at a time; passes each outcome on at once. Returns the number of failed tasks.
    fn work(
        &self,
        tasks: VecDeque<Task>,
        keep: &(dyn Fn(&Outcome) -> Result<(), Failure> + Sync),
    ) -> Result<usize, Failure> {
        let total = tasks.len();
        let queue = Mutex::new((tasks, 0, 0));
        std::thread::scope(|scope| {
            let worker = || -> Result<(), Failure> {
                loop {
                    let next = queue.lock().unwrap_or_else(PoisonError::into_inner).0.pop_front();
                    let Some(task) = next else { return Ok(()) };
                    let outcome = self.measure(&task);
                    if let Ok(outcome) = &outcome {
                        keep(outcome)?;
                    }
                    let mut queue = queue.lock().unwrap_or_else(PoisonError::into_inner);
                    queue.1 += 1;
                    queue.2 += usize::from(outcome.is_err());
                    let (done, who) = (queue.1, task.who.name());
                    let about = format!("{} of {total}: {}, {who}, seed {}", done, task.row.name, task.seed);
                    match outcome {
                        Ok(outcome) => {
                            eprintln!("{about}: {:.2} after {:.1} s", outcome.figure, outcome.seconds)
                        }
                        Err(error) => eprintln!("{about}: failed: {error}"),
                    }
                }
            };
            let workers: Vec<_> = (0..SIDE_BY_SIDE).map(|_| scope.spawn(worker)).collect();
            workers.into_iter().try_for_each(|worker| match worker.join() {
                Ok(result) => result,
                Err(panic) => std::panic::resume_unwind(panic),
            })
        })?;
        Ok(queue.into_inner().unwrap_or_else(PoisonError::into_inner).2)
    }

    fn measure(&self, task: &Task) -> Result<Outcome, Failure> {
        let Measured { figure, bar, seconds, steps, with } = match task.who {
            Who::Ours => self.train_ours(task)?,
            Who::Peer => self.train_peer(task)?,
        };
        Ok(Outcome {
            row: task.row.name.to_owned(),
            who: task.who,
            seed: task.seed,
            settings: task.settings.clone(),
            figure,
            bar,
            seconds,
            steps,
            date: self.date.clone(),
            processor: self.processor.clone(),
            with,
        })
    }

    fn train_ours(&self, task: &Task) -> Result<Measured, Failure> {
        let row = task.row;
        let folder = self.root.join("target/proofs/runs").join(format!("{}-{}", row.name, task.seed));
        let _ = fs::remove_dir_all(&folder);
        let setpoint = || {
            let mut command = Command::new(self.root.join("target/release/setpoint"));
            command.current_dir(&self.root);
            if let Some(python) = &self.python {
                command.env("SETPOINT_PYTHON", python);
            }
            command
        };
        let mut train = setpoint();
        train.args(["train", "--threads", "1", "--json", "--seed", &task.seed.to_string()]);
        train.args(["--set", &format!("train.algorithm={}", row.algorithm)]);
        if let Some(steps) = row.steps {
            train.args(["--steps", &steps.to_string()]);
        }
        train.arg("--run-dir").arg(&folder).arg(format!("projects/{}", row.project));
        let trained = document(&mut train)?;
        let evaluated = document(setpoint().args(["eval", "--json"]).arg(&folder))?;
        // Checkpoints hold replay buffers; these runs are not needed again.
        fs::remove_dir_all(&folder)?;
        let (training, evaluation) = (&trained["training"], &evaluated["evaluation"]);
        let figure = row.figure.of(&evaluation["policy"]).ok_or("the evaluation lacks the row's figure")?;
        let bar = row.bar.of(row.figure, evaluation);
        if bar.is_none() && row.bar != Target::None {
            return Err("the evaluation lacks the row's baseline".into());
        }
        let version = training["setpoint_version"].as_str().unwrap_or("of unknown version");
        Ok(Measured {
            figure,
            bar,
            seconds: training["wall_seconds"].as_f64().ok_or("no training time")?,
            steps: training["steps"].as_u64().ok_or("no number of steps")?,
            with: format!("Setpoint {version}"),
        })
    }

    fn train_peer(&self, task: &Task) -> Result<Measured, Failure> {
        let row = task.row;
        let python = self.python.as_ref().ok_or("the peers' Python environment is missing")?;
        let steps = row.steps.ok_or("the peer needs a number of steps")?;
        let line = document(
            Command::new(python)
                .arg("benches/peers/sb3_proof.py")
                .arg(format!("projects/{}", row.project))
                .args([row.algorithm, &steps.to_string(), &task.seed.to_string()])
                .current_dir(&self.root),
        )?;
        let bar = if let Target::Floor(floor) = row.bar { Some(floor) } else { None };
        Ok(Measured {
            figure: line["return"].as_f64().ok_or("no return")?,
            bar,
            seconds: line["seconds"].as_f64().ok_or("no training time")?,
            steps: line["steps"].as_u64().ok_or("no number of steps")?,
            with: line["with"].as_str().ok_or("no versions")?.to_owned(),
        })
    }
}

/// Runs a program and reads the JSON document that it prints. A status of 1 is a failed gate, which the document
/// also reports.
fn document(command: &mut Command) -> Result<Value, Failure> {
    let output = command.output()?;
    if !matches!(output.status.code(), Some(0 | 1)) || output.stdout.is_empty() {
        let message = String::from_utf8_lossy(&output.stderr);
        let last = message.lines().rev().find(|line| !line.trim().is_empty());
        return Err(last.unwrap_or("it failed silently").to_owned().into());
    }
    Ok(serde_json::from_slice(&output.stdout)?)
}
