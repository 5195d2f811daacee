//! A key of the project file has one place: the file of its table in `src/` reads it, checks it and writes it.
//! A new key is added there and to [`PROJECT`] below.

use std::path::Path;

use setpoint_decision::Project;

/// A project in which every key of these tables is written.
const PROJECT: &str = r#"
[decision]
name = "line"
controls = "speed"
mode = "automatic"
reward_delay = "3 steps"
deployment = "next to the controller"
success = "5 % more parts"
[process]
kind = "assembly-line"
max_steps = 100
hide = ["buffer"]
[reward]
wip = -1.0
on_terminated = -5.0
on_truncated = 1.0
[safety]
failure_prob = "lower"
[[constraint]]
when = { signal = "failure_prob", above = 0.1, below = 0.9 }
forbid = ["increase_speed"]
[[scenario]]
name = "full"
description = "much work in progress"
set = { wip = 0.75 }
[[scenario]]
name = "calm"
description = "doing nothing beats speeding"
prefer = { actions = ["no_action"] }
over = { policy = "random" }
steps = 20
episodes = 10
[[disturbance]]
kind = "noise"
sd = [0.0, 0.02]
[curriculum]
levels = ["clean", "noisy"]
advance_above = [10.0]
advance_after = [1000]
episodes = 50
rehearsal = 0.1
forgotten_percent = 5.0
[data]
file = "/logs/log.csv"
episode = "shift"
time = "at"
action = "action"
reward = "reward"
probability = "p"
terminated = "end"
values = "natural"
time_format = "%d.%m.%Y %H:%M"
decimal = ","
quality = "state"
quality_good = ["ok"]
actions = { "3" = "no_action" }
gap_warn_percent = 1.0
gap_fail_percent = 2.0
missing = "hold"
hold_rows = 3
hold_seconds = 60.0
exclude = ["rows 12-18", "2026-03-01..2026-03-02"]
accept = ["stuck:level"]
action_offset = 1
reward_lag = -1
features = { wip = "w" }
signals = { wip = "w" }
[train]
algorithm = "ppo"
total_steps = 1000
total_episodes = 10
seed = 3
target_return = 100.0
checkpoint_every_updates = 5
checkpoint_every_seconds = 20
log_every_updates = 2
[train.ppo]
gamma = 0.9
[evaluate]
episodes = 10
seed = 7
baselines = ["random", "heuristic"]
against = "random"
required_lift_percent = 2.0
headline = "failure_prob"
headline_better = "lower"
required_lift = "0.5 1"
allow_more_failures = 2.5
termination = "failure"
deterministic = false
level = "clean"
disturbed = false
max_steps = 9_000
every_steps = 500
keep = "best"
[planning]
search = "random-shooting"
horizon = 7
plans = 30
rounds = 2
elite_share = 0.25
copies = 5
discount = 0.95
uncertainty_penalty = 1.5
[tune.ranges]
gamma = [0.9, 0.99]
"#;

/// Tables whose keys are all known here, and the file of each.
const TABLES: &[(&str, &str)] = &[
    ("decision", "charter.rs"),
    ("curriculum", "curriculum.rs"),
    ("data", "data.rs"),
    ("train", "train.rs"),
    ("evaluate", "evaluate.rs"),
    ("planning", "planning.rs"),
    ("tune", "tuning.rs"),
];

/// Every key that the reader of a table knows: the error about an unknown key lists them.
fn keys(table: &str) -> Vec<String> {
    let error = Project::from_text("test", PROJECT, &[format!("{table}.no_such_key=1")]).unwrap_err();
    assert_eq!(error.title, format!("unknown key `no_such_key` in [{table}]"));
    let help = error.help.unwrap();
    let keys = help.strip_prefix("keys here: ").unwrap();
    keys.split(", ").map(str::to_owned).collect()
}

#[test]
fn every_key_that_is_read_is_written_out_again() {
    let written = Project::from_text("test", PROJECT, &[]).unwrap().to_toml();
    for (table, _) in TABLES {
        let found: Vec<&String> = written[*table].as_table().unwrap().keys().collect();
        let missing: Vec<String> = keys(table).into_iter().filter(|key| !found.contains(&key)).collect();
        assert!(missing.is_empty(), "[{table}] loses {missing:?}");
    }
    // What is written is the same project, and writes the same.
    let again = Project::from_text("again", &toml::to_string(&written).unwrap(), &[]).unwrap();
    assert_eq!(again.to_toml(), written);
    let file: toml::Table = PROJECT.parse().unwrap();
    for (table, value) in &file {
        let Some(value) = value.as_table() else { continue };
        for (key, value) in value.iter().filter(|(key, _)| *key != "ppo") {
            assert_eq!(written[table].get(key), Some(value), "[{table}] {key}");
        }
    }
}

#[test]
fn a_key_is_read_in_one_file() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let files: Vec<(String, String)> = std::fs::read_dir(source)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_file())
        .map(|path| {
            let text = std::fs::read_to_string(&path).unwrap();
            // A reader's call with the key as its first argument, whatever the line breaks; an error names keys too.
            let text: String = text.split_whitespace().collect();
            (path.file_name().unwrap().to_string_lossy().into_owned(), text.replace(".error(", ""))
        })
        .collect();
    let all: Vec<(String, &str)> =
        TABLES.iter().flat_map(|(table, file)| keys(table).into_iter().map(|key| (key, *file))).collect();
    for (key, file) in &all {
        // Names that tables share, such as `seed`, are read once in each of them.
        let expected: Vec<&str> =
            all.iter().filter(|(other, _)| other == key).map(|(_, file)| *file).collect();
        let call = [format!("(\"{key}\","), format!(".table(\"{key}\")")];
        let reads = |text: &str| call.iter().any(|call| text.contains(call));
        let found: Vec<&str> =
            files.iter().filter(|(_, text)| reads(text)).map(|(name, _)| name.as_str()).collect();
        assert!(found.contains(file), "{file} does not read `{key}`");
        let elsewhere = found.iter().filter(|name| !expected.contains(name) && !SHARED.contains(name));
        assert_eq!(elsewhere.collect::<Vec<_>>(), Vec::<&&str>::new(), "`{key}` of {file}");
    }
}

/// Files of tables of which a project may have several: their keys are not listed here, and some have the names of
/// others. `project.rs` names tables, of which `reward` is a key elsewhere; `process_choice.rs` reads `max_steps` of `[process]`, and
/// `[evaluate]` has its own.
const SHARED: &[&str] =
    &["scenario.rs", "preference.rs", "disturbance.rs", "constraint.rs", "project.rs", "process_choice.rs"];
