//! A program as the process of a project: from `new` to the evaluation, and `conformance` for its author. No Python is needed.

#![cfg(unix)]

use std::path::Path;

mod binary;
#[path = "../../processes/tests/simulator/mod.rs"]
mod simulator;

use serde_json::Value;

use binary::{done_in, json, setpoint_in, stderr};

/// A folder with the simulator in the project's folder.
fn with_simulator() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("line")).unwrap();
    std::fs::copy(simulator::simulator(), folder.path().join("line/tank")).unwrap();
    folder
}

fn write(folder: &Path, arguments: &str) {
    let text = format!(
        "[decision]\nname = \"line\"\n[process]\nkind = \"program\"\ncommand = [\"./tank\"{arguments}]\nworkers = 2\n\
         [reward]\ngood = 1.0\n[train]\nalgorithm = \"ppo\"\ntotal_steps = 1024\n[train.ppo]\nn_envs = 4\nn_steps = 64\n\
         [evaluate]\nepisodes = 10\nbaselines = [\"random\"]\n"
    );
    std::fs::write(folder.join("line/setpoint.toml"), text).unwrap();
}

#[test]
fn a_program_is_trained_and_evaluated_and_every_form_of_requests_gives_the_same_policy() {
    let folder = with_simulator();
    let mut policies = Vec::new();
    for (index, arguments) in ["", ", \"batch\"", ", \"binary\""].into_iter().enumerate() {
        write(folder.path(), arguments);
        let run = format!("run{index}");
        done_in(folder.path(), &["train", "line", "--plain", "--run-dir", &run]);
        policies.push(std::fs::read(folder.path().join(&run).join("policy.safetensors")).unwrap());
        let evaluated = setpoint_in(folder.path(), &["eval", &run, "--json"]);
        let document = json(&evaluated);
        assert_eq!(document["evaluation"]["process"], "program", "{}{document}", stderr(&evaluated));
        done_in(folder.path(), &["report", &run]);
    }
    assert!(policies.iter().all(|policy| *policy == policies[0]));
}

#[test]
fn new_writes_a_project_that_check_accepts() {
    let folder = with_simulator();
    done_in(folder.path(), &["new", "line", "--process", "program", "--command", "./tank binary saves"]);
    let text = std::fs::read_to_string(folder.path().join("line/setpoint.toml")).unwrap();
    assert!(
        text.contains("command = [\"./tank\", \"binary\", \"saves\"]") && text.contains("good = 1.0"),
        "{text}"
    );
    // Only the five questions have no answers yet.
    let checked = json(&setpoint_in(folder.path(), &["check", "line", "--steps", "100", "--json"]));
    let findings = checked["findings"].as_array().unwrap();
    let failed: Vec<&Value> = findings.iter().filter(|finding| finding["passed"] == false).collect();
    let is_question = |finding: &&Value| finding["message"].as_str().unwrap().starts_with("not answered");
    assert!(failed.len() == 5 && failed.iter().all(is_question), "{failed:?}");
    assert_eq!(checked["spec"]["max_steps"], 50);
    let refused = setpoint_in(folder.path(), &["new", "other", "--process", "program"]);
    assert_eq!(refused.status.code(), Some(2));
    assert!(stderr(&refused).contains("name it with --command"), "{}", stderr(&refused));
    let refused = setpoint_in(folder.path(), &["list", "processes", "program"]);
    assert!(stderr(&refused).contains("docs/program.md"), "{}", stderr(&refused));
}

#[test]
fn conformance_ends_with_1_where_a_rule_is_broken() {
    let folder = with_simulator();
    let line = folder.path().join("line");
    let text = done_in(&line, &["conformance", "--steps", "100", "./tank", "batch"]);
    assert!(text.contains("✓ same seed:") && text.contains("all checks passed"), "{text}");
    let broken = setpoint_in(folder.path(), &["conformance", "--json", "--folder", "line", "./tank", "nan"]);
    let document = json(&broken);
    assert_eq!((broken.status.code(), &document["status"]), (Some(1), &1.into()));
    let failed =
        document["findings"].as_array().unwrap().iter().find(|finding| finding["passed"] == false).unwrap();
    assert_eq!(failed["subject"], "step");
    assert!(failed["message"].as_str().unwrap().contains("feature `level` was not a number"), "{failed}");
}
