//! Files that survive a kill or a full disk.
//!
//! * [`atomic`] – a file is replaced whole, or not at all
//! * [`append`] – append-only files whose length a checkpoint remembers
//! * [`run_folder`] – where the files of a run are

pub mod append;
pub mod atomic;
mod error;
pub mod run_folder;

pub use error::FileError;
