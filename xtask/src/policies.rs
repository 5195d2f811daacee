//! `cargo xtask policies`: short trainings of every ready project and every algorithm with fixed seeds, and the hashes of
//! their policies. Two builds that learn the same write the same list.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::Failure;

#[derive(clap::Args)]
pub struct Arguments {
    /// The program that trains [default: this workspace's release build, built first]
    #[arg(long, value_name = "FILE")]
    binary: Option<PathBuf>,
    /// A list of an earlier build; every difference is printed, and a difference fails
    #[arg(long, value_name = "FILE")]
    against: Option<PathBuf>,
    /// Write the list to this file as well
    #[arg(long, value_name = "FILE")]
    write: Option<PathBuf>,
    /// Compare the numbers of the policies alone, not the description in front of them
    #[arg(long)]
    tensors_only: bool,
    /// Only the rows whose names contain one of these texts, separated by commas
    #[arg(long, value_delimiter = ',', value_name = "TEXTS")]
    rows: Vec<String>,
    /// Keep the runs in this folder
    #[arg(long, value_name = "FOLDER")]
    keep: Option<PathBuf>,
}

/// Projects on which every algorithm is tried: choices under a constraint, choices, a setting.
const TRIED: [&str; 3] = ["assembly-line", "cart-pole", "pendulum"];
/// Other pairs of a project and an algorithm: disturbances and masks under a replay buffer.
const MORE: [(&str, &str); 4] = [
    ("assembly-line-robust", "dqn"),
    ("assembly-line-robust", "sac"),
    ("job-shop-ft06", "dqn"),
    ("mountain-car-continuous", "td3"),
];
const SEED: &str = "3";

/// One training.
struct Row {
    project: String,
    algorithm: String,
}

impl Row {
    fn name(&self) -> String {
        format!("{}/{}", self.project, self.algorithm)
    }

    /// Environment steps: a few updates of methods that learn from a rollout, some thousand of the others.
    fn steps(&self, own: &Value) -> u64 {
        match self.algorithm.as_str() {
            "ppo" => {
                let (steps, lanes) = (own["ppo"]["n_steps"].as_u64(), own["ppo"]["n_envs"].as_u64());
                3 * steps.unwrap_or(2048) * lanes.unwrap_or(4)
            }
            "bc" | "iql" => 50_000,
            "reinforce" => 20_000,
            "sac" | "td3" | "ddpg" => 900,
            _ => 3_000,
        }
    }

    /// Overrides that make a short training learn something.
    fn overrides(&self) -> Vec<String> {
        let set = |key: &str, value: &str| format!("train.{}.{key}={value}", self.algorithm);
        match self.algorithm.as_str() {
            "dqn" | "sac" | "td3" | "ddpg" => vec![set("learning_starts", "300"), set("buffer_size", "5000")],
            "bc" | "iql" => vec![set("source", "\"random\""), set("source_episodes", "40")],
            _ => Vec::new(),
        }
    }
}

/// What a row left.
#[derive(Clone, PartialEq)]
enum Left {
    /// Hashes of the whole file and of its tensors.
    Policy { file: String, tensors: String },
    /// Refused before training: the algorithm does not learn this process's actions.
    Refused,
    /// Not tried here, and why.
    Skipped(String),
}

pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().ok_or("xtask lies in the workspace")?;
    let binary = match &arguments.binary {
        Some(binary) => fs::canonicalize(binary).map_err(|error| format!("{}: {error}", binary.display()))?,
        None => built(root)?,
    };
    let folder = match &arguments.keep {
        Some(folder) => folder.clone(),
        None => std::env::temp_dir().join(format!("setpoint-policies-{}", std::process::id())),
    };
    fs::create_dir_all(&folder)?;
    let mut list = BTreeMap::new();
    for row in rows(root, &binary)? {
        let name = row.name();
        if !arguments.rows.is_empty() && !arguments.rows.iter().any(|text| name.contains(text.as_str())) {
            continue;
        }
        let begin = std::time::Instant::now();
        let left = train(&row, root, &binary, &folder.join(name.replace('/', "-")))?;
        eprintln!("{name:<36} {:5.1} s", begin.elapsed().as_secs_f64());
        list.insert(name, left);
    }
    if arguments.keep.is_none() {
        fs::remove_dir_all(&folder)?;
    }
    let text = written(&list);
    print!("{text}");
    if let Some(path) = &arguments.write {
        fs::write(path, &text)?;
    }
    match &arguments.against {
        Some(path) => compare(&list, &read(&fs::read_to_string(path)?)?, arguments.tensors_only),
        None => Ok(()),
    }
}

fn built(root: &Path) -> Result<PathBuf, Failure> {
    let done = Command::new("cargo").args(["build", "--release"]).current_dir(root).status()?;
    if !done.success() {
        return Err("the release build failed".into());
    }
    Ok(root.join("target/release/setpoint"))
}

/// Every ready project with its own algorithm, then every algorithm on a few.
fn rows(root: &Path, binary: &Path) -> Result<Vec<Row>, Failure> {
    let mut projects = Vec::new();
    for entry in fs::read_dir(root.join("projects"))? {
        let entry = entry?;
        if entry.path().join("setpoint.toml").is_file() {
            projects.push(entry.file_name().to_string_lossy().into_owned());
        }
    }
    projects.sort();
    let mut rows = Vec::new();
    for project in projects {
        let text = fs::read_to_string(root.join("projects").join(&project).join("setpoint.toml"))?;
        let table: toml::Table = text.parse()?;
        let algorithm = table["train"]["algorithm"].as_str().unwrap_or("ppo").to_owned();
        rows.push(Row { project, algorithm });
    }
    let listed = Command::new(binary).args(["list", "algorithms", "--json"]).output()?;
    let listed: Value = serde_json::from_slice(&listed.stdout)?;
    let algorithms = listed["algorithms"].as_array().ok_or("`list algorithms --json` lists no algorithms")?;
    let tried = TRIED.iter().flat_map(|project| {
        algorithms.iter().filter_map(|found| Some(((*project), found["name"].as_str()?.to_owned())))
    });
    let more = MORE.iter().map(|(project, algorithm)| (*project, (*algorithm).to_owned()));
    for (project, algorithm) in tried.chain(more) {
        if !rows.iter().any(|row| row.project == project && row.algorithm == algorithm) {
            rows.push(Row { project: project.to_owned(), algorithm });
        }
    }
    Ok(rows)
}

fn train(row: &Row, root: &Path, binary: &Path, folder: &Path) -> Result<Left, Failure> {
    let project = root.join("projects").join(&row.project);
    let table: toml::Table = fs::read_to_string(project.join("setpoint.toml"))?.parse()?;
    let own = serde_json::to_value(&table["train"])?;
    let mut command = Command::new(binary);
    command.arg("train").arg(&project).args(["--plain", "--json", "--seed", SEED]);
    command.arg("--steps").arg(row.steps(&own).to_string()).arg("--run-dir").arg(folder);
    command.arg("--set").arg(format!("train.algorithm=\"{}\"", row.algorithm));
    for change in row.overrides() {
        command.arg("--set").arg(change);
    }
    let output = command.current_dir(root).output()?;
    match output.status.code() {
        Some(0) => {
            let bytes = fs::read(folder.join("policy.safetensors"))?;
            let header = bytes.first_chunk().map_or(0, |length| u64::from_le_bytes(*length));
            let tensors = bytes.get(8 + usize::try_from(header)?..).ok_or("a policy file that is cut off")?;
            let hash = |bytes: &[u8]| blake3::hash(bytes).to_hex()[..32].to_owned();
            Ok(Left::Policy { file: hash(&bytes), tensors: hash(tensors) })
        }
        Some(2) => {
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            match said.contains("cannot learn") || said.contains("plays choices") || said.contains("learns") {
                true => Ok(Left::Refused),
                // Whole environments may be absent on this machine.
                false if own_kind(&table) == "gymnasium" => {
                    Ok(Left::Skipped(said.lines().next().unwrap_or_default().to_owned()))
                }
                false => Err(format!("{}: {said}", row.name()).into()),
            }
        }
        _ if own_kind(&table) == "gymnasium" => {
            Ok(Left::Skipped("its environment does not run here".to_owned()))
        }
        _ => Err(format!("{}: {}", row.name(), String::from_utf8_lossy(&output.stderr)).into()),
    }
}

fn own_kind(table: &toml::Table) -> &str {
    table.get("process").and_then(|process| process.get("kind")?.as_str()).unwrap_or_default()
}

/// One line for each row: name, hash of the file, hash of the tensors.
fn written(list: &BTreeMap<String, Left>) -> String {
    let mut text = format!("# {}, seed {SEED}\n", level());
    for (name, left) in list {
        let _ = match left {
            Left::Policy { file, tensors } => writeln!(text, "{name}\t{file}\t{tensors}"),
            Left::Refused => writeln!(text, "{name}\trefused"),
            Left::Skipped(reason) => writeln!(text, "{name}\tskipped\t{reason}"),
        };
    }
    text
}

/// The machine's level: results differ between levels by the fusion of multiplications and additions.
fn level() -> &'static str {
    #[cfg(target_arch = "x86_64")]
    {
        if is_x86_feature_detected!("avx512f") {
            return "avx512";
        }
        if is_x86_feature_detected!("avx2") {
            return "avx2";
        }
    }
    "baseline"
}

fn read(text: &str) -> Result<BTreeMap<String, Left>, Failure> {
    let mut lines = text.lines();
    let first = lines.next().unwrap_or_default();
    if first != format!("# {}, seed {SEED}", level()) {
        return Err(format!("the list is of another kind of machine or another seed: `{first}`").into());
    }
    lines
        .map(|line| match line.split('\t').collect::<Vec<_>>()[..] {
            [name, "refused"] => Ok((name.to_owned(), Left::Refused)),
            [name, "skipped", reason] => Ok((name.to_owned(), Left::Skipped(reason.to_owned()))),
            [name, file, tensors] => {
                Ok((name.to_owned(), Left::Policy { file: file.to_owned(), tensors: tensors.to_owned() }))
            }
            _ => Err(format!("this is no line of such a list: `{line}`").into()),
        })
        .collect()
}

fn compare(
    new: &BTreeMap<String, Left>,
    old: &BTreeMap<String, Left>,
    tensors_only: bool,
) -> Result<(), Failure> {
    let (mut same, mut differing, mut skipped) = (0, 0, 0);
    for (name, new) in new {
        let equal = match (old.get(name), new) {
            (None | Some(Left::Skipped(_)), _) | (_, Left::Skipped(_)) => {
                skipped += 1;
                continue;
            }
            (Some(Left::Policy { tensors: old, .. }), Left::Policy { tensors: new, .. }) if tensors_only => {
                old == new
            }
            (Some(old), new) => old == new,
        };
        if equal {
            same += 1;
        } else {
            differing += 1;
            println!("differs: {name}");
        }
    }
    println!("{same} policies are the same, {differing} differ, {skipped} could not be compared");
    match (differing, same) {
        (0, 1..) => Ok(()),
        (0, 0) => Err("nothing was compared".into()),
        _ => Err("policies differ".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_reads_back_and_a_changed_policy_is_found() {
        let policy = |file: &str| Left::Policy { file: file.to_owned(), tensors: "t".to_owned() };
        let old: BTreeMap<String, Left> = [
            ("a/ppo".to_owned(), policy("1")),
            ("b/dqn".to_owned(), Left::Refused),
            ("c/sac".to_owned(), Left::Skipped("no Python".to_owned())),
        ]
        .into();
        let read = read(&written(&old)).unwrap();
        assert!(read == old);
        let mut new = old.clone();
        assert!(compare(&new, &read, false).is_ok());
        new.insert("a/ppo".to_owned(), policy("2"));
        assert!(compare(&new, &read, false).is_err());
        assert!(compare(&new, &read, true).is_ok(), "the tensors are the same");
        new.insert("b/dqn".to_owned(), policy("2"));
        assert!(compare(&new, &read, true).is_err());
    }

    #[test]
    fn a_list_of_another_machine_is_refused() {
        assert!(read("# another machine, seed 3\na/ppo\t1\t2\n").is_err());
    }
}
