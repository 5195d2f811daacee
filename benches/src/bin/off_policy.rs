//! Training in environment steps per second: `off_policy sac|td3|dqn|catch-dqn|catch-ppo`.
//!
//! `sac` and `td3` take one gradient step per step of `pendulum` with 256 × 256 networks and batches of 256; `dqn` has
//! Stable-Baselines3's defaults on `cart-pole`. `catch-dqn` and `catch-ppo` learn from images, with the options of
//! `projects/catch`. On all cores, without a run folder, like the peers' programs.

use std::sync::atomic::AtomicBool;

use setpoint_benches::{median_seconds, print};
use setpoint_decision::Project;
use setpoint_learn::problem::Problem;
use setpoint_learn::train::{Start, TrainOptions, train};

/// The project with images.
const CATCH: &str = include_str!("../../../projects/catch/setpoint.toml");

/// The text of a project, and the steps of its training.
fn project(row: &str) -> (String, u32) {
    if let Some(algorithm) = row.strip_prefix("catch-") {
        let steps = if algorithm == "ppo" { 16_384 } else { 10_000 };
        let text = CATCH.replace("algorithm   = \"ppo\"", &format!("algorithm = \"{algorithm}\""));
        return (text.replace("total_steps = 100_000", &format!("total_steps = {steps}")), steps);
    }
    let algorithm = row;
    let (kind, reward, steps) = match algorithm {
        "dqn" => ("cart-pole", "upright = 1", 50_000),
        _ => ("pendulum", "cost = -1", 3_000),
    };
    let network = if algorithm == "dqn" { "" } else { "net_arch = [256, 256]\nbatch_size = 256" };
    let text = format!(
        "[process]\nkind = \"{kind}\"\n[reward]\n{reward}\n[train]\nalgorithm = \"{algorithm}\"\ntotal_steps = {steps}\n\
         [train.{algorithm}]\n{network}\n"
    );
    (text, steps)
}

fn main() {
    let row = std::env::args().nth(1).unwrap_or_else(|| "sac".to_owned());
    let (text, steps) = project(&row);
    let problem = Problem::new(
        Project::from_text("benchmark", &text, &[]).expect("a valid project"),
        &setpoint_processes::registry(),
    )
    .expect("a valid project");
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let stop = AtomicBool::new(false);
    let seconds = median_seconds(1, || {
        let options =
            TrainOptions { folder: None, start: Start::New, threads, stop: &stop, progress: &mut |_| {} };
        train(&problem, options).expect("a valid project");
    });
    print(&format!("{row}-training"), f64::from(steps) / seconds, "steps/s");
}
