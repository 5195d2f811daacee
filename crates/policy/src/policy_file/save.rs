//! A policy to the bytes of its file.

use std::collections::HashMap;

use safetensors::tensor::{Dtype, TensorView};
use serde::Serialize;

use super::stored::StoredManifest;
use super::{METADATA_KEY, Tensor, check, extra_name, layer_names};
use crate::digest;
use crate::policy::Policy;

#[derive(Serialize)]
struct Header {
    blake3: &'static str,
    manifest: StoredManifest,
}

impl Policy {
    /// The policy file's bytes.
    ///
    /// # Panics
    /// If a number of the manifest is not finite: [`crate::policy_file`] cannot store it. [`Policy::unstorable`] finds such
    /// a process before a training.
    pub fn to_bytes(&self) -> Vec<u8> {
        self.to_bytes_with(&[])
    }

    /// The policy file's bytes with additional bytes, each under its name: a learner's state, for example. A reader of the
    /// policy ignores them; the digest covers them.
    ///
    /// # Panics
    /// Like [`Policy::to_bytes`], and if a name is given twice.
    pub fn to_bytes_with(&self, extras: &[(&str, &[u8])]) -> Vec<u8> {
        let manifest = StoredManifest::from(&self.manifest);
        if let Some(number) = check::wrong_number(&manifest) {
            panic!("a policy file cannot contain this number: {number}");
        }
        let header = Header { blake3: digest::PLACE, manifest };
        let header = serde_json::to_string(&header).expect("a manifest has only string keys");
        let mut tensors = self.tensors();
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
        // Only one key, because the order of several would differ from run to run.
        let metadata = HashMap::from([(METADATA_KEY.to_owned(), header)]);
        let mut bytes =
            safetensors::serialize(views, Some(metadata)).expect("distinct names and a small header");
        digest::write(&mut bytes);
        bytes
    }

    fn tensors(&self) -> Vec<Tensor> {
        let mut tensors = Vec::new();
        let mut push32 = |name: String, shape: Vec<usize>, values: &[f32]| {
            let bytes = values.iter().flat_map(|value| value.to_le_bytes()).collect();
            tensors.push(Tensor { name, dtype: Dtype::F32, shape, bytes });
        };
        for (owner, layer) in self.manifest.network.layers() {
            let (weights, bias) =
                (&self.parameters[layer.weights.clone()], &self.parameters[layer.bias.clone()]);
            let [weight_name, bias_name] = layer_names(owner);
            push32(weight_name, vec![layer.inputs, layer.outputs], weights);
            push32(bias_name, vec![layer.outputs], bias);
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

    /// The manifest for the policy file: JSON text.
    pub fn manifest_text(&self) -> String {
        serde_json::to_string(&StoredManifest::from(&self.manifest)).expect("a manifest has only string keys")
    }
}
