//! Nothing is lost at a kill: trainings killed at random moments and resumed end bit-identical to an undisturbed one.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A training with checkpoints after every update.
struct Training {
    project: PathBuf,
    options: &'static [&'static str],
}

impl Training {
    fn on_policy() -> Self {
        let project = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../projects/assembly-line");
        Self { project, options: &["--steps", "40000"] }
    }

    /// Learns from a replay buffer that is smaller than the training is long.
    fn from_replay(root: &Path) -> Self {
        let project = root.join("replay.toml");
        let text = "[process]\nkind = \"cart-pole\"\n[reward]\nupright = 1\n[train]\nalgorithm = \"dqn\"\n[train.dqn]\n\
                    buffer_size = 6000\nn_envs = 2\nlearning_starts = 1000\ntarget_update_interval = 500\n\
                    prioritized_replay = true\n";
        std::fs::write(&project, text).unwrap();
        Self { project, options: &["--steps", "30000"] }
    }

    fn command(&self, folder: &Path, extra: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_setpoint"));
        command.arg("train").arg(&self.project).arg("--run-dir").arg(folder);
        // A kill before the marker leaves no run: then it begins.
        if folder.join("run.json").is_file() {
            command.arg("--resume");
        }
        command.args(["--set", "train.checkpoint_every_updates=1", "--threads", "1"]);
        command.args(self.options).args(extra).stdout(Stdio::null()).stderr(Stdio::null());
        command
    }
}

fn kill_after(mut child: Child, delay: Duration) {
    std::thread::sleep(delay);
    // SIGKILL on Unix: no handler runs, nothing is flushed. The child may have ended already.
    let _ = child.kill();
    child.wait().unwrap();
}

/// Numbers from a seeded generator (SplitMix64), in [0, 1).
fn uniform(state: &mut u64) -> f64 {
    *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let mut word = *state;
    word = (word ^ (word >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    word = (word ^ (word >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    ((word ^ (word >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
}

/// Kills trainings `count` times at random moments; each, resumed, must end like an undisturbed training.
fn kills_change_nothing(training: &Training, root: &Path, count: u32) {
    let whole = root.join("whole");
    let started = Instant::now();
    assert!(training.command(&whole, &[]).status().unwrap().success());
    let duration = started.elapsed();
    let expected = std::fs::read(whole.join("policy.safetensors")).unwrap();
    let expected_episodes = std::fs::read(whole.join("episodes.csv")).unwrap();

    let mut state = 5;
    let (mut kills, mut trainings) = (0, 0);
    while kills < count {
        let folder = root.join(format!("killed-{trainings}"));
        // Some are killed before the first file, some just before the last.
        for _ in 0..1 + trainings % 3 {
            let share = uniform(&mut state) * 1.05;
            kill_after(training.command(&folder, &[]).spawn().unwrap(), duration.mul_f64(share));
            kills += 1;
        }
        let resumed = training.command(&folder, &[]).status().unwrap();
        assert!(resumed.success(), "training {trainings} could not be resumed");
        let found = std::fs::read(folder.join("policy.safetensors")).unwrap();
        assert!(found == expected, "training {trainings} ended with other bytes");
        let episodes = std::fs::read(folder.join("episodes.csv")).unwrap();
        assert!(episodes == expected_episodes, "training {trainings} logged other episodes");
        trainings += 1;
    }
}

#[test]
fn a_hundred_kills_change_nothing() {
    let root = tempfile::tempdir().unwrap();
    kills_change_nothing(&Training::on_policy(), root.path(), 100);
}

#[test]
fn kills_change_nothing_where_a_replay_buffer_is_written_piece_by_piece() {
    let root = tempfile::tempdir().unwrap();
    kills_change_nothing(&Training::from_replay(root.path()), root.path(), 25);
}

#[test]
#[cfg(unix)]
fn ctrl_c_finishes_the_update_writes_a_checkpoint_and_exits_130() {
    let root = tempfile::tempdir().unwrap();
    let (whole, stopped) = (root.path().join("whole"), root.path().join("stopped"));
    let long = ["--set", "train.total_steps=400000", "--set", "train.checkpoint_every_updates=1000"];
    let training = Training::on_policy();
    assert!(training.command(&whole, &long).status().unwrap().success());
    let child = training.command(&stopped, &long).spawn().unwrap();
    // Until it has trained for a while: the log has lines.
    let metrics = stopped.join("metrics.jsonl");
    let lines = || std::fs::read_to_string(&metrics).map_or(0, |text| text.lines().count());
    while lines() < 3 {
        std::thread::sleep(Duration::from_millis(2));
    }
    let kill = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(kill.success());
    let mut child = child;
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert!(!stopped.join("summary.json").exists(), "a stopped training is not a finished one");
    assert!(training.command(&stopped, &long).status().unwrap().success());
    let read = |folder: &Path| std::fs::read(folder.join("policy.safetensors")).unwrap();
    assert!(read(&stopped) == read(&whole));
}
