//! Times as text, for tables whose columns contain them as numbers.

use std::fmt::Write;

use crate::time::calendar::civil;

/// Appends a time in seconds since 1970 and parts of a second, as [`crate::time::moment`] reads it; `per_second` is a power of ten. A
/// year with more than four digits becomes the number of seconds, which cannot be confused with a time.
pub(crate) fn write(text: &mut String, seconds: i64, parts: i64, per_second: i64, utc: bool) {
    let (days, second) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    let (year, month, day) = civil(days);
    let _ = if (0..10_000).contains(&year) {
        let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
        write!(text, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}")
    } else {
        write!(text, "{seconds}")
    };
    if parts != 0 {
        let digits = per_second.ilog10() as usize;
        let _ = write!(text, ".{parts:0digits$}");
    }
    if utc && (0..10_000).contains(&year) {
        text.push('Z');
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::moment;

    /// What is written is read back, over ten thousand years, before 1970 and with parts of a second.
    #[test]
    fn moments_are_written_as_they_are_read() {
        let mut text = String::new();
        for (seconds, parts, per_second, utc, expected) in [
            (0, 0, 1, true, "1970-01-01T00:00:00Z"),
            (951_827_696, 500, 1_000, true, "2000-02-29T12:34:56.500Z"),
            (951_827_696, 7, 1_000_000_000, false, "2000-02-29T12:34:56.000000007"),
            (-1, 0, 1_000, false, "1969-12-31T23:59:59"),
            (i64::MAX / 1_000, 807, 1_000, true, "9223372036854775.807"),
        ] {
            text.clear();
            write(&mut text, seconds, parts, per_second, utc);
            assert_eq!(text, expected);
        }
        for day in (-719_528_i64..2_932_896).step_by(13) {
            text.clear();
            write(&mut text, day * 86_400 + day.rem_euclid(86_400), 0, 1, true);
            let seconds = moment(&text).map(|moment| moment.value as i64);
            assert_eq!(seconds, Some(day * 86_400 + day.rem_euclid(86_400)), "{text}");
        }
    }
}
