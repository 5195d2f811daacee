//! An environment of Gymnasium through Python workers: `gymnasium [ID [LANES [WORKERS]]]`, 8 of `CartPole-v1` in 2 workers
//! by default; needs a Python with gymnasium (`SETPOINT_PYTHON`). `python benches/gymnasium_direct.py` measures the cost of
//! the same steps in Python alone.

use std::time::Instant;

use setpoint_benches::print;
use setpoint_decision::Project;
use setpoint_decision::spec::ActionForm;
use setpoint_process::vectorized::Actions;
use setpoint_processes::registry;
use setpoint_random::Stream;

/// Steps of one round.
const STEPS: usize = 100;
const ROUNDS: usize = 300;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let argument =
        |index: usize, default: &str| arguments.get(index).map_or(default, String::as_str).to_owned();
    let (id, lanes, workers) = (argument(0, "CartPole-v1"), argument(1, "8"), argument(2, "2"));
    let lanes: usize = lanes.parse().expect("a number of environments");
    let text = format!(
        "[process]\nkind = \"gymnasium\"\nid = \"{id}\"\nworkers = {workers}\ncheck_bounds = false\n[reward]\nreward = 1\n"
    );
    let project = Project::from_text("benchmark", &text, &[]).unwrap_or_else(|error| panic!("{error}"));
    let factory = registry().open(&project, &mut |_| {}).unwrap_or_else(|error| panic!("{error}"));
    let mut batch = factory.batch(lanes, 0, "benchmark").unwrap();
    let mut random = Stream::new(0, "benchmark actions", 0);
    let actions: Vec<u32> = (0..lanes * STEPS).map(|_| random.below(1 << 20)).collect();
    let mut rounds = Vec::with_capacity(ROUNDS);
    for _ in 0..ROUNDS {
        let begin = Instant::now();
        match factory.spec().action.form() {
            ActionForm::Choices(choices) => {
                let count = choices.len() as u32;
                let chosen: Vec<u32> = actions.iter().map(|action| action % count).collect();
                chosen
                    .chunks_exact(lanes)
                    .for_each(|chosen| batch.step(Actions::of_choices(chosen)).unwrap());
            }
            ActionForm::Settings(axes) => {
                let value = |action: &u32, low: f32, high: f32| {
                    low + (high - low) * *action as f32 / (1 << 20) as f32
                };
                let values: Vec<f32> = actions
                    .iter()
                    .flat_map(|action| {
                        axes.iter().map(|axis| value(action, axis.low, axis.high)).collect::<Vec<_>>()
                    })
                    .collect();
                let rows = values.chunks_exact(lanes * axes.len());
                rows.for_each(|values| batch.step(Actions::of_settings(values)).unwrap());
            }
            ActionForm::Several => panic!("{id} has several actions at once"),
        }
        rounds.push(begin.elapsed().as_secs_f64() / STEPS as f64 * 1e6);
    }
    rounds.sort_by(f64::total_cmp);
    print(&format!("{id} × {lanes}, {workers} workers, median"), rounds[ROUNDS / 2], "µs per vector step");
    // The best round is the figure of an idle machine: workers and this program need all cores at once.
    print(&format!("{id} × {lanes}, {workers} workers, best"), rounds[0], "µs per vector step");
}
