//! Ranges of the options of algorithms: no accepted value makes an update endless or a number overflow.

use setpoint_decision::section::Range;

/// Greatest magnitude of a real option: its square is finite in single precision.
const REAL_MAX: f64 = 1e12;
/// Greatest count of environments, samples, gradient steps or epochs of an update.
const COUNT_MAX: f64 = 16_777_216.0;
/// Greatest number of environment steps, that of `train.total_steps`.
const STEPS_MAX: f64 = 1e15;

/// Any real number.
pub fn real() -> Range {
    Range::between(-REAL_MAX, REAL_MAX)
}

/// A real number greater than 0.
pub fn positive() -> Range {
    Range::positive_up_to(REAL_MAX)
}

/// A real number of 0 or more.
pub fn not_negative() -> Range {
    Range::between(0.0, REAL_MAX)
}

/// A count from `least` on.
pub fn count_from(least: f64) -> Range {
    Range::between(least, COUNT_MAX)
}

/// A number of environment steps or gradient steps of a whole training, from `least` on.
pub fn steps_from(least: f64) -> Range {
    Range::between(least, STEPS_MAX)
}
