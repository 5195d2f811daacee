//! Writing one table: the counterpart of [`crate::section`], which reads one.

use toml::{Table, Value};

/// Keys and values; a key without a value is omitted.
pub(crate) fn table<const N: usize>(entries: [(&str, Option<Value>); N]) -> Table {
    entries.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?))).collect()
}

/// A text.
pub(crate) fn text(value: &str) -> Option<Value> {
    Some(Value::String(value.to_owned()))
}

/// A whole number.
pub(crate) fn integer(value: u64) -> Option<Value> {
    Some(Value::Integer(value as i64))
}

/// A list of texts.
pub(crate) fn names(values: &[String]) -> Option<Value> {
    Some(Value::Array(values.iter().cloned().map(Value::String).collect()))
}

/// Names and numbers.
pub(crate) fn numbers(values: &[(String, f64)]) -> Value {
    Value::Table(values.iter().map(|(name, value)| (name.clone(), Value::Float(*value))).collect())
}

/// A list of tables.
pub(crate) fn tables(tables: impl Iterator<Item = Table>) -> Value {
    Value::Array(tables.map(Value::Table).collect())
}
