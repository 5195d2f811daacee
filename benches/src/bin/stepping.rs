//! `assembly-line` through the vectorised interface, on one core.

use setpoint_benches::{median_seconds, print};
use setpoint_process::open_kind;
use setpoint_process::random::Stream;
use setpoint_process::vectorized::Actions;

const LANES: usize = 256;
const STEPS: usize = 20_000;

fn main() {
    let factory = open_kind("assembly-line", None).expect("a built-in process");
    let mut batch = factory.batch(LANES, 0, "benchmark");
    let mut random = Stream::new(0, "benchmark actions", 0);
    let actions: Vec<u32> = (0..LANES * 1024).map(|_| random.below(6)).collect();
    let seconds = median_seconds(9, || {
        for step in 0..STEPS {
            let start = step % 1024 * LANES;
            batch.step(Actions::Discrete(&actions[start..start + LANES]));
        }
    });
    print("assembly-line-stepping", (LANES * STEPS) as f64 / seconds, "steps/s");
}
