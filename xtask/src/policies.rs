//! `cargo xtask policies`: short trainings of every ready project and every algorithm with a fixed seed, and the hashes of
//! their policies. Two builds that learn the same write the same list.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use crate::Failure;

mod list;
mod rows;
mod sha256;

use list::{List, Outcome};
use rows::Row;
use sha256::sha256;

#[derive(clap::Args)]
pub struct Arguments {
    /// The program that trains [default: this workspace's release build, built first]
    #[arg(long, value_name = "FILE")]
    binary: Option<PathBuf>,
    /// A list of an earlier build; the chore prints each difference, and a difference fails
    #[arg(long, value_name = "FILE")]
    against: Option<PathBuf>,
    /// Write the list to this file as well
    #[arg(long, value_name = "FILE")]
    write: Option<PathBuf>,
    /// Compare the tensors of the policies alone, not the description in front of them
    #[arg(long)]
    tensors_only: bool,
    /// Only the rows whose names contain one of these texts, separated by commas
    #[arg(long, value_delimiter = ',', value_name = "TEXTS")]
    rows: Vec<String>,
    /// Keep the runs in this folder
    #[arg(long, value_name = "FOLDER")]
    keep: Option<PathBuf>,
    /// The folder of the ready projects [default: this workspace's]
    #[arg(long, value_name = "FOLDER")]
    projects: Option<PathBuf>,
}

impl Arguments {
    fn asks_for(&self, name: &str) -> bool {
        self.rows.is_empty() || self.rows.iter().any(|text| name.contains(text.as_str()))
    }
}

const SEED: &str = "3";

pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().ok_or("xtask lies in the workspace")?;
    // An unreadable list is an error before the trainings, not after them.
    let old = match &arguments.against {
        Some(path) => {
            let text = fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
            Some(list::read(&text, SEED).map_err(|error| format!("{}: {error}", path.display()))?)
        }
        None => None,
    };
    let projects = arguments.projects.clone().unwrap_or_else(|| root.join("projects"));
    let projects = fs::canonicalize(&projects).map_err(|error| format!("{}: {error}", projects.display()))?;
    let binary = match &arguments.binary {
        Some(binary) => fs::canonicalize(binary).map_err(|error| format!("{}: {error}", binary.display()))?,
        None => built(root)?,
    };
    let temporary = std::env::temp_dir().join(format!("setpoint-policies-{}", std::process::id()));
    let folder = arguments.keep.as_ref().unwrap_or(&temporary);
    fs::create_dir_all(folder)?;
    let trained = train_all(arguments, &projects, &binary, &fs::canonicalize(folder)?);
    if arguments.keep.is_none() {
        fs::remove_dir_all(folder)?;
    }
    let new = trained?;
    if new.is_empty() {
        return Err("no row has such a name".into());
    }
    let text = list::write(&new, SEED);
    print!("{text}");
    if let Some(path) = &arguments.write {
        fs::write(path, &text)?;
    }
    judge(arguments, old.as_ref(), &new)
}

/// Prints the comparison; an error of a training and a difference fail.
fn judge(arguments: &Arguments, old: Option<&List>, new: &List) -> Result<(), Failure> {
    let failed = new.values().filter(|outcome| matches!(outcome, Outcome::Failed(_))).count();
    let Some(old) = old else {
        return if failed == 0 { Ok(()) } else { Err(format!("{failed} trainings failed").into()) };
    };
    let comparison = list::compare(old, new, arguments.tensors_only, |name| arguments.asks_for(name));
    comparison.not_compared.iter().for_each(|line| println!("not compared: {line}"));
    comparison.different.iter().for_each(|line| println!("different: {line}"));
    let (same, different) = (comparison.same, comparison.different.len());
    println!(
        "{same} rows are the same, {different} differ, {} are not compared",
        comparison.not_compared.len()
    );
    match (same, different, failed) {
        (1.., 0, 0) => Ok(()),
        (0, 0, 0) => Err("no row was compared".into()),
        (_, 0, _) => Err(format!("{failed} trainings failed").into()),
        _ => Err("the builds differ".into()),
    }
}

pub fn built(root: &Path) -> Result<PathBuf, Failure> {
    let done = Command::new("cargo").args(["build", "--release"]).current_dir(root).status()?;
    if !done.success() {
        return Err("the release build failed".into());
    }
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
    Ok(target.join("release/setpoint"))
}

/// Trains the rows that the arguments ask for, one after the other.
fn train_all(arguments: &Arguments, projects: &Path, binary: &Path, folder: &Path) -> Result<List, Failure> {
    let mut list = List::new();
    for row in rows::rows(projects, binary)? {
        let name = row.name();
        if !arguments.asks_for(&name) {
            continue;
        }
        let begin = Instant::now();
        let outcome = train(&row, projects, binary, &folder.join(name.replace('/', "-")))?;
        let remark = match &outcome {
            Outcome::Policy { .. } => String::new(),
            Outcome::Refused(reason) => format!("  refused: {reason}"),
            Outcome::Failed(reason) => format!("  failed: {reason}"),
            Outcome::Skipped(reason) => format!("  skipped: {reason}"),
        };
        eprintln!("{name:<36} {:5.1} s{remark}", begin.elapsed().as_secs_f64());
        list.insert(name, outcome);
    }
    Ok(list)
}

fn train(row: &Row, projects: &Path, binary: &Path, folder: &Path) -> Result<Outcome, Failure> {
    let table = rows::table(projects, &row.project)?;
    if let Some(reason) = rows::absent(row, &table) {
        return Ok(Outcome::Skipped(reason));
    }
    let own = serde_json::to_value(&table["train"])?;
    let mut command = Command::new(binary);
    command.arg("train").arg(projects.join(&row.project)).args(["--plain", "--json", "--seed", SEED]);
    command.arg("--steps").arg(row.steps(&own).to_string()).arg("--run-dir").arg(folder);
    for change in row.overrides() {
        command.arg("--set").arg(change);
    }
    if let Some(python) = rows::python() {
        command.env(rows::PYTHON, python);
    }
    // Some environments write logs where the program runs.
    let output = command.current_dir(folder.parent().ok_or("a run lies in a folder")?).output()?;
    if output.status.success() {
        return hashes(&fs::read(folder.join("policy.safetensors"))?);
    }
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    let error = text.lines().find(|line| line.starts_with("error")).or(text.lines().last());
    let error = error.unwrap_or("no message").trim_start_matches("error: ").to_owned();
    // Bad input: the program refuses it before it makes the folder of the run.
    match output.status.code() {
        Some(2) if !folder.exists() => Ok(Outcome::Refused(error)),
        _ => Ok(Outcome::Failed(error)),
    }
}

/// Hashes of a policy file and of its tensors: the file is the length of a header, the header, the tensors.
fn hashes(file: &[u8]) -> Result<Outcome, Failure> {
    let header = file.first_chunk().ok_or("the policy file has no header")?;
    let begin = usize::try_from(u64::from_le_bytes(*header))?.saturating_add(8);
    let tensors = file.get(begin..).ok_or("the policy file ends within its header")?;
    Ok(Outcome::Policy { file: sha256(file), tensors: sha256(tensors) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_of_the_tensors_leaves_the_header_out() {
        let file = |header: &str, tensors: &[u8]| {
            let length = (header.len() as u64).to_le_bytes();
            hashes(&[length.as_slice(), header.as_bytes(), tensors].concat()).unwrap()
        };
        let parts = |outcome| match outcome {
            Outcome::Policy { file, tensors } => (file, tensors),
            other => panic!("{other:?}"),
        };
        let (one, other) = (parts(file("{}", &[1, 2])), parts(file("{ }", &[1, 2])));
        assert_eq!(one.1, other.1);
        assert_ne!(one.0, other.0);
        assert_ne!(one.1, parts(file("{}", &[1, 3])).1);
        assert!(hashes(&[9, 0, 0, 0, 0, 0, 0, 0, 1]).is_err());
        assert!(hashes(&[1]).is_err());
    }
}
