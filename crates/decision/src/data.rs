//! `[data]`: the meaning of the columns of a plant's log, and the permitted gap of a simulator.

use std::path::{Path, absolute};

use toml::{Table, Value};

use crate::Diagnostic;
use crate::diagnostic::suggestion;
use crate::section::{Range, Section};
use crate::spec::{ActionForm, Spec};

pub mod cleaning;

use cleaning::{Age, Cleaning, Excluded, Missing};

/// The scale of the features in a log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Values {
    /// `"seen"`: as the policy sees them.
    #[default]
    Seen,
    /// `"natural"`: in the features' units.
    Natural,
}

impl Values {
    /// As the project file writes it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Seen => "seen",
            Self::Natural => "natural",
        }
    }
}

/// The columns of the action.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ActionColumns {
    /// One column: the index or the name of a choice, or the value of the only axis.
    One(String),
    /// Axis and column, one pair per setting.
    Axes(Vec<(String, String)>),
}

/// The columns with the quality of values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum QualityColumns {
    /// One name: the only such column judges the row; of several, each judges the column before it.
    Named(String),
    /// Name of a feature, signal or setting, `action` or `reward`, and the column with its quality.
    Each(Vec<(String, String)>),
}

/// `[data]`. A column that it does not name must have the name of its feature, signal or setting.
#[derive(Clone, Debug, PartialEq)]
pub struct Data {
    /// The log, relative to the project's folder.
    pub file: Option<String>,
    /// Column whose value changes from episode to episode.
    pub episode: Option<String>,
    /// Column with a step number or a timestamp.
    pub time: Option<String>,
    /// The action.
    pub action: Option<ActionColumns>,
    /// Column of the reward of the action.
    pub reward: Option<String>,
    /// Column of the probability with which the action was taken.
    pub probability: Option<String>,
    /// Column that says whether the step ended the episode by the process's own rules.
    pub terminated: Option<String>,
    /// The scale of the features.
    pub values: Values,
    /// The form of times: directives of strftime, or one of [`TIME_WORDS`]; recognised if absent.
    pub time_format: Option<String>,
    /// The decimal mark of the log, `.` or `,`; recognised if absent.
    pub decimal: Option<char>,
    /// The simulator is doubtful at this gap or more, in percent of reward per step.
    pub gap_warn_percent: f64,
    /// The simulator is inconsistent with the log at this gap or more, in percent of reward per step.
    pub gap_fail_percent: f64,
    /// The columns of quality; rows whose quality is not good are left out.
    pub quality: Option<QualityColumns>,
    /// Words of the columns of quality that are good too.
    pub quality_good: Vec<String>,
    /// Word or number of the log, and the choice that it means.
    pub actions: Vec<(String, String)>,
    /// Feature and column.
    pub features: Vec<(String, String)>,
    /// Signal and column.
    pub signals: Vec<(String, String)>,
    /// The treatment of missing cells, of rows and of findings.
    pub cleaning: Cleaning,
}

/// Least gap of a doubtful simulator, in percent.
const GAP_WARN_PERCENT: f64 = 15.0;
/// Least gap of an inconsistent simulator, in percent.
const GAP_FAIL_PERCENT: f64 = 20.0;

impl Default for Data {
    fn default() -> Self {
        Self {
            file: None,
            episode: None,
            time: None,
            action: None,
            reward: None,
            probability: None,
            terminated: None,
            values: Values::Seen,
            time_format: None,
            decimal: None,
            gap_warn_percent: GAP_WARN_PERCENT,
            gap_fail_percent: GAP_FAIL_PERCENT,
            quality: None,
            quality_good: Vec::new(),
            actions: Vec::new(),
            features: Vec::new(),
            signals: Vec::new(),
            cleaning: Cleaning::default(),
        }
    }
}

/// `None` if the project has no such table.
pub(crate) fn read(section: &Section<'_>) -> Result<Option<Data>, Box<Diagnostic>> {
    if !section.is_present() {
        return Ok(None);
    }
    let defaults = Data::default();
    let percent = |key, default, meaning| -> Result<f64, Box<Diagnostic>> {
        Ok(section.number(key, Range::between(0.0, 1e6), meaning)?.unwrap_or(default))
    };
    let data = Data {
        file: section.string("file", "the log, relative to the project's folder")?,
        episode: section.string("episode", "the column with the episode of a row")?,
        time: section.string("time", "the column with a step number or a timestamp")?,
        action: read_action(section)?,
        reward: section.string("reward", "the column of the reward of the action")?,
        probability: section
            .string("probability", "the column of the logging policy's probability of its action")?,
        terminated: section.string(
            "terminated",
            "the column that states whether the process ended the episode in this step",
        )?,
        values: match section.choice(
            "values",
            &["seen", "natural"],
            "the scale of the features: as the policy sees them, or in their units",
        )? {
            Some("natural") => Values::Natural,
            _ => Values::Seen,
        },
        time_format: time_format(section)?,
        decimal: section
            .choice("decimal", &[".", ","], "the decimal mark of the log")?
            .and_then(|mark| mark.chars().next()),
        gap_warn_percent: percent(
            "gap_warn_percent",
            defaults.gap_warn_percent,
            "least gap in reward per step of a doubtful simulator",
        )?,
        gap_fail_percent: percent(
            "gap_fail_percent",
            defaults.gap_fail_percent,
            "least gap in reward per step of a simulator that is inconsistent with the log",
        )?,
        quality: read_quality(section)?,
        quality_good: section.strings("quality_good", "words of good quality")?.unwrap_or_default(),
        actions: action_words(&section.table("actions")?)?,
        features: columns(&section.table("features")?, "feature")?,
        signals: columns(&section.table("signals")?, "signal")?,
        cleaning: read_cleaning(section)?,
    };
    if data.gap_warn_percent > data.gap_fail_percent {
        let title = "a gap fails before it warns";
        let label = format!("expected at most gap_fail_percent, {}", data.gap_fail_percent);
        let help = "gap_warn_percent = 15 and gap_fail_percent = 20 are the defaults";
        return Err(section.error("gap_warn_percent", title, &label, help));
    }
    section.finish()?;
    Ok(Some(data))
}

/// Forms of times that are numbers: days of a spreadsheet, seconds and milliseconds since 1970.
pub const TIME_WORDS: [&str; 3] = ["serial", "unix", "unix_ms"];
/// Directives of strftime that a log's times may have.
const TIME_DIRECTIVES: &str = "YymdejbBhHIMSfpPaAzZsFTDR%";

fn time_format(section: &Section<'_>) -> Result<Option<String>, Box<Diagnostic>> {
    let Some(format) = section.string("time_format", "the form of the log's times")? else { return Ok(None) };
    let unknown = || {
        let mut characters = format.chars();
        while let Some(character) = characters.next() {
            if character == '%' {
                let directive = characters.next().unwrap_or(' ');
                if !TIME_DIRECTIVES.contains(directive) {
                    return Some(format!("`%{}` is not known", String::from(directive).trim()));
                }
            }
        }
        (!format.contains('%')).then(|| "it has no directive such as %Y".to_owned())
    };
    match unknown().filter(|_| !TIME_WORDS.contains(&format.as_str())) {
        None => Ok(Some(format)),
        Some(fault) => {
            let title = format!("times cannot be read by \"{format}\": {fault}");
            let label = format!("expected directives of strftime, or {}", TIME_WORDS.join(", "));
            let help = "time_format = \"%d.%m.%Y %H:%M:%S\" reads 28.03.2026 06:00:00; known directives: %Y %y %m %d %b %H %I %p %M %S %f %z %j %s";
            Err(section.error("time_format", &title, &label, help))
        }
    }
}

fn read_cleaning(section: &Section<'_>) -> Result<Cleaning, Box<Diagnostic>> {
    const ROWS_MAX: f64 = 1e9;
    const SECONDS_MAX: f64 = 1e9;
    let word = section.choice(
        "missing",
        &["exclude", "hold", "refuse"],
        "the treatment of a row with a missing cell: leave it out, hold the last value, or refuse the log",
    )?;
    let age = Age {
        rows: section.integer(
            "hold_rows",
            Range::between(1.0, ROWS_MAX),
            "greatest age of a held value, in rows",
        )?,
        seconds: section.number(
            "hold_seconds",
            Range::between(0.0, SECONDS_MAX),
            "greatest age of a held value, in seconds",
        )?,
    };
    let missing = match word {
        Some("hold") if age == Age::default() => {
            let label = "expected hold_rows or hold_seconds as well";
            let help = "missing = \"hold\" and hold_rows = 3: a value that is older than 3 rows is not held";
            return Err(section.error("missing", "a held value needs a greatest age", label, help));
        }
        Some("hold") => Missing::Hold,
        // Only the log shows whether it is a table of tags, to which `hold_seconds` belongs as well.
        _ if age.rows.is_some() => {
            let help = "write missing = \"hold\", or delete this key";
            return Err(section.error("hold_rows", "no value is held", "only for missing = \"hold\"", help));
        }
        Some("refuse") => Missing::Refuse,
        _ => Missing::Exclude,
    };
    let entries = section.strings("exclude", "rows that are left out: \"rows 12-18\" or \"TIME..TIME\"")?;
    let mut exclude = Vec::new();
    for entry in entries.unwrap_or_default() {
        let Some(rows) = Excluded::read(&entry) else {
            let title = format!("`exclude` of [data] cannot read \"{entry}\"");
            let help =
                "\"rows 12-18\" names lines of the file; \"2026-03-01T00:00..2026-03-02T00:00\" names times";
            return Err(section.error("exclude", &title, "expected rows or times", help));
        };
        exclude.push(rows);
    }
    let accept = section.strings("accept", "findings that are no fault here: \"kind\" or \"kind:column\"")?;
    let first = Range::between(0.0, 1e6);
    let action_offset =
        section.integer("action_offset", first, "the number of the first choice in the log")?;
    let lag = Range::between(-100.0, 100.0);
    let meaning = "rows by which the reward stands after its action; negative if it stands before it";
    let reward_lag = section.number("reward_lag", lag, meaning)?.unwrap_or(0.0);
    if reward_lag.fract() != 0.0 {
        let label = "expected a whole number of rows";
        return Err(section.error("reward_lag", "a reward is moved by whole rows", label, meaning));
    }
    let episode_rows = section.integer(
        "episode_rows",
        Range::between(2.0, ROWS_MAX),
        "rows after which a longer episode is cut into several",
    )?;
    Ok(Cleaning {
        missing,
        age,
        exclude,
        accept: accept.unwrap_or_default(),
        action_offset: action_offset.unwrap_or(0),
        reward_lag: reward_lag as i64,
        episode_rows,
    })
}

fn read_action(section: &Section<'_>) -> Result<Option<ActionColumns>, Box<Diagnostic>> {
    if section.is_table("action") {
        return Ok(Some(ActionColumns::Axes(columns(&section.table("action")?, "axis")?)));
    }
    Ok(section
        .string("action", "the column of the choice, or { axis = \"column\" }")?
        .map(ActionColumns::One))
}

fn read_quality(section: &Section<'_>) -> Result<Option<QualityColumns>, Box<Diagnostic>> {
    if section.is_table("quality") {
        return Ok(Some(QualityColumns::Each(columns(&section.table("quality")?, "quality")?)));
    }
    Ok(section
        .string("quality", "the column of the quality of values, or { tag = \"column\" }")?
        .map(QualityColumns::Named))
}

/// `[data.actions]`: words of the log and choices.
fn action_words(section: &Section<'_>) -> Result<Vec<(String, String)>, Box<Diagnostic>> {
    let choice = |(word, value): (String, Value)| match value {
        Value::String(choice) => Ok((word, choice)),
        value => {
            let title = format!("the choice for `{word}` cannot be {value}");
            let help =
                "[data.actions] has the words of the log on the left: \"Erhöhen\" = \"increase_speed\"";
            Err(section.error(&word, &title, "expected the name of a choice, in quotes", help))
        }
    };
    section.contents()?.into_iter().map(choice).collect()
}

/// A free table of names and columns.
fn columns(section: &Section<'_>, what: &str) -> Result<Vec<(String, String)>, Box<Diagnostic>> {
    let column = |(name, value): (String, Value)| match value {
        Value::String(column) if !column.trim().is_empty() => Ok((name, column)),
        value => {
            let title = format!("the column of the {what} `{name}` cannot be {value}");
            let help = format!("for example: {name} = \"plant_tag_17\"");
            Err(section.error(&name, &title, "expected the name of a column, in quotes", &help))
        }
    };
    section.contents()?.into_iter().map(column).collect()
}

/// Two names with one column: both would be read from it. `None` if every name has a column of its own.
fn with_one_column(columns: &[(String, String)]) -> Option<(&str, &str, &str)> {
    columns.iter().enumerate().find_map(|(index, (name, column))| {
        let (first, _) = columns[..index].iter().find(|(_, other)| other == column)?;
        Some((first.as_str(), name.as_str(), column.as_str()))
    })
}

/// Refuses two features, or two signals, or two axes, of one column.
fn refuse_one_column(data: &Data, section: &Section<'_>) -> Result<(), Box<Diagnostic>> {
    let axes = match &data.action {
        Some(ActionColumns::Axes(axes)) => axes.as_slice(),
        _ => &[],
    };
    for (key, what, columns) in [
        ("features", "features", data.features.as_slice()),
        ("signals", "signals", &data.signals),
        ("action", "settings", axes),
    ] {
        if let Some((first, second, column)) = with_one_column(columns) {
            let title = format!("the {what} `{first}` and `{second}` have one column, `{column}`");
            let help = "give each its own column of the log";
            return Err(section.table(key)?.error(second, &title, "expected another column", help));
        }
    }
    Ok(())
}

/// Checks names of features, signals and axes against a process.
pub(crate) fn bind(data: &Data, section: &Section<'_>, spec: &Spec) -> Result<(), Box<Diagnostic>> {
    refuse_one_column(data, section)?;
    let refuse = |section: &Section<'_>, name: &str, known: &[&str], what: &str| {
        let title = format!("process {} has no {what} `{name}`", spec.kind);
        let label = suggestion(name, known, &format!("{what}s"));
        let help = format!("{what}s of {}: {}", spec.kind, known.join(", "));
        section.error_at_key(name, &title, &label, &help)
    };
    let features: Vec<&str> = spec.observation.iter().map(|feature| feature.name.as_str()).collect();
    let signals: Vec<&str> = spec.signals.iter().map(|signal| signal.name.as_str()).collect();
    for (key, named, known, what) in
        [("features", &data.features, &features, "feature"), ("signals", &data.signals, &signals, "signal")]
    {
        if let Some((name, _)) = named.iter().find(|(name, _)| !known.contains(&name.as_str())) {
            return Err(refuse(&section.table(key)?, name, known, what));
        }
    }
    if let Some(QualityColumns::Each(each)) = &data.quality {
        // A choice has no column of its own.
        let settings = spec.action.axis_names();
        let mut known = Vec::new();
        for name in [features, signals, settings, vec!["action", "reward"]].concat() {
            if !known.contains(&name) {
                known.push(name);
            }
        }
        if let Some((name, _)) = each.iter().find(|(name, _)| !known.contains(&name.as_str())) {
            return Err(refuse(&section.table("quality")?, name, &known, "value"));
        }
    }
    bind_words(data, section, spec)?;
    match (&data.action, spec.action.form()) {
        (Some(ActionColumns::Axes(named)), ActionForm::Settings(_) | ActionForm::Several) => {
            let known = spec.action.part_names();
            match named.iter().find(|(name, _)| !known.contains(&name.as_str())) {
                Some((name, _)) => Err(refuse(&section.table("action")?, name, &known, "action")),
                None => Ok(()),
            }
        }
        (Some(ActionColumns::Axes(_)), ActionForm::Choices(_)) => {
            let title = format!("the actions of {} are choices: they need one column", spec.kind);
            let help = "action = \"action\": the column with the index or the name of the choice";
            Err(section.error("action", &title, "expected the name of a column", help))
        }
        (Some(ActionColumns::One(_)), ActionForm::Settings(axes)) if axes.len() > 1 => {
            let title = format!("the actions of {} are {} settings", spec.kind, axes.len());
            let help = format!("action = {{ {} = \"…\", … }}", axes[0].name);
            Err(section.error("action", &title, "expected a column for each", &help))
        }
        (Some(ActionColumns::One(_)), ActionForm::Several) => {
            let title = format!("an action of {} is more than one choice or setting", spec.kind);
            let help = format!("action = {{ {} = \"…\", … }}", spec.action.groups[0].name);
            Err(section.error("action", &title, "expected a column for each", &help))
        }
        _ => Ok(()),
    }
}

fn bind_words(data: &Data, section: &Section<'_>, spec: &Spec) -> Result<(), Box<Diagnostic>> {
    let known = spec.action.choice_names();
    let is_unknown = |choice: &str| !known.contains(&choice);
    let Some((word, choice)) = data.actions.iter().find(|(_, choice)| is_unknown(choice)) else {
        return Ok(());
    };
    let section = section.table("actions")?;
    if known.is_empty() {
        let title = format!("the actions of {} are settings, not choices", spec.kind);
        return Err(section.error(word, &title, "not for settings", "delete [data.actions]"));
    }
    let title = format!("process {} has no action `{choice}`", spec.kind);
    let label = suggestion(choice, &known, "actions");
    let help = format!("actions of {}: {}", spec.kind, known.join(", "));
    Err(section.error(word, &title, &label, &help))
}

/// Everything but the file, as a project file holds it.
pub fn table(data: &Data) -> Table {
    let text = |value: &String| Value::String(value.clone());
    let columns = |columns: &[(String, String)]| {
        Value::Table(columns.iter().map(|(name, column)| (name.clone(), text(column))).collect())
    };
    let action = data.action.as_ref().map(|action| match action {
        ActionColumns::One(column) => text(column),
        ActionColumns::Axes(axes) => columns(axes),
    });
    let named = |list: &[(String, String)]| (!list.is_empty()).then(|| columns(list));
    let entries = [
        ("episode", data.episode.as_ref().map(text)),
        ("time", data.time.as_ref().map(text)),
        ("reward", data.reward.as_ref().map(text)),
        ("probability", data.probability.as_ref().map(text)),
        ("terminated", data.terminated.as_ref().map(text)),
        ("values", Some(Value::String(data.values.word().to_owned()))),
        ("time_format", data.time_format.as_ref().map(text)),
        ("decimal", data.decimal.map(|mark| Value::String(mark.to_string()))),
        (
            "quality",
            data.quality.as_ref().map(|quality| match quality {
                QualityColumns::Named(column) => text(column),
                QualityColumns::Each(each) => columns(each),
            }),
        ),
        (
            "quality_good",
            (!data.quality_good.is_empty())
                .then(|| Value::Array(data.quality_good.iter().map(text).collect())),
        ),
        ("actions", named(&data.actions)),
        ("gap_warn_percent", Some(Value::Float(data.gap_warn_percent))),
        ("gap_fail_percent", Some(Value::Float(data.gap_fail_percent))),
        ("action", action),
        ("features", named(&data.features)),
        ("signals", named(&data.signals)),
    ];
    let mut table: Table =
        entries.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?))).collect();
    table.extend(cleaning::entries(&data.cleaning));
    table
}

/// A run's project file is in another folder, so it needs the absolute path of the log.
pub(crate) fn to_toml(data: &Data, folder: &Path) -> Table {
    let mut table = table(data);
    if let Some(file) = &data.file {
        let path = folder.join(file);
        let path = absolute(&path).unwrap_or(path);
        table.insert("file".into(), Value::String(path.display().to_string()));
    }
    table
}
