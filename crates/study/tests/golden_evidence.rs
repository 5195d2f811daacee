//! Golden evidence files: the measurements of every released format stay readable, with every key and every bit of every
//! number: written again, they give the same text.
//!
//! Format 0 is the measurement alone, as the version before format 1 wrote it; format 1 begins with the hashes. A changed or
//! missing key of a measurement fails here: it needs a new number of the format and a reader of the old one.

use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use setpoint_evidence::evaluate::Evaluation;
use setpoint_evidence::evidence_file::{self, FORMAT, Hashes, Named};
use setpoint_evidence::faults::FaultMatrix;
use setpoint_study::compare::AlgorithmComparison;
use setpoint_study::probes::Probed;
use setpoint_study::seeds::Seeds;
use setpoint_study::validate::Validation;

fn golden(format: u32, name: &str) -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    root.join(format!("tests/golden/evidence-v{format}-{name}.json"))
}

fn hashes() -> Hashes {
    let named = |name: &str, digit: &str| Named { name: name.into(), hash: digit.repeat(64) };
    Hashes {
        policies: vec![named("seed-0", "0"), named("seed-1", "1")],
        projects: vec![named("a \"line\"", "2")],
        data: vec![named("line.csv", "3")],
    }
}

fn measurement<T: DeserializeOwned + Serialize>(name: &str) -> T {
    let path = golden(0, name);
    let measured: T = evidence_file::read(&path).unwrap().unwrap();
    let stored: Value = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
    let mut read = serde_json::to_value(&measured).unwrap();
    forget_newer(&mut read, &stored);
    assert_eq!(read, stored, "{name}");
    measured
}

/// Keys that are written always now, and that files of before do not have.
const NEWER: [&str; 1] = ["left_out"];

/// Removes the newer keys that a file does not have.
fn forget_newer(read: &mut Value, stored: &Value) {
    match (read, stored) {
        (Value::Object(read), Value::Object(stored)) => {
            read.retain(|key, _| !NEWER.contains(&key.as_str()) || stored.contains_key(key));
            read.iter_mut()
                .for_each(|(key, value)| forget_newer(value, stored.get(key).unwrap_or(&Value::Null)));
        }
        (Value::Array(read), Value::Array(stored)) => {
            read.iter_mut().zip(stored).for_each(|(read, stored)| forget_newer(read, stored));
        }
        _ => {}
    }
}

#[test]
fn measurements_from_before_format_1_are_read_whole() {
    measurement::<Evaluation>("evaluation");
    measurement::<FaultMatrix>("faults");
    measurement::<Validation>("validation");
    measurement::<Seeds>("seeds");
    measurement::<AlgorithmComparison>("compare");
    measurement::<Probed>("probes");
}

#[test]
fn format_1_is_read() {
    let probed: Probed = evidence_file::read(&golden(1, "probes")).unwrap().unwrap();
    assert_eq!(probed, measurement("probes"));
}

#[test]
fn format_2_is_written_as_it_was() {
    assert_eq!(FORMAT, 2, "a new format needs a golden file of its own");
    let path = golden(2, "probes");
    let probed: Probed = evidence_file::read(&path).unwrap().unwrap();
    assert_eq!(probed, measurement("probes"));
    assert_eq!(evidence_file::text(&hashes(), &probed), std::fs::read_to_string(&path).unwrap());
}

/// Figures of a clock, and figures of a command line or a project file, which refuse NaN and infinity.
const GIVEN: [&str; 6] =
    ["wall_seconds", "share", "gap_warn_percent", "gap_fail_percent", "noise", "dropout"];

/// The paths of all figures of a document: every number that is not a count.
fn figures(value: &Value, path: &str, found: &mut Vec<String>) {
    match value {
        Value::Object(keys) => keys
            .iter()
            .filter(|(key, _)| !GIVEN.contains(&key.as_str()))
            .for_each(|(key, value)| figures(value, &format!("{path}/{key}"), found)),
        Value::Array(values) => {
            (0..).zip(values).for_each(|(index, value)| figures(value, &format!("{path}/{index}"), found));
        }
        value if value.is_f64() => found.push(path.to_owned()),
        _ => {}
    }
}

/// Puts every figure in turn to NaN, which is stored as null like both infinities: the evidence is read, and written as it was.
fn survives<T: DeserializeOwned + Serialize>(name: &str) {
    let mut document = serde_json::to_value(measurement::<T>(name)).unwrap();
    let mut paths = Vec::new();
    figures(&document, "", &mut paths);
    assert!(paths.len() > 5, "{name}");
    for path in paths {
        let kept = std::mem::take(document.pointer_mut(&path).unwrap());
        let read: T = serde_json::from_str(&document.to_string())
            .unwrap_or_else(|error| panic!("{name}{path}: {error}"));
        assert_eq!(serde_json::to_value(read).unwrap(), document, "{name}{path}");
        *document.pointer_mut(&path).unwrap() = kept;
    }
}

#[test]
fn no_figure_makes_evidence_unreadable() {
    survives::<Evaluation>("evaluation");
    survives::<FaultMatrix>("faults");
    survives::<Validation>("validation");
    survives::<Seeds>("seeds");
    survives::<AlgorithmComparison>("compare");
}

/// NaN and both infinities, in a measurement itself: the error names the field, and no file is written.
#[test]
fn a_figure_that_is_no_number_is_not_written() {
    for figure in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        let mut matrix: FaultMatrix = measurement("faults");
        matrix.policies[0].cells[0].episode_return = figure;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("faults.json");
        let error = evidence_file::write(&path, &hashes(), &matrix).unwrap_err();
        let reason = std::error::Error::source(&error).map_or_else(|| error.to_string(), ToString::to_string);
        assert!(reason.contains("policies[0].cells[0].episode_return"), "{error}: {reason}");
        assert!(!path.exists());
    }
}
