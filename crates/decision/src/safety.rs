//! `[safety]`: signals that must not get worse while the reward rises.

use serde::{Deserialize, Serialize};
use toml::{Table, Value};

use crate::Diagnostic;
use crate::diagnostic::suggestion;
use crate::section::Section;
use crate::spec::Spec;
use crate::table::table;

/// The better direction of a signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Better {
    /// `"lower"`: failures, wear, costs.
    Lower,
    /// `"higher"`: margins, quality.
    Higher,
}

impl Better {
    /// As the project file writes it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Lower => "lower",
            Self::Higher => "higher",
        }
    }
}

/// A signal that must not get worse while the reward rises.
#[derive(Clone, Debug, PartialEq)]
pub struct SafetySignal {
    /// Its name.
    pub name: String,
    /// Its better direction.
    pub better: Better,
    /// By how much it may be worse than the baseline, in the unit of the evaluation (percentage points for a share); 0 or more.
    pub margin: f64,
}

/// The signals in the order of the file, those with a margin last.
pub type Safety = Vec<SafetySignal>;

const EXAMPLE: &str = "failure_prob = \"lower\", or failure_prob = { better = \"lower\", margin = 0.01 } to allow that much more";

pub(crate) fn read(section: &Section<'_>) -> Result<Safety, Box<Diagnostic>> {
    let read = |(name, value): (String, Value)| {
        let wrong = |found: &str, label: &str| {
            let title = format!("`{name}` of [safety] {found}");
            section.error(
                &name,
                &title,
                label,
                &format!("state the better direction of the signal: {EXAMPLE}"),
            )
        };
        let direction = |value: Option<&Value>| {
            let word = value.and_then(Value::as_str);
            let known = DIRECTIONS.iter().find(|(name, _)| Some(*name) == word);
            known.map(|(_, better)| *better).ok_or_else(|| {
                let found = value.map_or("lacks `better`".to_owned(), |value| format!("cannot be {value}"));
                wrong(&found, EXPECTED)
            })
        };
        let Value::Table(table) = &value else {
            let better = direction(Some(&value))?;
            return Ok(SafetySignal { name, better, margin: 0.0 });
        };
        if let Some(key) = table.keys().find(|key| !["better", "margin"].contains(&key.as_str())) {
            return Err(wrong(&format!("has no key `{key}`"), "expected the keys `better` and `margin`"));
        }
        let better = direction(table.get("better"))?;
        let margin = match table.get("margin") {
            None => 0.0,
            Some(value) => {
                let number = value.as_float().or_else(|| value.as_integer().map(|whole| whole as f64));
                number.filter(|margin| *margin >= 0.0).ok_or_else(|| {
                    wrong(
                        &format!("cannot have the margin {value}"),
                        "expected a number of at least 0 as `margin`",
                    )
                })?
            }
        };
        Ok(SafetySignal { name, better, margin })
    };
    let mut safety = section.contents()?.into_iter().map(read).collect::<Result<Safety, _>>()?;
    // TOML writes tables behind plain values: the resolved file keeps this order.
    safety.sort_by_key(|signal| signal.margin > 0.0);
    Ok(safety)
}

/// The words of a project file for the better direction.
pub(crate) const DIRECTIONS: &[(&str, Better)] = &[("lower", Better::Lower), ("higher", Better::Higher)];
const EXPECTED: &str = "expected \"lower\" or \"higher\"";

pub(crate) fn bind(safety: &Safety, section: &Section<'_>, spec: &Spec) -> Result<(), Box<Diagnostic>> {
    let known: Vec<&str> = spec.signals.iter().map(|signal| signal.name.as_str()).collect();
    match safety.iter().find(|signal| !known.contains(&signal.name.as_str())) {
        None => Ok(()),
        Some(SafetySignal { name, .. }) => {
            let title = format!("process {} has no signal `{name}`", spec.kind);
            let label = suggestion(name, &known, "signals");
            let help = format!("signals of {}: {}", spec.kind, known.join(", "));
            Err(section.error_at_key(name, &title, &label, &help))
        }
    }
}

pub(crate) fn to_toml(safety: &Safety) -> Table {
    let value = |signal: &SafetySignal| {
        let better = Value::String(signal.better.word().to_owned());
        if signal.margin == 0.0 {
            return better;
        }
        Value::Table(table([("better", Some(better)), ("margin", Some(Value::Float(signal.margin)))]))
    };
    safety.iter().map(|signal| (signal.name.clone(), value(signal))).collect()
}
