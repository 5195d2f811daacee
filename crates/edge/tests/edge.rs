//! The interface for people and programs: tables, one JSON document, exit status, clear errors; and the parts that the
//! program leaves out.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;
use setpoint_nn::mlp::{Activation, Mlp};
use setpoint_policy::Policy;
use setpoint_policy::head::Head;
use setpoint_policy::manifest::Manifest;

fn edge(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_setpoint-edge")).args(arguments).output().unwrap()
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| {
        panic!("not one JSON document: {error}\n{}{}", stdout(output), stderr(output))
    })
}

/// A folder with a project of the cart and its pole, and a hand-made policy file.
struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        let place = Self { folder: tempfile::tempdir().unwrap() };
        std::fs::write(place.project(), PROJECT).unwrap();
        std::fs::write(place.policy(), balancing().to_bytes()).unwrap();
        place
    }

    fn project(&self) -> PathBuf {
        self.folder.path().join("setpoint.toml")
    }

    fn policy(&self) -> PathBuf {
        self.folder.path().join("policy.safetensors")
    }

    /// A command with the policy and the project.
    fn ask(&self, command: &str, rest: &[&str]) -> Output {
        let (policy, project) = (self.policy(), self.project());
        edge(&[&[command, "--policy", text(&policy), text(&project)], rest].concat())
    }
}

const PROJECT: &str = r#"
[decision]
name = "balance"

[process]
kind = "cart-pole"

[reward]
upright       = 1.0
on_terminated = -100.0

[[constraint]]
when   = { feature = "cart_position", above = 2.0 }
forbid = ["push_right"]

[[scenario]]
name = "leaning"
set  = { pole_angle = 0.1 }

[train]
algorithm = "ppo"

[evaluate]
episodes              = 20
baselines             = ["heuristic", "random"]
required_lift_percent = 50
"#;

/// The controller of the cart's heuristic as a network without hidden layers: it balances for all 500 steps.
fn balancing() -> Policy {
    let spec = setpoint_processes::open_kind("cart-pole", None).unwrap().spec().clone();
    // `[features, choices]`, then the bias: pushes to where the pole leans.
    let gains = [0.04_f32, 0.07, 1.0, 0.2];
    let parameters = gains.into_iter().flat_map(|gain| [-100.0 * gain, 100.0 * gain]).chain([0.0; 2]);
    let manifest = Manifest {
        setpoint_version: "0.1.0".into(),
        project: "balance".into(),
        process: "cart-pole".into(),
        algorithm: "ppo".into(),
        seed: 0,
        steps: 0,
        network: Mlp { input: 4, hidden: Vec::new(), output: 2, activation: Activation::Linear }.into(),
        tensors: Vec::new(),
        observation: spec.observation,
        action: spec.action,
        signals: spec.signals,
        constraints: Vec::new(),
        head: Head::Categorical,
        discretization: None,
        clip_observation: None,
        normalization_epsilon: 1e-8,
    };
    Policy::new(manifest, parameters.collect(), Vec::new(), None)
}

#[test]
fn a_policy_file_is_evaluated_against_the_baselines_of_a_project() {
    let place = Place::new();
    let found = place.ask("eval", &[]);
    let shown = stdout(&found);
    assert_eq!(found.status.code(), Some(0), "{shown}{}", stderr(&found));
    for expected in ["20 episodes × 1 seed(s)", "policy against random", "✓ gate passed", "push_left"] {
        assert!(shown.contains(expected), "{expected}:\n{shown}");
    }
    let found = place.ask("eval", &["--json", "--episodes", "10", "--seeds", "2"]);
    let document = json(&found);
    assert_eq!((&document["command"], &document["status"]), (&"eval".into(), &0.into()));
    assert_eq!(document["policy"], text(&place.policy()));
    let evaluation = &document["evaluation"];
    assert_eq!(evaluation["episodes_per_seed"], 10);
    assert_eq!(evaluation["policy"]["episode_return"]["mean"], 500.0);
    assert_eq!(evaluation["baselines"][0]["episode_return"]["mean"], 500.0);
    assert!(evaluation["baselines"][1]["episode_return"]["mean"].as_f64().unwrap() < 60.0);
    assert!(stderr(&found).contains("evaluation seed: reward per step"), "tables go to standard error");
}

/// The heuristic balances for all 500 steps: no policy is better.
#[test]
fn a_gate_that_is_not_passed_is_status_1() {
    let place = Place::new();
    let project = PROJECT.replace(r#"["heuristic", "random"]"#, r#"["random", "heuristic"]"#);
    std::fs::write(place.project(), project).unwrap();
    let found = place.ask("eval", &[]);
    assert_eq!(found.status.code(), Some(1), "{}", stderr(&found));
    assert!(stdout(&found).contains("✗ gate failed"), "{}", stdout(&found));
}

#[test]
fn a_state_is_answered_with_and_without_a_project() {
    let place = Place::new();
    let policy = place.policy();
    let first = |document: &Value| {
        let recommendation = &document["recommendations"][0]["recommendation"];
        recommendation["actions"][0]["name"].as_str().unwrap_or_default().to_owned()
    };
    let ask =
        |rest: &[&str]| json(&edge(&[&["recommend", "--json", "--policy", text(&policy)], rest].concat()));
    assert_eq!(first(&ask(&["--set", "pole_angle=0.1"])), "push_right");
    assert_eq!(first(&ask(&["--state", r#"{"pole_angle": -0.1}"#])), "push_left");
    assert_eq!(first(&ask(&["--set", "pole_angle=0.1", "--impossible", "push_right"])), "push_left");
    let found = place.ask("recommend", &["--scenario", "leaning"]);
    let shown = stdout(&found);
    assert_eq!(found.status.code(), Some(0), "{}", stderr(&found));
    assert!(shown.contains("leaning: ") && shown.contains("1. push_right"), "{shown}");
    assert!(shown.contains("what drives the first choice"), "{shown}");
}

#[test]
fn a_table_of_states_becomes_a_table_of_recommendations() {
    let place = Place::new();
    let (states, answers) = (place.folder.path().join("states.csv"), place.folder.path().join("do.csv"));
    // A column with its unit behind the numbers, an empty cell, and a semicolon between the cells.
    std::fs::write(&states, "pole_angle;cart_position\n0.1;0\n-0.1;\n0.1;2.2\n").unwrap();
    let ask = |rest: &[&str]| place.ask("recommend", &[&["--state", text(&states)], rest].concat());
    let found = ask(&["--output", text(&answers), "--json"]);
    assert_eq!(found.status.code(), Some(0), "{}", stderr(&found));
    let document = json(&found);
    let first: Vec<(&str, &str)> = document["recommendations"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| (&row["scenario"], &row["recommendation"]["actions"][0]["name"]))
        .map(|(name, action)| (name.as_str().unwrap(), action.as_str().unwrap()))
        .collect();
    assert_eq!(first, [("line 2", "push_right"), ("line 3", "push_left"), ("line 4", "push_right")]);
    let assumed = |row: usize| document["recommendations"][row]["assumed"].as_array().unwrap().len();
    assert_eq!([assumed(0), assumed(1)], [2, 3], "an empty cell is no value");
    let written = std::fs::read_to_string(&answers).unwrap();
    let rows: Vec<Vec<&str>> = written.lines().map(|row| row.split(',').collect()).collect();
    assert_eq!(rows[0][..3], ["state", "action", "probability"]);
    let named: Vec<[&str; 2]> = rows[1..].iter().map(|row| [row[0], row[1]]).collect();
    assert_eq!(named, [["line 2", "push_right"], ["line 3", "push_left"], ["line 4", "push_right"]]);
    // The file is there now, and a table with a wrong value is refused with its line.
    let again = ask(&["--output", text(&answers)]);
    assert!(stderr(&again).contains("--output replaces no file"), "{}", stderr(&again));
    for (table, expected) in [
        ("pole_angle,cart_position\n0.1,0\n0.1,far\n", "line 3: `cart_position=far`"),
        ("pole_angle;cart_position\n0.1;1,408\n0.2;1,409\n", "without a comma"),
        ("pole_angle,pole_angle\n0.1,0.2\n", "pole_angle"),
        (
            "pole_angle,cart_position\n[rad],[ft]\n0.1,0.2\n",
            "`cart_position` is given in ft: expected a number, or a number in m",
        ),
    ] {
        std::fs::write(&states, table).unwrap();
        let refused = ask(&[]);
        assert_eq!(refused.status.code(), Some(2), "{table}");
        assert!(stderr(&refused).contains(expected), "{table}{}", stderr(&refused));
    }
    // The units of the columns stand below their names.
    std::fs::write(&states, "pole_angle,cart_position\n[rad],[m]\n0.1,0.5\n").unwrap();
    let found = json(&ask(&["--json"]));
    assert_eq!(found["recommendations"][0]["state"]["cart_position"], 0.5);
}

#[test]
fn many_states_have_a_row_each() {
    let place = Place::new();
    let states = place.folder.path().join("states.csv");
    let rows: String = (0..12).map(|row| format!("{},0,0,0\n", 0.01 * f64::from(row - 6))).collect();
    std::fs::write(&states, format!("pole_angle,cart_position,cart_velocity,pole_angular_velocity\n{rows}"))
        .unwrap();
    let found = place.ask("recommend", &["--state", text(&states)]);
    let shown = stdout(&found);
    assert_eq!(found.status.code(), Some(0), "{}", stderr(&found));
    assert!(shown.contains("line 2") && shown.contains("line 13"), "{shown}");
    let level = shown.lines().find(|row| row.trim_start().starts_with("line 8")).unwrap();
    assert!(level.contains("no clear preference"), "an upright pole asks for nothing: {level}");
    assert!(!shown.contains("what drives"), "{shown}");
}

#[test]
fn a_program_gets_a_document_whatever_is_wrong_with_the_arguments() {
    for (arguments, command, status) in [
        (&["recommend", "--bogus", "--json"][..], "error", 2),
        (&["--json"][..], "error", 2),
        (&["--json", "--help"][..], "help", 0),
        (&["eval", "--json", "--help"][..], "help", 0),
    ] {
        let output = edge(arguments);
        let document = json(&output);
        assert_eq!(
            (document["command"].as_str(), document["status"].as_i64()),
            (Some(command), Some(status))
        );
        assert_eq!(output.status.code().map(i64::from), Some(status), "{arguments:?}");
    }
}

#[test]
fn bad_input_is_status_2_with_the_fix() {
    let place = Place::new();
    let policy = place.policy();
    let refused = |output: Output, expected: &[&str]| {
        let error = stderr(&output);
        assert_eq!(output.status.code(), Some(2), "{error}");
        for text in expected {
            assert!(error.contains(text), "{text}: {error}");
        }
    };
    refused(edge(&["recommend", "--policy", text(&policy), "--scenario", "leaning"]), &["give its folder"]);
    refused(place.ask("recommend", &["--scenario", "standing"]), &["\"standing\"", "leaning"]);
    refused(place.ask("recommend", &["--set", "pole_angel=1"]), &["pole_angle"]);
    refused(
        edge(&["eval", "--policy", "nowhere.safetensors", text(&place.project())]),
        &["nowhere.safetensors"],
    );
    refused(edge(&["eval", text(&place.project())]), &["--policy <FILE>"]);
    refused(edge(&["train"]), &["unrecognized subcommand"]);
    // An error of the project names its line; another process is refused before anything is played.
    std::fs::write(place.project(), PROJECT.replace("\"cart-pole\"", "\"cart-poll\"")).unwrap();
    refused(place.ask("eval", &[]), &["setpoint.toml:6", "did you mean `cart-pole`?"]);
    std::fs::write(place.project(), PROJECT.replace("\"cart-pole\"", "\"mountain-car\"")).unwrap();
    refused(place.ask("eval", &[]), &["upright"]);
    let other = "[process]\nkind = \"mountain-car\"\n[reward]\ntime = -1.0\n";
    std::fs::write(place.project(), other).unwrap();
    refused(place.ask("eval", &[]), &["cart-pole", "mountain-car"]);
    let mut bytes = std::fs::read(&policy).unwrap();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    std::fs::write(&policy, bytes).unwrap();
    let found = place.ask("recommend", &["--json"]);
    assert_eq!((json(&found)["command"].as_str(), json(&found)["status"].as_i64()), (Some("error"), Some(2)));
}

#[test]
fn it_tells_its_version_and_its_commands() {
    let version = edge(&["--version"]);
    assert_eq!(stdout(&version), format!("setpoint-edge {}\n", env!("CARGO_PKG_VERSION")));
    let help = stdout(&edge(&["--help"]));
    assert!(help.contains("Evaluate a policy file") && help.contains("Rank the actions"), "{help}");
    assert!(!help.contains("Train a policy"), "{help}");
}

/// The device next to the plant gets no training, no studies of trainings and no database.
#[test]
fn nothing_that_trains_is_linked() {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let arguments =
        ["tree", "--package", "setpoint-edge", "--edges", "normal", "--prefix", "none", "--offline"];
    let found = Command::new(cargo).args(arguments).current_dir(env!("CARGO_MANIFEST_DIR")).output().unwrap();
    let tree = stdout(&found);
    let has = |name: &str| tree.lines().any(|line| line.split(' ').next() == Some(name));
    assert!(has("setpoint-evidence") && has("clap"), "{}", stderr(&found));
    for absent in ["setpoint-learn", "setpoint-study", "setpoint-report", "setpoint", "rusqlite", "indicatif"]
    {
        assert!(!has(absent), "setpoint-edge links {absent}:\n{tree}");
    }
}

#[test]
fn a_result_that_cannot_be_written_is_an_error_and_a_closed_pipe_is_not() {
    let place = Place::new();
    let (policy, project) = (place.policy(), place.project());
    for arguments in [
        &["eval", "--policy", text(&policy), text(&project), "--episodes", "2"][..],
        &["recommend", "--policy", text(&policy), "--json"],
        &["--help"],
    ] {
        let run = |stdout: std::process::Stdio| {
            let mut command = Command::new(env!("CARGO_BIN_EXE_setpoint-edge"));
            command.args(arguments).stdout(stdout).output().unwrap()
        };
        let full = run(std::fs::File::options().write(true).open("/dev/full").unwrap().into());
        assert_eq!(full.status.code(), Some(1), "{arguments:?}");
        assert!(stderr(&full).contains("standard output cannot be written"), "{}", stderr(&full));
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let closed = run(writer.into());
        assert_eq!(
            (closed.status.code(), stderr(&closed).contains("error")),
            (Some(0), false),
            "{arguments:?}"
        );
    }
}
