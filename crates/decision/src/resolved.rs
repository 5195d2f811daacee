//! A project written out again with every default in it: what a run keeps.

use std::path::absolute;

use toml::{Table, Value};

use crate::constraint::Effect;
use crate::curriculum;
use crate::data::{self, Data};
use crate::disturbance;
use crate::preference::{Behaviour, Preference};
use crate::project::Project;
use crate::safety::Better;
use crate::tuning;

pub(crate) fn resolve(project: &Project) -> Table {
    let mut top = Table::new();
    let mut insert = |name: &str, table: Table| {
        top.insert(name.to_owned(), Value::Table(table));
    };
    insert("decision", decision(project));
    insert("process", process(project));
    insert("reward", reward(project));
    insert("train", train(project));
    insert("evaluate", evaluate(project));
    if !project.safety.is_empty() {
        let entry =
            |(name, better): &(String, Better)| (name.clone(), Value::String(better.word().to_owned()));
        insert("safety", project.safety.iter().map(entry).collect());
    }
    if let Some(data) = &project.data {
        insert("data", log(project, data));
    }
    let list = |tables: Vec<Table>| Value::Array(tables.into_iter().map(Value::Table).collect());
    if !project.constraints.is_empty() {
        top.insert("constraint".into(), list(constraints(project)));
    }
    if !project.scenarios.is_empty() || !project.preferences.is_empty() {
        let mut all = scenarios(project);
        all.extend(project.preferences.iter().map(preference));
        top.insert("scenario".into(), list(all));
    }
    if !project.disturbances.is_empty() {
        top.insert(
            "disturbance".into(),
            list(project.disturbances.iter().map(disturbance::to_toml).collect()),
        );
    }
    if !project.tuning.is_empty() {
        top.insert("tune".into(), Value::Table(tuning::to_toml(&project.tuning)));
    }
    if let Some(curriculum) = &project.curriculum {
        top.insert("curriculum".into(), Value::Table(curriculum::to_toml(curriculum)));
    }
    top
}

/// Keys and values, the absent ones left out.
fn table<const N: usize>(entries: [(&str, Option<Value>); N]) -> Table {
    entries.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?))).collect()
}

fn text(value: &str) -> Option<Value> {
    Some(Value::String(value.to_owned()))
}

fn integer(value: u64) -> Option<Value> {
    Some(Value::Integer(value as i64))
}

fn names(values: &[String]) -> Option<Value> {
    Some(Value::Array(values.iter().cloned().map(Value::String).collect()))
}

fn decision(project: &Project) -> Table {
    let charter = &project.charter;
    table([
        ("name", text(&charter.name)),
        ("controls", charter.controls.as_deref().and_then(text)),
        ("mode", charter.mode.and_then(|mode| text(mode.as_str()))),
        ("reward_delay", charter.reward_delay.and_then(|delay| text(&delay.to_string()))),
        ("deployment", charter.deployment.as_deref().and_then(text)),
        ("success", charter.success.as_deref().and_then(text)),
    ])
}

fn process(project: &Project) -> Table {
    let process = &project.process;
    // The process's own keys stay as they were written; it has read and checked them.
    let mut written = crate::document::to_toml(project.document.root.get("process"));
    written.insert("kind".into(), Value::String(process.kind.clone()));
    if let Some(steps) = process.max_steps {
        written.insert("max_steps".into(), Value::Integer(i64::from(steps)));
    }
    written
}

fn reward(project: &Project) -> Table {
    let reward = &project.reward;
    let mut table: Table =
        reward.terms.iter().map(|(name, weight)| (name.clone(), Value::Float(*weight))).collect();
    table.insert("on_terminated".into(), Value::Float(reward.on_terminated));
    table.insert("on_truncated".into(), Value::Float(reward.on_truncated));
    table
}

fn constraints(project: &Project) -> Vec<Table> {
    let constraint = |constraint: &crate::constraint::Constraint| {
        let when = &constraint.when;
        let when = table([
            (when.subject.key(), text(when.subject.name())),
            ("above", when.above.map(Value::Float)),
            ("below", when.below.map(Value::Float)),
        ]);
        let (forbid, clip) = match &constraint.effect {
            Effect::Forbid(actions) => (names(actions), None),
            Effect::Clip { action, low, high } => {
                let limits = [
                    ("action", text(action)),
                    ("low", low.map(Value::Float)),
                    ("high", high.map(Value::Float)),
                ];
                (None, Some(Value::Table(table(limits))))
            }
        };
        table([("when", Some(Value::Table(when))), ("forbid", forbid), ("clip", clip)])
    };
    project.constraints.iter().map(constraint).collect()
}

fn scenarios(project: &Project) -> Vec<Table> {
    let scenario = |scenario: &crate::project::Scenario| {
        let set = scenario.values.iter().map(|(name, value)| (name.clone(), Value::Float(*value)));
        table([
            ("name", text(&scenario.name)),
            ("description", scenario.description.as_deref().and_then(text)),
            ("set", Some(Value::Table(set.collect()))),
        ])
    };
    project.scenarios.iter().map(scenario).collect()
}

fn preference(preference: &Preference) -> Table {
    let behaviour = |behaviour: &Behaviour| {
        let (key, value) = match behaviour {
            Behaviour::Baseline(name) => ("policy", Value::String(name.clone())),
            Behaviour::Choices(actions) => {
                ("actions", Value::Array(actions.iter().cloned().map(Value::String).collect()))
            }
            Behaviour::Settings(settings) => {
                let entry = |(name, value): &(String, f64)| (name.clone(), Value::Float(*value));
                ("settings", Value::Table(settings.iter().map(entry).collect()))
            }
        };
        Some(Value::Table(table([(key, Some(value))])))
    };
    table([
        ("name", text(&preference.name)),
        ("description", preference.description.as_deref().and_then(text)),
        ("prefer", behaviour(&preference.prefer)),
        ("over", behaviour(&preference.over)),
        ("steps", preference.steps.and_then(integer)),
        ("episodes", integer(preference.episodes)),
    ])
}

/// A run's project file lies in another folder, and finds the same log from there.
fn log(project: &Project, data: &Data) -> Table {
    let mut table = data::table(data);
    if let Some(file) = &data.file {
        let path = project.folder.join(file);
        let path = absolute(&path).unwrap_or(path);
        table.insert("file".into(), Value::String(path.display().to_string()));
    }
    table
}

fn train(project: &Project) -> Table {
    let train = &project.train;
    table([
        ("algorithm", text(&train.algorithm)),
        ("total_steps", integer(train.total_steps)),
        ("total_episodes", train.total_episodes.and_then(integer)),
        ("seed", integer(train.seed)),
        ("target_return", train.target_return.map(Value::Float)),
        ("checkpoint_every_updates", integer(train.checkpoint_every_updates)),
        ("log_every_updates", integer(train.log_every_updates)),
    ])
}

fn evaluate(project: &Project) -> Table {
    let evaluate = &project.evaluate;
    table([
        ("episodes", integer(u64::from(evaluate.episodes))),
        ("seed", integer(evaluate.seed)),
        ("baselines", names(&evaluate.baselines)),
        ("against", evaluate.against().and_then(text)),
        ("required_lift_percent", evaluate.required_lift_percent.map(Value::Float)),
        ("deterministic", Some(Value::Boolean(evaluate.deterministic))),
        ("level", evaluate.level.as_deref().and_then(text)),
        ("disturbed", Some(Value::Boolean(evaluate.disturbed))),
    ])
}
