//! The meaning of the columns of a table, from `[data]`; and a proposal by similar names for the open parts.

use setpoint_decision::data::{ActionColumns, Data, QualityColumns};
use setpoint_decision::diagnostic::nearest;
use setpoint_decision::spec::{ActionSpace, Spec};

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
}

/// Words without information about the content of a column.
const EMPTY_WORDS: &[&str] =
    &["norm", "normalized", "normalised", "value", "val", "raw", "pv", "actual", "mean", "avg"];
/// Least similarity of a proposal.
const SIMILAR: f64 = 0.8;

/// Finds every column, or names the missing one.
pub fn map(data: Option<&Data>, header: &[String], spec: &Spec) -> Result<Mapping, Box<Unmapped>> {
    let refuse = |reason: String| Box::new(unmapped(reason, data, header, spec));
    let Some(data) = data else {
        return Err(refuse("the project has no [data] with the meaning of the columns".to_owned()));
    };
    let index_of = |column: &str| header.iter().position(|name| name == column);
    let named = |column: &Option<String>, what: &str| match column {
        None => Ok(None),
        Some(column) => match index_of(column) {
            Some(index) => Ok(Some(index)),
            None => Err(refuse(no_column(what, column, header))),
        },
    };
    let of = |name: &str, columns: &[(String, String)]| {
        let written = columns.iter().find(|(own, _)| own == name).map(|(_, column)| column.clone());
        match &written {
            Some(column) => index_of(column).map(Some).ok_or_else(|| refuse(no_column(name, column, header))),
            None => Ok(index_of(name)),
        }
    };
    let mut features = Vec::new();
    for feature in &spec.observation {
        match of(&feature.name, &data.features)? {
            Some(index) => features.push(index),
            None => return Err(refuse(format!("the feature `{}` has no column", feature.name))),
        }
    }
    let signals = spec.signals.iter().map(|signal| {
        // A column with a feature's own name contains the value before the decision, not its result.
        let column = of(&signal.name, &data.signals)?;
        let written = data.signals.iter().any(|(own, _)| *own == signal.name);
        Ok(column.filter(|index| written || !features.contains(index)))
    });
    let signals = signals.collect::<Result<Vec<_>, Box<Unmapped>>>()?;
    let actions = match (&data.action, &spec.action) {
        (Some(ActionColumns::One(column)), _) => {
            vec![named(&Some(column.clone()), "action")?.unwrap_or(0)]
        }
        (axes, ActionSpace::Continuous { axes: all }) => {
            let columns = match axes {
                Some(ActionColumns::Axes(columns)) => columns.as_slice(),
                _ => &[],
            };
            let mut found = Vec::new();
            for axis in all {
                match of(&axis.name, columns)? {
                    Some(index) => found.push(index),
                    None => return Err(refuse(format!("the setting `{}` has no column", axis.name))),
                }
            }
            found
        }
        _ => return Err(refuse("[data] names no column for the action".to_owned())),
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
    mapping.quality = quality(data, header, &mapping).map_err(refuse)?;
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
        _ => names.extend(spec.action.names().into_iter().map(|axis| named(axes, axis))),
    }
    names.extend(spec.observation.iter().map(|feature| named(&data.features, &feature.name)));
    names.extend(spec.signals.iter().map(|signal| named(&data.signals, &signal.name)));
    names
}

fn no_column(what: &str, column: &str, header: &[String]) -> String {
    match nearest(column, header.iter().map(String::as_str)) {
        Some(near) => format!("the log has no column `{column}` for `{what}`: did you mean `{near}`?"),
        None => {
            format!("the log has no column `{column}` for `{what}`; its columns are {}", header.join(", "))
        }
    }
}

/// Keeps the columns of `[data]` that the log has, and fills in the others by similar names.
fn unmapped(reason: String, data: Option<&Data>, header: &[String], spec: &Spec) -> Unmapped {
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
    let (columns, missing) = propose(spec.action.names().as_slice(), &[], header, &taken);
    proposal.action = match (&spec.action, proposal.action.take()) {
        (_, Some(ActionColumns::One(column))) if has(&column) => Some(ActionColumns::One(column)),
        (ActionSpace::Continuous { .. }, _) => {
            open.extend(missing);
            (!columns.is_empty()).then_some(ActionColumns::Axes(columns))
        }
        (ActionSpace::Discrete { .. }, _) => {
            let words = ["action", "action_id", "act", "choice", "decision"];
            let column =
                words.iter().find_map(|word| header.iter().find(|name| plain(name) == plain(word)).cloned());
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
    let features: Vec<&str> = spec.observation.iter().map(|feature| feature.name.as_str()).collect();
    let (columns, missing) = propose(&features, &written(&proposal.features), header, &taken);
    taken.extend(columns.iter().map(|(_, column)| column.clone()));
    proposal.features = columns;
    open.extend(missing);
    // A signal that is also a feature is known from the next row.
    let signals: Vec<&str> = spec
        .signals
        .iter()
        .map(|signal| signal.name.as_str())
        .filter(|name| !features.contains(name))
        .collect();
    proposal.signals = propose(&signals, &written(&proposal.signals), header, &taken).0;
    Unmapped { reason, proposal, open }
}

type Columns = Vec<(String, String)>;

/// The most similar pairs of names first, with each column once; and the names without a similar column.
fn propose(
    names: &[&str],
    written: &[(String, String)],
    header: &[String],
    taken: &[String],
) -> (Columns, Vec<String>) {
    let mut chosen: Columns =
        written.iter().filter(|(name, _)| names.contains(&name.as_str())).cloned().collect();
    let mut pairs: Vec<(f64, &str, &String)> = Vec::new();
    for name in names {
        for column in header.iter().filter(|column| !taken.contains(column)) {
            let score = similarity(name, column);
            if score >= SIMILAR {
                pairs.push((score, name, column));
            }
        }
    }
    pairs.sort_by(|(a, ..), (b, ..)| b.total_cmp(a));
    for (_, name, column) in pairs {
        if chosen.iter().all(|(own, other)| own != name && other != column) {
            chosen.push((name.to_owned(), column.clone()));
        }
    }
    let position = |name: &String| names.iter().position(|other| other == name);
    chosen.sort_by_key(|(name, _)| position(name));
    let missing = names.iter().filter(|name| chosen.iter().all(|(own, _)| own != *name));
    let missing = missing.map(|name| (*name).to_owned()).collect();
    (chosen, missing)
}

fn plain(name: &str) -> String {
    name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// The similarity of two names, in [0, 1]: letters by Jaro and Winkler, numbers must be the same.
fn similarity(name: &str, column: &str) -> f64 {
    let parts = |text: &str| {
        let lower = text.to_lowercase();
        let words = lower.split(|c: char| !c.is_alphanumeric()).filter(|word| !EMPTY_WORDS.contains(word));
        let joined: String = words.collect::<Vec<_>>().join("_");
        let digits: String = joined.chars().filter(char::is_ascii_digit).collect();
        // A single letter before a number means station, sensor or line: ct_s1 is ct_1.
        let letters: Vec<String> = joined
            .split('_')
            .map(|word| word.chars().filter(|c| !c.is_ascii_digit()).collect::<String>())
            .filter(|word| word.len() > 1)
            .collect();
        (letters.join("_"), digits)
    };
    let ((name, number), (column, other)) = (parts(name), parts(column));
    if number != other || name.is_empty() || column.is_empty() {
        return 0.0;
    }
    strsim::jaro_winkler(&name, &column)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn similar_names_are_similar() {
        for (name, column) in [
            ("ct_1", "ct_norm_s1"),
            ("wip", "WIP_norm"),
            ("micro_stops", "micro_stops_norm"),
            ("throughput_uph", "throughput uph"),
            ("operator_efficiency", "OperatorEfficiency"),
        ] {
            assert!(similarity(name, column) >= SIMILAR, "{name} {column}: {}", similarity(name, column));
        }
        for (name, column) in
            [("ct_1", "ct_norm_s2"), ("wip", "speed_norm"), ("failure_prob", "throughput_uph")]
        {
            assert!(similarity(name, column) < SIMILAR, "{name} {column}: {}", similarity(name, column));
        }
    }
}
