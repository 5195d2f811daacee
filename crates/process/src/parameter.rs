//! Numbers of a process's dynamics that can be set: keys of `[process]`, and what randomisation and events change.

use setpoint_decision::section::{Range, Section};
use setpoint_decision::{Diagnostic, spec};

use crate::process::Process;

/// One number of a process's dynamics.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Parameter {
    /// Name in snake case: a key of `[process]`.
    pub name: &'static str,
    /// Unit (`s`, `1` for a pure number).
    pub unit: &'static str,
    /// Its value in the source of the process.
    pub default: f64,
    /// Least admissible value.
    pub low: f64,
    /// Greatest admissible value.
    pub high: f64,
    /// What it is, in a few words.
    pub description: &'static str,
}

impl Parameter {
    /// With its default and range.
    pub const fn new(
        name: &'static str,
        unit: &'static str,
        default: f64,
        (low, high): (f64, f64),
        description: &'static str,
    ) -> Self {
        Self { name, unit, default, low, high, description }
    }

    /// As the spec tells it.
    pub fn described(&self) -> spec::Parameter {
        spec::Parameter {
            name: self.name.to_owned(),
            unit: self.unit.to_owned(),
            description: self.description.to_owned(),
            default: self.default,
            low: self.low,
            high: self.high,
        }
    }
}

/// Sets a prototype's parameters to what `[process]` says; gives all of them, the defaults of the others included.
pub fn read<P: Process>(prototype: &mut P, section: &Section<'_>) -> Result<toml::Table, Box<Diagnostic>> {
    let mut values = toml::Table::new();
    for (index, parameter) in P::PARAMETERS.iter().enumerate() {
        let range = Range::between(parameter.low, parameter.high);
        let given = section.number(parameter.name, range, parameter.description)?;
        if let Some(value) = given {
            prototype.set_parameter(index, value);
        }
        values.insert(parameter.name.to_owned(), given.unwrap_or(parameter.default).into());
    }
    Ok(values)
}
