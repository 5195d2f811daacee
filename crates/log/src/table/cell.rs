//! The content of one cell of a table: a number, empty, a word for a missing value, or other text.

use super::marks::{Marks, Meaning, plain, pointed};
use super::status::is_status;

/// A cell of a column of numbers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Cell {
    /// A finite number.
    Number {
        /// Its value.
        value: f64,
        /// Digits after the decimal mark.
        decimals: u32,
        /// Whether that mark is a comma.
        comma: bool,
    },
    /// Empty, or one of the words for a missing value.
    Missing,
    /// Infinite.
    NotFinite,
    /// Any other text.
    Text,
}

/// Reads a cell of a column of numbers with these marks.
pub fn cell(text: &str, marks: Marks) -> Cell {
    let text = text.trim();
    if text.is_empty() {
        return Cell::Missing;
    }
    if let Some(number) = number(text, marks) {
        return number;
    }
    match text.trim_start_matches(['+', '-']).to_ascii_lowercase().as_str() {
        "inf" | "infinity" | "∞" => Cell::NotFinite,
        _ if is_status(text) => Cell::Missing,
        _ => Cell::Text,
    }
}

fn number(text: &str, marks: Marks) -> Option<Cell> {
    // `parse` also accepts words for infinity and NaN.
    if !text.bytes().any(|byte| byte.is_ascii_digit()) {
        return None;
    }
    if marks.point == Meaning::Decimal
        && let Some(decimals) = pointed(text)
    {
        let value: f64 = text.parse().ok()?;
        return Some(match value.is_finite() {
            true => Cell::Number { value, decimals, comma: false },
            false => Cell::NotFinite,
        });
    }
    let written = plain(text, marks)?;
    let is_part = |byte: u8| byte.is_ascii_digit() || matches!(byte, b'+' | b'-' | b'.' | b'e' | b'E');
    if !written.text.bytes().all(is_part) {
        return None;
    }
    let value: f64 = written.text.parse().ok()?;
    if !value.is_finite() {
        return Some(Cell::NotFinite);
    }
    let mantissa = written.text.split(['e', 'E']).next().unwrap_or("");
    let decimals = mantissa.find('.').map_or(0, |mark| (mantissa.len() - mark - 1) as u32);
    // 1e-3 is not rounded to whole numbers.
    let decimals = if mantissa.len() == written.text.len() { decimals } else { u32::MAX };
    Some(Cell::Number { value, decimals, comma: written.comma })
}

/// Reads a cell with true or false.
pub fn boolean(text: &str) -> Option<bool> {
    match text.trim().to_ascii_lowercase().as_str() {
        "1" | "1.0" | "true" | "yes" | "y" | "t" => Some(true),
        "0" | "0.0" | "false" | "no" | "n" | "f" | "" => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(value: f64, decimals: u32, comma: bool) -> Cell {
        Cell::Number { value, decimals, comma }
    }

    #[test]
    fn cells_by_hand() {
        for (text, expected) in [
            ("0.45", written(0.45, 2, false)),
            (" -3 ", written(-3.0, 0, false)),
            ("+.5", written(0.5, 1, false)),
            ("−2.5", written(-2.5, 1, false)),
            ("1e-3", written(1e-3, u32::MAX, false)),
            ("1.5E+3", written(1.5e3, u32::MAX, false)),
            ("12,5", written(12.5, 1, true)),
            ("1,234", written(1.234, 3, true)),
            ("1.234,5", written(1234.5, 1, true)),
            ("1,234,567.25", written(1_234_567.25, 2, false)),
            ("12.345.678", written(12_345_678.0, 0, false)),
            ("1 408", written(1408.0, 0, false)),
            ("-1\u{202f}408,75", written(-1408.75, 2, true)),
            ("21'408.5", written(21_408.5, 1, false)),
            ("", Cell::Missing),
            ("N/A", Cell::Missing),
            ("NaN", Cell::Missing),
            ("#DIV/0!", Cell::Missing),
            ("-inf", Cell::NotFinite),
            ("1e999", Cell::NotFinite),
            ("12 s", Cell::Text),
            ("1 40", Cell::Text),
            ("1,23,4", Cell::Text),
            ("1.2.2026", Cell::Text),
            ("e", Cell::Text),
        ] {
            assert_eq!(cell(text, Marks::default()), expected, "{text}");
        }
        // Digits alone may be beyond the greatest number too.
        for (text, marks) in
            [("9".repeat(400), Marks::default()), (format!("-{}.5", "8".repeat(330)), Marks::of_decimal('.'))]
        {
            assert_eq!(cell(&text, marks), Cell::NotFinite, "{text}");
        }
        assert_eq!([boolean("True"), boolean("0"), boolean("maybe")], [Some(true), Some(false), None]);
    }

    #[test]
    fn thousands_are_read_where_the_table_has_them() {
        let (points, commas) = (Marks::of_decimal('.'), Marks::of_decimal(','));
        for (text, marks, expected) in [
            ("1,408", points, written(1408.0, 0, false)),
            ("1,408", commas, written(1.408, 3, true)),
            ("1.408", commas, written(1408.0, 0, false)),
            ("1.408", points, written(1.408, 3, false)),
            ("0.408", commas, written(0.408, 3, false)),
            ("-2,011", points, written(-2011.0, 0, false)),
        ] {
            assert_eq!(cell(text, marks), expected, "{text}");
        }
    }
}
