//! Numbers of a process's dynamics that can be set: keys of `[process]`, and what randomisation and events change.

use setpoint_decision::section::{Range, Section};
use setpoint_decision::{Diagnostic, spec};

use crate::process::Process;

/// One number of a process's dynamics. Its default is the value that its field has in a fresh process.
pub struct Parameter<P> {
    /// Name in snake case: a key of `[process]`.
    pub name: &'static str,
    /// Unit (`s`, `1` for a pure number).
    pub unit: &'static str,
    /// Least admissible value.
    pub low: f64,
    /// Greatest admissible value.
    pub high: f64,
    /// What it is, in a few words.
    pub description: &'static str,
    /// Where the process keeps it.
    pub field: fn(&mut P) -> Field<'_>,
}

/// Where a process keeps a parameter.
#[derive(Debug)]
pub enum Field<'a> {
    /// As an `f64`.
    F64(&'a mut f64),
    /// As the nearest `f32`.
    F32(&'a mut f32),
    /// As the nearest whole number.
    U32(&'a mut u32),
}

impl Field<'_> {
    fn value(&self) -> f64 {
        match self {
            Self::F64(value) => **value,
            // 0.05, where the same bits as an f64 are 0.05000000074505806.
            Self::F32(value) => value.to_string().parse().expect("a number's own text is a number"),
            Self::U32(value) => f64::from(**value),
        }
    }

    fn set(self, value: f64) {
        match self {
            Self::F64(field) => *field = value,
            Self::F32(field) => *field = value as f32,
            Self::U32(field) => *field = value.round() as u32,
        }
    }
}

impl<P> Parameter<P> {
    /// A parameter with its range; `field` leads to the place where the process keeps it.
    pub const fn new(
        name: &'static str,
        unit: &'static str,
        (low, high): (f64, f64),
        description: &'static str,
        field: fn(&mut P) -> Field<'_>,
    ) -> Self {
        Self { name, unit, low, high, description, field }
    }

    /// Its value in a process.
    pub fn value(&self, process: &P) -> f64
    where
        P: Clone,
    {
        (self.field)(&mut process.clone()).value()
    }

    /// Sets it in a process, which must then recompute what follows from it: [`Process::set_parameter`] does both.
    pub fn set(&self, process: &mut P, value: f64) {
        (self.field)(process).set(value);
    }
}

/// The parameters of a process as its spec tells them; their defaults are the values that the process has.
pub fn described<P: Process>(process: &P) -> Vec<spec::Parameter> {
    let describe = |parameter: &Parameter<P>| spec::Parameter {
        name: parameter.name.to_owned(),
        unit: parameter.unit.to_owned(),
        description: parameter.description.to_owned(),
        default: parameter.value(process),
        low: parameter.low,
        high: parameter.high,
    };
    P::PARAMETERS.iter().map(describe).collect()
}

/// Sets a process's parameters to what `[process]` says; gives all of them, those that keep their values included.
pub fn read<P: Process>(process: &mut P, section: &Section<'_>) -> Result<toml::Table, Box<Diagnostic>> {
    let mut values = toml::Table::new();
    for (index, parameter) in P::PARAMETERS.iter().enumerate() {
        let range = Range::between(parameter.low, parameter.high);
        let given = section.number(parameter.name, range, parameter.description)?;
        if let Some(value) = given {
            process.set_parameter(index, value);
        }
        let value = given.unwrap_or_else(|| parameter.value(process));
        values.insert(parameter.name.to_owned(), value.into());
    }
    Ok(values)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_gives_back_what_it_was_set_to() {
        let (mut double, mut single, mut whole) = (0.0_f64, 0.0_f32, 0_u32);
        for value in [0.05, 0.0015, 1e-30, 3.0, 120.0, 1e6] {
            Field::F64(&mut double).set(value);
            Field::F32(&mut single).set(value);
            assert_eq!((Field::F64(&mut double).value(), Field::F32(&mut single).value()), (value, value));
        }
        Field::U32(&mut whole).set(4.6);
        assert_eq!(Field::U32(&mut whole).value(), 5.0);
    }
}
