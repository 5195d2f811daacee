//! The run that a command reads: which run, which policy, and what the project file says differently today.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Serialize;
use setpoint_decision::project::FILE_NAME;
use setpoint_files::run::{Marker, is_run};
use setpoint_files::run_folder::RunFolder;
use setpoint_learn::problem::Problem;
use setpoint_learn::run_project;
use setpoint_policy::Policy;
use setpoint_process::Registry;
use toml::Value;

use crate::arguments::RunArguments;
use crate::output::{Failure, Output};
use crate::preparing;
use crate::target::is_policy_file;

/// Tables that do not change what a policy does, only how it was found.
const OF_THE_TRAINING: [&str; 3] = ["train", "tune", "data"];
/// Tables that bound what a policy may do.
const OF_SAFETY: [&str; 2] = ["constraint", "safety"];
/// Keys that the terminal shows.
const SHOWN: usize = 6;

/// What a command's figures come from.
#[derive(Clone, Debug, Serialize)]
pub struct Source {
    /// The run's identity; `None` for a run from before identities.
    pub run: Option<String>,
    /// BLAKE3 of the policy file, in hex.
    pub policy: Option<String>,
    /// The keys that the project file states differently today.
    pub differs: Vec<Difference>,
}

/// A key with its two values, as TOML; `–` where one side does not state it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// The key, `reward.throughput_uph`.
    pub key: String,
    /// In the run.
    pub run: String,
    /// In the project file today.
    pub today: String,
}

impl Source {
    /// Looks at a run and at its project today, and prints both. Refuses a run whose constraints are not those of the project
    /// file today, unless `--as-trained` accepts it: a constraint that is stricter now would be ignored.
    pub fn of(
        folder: &RunFolder,
        problem: &Problem,
        policy: Option<&Policy>,
        arguments: &RunArguments,
        registry: &Registry,
        output: &Output,
    ) -> Result<Self, Failure> {
        let marker = Marker::of(&folder.path)?;
        let differs = match project_today(folder, marker.as_ref(), arguments) {
            Some(file) => match preparing::load(&file, registry, &[]) {
                // Without the overrides of this command: they are no difference of the files.
                Ok(today) => differences(&run_project::text(folder)?, &today, problem),
                Err(error) if arguments.as_trained => {
                    output.line(format!("! the project file cannot be read today: {}", error.title));
                    Vec::new()
                }
                Err(mut error) => {
                    let help = "--as-trained uses the run without a look at its project file";
                    error.help = Some(error.help.map_or(help.to_owned(), |other| format!("{other}; {help}")));
                    return Err(error.into());
                }
            },
            None => Vec::new(),
        };
        let source = Self {
            run: marker.map(|marker| marker.identity.to_string()),
            policy: policy.map(Policy::hash),
            differs,
        };
        source.refuse_other_constraints(folder, arguments)?;
        source.show(folder, output);
        Ok(source)
    }

    fn refuse_other_constraints(&self, folder: &RunFolder, arguments: &RunArguments) -> Result<(), Failure> {
        let (constraints, others): (Vec<_>, Vec<_>) =
            self.differs.iter().partition(|found| found.is_of_safety());
        if constraints.is_empty() || arguments.as_trained {
            return Ok(());
        }
        // Every constraint: which of them may be ignored is for a person to judge.
        let constraints: Vec<String> = constraints.into_iter().map(Difference::text).collect();
        let others = match listed(others.into_iter()).join("; ") {
            none if none.is_empty() => none,
            others => format!(" Also, {others}."),
        };
        Err(Failure::Message(format!(
            "the project file states other constraints today than {}: {}.{others} Train again, or use the run as it was trained \
             with --as-trained",
            folder.path.display(),
            constraints.join("; ")
        )))
    }

    fn show(&self, folder: &RunFolder, output: &Output) {
        let short =
            |text: &Option<String>| text.as_ref().map_or("unknown".to_owned(), |text| text[..8].to_owned());
        let policy =
            self.policy.as_ref().map_or(String::new(), |_| format!(", policy {}", short(&self.policy)));
        output.line(format!("run {} in {}{policy}", short(&self.run), folder.path.display()));
        listed(self.differs.iter()).into_iter().for_each(|text| output.line(format!("  ! {text}")));
    }
}

/// The first differences, and the number of the others.
fn listed<'d>(mut found: impl ExactSizeIterator<Item = &'d Difference>) -> Vec<String> {
    let mut texts: Vec<String> = found.by_ref().take(SHOWN).map(Difference::text).collect();
    if found.len() > 0 {
        texts.push(format!("and {} more keys that differ today", found.len()));
    }
    texts
}

impl Difference {
    fn is_of_safety(&self) -> bool {
        OF_SAFETY.iter().any(|table| self.key.split(['.', '[']).next() == Some(table))
    }

    fn text(&self) -> String {
        format!("{} is {} in the run and {} in the project file today", self.key, self.run, self.today)
    }
}

/// The project file of a run as it is today: the file that was named, or the one that the run began from.
fn project_today(folder: &RunFolder, marker: Option<&Marker>, arguments: &RunArguments) -> Option<PathBuf> {
    // A policy file was taken for its run, and a run over several seeds for one of them.
    if !is_run(&RunFolder::at(&arguments.run)) && !is_policy_file(&arguments.run) {
        return Some(arguments.run.clone());
    }
    let recorded = marker?.project.folder.as_ref()?;
    let file = folder.path.join(recorded).join(FILE_NAME);
    file.is_file().then_some(file)
}

/// The keys of two resolved projects that differ, but for those of the training.
fn differences(run: &str, today: &Problem, problem: &Problem) -> Vec<Difference> {
    let today = today.resolved();
    let read = |text: &str| {
        let mut keys = BTreeMap::new();
        if let Ok(table) = text.parse::<toml::Table>() {
            table.iter().for_each(|(key, value)| flatten(key, value, &mut keys));
        }
        keys
    };
    let (run, today) = (read(run), read(&today));
    let incidental: Vec<String> =
        problem.decision.factory.incidental_keys().iter().map(|key| format!("process.{key}")).collect();
    let is_left_out = |key: &str| {
        OF_THE_TRAINING.iter().any(|table| key.split(['.', '[']).next() == Some(table))
            || incidental.iter().any(|other| other == key)
    };
    let show = |value: Option<&String>| value.map_or("–".to_owned(), Clone::clone);
    let keys: std::collections::BTreeSet<&String> = run.keys().chain(today.keys()).collect();
    keys.into_iter()
        .filter(|key| run.get(*key) != today.get(*key) && !is_left_out(key))
        .map(|key| Difference { key: key.clone(), run: show(run.get(key)), today: show(today.get(key)) })
        .collect()
}

fn flatten(key: &str, value: &Value, into: &mut BTreeMap<String, String>) {
    match value {
        Value::Table(table) => {
            table.iter().for_each(|(name, value)| flatten(&format!("{key}.{name}"), value, into));
        }
        Value::Array(values) if values.iter().any(Value::is_table) => {
            values
                .iter()
                .enumerate()
                .for_each(|(index, value)| flatten(&format!("{key}[{index}]"), value, into));
        }
        value => drop(into.insert(key.to_owned(), value.to_string())),
    }
}
