//! Commands that run at the same time do not disturb each other.

use std::process::{Command, Stdio};

use binary::{projects, text};

mod binary;

/// They begin in the same second or in two neighbouring ones, so their names have the same stem.
#[test]
fn trainings_that_begin_together_have_folders_of_their_own() {
    let root = tempfile::tempdir().unwrap();
    let project = projects().join("assembly-setup");
    let children: Vec<_> = (0..6)
        .map(|_| {
            Command::new(env!("CARGO_BIN_EXE_setpoint"))
                .current_dir(root.path())
                .args(["train", text(&project), "--steps", "2048", "--threads", "1", "--plain"])
                .stdout(Stdio::null())
                .stderr(Stdio::piped())
                .spawn()
                .unwrap()
        })
        .collect();
    for child in children {
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    }
    let runs = std::fs::read_dir(root.path().join("runs")).unwrap().next().unwrap().unwrap().path();
    let folders: Vec<_> = std::fs::read_dir(runs).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(folders.len(), 6, "{folders:?}");
    let policies: Vec<_> =
        folders.iter().map(|folder| std::fs::read(folder.join("policy.safetensors")).unwrap()).collect();
    assert!(policies.iter().all(|policy| *policy == policies[0]), "the same training, the same policy");
}
