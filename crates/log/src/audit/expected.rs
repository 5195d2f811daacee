//! The expected content of a column: unit, range and an ordinary value.

/// The expected content of a column.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Expected {
    /// Feature, signal or action, as the project calls it.
    pub what: String,
    /// Unit of the natural value.
    pub unit: String,
    /// Least and greatest possible value, in the column's numbers.
    pub range: Option<(f64, f64)>,
    /// An ordinary value, in the column's numbers.
    pub reference: Option<f64>,
    /// `other = value × scale + offset`: the other scale: the natural unit for a column as the policy sees it, and the reverse.
    pub otherwise: Option<(f64, f64)>,
    /// Whether it is a parameter of the process, which stays by nature.
    pub is_parameter: bool,
}
