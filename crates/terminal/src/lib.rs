//! The only code that writes to standard output and to standard error.
//!
//! * [`visible()`] – control characters as symbols, for a name in a file must not command the terminal
//! * [`shell`] – names and paths in commands that a person may paste
//! * [`standard_output`] – the result of a command; its error is kept, for a lost result is a failure
//! * [`standard_error`] – notes, progress and errors; a note that cannot be written stops nothing

pub mod shell;
pub mod standard_error;
pub mod standard_output;
pub mod visible;

pub use shell::{quoted, quoted_path};
pub use standard_error::note;
pub use standard_output::StandardOutput;
pub use visible::{visible, visible_beside_colour, visible_in_line};
