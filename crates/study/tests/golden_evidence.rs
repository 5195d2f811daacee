//! Golden evidence files: the measurements of every released format stay readable, with every key and every bit of every
//! number: written again, they give the same text.
//!
//! Format 0 is the measurement alone, as the version before format 1 wrote it; format 1 begins with the hashes. A changed or
//! missing key of a measurement fails here: it needs a new number of the format and a reader of the old one.

use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;
use setpoint_evidence::evaluate::Evaluation;
use setpoint_evidence::evidence_file::{self, FORMAT, Hashes, Named};
use setpoint_evidence::faults::FaultMatrix;
use setpoint_study::compare::AlgorithmComparison;
use setpoint_study::many_seeds::Seeds;
use setpoint_study::probes::Probed;
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
    let text = std::fs::read_to_string(&path).unwrap();
    assert_eq!(serde_json::to_string_pretty(&measured).unwrap(), text.trim_end(), "{name}");
    measured
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
