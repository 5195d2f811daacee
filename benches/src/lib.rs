//! Measuring: medians of repeated runs, printed as one JSON line per figure.

use std::time::Instant;

/// Times `work` `repetitions` times and returns the median in seconds.
pub fn median_seconds(repetitions: usize, mut work: impl FnMut()) -> f64 {
    let mut seconds: Vec<f64> = (0..repetitions)
        .map(|_| {
            let started = Instant::now();
            work();
            started.elapsed().as_secs_f64()
        })
        .collect();
    seconds.sort_by(f64::total_cmp);
    seconds[repetitions / 2]
}

/// Prints a figure as one JSON line.
pub fn print(name: &str, value: f64, unit: &str) {
    println!("{}", serde_json::json!({ "name": name, "value": value, "unit": unit }));
}
