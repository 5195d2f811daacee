//! The bounds of a column from its values, with a margin.

use setpoint_log::profile::column::Content;

/// The margin on either side, as a share of the width.
const MARGIN: f64 = 0.1;
/// A value this many widths beyond the usual ones is a spike.
const SPIKE: f64 = 3.0;

/// Bounds, and how they were found.
pub struct Bounds {
    pub low: String,
    pub high: String,
    pub reason: String,
}

/// The bounds of a measurement.
pub fn of_measurement(column: &Content, unit: &str) -> Bounds {
    let (least, greatest) = column.range.unwrap_or((0.0, 1.0));
    let sorted = column.sorted();
    let at = |share: f64| sorted[((sorted.len() - 1) as f64 * share) as usize];
    let (first, last) = if sorted.is_empty() { (least, greatest) } else { (at(0.002), at(0.998)) };
    let usual = last - first;
    let (mut from, mut to, mut spikes) = (least, greatest, "");
    if usual > 0.0 && greatest > last + SPIKE * usual {
        (to, spikes) = (last, ", without spikes: look at them");
    }
    if usual > 0.0 && least < first - SPIKE * usual {
        (from, spikes) = (first, ", without spikes: look at them");
    }
    let width = if to > from { to - from } else { from.abs().max(1.0) };
    let digit = 10_f64.powf((width.log10()).floor() - 1.0);
    let mut low = ((from - MARGIN * width) / digit).floor() * digit;
    let mut high = ((to + MARGIN * width) / digit).ceil() * digit;
    // What was never negative is a count, a level, a share.
    if from >= 0.0 {
        low = low.max(0.0);
    }
    match unit {
        "%" if to <= 100.0 => high = high.min(100.0),
        "1" if to <= 1.0 && from >= 0.0 => high = high.min(1.0),
        _ => {}
    }
    let (shown_least, shown_greatest) = (written(least, 1e-9 * width), written(greatest, 1e-9 * width));
    Bounds {
        low: written(low, digit),
        high: written(high, digit),
        reason: format!("the log has {shown_least} to {shown_greatest}; a tenth is added{spikes}"),
    }
}

/// The bounds of a setting: those of the log, for nothing is known beyond them.
pub fn of_setting(column: &Content) -> Bounds {
    let (least, greatest) = column.range.unwrap_or((0.0, 1.0));
    let digit = 0.1_f64.powi(column.decimals as i32);
    let reason = "the range that the log has tried: nothing is known beyond it".to_owned();
    Bounds { low: written(least, digit), high: written(greatest, digit), reason }
}

/// The step between the values of a setting that has few of them, if all are its multiples.
pub fn step(column: &Content) -> Option<String> {
    if column.has_more_values || column.values.len() < 3 {
        return None;
    }
    let mut values: Vec<f64> = column.values.iter().filter_map(|(value, _)| value.parse().ok()).collect();
    values.sort_by(f64::total_cmp);
    let step = values.windows(2).map(|pair| pair[1] - pair[0]).fold(f64::INFINITY, f64::min);
    let is_multiple = |value: &f64| ((value / step) - (value / step).round()).abs() < 1e-6;
    let digit = 0.1_f64.powi(column.decimals as i32);
    (step.is_finite() && step > 0.0 && values.iter().all(is_multiple)).then(|| written(step, digit))
}

/// A number with the decimals of a digit, as TOML reads it.
pub fn written(value: f64, digit: f64) -> String {
    let decimals = (-digit.log10().floor()).clamp(0.0, 12.0) as usize;
    let text = format!("{value:.decimals$}");
    let text = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
    let text = if text == "-0" { "0" } else { text };
    if text.contains('.') { text.to_owned() } else { format!("{text}.0") }
}

/// A number with two digits that count.
pub fn two_digits(value: f64) -> String {
    if value == 0.0 || !value.is_finite() {
        return "0.0".to_owned();
    }
    let digit = 10_f64.powf(value.abs().log10().floor() - 1.0);
    written((value / digit).round() * digit, digit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_the_digits_that_count() {
        assert_eq!(
            ["0.034", "-120.0", "1.0", "5600000.0", "0.0"],
            [0.034_21, -118.0, 1.0, 5_555_555.0, 0.0].map(two_digits)
        );
        assert_eq!(written(-0.004, 0.1), "0.0");
        assert_eq!(written(12.5, 0.01), "12.5");
        assert_eq!(written(1e12, 1e9), "1000000000000.0");
    }
}
