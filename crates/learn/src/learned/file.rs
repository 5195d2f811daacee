//! A learnt process as a file: safetensors, with what it was learnt from and a hash over everything in its metadata.

use std::collections::HashMap;
use std::ops::Range;
use std::path::Path;

use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use serde::{Deserialize, Serialize};
use setpoint_decision::Diagnostic;
use setpoint_decision::data::Data;
use setpoint_decision::spec::Spec;

use super::ends::Limit;
use super::model::{Fit, Layout, MEMBERS, Model, Scale};

const METADATA_KEY: &str = "setpoint learned process";
/// Raised when a model of the same log would come out otherwise: it is learnt anew then.
const FORMAT: u32 = 2;

/// All but the long lists of numbers.
#[derive(Serialize, Deserialize)]
struct Header {
    learnt_from: String,
    spec: Spec,
    layout: Layout,
    inputs: Scale,
    outputs: Scale,
    errors_by_choice: Vec<Range<usize>>,
    limits: Vec<Limit>,
    fit: Fit,
    tensors: String,
}

/// What a model is learnt from: the log's bytes, which column of it is what, the process it is like, and how it is learnt.
pub fn hash(log: &Path, data: Option<&Data>, like: &str) -> Result<String, Box<Diagnostic>> {
    let bytes = std::fs::read(log).map_err(|error| {
        let title = format!("cannot read the log {}: {error}", log.display());
        Diagnostic::without_origin(title, "`log` of [process] is looked for beside the project file")
    })?;
    let mut hasher = blake3::Hasher::new();
    hasher.update(&FORMAT.to_le_bytes()).update(like.as_bytes()).update(&[0]).update(&bytes);
    if let Some(data) = data {
        // What `setpoint validate` alone looks at makes no other model.
        let Data { gap_warn_percent, gap_fail_percent, .. } = Data::default();
        let columns = Data { file: None, gap_warn_percent, gap_fail_percent, ..data.clone() };
        hasher.update(&[0]).update(format!("{columns:?}").as_bytes());
    }
    Ok(hasher.finalize().to_hex().to_string())
}

/// Long lists of numbers by name.
fn tensors(model: &Model) -> Vec<(String, Vec<u8>)> {
    let bytes = |values: &[f32]| values.iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<u8>>();
    let members = model.members.iter().enumerate();
    let mut tensors: Vec<_> =
        members.map(|(index, parameters)| (format!("member.{index}"), bytes(parameters))).collect();
    tensors.push(("errors".to_owned(), bytes(&model.errors)));
    tensors.push(("starts".to_owned(), bytes(&model.starts)));
    tensors.push(("start_signals".to_owned(), bytes(&model.start_signals)));
    tensors
}

fn digest<'a>(tensors: impl Iterator<Item = (&'a str, &'a [u8])>) -> String {
    let mut hasher = blake3::Hasher::new();
    for (name, bytes) in tensors {
        hasher.update(name.as_bytes()).update(&(bytes.len() as u64).to_le_bytes()).update(bytes);
    }
    hasher.finalize().to_hex().to_string()
}

/// The file's bytes; `learnt_from` is [`hash`]'s.
pub fn to_bytes(model: &Model, learnt_from: &str) -> Vec<u8> {
    let tensors = tensors(model);
    let header = Header {
        learnt_from: learnt_from.to_owned(),
        spec: model.spec.clone(),
        layout: model.layout.clone(),
        inputs: model.inputs.clone(),
        outputs: model.outputs.clone(),
        errors_by_choice: model.errors_by_choice.clone(),
        limits: model.limits.clone(),
        fit: model.fit.clone(),
        tensors: digest(tensors.iter().map(|(name, bytes)| (name.as_str(), bytes.as_slice()))),
    };
    let header = serde_json::to_string(&header).expect("a header has only text keys and finite numbers");
    let views = tensors.iter().map(|(name, bytes)| {
        let view = TensorView::new(Dtype::F32, vec![bytes.len() / 4], bytes);
        (name.as_str(), view.expect("a tensor's bytes match its shape by construction"))
    });
    let metadata = HashMap::from([(METADATA_KEY.to_owned(), header)]);
    safetensors::serialize(views, Some(metadata)).expect("distinct names and a small header")
}

/// The model of a file, if it is whole and was learnt from the same; anything else is learnt anew.
pub fn load(path: &Path, learnt_from: &str) -> Option<Model> {
    from_bytes(&std::fs::read(path).ok()?, learnt_from)
}

fn from_bytes(bytes: &[u8], learnt_from: &str) -> Option<Model> {
    let file = SafeTensors::deserialize(bytes).ok()?;
    let (_, metadata) = SafeTensors::read_metadata(bytes).ok()?;
    let header: Header = serde_json::from_str(metadata.metadata().as_ref()?.get(METADATA_KEY)?).ok()?;
    let floats = |name: &str| -> Option<Vec<f32>> {
        let tensor = file.tensor(name).ok().filter(|tensor| tensor.dtype() == Dtype::F32)?;
        Some(tensor.data().chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect())
    };
    let model = Model {
        members: (0..MEMBERS).map(|index| floats(&format!("member.{index}"))).collect::<Option<_>>()?,
        errors: floats("errors")?,
        starts: floats("starts")?,
        start_signals: floats("start_signals")?,
        limits: header.limits,
        spec: header.spec,
        layout: header.layout,
        inputs: header.inputs,
        outputs: header.outputs,
        errors_by_choice: header.errors_by_choice,
        fit: header.fit,
    };
    let tensors = tensors(&model);
    let found = digest(tensors.iter().map(|(name, bytes)| (name.as_str(), bytes.as_slice())));
    (header.learnt_from == learnt_from && header.tensors == found).then_some(model)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_comes_back_whole_or_not_at_all() {
        let spec = Spec { kind: "x".into(), ..Spec::default() };
        let layout = Layout::of(&spec);
        let model = Model {
            members: (0..MEMBERS).map(|index| vec![index as f32 + 0.1; 7]).collect(),
            inputs: Scale { mean: vec![0.5], deviation: vec![0.25] },
            outputs: Scale { mean: vec![-0.5], deviation: vec![1e-6] },
            errors: vec![0.125, f32::MIN_POSITIVE],
            errors_by_choice: vec![0..2, 2..2],
            starts: vec![1.0],
            start_signals: Vec::new(),
            limits: vec![Limit { feature: 2, above: true, value: 0.2, p_value: 1e-9 }],
            fit: Fit { rows: 3, ended: 0, held_out_episodes: 1, explained: vec![("wip".into(), 0.951)] },
            spec,
            layout,
        };
        let bytes = to_bytes(&model, "abc");
        assert_eq!(from_bytes(&bytes, "abc"), Some(model));
        assert_eq!(from_bytes(&bytes, "abd"), None);
        for length in 0..bytes.len() {
            assert_eq!(from_bytes(&bytes[..length], "abc"), None);
        }
        // The numbers stand at the end.
        let mut broken = bytes.clone();
        *broken.last_mut().unwrap() ^= 1;
        assert_eq!(from_bytes(&broken, "abc"), None);
    }
}
