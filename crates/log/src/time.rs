//! Times of a log: a number (steps or seconds), or a timestamp in the form of RFC 3339 or of most historians.

/// A moment.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Moment {
    /// Steps or seconds of a number; seconds since 1970 of a timestamp, in UTC if it has a zone.
    pub value: f64,
    /// Whether it was a timestamp.
    pub timestamp: bool,
    /// Minutes ahead of UTC, if the timestamp has a zone.
    pub zone: Option<i32>,
}

/// Reads `7`, `12.5`, `2026-03-29T01:59:00Z`, `2026-03-29 01:59:00`, the same with a fraction of seconds, without seconds, or
/// with a zone such as `+02:00`; also a date alone.
pub fn moment(text: &str) -> Option<Moment> {
    let text = text.trim();
    if let Ok(value) = text.parse::<f64>() {
        return value.is_finite().then_some(Moment { value, timestamp: false, zone: None });
    }
    let date = text.get(..10)?;
    let (year, month, day) = (part(date, 0, 4)?, part(date, 5, 2)?, part(date, 8, 2)?);
    let separators = date.as_bytes();
    if separators[4] != b'-'
        || separators[7] != b'-'
        || !(1..=12).contains(&month)
        || !(1..=31).contains(&day)
    {
        return None;
    }
    let days = days_since_1970(year, month, day);
    let rest = &text[10..];
    if rest.is_empty() {
        return Some(Moment { value: days as f64 * 86_400.0, timestamp: true, zone: None });
    }
    let clock = rest.strip_prefix(['T', 't', ' '])?;
    let zone_at = clock.find(['Z', 'z', '+', '-']).unwrap_or(clock.len());
    let (clock, zone) = clock.split_at(zone_at);
    let clock = clock.trim_end();
    let (hour, minute) = (part(clock, 0, 2)?, part(clock, 3, 2)?);
    if clock.as_bytes()[2] != b':' || hour > 24 || minute > 59 {
        return None;
    }
    let seconds: f64 = match clock.get(5..)? {
        "" => 0.0,
        seconds => seconds.strip_prefix(':')?.replace(',', ".").parse().ok()?,
    };
    if !(0.0..61.0).contains(&seconds) {
        return None;
    }
    let zone = offset_minutes(zone)?;
    let local = days as f64 * 86_400.0 + (hour * 3_600 + minute * 60) as f64 + seconds;
    Some(Moment { value: local - f64::from(zone.unwrap_or(0)) * 60.0, timestamp: true, zone })
}

fn part(text: &str, start: usize, length: usize) -> Option<i64> {
    let digits = text.get(start..start + length)?;
    digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok())?
}

/// `None` if the text is not a zone; `Some(None)` if it is empty.
fn offset_minutes(text: &str) -> Option<Option<i32>> {
    match text {
        "" => return Some(None),
        "Z" | "z" => return Some(Some(0)),
        _ => {}
    }
    let sign = if text.starts_with('-') { -1 } else { 1 };
    let digits: String = text[1..].chars().filter(|c| *c != ':').collect();
    let hours = part(&digits, 0, 2)?;
    let minutes = if digits.len() == 2 { 0 } else { part(&digits, 2, 2)? };
    (digits.len() <= 4 && hours <= 15 && minutes < 60).then_some(Some(sign * (hours * 60 + minutes) as i32))
}

/// Howard Hinnant's days from a civil date.
fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year - era * 400;
    let day_of_year = (153 * (month + if month > 2 { -3 } else { 9 }) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_by_hand() {
        let seconds = |text: &str| moment(text).map(|moment| moment.value);
        assert_eq!(seconds("1970-01-01 00:00:00"), Some(0.0));
        assert_eq!(seconds("2000-02-29T12:34:56Z"), Some(951_827_696.0));
        assert_eq!(seconds("2000-02-29T13:34:56.5+01:00"), Some(951_827_696.5));
        assert_eq!(seconds("2000-02-29 07:34:56-0500"), Some(951_827_696.0));
        assert_eq!(seconds("2000-02-29 12:34"), Some(951_827_640.0));
        assert_eq!(moment("17"), Some(Moment { value: 17.0, timestamp: false, zone: None }));
        assert_eq!(moment("2026-03-29T01:59:00+02").and_then(|moment| moment.zone), Some(120));
        for text in [
            "",
            "yesterday",
            "2026-13-01 00:00:00",
            "29.03.2026 01:00",
            "2026-03-29T01:61",
            "inf",
            "äöüäöüäö",
        ] {
            assert_eq!(moment(text), None, "{text}");
        }
    }
}
