//! `[data] exclude`: rows that a person leaves out, by line or by time.

use setpoint_decision::data::cleaning::Excluded;

use crate::time::{Form, moment};

/// The rows to leave out.
#[derive(Clone, Debug, Default)]
pub struct Exclusions {
    /// First and last line.
    lines: Vec<(u64, u64)>,
    /// First moment, and the moment after the last.
    times: Vec<(f64, f64)>,
    /// Of the column of time.
    form: Form,
}

impl Exclusions {
    /// Reads the entries, with times in the form of the column of time or as ISO 8601 writes them; the error names an entry
    /// without a meaning.
    pub fn new(entries: &[Excluded], form: Option<Form>) -> Result<Self, String> {
        let has_time = form.is_some();
        let mut exclusions = Self { form: form.unwrap_or_default(), ..Self::default() };
        for entry in entries {
            match entry {
                Excluded::Rows(from, to) => exclusions.lines.push((*from, *to)),
                Excluded::Times(from, to) => {
                    if !has_time {
                        return Err(format!(
                            "`exclude` has \"{}\", and [data] names no column of time",
                            entry.text()
                        ));
                    }
                    let read = |text: &str| exclusions.form.moment(text).or_else(|| moment(text));
                    let (Some(from), Some(to)) = (read(from), read(to)) else {
                        return Err(format!(
                            "`exclude` has \"{}\", and one of both is no time",
                            entry.text()
                        ));
                    };
                    exclusions.times.push((from.value, to.value));
                }
            }
        }
        Ok(exclusions)
    }

    /// Whether a row is left out; `time` is the text of its time.
    pub fn hold(&self, line: u64, time: Option<&str>) -> bool {
        if self.lines.iter().any(|(from, to)| (*from..=*to).contains(&line)) {
            return true;
        }
        if self.times.is_empty() {
            return false;
        }
        let Some(now) = time.and_then(|time| self.form.moment(time)) else { return false };
        self.times.iter().any(|(from, to)| *from <= now.value && now.value < *to)
    }
}
