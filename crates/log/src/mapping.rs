//! The meaning of the columns of a table, from `[data]`; and a proposal by similar names for the open parts.

use setpoint_decision::data::{ActionColumns, Data, QualityColumns};
use setpoint_decision::diagnostic::nearest;
use setpoint_decision::spec::{ActionForm, Spec};

pub(crate) use self::headings::plain;
use self::headings::{Headings, Named};

mod headings;

/// Columns by index.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mapping {
    /// One per feature.
    pub features: Vec<usize>,
    /// One per logged signal.
    pub signals: Vec<Option<usize>>,
    /// One for a choice, one per axis for settings.
    pub actions: Vec<usize>,
    /// See [`Data::episode`].
    pub episode: Option<usize>,
    /// See [`Data::time`].
    pub time: Option<usize>,
    /// See [`Data::reward`].
    pub reward: Option<usize>,
    /// See [`Data::probability`].
    pub probability: Option<usize>,
    /// See [`Data::terminated`].
    pub terminated: Option<usize>,
    /// See [`Data::quality`].
    pub quality: Vec<usize>,
}

impl Mapping {
    /// All columns in use, by index.
    pub fn used(&self) -> impl Iterator<Item = usize> {
        let single = [self.episode, self.time, self.probability, self.terminated];
        self.values().chain(self.quality.iter().copied()).chain(single.into_iter().flatten())
    }

    /// The columns that are measured: features, signals, actions and reward.
    fn values(&self) -> impl Iterator<Item = usize> {
        let signals = self.signals.iter().copied().flatten();
        self.features.iter().chain(&self.actions).copied().chain(signals).chain(self.reward)
    }
}

/// The reason why there is no mapping, and a proposal.
#[derive(Clone, Debug, PartialEq)]
pub struct Unmapped {
    /// The missing or wrong part, in a sentence.
    pub reason: String,
    /// `[data]` as it could be written.
    pub proposal: Data,
    /// Features and actions without a similar column.
    pub open: Vec<String>,
    /// Why a column of another name is proposed: one sentence each.
    pub reasons: Vec<String>,
}

/// Finds every column, or names the missing one.
pub fn map(
    data: Option<&Data>,
    header: &[String],
    units: &[String],
    spec: &Spec,
) -> Result<Mapping, Box<Unmapped>> {
    let found = match data {
        Some(data) => find(data, header, spec),
        None => Err("the project has no [data] with the meaning of the columns".to_owned()),
    };
    found.map_err(|reason| Box::new(unmapped(reason, data, &Headings::new(header, units), spec)))
}

fn find(data: &Data, header: &[String], spec: &Spec) -> Result<Mapping, String> {
    let index_of = |column: &str| header.iter().position(|name| name == column);
    let named = |column: &Option<String>, what: &str| match column {
        None => Ok(None),
        Some(column) => match index_of(column) {
            Some(index) => Ok(Some(index)),
            None => Err(no_column(what, column, header)),
        },
    };
    let of = |name: &str, columns: &[(String, String)]| {
        let written = columns.iter().find(|(own, _)| own == name).map(|(_, column)| column.clone());
        match &written {
            Some(column) => index_of(column).map(Some).ok_or_else(|| no_column(name, column, header)),
            None => Ok(index_of(name)),
        }
    };
    let mut features = Vec::new();
    for feature in &spec.observation {
        match of(&feature.name, &data.features)? {
            Some(index) => features.push(index),
            None => return Err(format!("the feature `{}` has no column", feature.name)),
        }
    }
    let signals = spec.signals.iter().map(|signal| {
        // A column with a feature's own name contains the value before the decision, not its result.
        let column = of(&signal.name, &data.signals)?;
        let written = data.signals.iter().any(|(own, _)| *own == signal.name);
        Ok(column.filter(|index| written || !features.contains(index)))
    });
    let signals = signals.collect::<Result<Vec<_>, String>>()?;
    let actions = match (&data.action, spec.action.form()) {
        (Some(ActionColumns::One(column)), _) => {
            vec![named(&Some(column.clone()), "action")?.unwrap_or(0)]
        }
        (_, ActionForm::Choices(_)) => return Err("[data] names no column for the action".to_owned()),
        (parts, ActionForm::Settings(_) | ActionForm::Several) => {
            let columns = match parts {
                Some(ActionColumns::Axes(columns)) => columns.as_slice(),
                _ => &[],
            };
            let groups = spec.action.groups.len();
            let mut found = Vec::new();
            for (index, part) in spec.action.part_names().into_iter().enumerate() {
                let what = if index < groups { "group of choices" } else { "setting" };
                found.push(of(part, columns)?.ok_or_else(|| format!("the {what} `{part}` has no column"))?);
            }
            found
        }
    };
    let mut mapping = Mapping {
        signals,
        actions,
        episode: named(&data.episode, "episode")?,
        time: named(&data.time, "time")?,
        reward: named(&data.reward, "reward")?,
        probability: named(&data.probability, "probability")?,
        terminated: named(&data.terminated, "terminated")?,
        features,
        quality: Vec::new(),
    };
    mapping.quality = quality(data, header, &mapping)?;
    Ok(mapping)
}

/// The columns with the quality of the columns in use.
fn quality(data: &Data, header: &[String], mapping: &Mapping) -> Result<Vec<usize>, String> {
    let places =
        |column: &str| -> Vec<usize> { (0..header.len()).filter(|index| header[*index] == column).collect() };
    match &data.quality {
        None => Ok(Vec::new()),
        Some(QualityColumns::Each(each)) => each
            .iter()
            .map(|(_, column)| {
                places(column).first().copied().ok_or_else(|| no_column("quality", column, header))
            })
            .collect(),
        Some(QualityColumns::Named(column)) => match places(column).as_slice() {
            [] => Err(no_column("quality", column, header)),
            [one] => Ok(vec![*one]),
            several => {
                let values: Vec<usize> = mapping.values().collect();
                // Behind its tag; the tag's unit may stand between.
                let of = |value: &usize| {
                    let next = (value + 1..value + 3).take_while(|index| !values.contains(index));
                    next.into_iter().find(|index| several.contains(index))
                };
                let mut columns: Vec<usize> = values.iter().filter_map(of).collect();
                columns.sort_unstable();
                columns.dedup();
                Ok(columns)
            }
        },
    }
}

/// The names of columns that a log of a process is searched for.
pub fn names<'a>(data: Option<&'a Data>, spec: &'a Spec) -> Vec<&'a str> {
    let named = |columns: &'a [(String, String)], own: &'a str| {
        columns.iter().find(|(name, _)| name == own).map_or(own, |(_, column)| column.as_str())
    };
    let Some(data) = data else { return Vec::new() };
    let axes: &[(String, String)] = match &data.action {
        Some(ActionColumns::Axes(columns)) => columns,
        _ => &[],
    };
    let mut names: Vec<&str> = [&data.episode, &data.time, &data.reward, &data.probability, &data.terminated]
        .into_iter()
        .flatten()
        .map(String::as_str)
        .collect();
    match &data.action {
        Some(ActionColumns::One(column)) => names.push(column),
        _ if spec.action.is_discrete() => names.extend(spec.action.names()),
        _ => names.extend(spec.action.part_names().into_iter().map(|part| named(axes, part))),
    }
    names.extend(spec.observation.iter().map(|feature| named(&data.features, &feature.name)));
    names.extend(spec.signals.iter().map(|signal| named(&data.signals, &signal.name)));
    names
}

/// The fault of a column that the log lacks, in a sentence.
pub(crate) fn no_column(what: &str, column: &str, header: &[String]) -> String {
    match nearest(column, header.iter().map(String::as_str)) {
        Some(near) => format!("the log has no column `{column}` for `{what}`: did you mean `{near}`?"),
        None => {
            format!("the log has no column `{column}` for `{what}`; its columns are {}", header.join(", "))
        }
    }
}

/// Keeps the columns of `[data]` that the log has, and fills in the others by similar names.
fn unmapped(reason: String, data: Option<&Data>, headings: &Headings<'_>, spec: &Spec) -> Unmapped {
    let header = headings.names;
    let mut reasons = Vec::new();
    let mut proposal = data.cloned().unwrap_or_default();
    let has = |column: &String| header.contains(column);
    let mut taken: Vec<String> = Vec::new();
    let roles: [(&mut Option<String>, &[&str]); 5] = [
        (&mut proposal.episode, &["episode", "episode_id", "ep", "batch", "batch_id", "lot", "run"]),
        (&mut proposal.time, &["step", "time", "timestamp", "datetime", "date_time", "t", "date"]),
        (&mut proposal.reward, &["reward", "r"]),
        (&mut proposal.probability, &["propensity", "probability", "action_probability", "action_prob"]),
        (&mut proposal.terminated, &["terminated", "done", "terminal"]),
    ];
    for (column, words) in roles {
        *column = column.take().filter(has);
        if column.is_none() {
            *column =
                words.iter().find_map(|word| header.iter().find(|name| plain(name) == plain(word)).cloned());
        }
        taken.extend(column.clone());
    }
    let mut open = Vec::new();
    let axes = spec.action.axes.iter().map(|axis| (axis.name.as_str(), axis.unit.as_str()));
    let parts: Vec<Named<'_>> = match spec.action.form() {
        ActionForm::Choices(_) => Vec::new(),
        // A choice has no unit.
        _ => spec.action.groups.iter().map(|group| (group.name.as_str(), "1")).chain(axes).collect(),
    };
    let (columns, missing) = headings.propose(&parts, &[], &taken, &mut reasons);
    proposal.action = match (spec.action.form(), proposal.action.take()) {
        (ActionForm::Choices(_) | ActionForm::Settings(_), Some(ActionColumns::One(column)))
            if has(&column) =>
        {
            Some(ActionColumns::One(column))
        }
        (ActionForm::Settings(_) | ActionForm::Several, _) => {
            open.extend(missing);
            (!columns.is_empty()).then_some(ActionColumns::Axes(columns))
        }
        (ActionForm::Choices(_), _) => {
            let words = ["action", "action_id", "act", "choice", "decision"];
            let exact =
                words.iter().find_map(|word| header.iter().find(|name| plain(name) == plain(word)).cloned());
            let column = exact.or_else(|| headings.of_the_action(&taken, &mut reasons));
            if column.is_none() {
                open.push("action".to_owned());
            }
            column.map(ActionColumns::One)
        }
    };
    match &proposal.action {
        Some(ActionColumns::One(column)) => taken.push(column.clone()),
        Some(ActionColumns::Axes(columns)) => taken.extend(columns.iter().map(|(_, column)| column.clone())),
        None => {}
    }
    let written = |columns: &[(String, String)]| -> Vec<(String, String)> {
        columns.iter().filter(|(_, column)| has(column)).cloned().collect()
    };
    let features: Vec<Named<'_>> =
        spec.observation.iter().map(|feature| (feature.name.as_str(), feature.unit.as_str())).collect();
    let (columns, missing) = headings.propose(&features, &written(&proposal.features), &taken, &mut reasons);
    taken.extend(columns.iter().map(|(_, column)| column.clone()));
    proposal.features = columns;
    open.extend(missing);
    // A signal that is also a feature is known from the next row.
    let signals = spec.signals.iter().map(|signal| (signal.name.as_str(), signal.unit.as_str()));
    let signals: Vec<Named<'_>> =
        signals.filter(|(name, _)| features.iter().all(|(feature, _)| feature != name)).collect();
    proposal.signals = headings.propose(&signals, &written(&proposal.signals), &taken, &mut reasons).0;
    Unmapped { reason, proposal, open, reasons }
}
