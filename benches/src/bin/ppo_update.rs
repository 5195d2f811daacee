//! One PPO update, like in the peers' programs: actor and critic 64×64, batch 64, 8 features, 15 choices, on one core.
//!
//! The figure is a whole training of `assembly-setup` without its collection: the time of an update of 8,192 samples in
//! 10 epochs of minibatches of 64, divided by its 1,280 minibatches, on the real learner.

use std::sync::atomic::AtomicBool;

use setpoint_benches::{median_seconds, print};
use setpoint_decision::Project;
use setpoint_evidence::environments::Environments;
use setpoint_learn::algorithm::{Algorithm, Horizon};
use setpoint_learn::algorithms::ppo::{Options, Ppo};
use setpoint_learn::problem::Problem;
use setpoint_learn::train::{Start, TrainOptions, train};

const PROJECT: &str = include_str!("../../../projects/assembly-setup/setpoint.toml");

fn main() {
    let problem = Problem::new(
        Project::from_text("assembly-setup", PROJECT, &[]).expect("a ready project"),
        &setpoint_processes::registry(),
    )
    .expect("a ready project");
    let horizon = Horizon::without_stop(1.0, 1_000_000);
    for threads in [1, 2] {
        let options = Options { n_envs: 4, ..Options::default() };
        let minibatches = (options.n_envs * options.n_steps / options.batch_size * options.n_epochs) as f64;
        let mut environments =
            Environments::new(&problem.decision.project, &problem.decision.factory, 4, 0, "benchmark")
                .expect("a ready project");
        let mut learner = Ppo::new(options, problem.spec(), false, 0, threads);
        learner.begin(&environments, false);
        learner.collect(&mut environments, horizon).expect("a ready project");
        learner.value(horizon).expect("nothing stops it");
        let seconds = median_seconds(31, || {
            learner.learn(horizon).expect("finite losses");
        });
        let name = if threads == 1 { "ppo-update" } else { "ppo-update-two-cores" };
        print(name, seconds / minibatches * 1e6, "us");
        let seconds =
            median_seconds(9, || learner.collect(&mut environments, horizon).expect("a ready project"));
        print("ppo-collect-per-step", seconds / 8192.0 * 1e6, "us");
        let seconds = median_seconds(9, || learner.value(horizon).expect("nothing stops it"));
        print("ppo-value-per-step", seconds / 8192.0 * 1e6, "us");
    }
    let stop = AtomicBool::new(false);
    let seconds = median_seconds(5, || {
        let options =
            TrainOptions { folder: None, start: Start::New, threads: 2, stop: &stop, progress: &mut |_| {} };
        train(&problem, options).expect("a ready project");
    });
    print("assembly-setup-training", seconds, "s");
}
