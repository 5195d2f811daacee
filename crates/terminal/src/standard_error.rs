//! Standard error: notes, progress and errors.
//!
//! A note is for a person who watches. If it cannot be written (a full disk, a closed pipe), the work continues without it.

use std::fmt::Display;
use std::io::{IsTerminal, Write};

use crate::visible::{visible, visible_beside_colour};

/// Writes a line; control characters become symbols.
pub fn note(text: impl Display) {
    draw(&format!("{}\n", visible(&text.to_string())));
}

/// Writes a line with our own colours; other control characters become symbols.
pub fn coloured_note(text: &str) {
    draw(&format!("{}\n", visible_beside_colour(text)));
}

/// Writes a text as it is, for a drawing that moves the cursor. The caller makes its names visible.
pub fn draw(text: &str) {
    // One call for the whole text, so that lines of several threads do not mix.
    let _ = std::io::stderr().write_all(text.as_bytes());
}

/// Whether a person reads it at a terminal.
pub fn is_terminal() -> bool {
    std::io::stderr().is_terminal()
}

/// Whether it is a terminal on which texts have colours and drawings move the cursor: both need escape codes, which
/// `TERM=dumb` and `NO_COLOR` refuse.
pub fn takes_escape_codes() -> bool {
    is_terminal() && escape_codes_are_wanted()
}

/// Whether no variable of the environment refuses escape codes.
pub(crate) fn escape_codes_are_wanted() -> bool {
    std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
        && std::env::var_os("TERM").is_none_or(|terminal| terminal != "dumb")
}
