//! `[evaluate]`: the evaluation of a policy, its baselines, and the gate.

use toml::{Table, Value};

use crate::Diagnostic;
use crate::curriculum::Curriculum;
use crate::diagnostic::suggestion;
use crate::section::{Range, Section};
use crate::spec::Spec;
use crate::table::{integer, names, table, text};

/// Baselines of every process; a process may offer more by name.
pub const BASELINES: &[&str] = &["random", "heuristic"];

/// `[evaluate]`
#[derive(Clone, Debug, PartialEq)]
pub struct Evaluate {
    /// Episodes per seed.
    pub episodes: u32,
    /// First seed. Policy and baselines get the same seeds; training never uses these seeds.
    pub seed: u64,
    /// The baselines.
    pub baselines: Vec<String>,
    /// The baseline of the gate; one of `baselines`, by default the last.
    pub against: Option<String>,
    /// The gate of `run` and `eval`: the lift's 95 % interval must lie above this, in percent of reward per step.
    pub required_lift_percent: Option<f64>,
    /// Whether the policy takes its most probable action (or draws from its distribution).
    pub deterministic: bool,
    /// The level of the curriculum whose disturbances apply; by default the last level.
    pub level: Option<String>,
    /// Whether disturbances apply.
    pub disturbed: bool,
    /// Steps after which an episode without an end stops the evaluation with an error; by default the limit of the process,
    /// but at least 50,000.
    pub max_steps: Option<u32>,
}

impl Evaluate {
    /// The baseline of the gate.
    pub fn against(&self) -> Option<&str> {
        self.against.as_deref().or_else(|| self.baselines.last().map(String::as_str))
    }
}

pub(crate) fn read(
    section: &Section<'_>,
    curriculum: Option<&Curriculum>,
) -> Result<Evaluate, Box<Diagnostic>> {
    let episodes = Range::between(2.0, 1e6);
    let baselines = section.strings("baselines", "the baselines to compare the policy with")?;
    let baselines =
        baselines.unwrap_or_else(|| BASELINES.iter().map(|baseline| (*baseline).to_owned()).collect());
    for (index, name) in baselines.iter().enumerate() {
        if baselines[..index].contains(name) {
            let title = format!("`{name}` is listed twice");
            return Err(section.error_in_list("baselines", index, &title, "list it once", ""));
        }
    }
    let against = section.string("against", "the baseline of the gate")?;
    if let Some(name) = against.as_ref().filter(|name| !baselines.contains(name)) {
        let title = format!("`{name}` is not among the baselines of this project");
        let label = format!("expected one of {}", baselines.join(", "));
        return Err(section.error("against", &title, &label, "add it to `baselines`"));
    }
    let level = section.string("level", "the level of the curriculum for the evaluation")?;
    if let Some(name) = &level {
        let levels: Vec<&str> =
            curriculum.iter().flat_map(|curriculum| &curriculum.levels).map(String::as_str).collect();
        if !levels.contains(&name.as_str()) {
            let title = format!("there is no level `{name}`");
            let label = suggestion(name, &levels, "levels");
            return Err(section.error("level", &title, &label, "levels are named in [curriculum]"));
        }
    }
    let evaluate = Evaluate {
        level,
        disturbed: section.boolean("disturbed", "whether the [[disturbance]] tables apply")?.unwrap_or(true),
        episodes: section.integer("episodes", episodes, "episodes per seed")?.unwrap_or(100) as u32,
        seed: section
            .integer("seed", Range::between(0.0, 9e15), "first evaluation seed")?
            .unwrap_or(1_000_000),
        against,
        required_lift_percent: section.number(
            "required_lift_percent",
            Range::between(-100.0, 1e6),
            "least lift over the baseline, in percent of reward per step",
        )?,
        max_steps: section
            .integer(
                "max_steps",
                Range::between(1.0, f64::from(u32::MAX)),
                "steps after which an episode without an end is an error",
            )?
            .map(|steps| steps as u32),
        deterministic: section
            .boolean("deterministic", "take the most probable action instead of drawing one")?
            .unwrap_or(true),
        baselines,
    };
    if evaluate.required_lift_percent.is_some() && evaluate.baselines.is_empty() {
        let title = "a required lift needs a baseline";
        let help = "baselines = [\"heuristic\"]";
        return Err(section.error("required_lift_percent", title, "there is no baseline", help));
    }
    section.finish()?;
    Ok(evaluate)
}

/// Checks that every baseline exists.
pub(crate) fn bind(evaluate: &Evaluate, section: &Section<'_>, spec: &Spec) -> Result<(), Box<Diagnostic>> {
    let mut known: Vec<&str> = BASELINES.to_vec();
    known.extend(spec.heuristics.iter().map(String::as_str));
    for (index, name) in evaluate.baselines.iter().enumerate() {
        if !known.contains(&name.as_str()) {
            let label = suggestion(name, &known, "baselines");
            let title = format!("`{name}` is not a baseline of {}", spec.kind);
            let help = format!("baselines: {}", known.join(", "));
            return Err(section.error_in_list("baselines", index, &title, &label, &help));
        }
    }
    Ok(())
}

pub(crate) fn to_toml(evaluate: &Evaluate) -> Table {
    table([
        ("episodes", integer(u64::from(evaluate.episodes))),
        ("seed", integer(evaluate.seed)),
        ("baselines", names(&evaluate.baselines)),
        ("against", evaluate.against().and_then(text)),
        ("required_lift_percent", evaluate.required_lift_percent.map(Value::Float)),
        ("deterministic", Some(Value::Boolean(evaluate.deterministic))),
        ("level", evaluate.level.as_deref().and_then(text)),
        ("disturbed", Some(Value::Boolean(evaluate.disturbed))),
        ("max_steps", evaluate.max_steps.and_then(|steps| integer(u64::from(steps)))),
    ])
}
