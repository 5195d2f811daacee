//! `[[scenario]]` with `prefer` and `over`: the behaviour that the reward must prefer; `setpoint check` tests it.

use toml::{Table, Value};

use crate::Diagnostic;
use crate::diagnostic::suggestion;
use crate::evaluate::BASELINES;
use crate::section::{Range, Section};
use crate::spec::{ActionForm, Spec};
use crate::table::{integer, names, numbers, table, text};

/// A reward test: from the same initial states, the first behaviour must get more reward than the second.
#[derive(Clone, Debug, PartialEq)]
pub struct Preference {
    /// Its name.
    pub name: String,
    /// The reason for the preference.
    pub description: Option<String>,
    /// The behaviour that must get more reward.
    pub prefer: Behaviour,
    /// The behaviour that must get less reward.
    pub over: Behaviour,
    /// Number of first steps that count; by default whole episodes.
    pub steps: Option<u64>,
    /// Number of initial states; both behaviours start from each.
    pub episodes: u64,
}

/// A behaviour.
#[derive(Clone, Debug, PartialEq)]
pub enum Behaviour {
    /// `policy`: a baseline of the process, or `random`.
    Baseline(String),
    /// `actions`: a sequence of choices; the last choice repeats to the end.
    Choices(Vec<String>),
    /// `settings`: constant values of settings; the others have the middle of their range.
    Settings(Vec<(String, f64)>),
    /// `choices` and `settings`: a constant choice of groups, and constant values of settings. The other groups take their
    /// first choice that is allowed, the other settings have the middle of their range.
    Constant {
        /// Group and choice.
        choices: Vec<(String, String)>,
        /// Setting and value, in its unit.
        settings: Vec<(String, f64)>,
    },
}

/// Initial states by default.
const EPISODES: u64 = 100;

impl Preference {
    /// Reads the other keys of a scenario, after its name and description.
    pub(crate) fn read(
        section: &Section<'_>,
        name: String,
        description: Option<String>,
    ) -> Result<Self, Box<Diagnostic>> {
        let behaviour = |key: &'static str| Behaviour::read(section, key);
        Ok(Self {
            prefer: behaviour("prefer")?,
            over: behaviour("over")?,
            steps: section.integer(
                "steps",
                Range::between(1.0, 1e9),
                "number of first steps of an episode that count",
            )?,
            episodes: section
                .integer(
                    "episodes",
                    Range::between(2.0, 1e6),
                    "number of initial states; both behaviours start from each",
                )?
                .unwrap_or(EPISODES),
            name,
            description,
        })
    }

    /// Checks names and values against a process.
    pub(crate) fn bind(&self, section: &Section<'_>, spec: &Spec) -> Result<(), Box<Diagnostic>> {
        self.prefer.bind(&section.table("prefer")?, spec)?;
        self.over.bind(&section.table("over")?, spec)
    }
}

impl Behaviour {
    fn read(scenario: &Section<'_>, key: &'static str) -> Result<Self, Box<Diagnostic>> {
        const HELP: &str = "policy = \"heuristic\", actions = [\"continue\"] (the last choice repeats to the end), \
                            settings = { setting = value }, or choices = { group = \"choice\" }";
        let section = scenario.table(key)?;
        if !section.is_present() {
            let title = format!("a scenario that prefers something needs `{key}` too");
            return Err(scenario.error(key, &title, &format!("expected {key} = {{ … }}"), HELP));
        }
        let policy = section.string("policy", "a baseline, or random")?;
        let actions = section.strings("actions", "a sequence of choices")?;
        let settings = section.table("settings")?.numbers(&[], "value in the setting's unit")?;
        let choices = section.table("choices")?.texts("name of a choice of the group")?;
        section.finish()?;
        match (policy, actions, settings.is_empty(), choices.is_empty()) {
            (Some(policy), None, true, true) => Ok(Self::Baseline(policy)),
            (None, Some(actions), true, true) if !actions.is_empty() => Ok(Self::Choices(actions)),
            (None, None, false, true) => Ok(Self::Settings(settings)),
            (None, None, _, false) => Ok(Self::Constant { choices, settings }),
            _ => {
                let title = format!("`{key}` must name one behaviour");
                let label = "expected policy, or actions, or choices and settings";
                Err(scenario.error_at_key(key, &title, label, HELP))
            }
        }
    }

    fn bind(&self, section: &Section<'_>, spec: &Spec) -> Result<(), Box<Diagnostic>> {
        match (self, spec.action.form()) {
            (Self::Baseline(name), _) => bind_baseline(name, section, spec),
            (Self::Choices(actions), ActionForm::Choices(_)) => {
                let names = spec.action.names();
                let Some(index) = actions.iter().position(|action| !names.contains(&action.as_str())) else {
                    return Ok(());
                };
                let (title, label, help) = unknown(spec, &actions[index], &names, "action");
                Err(section.error_in_list("actions", index, &title, &label, &help))
            }
            (Self::Choices(_), ActionForm::Settings(axes)) => {
                let title = format!("the actions of {} are settings, not choices", spec.kind);
                let name = axes.first().map_or("setting", |axis| &axis.name);
                let help = format!("for example: settings = {{ {name} = … }}");
                Err(section.error_at_key("actions", &title, "expected settings = { … }", &help))
            }
            (Self::Choices(_), ActionForm::Several) => {
                let title = format!("an action of {} is more than one choice", spec.kind);
                let group = &spec.action.groups[0];
                let help =
                    format!("for example: choices = {{ {} = \"{}\" }}", group.name, group.choices[0].name);
                Err(section.error_at_key(
                    "actions",
                    &title,
                    "expected choices = { … }, settings = { … }",
                    &help,
                ))
            }
            (Self::Settings(_), ActionForm::Choices(choices)) => {
                let title = format!("the actions of {} are choices, not settings", spec.kind);
                let help = format!("for example: actions = [\"{}\"]", choices[0].name);
                Err(section.error_at_key("settings", &title, "expected actions = [names]", &help))
            }
            (Self::Settings(settings), ActionForm::Settings(_) | ActionForm::Several) => {
                bind_settings(settings, &section.table("settings")?, spec)
            }
            (Self::Constant { choices, settings }, _) => {
                bind_groups(choices, &section.table("choices")?, spec)?;
                bind_settings(settings, &section.table("settings")?, spec)
            }
        }
    }

    /// As text: `heuristic`, `increase_speed, then continue`.
    pub fn words(&self) -> String {
        match self {
            Self::Baseline(name) => name.clone(),
            Self::Choices(actions) => {
                let mut runs: Vec<(&str, usize)> = Vec::new();
                for action in actions {
                    match runs.last_mut() {
                        Some((name, times)) if name == action => *times += 1,
                        _ => runs.push((action, 1)),
                    }
                }
                let last = runs.len().saturating_sub(1);
                let word = |(index, (name, times)): (usize, &(&str, usize))| match times {
                    times if *times > 1 && index < last => format!("{name} × {times}"),
                    _ => (*name).to_owned(),
                };
                runs.iter().enumerate().map(word).collect::<Vec<_>>().join(", then ")
            }
            Self::Settings(settings) => settings.iter().map(setting_words).collect::<Vec<_>>().join(", "),
            Self::Constant { choices, settings } => {
                let choices = choices.iter().map(|(group, choice)| format!("{group} = {choice}"));
                choices.chain(settings.iter().map(setting_words)).collect::<Vec<_>>().join(", ")
            }
        }
    }
}

fn setting_words((name, value): &(String, f64)) -> String {
    format!("{name} = {value}")
}

/// Title, label and help of the error about an unknown name.
fn unknown(spec: &Spec, name: &str, known: &[&str], what: &str) -> (String, String, String) {
    (
        format!("process {} has no {what} `{name}`", spec.kind),
        suggestion(name, known, &format!("{what}s")),
        format!("{what}s of {}: {}", spec.kind, known.join(", ")),
    )
}

fn bind_baseline(name: &str, section: &Section<'_>, spec: &Spec) -> Result<(), Box<Diagnostic>> {
    let mut known = BASELINES.to_vec();
    // `heuristic` is the first heuristic of the process, if it has any.
    known.retain(|name| *name != "heuristic" || !spec.heuristics.is_empty());
    known.extend(spec.heuristics.iter().map(String::as_str));
    if known.contains(&name) {
        return Ok(());
    }
    let (title, label, help) = unknown(spec, name, &known, "baseline");
    Err(section.error("policy", &title, &label, &help))
}

fn bind_settings(
    settings: &[(String, f64)],
    section: &Section<'_>,
    spec: &Spec,
) -> Result<(), Box<Diagnostic>> {
    for (name, value) in settings {
        let Some(axis) = spec.action.axes.iter().find(|axis| axis.name == *name) else {
            let (title, label, help) = unknown(spec, name, &spec.action.axis_names(), "action");
            return Err(section.error_at_key(name, &title, &label, &help));
        };
        if !(f64::from(axis.low)..=f64::from(axis.high)).contains(value) {
            let title = format!("{value} lies outside the range of `{name}`");
            let label = format!("expected {} to {} {}", axis.low, axis.high, axis.unit);
            return Err(section.error(name, &title, &label, ""));
        }
    }
    Ok(())
}

fn bind_groups(
    choices: &[(String, String)],
    section: &Section<'_>,
    spec: &Spec,
) -> Result<(), Box<Diagnostic>> {
    for (name, choice) in choices {
        let Some(group) = spec.action.groups.iter().find(|group| group.name == *name) else {
            let known: Vec<&str> = spec.action.groups.iter().map(|group| group.name.as_str()).collect();
            let (title, label, help) = unknown(spec, name, &known, "group of choices");
            return Err(section.error_at_key(name, &title, &label, &help));
        };
        let known: Vec<&str> = group.choices.iter().map(|choice| choice.name.as_str()).collect();
        if !known.contains(&choice.as_str()) {
            let title = format!("`{name}` has no choice `{choice}`");
            let help = format!("choices of {name}: {}", known.join(", "));
            return Err(section.error(name, &title, &suggestion(choice, &known, "choices"), &help));
        }
    }
    Ok(())
}

pub(crate) fn to_toml(preference: &Preference) -> Table {
    let texts = |pairs: &[(String, String)]| {
        let entry = |(name, value): &(String, String)| (name.clone(), Value::String(value.clone()));
        Value::Table(pairs.iter().map(entry).collect())
    };
    let behaviour = |behaviour: &Behaviour| {
        Some(Value::Table(match behaviour {
            Behaviour::Baseline(name) => table([("policy", text(name))]),
            Behaviour::Choices(actions) => table([("actions", names(actions))]),
            Behaviour::Settings(settings) => table([("settings", Some(numbers(settings)))]),
            Behaviour::Constant { choices, settings } => table([
                ("choices", Some(texts(choices))),
                ("settings", (!settings.is_empty()).then(|| numbers(settings))),
            ]),
        }))
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
