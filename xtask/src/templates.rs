//! `cargo xtask templates`: the project that `setpoint new` writes, trained over five seeds for every built-in process, against
//! its own baselines. Results are added to docs/new-projects.jsonl at once; docs/new-projects.md is made from them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::Failure;
use crate::lines;
use crate::machine;

#[derive(clap::Args)]
pub struct Arguments {
    /// The program [default: this workspace's release build, built first]
    #[arg(long, value_name = "FILE")]
    binary: Option<PathBuf>,
    /// Only these processes, separated by commas, even if they have a result [default: all without a valid result]
    #[arg(long, value_delimiter = ',', value_name = "KINDS")]
    processes: Vec<String>,
}

/// Baselines that are optimal, or at the limit of an episode: no policy is better, so each seed must come as close as this share.
const OPTIMAL: [(&str, f64); 3] =
    [("cart-pole", 0.0), ("inventory", 0.05), ("mountain-car-continuous", 0.05)];

/// A process whose seeds are trained.
#[derive(Serialize, Deserialize)]
struct Row {
    kind: String,
    algorithm: String,
    steps: u64,
    /// Mean return of each seed.
    returns: Vec<f64>,
    /// Name and mean return of the best baseline.
    best: (String, f64),
    /// [`settings`] of the project: another project makes the result invalid.
    project: String,
    date: String,
    processor: String,
}

impl Row {
    /// The share by which a seed may stay behind a baseline that no policy beats.
    fn optimal(&self) -> Option<f64> {
        OPTIMAL.iter().find(|(kind, _)| *kind == self.kind).map(|(_, share)| *share)
    }

    fn won(&self) -> usize {
        let best = self.best.1;
        let wins = |found: &&f64| match self.optimal() {
            Some(share) => **found >= best - share * best.abs(),
            None => **found > best,
        };
        self.returns.iter().filter(wins).count()
    }

    fn markdown(&self) -> String {
        let returns: Vec<String> = self.returns.iter().map(|found| format!("{found:.1}")).collect();
        let note = match self.optimal() {
            None => String::new(),
            Some(0.0) => " (the most that an episode gives)".to_owned(),
            Some(share) => format!(" (close to the best possible: within {:.0} %)", 100.0 * share),
        };
        format!(
            "| {} | {}, {} | {} | {} {:.1}{note} | {} of {} |",
            self.kind,
            self.algorithm,
            self.steps,
            returns.join(", "),
            self.best.0,
            self.best.1,
            self.won(),
            self.returns.len()
        )
    }
}

pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().ok_or("xtask lies in the workspace")?;
    let binary = match &arguments.binary {
        Some(binary) => fs::canonicalize(binary)?,
        None => crate::policies::built(root)?,
    };
    let folder = std::env::temp_dir().join(format!("setpoint-templates-{}", std::process::id()));
    fs::create_dir_all(&folder)?;
    let rows = rows(arguments, &binary, &folder, &root.join("docs/new-projects.jsonl"));
    fs::remove_dir_all(&folder)?;
    let rows = rows?;
    fs::write(root.join("docs/new-projects.md"), page(&rows))?;
    let lost: Vec<&str> =
        rows.iter().filter(|row| row.won() < row.returns.len()).map(|row| row.kind.as_str()).collect();
    if lost.is_empty() { Ok(()) } else { Err(format!("not all seeds win: {}", lost.join(", ")).into()) }
}

/// A row for each process, in the order of `setpoint list processes`: the latest valid result, or a new one.
fn rows(arguments: &Arguments, binary: &Path, folder: &Path, store: &Path) -> Result<Vec<Row>, Failure> {
    let listed = document(Command::new(binary).args(["list", "processes", "--json"]))?;
    let kinds = listed["processes"].as_array().ok_or("no processes")?;
    let asked = |kind: &str| arguments.processes.iter().any(|name| name == kind);
    let mut there: Vec<Row> = lines::read(store);
    let mut rows = Vec::new();
    for kind in kinds.iter().filter_map(|process| process["kind"].as_str()) {
        document(Command::new(binary).args(["new", kind, "--process", kind, "--json"]).current_dir(folder))?;
        let project: toml::Table = fs::read_to_string(folder.join(kind).join("setpoint.toml"))?.parse()?;
        let name = settings(&project)?;
        let latest = there.iter().rposition(|row| row.kind == kind && row.project == name);
        let row = match latest.map(|place| there.remove(place)) {
            Some(row) if !asked(kind) => row,
            None if !asked(kind) && !arguments.processes.is_empty() => continue,
            _ => {
                let row = train(kind, binary, folder, &project, name)?;
                lines::add(&mut lines::open(store)?, &row)?;
                row
            }
        };
        println!("{}", row.markdown());
        rows.push(row);
    }
    Ok(rows)
}

/// Everything in a project that changes the result, as one short name. Through JSON, whose keys are sorted.
fn settings(project: &toml::Table) -> Result<String, Failure> {
    let mut table = project.clone();
    table.remove("decision");
    let text = serde_json::to_string(&serde_json::to_value(&table)?)?;
    Ok(blake3::hash(text.as_bytes()).to_hex()[..16].to_owned())
}

fn train(
    kind: &str,
    binary: &Path,
    folder: &Path,
    project: &toml::Table,
    name: String,
) -> Result<Row, Failure> {
    let arguments = ["train", kind, "--seeds", "5", "--plain", "--json"];
    let found = document(Command::new(binary).args(arguments).current_dir(folder))?;
    let runs = found["seeds"]["runs"].as_array().ok_or("no seeds")?;
    let mean = |subject: &Value| subject["episode_return"]["mean"].as_f64().unwrap_or(f64::NAN);
    let baselines = runs[0]["evaluation"]["baselines"].as_array().ok_or("no baselines")?;
    let best = baselines
        .iter()
        .map(|baseline| (baseline["name"].as_str().unwrap_or_default().to_owned(), mean(baseline)))
        .max_by(|a, b| a.1.total_cmp(&b.1))
        .ok_or("no baseline")?;
    Ok(Row {
        kind: kind.to_owned(),
        algorithm: project["train"]["algorithm"].as_str().unwrap_or_default().to_owned(),
        steps: runs[0]["training"]["steps"].as_u64().unwrap_or_default(),
        returns: runs.iter().map(|run| mean(&run["evaluation"]["policy"])).collect(),
        best,
        project: name,
        date: machine::today()?,
        processor: machine::processor()?,
    })
}

/// The document of a command, which must end with success.
fn document(command: &mut Command) -> Result<Value, Failure> {
    let output = command.output()?;
    if !output.status.success() {
        return Err(format!("{command:?}: {}", String::from_utf8_lossy(&output.stderr)).into());
    }
    Ok(serde_json::from_slice(&output.stdout)?)
}

fn page(rows: &[Row]) -> String {
    let table: Vec<String> = rows.iter().map(Row::markdown).collect();
    let mut measured: Vec<String> =
        rows.iter().map(|row| format!("{} ({})", row.date, row.processor)).collect();
    measured.sort();
    measured.dedup();
    format!(
        "# New projects against their baselines\n\n`setpoint new NAME --process KIND` writes a project that is ready to be trained. \
         `cargo xtask templates` begins one\nfor every built-in process, trains it over five seeds, evaluates each seed on the same 100 \
         episodes as the baselines,\nand writes this page. A seed wins if its mean return is above that of the best baseline; where a \
         baseline is the\nbest possible, it must come close. A result counts until the project that `new` writes \
         changes.\n\nMeasured on {}.\n\n\
         | process | algorithm, steps | mean return of seeds 0 to 4 | best baseline | seeds that win |\n|---|---|---|---|---|\n{}\n",
        measured.join(", "),
        table.join("\n")
    )
}
