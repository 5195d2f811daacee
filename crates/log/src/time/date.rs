//! A date and a clock in a text, in the forms that plants write.

use super::calendar::{day, full_year, month, zone};

/// The order of day and month in dates such as 3/4/2026.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    /// 3 April.
    #[default]
    DayFirst,
    /// March 4.
    MonthFirst,
}

/// A local time, with its zone if the text states one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Local {
    /// Seconds since 1970-01-01 00:00 on the local clock.
    pub seconds: f64,
    /// Minutes ahead of UTC.
    pub zone: Option<i32>,
}

/// Two numbers of which either may be the day, and the mark between them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Pair {
    pub first: i64,
    pub second: i64,
    pub mark: char,
}

/// The digits or letters at the beginning, and the rest.
fn run(text: &str, is_part: impl Fn(char) -> bool) -> (&str, &str) {
    text.split_at(text.find(|c| !is_part(c)).unwrap_or(text.len()))
}

fn digits(text: &str) -> (&str, &str) {
    run(text, |c| c.is_ascii_digit())
}

fn number(digits: &str, most: usize) -> Option<i64> {
    (!digits.is_empty() && digits.len() <= most).then(|| digits.parse().ok())?
}

/// The parts of a date before their order is known: three parts, and the text after them.
struct Parts<'a> {
    parts: [&'a str; 3],
    mark: char,
    rest: &'a str,
}

fn parts(text: &str) -> Option<Parts<'_>> {
    let part = |text| match digits(text) {
        ("", _) => run(text, char::is_alphabetic),
        found => found,
    };
    let (first, rest) = part(text);
    let mark = rest.chars().next().filter(|mark| matches!(mark, '-' | '/' | '.' | ' '))?;
    let (second, rest) = part(rest[1..].trim_start());
    // `12. Okt. 2026` and `Oct 12, 2026`.
    let between = |text: &'_ str| text.starts_with([mark, ' ', ',', '.']);
    if first.is_empty() || second.is_empty() || !between(rest) {
        return None;
    }
    let (third, rest) = digits(rest.trim_start_matches([mark, ' ', ',', '.']));
    (!third.is_empty()).then_some(Parts { parts: [first, second, third], mark, rest })
}

/// The numbers of a date of which either may be the day.
pub(super) fn pair(text: &str) -> Option<Pair> {
    let Parts { parts: [first, second, third], mark, .. } = parts(text.trim())?;
    let is_year = matches!(third.len(), 2 | 4);
    (is_year && mark != ' ')
        .then(|| Some(Pair { first: number(first, 2)?, second: number(second, 2)?, mark }))?
}

fn date(text: &str, order: Order) -> Option<(i64, &str)> {
    let (compact, rest) = digits(text);
    if compact.len() == 8 {
        let day = day(compact[..4].parse().ok()?, compact[4..6].parse().ok()?, compact[6..].parse().ok()?)?;
        return Some((day, rest));
    }
    let Parts { parts: [first, second, third], rest, .. } = parts(text)?;
    let year = |digits: &str| match digits.len() {
        2 => number(digits, 2).map(full_year),
        4 => number(digits, 4),
        _ => None,
    };
    let is_name = |part: &str| part.starts_with(char::is_alphabetic);
    let found = if is_name(first) {
        day(year(third)?, month(first)?, number(second, 2)?)?
    } else if is_name(second) && first.len() == 4 {
        day(year(first)?, month(second)?, number(third, 2)?)?
    } else if is_name(second) {
        day(year(third)?, month(second)?, number(first, 2)?)?
    } else if first.len() == 4 {
        day(year(first)?, number(second, 2)?, number(third, 2)?)?
    } else {
        let (first, second) = (number(first, 2)?, number(second, 2)?);
        match order {
            Order::DayFirst => day(year(third)?, second, first)?,
            Order::MonthFirst => day(year(third)?, first, second)?,
        }
    };
    Some((found, rest))
}

/// Seconds since midnight, and the rest of the text. `5:07`, `17:07:03`, `17:07:03.25`, `5:07:03 PM`.
fn clock(text: &str) -> Option<(f64, &str)> {
    let (hour, rest) = digits(text);
    let (minute, rest) = digits(rest.strip_prefix(':')?);
    let (mut hour, minute) = (number(hour, 2)?, number(minute, 2).filter(|minute| *minute < 60)?);
    let (seconds, rest) = match rest.strip_prefix(':') {
        Some(rest) => {
            let (seconds, rest) = run(rest, |c| c.is_ascii_digit() || matches!(c, '.' | ','));
            (seconds.replace(',', ".").parse::<f64>().ok()?, rest)
        }
        None => (0.0, rest),
    };
    let lower = rest.trim_start().to_ascii_lowercase();
    let half = ["am", "a.m.", "pm", "p.m."].into_iter().find(|half| lower.starts_with(half));
    let rest = half.map_or(rest, |half| &rest.trim_start()[half.len()..]);
    if let Some(half) = half {
        hour = (1..=12).contains(&hour).then_some(hour % 12 + if half.starts_with('p') { 12 } else { 0 })?;
    }
    if hour > 24 || !(0.0..61.0).contains(&seconds) {
        return None;
    }
    Some(((hour * 3_600 + minute * 60) as f64 + seconds, rest))
}

/// Reads a date, or a date and a clock.
pub(super) fn local(text: &str, order: Order) -> Option<Local> {
    let text = text.trim();
    let (days, rest) = date(text, order)?;
    let midnight = days as f64 * 86_400.0;
    if rest.trim().is_empty() {
        return Some(Local { seconds: midnight, zone: None });
    }
    let after = rest.strip_prefix(['T', 't', '_']).unwrap_or_else(|| rest.trim_start_matches([' ', ',']));
    if after.len() == rest.len() {
        return None;
    }
    let (seconds, rest) = clock(after)?;
    Some(Local { seconds: midnight + seconds, zone: zone(rest.trim())? })
}
