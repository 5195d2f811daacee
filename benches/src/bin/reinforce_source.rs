//! The source's REINFORCE run: 400 episodes on `assembly-line` with a linear softmax policy, training alone.

use std::sync::atomic::AtomicBool;

use setpoint_benches::{median_seconds, print};
use setpoint_decision::Project;
use setpoint_learn::problem::Problem;
use setpoint_learn::train::{Start, TrainOptions, train};

const PROJECT: &str = include_str!("../../../projects/assembly-line-reinforce/setpoint.toml");

fn main() {
    let project = Project::from_text("assembly-line-reinforce", PROJECT, &[]).expect("a ready project");
    let problem = Problem::new(project, &setpoint_processes::registry()).expect("a ready project");
    let stop = AtomicBool::new(false);
    let seconds = median_seconds(31, || {
        let options =
            TrainOptions { folder: None, start: Start::New, threads: 1, stop: &stop, progress: &mut |_| {} };
        train(&problem, options).expect("a ready project");
    });
    print("reinforce-source", seconds, "s");
}
