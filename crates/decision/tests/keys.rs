//! A key of the project file has one place: the file of its table in `src/` reads it, checks it and writes it.
//! A new key is added there and to [`PROJECT`] below.

use std::path::Path;

use setpoint_decision::data::{ActionColumns, Values};
use setpoint_decision::{Project, rule};

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
[[rule]]
when = { feature = "wip", above = 0.5 }
do = "redirect_flow"
[[rule]]
do = { action = "no_action" }
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
episode_rows = 500
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

/// A project in which every key of the tables of a declared process is written.
const DECLARED: &str = r#"
[process]
kind = "plant"
[reward]
level = 1.0
[data]
file = "/logs/tank.csv"
time = "at"
episode_rows = 200
features = { flow = "FT-2" }
[[feature]]
name = "level"
unit = "m"
description = "of the tank"
low = 0.5
high = 4.5
reference = 2.5
scale = 2.0
offset = 1.0
column = "LT-1"
[[feature]]
name = "flow"
unit = "l/s"
low = -1.0
high = 1.0
[[choice]]
name = "open"
group = "valve"
description = "lets water in"
column = "V1"
value = "1"
[[choice]]
name = "close"
group = "valve"
value = "0"
[[setting]]
name = "heat"
unit = "kW"
description = "of the heater"
low = 0.0
high = 20.0
step = 0.5
column = "H1"
[[signal]]
name = "level"
unit = "m"
low = 0.0
high = 5.0
column = "LT-1"
summary = "total"
[[signal]]
name = "spilled"
unit = "l"
summary = "mean"
[[rule]]
when = [{ feature = "level", above = 4.0 }, { signal = "spilled", below = 9.0 }]
do = { valve = "close" }
[[rule]]
do = { valve = "open", heat = 3.5 }
"#;

#[test]
fn declared_spaces_are_written_out_again_and_complete_the_log() {
    let project = Project::from_text("test", DECLARED, &[]).unwrap();
    let spec = project.spaces.spec();
    project.bind(&spec).unwrap();
    let written = project.to_toml();
    let file: toml::Table = DECLARED.parse().unwrap();
    for table in ["feature", "choice", "setting", "rule"] {
        assert_eq!(written[table], file[table], "{table}");
    }
    let again = Project::from_text("again", &toml::to_string(&written).unwrap(), &[]).unwrap();
    assert_eq!((again.to_toml(), &again.spaces, &again.data), (written, &project.spaces, &project.data));

    // The policy sees (natural − offset) / scale; a signal takes unit and bounds of the feature of its name.
    let level = &spec.observation[0];
    assert_eq!((level.low, level.high, level.reference), (-0.25, 1.75, 0.75));
    assert_eq!(level.natural(level.high), 4.5);
    assert_eq!(spec.action.part_names(), ["valve", "heat"]);
    assert_eq!(spec.action.axes[0].step, Some(0.5));
    assert_eq!((spec.signals[1].low, spec.signals[1].high), (f32::MIN, f32::MAX));

    let data = project.data.as_ref().unwrap();
    let pairs = |pairs: &[(&str, &str)]| -> Vec<(String, String)> {
        pairs.iter().map(|(name, column)| ((*name).to_owned(), (*column).to_owned())).collect()
    };
    assert_eq!(data.values, Values::Natural);
    assert_eq!(data.features, pairs(&[("flow", "FT-2"), ("level", "LT-1")]));
    assert_eq!(data.actions, pairs(&[("1", "open"), ("0", "close")]));
    assert_eq!(data.action, Some(ActionColumns::Axes(pairs(&[("valve", "V1"), ("heat", "H1")]))));
}

#[test]
fn a_rule_gives_what_it_names_and_the_last_rule_the_rest() {
    let project = Project::from_text("test", DECLARED, &[]).unwrap();
    let actions = rule::actions(&project.rules, &project.spaces.spec());
    assert_eq!(actions, [[1.0, 3.5], [0.0, 3.5]]);
    let incomplete = DECLARED.replace("do = { valve = \"open\", heat = 3.5 }", "do = \"open\"");
    let project = Project::from_text("test", &incomplete, &[]).unwrap();
    let error = project.bind(&project.spaces.spec()).unwrap_err().to_string();
    assert!(error.contains("the last rule does not give `heat`"), "{error}");
    let outside = DECLARED.replace("heat = 3.5", "heat = 35.0");
    let project = Project::from_text("test", &outside, &[]).unwrap();
    let error = project.bind(&project.spaces.spec()).unwrap_err().to_string();
    assert!(error.contains("the value 35 lies outside the range of `heat`"), "{error}");
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
const SHARED: &[&str] = &[
    "scenario.rs",
    "preference.rs",
    "disturbance.rs",
    "constraint.rs",
    "rule.rs",
    "spaces.rs",
    "project.rs",
    "process_choice.rs",
];
