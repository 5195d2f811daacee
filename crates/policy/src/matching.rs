//! Whether a policy fits a process: by names, units and bounds, in order. Descriptions are for people and do not count.

use std::fmt::Display;

use setpoint_decision::spec::{ActionForm, ActionSpace, Feature, Signal, Spec, TensorPart};

use crate::policy::Policy;

impl Policy {
    /// The first difference between a process and the process of the policy's training; `None` if it fits.
    ///
    /// A policy fits if the process has the same kind, the same features in the same order (name, unit, bounds, scale), the
    /// same images and sets of points (name, type, shape) and the same choices or settings in the same order (name; unit and bounds of a setting). Signals are found by their names:
    /// both may have signals that the other does not have, such as `model_uncertainty` of a learned process. A signal that both
    /// have must have the same unit and bounds, and the process must have every signal that a constraint of the policy reads.
    pub fn mismatch(&self, spec: &Spec) -> Option<String> {
        let manifest = &self.manifest;
        let differs = differing("process", "kind", &manifest.process, &spec.kind)
            .or_else(|| features(&manifest.observation, &spec.observation))
            .or_else(|| tensors(&manifest.tensors, &spec.tensors))
            .or_else(|| actions(&manifest.action, &spec.action))
            .or_else(|| self.signals(&spec.signals))?;
        Some(format!("the policy does not fit the project's process: {differs}"))
    }

    fn signals(&self, there: &[Signal]) -> Option<String> {
        let manifest = &self.manifest;
        let has = |name: &str| there.iter().any(|signal| signal.name == name);
        let is_shown = |name: &str| manifest.observation.iter().any(|feature| feature.name == name);
        let read = manifest.constraints.iter().map(|constraint| constraint.when.subject.name());
        if let Some(name) = read.filter(|name| !is_shown(name)).find(|name| !has(name)) {
            return Some(format!("it has no signal `{name}`, which a constraint of the policy reads"));
        }
        manifest.signals.iter().find_map(|own| {
            let other = there.iter().find(|other| other.name == own.name)?;
            let what = format!("signal `{}`", own.name);
            differing(&what, "unit", &own.unit, &other.unit)
                .or_else(|| bounds(&what, (own.low, own.high), (other.low, other.high)))
        })
    }
}

fn features(own: &[Feature], there: &[Feature]) -> Option<String> {
    let names =
        |features: &[Feature]| features.iter().map(|feature| feature.name.clone()).collect::<Vec<_>>();
    in_order("feature", &names(own), &names(there)).or_else(|| {
        own.iter().zip(there).find_map(|(own, other)| {
            let what = format!("feature `{}`", own.name);
            differing(&what, "unit", &own.unit, &other.unit)
                .or_else(|| bounds(&what, (own.low, own.high), (other.low, other.high)))
                .or_else(|| differing(&what, "scale", own.scale, other.scale))
                .or_else(|| differing(&what, "offset", own.offset, other.offset))
        })
    })
}

fn tensors(own: &[TensorPart], there: &[TensorPart]) -> Option<String> {
    let names = |parts: &[TensorPart]| parts.iter().map(|part| part.name.clone()).collect::<Vec<_>>();
    in_order("tensor part", &names(own), &names(there)).or_else(|| {
        own.iter().zip(there).find_map(|(own, other)| {
            differing(&format!("tensor part `{}`", own.name), "type", own.form, other.form)
        })
    })
}

fn actions(own: &ActionSpace, there: &ActionSpace) -> Option<String> {
    match (own.form(), there.form()) {
        (ActionForm::Choices(_), ActionForm::Settings(_)) => {
            return Some("the policy takes choices, the process has settings".into());
        }
        (ActionForm::Settings(_), ActionForm::Choices(_)) => {
            return Some("the policy gives settings, the process has choices".into());
        }
        _ => {}
    }
    let owned = |names: Vec<&str>| names.into_iter().map(str::to_owned).collect::<Vec<_>>();
    let groups =
        |space: &ActionSpace| space.groups.iter().map(|group| group.name.clone()).collect::<Vec<_>>();
    in_order("group of choices", &groups(own), &groups(there))
        .or_else(|| in_order("choice", &owned(own.choice_names()), &owned(there.choice_names())))
        .or_else(|| {
            // The same choices in the same order may still be divided into groups in another way.
            own.groups.iter().zip(&there.groups).find_map(|(own, there)| {
                let what = format!("group `{}`", own.name);
                differing(&what, "number of choices", own.choices.len(), there.choices.len())
            })
        })
        .or_else(|| in_order("setting", &owned(own.axis_names()), &owned(there.axis_names())))
        .or_else(|| {
            own.axes.iter().zip(&there.axes).find_map(|(own, other)| {
                let what = format!("setting `{}`", own.name);
                differing(&what, "unit", &own.unit, &other.unit)
                    .or_else(|| bounds(&what, (own.low, own.high), (other.low, other.high)))
            })
        })
}

/// The first name that is missing, new, or at another position.
fn in_order(what: &str, own: &[String], there: &[String]) -> Option<String> {
    if let Some(name) = own.iter().find(|name| !there.contains(name)) {
        return Some(format!("it has no {what} `{name}`, which the policy was trained with"));
    }
    if let Some(name) = there.iter().find(|name| !own.contains(name)) {
        return Some(format!("it has the {what} `{name}`, which the policy was not trained with"));
    }
    let place = (0..own.len().max(there.len())).find(|place| own.get(*place) != there.get(*place))?;
    let name = |names: &[String]| names.get(place).map_or("nothing".to_owned(), |name| format!("`{name}`"));
    Some(format!("{what} {} is {} for the policy, and {} in the process", place + 1, name(own), name(there)))
}

fn bounds(what: &str, own: (f32, f32), there: (f32, f32)) -> Option<String> {
    differing(what, "lower bound", own.0, there.0).or_else(|| differing(what, "upper bound", own.1, there.1))
}

fn differing<T: PartialEq + Display>(what: &str, property: &str, own: T, there: T) -> Option<String> {
    (own != there).then(|| {
        format!("the policy was trained for {what} with {property} {own}, in the process it is {there}")
    })
}
