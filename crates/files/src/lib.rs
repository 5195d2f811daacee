//! Files that survive a kill or a full disk, and folders that belong to one run.
//!
//! * [`storage`] – the operations on files, which tests can fail
//! * [`atomic`] – a file is replaced whole, or not at all
//! * [`append`] – append-only files whose extent a checkpoint remembers
//! * [`run_folder`] – where the files of a run are
//! * [`run`] – a run that this process may write: marker, identity and lock
//! * [`text`] – the text of bytes, without a byte order mark
//! * [`newest`] – the newest run of a project

pub mod append;
pub mod atomic;
pub mod beginning;
mod error;
pub mod identity;
pub mod lock;
pub mod newest;
pub mod run;
pub mod run_folder;
pub mod storage;
pub mod text;

pub use error::FileError;
