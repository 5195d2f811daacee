//! The parts of columns, guessed from tables of many kinds.

use setpoint_log::profile::profile;
use setpoint_log::profile::roles::{Part, Role, Stated, roles};

/// The part of each column of a table, by its heading.
fn parts(text: &str, stated: &Stated) -> Result<Vec<(String, Role)>, String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log.csv");
    std::fs::write(&path, text).unwrap();
    let profile = profile(&path, &mut |_| {}).map_err(|error| error.to_string())?;
    let roles = roles(&profile, stated)?;
    Ok(profile.header.into_iter().zip(roles).collect())
}

#[track_caller]
fn assert_parts(text: &str, expected: &[(&str, Part)]) {
    let found = parts(text, &Stated::default()).unwrap();
    for (heading, part) in expected {
        let (_, role) =
            found.iter().find(|(own, _)| own == heading).unwrap_or_else(|| panic!("{heading} {found:?}"));
        assert_eq!(role.part, *part, "{heading}: {}", role.reason);
    }
}

/// A number that varies like a measurement, from -1 to 1.
fn noise(row: usize, column: usize) -> f64 {
    let mixed = (row * 7_919 + column * 104_729 + row * row * 31) % 2_003;
    mixed as f64 / 1_001.0 - 1.0
}

fn table(header: &str, rows: usize, row: impl Fn(usize) -> String) -> String {
    let rows: String = (0..rows).map(|index| format!("{}\n", row(index))).collect();
    format!("{header}\n{rows}")
}

const LESS: Part = Part::Outcome { more: false, is_named: true };
const MORE: Part = Part::Outcome { more: true, is_named: true };

#[test]
fn set_points_batches_and_codes_of_quality() {
    let text = table("Batch;t;TT101;TT101_quality;HeatSP;Yield;Operator;Scrap", 600, |row| {
        format!(
            "B{:03};{};{:.2};{};{:.1};{:.3};{};{:.2}",
            row / 40,
            row % 40,
            70.0 + 5.0 * noise(row, 1),
            if row % 97 == 5 { 24 } else { 192 },
            60.0 + 5.0 * ((row / 20 * 3) % 4) as f64,
            0.9 + 0.05 * noise(row, 2),
            ["Ann", "Bo", "Cy"][row / 100 % 3],
            1.0 + noise(row, 3)
        )
    });
    assert_parts(
        &text,
        &[
            ("Batch", Part::Episode),
            ("t", Part::Time),
            ("TT101", Part::Feature),
            ("TT101_quality", Part::Quality(Some(2))),
            ("HeatSP", Part::Setting),
            ("Yield", MORE),
            ("Operator", Part::Unused),
            ("Scrap", LESS),
        ],
    );
}

#[test]
fn a_column_that_changes_in_steps_is_an_action_without_any_word_for_it() {
    let text = table("when,a,b,c", 500, |row| {
        format!(
            "2026-03-01 {:02}:{:02},{},{:.3},{:.3}",
            row / 60,
            row % 60,
            row / 17 % 3,
            noise(row, 1),
            noise(row, 2)
        )
    });
    let last = Part::Outcome { more: true, is_named: false };
    assert_parts(&text, &[("when", Part::Time), ("a", Part::Choice), ("b", Part::Feature), ("c", last)]);
    // Few words are a choice; an empty cell may be one too.
    let text = table("when,valve,b", 300, |row| {
        format!(
            "2026-03-01 {:02}:{:02},{},{:.3}",
            row / 60,
            row % 60,
            if row % 9 == 0 { "opened" } else { "" },
            noise(row, 1)
        )
    });
    assert_parts(&text, &[("valve", Part::Choice), ("b", last_unnamed())]);
}

fn last_unnamed() -> Part {
    Part::Outcome { more: true, is_named: false }
}

#[test]
fn a_log_without_an_action_is_refused_until_somebody_names_it() {
    let text =
        table("step,level,flow", 200, |row| format!("{row},{:.3},{:.3}", noise(row, 1), noise(row, 2)));
    let refused = parts(&text, &Stated::default()).unwrap_err();
    assert!(
        refused.contains("no column looks like an action") && refused.contains("--action COLUMN"),
        "{refused}"
    );
    let stated = Stated { actions: vec!["flow".to_owned()], ..Stated::default() };
    let found = parts(&text, &stated).unwrap();
    assert_eq!(found[2].1.part, Part::Setting);
    let stated = Stated { episode: Some("Batch".to_owned()), ..Stated::default() };
    assert!(
        parts(&text, &stated).unwrap_err().contains("no column `Batch`; its columns are step, level, flow")
    );
}

#[test]
fn a_long_table_is_known_by_its_tags() {
    let mut text = "Timestamp,TagName,Value,Quality\n".to_owned();
    for row in 0..400 {
        let time = format!("2026-03-01T{:02}:{:02}:00Z", row / 60, row % 60);
        for (tag, value) in [
            ("L1.Level", format!("{:.3}", 2.0 + noise(row, 1))),
            ("L1.Mode_cmd", (row / 13 % 3).to_string()),
            ("L1.Rejects", format!("{:.2}", 3.0 + noise(row, 2))),
        ] {
            text += &format!("{time},{tag},{value},{}\n", if row % 50 == 7 { "Bad" } else { "Good" });
        }
    }
    assert_parts(
        &text,
        &[
            ("Timestamp", Part::Time),
            ("L1.Level", Part::Feature),
            ("L1.Mode_cmd", Part::Choice),
            ("L1.Rejects", LESS),
        ],
    );
}

#[test]
fn interpolated_values_lie_on_the_line_between_their_neighbours_and_measured_ones_do_not() {
    // A value stored every seven rows, and one in every row.
    let text = table("step,stored,measured", 700, |row| {
        let (before, after) = (noise(row / 7, 1), noise(row / 7 + 1, 1));
        let share = (row % 7) as f64 / 7.0;
        format!("{row},{:.4},{:.4}", before + share * (after - before), noise(row, 2))
    });
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log.csv");
    std::fs::write(&path, text).unwrap();
    let found = profile(&path, &mut |_| {}).unwrap();
    let share = |column: usize| found.columns[column].on_line_share().unwrap();
    assert!(share(1) > 0.6 && share(2) < 0.05, "{} {}", share(1), share(2));
}

#[test]
fn hostile_tables_are_refused_or_read() {
    for text in ["", "a\n", "a;b;c\n", "1,2\n3,4\n", "a,a,a\nx,y,z\n", "a,b\n1\n", "\u{0}\u{1}\n\u{2}"] {
        let refused = parts(text, &Stated::default()).unwrap_err();
        assert!(!refused.is_empty(), "{text:?}");
    }
}
