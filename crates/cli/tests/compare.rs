//! `setpoint compare`: its files, its page, and that it stops and continues.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;

const PROJECT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../projects/assembly-line");

/// Three algorithms with small networks on 3,000 steps each, over two seeds.
fn compare(run: &Path, extra: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_setpoint"));
    command.args(["--json", "compare", PROJECT, "--algorithms", "ppo,dqn,sac", "--share", "0.005"]);
    command.args(["--seeds", "2", "--seed", "4", "--set", "evaluate.episodes=10"]);
    for option in ["dqn.net_arch=[16]", "sac.net_arch=[16]", "sac.batch_size=16"] {
        command.arg("--set").arg(format!("train.{option}"));
    }
    command.arg("--run-dir").arg(run).args(extra);
    command
}

fn comparison(output: &Output) -> Value {
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(document["command"], "compare");
    document["comparison"].clone()
}

/// Everything except times.
fn without_times(mut comparison: Value) -> Value {
    for result in comparison["results"].as_array_mut().unwrap() {
        result["steps_per_second"] = Value::Null;
        result["wall_seconds"] = Value::Null;
    }
    // Speed may decide between overlapping intervals.
    comparison["recommendation"] = Value::Null;
    comparison
}

fn policies(run: &Path) -> Vec<PathBuf> {
    let seeds = ["ppo", "dqn", "sac"].iter().flat_map(|name| [4, 5].map(|seed| (name, seed)));
    seeds.map(|(name, seed)| run.join(name).join(format!("seed-{seed}/policy.safetensors"))).collect()
}

#[test]
fn a_comparison_ranks_recommends_and_is_not_done_twice() {
    let root = tempfile::tempdir().unwrap();
    let run = root.path().join("run");
    let found = comparison(&compare(&run, &[]).output().unwrap());
    // A share of 3,000 steps, and two complete rollouts of PPO: all learn from equally many.
    assert_eq!((found["steps"].as_u64(), found["project_steps"].as_u64()), (Some(4_096), Some(600_000)));
    let results = found["results"].as_array().unwrap();
    let means: Vec<f64> =
        results.iter().map(|result| result["episode_return"]["mean"].as_f64().unwrap()).collect();
    assert_eq!(means.len(), 3);
    assert!(means.is_sorted_by(|a, b| a >= b), "{means:?}");
    for result in results {
        assert_eq!(result["returns"].as_array().unwrap().len(), 2);
        assert!(
            result["steps"].as_f64().unwrap() == 4_096.0 && !result["curve"].as_array().unwrap().is_empty()
        );
    }
    assert_eq!(results[2]["probability_of_improvement"], Value::Null);
    assert!((0.0..=1.0).contains(&results[0]["probability_of_improvement"].as_f64().unwrap()));
    // PPO's rollout of 2,048 steps fits once and a half.
    let ppo = results.iter().find(|result| result["algorithm"] == "ppo").unwrap();
    assert!(ppo["warnings"][0].as_str().unwrap().contains("make 2 update(s)"), "{}", ppo["warnings"]);
    assert!(found["recommendation"]["caution"].as_str().unwrap().starts_with("Caution: 0.5 % of the budget"));
    assert_eq!(found["baselines"].as_array().unwrap().len(), 2);

    let evidence = std::fs::read(run.join("evidence/compare.json")).unwrap();
    let mut evidence: Value = serde_json::from_slice(&evidence).unwrap();
    let body = evidence.as_object_mut().unwrap();
    assert_eq!(body.remove("format"), Some(Value::from(2)));
    assert!(body.remove("checksum").is_some());
    let hashes = body.remove("hashes").unwrap();
    assert_eq!(evidence, found);
    assert_eq!(hashes["projects"].as_array().unwrap().len(), results.len());
    assert_eq!(hashes["policies"].as_array().unwrap().len(), 2 * results.len());
    for policy in hashes["policies"].as_array().unwrap() {
        let file = run.join(policy["name"].as_str().unwrap()).join("policy.safetensors");
        let hash = blake3::hash(&std::fs::read(file).unwrap()).to_hex().to_string();
        assert_eq!(policy["hash"], Value::from(hash));
    }
    let page = std::fs::read_to_string(run.join("compare.html")).unwrap();
    assert!(page.contains("class=\"series s2\"") && page.contains("class=\"band s0\""));
    assert!(!page.contains("http://") && !page.contains("https://"), "the page asks the network for nothing");
    assert!(run.join("compare.toml").is_file() && !run.join("setpoint.toml").exists());

    let times = |run: &Path| -> Vec<_> {
        policies(run).iter().map(|path| path.metadata().unwrap().modified().unwrap()).collect()
    };
    let before = times(&run);
    let again = comparison(&compare(&run, &["--resume"]).output().unwrap());
    assert_eq!(again, found, "nothing is trained twice, so even the seconds are the same");
    assert_eq!(times(&run), before);

    // Another share is another comparison.
    let other = compare(&run, &["--resume", "--set", "train.total_steps=1_200_000"]).output().unwrap();
    assert_eq!(other.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&other.stderr).contains("total_steps = 4096"));
}

#[test]
#[cfg(unix)]
fn ctrl_c_stops_a_comparison_and_resume_ends_it_alike() {
    let root = tempfile::tempdir().unwrap();
    let (whole, stopped) = (root.path().join("whole"), root.path().join("stopped"));
    let expected = comparison(&compare(&whole, &[]).output().unwrap());
    let child =
        compare(&stopped, &["--threads", "1"]).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    // Until the second algorithm has begun: one part is finished and one part remains.
    while !stopped.join("dqn/seed-4/metrics.jsonl").exists() {
        std::thread::sleep(std::time::Duration::from_millis(2));
    }
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130));
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&document["command"], &document["status"]), (&Value::from("compare"), &Value::from(130)));
    assert!(!stopped.join("compare.html").exists(), "half a comparison recommends nothing");

    let resumed = comparison(&compare(&stopped, &["--resume"]).output().unwrap());
    assert_eq!(without_times(resumed), without_times(expected));
    for (stopped, whole) in policies(&stopped).iter().zip(policies(&whole)) {
        assert!(std::fs::read(stopped).unwrap() == std::fs::read(whole).unwrap(), "{}", stopped.display());
    }
}
