//! Values out of range that would be within it in another unit: thousandths, minutes, percent, Fahrenheit, natural values.

use super::expected::Expected;
use super::median;

/// The unit error that explains the values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explanation {
    /// The unit error, as text.
    pub what: String,
    /// The remedy.
    pub fix: String,
}

/// Least number of values to judge a unit.
const VALUES_MIN: usize = 10;
/// Share of the values that must be within the range in the other unit.
const FIT: f64 = 0.98;

/// `value × factor + summand` is the correct value.
struct Slip {
    words: &'static str,
    factor: f64,
    summand: f64,
    /// 0: likely for this unit; 1: any other error.
    unlikely: f64,
}

/// Explains sorted values beyond the range; `within` are the other values of the column.
pub fn explain(beyond: &[f64], within: &[f64], expected: &Expected) -> Option<Explanation> {
    let (low, high) = expected.range?;
    let span = high - low;
    if beyond.len() < VALUES_MIN || !span.is_finite() || span <= 0.0 {
        return None;
    }
    // If most of a column is correct, the rest must look like it.
    let mostly_fine = within.len() > beyond.len();
    let usual = if mostly_fine { median(within) } else { expected.reference };
    let usual = usual.unwrap_or(0.5 * (low + high));
    let penalty = if mostly_fine { 0.05 } else { 0.15 };
    let score = |slip: &Slip| {
        let moved = |value: &f64| value * slip.factor + slip.summand;
        let fits = |value: &&f64| (low - 1e-3 * span..=high + 1e-3 * span).contains(&moved(value));
        let share = beyond.iter().filter(fits).count() as f64 / beyond.len() as f64;
        let distance = (moved(&beyond[beyond.len() / 2]) - usual).abs() / span;
        (share >= FIT).then_some(distance + penalty * slip.unlikely)
    };
    let all = slips(expected);
    let scored = all.iter().filter_map(|slip| Some((score(slip)?, slip)));
    let (_, best) = scored.min_by(|(a, _), (b, _)| a.total_cmp(b))?;
    let fix = if best.words.starts_with("natural") || best.words.starts_with("seen") {
        "set `values` in [data] to the scale of the columns, or convert this column".to_owned()
    } else {
        "convert the column at the export of the log, and find out since when it has this unit".to_owned()
    };
    Some(Explanation { what: format!("it looks like {}", best.words), fix })
}

fn slips(expected: &Expected) -> Vec<Slip> {
    let unit = expected.unit.as_str();
    let is_share = matches!(unit, "1" | "%" | "");
    let is_time = matches!(unit, "s" | "ms" | "min" | "h");
    let is_rate = ["/h", "/min", "/s"].iter().any(|end| unit.ends_with(end));
    let is_temperature = matches!(unit, "°C" | "K" | "°F" | "degC" | "C" | "F");
    let all: [(&'static str, f64, f64, bool); 12] = [
        ("percent instead of shares (a factor of 100)", 0.01, 0.0, is_share),
        ("shares instead of percent (a factor of 100)", 100.0, 0.0, is_share),
        ("another unit by a factor of 1000 (too large)", 1e-3, 0.0, !is_share && !is_temperature),
        ("another unit by a factor of 1000 (too small)", 1e3, 0.0, !is_share && !is_temperature),
        ("another unit of time by a factor of 60 (too large)", 1.0 / 60.0, 0.0, is_time || is_rate),
        ("another unit of time by a factor of 60 (too small)", 60.0, 0.0, is_time || is_rate),
        ("another unit of time by a factor of 3600 (too large)", 1.0 / 3600.0, 0.0, is_time || is_rate),
        ("another unit of time by a factor of 3600 (too small)", 3600.0, 0.0, is_time || is_rate),
        ("°F instead of °C", 1.0 / 1.8, -32.0 / 1.8, is_temperature),
        ("°C instead of °F", 1.8, 32.0, is_temperature),
        ("K instead of °C", 1.0, -273.15, is_temperature),
        ("°C instead of K", 1.0, 273.15, is_temperature),
    ];
    let mut slips: Vec<Slip> = all
        .into_iter()
        .map(|(words, factor, summand, likely)| Slip {
            words,
            factor,
            summand,
            unlikely: if likely { 0.0 } else { 1.0 },
        })
        .collect();
    if let Some((scale, offset)) = expected.otherwise {
        let words = "natural values instead of values as the policy sees them, or the other way round";
        slips.push(Slip { words, factor: 1.0 / scale, summand: -offset / scale, unlikely: 0.0 });
    }
    slips
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expected(unit: &str, low: f64, high: f64, reference: f64) -> Expected {
        Expected {
            unit: unit.into(),
            range: Some((low, high)),
            reference: Some(reference),
            ..Expected::default()
        }
    }

    /// Correct values with a unit error are recognised.
    #[test]
    fn slips_are_named() {
        let spread = |low: f64, high: f64| -> Vec<f64> {
            (0..100).map(|index| low + (high - low) * f64::from(index) / 99.0).collect()
        };
        let moved =
            |values: Vec<f64>, by: &dyn Fn(f64) -> f64| values.into_iter().map(by).collect::<Vec<f64>>();
        type Case<'a> = (&'a str, (f64, f64), f64, &'a dyn Fn(f64) -> f64, &'a str);
        let cases: [Case<'_>; 7] = [
            ("1", (0.6, 1.0), 0.85, &|v| v * 100.0, "percent instead of"),
            ("1", (0.0, 0.25), 0.085, &|v| v * 100.0, "percent instead of"),
            ("°C", (10.0, 90.0), 60.0, &|v| v * 1.8 + 32.0, "°F instead of °C"),
            ("°C", (10.0, 90.0), 60.0, &|v| v + 273.15, "K instead of °C"),
            ("s", (20.0, 45.0), 31.5, &|v| v / 60.0, "factor of 60 (too small)"),
            ("kg", (1.0, 5.0), 3.0, &|v| v * 1000.0, "factor of 1000 (too large)"),
            ("1/h", (0.0, 216.0), 95.0, &|v| v * 1000.0, "factor of 1000 (too large)"),
        ];
        for (unit, range, reference, by, word) in cases {
            let (low, high) = range;
            let middle =
                (reference - 0.2 * (high - low)).max(low)..(reference + 0.2 * (high - low)).min(high);
            let beyond: Vec<f64> = moved(spread(middle.start, middle.end), by)
                .into_iter()
                .filter(|value| !(low..=high).contains(value))
                .collect();
            let found = explain(&beyond, &[], &expected(unit, low, high, reference));
            assert!(
                found.as_ref().is_some_and(|found| found.what.contains(word)),
                "{unit} {word}: {found:?}"
            );
        }
        let wild = spread(-5e6, -4e6);
        assert_eq!(explain(&wild, &[], &expected("kg", 1.0, 5.0, 3.0)), None);
    }
}
