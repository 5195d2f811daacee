//! The policy that a training began with, as the marker of its run and its summary name it.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::identity::Identity;

/// The policy that a training began with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Beginning {
    /// BLAKE3 of the policy file, in hex.
    pub policy: String,
    /// BLAKE3 of the learner's state in the checkpoint that the critics come from, in hex; `None` without a checkpoint.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub learner: Option<String>,
    /// The run of the policy; `None` for a policy file alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<Identity>,
    /// The run's folder or the policy file, as it was named.
    pub path: PathBuf,
}

impl Beginning {
    /// The first digits of the policy's hash, for people.
    pub fn short(&self) -> &str {
        self.policy.get(..8).unwrap_or(&self.policy)
    }

    /// Whether a training begins with the same numbers, wherever they lie.
    pub fn is_same(&self, other: &Self) -> bool {
        self.policy == other.policy && self.learner == other.learner
    }
}
