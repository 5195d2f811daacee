//! The binary as people and programs run it.
#![allow(dead_code, reason = "each test file compiles this module and uses a part of it")]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

/// The ready projects.
pub fn projects() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../projects")
}

/// Runs the binary.
pub fn setpoint(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_setpoint")).args(arguments).output().unwrap()
}

/// Runs the binary in a folder of its own, where it finds no earlier run.
pub fn setpoint_in(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_setpoint")).current_dir(folder).args(arguments).output().unwrap()
}

/// A path as an argument.
pub fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// The one document on standard output.
pub fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| {
        panic!("not one JSON document: {error}\n{}", String::from_utf8_lossy(&output.stdout))
    })
}

/// What was printed for people.
pub fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// A command that ended well: what it printed on standard output.
#[track_caller]
pub fn done(output: &Output) -> String {
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(output.status.code(), Some(0), "{text}{}", stderr(output));
    text
}

/// A command in a folder, as [`done`].
#[track_caller]
pub fn done_in(folder: &Path, arguments: &[&str]) -> String {
    done(&setpoint_in(folder, arguments))
}

/// A command that was refused, with a message that has all these words.
#[track_caller]
pub fn refused(output: &Output, words: &[&str]) {
    let message = stderr(output);
    assert_eq!(output.status.code(), Some(2), "{}{message}", String::from_utf8_lossy(&output.stdout));
    assert!(words.iter().all(|word| message.contains(word)), "{message}");
}

/// A command in a folder, as [`refused`].
#[track_caller]
pub fn refused_in(folder: &Path, arguments: &[&str], words: &[&str]) {
    refused(&setpoint_in(folder, arguments), words);
}

/// A short training of the assembly line in a folder.
pub fn trained(folder: &Path) -> String {
    let run = folder.join("run");
    let project = projects().join("assembly-line");
    let arguments = ["train", text(&project), "--steps", "8192", "--run-dir", text(&run), "--json"];
    let output = setpoint(&[&arguments[..], &["--set", "train.checkpoint_every_updates=1"]].concat());
    done(&output);
    let document = json(&output);
    assert_eq!(document["command"], "train");
    assert_eq!(document["training"]["steps"], 8192);
    text(&run).to_owned()
}
