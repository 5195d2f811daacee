//! Logs as plants export them: each form by a small table, with what is read and what is said about it.

use setpoint_decision::Project;
use setpoint_decision::spec::{ActionSpace, Feature, Signal, Spec};
use setpoint_log::finding::{Finding, Severity};
use setpoint_log::read;
use setpoint_log::read::{ReadError, Reading};

const PROJECT: &str =
    "[process]\nkind = \"filler\"\n[reward]\nrate = 1.0\n[data]\ntime = \"time\"\naction = \"action\"\n";

fn spec() -> Spec {
    Spec {
        kind: "filler".to_owned(),
        observation: vec![
            Feature::new("pressure", "bar", 0.0, 10.0, "").ordinarily(4.0),
            Feature::new("level", "mm", 0.0, 5_000.0, "").ordinarily(900.0),
        ],
        action: ActionSpace::choices(&[("slower", ""), ("keep", ""), ("faster", "")]),
        signals: vec![Signal::new("rate", "1/h", 0.0, 9_000.0, "")],
        ..Spec::default()
    }
}

fn read_text(text: &str, overrides: &[&str]) -> Result<Reading, ReadError> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log.csv");
    std::fs::write(&path, text).unwrap();
    let overrides: Vec<String> = overrides.iter().map(|text| (*text).to_owned()).collect();
    let project = Project::from_text("setpoint.toml", PROJECT, &overrides).unwrap();
    project.bind(&spec()).unwrap();
    read(&path, project.data.as_ref(), &spec(), &project.reward, &mut |_| {})
}

fn good(text: &str, overrides: &[&str]) -> Reading {
    read_text(text, overrides).unwrap_or_else(|error| panic!("{error}"))
}

fn finding<'a>(reading: &'a Reading, kind: &str) -> &'a Finding {
    let found = reading.audit.findings.iter().find(|finding| finding.kind == kind);
    found.unwrap_or_else(|| panic!("no {kind}: {:#?}", reading.audit.findings))
}

fn features(reading: &Reading, index: usize) -> Vec<f32> {
    (0..reading.log.rows()).map(|row| reading.log.observation(row)[index]).collect()
}

#[test]
fn words_and_numbers_of_the_log_mean_choices() {
    let text = "time,pressure,level,action\n0,4.1,900,Langsamer\n1,4.2,901,30\n2,4.3,902,SCHNELLER\n3,4.4,903,keep\n";
    let words = r#"data.actions={ Langsamer = "slower", schneller = "faster", "30" = "keep" }"#;
    let reading = good(text, &[words]);
    assert_eq!(reading.log.actions, [0.0, 1.0, 2.0, 1.0]);
    // Without the words, the finding shows how to write them; 30 is no index.
    let reading = good(text, &[]);
    assert!(finding(&reading, "unknown-action").advice.contains("\"Langsamer\" = \"…\""));
    // If numbers have a meaning of their own, they are no indices: 1 is not `keep`.
    let codes = "time,pressure,level,action\n0,4.1,900,10\n1,4.2,901,1\n";
    let reading = good(codes, &[r#"data.actions={ "10" = "faster" }"#]);
    assert_eq!((reading.log.actions.as_slice(), reading.log.lines.as_slice()), (&[2.0][..], &[2][..]));
}

#[test]
fn thousands_in_doubt_stop_and_a_key_decides() {
    let text = "time,pressure,level,action\n0,4,\"1,408\",keep\n1,5,\"1,577\",keep\n";
    let doubt = good(text, &[]);
    let found = finding(&doubt, "thousands-or-decimals");
    assert_eq!((found.severity, found.line, found.count), (Severity::Error, Some(2), 2));
    assert!(found.advice.contains("decimal ="), "{found:?}");
    assert_eq!(features(&good(text, &["data.decimal=\".\""]), 1), [1408.0, 1577.0]);
    assert_eq!(features(&good(text, &["data.decimal=\",\""]), 1), [1.408, 1.577]);
    // Decimal points in another column decide; 812 has no mark at all.
    let told = good(&text.replace("0,4,", "0,4.5,").replace("\"1,577\"", "812"), &[]);
    assert_eq!(features(&told, 1), [1408.0, 812.0]);
    assert_eq!(finding(&told, "thousands").severity, Severity::Note);
}

#[test]
fn words_for_missing_values_are_counted_by_word() {
    let text = "time,pressure,level,action\n0,Scan Off,900,keep\n1,#WERT!,901,keep\n2,,902,keep\n3,Scan Off,903,keep\n4,4.1,904,keep\n";
    let reading = good(text, &[]);
    let found = finding(&reading, "missing-values");
    assert_eq!((found.line, found.count), (Some(2), 4));
    assert!(found.sentence.ends_with("2 × \"Scan Off\", 1 × \"#WERT!\", 1 × empty"), "{}", found.sentence);
}

#[test]
fn rows_of_bad_quality_are_left_out() {
    let text = "time,pressure,Quality,level,Quality,other,Quality,action\n\
                0,4.1,Good,900,192,7,Bad,keep\n1,0.0,Bad,901,192,7,Good,keep\n2,4.3,Good,0,24,7,Good,keep\n3,4.4,Good,903,216,7,Good,keep\n";
    let reading = good(text, &["data.quality=Quality"]);
    // The quality of a column that is not used does not count.
    assert_eq!(reading.log.lines, [2, 5]);
    let found = finding(&reading, "bad-quality");
    assert_eq!((found.line, found.count), (Some(3), 2));
    assert!(found.sentence.contains("1 × \"Bad\", 1 × \"24\""), "{}", found.sentence);
    let left_out = &reading.log.left_out;
    assert_eq!((left_out.bad_quality, left_out.rows), (2, 0));
    assert_eq!(left_out.sentence("line").unwrap(), "2 rows left out by `quality` of [data]");
    assert!(reading.log.episodes[0].cut && reading.log.episodes[1].continued);
    let reading = good(text, &["data.quality=Quality", "data.quality_good=[\"bad\"]"]);
    assert_eq!(reading.log.lines, [2, 3, 5]);
    // Without the key these columns have no meaning, and need no names of their own.
    assert_eq!(good(text, &[]).log.rows(), 4);
}

#[test]
fn a_name_that_is_used_must_be_the_only_one() {
    let text = "time,pressure,level,action,level\n0,4.1,900,keep,1\n";
    let error = read_text(text, &[]).unwrap_err().to_string();
    assert!(error.contains("line 1: two columns have the name `level`: columns 3, 5"), "{error}");
    let text = "pressure,level,time,action\n1,4.1,900,0,keep\n2,4.2,901,1,keep\n";
    let error = read_text(text, &[]).unwrap_err().to_string();
    assert!(
        error.contains("all 2 rows have another number of cells than the header, first 5 instead of 4"),
        "{error}"
    );
}

/// Hours of local time: `first` to the end, with an edit of the hours.
fn hourly(first: (u32, u32), hours: impl Iterator<Item = u32>) -> String {
    let (month, day) = first;
    let row = |hour: u32| {
        format!(
            "2027-{month:02}-{:02} {:02}:00,4.{},{},keep\n",
            day + hour / 24,
            hour % 24,
            hour % 10,
            900 + hour % 7
        )
    };
    "time,pressure,level,action\n".to_owned() + &hours.map(row).collect::<String>()
}

#[test]
fn an_hour_that_is_missing_or_comes_twice_in_the_night_of_a_change_is_summer_time() {
    // In 2027 the clocks change on 28 March and on 31 October, both at 02:00 or 03:00 of a Sunday.
    let spring = good(&hourly((3, 27), (0..72).filter(|hour| *hour != 26)), &[]);
    let autumn = good(&hourly((10, 29), (0..48).chain(48..51).chain(50..72)), &[]);
    for (reading, line) in [(&spring, 28), (&autumn, 53)] {
        let found = finding(reading, "daylight-saving");
        assert_eq!((found.line, found.count), (Some(line), 1), "{:?}", reading.audit.findings);
        assert!(
            reading
                .audit
                .findings
                .iter()
                .all(|finding| !["repeated-time", "gap"].contains(&finding.kind.as_str()))
        );
        assert_eq!(reading.log.episodes.len(), 1);
    }
    // At noon, and on a Saturday, it is a row that is missing, or one that is doubled.
    for missing in [36, 2] {
        let reading = good(&hourly((3, 27), (0..72).filter(|hour| *hour != missing)), &[]);
        assert!(reading.audit.findings.iter().all(|finding| finding.kind != "daylight-saving"), "{missing}");
    }
    let doubled = good(&hourly((10, 29), (0..14).chain(13..72)), &[]);
    assert_eq!(finding(&doubled, "repeated-time").line, Some(16));
}

#[test]
fn dates_whose_order_nothing_tells_are_a_warning_with_the_key() {
    let rows = |date: &str| {
        let row = |minute: u32| format!("{date} 10:{:02},4.{minute},90{minute},keep\n", 5 * minute);
        "time,pressure,level,action\n".to_owned() + &(0..9).map(row).collect::<String>()
    };
    let open = good(&rows("4/5/2027"), &[]);
    let found = finding(&open, "time-format");
    assert_eq!((found.severity, found.line), (Severity::Warning, Some(2)));
    assert!(found.advice.contains("time_format = "), "{}", found.advice);
    let stated = good(&rows("4/5/2027"), &["data.time_format=\"%m/%d/%Y %H:%M\""]);
    assert!(stated.audit.findings.iter().all(|finding| finding.kind != "time-format"));
    assert_eq!(finding(&good(&rows("4/25/2027"), &[]), "time-format").severity, Severity::Note);
    let other = good(&rows("4/5/2027"), &["data.time_format=\"%Y-%m-%d\""]);
    assert!(finding(&other, "unreadable-time").advice.contains("time_format"));
}

/// Tags that a historian stores at times of their own.
const LONG: &str = "TimeStamp;TagName;Value;Status\n\
    2027-05-03 06:00:00;pressure;4,1;Good\n2027-05-03 06:00:00;level;900;Good\n2027-05-03 06:00:00;action;keep;Good\n\
    2027-05-03 06:00:00;unused;1;Good\n\
    2027-05-03 06:01:00;pressure;4,2;Good\n2027-05-03 06:01:00;action;faster;Good\n\
    2027-05-03 06:01:30;level;950;Good\n\
    2027-05-03 06:02:00;pressure;9,9;Bad\n2027-05-03 06:02:00;action;keep;Good\n\
    2027-05-03 06:09:00;action;slower;Good\n2027-05-03 06:09:00;pressure;4,4;Good\n";

#[test]
fn a_long_table_becomes_a_row_per_decision() {
    let long = |overrides: &[&str]| {
        good(LONG, &[&["data.time=TimeStamp", "data.quality=Status"], overrides].concat())
    };
    let exact = long(&[]);
    assert_eq!(exact.log.actions, [1.0, 2.0, 1.0, 0.0]);
    // The line of a row is the line of its action.
    assert_eq!(exact.log.lines, [4, 7, 10, 11]);
    let bits = |values: &[f32]| values.iter().map(|value| value.to_bits()).collect::<Vec<_>>();
    let is =
        |reading: &Reading, index, values: &[f32]| assert_eq!(bits(&features(reading, index)), bits(values));
    // A row with a missing cell is left out.
    is(&exact, 0, &[4.1, f32::NAN, f32::NAN, f32::NAN]);
    is(&exact, 1, &[900.0, f32::NAN, f32::NAN, f32::NAN]);
    assert_eq!(finding(&exact, "long-table").count, 11);
    let absent = finding(&exact, "absent-values");
    assert!(
        absent.severity == Severity::Warning && absent.count == 3 && absent.advice.contains("hold_seconds"),
        "{absent:?}"
    );
    assert_eq!(finding(&exact, "bad-quality").line, Some(9));
    // With an age limit the last value holds: the level of 06:01:30 for 06:02, not for 06:09.
    let held = long(&["data.hold_seconds=90"]);
    is(&held, 0, &[4.1, 4.2, f32::NAN, f32::NAN]);
    is(&held, 1, &[900.0, 900.0, f32::NAN, f32::NAN]);
    assert_eq!(finding(&held, "held-values").count, 2);
    assert_eq!([exact.audit.left_out.rows, held.audit.left_out.rows], [3, 2]);
    // `missing = "hold"` passes over the bad value of 06:02, with the same greatest age.
    let passed = long(&["data.missing=hold", "data.hold_seconds=90"]);
    is(&passed, 0, &[4.1, 4.2, 4.2, f32::NAN]);
    is(&passed, 1, &[900.0, 900.0, 950.0, f32::NAN]);
    assert_eq!((finding(&passed, "held-values").count, passed.audit.left_out.rows), (3, 1));
    // The level of 06:01:30 is one row old at 06:09; the limits of rows and of seconds both apply.
    let both = |rows: &str| long(&["data.missing=hold", "data.hold_seconds=600", rows]);
    is(&both("data.hold_rows=1"), 1, &[900.0, 900.0, 950.0, 950.0]);
    // A reward belongs to one decision.
    let text = LONG.to_owned() + "2027-05-03 06:01:30;gain;7,5;Good\n2027-05-03 06:00:00;gain;2,5;Good\n";
    let keys = ["data.time=TimeStamp", "data.hold_seconds=90", "data.reward=gain"];
    let rewards = good(&text, &keys).log.rewards;
    assert!(rewards[0] == 2.5 && rewards[1..].iter().all(|reward| reward.is_nan()), "{rewards:?}");
    // Without seconds, a value between two rows belongs to neither.
    let rows = long(&["data.missing=hold", "data.hold_rows=1"]);
    is(&rows, 1, &[900.0, 900.0, f32::NAN, f32::NAN]);
}

#[test]
fn the_quality_of_a_table_of_tags_is_one_column_that_exists() {
    let error = |quality| read_text(LONG, &["data.time=TimeStamp", quality]).unwrap_err().to_string();
    let absent = error("data.quality=Statis");
    assert!(
        absent.contains("line 1: the log has no column `Statis` for `quality`: did you mean `Status`?"),
        "{absent}"
    );
    let each = error("data.quality={ level = \"Status\" }");
    assert!(each.contains("line 1: a table of tags has one column of quality; write quality = "), "{each}");
}

#[test]
fn values_of_two_episodes_are_never_in_one_row_of_a_table_of_tags() {
    // Both lots begin at the same moment, and their lines are mixed.
    let text = "lot,time,tag,value\nB7,0,pressure,5.5\nA3,0,pressure,2.5\nA3,0,level,700\nA3,0,action,keep\n\
                B7,0,action,faster\nB7,60,level,800\nB7,60,action,slower\nA3,60,action,keep\n";
    let reading = good(text, &["data.episode=lot", "data.hold_seconds=90"]);
    let log = &reading.log;
    assert_eq!(
        (log.lines.as_slice(), log.actions.as_slice()),
        (&[6, 8, 5, 9][..], &[2.0, 0.0, 1.0, 1.0][..])
    );
    let rows: Vec<_> = log.episodes.iter().map(|episode| episode.rows.clone()).collect();
    assert_eq!(rows, [0..2, 2..4]);
    // The first row of B7 has no level: the 700 belongs to A3. Each lot holds its own pressure.
    assert!(features(&reading, 1)[0].is_nan(), "{log:?}");
    assert_eq!(
        (features(&reading, 0)[1..].to_vec(), features(&reading, 1)[1..].to_vec()),
        (vec![5.5, 2.5, 2.5], vec![800.0, 700.0, 700.0])
    );
    assert!(reading.audit.findings.iter().all(|finding| finding.kind != "repeated-time"));
}

/// The value could be of either lot, and no known lot has the action.
#[test]
fn rows_without_an_episode_are_left_out_of_a_table_of_tags() {
    let text = "lot,time,tag,value\nB7,0,pressure,5.5\n,0,level,640\nB7,0,action,keep\n \t,30,action,slower\nA3,0,pressure,2.5\n\
                A3,0,level,700\nA3,0,action,faster\nnull,60,pressure,9.5\nB7,60,level,820\nB7,60,action,slower\n";
    let reading = good(text, &["data.episode=lot", "data.hold_seconds=90"]);
    let log = &reading.log;
    assert_eq!((log.lines.as_slice(), log.actions.as_slice()), (&[4, 11, 8][..], &[1.0, 0.0, 2.0][..]));
    let pieces: Vec<_> =
        log.episodes.iter().map(|episode| (episode.rows.clone(), episode.continued, episode.cut)).collect();
    assert_eq!(pieces, [(0..2, false, false), (2..3, false, false)]);
    assert!(features(&reading, 1)[0].is_nan() && features(&reading, 1)[1..] == [820.0, 700.0], "{log:?}");
    let missing = finding(&reading, "missing-episode");
    assert_eq!((missing.severity, missing.line, missing.count), (Severity::Warning, Some(3), 3));
    let columns: Vec<_> =
        log.left_out.columns.iter().map(|holes| (holes.column.as_str(), holes.missing, holes.line)).collect();
    assert_eq!((log.left_out.rows, columns), (4, vec![("lot", 3, 3), ("level", 1, 4)]));
    // The lines of B7 stand apart, and its rows are one episode.
    let note = &finding(&reading, "long-table").sentence;
    assert!(
        note.ends_with("rows with one name of an episode are taken together wherever they stand"),
        "{note}"
    );
    let none = read_text(&text.replace("B7", "").replace("A3", ""), &["data.episode=lot"]).unwrap_err();
    assert!(none.to_string().contains("line 2: no row states its episode: `lot` is blank"), "{none}");
}

#[test]
fn a_row_left_out_after_the_end_of_an_episode_does_not_cut_it() {
    let text = "time,pressure,level,action,end\n0,4.1,900,keep,0\n1,4.2,901,keep,1\n2,4.3,902\n3,4.4,903,keep,0\n4,4.5\n5,4.6,905,keep,0\n";
    let log = good(text, &["data.terminated=end"]).log;
    let ends: Vec<_> =
        log.episodes.iter().map(|episode| (episode.rows.len(), episode.continued, episode.cut)).collect();
    assert_eq!(ends, [(2, false, false), (1, true, true), (1, true, false)]);
    assert_eq!(log.episodes[0].terminated, Some(true));
    assert_eq!(log.of_one_episode(), [0..1, 1..3]);
    // The row left out states no lot, so that nothing shows whether it begins one.
    let lots = "lot,time,pressure,level,action,end\nP,0,4.1,900,keep,0\nP,1,4.2,901,keep,1\n,2,4.3,902,keep,0\nQ,3,4.4,903,keep,0\n,4,4.5,904,keep,0\nQ,5,4.6,905,keep,0\n";
    let log = good(lots, &["data.terminated=end", "data.episode=lot"]).log;
    let ends: Vec<_> = log.episodes.iter().map(|episode| (episode.rows.len(), episode.cut)).collect();
    assert_eq!(ends, [(2, false), (1, true), (1, false)]);
}

#[test]
fn times_beyond_every_calendar_are_unreadable() {
    let text = "time,pressure,level,action\n1e300,4.1,900,keep\n46110.25,4.2,901,keep\n-1e300,4.3,902,keep\n46110.5,4.4,903,keep\n";
    for format in ["serial", "unix", "unix_ms"] {
        let reading = good(text, &[&format!("data.time_format={format}")]);
        let found = finding(&reading, "unreadable-time");
        assert_eq!((found.line, found.count), (Some(2), 2), "{format}");
        assert_eq!(reading.log.rows(), 4);
    }
}

/// `hold_seconds` has a meaning in a table of tags, and with `missing = "hold"`; elsewhere it would do nothing.
#[test]
fn an_age_without_anything_to_hold_is_refused() {
    let text = "time,pressure,level,action\n0,4.1,900,keep\n1,4.2,,keep\n2,4.3,902,keep\n";
    let error = read_text(text, &["data.hold_seconds=5"]).unwrap_err().to_string();
    assert!(
        error.contains("`hold_seconds` of [data] holds no value: the log is no table of tags"),
        "{error}"
    );
    let held = good(text, &["data.hold_seconds=5", "data.missing=hold"]);
    assert_eq!(features(&held, 1), [900.0, 900.0, 902.0]);
}

#[test]
fn a_mapping_is_proposed_from_words_and_units_with_the_reason() {
    let text =
        "Zeit,Filler pressure [bar],Level,Operator action\ns,,mm,-\n0,4.1,900,keep\n1,4.2,901,faster\n";
    let Err(ReadError::Unmapped(unmapped)) = read_text(text, &[]) else { panic!("the names differ") };
    assert_eq!(unmapped.proposal.features[0].1, "Filler pressure [bar]");
    assert_eq!(unmapped.proposal.features[1].1, "Level");
    assert_eq!(unmapped.open, Vec::<String>::new());
    let reasons = unmapped.reasons.join("\n");
    assert!(
        reasons.contains("pressure = \"Filler pressure [bar]\"") && reasons.contains("unit bar too"),
        "{reasons}"
    );
    assert!(reasons.contains("level = \"Level\": the words agree (level), and the unit mm too"), "{reasons}");
    assert!(reasons.contains("action = \"Operator action\""), "{reasons}");
}

/// A signal with the name of a feature is the feature of the next row; the last row has no result.
#[test]
fn rewards_follow_from_signals_where_the_log_has_none() {
    let project = "[process]\nkind = \"plant\"\n[reward]\nlevel = 2.0\nmodel_uncertainty = -1.0\n\
                   [[feature]]\nname = \"level\"\nlow = 0\nhigh = 9\ncolumn = \"LT\"\n\
                   [[choice]]\nname = \"open\"\ncolumn = \"V\"\nvalue = \"\"\n[[choice]]\nname = \"close\"\nvalue = 7\n\
                   [[signal]]\nname = \"level\"\n[[signal]]\nname = \"model_uncertainty\"\n[data]\n";
    let read_with = |data: &str| {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log.csv");
        std::fs::write(&path, "t,LT,V\n0,1,7\n1,2,\n2,4,7\n3,3,7\n4,5,\n").unwrap();
        let project = Project::from_text("test", &format!("{project}{data}"), &[]).unwrap();
        let spec = project.spaces.spec();
        project.bind(&spec).unwrap();
        read(&path, project.data.as_ref(), &spec, &project.reward, &mut |_| {}).unwrap()
    };
    let reading = read_with("time = \"t\"\n");
    assert_eq!(reading.log.actions, [1.0, 0.0, 1.0, 1.0, 0.0]);
    assert_eq!(reading.log.rewards[..4], [4.0, 8.0, 6.0, 10.0]);
    assert!(reading.log.rewards[4].is_nan());
    let computed = finding(&reading, "reward-computed");
    assert_eq!((computed.severity, computed.count), (Severity::Warning, 4));
    assert!(computed.sentence.contains("without model_uncertainty"), "{}", computed.sentence);
    // Cut into episodes, each row but the last keeps its result.
    let cut = read_with("time = \"t\"\nepisode_rows = 2\n").log;
    let episodes: Vec<_> =
        cut.episodes.iter().map(|episode| (episode.rows.clone(), episode.terminated)).collect();
    assert_eq!(episodes, [(0..2, Some(false)), (2..4, Some(false)), (4..5, None)]);
    assert_eq!(cut.rewards[..4], [4.0, 8.0, 6.0, 10.0]);
}
