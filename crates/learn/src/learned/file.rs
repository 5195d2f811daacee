//! A learned process as a file: `safetensors`, with the manifest of the process and a digest in its metadata.
//!
//! | format | the digest covers |
//! |---|---|
//! | 3 | every byte of the file, see [`setpoint_policy::digest`] |
//! | 2 | the tensors |
//!
//! A file of format 1, a damaged file whose header is whole, and a file that was learned from other data are learned again from
//! the log. Any other file is refused and stays as it is.

use std::collections::HashMap;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use serde::Deserialize;
use setpoint_decision::Diagnostic;
use setpoint_decision::data::Data;
use setpoint_decision::spec::ActionForm;
use setpoint_files::{atomic, storage};
use setpoint_policy::digest;

use super::model::{MEMBERS, Model};
use super::stored::{self, StoredHeader};

const METADATA_KEY: &str = "setpoint learned process";
/// Number of the latest layout that [`to_bytes`] writes: for actions of several parts. All others have [`USUAL_FORMAT`], which
/// older programs read.
const FORMAT: u32 = 4;
const USUAL_FORMAT: u32 = 3;
/// Raise this number if a model of the same log would be different: the model is then learned again.
const MODEL: u32 = 2;

/// A longer file is no learned process.
const BYTES_MAX: u64 = 4 << 30;

/// The number of the format alone, which a file of any later format also has.
#[derive(Deserialize)]
struct Version {
    #[serde(default = "stored::format_2")]
    format: u32,
}

/// The inputs of a model: the log's bytes, the meaning of its columns, the process like it, and the settings of the learning.
pub fn hash(log: &Path, data: Option<&Data>, like: &str) -> Result<String, Box<Diagnostic>> {
    let bytes = std::fs::read(log).map_err(|error| {
        let title = format!("cannot read the log {}: {error}", log.display());
        Diagnostic::without_origin(title, "`log` of [process] is relative to the folder of the project file")
    })?;
    let mut hasher = blake3::Hasher::new();
    hasher.update(&MODEL.to_le_bytes()).update(like.as_bytes()).update(&[0]).update(&bytes);
    if let Some(data) = data {
        // Keys for `setpoint validate` alone do not change the model.
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

/// The digest of format 2.
fn tensors_digest<'a>(tensors: impl Iterator<Item = (&'a str, &'a [u8])>) -> String {
    let mut hasher = blake3::Hasher::new();
    for (name, bytes) in tensors {
        hasher.update(name.as_bytes()).update(&(bytes.len() as u64).to_le_bytes()).update(bytes);
    }
    hasher.finalize().to_hex().to_string()
}

/// The file's bytes; `learnt_from` is [`hash`]'s.
pub fn to_bytes(model: &Model, learnt_from: &str) -> Vec<u8> {
    let tensors = tensors(model);
    let is_several = model.spec.action.stored_form() == ActionForm::Several;
    let header = StoredHeader {
        blake3: digest::PLACE.to_owned(),
        format: if is_several { FORMAT } else { USUAL_FORMAT },
        learnt_from: learnt_from.to_owned(),
        spec: (&model.spec).into(),
        layout: model.layout.clone().into(),
        inputs: model.inputs.clone().into(),
        outputs: model.outputs.clone().into(),
        errors_by_choice: model.errors_by_choice.clone(),
        limits: model.limits.iter().cloned().map(Into::into).collect(),
        fit: model.fit.clone().into(),
        tensors: None,
    };
    let header = serde_json::to_string(&header).expect("a header has only text keys and finite numbers");
    let views = tensors.iter().map(|(name, bytes)| {
        let view = TensorView::new(Dtype::F32, vec![bytes.len() / 4], bytes);
        (name.as_str(), view.expect("a tensor's bytes match its shape by construction"))
    });
    let metadata = HashMap::from([(METADATA_KEY.to_owned(), header)]);
    let mut bytes = safetensors::serialize(views, Some(metadata)).expect("distinct names and a small header");
    digest::write(&mut bytes);
    bytes
}

/// Why a file may not be used or replaced.
#[derive(Debug, thiserror::Error)]
pub enum Unusable {
    /// It is no learned process: somebody else's file, which learning would overwrite.
    #[error("{} is there and is no learned process{why}", path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
        /// What is wrong with it, after a colon; may be empty.
        why: String,
    },
    /// A newer Setpoint wrote it.
    #[error(
        "the learned process {} has format {format}; this Setpoint ({}) reads formats up to {FORMAT}",
        path.display(),
        env!("CARGO_PKG_VERSION")
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its format.
        format: u32,
    },
}

impl Unusable {
    /// What the user can do.
    pub fn advice(&self) -> &'static str {
        match self {
            Self::Foreign { .. } => {
                "name a new file with `model` of [process]; if this file is the rest of a learned process, delete it"
            }
            Self::Newer { .. } => "use a newer Setpoint, or name another file with `model` of [process]",
        }
    }
}

/// The model of a file, if it is complete and was learned from the same inputs; `None` if it must be learned again. Refuses
/// every file that learning again may not overwrite: a file of others, and a file of a newer format.
pub fn load(path: &Path, learnt_from: &str) -> Result<Option<Model>, Unusable> {
    Ok(ours(path)?.and_then(|(bytes, header)| from_bytes(&bytes, &header, learnt_from)))
}

/// Stores a model, unless a file that may not be overwritten is there by now.
pub fn store(path: &Path, model: &Model, learnt_from: &str) -> Result<(), Unusable> {
    ours(path)?;
    // The same log gives the same model, so a model that cannot be stored costs only time.
    let _ = atomic::replace(path, &to_bytes(model, learnt_from));
    Ok(())
}

/// Bytes and header of a learned process of this format or an older one; `None` if there is no file.
fn ours(path: &Path) -> Result<Option<(Vec<u8>, String)>, Unusable> {
    let foreign = |why: String| Unusable::Foreign { path: path.to_owned(), why };
    match std::fs::metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(foreign(format!(": {error}"))),
        Ok(found) if !found.is_file() => return Err(foreign(": it is no file".to_owned())),
        Ok(_) => {}
    }
    let bytes = storage::read(path, BYTES_MAX).map_err(|error| foreign(format!(": {error}")))?;
    let header = header(&bytes).ok_or_else(|| foreign(String::new()))?;
    let newer = serde_json::from_str(&header).ok().filter(|version: &Version| version.format > FORMAT);
    match newer {
        Some(Version { format }) => Err(Unusable::Newer { path: path.to_owned(), format }),
        None => Ok(Some((bytes, header))),
    }
}

/// The header's text.
fn header(bytes: &[u8]) -> Option<String> {
    let (_, metadata) = SafeTensors::read_metadata(bytes).ok()?;
    metadata.metadata().as_ref()?.get(METADATA_KEY).cloned()
}

fn from_bytes(bytes: &[u8], header: &str, learnt_from: &str) -> Option<Model> {
    let file = SafeTensors::deserialize(bytes).ok()?;
    let header: StoredHeader = serde_json::from_str(header).ok()?;
    if header.learnt_from != learnt_from || (header.format >= 3 && !digest::holds(bytes, &header.blake3)) {
        return None;
    }
    let floats = |name: &str| -> Option<Vec<f32>> {
        let tensor = file.tensor(name).ok().filter(|tensor| tensor.dtype() == Dtype::F32)?;
        Some(tensor.data().chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect())
    };
    let model = Model {
        members: (0..MEMBERS).map(|index| floats(&format!("member.{index}"))).collect::<Option<_>>()?,
        errors: floats("errors")?,
        starts: floats("starts")?,
        start_signals: floats("start_signals")?,
        limits: header.limits.into_iter().map(Into::into).collect(),
        spec: header.spec.try_into().ok()?,
        layout: header.layout.into(),
        inputs: header.inputs.into(),
        outputs: header.outputs.into(),
        errors_by_choice: header.errors_by_choice,
        fit: header.fit.into(),
    };
    if header.format < 3 {
        let tensors = tensors(&model);
        let found = tensors_digest(tensors.iter().map(|(name, bytes)| (name.as_str(), bytes.as_slice())));
        return (header.tensors == Some(found)).then_some(model);
    }
    Some(model)
}

#[cfg(test)]
mod tests {
    use setpoint_decision::spec::{ActionSpace, Axis, Choice, ChoiceGroup, Feature, Signal, Spec};

    use super::super::ends::Limit;
    use super::super::model::{Fit, Layout, Scale};
    use super::*;

    fn model() -> Model {
        let feature = Feature::new("wip", "parts", 0.1, f32::MAX, "parts that wait");
        let spec = Spec {
            kind: "x".into(),
            observation: vec![feature],
            action: ActionSpace::settings(vec![Axis::new("speed", "1/s", -0.3, 0.7, "")]),
            signals: vec![Signal::new("stopped \"\u{1}", "1", 0.0, 1.0, "")],
            ..Spec::default()
        };
        let layout = Layout::of(&spec);
        Model {
            members: (0..MEMBERS).map(|index| vec![index as f32 + 0.1; 7]).collect(),
            inputs: Scale { mean: vec![0.5], deviation: vec![0.25] },
            outputs: Scale { mean: vec![-0.5], deviation: vec![1e-6] },
            errors: vec![0.125, f32::MIN_POSITIVE],
            errors_by_choice: vec![0..2, 2..2],
            starts: vec![1.0],
            start_signals: Vec::new(),
            limits: vec![Limit { feature: 2, above: true, value: 0.2, p_value: 0.192_371_686_846_861_62 }],
            fit: Fit {
                rows: 3,
                ended: 0,
                held_out_episodes: 1,
                explained: vec![("wip".into(), 0.951)],
                left_out: None,
            },
            spec,
            layout,
        }
    }

    fn read(bytes: &[u8], learnt_from: &str) -> Option<Model> {
        from_bytes(bytes, &header(bytes)?, learnt_from)
    }

    fn golden(format: u32) -> PathBuf {
        let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
        root.join(format!("tests/golden/learned-process-v{format}.safetensors"))
    }

    #[test]
    fn a_model_comes_back_whole_or_not_at_all() {
        let bytes = to_bytes(&model(), "abc");
        assert_eq!(read(&bytes, "abc"), Some(model()));
        assert_eq!(read(&bytes, "abd"), None);
        for length in 0..bytes.len() {
            assert_eq!(read(&bytes[..length], "abc"), None);
        }
        for position in 0..bytes.len() {
            let mut broken = bytes.clone();
            broken[position] ^= 1;
            assert_eq!(read(&broken, "abc"), None, "{position}");
        }
    }

    /// The file of format 2 was written by the version before format 3.
    #[test]
    fn files_of_every_format_hold_the_model_that_was_written() {
        let several = Model { spec: Spec { action: several(), ..model().spec }, ..model() };
        let several = Model { layout: Layout::of(&several.spec), ..several };
        for (formats, model) in [(2..=USUAL_FORMAT, model()), (FORMAT..=FORMAT, several)] {
            let bytes = to_bytes(&model, "abc");
            let latest = golden(*formats.end());
            if !latest.exists() {
                std::fs::write(&latest, bytes).unwrap();
                panic!("{} was missing and was written; commit it", latest.display());
            }
            for format in formats {
                assert_eq!(load(&golden(format), "abc").ok().unwrap().as_ref(), Some(&model), "{format}");
            }
            assert_eq!(std::fs::read(latest).unwrap(), bytes);
        }
    }

    fn several() -> ActionSpace {
        let group = |name: &str, choices: [&str; 2]| {
            let choice = |name: &str| Choice { name: name.into(), description: format!("does {name}") };
            ChoiceGroup::new(name, "", choices.map(choice).to_vec())
        };
        ActionSpace {
            groups: vec![group("valve", ["open", "shut"]), group("heat", ["on", "off"])],
            axes: vec![Axis::new("speed", "1/s", -0.3, 0.7, "")],
        }
    }

    /// A file that appears during the learning is not overwritten either.
    #[test]
    fn only_a_learned_process_is_replaced() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("model.safetensors");
        store(&path, &model(), "abc").unwrap();
        store(&path, &model(), "abd").unwrap();
        assert_eq!(load(&path, "abd").unwrap(), Some(model()));
        for foreign in ["", "no file of ours"] {
            std::fs::write(&path, foreign).unwrap();
            assert!(load(&path, "abc").is_err() && store(&path, &model(), "abc").is_err());
            assert_eq!(std::fs::read_to_string(&path).unwrap(), foreign);
        }
        assert!(load(root.path(), "abc").unwrap_err().to_string().contains("it is no file"));
    }

    #[test]
    fn a_newer_format_is_refused_and_not_learned_over() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("model.safetensors");
        let mut bytes = to_bytes(&model(), "abc");
        let format = b"\\\"format\\\":3";
        let place = bytes.windows(format.len()).position(|window| window == format).unwrap();
        bytes[place + format.len() - 1] = b'5';
        std::fs::write(&path, &bytes).unwrap();
        let refused = load(&path, "abc").err().unwrap().to_string();
        assert!(refused.contains("format 5"), "{refused}");
        assert!(store(&path, &model(), "abc").is_err() && std::fs::read(&path).unwrap() == bytes);
    }
}
