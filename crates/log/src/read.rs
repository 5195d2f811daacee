//! A log from a table in a file: decisions, cut into episodes, with all findings about them. A first pass over the cells finds the
//! forms of numbers and times, a second one reads them.

use std::collections::HashSet;
use std::path::Path;

use csv::ByteRecord;
use setpoint_decision::data::cleaning::{Cleaning, Missing};
use setpoint_decision::data::{ActionColumns, Data, Values};
use setpoint_decision::project::Reward;
use setpoint_decision::spec::{ActionForm, Spec};

use crate::audit::Audit;
use crate::audit::clock::Clock;
use crate::audit::column::Column;
use crate::audit::expected::Expected;
use crate::audit::rows::Duplicates;
use crate::error::LogError;
use crate::finding::Times;
use crate::log::{Log, Resolution};
use crate::mapping::{Mapping, Unmapped, map, names};
use crate::table::long::{Wanted, widen};
use crate::table::{self, Table};
use crate::time::Form;

use columns::{axis_column, feature_column, signal_column};
use exclusions::Exclusions;
use quality::Quality;
use survey::{Survey, survey};
use words::Choices;

mod columns;
mod cuts;
mod end;
mod exclusions;
mod findings;
mod quality;
mod rows;
mod shared_columns;
mod survey;
mod words;

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
    quality: Quality,
    /// One for each group of choices.
    choices: Vec<Choices>,
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
    /// Values were held when a table of tags became rows.
    held_before: bool,
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
    if let Some(part) = spec.tensors.first() {
        let found =
            format!("{} also observes `{}` ({}), which no log contains", spec.kind, part.name, part.form);
        return Err(LogError::of(
            path,
            found,
            "a log has features alone: it fits processes without images and points",
        )
        .into());
    }
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
    if let Some(found) = shared_columns::shared(&mapping, &table.header, spec) {
        return Err(LogError::of(path, found, "name a column of its own for each in [data]").into());
    }
    check_hold(path, data, &mapping, table.was_long())?;
    let forms = survey(&table, data, mapping.time)?;
    let excluded = Exclusions::new(&data.cleaning.exclude, mapping.time.map(|_| forms.form()))
        .map_err(|found| LogError::of(path, found, "\"rows 12-18\" names lines of the file"))?;
    let mut reader = Reader::new(&table, mapping, data, excluded, spec, &forms);
    reader.leave_out_without_episode(table.without_episode());
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
    if reader.log.rows() == 0 {
        return Err(reader.no_decision(path, &table, rows).into());
    }
    Ok(reader.finish(&table, &forms, paid, rows))
}

/// What a long table is searched for.
fn wanted<'a>(data: Option<&'a Data>, spec: &'a Spec) -> Wanted<'a> {
    let action = data.and_then(|data| data.action.as_ref());
    let actions = match (action, spec.action.form()) {
        (Some(ActionColumns::One(column)), _) => vec![column.as_str()],
        (Some(ActionColumns::Axes(columns)), _) => {
            columns.iter().map(|(_, column)| column.as_str()).collect()
        }
        (None, ActionForm::Settings(_) | ActionForm::Several) => spec.action.part_names(),
        (None, ActionForm::Choices(_)) => Vec::new(),
    };
    Wanted {
        time: data.and_then(|data| data.time.as_deref()),
        form: data.and_then(|data| data.time_format.as_deref()).map(Form::of),
        episode: data.and_then(|data| data.episode.as_deref()),
        actions,
        names: names(data, spec),
        results: data
            .iter()
            .flat_map(|data| [&data.reward, &data.probability, &data.terminated])
            .flatten()
            .map(String::as_str)
            .collect(),
        quality: data.and_then(|data| data.quality.as_ref()),
        good_too: data.map_or(&[], |data| &data.quality_good),
        age: data.map_or_else(Default::default, |data| data.cleaning.age),
        holds: data.is_some_and(|data| data.cleaning.missing == Missing::Hold),
    }
}

/// Refuses `hold_seconds` where no value is held, or where no age is known.
fn check_hold(path: &Path, data: &Data, mapping: &Mapping, was_long: bool) -> Result<(), LogError> {
    if data.cleaning.age.seconds.is_none() || was_long {
        return Ok(());
    }
    if data.cleaning.missing != Missing::Hold {
        let found = "`hold_seconds` of [data] holds no value: the log is no table of tags";
        let fix = "write missing = \"hold\" for missing cells, or delete hold_seconds";
        return Err(LogError::of(path, found, fix));
    }
    if mapping.time.is_none() {
        let fix = "name the column of time, or write hold_rows";
        return Err(LogError::of(path, "`hold_seconds` needs a column of time", fix));
    }
    Ok(())
}

impl<'a> Reader<'a> {
    fn new(
        table: &Table,
        mapping: Mapping,
        data: &Data,
        excluded: Exclusions,
        spec: &'a Spec,
        forms: &Survey,
    ) -> Self {
        let natural = data.values == Values::Natural;
        let name = |index: usize| table.header[index].as_str();
        let marks = |index: usize| forms.marks(index);
        let plain = |index: Option<usize>| {
            index.map(|index| Column::new(name(index), Expected::default(), marks(index)))
        };
        // The columns of the groups of choices come first.
        let axes = spec.action.axes.iter().zip(mapping.actions.iter().skip(spec.action.groups.len()));
        let features = spec.observation.iter().zip(&mapping.features);
        let signals = spec.signals.iter().zip(&mapping.signals);
        Self {
            spec,
            natural,
            features: features
                .map(|(feature, index)| {
                    let is_parameter = spec.parameters.iter().any(|known| known.name == feature.name);
                    feature_column(name(*index), marks(*index), feature, natural, is_parameter)
                })
                .collect(),
            signals: signals
                .map(|(signal, index)| index.map(|index| signal_column(name(index), marks(index), signal)))
                .collect(),
            axes: axes.map(|(axis, index)| axis_column(name(*index), marks(*index), axis)).collect(),
            reward: plain(mapping.reward),
            probability: plain(mapping.probability),
            clock: mapping.time.map(|index| Clock::new(name(index), forms.form(), mapping.episode.is_none())),
            duplicates: Duplicates::new(mapping.time.is_none()),
            quality: Quality::new(&mapping.quality, &data.quality_good),
            choices: spec.action.groups.iter().map(|group| Choices::new(data, &group.choices)).collect(),
            taken: vec![0; spec.action.choice_count()],
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
            held_before: table.was_long() && data.cleaning.age.seconds.is_some(),
            action_column: name(mapping.actions[0]).to_owned(),
            episode_column: mapping.episode.map_or(String::new(), |index| name(index).to_owned()),
            log: Log { format: Some(table.format), ..Log::new(spec) },
            mapping,
        }
    }
}
