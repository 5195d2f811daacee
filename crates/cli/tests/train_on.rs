//! Training on: from the policy of another run or of a file, and with more steps after the end.

use std::path::Path;

use serde_json::Value;

use binary::{done_in as done, refused_in as refused};

mod binary;

const PROJECT: &str = "[process]\nkind = \"cart-pole\"\n[reward]\nupright = 1.0\n[train]\ntotal_steps = 2048\nseed = 4\n\
                       [train.ppo]\nn_envs = 4\nn_steps = 128\n[evaluate]\nepisodes = 10\nbaselines = [\"random\"]\n";

fn folder() -> tempfile::TempDir {
    let root = tempfile::tempdir().unwrap();
    std::fs::create_dir(root.path().join("cart")).unwrap();
    std::fs::write(root.path().join("cart/setpoint.toml"), PROJECT).unwrap();
    root
}

fn json(path: &Path) -> Value {
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// A training with another seed and another reward that begins with a policy.
fn begun<'a>(from: &'a str, run: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    let arguments = ["train", "cart", "--plain", "--seed", "9", "--from", from, "--run-dir", run];
    [&arguments[..], &["--set", "reward.on_terminated=-5.0"], more].concat()
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
        let output = done(root, &begun(from, name, &[]));
        assert!(output.contains(&sentence) && output.contains(critics), "{output}");
        for file in ["run.json", "summary.json"] {
            assert_eq!(json(&root.join(name).join(file))["from"]["policy"], hash.as_str(), "{name} {file}");
        }
        assert_eq!(json(&root.join(name).join("summary.json"))["steps"], 2048);
        done(root, &["verify", name]);
    }
    // The command that resumes it may name the same policy, and another one is refused.
    done(root, &begun("runs/cart/first", "of-run", &["--resume"]));
    refused(root, &begun("of-file", "of-run", &["--resume", "--steps", "4096"]), &["began with policy"]);
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
        refused(root, &all, &[expected]);
        assert!(!root.join("refused").exists());
    }
    let other = PROJECT.replace("cart-pole", "acrobot").replace("upright = 1.0", "time = -1.0");
    std::fs::write(root.join("other.toml"), other).unwrap();
    refused(
        root,
        &["train", "other.toml", "--from", "first", "--run-dir", "refused"],
        &["was trained for process with kind cart-pole"],
    );
    // Of several seeds the median is taken, and named.
    let output = done(root, &["train", "cart", "--plain", "--from", "seeds", "--run-dir", "median"]);
    assert!(output.contains("of 4, 5 in seeds: the median"), "{output}");
    refused(root, &["train", "cart", "--from", "nothing", "--run-dir", "refused"], &["nothing"]);
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
    refused(root, &["train", "run", "--plain", "--resume", "--steps", "1024"], &["total_steps = 5120"]);
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
    refused(
        root,
        &["train", "cart", "--run-dir", "b", "--set", "evaluate.keep=\"best\""],
        &["the training must evaluate its policies"],
    );
}
