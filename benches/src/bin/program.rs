//! Steps of a trivial simulator in another process, in each form of requests: `program [LANES]`, 64 environments in one process by
//! default. `taskset -c 0 target/release/program` measures both processes on one core.

use std::time::Instant;

use setpoint_benches::print;
use setpoint_decision::Project;
use setpoint_process::vectorized::Actions;
use setpoint_processes::registry;

#[path = "../../../crates/processes/tests/simulator/tank.rs"]
#[allow(dead_code, reason = "the simulator of the tests, of which this uses the program")]
mod tank;

/// Steps of all environments in one round.
const STEPS: usize = 200;
const ROUNDS: usize = 30;
/// The argument with which this program is the simulator.
const SIMULATE: &str = "simulate";

fn main() {
    let argument = std::env::args().nth(1);
    if argument.as_deref() == Some(SIMULATE) {
        return tank::main();
    }
    let lanes: usize = argument.map_or(64, |lanes| lanes.parse().expect("a number of environments"));
    let own = std::env::current_exe().expect("the path of this program");
    for (form, name) in
        [("lines", "JSON, a line for each"), ("batch", "JSON, a line for all"), ("binary", "frames")]
    {
        let command = [own.to_str().expect("a path in UTF-8"), SIMULATE, form];
        let text = format!(
            "[process]\nkind = \"program\"\ncommand = {command:?}\nworkers = 1\n[reward]\ngood = 1\n"
        );
        let project = Project::from_text("benchmark", &text, &[]).unwrap_or_else(|error| panic!("{error}"));
        let factory = registry().open(&project, &mut |_| {}).unwrap_or_else(|error| panic!("{error}"));
        let mut batch = factory.batch(lanes, 0, "benchmark").unwrap();
        let (choices, settings) = (vec![1; lanes], vec![1.0; lanes]);
        let mut rounds = Vec::with_capacity(ROUNDS);
        for _ in 0..ROUNDS {
            let begin = Instant::now();
            for _ in 0..STEPS {
                batch.step(Actions { choices: &choices, settings: &settings }).unwrap();
            }
            rounds.push((STEPS * lanes) as f64 / begin.elapsed().as_secs_f64());
        }
        rounds.sort_by(f64::total_cmp);
        print(&format!("program × {lanes}, {name}, median"), rounds[ROUNDS / 2], "steps/s");
        print(&format!("program × {lanes}, {name}, best"), rounds[ROUNDS - 1], "steps/s");
    }
}
