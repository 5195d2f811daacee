//! Every evidence file names the hashes of its sources, and a reader refuses an unknown format.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use binary::{done_in as done, refused_in as refused, setpoint_in as setpoint, stderr};

mod binary;

fn project() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../projects/assembly-setup");
    path.to_str().unwrap().to_owned()
}

fn hash(path: &Path) -> String {
    blake3::hash(&std::fs::read(path).unwrap()).to_hex().to_string()
}

fn document(path: &Path) -> Value {
    let text = std::fs::read_to_string(path).unwrap();
    assert!(text.starts_with("{\n  \"format\": 2,\n  \"checksum\": \""), "{text}");
    serde_json::from_str(&text).unwrap()
}

const SMALL: [&str; 4] = ["--set", "train.total_steps=2048", "--set", "evaluate.episodes=20"];

#[test]
fn an_evaluation_names_the_hashes_of_its_policy_and_its_project() {
    let root = tempfile::tempdir().unwrap();
    let run = root.path().join("run");
    done(root.path(), &[&["run", &project(), "--run-dir", "run"][..], &SMALL].concat());
    let evidence = run.join("evidence/evaluation.json");
    let found = document(&evidence);
    let policy = json!([{ "name": "policy", "hash": hash(&run.join("policy.safetensors")) }]);
    assert_eq!(found["hashes"]["policies"], policy);
    assert_eq!(found["hashes"]["projects"][0]["hash"], Value::from(hash(&run.join("setpoint.toml"))));
    assert_eq!(found["hashes"]["data"], json!([]));

    // Other episodes are another project, of the same policy.
    done(root.path(), &["eval", "run", "--episodes", "30"]);
    let other = document(&evidence);
    assert_eq!(other["hashes"]["policies"], policy);
    assert_ne!(other["hashes"]["projects"], found["hashes"]["projects"]);

    done(
        root.path(),
        &["faults", "run", "--noise", "0", "--delay", "0", "--dropout", "0", "--episodes", "5"],
    );
    let faults = document(&run.join("evidence/faults.json"));
    assert_eq!(faults["hashes"]["policies"], json!([{ "name": "run", "hash": policy[0]["hash"] }]));

    // A file from before format 1 is shown; one of a later format is refused by name.
    let mut old = other.clone();
    old.as_object_mut().unwrap().retain(|key, _| key != "format" && key != "hashes");
    std::fs::write(&evidence, old.to_string()).unwrap();
    done(root.path(), &["report", "run"]);
    let mut newer = other;
    newer["format"] = 3.into();
    std::fs::write(&evidence, newer.to_string()).unwrap();
    refused(root.path(), &["report", "run"], &["evaluation.json", "format 3"]);
}

/// An instance in a file, on which the figures depend.
#[test]
fn an_evaluation_names_the_hashes_of_the_files_that_its_process_was_made_from() {
    let root = tempfile::tempdir().unwrap();
    std::fs::write(root.path().join("shop.txt"), "2 2\n0 3 1 2\n1 4 0 1\n").unwrap();
    let process = "kind = \"job-shop\"\ninstance = \"shop.txt\"";
    let text = format!("[process]\n{process}\n[reward]\nmakespan = -1.0\n[evaluate]\nbaselines = []\n");
    std::fs::write(root.path().join("setpoint.toml"), text).unwrap();
    done(root.path(), &[&["train", ".", "--run-dir", "run"][..], &SMALL].concat());
    done(root.path(), &["eval", "run"]);
    let data = || document(&root.path().join("run/evidence/evaluation.json"))["hashes"]["data"].clone();
    let named = || json!([{ "name": "shop.txt", "hash": hash(&root.path().join("shop.txt")) }]);
    assert_eq!(data(), named());
    let before = named();
    std::fs::write(root.path().join("shop.txt"), "2 2\n0 3 1 2\n1 4 0 1\n# checked\n").unwrap();
    done(root.path(), &["eval", "run"]);
    assert_ne!(named(), before);
    assert_eq!(data(), named());
}

#[test]
fn seeds_and_probes_name_the_hashes_of_their_policies_and_projects() {
    let root = tempfile::tempdir().unwrap();
    let run = root.path().join("run");
    done(root.path(), &[&["train", &project(), "--run-dir", "run", "--seeds", "2"][..], &SMALL].concat());
    let seeds = document(&run.join("evidence/seeds.json"));
    let named = |name: &str| {
        let file: PathBuf = run.join(name).join("policy.safetensors");
        json!({ "name": name, "hash": hash(&file) })
    };
    assert_eq!(seeds["hashes"]["policies"], json!([named("seed-0"), named("seed-1")]));
    assert_eq!(seeds["hashes"]["projects"][0]["hash"], Value::from(hash(&run.join("setpoint.toml"))));

    let probe = ["check", &project(), "--probe", "--probe-steps", "2048", "--runs", "runs"];
    setpoint(root.path(), &[&probe[..], &SMALL].concat());
    let folder = std::fs::read_dir(root.path().join("runs")).unwrap().next().unwrap().unwrap().path();
    let probes = document(&folder.join("probes.json"));
    assert_eq!(probes["hashes"]["policies"], json!([]));
    assert_eq!(probes["hashes"]["projects"][0]["hash"], seeds["hashes"]["projects"][0]["hash"]);
}

/// A version that reads the file exists; advice to write the policy again would lose it.
#[test]
fn a_policy_of_a_newer_format_is_refused_and_left_as_it_is() {
    let root = tempfile::tempdir().unwrap();
    let run = root.path().join("run");
    done(root.path(), &[&["train", &project(), "--run-dir", "run"][..], &SMALL].concat());
    let path = run.join("policy.safetensors");
    let mut bytes = std::fs::read(&path).unwrap();
    let format = b"\\\"format\\\":2";
    let place = bytes.windows(format.len()).position(|window| window == format).unwrap() + format.len() - 1;
    bytes[place] = b'9';
    std::fs::write(&path, &bytes).unwrap();
    for arguments in
        [&["eval", "run"][..], &[&["train", &project(), "--run-dir", "run", "--resume"][..], &SMALL].concat()]
    {
        let output = setpoint(root.path(), arguments);
        binary::refused(&output, &["it has format 9", "or newer, which reads it"]);
        assert!(!stderr(&output).contains("--resume"), "{}", stderr(&output));
        assert!(std::fs::read(&path).unwrap() == bytes, "{arguments:?}");
    }
}

/// The number is one that a reader of JSON that rounds does not read back exactly.
#[test]
fn a_policy_under_a_constraint_of_many_digits_is_read_back() {
    let root = tempfile::tempdir().unwrap();
    let text = std::fs::read_to_string(Path::new(&project()).join("setpoint.toml")).unwrap();
    let path = root.path().join("setpoint.toml");
    let listed = setpoint(root.path(), &["list", "processes", "assembly-setup", "--json"]);
    let listed: Value = serde_json::from_slice(&listed.stdout).unwrap();
    let spec = &listed["processes"][0];
    let feature = spec["observation"][0]["name"].as_str().unwrap();
    let choice = spec["action"]["choices"][0]["name"].as_str().unwrap();
    let constraint = format!(
        "[[constraint]]\nwhen = {{ feature = \"{feature}\", above = 0.19237168684686162 }}\nforbid = [\"{choice}\"]\n"
    );
    std::fs::write(&path, format!("{text}\n{constraint}")).unwrap();
    done(root.path(), &[&["train", "setpoint.toml", "--run-dir", "run"][..], &SMALL].concat());
    done(root.path(), &["eval", "run"]);
}

#[test]
fn a_weaker_evaluation_stands_next_to_the_evidence_of_the_run() {
    let root = tempfile::tempdir().unwrap();
    let run = root.path().join("run");
    done(root.path(), &[&["run", &project(), "--run-dir", "run"][..], &SMALL].concat());
    let evidence = run.join("evidence/evaluation.json");
    let own = std::fs::read(&evidence).unwrap();
    let eval = |rest: &[&str]| -> Value {
        let output = setpoint(root.path(), &[&["eval", "run", "--json"], rest].concat());
        assert!(matches!(output.status.code(), Some(0 | 1)), "{}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap()
    };
    for (rest, name) in [
        (&["--episodes", "5"][..], "evaluation-5-episodes.json"),
        (&["--set", "evaluate.disturbed=false"], "evaluation-disturbed-false.json"),
        (&["--set", "evaluate.disturbed=false", "--episodes", "90"], "evaluation-disturbed-false.json"),
    ] {
        let found = eval(rest);
        assert_eq!(
            (found["evidence"].as_str().unwrap(), &found["is_quoted"]),
            (format!("run/evidence/{name}").as_str(), &Value::from(false))
        );
        assert!(run.join("evidence").join(name).is_file());
        assert_eq!(std::fs::read(&evidence).unwrap(), own, "{rest:?}");
    }
    // As many episodes, over two seeds, are stronger.
    let found = eval(&["--seeds", "2"]);
    assert_eq!(
        (&found["is_quoted"], found["evidence"].as_str()),
        (&Value::from(true), Some("run/evidence/evaluation.json"))
    );
    assert_ne!(std::fs::read(&evidence).unwrap(), own);
    // Evidence of another policy is no evidence of this run, however strong it is.
    let policy = run.join("policy.safetensors");
    done(root.path(), &["train", &project(), "--run-dir", "other", "--steps", "4096", "--seed", "9"]);
    std::fs::copy(root.path().join("other/policy.safetensors"), &policy).unwrap();
    assert_eq!(eval(&["--episodes", "5"])["is_quoted"], Value::from(true));
}
