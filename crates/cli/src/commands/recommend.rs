//! `setpoint recommend`

use std::io::Read;

use serde_json::json;
use setpoint_decision::diagnostic::suggestion;
use setpoint_decision::spec::{ActionSpace, behind_number};
use setpoint_guard::given_state::GivenState;
use setpoint_guard::recommend;
use setpoint_guard::recommendation::Recommendation;
use setpoint_policy::Policy;

use crate::arguments::Recommend;
use crate::output::{Failure, Output, Status, number, table};
use crate::target::{policy_of, problem_of, run_folder};
use setpoint_process::Registry;

pub fn run(arguments: &Recommend, registry: &Registry, output: &Output) -> Result<Status, Failure> {
    let folder = run_folder(&arguments.run, registry)?;
    let problem = problem_of(&folder, registry, &[])?;
    let policy = policy_of(&folder, &problem)?;
    let scenarios = &problem.decision.project.scenarios;
    let mut asked: Vec<(String, GivenState)> = Vec::new();
    let base = GivenState::at_reference(&policy.manifest);
    if arguments.all_scenarios || arguments.scenario.is_some() {
        for scenario in scenarios {
            if arguments.scenario.as_ref().is_none_or(|name| *name == scenario.name) {
                let mut state = base.clone();
                for (name, value) in &scenario.values {
                    given(state.set(&policy.manifest, name, *value))?;
                }
                asked.push((scenario.name.clone(), state));
            }
        }
        if asked.is_empty() {
            let names: Vec<&str> = scenarios.iter().map(|scenario| scenario.name.as_str()).collect();
            let wanted = arguments.scenario.as_deref().unwrap_or("any");
            let known = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
            return Err(Failure::Message(format!(
                "the project has no scenario \"{wanted}\"; scenarios: {known}"
            )));
        }
    } else {
        let mut state = base;
        if let Some(text) = &arguments.state {
            read_json(text, &policy, &mut state)?;
        }
        asked.push(("the given state".to_owned(), state));
    }
    let impossible = impossible(&arguments.impossible, &policy)?;
    let mut answers = Vec::new();
    for (name, mut state) in asked {
        for assignment in &arguments.set {
            given(state.assign(&policy.manifest, assignment))?;
        }
        let recommendation = recommend(&policy, &state.observation, &state.signals, &impossible)?;
        show(&name, &state, &recommendation, &policy, arguments.drivers, output);
        let seen: serde_json::Map<_, _> = policy
            .manifest
            .observation
            .iter()
            .zip(&state.observation)
            .map(|(feature, value)| (feature.name.clone(), json!(value)))
            .collect();
        answers.push(json!({ "scenario": name, "state": seen, "recommendation": recommendation }));
    }
    output.document("recommend", Status::Done, json!({ "run": folder.path, "recommendations": answers }));
    Ok(Status::Done)
}

/// Choices by name.
fn impossible(names: &[String], policy: &Policy) -> Result<Vec<usize>, Failure> {
    let choices: Vec<&str> = match &policy.manifest.action {
        ActionSpace::Discrete { choices } => choices.iter().map(|choice| choice.name.as_str()).collect(),
        ActionSpace::Continuous { .. } => Vec::new(),
    };
    let index = |name: &String| {
        choices.iter().position(|choice| choice == name).ok_or_else(|| {
            let what = suggestion(name, &choices, "choices");
            Failure::Message(format!("--impossible: this decision has no choice `{name}`; {what}"))
        })
    };
    names.iter().map(index).collect()
}

fn given<T>(result: Result<T, setpoint_guard::given_state::GivenError>) -> Result<T, Failure> {
    result.map_err(|error| Failure::Message(error.to_string()))
}

/// A state as JSON text, a file of it, or standard input.
fn read_json(text: &str, policy: &Policy, state: &mut GivenState) -> Result<(), Failure> {
    let refuse = |what: String| Failure::Message(format!("--state: {what}; expected {{\"wip\": 0.75, …}}"));
    let content = if text == "-" {
        let mut content = String::new();
        std::io::stdin().read_to_string(&mut content).map_err(|error| refuse(error.to_string()))?;
        content
    } else if text.trim_start().starts_with('{') {
        text.to_owned()
    } else {
        std::fs::read_to_string(text).map_err(|error| refuse(format!("cannot read {text}: {error}")))?
    };
    let values: serde_json::Map<String, serde_json::Value> =
        serde_json::from_str(&content).map_err(|error| refuse(format!("not a JSON object: {error}")))?;
    for (name, value) in values {
        let Some(value) = value.as_f64() else {
            return Err(refuse(format!("`{name}` is {value}, not a number")));
        };
        given(state.set(&policy.manifest, &name, value))?;
    }
    Ok(())
}

fn show(
    name: &str,
    state: &GivenState,
    recommendation: &Recommendation,
    policy: &Policy,
    drivers: usize,
    output: &Output,
) {
    let features = policy.manifest.observation.iter().zip(&state.observation);
    let values: Vec<String> = features
        .map(|(feature, value)| {
            let unit = behind_number(&feature.unit);
            format!("{} {}{unit}", feature.name, number(feature.natural(*value).into()))
        })
        .collect();
    output.line(format!("{name}: {}\n", values.join(", ")));
    let has_values = recommendation.actions.iter().any(|action| action.value.is_some());
    let rows: Vec<Vec<String>> = recommendation
        .actions
        .iter()
        .enumerate()
        .map(|(index, action)| {
            let bar = "█".repeat((action.probability * 24.0).round() as usize);
            let share = if action.allowed {
                format!("{:.1} %", 100.0 * action.probability)
            } else {
                "forbidden".into()
            };
            let mut row = vec![format!("{}. {}", index + 1, action.name), share];
            if has_values {
                row.push(action.value.map_or("–".to_owned(), number));
            }
            row.push(format!("{bar:<24}"));
            row
        })
        .collect();
    if !rows.is_empty() {
        let head: &[&str] =
            if has_values { &["action", "taken", "value", ""] } else { &["action", "probability", ""] };
        output.line(table(head, &rows));
    }
    let rows: Vec<Vec<String>> = recommendation
        .settings
        .iter()
        .map(|setting| {
            let clipped = if setting.clipped { "held by a constraint" } else { "" };
            vec![
                setting.name.clone(),
                number(setting.value),
                number(setting.deviation),
                setting.unit.clone(),
                format!("{} … {}", number(setting.low), number(setting.high)),
                clipped.to_owned(),
            ]
        })
        .collect();
    if !rows.is_empty() {
        output.line(table(&["set", "to", "sd", "unit", "range", ""], &rows));
    }
    for constraint in &recommendation.active_constraints {
        output.line(format!("  active: {constraint}"));
    }
    if let Some(first) = recommendation.drivers.first() {
        let what = if recommendation.actions.is_empty() { "this setting" } else { "the first choice" };
        output.line(format!("\n  what drives {what} ({}):", first.kind.meaning()));
        let rows: Vec<Vec<String>> = recommendation
            .drivers
            .iter()
            .take(drivers)
            .map(|driver| {
                vec![
                    driver.feature.clone(),
                    number(driver.natural),
                    driver.unit.clone(),
                    driver.effect_text(),
                ]
            })
            .collect();
        output.line(table(&["feature", "value", "unit", "effect"], &rows));
    }
    output.line("");
}
