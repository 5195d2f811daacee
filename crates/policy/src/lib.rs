//! The trained policy: its file, its inference, its ranking with reasons, and the constraints that guard it.
//!
//! Small enough for an edge box: no training, no server, no clock.
//!
//! * [`policy`] – a policy and its allocation-free [`policy::Runner`]
//! * [`manifest`], [`file`](mod@file) – the policy file: one `safetensors` file with a manifest and a checksum
//! * [`head`] – how a network's outputs become an action
//! * [`normalizer`] – observation statistics that travel with the policy
//! * [`constraints`] – action masks and clips, the same in training and at the plant
//! * [`ranking`] – `recommend`: ranked actions and what drives the choice; [`state`] – a state as people give it

pub mod constraints;
pub mod file;
pub mod head;
pub mod manifest;
pub mod normalizer;
pub mod policy;
pub mod ranking;
pub mod state;

pub use policy::Policy;
