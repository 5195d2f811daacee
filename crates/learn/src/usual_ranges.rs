//! The usual ranges of options for `setpoint tune`, for recipes.

use setpoint_decision::tuning::{Range, Values};
use toml::Value;

/// Numbers from `low` to `high` with a uniform logarithm.
pub fn logarithmic(option: &str, low: f64, high: f64) -> Range {
    Range { option: option.to_owned(), values: Values::Between { low, high, log: true, whole: false } }
}

/// Some numbers.
pub fn numbers(option: &str, values: &[f64]) -> Range {
    let values = values.iter().map(|value| Value::Float(*value)).collect();
    Range { option: option.to_owned(), values: Values::OneOf(values) }
}

/// Some whole numbers.
pub fn counts(option: &str, values: &[i64]) -> Range {
    let values = values.iter().map(|value| Value::Integer(*value)).collect();
    Range { option: option.to_owned(), values: Values::OneOf(values) }
}

/// Discounts from the next ten steps to the next thousand.
pub fn gamma() -> Range {
    numbers("gamma", &[0.9, 0.95, 0.97, 0.98, 0.99, 0.995, 0.999])
}
