//! `setpoint tune`: the same trials on any number of cores, more trials after a stop, and a result on fresh seeds.

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

const PROJECT: &str = "
[process]
kind = \"assembly-line\"
[reward]
throughput_uph = 1.2
micro_stops = -4.0
wip = -1.5
[train]
total_steps = 9216
[train.ppo]
n_envs = 4
n_steps = 64
learning_rate = 1e-6
normalize_observation = true
normalize_reward = true
[evaluate]
episodes = 20
[tune.ranges]
learning_rate = { low = 1e-4, high = 5e-3, log = true }
n_epochs = [3, 10]
";

fn tune(folder: &Path, run: &str, more: &[&str]) -> Output {
    let project = folder.join("setpoint.toml");
    let run = folder.join(run);
    let arguments = ["tune", project.to_str().unwrap(), "--run-dir", run.to_str().unwrap(), "--json"];
    Command::new(env!("CARGO_BIN_EXE_setpoint")).args(arguments).args(more).output().unwrap()
}

fn json(output: &Output) -> Value {
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn a_search_is_the_same_on_any_cores_goes_on_and_is_proved_apart() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("setpoint.toml"), PROJECT).unwrap();
    let six = ["--trials", "6", "--seeds", "2"];
    let one = json(&tune(folder.path(), "one", &[&six[..], &["--threads", "1"]].concat()));
    let two = json(&tune(folder.path(), "two", &[&six[..], &["--threads", "2"]].concat()));
    assert_eq!(one["trials"], two["trials"]);
    assert_eq!(one["proof"], two["proof"]);

    let trials = one["trials"].as_array().unwrap();
    assert_eq!(trials.len(), 6);
    assert!(
        trials[0]["settings"].as_array().unwrap().is_empty(),
        "the first trial uses the project's own options"
    );
    let rungs: Vec<usize> = trials.iter().map(|trial| trial["scores"].as_array().unwrap().len()).collect();
    assert!(
        rungs.iter().all(|reached| (1..=3).contains(reached)) && rungs.contains(&1) && rungs.contains(&3),
        "{rungs:?}"
    );
    // A step size that learns nothing is not kept, and the best options are better on seeds that no trial had.
    assert_ne!(one["best"]["index"], 0);
    let proof = &one["proof"];
    assert_eq!(proof["own"].as_array().unwrap().len(), 2);
    assert!(proof["difference"].as_f64().unwrap() > 0.0, "{proof}");
    let page = std::fs::read_to_string(folder.path().join("one/tune.html")).unwrap();
    for expected in
        ["Better:", "Importance of the options", "learning_rate", "<polyline class=\"best\"", "[train.ppo]"]
    {
        assert!(page.contains(expected), "the page lacks {expected}");
    }

    let more = json(&tune(folder.path(), "one", &["--trials", "9", "--seeds", "2", "--resume"]));
    let grown = more["trials"].as_array().unwrap();
    assert_eq!(grown.len(), 9);
    let settings =
        |trials: &[Value]| trials.iter().map(|trial| trial["settings"].clone()).collect::<Vec<_>>();
    assert_eq!(settings(&grown[..6]), settings(trials), "no trial is suggested twice");
}

#[test]
fn wrong_ranges_and_other_projects_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("setpoint.toml");
    let refused = |run: &str, text: &str, more: &[&str], expected: &str| {
        std::fs::write(&file, text).unwrap();
        let output = tune(folder.path(), run, more);
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.code() == Some(2) && error.contains(expected), "{error}");
    };
    for (number, (from, to, expected)) in [
        ("low = 1e-4", "low = 1.0", "low must lie below high"),
        ("low = 1e-4", "low = 0.0", "a logarithm needs positive numbers"),
        ("n_epochs = [3, 10]", "n_epochs = [3]", "a list of two values or more"),
        ("n_epochs = [3, 10]", "n_epoch = [3, 10]", "did you mean `n_epochs`?"),
        ("n_epochs = [3, 10]", "n_epochs = [0, -1]", "`n_epochs`"),
    ]
    .into_iter()
    .enumerate()
    {
        refused(&format!("run-{number}"), &PROJECT.replace(from, to), &[], expected);
    }
    std::fs::write(&file, PROJECT).unwrap();
    json(&tune(folder.path(), "run", &["--trials", "2", "--seeds", "2"]));
    refused("run", PROJECT, &[], "holds a search for options");
    refused(
        "run",
        &PROJECT.replace("wip = -1.5", "wip = -2.5"),
        &["--resume"],
        "belongs to a different project",
    );
}
