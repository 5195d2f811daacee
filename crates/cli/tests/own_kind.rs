//! A program with a kind of process of its own: the commands offer it like any other.
//!
//! The program is this test's own binary: it starts itself again, and [`program`] then runs the command line.

use std::process::{Command, Output};

use serde::{Deserialize, Serialize};
use setpoint::process::*;

/// Holds the arguments of the program, one a line.
const ARGUMENTS: &str = "OWN_KIND_ARGUMENTS";

#[derive(Clone, Default, Serialize, Deserialize)]
struct Valve {
    level: f32,
}

impl Process for Valve {
    fn spec(&self) -> Spec {
        Spec {
            summary: "hold the level of a tank with a valve".into(),
            source: "this test".into(),
            observation: vec![Feature::new("level", "m", 0.0, 2.0, "level of the tank")],
            action: ActionSpace::choices(&[("shut", "lets nothing in"), ("open", "lets water in")]),
            signals: vec![Signal::new("error", "m", 0.0, 2.0, "distance to one metre")],
            max_steps: Some(50),
            ..Spec::default()
        }
    }

    fn reset(&mut self, random: &mut Stream, seen: &mut [f32], signals: &mut [f32]) {
        self.level = random.uniform(0.0, 2.0);
        (seen[0], signals[0]) = (self.level, (self.level - 1.0).abs());
    }

    fn step(&mut self, action: Action, _: &mut Stream, seen: &mut [f32], signals: &mut [f32]) -> Outcome {
        self.level = (self.level + [-0.05, 0.1][action.choice()]).clamp(0.0, 2.0);
        (seen[0], signals[0]) = (self.level, (self.level - 1.0).abs());
        Outcome::Running
    }
}

/// The program, if its arguments are given; as a test it does nothing.
#[test]
fn program() {
    if let Ok(arguments) = std::env::var(ARGUMENTS) {
        let registry = setpoint::registry().with([Kind::of::<Valve>("water-valve")]);
        let arguments = std::iter::once("valve").chain(arguments.lines()).map(Into::into);
        std::process::exit(setpoint::run(arguments, &registry).into());
    }
}

fn run(arguments: &[&str]) -> (Option<i32>, String) {
    let this = std::env::current_exe().unwrap();
    let Output { status, stdout, stderr } = Command::new(this)
        .args(["--exact", "program", "--nocapture"])
        .env(ARGUMENTS, arguments.join("\n"))
        .output()
        .unwrap();
    (status.code(), [stdout, stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat())
}

#[test]
fn an_own_kind_is_listed_after_those_of_setpoint() {
    let (status, listed) = run(&["list", "processes"]);
    let place = |text: &str| listed.find(text).unwrap_or_else(|| panic!("{text}: {listed}"));
    assert_eq!(status, Some(0));
    assert!(place("hold the level of a tank with a valve") > place("cart-pole"), "{listed}");
    let (status, shown) = run(&["list", "processes", "water-valve"]);
    assert_eq!(status, Some(0));
    for text in ["water-valve: hold the level", "source: this test", "distance to one metre", "lets water in"]
    {
        assert!(shown.contains(text), "{text}: {shown}");
    }
}

#[test]
fn a_misspelt_own_kind_is_told_the_nearest() {
    let (status, refused) = run(&["list", "processes", "water-valv"]);
    assert_eq!(status, Some(2));
    assert!(refused.contains("did you mean `water-valve`?"), "{refused}");
}

#[test]
fn an_own_kind_is_checked_trained_and_evaluated() {
    let folder = tempfile::tempdir().unwrap();
    let text = "[decision]\nname = \"valve\"\n[process]\nkind = \"water-valve\"\n[reward]\nerror = -1.0\n\
                [train]\nalgorithm = \"ppo\"\ntotal_steps = 512\n[train.ppo]\nn_steps = 64\nn_envs = 4\n\
                [evaluate]\nepisodes = 5\nbaselines = [\"random\"]\n";
    let project = folder.path().join("setpoint.toml");
    std::fs::write(&project, text).unwrap();
    let (project, run_folder) = (project.to_str().unwrap(), folder.path().join("run"));
    let run_folder = run_folder.to_str().unwrap();
    // Its charter is open, which fails the check; the process itself passes.
    let (status, checked) = run(&["check", project, "--steps", "200"]);
    assert_eq!(status, Some(1), "{checked}");
    assert!(checked.contains("✓ saved state") && checked.contains("✓ bounds"), "{checked}");
    assert_eq!(run(&["train", project, "--plain", "--run-dir", run_folder]).0, Some(0));
    let (status, evaluated) = run(&["eval", run_folder]);
    assert_eq!(status, Some(0), "{evaluated}");
    assert!(evaluated.contains("error (m)") && evaluated.contains("policy against random"), "{evaluated}");
}
