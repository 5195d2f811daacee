//! `setpoint ope`: the exit status for a good log, too little data, and a wrong log.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::Output;

use binary::{json, projects, setpoint, text};

mod binary;

fn ope(log: &Path, more: &[&str]) -> Output {
    let project = projects().join("assembly-line");
    setpoint(&[&["ope", text(&project), "--data", text(log)], more].concat())
}

/// 120 episodes of three steps whose choices rotate. The reward of a step is 90 plus the number of the choice.
fn log(folder: &Path) -> PathBuf {
    let mut text =
        "ct_norm_s1,ct_norm_s2,ct_norm_s3,ct_norm_s4,ct_norm_s5,ct_norm_s6,wip_norm,speed_norm,failure_prob,\
         micro_stops_norm,operator_efficiency,throughput_uph,action,reward,episode,step\n"
            .to_owned();
    for episode in 0..120_u32 {
        for step in 0..3 {
            let choice = (episode / 6_u32.pow(step)) % 6;
            let value = |index: u32| 0.3 + f64::from((episode * 7 + step * 3 + index * 5) % 11) / 40.0;
            let cells: Vec<String> = (0..6).map(|index| format!("{:.3}", value(index))).collect();
            writeln!(
                text,
                "{},{:.3},0.75,0.05,0.2,0.95,93,{choice},{},{episode},{step}",
                cells.join(","),
                value(6),
                90 + choice
            )
            .unwrap();
        }
    }
    let path = folder.join("line.csv");
    std::fs::write(&path, text).unwrap();
    path
}

#[test]
fn a_log_is_judged_refused_or_wrong() {
    let folder = tempfile::tempdir().unwrap();
    let log = log(folder.path());
    let judged = ope(&log, &["--policy", "random", "--behaviour", "uniform", "--json"]);
    assert_eq!(judged.status.code(), Some(0), "{}", String::from_utf8_lossy(&judged.stderr));
    let document = json(&judged);
    let report = &document["report"];
    assert_eq!((report["episodes"].as_u64(), report["steps"].as_u64()), (Some(120), Some(3)));
    assert_eq!(report["estimates"].as_array().unwrap().len(), 4);
    let plain = report["estimates"][0]["value"].as_f64().unwrap();
    assert!((plain - report["logged"]["value"].as_f64().unwrap()).abs() < 1e-9);
    let words = ope(&log, &["--policy", "random", "--behaviour", "uniform"]);
    let words = String::from_utf8_lossy(&words.stdout).into_owned();
    assert!(words.contains("weighted doubly robust") && words.contains("uniform, as declared"), "{words}");

    let refused = ope(&log, &["--policy", "line-manager", "--behaviour", "uniform", "--json"]);
    assert_eq!(refused.status.code(), Some(1));
    let report = json(&refused)["report"].clone();
    assert!(report["refusal"].as_str().unwrap().contains("the overlap is too small"), "{report}");
    assert!(report["estimates"].as_array().unwrap().is_empty());

    for (more, expected) in [
        (&["--policy", "line-manger"][..], "no file or folder `line-manger`"),
        (&["--policy", "random", "--steps", "4"], "its longest episode has 3"),
        (&["--policy", "random", "--gamma", "1.5"], "a discount is 0 to 1"),
        (&["--policy", "random", "--behaviour", "logged"], "expected more than 0"),
    ] {
        let wrong = ope(&log, more);
        let error = String::from_utf8_lossy(&wrong.stderr).into_owned();
        assert!(wrong.status.code() == Some(2) && error.contains(expected), "{error}");
    }
    let absent = ope(&folder.path().join("absent.csv"), &["--policy", "random"]);
    assert_eq!(absent.status.code(), Some(2));
}
