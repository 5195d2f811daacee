//! From the log of a plant to a policy, without a simulator: declared spaces, drafted projects, offline learning, a learned
//! process.

use std::path::Path;

use binary::{done, done_in, json, refused_in, setpoint_in, stderr};
use bottling_line::{ROWS, historian_log, project};

mod binary;
mod bottling_line;

/// A folder with the log, and with a project of its declared spaces.
fn line(folder: &Path, rows: usize, text: &str) {
    std::fs::write(folder.join("line.csv"), historian_log(rows)).unwrap();
    std::fs::write(folder.join("setpoint.toml"), text).unwrap();
}

const OFFLINE: &str =
    "[train]\nalgorithm = \"iql\"\ntotal_steps = 200_000\n[train.iql]\nnet_arch = [32, 32]\n";

#[test]
fn a_plant_is_checked_audited_learned_estimated_and_asked() {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path();
    line(folder, 6_000, &project("plant", OFFLINE));
    let checked = done_in(folder, &["check", "."]);
    assert!(checked.contains("5 features, 4 choices, 2 signals"), "{checked}");
    assert!(checked.contains("a plant by its log: nothing is simulated"), "{checked}");

    let audited = done_in(folder, &["validate", "."]);
    assert!(audited.contains("decimal commas") && audited.contains("this is the audit alone"), "{audited}");
    assert!(audited.contains("not used: Bottles total, Plant"), "{audited}");

    let trained = setpoint_in(folder, &["train", ".", "--json"]);
    done(&trained);
    let run = json(&trained)["run"].as_str().unwrap().to_owned();

    let estimated = setpoint_in(
        folder,
        &["ope", ".", "--data", "line.csv", "--policy", "heuristic", "--softened", "0.3", "--json"],
    );
    let document = json(&estimated);
    assert_eq!(document["policy"], "heuristic, softened by 0.3", "{}", stderr(&estimated));
    assert!(document["report"]["rows"].as_u64().unwrap() > 3_000, "{document}");
    // The rule cleans at once where the operators wait: over a whole hour the log says too little about it, and the command says so.
    assert_eq!(estimated.status.code(), Some(1));
    assert!(
        document["report"]["refusal"].as_str().unwrap().contains("the overlap is too small"),
        "{document}"
    );
    let estimated = setpoint_in(folder, &["ope", ".", "--data", "line.csv", "--json"]);
    assert!(matches!(estimated.status.code(), Some(0 | 1)), "{}", stderr(&estimated));

    // A state in natural units.
    let asked = setpoint_in(
        folder,
        &["recommend", ".", "--set", "pressure=3.9bar", "--set", "speed=290 1/min", "--json"],
    );
    done(&asked);
    let answers = &json(&asked)["recommendations"];
    assert!(answers.to_string().contains("slow_down"), "{answers}");

    // A policy is judged in a process that steps; a plant has none.
    refused_in(folder, &["eval", &run], &["no simulator", "setpoint ope"]);
    refused_in(
        folder,
        &["train", ".", "--set", "train.algorithm=ppo"],
        &["ppo learns by trying decisions", "algorithm = \"iql\"", "kind = \"learned\""],
    );
    refused_in(
        folder,
        &["train", ".", "--set", "train.iql.source=heuristic"],
        &["a baseline cannot be recorded in a plant"],
    );
}

#[test]
fn a_process_is_learned_from_declared_spaces_and_a_policy_in_it() {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path();
    let online = "[train]\nalgorithm = \"ppo\"\ntotal_steps = 8_192\n";
    line(folder, 4_000, &project("learned", online));
    let checked = done_in(folder, &["check", "."]);
    assert!(checked.contains("R²") && checked.contains("3 signals"), "{checked}");
    done_in(folder, &["train", "."]);
    let evaluated = setpoint_in(folder, &["eval", ".", "--json"]);
    let document = json(&evaluated);
    let baselines = document["evaluation"]["baselines"].to_string();
    assert!(baselines.contains("heuristic"), "{baselines}");
    done_in(folder, &["recommend", ".", "--set", "pressure=3.0"]);
    // The resolved project of the run has the spaces, and the same learned process.
    let found = std::fs::read_to_string(newest_run(folder).join("setpoint.toml")).unwrap();
    assert!(found.contains("[[feature]]") && found.contains("[[rule]]"), "{found}");
    // Other spaces are another process.
    refused_in(
        folder,
        &["check", ".", "--set", "process.like=assembly-line"],
        &["the project declares its spaces"],
    );
}

fn newest_run(folder: &Path) -> std::path::PathBuf {
    let mut runs: Vec<_> =
        std::fs::read_dir(folder.join("runs/bottling")).unwrap().map(|entry| entry.unwrap().path()).collect();
    runs.sort();
    runs.pop().unwrap()
}

#[test]
fn an_audit_needs_no_project() {
    let root = tempfile::tempdir().unwrap();
    std::fs::write(root.path().join("line.csv"), historian_log(ROWS)).unwrap();
    let output = setpoint_in(root.path(), &["audit", "line.csv", "--json"]);
    done(&output);
    let document = json(&output);
    let part = |column: &str| {
        let columns = document["columns"].as_array().unwrap();
        let found =
            columns.iter().find(|found| found["column"] == column).unwrap_or_else(|| panic!("{columns:?}"));
        found["part"].as_str().unwrap().to_owned()
    };
    for (column, expected) in [
        ("Timestamp", "time"),
        ("Filler pressure [bar]", "feature"),
        ("Line speed [1/min]", "feature"),
        ("Product temperature", "feature"),
        ("Rejects [1/min]", "outcome"),
        ("Good bottles [1/min]", "outcome"),
        ("Intervention", "choice"),
        ("Quality", "quality"),
        ("Bottles total", "not used"),
        ("Plant", "not used"),
    ] {
        assert_eq!(part(column), expected, "{column}");
    }
    assert!(document["audit"]["rows"].as_u64().unwrap() > 19_000, "{}", document["audit"]);
    // A stated column is believed.
    let output = setpoint_in(root.path(), &["audit", "line.csv", "--ignore", "Rejects [1/min]", "--json"]);
    let columns = json(&output)["columns"].to_string();
    assert!(
        columns.contains("{\"column\":\"Rejects [1/min]\",\"part\":\"not used\",\"reason\":\"as stated\"}"),
        "{columns}"
    );
    refused_in(
        root.path(),
        &["audit", "line.csv", "--action", "Valve"],
        &["no column `Valve`", "Intervention"],
    );
    refused_in(root.path(), &["audit", "other.csv"], &["other.csv"]);
}

#[test]
fn a_log_becomes_a_project_that_is_checked_and_trained() {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path();
    std::fs::write(folder.join("line.csv"), historian_log(ROWS)).unwrap();
    let words = done_in(folder, &["new", "line", "--data", "line.csv"]);
    assert!(words.contains("questions that only a person can answer"), "{words}");
    let text = std::fs::read_to_string(folder.join("line/setpoint.toml")).unwrap();
    for expected in [
        "file = \"../line.csv\"",
        "time = \"Timestamp\"    # its cells are time stamps",
        "every 60 s",
        "quality = \"Quality\"",
        "episode_rows = 200",
        "column = \"Filler pressure [bar]\"\nunit = \"bar\"    # from the heading",
        "unit = \"°C\"    # a guess: \"temperature\" from",
        "name = \"speed_up\"\ncolumn = \"Intervention\"\nvalue = \"Speed up\"",
        "rejects = -",
        "good_bottles = ",
        "# not used: \"Bottles total\": it only rises",
        "#  ! missing-values",
    ] {
        assert!(text.contains(expected), "{expected}\n{text}");
    }
    refused_in(folder, &["new", "line", "--data", "line.csv"], &["already exists"]);
    done_in(folder, &["check", "line"]);
    done_in(folder, &["train", "line", "--steps", "4096"]);
    done_in(folder, &["recommend", "line", "--set", "filler_pressure=3.2"]);

    // The same log as a plant: offline learning alone.
    done_in(folder, &["new", "offline", "--data", "line.csv", "--process", "plant"]);
    done_in(folder, &["check", "offline"]);
    done_in(folder, &["validate", "offline"]);
    done_in(folder, &["train", "offline", "--steps", "40000"]);
    refused_in(folder, &["new", "other", "--data", "line.csv", "--process", "filler"], &["learned or plant"]);
    refused_in(folder, &["new", "other", "--process", "filler", "--action", "x"], &["--data LOG"]);
}
