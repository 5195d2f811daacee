//! A run owns its folder: nothing of anybody else is read as its own, replaced or deleted.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;

use binary::{done, json, projects, refused, setpoint, setpoint_in, stderr, text};

mod binary;

const SMALL: [&str; 7] = ["--steps", "6000", "--plain", "--threads", "1", "--set", "evaluate.episodes=20"];

fn train(root: &Path, project: &Path, extra: &[&str]) -> Output {
    setpoint_in(root, &[&["train", text(project)], &SMALL[..], extra].concat())
}

/// Ended, whether a gate was passed or not.
fn ran(output: &Output) {
    assert!(matches!(output.status.code(), Some(0 | 1)), "{}", stderr(output));
}

/// Every file below a folder, with its content; the lock file says who asked last.
fn content(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        if entry.is_dir() {
            found.extend(content(&entry));
        } else if !entry.ends_with("run.lock") {
            found.insert(entry.clone(), fs::read(&entry).unwrap());
        }
    }
    found
}

/// A small project of its own in a folder.
fn project(root: &Path, name: &str, decision: &str, weight: &str) -> PathBuf {
    let folder = root.join(name);
    fs::create_dir_all(&folder).unwrap();
    let text = fs::read_to_string(projects().join("cart-pole/setpoint.toml")).unwrap();
    let text = text
        .lines()
        .map(|line| {
            let key = line.split('=').next().unwrap_or_default().trim();
            match key {
                "name" if line.starts_with("name") => format!("name = \"{decision}\""),
                "upright" => format!("upright = {weight}"),
                _ => line.to_owned(),
            }
        })
        .collect::<Vec<_>>()
        .join("\n");
    fs::write(folder.join("setpoint.toml"), text).unwrap();
    folder
}

#[test]
fn a_used_folder_is_refused_and_left_as_it_is() {
    let root = tempfile::tempdir().unwrap();
    let project = project(root.path(), "balance", "balance", "1.0");
    done(&train(root.path(), &project, &["--run-dir", "r", "--seed", "4"]));
    let before = content(&root.path().join("r"));
    refused(
        &train(root.path(), &project, &["--run-dir", "r", "--seed", "5"]),
        &["holds one training", "--force"],
    );
    refused(&train(root.path(), &project, &["--run-dir", "r", "--seeds", "2"]), &["holds one training"]);
    refused(&setpoint_in(root.path(), &["tune", text(&project), "--run-dir", "r"]), &["holds one training"]);
    let compare = ["compare", text(&project), "--algorithms", "ppo,q-learning", "--run-dir", "r"];
    refused(&setpoint_in(root.path(), &compare), &["holds one training"]);
    // A resume of another kind.
    refused(
        &train(root.path(), &project, &["--run-dir", "r", "--seeds", "2", "--resume"]),
        &["holds one training"],
    );
    let tune = ["tune", text(&project), "--run-dir", "r", "--resume"];
    refused(&setpoint_in(root.path(), &tune), &["holds one training", "setpoint train"]);
    assert!(content(&root.path().join("r")) == before);

    // With --force it is named, deleted and made again; what others put there stays, in the run's own folders too.
    let foreign =
        ["notes.txt", "evidence/notes.json", "checkpoints/best.checkpoint", "tensorboard/other", "seed-9/x"];
    for file in foreign {
        let path = root.path().join("r").join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, "mine").unwrap();
    }
    let again = train(root.path(), &project, &["--run-dir", "r", "--seed", "5", "--force"]);
    done(&again);
    assert!(String::from_utf8_lossy(&again.stdout).contains("deleting one training in r"));
    done(&train(root.path(), &project, &["--run-dir", "fresh", "--seed", "5"]));
    let policy = |run: &str| fs::read(root.path().join(run).join("policy.safetensors")).unwrap();
    assert!(policy("r") == policy("fresh"));
    for file in foreign {
        assert_eq!(fs::read_to_string(root.path().join("r").join(file)).unwrap(), "mine", "{file}");
    }
}

#[test]
fn folders_of_others_are_never_used() {
    let root = tempfile::tempdir().unwrap();
    let project = project(root.path(), "balance", "balance", "1.0");
    fs::create_dir_all(project.join("tensorboard")).unwrap();
    fs::write(project.join("tensorboard/curve"), "years of work").unwrap();
    let before = content(&project);
    for extra in
        [&["--run-dir", "."][..], &["--run-dir", ".", "--force"], &["--run-dir", ".", "--seeds", "2"]]
    {
        refused(&train(&project, Path::new("."), extra), &["is not empty", "no run of this Setpoint"]);
    }
    refused(&train(&project, Path::new("."), &["--run-dir", ".", "--resume"]), &["holds no run to resume"]);
    assert!(content(&project) == before && !project.join("run.lock").exists());
}

#[test]
fn a_resume_needs_a_run() {
    let root = tempfile::tempdir().unwrap();
    let project = project(root.path(), "balance", "balance", "1.0");
    refused(
        &train(root.path(), &project, &["--run-dir", "mispelt", "--resume"]),
        &["holds no run to resume"],
    );
    refused(&train(root.path(), &project, &["--resume"]), &["has no run under runs to resume"]);
    assert!(!root.path().join("mispelt").exists() && !root.path().join("runs").exists());
}

/// A checkpoint, a replay segment or a summary of another run, copied into this one.
#[test]
fn files_of_another_run_are_not_read_as_its_own() {
    let root = tempfile::tempdir().unwrap();
    let project = project(root.path(), "balance", "balance", "1.0");
    let short = [
        "--set",
        "train.checkpoint_every_updates=1",
        "--set",
        "train.algorithm=\"dqn\"",
        "--set",
        "train.dqn.learning_starts=500",
    ];
    let in_folder = |run: &str, more: &[&str]| {
        train(root.path(), &project, &[&["--run-dir", run][..], &short, more].concat())
    };
    done(&in_folder("one", &["--seed", "1"]));
    done(&in_folder("two", &["--seed", "2"]));
    let (one, two) = (root.path().join("one"), root.path().join("two"));
    for folder in ["checkpoints", "replay"] {
        let whole = content(&two);
        let newest =
            fs::read_dir(one.join(folder)).unwrap().map(|entry| entry.unwrap().path()).max().unwrap();
        fs::copy(&newest, two.join(folder).join(newest.file_name().unwrap())).unwrap();
        fs::remove_file(two.join("summary.json")).unwrap();
        let mixed = content(&two);
        refused(&in_folder("two", &["--seed", "2", "--resume"]), &["belongs to run", "move it away"]);
        assert!(content(&two) == mixed, "a refusal changes nothing");
        whole.iter().for_each(|(path, bytes)| fs::write(path, bytes).unwrap());
    }
    done(&in_folder("two", &["--seed", "2", "--resume"]));
}

#[test]
fn logs_that_lost_lines_are_named_and_a_refusal_changes_nothing() {
    let root = tempfile::tempdir().unwrap();
    let project = project(root.path(), "balance", "balance", "1.0");
    let arguments = ["--run-dir", "r", "--set", "train.checkpoint_every_updates=1"];
    done(&train(root.path(), &project, &arguments));
    let run = root.path().join("r");
    let policy = fs::read(run.join("policy.safetensors")).unwrap();
    fs::remove_file(run.join("summary.json")).unwrap();
    for file in ["metrics.jsonl", "episodes.csv"] {
        let whole = fs::read(run.join(file)).unwrap();
        let half = whole[..whole.len() / 2].to_vec();
        for damaged in [None, Some(half), Some([&b"#"[..], &whole[1..]].concat())] {
            match &damaged {
                None => fs::remove_file(run.join(file)).unwrap(),
                Some(bytes) => fs::write(run.join(file), bytes).unwrap(),
            }
            let before = content(&run);
            let resume = [&arguments[..], &["--resume"]].concat();
            refused(&train(root.path(), &project, &resume), &[file, "Nothing was changed", "--force"]);
            assert!(content(&run) == before);
        }
        fs::write(run.join(file), whole).unwrap();
    }
    // On request it goes on with the lines that are there, and no byte is made up.
    fs::remove_file(run.join("metrics.jsonl")).unwrap();
    done(&train(root.path(), &project, &[&arguments[..], &["--resume", "--force"]].concat()));
    assert!(fs::read(run.join("policy.safetensors")).unwrap() == policy);
    assert!(!fs::read(run.join("metrics.jsonl")).unwrap().contains(&0));
}

#[test]
fn a_project_takes_its_own_newest_run_and_not_that_of_a_namesake() {
    let root = tempfile::tempdir().unwrap();
    let first = project(root.path(), "first", "balance", "1.0");
    let second = project(root.path(), "second", "balance", "3.0");
    done(&train(root.path(), &first, &["--seed", "8"]));
    done(&train(root.path(), &second, &["--seed", "9"]));
    let of = |project: &Path| {
        let output = setpoint_in(root.path(), &["eval", text(project), "--episodes", "5", "--json"]);
        ran(&output);
        json(&output)["run"].as_str().unwrap().to_owned()
    };
    assert!(of(&first).ends_with("-s8") && of(&second).ends_with("-s9"));
    let third = project(root.path(), "third", "balance", "1.0");
    refused(&setpoint_in(root.path(), &["eval", text(&third)]), &["has no run", "belongs to the project in"]);
}

/// A copy of a checkpoint under another name is the user's: no resume takes it for the newest, and none deletes it.
#[test]
fn a_copy_of_a_checkpoint_is_not_resumed_and_not_deleted() {
    let root = tempfile::tempdir().unwrap();
    let project = project(root.path(), "balance", "balance", "1.0");
    let arguments = ["--run-dir", "r", "--set", "train.checkpoint_every_updates=1"];
    done(&train(root.path(), &project, &arguments));
    let run = root.path().join("r");
    let policy = fs::read(run.join("policy.safetensors")).unwrap();
    let checkpoints = || {
        let mut all: Vec<PathBuf> =
            fs::read_dir(run.join("checkpoints")).unwrap().map(|entry| entry.unwrap().path()).collect();
        all.sort();
        all
    };
    let oldest = checkpoints().remove(0);
    let copy = run.join("checkpoints/before-the-change.checkpoint");
    fs::copy(&oldest, &copy).unwrap();
    fs::remove_file(run.join("summary.json")).unwrap();
    let before = checkpoints();
    done(&train(root.path(), &project, &[&arguments[..], &["--resume"]].concat()));
    assert!(fs::read(run.join("policy.safetensors")).unwrap() == policy);
    assert_eq!(checkpoints(), before);
}

/// A search or a comparison that came later does not stand in the way of a training's resume.
#[test]
fn a_resume_takes_the_newest_run_of_its_kind() {
    let root = tempfile::tempdir().unwrap();
    let project = project(root.path(), "balance", "balance", "1.0");
    done(&train(root.path(), &project, &["--seed", "3"]));
    let compare =
        ["compare", text(&project), "--algorithms", "ppo,q-learning", "--seeds", "1", "--share", "0.01"];
    done(&setpoint_in(root.path(), &[&compare[..], &["--set", "evaluate.episodes=2"]].concat()));
    done(&train(root.path(), &project, &["--seed", "3", "--resume"]));
}

/// Names begin with the time. A clock that went back must not make an old run the newest.
#[test]
fn the_newest_run_is_the_last_one_whatever_the_clock_says() {
    let root = tempfile::tempdir().unwrap();
    let project = project(root.path(), "balance", "balance", "1.0");
    done(&train(root.path(), &project, &["--seed", "1"]));
    let runs = root.path().join("runs/balance");
    let ahead = fs::read_dir(&runs).unwrap().next().unwrap().unwrap().path();
    fs::rename(&ahead, runs.join("29991231T235959Z-ppo-s1")).unwrap();
    done(&train(root.path(), &project, &["--seed", "2"]));
    let output = setpoint_in(root.path(), &["eval", text(&project), "--episodes", "5", "--json"]);
    assert!(json(&output)["run"].as_str().unwrap().ends_with("-s2"));
}

#[test]
fn a_resume_after_several_seeds_names_the_run() {
    let root = tempfile::tempdir().unwrap();
    let project = project(root.path(), "balance", "balance", "1.0");
    done(&train(root.path(), &project, &["--seeds", "2"]));
    refused(&train(root.path(), &project, &["--resume"]), &["training over several seeds", "--run-dir"]);
}

#[test]
fn what_the_project_file_says_today_is_told_and_other_constraints_are_refused() {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("line");
    fs::create_dir(&folder).unwrap();
    let text_of = fs::read_to_string(projects().join("assembly-line/setpoint.toml")).unwrap();
    let write = |text: &str| fs::write(folder.join("setpoint.toml"), text).unwrap();
    write(&text_of);
    done(&train(root.path(), &folder, &[]));
    let eval = |extra: &[&str]| {
        setpoint_in(root.path(), &[&["eval", text(&folder), "--episodes", "5"], extra].concat())
    };
    ran(&eval(&[]));
    write(&text_of.replace("above = 0.18", "above = 0.02"));
    refused(&eval(&[]), &["states other constraints today", "above is", "0.02", "--as-trained"]);
    refused(&setpoint_in(root.path(), &["recommend", text(&folder)]), &["states other constraints today"]);
    // What else differs is told with it.
    write(
        &text_of
            .replace("above = 0.18", "above = 0.02")
            .replace("throughput_uph = 1.2", "throughput_uph = 7.5"),
    );
    refused(&eval(&[]), &["above is", " Also, ", "reward.throughput_uph is 1.2 in the run and 7.5"]);
    write(&text_of.replace("above = 0.18", "above = 0.02"));
    let accepted = eval(&["--as-trained", "--json"]);
    ran(&accepted);
    assert_eq!(json(&accepted)["source"]["differs"][0]["today"], "0.02");
    // A project file that cannot be read cannot be compared: that is refused too, unless the user accepts it.
    write("[process");
    let run =
        fs::read_dir(root.path().join("runs/line-interventions")).unwrap().next().unwrap().unwrap().path();
    let named = |extra: &[&str]| {
        setpoint_in(root.path(), &[&["eval", text(&run), "--episodes", "5"], extra].concat())
    };
    refused(&named(&[]), &["setpoint.toml", "--as-trained"]);
    ran(&named(&["--as-trained"]));
    // Another weight is told, and the run's own is used.
    write(&text_of.replace("throughput_uph = 1.2", "throughput_uph = 7.5"));
    let told = eval(&[]);
    ran(&told);
    let shown = String::from_utf8_lossy(&told.stdout).into_owned();
    assert!(
        shown.contains("throughput_uph is") && shown.contains("7.5 in the project file today"),
        "{shown}"
    );
}

#[test]
fn a_report_quotes_no_evidence_of_another_policy() {
    let root = tempfile::tempdir().unwrap();
    let project = project(root.path(), "balance", "balance", "1.0");
    for (run, seed) in [("good", "1"), ("other", "2")] {
        done(&train(root.path(), &project, &["--run-dir", run, "--seed", seed]));
        ran(&setpoint_in(root.path(), &["eval", run, "--episodes", "10"]));
    }
    let page = || fs::read_to_string(root.path().join("other/report.html")).unwrap();
    ran(&setpoint_in(root.path(), &["report", "other"]));
    assert!(page().contains("Before and after") && !page().contains("measured on another policy"));
    let evidence = |run: &str| root.path().join(run).join("evidence/evaluation.json");
    fs::copy(evidence("good"), evidence("other")).unwrap();
    ran(&setpoint_in(root.path(), &["report", "other"]));
    assert!(page().contains("measured on another policy") && !page().contains("Before and after"));
}

#[test]
fn a_project_and_its_runs_may_be_moved_together() {
    let root = tempfile::tempdir().unwrap();
    let here = root.path().join("here");
    let folder = here.join("shop");
    fs::create_dir_all(&folder).unwrap();
    // Three jobs of three machines.
    fs::write(folder.join("small.txt"), "3 3\n0 4 1 2 2 5\n1 3 0 6 2 1\n2 2 1 4 0 3\n").unwrap();
    let whole = fs::read_to_string(projects().join("job-shop-ft06/setpoint.toml")).unwrap();
    let line = whole.lines().find(|line| line.starts_with("instance")).unwrap().to_owned();
    fs::write(folder.join("setpoint.toml"), whole.replace(&line, "instance = \"small.txt\"")).unwrap();
    done(&train(&here, Path::new("shop"), &["--set", "train.checkpoint_every_updates=1"]));
    let there = root.path().join("there");
    fs::rename(&here, &there).unwrap();
    for command in ["eval", "report", "recommend"] {
        ran(&setpoint_in(&there, &[command, "shop"]));
    }
    // A resume finds its instance too.
    let runs = fs::read_dir(there.join("runs")).unwrap().next().unwrap().unwrap().path();
    let run = fs::read_dir(runs).unwrap().next().unwrap().unwrap().path();
    fs::remove_file(run.join("summary.json")).unwrap();
    done(&train(&there, Path::new("shop"), &["--set", "train.checkpoint_every_updates=1", "--resume"]));
}

#[test]
fn validate_replaces_only_evidence() {
    let root = tempfile::tempdir().unwrap();
    let log = root.path().join("line.csv");
    fs::write(&log, "a,b\n1,2\n").unwrap();
    let project = projects().join("assembly-line");
    for output in [&log, &root.path().to_path_buf(), &project.join("setpoint.toml")] {
        let arguments = ["validate", text(&project), "--data", text(&log), "--output", text(output)];
        refused(&setpoint(&arguments), &["is no evidence of Setpoint"]);
    }
    assert_eq!(fs::read_to_string(&log).unwrap(), "a,b\n1,2\n");
}
