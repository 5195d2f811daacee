//! The trained policy: its file and its inference.
//!
//! Small enough for an edge box: no training, no server, no clock.
//!
//! * [`policy`] – a policy and its allocation-free [`policy::Runner`]
//! * [`manifest`], [`file`](mod@file) – the policy file: one `safetensors` file with a manifest and a checksum
//! * [`head`] – how a network's outputs become an action
//! * [`normalizer`] – observation statistics that travel with the policy

pub mod file;
pub mod head;
pub mod manifest;
pub mod normalizer;
pub mod policy;

pub use policy::Policy;
