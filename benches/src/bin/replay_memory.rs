//! Memory of a replay buffer of images: 100,000 observations of 84 × 84 × 4 bytes, in episodes of 200 steps.

use std::error::Error;
use std::fs;

use setpoint_benches::print;
use setpoint_decision::spec::{TensorForm, TensorPart};
use setpoint_learn::replay::{Replay, Shape, Step};
use setpoint_process::process::Outcome;
use setpoint_process::tensors::{TensorRows, TensorValues};

const LANES: usize = 8;
const FRAMES: usize = 100_000;
const EPISODE: usize = 200;

fn main() -> Result<(), Box<dyn Error>> {
    let form = TensorForm::Image { height: 84, width: 84, channels: 4 };
    let part = TensorPart { name: "screen".into(), description: "four frames".into(), form };
    let shape = Shape { lanes: LANES, features: 0, axes: 0, masked_choices: 0, tensor_bytes: form.bytes() };
    let images = |salt: usize| {
        let values = (0..LANES * form.bytes()).map(|index| (index * 31 + salt * 7) as u8).collect();
        [TensorRows::from_values(form, TensorValues::Bytes(values))]
    };
    let (now, last) = (images(0), images(1));
    let before = resident_bytes()?;
    let mut replay = Replay::new(shape, FRAMES).with_tensors(&[part]);
    replay.begin(&[], &now, &[]);
    for step in 1..=FRAMES / LANES {
        let outcome = if step % EPISODE == 0 { Outcome::Terminated } else { Outcome::Running };
        replay.add(Step {
            choices: &[0; LANES],
            controls: &[],
            rewards: &[0.0; LANES],
            outcomes: &[outcome; LANES],
            observations: &[],
            final_observations: &[],
            allowed: &[],
            tensors: &now,
            final_tensors: &last,
        });
    }
    let used = (resident_bytes()? - before) as f64;
    let images = (FRAMES * form.bytes()) as f64;
    print("replay of 100,000 images of 84 x 84 x 4", used / 1e9, "GB");
    print("more than the bytes of the images", 100.0 * (used / images - 1.0), "%");
    std::hint::black_box(&replay);
    Ok(())
}

/// The memory of this program that lies in RAM (Linux).
fn resident_bytes() -> Result<u64, Box<dyn Error>> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).ok_or("no line VmRSS")?;
    Ok(line.trim().trim_end_matches(" kB").parse::<u64>()? * 1024)
}
