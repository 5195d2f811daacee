//! Small processes: their description, and a stop that a process itself requests at a step.
#![allow(dead_code, reason = "each test file compiles this module and uses a part of it")]

use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use setpoint_decision::spec::{ActionSpace, Feature, Signal, Spec};
use setpoint_learn::train::Start;

/// The request to stop.
pub static STOP: AtomicBool = AtomicBool::new(false);
/// Steps of all environments together, those of evaluations too, since [`stop_at`].
static STEPS: AtomicU64 = AtomicU64::new(0);
/// The step at which the process requests the stop.
static STOPS_AT: AtomicU64 = AtomicU64::new(u64::MAX);

/// Counts a step of a process, and requests the stop at the step that [`stop_at`] names.
pub fn count_step() {
    if STEPS.fetch_add(1, Ordering::Relaxed) + 1 == STOPS_AT.load(Ordering::Relaxed) {
        STOP.store(true, Ordering::Relaxed);
    }
}

/// Counts steps from 0 again, and withdraws the request. `u64::MAX` is no stop.
pub fn stop_at(step: u64) {
    STEPS.store(0, Ordering::Relaxed);
    STOP.store(false, Ordering::Relaxed);
    STOPS_AT.store(step, Ordering::Relaxed);
}

/// A resume if the folder holds a run.
pub fn new_or_resumed(folder: &Path) -> Start {
    if folder.join("run.json").is_file() { Start::Resume } else { Start::New }
}

/// A process with one feature and one signal, which is its reward.
pub fn spec(
    kind: &str,
    seen: Feature,
    action: ActionSpace,
    signal: Signal,
    weight: f64,
    max_steps: u32,
) -> Spec {
    Spec {
        kind: kind.into(),
        observation: vec![seen],
        action,
        reward: vec![(signal.name.clone(), weight)],
        signals: vec![signal],
        max_steps: Some(max_steps),
        ..Spec::default()
    }
}
