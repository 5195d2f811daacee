//! The trained policy: its file and its inference.
//!
//! Small enough for an edge device: no training, no server, no clock.
//!
//! * [`policy`] – a policy and its allocation-free [`policy::Runner`]
//! * [`manifest`] – everything about a policy except its numbers
//! * [`policy_file`] – one `safetensors` file with the manifest and a digest: saving, loading, hashing, older formats
//! * [`stored_spaces`] – observations, actions and signals in the files of policies and of learned processes
//! * [`digest`] – the digest of a file, stored in it
//! * [`matching`] – whether a policy fits a process
//! * [`head`] – the step from a network's outputs to an action
//! * [`normalizer`] – the observation statistics of a policy

pub mod digest;
pub mod head;
pub mod manifest;
pub mod matching;
pub mod normalizer;
pub mod policy;
pub mod policy_file;
pub mod stored_spaces;

pub use policy::Policy;
/// The machine level at which networks run.
pub use setpoint_nn::level;
