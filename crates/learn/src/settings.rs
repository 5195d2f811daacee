//! The settings of a training that decide its result: a resume needs the same settings, and only these.

use setpoint_files::run_folder::RunFolder;
use toml::Table;

use crate::error::TrainError;
use crate::learning_rate::Schedule;
use crate::off_policy::Collection;
use crate::problem::Problem;
use crate::run_project;

/// Keys of `[train]` that change no result. Projects from before a key may lack it.
const INTERVALS: [&str; 2] = ["checkpoint_every_updates", "checkpoint_every_seconds"];

/// Keys of `[train]` that end a training. A resume may raise them or leave them out, and the training continues.
const GOALS: [&str; 3] = ["total_steps", "total_episodes", "target_return"];

/// A training that continues beyond the goals that it had.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Growth {
    /// Environment steps that it was to take.
    pub from: u64,
    /// Environment steps that it takes now.
    pub to: u64,
    /// Options that follow its progress.
    schedules: Vec<String>,
    /// Whether its end cut a round of `train_freq` steps short.
    has_short_round: bool,
    /// Whether evaluations during the training come after other updates than they would have without the end.
    moves_evaluations: bool,
}

impl Growth {
    /// What it means, in a sentence.
    pub fn sentence(&self) -> String {
        let Self { from, to, schedules, has_short_round, moves_evaluations } = self;
        let how = match (schedules.as_slice(), has_short_round) {
            ([], false) => "no option depends on that number".to_owned(),
            ([], true) => "its end cut a round of train_freq steps short".to_owned(),
            (names, _) => {
                format!("{} follow the progress towards the new number from here on", names.join(", "))
            }
        };
        let how = match moves_evaluations {
            true => {
                format!("{how}; evaluations during the training may fall on other steps than without the end")
            }
            false => how,
        };
        match from == to {
            true => format!("the run continues after the end that it had; {how}"),
            false => format!("the run was to take {from} steps and now takes {to}; {how}"),
        }
    }
}

/// A checkpoint continues only the training that wrote it: refuses a run folder whose project has other settings. With
/// `may_grow` its goals may be greater than they were.
pub fn same_settings(
    problem: &Problem,
    folder: &RunFolder,
    may_grow: bool,
) -> Result<Option<Growth>, TrainError> {
    if !folder.project_file().is_file() {
        return Ok(None);
    }
    let found = run_project::text(folder)?;
    let growth = growth(problem, &found, folder.summary().is_file()).filter(|_| may_grow);
    let incidental = |table: &mut Table| {
        if let (Some(_), Some(train)) = (&growth, table.get_mut("train").and_then(toml::Value::as_table_mut))
        {
            GOALS.iter().for_each(|key| drop(train.remove(*key)));
        }
        let keys = problem.decision.factory.incidental_keys();
        if let Some(process) = table.get_mut("process").and_then(toml::Value::as_table_mut) {
            keys.iter().for_each(|key| drop(process.remove(*key)));
        }
        // A log for the validation of the process does not change the training.
        table.remove("data");
    };
    match difference(&found, &problem.resolved(), &incidental) {
        None => Ok(growth),
        Some(difference) => Err(TrainError::OtherSettings { folder: folder.path.clone(), difference }),
    }
}

/// The growth of a training since the project in its run was written; `None` if no goal is greater, or one is less.
fn growth(problem: &Problem, found: &str, has_ended: bool) -> Option<Growth> {
    let table = |text: &str| text.parse::<Table>().ok()?.get("train")?.as_table().cloned();
    let (there, here) = (table(found)?, table(&problem.resolved())?);
    let goal = |train: &Table, key: &str| {
        let value = train.get(key)?;
        value.as_float().or_else(|| value.as_integer().map(|whole| whole as f64))
    };
    // Without a goal nothing ends the training.
    let limits = |key: &str| [&there, &here].map(|train| goal(train, key).unwrap_or(f64::INFINITY));
    let is_less = |key: &&str| limits(key)[1] < limits(key)[0];
    let is_greater = |key: &&str| limits(key)[1] > limits(key)[0];
    if GOALS.iter().any(is_less) || !GOALS.iter().any(is_greater) {
        return None;
    }
    let [from, to] = limits("total_steps").map(|steps| steps as u64);
    let options = problem.options.written();
    let cuts = |own: &Collection| !from.div_ceil(own.n_envs as u64).is_multiple_of(own.train_freq as u64);
    let has_short_round = has_ended && problem.options.collection().is_some_and(cuts);
    let has_evaluations = has_ended && problem.decision.project.evaluate.every_steps.is_some();
    let moves_evaluations = has_evaluations && !problem.options.recipe().on_policy;
    Some(Growth { from, to, schedules: schedules(&options), has_short_round, moves_evaluations })
}

/// The options that follow the progress of a training.
fn schedules(options: &Table) -> Vec<String> {
    let is_schedule = |(key, value): &(&String, &toml::Value)| match key.as_str() {
        "exploration_fraction" => true,
        "prioritized_replay_beta0" => {
            options.get("prioritized_replay").and_then(toml::Value::as_bool) == Some(true)
        }
        _ => value.as_str().is_some_and(|text| Schedule::parse(text).is_some()),
    };
    options.iter().filter(is_schedule).map(|(key, _)| key.clone()).collect()
}

/// The first difference between two resolved projects in a sentence, or `None`. The intervals of checkpoints do not count, and
/// neither do the keys that `remove` deletes.
pub fn difference(found: &str, expected: &str, remove: &dyn Fn(&mut Table)) -> Option<String> {
    if found == expected {
        return None;
    }
    let decisive = |text: &str| {
        let mut table: Table = text.parse().ok()?;
        if let Some(train) = table.get_mut("train").and_then(toml::Value::as_table_mut) {
            INTERVALS.iter().for_each(|key| drop(train.remove(*key)));
        }
        remove(&mut table);
        toml::to_string_pretty(&table).ok()
    };
    // A text that is no project differs by its lines.
    let (found, expected) = match (decisive(found), decisive(expected)) {
        (Some(found), Some(expected)) => (found, expected),
        _ => (found.to_owned(), expected.to_owned()),
    };
    if found == expected {
        return None;
    }
    let differs = |(found, expected): &(&str, &str)| found != expected;
    Some(found.lines().zip(expected.lines()).find(differs).map_or_else(
        || "one project has more keys".to_owned(),
        |(found, expected)| format!("there `{found}`, here `{expected}`"),
    ))
}
