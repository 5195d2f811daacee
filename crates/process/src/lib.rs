//! Industrial processes to learn on.
//!
//! * [`process`] – the trait: `reset`, `step`, names and bounds; no reward
//! * [`builtin`] – one file a process, its heuristic baseline beside it
//! * [`vectorized`] – many environments that step together; [`mod@open`] – from a project's `kind` to a process
//! * [`parameter`] – numbers of the dynamics that projects set, randomise and disturb; [`disturbed`] – noise, delays, loss
//! * [`gymnasium`] – environments of Gymnasium, in Python workers beside this program
//! * [`schedule`] – what ran where and when, for processes that schedule
//! * [`reward`] – signals × weights; [`random`] – named streams; [`conformance`] – what every process must keep
//! * [`trigonometry`] – sine and cosine, inlined
//!
//! Nothing here learns.

pub mod builtin;
pub mod conformance;
pub mod disturbed;
pub mod gymnasium;
pub mod open;
pub mod parameter;
pub mod process;
pub mod random;
pub mod reward;
pub mod schedule;
pub mod trigonometry;
pub mod vectorized;

pub use open::{Factory, Heuristic, State, kinds, open, open_kind};
pub use vectorized::{ProcessError, StateError};
