//! Training on: from the policy of another run or of a file, and with more steps after the end.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

const PROJECT: &str = "[process]\nkind = \"cart-pole\"\n[reward]\nupright = 1.0\n[train]\ntotal_steps = 2048\nseed = 4\n\
                       [train.ppo]\nn_envs = 4\nn_steps = 128\n[evaluate]\nepisodes = 10\nbaselines = [\"random\"]\n";

fn folder() -> tempfile::TempDir {
    let root = tempfile::tempdir().unwrap();
    std::fs::create_dir(root.path().join("cart")).unwrap();
    std::fs::write(root.path().join("cart/setpoint.toml"), PROJECT).unwrap();
    root
}

/// Status, standard output and standard error of a command in a folder.
fn setpoint(root: &Path, arguments: &[&str]) -> (i32, String, String) {
    let output =
        Command::new(env!("CARGO_BIN_EXE_setpoint")).args(arguments).current_dir(root).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

fn done(root: &Path, arguments: &[&str]) -> String {
    let (status, output, error) = setpoint(root, arguments);
    assert_eq!(status, 0, "{output}{error}");
    output
}

fn refused(root: &Path, arguments: &[&str]) -> String {
    let (status, output, error) = setpoint(root, arguments);
    assert_eq!(status, 2, "{output}{error}");
    error
}

fn json(path: &Path) -> Value {
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

#[test]
fn a_training_begins_with_a_run_a_project_or_a_policy_file() {
    let root = folder();
    let root = root.path();
    done(root, &["train", "cart", "--plain", "--run-dir", "runs/cart/first"]);
    let hash = json(&root.join("runs/cart/first/summary.json"))["policy"].as_str().unwrap().to_owned();
    let sentence = format!("begins with policy {}", &hash[..8]);
    for (from, critics, name) in [
        ("runs/cart/first", "with the critics of its newest checkpoint", "of-run"),
        ("cart", "with the critics of its newest checkpoint", "of-project"),
        ("runs/cart/first/policy.safetensors", "with critics of random weights", "of-file"),
    ] {
        let arguments = ["train", "cart", "--plain", "--seed", "9", "--from", from, "--run-dir", name];
        let output = done(root, &[&arguments[..], &["--set", "reward.on_terminated=-5.0"]].concat());
        assert!(output.contains(&sentence) && output.contains(critics), "{output}");
        for file in ["run.json", "summary.json"] {
            assert_eq!(json(&root.join(name).join(file))["from"]["policy"], hash.as_str(), "{name} {file}");
        }
        assert_eq!(json(&root.join(name).join("summary.json"))["steps"], 2048);
        done(root, &["verify", name]);
    }
    // The command that resumes it may name the same policy, and another one is refused.
    done(
        root,
        &[
            "train",
            "cart",
            "--plain",
            "--seed",
            "9",
            "--from",
            "runs/cart/first",
            "--run-dir",
            "of-run",
            "--resume",
            "--set",
            "reward.on_terminated=-5.0",
        ],
    );
    let error = refused(
        root,
        &[
            "train",
            "cart",
            "--plain",
            "--seed",
            "9",
            "--from",
            "of-file",
            "--run-dir",
            "of-run",
            "--resume",
            "--steps",
            "4096",
            "--set",
            "reward.on_terminated=-5.0",
        ],
    );
    assert!(error.contains("began with policy"), "{error}");
}

#[test]
fn seeds_begin_with_one_policy_and_what_does_not_fit_is_refused_before_a_folder_is_made() {
    let root = folder();
    let root = root.path();
    done(root, &["train", "cart", "--plain", "--run-dir", "first"]);
    done(root, &["train", "cart", "--plain", "--from", "first", "--seeds", "2", "--run-dir", "seeds"]);
    for seed in ["seeds/seed-4", "seeds/seed-5"] {
        let [from, first] = [seed, "first"].map(|run| json(&root.join(run).join("summary.json")));
        assert_eq!(from["from"]["policy"], first["policy"]);
    }
    for (arguments, expected) in [
        (&["--set", "train.ppo.net_arch=[8]"][..], "its hidden layers are [64, 64]"),
        (&["--set", "train.algorithm=dqn"], "dqn learns values of choices"),
    ] {
        let all =
            [&["train", "cart", "--plain", "--from", "first", "--run-dir", "refused"], arguments].concat();
        let error = refused(root, &all);
        assert!(error.contains(expected), "{error}");
        assert!(!root.join("refused").exists());
    }
    let other = PROJECT.replace("cart-pole", "acrobot").replace("upright = 1.0", "time = -1.0");
    std::fs::write(root.join("other.toml"), other).unwrap();
    let error = refused(root, &["train", "other.toml", "--from", "first", "--run-dir", "refused"]);
    assert!(error.contains("was trained for process with kind cart-pole"), "{error}");
    // Of several seeds the median is taken, and named.
    let output = done(root, &["train", "cart", "--plain", "--from", "seeds", "--run-dir", "median"]);
    assert!(output.contains("of 4, 5 in seeds: the median"), "{output}");
    let error = refused(root, &["train", "cart", "--from", "nothing", "--run-dir", "refused"]);
    assert!(error.contains("nothing"), "{error}");
}

#[test]
fn a_finished_run_goes_on_with_more_steps_named_as_the_project() {
    let root = folder();
    let root = root.path();
    done(root, &["train", "cart", "--plain", "--run-dir", "run"]);
    done(root, &["train", "cart", "--plain", "--run-dir", "whole", "--steps", "5120"]);
    let output = done(root, &["train", "run", "--plain", "--resume", "--steps", "5120"]);
    assert!(
        output.contains("was to take 2048 steps and now takes 5120; no option depends on that number"),
        "{output}"
    );
    let policy = |run: &str| std::fs::read(root.join(run).join("policy.safetensors")).unwrap();
    assert!(policy("run") == policy("whole"));
    done(root, &["verify", "run"]);
    // Without --steps the run is what it is now.
    done(root, &["train", "--plain", "--resume", "run"]);
    assert!(policy("run") == policy("whole"));
    let error = refused(root, &["train", "run", "--plain", "--resume", "--steps", "1024"]);
    assert!(error.contains("total_steps = 5120"), "{error}");
}

#[test]
fn the_best_policy_is_kept_and_the_report_says_so() {
    let root = folder();
    let root = root.path();
    let keys = ["--set", "evaluate.every_steps=700", "--set", "evaluate.keep=\"best\""];
    let output = done(root, &[&["train", "cart", "--plain", "--run-dir", "run"][..], &keys].concat());
    assert!(output.contains("kept the best of 3 evaluations during the training"), "{output}");
    let kept = &json(&root.join("run/summary.json"))["kept"];
    assert_eq!(kept["evaluations"], 3);
    done(root, &["eval", "run"]);
    done(root, &["report", "run"]);
    let page = std::fs::read_to_string(root.join("run/report.html")).unwrap();
    assert!(page.contains("The policy is the best of 3 evaluations during the training"));
    assert_eq!(page.matches("class=\"evaluation\"").count(), 3);
    done(root, &["verify", "run"]);
    let error = refused(root, &["train", "cart", "--run-dir", "b", "--set", "evaluate.keep=\"best\""]);
    assert!(error.contains("the training must evaluate its policies"), "{error}");
}
