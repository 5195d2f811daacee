//! Long tables: a row has a time, a tag and a value, as historians export many tags. They become wide: a row per decision with a
//! column per tag.

use std::collections::HashMap;
use std::sync::Arc;

use csv::{ByteRecord, Position};
use setpoint_decision::data::cleaning::Age;

use super::cell::{Cell, cell};
use super::marks::Marks;
use super::quality::is_good;
use super::{Note, Rows, Table, line};
use crate::error::LogError;
use crate::time::Form;
use crate::time::recognise::Cells;

/// Names of the columns, in lower case and without other characters than letters and digits.
const TIMES: &[&str] = &[
    "time",
    "timestamp",
    "datetime",
    "date",
    "ts",
    "t",
    "zeit",
    "zeitstempel",
    "zeitpunkt",
    "utctime",
    "localtime",
    "sourcetimestamp",
    "eventtime",
    "step",
];
const TAGS: &[&str] = &[
    "tag",
    "tagname",
    "tagid",
    "point",
    "pointname",
    "pointid",
    "sensor",
    "sensorid",
    "variable",
    "variablename",
    "signal",
    "signalname",
    "parameter",
    "metric",
    "measurement",
    "channel",
    "item",
    "itemid",
    "itemname",
    "node",
    "nodeid",
    "attribute",
    "messstelle",
    "merkmal",
    "name",
];
const VALUES: &[&str] = &[
    "value",
    "val",
    "wert",
    "messwert",
    "reading",
    "tagvalue",
    "pointvalue",
    "numericvalue",
    "vvalue",
    "result",
];

/// What the project says about a long table.
pub struct Wanted<'a> {
    /// The column of time.
    pub time: Option<&'a str>,
    /// The form of times, if the project states it.
    pub form: Option<Form>,
    /// The tags of the action: a row of the wide table is a time at which they have a value.
    pub actions: Vec<&'a str>,
    /// All other names that the project uses: tags, or columns next to the tags such as an episode.
    pub names: Vec<&'a str>,
    /// The tags of reward, probability and end, which belong to one decision: they are never held.
    pub results: Vec<&'a str>,
    /// The column of quality, and words that are good too.
    pub quality: Option<&'a str>,
    /// See `quality`.
    pub good_too: &'a [String],
    /// Greatest age of a tag's last value; without seconds, only values at the time itself are used.
    pub age: Age,
    /// Whether a tag keeps its last value where it has a word for a missing value, or one of bad quality.
    pub holds: bool,
}

impl Wanted<'_> {
    /// Whether a tag's value of this age is used.
    fn is_young(&self, tag: &str, seconds: f64, rows: usize) -> bool {
        let most = if self.results.contains(&tag) { 0.0 } else { self.age.seconds.unwrap_or(0.0) };
        seconds <= most && self.age.rows.is_none_or(|most| rows as u64 <= most)
    }
}

/// The columns of a long table, by index.
struct Columns {
    time: usize,
    tag: usize,
    value: usize,
    quality: Option<usize>,
    /// Columns that the project uses under their own names.
    others: Vec<usize>,
}

fn plain(name: &str) -> String {
    name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

impl Columns {
    /// `None` if the table is wide.
    fn of(header: &[String], wanted: &Wanted<'_>) -> Option<Self> {
        let place = |name: &str| header.iter().position(|other| other == name);
        let like = |words: &[&str]| {
            words.iter().find_map(|word| header.iter().position(|name| plain(name) == *word))
        };
        let time = wanted.time.and_then(place).or_else(|| like(TIMES))?;
        let (tag, value) = (like(TAGS)?, like(VALUES)?);
        let own = [time, tag, value];
        let is_wide = wanted.actions.iter().any(|name| place(name).is_some())
            || [tag, value].iter().any(|index| wanted.names.contains(&header[*index].as_str()));
        let is_same = time == tag || tag == value || time == value;
        if is_wide || is_same {
            return None;
        }
        let quality = wanted.quality.and_then(place);
        let others = wanted.names.iter().filter_map(|name| place(name)).filter(|index| !own.contains(index));
        let mut others: Vec<usize> = others.collect();
        others.dedup();
        Some(Self { time, tag, value, quality, others })
    }
}

/// A cell of the wide table.
struct Entry {
    moment: f64,
    line: u64,
    tag: usize,
    time: String,
    value: String,
    others: Vec<String>,
}

#[derive(Default)]
struct Counts {
    entries: u64,
    decisions: u64,
    other_times: u64,
    held: u64,
    absent: u64,
    /// Values of bad and of unknown quality, times that are no times, tags twice at a time; with their first lines.
    bad: [u64; 2],
    unknown: [u64; 2],
    unreadable: [u64; 2],
    twice: [u64; 2],
}

fn note(count: &mut [u64; 2], line: u64) {
    if count[0] == 0 {
        count[1] = line;
    }
    count[0] += 1;
}

/// Makes a long table wide; a wide table stays as it is.
pub fn widen(mut table: Table, wanted: &Wanted<'_>) -> Result<Table, LogError> {
    let Some(columns) = Columns::of(&table.header, wanted) else { return Ok(table) };
    let mut counts = Counts::default();
    let (tags, mut entries, cells) = entries(&mut table, &columns, wanted, &mut counts)?;
    let form = wanted.form.clone().unwrap_or_else(|| cells.recognise().form);
    entries.retain_mut(|entry| match form.moment(&entry.time) {
        Some(moment) => {
            entry.moment = moment.value;
            true
        }
        None => {
            note(&mut counts.unreadable, entry.line);
            false
        }
    });
    // A stable sort: of two values of a tag at a time, the later line counts.
    entries.sort_by(|a, b| a.moment.total_cmp(&b.moment));
    let rows = rows(&entries, &tags, wanted, columns.others.len(), &mut counts);
    let mut notes = table.notes();
    notes.extend(counts.notes(&table, wanted, &tags));
    let header = std::iter::once(table.header[columns.time].clone())
        .chain(columns.others.iter().map(|index| table.header[*index].clone()))
        .chain(tags);
    let header: Vec<String> = header.collect();
    let units = vec![String::new(); header.len()];
    Ok(Table { header, units, rows: Rows::Wide { rows: Arc::new(rows), next: 0, notes }, ..table })
}

/// The tags in the order of the file, and all values.
fn entries(
    table: &mut Table,
    columns: &Columns,
    wanted: &Wanted<'_>,
    counts: &mut Counts,
) -> Result<(Vec<String>, Vec<Entry>, Cells), LogError> {
    let mut tags: Vec<String> = Vec::new();
    let mut known: HashMap<String, usize> = HashMap::new();
    let mut entries = Vec::new();
    let mut cells = Cells::default();
    let mut record = ByteRecord::new();
    while table.next(&mut record)? {
        let line = line(&record);
        let text = |index: usize| {
            std::str::from_utf8(record.get(index).unwrap_or_default()).unwrap_or("").trim().to_owned()
        };
        let (time, tag) = (text(columns.time), text(columns.tag));
        if tag.is_empty() {
            continue;
        }
        counts.entries += 1;
        cells.take(&time, line);
        let quality = columns.quality.map(text);
        let judged = quality.as_ref().map_or(Some(true), |word| is_good(word, wanted.good_too));
        let is_bad = judged != Some(true);
        if is_bad {
            note(if judged.is_none() { &mut counts.unknown } else { &mut counts.bad }, line);
        }
        let tag = *known.entry(tag).or_insert_with_key(|tag| {
            tags.push(tag.clone());
            tags.len() - 1
        });
        let value = if is_bad { "Bad".to_owned() } else { text(columns.value) };
        let others = columns.others.iter().map(|index| text(*index)).collect();
        entries.push(Entry { moment: 0.0, line, tag, time, value, others });
    }
    Ok((tags, entries, cells))
}

fn has_value(entry: &Entry) -> bool {
    !matches!(cell(&entry.value, Marks::default()), Cell::Missing | Cell::NotFinite)
}

/// A row for each time of a decision.
fn rows(
    entries: &[Entry],
    tags: &[String],
    wanted: &Wanted<'_>,
    others: usize,
    counts: &mut Counts,
) -> Vec<ByteRecord> {
    let mut deciding: Vec<bool> = tags.iter().map(|tag| wanted.actions.contains(&tag.as_str())).collect();
    if !deciding.contains(&true) {
        deciding.fill(true);
    }
    // With the number of rows before it.
    let mut last: Vec<Option<(&Entry, usize)>> = vec![None; tags.len()];
    let mut rows = Vec::new();
    for group in entries.chunk_by(|a, b| a.moment == b.moment) {
        for entry in group {
            if last[entry.tag].is_some_and(|(last, _)| last.moment == entry.moment) {
                note(&mut counts.twice, entry.line);
            }
            // An action is never held.
            let is_action = wanted.actions.contains(&tags[entry.tag].as_str());
            if is_action || !wanted.holds || has_value(entry) {
                last[entry.tag] = Some((entry, rows.len()));
            }
        }
        let Some(decision) = group.iter().rev().find(|entry| deciding[entry.tag]) else {
            counts.other_times += 1;
            continue;
        };
        counts.decisions += 1;
        let mut record = ByteRecord::new();
        record.push_field(decision.time.as_bytes());
        (0..others).for_each(|index| record.push_field(decision.others[index].as_bytes()));
        for (tag, entry) in last.iter().enumerate() {
            let used =
                wanted.actions.contains(&tags[tag].as_str()) || wanted.names.contains(&tags[tag].as_str());
            let value = match entry {
                Some((entry, row))
                    if wanted.is_young(&tags[tag], decision.moment - entry.moment, rows.len() - row) =>
                {
                    counts.held += u64::from(decision.moment > entry.moment && used);
                    entry.value.as_str()
                }
                _ => {
                    counts.absent += u64::from(used);
                    ""
                }
            };
            record.push_field(value.as_bytes());
        }
        let mut position = Position::new();
        position.set_line(decision.line);
        record.set_position(Some(position));
        rows.push(record);
    }
    rows
}

impl Counts {
    fn notes(&self, table: &Table, wanted: &Wanted<'_>, tags: &[String]) -> Vec<Note> {
        let first = table.header_line + 1;
        let mut sentence = format!(
            "the table is long: {} values of {} tags became {} rows, each at a time of the action",
            self.entries,
            tags.len(),
            self.decisions
        );
        if self.other_times > 0 {
            sentence += &format!("; {} other times are no decisions", self.other_times);
        }
        let mut notes = vec![Note::new("long-table", first, self.entries, sentence)];
        if self.held > 0 {
            let seconds = wanted.age.seconds.unwrap_or(0.0);
            let sentence = format!("{} values are a tag's last value, at most {seconds} s old", self.held);
            notes.push(Note::new("held-values", first, self.held, sentence));
        }
        if self.absent > 0 {
            let sentence =
                format!("{} values are missing: their tag has none at the time of the action", self.absent);
            let advice = "write hold_seconds in [data], the greatest age of a tag's last value, if tags are stored at other times or only on change";
            notes.push(Note {
                advice,
                is_fault: true,
                ..Note::new("absent-values", first, self.absent, sentence)
            });
        }
        let faults = [
            (self.bad, "bad-quality", "values of bad quality count as missing"),
            (self.unknown, "unknown-quality", "values whose quality is an unknown word count as missing"),
            (self.unreadable, "unreadable-time", "values whose time cannot be read are left out"),
            (self.twice, "repeated-time", "a tag has several values at a time: the last line counts"),
        ];
        for ([count, line], kind, sentence) in faults.into_iter().filter(|(count, ..)| count[0] > 0) {
            let is_fault = kind != "bad-quality";
            let advice = match kind {
                "unreadable-time" => "write time_format in [data]",
                "unknown-quality" => "write the words of good quality in quality_good of [data]",
                _ => "nothing, if that is right",
            };
            notes.push(Note { is_fault, advice, ..Note::new(kind, line, count, sentence.to_owned()) });
        }
        notes
    }
}
