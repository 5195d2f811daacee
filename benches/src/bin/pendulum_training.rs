//! Training on `pendulum`, in environment steps per second of CPU time of one core: `pendulum_training sac|td3|ppo wide|defaults`.
//!
//! The settings are those of `benches/peers/rltools_training.py`: `defaults` are the defaults of RLtools, `wide` are networks of
//! 256 × 256 and batches of 256.

use std::fs;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

use setpoint_decision::Project;
use setpoint_learn::problem::Problem;
use setpoint_learn::train::{Start, TrainOptions, train};

fn main() {
    let mut arguments = std::env::args().skip(1);
    let algorithm = arguments.next().unwrap_or_else(|| "sac".to_owned());
    let defaults = arguments.next().is_some_and(|settings| settings == "defaults");
    let width = if defaults { 64 } else { 256 };
    let (steps, options) = match algorithm.as_str() {
        "ppo" => {
            let network = format!("net_arch = {{ pi = [{width}, {width}], vf = [{width}, {width}] }}");
            (
                65_536,
                format!(
                    "n_envs = 64\nn_steps = 64\nbatch_size = {width}\nn_epochs = 10\nactivation_fn = \"relu\"\n{network}"
                ),
            )
        }
        _ => {
            let batch = if defaults { 100 } else { 256 };
            (3_000, format!("net_arch = [{width}, {width}]\nbatch_size = {batch}\nlearning_starts = 256"))
        }
    };
    let text = format!(
        "[process]\nkind = \"pendulum\"\n[reward]\ncost = -1\n[train]\nalgorithm = \"{algorithm}\"\n\
         total_steps = {steps}\n[train.{algorithm}]\n{options}\n"
    );
    let problem = Problem::new(
        Project::from_text("benchmark", &text, &[]).expect("a valid project"),
        &setpoint_processes::registry(),
    )
    .expect("a valid project");
    let stop = AtomicBool::new(false);
    let (cpu, wall) = (cpu_seconds(), Instant::now());
    let options =
        TrainOptions { folder: None, start: Start::New, threads: 1, stop: &stop, progress: &mut |_| {} };
    train(&problem, options).expect("a valid project");
    let (cpu, wall) = (cpu_seconds() - cpu, wall.elapsed().as_secs_f64());
    let figure = serde_json::json!({
        "name": format!("{algorithm}-pendulum-training"),
        "value": f64::from(steps) / cpu,
        "unit": "steps/CPU s",
        "wall_seconds": wall,
    });
    println!("{figure}");
}

/// The time that this thread has had a core, according to Linux.
fn cpu_seconds() -> f64 {
    let text = fs::read_to_string("/proc/thread-self/schedstat").expect("Linux tells the time of a thread");
    let nanoseconds = text.split_whitespace().next().and_then(|word| word.parse::<f64>().ok());
    nanoseconds.expect("the first number is the time on a core") * 1e-9
}
