//! Logs of decisions as this crate learns and judges from them: read from a file, or made by playing in the process.
//!
//! [`load`] is a plain reader of files whose columns already bear the process's names; [`record()`] makes a log whose
//! logging policy is known.

use std::collections::HashSet;
use std::path::Path;

use setpoint_decision::Diagnostic;
use setpoint_decision::spec::{ActionSpace, Spec};
use setpoint_plant::log::{Log, LoggedEpisode};

mod record;

pub use record::record;

/// A larger file is refused before it is read.
const BYTES_MAX: u64 = 1 << 31;
/// Columns that are no feature, axis or signal.
const OWN_COLUMNS: &[&str] = &["action", "reward", "probability", "episode", "step", "terminated"];

/// Reads a CSV file with a header line. A column is a feature (as the policy sees it), an axis, a signal, or one of `action`
/// (a choice by its name or index), `reward`, `probability`, `episode` (rows of one stand together), `step` and `terminated`
/// (0 or 1, of the row that it came after). A row holds what was seen, what was done, and what that led to; of a name that is
/// a feature's and a signal's the feature is meant, and the signal is read off the next row.
pub fn load(spec: &Spec, path: &Path) -> Result<Log, Box<Diagnostic>> {
    let wrong = |title: String, help: &str| Diagnostic::without_origin(title, help);
    let unreadable = |what: String| {
        wrong(format!("cannot read the log {}: {what}", path.display()), "give a CSV file with a header line")
    };
    let length = std::fs::metadata(path).map_err(|error| unreadable(error.to_string()))?.len();
    if length > BYTES_MAX {
        return Err(unreadable(format!("it has {length} bytes, more than {BYTES_MAX}")));
    }
    let text = std::fs::read_to_string(path).map_err(|error| unreadable(error.to_string()))?;
    parse(spec, &text).map_err(|Fault { line, what, help }| {
        wrong(format!("{}, line {line}: {what}", path.display()), &help)
    })
}

/// What is wrong with a line of a log.
struct Fault {
    line: u64,
    what: String,
    help: String,
}

impl Fault {
    fn new(line: u64, what: impl Into<String>, help: impl Into<String>) -> Self {
        Self { line, what: what.into(), help: help.into() }
    }
}

fn parse(spec: &Spec, text: &str) -> Result<Log, Fault> {
    let mut lines = text.lines().zip(1..);
    let header: Vec<&str> = match lines.next() {
        Some((line, _)) => line.split(',').map(str::trim).collect(),
        None => {
            return Err(Fault::new(1, "the file is empty", "expected a header line and a row a decision"));
        }
    };
    let columns = Columns::find(spec, &header)?;
    let mut log = Log::new(spec);
    let mut names: HashSet<String> = HashSet::new();
    let mut present = String::new();
    for (line, number) in lines.filter(|(line, _)| !line.trim().is_empty()) {
        let cells: Vec<&str> = line.split(',').map(str::trim).collect();
        if cells.len() != header.len() {
            let what = format!("{} cells, expected {} as in the header", cells.len(), header.len());
            return Err(Fault::new(number, what, "no cell may hold a comma"));
        }
        columns.read_row(spec, &cells, number, &mut log)?;
        let row = log.rows() - 1;
        let terminated = columns.terminated.map(|column| matches!(cells[column], "1" | "true"));
        let episode = columns.episode.map_or("", |column| cells[column]);
        match log.episodes.last_mut() {
            Some(last) if present == episode => {
                if last.terminated == Some(true) {
                    let help = "`terminated` belongs to the last row of an episode";
                    return Err(Fault::new(number, "the episode goes on after it terminated", help));
                }
                last.rows.end = row + 1;
                last.terminated = terminated;
            }
            _ => {
                if !names.insert(episode.to_owned()) {
                    let what = format!("episode {episode} comes back after another one");
                    return Err(Fault::new(number, what, "the rows of an episode must stand together"));
                }
                present = episode.to_owned();
                log.episodes.push(LoggedEpisode { rows: row..row + 1, terminated });
            }
        }
    }
    if log.rows() == 0 {
        return Err(Fault::new(1, "the log has no rows", "expected a row a decision below the header"));
    }
    read_signals_off_next_rows(spec, &mut log);
    Ok(log)
}

/// Where everything stands.
struct Columns {
    features: Vec<usize>,
    /// The choice, or one an axis.
    actions: Vec<usize>,
    signals: Vec<Option<usize>>,
    reward: usize,
    probability: Option<usize>,
    episode: Option<usize>,
    terminated: Option<usize>,
}

impl Columns {
    fn find(spec: &Spec, header: &[&str]) -> Result<Self, Fault> {
        let find = |name: &str| header.iter().position(|column| *column == name);
        let need = |name: &str| {
            let help =
                format!("columns of the file: {}; rename the one that `{name}` stands in", header.join(", "));
            find(name)
                .ok_or_else(|| Fault::new(1, format!("there is no column `{name}` for {}", spec.kind), help))
        };
        let actions = match &spec.action {
            ActionSpace::Discrete { .. } => vec![need("action")?],
            ActionSpace::Continuous { axes } => {
                axes.iter().map(|axis| need(&axis.name)).collect::<Result<_, _>>()?
            }
        };
        let is_feature = |name: &str| spec.observation.iter().any(|feature| feature.name == name);
        let signal = |name: &str| find(name).filter(|_| !is_feature(name) && !OWN_COLUMNS.contains(&name));
        Ok(Self {
            features: spec.observation.iter().map(|feature| need(&feature.name)).collect::<Result<_, _>>()?,
            actions,
            signals: spec.signals.iter().map(|found| signal(&found.name)).collect(),
            reward: need("reward")?,
            probability: find("probability"),
            episode: find("episode"),
            terminated: find("terminated"),
        })
    }

    fn read_row(&self, spec: &Spec, cells: &[&str], line: u64, log: &mut Log) -> Result<(), Fault> {
        let number = |column: usize, what: &str| -> Result<f64, Fault> {
            let value: f64 = cells[column].parse().unwrap_or(f64::NAN);
            if value.is_finite() {
                return Ok(value);
            }
            let found = format!("`{}` is not a finite number", cells[column]);
            Err(Fault::new(line, format!("{what}: {found}"), "expected a decimal number such as 0.25"))
        };
        for (column, feature) in self.features.iter().zip(&spec.observation) {
            log.observations.push(number(*column, &feature.name)? as f32);
        }
        match &spec.action {
            ActionSpace::Discrete { choices } => {
                let cell = cells[self.actions[0]];
                let named = choices.iter().position(|choice| choice.name == cell);
                let indexed = || cell.parse().ok().filter(|index| *index < choices.len());
                let choice = named.or_else(indexed).ok_or_else(|| {
                    let help =
                        format!("choices: {}, or 0 to {}", spec.action.names().join(", "), choices.len() - 1);
                    Fault::new(line, format!("action: {} has no choice `{cell}`", spec.kind), help)
                })?;
                log.actions.push(choice as f32);
            }
            ActionSpace::Continuous { axes } => {
                for (column, axis) in self.actions.iter().zip(axes) {
                    log.actions.push(number(*column, &axis.name)? as f32);
                }
            }
        }
        for (column, signal) in self.signals.iter().zip(&spec.signals) {
            log.signals.push(match column {
                Some(column) => number(*column, &signal.name)? as f32,
                None => f32::NAN,
            });
        }
        log.rewards.push(number(self.reward, "reward")?);
        log.probabilities.push(match self.probability {
            Some(column) => number(column, "probability")?,
            None => f64::NAN,
        });
        log.lines.push(line);
        Ok(())
    }
}

/// A signal that has a feature's name is that feature's natural value in the state that the action led to, which the next
/// row of the episode shows.
fn read_signals_off_next_rows(spec: &Spec, log: &mut Log) {
    for (index, signal) in spec.signals.iter().enumerate() {
        let Some(feature) = spec.observation.iter().position(|feature| feature.name == signal.name) else {
            continue;
        };
        for episode in &log.episodes {
            for row in episode.rows.start..episode.rows.end - 1 {
                let next = log.observations[(row + 1) * log.features + feature];
                log.signals[row * log.signals_per_row + index] = spec.observation[feature].natural(next);
            }
        }
    }
}

/// How messages call a row: by its line where it has one.
pub fn place(log: &Log, row: usize) -> String {
    match log.lines.get(row).copied().unwrap_or(0) {
        0 => format!("row {row} of the log"),
        line => format!("line {line} of the log"),
    }
}

/// `[episodes]` whether each came to an end of the process's own. Where the log does not say, one that is shorter than the
/// longest is taken to have: a time limit cuts all of them at the same length.
pub fn ended(log: &Log) -> Vec<bool> {
    let longest = log.episodes.iter().map(|episode| episode.rows.len()).max().unwrap_or(0);
    let has_ended = |episode: &LoggedEpisode| episode.terminated.unwrap_or(episode.rows.len() < longest);
    log.episodes.iter().map(has_ended).collect()
}

/// Signals of the state in which a row's action was taken, as far as they are known: what a feature of the same name shows,
/// else what the step before measured.
pub fn signals_at_decision(spec: &Spec, log: &Log, row: usize, is_first: bool, signals: &mut [f32]) {
    for (index, (value, signal)) in signals.iter_mut().zip(&spec.signals).enumerate() {
        let feature = spec.observation.iter().position(|feature| feature.name == signal.name);
        *value = match feature {
            Some(feature) => spec.observation[feature].natural(log.observation(row)[feature]),
            None if is_first => f32::NAN,
            None => log.signals(row - 1)[index],
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec() -> Spec {
        (*setpoint_process::open_kind("assembly-line", None).unwrap().spec()).clone()
    }

    const HEADER: &str = "ct_1,ct_2,ct_3,ct_4,ct_5,ct_6,wip,speed,failure_prob,micro_stops,operator_efficiency,action,\
                          reward,throughput_uph,episode,terminated\n";

    #[test]
    fn a_small_file_by_hand() {
        let rows = "0.1,0.2,0.3,0.4,0.5,0.6,0.5,0.75,0.1,0.2,0.9,redirect_flow,80.5,93,a,0\n\
                    0.1,0.2,0.3,0.4,0.5,0.6,0.25,0.8,0.1,0.2,0.9,0,81.5,94,a,1\n\
                    0.1,0.2,0.3,0.4,0.5,0.6,0.5,0.75,0.1,0.2,0.9,5,82.5,95,b,0\n";
        let log = parse(&spec(), &format!("{HEADER}{rows}")).ok().unwrap();
        assert_eq!((log.rows(), log.choice(0), log.choice(1), log.choice(2)), (3, 4, 0, 5));
        assert_eq!(log.episodes[0], LoggedEpisode { rows: 0..2, terminated: Some(true) });
        assert_eq!(log.episodes[1], LoggedEpisode { rows: 2..3, terminated: Some(false) });
        assert_eq!(log.lines, [2, 3, 4]);
        // Throughput stands in the row; WIP is what the next row shows, in parts; nothing shows the mean cycle time.
        assert_eq!((log.signals(0)[0], log.signals(0)[2]), (93.0, 10.0));
        assert!(log.signals(0)[4].is_nan() && log.signals(1)[2].is_nan() && log.probabilities[0].is_nan());
        let mut signals = [0.0; 7];
        signals_at_decision(&spec(), &log, 0, true, &mut signals);
        assert!(signals[0].is_nan() && signals[2] == 20.0);
        signals_at_decision(&spec(), &log, 1, false, &mut signals);
        assert_eq!((signals[0], signals[2]), (93.0, 10.0));
    }

    #[test]
    fn what_is_wrong_is_named_with_its_line() {
        let row = "0.1,0.2,0.3,0.4,0.5,0.6,0.5,0.75,0.1,0.2,0.9,redirect_flow,80.5,93,a,0";
        for (text, line, expected) in [
            (format!("{HEADER}{row}\n{}", row.replace("0.75", "x")), 3, "speed: `x` is not a finite number"),
            (format!("{HEADER}{}", row.replace("0.75", "NaN")), 2, "speed: `NaN`"),
            (format!("{HEADER}{}", row.replace("redirect_flow", "6")), 2, "has no choice `6`"),
            (format!("{HEADER}{row},1"), 2, "17 cells, expected 16"),
            (HEADER.replace("wip", "parts"), 1, "no column `wip`"),
            (HEADER.to_owned(), 1, "no rows"),
            (String::new(), 1, "empty"),
            (format!("{HEADER}{row}\n{}\n{row}", row.replace(",a,", ",b,")), 4, "comes back"),
            (format!("{HEADER}{}\n{row}", row.replace(",a,0", ",a,1")), 3, "after it terminated"),
        ] {
            let fault = parse(&spec(), &text).err().unwrap();
            assert!(fault.line == line && fault.what.contains(expected), "{}: {}", fault.line, fault.what);
        }
    }
}
