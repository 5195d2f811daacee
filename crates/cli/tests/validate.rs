//! `setpoint validate` for people and programs: exit status, texts, the evidence and its file.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use serde_json::Value;
use setpoint_process::vectorized::Actions;
use setpoint_processes::open_kind;
use setpoint_random::Stream;

use binary::{json, setpoint_in as setpoint, stderr, text as path};

mod binary;

fn project() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../projects/assembly-line")
}

/// A log of the built-in line with random actions; `lag` steps pass before an action acts.
fn write_log(path: &Path, lag: usize) {
    const EPISODES: u64 = 80;
    let factory = open_kind("assembly-line", None).unwrap();
    let mut batch = factory.batch(1, 0, "log").unwrap();
    let header = "ct_norm_s1,ct_norm_s2,ct_norm_s3,ct_norm_s4,ct_norm_s5,ct_norm_s6,wip_norm,speed_norm,failure_prob,\
                  micro_stops_norm,operator_efficiency,action,reward,throughput_uph,episode,step";
    let mut text = format!("{header}\n");
    for episode in 0..EPISODES {
        batch.reset_lane(0, Some(Stream::new(5, "log", episode))).unwrap();
        let mut random = Stream::new(5, "actions", episode);
        let mut actions = vec![5; lag];
        for step in 0..60 {
            let action = random.below(6);
            actions.push(action);
            batch.transition().observations.iter().for_each(|value| write!(text, "{value:.2},").unwrap());
            batch.step(Actions::of_choices(&[actions[step]])).unwrap();
            let (signals, over) = (&batch.transition().signals, batch.transition().outcomes[0].is_over());
            let mut reward = 1.2 * signals[0] - 4.0 * signals[1] - 1.5 * signals[2] - 10.0 * signals[3];
            reward -= if over { 200.0 } else { 0.0 };
            writeln!(text, "{action},{reward:.2},{:.2},{episode},{step}", signals[0]).unwrap();
            if over {
                break;
            }
        }
    }
    std::fs::write(path, text).unwrap();
}

#[test]
fn a_right_simulator_passes_a_wrong_one_fails_and_the_evidence_is_kept() {
    let root = tempfile::tempdir().unwrap();
    let (log, late) = (root.path().join("log.csv"), root.path().join("late.csv"));
    write_log(&log, 0);
    write_log(&late, 1);
    let project = project();
    // Runs of this repository's projects would be found next to them.
    let output = setpoint(root.path(), &["validate", path(&project), "--data", "log.csv", "--runs", "runs"]);
    let words = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(output.status.code(), Some(0), "{words}\n{}", stderr(&output));
    assert!(words.contains("The simulator is consistent with the log"), "{words}");
    assert!(words.contains("has no run to keep the evidence with"), "{words}");

    let arguments =
        ["validate", path(&project), "--data", "late.csv", "--seed", "3", "--output", "found.json", "--json"];
    let output = setpoint(root.path(), &arguments);
    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
    let document = json(&output);
    assert_eq!(
        (&document["command"], &document["validation"]["verdict"]),
        (&"validate".into(), &"inconsistent".into())
    );
    assert_eq!(document["validation"]["lags"]["best"], serde_json::json!([1, 0]));
    let stored: Value =
        serde_json::from_slice(&std::fs::read(root.path().join("found.json")).unwrap()).unwrap();
    assert_eq!(stored["sentence"], document["validation"]["sentence"]);
    assert_eq!(stored["format"], 2);
    let log_hash = blake3::hash(&std::fs::read(&late).unwrap()).to_hex().to_string();
    let expected = serde_json::json!([{ "name": "late.csv", "hash": log_hash }]);
    assert_eq!(stored["hashes"]["data"], expected);
    assert_eq!(stored["hashes"]["projects"][0]["name"], "line-interventions");
    assert_eq!(stored["hashes"]["policies"], serde_json::json!([]));

    // The wrong simulators that a project file can make.
    for (set, word) in [
        ("process.efficiency_gain=0", "operator_efficiency"),
        ("disturbance=[{ kind = \"actuation-delay\", steps = 1 }]", "1 step later in the simulator"),
    ] {
        let output = setpoint(root.path(), &["validate", path(&project), "--data", "log.csv", "--set", set]);
        let words = String::from_utf8_lossy(&output.stdout).into_owned();
        assert_eq!(output.status.code(), Some(1), "{set}: {words}{}", stderr(&output));
        assert!(words.contains(word), "{set}: {words}");
    }

    // With a run there is a place for the evidence, and the report shows it.
    let run = root.path().join("runs/line-interventions/20260101T000000Z-ppo-s0");
    let arguments = ["train", path(&project), "--steps", "4096", "--run-dir", path(&run), "--json"];
    assert_eq!(setpoint(root.path(), &arguments).status.code(), Some(0));
    let output = setpoint(root.path(), &["validate", path(&project), "--data", "log.csv", "--json"]);
    assert_eq!(
        json(&output)["evidence"],
        "runs/line-interventions/20260101T000000Z-ppo-s0/evidence/validation.json"
    );
    assert_eq!(setpoint(root.path(), &["report", path(&run)]).status.code(), Some(0));
    let page = std::fs::read_to_string(run.join("report.html")).unwrap();
    assert!(page.contains("Simulator against plant") && page.contains("is consistent with the log"));
}

#[test]
fn bad_input_is_refused_with_what_to_do() {
    let root = tempfile::tempdir().unwrap();
    write_log(&root.path().join("log.csv"), 0);
    assert_eq!(setpoint(root.path(), &["new", "line", "--process", "assembly-line"]).status.code(), Some(0));
    let broken = std::fs::read(root.path().join("log.csv")).unwrap();
    // One byte per character is read; of two encodings in a file, the second is damage.
    std::fs::write(root.path().join("damaged.csv"), [&broken[..], b"\xC3\xA4\n\xE4\n"].concat()).unwrap();
    let project = project();
    for (arguments, parts) in [
        (
            vec!["validate", "line", "--data", "log.csv"],
            vec!["no [data]", "ct_1 = \"ct_norm_s1\"", "episode = \"episode\""],
        ),
        (vec!["validate", path(&project)], vec!["--data LOG"]),
        (vec!["validate", path(&project), "--data", "gone.csv"], vec!["gone.csv", "cannot be read"]),
        (
            vec!["validate", path(&project), "--data", "damaged.csv"],
            vec!["damaged.csv, line ", "(byte ", "0xE4", "UTF-8"],
        ),
        (
            vec!["validate", path(&project), "--data", "log.csv", "--set", "data.features.wip=wip_nrom"],
            vec!["no column `wip_nrom`", "did you mean `wip_norm`?"],
        ),
    ] {
        let output = setpoint(root.path(), &arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {}", stderr(&output));
        for part in parts {
            assert!(stderr(&output).contains(part), "{arguments:?}: {part}: {}", stderr(&output));
        }
    }
}
