//! A log from a table in a file, in one pass: decisions, cut into episodes, with all findings about them.

use std::collections::HashSet;
use std::path::Path;

use csv::ByteRecord;
use setpoint_decision::data::{ActionColumns, Data, QualityColumns, Values};
use setpoint_decision::project::Reward;
use setpoint_decision::spec::{ActionSpace, Axis, Feature, Signal, Spec};

use crate::audit::clock::{Advance, Clock};
use crate::audit::column::Column;
use crate::audit::expected::Expected;
use crate::audit::rows::Duplicates;
use crate::audit::{Audit, Finding, Severity, Times, reward};
use crate::error::LogError;
use crate::log::{Log, LoggedEpisode, Resolution};
use crate::mapping::{Mapping, Unmapped, map, names};
use crate::table::cell::boolean;
use crate::table::long::{Wanted, widen};
use crate::table::marks::Marks;
use crate::table::{self, Note, Table};
use crate::time::Form;

mod findings;
mod quality;
mod survey;
mod words;

use quality::Quality;
use survey::{Survey, survey};
use words::Choices;

/// Number of rows between two reports of progress.
const ROWS_PER_CALL: u64 = 1 << 16;

/// A log and its findings.
#[derive(Clone, Debug)]
pub struct Reading {
    /// The decisions.
    pub log: Log,
    /// The rounding steps of its numbers.
    pub resolution: Resolution,
    /// The findings.
    pub audit: Audit,
}

/// The reason why there is no log.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The file.
    #[error(transparent)]
    Log(#[from] LogError),
    /// The project does not give the meaning of the columns.
    #[error("{}", .0.reason)]
    Unmapped(Box<Unmapped>),
}

/// The columns to read in each row.
struct Reader<'a> {
    spec: &'a Spec,
    mapping: Mapping,
    natural: bool,
    features: Vec<Column>,
    signals: Vec<Option<Column>>,
    axes: Vec<Column>,
    reward: Option<Column>,
    probability: Option<Column>,
    clock: Option<Clock>,
    duplicates: Duplicates,
    quality: Quality,
    choices: Option<Choices>,
    /// Number of rows for each choice.
    taken: Vec<u64>,
    unknown: Times,
    unknown_example: String,
    ragged: Times,
    ragged_example: (usize, usize),
    interleaved: Times,
    improbable: Times,
    unclear_end: Times,
    episode: Option<Vec<u8>>,
    episodes_seen: HashSet<Vec<u8>>,
    /// The next row begins a new piece: a row before was left out, or the process ended.
    broken: bool,
    log: Log,
}

/// Reads a log of a process. Reports the number of rows to `progress` at intervals.
pub fn read(
    path: &Path,
    data: Option<&Data>,
    spec: &Spec,
    paid: &Reward,
    progress: &mut dyn FnMut(u64),
) -> Result<Reading, ReadError> {
    let mut table = widen(table::open(path)?, &wanted(data, spec))?;
    let judged = data.cloned().map(|data| match table.was_long() {
        // A long table's values were judged one by one.
        true => Data { quality: None, ..data },
        false => data,
    });
    let data = judged.as_ref();
    table.check_unique(names(data, spec))?;
    let mapping = map(data, &table.header, &table.units, spec).map_err(ReadError::Unmapped)?;
    let data = data.expect("there is no mapping without [data]");
    let forms = survey(table.again()?, data, mapping.time)?;
    let mut reader = Reader::new(&table, mapping, data, spec, &forms);
    let mut record = ByteRecord::new();
    let mut rows = 0_u64;
    while table.next(&mut record)? {
        let line = table::line(&record);
        rows += 1;
        if record.len() == table.header.len() {
            reader.row(&record, line);
        } else {
            if reader.ragged.count == 0 {
                reader.ragged_example = (record.len(), table.header.len());
            }
            reader.ragged.note(line);
            reader.broken = true;
        }
        if rows.is_multiple_of(ROWS_PER_CALL) {
            progress(rows);
        }
    }
    if rows == 0 {
        return Err(
            LogError::of(path, "there is a header and no row", "a log needs one row per decision").into()
        );
    }
    if reader.log.rows() == 0 {
        return Err(reader.no_decision(path, &table, rows).into());
    }
    Ok(reader.finish(&table, &forms, paid, rows))
}

/// What a long table is searched for.
fn wanted<'a>(data: Option<&'a Data>, spec: &'a Spec) -> Wanted<'a> {
    let action = data.and_then(|data| data.action.as_ref());
    let actions = match (action, &spec.action) {
        (Some(ActionColumns::One(column)), _) => vec![column.as_str()],
        (Some(ActionColumns::Axes(columns)), _) => {
            columns.iter().map(|(_, column)| column.as_str()).collect()
        }
        (None, ActionSpace::Continuous { .. }) => spec.action.names(),
        (None, ActionSpace::Discrete { .. }) => Vec::new(),
    };
    Wanted {
        time: data.and_then(|data| data.time.as_deref()),
        form: data.and_then(|data| data.time_format.as_deref()).map(Form::of),
        actions,
        names: names(data, spec),
        quality: match data.and_then(|data| data.quality.as_ref()) {
            Some(QualityColumns::Named(column)) => Some(column),
            _ => None,
        },
        good_too: data.map_or(&[], |data| &data.quality_good),
        hold_seconds: data.map_or(0.0, |data| data.hold_seconds),
    }
}

fn feature_column(name: &str, marks: Marks, feature: &Feature, natural: bool) -> Column {
    let in_column = |value: f32| f64::from(if natural { feature.natural(value) } else { value });
    let (low, high) = (in_column(feature.low), in_column(feature.high));
    let (scale, offset) = (f64::from(feature.scale), f64::from(feature.offset));
    let is_same = scale == 1.0 && offset == 0.0;
    let expected = Expected {
        what: feature.name.clone(),
        unit: if natural || is_same { feature.unit.clone() } else { String::new() },
        range: finite(low.min(high), low.max(high)),
        reference: Some(in_column(feature.reference)),
        // From the wrong scale of a column to the right scale.
        otherwise: (!is_same).then(|| if natural { (1.0 / scale, -offset / scale) } else { (scale, offset) }),
    };
    Column::new(name, expected, marks)
}

fn signal_column(name: &str, marks: Marks, signal: &Signal) -> Column {
    let range = finite(f64::from(signal.low), f64::from(signal.high));
    Column::new(
        name,
        Expected { what: signal.name.clone(), unit: signal.unit.clone(), range, ..Expected::default() },
        marks,
    )
}

fn axis_column(name: &str, marks: Marks, axis: &Axis) -> Column {
    let range = finite(f64::from(axis.low), f64::from(axis.high));
    Column::new(
        name,
        Expected { what: axis.name.clone(), unit: axis.unit.clone(), range, ..Expected::default() },
        marks,
    )
}

/// A finite range.
fn finite(low: f64, high: f64) -> Option<(f64, f64)> {
    (low < high && high - low < 1e30).then_some((low, high))
}

impl<'a> Reader<'a> {
    fn new(table: &Table, mapping: Mapping, data: &Data, spec: &'a Spec, forms: &Survey) -> Self {
        let natural = data.values == Values::Natural;
        let name = |index: usize| table.header[index].as_str();
        let marks = |index: usize| forms.marks(index);
        let plain = |index: Option<usize>| {
            index.map(|index| Column::new(name(index), Expected::default(), marks(index)))
        };
        let axes = match &spec.action {
            ActionSpace::Discrete { .. } => Vec::new(),
            ActionSpace::Continuous { axes } => axes
                .iter()
                .zip(&mapping.actions)
                .map(|(axis, index)| axis_column(name(*index), marks(*index), axis))
                .collect(),
        };
        let features = spec.observation.iter().zip(&mapping.features);
        let signals = spec.signals.iter().zip(&mapping.signals);
        Self {
            spec,
            natural,
            features: features
                .map(|(feature, index)| feature_column(name(*index), marks(*index), feature, natural))
                .collect(),
            signals: signals
                .map(|(signal, index)| index.map(|index| signal_column(name(index), marks(index), signal)))
                .collect(),
            axes,
            reward: plain(mapping.reward),
            probability: plain(mapping.probability),
            clock: mapping.time.map(|index| Clock::new(name(index), forms.form(), mapping.episode.is_none())),
            duplicates: Duplicates::new(mapping.time.is_none()),
            quality: Quality::new(&mapping.quality, &data.quality_good),
            choices: match &spec.action {
                ActionSpace::Discrete { choices } => Some(Choices::new(data, choices)),
                ActionSpace::Continuous { .. } => None,
            },
            taken: vec![0; if spec.action.is_discrete() { spec.action.len() } else { 0 }],
            unknown: Times::default(),
            unknown_example: String::new(),
            ragged: Times::default(),
            ragged_example: (0, 0),
            interleaved: Times::default(),
            improbable: Times::default(),
            unclear_end: Times::default(),
            episode: None,
            episodes_seen: HashSet::new(),
            broken: true,
            log: Log { format: Some(table.format), ..Log::new(spec) },
            mapping,
        }
    }

    fn row(&mut self, record: &ByteRecord, line: u64) {
        self.duplicates.take(record, line);
        // The bytes were checked for UTF-8 before, so a cell has whole characters.
        let cell = |index: usize| std::str::from_utf8(&record[index]).unwrap_or("");
        let mut begins = std::mem::take(&mut self.broken);
        if let Some(index) = self.mapping.episode {
            let name = record[index].trim_ascii();
            if self.episode.as_deref() != Some(name) {
                begins = true;
                self.episode = Some(name.to_vec());
                if !self.episodes_seen.insert(name.to_vec()) {
                    self.interleaved.note(line);
                }
            }
        }
        if !self.quality.is_good(record, line) {
            self.broken = true;
            return;
        }
        if !self.action(&cell, line) {
            self.unknown.note(line);
            self.broken = true;
            return;
        }
        if let (Some(clock), Some(index)) = (&mut self.clock, self.mapping.time)
            && clock.take(cell(index), line, begins) == Advance::Again
        {
            begins = true;
        }
        for (column, (feature, index)) in
            self.features.iter_mut().zip(self.spec.observation.iter().zip(&self.mapping.features))
        {
            let value = column.take(cell(*index), line) as f32;
            self.log.observations.push(if self.natural { feature.scaled(value) } else { value });
        }
        for (column, index) in self.signals.iter_mut().zip(&self.mapping.signals) {
            let value = match (column, index) {
                (Some(column), Some(index)) => column.take(cell(*index), line) as f32,
                _ => f32::NAN,
            };
            self.log.signals.push(value);
        }
        let number = |column: &mut Option<Column>, index: Option<usize>| match (column, index) {
            (Some(column), Some(index)) => column.take(cell(index), line),
            _ => f64::NAN,
        };
        self.log.rewards.push(number(&mut self.reward, self.mapping.reward));
        let probability = number(&mut self.probability, self.mapping.probability);
        // A density may exceed 1.
        if probability <= 0.0 || (self.spec.action.is_discrete() && probability > 1.0) {
            self.improbable.note(line);
        }
        self.log.probabilities.push(probability);
        self.log.lines.push(line);
        let row = self.log.rows() - 1;
        let terminated = self.mapping.terminated.map(|index| boolean(cell(index)));
        if terminated == Some(None) {
            self.unclear_end.note(line);
        }
        match self.log.episodes.last_mut() {
            Some(episode) if !begins => episode.rows.end = row + 1,
            _ => self.log.episodes.push(LoggedEpisode { rows: row..row + 1, terminated: None }),
        }
        if let (Some(Some(over)), Some(episode)) = (terminated, self.log.episodes.last_mut()) {
            episode.terminated = Some(over);
            self.broken |= over;
        }
    }

    /// Reads the action; `false` if the process does not have it.
    fn action<'c>(&mut self, cell: &impl Fn(usize) -> &'c str, line: u64) -> bool {
        match &self.choices {
            Some(choices) => {
                let text = cell(self.mapping.actions[0]).trim();
                let Some(index) = choices.index(text) else {
                    if self.unknown.count == 0 {
                        self.unknown_example = text.chars().take(40).collect();
                    }
                    return false;
                };
                self.taken[index] += 1;
                self.log.actions.push(index as f32);
            }
            None => {
                let start = self.log.actions.len();
                for (column, index) in self.axes.iter_mut().zip(&self.mapping.actions) {
                    let value = column.take(cell(*index), line);
                    if value.is_nan() {
                        if self.unknown.count == 0 {
                            self.unknown_example = cell(*index).trim().chars().take(40).collect();
                        }
                        self.log.actions.truncate(start);
                        return false;
                    }
                    self.log.actions.push(value as f32);
                }
            }
        }
        true
    }

    /// The error about a table without any decision.
    fn no_decision(&self, path: &Path, table: &Table, rows: u64) -> LogError {
        let word = table.format.row_word();
        if self.ragged.count == rows {
            let (found, expected) = self.ragged_example;
            let found = format!(
                "all {rows} rows have another number of cells than the header, first {found} instead of {expected} in {word} {}",
                self.ragged.line
            );
            return LogError::of(
                path,
                found,
                "write a name for every column, also for a column of row numbers",
            );
        }
        if self.unknown.count == 0
            && let Some(finding) = self.quality.findings(&table.header).into_iter().next()
        {
            let line = finding.line.unwrap_or(0);
            return LogError::at(path, line, format!("no row is good: {}", finding.sentence), finding.advice);
        }
        let line = self.unknown.line.max(self.ragged.line);
        let found = format!("none of {rows} rows contains a decision, first \"{}\"", self.unknown_example);
        let found = format!("{found} in {word} {line}");
        LogError::of(path, found, "name the column of the action in [data]")
    }

    fn finish(mut self, table: &Table, forms: &Survey, paid: &Reward, rows: u64) -> Reading {
        let mut findings: Vec<Finding> = table.notes().into_iter().map(noted).collect();
        let used: HashSet<usize> = self.mapping.used().collect();
        findings.extend(forms.findings(&table.header, &used, self.mapping.time));
        findings.extend(self.quality.findings(&table.header));
        findings.extend(self.duplicates.finding());
        findings.extend(self.about_rows(rows));
        if let Some(clock) = self.clock.take() {
            findings.extend(clock.findings(&self.log.lines));
            self.log.episodes = cut(&self.log.episodes, &clock.cuts());
        }
        self.fill_signals();
        findings.extend(self.about_columns(rows));
        let resolution = self.resolution();
        let column = self.reward.as_ref().map(|column| column.name.clone());
        let (check, finding) = reward::check(&self.log, paid, self.spec, &resolution, column.as_deref());
        findings.extend(finding);
        // A stable sort: within a severity, the natural order of reading.
        findings.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
        let audit = Audit {
            file: table.path.display().to_string(),
            rows: self.log.rows() as u64,
            episodes: self.log.episodes.len() as u64,
            format: table.format,
            unused_columns: self.unused(&table.header),
            findings,
            reward: check,
        };
        Reading { log: self.log, resolution, audit }
    }

    fn unused(&self, header: &[String]) -> Vec<String> {
        let used: HashSet<usize> = self.mapping.used().collect();
        let unused =
            header.iter().enumerate().filter(|(index, name)| !used.contains(index) && !name.is_empty());
        let mut names: Vec<String> = Vec::new();
        for (_, name) in unused {
            if !names.contains(name) {
                names.push(name.clone());
            }
        }
        names
    }

    /// A signal that is also a feature, and has no column of its own, is in the next row's observation.
    fn fill_signals(&mut self) {
        let (features, signals) = (self.log.features, self.log.signals_per_row);
        for (index, signal) in self.spec.signals.iter().enumerate() {
            let feature = self.spec.observation.iter().position(|feature| feature.name == signal.name);
            let (Some(feature), None) = (feature, self.mapping.signals[index]) else { continue };
            for episode in &self.log.episodes {
                for row in episode.rows.start..episode.rows.end - 1 {
                    let seen = self.log.observations[(row + 1) * features + feature];
                    self.log.signals[row * signals + index] = self.spec.observation[feature].natural(seen);
                }
            }
        }
    }

    fn resolution(&self) -> Resolution {
        let scale = |feature: &Feature| f64::from(feature.scale.abs());
        let seen = |(column, feature): (&Column, &Feature)| {
            column.resolution() / if self.natural { scale(feature) } else { 1.0 }
        };
        let features: Vec<f64> = self.features.iter().zip(&self.spec.observation).map(seen).collect();
        let signals = self.spec.signals.iter().zip(&self.signals).map(|(signal, column)| match column {
            Some(column) => column.resolution(),
            None => {
                let feature = self.spec.observation.iter().position(|feature| feature.name == signal.name);
                feature.map_or(0.0, |index| features[index] * scale(&self.spec.observation[index]))
            }
        });
        let signals = signals.collect();
        Resolution { features, signals, reward: self.reward.as_ref().map_or(0.0, Column::resolution) }
    }
}

/// A note about the table as a finding.
fn noted(note: Note) -> Finding {
    let Note { kind, line, count, sentence, advice, is_fault } = note;
    Finding {
        severity: if is_fault { Severity::Warning } else { Severity::Note },
        kind: kind.to_owned(),
        column: None,
        line: Some(line),
        count,
        sentence,
        advice: advice.to_owned(),
    }
}

/// Episodes cut before the given rows, in ascending order; the part before a cut has no known end.
fn cut(episodes: &[LoggedEpisode], rows: &[usize]) -> Vec<LoggedEpisode> {
    let mut pieces = Vec::with_capacity(episodes.len());
    let mut next = rows.iter().copied().peekable();
    for episode in episodes {
        let mut start = episode.rows.start;
        while let Some(row) = next.next_if(|row| *row < episode.rows.end) {
            if row > start {
                pieces.push(LoggedEpisode { rows: start..row, terminated: None });
                start = row;
            }
        }
        pieces.push(LoggedEpisode { rows: start..episode.rows.end, terminated: episode.terminated });
    }
    pieces
}
