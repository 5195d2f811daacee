//! Commands that read one training, after a training over several seeds; and runs that lie where another folder was the current
//! one.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use binary::{json, projects, setpoint_in, stderr, text};

mod binary;

/// A short training of the cart over three seeds, begun in `root`; its folder.
fn several(root: &Path) -> PathBuf {
    let project = root.join("cart");
    fs::create_dir(&project).unwrap();
    let file = fs::read_to_string(projects().join("cart-pole/setpoint.toml")).unwrap();
    fs::write(project.join("setpoint.toml"), file).unwrap();
    let train = ["train", "cart", "--seeds", "3", "--steps", "2048", "--plain", "--json"];
    let output = setpoint_in(root, &[&train[..], &["--set", "evaluate.episodes=20"]].concat());
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    root.join(json(&output)["run"].as_str().unwrap())
}

/// The seed in the middle by the return that the evidence states.
fn median(run: &Path) -> u64 {
    let text = fs::read_to_string(run.join("evidence/seeds.json")).unwrap();
    let evidence: Value = serde_json::from_str(&text).unwrap();
    let runs = evidence["runs"].as_array().expect("seeds").clone();
    let mut order: Vec<(f64, u64)> = runs
        .iter()
        .map(|run| {
            let found = run["evaluation"]["policy"]["episode_return"]["mean"].as_f64().unwrap();
            (found, run["seed"].as_u64().unwrap())
        })
        .collect();
    order.sort_by(|a, b| a.0.total_cmp(&b.0));
    order[1].1
}

#[test]
fn commands_take_the_median_seed_or_the_one_that_is_asked_for() {
    let root = tempfile::tempdir().unwrap();
    let run = several(root.path());
    let middle = median(&run);
    let commands: [&[&str]; 4] = [
        &["eval", "cart", "--episodes", "5"],
        &["recommend", "cart"],
        &["diagnose", "cart"],
        &["faults", "cart", "--noise", "0", "--delay", "0", "--dropout", "0", "--episodes", "2"],
    ];
    for command in commands {
        let output = setpoint_in(root.path(), &[command, &["--json"]].concat());
        assert!(matches!(output.status.code(), Some(0 | 1)), "{command:?}: {}", stderr(&output));
        let found = json(&output);
        assert_eq!(found["seed"], serde_json::json!({ "seed": middle, "is_median": true, "of": [0, 1, 2] }));
        assert!(found["run"].as_str().unwrap().ends_with(&format!("seed-{middle}")), "{command:?}");
        let said = stderr(&output);
        assert!(said.contains(&format!("seed {middle} of 0, 1, 2")) && said.contains("the median"), "{said}");
        let other = (middle + 1) % 3;
        let output = setpoint_in(root.path(), &[command, &["--json", "--seed", &other.to_string()]].concat());
        assert_eq!(json(&output)["seed"]["seed"], other, "{command:?}: {}", stderr(&output));
        let output = setpoint_in(root.path(), &[command, &["--seed", "9"]].concat());
        assert_eq!(output.status.code(), Some(2), "{command:?}");
        assert!(stderr(&output).contains("has no seed 9; it has 0, 1, 2"), "{}", stderr(&output));
    }
    // The report shows all seeds, and the median's policy.
    let output = setpoint_in(root.path(), &["report", "cart"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let page = fs::read_to_string(run.join("report.html")).unwrap();
    assert!(page.contains(&format!("seed {middle} (the median)")), "the page names the seed it shows");
}

/// The gate of several seeds is that of the median seed: its exit status, its words and its JSON.
#[test]
fn a_run_over_several_seeds_ends_as_the_gate_of_its_median_seed() {
    let root = tempfile::tempdir().unwrap();
    let project = root.path().join("cart");
    fs::create_dir(&project).unwrap();
    let file = fs::read_to_string(projects().join("cart-pole/setpoint.toml")).unwrap();
    fs::write(project.join("setpoint.toml"), file).unwrap();
    let run = |lift: Option<f64>| {
        let mut command = vec!["run", "cart", "--seeds", "3", "--steps", "1024", "--plain", "--json"];
        let lift = lift.map(|lift| format!("evaluate.required_lift={lift:?}"));
        let settings = ["episodes=20", "baselines=[\"random\"]", "allow_more_failures=true"];
        let settings = settings.map(|setting| format!("evaluate.{setting}"));
        command.extend(settings.iter().flat_map(|setting| ["--set", setting.as_str()]));
        command.extend(lift.iter().flat_map(|lift| ["--set", lift.as_str()]));
        let output = setpoint_in(root.path(), &command);
        (output.status.code(), json(&output), stderr(&output))
    };
    let (status, found, said) = run(None);
    assert_eq!(status, Some(0), "{said}");
    assert!(found["gate"].is_null() && !said.contains("the gate;"), "no requirement, no gate: {said}");
    let middle = median(&root.path().join(found["run"].as_str().unwrap()));
    assert_eq!(found["median_seed"], middle);
    // The proven lift of each seed: the lower end of its interval.
    let proven = |seed: u64| {
        let of = &found["seeds"]["runs"][seed as usize]["evaluation"]["comparisons"];
        let against = of.as_array().unwrap().iter().find(|of| of["baseline"] == "random").unwrap();
        against["headline"]["difference"]["interval"]["low"].as_f64().unwrap()
    };
    for (lift, passes) in [(proven(middle), true), (proven(middle) + 1e-6, false)] {
        let passed = (0..3).filter(|seed| proven(*seed) >= lift).count();
        let (status, found, said) = run(Some(lift));
        assert_eq!(status, Some(i32::from(!passes)), "{said}");
        assert_eq!((&found["gate"]["passed"], &found["median_seed"]), (&passes.into(), &middle.into()));
        let verdict = if passes { "passes" } else { "fails" };
        let words = format!("the median seed ({middle}) {verdict} the gate; {passed} of 3 seeds pass");
        assert!(said.contains(&words), "{said}");
    }
}

#[test]
fn without_evidence_over_all_seeds_none_is_the_median() {
    let root = tempfile::tempdir().unwrap();
    let run = several(root.path());
    fs::remove_file(run.join("evidence/seeds.json")).unwrap();
    let output = setpoint_in(root.path(), &["recommend", "cart"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("name one with --seed (0, 1, 2)"), "{}", stderr(&output));
    assert_eq!(setpoint_in(root.path(), &["recommend", "cart", "--seed", "2"]).status.code(), Some(0));
}

#[test]
fn a_run_that_was_stopped_before_its_last_seed_is_named_to_resume_it() {
    let root = tempfile::tempdir().unwrap();
    let run = several(root.path());
    let policy = run.join("seed-2/policy.safetensors");
    let whole = fs::read(&policy).unwrap();
    // What a stop after the second seed leaves: neither the project of the run nor the evidence over its seeds.
    for path in ["setpoint.toml", "evidence/seeds.json"] {
        fs::remove_file(run.join(path)).unwrap();
    }
    fs::remove_dir_all(run.join("seed-2")).unwrap();
    let output = setpoint_in(root.path(), &["train", text(&run), "--resume", "--seeds", "3", "--plain"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert_eq!(fs::read(&policy).unwrap(), whole);
}

#[test]
fn one_training_has_no_seed_to_choose() {
    let root = tempfile::tempdir().unwrap();
    several(root.path());
    let train = ["train", "cart", "--steps", "512", "--plain"];
    assert_eq!(setpoint_in(root.path(), &train).status.code(), Some(0));
    let output = setpoint_in(root.path(), &["recommend", "cart", "--seed", "0"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("is one training"), "{}", stderr(&output));
}

#[test]
fn runs_are_found_from_the_project_s_own_folder_and_from_elsewhere() {
    let root = tempfile::tempdir().unwrap();
    let run = several(root.path());
    let project = root.path().join("cart");
    let elsewhere = tempfile::tempdir().unwrap();
    for (folder, named) in [(project.as_path(), "."), (elsewhere.path(), text(&project))] {
        let output = setpoint_in(folder, &["recommend", named, "--json"]);
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        let found = PathBuf::from(json(&output)["run"].as_str().unwrap());
        assert_eq!(found.parent().unwrap().canonicalize().unwrap(), run.canonicalize().unwrap());
    }
    // A folder that is named is the only one.
    let output = setpoint_in(&project, &["recommend", "--runs", "runs"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("has no run under runs yet"), "{}", stderr(&output));
    // A run in the current folder comes before one beside the project.
    let train = ["train", ".", "--steps", "512", "--plain", "--json"];
    let own = json(&setpoint_in(&project, &train))["run"].as_str().unwrap().to_owned();
    let output = setpoint_in(&project, &["recommend", "--json"]);
    assert_eq!(json(&output)["run"].as_str().unwrap(), own);
}
