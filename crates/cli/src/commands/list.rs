//! `setpoint list`

use serde_json::json;
use setpoint_decision::spec::{Feature, Parameter, Signal, Spec, TensorPart};
use setpoint_learn::algorithms::RECIPES;
use setpoint_learn::recipe::Recipe;
use setpoint_learn::recipes::Recipes;
use setpoint_learn::{learned, replayed};

use crate::arguments::{List, Listed};
use crate::output::{Failure, Output, Status, number, table, wrapped, wrapped_table};
use crate::target::no_process;
use setpoint_process::Registry;
use setpoint_processes::program;

pub fn run(arguments: &List, registry: &Registry, output: &Output) -> Result<Status, Failure> {
    match &arguments.what {
        Listed::Processes { kind } => processes(kind.as_deref(), registry, output),
        Listed::Algorithms { name: None } => algorithms(output),
        Listed::Algorithms { name: Some(name) } => algorithm(name, output),
    }
}

fn processes(kind: Option<&str>, registry: &Registry, output: &Output) -> Result<Status, Failure> {
    let complete = registry.complete().filter_map(|kind| registry.open_default(kind, None));
    let specs: Vec<Spec> = complete.map(|factory| factory.spec().clone()).collect();
    let dependent = || registry.kinds().iter().filter_map(|kind| Some((kind.name, kind.needs_keys?)));
    match kind {
        None => {
            for spec in &specs {
                output.line(format!("{:<24} {}", spec.kind, spec.summary));
            }
            for (kind, summary) in dependent() {
                output.line(format!("{kind:<24} {summary}"));
            }
            output.line("\n`setpoint list processes KIND` shows features, actions, signals and units");
            let outside: Vec<_> =
                dependent().map(|(kind, summary)| json!({ "kind": kind, "summary": summary })).collect();
            output.document(
                "list processes",
                Status::Done,
                json!({ "processes": specs, "outside": outside }),
            );
        }
        Some(learned::KIND | replayed::KIND) => {
            return Err(Failure::Message(
                "features, actions and signals depend on the log that a project names; `setpoint check PROJECT --json` \
                 shows them (docs/guide.md)"
                    .to_owned(),
            ));
        }
        Some(kind) if dependent().any(|(name, _)| name == kind) => {
            let (what, page) =
                if kind == program::KIND { ("program", "program") } else { ("environment", "gymnasium") };
            return Err(Failure::Message(format!(
                "features, actions and signals of `{kind}` depend on the {what} that a project names; `setpoint check \
                 PROJECT --json` shows them (docs/{page}.md)"
            )));
        }
        Some(kind) => {
            let Some(spec) = specs.iter().find(|spec| spec.kind == kind) else {
                return Err(no_process(kind, registry));
            };
            describe(spec, output);
            output.document("list processes", Status::Done, json!({ "processes": [spec] }));
        }
    }
    Ok(Status::Done)
}

fn describe(spec: &Spec, output: &Output) {
    output.line(format!("{}: {}\nsource: {}\n", spec.kind, spec.summary, spec.source));
    if !spec.observation.is_empty() {
        let features = table(&["feature", "policy sees", "is", "unit", "meaning"], &features(spec));
        output.line(format!("{features}\n"));
    }
    if !spec.tensors.is_empty() {
        output.line(format!("{}\n", table(&["tensor", "type", "meaning"], &tensors(spec))));
    }
    output.line(format!("{}\n", table(&["action", "meaning"], &actions(spec))));
    output.line(table(&["signal", "unit", "source's weight", "meaning"], &signals(spec)));
    if !spec.parameters.is_empty() {
        let parameters =
            table(&["parameter of [process]", "default", "range", "unit", "meaning"], &parameters(spec));
        output.line(format!("\n{parameters}"));
    }
    if let Some(steps) = spec.max_steps {
        output.line(format!("\nan episode is truncated after {steps} steps"));
    }
}

fn features(spec: &Spec) -> Vec<Vec<String>> {
    let bound = |value: f32| match value {
        f32::MAX => "∞".to_owned(),
        f32::MIN => "−∞".to_owned(),
        value => number(value.into()),
    };
    let range = |low: f32, high: f32| format!("{} … {}", bound(low), bound(high));
    let row = |feature: &Feature| {
        vec![
            feature.name.clone(),
            range(feature.low, feature.high),
            range(feature.natural(feature.low), feature.natural(feature.high)),
            feature.unit.clone(),
            feature.description.clone(),
        ]
    };
    spec.observation.iter().map(row).collect()
}

fn tensors(spec: &Spec) -> Vec<Vec<String>> {
    let row = |part: &TensorPart| vec![part.name.clone(), part.form.to_string(), part.description.clone()];
    spec.tensors.iter().map(row).collect()
}

fn actions(spec: &Spec) -> Vec<Vec<String>> {
    // Where an action is more than one choice, the group stands before its choices.
    let is_alone = spec.action.width() == 1;
    let choices = spec.action.groups.iter().flat_map(|group| {
        group.choices.iter().map(move |choice| {
            let name = &choice.name;
            let name = if is_alone { name.clone() } else { format!("{}: {name}", group.name) };
            vec![name, choice.description.clone()]
        })
    });
    let settings = spec.action.axes.iter().map(|axis| {
        let meaning = format!("{} … {} {}: {}", axis.low, axis.high, axis.unit, axis.description);
        vec![axis.name.clone(), meaning]
    });
    choices.chain(settings).collect()
}

fn signals(spec: &Spec) -> Vec<Vec<String>> {
    let row = |signal: &Signal| {
        let weight = spec.reward.iter().find(|(name, _)| *name == signal.name);
        vec![
            signal.name.clone(),
            signal.unit.clone(),
            weight.map_or(String::new(), |(_, weight)| weight.to_string()),
            signal.description.clone(),
        ]
    };
    spec.signals.iter().map(row).collect()
}

fn parameters(spec: &Spec) -> Vec<Vec<String>> {
    let row = |parameter: &Parameter| {
        let Parameter { name, unit, description, default, low, high } = parameter;
        let range = format!("{low} … {high}");
        vec![name.clone(), default.to_string(), range, unit.clone(), description.clone()]
    };
    spec.parameters.iter().map(row).collect()
}

/// Widths of the columns; with the gaps between them 100 characters, which every terminal should show.
const ALGORITHM_WIDTHS: [usize; 5] = [14, 10, 11, 10, 45];

fn algorithms(output: &Output) -> Result<Status, Failure> {
    let rows: Vec<Vec<String>> = RECIPES
        .iter()
        .map(|algorithm| {
            // The first words are enough here; the details appear with one algorithm in full.
            let efficiency = algorithm.sample_efficiency.split([':', ',']).next().unwrap_or_default();
            vec![
                algorithm.name.to_owned(),
                policy(algorithm).to_owned(),
                algorithm.actions.to_string(),
                efficiency.to_owned(),
                algorithm.pick_when.to_owned(),
            ]
        })
        .collect();
    let header = ["algorithm", "learns", "actions", "efficiency", "use it if"];
    output.line(wrapped_table(&header, &ALGORITHM_WIDTHS, &rows));
    output.line(
        "\nefficiency: how much an algorithm learns from each step of the process.\non-policy: from new steps only;\n\
         off-policy: also from stored steps, more per step but slower per second.",
    );
    output.line("\n`setpoint list algorithms NAME` shows an algorithm with all its options,");
    output.line("`setpoint compare PROJECT` tries the algorithms that fit your decision");
    output.document("list algorithms", Status::Done, json!({ "algorithms": RECIPES }));
    Ok(Status::Done)
}

fn policy(algorithm: &Recipe) -> &'static str {
    if algorithm.on_policy { "on-policy" } else { "off-policy" }
}

fn algorithm(name: &str, output: &Output) -> Result<Status, Failure> {
    let recipes = Recipes::new().with(RECIPES.iter().copied());
    let found = recipes.find(name).map_err(|error| Failure::Message(error.to_string()))?;
    let options = found.describe_options();
    let sees = if found.reads_tensors { "features, images, points" } else { "features" };
    let facts = [
        format!("{}: {}", found.name, found.summary),
        format!("source: {}", found.source),
        format!("{}; actions: {}", policy(found), found.actions),
        format!("observations: {sees}"),
        format!("sample efficiency: {}", found.sample_efficiency),
        format!("use it if {}", found.pick_when),
    ];
    for fact in facts {
        output.line(wrapped(&fact, 96).join("\n    "));
    }
    output.line("");
    let rows: Vec<Vec<String>> = options
        .iter()
        .map(|option| {
            let default = option.default.as_ref().map_or("–".to_owned(), ToString::to_string);
            vec![option.name.to_owned(), default, option.meaning.to_owned(), option.expected.clone()]
        })
        .collect();
    let widest = |column: usize, least: usize| {
        rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0).clamp(least, 40)
    };
    let (names, defaults) = (widest(0, 6), widest(1, 7).min(20));
    // Meaning and range share the rest of the 100 characters.
    let rest = 92 - names - defaults;
    let widths = [names, defaults, rest - rest * 2 / 5, rest * 2 / 5];
    output.line(format!("options in [train.{name}]:\n"));
    output.line(wrapped_table(&["option", "default", "meaning", "may be"], &widths, &rows));
    let mut document = json!(found);
    document["options"] = json!(options);
    output.document("list algorithms", Status::Done, json!({ "algorithms": [document] }));
    Ok(Status::Done)
}
