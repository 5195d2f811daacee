//! Times of a log: a number (steps, seconds, days of a spreadsheet, seconds since 1970), or a date and a clock.

pub(crate) mod calendar;
mod date;
mod pattern;
pub mod recognise;

pub use date::Order;
pub use pattern::Pattern;

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

/// How the texts of a column are read.
#[derive(Clone, Debug, PartialEq)]
pub enum Form {
    /// Numbers are steps or seconds; dates have this order if both orders are possible.
    Any(Order),
    /// Days since 1899-12-30, as spreadsheets store times; local time.
    Serial,
    /// Parts of a second since 1970 in UTC; their number per second.
    Unix(f64),
    /// As the project states.
    Pattern(Pattern),
}

impl Default for Form {
    fn default() -> Self {
        Self::Any(Order::default())
    }
}

/// A timestamp this many seconds from 1970 or further, more than 300,000 years, is none; the calendar's whole numbers hold all
/// nearer ones.
const SECONDS_MAX: f64 = 1e13;
/// Days from 1899-12-30 to 1970-01-01.
const SERIAL_OF_1970: f64 = 25_569.0;

impl Form {
    /// Of `time_format`: a pattern, or `serial`, `unix`, `unix_ms`.
    pub fn of(time_format: &str) -> Self {
        match time_format {
            "serial" => Self::Serial,
            "unix" => Self::Unix(1.0),
            "unix_ms" => Self::Unix(1_000.0),
            pattern => Self::Pattern(Pattern::new(pattern)),
        }
    }

    /// Reads a text; `None` if it is no time of this form, or a timestamp far beyond every calendar.
    pub fn moment(&self, text: &str) -> Option<Moment> {
        let moment = self.written(text.trim())?;
        (!moment.timestamp || moment.value.abs() < SECONDS_MAX).then_some(moment)
    }

    /// The moment that a text states, however far away.
    fn written(&self, text: &str) -> Option<Moment> {
        let local = match self {
            Self::Pattern(pattern) => pattern.local(text)?,
            Self::Serial => {
                // A serial number has about a microsecond; a millisecond is enough and exact to people.
                let seconds = (number(text)? - SERIAL_OF_1970) * 86_400.0;
                return Some(Moment { value: (seconds * 1e3).round() / 1e3, timestamp: true, zone: None });
            }
            Self::Unix(per_second) => {
                return Some(Moment { value: number(text)? / per_second, timestamp: true, zone: Some(0) });
            }
            Self::Any(order) => match number(text) {
                Some(value) => return Some(Moment { value, timestamp: false, zone: None }),
                None => date::local(text, *order)?,
            },
        };
        let value = local.seconds - f64::from(local.zone.unwrap_or(0)) * 60.0;
        Some(Moment { value, timestamp: true, zone: local.zone })
    }
}

/// A finite number with a decimal point or a decimal comma.
fn number(text: &str) -> Option<f64> {
    let value = match text.parse::<f64>() {
        Ok(value) => value,
        Err(_) if text.matches(',').count() == 1 && !text.contains('.') => {
            text.replace(',', ".").parse().ok()?
        }
        Err(_) => return None,
    };
    value.is_finite().then_some(value)
}

/// Reads a text of any form, with the day before the month if both orders are possible.
pub fn moment(text: &str) -> Option<Moment> {
    Form::default().moment(text)
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
            "2026-02-30 00:00:00",
            "29.13.2026 01:00",
            "2026-03-29T01:61",
            "3/4/2026 13:00 PM",
            "inf",
            "äöüäöüäö",
        ] {
            assert_eq!(moment(text), None, "{text}");
        }
    }

    /// 29 February 2000, 12:34:56, as plants write it.
    #[test]
    fn the_same_moment_in_many_forms() {
        for text in [
            "29.02.2000 12:34:56",
            "29.2.00 12:34:56",
            "29/02/2000 12:34:56",
            "29-02-2000 12:34:56",
            "29-Feb-00 12:34:56",
            "29-FEB-2000 12:34:56.000",
            "29. Februar 2000, 12:34:56",
            "29 February 2000 12:34:56 PM",
            "Feb 29, 2000 12:34:56 PM",
            "2000/02/29 12:34:56",
            "2000-Feb-29 12:34:56",
            "20000229T123456".replace("123456", "12:34:56").as_str(),
            "2000-02-29 12:34:56,000",
        ] {
            let found = moment(text);
            assert_eq!(found, Some(Moment { value: 951_827_696.0, timestamp: true, zone: None }), "{text}");
        }
        for (format, text, zone) in [
            ("%m/%d/%Y %I:%M:%S %p", "2/29/2000 12:34:56 PM", None),
            ("%Y%m%d%H%M%S", "20000229123456", None),
            ("%d-%b-%y %H:%M:%S.%f", "29-Feb-00 12:34:56.0", None),
            ("%j/%Y %T", "060/2000 12:34:56", None),
            ("%FT%T%z", "2000-02-29T14:34:56+02:00", Some(120)),
            ("unix", "951827696", Some(0)),
            ("unix_ms", "951827696000", Some(0)),
            ("serial", "36585.5242592593", None),
        ] {
            let found = Form::of(format).moment(text);
            assert_eq!(
                found,
                Some(Moment { value: 951_827_696.0, timestamp: true, zone }),
                "{format} {text}"
            );
        }
        assert_eq!(Form::Any(Order::MonthFirst).moment("2/29/00 12:34:56"), moment("29.2.2000 12:34:56"));
        assert_eq!(Form::of("%d.%m.%Y").moment("2000-02-29"), None);
    }

    #[test]
    fn a_timestamp_beyond_every_calendar_is_no_time() {
        for form in ["serial", "unix", "unix_ms"].map(Form::of) {
            for text in ["1e300", "-1e300", "1e17"] {
                assert_eq!(form.moment(text), None, "{form:?} {text}");
            }
        }
        let seconds = |text| Form::Unix(1.0).moment(text).map(|moment| moment.value);
        assert_eq!([seconds("9999999999999"), seconds("10000000000000")], [Some(9_999_999_999_999.0), None]);
        // A number that counts steps is no timestamp.
        assert_eq!(moment("20260301123000").map(|moment| moment.value), Some(20_260_301_123_000.0));
    }
}
