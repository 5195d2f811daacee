//! The content of one cell of a table: a number with a decimal point or a decimal comma, empty, or other text.

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
    /// Infinite, or a written NaN.
    NotFinite,
    /// Any other text.
    Text,
}

/// Words of historians and spreadsheets for a missing measurement.
const MISSING: &[&str] = &[
    "na",
    "n/a",
    "null",
    "none",
    "-",
    "--",
    "?",
    "missing",
    "#n/a",
    "no data",
    "bad",
    "bad input",
    "i/o timeout",
];

/// Reads a cell of a column of numbers.
pub fn cell(text: &str) -> Cell {
    let text = text.trim();
    if text.is_empty() {
        return Cell::Missing;
    }
    if let Some(number) = number(text) {
        return number;
    }
    let lower = text.to_ascii_lowercase();
    match lower.as_str() {
        "nan" | "inf" | "-inf" | "+inf" | "infinity" | "-infinity" | "+infinity" | "#div/0!" | "#num!" => {
            Cell::NotFinite
        }
        word if MISSING.contains(&word) => Cell::Missing,
        _ => Cell::Text,
    }
}

fn number(text: &str) -> Option<Cell> {
    // `parse` also accepts words for infinity and NaN.
    if !text
        .bytes()
        .all(|byte| byte.is_ascii_digit() || matches!(byte, b'+' | b'-' | b'.' | b',' | b'e' | b'E'))
    {
        return None;
    }
    let comma = text.contains(',');
    let value: f64 = if comma {
        if text.contains('.') || text.matches(',').count() > 1 {
            return None;
        }
        text.replace(',', ".").parse().ok()?
    } else {
        text.parse().ok()?
    };
    if !value.is_finite() {
        return Some(Cell::NotFinite);
    }
    let mantissa = text.split(['e', 'E']).next().unwrap_or(text);
    let decimals = match mantissa.find(['.', ',']) {
        Some(mark) => (mantissa.len() - mark - 1) as u32,
        None => 0,
    };
    // 1e-3 is not rounded to whole numbers.
    let decimals = if mantissa.len() == text.len() { decimals } else { u32::MAX };
    Some(Cell::Number { value, decimals, comma })
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

    #[test]
    fn cells_by_hand() {
        let plain = |value, decimals| Cell::Number { value, decimals, comma: false };
        for (text, expected) in [
            ("0.45", plain(0.45, 2)),
            (" -3 ", plain(-3.0, 0)),
            ("1e-3", plain(1e-3, u32::MAX)),
            ("12,5", Cell::Number { value: 12.5, decimals: 1, comma: true }),
            ("", Cell::Missing),
            ("N/A", Cell::Missing),
            ("NaN", Cell::NotFinite),
            ("-inf", Cell::NotFinite),
            ("1e999", Cell::NotFinite),
            ("12 s", Cell::Text),
            ("1.234,5", Cell::Text),
            ("e", Cell::Text),
        ] {
            assert_eq!(cell(text), expected, "{text}");
        }
        assert_eq!([boolean("True"), boolean("0"), boolean("maybe")], [Some(true), Some(false), None]);
    }
}
