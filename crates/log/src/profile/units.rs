//! The unit of a column, from its heading, the words of its name, and the size of its numbers.

use super::names::words;

/// A guess: the unit, and the reason for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unit {
    /// The unit; `1` for a pure number.
    pub unit: String,
    /// Why.
    pub reason: String,
    /// Whether the log states it.
    pub is_stated: bool,
}

/// Words at the end of a name that are units.
const ENDINGS: &[(&str, &str)] = &[
    ("degc", "°C"),
    ("celsius", "°C"),
    ("°c", "°C"),
    ("degf", "°F"),
    ("kelvin", "K"),
    ("bar", "bar"),
    ("mbar", "mbar"),
    ("kpa", "kPa"),
    ("mpa", "MPa"),
    ("pa", "Pa"),
    ("psi", "psi"),
    ("rpm", "rpm"),
    ("hz", "Hz"),
    ("kw", "kW"),
    ("kwh", "kWh"),
    ("mw", "MW"),
    ("pct", "%"),
    ("percent", "%"),
    ("%", "%"),
    ("ppm", "ppm"),
    ("mm", "mm"),
    ("cm", "cm"),
    ("kg", "kg"),
    ("ml", "ml"),
    ("ms", "ms"),
    ("sec", "s"),
    ("min", "min"),
    ("uph", "1/h"),
    ("bpm", "1/min"),
    ("lpm", "l/min"),
    ("lph", "l/h"),
    ("amps", "A"),
    ("volt", "V"),
];

/// A unit, with the least and the greatest value that are usual in it.
type Usual = (&'static str, f64, f64);

/// Words of a quantity, with units and the range of values in which each is usual.
const QUANTITIES: &[(&[&str], &[Usual])] = &[
    (&["temp", "temperature", "temperatur", "tt"], &[("°C", -60.0, 250.0), ("K", 250.0, 2_000.0)]),
    (
        &["pressure", "druck", "pt", "press"],
        &[("bar", 0.0, 60.0), ("mbar", 60.0, 2_000.0), ("Pa", 2_000.0, 1e8)],
    ),
    (&["level", "füllstand", "niveau", "lt"], &[("1", 0.0, 1.0), ("%", 0.0, 100.0)]),
    (&["speed", "drehzahl", "geschwindigkeit"], &[("1", 0.0, 1.5), ("rpm", 100.0, 30_000.0)]),
    (&["ph"], &[("pH", 0.0, 14.0)]),
    (&["humidity", "feuchte"], &[("1", 0.0, 1.0), ("%", 0.0, 100.0)]),
    (&["power", "leistung"], &[("kW", 0.0, 5_000.0)]),
    (&["energy", "energie"], &[("kWh", 0.0, 1e5)]),
    (&["current", "strom"], &[("A", 0.0, 2_000.0)]),
    (&["voltage", "spannung"], &[("V", 0.0, 1_000.0)]),
    (&["share", "ratio", "fraction", "efficiency", "yield", "anteil"], &[("1", 0.0, 1.0), ("%", 0.0, 100.0)]),
];

/// The unit of a column: `written` below its heading, in brackets behind it, as the end of its name, or by the quantity that its
/// words name and the size of its numbers.
pub fn unit(heading: &str, written: &str, range: Option<(f64, f64)>) -> Unit {
    if !written.trim().is_empty() {
        let unit = written.trim().to_owned();
        return Unit { unit, reason: "from the line of units".to_owned(), is_stated: true };
    }
    if let Some(unit) = in_brackets(heading) {
        return Unit { unit: unit.to_owned(), reason: "from the heading".to_owned(), is_stated: true };
    }
    let words = words(heading);
    let last = words.iter().rev().find(|word| !word.bytes().all(|byte| byte.is_ascii_digit()));
    if let Some((ending, unit)) =
        ENDINGS.iter().find(|(ending, _)| words.len() > 1 && last.is_some_and(|last| last == ending))
    {
        let reason = format!("the name ends with \"{ending}\"");
        return Unit { unit: (*unit).to_owned(), reason, is_stated: true };
    }
    let (low, high) = range.unwrap_or((f64::NAN, f64::NAN));
    for (names, units) in QUANTITIES {
        let Some(word) = words.iter().find(|word| names.contains(&word.as_str())) else { continue };
        let found = units.iter().find(|(_, least, greatest)| low >= *least && high <= *greatest);
        if let Some((unit, ..)) = found {
            let reason = format!(
                "a guess: \"{word}\" from {} to {}",
                crate::audit::shown(low),
                crate::audit::shown(high)
            );
            return Unit { unit: (*unit).to_owned(), reason, is_stated: false };
        }
    }
    Unit { unit: "1".to_owned(), reason: "unknown".to_owned(), is_stated: false }
}

fn in_brackets(heading: &str) -> Option<&str> {
    [('[', ']'), ('(', ')')].into_iter().find_map(|(open, close)| {
        let unit = heading.trim().strip_suffix(close)?.rsplit_once(open)?.1.trim();
        (!unit.is_empty()).then_some(unit)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headings_words_and_sizes_give_units() {
        for (heading, written, range, unit_of, is_stated) in [
            ("Level [m]", "", (0.0, 4.0), "m", true),
            ("Tank (%)", "", (0.0, 90.0), "%", true),
            ("level", "cm", (0.0, 90.0), "cm", true),
            ("motor_rpm", "", (0.0, 90.0), "rpm", true),
            ("TT-101 temperature", "", (18.0, 96.0), "°C", false),
            ("reactor temp", "", (300.0, 420.0), "K", false),
            ("ph", "", (6.0, 8.0), "pH", false),
            ("ph", "", (6.0, 80.0), "1", false),
            ("bar", "", (0.0, 1.0), "1", false),
        ] {
            let found = unit(heading, written, Some(range));
            assert_eq!(
                (found.unit.as_str(), found.is_stated),
                (unit_of, is_stated),
                "{heading} {}",
                found.reason
            );
        }
    }
}
