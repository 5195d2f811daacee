//! Figures for people: a number with as many decimals as its size needs.

/// A number as the page writes it: as many decimals as its size needs, a true minus sign, narrow spaces between thousands.
pub fn number(value: f64) -> String {
    if !value.is_finite() {
        return "–".to_owned();
    }
    let magnitude = value.abs();
    let decimals = match magnitude {
        m if m >= 100.0 => 1,
        m if m >= 1.0 => 2,
        _ => 3,
    };
    let text = if magnitude >= 10_000.0 { grouped(magnitude) } else { format!("{magnitude:.decimals$}") };
    if value < 0.0 { format!("−{text}") } else { text }
}

/// `1234567` as `1 234 567`, with narrow spaces.
pub fn grouped(value: f64) -> String {
    let digits = format!("{value:.0}");
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index) % 3 == 0 {
            text.push('\u{202f}');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_well() {
        assert_eq!(
            [0.1234, -12.345, 198.44, 23_832.0].map(number),
            ["0.123", "−12.35", "198.4", "23\u{202f}832"]
        );
    }
}
