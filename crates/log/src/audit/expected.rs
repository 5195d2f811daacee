//! What a column should hold: unit, range and an ordinary value.

/// What a column should hold.
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
    /// `other = value × scale + offset`: the same as the policy sees it, or in its unit, whichever the column is not.
    pub otherwise: Option<(f64, f64)>,
}
