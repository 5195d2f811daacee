//! `setpoint new`: a commented project file.

mod from_log;
mod ready;

use std::path::Path;
use std::sync::Arc;

use serde_json::json;
use setpoint_decision::Project;
use setpoint_decision::project::FILE_NAME;
use setpoint_decision::spec::{ActionForm, Spec};
use setpoint_files::atomic;
use setpoint_process::Factory;

use crate::arguments::New;
use crate::output::{Failure, Output, Status};
use crate::target::no_process;
use setpoint_process::Registry;
use setpoint_processes::{gymnasium, program};
use setpoint_terminal::quoted_path;
use toml::{Table, Value};

pub fn run(arguments: &New, registry: &Registry, output: &Output) -> Result<Status, Failure> {
    if let Some(log) = &arguments.data {
        return from_log::run(arguments, log, output);
    }
    let kind = arguments.process.as_deref().unwrap_or_default();
    let Chosen { factory, keys } = chosen(kind, arguments, registry)?;
    if let Some(option) = from_log::stated_option(&arguments.columns) {
        return Err(Failure::Message(format!(
            "--{option} names a column of a log: name the log with --data LOG"
        )));
    }
    let file = arguments.name.join(FILE_NAME);
    if file.exists() {
        return Err(Failure::Message(format!("{} already exists; it was not changed", file.display())));
    }
    let name = arguments.name.file_name().map_or("my-decision".into(), |name| name.to_string_lossy());
    atomic::create_folder(&arguments.name)?;
    atomic::replace(&file, template(&name, factory.as_ref(), &keys).as_bytes())?;
    output.line(format!("wrote {}", file.display()));
    output.line(format!(
        "next: answer the five questions in it, then `setpoint check {0}` and `setpoint run {0}`",
        quoted_path(&arguments.name)
    ));
    output.document("new", Status::Done, json!({ "project": arguments.name, "file": file }));
    Ok(Status::Done)
}

/// The key that has a line of its own.
const MAX_STEPS: &str = "max_steps";

/// The process that the project is to control.
struct Chosen {
    factory: Arc<dyn Factory>,
    /// Keys of `[process]` after its kind.
    keys: Table,
}

fn chosen(kind: &str, arguments: &New, registry: &Registry) -> Result<Chosen, Failure> {
    let environment = match (&arguments.id, &arguments.entry) {
        (Some(id), _) => Some(("id", id)),
        (None, Some(entry)) => Some(("entry", entry)),
        (None, None) => None,
    };
    if kind == program::KIND {
        return program_in(&arguments.name, arguments.command.as_deref(), registry);
    }
    if arguments.command.is_some() {
        return Err(Failure::Message(format!("--command belongs to --process program, not to `{kind}`")));
    }
    if kind != gymnasium::KIND {
        if let Some((key, _)) = environment {
            return Err(Failure::Message(format!("--{key} belongs to --process gymnasium, not to `{kind}`")));
        }
        let factory = registry.open_default(kind, None).ok_or_else(|| no_process(kind, registry))?;
        let keys = ready::process(factory.spec());
        let factory = if keys.is_empty() { factory } else { open(kind, &keys, factory.spec(), registry)? };
        return Ok(Chosen { factory, keys });
    }
    let Some((key, value)) = environment else {
        return Err(Failure::Message(format!(
            "`{kind}` needs an environment: name it with --id LunarLander-v3, or with --entry \
             my_package.my_module:MyEnv (docs/gymnasium.md)"
        )));
    };
    // Only Python knows the spaces of the environment, so it is made once here. `check` later finds observations outside of
    // their bounds.
    let keys = Table::from_iter([(key.to_owned(), Value::String(value.clone()))]);
    let text = format!("[process]\nkind = \"{kind}\"\n{keys}[reward]\nreward = 1.0\n");
    let factory = registry.open(&Project::from_text("the new project", &text, &[])?, &mut |_| {})?;
    Ok(Chosen { factory, keys })
}

/// The program of a command, which runs in the project's folder.
fn program_in(folder: &Path, command: Option<&str>, registry: &Registry) -> Result<Chosen, Failure> {
    let words: Vec<Value> = command.unwrap_or_default().split_whitespace().map(Value::from).collect();
    if words.is_empty() {
        return Err(Failure::Message(
            "`program` needs a program: name it with --command \"python3 line.py\"; it is in the project's folder \
             (docs/program.md)"
                .to_owned(),
        ));
    }
    if !folder.is_dir() {
        let folder = folder.display();
        return Err(Failure::Message(format!(
            "there is no folder {folder}: make it, and put the program in it"
        )));
    }
    let keys = Table::from_iter([("command".to_owned(), Value::Array(words))]);
    let text = format!("[process]\nkind = \"{}\"\n{keys}[reward]\nnone = 1.0\n", program::KIND);
    let mut project = Project::from_text("the new project", &text, &[])?;
    project.folder = folder.to_owned();
    Ok(Chosen { factory: registry.open(&project, &mut |_| {})?, keys })
}

/// A process with these keys: its features and actions may depend on them.
fn open(kind: &str, keys: &Table, spec: &Spec, registry: &Registry) -> Result<Arc<dyn Factory>, Failure> {
    let reward =
        Table::from_iter(spec.reward.iter().map(|(name, weight)| (name.clone(), Value::Float(*weight))));
    let text = format!("[process]\nkind = \"{kind}\"\n{keys}[reward]\n{reward}");
    Ok(registry.open(&Project::from_text("the new project", &text, &[])?, &mut |_| {})?)
}

/// The file's text: every section, every key that people change, its meaning, and its default.
fn template(name: &str, factory: &dyn Factory, keys: &Table) -> String {
    let spec = factory.spec();
    let process = process(spec, keys) + &defaults(factory, keys);
    [charter(name, spec), process, reward(spec), rules(spec), ready::training(spec), evaluation(spec)]
        .join("\n\n")
        + "\n"
}

fn charter(name: &str, spec: &Spec) -> String {
    let name = toml::Value::String(name.to_owned());
    format!(
        r#"# One decision: {summary}.
# `setpoint check` checks this file; `setpoint run` checks, trains, evaluates and reports.

[decision]                     # the charter: five questions to answer before anything is trained
name         = {name}
# controls     = "…"           # what exactly is controlled, and how often?
# mode         = "advisory"    # or "automatic", which needs at least one [[constraint]]
# reward_delay = "same step"   # or "12 steps", or "end of episode": how soon does the reward show?
# deployment   = "…"           # how is it deployed without re-architecting the plant?
# success      = "…"           # what lift on one process proves it?"#,
        summary = spec.summary
    )
}

fn process(spec: &Spec, keys: &Table) -> String {
    let kind = &spec.kind;
    let lines: String = keys
        .iter()
        .filter(|(key, _)| *key != MAX_STEPS)
        .map(|(key, value)| format!("{key} = {value}\n"))
        .collect();
    // The environment tells its own limit, which is no limit of the project.
    let own = spec.max_steps.filter(|_| !is_outside(spec)).map(i64::from);
    let limit = keys.get(MAX_STEPS).and_then(Value::as_integer).or(own);
    let max_steps = match limit {
        Some(steps) => {
            format!("max_steps = {steps}                # steps after which an episode is truncated")
        }
        None => "# max_steps = 100              # steps after which an episode is truncated; default: the limit of the process"
            .to_owned(),
    };
    format!("[process]\nkind = \"{kind}\"\n{lines}{max_steps}")
}

/// Whether the process runs outside of this program: its keys are documented on a page of their own.
fn is_outside(spec: &Spec) -> bool {
    [gymnasium::KIND, program::KIND].contains(&spec.kind.as_str())
}

/// The process's own keys with their defaults, as comments; not the numbers of its dynamics, which `setpoint list processes
/// KIND` shows.
fn defaults(factory: &dyn Factory, given: &Table) -> String {
    let described = |key: &str| factory.spec().parameters.iter().any(|parameter| parameter.name == key);
    let parameters = factory.parameters();
    let absent = parameters.iter().filter(|(key, _)| {
        !is_outside(factory.spec()) && !given.contains_key(key.as_str()) && !described(key)
    });
    absent.map(|(key, value)| format!("\n# {key} = {value}")).collect()
}

fn reward(spec: &Spec) -> String {
    let mut text =
        "[reward]                       # signals × weights; each term is logged separately\n".to_owned();
    for signal in &spec.signals {
        let weight = spec.reward.iter().find(|(name, _)| *name == signal.name);
        let (name, meaning) = (&signal.name, format!("{} ({})", signal.description, signal.unit));
        let line = match weight {
            Some((_, weight)) => format!("{name} = {weight:?}    # {meaning}\n"),
            None => format!("# {name} = 0.0    # {meaning}\n"),
        };
        text += &line;
    }
    let (terminated, truncated) = (spec.on_terminated, spec.on_truncated);
    text += &format!("on_terminated = {terminated:?}         # once, when the process ends the episode\n");
    text += &format!("on_truncated = {truncated:?}          # once, when the episode is truncated");
    text
}

/// A constraint and two scenarios as comments, with names of the process.
fn rules(spec: &Spec) -> String {
    let (signal, action) = (&spec.signals[0], spec.action.names()[0]);
    let forbid = format!("# forbid = [\"{action}\"]");
    let (rule, over) = match spec.action.form() {
        ActionForm::Choices(_) => (forbid, format!("actions = [\"{action}\"]")),
        ActionForm::Settings(_) => (
            format!("# clip   = {{ action = \"{action}\", high = 0.0 }}"),
            format!("settings = {{ {action} = 0.0 }}"),
        ),
        ActionForm::Several => {
            (forbid, format!("choices = {{ {} = \"{action}\" }}", spec.action.groups[0].name))
        }
    };
    // A state of named values is enough for a recommendation only where a policy sees nothing else.
    let state = spec.observation.first().filter(|_| spec.tensors.is_empty()).map(|feature| {
        format!(
            r#"# [[scenario]]                 # a state to ask `setpoint recommend` about, as the policy sees it
# name = "an ordinary morning"
# set  = {{ {} = {} }}           # {}; the other features have their reference values

"#,
            feature.name, feature.reference, feature.description
        )
    });
    format!(
        r#"# [[constraint]]               # holds in training, in evaluation and at the plant
# when   = {{ signal = "{signal}", above = {high} }}
{rule}

{state}# [[scenario]]                 # a behaviour that the reward must prefer: `setpoint check` tries both
# name   = "acting is better than waiting"
# prefer = {{ policy = "random" }}
# over   = {{ {over} }}"#,
        signal = signal.name,
        high = signal.high,
        state = state.unwrap_or_default(),
    )
}

fn evaluation(spec: &Spec) -> String {
    let baselines = if spec.heuristics.is_empty() { r#"["random"]"# } else { r#"["random", "heuristic"]"# };
    format!(
        "[evaluate]
episodes  = 100                # the same episodes for the policy and the baselines
baselines = {baselines}
{during}
# required_lift_percent = 10   # a gate: by so much must the return be better, with its whole 95 % interval",
        during = ready::evaluations(spec)
    )
}
