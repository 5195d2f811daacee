//! The column of time: order, gaps, zones and the hour of summer time.

use super::shown;
use crate::finding::{Finding, Severity, Times};
use crate::time::calendar::civil;
use crate::time::{Form, Moment};

const HOUR_S: f64 = 3_600.0;
const DAY_S: f64 = 86_400.0;
/// A pause this many times longer than the usual pause is a gap.
const GAP_FACTOR: f64 = 10.0;
/// Rows further apart do not show the change of the clock.
const RARE_S: f64 = 8.0 * HOUR_S;
/// Greatest share of rows whose distance in time differs by more than half of the usual distance; with more, the clock is
/// irregular.
const IRREGULAR_SHARE: f64 = 0.01;

/// The effect of the next row's time on the episode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Advance {
    /// The episode continues.
    Onward,
    /// The time jumps back, and no column marks the ends of episodes: a new episode begins.
    Again,
}

/// The column of time, checked during the reading.
#[derive(Clone, Debug)]
pub struct Clock {
    name: String,
    form: Form,
    /// Whether jumps back end episodes.
    cuts: bool,
    last: Option<Moment>,
    /// The last pause forwards, during the reading.
    pause: f64,
    /// `[rows]`: since the row before in the same episode; NaN if unknown.
    pauses: Vec<f64>,
    timestamps: bool,
    unreadable: Times,
    example: String,
    daylight: Times,
    /// Zones in the order of their first row, in minutes ahead of UTC.
    zones: Vec<(i32, Times)>,
    zone_changes: u64,
    last_zone: Option<i32>,
    without_zone: Times,
}

impl Clock {
    /// For a column whose times have a form; `cuts` if no column gives the episode of a row.
    pub fn new(name: &str, form: Form, cuts: bool) -> Self {
        Self {
            name: name.to_owned(),
            form,
            cuts,
            last: None,
            pause: f64::NAN,
            pauses: Vec::new(),
            timestamps: false,
            unreadable: Times::default(),
            example: String::new(),
            daylight: Times::default(),
            zones: Vec::new(),
            zone_changes: 0,
            last_zone: None,
            without_zone: Times::default(),
        }
    }

    /// Reads the cell of the next row, which may begin an episode.
    pub fn take(&mut self, text: &str, line: u64, begins: bool) -> Advance {
        let Some(now) = self.form.moment(text) else {
            if self.unreadable.count == 0 {
                self.example = text.trim().chars().take(40).collect();
            }
            self.unreadable.note(line);
            self.pauses.push(f64::NAN);
            return Advance::Onward;
        };
        self.zone(now, line);
        let mut advance = Advance::Onward;
        let mut pause = match self.last {
            Some(last) if !begins && last.timestamp == now.timestamp => now.value - last.value,
            _ => f64::NAN,
        };
        if self.shifted_by_an_hour(pause, now) {
            self.daylight.note(line);
            pause = self.pause;
        } else if pause < 0.0 && self.cuts {
            advance = Advance::Again;
            pause = f64::NAN;
        }
        if pause > 0.0 {
            self.pause = pause;
        }
        self.pauses.push(pause);
        self.last = Some(now);
        advance
    }

    /// Local time that jumps back or ahead by an hour, or an hour whose times come twice.
    fn shifted_by_an_hour(&self, pause: f64, now: Moment) -> bool {
        let usual = self.pause;
        let local = now.timestamp && now.zone.is_none();
        if !local || !(0.0..=RARE_S).contains(&usual) || usual == 0.0 {
            return false;
        }
        let near = |shift: f64| (pause - usual - shift).abs() <= (0.5 * usual).min(HOUR_S / 4.0) + 1.0;
        let jumps = near(HOUR_S) || near(-HOUR_S);
        // Where an hour has few rows, a row may be missing or doubled: only the night of a change explains the jump.
        (jumps && usual < HOUR_S / 2.0)
            || ((jumps || pause == 0.0) && is_night_of_change(now.value - pause, now.value))
    }

    fn zone(&mut self, now: Moment, line: u64) {
        self.timestamps |= now.timestamp;
        if !now.timestamp {
            return;
        }
        let Some(zone) = now.zone else {
            self.without_zone.note(line);
            return;
        };
        if self.last_zone.is_some_and(|last| last != zone) {
            self.zone_changes += 1;
        }
        self.last_zone = Some(zone);
        match self.zones.iter_mut().find(|(known, _)| *known == zone) {
            Some((_, times)) => times.note(line),
            None => self.zones.push((zone, Times { count: 1, line })),
        }
    }

    /// Rows, by index, before which an episode must be cut: time jumps ahead or back there.
    pub fn cuts(&self) -> Vec<usize> {
        let usual = self.usual();
        let is_gap = |pause: f64| pause < 0.0 || self.is_gap(pause, usual);
        (0..self.pauses.len()).filter(|row| is_gap(self.pauses[*row])).collect()
    }

    /// `[rows]` seconds or steps since the row before in the same episode; NaN if unknown.
    pub fn into_pauses(self) -> Vec<f64> {
        self.pauses
    }

    fn usual(&self) -> f64 {
        let mut known: Vec<f64> = self.pauses.iter().copied().filter(|pause| *pause > 0.0).collect();
        if known.is_empty() {
            return f64::NAN;
        }
        let middle = known.len() / 2;
        *known.select_nth_unstable_by(middle, f64::total_cmp).1
    }

    /// A missing step number is always a gap; a timestamp may be late.
    fn is_gap(&self, pause: f64, usual: f64) -> bool {
        pause > usual * if self.timestamps { GAP_FACTOR } else { 1.5 }
    }

    /// Its findings. `lines` are the lines of the rows.
    pub fn findings(&self, lines: &[u64]) -> Vec<Finding> {
        let name = Some(self.name.as_str());
        let pauses = self.pauses(lines);
        let mut findings = Vec::new();
        findings.extend(self.unreadable.finding(
            Severity::Error,
            "unreadable-time",
            name,
            format!("`{}` contains values that are not times, first \"{}\"", self.name, self.example),
            "write a number, or YYYY-MM-DD HH:MM:SS; or write time_format in [data], for example \"%d.%m.%Y %H:%M:%S\"",
        ));
        findings.extend(pauses.back.finding(
            Severity::Error,
            "unordered-rows",
            name,
            format!("`{}` goes back within an episode", self.name),
            "sort the log by episode and time; Setpoint cuts the episode there",
        ));
        findings.extend(pauses.twice.finding(
            Severity::Warning,
            "repeated-time",
            name,
            format!("`{}` does not change between rows of an episode", self.name),
            "check whether two sources wrote the same moment; keep one row per decision",
        ));
        findings.extend(self.gaps_finding(&pauses));
        if pauses.uneven.count as f64 > IRREGULAR_SHARE * lines.len() as f64 {
            let usual = duration(pauses.usual);
            findings.extend(pauses.uneven.finding(
                Severity::Warning,
                "irregular-times",
                name,
                format!("rows of `{}` are usually {usual} apart, but many are not", self.name),
                "log one row per decision; a step of the simulator has a fixed length",
            ));
        }
        findings.extend(self.daylight.finding(
            Severity::Warning,
            "daylight-saving",
            name,
            format!(
                "`{}` jumps by one hour: local time with summer time, whose clock leaves out an hour in spring and repeats an hour \
                 in autumn",
                self.name
            ),
            "log in UTC, or with the zone: 2026-03-29T03:00:00+02:00",
        ));
        findings.extend(self.zones_finding());
        findings
    }

    fn pauses(&self, lines: &[u64]) -> Pauses {
        let mut found = Pauses { usual: self.usual(), ..Pauses::default() };
        for (pause, line) in self.pauses.iter().zip(lines) {
            if *pause < 0.0 {
                found.back.note(*line);
            } else if *pause == 0.0 {
                found.twice.note(*line);
            } else if self.is_gap(*pause, found.usual) {
                found.gaps.note(*line);
                if *pause > found.longest {
                    (found.longest, found.longest_line) = (*pause, *line);
                }
            } else if (pause - found.usual).abs() > 0.5 * found.usual {
                found.uneven.note(*line);
            }
        }
        found
    }

    fn gaps_finding(&self, pauses: &Pauses) -> Option<Finding> {
        let Pauses { usual, longest, longest_line, .. } = *pauses;
        let sentence = if self.timestamps {
            format!(
                "`{}` has gaps, the longest of {} before line {longest_line}; rows are usually {} apart",
                self.name,
                duration(longest),
                duration(usual)
            )
        } else {
            format!(
                "`{}` has missing steps, up to {} before line {longest_line}",
                self.name,
                shown(longest / usual - 1.0)
            )
        };
        pauses.gaps.finding(
            Severity::Warning,
            "gap",
            Some(&self.name),
            sentence,
            "Setpoint cuts episodes there, because the steps between are unknown",
        )
    }

    fn zones_finding(&self) -> Option<Finding> {
        let name = Some(self.name.as_str());
        let words = |minutes: i32| {
            let sign = if minutes < 0 { '-' } else { '+' };
            format!("{sign}{:02}:{:02}", minutes.abs() / 60, minutes.abs() % 60)
        };
        if self.without_zone.count > 0 && !self.zones.is_empty() {
            let later = self.without_zone.line.max(self.zones[0].1.line);
            let count = self.without_zone.count.min(self.zones.iter().map(|(_, times)| times.count).sum());
            return Times { count, line: later }.finding(
                Severity::Error,
                "time-zones",
                name,
                format!("`{}` has its zone in some rows and not in others", self.name),
                "write all times with their zone, or all in UTC",
            );
        }
        let [(first, _), (second, times), ..] = self.zones.as_slice() else { return None };
        // Twice a year the offset changes by an hour and stays.
        let seasonal = self.zones.len() == 2 && (first - second).abs() == 60 && self.zone_changes <= 4;
        let sentence =
            format!("`{}` is in two time zones, {} and {}", self.name, words(*first), words(*second));
        if seasonal {
            return times.finding(
                Severity::Note,
                "time-zones",
                name,
                format!("{sentence}: daylight saving time, as the zones show"),
                "nothing: Setpoint compares times in UTC",
            );
        }
        times.finding(
            Severity::Error,
            "time-zones",
            name,
            sentence,
            "check whether two sources are mixed; Setpoint compares times in UTC, which is right only if both zones are",
        )
    }
}

/// Whether the clocks may change between two local times: on a Sunday from one to three, in a month in which countries do so.
fn is_night_of_change(before: f64, now: f64) -> bool {
    let day = (now / DAY_S).floor();
    // 1970-01-01 was a Thursday.
    let is_sunday = (day as i64 + 4).rem_euclid(7) == 0;
    let (_, month, _) = civil(day as i64);
    let midnight = day * DAY_S;
    let overlaps = before <= midnight + 3.0 * HOUR_S && now >= midnight + HOUR_S;
    is_sunday && overlaps && matches!(month, 3 | 4 | 9 | 10 | 11)
}

/// The pauses between rows, sorted by their fault.
#[derive(Default)]
struct Pauses {
    /// The median pause.
    usual: f64,
    back: Times,
    twice: Times,
    gaps: Times,
    uneven: Times,
    longest: f64,
    longest_line: u64,
}

/// Seconds as text for people.
fn duration(seconds: f64) -> String {
    match seconds {
        s if s >= DAY_S => format!("{} days", shown(s / DAY_S)),
        s if s >= HOUR_S => format!("{} h", shown(s / HOUR_S)),
        s if s >= 60.0 => format!("{} min", shown(s / 60.0)),
        s => format!("{} s", shown(s)),
    }
}
