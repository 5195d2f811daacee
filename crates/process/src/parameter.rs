//! Numbers of a process's dynamics that can be set: keys of `[process]`, and what randomisation and events change.

use setpoint_decision::spec;

/// One number of a process's dynamics. Its default is the value of its field in a fresh process.
pub struct Parameter<P> {
    /// Name in snake case: a key of `[process]`.
    pub name: &'static str,
    /// Unit (`s`, `1` for a pure number).
    pub unit: &'static str,
    /// Least admissible value.
    pub low: f64,
    /// Greatest admissible value.
    pub high: f64,
    /// Its meaning, in a few words.
    pub description: &'static str,
    /// Its field in the process.
    pub field: fn(&mut P) -> Field<'_>,
}

/// The field of a parameter in a process.
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
            // 0.05, whereas the same number as an f64 is 0.05000000074505806.
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
    /// A parameter with its range; `field` returns its field in the process.
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

    /// The parameter for the spec; its default is the present value of the process.
    pub fn described(&self, process: &P) -> spec::Parameter
    where
        P: Clone,
    {
        spec::Parameter {
            name: self.name.to_owned(),
            unit: self.unit.to_owned(),
            description: self.description.to_owned(),
            default: self.value(process),
            low: self.low,
            high: self.high,
        }
    }

    /// Sets it in a process. `Process::set_parameter` calls it, and recomputes the derived values.
    pub fn set(&self, process: &mut P, value: f64) {
        (self.field)(process).set(value);
    }
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
