//! Checking a project's names, units and ranges against the process that it names.

use crate::constraint::{Effect, Subject};
use crate::data;
use crate::diagnostic::{Diagnostic, suggestion};
use crate::disturbance;
use crate::project::{BASELINES, Project};
use crate::safety;
use crate::section::Section;
use crate::spec::{ActionSpace, Spec};

type Checked = Result<(), Box<Diagnostic>>;

impl Project {
    /// Checks every name of the file against a process: reward terms are signals, constraints speak of signals,
    /// features and actions that exist and leave something to do, scenarios set features within their bounds.
    pub fn bind(&self, spec: &Spec) -> Checked {
        let top = self.document.top();
        self.bind_reward(&top.table("reward")?, spec)?;
        safety::bind(&self.safety, &top.table("safety")?, spec)?;
        self.bind_constraints(&top.tables("constraint")?, spec)?;
        let (mut scenarios, mut preferences) = (self.scenarios.iter(), self.preferences.iter());
        for section in top.tables("scenario")? {
            if section.is_table("prefer") {
                preferences.next().map_or(Ok(()), |preference| preference.bind(&section, spec))?;
            } else if let Some(scenario) = scenarios.next() {
                let set = section.table("set")?;
                for (name, value) in &scenario.values {
                    bind_value(&set, name, *value, spec)?;
                }
            }
        }
        for (section, disturbance) in top.tables("disturbance")?.iter().zip(&self.disturbances) {
            disturbance::bind(disturbance, section, spec)?;
        }
        if let Some(data) = &self.data {
            data::bind(data, &top.table("data")?, spec)?;
        }
        self.bind_baselines(&top.table("evaluate")?, spec)
    }

    fn bind_baselines(&self, section: &Section<'_>, spec: &Spec) -> Checked {
        let mut known: Vec<&str> = BASELINES.to_vec();
        known.extend(spec.heuristics.iter().map(String::as_str));
        for (index, name) in self.evaluate.baselines.iter().enumerate() {
            if !known.contains(&name.as_str()) {
                let label = suggestion(name, &known, "baselines");
                let title = format!("`{name}` is not a baseline of {}", spec.kind);
                let help = format!("baselines: {}", known.join(", "));
                return Err(section.error_in_list("baselines", index, &title, &label, &help));
            }
        }
        Ok(())
    }

    fn bind_reward(&self, section: &Section<'_>, spec: &Spec) -> Checked {
        for (name, _) in &self.reward.terms {
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
            let label = crate::diagnostic::nearest(name, near).map_or_else(
                || "not a signal of this process".to_owned(),
                |near| format!("did you mean `{near}`?"),
            );
            let title = format!("process {} has no signal `{name}` to pay for", spec.kind);
            return Err(section.error_at_key(name, &title, &label, &help));
        }
        Ok(())
    }

    fn bind_constraints(&self, sections: &[Section<'_>], spec: &Spec) -> Checked {
        let names = spec.action.names();
        let mut forbidden: Vec<&str> = Vec::new();
        for (section, constraint) in sections.iter().zip(&self.constraints) {
            let when = section.table("when")?;
            let subject = &constraint.when.subject;
            let known: Vec<&str> = match subject {
                Subject::Signal(_) => spec.signals.iter().map(|signal| signal.name.as_str()).collect(),
                Subject::Feature(_) => spec.observation.iter().map(|feature| feature.name.as_str()).collect(),
            };
            if !known.contains(&subject.name()) {
                let title = format!("process {} has no {} `{}`", spec.kind, subject.key(), subject.name());
                let label = suggestion(subject.name(), &known, subject.key());
                let help = format!("{}s of {}: {}", subject.key(), spec.kind, known.join(", "));
                return Err(when.error(subject.key(), &title, &label, &help));
            }
            match (&constraint.effect, &spec.action) {
                (Effect::Forbid(actions), ActionSpace::Discrete { .. }) => {
                    for (index, action) in actions.iter().enumerate() {
                        if !names.contains(&action.as_str()) {
                            let title = format!("process {} has no action `{action}`", spec.kind);
                            let label = suggestion(action, &names, "actions");
                            let help = format!("actions of {}: {}", spec.kind, names.join(", "));
                            return Err(section.error_in_list("forbid", index, &title, &label, &help));
                        }
                        forbidden.push(action);
                    }
                }
                (Effect::Clip { action, low, high }, ActionSpace::Continuous { axes }) => {
                    let clip = section.table("clip")?;
                    let Some(axis) = axes.iter().find(|axis| axis.name == *action) else {
                        let title = format!("process {} has no action `{action}`", spec.kind);
                        let label = suggestion(action, &names, "actions");
                        return Err(clip.error(
                            "action",
                            &title,
                            &label,
                            &format!("actions: {}", names.join(", ")),
                        ));
                    };
                    for (key, limit) in [("low", low), ("high", high)] {
                        let bounds = f64::from(axis.low)..=f64::from(axis.high);
                        if let Some(limit) = limit.filter(|limit| !bounds.contains(limit)) {
                            let title = format!("the limit {limit} lies outside the range of `{action}`");
                            let label = format!("expected {} to {} {}", axis.low, axis.high, axis.unit);
                            return Err(clip.error(key, &title, &label, ""));
                        }
                    }
                }
                (Effect::Forbid(_), ActionSpace::Continuous { .. }) => {
                    let title = format!(
                        "the actions of {} are continuous: they can be clipped, not forbidden",
                        spec.kind
                    );
                    let help = "for example: clip = { action = \"dose\", high = 0.5 }";
                    return Err(section.error_at_key("forbid", &title, "expected clip = { … }", help));
                }
                (Effect::Clip { .. }, ActionSpace::Discrete { .. }) => {
                    let title = format!(
                        "the actions of {} are choices: they can be forbidden, not clipped",
                        spec.kind
                    );
                    let help = format!("for example: forbid = [\"{}\"]", names[0]);
                    return Err(section.error_at_key("clip", &title, "expected forbid = [names]", &help));
                }
            }
        }
        if spec.action.is_discrete()
            && names.iter().all(|name| forbidden.contains(name))
            && let Some(last) = sections.last()
        {
            let help =
                "leave at least one action that no constraint forbids, so that there is always one to take";
            let title = "the constraints together can forbid every action";
            return Err(last.error_at_key("forbid", title, "nothing would be left to do", help));
        }
        Ok(())
    }
}

/// Checks one feature's value against its bounds.
fn bind_value(set: &Section<'_>, name: &str, value: f64, spec: &Spec) -> Checked {
    let Some(feature) = spec.observation.iter().find(|feature| feature.name == *name) else {
        let known: Vec<&str> = spec.observation.iter().map(|feature| feature.name.as_str()).collect();
        let title = format!("process {} has no feature `{name}`", spec.kind);
        let label = suggestion(name, &known, "features");
        let help = format!("features of {}: {}", spec.kind, known.join(", "));
        return Err(set.error_at_key(name, &title, &label, &help));
    };
    if value < f64::from(feature.low) || value > f64::from(feature.high) {
        let title = format!("`{name}` cannot be {value}");
        let label = format!("expected {} to {}, as the policy sees it", feature.low, feature.high);
        let help = format!(
            "that is {} to {} {}",
            feature.natural(feature.low),
            feature.natural(feature.high),
            feature.unit
        );
        return Err(set.error(name, &title, &label, &help));
    }
    Ok(())
}
