//! A built-in process through the vectorised interface, on one core: `stepping [KIND]`, `assembly-line` by default.

use setpoint_benches::{median_seconds, print};
use setpoint_decision::spec::ActionForm;
use setpoint_process::vectorized::Actions;
use setpoint_processes::open_kind;
use setpoint_random::Stream;

const LANES: usize = 256;
const STEPS: usize = 20_000;
/// Steps after which the random actions, drawn beforehand, repeat.
const DRAWN: usize = 1024;

fn main() {
    let kind = std::env::args().nth(1).unwrap_or_else(|| "assembly-line".to_owned());
    let factory = open_kind(&kind, None).unwrap_or_else(|| panic!("there is no process `{kind}`"));
    let mut batch = factory.batch(LANES, 0, "benchmark").unwrap();
    let mut random = Stream::new(0, "benchmark actions", 0);
    let seconds = match factory.spec().action.form() {
        ActionForm::Choices(choices) => {
            let choices = choices.len() as u32;
            let actions: Vec<u32> = (0..LANES * DRAWN).map(|_| random.below(choices)).collect();
            median_seconds(9, || {
                for actions in actions.chunks_exact(LANES).cycle().take(STEPS) {
                    batch.step(Actions::of_choices(actions)).unwrap();
                }
            })
        }
        ActionForm::Settings(axes) => {
            let actions: Vec<f32> = (0..LANES * DRAWN)
                .flat_map(|_| axes.iter().map(|axis| random.uniform(axis.low, axis.high)).collect::<Vec<_>>())
                .collect();
            median_seconds(9, || {
                for actions in actions.chunks_exact(LANES * axes.len()).cycle().take(STEPS) {
                    batch.step(Actions::of_settings(actions)).unwrap();
                }
            })
        }
        ActionForm::Several => panic!("{kind} has choices and settings at once"),
    };
    print(&format!("{kind}-stepping"), (LANES * STEPS) as f64 / seconds, "steps/s");
}
