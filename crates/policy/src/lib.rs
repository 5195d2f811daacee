//! The trained policy: its file and its inference.
//!
//! Small enough for an edge box: no training, no server, no clock.
//!
//! * [`policy`] – a policy and its allocation-free [`policy::Runner`]
//! * [`manifest`] – everything about a policy but its numbers
//! * [`policy_file`] – one `safetensors` file with the manifest and a digest: saving, loading, hashing, older formats
//! * [`matching`] – whether a policy fits a process
//! * [`head`] – how a network's outputs become an action
//! * [`normalizer`] – observation statistics that travel with the policy

pub mod head;
pub mod manifest;
pub mod matching;
pub mod normalizer;
pub mod policy;
pub mod policy_file;

pub use policy::Policy;
