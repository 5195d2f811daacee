//! The rows of a file that are not used, and why.

use serde::{Deserialize, Serialize};

/// The rows of a file that are not used, and the values that were held.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeftOut {
    /// Rows with a missing cell.
    pub rows: u64,
    /// Rows that `exclude` of `[data]` names.
    pub excluded: u64,
    /// Rows whose quality is not good.
    #[serde(default)]
    pub bad_quality: u64,
    /// The entries of `exclude`.
    #[serde(default)]
    pub exclude: Vec<String>,
    /// Columns with missing cells, in the order of the file.
    pub columns: Vec<Holes>,
}

/// The missing cells of a column.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holes {
    /// Name of the column.
    pub column: String,
    /// Rows without a number in it.
    pub missing: u64,
    /// Rows among them in which its last value is held.
    pub held: u64,
    /// The first such line of the file.
    pub line: u64,
}

impl LeftOut {
    /// What was left out, and why, in a sentence; `None` if every row is used as it is. `word` is the file's word for a row.
    pub fn sentence(&self, word: &str) -> Option<String> {
        let mut parts = Vec::new();
        let named = |count: fn(&Holes) -> u64| {
            let columns = self.columns.iter().filter(|holes| count(holes) > 0);
            let text = |holes: &Holes| {
                format!("`{}` {}, first in {word} {}", holes.column, count(holes), holes.line)
            };
            columns.map(text).collect::<Vec<_>>().join("; ")
        };
        let plural = |count: u64| if count == 1 { "1 row".to_owned() } else { format!("{count} rows") };
        if self.rows > 0 {
            let columns = named(|holes| holes.missing - holes.held);
            parts.push(format!("{} with a missing cell left out ({columns})", plural(self.rows)));
        }
        if self.columns.iter().any(|holes| holes.held > 0) {
            parts.push(format!("last values held ({})", named(|holes| holes.held)));
        }
        if self.excluded > 0 {
            let entries = self.exclude.join(", ");
            parts.push(format!("{} left out by `exclude` of [data] ({entries})", plural(self.excluded)));
        }
        if self.bad_quality > 0 {
            parts.push(format!("{} left out by `quality` of [data]", plural(self.bad_quality)));
        }
        (!parts.is_empty()).then(|| parts.join("; "))
    }

    /// The entry of a column; a new one begins in `line`.
    pub fn of(&mut self, column: &str, line: u64) -> &mut Holes {
        let index = self.columns.iter().position(|holes| holes.column == column).unwrap_or_else(|| {
            self.columns.push(Holes { column: column.to_owned(), line, ..Holes::default() });
            self.columns.len() - 1
        });
        &mut self.columns[index]
    }
}
