//! A disk that fails: each command is failed, and killed, at each of its operations on files. It gives a clear error and no
//! panic, touches nothing of anyone else, and what is repeated afterwards ends as if nothing had happened.
//!
//! The simulator is `setpoint_files::storage::simulator`. Here a few thousand cases; `cargo xtask soak storage` runs as many as it is given.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

mod binary;

const SIMULATOR: &str = "SETPOINT_STORAGE_SIMULATOR";
const KILLED: i32 = 137;

/// A command under test, in a folder `work` that `prepare` has filled.
struct Subject {
    name: &'static str,
    /// Commands that run before, undisturbed.
    before: &'static [&'static [&'static str]],
    command: &'static [&'static str],
    /// The operation at which each of them is killed; 0 for none.
    killed_at: u64,
    /// A command whose success shows that the repetition ended well, if not the repetition itself.
    shown_by: Option<&'static [&'static str]>,
    /// Files below `work` that must end as in an undisturbed run.
    results: &'static [&'static str],
}

const TRAIN: &[&str] = &["train", "p", "--run-dir", "r", "--threads", "1", "--plain"];
const TUNE: &[&str] = &["tune", "p", "--run-dir", "t", "--threads", "1", "--trials", "2", "--seeds", "2"];
const COMPARE: &[&str] = &[
    "compare",
    "p",
    "--run-dir",
    "c",
    "--threads",
    "1",
    "--algorithms",
    "dqn,q-learning",
    "--share",
    "1",
    "--seeds",
    "2",
];
const SEEDS: &[&str] = &["train", "p", "--run-dir", "s", "--threads", "1", "--plain", "--seeds", "2"];
const RUN: &[&str] = &["run", "p", "--run-dir", "r", "--threads", "1", "--plain"];
const VALIDATE: &[&str] = &["validate", "p", "--data", "log.csv", "--output", "found.json"];
const LEARNED: &[&str] = &["check", "l", "--steps", "10"];
const EVAL: &[&str] = &["eval", "r"];
const FAULTS: &[&str] = &["faults", "r", "--noise", "0", "--delay", "0", "--dropout", "0", "--episodes", "2"];

const SUBJECTS: &[Subject] = &[
    Subject {
        name: "train",
        before: &[],
        killed_at: 0,
        command: TRAIN,
        shown_by: None,
        results: &["r/policy.safetensors", "r/episodes.csv"],
    },
    Subject {
        name: "train --seeds",
        before: &[],
        killed_at: 0,
        command: SEEDS,
        shown_by: None,
        results: &["s/seed-0/policy.safetensors", "s/seed-1/policy.safetensors"],
    },
    Subject {
        name: "tune",
        before: &[],
        killed_at: 0,
        command: TUNE,
        shown_by: None,
        results: &["t/trial-000/policy.safetensors", "t/trial-001/policy.safetensors"],
    },
    Subject {
        name: "compare",
        before: &[],
        killed_at: 0,
        command: COMPARE,
        shown_by: None,
        results: &["c/dqn/seed-0/policy.safetensors", "c/q-learning/seed-1/policy.safetensors"],
    },
    Subject {
        name: "train --resume",
        before: &[TRAIN],
        killed_at: 45,
        command: TRAIN,
        shown_by: None,
        results: &["r/policy.safetensors", "r/episodes.csv"],
    },
    Subject {
        name: "run",
        before: &[],
        killed_at: 0,
        command: RUN,
        shown_by: None,
        results: &["r/policy.safetensors", "r/episodes.csv"],
    },
    Subject {
        name: "validate",
        before: &[],
        killed_at: 0,
        command: VALIDATE,
        shown_by: None,
        results: &["found.json", "log.csv"],
    },
    Subject {
        name: "check of a learned process",
        before: &[],
        killed_at: 0,
        command: LEARNED,
        shown_by: None,
        results: &["l/learned-process.safetensors", "log.csv"],
    },
    Subject {
        name: "eval",
        before: &[TRAIN],
        killed_at: 0,
        command: EVAL,
        shown_by: None,
        results: &["r/policy.safetensors"],
    },
    Subject {
        name: "faults",
        before: &[TRAIN],
        killed_at: 0,
        command: FAULTS,
        shown_by: None,
        results: &["r/policy.safetensors"],
    },
    Subject {
        name: "report",
        before: &[TRAIN, EVAL],
        killed_at: 0,
        command: &["report", "r"],
        shown_by: None,
        results: &["r/policy.safetensors", "r/report.html"],
    },
    Subject {
        name: "new",
        before: &[],
        killed_at: 0,
        command: &["new", "line", "--process", "cart-pole"],
        shown_by: Some(&["check", "line", "--steps", "10"]),
        results: &["line/setpoint.toml"],
    },
];

/// The folder of one case, with a small project and a file that belongs to somebody else.
fn prepare(root: &Path, subject: &Subject) -> PathBuf {
    let work = root.join("work");
    fs::create_dir_all(work.join("p")).unwrap();
    let project = "[decision]\ncontrols = \"the push\"\nmode = \"advisory\"\nreward_delay = \"50 steps\"\n\
                   deployment = \"nowhere\"\nsuccess = \"more steps\"\n[process]\nkind = \"cart-pole\"\n[reward]\nupright = 1\n[train]\nalgorithm = \"dqn\"\ntotal_steps = 120\n\
                   checkpoint_every_updates = 2\nlog_every_updates = 2\n[train.dqn]\nbuffer_size = 64\nlearning_starts = 16\n\
                   batch_size = 8\ntrain_freq = 8\nnet_arch = [4]\n[evaluate]\nepisodes = 2\n[tune.ranges]\nbatch_size = [8, 16]\n";
    let learned = "[process]\nkind = \"learned\"\nlog = \"../log.csv\"\nlike = \"cart-pole\"\n[reward]\nupright = 1\n[train]\n\
                   algorithm = \"dqn\"\n[train.dqn]\nbuffer_size = 64\n";
    let data = format!(
        "[data]\nepisode = \"episode\"\naction = \"action\"\n[data.features]\n{}\n[data.signals]\nupright = \"upright\"\n",
        FEATURES.map(|name| format!("{name} = \"{name}\"")).join("\n")
    );
    fs::write(work.join("p/setpoint.toml"), format!("{project}{data}")).unwrap();
    fs::create_dir_all(work.join("l")).unwrap();
    fs::write(work.join("l/setpoint.toml"), format!("{learned}{data}")).unwrap();
    fs::write(work.join("log.csv"), log()).unwrap();
    fs::write(work.join("notes.txt"), "somebody else's").unwrap();
    for command in subject.before {
        let kill = format!("kill={},seed=7", subject.killed_at);
        let output = setpoint(&work, command, (subject.killed_at > 0).then_some(&kill));
        let expected = if subject.killed_at > 0 { &[KILLED][..] } else { &[0, 1] };
        assert!(
            output.status.code().is_some_and(|code| expected.contains(&code)),
            "{}",
            binary::stderr(&output)
        );
    }
    work
}

const FEATURES: [&str; 4] = ["cart_position", "cart_velocity", "pole_angle", "pole_angular_velocity"];

/// A log of a cart and its pole, by the equations of Barto, Sutton & Anderson: 16 episodes of 9 steps.
fn log() -> String {
    let mut text = format!("episode,{},action,upright\n", FEATURES.join(","));
    let mut word = 1_u64;
    let mut draw = || {
        word = word.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (word >> 33) as f64 / (1_u64 << 31) as f64
    };
    for episode in 0..16 {
        let [mut x, mut v, mut angle, mut turn] = std::array::from_fn(|_| 0.1 * draw() - 0.05);
        for _ in 0..9 {
            let right = draw() < 0.5;
            let action = if right { "push_right" } else { "push_left" };
            text += &format!("{episode},{x:.6},{v:.6},{angle:.6},{turn:.6},{action},1\n");
            let (sin, cos) = angle.sin_cos();
            let force = ((if right { 10.0 } else { -10.0 }) + 0.05 * turn * turn * sin) / 1.1;
            let turning = (9.8 * sin - cos * force) / (0.5 * (4.0 / 3.0 - 0.1 * cos * cos / 1.1));
            let pushing = force - 0.05 * turning * cos / 1.1;
            (x, v, angle, turn) =
                (x + 0.02 * v, v + 0.02 * pushing, angle + 0.02 * turn, turn + 0.02 * turning);
        }
    }
    text
}

fn setpoint(work: &Path, arguments: &[&str], simulated: Option<&String>) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_setpoint"));
    command.current_dir(work).args(arguments).env("RAYON_NUM_THREADS", "1");
    if let Some(simulated) = simulated {
        command.env(SIMULATOR, format!("root={},{simulated}", work.display()));
    }
    command.output().unwrap()
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(|entry| entry.unwrap().path()) {
        let target = to.join(entry.file_name().unwrap());
        if entry.is_dir() {
            copy(&entry, &target);
        } else {
            fs::copy(&entry, &target).unwrap();
        }
    }
}

/// A folder in memory where there is one: the simulator decides what is synced, so a disk would only cost time.
fn folder() -> tempfile::TempDir {
    let memory = Path::new("/dev/shm");
    if memory.is_dir() { tempfile::tempdir_in(memory).unwrap() } else { tempfile::tempdir().unwrap() }
}

/// What an undisturbed run leaves.
struct Undisturbed {
    start: tempfile::TempDir,
    operations: u64,
    results: BTreeMap<&'static str, Vec<u8>>,
}

impl Undisturbed {
    fn of(subject: &Subject) -> Self {
        let start = folder();
        prepare(start.path(), subject);
        let end = folder();
        let work = end.path().join("work");
        copy(&start.path().join("work"), &work);
        let count = end.path().join("count");
        let output = started_or_resumed(&work, subject.command, Some(&format!("count={}", count.display())));
        assert!(matches!(output.status.code(), Some(0 | 1)), "{}: {}", subject.name, binary::stderr(&output));
        let operations = fs::read_to_string(&count).unwrap().parse().unwrap();
        let read = |name: &&'static str| (*name, without_times(fs::read(work.join(name)).unwrap()));
        Self { start, operations, results: subject.results.iter().map(read).collect() }
    }
}

/// A report names its training time; nothing else in the compared files does.
fn without_times(bytes: Vec<u8>) -> Vec<u8> {
    match String::from_utf8(bytes) {
        Ok(text) => text
            .lines()
            .filter(|line| !line.contains(" s)") && !line.contains("steps/s"))
            .collect::<Vec<_>>()
            .join("\n")
            .into_bytes(),
        Err(bytes) => bytes.into_bytes(),
    }
}

/// One case: the command is disturbed, then repeated. An error is a sentence about the case.
fn case(subject: &Subject, undisturbed: &Undisturbed, simulated: &str) -> Result<(), String> {
    let root = folder();
    let work = root.path().join("work");
    copy(&undisturbed.start.path().join("work"), &work);
    let fail = |what: &str, output: &Output| {
        Err(format!("{} with {simulated}: {what}: {}", subject.name, binary::stderr(output)))
    };
    let disturbed = started_or_resumed(&work, subject.command, Some(&simulated.to_owned()));
    let code = disturbed.status.code();
    if binary::stderr(&disturbed).contains("panicked") || !matches!(code, Some(0..=2 | KILLED)) {
        return fail("it broke", &disturbed);
    }
    if code == Some(2) && !binary::stderr(&disturbed).contains("error: ") {
        return fail("it does not say what failed", &disturbed);
    }
    // Twice: the second repetition finds what the first has left.
    for _ in 0..2 {
        let again = repeat(subject, &work);
        if !matches!(again.status.code(), Some(0 | 1)) {
            return fail("the repetition fails", &again);
        }
    }
    if fs::read(work.join("notes.txt")).ok().as_deref() != Some(b"somebody else's") {
        return fail("somebody else's file was touched", &disturbed);
    }
    for (name, expected) in &undisturbed.results {
        match fs::read(work.join(name)) {
            Ok(found) if without_times(found.clone()) == *expected => {}
            _ => return fail(&format!("{name} differs"), &disturbed),
        }
    }
    Ok(())
}

/// Repeats the command, and shows how that ended.
fn repeat(subject: &Subject, work: &Path) -> Output {
    let again = started_or_resumed(work, subject.command, None);
    subject.shown_by.map_or(again, |command| setpoint(work, command, None))
}

/// Runs a command; in a folder that holds a run it resumes.
fn started_or_resumed(work: &Path, command: &[&str], simulated: Option<&String>) -> Output {
    let folder = command.iter().position(|word| *word == "--run-dir").map(|place| command[place + 1]);
    let resumes = folder.is_some_and(|folder| work.join(folder).join("run.json").is_file());
    setpoint(work, &[command, if resumes { &["--resume"] } else { &[] }].concat(), simulated)
}

/// The disturbances of a subject: every operation is failed in several ways, and killed at with several draws.
fn disturbances(operations: u64, rounds: u64) -> Vec<String> {
    let mut all = Vec::new();
    for round in 0..rounds {
        for at in 1..=operations {
            for draw in 0..3 {
                all.push(format!("kill={at},seed={}", 1_000_003 * (3 * round + draw) + at));
            }
            for error in ["eio", "enospc", "erofs", "short"] {
                // A fault of a moment, and one that lasts.
                for lasting in 0..2 {
                    all.push(format!("fail={at},error={error},lasting={lasting},seed={round}"));
                }
            }
        }
    }
    all
}

/// Every `stride`-th case, counted from `first`, on two cores.
fn run(subject: &Subject, rounds: u64, stride: usize) -> usize {
    let undisturbed = Undisturbed::of(subject);
    let cases = disturbances(undisturbed.operations, rounds);
    let (next, failures) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    let done = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                loop {
                    let index = next.fetch_add(stride, Ordering::Relaxed);
                    let Some(simulated) = cases.get(index) else { break };
                    done.fetch_add(1, Ordering::Relaxed);
                    if let Err(failure) = case(subject, &undisturbed, simulated) {
                        failures.lock().unwrap().push(failure);
                    }
                }
            });
        }
    });
    let failures = failures.into_inner().unwrap();
    let shown: Vec<&String> = failures.iter().take(8).collect();
    assert!(
        failures.is_empty(),
        "{} of {} cases of {}:\n{shown:#?}",
        failures.len(),
        cases.len(),
        subject.name
    );
    done.into_inner()
}

/// `SETPOINT_SOAK_ROUNDS` asks for more.
#[test]
fn every_command_survives_a_failing_disk() {
    let rounds = std::env::var("SETPOINT_SOAK_ROUNDS").ok().and_then(|text| text.parse().ok()).unwrap_or(1);
    let only = std::env::var("SETPOINT_SOAK_ONLY").ok();
    let mut total = 0;
    for subject in SUBJECTS.iter().filter(|subject| only.as_ref().is_none_or(|name| subject.name == name)) {
        let started = std::time::Instant::now();
        let count = run(subject, rounds, 1);
        total += count;
        println!("{}: {count} cases in {:.1} s", subject.name, started.elapsed().as_secs_f64());
    }
    println!("{total} cases");
}
