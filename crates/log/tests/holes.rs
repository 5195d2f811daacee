//! Rows that are not used: missing cells in every kind of column, rows that a person excludes, findings that a person
//! accepts.

use std::collections::BTreeSet;
use std::fmt::Write;

use setpoint_decision::Project;
use setpoint_decision::spec::{ActionSpace, Feature, Signal, Spec, TensorForm, TensorPart};
use setpoint_log::finding::Severity;
use setpoint_log::read::{ReadError, Reading};
use setpoint_log::{Log, read};

mod draws;

use draws::draws;

const EPISODES: usize = 30;
const STEPS: usize = 12;

const PROJECT: &str = r#"
[process]
kind = "oven"
[reward]
output = 2.0
[data]
episode = "batch"
time = "minute"
action = "action"
reward = "reward"
probability = "p"
"#;

/// Columns of the log, and whether a cell of it may be missing in the tests.
const HEADER: [&str; 8] = ["batch", "minute", "heat", "load", "action", "reward", "p", "output"];

fn spec() -> Spec {
    Spec {
        kind: "oven".to_owned(),
        observation: vec![
            Feature::new("heat", "°C", 0.0, 100.0, ""),
            Feature::new("load", "parts", 0.0, 50.0, ""),
        ],
        action: ActionSpace::choices(&[("wait", ""), ("warm", "")]),
        signals: vec![Signal::new("output", "1/h", 0.0, 200.0, "")],
        ..Spec::default()
    }
}

/// Lines of cells, the header first: line n of the file is entry n − 1.
fn good(seed: usize) -> Vec<Vec<String>> {
    let mut draw = draws();
    (0..seed).for_each(|_| {
        draw();
    });
    let mut unit = || (draw() >> 11) as f64 / (1_u64 << 53) as f64;
    let mut rows = vec![HEADER.map(str::to_owned).to_vec()];
    for episode in 0..EPISODES {
        for step in 0..STEPS {
            let output = 20.0 + 100.0 * unit();
            rows.push(vec![
                format!("b{episode}"),
                step.to_string(),
                format!("{:.3}", 10.0 + 70.0 * unit()),
                format!("{:.3}", 5.0 + 40.0 * unit()),
                usize::from(unit() < 0.5).to_string(),
                format!("{:.4}", 2.0 * output),
                "0.5".to_owned(),
                format!("{output:.4}"),
            ]);
        }
    }
    rows
}

fn read_rows(rows: &[Vec<String>], overrides: &[&str]) -> Result<Reading, ReadError> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("oven.csv");
    let text = rows.iter().fold(String::new(), |mut text, row| {
        let _ = writeln!(text, "{}", row.join(","));
        text
    });
    std::fs::write(&path, text).unwrap();
    let overrides: Vec<String> = overrides.iter().map(|text| (*text).to_owned()).collect();
    let project = Project::from_text("setpoint.toml", PROJECT, &overrides).unwrap();
    read(&path, project.data.as_ref(), &spec(), &project.reward, &mut |_| {})
}

/// A log has columns for features; the policies of a process with a camera see more.
#[test]
fn a_process_with_an_image_reads_no_log() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log.csv");
    std::fs::write(&path, "batch,minute,heat,load,action,reward,p,output\n1,1,50,5,wait,2,0.5,20\n").unwrap();
    let form = TensorForm::Image { height: 8, width: 9, channels: 3 };
    let spec = Spec { tensors: vec![TensorPart::new("camera", form, "")], ..spec() };
    let project = Project::from_text("setpoint.toml", PROJECT, &[]).unwrap();
    let refused = read(&path, project.data.as_ref(), &spec, &project.reward, &mut |_| {}).unwrap_err();
    let text = refused.to_string();
    assert!(text.contains("`camera` (image of 8 × 9 × 3 bytes)") && text.contains("log.csv"), "{text}");
}

/// Every value of every piece is a number, and the rows of a piece are neighbours in the file.
fn assert_whole(log: &Log) {
    assert!(log.observations.iter().all(|value| value.is_finite()));
    assert!(log.rewards.iter().all(|reward| reward.is_finite()));
    for episode in &log.episodes {
        let lines = &log.lines[episode.rows.clone()];
        assert!(lines.windows(2).all(|pair| pair[1] == pair[0] + 1), "{lines:?} are joined");
        let begins = (lines[0] as usize - 2).is_multiple_of(STEPS);
        let ends = (lines[lines.len() - 1] as usize - 1).is_multiple_of(STEPS);
        assert!(episode.continued || begins, "a piece from line {} on begins nothing", lines[0]);
        assert!(episode.cut || ends, "a piece up to line {:?} has an end", lines.last());
        assert!(!episode.continued || !begins);
    }
}

/// Any cells of any columns, with any word for a missing value: their rows are left out and counted, and no others.
#[test]
fn no_row_with_a_missing_cell_reaches_a_learner() {
    const WORDS: [&str; 6] = ["", "NaN", "#N/A", "Bad", "-inf", "null"];
    for seed in 0..60 {
        let mut rows = good(seed);
        let mut draw = draws();
        (0..7 * seed).for_each(|_| {
            draw();
        });
        let mut lines = BTreeSet::new();
        for _ in 0..=seed % 12 {
            let (row, column) = (1 + draw() as usize % (EPISODES * STEPS), 2 + draw() as usize % 6);
            // An action that is there and unreadable is another fault.
            let word = WORDS[draw() as usize % WORDS.len()];
            rows[row][column] = word.to_owned();
            lines.insert(row as u64 + 1);
        }
        let reading = read_rows(&rows, &[]).unwrap();
        let whole = reading.log.without_holes();
        assert_whole(&whole);
        let found: BTreeSet<u64> = whole.lines.iter().copied().collect();
        assert!(found.is_disjoint(&lines), "{lines:?} of seed {seed} are used");
        assert_eq!(found.len() + lines.len(), EPISODES * STEPS, "seed {seed}");
        assert_eq!(reading.audit.left_out.rows, lines.len() as u64, "seed {seed}");
        // Pieces of one episode are a group, and the episode before it does not take an episode without its first row.
        for group in whole.of_one_episode() {
            let rows = whole.episodes[group.clone()].iter().flat_map(|episode| episode.rows.clone());
            let of: BTreeSet<u64> = rows.map(|row| (whole.lines[row] - 2) / STEPS as u64).collect();
            let is_cut =
                group.len() > 1 && of.len() == 2 && lines.contains(&(of.last().unwrap() * STEPS as u64 + 1));
            assert!(of.len() == 1 || is_cut, "{of:?} of seed {seed}");
        }
        let sentence = reading.audit.left_out.sentence("line").unwrap();
        assert!(sentence.contains("with a missing cell left out (`"), "{sentence}");
        let refused = read_rows(&rows, &["data.missing=refuse"]).unwrap();
        let error = refused.audit.errors().find(|finding| finding.kind == "missing-refused");
        let in_action = lines.iter().all(|line| {
            let cell = &rows[*line as usize - 1][4];
            cell != "0" && cell != "1"
        });
        assert_eq!(error.is_some(), !in_action, "{:?}", refused.audit.findings);
    }
}

/// Three cells in a row, and one behind them: with an age of two rows, the third is too old.
#[test]
fn a_value_is_held_up_to_its_age() {
    let mut rows = good(3);
    // Lines 16 to 18 are rows 2 to 4 of the second episode; line 26 begins the third.
    (15..18).for_each(|row| rows[row][2].clear());
    rows[25][3].clear();
    let before: f32 = rows[14][2].parse().unwrap();
    let log = |overrides: &[&str]| read_rows(&rows, overrides).unwrap().log;
    let held = log(&["data.missing=hold", "data.hold_rows=2"]);
    assert_eq!([held.observation(14)[0], held.observation(15)[0]], [before, before]);
    assert!(held.observation(16)[0].is_nan(), "older than two rows");
    assert!(held.observation(24)[1].is_nan(), "the value of another episode");
    assert_eq!((held.left_out.rows, held.left_out.columns[0].held), (2, 2), "{:?}", held.left_out);
    assert_whole(&held.without_holes());
    let minute = log(&["data.missing=hold", "data.hold_seconds=1"]);
    assert_eq!(minute.left_out.columns[0].held, 1);
    // A reward is no level that stays.
    rows[20][5].clear();
    let reward = read_rows(&rows, &["data.missing=hold", "data.hold_rows=9"]).unwrap().log;
    assert!(reward.without_holes().lines.iter().all(|line| *line != 21));
}

/// A reward that every episode's last row lacks: those rows are left out, and their episodes have no known end.
#[test]
fn rows_that_lack_the_reward_by_nature_are_left_out_too() {
    let mut rows = good(5);
    (1..=EPISODES).for_each(|episode| rows[episode * STEPS][5].clear());
    let reading = read_rows(&rows, &[]).unwrap();
    assert_eq!(reading.audit.left_out.rows, EPISODES as u64);
    let whole = reading.log.without_holes();
    assert_whole(&whole);
    assert!(whole.episodes.iter().all(|episode| episode.cut && episode.rows.len() == STEPS - 1));
    // A column without any number is no column.
    (1..rows.len()).for_each(|row| rows[row][6].clear());
    let without = read_rows(&rows, &["data.accept=[\"missing-values:p\"]"]).unwrap();
    assert_eq!(without.audit.left_out.rows, EPISODES as u64);
}

#[test]
fn excluded_rows_leave_nothing_behind() {
    let mut rows = good(7);
    // Nonsense in every column of two lines.
    for row in [30, 31] {
        rows[row][2..].iter_mut().for_each(|cell| *cell = "broken".to_owned());
    }
    assert!(read_rows(&rows, &[]).unwrap().audit.errors().count() > 0);
    let reading = read_rows(&rows, &["data.exclude=[\"rows 31-32\"]"]).unwrap();
    assert_eq!(reading.audit.errors().count(), 0, "{:?}", reading.audit.findings);
    assert_eq!((reading.audit.left_out.excluded, reading.log.rows()), (2, EPISODES * STEPS - 2));
    assert_whole(&reading.log.without_holes());
    let times = read_rows(&rows, &["data.exclude=[\"5..7\"]"]).unwrap();
    assert_eq!(times.audit.left_out.excluded, 2 * EPISODES as u64);
    let refused = read_rows(&rows, &["data.exclude=[\"yesterday..today\"]"]).unwrap_err().to_string();
    assert!(refused.contains("yesterday..today") && refused.contains("no time"), "{refused}");
    assert!(read_rows(&rows, &["data.exclude=[\"rows 1-9999\"]"]).is_err());
}

#[test]
fn an_accepted_finding_is_a_note_and_a_wrong_entry_is_a_warning() {
    let mut rows = good(9);
    (100..200).for_each(|row| rows[row][3] = "17.2".to_owned());
    let kind = |reading: &Reading, kind: &str| {
        reading.audit.findings.iter().find(|finding| finding.kind == kind).cloned().unwrap()
    };
    assert_eq!(kind(&read_rows(&rows, &[]).unwrap(), "stuck").severity, Severity::Error);
    let accepted = read_rows(&rows, &["data.accept=[\"stuck:load\"]"]).unwrap();
    let found = kind(&accepted, "stuck");
    assert!(found.severity == Severity::Note && found.accepted, "{found:?}");
    let other = read_rows(&rows, &["data.accept=[\"stuck:lod\"]"]).unwrap();
    assert_eq!(kind(&other, "stuck").severity, Severity::Error);
    assert!(kind(&other, "accepts-nothing").advice.contains("stuck:load"));
}

/// A name without an entry takes the column of its own name, which another name may have taken.
#[test]
fn two_meanings_of_one_column_are_refused() {
    let rows = good(11);
    for (more, names) in [
        ("data.features.load=\"heat\"", ["feature `heat`", "feature `load`"]),
        ("data.reward=\"load\"", ["feature `load`", "reward"]),
        ("data.action=\"heat\"", ["feature `heat`", "action"]),
        ("data.probability=\"reward\"", ["reward", "probability"]),
    ] {
        let refused = read_rows(&rows, &[more]).unwrap_err().to_string();
        assert!(names.iter().all(|name| refused.contains(name)), "{more}: {refused}");
    }
    assert!(read_rows(&rows, &["data.signals.output=\"heat\""]).is_ok());
}

fn finding(reading: &Reading, kind: &str) -> Option<setpoint_log::finding::Finding> {
    reading.audit.findings.iter().find(|finding| finding.kind == kind).cloned()
}

/// Choices counted from 1, and the key that mends it: the same log as before.
#[test]
fn choices_counted_from_one_are_recognised() {
    let rows = good(13);
    let mut shifted = rows.clone();
    for row in &mut shifted[1..] {
        row[4] = (row[4].parse::<u32>().unwrap() + 1).to_string();
    }
    let found = finding(&read_rows(&shifted, &[]).unwrap(), "actions-from-one").unwrap();
    assert!(found.severity == Severity::Error && found.advice.contains("action_offset = 1"), "{found:?}");
    let mended = read_rows(&shifted, &["data.action_offset=1"]).unwrap();
    assert_eq!(mended.log.actions, read_rows(&rows, &[]).unwrap().log.actions);
    assert_eq!(mended.audit.errors().count(), 0, "{:?}", mended.audit.findings);
    // A wrong number among good ones is a wrong number.
    let mut wrong = rows;
    wrong[50][4] = "2".to_owned();
    let reading = read_rows(&wrong, &[]).unwrap();
    assert!(finding(&reading, "actions-from-one").is_none() && finding(&reading, "unknown-action").is_some());
}

/// A reward that stands one or two rows after or before its action.
#[test]
fn a_moved_reward_is_recognised_and_moved_back() {
    let rows = good(17);
    let rewards = read_rows(&rows, &[]).unwrap().log.rewards;
    for lag in [1_i64, -1, 2, -2] {
        let mut moved = rows.clone();
        for row in 1..rows.len() {
            let from = row as i64 - lag;
            let is_same = from >= 1 && (from as usize) < rows.len() && rows[from as usize][0] == rows[row][0];
            moved[row][5] = if is_same { rows[from as usize][5].clone() } else { "0".to_owned() };
        }
        let found = finding(&read_rows(&moved, &[]).unwrap(), "reward-shifted").unwrap();
        assert!(found.advice.contains(&format!("reward_lag = {lag} in")), "{found:?}");
        let mended = read_rows(&moved, &[&format!("data.reward_lag={lag}")]).unwrap();
        assert!(finding(&mended, "reward-shifted").is_none());
        assert!(mended.audit.reward.as_ref().unwrap().reproduced, "{:?}", mended.audit.reward);
        let whole = mended.log.without_holes();
        assert_eq!(whole.rows(), EPISODES * (STEPS - lag.unsigned_abs() as usize));
        for (row, line) in whole.lines.iter().enumerate() {
            assert_eq!(whole.rewards[row], rewards[*line as usize - 2], "line {line}");
        }
    }
    // Weights of another project are not a shift.
    let other = read_rows(&rows, &["reward.output=1.0"]).unwrap();
    assert!(finding(&other, "reward-shifted").is_none() && finding(&other, "reward").is_some());
}

/// A value at its bound is no fault, and the same run within the range is.
#[test]
fn a_bound_is_saturated_and_not_stuck() {
    for (value, kind, severity) in [
        ("50", "saturated", Severity::Note),
        ("0.000", "saturated", Severity::Note),
        ("31.5", "stuck", Severity::Error),
    ] {
        let mut rows = good(19);
        (60..140).for_each(|row| rows[row][3] = value.to_owned());
        assert_eq!(finding(&read_rows(&rows, &[]).unwrap(), kind).unwrap().severity, severity, "{value}");
    }
}

/// A column may be a feature and a signal: each of its holes counts once, whether its row is left out or its value is held.
#[test]
fn a_hole_of_a_feature_that_is_a_signal_too_counts_once() {
    let mut rows = good(3);
    for row in [5, 6, 40] {
        rows[row][2].clear();
    }
    let shared = "data.signals={ output = \"heat\" }";
    let counts = |overrides: &[&str]| {
        let left_out = read_rows(&rows, overrides).unwrap().audit.left_out;
        let columns: Vec<_> =
            left_out.columns.iter().map(|holes| (holes.column.clone(), holes.missing, holes.held)).collect();
        (left_out.rows, columns)
    };
    assert_eq!(counts(&[shared]), (3, vec![("heat".to_owned(), 3, 0)]));
    let held = [shared, "data.missing=hold", "data.hold_rows=1"];
    assert_eq!(counts(&held), (1, vec![("heat".to_owned(), 3, 2)]));
}
