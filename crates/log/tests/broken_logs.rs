//! A small good log, and what one edit makes of it: each broken log is refused or has a finding that names column and line.

use std::fmt::Write;

use setpoint_decision::Project;
use setpoint_decision::spec::{ActionSpace, Feature, Signal, Spec};
use setpoint_log::finding::Severity;
use setpoint_log::read;
use setpoint_log::read::{ReadError, Reading};

mod draws;

use draws::draws;

const EPISODES: usize = 40;
const STEPS: usize = 30;
/// Lines of the good log: a header and a row a step.
const LINES: usize = 1 + EPISODES * STEPS;

const PROJECT: &str = r#"
[process]
kind = "kiln"
[reward]
throughput = 1.2
fill = -1.5
[data]
episode = "batch"
time = "time"
action = "action"
reward = "reward"
[data.features]
temperature = "temperature"
fill = "fill_level"
"#;

fn spec() -> Spec {
    Spec {
        kind: "kiln".to_owned(),
        observation: vec![
            Feature::new("temperature", "°C", 10.0, 90.0, "").ordinarily(60.0),
            Feature::new("fill", "parts", 0.0, 1.0, "").seen_as(40.0, 0.0).ordinarily(0.3),
            Feature::new("efficiency", "1", 0.6, 1.0, "").ordinarily(0.85),
            Feature::new("pressure", "bar", 2.0, 6.0, "").ordinarily(4.0),
        ],
        action: ActionSpace::choices(&[("wait", ""), ("heat", ""), ("drain", "")]),
        signals: vec![
            Signal::new("throughput", "1/h", 0.0, 216.0, ""),
            Signal::new("fill", "parts", 0.0, 40.0, ""),
        ],
        ..Spec::default()
    }
}

/// A table as lines of cells, the header first.
type Cells = Vec<Vec<String>>;

/// Times of a log in which minutes pass from row to row, from 2026-03-28T06:00 on, an episode at a time.
fn timestamp(row: usize, zone: &str) -> String {
    let minutes = 6 * 60 + row;
    format!("2026-03-{:02} {:02}:{:02}:00{zone}", 28 + minutes / 1440, minutes / 60 % 24, minutes % 60)
}

fn good() -> Cells {
    let mut draw = draws();
    let mut unit = || (draw() >> 11) as f64 / (1_u64 << 53) as f64;
    let header = [
        "batch",
        "time",
        "temperature",
        "fill_level",
        "efficiency",
        "pressure",
        "action",
        "reward",
        "throughput",
    ];
    let mut cells: Cells = vec![header.map(str::to_owned).to_vec()];
    for episode in 0..EPISODES {
        let (mut temperature, mut fill) = (50.0 + 20.0 * unit(), 10.0 + 4.0 * unit());
        let (mut efficiency, mut pressure) = (0.75 + 0.2 * unit(), 3.5 + unit());
        for step in 0..STEPS {
            let action = (3.0 * unit()) as usize;
            let seen = [
                format!("{temperature:.2}"),
                format!("{:.3}", fill / 40.0),
                format!("{efficiency:.2}"),
                format!("{pressure:.2}"),
            ];
            temperature =
                (temperature + if action == 1 { 2.0 } else { -1.0 } + unit() - 0.5).clamp(15.0, 85.0);
            fill = (fill + if action == 2 { -2.0 } else { 1.0 } + unit() - 0.5).clamp(0.0, 40.0);
            efficiency = (efficiency + 0.04 * (unit() - 0.5)).clamp(0.62, 0.99);
            pressure = (pressure + 0.2 * (unit() - 0.5)).clamp(2.5, 5.5);
            let throughput = 40.0 + temperature * efficiency;
            let reward = 1.2 * throughput - 1.5 * fill;
            let mut row = vec![episode.to_string(), step.to_string()];
            row.extend(seen);
            row.extend([action.to_string(), format!("{reward:.3}"), format!("{throughput:.3}")]);
            cells.push(row);
        }
    }
    cells
}

fn joined(cells: &Cells, delimiter: &str) -> String {
    cells.iter().fold(String::new(), |mut text, row| {
        let _ = writeln!(text, "{}", row.join(delimiter));
        text
    })
}

fn read_bytes(bytes: &[u8], overrides: &[&str]) -> Result<Reading, ReadError> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log.csv");
    std::fs::write(&path, bytes).unwrap();
    let overrides: Vec<String> = overrides.iter().map(|text| (*text).to_owned()).collect();
    let project = Project::from_text("setpoint.toml", PROJECT, &overrides).unwrap();
    project.bind(&spec()).unwrap();
    read(&path, project.data.as_ref(), &spec(), &project.reward, &mut |_| {})
}

fn read_cells(cells: &Cells, overrides: &[&str]) -> Reading {
    read_bytes(joined(cells, ",").as_bytes(), overrides).unwrap_or_else(|error| panic!("{error}"))
}

/// A finding of this kind about this column that begins in this line.
fn expect(reading: &Reading, kind: &str, column: Option<&str>, line: Option<u64>) {
    let findings = &reading.audit.findings;
    let found = findings.iter().find(|finding| finding.kind == kind && finding.column.as_deref() == column);
    let Some(found) = found else { panic!("no {kind} of {column:?} among {findings:#?}") };
    assert_eq!(found.line, line, "{found:#?}");
    assert!(!found.sentence.is_empty() && !found.advice.is_empty());
}

#[test]
fn nothing_is_wrong_with_the_good_log() {
    let reading = read_cells(&good(), &[]);
    assert_eq!(reading.audit.findings, []);
    let (log, check) = (&reading.log, reading.audit.reward.as_ref().unwrap());
    assert_eq!((log.rows(), log.episodes.len()), (EPISODES * STEPS, EPISODES));
    // The fill of the last step of an episode stands nowhere.
    assert_eq!(check.rows as usize, EPISODES * (STEPS - 1));
    assert!(
        check.reproduced && check.error_max <= check.rounding * 1.05 && check.r_squared > 0.999,
        "{check:?}"
    );
    assert!((reading.resolution.signals[1] - 0.04).abs() < 1e-9, "{:?}", reading.resolution);
    // The first row by hand: what it holds, and the fill that its action led to.
    let cells = good();
    let number = |row: usize, column: usize| cells[row][column].parse::<f32>().unwrap();
    assert_eq!(log.observation(0), &[number(1, 2), number(1, 3), number(1, 4), number(1, 5)]);
    assert_eq!((log.choice(0) as f32, log.lines[0]), (number(1, 6), 2));
    assert_eq!(log.signals(0), &[number(1, 8), number(2, 3) * 40.0]);
    assert!(log.signals(STEPS - 1)[1].is_nan());
}

/// The same log written otherwise is the same log.
#[test]
fn delimiters_commas_marks_and_natural_values_make_no_difference() {
    let good = good();
    // NaN is not NaN: what the logs print is compared.
    let text_of = |reading: &Reading| format!("{:?}", reading.log);
    let plain_log = read_cells(&good, &[]).log;
    let plain = format!("{plain_log:?}");
    for delimiter in [";", "\t", "|"] {
        assert_eq!(
            text_of(&read_bytes(joined(&good, delimiter).as_bytes(), &[]).unwrap()),
            plain,
            "{delimiter}"
        );
    }
    let marked = format!("\u{feff}{}", joined(&good, ","));
    assert_eq!(text_of(&read_bytes(marked.as_bytes(), &[]).unwrap()), plain);
    let commas = read_bytes(joined(&good, ";").replace('.', ",").as_bytes(), &[]).unwrap();
    assert_eq!(text_of(&commas), plain);
    expect(&commas, "decimal-commas", Some("temperature"), Some(2));
    assert!(commas.audit.findings.iter().all(|finding| finding.severity == Severity::Note));
    let quoted: Cells = good
        .iter()
        .map(|row| row.iter().map(|cell| format!("\"{}\"", cell.replace('.', ","))).collect())
        .collect();
    assert_eq!(text_of(&read_bytes(joined(&quoted, ",").as_bytes(), &[]).unwrap()), plain);
    let mut named = good.clone();
    let names = ["wait", "Heat", " drain "];
    named[1..].iter_mut().for_each(|row| row[6] = names[row[6].parse::<usize>().unwrap()].to_owned());
    assert_eq!(text_of(&read_cells(&named, &[])), plain);
    let mut natural = good.clone();
    natural[1..].iter_mut().for_each(|row| row[3] = format!("{:.2}", row[3].parse::<f64>().unwrap() * 40.0));
    let natural = read_cells(&natural, &["data.values=natural"]);
    // Twice rounded, the fill looks finer than it is: nothing but the reward's rounding may be found.
    assert!(natural.audit.findings.iter().all(|finding| finding.kind == "reward"));
    let differences =
        natural.log.observations.iter().zip(&plain_log.observations).map(|(a, b)| (a - b).abs());
    assert!(differences.fold(0.0, f32::max) < 1e-6);
}

/// Without a column of episodes they end where time jumps back.
#[test]
fn episodes_are_cut_where_time_jumps_back() {
    let text = PROJECT.replace("episode = \"batch\"\n", "");
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log.csv");
    std::fs::write(&path, joined(&good(), ",")).unwrap();
    let project = Project::from_text("setpoint.toml", &text, &[]).unwrap();
    let found = read(&path, project.data.as_ref(), &spec(), &project.reward, &mut |_| {}).unwrap();
    assert_eq!(found.log.episodes, read_cells(&good(), &[]).log.episodes);
    assert_eq!(found.audit.unused_columns, ["batch"]);
}

fn scale(cells: &mut Cells, column: usize, rows: std::ops::Range<usize>, by: impl Fn(f64) -> f64) {
    for row in &mut cells[rows] {
        row[column] = format!("{:.4}", by(row[column].parse().unwrap()));
    }
}

type Edit = fn(&mut Cells);
/// Name, edit, and the kind, column and line of the finding; no line where it depends on the values.
type Case = (&'static str, Edit, &'static str, Option<&'static str>, Option<u64>);

/// Every edit, the kind of finding, its column and its line.
#[test]
fn one_edit_gives_a_finding_with_column_and_line() {
    let cases: &[Case] = &[
        ("a value is missing", |c| c[16][2].clear(), "missing-values", Some("temperature"), Some(17)),
        ("a word for missing", |c| c[9][5] = "n/a".into(), "missing-values", Some("pressure"), Some(10)),
        ("NaN", |c| c[20][4] = "NaN".into(), "missing-values", Some("efficiency"), Some(21)),
        ("infinity", |c| c[31][7] = "inf".into(), "not-finite", Some("reward"), Some(32)),
        ("text", |c| c[40][2] = "55 °C".into(), "text", Some("temperature"), Some(41)),
        (
            "stuck",
            |c| (300..400).for_each(|row| c[row][2] = "63.17".into()),
            "stuck",
            Some("temperature"),
            Some(301),
        ),
        (
            "constant",
            |c| c[1..].iter_mut().for_each(|row| row[5] = "4.00".into()),
            "constant",
            Some("pressure"),
            Some(2),
        ),
        ("out of range", |c| c[77][4] = "1.7".into(), "out-of-range", Some("efficiency"), Some(78)),
        ("percent", |c| scale(c, 4, 500..LINES, |v| v * 100.0), "unit", Some("efficiency"), Some(501)),
        ("Fahrenheit", |c| scale(c, 2, 1..LINES, |v| v * 1.8 + 32.0), "unit", Some("temperature"), None),
        ("millibar", |c| scale(c, 5, 200..LINES, |v| v * 1000.0), "unit", Some("pressure"), Some(201)),
        ("thousandfold", |c| scale(c, 8, 1..LINES, |v| v * 1000.0), "unit", Some("throughput"), Some(2)),
        ("natural", |c| scale(c, 3, 1..LINES, |v| v * 40.0), "unit", Some("fill_level"), Some(2)),
        ("duplicate", |c| c.insert(51, c[50].clone()), "duplicate-rows", None, Some(52)),
        ("unordered", |c| c.swap(100, 102), "unordered-rows", Some("time"), Some(102)),
        ("rows left out", |c| drop(c.drain(95..98)), "gap", Some("time"), Some(96)),
        ("unreadable time", |c| c[12][1] = "soon".into(), "unreadable-time", Some("time"), Some(13)),
        ("repeated time", |c| c[12][1] = c[11][1].clone(), "repeated-time", Some("time"), Some(13)),
        (
            "swapped columns",
            |c| c[1..].iter_mut().for_each(|row| row.swap(4, 5)),
            "swapped-columns",
            Some("efficiency"),
            Some(2),
        ),
        ("swapped headings", |c| c[0].swap(2, 4), "swapped-columns", Some("temperature"), Some(2)),
        (
            "mixed commas",
            |c| c[600][2] = "\"55,25\"".into(),
            "mixed-decimal-commas",
            Some("temperature"),
            Some(601),
        ),
        ("unknown index", |c| c[8][6] = "3".into(), "unknown-action", Some("action"), Some(9)),
        ("unknown name", |c| c[8][6] = "haet".into(), "unknown-action", Some("action"), Some(9)),
        ("no action", |c| c[8][6].clear(), "missing-values", Some("action"), Some(9)),
        ("half an action", |c| c[8][6] = "1.5".into(), "unknown-action", Some("action"), Some(9)),
        ("never taken", |c| c.retain(|row| row[6] != "2"), "action-never-taken", Some("action"), None),
        ("an episode of one row", |c| drop(c.drain(2..31)), "short-episodes", None, Some(2)),
        ("an episode again", |c| c[700][0] = "3".to_owned(), "episode-again", None, Some(701)),
        ("another weight", |c| scale(c, 7, 1..LINES, |v| 0.5 * v), "reward", Some("reward"), Some(2)),
        ("a ragged row", |c| drop(c[33].pop()), "ragged-rows", None, Some(34)),
        ("a long row", |c| c[33].push("7".into()), "ragged-rows", None, Some(34)),
    ];
    for (name, edit, kind, column, line) in cases {
        let mut cells = good();
        edit(&mut cells);
        let reading = read_cells(&cells, &[]);
        // Where exactly a slip first leaves the range depends on the values.
        let line = line.or_else(|| reading.audit.findings.iter().find(|found| found.kind == *kind)?.line);
        println!("{name}");
        expect(&reading, kind, *column, line);
    }
}

/// Clocks that say more than a number: zones, summer time, pauses.
#[test]
fn timestamps_that_are_wrong() {
    let stamped = |text: &dyn Fn(usize) -> String| {
        let mut cells = good();
        (1..LINES).for_each(|row| cells[row][1] = text(row));
        // One long episode, so that its clock runs through.
        cells[1..].iter_mut().for_each(|row| row[0] = "1".to_owned());
        let mut reading = read_cells(&cells, &[]);
        // Where episodes meet, the reward cannot be right.
        reading.audit.findings.retain(|finding| finding.kind != "reward");
        reading
    };
    assert_eq!(stamped(&|row| timestamp(row, "Z")).audit.findings, []);
    assert_eq!(stamped(&|row| timestamp(row, "")).audit.findings, []);
    let day_later = |row: usize| timestamp(row + if row >= 700 { 1440 } else { 0 }, "Z");
    let gap = stamped(&day_later);
    expect(&gap, "gap", Some("time"), Some(701));
    assert!(gap.audit.findings[0].sentence.contains("1.0007 days"), "{:?}", gap.audit.findings);
    // The episode is cut there.
    assert_eq!(gap.log.episodes.len(), 2);
    expect(
        &stamped(&|row| timestamp(row, if row % 2 == 0 { "Z" } else { "+02:00" })),
        "time-zones",
        Some("time"),
        Some(3),
    );
    expect(
        &stamped(&|row| timestamp(row, if row < 900 { "Z" } else { "" })),
        "time-zones",
        Some("time"),
        Some(901),
    );
    expect(
        &stamped(&|row| timestamp(row + if row >= 400 { 60 } else { 0 }, "")),
        "daylight-saving",
        Some("time"),
        Some(401),
    );
    expect(
        &stamped(&|row| timestamp(row - if row >= 400 { 60 } else { 0 }, "")),
        "daylight-saving",
        Some("time"),
        Some(401),
    );
    let summer = |row: usize| {
        timestamp(row + if row >= 400 { 60 } else { 0 }, if row < 400 { "+01:00" } else { "+02:00" })
    };
    let summer = stamped(&summer);
    assert_eq!(
        summer.audit.findings.iter().map(|found| found.severity).collect::<Vec<_>>(),
        [Severity::Note]
    );
    let uneven = |row: usize| timestamp(2 * row + usize::from(row.is_multiple_of(20)), "Z");
    let uneven = stamped(&|row| {
        if row.is_multiple_of(20) { uneven(row).replace(":00Z", ":40Z") } else { uneven(row) }
    });
    expect(&uneven, "irregular-times", Some("time"), Some(21));
}

/// Files that are no logs at all: the message says where and what to do.
#[test]
fn what_cannot_be_read_is_refused_with_its_place() {
    let text = joined(&good(), ",");
    // A file of one byte per character has no UTF-8 before.
    let damaged: Vec<u8> = text.bytes().chain("ä,1\n".bytes()).chain(*b"\xE9t\xE9,1\n").collect();
    let utf16: Vec<u8> = [0xFF, 0xFE]
        .into_iter()
        .chain(text.encode_utf16().flat_map(u16::to_le_bytes))
        .chain([b'7'])
        .collect();
    let header_only = text.lines().next().unwrap().to_owned() + "\n";
    let without_header = text.split_once('\n').unwrap().1.to_owned();
    let twice = text.replacen("pressure", "temperature", 1);
    let open_quote = text.replacen("1,0,", "\"1,0,", 1);
    let huge = text.replacen("\n1,0,", &format!("\n{},0,", "9".repeat(70_000)), 1);
    for (bytes, parts) in [
        (Vec::new(), vec!["is empty"]),
        (b"\n \n".to_vec(), vec!["is empty"]),
        (damaged, vec!["line 1203 (byte ", "0xE9", "UTF-8"]),
        (utf16, vec!["byte ", "half a character of UTF-16"]),
        (b"batch,time\n\x00\x01\x02".to_vec(), vec!["line 2 (byte 11)", "not a text"]),
        (header_only.into_bytes(), vec!["there is a header and no row"]),
        (without_header.into_bytes(), vec!["line 1", "no names of columns"]),
        (twice.into_bytes(), vec!["line 1", "two columns have the name `temperature`"]),
        (huge.into_bytes(), vec!["line 32", "`batch` has 70000 bytes", "quote"]),
    ] {
        let error = read_bytes(&bytes, &[]).expect_err(parts[0]).to_string();
        for part in parts {
            assert!(error.contains(part), "{part}: {error}");
        }
    }
    // A quote that is never closed takes the rest of the file with it, whatever that is worth.
    match read_bytes(open_quote.as_bytes(), &[]) {
        Err(error) => assert!(error.to_string().contains("line"), "{error}"),
        Ok(reading) => assert!(reading.audit.errors().count() > 0, "{:?}", reading.audit),
    }
    let folder = tempfile::tempdir().unwrap();
    for (name, part) in [("log.xlsx", "as Parquet"), ("missing.csv", "cannot be read")] {
        let project = Project::from_text("setpoint.toml", PROJECT, &[]).unwrap();
        let path = folder.path().join(name);
        let error = read(&path, project.data.as_ref(), &spec(), &project.reward, &mut |_| {}).unwrap_err();
        assert!(error.to_string().contains(part), "{error}");
    }
}

/// Columns that the project does not name are looked for by their names, and what was found is proposed.
#[test]
fn a_mapping_is_proposed_where_the_project_has_none() {
    let unmapped = |bytes: &[u8], overrides: &[&str]| match read_bytes(bytes, overrides) {
        Err(ReadError::Unmapped(unmapped)) => *unmapped,
        other => panic!("{other:?}"),
    };
    let text = joined(&good(), ",");
    let found = unmapped(text.as_bytes(), &["data.features.temperature=temprature"]);
    assert!(found.reason.contains("did you mean `temperature`?"), "{}", found.reason);
    assert_eq!(found.open, Vec::<String>::new());
    let renamed = text.replacen("fill_level", "FILL_norm", 1).replacen("efficiency", "Line Efficiency", 1);
    let found = unmapped(renamed.as_bytes(), &["data.features.fill=gone"]);
    assert!(found.proposal.features.contains(&("fill".to_owned(), "FILL_norm".to_owned())), "{found:?}");
    assert_eq!(found.proposal.episode.as_deref(), Some("batch"));
    // "Line Efficiency" is not similar enough to be proposed: it is named as open.
    assert_eq!(found.open, ["efficiency"]);
}

/// 2,000 damaged copies of a log: each is read or refused with a message, none panics.
#[test]
fn hostile_bytes_are_read_or_refused() {
    let text = joined(&good()[..200].to_vec(), ",");
    let stamped: Cells = good()[..200]
        .iter()
        .enumerate()
        .map(|(row, cells)| {
            let mut cells = cells.clone();
            if row > 0 {
                cells[1] = timestamp(row, "+01:00");
            }
            cells
        })
        .collect();
    let stamped = joined(&stamped, ";");
    let mut draw = draws();
    let mut random = || draw() as usize;
    let mut refused = 0;
    for round in 0..2_000 {
        let mut bytes = if round % 2 == 0 { text.as_bytes() } else { stamped.as_bytes() }.to_vec();
        for _ in 0..1 + random() % 6 {
            let position = random() % bytes.len().max(1);
            match random() % 4 {
                _ if bytes.is_empty() => bytes.push(b'a'),
                0 => bytes[position] = b",;\"\n\t.-+:TZe\xC3\xA4\x009 "[random() % 17],
                1 => drop(bytes.drain(position..(position + random() % 300).min(bytes.len()))),
                2 => bytes.insert(position, b",\"\n-:"[random() % 5]),
                _ => bytes.truncate(position.max(1)),
            }
        }
        match read_bytes(&bytes, &[]) {
            Ok(reading) => {
                let log = &reading.log;
                assert_eq!(log.observations.len(), log.rows() * log.features);
                assert_eq!((log.actions.len(), log.lines.len()), (log.rows(), log.rows()));
                let rows: usize = log.episodes.iter().map(|episode| episode.rows.len()).sum();
                assert_eq!((rows, log.signals.len()), (log.rows(), 2 * log.rows()));
            }
            Err(error) => {
                refused += 1;
                assert!(error.to_string().len() > 10, "{error}");
            }
        }
    }
    assert!((1..2_000).contains(&refused), "{refused}");
}
