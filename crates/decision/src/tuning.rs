//! `[tune]`: the options of the algorithm that `setpoint tune` may change, and their ranges.

use toml::{Table, Value};

use crate::Diagnostic;
use crate::section::Section;

/// The range of an option.
#[derive(Clone, Debug, PartialEq)]
pub enum Values {
    /// A number from `low` to `high`.
    Between {
        /// Least value.
        low: f64,
        /// Greatest value.
        high: f64,
        /// Whether its logarithm is uniformly distributed.
        log: bool,
        /// Whether it is a whole number.
        whole: bool,
    },
    /// One of these.
    OneOf(Vec<Value>),
}

/// An option of `[train.<algorithm>]` and its values.
#[derive(Clone, Debug, PartialEq)]
pub struct Range {
    /// The option's name.
    pub option: String,
    /// Its range.
    pub values: Values,
}

/// `[tune.ranges]`, in the order of the file; empty if the usual ranges of the algorithm apply.
pub type Ranges = Vec<Range>;

pub(crate) fn read(section: &Section<'_>) -> Result<Ranges, Box<Diagnostic>> {
    let ranges = section.table("ranges")?;
    section.finish()?;
    let read = |(option, value): (String, Value)| match values(&value) {
        Ok(values) => Ok(Range { option, values }),
        Err(reason) => {
            let title = format!("the range of `{option}` cannot be {value}");
            let help = "learning_rate = { low = 1e-4, high = 1e-2, log = true }, or n_steps = [64, 128, 256]";
            Err(ranges.error(&option, &title, reason, help))
        }
    };
    ranges.contents()?.into_iter().map(read).collect()
}

fn values(value: &Value) -> Result<Values, &'static str> {
    match value {
        Value::Array(values) if values.len() >= 2 => {
            let plain = |value: &Value| !matches!(value, Value::Array(_) | Value::Table(_));
            if values.iter().all(plain) {
                Ok(Values::OneOf(values.clone()))
            } else {
                Err("expected numbers, texts, true or false in the list")
            }
        }
        Value::Table(table) => between(table),
        _ => Err("expected { low = …, high = … } or a list of two values or more"),
    }
}

fn between(table: &Table) -> Result<Values, &'static str> {
    let number = |key: &str| match table.get(key) {
        Some(Value::Integer(value)) => Some((*value as f64, true)),
        Some(Value::Float(value)) => Some((*value, false)),
        _ => None,
    };
    if table.keys().any(|key| !["low", "high", "log"].contains(&key.as_str())) {
        return Err("expected low, high and log alone");
    }
    let (Some((low, low_whole)), Some((high, high_whole))) = (number("low"), number("high")) else {
        return Err("expected numbers low and high");
    };
    let log = match table.get("log") {
        None => false,
        Some(Value::Boolean(log)) => *log,
        Some(_) => return Err("expected log = true or false"),
    };
    match () {
        () if low >= high => Err("low must lie below high"),
        () if log && low <= 0.0 => Err("a logarithm needs positive numbers"),
        () => Ok(Values::Between { low, high, log, whole: low_whole && high_whole }),
    }
}

pub(crate) fn to_toml(ranges: &Ranges) -> Table {
    let value = |values: &Values| match values {
        Values::OneOf(values) => Value::Array(values.clone()),
        Values::Between { low, high, log, whole } => {
            let number = |value: f64| if *whole { Value::Integer(value as i64) } else { Value::Float(value) };
            let entries = [("low", number(*low)), ("high", number(*high)), ("log", Value::Boolean(*log))];
            Value::Table(entries.into_iter().map(|(key, value)| (key.to_owned(), value)).collect())
        }
    };
    let all: Table = ranges.iter().map(|range| (range.option.clone(), value(&range.values))).collect();
    Table::from_iter([("ranges".to_owned(), Value::Table(all))])
}
