//! The expected content of the columns of features, signals and settings.

use setpoint_decision::spec::{Axis, Feature, Signal};

use crate::audit::column::Column;
use crate::audit::expected::Expected;
use crate::table::marks::Marks;

/// The column of a feature, in its unit if `natural`; `is_parameter` if it is a parameter of the process.
pub fn feature_column(
    name: &str,
    marks: Marks,
    feature: &Feature,
    natural: bool,
    is_parameter: bool,
) -> Column {
    let in_column = |value: f32| f64::from(if natural { feature.natural(value) } else { value });
    let (low, high) = (in_column(feature.low), in_column(feature.high));
    let (scale, offset) = (f64::from(feature.scale), f64::from(feature.offset));
    let is_same = scale == 1.0 && offset == 0.0;
    let expected = Expected {
        what: feature.name.clone(),
        unit: if natural || is_same { feature.unit.clone() } else { String::new() },
        range: finite(low.min(high), low.max(high)),
        reference: Some(in_column(feature.reference)),
        is_parameter,
        // From the wrong scale of a column to the right scale.
        otherwise: (!is_same).then(|| if natural { (1.0 / scale, -offset / scale) } else { (scale, offset) }),
    };
    Column::new(name, expected, marks)
}

/// The column of a logged signal.
pub fn signal_column(name: &str, marks: Marks, signal: &Signal) -> Column {
    let range = finite(f64::from(signal.low), f64::from(signal.high));
    Column::new(
        name,
        Expected { what: signal.name.clone(), unit: signal.unit.clone(), range, ..Expected::default() },
        marks,
    )
}

/// The column of a setting.
pub fn axis_column(name: &str, marks: Marks, axis: &Axis) -> Column {
    let range = finite(f64::from(axis.low), f64::from(axis.high));
    Column::new(
        name,
        Expected { what: axis.name.clone(), unit: axis.unit.clone(), range, ..Expected::default() },
        marks,
    )
}

/// A finite range.
fn finite(low: f64, high: f64) -> Option<(f64, f64)> {
    (low < high && high - low < 1e30).then_some((low, high))
}
