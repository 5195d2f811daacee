//! The learning rate over the training, and other values that fall with its progress, such as a clip range.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use setpoint_decision::Diagnostic;
use setpoint_decision::section::{Range, Section};

/// A value over the remaining share of training (Stable-Baselines3's `progress_remaining`, from 1 to 0).
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Schedule {
    /// Always the same.
    Constant(f64),
    /// From the given value at the start down to 0 at the end; written `"linear_3e-4"` in the project file.
    Linear(f64),
}

impl Schedule {
    /// The value when `progress_remaining` (1 at the start, 0 at the end) is the remaining share of the training.
    pub fn at(self, progress_remaining: f64) -> f64 {
        match self {
            Self::Constant(value) => value,
            Self::Linear(start) => start * progress_remaining.clamp(0.0, 1.0),
        }
    }

    /// Parses `linear_3e-4` (rl-zoo3's `lin_3e-4` too).
    pub fn parse(text: &str) -> Option<Self> {
        let number = text.strip_prefix("linear_").or_else(|| text.strip_prefix("lin_"))?;
        number.parse().ok().filter(|value: &f64| value.is_finite()).map(Self::Linear)
    }

    /// The value at the start.
    pub fn start(self) -> f64 {
        self.at(1.0)
    }
}

impl Serialize for Schedule {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Constant(value) => serializer.serialize_f64(*value),
            Self::Linear(start) => serializer.serialize_str(&format!("linear_{start}")),
        }
    }
}

impl<'de> Deserialize<'de> for Schedule {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Written {
            Number(f64),
            Text(String),
        }
        match Written::deserialize(deserializer)? {
            Written::Number(value) => Ok(Self::Constant(value)),
            Written::Text(text) => Self::parse(&text)
                .ok_or_else(|| serde::de::Error::custom(format!("`{text}` is not a schedule"))),
        }
    }
}

/// A number, or a schedule such as `"linear_3e-4"`.
pub fn read_schedule(
    section: &Section<'_>,
    key: &'static str,
    range: Range,
    meaning: &'static str,
) -> Result<Option<Schedule>, Box<Diagnostic>> {
    if !section.is_string(key) {
        return Ok(section.number(key, range, meaning)?.map(Schedule::Constant));
    }
    let Some(text) = section.string(key, meaning)? else { return Ok(None) };
    match Schedule::parse(&text) {
        Some(schedule) if range.contains(schedule.start()) => Ok(Some(schedule)),
        _ => Err(section.error(
            key,
            &format!("`{text}` is not a schedule"),
            &format!("expected {range}, or a text such as \"linear_3e-4\" ({meaning})"),
            "`linear_X` falls from X at the start to 0 at the end of training",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn linear_falls_to_zero_and_constant_stays() {
        let linear = Schedule::parse("linear_3e-4").unwrap();
        assert_eq!(
            (linear.at(1.0), linear.at(0.5), linear.at(0.0), linear.at(-0.1)),
            (3e-4, 1.5e-4, 0.0, 0.0)
        );
        assert_eq!(Schedule::Constant(0.2).at(0.1), 0.2);
        assert_eq!(Schedule::parse("lin_0.2"), Some(Schedule::Linear(0.2)));
        assert_eq!(
            (Schedule::parse("linear_x"), Schedule::parse("3"), Schedule::parse("linear_inf")),
            (None, None, None)
        );
    }
}
