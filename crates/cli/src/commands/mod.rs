//! One file a command.

pub mod check;
pub mod compare;
pub mod completions;
pub mod diagnose;
pub mod eval;
pub mod faults;
pub mod list;
pub mod new;
pub mod ope;
pub mod recommend;
pub mod report;
pub mod run;
pub mod train;
pub mod tune;
pub mod validate;
pub mod watch;
