//! A request to stop interrupts an update. The training goes back to the state before it, and a resume ends where an
//! undisturbed training ends: in the policy, in the metrics, in the episodes.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use setpoint_decision::Project;
use setpoint_decision::spec::{ActionSpace, Axis, Feature, Signal, Spec};
use setpoint_files::run_folder::RunFolder;
use setpoint_learn::problem::Problem;
use setpoint_learn::train::{Ending, TrainOptions, Trained, train, train_until};
use setpoint_learn::trainer::{Round, Trainer};
use setpoint_process::factory::Simulator;
use setpoint_process::process::{Action, Outcome, Process};
use setpoint_random::Stream;

use small::{STOP, count_step, new_or_resumed, stop_at};

mod small;

/// A drifting level that the action pushes; the process itself requests the stop at a given step.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Drift {
    level: f32,
    settings: bool,
}

impl Process for Drift {
    fn spec(&self) -> Spec {
        let level = Feature::new("level", "1", -3.0, 3.0, "");
        let action = if self.settings {
            ActionSpace::settings(vec![Axis::new("push", "1", -1.0, 1.0, "")])
        } else {
            ActionSpace::choices(&[("down", ""), ("none", ""), ("up", "")])
        };
        small::spec("drift", level, action, Signal::new("miss", "1", 0.0, 9.0, ""), -1.0, 37)
    }

    fn reset(&mut self, random: &mut Stream, observation: &mut [f32], signals: &mut [f32]) {
        self.level = 2.0 * random.unit() - 1.0;
        observation[0] = self.level;
        signals[0] = 0.0;
    }

    fn step(
        &mut self,
        action: Action<'_>,
        random: &mut Stream,
        observation: &mut [f32],
        signals: &mut [f32],
    ) -> Outcome {
        let push = if action.settings.is_empty() {
            0.4 * (action.choice() as f32 - 1.0)
        } else {
            0.4 * action.settings[0]
        };
        self.level = (self.level + push + 0.3 * random.normal()).clamp(-3.0, 3.0);
        observation[0] = self.level;
        signals[0] = self.level * self.level;
        count_step();
        if self.level.abs() > 2.9 { Outcome::Terminated } else { Outcome::Running }
    }
}

fn problem(algorithm: &str, settings: bool, options: &str) -> Problem {
    let text = format!(
        "[process]\nkind = \"drift\"\n[reward]\nmiss = -1.0\n[train]\nalgorithm = \"{algorithm}\"\n\
         total_steps = 4000\ncheckpoint_every_updates = 2\n[train.{algorithm}]\n{options}\n"
    );
    let project = Project::from_text("drift", &text, &[]).unwrap_or_else(|error| panic!("{error}"));
    let factory = Simulator::new(Drift { level: 0.0, settings }, None, Vec::new());
    Problem::with(project, Arc::new(factory)).unwrap_or_else(|error| panic!("{error}"))
}

fn run(problem: &Problem, folder: &Path, threads: usize, stops_at: u64) -> Trained {
    stop_at(stops_at);
    let options = TrainOptions {
        folder: Some(RunFolder::at(folder)),
        start: new_or_resumed(folder),
        threads,
        stop: &STOP,
        progress: &mut |_| {},
    };
    train(problem, options).unwrap_or_else(|error| panic!("{error}"))
}

/// Policy, metrics without times, episodes.
fn content(folder: &Path) -> (Vec<u8>, Vec<serde_json::Value>, String) {
    let folder = RunFolder::at(folder);
    let metrics = std::fs::read_to_string(folder.metrics()).unwrap();
    let without_times = |line: &str| {
        let mut line: serde_json::Value = serde_json::from_str(line).unwrap();
        let entries = line.as_object_mut().unwrap();
        assert!(entries.remove("wall_seconds").is_some() && entries.remove("steps_per_second").is_some());
        line
    };
    (
        std::fs::read(folder.policy()).unwrap(),
        metrics.lines().map(without_times).collect(),
        std::fs::read_to_string(folder.episodes()).unwrap(),
    )
}

/// One test, for the process requests the stop through one flag.
#[test]
fn an_update_that_a_stop_interrupts_is_repeated_by_the_resume() {
    let small = "net_arch = [8]\nbatch_size = 16\nlearning_starts = 300\ngradient_steps = 2\n";
    let prioritized = format!("{small}prioritized_replay = true\nn_steps = 3\nn_envs = 2\nbuffer_size = 500");
    for (algorithm, settings, options) in [
        ("ppo", false, "n_envs = 4\nn_steps = 150\nnet_arch = [8]\nnormalize_observation = true"),
        ("ppo", true, "n_envs = 2\nn_steps = 300\nnet_arch = [8]\nnormalize_reward = true"),
        ("reinforce", false, "normalize_observation = true\nbaseline = true"),
        ("dqn", false, prioritized.as_str()),
        ("sac", true, small),
        ("td3", true, "net_arch = [8]\nbatch_size = 16\nbuffer_size = 700\naction_noise = \"normal\""),
        ("q-learning", false, "bins = [6]"),
        ("ucb1", false, ""),
    ] {
        let problem = problem(algorithm, settings, options);
        let whole = tempfile::tempdir().unwrap();
        run(&problem, whole.path(), 1, u64::MAX);
        let expected = content(whole.path());
        for stops_at in [1, 640, 1_717, 3_333] {
            let folder = tempfile::tempdir().unwrap();
            let name = format!("{algorithm} stopped at {stops_at}");
            let stopped = run(&problem, folder.path(), 2, stops_at);
            assert_eq!(stopped.summary.ending, Ending::Interrupted, "{name}");
            assert!(stopped.summary.steps <= stops_at + 3, "{name}: at {}", stopped.summary.steps);
            let resumed = run(&problem, folder.path(), 1, u64::MAX);
            assert_eq!(resumed.summary.ending, Ending::Completed, "{name}");
            let (policy, metrics, episodes) = content(folder.path());
            assert!(policy == expected.0, "{name}: another policy");
            assert_eq!(metrics, expected.1, "{name}");
            assert_eq!(episodes, expected.2, "{name}");
        }
    }
}

/// As in the Python package: the same trainer continues after an interrupted update.
#[test]
fn a_trainer_that_went_back_continues_in_the_same_environments() {
    let problem = long_updates();
    let stopped = AtomicBool::new(false);
    let mut undisturbed = Trainer::new(&problem, 1);
    let mut trainer = Trainer::new(&problem, 1);
    undisturbed.sit(2_048, true).unwrap();
    trainer.sit(2_048, true).unwrap();
    let go_on = AtomicBool::new(false);
    assert_eq!(undisturbed.round(&go_on).unwrap(), Round::Updated);
    let ended = std::thread::scope(|scope| {
        scope.spawn(|| {
            std::thread::sleep(Duration::from_millis(30));
            stopped.store(true, Ordering::Relaxed);
        });
        trainer.round(&stopped).unwrap()
    });
    assert_eq!(ended, Round::Ended(Ending::Interrupted));
    assert_eq!((trainer.steps(), trainer.progress().updates), (0, 0));
    trainer.sit(2_048, false).unwrap();
    assert_eq!(trainer.round(&go_on).unwrap(), Round::Updated);
    assert!(trainer.policy().to_bytes() == undisturbed.policy().to_bytes());
}

/// An update of many seconds: the stop comes in its gradient steps.
fn long_updates() -> Problem {
    let text = "[process]\nkind = \"cart-pole\"\n[reward]\nupright = 1.0\n[train]\nalgorithm = \"ppo\"\n\
        total_steps = 4096\n[train.ppo]\nn_envs = 8\nn_steps = 256\nnet_arch = [64, 64]\nn_epochs = 40\n";
    let project = Project::from_text("cart", text, &[]).unwrap();
    Problem::new(project, &setpoint_processes::registry()).unwrap()
}

/// A pause ends after the update that reaches its steps; a training that has them already takes no update.
#[test]
fn a_pause_is_after_the_update_that_reaches_it() {
    let text = "[process]\nkind = \"cart-pole\"\n[reward]\nupright = 1.0\n[train]\nalgorithm = \"q-learning\"\n\
        total_steps = 6000\n[train.q-learning]\nbins = [3]\n";
    let project = Project::from_text("cart", text, &[]).unwrap();
    let problem = Problem::new(project, &setpoint_processes::registry()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let go_on = AtomicBool::new(false);
    for (until, steps, updates) in [(1_500, 2_000, 2), (2_000, 2_000, 0), (2_001, 3_000, 1)] {
        let mut counted = 0;
        let options = TrainOptions {
            folder: Some(RunFolder::at(folder.path())),
            start: new_or_resumed(folder.path()),
            threads: 1,
            stop: &go_on,
            // The first report of a resumed training comes before an update.
            progress: &mut |progress| counted += u64::from(progress.steps > progress.steps_before),
        };
        let trained = train_until(&problem, until, options).unwrap();
        assert_eq!((trained.summary.ending, trained.summary.steps), (Ending::Paused, steps), "{until}");
        assert_eq!(counted, updates, "{until}");
    }
}
