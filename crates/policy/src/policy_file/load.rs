//! The bytes of a policy file to the policy.

use std::path::Path;

use safetensors::tensor::{Dtype, SafeTensors};
use serde::Deserialize;
use serde_json::value::RawValue;
use setpoint_files::storage;

use super::stored::StoredManifest;
use super::{
    BYTES_MAX, FORMAT, METADATA_KEY, PolicyFileError, Refusal, check, extra_name, format_1, layer_names,
};
use crate::digest;
use crate::manifest::Manifest;
use crate::normalizer::Normalizer;
use crate::policy::{Origin, Policy};

/// The metadata: the manifest's text as it is stored.
#[derive(Deserialize)]
struct Header<'a> {
    #[serde(borrow)]
    manifest: &'a RawValue,
    blake3: String,
}

/// The beginning of a manifest of every format, also of later ones.
#[derive(Deserialize)]
struct Version {
    format: u64,
    setpoint_version: Option<String>,
}

/// The parsed `safetensors` file.
struct File<'a>(SafeTensors<'a>);

impl Policy {
    /// Reads and verifies a policy file.
    pub fn load(path: &Path) -> Result<Self, PolicyFileError> {
        let read = |source| PolicyFileError::Read { path: path.to_owned(), source };
        let refused = |refusal| PolicyFileError::Refused { path: path.to_owned(), refusal };
        let bytes = storage::read(path, BYTES_MAX).map_err(read)?;
        Self::from_bytes(&bytes).map_err(refused)
    }

    /// Parses and verifies a policy file's bytes.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Refusal> {
        let file = SafeTensors::deserialize(bytes)
            .map_err(|error| format!("it does not parse as safetensors ({error}); it may be cut short"))?;
        let (_, metadata) = SafeTensors::read_metadata(bytes).map_err(|error| error.to_string())?;
        let header = metadata
            .metadata()
            .as_ref()
            .and_then(|metadata| metadata.get(METADATA_KEY))
            .ok_or("it is a safetensors file without Setpoint's manifest".to_owned())?;
        let unreadable = |error: serde_json::Error| format!("its manifest is not valid: {error}");
        let Header { manifest: text, blake3 } = serde_json::from_str(header).map_err(unreadable)?;
        // The version is checked first, so that a newer file is reported as newer and not as broken.
        let Version { format, setpoint_version } = serde_json::from_str(text.get()).map_err(unreadable)?;
        if format > u64::from(FORMAT) {
            let written_by = setpoint_version.unwrap_or_else(|| "of a later version".to_owned());
            return Err(Refusal::Newer { format, written_by });
        }
        let damaged = || {
            "its checksum does not match its content: it was changed or damaged after it was written"
                .to_owned()
        };
        if format >= 2 && !digest::holds(bytes, &blake3) {
            return Err(damaged().into());
        }
        let stored: StoredManifest = serde_json::from_str(text.get()).map_err(unreadable)?;
        if let Some(number) = check::wrong_number(&stored) {
            return Err(Refusal::Damaged(format!("its manifest is not valid: {number}")));
        }
        let manifest = Manifest::try_from(stored)?;
        check::shape(&manifest)?;
        let file = File(file);
        if format == 1 && format_1::digest(text.get(), &file.policy_tensors(&manifest)?) != blake3 {
            return Err(damaged().into());
        }
        let mut policy = file.policy(manifest)?;
        if !policy.is_finite() {
            return Err("it contains a number that is not finite".to_owned().into());
        }
        policy.origin =
            Some(Origin { file: blake3::hash(bytes), rewritten: blake3::hash(&policy.to_bytes()) });
        Ok(policy)
    }

    /// The additional bytes of [`Policy::to_bytes_with`] with a name, if there are any.
    pub fn extra<'b>(bytes: &'b [u8], name: &str) -> Option<&'b [u8]> {
        let file = SafeTensors::deserialize(bytes).ok()?;
        let tensor = file.tensor(&extra_name(name)).ok()?;
        (tensor.dtype() == Dtype::U8).then(|| tensor.data())
    }
}

impl<'a> File<'a> {
    fn policy(&self, manifest: Manifest) -> Result<Policy, String> {
        let mut parameters = vec![0.0; manifest.network.parameters()];
        for (owner, layer) in manifest.network.layers() {
            for (name, place) in layer_names(owner).into_iter().zip([layer.weights, layer.bias]) {
                parameters[place.clone()].copy_from_slice(&self.float32(&name, place.len())?);
            }
        }
        let log_std = match manifest.head.log_stds(&manifest.action) {
            0 => Vec::new(),
            axes => self.float32("policy.log_std", axes)?,
        };
        let features = manifest.observation.len();
        let normalizer = match manifest.clip_observation {
            None => None,
            Some(clip) => Some(Normalizer {
                mean: self.float64("observation.mean", features)?,
                variance: self.float64("observation.variance", features)?,
                clip,
                epsilon: manifest.normalization_epsilon,
            }),
        };
        Ok(Policy::new(manifest, parameters, log_std, normalizer))
    }

    /// The names and bytes of the policy's tensors, in the order of the file.
    fn policy_tensors(&self, manifest: &Manifest) -> Result<Vec<(String, &'a [u8])>, String> {
        let tensor = |name: String| match self.0.tensor(&name) {
            Ok(tensor) => Ok((name, tensor.data())),
            Err(_) => Err(format!("the tensor `{name}` is missing")),
        };
        tensor_names(manifest).into_iter().map(tensor).collect()
    }

    fn numbers(&self, name: &str, dtype: Dtype, expected: usize) -> Result<&'a [u8], String> {
        let tensor = self.0.tensor(name).map_err(|_| format!("the tensor `{name}` is missing"))?;
        let found: usize = tensor.shape().iter().product();
        if tensor.dtype() != dtype || found != expected {
            return Err(format!(
                "the tensor `{name}` has {found} numbers of type {:?}; expected {expected} of {dtype:?}",
                tensor.dtype()
            ));
        }
        Ok(tensor.data())
    }

    fn float32(&self, name: &str, expected: usize) -> Result<Vec<f32>, String> {
        let (numbers, _) = self.numbers(name, Dtype::F32, expected)?.as_chunks();
        Ok(numbers.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect())
    }

    fn float64(&self, name: &str, expected: usize) -> Result<Vec<f64>, String> {
        let (numbers, _) = self.numbers(name, Dtype::F64, expected)?.as_chunks();
        Ok(numbers.iter().map(|bytes| f64::from_le_bytes(*bytes)).collect())
    }
}

/// The names of a policy's tensors, in the order of the file.
fn tensor_names(manifest: &Manifest) -> Vec<String> {
    let layers = manifest.network.layers().into_iter();
    let mut names: Vec<String> = layers.flat_map(|(owner, _)| layer_names(owner)).collect();
    if manifest.head.log_stds(&manifest.action) > 0 {
        names.push("policy.log_std".to_owned());
    }
    if manifest.clip_observation.is_some() {
        names.extend(["observation.mean", "observation.variance"].map(str::to_owned));
    }
    names
}
