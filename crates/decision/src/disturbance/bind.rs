//! Checks the names and values of a disturbance against the process: features, parameters, and the choice that does
//! nothing.

use super::{Checked, Distribution, Disturbance, Levels, idle_choices, span};
use crate::diagnostic::suggestion;
use crate::section::Section;
use crate::spec::{Feature, Parameter, Spec, behind_number};

/// Checks names and values against a process.
pub(crate) fn bind(disturbance: &Disturbance, section: &Section<'_>, spec: &Spec) -> Checked<()> {
    match disturbance {
        Disturbance::Sensor { natural, features, .. } => {
            bind_features(features, section, spec)?;
            let concerned = |feature: &&Feature| features.is_empty() || features.contains(&feature.name);
            let boundless = spec.observation.iter().filter(concerned).find(|feature| span(feature).is_none());
            if let Some(feature) = boundless.filter(|_| !natural) {
                let title = format!("`{}` has no finite span, so a share of it has no meaning", feature.name);
                let help = format!(
                    "name the features and write sizes in their own unit: unit = \"natural\" ({})",
                    feature.unit
                );
                return Err(section.error(
                    "features",
                    &title,
                    "its range is the range of its number type",
                    &help,
                ));
            }
            Ok(())
        }
        Disturbance::Dropout { features, .. } => bind_features(features, section, spec),
        Disturbance::ObservationDelay { .. } => match spec.tensors.first() {
            None => Ok(()),
            Some(part) => {
                let title = format!("an observation with the tensor part `{}` cannot be late", part.name);
                let help =
                    "the delay of this kind keeps features alone; delay the part inside of the process";
                Err(section.error("kind", &title, "not for images and points", help))
            }
        },
        Disturbance::ActuationDelay { idle, .. } => bind_idle(idle, section, spec),
        Disturbance::Randomisation { parameter, distribution, first, second } => {
            bind_randomisation(parameter, *distribution, [first, second], section, spec)
        }
        Disturbance::Event { set, actions_lost, idle, .. } => {
            let table = section.table("set")?;
            for (name, value) in set {
                let parameter = bind_parameter(name, &table, name, spec)?;
                if !(parameter.low..=parameter.high).contains(value) {
                    let title = format!("`{name}` cannot be {value}");
                    let label = expected(parameter);
                    return Err(table.error(name, &title, &label, &parameter.description));
                }
            }
            if *actions_lost { bind_idle(idle, section, spec) } else { Ok(()) }
        }
    }
}

fn bind_randomisation(
    parameter: &str,
    distribution: Distribution,
    [first, second]: [&Levels; 2],
    section: &Section<'_>,
    spec: &Spec,
) -> Checked<()> {
    let parameter = bind_parameter(parameter, section, "parameter", spec)?;
    let bounds = parameter.low..=parameter.high;
    let given: Vec<(&str, f64)> = match distribution {
        Distribution::Normal => first.0.iter().map(|value| ("mean", *value)).collect(),
        _ => {
            let low = first.0.iter().map(|value| ("low", *value));
            low.chain(second.0.iter().map(|value| ("high", *value))).collect()
        }
    };
    match given.into_iter().find(|(_, value)| !bounds.contains(value)) {
        None => Ok(()),
        Some((key, value)) => {
            let title = format!("`{}` cannot be {value}", parameter.name);
            let label = expected(parameter);
            Err(section.error(key, &title, &label, &parameter.description))
        }
    }
}

fn bind_features(features: &[String], section: &Section<'_>, spec: &Spec) -> Checked<()> {
    let known: Vec<&str> = spec.observation.iter().map(|feature| feature.name.as_str()).collect();
    if known.is_empty() {
        let title = format!("process {} has no features", spec.kind);
        let help = "disturb the tensor parts of its observation inside of the process";
        return Err(section.error("kind", &title, "it disturbs features alone", help));
    }
    match features.iter().position(|name| !known.contains(&name.as_str())) {
        None => Ok(()),
        Some(index) => {
            let name = &features[index];
            let title = format!("process {} has no feature `{name}`", spec.kind);
            let help = format!("features of {}: {}", spec.kind, known.join(", "));
            Err(section.error_in_list(
                "features",
                index,
                &title,
                &suggestion(name, &known, "features"),
                &help,
            ))
        }
    }
}

fn bind_parameter<'s>(
    name: &str,
    section: &Section<'_>,
    key: &str,
    spec: &'s Spec,
) -> Checked<&'s Parameter> {
    spec.parameters.iter().find(|parameter| parameter.name == name).ok_or_else(|| {
        let known: Vec<&str> = spec.parameters.iter().map(|parameter| parameter.name.as_str()).collect();
        let title = format!("process {} has no parameter `{name}`", spec.kind);
        if known.is_empty() {
            return section.error(
                key,
                &title,
                "it has no parameters to draw",
                "randomise it inside of the process",
            );
        }
        let help = format!("parameters of {}: {}", spec.kind, known.join(", "));
        section.error(key, &title, &suggestion(name, &known, "parameters"), &help)
    })
}

fn bind_idle(idle: &[String], section: &Section<'_>, spec: &Spec) -> Checked<()> {
    if spec.masked {
        let title = format!("{} allows different choices in every state", spec.kind);
        let help = "a choice that arrives late may no longer be possible";
        return Err(section.error("kind", &title, "actions of this process cannot be late or lost", help));
    }
    if spec.action.groups.is_empty() {
        return match idle {
            [] => Ok(()),
            _ => Err(section.error("idle", "settings need no idle choice", "leave it out: 0 is taken", "")),
        };
    }
    let names = spec.action.choice_names();
    if let Some((index, name)) = idle.iter().enumerate().find(|(_, name)| !names.contains(&name.as_str())) {
        let title = format!("process {} has no action `{name}`", spec.kind);
        let (label, help) =
            (suggestion(name, &names, "actions"), format!("actions of {}: {}", spec.kind, names.join(", ")));
        return Err(if section.is_list("idle") {
            section.error_in_list("idle", index, &title, &label, &help)
        } else {
            section.error("idle", &title, &label, &help)
        });
    }
    let Err(group) = idle_choices(&spec.action, idle) else { return Ok(()) };
    let names: Vec<&str> = group.choices.iter().map(|choice| choice.name.as_str()).collect();
    let of_group = if spec.action.groups.len() > 1 { format!(" of `{}`", group.name) } else { String::new() };
    let title = format!("the choice{of_group} while no action arrives is not clear");
    let help = format!("idle = \"{}\" or another of {}", names[0], names.join(", "));
    Err(section.error("kind", &title, "expected idle = \"…\" in the same table", &help))
}

fn expected(parameter: &Parameter) -> String {
    format!("expected {} to {}{}", parameter.low, parameter.high, behind_number(&parameter.unit))
}
