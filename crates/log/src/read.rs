//! A log from a table in a file, in one pass: decisions, cut into episodes, with all findings about them.

use std::collections::HashSet;
use std::path::Path;

use csv::ByteRecord;
use setpoint_decision::data::cleaning::{Cleaning, Excluded, Missing};
use setpoint_decision::data::{Data, Values};
use setpoint_decision::project::Reward;
use setpoint_decision::spec::{ActionSpace, Axis, Feature, Signal, Spec};

use crate::audit::accepted;
use crate::audit::clock::{Advance, Clock};
use crate::audit::column::Column;
use crate::audit::expected::Expected;
use crate::audit::rows::Duplicates;
use crate::audit::{Audit, Finding, Times, reward};
use crate::error::LogError;
use crate::holes;
use crate::log::{Log, LoggedEpisode, Resolution};
use crate::mapping::{Mapping, Unmapped, map};
use crate::table::cell::{Cell, boolean};
use crate::table::{self, Table};

use exclusions::Exclusions;

mod cuts;
mod exclusions;
mod findings;
mod shared_columns;

/// Number of rows between two reports of progress.
const ROWS_PER_CALL: u64 = 1 << 16;

/// A log and its findings.
#[derive(Clone, Debug)]
pub struct Reading {
    /// Whether every action is a number, which may be counted from 0 or from 1.
    pub is_numbered: bool,
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
    /// Rows between the piece before and the next row were left out.
    continued: bool,
    /// Rows without an action.
    idle: Times,
    /// Rows whose action is a number, and among them those with the number behind the last choice.
    numbered: u64,
    beyond_last: Times,
    excluded: Exclusions,
    cleaning: Cleaning,
    action_column: String,
    episode_column: String,
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
    let mut table = table::open(path)?;
    let mapping = map(data, &table.header, spec).map_err(ReadError::Unmapped)?;
    let data = data.expect("there is no mapping without [data]");
    if let Some(found) = shared_columns::shared(&mapping, &table.header, spec) {
        return Err(LogError::of(path, found, "name a column of its own for each in [data]").into());
    }
    let Cleaning { missing, exclude, .. } = &data.cleaning;
    let excluded = Exclusions::new(exclude, mapping.time.is_some())
        .map_err(|found| LogError::of(path, found, "\"rows 12-18\" names lines of the file"))?;
    if matches!(missing, Missing::Hold(age) if age.seconds.is_some()) && mapping.time.is_none() {
        let fix = "name the column of time, or write hold_rows";
        return Err(LogError::of(path, "`hold_seconds` needs a column of time", fix).into());
    }
    let mut reader = Reader::new(&table, mapping, data, excluded, spec);
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
            reader.leave_out(false);
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
    if reader.log.rows() == 0 && reader.log.left_out.excluded == rows {
        return Err(
            LogError::of(path, "`exclude` of [data] leaves out every row", "exclude fewer rows").into()
        );
    }
    if reader.log.rows() == 0 {
        let line = reader.unknown.line.max(reader.ragged.line);
        let found = format!("none of {rows} rows contains a decision, first \"{}\"", reader.unknown_example);
        let found = format!("{found} in {} {line}", table.format.row_word());
        return Err(LogError::of(path, found, "name the column of the action in [data]").into());
    }
    Ok(reader.finish(&table, paid, rows))
}

fn feature_column(name: &str, feature: &Feature, natural: bool, is_parameter: bool) -> Column {
    let in_column = |value: f32| f64::from(if natural { feature.natural(value) } else { value });
    let (low, high) = (in_column(feature.low), in_column(feature.high));
    let (scale, offset) = (f64::from(feature.scale), f64::from(feature.offset));
    let is_same = scale == 1.0 && offset == 0.0;
    let expected = Expected {
        what: feature.name.clone(),
        unit: if natural || is_same { feature.unit.clone() } else { String::new() },
        range: finite(low.min(high), low.max(high)),
        reference: Some(in_column(feature.reference)),
        is_parameter,
        // From the wrong scale of a column to the right scale.
        otherwise: (!is_same).then(|| if natural { (1.0 / scale, -offset / scale) } else { (scale, offset) }),
    };
    Column::new(name, expected)
}

fn signal_column(name: &str, signal: &Signal) -> Column {
    let range = finite(f64::from(signal.low), f64::from(signal.high));
    Column::new(
        name,
        Expected { what: signal.name.clone(), unit: signal.unit.clone(), range, ..Expected::default() },
    )
}

fn axis_column(name: &str, axis: &Axis) -> Column {
    let range = finite(f64::from(axis.low), f64::from(axis.high));
    Column::new(
        name,
        Expected { what: axis.name.clone(), unit: axis.unit.clone(), range, ..Expected::default() },
    )
}

/// A finite range.
fn finite(low: f64, high: f64) -> Option<(f64, f64)> {
    (low < high && high - low < 1e30).then_some((low, high))
}

impl<'a> Reader<'a> {
    fn new(table: &Table, mapping: Mapping, data: &Data, excluded: Exclusions, spec: &'a Spec) -> Self {
        let natural = data.values == Values::Natural;
        let name = |index: usize| table.header[index].as_str();
        let plain = |index: Option<usize>| index.map(|index| Column::new(name(index), Expected::default()));
        let axes = match &spec.action {
            ActionSpace::Discrete { .. } => Vec::new(),
            ActionSpace::Continuous { axes } => axes
                .iter()
                .zip(&mapping.actions)
                .map(|(axis, index)| axis_column(name(*index), axis))
                .collect(),
        };
        let features = spec.observation.iter().zip(&mapping.features);
        let signals = spec.signals.iter().zip(&mapping.signals);
        Self {
            spec,
            natural,
            features: features
                .map(|(feature, index)| {
                    let is_parameter = spec.parameters.iter().any(|known| known.name == feature.name);
                    feature_column(name(*index), feature, natural, is_parameter)
                })
                .collect(),
            signals: signals
                .map(|(signal, index)| index.map(|index| signal_column(name(index), signal)))
                .collect(),
            axes,
            reward: plain(mapping.reward),
            probability: plain(mapping.probability),
            clock: mapping.time.map(|index| Clock::new(name(index), mapping.episode.is_none())),
            duplicates: Duplicates::new(mapping.time.is_none()),
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
            continued: false,
            idle: Times::default(),
            numbered: 0,
            beyond_last: Times::default(),
            excluded,
            cleaning: data.cleaning.clone(),
            action_column: name(mapping.actions[0]).to_owned(),
            episode_column: mapping.episode.map_or(String::new(), |index| name(index).to_owned()),
            log: Log { format: Some(table.format), ..Log::new(spec) },
            mapping,
        }
    }

    /// Whether a row begins a piece; `None` if the row does not state its episode.
    fn begins(&mut self, record: &ByteRecord, line: u64) -> Option<bool> {
        let begins = std::mem::take(&mut self.broken);
        let Some(index) = self.mapping.episode else { return Some(begins) };
        let name = record[index].trim_ascii();
        if std::str::from_utf8(name).is_ok_and(|name| matches!(table::cell::cell(name), Cell::Missing)) {
            self.log.left_out.of(&self.episode_column, line).missing += 1;
            return None;
        }
        if self.episode.as_deref() == Some(name) {
            return Some(begins);
        }
        self.episode = Some(name.to_vec());
        self.continued = false;
        if !self.episodes_seen.insert(name.to_vec()) {
            self.interleaved.note(line);
        }
        Some(true)
    }

    /// Leaves out a row: its episode ends before it, and what follows is a piece of the same episode.
    fn leave_out(&mut self, begins: bool) {
        if let Some(episode) = self.log.episodes.last_mut().filter(|_| !begins) {
            episode.cut = true;
        }
        self.broken = true;
        self.continued = true;
    }

    fn row(&mut self, record: &ByteRecord, line: u64) {
        // The bytes were checked for UTF-8 before, so a cell has whole characters.
        let cell = |index: usize| std::str::from_utf8(&record[index]).unwrap_or("");
        let Some(mut begins) = self.begins(record, line) else {
            self.log.left_out.rows += 1;
            return self.leave_out(false);
        };
        if self.excluded.hold(line, self.mapping.time.map(cell)) {
            self.log.left_out.excluded += 1;
            return self.leave_out(begins);
        }
        self.duplicates.take(record, line);
        if !self.action(&cell, line) {
            return self.leave_out(begins);
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
            _ => {
                let continued = std::mem::take(&mut self.continued);
                let rows = row..row + 1;
                self.log.episodes.push(LoggedEpisode { rows, continued, ..LoggedEpisode::default() });
            }
        }
        if let (Some(Some(over)), Some(episode)) = (terminated, self.log.episodes.last_mut()) {
            episode.terminated = Some(over);
            self.broken |= over;
        }
    }

    /// Reads the action; `false` if the process does not have it.
    fn action<'c>(&mut self, cell: &impl Fn(usize) -> &'c str, line: u64) -> bool {
        match &self.spec.action {
            ActionSpace::Discrete { choices } => {
                let text = cell(self.mapping.actions[0]).trim();
                let first = self.cleaning.action_offset as f64;
                let by_index = || {
                    let number = text.parse::<f64>().ok()?;
                    let index = Some(number - first).filter(|index| index.fract() == 0.0 && *index >= 0.0)?;
                    ((index as usize) < choices.len()).then_some(index as usize)
                };
                let by_name = || choices.iter().position(|choice| choice.name.eq_ignore_ascii_case(text));
                if let Some(number) = text.parse::<f64>().ok().filter(|number| number.is_finite()) {
                    self.numbered += 1;
                    if number - first == choices.len() as f64 {
                        self.beyond_last.note(line);
                    }
                }
                let Some(index) = by_index().or_else(by_name) else {
                    self.without_action(text, line);
                    return false;
                };
                self.taken[index] += 1;
                self.log.actions.push(index as f32);
            }
            ActionSpace::Continuous { .. } => {
                let start = self.log.actions.len();
                let mut unreadable = None;
                for (column, index) in self.axes.iter_mut().zip(&self.mapping.actions) {
                    let value = column.take(cell(*index), line);
                    if !(value as f32).is_finite() {
                        unreadable = Some(*index);
                        break;
                    }
                    self.log.actions.push(value as f32);
                }
                if let Some(index) = unreadable {
                    self.log.actions.truncate(start);
                    self.without_action(cell(index).trim(), line);
                    return false;
                }
            }
        }
        true
    }

    /// Notes a row without an action: a missing cell, or text that names none.
    fn without_action(&mut self, text: &str, line: u64) {
        if matches!(table::cell::cell(text), Cell::Missing | Cell::NotFinite) {
            self.idle.note(line);
            self.log.left_out.of(&self.action_column, line).missing += 1;
            self.log.left_out.rows += 1;
            return;
        }
        if self.unknown.count == 0 {
            self.unknown_example = text.chars().take(40).collect();
        }
        self.unknown.note(line);
    }

    fn finish(mut self, table: &Table, paid: &Reward, rows: u64) -> Reading {
        let mut findings: Vec<Finding> = Vec::new();
        findings.extend(self.duplicates.finding());
        findings.extend(self.about_rows(rows));
        let mut pauses = Vec::new();
        if let Some(clock) = self.clock.take() {
            findings.extend(clock.findings(&self.log.lines));
            // Without a column of episodes every piece is an episode of its own.
            self.log.episodes = cuts::cut(&self.log.episodes, &clock.cuts(), self.mapping.episode.is_some());
            pauses = clock.into_pauses();
        }
        let names = |index: &Option<usize>| index.map(|index| table.header[index].as_str());
        let columns = holes::Columns {
            features: self.mapping.features.iter().map(|index| table.header[*index].as_str()).collect(),
            signals: self.mapping.signals.iter().map(names).collect(),
            reward: names(&self.mapping.reward),
            probability: names(&self.mapping.probability),
        };
        self.log.left_out.exclude = self.cleaning.exclude.iter().map(Excluded::text).collect();
        holes::hold(&mut self.log, &columns, self.cleaning.missing, &pauses);
        self.fill_signals();
        findings.extend(self.about_columns(rows));
        let resolution = self.resolution();
        reward::shift(&mut self.log, self.cleaning.reward_lag);
        let (check, finding) = reward::check(&self.log, paid, self.spec, &resolution, columns.reward);
        findings.extend(finding);
        findings.extend(holes::leave_out(&mut self.log, &columns, self.cleaning.missing));
        accepted::accept(&mut findings, &self.cleaning.accept);
        // A stable sort: within a severity, the natural order of reading.
        findings.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
        let audit = Audit {
            file: table.path.display().to_string(),
            rows: self.log.rows() as u64,
            episodes: self.log.episodes.len() as u64,
            format: table.format,
            unused_columns: self.unused(&table.header),
            left_out: self.log.left_out.clone(),
            findings,
            reward: check,
        };
        let is_numbered = self.numbered > 0 && self.numbered >= self.log.rows() as u64;
        Reading { is_numbered, log: self.log, resolution, audit }
    }

    fn unused(&self, header: &[String]) -> Vec<String> {
        let Mapping { features, signals, actions, episode, time, reward, probability, terminated } =
            &self.mapping;
        let single = [episode, time, reward, probability, terminated];
        let used: HashSet<usize> = features
            .iter()
            .chain(actions)
            .copied()
            .chain(signals.iter().copied().flatten())
            .chain(single.into_iter().copied().flatten())
            .collect();
        header
            .iter()
            .enumerate()
            .filter(|(index, _)| !used.contains(index))
            .map(|(_, name)| name.clone())
            .collect()
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
