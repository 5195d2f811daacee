//! What happens to the doubtful parts of a log: missing cells, rows that are left out, findings that are accepted.

use toml::{Table, Value};

/// The policy for a row with a missing cell.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Missing {
    /// `"exclude"`: the row is left out, and its episode ends before it.
    #[default]
    Exclude,
    /// `"hold"`: a feature or a signal keeps its last value of the same episode, up to an age. A row with another missing
    /// cell is left out.
    Hold,
    /// `"refuse"`: the log is refused.
    Refuse,
}

/// Greatest age of a value that is held.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Age {
    /// In rows.
    pub rows: Option<u64>,
    /// In seconds, by the column of time; also of a tag's last value in a table of tags, where only values at exactly the
    /// time of a row are used without it.
    pub seconds: Option<f64>,
}

impl Missing {
    /// As the project file writes it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Exclude => "exclude",
            Self::Hold => "hold",
            Self::Refuse => "refuse",
        }
    }
}

/// Rows that a person leaves out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Excluded {
    /// `"rows 120-180"`: lines of the file, as messages name them, both included.
    Rows(u64, u64),
    /// `"2026-03-01T00:00..2026-03-02T00:00"`: from the first time up to, and without, the second.
    Times(String, String),
}

impl Excluded {
    /// Reads one entry; `None` if it has neither form.
    pub fn read(text: &str) -> Option<Self> {
        if let Some((from, to)) = text.split_once("..") {
            let (from, to) = (from.trim(), to.trim());
            return (!from.is_empty() && !to.is_empty()).then(|| Self::Times(from.to_owned(), to.to_owned()));
        }
        let rows = text.trim().strip_prefix("rows").or_else(|| text.trim().strip_prefix("row"))?.trim();
        let (from, to) = rows.split_once(['-', '–']).unwrap_or((rows, rows));
        let (from, to) = (from.trim().parse().ok()?, to.trim().parse().ok()?);
        (1..=to).contains(&from).then_some(Self::Rows(from, to))
    }

    /// As the project file writes it.
    pub fn text(&self) -> String {
        match self {
            Self::Rows(from, to) => format!("rows {from}-{to}"),
            Self::Times(from, to) => format!("{from}..{to}"),
        }
    }
}

/// The treatment of a log before anybody uses it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Cleaning {
    /// Rows with missing cells.
    pub missing: Missing,
    /// Greatest age of a value that is held; of rows only with [`Missing::Hold`].
    pub age: Age,
    /// Rows that are left out.
    pub exclude: Vec<Excluded>,
    /// Findings that a person accepts: `kind` or `kind:column`.
    pub accept: Vec<String>,
    /// The number of the first choice in the log, usually 0 or 1.
    pub action_offset: u64,
    /// The number of rows by which the reward stands after its action; negative if it stands before it.
    pub reward_lag: i64,
    /// Rows after which a longer episode is cut into several: a continuous process, whose log is one episode, has no others.
    pub episode_rows: Option<u64>,
}

/// The keys that differ from their defaults, so that a log without them keeps its fingerprint.
pub(super) fn entries(cleaning: &Cleaning) -> Table {
    let mut table = Table::new();
    let texts = |texts: Vec<String>| Value::Array(texts.into_iter().map(Value::String).collect());
    if cleaning.missing != Missing::Exclude {
        table.insert("missing".into(), Value::String(cleaning.missing.word().to_owned()));
    }
    if let Some(rows) = cleaning.age.rows {
        table.insert("hold_rows".into(), Value::Integer(rows as i64));
    }
    if let Some(seconds) = cleaning.age.seconds {
        table.insert("hold_seconds".into(), Value::Float(seconds));
    }
    if !cleaning.exclude.is_empty() {
        table.insert("exclude".into(), texts(cleaning.exclude.iter().map(Excluded::text).collect()));
    }
    if !cleaning.accept.is_empty() {
        table.insert("accept".into(), texts(cleaning.accept.clone()));
    }
    if cleaning.action_offset != 0 {
        table.insert("action_offset".into(), Value::Integer(cleaning.action_offset as i64));
    }
    if cleaning.reward_lag != 0 {
        table.insert("reward_lag".into(), Value::Integer(cleaning.reward_lag));
    }
    if let Some(rows) = cleaning.episode_rows {
        table.insert("episode_rows".into(), Value::Integer(rows as i64));
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_and_times_by_hand() {
        let times = |from: &str, to: &str| Some(Excluded::Times(from.to_owned(), to.to_owned()));
        assert_eq!(Excluded::read("rows 12-18"), Some(Excluded::Rows(12, 18)));
        assert_eq!(Excluded::read(" row 7 "), Some(Excluded::Rows(7, 7)));
        assert_eq!(
            Excluded::read("2026-05-01T06:00 .. 2026-05-01T07:00"),
            times("2026-05-01T06:00", "2026-05-01T07:00")
        );
        assert_eq!(Excluded::read("3..9"), times("3", "9"));
        for text in ["", "rows", "rows 9-3", "rows 0-3", "rows a-b", "12-18", "..5"] {
            assert_eq!(Excluded::read(text), None, "{text}");
        }
    }
}
