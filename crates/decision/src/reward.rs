//! `[reward]`: the weight of each signal, and amounts on events.

use toml::{Table, Value};

use crate::Diagnostic;
use crate::diagnostic::nearest;
use crate::section::{Range, Section};
use crate::spec::Spec;

/// `[reward]`: signals × weights, and one-off amounts on events.
#[derive(Clone, Debug, PartialEq)]
pub struct Reward {
    /// Signal and weight per unit of the signal, in the order of the file.
    pub terms: Vec<(String, f64)>,
    /// Added once when an episode terminates.
    pub on_terminated: f64,
    /// Added once when an episode is truncated.
    pub on_truncated: f64,
}

pub(crate) fn read(section: &Section<'_>, kind: &str) -> Result<Reward, Box<Diagnostic>> {
    let event = |key, meaning| -> Result<f64, Box<Diagnostic>> {
        Ok(section.number(key, Range::any(), meaning)?.unwrap_or(0.0))
    };
    let reward = Reward {
        on_terminated: event("on_terminated", "added once when an episode terminates")?,
        on_truncated: event("on_truncated", "added once when an episode is truncated")?,
        terms: section.numbers(
            &["on_terminated", "on_truncated"],
            "weight: reward per unit of the signal; `setpoint list processes` shows signals and units",
        )?,
    };
    if reward.terms.is_empty() && reward.on_terminated == 0.0 && reward.on_truncated == 0.0 {
        return Err(section.error(
            "reward",
            "the project file has no reward term",
            "expected signals and weights in [reward]",
            &format!("`setpoint list processes {kind}` shows the signals that can have a weight"),
        ));
    }
    Ok(reward)
}

/// Checks that every term is a signal of the process.
pub(crate) fn bind(reward: &Reward, section: &Section<'_>, spec: &Spec) -> Result<(), Box<Diagnostic>> {
    for (name, _) in &reward.terms {
        if spec.signals.iter().any(|signal| signal.name == *name) {
            continue;
        }
        let known: Vec<&str> = spec.signals.iter().map(|signal| signal.name.as_str()).collect();
        let with_units = spec.signals.iter().map(|signal| format!("{} ({})", signal.name, signal.unit));
        let help = format!(
            "signals of {}: {}; events: on_terminated, on_truncated",
            spec.kind,
            with_units.collect::<Vec<_>>().join(", ")
        );
        let mut near = known.clone();
        near.extend(["on_terminated", "on_truncated"]);
        let label = nearest(name, near).map_or_else(
            || "not a signal of this process".to_owned(),
            |near| format!("did you mean `{near}`?"),
        );
        let title = format!("process {} has no signal `{name}`", spec.kind);
        return Err(section.error_at_key(name, &title, &label, &help));
    }
    Ok(())
}

pub(crate) fn to_toml(reward: &Reward) -> Table {
    let mut table: Table =
        reward.terms.iter().map(|(name, weight)| (name.clone(), Value::Float(*weight))).collect();
    table.insert("on_terminated".into(), Value::Float(reward.on_terminated));
    table.insert("on_truncated".into(), Value::Float(reward.on_truncated));
    table
}
