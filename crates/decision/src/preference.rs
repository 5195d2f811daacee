//! `[[scenario]]` with `prefer` and `over`: the behaviour that the reward must prefer; `setpoint check` tests it.

use toml::{Table, Value};

use crate::Diagnostic;
use crate::diagnostic::suggestion;
use crate::evaluate::BASELINES;
use crate::section::{Range, Section};
use crate::spec::{ActionSpace, Spec};
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
    /// `settings`: constant values of axes; the other axes have the middle of their range.
    Settings(Vec<(String, f64)>),
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
        const HELP: &str = "policy = \"heuristic\", actions = [\"continue\"] (the last choice repeats to the end), or \
                            settings = { axis = value }";
        let section = scenario.table(key)?;
        if !section.is_present() {
            let title = format!("a scenario that prefers something needs `{key}` too");
            return Err(scenario.error(key, &title, &format!("expected {key} = {{ … }}"), HELP));
        }
        let policy = section.string("policy", "a baseline, or random")?;
        let actions = section.strings("actions", "a sequence of choices")?;
        let settings = section.table("settings")?.numbers(&[], "value in the axis' unit")?;
        section.finish()?;
        match (policy, actions, settings.is_empty()) {
            (Some(policy), None, true) => Ok(Self::Baseline(policy)),
            (None, Some(actions), true) if !actions.is_empty() => Ok(Self::Choices(actions)),
            (None, None, false) => Ok(Self::Settings(settings)),
            _ => {
                let title = format!("`{key}` must name one behaviour");
                Err(scenario.error_at_key(key, &title, "expected one of policy, actions and settings", HELP))
            }
        }
    }

    fn bind(&self, section: &Section<'_>, spec: &Spec) -> Result<(), Box<Diagnostic>> {
        let names = spec.action.names();
        let unknown = |name: &str, known: &[&str], what: &str| {
            (
                format!("process {} has no {what} `{name}`", spec.kind),
                suggestion(name, known, &format!("{what}s")),
                format!("{what}s of {}: {}", spec.kind, known.join(", ")),
            )
        };
        match (self, &spec.action) {
            (Self::Baseline(name), _) => {
                let mut known = BASELINES.to_vec();
                // `heuristic` is the first heuristic of the process, if it has any.
                known.retain(|name| *name != "heuristic" || !spec.heuristics.is_empty());
                known.extend(spec.heuristics.iter().map(String::as_str));
                if !known.contains(&name.as_str()) {
                    let (title, label, help) = unknown(name, &known, "baseline");
                    return Err(section.error("policy", &title, &label, &help));
                }
            }
            (Self::Choices(actions), ActionSpace::Discrete { .. }) => {
                for (index, action) in actions.iter().enumerate() {
                    if !names.contains(&action.as_str()) {
                        let (title, label, help) = unknown(action, &names, "action");
                        return Err(section.error_in_list("actions", index, &title, &label, &help));
                    }
                }
            }
            (Self::Settings(settings), ActionSpace::Continuous { axes }) => {
                let section = section.table("settings")?;
                for (name, value) in settings {
                    let Some(axis) = axes.iter().find(|axis| axis.name == *name) else {
                        let (title, label, help) = unknown(name, &names, "action");
                        return Err(section.error_at_key(name, &title, &label, &help));
                    };
                    if !(f64::from(axis.low)..=f64::from(axis.high)).contains(value) {
                        let title = format!("{value} lies outside the range of `{name}`");
                        let label = format!("expected {} to {} {}", axis.low, axis.high, axis.unit);
                        return Err(section.error(name, &title, &label, ""));
                    }
                }
            }
            (Self::Choices(_), ActionSpace::Continuous { .. }) => {
                let title = format!("the actions of {} are settings, not choices", spec.kind);
                let help = format!("for example: settings = {{ {} = … }}", names[0]);
                return Err(section.error_at_key("actions", &title, "expected settings = { … }", &help));
            }
            (Self::Settings(_), ActionSpace::Discrete { .. }) => {
                let title = format!("the actions of {} are choices, not settings", spec.kind);
                let help = format!("for example: actions = [\"{}\"]", names[0]);
                return Err(section.error_at_key("settings", &title, "expected actions = [names]", &help));
            }
        }
        Ok(())
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
            Self::Settings(settings) => {
                let word = |(name, value): &(String, f64)| format!("{name} = {value}");
                settings.iter().map(word).collect::<Vec<_>>().join(", ")
            }
        }
    }
}

pub(crate) fn to_toml(preference: &Preference) -> Table {
    let behaviour = |behaviour: &Behaviour| {
        let (key, value) = match behaviour {
            Behaviour::Baseline(name) => ("policy", text(name)),
            Behaviour::Choices(actions) => ("actions", names(actions)),
            Behaviour::Settings(settings) => ("settings", Some(numbers(settings))),
        };
        Some(Value::Table(table([(key, value)])))
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
