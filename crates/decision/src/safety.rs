//! `[safety]`: signals that must not get worse while the reward rises.

use toml::{Table, Value};

use crate::Diagnostic;
use crate::diagnostic::suggestion;
use crate::section::Section;
use crate::spec::Spec;

/// The better direction of a signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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

/// Signals and the better direction of each, in the order of the file.
pub type Safety = Vec<(String, Better)>;

pub(crate) fn read(section: &Section<'_>) -> Result<Safety, Box<Diagnostic>> {
    let read = |(name, value): (String, Value)| match value.as_str() {
        Some("lower") => Ok((name, Better::Lower)),
        Some("higher") => Ok((name, Better::Higher)),
        _ => {
            let title = format!("`{name}` of [safety] cannot be {value}");
            let help = "state the better direction of the signal: failure_prob = \"lower\"";
            Err(section.error(&name, &title, "expected \"lower\" or \"higher\"", help))
        }
    };
    section.contents()?.into_iter().map(read).collect()
}

pub(crate) fn bind(safety: &Safety, section: &Section<'_>, spec: &Spec) -> Result<(), Box<Diagnostic>> {
    let known: Vec<&str> = spec.signals.iter().map(|signal| signal.name.as_str()).collect();
    match safety.iter().find(|(name, _)| !known.contains(&name.as_str())) {
        None => Ok(()),
        Some((name, _)) => {
            let title = format!("process {} has no signal `{name}`", spec.kind);
            let label = suggestion(name, &known, "signals");
            let help = format!("signals of {}: {}", spec.kind, known.join(", "));
            Err(section.error_at_key(name, &title, &label, &help))
        }
    }
}

pub(crate) fn to_toml(safety: &Safety) -> Table {
    safety.iter().map(|(name, better)| (name.clone(), Value::String(better.word().to_owned()))).collect()
}
