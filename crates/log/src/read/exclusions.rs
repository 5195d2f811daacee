//! `[data] exclude`: rows that a person leaves out, by line or by time.

use setpoint_decision::data::cleaning::Excluded;

use crate::time::moment;

/// The rows to leave out.
#[derive(Clone, Debug, Default)]
pub struct Exclusions {
    /// First and last line.
    lines: Vec<(u64, u64)>,
    /// First moment, and the moment after the last.
    times: Vec<(f64, f64)>,
}

impl Exclusions {
    /// Reads the entries; the error names an entry without a meaning.
    pub fn new(entries: &[Excluded], has_time: bool) -> Result<Self, String> {
        let mut exclusions = Self::default();
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
                    let (Some(from), Some(to)) = (moment(from), moment(to)) else {
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
        let Some(now) = time.and_then(moment) else { return false };
        self.times.iter().any(|(from, to)| *from <= now.value && now.value < *to)
    }
}
