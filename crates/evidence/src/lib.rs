//! Evidence: measurements of deciders on one decision.
//!
//! * [`decision`] – a project with its process; start here
//! * [`player`] – the one loop in which a decider plays; its observers measure. [`deciders`] – deciders by name
//! * [`planner`] – the decider that plans ahead in copies of the process
//! * [`environments`] – processes for learning, with reward, constraints and the sums for logs
//! * [`tensor_views`] – images and points of a batch as a network reads them
//! * [`progression`] – the levels of a curriculum during a training
//! * [`mod@evaluate`] – the policy against its baselines, [`mod@headline`] – the comparison as sentences,
//!   [`headroom`] – its gap to the planner, [`mod@gate`] – whether the evaluation proves what the project requires;
//!   [`faults`] – the policy under noise, delay and loss of samples
//! * [`finite`] – no number of a measurement is NaN or infinite when it is stored
//! * [`evidence_file`] – files of evidence, with the hashes of their policies, projects and data
//! * [`preferences`] – whether the reward prefers the behaviour that the project demands
//! * [`logs`], [`action_distribution`], [`off_policy_evaluation`] – logs of decisions, and estimates of another policy's return

pub mod action_distribution;
pub mod deciders;
pub mod decision;
pub mod environments;
pub mod error;
pub mod evaluate;
pub mod evidence_file;
pub mod faults;
pub mod finite;
pub mod gate;
pub mod headline;
pub mod headroom;
pub mod logs;
pub mod off_policy_evaluation;
pub mod planner;
pub mod player;
pub mod preferences;
pub mod progression;
pub mod tensor_views;
pub mod wording;

pub use decision::Decision;
pub use error::PlayError;
pub use evidence_file::Hashes;
