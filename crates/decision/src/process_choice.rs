//! `[process]`: the controlled process, and the length of its episodes.

use toml::{Table, Value};

use crate::Diagnostic;
use crate::section::{Range, Section};
use crate::spec::{Spec, is_bounded};
use crate::table::names;

/// The keys of `[process]` that every process has; the process reads its own keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProcessChoice {
    /// Its name; see `setpoint list processes`.
    pub kind: String,
    /// Steps after which an episode is truncated; by default the limit of the process.
    pub max_steps: Option<u32>,
    /// Features that the policy does not see.
    pub hide: Vec<String>,
}

pub(crate) fn read(section: &Section<'_>) -> Result<ProcessChoice, Box<Diagnostic>> {
    let steps = Range::between(1.0, f64::from(u32::MAX));
    let max_steps = section.integer("max_steps", steps, "steps after which an episode is truncated")?;
    let kind = section.string("kind", "the controlled process")?.ok_or_else(|| {
        section.error(
            "kind",
            "the project file names no process",
            "expected kind = \"…\" in [process]",
            "`setpoint list processes` shows the processes",
        )
    })?;
    let hide = section.strings("hide", "features that the policy does not see")?.unwrap_or_default();
    Ok(ProcessChoice { kind, max_steps: max_steps.map(|steps| steps as u32), hide })
}

/// Checks that every setting of the process has bounds: a policy scales its numbers to them.
pub(crate) fn bind(section: &Section<'_>, spec: &Spec) -> Result<(), Box<Diagnostic>> {
    let Some(axis) = spec.action.axes.iter().find(|axis| !is_bounded(axis.low, axis.high)) else {
        return Ok(());
    };
    let title = format!(
        "the setting `{}` of process {} has no bounds: it goes from {:e} to {:e}",
        axis.name, spec.kind, axis.low, axis.high
    );
    let help = "give it bounds in the process; a policy scales its numbers to them";
    Err(section.error("kind", &title, "expected bounds below 1e30 in size", help))
}

/// `written` is the table as the file holds it: the process has read and checked its own keys, so they are kept.
pub(crate) fn to_toml(process: &ProcessChoice, mut written: Table) -> Table {
    written.insert("kind".into(), Value::String(process.kind.clone()));
    if let Some(steps) = process.max_steps {
        written.insert("max_steps".into(), Value::Integer(i64::from(steps)));
    }
    if let Some(names) = names(&process.hide).filter(|_| !process.hide.is_empty()) {
        written.insert("hide".into(), names);
    }
    written
}
