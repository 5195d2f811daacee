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

/// A folder in use is refused with the process that uses it, and `--force` announces no deletion that does not happen.
#[test]
fn a_folder_in_use_is_refused_with_its_process() {
    let root = tempfile::tempdir().unwrap();
    let project = projects().join("assembly-line");
    let train = |more: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_setpoint"));
        command.current_dir(root.path()).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.args(["train", text(&project), "--run-dir", "r", "--threads", "1", "--plain"]).args(more);
        command
    };
    let mut first = train(&["--steps", "1000000000"]).spawn().unwrap();
    while !root.path().join("r/run.json").exists() {
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    for more in [&["--steps", "2048"][..], &["--steps", "2048", "--force"], &["--resume"]] {
        let second = train(more).output().unwrap();
        let told = [second.stdout, second.stderr].concat();
        let told = String::from_utf8_lossy(&told);
        assert_eq!(second.status.code(), Some(2), "{more:?}: {told}");
        let holder = format!("r is in use by process {} on ", first.id());
        assert!(told.contains(&holder) && !told.contains("deleting"), "{more:?}: {told}");
    }
    assert!(first.try_wait().unwrap().is_none(), "the first one was disturbed");
    first.kill().unwrap();
    first.wait().unwrap();
}

/// The commands that may meet in one folder.
const PAIRS: [&[&str]; 8] = [
    &["train", "p", "--run-dir", "r", "--plain"],
    &["train", "p", "--run-dir", "r", "--plain", "--resume"],
    &["train", "p", "--run-dir", "r", "--plain", "--force"],
    &["train", "p", "--run-dir", "r", "--plain", "--seeds", "2"],
    &["eval", "r"],
    &["report", "r"],
    &["faults", "r", "--noise", "0", "--delay", "0", "--dropout", "0", "--episodes", "2"],
    &["tune", "p", "--run-dir", "r", "--trials", "2", "--seeds", "2"],
];

const PROJECT: &str = "[process]\nkind = \"cart-pole\"\n[reward]\nupright = 1\n[train]\nalgorithm = \"dqn\"\ntotal_steps = 600\n\
    checkpoint_every_updates = 1\nlog_every_updates = 1\n[train.dqn]\nbuffer_size = 64\nlearning_starts = 16\nbatch_size = 8\n\
    train_freq = 8\nnet_arch = [4]\n[evaluate]\nepisodes = 4\n[tune.ranges]\nbatch_size = [8, 16]\n";

/// Random schedules of two commands in one folder: each ends well or is refused with a reason, a reader never sees a torn
/// file, and what is left is one run that `verify` would accept: its summary names its policy.
#[test]
fn two_commands_in_one_folder_end_well_or_are_refused() {
    let schedules =
        std::env::var("SETPOINT_SOAK_SCHEDULES").ok().and_then(|text| text.parse().ok()).unwrap_or(60);
    let mut random = 11_u64;
    let mut draw = |below: u64| {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (random >> 33) % below
    };
    for schedule in 0..schedules {
        let root = tempfile::tempdir().unwrap();
        let work = root.path();
        std::fs::create_dir(work.join("p")).unwrap();
        std::fs::write(work.join("p/setpoint.toml"), PROJECT).unwrap();
        let command = |arguments: &[&str]| {
            let mut command = Command::new(env!("CARGO_BIN_EXE_setpoint"));
            command.current_dir(work).args(arguments).args(["--runs", "runs"]);
            command.stdout(Stdio::null()).stderr(Stdio::piped());
            command
        };
        // Half of them meet a run that has ended.
        if draw(2) == 0 {
            assert!(command(PAIRS[0]).status().unwrap().success());
        }
        let (first, second) = (PAIRS[draw(8) as usize], PAIRS[draw(8) as usize]);
        let children = [first, second].map(|arguments| {
            let child = command(arguments).spawn().unwrap();
            std::thread::sleep(std::time::Duration::from_millis(draw(40)));
            child
        });
        // A reader in between.
        for _ in 0..20 {
            no_file_is_torn(&work.join("r"), &[first, second]);
            std::thread::sleep(std::time::Duration::from_millis(2));
        }
        for (child, arguments) in children.into_iter().zip([first, second]) {
            let output = child.wait_with_output().unwrap();
            let words = String::from_utf8_lossy(&output.stderr).into_owned();
            let code = output.status.code();
            assert!(
                matches!(code, Some(0..=2)) && !words.contains("panicked"),
                "{schedule}: {arguments:?}: {words}"
            );
            assert!(code != Some(2) || words.contains("error: "), "{schedule}: {arguments:?}: {words}");
        }
        no_file_is_torn(&work.join("r"), &[first, second]);
        let summary = work.join("r/summary.json");
        if summary.is_file() {
            let summary: serde_json::Value =
                serde_json::from_slice(&std::fs::read(summary).unwrap()).unwrap();
            let policy = std::fs::read(work.join("r/policy.safetensors")).unwrap();
            assert_eq!(summary["policy"], blake3::hash(&policy).to_hex().as_str(), "{first:?} {second:?}");
        }
    }
}

/// Files that are replaced whole are whole at any moment, or gone.
fn no_file_is_torn(run: &std::path::Path, commands: &[&[&str]]) {
    for name in ["run.json", "summary.json", "evidence/evaluation.json", "evidence/faults.json"] {
        if let Ok(bytes) = std::fs::read(run.join(name)) {
            let whole = serde_json::from_slice::<serde_json::Value>(&bytes);
            assert!(whole.is_ok(), "{name} is torn: {commands:?}");
        }
    }
    if let Ok(bytes) = std::fs::read(run.join("report.html")) {
        assert!(String::from_utf8_lossy(&bytes).trim_end().ends_with("</html>"), "{commands:?}");
    }
}
