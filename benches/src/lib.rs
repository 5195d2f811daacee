//! Measuring: medians of repeated runs, printed as one JSON line per figure.

use std::time::Instant;

/// The least time of `work` in many short windows, in seconds: what the machine does while nothing else disturbs it. Windows are far
/// shorter than a time slice, so some of them are whole even next to other work.
pub fn least_seconds(mut work: impl FnMut()) -> f64 {
    const LONGEST: f64 = 0.25;
    let (started, mut least) = (Instant::now(), f64::INFINITY);
    let mut windows = 0;
    while windows < 20 || started.elapsed().as_secs_f64() < LONGEST {
        let window = Instant::now();
        work();
        least = least.min(window.elapsed().as_secs_f64());
        windows += 1;
    }
    least
}

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
