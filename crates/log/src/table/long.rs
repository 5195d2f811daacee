//! Long tables: a row has a time, a tag and a value, as historians export many tags. They become wide: a row per decision with a
//! column per tag.

use std::collections::HashMap;
use std::sync::Arc;

use csv::{ByteRecord, Position};
use setpoint_decision::data::QualityColumns;
use setpoint_decision::data::cleaning::Age;

use super::cell::{Cell, cell};
use super::marks::Marks;
use super::quality::is_good;
use super::{Note, Rows, Table, line};
use crate::error::LogError;
use crate::finding::Times;
use crate::mapping::{no_column, plain};
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

const EPISODE_ADVICE: &str = "write its episode in every row, or name another column of episodes in [data]";

/// What the project says about a long table.
pub struct Wanted<'a> {
    /// The column of time.
    pub time: Option<&'a str>,
    /// The form of times, if the project states it.
    pub form: Option<Form>,
    /// The column of episodes: values of two episodes are never in one row, and none is held from one to the next.
    pub episode: Option<&'a str>,
    /// The tags of the action: a row of the wide table is a time at which they have a value.
    pub actions: Vec<&'a str>,
    /// All other names that the project uses: tags, or columns next to the tags such as an episode.
    pub names: Vec<&'a str>,
    /// The tags of reward, probability and end, which belong to one decision: they are never held.
    pub results: Vec<&'a str>,
    /// The column of quality, and words that are good too.
    pub quality: Option<&'a QualityColumns>,
    /// See `quality`.
    pub good_too: &'a [String],
    /// Greatest age of a tag's last value; without seconds, only values at the time itself are used.
    pub age: Age,
    /// Whether a tag keeps its last value where it has a word for a missing value, or one of bad quality.
    pub holds: bool,
}

impl Wanted<'_> {
    fn tag(&self, name: String) -> Tag {
        let is_action = self.actions.contains(&name.as_str());
        let is_used = is_action || self.names.contains(&name.as_str());
        let is_result = self.results.contains(&name.as_str());
        Tag { name, is_action, is_used, is_result }
    }

    /// Whether a tag's value of this age is used.
    fn is_young(&self, tag: &Tag, seconds: f64, rows: usize) -> bool {
        let most = if tag.is_result { 0.0 } else { self.age.seconds.unwrap_or(0.0) };
        seconds <= most && self.age.rows.is_none_or(|most| rows as u64 <= most)
    }
}

/// A tag, and whether the project uses it, as an action or as a result of one decision.
struct Tag {
    name: String,
    is_action: bool,
    is_used: bool,
    is_result: bool,
}

/// The columns of a long table, by index.
struct Columns {
    time: usize,
    tag: usize,
    value: usize,
    episode: Option<usize>,
    quality: Option<usize>,
    /// Columns that the project uses under their own names.
    others: Vec<usize>,
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
        let is_other = |index: &usize| !own.contains(index);
        let mut others: Vec<usize> =
            wanted.names.iter().filter_map(|name| place(name)).filter(is_other).collect();
        others.sort_unstable();
        others.dedup();
        let episode = wanted.episode.and_then(place).filter(is_other);
        Some(Self { time, tag, value, episode, quality: None, others })
    }

    /// With the column of quality, if the project names one.
    fn with_quality(self, table: &Table, wanted: &Wanted<'_>) -> Result<Self, LogError> {
        let quality = match wanted.quality {
            None => return Ok(self),
            Some(QualityColumns::Named(column)) => column,
            Some(QualityColumns::Each(_)) => {
                let found = "a table of tags has one column of quality".to_owned();
                return Err(table.refuse_header(found, "write quality = \"…\", its name, in [data]"));
            }
        };
        match table.header.iter().position(|name| name == quality) {
            Some(index) => Ok(Self { quality: Some(index), ..self }),
            None => {
                let found = no_column("quality", quality, &table.header);
                Err(table.refuse_header(found, "name the column of quality in [data]"))
            }
        }
    }
}

/// A cell of the wide table.
struct Entry {
    /// Episodes in the order of their first line; 0 without a column of episodes.
    episode: usize,
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
    /// Values of bad and of unknown quality, times that are no times, tags twice at a time.
    bad: Times,
    unknown: Times,
    unreadable: Times,
    twice: Times,
    /// Rows without an episode, in a table with a column of episodes.
    without_episode: Times,
}

/// Makes a long table wide; a wide table stays as it is.
pub fn widen(mut table: Table, wanted: &Wanted<'_>) -> Result<Table, LogError> {
    let Some(columns) = Columns::of(&table.header, wanted) else { return Ok(table) };
    let columns = columns.with_quality(&table, wanted)?;
    let mut counts = Counts::default();
    let (tags, mut entries, cells) = entries(&mut table, &columns, wanted, &mut counts)?;
    let form = wanted.form.clone().unwrap_or_else(|| cells.recognise().form);
    entries.retain_mut(|entry| match form.moment(&entry.time) {
        Some(moment) => {
            entry.moment = moment.value;
            true
        }
        None => {
            counts.unreadable.note(entry.line);
            false
        }
    });
    // A stable sort: of two values of a tag at a time, the later line counts.
    entries.sort_by(|a, b| a.episode.cmp(&b.episode).then(a.moment.total_cmp(&b.moment)));
    let rows = rows(&entries, &tags, wanted, &mut counts);
    let without_episode = counts.without_episode;
    if entries.is_empty() && without_episode.count > 0 {
        let found = format!("no row states its episode: `{}` is blank", wanted.episode.unwrap_or_default());
        return Err(LogError::at(&table.path, without_episode.line, found, EPISODE_ADVICE));
    }
    let mut notes = table.notes();
    notes.extend(counts.notes(&table, wanted, tags.len(), columns.episode.is_some()));
    let header = std::iter::once(table.header[columns.time].clone())
        .chain(columns.others.iter().map(|index| table.header[*index].clone()))
        .chain(tags.into_iter().map(|tag| tag.name));
    let header: Vec<String> = header.collect();
    let units = vec![String::new(); header.len()];
    let rows = Rows::Wide { rows: Arc::new(rows), next: 0, notes, without_episode };
    Ok(Table { header, units, rows, ..table })
}

/// Different names, numbered in the order of their first line.
#[derive(Default)]
struct Names(HashMap<String, usize>);

impl Names {
    fn number(&mut self, name: String) -> usize {
        let next = self.0.len();
        *self.0.entry(name).or_insert(next)
    }

    fn in_order(self) -> Vec<String> {
        let mut names: Vec<(usize, String)> =
            self.0.into_iter().map(|(name, number)| (number, name)).collect();
        names.sort_unstable();
        names.into_iter().map(|(_, name)| name).collect()
    }
}

/// The tags in the order of the file, and all values.
fn entries(
    table: &mut Table,
    columns: &Columns,
    wanted: &Wanted<'_>,
    counts: &mut Counts,
) -> Result<(Vec<Tag>, Vec<Entry>, Cells), LogError> {
    let (mut tags, mut episodes) = (Names::default(), Names::default());
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
        let tag = tags.number(tag);
        let episode = columns.episode.map(text);
        if episode.as_ref().is_some_and(|name| is_missing(name)) {
            counts.without_episode.note(line);
            continue;
        }
        let episode = episode.map_or(0, |name| episodes.number(name));
        let quality = columns.quality.map(text);
        let judged = quality.as_ref().map_or(Some(true), |word| is_good(word, wanted.good_too));
        let is_bad = judged != Some(true);
        if is_bad {
            (if judged.is_none() { &mut counts.unknown } else { &mut counts.bad }).note(line);
        }
        let value = if is_bad { "Bad".to_owned() } else { text(columns.value) };
        let others = columns.others.iter().map(|index| text(*index)).collect();
        entries.push(Entry { episode, moment: 0.0, line, tag, time, value, others });
    }
    let tags = tags.in_order().into_iter().map(|name| wanted.tag(name)).collect();
    Ok((tags, entries, cells))
}

fn is_missing(text: &str) -> bool {
    matches!(cell(text, Marks::default()), Cell::Missing)
}

fn has_value(entry: &Entry) -> bool {
    !matches!(cell(&entry.value, Marks::default()), Cell::Missing | Cell::NotFinite)
}

/// The last value of a tag, and the number of rows before it.
type Last<'e> = Option<(&'e Entry, usize)>;

/// A row for each time of a decision, episode by episode.
fn rows(entries: &[Entry], tags: &[Tag], wanted: &Wanted<'_>, counts: &mut Counts) -> Vec<ByteRecord> {
    // Without a tag of the action, every time is one of a decision.
    let all_decide = !tags.iter().any(|tag| tag.is_action);
    let mut last: Vec<Last<'_>> = vec![None; tags.len()];
    let mut rows = Vec::new();
    for episode in entries.chunk_by(|a, b| a.episode == b.episode) {
        last.fill(None);
        for group in episode.chunk_by(|a, b| a.moment == b.moment) {
            for entry in group {
                let last = &mut last[entry.tag];
                if last.is_some_and(|(last, _)| last.moment == entry.moment) {
                    counts.twice.note(entry.line);
                }
                // An action is never held.
                if tags[entry.tag].is_action || !wanted.holds || has_value(entry) {
                    *last = Some((entry, rows.len()));
                }
            }
            match group.iter().rev().find(|entry| all_decide || tags[entry.tag].is_action) {
                Some(decision) => rows.push(row(decision, &last, tags, wanted, rows.len(), counts)),
                None => counts.other_times += 1,
            }
        }
    }
    rows
}

/// The row of a decision, from the last values that are young enough; `before` rows are made already.
fn row(
    decision: &Entry,
    last: &[Last<'_>],
    tags: &[Tag],
    wanted: &Wanted<'_>,
    before: usize,
    counts: &mut Counts,
) -> ByteRecord {
    counts.decisions += 1;
    let mut record = ByteRecord::new();
    record.push_field(decision.time.as_bytes());
    decision.others.iter().for_each(|other| record.push_field(other.as_bytes()));
    for (tag, last) in tags.iter().zip(last) {
        let young =
            last.filter(|(entry, row)| wanted.is_young(tag, decision.moment - entry.moment, before - row));
        let value = match young {
            Some((entry, _)) => {
                counts.held += u64::from(decision.moment > entry.moment && tag.is_used);
                entry.value.as_str()
            }
            None => {
                counts.absent += u64::from(tag.is_used);
                ""
            }
        };
        record.push_field(value.as_bytes());
    }
    let mut position = Position::new();
    position.set_line(decision.line);
    record.set_position(Some(position));
    record
}

impl Counts {
    fn notes(&self, table: &Table, wanted: &Wanted<'_>, tags: usize, has_episodes: bool) -> Vec<Note> {
        let first = table.header_line + 1;
        let mut sentence = format!(
            "the table is long: {} values of {tags} tags became {} rows, each at a time of the action",
            self.entries, self.decisions
        );
        if self.other_times > 0 {
            sentence += &format!("; {} other times are no decisions", self.other_times);
        }
        if has_episodes {
            sentence += "; rows with one name of an episode are taken together wherever they stand";
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
            (self.without_episode, "missing-episode", "values whose episode is missing are left out"),
            (self.unreadable, "unreadable-time", "values whose time cannot be read are left out"),
            (self.twice, "repeated-time", "a tag has several values at a time: the last line counts"),
        ];
        for (Times { count, line }, kind, sentence) in
            faults.into_iter().filter(|(times, ..)| times.count > 0)
        {
            let is_fault = kind != "bad-quality";
            let advice = match kind {
                "missing-episode" => EPISODE_ADVICE,
                "unreadable-time" => "write time_format in [data]",
                "unknown-quality" => "write the words of good quality in quality_good of [data]",
                _ => "nothing, if that is right",
            };
            notes.push(Note { is_fault, advice, ..Note::new(kind, line, count, sentence.to_owned()) });
        }
        notes
    }
}
