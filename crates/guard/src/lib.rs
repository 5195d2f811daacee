//! The guard between a policy and the plant.
//!
//! No I/O, no clock, no allocation in steady state.
//!
//! * [`decider`] – the trait of deciders; [`policy_decider`] – a policy as a decider, [`constrained`] – any decider with
//!   constraints
//! * [`constraints`] – action masks and clips, the same in training, in evaluation and at the plant
//! * [`mod@recommendation`] – ranked actions or settings under the constraints; [`drivers`] – the reasons for them
//! * [`draws`] – random numbers for the lanes of a decider; [`given_state`] – a state that people give

pub mod constrained;
pub mod constraints;
pub mod decider;
pub mod draws;
pub mod drivers;
pub mod given_state;
pub mod policy_decider;
pub mod recommendation;
#[cfg(test)]
mod sample;
pub mod unlike_training;

pub use decider::Decider;
pub use recommendation::recommend;
