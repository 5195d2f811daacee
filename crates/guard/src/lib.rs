//! The guard: what stands between a policy and the plant.
//!
//! Pure functions: no I/O, no clock.
//!
//! * [`constraints`] – action masks and clips, the same in training, in evaluation and at the plant
//! * [`mod@recommendation`] – ranked actions or settings under the constraints; [`drivers`] – the reasons for them
//! * [`given_state`] – a state as people give it

pub mod constraints;
pub mod drivers;
pub mod given_state;
pub mod recommendation;

pub use recommendation::recommend;
