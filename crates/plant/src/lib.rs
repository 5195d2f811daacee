//! Data from plants: logs of decisions, read, audited and cut into episodes. No learning.

pub mod log;

pub use log::{Log, LoggedEpisode};
