//! Damaged files, full disks and read-only folders: each gives a clear error, and complete files stay complete.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use binary::{projects, setpoint, stderr, text, trained};

mod binary;

#[test]
fn damaged_files_are_refused_and_the_last_good_one_is_named() {
    let root = tempfile::tempdir().unwrap();
    let run = PathBuf::from(trained(root.path()));
    let project = projects().join("assembly-line");
    let mut checkpoints: Vec<PathBuf> =
        std::fs::read_dir(run.join("checkpoints")).unwrap().map(|entry| entry.unwrap().path()).collect();
    checkpoints.sort();
    let (newest, good) = (checkpoints.pop().unwrap(), checkpoints.pop().unwrap());
    let good_name = good.file_name().unwrap().to_str().unwrap();

    let policy = run.join("policy.safetensors");
    let whole = std::fs::read(&policy).unwrap();
    let mut broken = whole.clone();
    let middle = broken.len() / 2;
    broken[middle] ^= 1;
    std::fs::write(&policy, &broken).unwrap();
    let output = setpoint(&["eval", text(&run)]);
    assert_eq!(output.status.code(), Some(2));
    let newest_name = newest.file_name().unwrap().to_str().unwrap();
    assert!(
        stderr(&output).contains("checksum") && stderr(&output).contains(newest_name),
        "{}",
        stderr(&output)
    );

    // The command of the message repairs it.
    let resume = [
        "train",
        text(&project),
        "--steps",
        "8192",
        "--run-dir",
        text(&run),
        "--set",
        "train.checkpoint_every_updates=1",
        "--resume",
    ];
    assert_eq!(setpoint(&resume).status.code(), Some(0));
    assert_eq!(std::fs::read(&policy).unwrap(), whole);

    std::fs::remove_file(&policy).unwrap();
    let mut damaged = std::fs::read(&newest).unwrap();
    damaged.truncate(damaged.len() / 2);
    std::fs::write(&newest, damaged).unwrap();
    let output = setpoint(&resume);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains(good_name), "{}", stderr(&output));
    std::fs::remove_file(&newest).unwrap();
    assert_eq!(setpoint(&resume).status.code(), Some(0));
    assert_eq!(std::fs::read(&policy).unwrap(), whole);

    // More steps go on (see `train_on.rs`); fewer are another training.
    let mut other = resume.to_vec();
    other[3] = "4096";
    let output = setpoint(&other);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("total_steps = 8192"), "{}", stderr(&output));
}

/// A full disk refuses the write of the report; the files of the run stay whole.
#[test]
fn a_full_disk_gives_a_clear_error_and_leaves_earlier_files_whole() {
    let root = tempfile::tempdir().unwrap();
    let run = PathBuf::from(trained(root.path()));
    let policy = std::fs::read(run.join("policy.safetensors")).unwrap();
    let output = full_disk(&["report", text(&run)], "report.html");
    assert_eq!(output.status.code(), Some(2));
    assert!(
        stderr(&output).contains("report.html") && stderr(&output).contains("free some space"),
        "{}",
        stderr(&output)
    );
    assert!(!run.join("report.html").exists());
    assert_eq!(std::fs::read(run.join("policy.safetensors")).unwrap(), policy);
}

/// Runs a command on a disk that is full for every file whose name contains `file`.
fn full_disk(arguments: &[&str], file: &str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_setpoint"));
    command.env("SETPOINT_STORAGE_SIMULATOR", format!("root=/,only={file},fail=1,lasting=1,error=enospc"));
    command.args(arguments).output().unwrap()
}

/// The disk fills up in the middle of a training: the last checkpoint stays complete. With space again the training
/// continues from it to the same end.
#[test]
fn a_disk_that_fills_up_while_training_costs_nothing_but_time() {
    let root = tempfile::tempdir().unwrap();
    let expected = std::fs::read(Path::new(&trained(root.path())).join("policy.safetensors")).unwrap();
    let run = root.path().join("filled");
    let checkpoints = run.join("checkpoints");
    let project = projects().join("assembly-line");
    let mut arguments = vec!["train", text(&project), "--steps", "8192", "--run-dir", text(&run)];
    arguments.extend(["--set", "train.checkpoint_every_updates=1"]);
    let output = full_disk(&arguments, "00000003.checkpoint");
    assert_eq!(output.status.code(), Some(2));
    let message = stderr(&output);
    assert!(message.contains("00000003.checkpoint") && message.contains("free some space"), "{message}");
    assert!(checkpoints.join("00000002.checkpoint").is_file() && !run.join("policy.safetensors").exists());
    // The disk has space again.
    arguments.push("--resume");
    assert_eq!(setpoint(&arguments).status.code(), Some(0));
    assert_eq!(std::fs::read(run.join("policy.safetensors")).unwrap(), expected);
    let left = std::fs::read_dir(&checkpoints).unwrap().map(|entry| entry.unwrap().file_name());
    assert!(left.into_iter().all(|name| name.to_string_lossy().ends_with(".checkpoint")));
}

/// `/sys` takes no new folders, not even from root: a place that can be read and not written.
#[test]
#[cfg(target_os = "linux")]
fn a_read_only_place_gives_a_clear_error() {
    let project = projects().join("assembly-setup");
    let output = setpoint(&["train", text(&project), "--run-dir", "/sys/setpoint-run"]);
    assert_eq!(output.status.code(), Some(2));
    let message = stderr(&output);
    assert!(message.contains("cannot create the folder /sys/setpoint-run"), "{message}");
    assert!(message.contains("choose a folder that can be written with --run-dir"), "{message}");
}

/// A run folder that cannot be made: its parent is a file.
#[test]
fn an_impossible_run_folder_gives_a_clear_error() {
    let root = tempfile::tempdir().unwrap();
    let file = root.path().join("file");
    std::fs::write(&file, "x").unwrap();
    let run = file.join("run");
    let output = setpoint(&["train", text(&projects().join("assembly-setup")), "--run-dir", text(&run)]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("cannot create the folder"), "{}", stderr(&output));
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "x");
}
