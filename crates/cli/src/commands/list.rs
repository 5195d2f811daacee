//! `setpoint list`

use serde_json::json;
use setpoint_decision::diagnostic::nearest;
use setpoint_decision::spec::{ActionSpace, Spec};
use setpoint_learn::algorithms::ALGORITHMS;
use setpoint_process::kinds;
use setpoint_process::open::names;

use crate::arguments::{List, Listed};
use crate::output::{Failure, Output, Status, number, table};

pub fn run(arguments: &List, output: &Output) -> Result<Status, Failure> {
    match &arguments.what {
        Listed::Processes { kind } => processes(kind.as_deref(), output),
        Listed::Algorithms => algorithms(output),
    }
}

fn processes(kind: Option<&str>, output: &Output) -> Result<Status, Failure> {
    let specs: Vec<Spec> = kinds().iter().map(|factory| factory.spec().clone()).collect();
    match kind {
        None => {
            for spec in &specs {
                output.line(format!("{:<24} {}", spec.kind, spec.summary));
            }
            output.line("\n`setpoint list processes KIND` shows features, actions, signals and units");
            output.document("list processes", Status::Done, json!({ "processes": specs }));
        }
        Some(kind) => {
            let Some(spec) = specs.iter().find(|spec| spec.kind == kind) else {
                let hint = match nearest(kind, names()) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => format!("there are {}", names().collect::<Vec<_>>().join(", ")),
                };
                return Err(Failure::Message(format!("there is no process `{kind}`; {hint}")));
            };
            describe(spec, output);
            output.document("list processes", Status::Done, json!({ "processes": [spec] }));
        }
    }
    Ok(Status::Done)
}

fn describe(spec: &Spec, output: &Output) {
    output.line(format!("{}: {}\nsource: {}\n", spec.kind, spec.summary, spec.source));
    let features: Vec<Vec<String>> = spec
        .observation
        .iter()
        .map(|feature| {
            let bound = |value: f32| match value {
                f32::MAX => "∞".to_owned(),
                f32::MIN => "−∞".to_owned(),
                value => number(value.into()),
            };
            let range = |low: f32, high: f32| format!("{} … {}", bound(low), bound(high));
            vec![
                feature.name.clone(),
                range(feature.low, feature.high),
                range(feature.natural(feature.low), feature.natural(feature.high)),
                feature.unit.clone(),
                feature.description.clone(),
            ]
        })
        .collect();
    output.line(format!("{}\n", table(&["feature", "policy sees", "is", "unit", "meaning"], &features)));
    let actions: Vec<Vec<String>> = match &spec.action {
        ActionSpace::Discrete { choices } => {
            choices.iter().map(|choice| vec![choice.name.clone(), choice.description.clone()]).collect()
        }
        ActionSpace::Continuous { axes } => axes
            .iter()
            .map(|axis| {
                vec![
                    axis.name.clone(),
                    format!("{} … {} {}: {}", axis.low, axis.high, axis.unit, axis.description),
                ]
            })
            .collect(),
    };
    output.line(format!("{}\n", table(&["action", "meaning"], &actions)));
    let signals: Vec<Vec<String>> = spec
        .signals
        .iter()
        .map(|signal| {
            let weight = spec.reward.iter().find(|(name, _)| *name == signal.name);
            vec![
                signal.name.clone(),
                signal.unit.clone(),
                weight.map_or(String::new(), |(_, weight)| weight.to_string()),
                signal.description.clone(),
            ]
        })
        .collect();
    output.line(table(&["signal", "unit", "source's weight", "meaning"], &signals));
    if let Some(steps) = spec.max_steps {
        output.line(format!("\nepisodes are cut off after {steps} steps"));
    }
}

fn algorithms(output: &Output) -> Result<Status, Failure> {
    for algorithm in ALGORITHMS {
        let policy = if algorithm.on_policy { "on-policy" } else { "off-policy" };
        output.line(format!("{:<11} {}", algorithm.name, algorithm.summary));
        output.line(format!("            {policy}; actions: {}", algorithm.actions));
        output.line(format!("            pick it when {}", algorithm.pick_when));
        output.line(format!("            source: {}\n", algorithm.source));
    }
    output.document("list algorithms", Status::Done, json!({ "algorithms": ALGORITHMS }));
    Ok(Status::Done)
}
