//! One table as pandas, Polars, DuckDB and PyArrow write it in Parquet (tests/parquet/write.py): each is the log of the CSV file
//! of that table, number for number, and damaged copies are read or refused.

use std::path::{Path, PathBuf};

use setpoint_decision::Project;
use setpoint_decision::spec::{ActionSpace, Feature, Signal, Spec};
use setpoint_log::read;
use setpoint_log::read::{ReadError, Reading};
use setpoint_log::table::Format;

mod draws;

use draws::draws;

const PROJECT: &str = r#"
[process]
kind = "kiln"
[reward]
parts = 1.0
[data]
episode = "batch"
time = "time"
action = "action"
reward = "reward"
terminated = "ended"
"#;

const FILES: [&str; 5] =
    ["pandas.parquet", "polars.parquet", "duckdb.parquet", "arrow.parquet", "int96.parquet"];

fn spec() -> Spec {
    Spec {
        kind: "kiln".to_owned(),
        observation: vec![
            Feature::new("temperature", "°C", 10.0, 90.0, "").ordinarily(60.0),
            Feature::new("fill", "1", 0.0, 1.0, "").ordinarily(0.5),
        ],
        action: ActionSpace::choices(&[("wait", ""), ("heat", ""), ("drain", "")]),
        signals: vec![Signal::new("parts", "1", 0.0, 40.0, "")],
        ..Spec::default()
    }
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/parquet")
}

fn read_file(path: &Path, overrides: &[&str]) -> Result<Reading, ReadError> {
    let overrides: Vec<String> = overrides.iter().map(|text| (*text).to_owned()).collect();
    let project = Project::from_text("setpoint.toml", PROJECT, &overrides).unwrap();
    read(path, project.data.as_ref(), &spec(), &project.reward, &mut |_| {})
}

#[test]
fn every_library_s_parquet_is_the_log_of_the_csv_file() {
    let csv = read_file(&folder().join("log.csv"), &[]).unwrap();
    assert_eq!((csv.log.rows(), csv.log.episodes.len()), (60, 3));
    assert_eq!(csv.audit.findings.iter().filter(|finding| finding.kind == "missing-values").count(), 1);
    for name in FILES {
        let reading = read_file(&folder().join(name), &[]).unwrap_or_else(|error| panic!("{name}: {error}"));
        let (log, expected) = (&reading.log, &csv.log);
        let bits = |values: &[f32]| values.iter().map(|value| value.to_bits()).collect::<Vec<_>>();
        assert_eq!(bits(&log.observations), bits(&expected.observations), "{name}");
        assert_eq!(bits(&log.signals), bits(&expected.signals), "{name}");
        let rewards =
            |log: &setpoint_log::Log| log.rewards.iter().map(|reward| reward.to_bits()).collect::<Vec<_>>();
        assert_eq!((&log.actions, rewards(log)), (&expected.actions, rewards(expected)), "{name}");
        assert_eq!(log.episodes, expected.episodes, "{name}");
        assert_eq!(reading.resolution, csv.resolution, "{name}");
        // Rows are counted without a header.
        assert_eq!(log.lines, (1..=60).collect::<Vec<u64>>(), "{name}");
        let mut findings = csv.audit.findings.clone();
        findings.iter_mut().for_each(|finding| finding.line = finding.line.map(|line| line - 1));
        assert_eq!(reading.audit.findings, findings, "{name}");
        assert_eq!((reading.audit.format, reading.audit.format.row_word()), (Format::Parquet, "row"));
    }
}

#[test]
fn refusals_name_columns_and_rows() {
    let path = folder().join("arrow.parquet");
    let Err(ReadError::Unmapped(unmapped)) = read_file(&path, &["data.episode=btach"]) else {
        panic!("the column does not exist")
    };
    assert!(unmapped.reason.contains("did you mean `batch`?"), "{}", unmapped.reason);
    let error = read_file(&path, &["data.action=batch"]).unwrap_err().to_string();
    assert!(error.contains("none of 60 rows contains a decision, first \"B001\" in row 1"), "{error}");
    // The first bytes tell the format, whatever the name says.
    let named = tempfile::tempdir().unwrap();
    let copy = named.path().join("log.csv");
    std::fs::copy(&path, &copy).unwrap();
    assert_eq!(read_file(&copy, &[]).unwrap().audit.format, Format::Parquet);
}

/// 1,500 damaged copies: each is read or refused with a message; none ends the program.
#[test]
fn damaged_files_are_read_or_refused() {
    let mut draw = draws();
    let mut random = || draw() as usize;
    let originals = FILES.map(|name| std::fs::read(folder().join(name)).unwrap());
    let scratch = tempfile::tempdir().unwrap();
    let path = scratch.path().join("log.parquet");
    let mut outcomes = [0_usize; 2];
    for round in 0..1_500 {
        let mut bytes = originals[round % FILES.len()].clone();
        // Past the mark: what does not begin with it is read as text.
        for _ in 0..1 + random() % 4 {
            let position = 4 + random() % (bytes.len() - 4).max(1);
            match random() % 4 {
                _ if position >= bytes.len() => bytes.push(0),
                0 => bytes[position] = random() as u8,
                1 => bytes[position] ^= 1 << (random() % 8),
                2 => drop(bytes.drain(position..(position + random() % 40).min(bytes.len()))),
                _ if random() % 4 == 0 => bytes.truncate(position),
                _ => bytes.insert(position, random() as u8),
            }
        }
        std::fs::write(&path, &bytes).unwrap();
        match read_file(&path, &[]) {
            Ok(reading) => {
                outcomes[0] += 1;
                assert_eq!(reading.log.observations.len(), 2 * reading.log.rows());
            }
            Err(error) => {
                outcomes[1] += 1;
                assert!(error.to_string().len() > 10, "{error}");
            }
        }
    }
    assert!(outcomes.iter().all(|count| *count > 50), "{outcomes:?}");
}
