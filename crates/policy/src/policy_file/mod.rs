//! The policy file: one `safetensors` file. Its metadata has the manifest and a BLAKE3 digest; its tensors have the numbers.
//!
//! | format | written by | the digest covers |
//! |---|---|---|
//! | 4 | this version, for observations with images or sets of points, or a network with a memory | as format 2 |
//! | 3 | this version, for actions of several groups of choices, or of choices with settings | as format 2 |
//! | 2 | this version, for all others | every byte of the file, with zeros in place of the digest's own 64 digits |
//! | 1 | 0.1.0 before its release | the manifest's text and the policy's tensors |
//!
//! Both digests cover the stored bytes; no reader writes a manifest again to check it. The bytes depend only on the policy
//! (not on time or path), so two trainings with equal results write identical files. Golden files in `tests/golden` contain
//! all formats.
//!
//! * `save`, `load` – a policy to bytes and back
//! * `stored` – the manifest in the file, with types separate from the program's types; `stored_network` – its network
//! * [`crate::digest`] – the digest of format 2; `format_1` – the digest of format 1
//! * `check` – the manifests that are refused

mod check;
mod format_1;
mod load;
mod save;
mod stored;
mod stored_network;

use std::path::PathBuf;

use safetensors::tensor::Dtype;
use setpoint_nn::shape::LayerOf;

use crate::policy::Policy;

/// Number of the latest layout that [`Policy::to_bytes`] writes; a reader refuses a greater one.
pub const FORMAT: u32 = 4;
/// A larger file is not a policy, and is refused without reading it.
const BYTES_MAX: u64 = 1 << 30;
/// The metadata's only key.
const METADATA_KEY: &str = "setpoint";

/// The reason why a policy file was refused.
#[derive(Debug, thiserror::Error)]
pub enum PolicyFileError {
    /// The file could not be read.
    #[error("cannot read the policy file {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's error.
        source: std::io::Error,
    },
    /// The file was read; its bytes are refused.
    #[error("{} is not a usable policy file: {refusal}", path.display())]
    Refused {
        /// The file.
        path: PathBuf,
        /// The reason.
        refusal: Refusal,
    },
}

impl PolicyFileError {
    /// Whether a newer version of Setpoint reads the file: the file is then not damaged.
    pub fn is_newer(&self) -> bool {
        matches!(self, Self::Refused { refusal: Refusal::Newer { .. }, .. })
    }
}

/// The reason why the bytes of a policy file were refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// A later version wrote them.
    #[error(
        "it has format {format}; this Setpoint ({}) reads formats up to {FORMAT}. Use Setpoint {written_by} or newer, \
         which reads it",
        env!("CARGO_PKG_VERSION")
    )]
    Newer {
        /// The format of the file.
        format: u64,
        /// Version of Setpoint that wrote it.
        written_by: String,
    },
    /// The bytes are not a policy, or have changed since they were written.
    #[error("{0}")]
    Damaged(String),
}

impl From<String> for Refusal {
    fn from(reason: String) -> Self {
        Self::Damaged(reason)
    }
}

impl Policy {
    /// The hash of the policy: BLAKE3, in hex, of the bytes of its file. A policy that was read from a file has the hash of
    /// that file, in whatever format it is; another policy has the hash of the file that [`Policy::to_bytes`] makes.
    pub fn hash(&self) -> String {
        let rewritten = blake3::hash(&self.to_bytes());
        let hash = match &self.origin {
            // The fields are public: a policy that changed after reading no longer has the file's hash.
            Some(origin) if origin.rewritten == rewritten => origin.file,
            _ => rewritten,
        };
        hash.to_hex().to_string()
    }
}

/// A tensor of the file.
struct Tensor {
    name: String,
    dtype: Dtype,
    shape: Vec<usize>,
    bytes: Vec<u8>,
}

/// The names of a layer's weights and bias.
fn layer_names(owner: LayerOf) -> [String; 2] {
    let name = match owner {
        LayerOf::Encoder { encoder, index } => format!("encoder.{encoder}.{index}"),
        LayerOf::MemoryOfInput => "memory.input".to_owned(),
        LayerOf::MemoryOfState => "memory.state".to_owned(),
        LayerOf::Trunk { index } => format!("policy.{index}"),
    };
    [format!("{name}.weight"), format!("{name}.bias")]
}

/// The name of a tensor with additional bytes.
fn extra_name(name: &str) -> String {
    format!("beside.{name}")
}
