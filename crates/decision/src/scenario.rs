//! `[[scenario]]`: a named state with `set`; or, with `prefer` and `over`, a preference.

use toml::Table;

use crate::Diagnostic;
use crate::diagnostic::suggestion;
use crate::preference::Preference;
use crate::section::Section;
use crate::spec::Spec;
use crate::table::{numbers, table, text};

/// `[[scenario]]` with `set`: a named state for `setpoint recommend` and the report.
#[derive(Clone, Debug, PartialEq)]
pub struct Scenario {
    /// Its name.
    pub name: String,
    /// Its description.
    pub description: Option<String>,
    /// Features and their values as the policy sees them; the other features have their reference values.
    pub values: Vec<(String, f64)>,
}

/// Reads all scenarios: states and preferences.
pub(crate) fn read(sections: Vec<Section<'_>>) -> Result<(Vec<Scenario>, Vec<Preference>), Box<Diagnostic>> {
    let (mut scenarios, mut preferences): (Vec<Scenario>, Vec<Preference>) = Default::default();
    for section in sections {
        let name = section.string("name", "name of the scenario")?.ok_or_else(|| {
            section.error(
                "name",
                "a scenario has no name",
                "expected name = \"…\"",
                "`recommend` finds it by its name",
            )
        })?;
        let mut taken = scenarios
            .iter()
            .map(|scenario| &scenario.name)
            .chain(preferences.iter().map(|preference| &preference.name));
        if taken.any(|other| *other == name) {
            let title = format!("there are two scenarios named \"{name}\"");
            return Err(section.error("name", &title, "already taken", "give each scenario its own name"));
        }
        let description = section.string("description", "description of the scenario")?;
        if section.is_table("prefer") || section.is_table("over") {
            preferences.push(Preference::read(&section, name, description)?);
            section.finish()?;
            continue;
        }
        let set = section.table("set")?;
        let values = set.numbers(&[], "value as the policy sees it")?;
        if values.is_empty() {
            let title = "a scenario sets nothing and prefers nothing";
            return Err(section.error(
                "set",
                title,
                "expected set = { feature = value, … }",
                "set = { wip = 0.75 } for a state, or prefer = { … } and over = { … } for a preference of \
                 the reward",
            ));
        }
        section.finish()?;
        scenarios.push(Scenario { name, description, values });
    }
    Ok((scenarios, preferences))
}

/// Checks the values of a state against the features' bounds.
pub(crate) fn bind(scenario: &Scenario, section: &Section<'_>, spec: &Spec) -> Result<(), Box<Diagnostic>> {
    let set = section.table("set")?;
    if let Some(part) = spec.tensors.first() {
        let title = format!("a state of {} is more than named values", spec.kind);
        let help =
            format!("it also has `{}` ({}); keep scenarios with prefer and over alone", part.name, part.form);
        return Err(section.error("set", &title, "not enough for a recommendation", &help));
    }
    scenario.values.iter().try_for_each(|(name, value)| bind_value(&set, name, *value, spec))
}

/// Checks one feature's value against its bounds.
fn bind_value(set: &Section<'_>, name: &str, value: f64, spec: &Spec) -> Result<(), Box<Diagnostic>> {
    let Some(feature) = spec.observation.iter().find(|feature| feature.name == *name) else {
        let known: Vec<&str> = spec.observation.iter().map(|feature| feature.name.as_str()).collect();
        let title = format!("process {} has no feature `{name}`", spec.kind);
        let label = suggestion(name, &known, "features");
        let help = format!("features of {}: {}", spec.kind, known.join(", "));
        return Err(set.error_at_key(name, &title, &label, &help));
    };
    if value < f64::from(feature.low) || value > f64::from(feature.high) {
        let title = format!("`{name}` cannot be {value}");
        let label = format!("expected {} to {}, as the policy sees it", feature.low, feature.high);
        let help = format!(
            "that is {} to {} {}",
            feature.natural(feature.low),
            feature.natural(feature.high),
            feature.unit
        );
        return Err(set.error(name, &title, &label, &help));
    }
    Ok(())
}

pub(crate) fn to_toml(scenario: &Scenario) -> Table {
    table([
        ("name", text(&scenario.name)),
        ("description", scenario.description.as_deref().and_then(text)),
        ("set", Some(numbers(&scenario.values))),
    ])
}
