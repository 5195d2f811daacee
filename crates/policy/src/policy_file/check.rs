//! The manifests that no policy file can contain, and the manifests that readers refuse.

use setpoint_decision::constraint::Constraint;
use setpoint_decision::spec::{Spec, TensorForm, wrong_step};
use setpoint_nn::encoder::Encoder;

use super::stored::{StoredEffect, StoredManifest};
use crate::head::Discretization;
use crate::manifest::Manifest;
use crate::policy::Policy;
use crate::stored_spaces::{StoredAction, StoredAxis, StoredFeature, StoredSignal};

impl Policy {
    /// The reason why no policy file can store a policy of this process under these constraints: a number that is not
    /// finite, or the step of an action that is not above 0, with its name. A training checks it before it begins.
    pub fn unstorable(spec: &Spec, constraints: &[Constraint]) -> Option<String> {
        let observation: Vec<_> = spec.observation.iter().map(StoredFeature::from).collect();
        let signals: Vec<_> = spec.signals.iter().map(StoredSignal::from).collect();
        let constraints: Vec<_> = constraints.iter().map(Into::into).collect();
        spaces(&observation, &StoredAction::from(&spec.action), &signals)
            .or_else(|| constraints.iter().find_map(constraint))
    }
}

/// The first number of a manifest that JSON cannot represent, or that is no step, as text.
pub fn wrong_number(manifest: &StoredManifest) -> Option<String> {
    let own = [
        ("the bound of normalised observations", manifest.clip_observation),
        ("the normalisation's epsilon", Some(manifest.normalization_epsilon)),
    ];
    let table = manifest.discretization.iter().flat_map(|table| table.low.iter().chain(&table.high));
    spaces(&manifest.observation, &manifest.action, &manifest.signals)
        .or_else(|| manifest.constraints.iter().find_map(constraint))
        .or_else(|| first("", own))
        .or_else(|| first("", table.map(|edge| ("an edge of the table", Some(f64::from(*edge))))))
}

fn spaces(observation: &[StoredFeature], action: &StoredAction, signals: &[StoredSignal]) -> Option<String> {
    let feature = |feature: &StoredFeature| {
        let StoredFeature { low, high, scale, offset, reference, .. } = *feature;
        let numbers =
            [("low", low), ("high", high), ("scale", scale), ("offset", offset), ("reference", reference)];
        first(&format!("feature `{}`: ", feature.name), numbers.map(wide))
    };
    let axis = |axis: &StoredAxis| {
        let owner = format!("action `{}`: ", axis.name);
        first(&owner, [("low", axis.low), ("high", axis.high)].map(wide))
            .or_else(|| wrong_step(axis.step).map(|reason| owner + &reason))
    };
    let signal = |signal: &StoredSignal| {
        first(&format!("signal `{}`: ", signal.name), [("low", signal.low), ("high", signal.high)].map(wide))
    };
    observation
        .iter()
        .find_map(feature)
        .or_else(|| action.axes.iter().flatten().find_map(axis))
        .or_else(|| signals.iter().find_map(signal))
}

fn constraint(constraint: &super::stored::StoredConstraint) -> Option<String> {
    let when = &constraint.when;
    let (low, high) = match &constraint.effect {
        StoredEffect::Forbid(_) => (None, None),
        StoredEffect::Clip { low, high, .. } => (*low, *high),
    };
    let numbers = [("above", when.above), ("below", when.below), ("low", low), ("high", high)];
    first(&format!("a constraint on `{}`: ", when.subject.name()), numbers)
}

fn wide((name, value): (&'static str, f32)) -> (&'static str, Option<f64>) {
    (name, Some(f64::from(value)))
}

fn first<'a>(owner: &str, numbers: impl IntoIterator<Item = (&'a str, Option<f64>)>) -> Option<String> {
    let mut numbers = numbers.into_iter().filter_map(|(name, value)| Some((name, value?)));
    let (name, value) = numbers.find(|(_, value)| !value.is_finite())?;
    Some(format!("{owner}{name} is {value}"))
}

fn reads(encoder: &Encoder, form: TensorForm) -> bool {
    let shape = match encoder {
        Encoder::Convolution(encoder) => encoder.image().to_vec(),
        Encoder::PointSet(encoder) => encoder.shape().to_vec(),
    };
    shape == form.shape()
}

/// Refuses shapes that disagree with each other before anything is allocated from them.
pub fn shape(manifest: &Manifest) -> Result<(), String> {
    let network = &manifest.network;
    if !manifest.head.fits(&manifest.action) {
        return Err(format!("its head {:?} does not fit its kind of actions", manifest.head));
    }
    let features = manifest.observation.len();
    let inputs = match &manifest.discretization {
        None => features,
        Some(Discretization { bins, low, high }) => {
            if [bins.len(), low.len(), high.len()] != [features; 3]
                || bins.contains(&0)
                || !network.is_linear()
                || !manifest.tensors.is_empty()
            {
                return Err("its table does not fit its features".into());
            }
            bins.iter().try_fold(1_usize, |cells, bins| cells.checked_mul(*bins as usize)).unwrap_or(0)
        }
    };
    let (encoders, tensors) = (network.encoders(), &manifest.tensors);
    if encoders.len() != tensors.len()
        || !encoders.iter().zip(tensors).all(|(encoder, part)| reads(encoder, part.form))
    {
        return Err("its encoders do not fit the tensor parts of its observation".into());
    }
    if network.input() != inputs || network.output() != manifest.head.outputs(&manifest.action) {
        return Err(format!(
            "its network maps {} numbers to {}, its spaces have {} features and {} actions",
            network.input(),
            network.output(),
            manifest.observation.len(),
            manifest.action.len()
        ));
    }
    Ok(())
}
