//! Commas and points in numbers: decimal marks, or marks between thousands. All cells of a table decide together.

/// The meaning of a comma or a point in a number where the number alone does not tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Meaning {
    /// The decimal mark.
    Decimal,
    /// Between thousands.
    Thousands,
}

/// Both marks in one column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Marks {
    /// Of `1,234`.
    pub comma: Meaning,
    /// Of `1.234`.
    pub point: Meaning,
}

impl Default for Marks {
    /// Decimal points and decimal commas; no thousands.
    fn default() -> Self {
        Self { comma: Meaning::Decimal, point: Meaning::Decimal }
    }
}

impl Marks {
    /// Of a table whose decimal mark the project states.
    pub fn of_decimal(mark: char) -> Self {
        match mark {
            ',' => Self { comma: Meaning::Decimal, point: Meaning::Thousands },
            _ => Self { comma: Meaning::Thousands, point: Meaning::Decimal },
        }
    }
}

/// What the numbers of a column say about the two marks, as counts of cells.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Evidence {
    /// A comma that can only be decimal, such as `12,5`.
    comma_decimal: u64,
    /// A comma that can only be between thousands, such as `1,234.5`.
    comma_thousands: u64,
    /// A comma that may be either, such as `1,234`.
    comma_either: u64,
    point_decimal: u64,
    point_thousands: u64,
    point_either: u64,
    /// The first line with a comma, or a point, that may be either; 0 without such a line.
    lines: [u64; 2],
    examples: [String; 2],
}

/// A column whose numbers have thousands, or may have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Thousands {
    /// The column, by index.
    pub column: usize,
    /// The line of the first number.
    pub line: u64,
    /// That number.
    pub example: String,
    /// Number of such cells.
    pub count: u64,
}

/// The marks of every column, and how they were decided.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Decided {
    /// One per column.
    pub marks: Vec<Marks>,
    /// Columns whose `1,234` is a thousand.
    pub thousands: Vec<Thousands>,
    /// Columns whose `1,234` may be either: nothing in the table decides.
    pub doubtful: Vec<Thousands>,
}

/// Groups of three digits after a first group of one to three.
fn is_grouped(digits: &str, mark: char) -> bool {
    let mut groups = digits.split(mark);
    let first = groups.next().unwrap_or("");
    let numeric = |group: &str| group.bytes().all(|byte| byte.is_ascii_digit());
    (1..=3).contains(&first.len()) && numeric(first) && groups.all(|group| group.len() == 3 && numeric(group))
}

/// The number without its marks between thousands and with a decimal point.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Plain {
    pub text: String,
    /// Whether its decimal mark is a comma.
    pub comma: bool,
}

/// Reads the marks of a number; `None` if they are no number's. `1'408` and `1 408` have thousands in every table.
pub(super) fn plain(text: &str, marks: Marks) -> Option<Plain> {
    let (sign, digits) = match text.strip_prefix(['-', '−']) {
        Some(rest) => ("-", rest),
        None => ("", text.strip_prefix('+').unwrap_or(text)),
    };
    let (commas, points) = (digits.matches(',').count(), digits.matches('.').count());
    let decimal = match (commas, points) {
        (0, 0) => None,
        (0, 1) if marks.point == Meaning::Thousands && is_either(digits, '.') => None,
        (1, 0) if marks.comma == Meaning::Thousands && is_either(digits, ',') => None,
        (0, 1) => Some('.'),
        (1, 0) => Some(','),
        (0, _) | (_, 0) => None,
        _ if points == 1 && digits.rfind('.') > digits.rfind(',') => Some('.'),
        _ if commas == 1 && digits.rfind(',') > digits.rfind('.') => Some(','),
        _ => return None,
    };
    let (whole, fraction) = match decimal {
        Some(mark) => digits.split_once(mark)?,
        None => (digits, ""),
    };
    let group = whole.chars().find(|c| !c.is_ascii_digit());
    let whole = match group {
        Some(mark) if is_group_mark(mark) && is_grouped(whole, mark) => whole.replace(mark, ""),
        // An exponent of a number without marks.
        Some(_) if !whole.contains([',', '.']) => whole.to_owned(),
        Some(_) => return None,
        None => whole.to_owned(),
    };
    let text = if decimal.is_some() { format!("{sign}{whole}.{fraction}") } else { format!("{sign}{whole}") };
    Some(Plain { text, comma: decimal == Some(',') })
}

/// The decimals of digits with at most a minus and a point, which most cells of a log are.
pub(super) fn pointed(text: &str) -> Option<u32> {
    let digits = text.strip_prefix('-').unwrap_or(text).as_bytes();
    let mut point = None;
    for (index, byte) in digits.iter().enumerate() {
        match byte {
            b'0'..=b'9' => {}
            b'.' if point.is_none() => point = Some(index),
            _ => return None,
        }
    }
    Some(point.map_or(0, |point| (digits.len() - point - 1) as u32))
}

/// Marks between thousands: of English and German, of French and ISO (blanks of several widths), of Switzerland.
fn is_group_mark(mark: char) -> bool {
    matches!(mark, ',' | '.' | ' ' | '\u{a0}' | '\u{2009}' | '\u{202f}' | '\'' | '’')
}

/// Whether the only mark of `1,234` may be either: a first group without a leading zero, then three digits.
fn is_either(digits: &str, mark: char) -> bool {
    !digits.starts_with('0') && is_grouped(digits, mark)
}

impl Evidence {
    /// Adds a cell; `text` is trimmed.
    pub fn take(&mut self, text: &str, line: u64) {
        let digits = text.trim_start_matches(['-', '+', '−']);
        let first = digits.as_bytes().first().copied().unwrap_or(b'x');
        if !(first.is_ascii_digit() || first == b'.' || first == b',') {
            return;
        }
        let marks = |mark: u8| digits.bytes().filter(|byte| *byte == mark).count();
        let (commas, points) = (marks(b','), marks(b'.'));
        // Most numbers need no closer look.
        let is_number = || {
            (digits != "." && pointed(digits).is_some())
                || plain(digits, Marks::default()).is_some_and(|plain| plain.text.parse::<f64>().is_ok())
        };
        if commas + points == 0 || !is_number() {
            return;
        }
        match (commas, points) {
            (1, 0) if is_either(digits, ',') => self.either(0, digits, line),
            (0, 1) if is_either(digits, '.') => self.either(1, digits, line),
            (1, 0) => self.comma_decimal += 1,
            (0, 1) => self.point_decimal += 1,
            (_, 0) => self.comma_thousands += 1,
            (0, _) => self.point_thousands += 1,
            _ if digits.rfind('.') > digits.rfind(',') => {
                self.comma_thousands += 1;
                self.point_decimal += 1;
            }
            _ => {
                self.point_thousands += 1;
                self.comma_decimal += 1;
            }
        }
    }

    fn either(&mut self, mark: usize, digits: &str, line: u64) {
        if self.lines[mark] == 0 {
            self.lines[mark] = line;
            digits.clone_into(&mut self.examples[mark]);
        }
        *(if mark == 0 { &mut self.comma_either } else { &mut self.point_either }) += 1;
    }

    /// The cells whose comma (0) or point (1) may be either.
    fn thousands(&self, column: usize, mark: usize) -> Thousands {
        let count = if mark == 0 { self.comma_either } else { self.point_either };
        Thousands { column, line: self.lines[mark], example: self.examples[mark].clone(), count }
    }
}

/// Decides by the column itself, then by all columns.
pub fn decide(columns: &[Evidence]) -> Decided {
    let sum = |of: fn(&Evidence) -> u64| columns.iter().map(of).sum::<u64>();
    let decimal_commas = sum(|column| column.comma_decimal) > 0;
    let decimal_points = sum(|column| column.point_decimal) > 0;
    let mut decided = Decided::default();
    for (index, column) in columns.iter().enumerate() {
        let mut marks = Marks::default();
        if column.comma_either > 0 && column.comma_decimal == 0 {
            let certain = column.comma_thousands > 0 || column.point_decimal > 0;
            match (certain, decimal_points, decimal_commas) {
                (true, ..) | (_, true, false) => {
                    marks.comma = Meaning::Thousands;
                    decided.thousands.push(column.thousands(index, 0));
                }
                (_, false, true) => {}
                _ => decided.doubtful.push(column.thousands(index, 0)),
            }
        }
        // A point is decimal unless the table shows decimal commas.
        if column.point_either > 0 && column.point_decimal == 0 {
            let certain = column.point_thousands > 0 || column.comma_decimal > 0;
            match (certain, decimal_points, decimal_commas) {
                (true, ..) | (_, false, true) => {
                    marks.point = Meaning::Thousands;
                    decided.thousands.push(column.thousands(index, 1));
                }
                (_, true, true) => decided.doubtful.push(column.thousands(index, 1)),
                (_, _, false) => {}
            }
        }
        decided.marks.push(marks);
    }
    decided
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decided(columns: &[&[&str]]) -> Decided {
        let evidence = |cells: &&[&str]| {
            let mut evidence = Evidence::default();
            cells.iter().zip(2..).for_each(|(cell, line)| evidence.take(cell, line));
            evidence
        };
        decide(&columns.iter().map(evidence).collect::<Vec<_>>())
    }

    #[test]
    fn the_other_columns_decide_and_doubt_is_named() {
        // (columns, columns with thousands, doubtful columns)
        type Case<'a> = (&'a [&'a [&'a str]], &'a [usize], &'a [usize]);
        let cases: &[Case<'_>] = &[
            (&[&["7,313", "812"], &["0.5", "0.75"]], &[0], &[]),
            (&[&["7,313", "8,12"], &["0.5", "0.75"]], &[], &[]),
            (&[&["7,313", "7,313,001"], &["3"]], &[0], &[]),
            (&[&["7.313", "2.001"], &["0,5"]], &[0], &[]),
            (&[&["7.313", "2.001"], &["3"]], &[], &[]),
            (&[&["7,313", "2,001"], &["3"]], &[], &[0]),
            (&[&["7,313"], &["0.5"], &["0,5"]], &[], &[0]),
            (&[&["0,313"], &["0,5"]], &[], &[]),
        ];
        for (columns, thousands, doubtful) in cases {
            let found = decided(columns);
            let of = |list: &[Thousands]| list.iter().map(|found| found.column).collect::<Vec<_>>();
            assert_eq!(
                (of(&found.thousands), of(&found.doubtful)),
                (thousands.to_vec(), doubtful.to_vec()),
                "{columns:?}"
            );
        }
    }
}
