//! The guard: what stands between a policy and the plant.
//!
//! No I/O, no clock, no allocation in steady state.
//!
//! * [`decider`] – the trait of whoever decides; [`policy_decider`] – a policy that decides, [`constrained`] – any decider behind constraints
//! * [`constraints`] – action masks and clips, the same in training, in evaluation and at the plant
//! * [`mod@recommendation`] – ranked actions or settings under the constraints; [`drivers`] – the reasons for them
//! * [`draws`] – random numbers for the lanes of a decider; [`given_state`] – a state as people give it

pub mod constrained;
pub mod constraints;
pub mod decider;
pub mod draws;
pub mod drivers;
pub mod given_state;
pub mod policy_decider;
pub mod recommendation;

pub use decider::Decider;
pub use recommendation::recommend;
