//! The numbers of an axis, and the room that a text needs.

/// Size of letters on a phone, in the units of a chart that is 720 wide: the largest size that `style.css` gives them.
pub const LETTER: f64 = 20.0;

/// Round values that cover a range in about `count` steps.
pub fn ticks(low: f64, high: f64, count: usize) -> Vec<f64> {
    let span = (high - low).max(1e-12);
    let raw = span / count as f64;
    let power = 10.0_f64.powf(raw.log10().floor());
    let step =
        [1.0, 2.0, 2.5, 5.0, 10.0].map(|m| m * power).into_iter().find(|step| *step >= raw).unwrap_or(raw);
    let first = (low / step).ceil() as i64;
    let last = (high / step).floor() as i64;
    (first..=last).map(|index| index as f64 * step).collect()
}

/// A short number for an axis: 20k, 1.5M.
pub fn short(value: f64) -> String {
    let magnitude = value.abs();
    let (scaled, unit) = match magnitude {
        m if m >= 1e6 => (value / 1e6, "M"),
        m if m >= 1e4 => (value / 1e3, "k"),
        _ => (value, ""),
    };
    let text = format!("{scaled:.2}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    format!("{}{unit}", text.replace('-', "−"))
}

/// An upper bound of the width of a text at the size [`LETTER`]. A chart does not know the reader's font, so this counts with
/// the widest usual one.
pub fn width(text: &str) -> f64 {
    let share = |letter: char| match letter {
        'f' | 'i' | 'j' | 'l' | 'r' | 't' | 'I' | ' ' | '.' | ',' | ':' | '-' | '(' | ')' => 0.42,
        'm' | 'w' | 'M' | 'W' | '%' | '+' | '@' => 1.0,
        letter if letter.is_ascii_uppercase() => 0.8,
        letter if letter.is_ascii() => 0.64,
        _ => 1.0,
    };
    LETTER * text.chars().map(share).sum::<f64>()
}

/// A text that is at most this wide: without its end, if it is longer.
pub fn shortened(text: &str, width_max: f64) -> String {
    if width(text) <= width_max {
        return text.to_owned();
    }
    let mut kept = text.to_owned();
    while !kept.is_empty() && width(&kept) + width("…") > width_max {
        kept.pop();
    }
    kept + "…"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_inside() {
        assert_eq!(ticks(0.0, 100.0, 5), [0.0, 20.0, 40.0, 60.0, 80.0, 100.0]);
        assert_eq!(ticks(-3.0, 7.0, 4), [-2.5, 0.0, 2.5, 5.0]);
    }

    /// Advance widths of DejaVu Sans, one of the widest fonts of a system, in thousandths of the size.
    #[test]
    fn no_usual_font_is_wider_than_the_bound() {
        let advances = [
            ("−2000", 838 + 4 * 636),
            ("300k", 3 * 636 + 579),
            ("random", 411 + 613 + 634 + 635 + 612 + 974),
        ];
        for (text, advance) in advances {
            assert!(width(text) >= LETTER * f64::from(advance) / 1000.0, "{text}: {}", width(text));
        }
    }

    #[test]
    fn a_long_name_loses_its_end() {
        assert_eq!(shortened("fifo", 60.0), "fifo");
        let short = shortened("first-come-first-served-per-machine", 150.0);
        assert!(short.starts_with("first-come") && short.ends_with('…') && width(&short) <= 150.0, "{short}");
    }
}
