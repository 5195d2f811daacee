//! `setpoint verify`: a good run is good, and every kind of damage is found, or changes nothing that anybody relies on.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use binary::{json, projects, setpoint, stderr, text};
use serde_json::Value;
use setpoint_random::Stream;

mod binary;

/// Files that nobody relies on, and the file of the lock.
const NOT_COVERED: [&str; 3] = ["tensorboard", "report.html", "run.lock"];

/// A small training with a replay buffer, three checkpoints, and a line of metrics for each update.
fn trained(run: &Path, more: &[&str]) {
    let project = projects().join("assembly-line");
    let mut arguments = vec!["train", text(&project), "--plain", "--steps", "6000", "--run-dir", text(run)];
    for set in ["train.algorithm=\"dqn\"", "train.checkpoint_every_updates=1", "train.log_every_updates=1"] {
        arguments.extend(["--set", set]);
    }
    arguments.extend(more);
    let output = setpoint(&arguments);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
}

/// Exit status and document.
fn verified(run: &Path) -> (i32, Value) {
    let output = setpoint(&["verify", text(run), "--json"]);
    let status = output.status.code().unwrap();
    assert!(status < 2, "{}", stderr(&output));
    (status, json(&output))
}

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { files(&path, found) } else { found.push(path) }
    }
    found.sort();
}

fn contents(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut paths = Vec::new();
    files(folder, &mut paths);
    paths.into_iter().map(|path| (path.clone(), std::fs::read(&path).unwrap())).collect()
}

/// Whether a changed file that was taken for good says the same where it matters: `run.json` and `summary.json` have no
/// checksum, and their times, names and versions are no evidence of anything.
fn is_harmless(name: &str, was: &[u8], is: &[u8]) -> bool {
    let keys = |bytes: &[u8], free: &[&str]| {
        // The digits of an identity may be capital letters.
        let mut document: Value = serde_json::from_slice(&bytes.to_ascii_lowercase()).unwrap();
        let keys = document.as_object_mut().unwrap();
        free.iter().for_each(|key| drop(keys.remove(*key)));
        document
    };
    match name {
        "run.json" => {
            let free = ["project", "begun", "number", "setpoint_version", "format"];
            let (was, mut is) = (keys(was, &free), keys(is, &free));
            // An unknown key is not read.
            is.as_object_mut().unwrap().retain(|key, _| was.get(key).is_some());
            was == is
        }
        "summary.json" => {
            let free = ["ending", "wall_seconds", "setpoint_version"];
            keys(was, &free) == keys(is, &free)
        }
        "setpoint.toml" => {
            let table = |bytes: &[u8]| std::str::from_utf8(bytes).unwrap().parse::<toml::Table>().unwrap();
            table(was) == table(is)
        }
        _ => false,
    }
}

#[test]
fn every_damage_is_found_or_harmless() {
    let root = tempfile::tempdir().unwrap();
    let (run, other) = (root.path().join("run"), root.path().join("other"));
    trained(&run, &[]);
    trained(&other, &["--seed", "9"]);
    for run in [&run, &other] {
        // Other episodes than the project's are no other project.
        // So short a training does not pass the gate.
        assert_eq!(setpoint(&["eval", text(run), "--episodes", "4"]).status.code(), Some(1));
    }
    let before = contents(&run);
    let (status, document) = verified(&run);
    let levels: Vec<&Value> =
        document["findings"].as_array().unwrap().iter().map(|found| &found["level"]).collect();
    assert!(status == 0 && levels.len() == 9 && levels.iter().all(|level| *level == "good"), "{document:#}");
    assert!(contents(&run) == before, "it changed a file");

    let mut random = Stream::new(3, "damage", 0);
    let newest = before.keys().rfind(|path| path.extension().is_some_and(|end| end == "checkpoint"));
    let newest = newest.unwrap().clone();
    for (path, was) in &before {
        let name = path.strip_prefix(&run).unwrap().display().to_string();
        let is_covered = !NOT_COVERED.iter().any(|part| name.starts_with(part));
        for _ in 0..12 {
            let mut flipped = was.clone();
            if !was.is_empty() {
                flipped[random.below(was.len() as u32) as usize] ^= 1 << random.below(8);
            }
            let cut = was[..random.below(was.len().max(1) as u32) as usize].to_vec();
            for damaged in [flipped, cut].iter().filter(|damaged| *damaged != was) {
                std::fs::write(path, damaged).unwrap();
                let (status, document) = verified(&run);
                match status {
                    0 => assert!(
                        !is_covered || is_harmless(&name, was, damaged),
                        "{name}: {}",
                        String::from_utf8_lossy(damaged)
                    ),
                    _ => assert!(is_covered, "{name}: {document:#}"),
                }
            }
        }
        if is_covered {
            std::fs::remove_file(path).unwrap();
            // Evidence may be absent, an older checkpoint is a spare, and without a summary the training has not ended.
            let may_be_absent = name.starts_with("evidence")
                || name == "summary.json"
                || (name.ends_with(".checkpoint") && *path != newest);
            assert_eq!(verified(&run).0, i32::from(!may_be_absent), "{name} was deleted");
            let foreign = std::fs::read(other.join(&name)).unwrap();
            std::fs::write(path, &foreign).unwrap();
            assert_eq!(verified(&run).0, i32::from(foreign != *was), "{name} of another run");
        }
        std::fs::write(path, was).unwrap();
    }
    assert_eq!(verified(&run).0, 0);
    // Behind the end of an ended training there is nothing.
    let log = run.join("metrics.jsonl");
    std::fs::write(&log, [&before[&log][..], b"{}\n"].concat()).unwrap();
    assert_eq!(verified(&run).0, 1);
    // The text for people names the file and the remedy.
    let output = setpoint(&["verify", text(&run)]);
    let shown = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        shown.contains("! metrics.jsonl: it has 3 bytes behind the end") && shown.contains("1 finding"),
        "{shown}"
    );
}

#[test]
fn a_run_is_verified_while_it_is_trained_and_after_a_kill() {
    let root = tempfile::tempdir().unwrap();
    let run = root.path().join("run");
    let project = projects().join("assembly-line");
    let arguments = ["train", text(&project), "--plain", "--steps", "100000000", "--run-dir", text(&run)];
    let mut child = Command::new(env!("CARGO_BIN_EXE_setpoint"))
        .args(arguments)
        .args(["--set", "train.checkpoint_every_updates=1"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    while std::fs::read_dir(run.join("checkpoints")).map_or(0, Iterator::count) < 2 {
        assert!(child.try_wait().unwrap().is_none(), "the training ended");
        std::thread::sleep(Duration::from_millis(50));
    }
    let (status, document) = verified(&run);
    let running = child.try_wait().unwrap().is_none();
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(running && status == 0, "{document:#}");
    if cfg!(target_os = "linux") {
        assert!(document["in_use"].as_str().unwrap().contains("(train)"), "{document:#}");
    }
    let (status, document) = verified(&run);
    assert!(status == 0 && document["in_use"].is_null(), "{document:#}");
    let summary =
        document["findings"].as_array().unwrap().iter().find(|found| found["subject"] == "summary.json");
    assert_eq!(summary.unwrap()["level"], "absent");
}

#[test]
fn a_run_of_seeds_is_as_good_as_its_parts() {
    let root = tempfile::tempdir().unwrap();
    let run = root.path().join("run");
    trained(&run, &["--seeds", "2"]);
    let (status, document) = verified(&run);
    assert!(status == 0 && document["parts"].as_array().unwrap().len() == 2, "{document:#}");
    let of_seed = |seed: usize, name: &str| run.join(format!("seed-{seed}")).join(name);
    let whole = std::fs::read(of_seed(1, "policy.safetensors")).unwrap();
    std::fs::copy(of_seed(0, "policy.safetensors"), of_seed(1, "policy.safetensors")).unwrap();
    let (status, document) = verified(&run);
    let unreliable = |document: &Value| -> Vec<String> {
        let found =
            document["findings"].as_array().unwrap().iter().filter(|found| found["level"] == "unreliable");
        found.map(|found| found["subject"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!((status, unreliable(&document)), (1, vec!["evidence/seeds.json".to_owned()]));
    assert!(unreliable(&document["parts"][0]).is_empty());
    assert!(unreliable(&document["parts"][1]).contains(&"policy.safetensors".to_owned()));
    std::fs::write(of_seed(1, "policy.safetensors"), whole).unwrap();
    // A lost marker of the whole is known from its parts.
    std::fs::rename(run.join("run.json"), root.path().join("run.json")).unwrap();
    let (status, document) = verified(&run);
    assert_eq!((status, unreliable(&document)), (1, vec!["run.json".to_owned()]));
}

#[test]
fn what_is_no_run_is_bad_input_and_a_project_stands_for_its_newest_run() {
    let root = tempfile::tempdir().unwrap();
    assert_eq!(setpoint(&["verify", text(root.path())]).status.code(), Some(2));
    let project = projects().join("assembly-line");
    let runs = root.path().join("runs");
    let verify = ["verify", text(&project), "--runs", text(&runs)];
    let output = setpoint(&verify);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("has no run under"), "{}", stderr(&output));
    let train = ["train", text(&project), "--plain", "--steps", "2048", "--runs", text(&runs)];
    assert_eq!(setpoint(&train).status.code(), Some(0));
    assert_eq!(setpoint(&verify).status.code(), Some(0));
}
