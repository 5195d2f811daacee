//! Training from a replay buffer, in environment steps per second: `off_policy sac|td3|dqn`.
//!
//! `sac` and `td3` take one gradient step per step of `pendulum` with 256 × 256 networks and batches of 256; `dqn` has
//! Stable-Baselines3's defaults on `cart-pole`. On all cores, without a run folder, like the peers' programs.

use std::sync::atomic::AtomicBool;

use setpoint_benches::{median_seconds, print};
use setpoint_decision::Project;
use setpoint_learn::problem::Problem;
use setpoint_learn::train::{Start, TrainOptions, train};

fn main() {
    let algorithm = std::env::args().nth(1).unwrap_or_else(|| "sac".to_owned());
    let (kind, reward, steps) = match algorithm.as_str() {
        "dqn" => ("cart-pole", "upright = 1", 50_000),
        _ => ("pendulum", "cost = -1", 3_000),
    };
    let network = if algorithm == "dqn" { "" } else { "net_arch = [256, 256]\nbatch_size = 256" };
    let text = format!(
        "[process]\nkind = \"{kind}\"\n[reward]\n{reward}\n[train]\nalgorithm = \"{algorithm}\"\ntotal_steps = {steps}\n\
         [train.{algorithm}]\n{network}\n"
    );
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
    print(&format!("{algorithm}-training"), f64::from(steps) / seconds, "steps/s");
}
