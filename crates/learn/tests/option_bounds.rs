//! Extreme values of every option of every algorithm, and of `[train]` and `[evaluate]`: each is refused by its name, or
//! one update ends soon.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use setpoint_decision::Project;
use setpoint_learn::algorithms::RECIPES;
use setpoint_learn::problem::Problem;
use setpoint_learn::recipe::Learns;
use setpoint_learn::train::{Start, TrainOptions, train};

const EXTREMES: [&str; 6] = ["1e300", "9e18", "-1", "0", "nan", "inf"];

/// A project on which an update is small, with one more setting.
fn problem(algorithm: &str, settings: bool, path: &str, value: &str) -> Result<Problem, String> {
    let (kind, reward) = if settings { ("pendulum", "cost = -1.0") } else { ("cart-pole", "upright = 1.0") };
    let text = format!(
        "[process]\nkind = \"{kind}\"\n[reward]\n{reward}\n[train]\nalgorithm = \"{algorithm}\"\ntotal_steps = 600\n"
    );
    let small: &[&str] = match algorithm {
        "ppo" => &["n_envs=2", "n_steps=64", "batch_size=32", "n_epochs=2", "net_arch=[8]"],
        "dqn" | "sac" | "td3" | "ddpg" => &["batch_size=8", "net_arch=[8]", "buffer_size=1000"],
        "bc" | "iql" => &["source=\"random\"", "source_episodes=10", "batch_size=8", "net_arch=[8]"],
        _ => &[],
    };
    let mut set: Vec<String> = small.iter().map(|option| format!("train.{algorithm}.{option}")).collect();
    set.push(format!("{path}={value}"));
    let project = Project::from_text("extreme", &text, &set).map_err(|error| error.to_string())?;
    Problem::new(project, &setpoint_processes::registry()).map_err(|error| error.to_string())
}

fn try_one(algorithm: &str, settings: bool, path: &str, value: &str) {
    let name = path.rsplit('.').next().unwrap();
    let problem = match problem(algorithm, settings, path, value) {
        Ok(problem) => problem,
        Err(error) => {
            assert!(error.contains(name), "{path} = {value}: {error}");
            return;
        }
    };
    let stop = AtomicBool::new(false);
    let ended = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            // A hang would stop the test here; a failure of the numbers is an error like any other.
            let progress = &mut |_: &_| stop.store(true, Ordering::Relaxed);
            let options = TrainOptions { folder: None, start: Start::New, threads: 1, stop: &stop, progress };
            if let Err(error) = train(&problem, options) {
                assert!(error.is_divergence(), "{path} = {value}: {error}");
            }
            ended.store(true, Ordering::Relaxed);
        });
        for _ in 0..3_000 {
            if ended.load(Ordering::Relaxed) {
                return;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        panic!("{path} = {value}: one update does not end");
    });
}

#[test]
fn no_value_of_an_option_makes_an_update_endless() {
    for recipe in RECIPES {
        let settings = recipe.actions == Learns::Settings;
        for option in recipe.describe_options() {
            for value in EXTREMES {
                try_one(recipe.name, settings, &format!("train.{}.{}", recipe.name, option.name), value);
            }
        }
    }
    for key in [
        "train.total_steps",
        "train.total_episodes",
        "train.seed",
        "train.target_return",
        "train.checkpoint_every_updates",
        "train.checkpoint_every_seconds",
        "train.log_every_updates",
        "evaluate.episodes",
        "evaluate.seed",
        "evaluate.required_lift_percent",
    ] {
        EXTREMES.iter().for_each(|value| try_one("q-learning", false, key, value));
    }
}

/// The message names the greatest value.
#[test]
fn a_count_without_end_is_refused_with_the_greatest_count() {
    let error = problem("dqn", false, "train.dqn.gradient_steps", "1e300").err().unwrap();
    assert!(error.contains("gradient_steps") && error.contains("16777216"), "{error}");
}
