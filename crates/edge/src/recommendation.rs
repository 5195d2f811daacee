//! The command `recommend`: the actions for a state, ranked, with reasons.

use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::{Map, Value, json};
use setpoint_decision::diagnostic::suggestion;
use setpoint_decision::project::Scenario;
use setpoint_decision::spec::behind_number;
use setpoint_files::storage;
use setpoint_guard::constraints::ConstraintSet;
use setpoint_guard::drivers::{Driver, DriverKind};
use setpoint_guard::given_state::GivenState;
use setpoint_guard::recommend;
use setpoint_guard::recommendation::{RankedAction, Recommendation, first_of_groups};
use setpoint_policy::Policy;

use crate::output::{Failure, Output, number, table};
use crate::states;

/// States that are shown in full; more have a row each.
const IN_FULL_MAX: usize = 10;

/// The state for the recommendation.
#[derive(Args)]
pub struct StateArguments {
    /// A scenario of the project file, by name
    #[arg(long, value_name = "NAME", conflicts_with_all = ["state", "all_scenarios"])]
    pub scenario: Option<String>,
    /// All scenarios of the project file
    #[arg(long, conflicts_with = "state")]
    pub all_scenarios: bool,
    /// A state as JSON, {"wip": 0.75, …}; a file with it; - for standard input; or a table of states, one a row, with a column
    /// for each feature: states.csv
    #[arg(long, value_name = "JSON")]
    pub state: Option<String>,
    /// Write a row for each state to this new CSV file
    #[arg(long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// A feature's value as the policy sees it (wip=0.75), or with its unit (wip=30parts); the policy sees the other
    /// features at their reference values, and the constraints count them as unknown (repeatable)
    #[arg(long = "set", value_name = "FEATURE=VALUE")]
    pub set: Vec<String>,
    /// Recommend although a constraint reads a feature without a value: the constraint counts as active
    #[arg(long)]
    pub assume_reference: bool,
    /// A choice that the process does not allow at present, such as a finished job; the constraints apply
    /// in any case (repeatable)
    #[arg(long, value_name = "CHOICE")]
    pub impossible: Vec<String>,
    /// Number of drivers to show
    #[arg(long, value_name = "N", default_value_t = 3)]
    pub drivers: usize,
}

impl StateArguments {
    /// Whether it names scenarios of a project.
    pub fn names_a_scenario(&self) -> bool {
        self.all_scenarios || self.scenario.is_some()
    }

    /// The states for the recommendations, by name.
    fn states(&self, policy: &Policy, scenarios: &[Scenario]) -> Result<Vec<(String, GivenState)>, Failure> {
        if let Some(table) = self.state.as_deref().filter(|text| states::is_table(text)) {
            return states::read(Path::new(table), policy);
        }
        if !self.names_a_scenario() {
            let mut state = GivenState::at_reference(&policy.manifest);
            if let Some(text) = &self.state {
                read_json(text, policy, &mut state)?;
            }
            return Ok(vec![("the given state".to_owned(), state)]);
        }
        let mut asked = Vec::new();
        for scenario in scenarios {
            if self.scenario.as_ref().is_none_or(|name| *name == scenario.name) {
                let state = GivenState::of_scenario(&policy.manifest, scenario)?;
                asked.push((scenario.name.clone(), state));
            }
        }
        if asked.is_empty() {
            let names: Vec<&str> = scenarios.iter().map(|scenario| scenario.name.as_str()).collect();
            let wanted = self.scenario.as_deref().unwrap_or("any");
            let known = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
            return Err(Failure::Message(format!(
                "the project has no scenario \"{wanted}\"; scenarios: {known}"
            )));
        }
        Ok(asked)
    }
}

/// Shows a recommendation for each state; returns them as JSON.
pub fn answer(
    policy: &Policy,
    scenarios: &[Scenario],
    asked: &StateArguments,
    output: &Output,
) -> Result<Vec<Value>, Failure> {
    asked.output.as_deref().map_or(Ok(()), states::refuse_to_replace)?;
    let impossible = impossible(&asked.impossible, policy)?;
    let constraints = ConstraintSet::of(policy)?;
    let (mut answers, mut rows) = (Vec::new(), Vec::new());
    let states = asked.states(policy, scenarios)?;
    // A page for each of many states would hide the choices.
    let in_full = states.len() <= IN_FULL_MAX;
    for (name, mut state) in states {
        for assignment in &asked.set {
            state.assign(&policy.manifest, assignment)?;
        }
        let unknown = read_but_unknown(&constraints, &state);
        if !unknown.is_empty() && !asked.assume_reference {
            return Err(without_value(policy, &unknown));
        }
        let recommendation = recommend(policy, &state, &impossible)?;
        if in_full {
            show(&name, &state, &recommendation, policy, asked.drivers, output);
        }
        let features = policy.manifest.observation.iter().zip(&state.observation);
        let seen: Map<String, Value> =
            features.map(|(feature, value)| (feature.name.clone(), json!(value))).collect();
        let assumed: Vec<&str> = names_of(policy, state.assumed());
        answers.push(json!({
            "scenario": name, "state": seen, "assumed": assumed, "recommendation": recommendation,
        }));
        rows.push((name, recommendation));
    }
    if !in_full {
        output.line(states_table(&rows));
    }
    if let Some(file) = &asked.output {
        states::write(file, &rows)?;
        output.line(format!("recommendations: {}", file.display()));
    }
    Ok(answers)
}

fn names_of(policy: &Policy, features: impl IntoIterator<Item = usize>) -> Vec<&str> {
    features.into_iter().map(|index| policy.manifest.observation[index].name.as_str()).collect()
}

/// Indices of the features that a constraint reads and that have no value, each once.
fn read_but_unknown(constraints: &ConstraintSet, state: &GivenState) -> Vec<usize> {
    state.assumed().filter(|assumed| constraints.features().any(|read| read == *assumed)).collect()
}

fn without_value(policy: &Policy, features: &[usize]) -> Failure {
    let names = names_of(policy, features.iter().copied());
    Failure::Message(format!(
        "the constraints read {}, which {} no value: give it with --set {}=… or in --state; with --assume-reference the \
         constraints that read it count as active, and the policy sees its reference value",
        names.join(", "),
        if names.len() == 1 { "has" } else { "have" },
        names[0]
    ))
}

/// Choices by name.
fn impossible(names: &[String], policy: &Policy) -> Result<Vec<usize>, Failure> {
    let choices = policy.manifest.action.choice_names();
    let index = |name: &String| {
        choices.iter().position(|choice| choice == name).ok_or_else(|| {
            let what = suggestion(name, &choices, "choices");
            Failure::Message(format!("--impossible: this decision has no choice `{name}`; {what}"))
        })
    };
    names.iter().map(index).collect()
}

/// Greatest size of a state as JSON, in bytes: a number for each of a million features fits.
const STATE_BYTES_MAX: u64 = 1 << 26;

/// A state as JSON text, as a file, or from standard input.
fn read_json(text: &str, policy: &Policy, state: &mut GivenState) -> Result<(), Failure> {
    let refuse = |what: String| Failure::Message(format!("--state: {what}; expected {{\"wip\": 0.75, …}}"));
    let content = if text == "-" {
        storage::text_from(std::io::stdin(), STATE_BYTES_MAX).map_err(|error| refuse(error.to_string()))?
    } else if text.trim_start().starts_with('{') {
        text.to_owned()
    } else {
        storage::read_text(Path::new(text), STATE_BYTES_MAX)
            .map_err(|error| refuse(format!("cannot read {text}: {error}")))?
    };
    let values: Map<String, Value> =
        serde_json::from_str(&content).map_err(|error| refuse(format!("not a JSON object: {error}")))?;
    for (name, value) in values {
        let Some(value) = value.as_f64() else {
            return Err(refuse(format!("`{name}` is {value}, not a number")));
        };
        state.set(&policy.manifest, &name, value)?;
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
    output.line(format!("{name}: {}", values.join(", ")));
    for group in recommendation.actions.chunk_by(|a, b| a.group == b.group) {
        output.line(choices_table(group));
    }
    if !recommendation.settings.is_empty() {
        output.line(settings_table(recommendation));
    }
    constraint_lines(recommendation).into_iter().for_each(|line| output.line(line));
    for (first, others) in recommendation.undecided() {
        let others = others.join(", ");
        output.line(format!("  no clear preference: {first} and {others} are about as probable"));
    }
    for unlike in &recommendation.unlike_training {
        let unit = behind_number(&unlike.unit);
        output.line(format!(
            "  ! {} is {}{unit}, and in training it was {} ± {}{unit}: the policy has not learned such a state",
            unlike.feature,
            number(unlike.value),
            number(unlike.mean),
            number(unlike.deviation)
        ));
    }
    let assumed = names_of(policy, state.assumed());
    if !assumed.is_empty() {
        output.line(format!("  no value was given for {}: reference values are assumed", assumed.join(", ")));
    }
    show_drivers(recommendation, drivers, output);
    output.line("");
}

/// A row for each state: what to do, and a mark where a person should look.
fn states_table(rows: &[(String, Recommendation)]) -> String {
    let row = |(name, found): &(String, Recommendation)| {
        let settings = found.settings.iter().map(|setting| {
            format!("{} {}{}", setting.name, number(setting.value), behind_number(&setting.unit))
        });
        let choices = first_of_groups(&found.actions)
            .map(|first| format!("{} ({:.1} %)", first.name, 100.0 * first.probability));
        let what = choices.chain(settings).collect::<Vec<_>>().join(", ");
        let unlike: Vec<&str> = found.unlike_training.iter().map(|unlike| unlike.feature.as_str()).collect();
        let mut notes = Vec::new();
        if !found.broken_constraints.is_empty() {
            notes.push(format!("BROKEN: {}", found.broken_constraints.join("; ")));
        }
        if !unlike.is_empty() {
            notes.push(format!("! unlike the training: {}", unlike.join(", ")));
        }
        if !found.about_as_probable.is_empty() {
            notes.push("no clear preference".to_owned());
        }
        vec![name.clone(), what, notes.join("; ")]
    };
    let rows: Vec<Vec<String>> = rows.iter().map(row).collect();
    table(&["state", "do", ""], &rows)
}

/// A line for each active constraint.
fn constraint_lines(recommendation: &Recommendation) -> Vec<String> {
    let named = |constraint: &String| {
        let is_unknown = recommendation.unknown_constraints.contains(constraint);
        format!("{constraint}{}", if is_unknown { " (its value is unknown)" } else { "" })
    };
    let kept = recommendation.active_constraints.iter().map(|kept| format!("  active: {}", named(kept)));
    let broken = recommendation.broken_constraints.iter();
    let broken = broken
        .map(|broken| format!("  BROKEN: {}; it excludes an active constraint before it", named(broken)));
    kept.chain(broken).collect()
}

/// The choices of one group.
fn choices_table(actions: &[RankedAction]) -> String {
    let has_values = actions.iter().any(|action| action.value.is_some());
    let rows: Vec<Vec<String>> = actions
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
    let what = actions.first().and_then(|first| first.group.as_deref()).unwrap_or("action");
    let head: &[&str] = if has_values { &[what, "taken", "value", ""] } else { &[what, "probability", ""] };
    table(head, &rows)
}

fn settings_table(recommendation: &Recommendation) -> String {
    let rows: Vec<Vec<String>> = recommendation
        .settings
        .iter()
        .map(|setting| {
            let clipped = if setting.clipped { "limited by a constraint" } else { "" };
            vec![
                setting.name.clone(),
                // A rounded value is written as it is.
                setting.step.map_or_else(|| number(setting.value), |_| setting.value.to_string()),
                number(setting.deviation),
                setting.unit.clone(),
                format!("{} … {}", number(setting.low), number(setting.high)),
                clipped.to_owned(),
            ]
        })
        .collect();
    table(&["set", "to", "sd", "unit", "range", ""], &rows)
}

fn show_drivers(recommendation: &Recommendation, drivers: usize, output: &Output) {
    if drivers == 0 {
        return;
    }
    if !recommendation.drivers.iter().any(Driver::is_noticeable) {
        return output.line("  no feature drives it: none of them changes it against its reference value");
    }
    let is_of_settings = |driver: &Driver| driver.kind == DriverKind::SettingChange;
    for first in first_of_groups(&recommendation.actions) {
        let what = if first.group.is_some() { first.name.as_str() } else { "the first choice" };
        drivers_table(what, recommendation, drivers, output, |driver| {
            driver.of == first.name && !is_of_settings(driver)
        });
    }
    let what = if recommendation.settings.len() > 1 { "these settings" } else { "this setting" };
    drivers_table(what, recommendation, drivers, output, is_of_settings);
}

/// The strongest drivers of a part of the recommendation, if it has noticeable ones.
fn drivers_table(
    what: &str,
    recommendation: &Recommendation,
    most: usize,
    output: &Output,
    is_of_part: impl Fn(&Driver) -> bool,
) {
    let own = || recommendation.drivers.iter().filter(|driver| driver.is_noticeable() && is_of_part(driver));
    let Some(first) = own().next() else { return };
    output.line(format!("\n  what drives {what} ({}):", first.kind.meaning()));
    let row = |driver: &Driver| {
        vec![driver.feature.clone(), number(driver.natural), driver.unit.clone(), driver.effect_text()]
    };
    let rows: Vec<Vec<String>> = own().take(most).map(row).collect();
    output.line(table(&["feature", "value", "unit", "effect"], &rows));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_constraint_says_whether_its_value_is_unknown_kept_or_broken() {
        let named = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        let recommendation = Recommendation {
            actions: Vec::new(),
            settings: Vec::new(),
            drivers: Vec::new(),
            about_as_probable: Vec::new(),
            unlike_training: Vec::new(),
            active_constraints: named(&["hot", "wet"]),
            unknown_constraints: named(&["wet", "old"]),
            broken_constraints: named(&["old", "new"]),
        };
        let expected = [
            "  active: hot",
            "  active: wet (its value is unknown)",
            "  BROKEN: old (its value is unknown); it excludes an active constraint before it",
            "  BROKEN: new; it excludes an active constraint before it",
        ];
        assert_eq!(constraint_lines(&recommendation), expected);
    }
}
