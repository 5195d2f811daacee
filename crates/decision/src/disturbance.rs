//! `[[disturbance]]`: the difficulties of the plant that a clean simulator does not have.
//!
//! The size of a sensor's error is a share of a feature's span (its range in the spec), like the accuracy classes of
//! instruments (IEC 60051), or is in the feature's own unit with `unit = "natural"`. Every size is one number, or a list
//! with one number per level of the curriculum.

use toml::{Table, Value};

use crate::Diagnostic;
use crate::section::{Range, Section};
use crate::spec::{ActionSpace, ChoiceGroup, Feature};

mod bind;

pub(crate) use self::bind::bind;

type Checked<T> = Result<T, Box<Diagnostic>>;

/// A magnitude at each level; one number holds for all levels.
#[derive(Clone, Debug, PartialEq)]
pub struct Levels(pub Vec<f64>);

impl Levels {
    /// The magnitude at a level, counted from 0.
    pub fn at(&self, level: usize) -> f64 {
        self.0[level.min(self.0.len() - 1)]
    }

    /// The greatest magnitude of all levels.
    pub fn most(&self) -> f64 {
        self.0.iter().copied().fold(f64::NEG_INFINITY, f64::max)
    }

    fn to_toml(&self) -> Value {
        match self.0.as_slice() {
            [one] => (*one).into(),
            all => all.to_vec().into(),
        }
    }
}

/// The error of a sensor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SensorError {
    /// `noise`: a normal error of this standard deviation in every sample.
    Noise,
    /// `bias`: a constant error, drawn for every episode from U(−most, most).
    Bias,
    /// `drift`: an error that grows by this much a step, in a direction drawn for every episode.
    Drift,
    /// `quantisation`: values are rounded to whole multiples of this.
    Quantisation,
}

/// How a parameter is drawn for every episode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Distribution {
    /// Evenly between `low` and `high`.
    Uniform,
    /// Its logarithm evenly between those of `low` and `high`.
    LogUniform,
    /// Normal with `mean` and `sd`, cut to the parameter's range.
    Normal,
}

/// One difficulty of the plant that the simulator does not have.
#[derive(Clone, Debug, PartialEq)]
pub enum Disturbance {
    /// A sensor has an error.
    Sensor {
        /// The kind of the error.
        error: SensorError,
        /// The size of the error.
        size: Levels,
        /// Whether sizes are in the features' units (else in shares of their spans).
        natural: bool,
        /// The features; empty means all.
        features: Vec<String>,
    },
    /// `observation-delay`: the policy sees the state of some steps before.
    ObservationDelay {
        /// Whole steps.
        steps: Levels,
    },
    /// `actuation-delay`: an action takes effect some steps after the decision.
    ActuationDelay {
        /// Whole steps.
        steps: Levels,
        /// The choice until the first action arrives, of each group; by default one such as `no_action`.
        idle: Vec<String>,
    },
    /// `dropout`: samples are lost; the policy sees the last sample that arrived instead.
    Dropout {
        /// Probability per step (and feature) that a loss begins.
        probability: Levels,
        /// Mean length of a loss, in steps (geometric).
        mean_steps: f64,
        /// Whether all features are lost at once.
        together: bool,
        /// The features; empty means all.
        features: Vec<String>,
    },
    /// `randomisation`: a parameter of the process is drawn for every episode.
    Randomisation {
        /// Name of the parameter.
        parameter: String,
        /// Its distribution.
        distribution: Distribution,
        /// `low` or `mean`.
        first: Levels,
        /// `high` or `sd`.
        second: Levels,
    },
    /// `event`: a change of the process for some steps.
    Event {
        /// Probability per step that it begins.
        probability: Levels,
        /// Mean length, in steps (geometric).
        mean_steps: f64,
        /// Parameters and their values during the event.
        set: Vec<(String, f64)>,
        /// Whether actions have no effect during the event; the idle choice acts instead.
        actions_lost: bool,
        /// See [`Disturbance::ActuationDelay`].
        idle: Vec<String>,
    },
}

impl Disturbance {
    /// Its word in the project file.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Sensor { error: SensorError::Noise, .. } => "noise",
            Self::Sensor { error: SensorError::Bias, .. } => "bias",
            Self::Sensor { error: SensorError::Drift, .. } => "drift",
            Self::Sensor { error: SensorError::Quantisation, .. } => "quantisation",
            Self::ObservationDelay { .. } => "observation-delay",
            Self::ActuationDelay { .. } => "actuation-delay",
            Self::Dropout { .. } => "dropout",
            Self::Randomisation { .. } => "randomisation",
            Self::Event { .. } => "event",
        }
    }
}

const KINDS: &[&str] = &[
    "noise",
    "bias",
    "drift",
    "quantisation",
    "observation-delay",
    "actuation-delay",
    "dropout",
    "randomisation",
    "event",
];

fn magnitude(
    section: &Section<'_>,
    key: &'static str,
    range: Range,
    levels: usize,
    meaning: &'static str,
) -> Checked<Option<Levels>> {
    let values = if section.is_list(key) {
        let values = section.number_list(key, range, meaning)?.unwrap_or_default();
        if values.len() != levels || levels == 1 {
            let title = format!(
                "`{key}` has {} {} for {levels} {}",
                values.len(),
                plural(values.len(), "value"),
                plural(levels, "level")
            );
            let help = if levels == 1 {
                "a list needs levels: [curriculum] levels = [\"easy\", \"hard\"]"
            } else {
                "one number per level of [curriculum], or one number for all levels"
            };
            return Err(section.error(key, &title, &format!("expected {levels}, or one number"), help));
        }
        values
    } else {
        match section.number(key, range, meaning)? {
            None => return Ok(None),
            Some(value) => vec![value],
        }
    };
    Ok(Some(Levels(values)))
}

pub(crate) fn plural(count: usize, word: &str) -> String {
    if count == 1 { word.to_owned() } else { format!("{word}s") }
}

pub(crate) fn read(section: &Section<'_>, levels: usize) -> Checked<Disturbance> {
    let kind = section.choice("kind", KINDS, "the kind of the disturbance")?.ok_or_else(|| {
        let help = "for example: kind = \"noise\", sd = 0.02";
        section.error(
            "kind",
            "a disturbance has no kind",
            &format!("expected one of {}", KINDS.join(", ")),
            help,
        )
    })?;
    let need = |key: &'static str, range: Range, meaning: &'static str| -> Checked<Levels> {
        magnitude(section, key, range, levels, meaning)?.ok_or_else(|| {
            let title = format!("`{kind}` needs `{key}`");
            section.error("kind", &title, &format!("expected {key} = … in the same table"), meaning)
        })
    };
    let features = || -> Checked<Vec<String>> {
        Ok(section
            .strings("features", "the features with the disturbance; all features by default")?
            .unwrap_or_default())
    };
    let sensor = |error: SensorError, key: &'static str, meaning: &'static str| -> Checked<Disturbance> {
        let words = ["span", "natural"];
        let unit = section.choice(
            "unit",
            &words,
            "unit of the sizes: shares of a feature's span, or its own unit",
        )?;
        Ok(Disturbance::Sensor {
            error,
            size: need(key, Range::at_least(0.0), meaning)?,
            natural: unit == Some("natural"),
            features: features()?,
        })
    };
    let whole_steps = || -> Checked<Levels> {
        let steps = need("steps", Range::between(0.0, 1000.0), "whole decision steps")?;
        if steps.0.iter().any(|steps| steps.fract() != 0.0) {
            return Err(section.error(
                "steps",
                "a delay is counted in whole steps",
                "expected whole numbers",
                "",
            ));
        }
        Ok(steps)
    };
    let disturbance = match kind {
        "noise" => sensor(SensorError::Noise, "sd", "standard deviation of the error of a sample")?,
        "bias" => sensor(SensorError::Bias, "most", "greatest constant error, drawn for every episode")?,
        "drift" => sensor(SensorError::Drift, "per_step", "growth of the error per step")?,
        "quantisation" => sensor(SensorError::Quantisation, "step", "the values are whole multiples of it")?,
        "observation-delay" => Disturbance::ObservationDelay { steps: whole_steps()? },
        "actuation-delay" => Disturbance::ActuationDelay { steps: whole_steps()?, idle: idle(section)? },
        "dropout" => Disturbance::Dropout {
            probability: probability(&need)?,
            mean_steps: mean_steps(section, 1.0)?,
            together: section.boolean("together", "whether all features are lost at once")?.unwrap_or(false),
            features: features()?,
        },
        "randomisation" => read_randomisation(section, &need)?,
        _ => read_event(section, &need)?,
    };
    section.finish()?;
    Ok(disturbance)
}

/// Reads a key that a disturbance needs.
type Need<'a> = dyn Fn(&'static str, Range, &'static str) -> Checked<Levels> + 'a;

fn probability(need: &Need<'_>) -> Checked<Levels> {
    need("probability", Range::between(0.0, 1.0), "probability per step that it begins")
}

fn mean_steps(section: &Section<'_>, default: f64) -> Checked<f64> {
    let range = Range::between(1.0, 1e6);
    Ok(section.number("mean_steps", range, "mean length in steps")?.unwrap_or(default))
}

/// One name, or a list of them where the process has several groups of choices.
fn idle(section: &Section<'_>) -> Checked<Vec<String>> {
    let meaning = "the choice that acts while no other choice arrives";
    Ok(if section.is_list("idle") {
        section.strings("idle", meaning)?.unwrap_or_default()
    } else {
        section.string("idle", meaning)?.into_iter().collect()
    })
}

fn read_event(section: &Section<'_>, need: &Need<'_>) -> Checked<Disturbance> {
    let set = section.table("set")?.numbers(&[], "value of a parameter during the event")?;
    let actions_lost =
        section.boolean("actions_lost", "whether actions have no effect during the event")?.unwrap_or(false);
    if set.is_empty() && !actions_lost {
        let help = "for example: set = { micro_stop_rate = 0.9 }, or actions_lost = true";
        return Err(section.error("kind", "an event that changes nothing", "expected set = { … }", help));
    }
    Ok(Disturbance::Event {
        probability: probability(need)?,
        mean_steps: mean_steps(section, 10.0)?,
        set,
        actions_lost,
        idle: idle(section)?,
    })
}

fn read_randomisation(section: &Section<'_>, need: &Need<'_>) -> Checked<Disturbance> {
    let parameter = section.string("parameter", "a number of the process's dynamics")?.ok_or_else(|| {
        let help = "`setpoint list processes KIND` shows its parameters";
        section.error("kind", "a randomisation names no parameter", "expected parameter = \"…\"", help)
    })?;
    let words = ["uniform", "log-uniform", "normal"];
    let word =
        section.choice("distribution", &words, "the distribution of the parameter")?.unwrap_or("uniform");
    let (distribution, first, second) = match word {
        "normal" => (
            Distribution::Normal,
            need("mean", Range::any(), "mean of the parameter")?,
            need("sd", Range::at_least(0.0), "standard deviation of the parameter")?,
        ),
        word => {
            let low = need("low", Range::any(), "least value of the parameter")?;
            let high = need("high", Range::any(), "greatest value of the parameter")?;
            let log = word == "log-uniform";
            let entries = low.0.len().max(high.0.len());
            if (0..entries).any(|level| low.at(level) > high.at(level)) {
                return Err(section.error(
                    "low",
                    "a range whose ends exclude each other",
                    "low must not be above high",
                    "",
                ));
            }
            if log && low.0.iter().any(|low| *low <= 0.0) {
                let label = "expected a number greater than 0";
                return Err(section.error("low", "a logarithm needs positive numbers", label, ""));
            }
            (if log { Distribution::LogUniform } else { Distribution::Uniform }, low, high)
        }
    };
    Ok(Disturbance::Randomisation { parameter, distribution, first, second })
}

/// A span beyond this is the range of a number type, not of an instrument.
const SPAN_MAX: f32 = 1e9;

/// A feature's span, as the policy sees it; `None` if it has no finite span.
pub fn span(feature: &Feature) -> Option<f32> {
    let span = feature.high - feature.low;
    (span.is_finite() && span < SPAN_MAX).then_some(span)
}

/// For each group the index of the choice that acts while no other choice arrives: one that is named, or one with a usual
/// name.
///
/// # Errors
/// The first group that has neither.
pub fn idle_choices<'s>(space: &'s ActionSpace, named: &[String]) -> Result<Vec<u32>, &'s ChoiceGroup> {
    let usual =
        ["no_action", "no_op", "noop", "wait", "idle", "none", "hold", "coast", "torque_none", "stay"];
    let of_group = |group: &'s ChoiceGroup| {
        let mut wanted = named.iter().map(String::as_str).chain(usual);
        let place = |wanted: &str| group.choices.iter().position(|choice| choice.name == wanted);
        wanted.find_map(place).map(|place| place as u32).ok_or(group)
    };
    space.groups.iter().map(of_group).collect()
}

fn insert_idle(insert: &mut impl FnMut(&str, Value), idle: &[String]) {
    match idle {
        [] => {}
        [only] => insert("idle", only.clone().into()),
        several => insert("idle", Value::Array(several.iter().cloned().map(Value::String).collect())),
    }
}

pub(crate) fn to_toml(disturbance: &Disturbance) -> Table {
    let mut table = Table::new();
    let mut insert = |key: &str, value: Value| {
        table.insert(key.to_owned(), value);
    };
    let names = |names: &[String]| Value::Array(names.iter().cloned().map(Value::String).collect());
    insert("kind", disturbance.kind().into());
    match disturbance {
        Disturbance::Sensor { error, size, natural, features } => {
            let key = match error {
                SensorError::Noise => "sd",
                SensorError::Bias => "most",
                SensorError::Drift => "per_step",
                SensorError::Quantisation => "step",
            };
            insert(key, size.to_toml());
            insert("unit", if *natural { "natural" } else { "span" }.into());
            if !features.is_empty() {
                insert("features", names(features));
            }
        }
        Disturbance::ObservationDelay { steps } => {
            insert("steps", steps.to_toml());
        }
        Disturbance::ActuationDelay { steps, idle } => {
            insert("steps", steps.to_toml());
            insert_idle(&mut insert, idle);
        }
        Disturbance::Dropout { probability, mean_steps, together, features } => {
            insert("probability", probability.to_toml());
            insert("mean_steps", (*mean_steps).into());
            insert("together", (*together).into());
            if !features.is_empty() {
                insert("features", names(features));
            }
        }
        Disturbance::Randomisation { parameter, distribution, first, second } => {
            let (word, low, high) = match distribution {
                Distribution::Uniform => ("uniform", "low", "high"),
                Distribution::LogUniform => ("log-uniform", "low", "high"),
                Distribution::Normal => ("normal", "mean", "sd"),
            };
            insert("parameter", parameter.clone().into());
            insert("distribution", word.into());
            insert(low, first.to_toml());
            insert(high, second.to_toml());
        }
        Disturbance::Event { probability, mean_steps, set, actions_lost, idle } => {
            insert("probability", probability.to_toml());
            insert("mean_steps", (*mean_steps).into());
            if !set.is_empty() {
                insert(
                    "set",
                    Value::Table(set.iter().map(|(name, value)| (name.clone(), (*value).into())).collect()),
                );
            }
            insert("actions_lost", (*actions_lost).into());
            insert_idle(&mut insert, idle);
        }
    }
    table
}
