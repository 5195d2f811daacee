//! Figures as they are stored: JSON has no NaN and no infinity, so a figure that is no finite number is stored as null and read
//! as NaN. A page shows it as "–".

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};

/// Figures of a type that is stored with null for each figure that is no finite number.
pub trait Stored: Sized {
    /// The same shape with `Option<f64>` in place of `f64`.
    type Nullable: DeserializeOwned;
    /// NaN in place of null.
    fn from_nullable(stored: Self::Nullable) -> Self;
}

impl Stored for f64 {
    type Nullable = Option<f64>;
    fn from_nullable(stored: Option<f64>) -> Self {
        stored.unwrap_or(f64::NAN)
    }
}

impl<T: Stored> Stored for Vec<T> {
    type Nullable = Vec<T::Nullable>;
    fn from_nullable(stored: Self::Nullable) -> Self {
        stored.into_iter().map(T::from_nullable).collect()
    }
}

impl<T: Stored, const N: usize> Stored for [T; N]
where
    [T::Nullable; N]: DeserializeOwned,
{
    type Nullable = [T::Nullable; N];
    fn from_nullable(stored: Self::Nullable) -> Self {
        stored.map(T::from_nullable)
    }
}

/// Reads figures: `#[serde(deserialize_with = "setpoint_statistics::stored::figures")]`.
pub fn figures<'de, D: Deserializer<'de>, T: Stored>(deserializer: D) -> Result<T, D::Error> {
    T::Nullable::deserialize(deserializer).map(T::from_nullable)
}

#[cfg(test)]
mod tests {
    use serde::Serialize;

    use super::*;

    #[derive(Serialize, Deserialize)]
    struct Figures {
        #[serde(deserialize_with = "figures")]
        one: f64,
        #[serde(deserialize_with = "figures")]
        pairs: Vec<[f64; 2]>,
    }

    #[test]
    fn what_is_no_finite_number_comes_back_as_nan_and_a_missing_key_is_refused() {
        let stored = Figures { one: f64::NEG_INFINITY, pairs: vec![[0.1, f64::NAN], [f64::INFINITY, -0.0]] };
        let text = serde_json::to_string(&stored).unwrap();
        assert_eq!(text, r#"{"one":null,"pairs":[[0.1,null],[null,-0.0]]}"#);
        let read: Figures = serde_json::from_str(&text).unwrap();
        assert_eq!(serde_json::to_string(&read).unwrap(), text);
        assert!(read.one.is_nan() && read.pairs[0][0] == 0.1 && read.pairs[1][1].is_sign_negative());
        assert!(serde_json::from_str::<Figures>(r#"{"pairs":[]}"#).is_err());
    }
}
