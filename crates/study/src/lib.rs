//! Studies: questions that need several trainings, or a training and data.
//!
//! * [`many_seeds`] – one training per seed on all cores; [`seeds`] – what they have together
//! * [`compare`] – several algorithms on one decision, and the choice among them
//! * [`tune`] – the search for better options, and its proof
//! * [`probes`] – short trainings that look for ways to exploit the reward
//! * [`rule_activity`] – constraints that are never active, or always
//! * [`suitability`], [`reward_scale`] – options and rewards with which an algorithm hardly learns; [`diagnose`] – symptoms of a broken training
//! * [`mod@validate`] – the simulator against a log of the plant; [`mod@verify`] – whether a run can be relied on

pub mod compare;
pub mod diagnose;
pub mod many_seeds;
pub mod probes;
mod random_play;
pub mod reward_scale;
pub mod rule_activity;
pub mod seeds;
pub mod suitability;
pub mod tune;
pub mod validate;
pub mod verify;
