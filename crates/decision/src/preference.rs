//! `[[scenario]]` with `prefer` and `over`: what the reward must like better, tried out by `setpoint check`.

use toml::{Table, Value};

use crate::Diagnostic;
use crate::diagnostic::suggestion;
use crate::evaluate::BASELINES;
use crate::section::{Range, Section};
use crate::spec::{ActionSpace, Spec};
use crate::table::{integer, names, numbers, table, text};

/// Of two ways to behave from the same beginnings the first must be paid more.
#[derive(Clone, Debug, PartialEq)]
pub struct Preference {
    /// Its name.
    pub name: String,
    /// Why it must be so.
    pub description: Option<String>,
    /// What must be paid more.
    pub prefer: Behaviour,
    /// What must be paid less.
    pub over: Behaviour,
    /// Steps that count; whole episodes where absent.
    pub steps: Option<u64>,
    /// Beginnings that both are tried from.
    pub episodes: u64,
}

/// A way to behave.
#[derive(Clone, Debug, PartialEq)]
pub enum Behaviour {
    /// `policy`: a baseline of the process, or `random`.
    Baseline(String),
    /// `actions`: choices one after another; the last is taken to the end.
    Choices(Vec<String>),
    /// `settings`: values of axes, held to the end; the other axes stand in the middle of their range.
    Settings(Vec<(String, f64)>),
}

/// Beginnings unless the file says otherwise.
const EPISODES: u64 = 100;

impl Preference {
    /// Reads the rest of a scenario whose name and description are known.
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
                "steps that count, from the beginning of an episode on",
            )?,
            episodes: section
                .integer("episodes", Range::between(2.0, 1e6), "beginnings that both are tried from")?
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
        const HELP: &str = "policy = \"heuristic\", actions = [\"continue\"] (the last one is taken to the end), or \
                            settings = { axis = value }";
        let section = scenario.table(key)?;
        if !section.is_present() {
            let title = format!("a scenario that prefers something needs `{key}` too");
            return Err(scenario.error(key, &title, &format!("expected {key} = {{ … }}"), HELP));
        }
        let policy = section.string("policy", "a baseline, or random")?;
        let actions = section.strings("actions", "choices, one after another")?;
        let settings = section.table("settings")?.numbers(&[], "value in the axis' unit")?;
        section.finish()?;
        match (policy, actions, settings.is_empty()) {
            (Some(policy), None, true) => Ok(Self::Baseline(policy)),
            (None, Some(actions), true) if !actions.is_empty() => Ok(Self::Choices(actions)),
            (None, None, false) => Ok(Self::Settings(settings)),
            _ => {
                let title = format!("`{key}` must say one way to behave");
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
                // `heuristic` is the first of a process's own, where it has any.
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

    /// In words: `heuristic`, `increase_speed, then continue`.
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
