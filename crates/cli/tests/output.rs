//! The two output streams: streams that cannot be written, and names that hold control characters.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use binary::{projects, stderr, text};

mod binary;

/// Characters that command a terminal or turn the direction of a text, without the line break.
fn hostile() -> Vec<char> {
    let codes = (0x00..0x20).chain(0x7f..0xa0).chain(0x202a..0x202f).chain(0x2066..0x206a);
    codes.filter_map(char::from_u32).filter(|character| *character != '\n').collect()
}

/// A name with some of these characters between its letters, as a text of TOML; the seed selects them.
fn hostile_name(word: &str, seed: usize) -> String {
    let all = hostile();
    let between = |(index, letter)| {
        let character = all[(seed + 7 * index) % all.len()];
        format!("\\u{:04x}[2{letter}", u32::from(character))
    };
    format!("\"\\u001b]0;{word}\\u0007{}\"", word.chars().enumerate().map(between).collect::<String>())
}

/// A pole on a cart with hostile names, trained in a second.
fn hostile_project(root: &Path, seed: usize) -> PathBuf {
    let name = |word: &str, more: usize| hostile_name(word, seed + 11 * more);
    let (charter, low, high, scenario) =
        (name("pole", 0), name("calm", 1), name("windy", 2), name("leaning", 3));
    let controls = name("controls", 4);
    let project = format!(
        "[decision]\nname = {charter}\ncontrols = {controls}\nmode = \"advisory\"\nreward_delay = \"same step\"\n\
         deployment = \"a desk\"\nsuccess = {controls}\n[process]\nkind = \"cart-pole\"\n[reward]\nupright = 1.0\n\
         [curriculum]\nlevels = [{low}, {high}]\nadvance_after = [512]\n[[disturbance]]\nkind = \"noise\"\nfeatures = [\"pole_angle\"]\nsd = [0.0, 0.01]\n\
         [[scenario]]\nname = {scenario}\ndescription = {scenario}\nset = {{ pole_angle = 0.05 }}\n\
         [train]\nalgorithm = \"ppo\"\ntotal_steps = 1024\n[train.ppo]\nn_envs = 4\nn_steps = 64\n\
         [evaluate]\nepisodes = 4\nlevel = {high}\nbaselines = [\"random\"]\n"
    );
    let folder = root.join("pole\u{1b}[7m\u{9b}2J");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("setpoint.toml"), project).unwrap();
    folder
}

fn command(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_setpoint"));
    command.current_dir(folder).args(arguments);
    command
}

/// A stream without space, like a file on a full disk.
fn full() -> Stdio {
    File::options().write(true).open("/dev/full").unwrap().into()
}

/// A pipe that nobody reads any more.
fn closed() -> Stdio {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    writer.into()
}

fn end_of(mut command: Command) -> (Option<i32>, String) {
    let output = command.output().unwrap();
    (output.status.code(), stderr(&output))
}

/// The printed text has no character that a terminal obeys.
fn assert_visible(what: &str, output: &Output) {
    for stream in [&output.stdout, &output.stderr] {
        let shown = String::from_utf8(stream.clone()).unwrap();
        let all = hostile();
        let raw = shown.chars().find(|character| all.contains(character));
        assert!(raw.is_none(), "{what} printed {raw:?}: {shown:?}");
    }
}

#[test]
fn names_command_no_terminal() {
    for seed in [0, 23, 41] {
        let root = tempfile::tempdir().unwrap();
        let project = hostile_project(root.path(), seed);
        let project = text(&project);
        let run = |arguments: &[&str], status: i32| {
            let output = command(root.path(), arguments).output().unwrap();
            assert_visible(&arguments.join(" "), &output);
            assert_eq!(output.status.code(), Some(status), "{arguments:?}: {}", stderr(&output));
            String::from_utf8(output.stdout).unwrap()
        };
        let shown = run(&["check", project, "--steps", "50"], 0);
        assert!(shown.starts_with("␛]0;pole␇"), "{shown}");
        run(&["run", project], 0);
        run(&["eval", project], 0);
        assert!(run(&["recommend", project, "--all-scenarios"], 0).contains("␛]0;leaning␇"));
        run(&["recommend", project, "--scenario", "no\u{1b}[2Jsuch\u{85}"], 2);
        run(&["faults", project, "--noise", "0", "--delay", "0", "--dropout", "0", "--episodes", "2"], 0);
        run(&["report", project], 0);
        run(&["diagnose", project], 2);
        run(&["check", project, "--set", "train.total\u{1b}[2J_steps=\u{9b}1"], 2);
        run(&["check", "no\u{1b}[2Jsuch"], 2);
        run(&["no\u{1b}[2Jcommand\u{9b}"], 2);
        run(&["train", "--steps", "\u{202e}12"], 2);
    }
}

#[test]
fn a_result_that_cannot_be_written_is_an_error() {
    let root = tempfile::tempdir().unwrap();
    let cart = projects().join("cart-pole");
    for arguments in [
        &["--help"][..],
        &["train", "--help"],
        &["--version"],
        &["completions", "bash"],
        &["list", "processes"],
        &["list", "algorithms", "sac", "--json"],
        &["check", text(&cart), "--steps", "50"],
    ] {
        let mut failing = command(root.path(), arguments);
        failing.stdout(full());
        let (status, said) = end_of(failing);
        assert_eq!(status, Some(1), "{arguments:?}: {said}");
        assert!(said.contains("standard output cannot be written"), "{arguments:?}: {said}");
        for stream in ["stdout", "both"] {
            let mut quiet = command(root.path(), arguments);
            quiet.stdout(closed());
            if stream == "both" {
                quiet.stderr(closed());
            }
            let (status, said) = end_of(quiet);
            assert_eq!((status, said.contains("error")), (Some(0), false), "{arguments:?}: {said}");
        }
        let mut nothing = command(root.path(), arguments);
        nothing.stdout(full()).stderr(full());
        assert_eq!(end_of(nothing).0, Some(1), "{arguments:?}");
    }
    // Bad input stays bad input.
    let mut refused = command(root.path(), &["check", "nowhere", "--json"]);
    refused.stdout(full());
    assert_eq!(end_of(refused).0, Some(2));
}

#[test]
fn the_work_is_kept_before_its_output_fails() {
    let root = tempfile::tempdir().unwrap();
    let cart = projects().join("cart-pole");
    for (index, json) in [&[][..], &["--json"]].into_iter().enumerate() {
        let run = format!("run{index}");
        let arguments =
            ["run", text(&cart), "--steps", "512", "--run-dir", &run, "--set", "evaluate.episodes=2"];
        let mut failing = command(root.path(), &[&arguments[..], json].concat());
        failing.stdout(full());
        let (status, said) = end_of(failing);
        assert_eq!(status, Some(1), "{said}");
        for kept in ["policy.safetensors", "report.html", "evidence/evaluation.json"] {
            assert!(root.path().join(&run).join(kept).is_file(), "{kept}: {said}");
        }
    }
}

#[test]
fn a_standard_error_that_cannot_be_written_stops_nothing() {
    let root = tempfile::tempdir().unwrap();
    let cart = projects().join("cart-pole");
    let options = ["--set", "evaluate.episodes=2"];
    for (index, stream) in [full, closed].into_iter().enumerate() {
        let folder = root.path().join(index.to_string());
        std::fs::create_dir(&folder).unwrap();
        let compare = ["compare", text(&cart), "--algorithms", "ppo,dqn", "--seeds", "2", "--share", "0.01"];
        let seeds = ["train", text(&cart), "--steps", "512", "--seeds", "2", "--run-dir", "seeds", "--plain"];
        let one = ["train", text(&cart), "--steps", "512", "--run-dir", "one", "--json"];
        let runs = [(&compare[..], 0), (&seeds, 0), (&one, 0), (&["check", "nowhere"], 2), (&["nothing"], 2)];
        for (arguments, expected) in runs {
            let more = if expected == 0 { &options[..] } else { &[] };
            let mut silent = command(&folder, &[arguments, more].concat());
            silent.stderr(stream());
            assert_eq!(end_of(silent).0, Some(expected), "{arguments:?}");
        }
    }
}

#[test]
fn an_interruption_ends_a_training_whose_standard_error_is_full() {
    let root = tempfile::tempdir().unwrap();
    let cart = projects().join("cart-pole");
    let mut training =
        command(root.path(), &["train", text(&cart), "--steps", "100000000", "--run-dir", "run"])
            .stdout(Stdio::null())
            .stderr(full())
            .spawn()
            .unwrap();
    // The handler is installed before the log begins.
    while !root.path().join("run/metrics.jsonl").is_file() {
        assert!(training.try_wait().unwrap().is_none(), "the training ended by itself");
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    let interrupted = Command::new("kill").args(["-INT", &training.id().to_string()]).status().unwrap();
    assert!(interrupted.success());
    assert_eq!(training.wait().unwrap().code(), Some(130));
}

/// Whether the workers' Python has gymnasium; says so where it does not.
fn python_with_gymnasium() -> Option<String> {
    let python = std::env::var("SETPOINT_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let mut asked = Command::new(&python);
    let there = asked.args(["-c", "import gymnasium"]).stderr(Stdio::null()).status();
    if !there.is_ok_and(|status| status.success()) {
        println!("skipped: {python} has no gymnasium (SETPOINT_PYTHON names another Python)");
        return None;
    }
    Some(python)
}

const TALKING: &str = r#"
import sys
import gymnasium
import numpy as np

class Talking(gymnasium.Env):
    observation_space = gymnasium.spaces.Box(-1.0, 1.0, (1,))
    action_space = gymnasium.spaces.Discrete(2)
    def __init__(self, fails=False):
        self.fails, self.taken = fails, 0
    def say(self):
        print("out \x1b[2J\x9b" + 300 * "x", flush=True)
        print("err \x1b]0;title\x07", file=sys.stderr, flush=True)
    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.taken = 0
        self.say()
        return np.zeros(1, np.float32), {}
    def step(self, action):
        self.say()
        self.taken += 1
        if self.fails:
            raise ValueError("no \x1b[31mvalve\x9b")
        return np.zeros(1, np.float32), 1.0, self.taken >= 8, False, {}
"#;

#[test]
fn an_environment_may_print_whatever_becomes_of_it() {
    let Some(python) = python_with_gymnasium() else { return };
    let root = tempfile::tempdir().unwrap();
    std::fs::write(root.path().join("talking.py"), TALKING).unwrap();
    let project = |fails: bool| {
        format!(
            "[decision]\nname = \"talking\"\n[process]\nkind = \"gymnasium\"\nentry = \"talking:Talking\"\n\
             python = {python:?}\nkwargs = {{ fails = {fails} }}\n[reward]\nreward = 1.0\n[train]\nalgorithm = \"ppo\"\n\
             total_steps = 64\n[train.ppo]\nn_envs = 2\nn_steps = 16\nbatch_size = 16\n"
        )
    };
    std::fs::write(root.path().join("setpoint.toml"), project(false)).unwrap();
    for (run, stream) in [("full", full as fn() -> Stdio), ("closed", closed)] {
        let mut silent = command(root.path(), &["train", ".", "--run-dir", run]);
        silent.stdout(Stdio::null()).stderr(stream());
        assert_eq!(end_of(silent).0, Some(0), "{run}");
        assert!(root.path().join(run).join("policy.safetensors").is_file(), "{run}");
    }
    let heard = command(root.path(), &["train", ".", "--run-dir", "heard"]).output().unwrap();
    assert_visible("train", &heard);
    assert!(stderr(&heard).contains("out ␛[2J\u{fffd}x"), "{}", stderr(&heard));
    std::fs::write(root.path().join("setpoint.toml"), project(true)).unwrap();
    let failed = command(root.path(), &["train", ".", "--run-dir", "failed"]).output().unwrap();
    assert_visible("train", &failed);
    assert_eq!(failed.status.code(), Some(2));
    assert!(stderr(&failed).contains("no ␛[31mvalve\u{fffd}"), "{}", stderr(&failed));
}

/// A terminal that takes no escape codes gets none, in errors, help and progress.
#[cfg(target_os = "linux")]
#[test]
fn plain_terminals_get_no_escape_codes() {
    let folder = tempfile::tempdir().unwrap();
    let project = projects().join("cart-pole");
    let train = format!(
        "train '{}' --steps 2048 --run-dir '{}/run' --force",
        project.display(),
        folder.path().display()
    );
    for variables in [&[("TERM", "dumb")][..], &[("TERM", "xterm"), ("NO_COLOR", "1")]] {
        for command in ["--help", "chekc", "check nosuch", &train] {
            // `script` runs a command in a terminal of its own.
            let program = format!("'{}' {command}", env!("CARGO_BIN_EXE_setpoint"));
            let mut script = Command::new("script");
            script
                .args(["-qec", &program, "/dev/null"])
                .env_remove("NO_COLOR")
                .envs(variables.iter().copied());
            let Ok(output) = script.stdin(Stdio::null()).output() else { return };
            let shown = String::from_utf8_lossy(&output.stdout);
            assert!(!shown.is_empty() && !shown.contains('\u{1b}'), "{variables:?} {command}: {shown:?}");
        }
    }
}
