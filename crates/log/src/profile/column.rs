//! The content of one column: numbers, words or times, and how its values move from row to row.

use crate::audit::column::Sample;
use crate::table::cell::{Cell, cell};
use crate::table::marks::Marks;
use crate::table::quality::is_good;
use crate::time::Form;

/// Different values are counted up to this number.
pub const VALUES_MAX: usize = 64;
/// Different words for missing values are counted up to this number.
pub const ABSENT_MAX: usize = 16;
/// See [`Content::nothing`].
const NOTHING: &[&str] = &["", "none", "-", "--", "---", "nil", "null", "n/a", "na"];
/// Cells of a word are compared up to this number of characters.
const CHARACTERS: usize = 60;

/// What the cells of a column contain.
#[derive(Clone, Debug)]
pub struct Content {
    marks: Marks,
    form: Form,
    /// Cells with a finite number.
    pub numbers: u64,
    /// Cells with other text than a word for a missing value.
    pub texts: u64,
    /// Empty cells, and words for a missing value.
    pub missing: u64,
    /// The words for a missing value, with their number of cells; the empty text of empty cells. The first [`ABSENT_MAX`].
    pub absent: Vec<(String, u64)>,
    /// Cells that are timestamps.
    pub timestamps: u64,
    /// Cells that are words or codes of quality.
    pub qualities: u64,
    /// Cells of good quality among them.
    pub good: u64,
    /// Least and greatest number.
    pub range: Option<(f64, f64)>,
    /// Greatest number of digits after the decimal mark.
    pub decimals: u32,
    /// Different values with their number of cells, in the order of the file; [`VALUES_MAX`] at most.
    pub values: Vec<(String, u64)>,
    /// Whether there are more of them.
    pub has_more_values: bool,
    /// Rows whose value differs from the row before.
    pub changes: u64,
    /// Rows whose number is less than the number before.
    pub falls: u64,
    /// Rows whose number moves by more than its last digit, and rows among them that lie on the line between the numbers before
    /// and behind.
    pub moves: u64,
    /// See [`Content::moves`].
    pub on_line: u64,
    /// Pauses of a column of times, in seconds.
    pub pauses: Vec<f64>,
    sample: Sample,
    last: Option<String>,
    before: [Option<f64>; 2],
    last_moment: Option<f64>,
}

/// Pauses are kept up to this number.
const PAUSES: usize = 100_000;

impl Content {
    /// A column before its first row.
    pub fn new(marks: Marks, form: Form) -> Self {
        Self {
            marks,
            form,
            numbers: 0,
            texts: 0,
            missing: 0,
            absent: Vec::new(),
            timestamps: 0,
            qualities: 0,
            good: 0,
            range: None,
            decimals: 0,
            values: Vec::new(),
            has_more_values: false,
            changes: 0,
            falls: 0,
            moves: 0,
            on_line: 0,
            pauses: Vec::new(),
            sample: Sample::default(),
            last: None,
            before: [None; 2],
            last_moment: None,
        }
    }

    /// Reads its cell of a row; the text is trimmed.
    pub fn take(&mut self, text: &str) {
        if let Some(good) = is_good(text, &[]).filter(|_| !text.is_empty()) {
            self.qualities += 1;
            self.good += u64::from(good);
        }
        self.time(text);
        match cell(text, self.marks) {
            Cell::Number { value, decimals, .. } => {
                self.numbers += 1;
                self.decimals = self.decimals.max(decimals.min(9));
                self.number(value);
                // One number may be written in several ways.
                self.value(&value.to_string());
            }
            Cell::Missing | Cell::NotFinite => {
                self.missing += 1;
                self.absent(text);
                self.before = [None; 2];
            }
            Cell::Text => {
                self.texts += 1;
                let end = text.char_indices().nth(CHARACTERS).map_or(text.len(), |(end, _)| end);
                self.value(&text[..end]);
            }
        }
    }

    fn absent(&mut self, text: &str) {
        let has_room = self.absent.len() < ABSENT_MAX;
        match self.absent.iter_mut().find(|(known, _)| known == text) {
            Some((_, count)) => *count += 1,
            None if has_room => self.absent.push((text.to_owned(), 1)),
            None => {}
        }
    }

    fn time(&mut self, text: &str) {
        let Some(moment) = self.form.moment(text) else { return };
        self.timestamps += u64::from(moment.timestamp);
        if let Some(last) = self.last_moment.filter(|_| self.pauses.len() < PAUSES) {
            self.pauses.push(moment.value - last);
        }
        self.last_moment = Some(moment.value);
    }

    fn number(&mut self, value: f64) {
        let (low, high) = self.range.unwrap_or((value, value));
        self.range = Some((low.min(value), high.max(value)));
        self.sample.take(value);
        let [first, second] = self.before;
        if let Some(last) = second {
            self.falls += u64::from(value < last);
        }
        if let (Some(first), Some(second)) = (first, second) {
            let digit = 0.1_f64.powi(self.decimals as i32);
            if (second - first).abs() > 2.0 * digit {
                self.moves += 1;
                // Each of three numbers is rounded by half a digit.
                self.on_line += u64::from(((value - second) - (second - first)).abs() <= 2.0 * digit);
            }
        }
        self.before = [second, Some(value)];
    }

    fn value(&mut self, value: &str) {
        if self.last.as_deref() != Some(value) {
            self.changes += u64::from(self.last.is_some());
            self.last = Some(value.to_owned());
        }
        let has_room = self.values.len() < VALUES_MAX;
        match self.values.iter_mut().find(|(known, _)| known == value) {
            Some((_, count)) => *count += 1,
            None if has_room => self.values.push((value.to_owned(), 1)),
            None => self.has_more_values = true,
        }
    }

    /// After the last row.
    pub(super) fn end(&mut self) {
        self.pauses.sort_by(f64::total_cmp);
    }

    /// Cells with a value.
    pub fn filled(&self) -> u64 {
        self.numbers + self.texts
    }

    /// Whether nearly every cell with a value is a number.
    pub fn is_numeric(&self) -> bool {
        self.numbers > 0 && self.texts * 100 <= self.numbers
    }

    /// Words of a column of words that say that nothing was done, not that nothing is known, with their number of cells: an empty
    /// cell, `none`, a dash. They stand in many cells.
    pub fn nothing(&self) -> impl Iterator<Item = &(String, u64)> {
        let is_nothing = |word: &str| NOTHING.contains(&word.to_lowercase().as_str());
        let is_frequent = |count: u64| self.texts > 0 && count * 50 >= self.filled();
        self.absent.iter().filter(move |(word, count)| is_nothing(word) && is_frequent(*count))
    }

    /// Whether every value is the same.
    pub fn is_constant(&self) -> bool {
        self.values.len() == 1 && !self.has_more_values
    }

    /// Share of rows whose value differs from the row before.
    pub fn change_share(&self) -> f64 {
        self.changes as f64 / (self.filled() as f64 - 1.0).max(1.0)
    }

    /// Whether its numbers never fall, and rise in most rows: a counter, or a time.
    pub fn only_rises(&self) -> bool {
        self.is_numeric() && self.falls == 0 && self.change_share() > 0.5 && self.has_more_values
    }

    /// Share of the moving rows that lie on the line between their neighbours; `None` if few rows move.
    pub fn on_line_share(&self) -> Option<f64> {
        (self.moves >= 50).then(|| self.on_line as f64 / self.moves as f64)
    }

    /// Some of its numbers, in ascending order.
    pub fn sorted(&self) -> Vec<f64> {
        self.sample.sorted()
    }

    /// The standard deviation of its numbers.
    pub fn deviation(&self) -> f64 {
        let values = self.sorted();
        let count = values.len() as f64;
        let mean = values.iter().sum::<f64>() / count.max(1.0);
        (values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (count - 1.0).max(1.0)).sqrt()
    }

    /// The pause in the middle of all, in seconds or steps.
    pub fn usual_pause(&self) -> Option<f64> {
        crate::audit::median(&self.pauses)
    }
}
