//! `[evaluate]`: the evaluation of a policy, its baselines, and the gate.

use toml::{Table, Value};

use crate::Diagnostic;
use crate::curriculum::Curriculum;
use crate::diagnostic::suggestion;
use crate::planning::MPC;
use crate::safety::{Better, DIRECTIONS, Safety};
use crate::section::{Range, Section};
use crate::spec::{Spec, Termination};
use crate::table::{integer, names, table, text};

/// Baselines of every process; a process may offer more by name.
pub const BASELINES: &[&str] = &["random", "heuristic"];

/// The word of the return in `headline`.
const RETURN: &str = "return";
/// The unit of a return, which has no unit of its own.
const REWARD: &str = "reward";

/// The figure that the headline and the gate speak of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Headline {
    /// The return of an episode: more is better.
    Return,
    /// A signal of the process.
    Signal {
        /// Its name.
        name: String,
        /// Its better direction.
        better: Better,
    },
}

/// An amount with the unit that the file states, if it states a unit.
#[derive(Clone, Debug, PartialEq)]
pub struct Amount {
    /// The number, in that unit.
    pub value: f64,
    /// `uph` in `"5 uph"`.
    pub unit: Option<String>,
}

/// How many more episodes of the policy than of the baseline may end in failure.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum MoreFailures {
    /// As many as happen: `true`.
    Any,
    /// So many percentage points more; 0 by default, and for `false`.
    Points(f64),
}

/// The policy of a training that its policy file holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keep {
    /// That of the last update.
    Last,
    /// The best by the figure of the headline in the evaluations during the training.
    Best,
}

const KEEPS: &[(&str, Keep)] = &[("last", Keep::Last), ("best", Keep::Best)];

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
    /// The figure of the headline and of the gate; by default the return of an episode.
    pub headline: Headline,
    /// The gate of `run` and `eval`: the 95 % interval of the lift must lie at or above this, in percent of the baseline's figure.
    pub required_lift_percent: Option<f64>,
    /// The same in the unit of the headline: by so much must the policy be better.
    pub required_lift: Option<Amount>,
    /// How many more episodes may end in failure before the gate fails.
    pub allow_more_failures: MoreFailures,
    /// The meaning of an episode that the process ends, where the project states it.
    pub termination: Option<Termination>,
    /// Whether the policy takes its most probable action (or draws from its distribution).
    pub deterministic: bool,
    /// The level of the curriculum whose disturbances apply; by default the last level.
    pub level: Option<String>,
    /// Whether disturbances apply.
    pub disturbed: bool,
    /// Steps after which an episode without an end stops the evaluation with an error; by default the limit of the process,
    /// but at least 50,000.
    pub max_steps: Option<u32>,
    /// Environment steps between evaluations during the training; `None` for no such evaluations.
    pub every_steps: Option<u64>,
    /// The policy that the training keeps.
    pub keep: Keep,
}

impl Evaluate {
    /// The baseline of the gate. A plan in copies of the process shows what is possible, not what is required: it is the gate's
    /// baseline only if the project names it.
    pub fn against(&self) -> Option<&str> {
        let last = || self.baselines.iter().rfind(|name| *name != MPC).map(String::as_str);
        self.against.as_deref().or_else(last)
    }
}

const ENDS: &[(&str, Termination)] = &[("failure", Termination::Failure), ("goal", Termination::Goal)];

/// The headline: its direction is that of `[safety]`, if the signal stands there.
fn headline(section: &Section<'_>, safety: &Safety) -> Result<Headline, Box<Diagnostic>> {
    let name =
        section.string("headline", "\"return\", or the signal that the headline and the gate speak of")?;
    let stated =
        section.one_of("headline_better", DIRECTIONS, "the better direction of the headline's signal")?;
    let Some(name) = name.filter(|name| name != RETURN) else {
        return match stated {
            None => Ok(Headline::Return),
            Some(_) => {
                let title = "the return of an episode has no other direction: more is better";
                Err(section.error_at_key("headline_better", title, "", "name a signal as `headline`"))
            }
        };
    };
    let declared = safety.iter().find(|signal| signal.name == name).map(|signal| signal.better);
    match (stated, declared) {
        (Some(stated), Some(declared)) if stated != declared => {
            let title = format!("[safety] says that {} `{name}` is better", declared.word());
            Err(section.error("headline_better", &title, "this says the opposite", "correct the wrong word"))
        }
        (Some(better), _) | (None, Some(better)) => Ok(Headline::Signal { name, better }),
        (None, None) => {
            let title = format!("the headline `{name}` lacks its better direction");
            let help = "headline_better = \"lower\", or \"higher\"";
            Err(section.error("headline", &title, "", help))
        }
    }
}

/// `5.0` or `"5 uph"`.
fn required_lift(section: &Section<'_>) -> Result<Option<Amount>, Box<Diagnostic>> {
    const MEANING: &str = "by so much must the policy be better, in the unit of the headline";
    if !section.is_string("required_lift") {
        let value = section.number("required_lift", Range::any(), MEANING)?;
        return Ok(value.map(|value| Amount { value, unit: None }));
    }
    let Some(text) = section.string("required_lift", MEANING)? else { return Ok(None) };
    let (number, unit) = text.trim().split_once(' ').unwrap_or((text.trim(), ""));
    let unit = Some(unit.trim().to_owned()).filter(|unit| !unit.is_empty());
    match number.parse::<f64>() {
        Ok(value) if value.is_finite() => Ok(Some(Amount { value, unit })),
        _ => {
            let title = format!("`required_lift` cannot be \"{text}\"");
            let help = "required_lift = 5.0, or with a unit: required_lift = \"5 uph\"";
            Err(section.error("required_lift", &title, "expected a number, a blank and a unit", help))
        }
    }
}

fn allow_more_failures(section: &Section<'_>) -> Result<MoreFailures, Box<Diagnostic>> {
    const MEANING: &str =
        "true, or by how many percentage points more of the policy's episodes may end in failure";
    if section.is_boolean("allow_more_failures") {
        let any = section.boolean("allow_more_failures", MEANING)?.unwrap_or(false);
        return Ok(if any { MoreFailures::Any } else { MoreFailures::Points(0.0) });
    }
    let points = section.number("allow_more_failures", Range::between(0.0, 100.0), MEANING)?;
    Ok(MoreFailures::Points(points.unwrap_or(0.0)))
}

/// The baselines, and that of the gate if it is named.
fn read_baselines(section: &Section<'_>) -> Result<(Vec<String>, Option<String>), Box<Diagnostic>> {
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
    Ok((baselines, against))
}

fn read_level(
    section: &Section<'_>,
    curriculum: Option<&Curriculum>,
) -> Result<Option<String>, Box<Diagnostic>> {
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
    Ok(level)
}

pub(crate) fn read(
    section: &Section<'_>,
    curriculum: Option<&Curriculum>,
    safety: &Safety,
) -> Result<Evaluate, Box<Diagnostic>> {
    let episodes = Range::between(2.0, 1e6);
    let (baselines, against) = read_baselines(section)?;
    let level = read_level(section, curriculum)?;
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
            "least lift over the baseline, in percent of the baseline's figure",
        )?,
        headline: headline(section, safety)?,
        required_lift: required_lift(section)?,
        allow_more_failures: allow_more_failures(section)?,
        termination: section.one_of(
            "termination",
            ENDS,
            "the meaning of an episode that the process ends",
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
        every_steps: section.integer(
            "every_steps",
            Range::between(1.0, 1e15),
            "environment steps between evaluations during the training",
        )?,
        keep: section
            .one_of(
                "keep",
                KEEPS,
                "the policy that the training keeps: the last, or the best by the headline's figure",
            )?
            .unwrap_or(Keep::Last),
        baselines,
    };
    if evaluate.keep == Keep::Best && evaluate.every_steps.is_none() {
        let title = "to keep the best policy, the training must evaluate its policies";
        let help = "every_steps = 20_000, the steps between evaluations";
        return Err(section.error("keep", title, "there is no `every_steps`", help));
    }
    let required = [
        ("required_lift_percent", evaluate.required_lift_percent.is_some()),
        ("required_lift", evaluate.required_lift.is_some()),
    ];
    if let Some((key, _)) = required.iter().find(|(_, given)| *given && evaluate.against().is_none()) {
        let title = "a required lift needs a baseline";
        let help = "baselines = [\"heuristic\"]";
        return Err(section.error(key, title, "there is no baseline", help));
    }
    section.finish()?;
    Ok(evaluate)
}

impl Headline {
    /// The unit of its figure; `None` if the process has no such signal.
    pub fn unit<'a>(&self, spec: &'a Spec) -> Option<&'a str> {
        match self {
            Self::Return => Some(REWARD),
            Self::Signal { name, .. } => {
                spec.signals.iter().find(|signal| signal.name == *name).map(|signal| signal.summary_unit())
            }
        }
    }
}

/// Checks that the signal of the headline exists, and that the required lift has its unit.
fn bind_headline(evaluate: &Evaluate, section: &Section<'_>, spec: &Spec) -> Result<(), Box<Diagnostic>> {
    let Some(unit) = evaluate.headline.unit(spec) else {
        let Headline::Signal { name, .. } = &evaluate.headline else { return Ok(()) };
        let mut known: Vec<&str> = spec.signals.iter().map(|signal| signal.name.as_str()).collect();
        known.push(RETURN);
        let title = format!("process {} has no signal `{name}`", spec.kind);
        let help = format!("the headline may be {}", known.join(", "));
        return Err(section.error("headline", &title, &suggestion(name, &known, "signals"), &help));
    };
    match evaluate.required_lift.as_ref().and_then(|amount| amount.unit.as_ref()) {
        Some(stated) if stated != unit => {
            let title = format!("the headline has the unit {unit}, not {stated}");
            let help = format!("`required_lift` stands in the unit of the headline: \"5 {unit}\"");
            Err(section.error("required_lift", &title, &format!("expected {unit}"), &help))
        }
        _ => Ok(()),
    }
}

/// Checks that every baseline exists, and the headline.
pub(crate) fn bind(evaluate: &Evaluate, section: &Section<'_>, spec: &Spec) -> Result<(), Box<Diagnostic>> {
    let mut known: Vec<&str> = BASELINES.to_vec();
    known.push(MPC);
    known.extend(spec.heuristics.iter().map(String::as_str));
    for (index, name) in evaluate.baselines.iter().enumerate() {
        if !known.contains(&name.as_str()) {
            let label = suggestion(name, &known, "baselines");
            let title = format!("`{name}` is not a baseline of {}", spec.kind);
            let help = format!("baselines: {}", known.join(", "));
            return Err(section.error_in_list("baselines", index, &title, &label, &help));
        }
    }
    bind_headline(evaluate, section, spec)
}

pub(crate) fn to_toml(evaluate: &Evaluate) -> Table {
    // The keys of the gate are written where they differ from the default.
    let (headline, better) = match &evaluate.headline {
        Headline::Return => (None, None),
        Headline::Signal { name, better } => (text(name), text(better.word())),
    };
    let amount = |amount: &Amount| match &amount.unit {
        None => Value::Float(amount.value),
        Some(unit) => Value::String(format!("{} {unit}", amount.value)),
    };
    let failures = match evaluate.allow_more_failures {
        MoreFailures::Any => Some(Value::Boolean(true)),
        MoreFailures::Points(points) => Some(Value::Float(points)).filter(|_| points > 0.0),
    };
    let end = ENDS.iter().find(|(_, end)| Some(*end) == evaluate.termination);
    table([
        ("episodes", integer(u64::from(evaluate.episodes))),
        ("seed", integer(evaluate.seed)),
        ("baselines", names(&evaluate.baselines)),
        ("against", evaluate.against().and_then(text)),
        ("headline", headline),
        ("headline_better", better),
        ("required_lift_percent", evaluate.required_lift_percent.map(Value::Float)),
        ("required_lift", evaluate.required_lift.as_ref().map(amount)),
        ("allow_more_failures", failures),
        ("termination", end.and_then(|(word, _)| text(word))),
        ("deterministic", Some(Value::Boolean(evaluate.deterministic))),
        ("level", evaluate.level.as_deref().and_then(text)),
        ("disturbed", Some(Value::Boolean(evaluate.disturbed))),
        ("max_steps", evaluate.max_steps.and_then(|steps| integer(u64::from(steps)))),
        ("every_steps", evaluate.every_steps.and_then(integer)),
        ("keep", if evaluate.keep == Keep::Best { text("best") } else { None }),
    ])
}
