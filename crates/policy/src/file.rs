//! The policy file: one `safetensors` file whose metadata holds the manifest and a BLAKE3 hash over everything.
//!
//! The bytes depend on the policy alone (no time, no path), so two trainings that end alike leave identical files.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use serde::{Deserialize, Serialize};

use crate::head::{Discretization, Head};
use crate::manifest::{FORMAT, Manifest};
use crate::normalizer::Normalizer;
use crate::policy::Policy;

/// A file larger than this is no policy of ours; refused before it is read.
const BYTES_MAX: u64 = 1 << 30;
const METADATA_KEY: &str = "setpoint";

/// Why a policy file was refused.
#[derive(Debug, thiserror::Error)]
pub enum PolicyFileError {
    /// The file could not be read.
    #[error("cannot read the policy file {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The bytes are not a policy, or not the ones that were written.
    #[error("{} is not a usable policy file: {reason}", path.display())]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// What was found, and what was expected.
        reason: String,
    },
}

#[derive(Serialize, Deserialize)]
struct Header {
    manifest: Manifest,
    blake3: String,
}

impl Policy {
    /// The policy file's bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        self.to_bytes_with(&[])
    }

    /// The policy file's bytes with more beside the policy, each under its name: what a learner needs to go on, say. Whoever
    /// runs the policy passes over it, and it is no part of the checksum.
    ///
    /// # Panics
    /// If a name is given twice.
    pub fn to_bytes_with(&self, extras: &[(&str, &[u8])]) -> Vec<u8> {
        let mut tensors = self.tensors();
        let header = Header { manifest: self.manifest.clone(), blake3: digest(&self.manifest, &tensors) };
        let header = serde_json::to_string(&header).expect("a manifest has only string keys");
        tensors.extend(extras.iter().map(|(name, bytes)| Tensor {
            name: extra_name(name),
            dtype: Dtype::U8,
            shape: vec![bytes.len()],
            bytes: bytes.to_vec(),
        }));
        let views = tensors.iter().map(|tensor| {
            let view = TensorView::new(tensor.dtype, tensor.shape.clone(), &tensor.bytes)
                .expect("a tensor's bytes match its shape by construction");
            (tensor.name.as_str(), view)
        });
        let metadata = HashMap::from([(METADATA_KEY.to_owned(), header)]);
        safetensors::serialize(views, Some(metadata)).expect("distinct names and a small header")
    }

    /// What [`Policy::to_bytes_with`] put beside a policy under a name, if it did.
    pub fn extra<'b>(bytes: &'b [u8], name: &str) -> Option<&'b [u8]> {
        let file = SafeTensors::deserialize(bytes).ok()?;
        let tensor = file.tensor(&extra_name(name)).ok()?;
        (tensor.dtype() == Dtype::U8).then(|| tensor.data())
    }

    /// Reads and verifies a policy file.
    pub fn load(path: &Path) -> Result<Self, PolicyFileError> {
        let read = |source| PolicyFileError::Read { path: path.to_owned(), source };
        let length = std::fs::metadata(path).map_err(read)?.len();
        if length > BYTES_MAX {
            let reason = format!("it has {length} bytes; a policy has at most {BYTES_MAX}");
            return Err(PolicyFileError::Corrupt { path: path.to_owned(), reason });
        }
        let bytes = std::fs::read(path).map_err(read)?;
        Self::from_bytes(&bytes).map_err(|reason| PolicyFileError::Corrupt { path: path.to_owned(), reason })
    }

    /// Parses and verifies a policy file's bytes; the error says what is wrong.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, String> {
        let file = SafeTensors::deserialize(bytes)
            .map_err(|error| format!("it does not parse as safetensors ({error}); it may be cut short"))?;
        let (_, metadata) = SafeTensors::read_metadata(bytes).map_err(|error| error.to_string())?;
        let header = metadata
            .metadata()
            .as_ref()
            .and_then(|metadata| metadata.get(METADATA_KEY))
            .ok_or("it is a safetensors file without Setpoint's manifest")?;
        // The version is looked at before the rest, so that a newer file is called newer and not broken.
        let loose: serde_json::Value = serde_json::from_str(header).map_err(|error| error.to_string())?;
        let format = loose["manifest"]["format"].as_u64().unwrap_or(0);
        if format > u64::from(FORMAT) {
            return Err(format!(
                "it has format {format}, this Setpoint reads up to {FORMAT}; use a newer Setpoint"
            ));
        }
        let Header { manifest, blake3 } =
            serde_json::from_value(loose).map_err(|error| format!("its manifest is not valid: {error}"))?;
        check_shape(&manifest)?;

        let float32 = |name: &str, expected: usize| -> Result<Vec<f32>, String> {
            let data = data(&file, name, Dtype::F32, expected)?;
            Ok(data.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect())
        };
        let float64 = |name: &str, expected: usize| -> Result<Vec<f64>, String> {
            let data = data(&file, name, Dtype::F64, expected)?;
            let word = |b: &[u8]| f64::from_le_bytes([b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7]]);
            Ok(data.chunks_exact(8).map(word).collect())
        };
        let mut parameters = vec![0.0; manifest.network.parameters()];
        for (index, layer) in manifest.network.layers().into_iter().enumerate() {
            let (weights, bias) = (layer.weights.clone(), layer.bias.clone());
            parameters[weights.clone()]
                .copy_from_slice(&float32(&format!("policy.{index}.weight"), weights.len())?);
            parameters[bias.clone()].copy_from_slice(&float32(&format!("policy.{index}.bias"), bias.len())?);
        }
        let log_std = match manifest.head {
            Head::Gaussian => float32("policy.log_std", manifest.action.len())?,
            Head::Categorical | Head::Values | Head::SquashedGaussian | Head::Deterministic => Vec::new(),
        };
        let features = manifest.observation.len();
        let normalizer = match manifest.clip_observation {
            None => None,
            Some(clip) => Some(Normalizer {
                mean: float64("observation.mean", features)?,
                variance: float64("observation.variance", features)?,
                clip,
                epsilon: manifest.normalization_epsilon,
            }),
        };
        let policy = Self { manifest, parameters, log_std, normalizer };
        let found = digest(&policy.manifest, &policy.tensors());
        if found != blake3 {
            return Err(
                "its checksum does not match its content: it was changed or damaged after it was written"
                    .into(),
            );
        }
        if !policy.is_finite() {
            return Err("it holds a number that is not finite".into());
        }
        Ok(policy)
    }

    fn tensors(&self) -> Vec<Tensor> {
        let mut tensors = Vec::new();
        let mut push32 = |name: String, shape: Vec<usize>, values: &[f32]| {
            let bytes = values.iter().flat_map(|value| value.to_le_bytes()).collect();
            tensors.push(Tensor { name, dtype: Dtype::F32, shape, bytes });
        };
        for (index, layer) in self.manifest.network.layers().into_iter().enumerate() {
            let (weights, bias) =
                (&self.parameters[layer.weights.clone()], &self.parameters[layer.bias.clone()]);
            push32(format!("policy.{index}.weight"), vec![layer.inputs, layer.outputs], weights);
            push32(format!("policy.{index}.bias"), vec![layer.outputs], bias);
        }
        if !self.log_std.is_empty() {
            push32("policy.log_std".into(), vec![self.log_std.len()], &self.log_std);
        }
        if let Some(normalizer) = &self.normalizer {
            for (name, values) in [("mean", &normalizer.mean), ("variance", &normalizer.variance)] {
                tensors.push(Tensor {
                    name: format!("observation.{name}"),
                    dtype: Dtype::F64,
                    shape: vec![values.len()],
                    bytes: values.iter().flat_map(|value| value.to_le_bytes()).collect(),
                });
            }
        }
        tensors
    }
}

fn extra_name(name: &str) -> String {
    format!("beside.{name}")
}

struct Tensor {
    name: String,
    dtype: Dtype,
    shape: Vec<usize>,
    bytes: Vec<u8>,
}

fn digest(manifest: &Manifest, tensors: &[Tensor]) -> String {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&serde_json::to_vec(manifest).expect("a manifest has only string keys"));
    for tensor in tensors {
        hasher.update(tensor.name.as_bytes());
        hasher.update(&(tensor.bytes.len() as u64).to_le_bytes());
        hasher.update(&tensor.bytes);
    }
    hasher.finalize().to_hex().to_string()
}

/// Refuses shapes that disagree with each other before anything is allocated from them.
fn check_shape(manifest: &Manifest) -> Result<(), String> {
    const WIDTH_MAX: usize = 1 << 24;
    let network = &manifest.network;
    let widths = [network.input, network.output].into_iter().chain(network.hidden.iter().copied());
    for width in widths.clone() {
        if width == 0 || width > WIDTH_MAX {
            return Err(format!("a layer is {width} wide; 1 to {WIDTH_MAX} is possible"));
        }
    }
    let total = widths
        .collect::<Vec<_>>()
        .windows(2)
        .map(|pair| pair[0].saturating_mul(pair[1]))
        .fold(0_usize, usize::saturating_add);
    if network.hidden.len() > 64 || total as u64 > BYTES_MAX / 4 {
        return Err("its network is larger than any policy file may be".into());
    }
    if !manifest.head.fits(&manifest.action) {
        return Err(format!("its head {:?} does not fit its kind of actions", manifest.head));
    }
    let features = manifest.observation.len();
    let inputs = match &manifest.discretization {
        None => features,
        Some(Discretization { bins, low, high }) => {
            if [bins.len(), low.len(), high.len()] != [features; 3]
                || bins.contains(&0)
                || !network.hidden.is_empty()
            {
                return Err("its table does not fit its features".into());
            }
            bins.iter().try_fold(1_usize, |cells, bins| cells.checked_mul(*bins as usize)).unwrap_or(0)
        }
    };
    if network.input != inputs || network.output != manifest.head.outputs(&manifest.action) {
        return Err(format!(
            "its network maps {} numbers to {}, its spaces have {} features and {} actions",
            network.input,
            network.output,
            manifest.observation.len(),
            manifest.action.len()
        ));
    }
    Ok(())
}

fn data<'a>(file: &SafeTensors<'a>, name: &str, dtype: Dtype, expected: usize) -> Result<&'a [u8], String> {
    let tensor = file.tensor(name).map_err(|_| format!("the tensor `{name}` is missing"))?;
    let found: usize = tensor.shape().iter().product();
    if tensor.dtype() != dtype || found != expected {
        return Err(format!(
            "the tensor `{name}` holds {found} numbers of type {:?}; expected {expected} of {dtype:?}",
            tensor.dtype()
        ));
    }
    Ok(tensor.data())
}
