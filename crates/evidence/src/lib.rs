//! Evidence: measurements of deciders on one decision.
//!
//! * [`decision`] – a project with its process; start here
//! * [`player`] – the one loop in which a decider plays; its observers measure. [`deciders`] – deciders by name
//! * [`environments`] – processes to learn in, with reward, constraints and the sums that logs show
//! * [`progression`] – a training's way through the levels of a curriculum
//! * [`mod@evaluate`] – the policy against its baselines, [`mod@gate`] – whether the required lift is proved; [`faults`] – the policy under noise, delay and loss of samples
//! * [`evidence_file`] – files of evidence, with the hashes of their policies, projects and data
//! * [`preferences`] – whether the reward prefers the behaviour that the project says
//! * [`logs`], [`action_distribution`], [`off_policy_evaluation`] – logs of decisions, and the return of another policy

pub mod action_distribution;
pub mod deciders;
pub mod decision;
pub mod environments;
pub mod error;
pub mod evaluate;
pub mod evidence_file;
pub mod faults;
pub mod gate;
pub mod logs;
pub mod off_policy_evaluation;
pub mod player;
pub mod preferences;
pub mod progression;

pub use decision::Decision;
pub use error::PlayError;
pub use evidence_file::Hashes;
