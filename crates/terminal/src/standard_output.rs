//! Standard output: the result of a command.

use std::fmt::Display;
use std::io::{Error, ErrorKind, IsTerminal, Write};
use std::sync::OnceLock;

use terminal_size::terminal_size_of;

use crate::standard_error::escape_codes_are_wanted;
use crate::visible::{visible, visible_beside_colour};

/// Standard output with the memory of its first error.
#[derive(Debug, Default)]
pub struct StandardOutput {
    error: OnceLock<Error>,
}

impl StandardOutput {
    /// Writes a line; control characters become symbols.
    pub fn line(&self, text: impl Display) {
        self.write(&format!("{}\n", visible(&text.to_string())));
    }

    /// Writes a line with our own colours; other control characters become symbols.
    pub fn coloured_line(&self, text: &str) {
        self.write(&format!("{}\n", visible_beside_colour(text)));
    }

    /// Writes a text for programs as it is: a document or a script.
    pub fn verbatim(&self, text: &str) {
        self.write(text);
    }

    /// Whether it shows colours.
    pub fn has_colours() -> bool {
        std::io::stdout().is_terminal() && escape_codes_are_wanted()
    }

    /// Columns of its terminal; `None` if it is no terminal: a file or a pipe has all the room that a text wants.
    pub fn columns() -> Option<usize> {
        terminal_size_of(std::io::stdout()).map(|(columns, _)| columns.0.into())
    }

    /// The first error. A reader that closed its pipe has read enough (`setpoint … | head`), which is no error.
    pub fn error(&self) -> Option<&Error> {
        self.error.get().filter(|error| error.kind() != ErrorKind::BrokenPipe)
    }

    fn write(&self, text: &str) {
        // A text with a gap in the middle is worse than a text that ends early.
        if self.error.get().is_some() {
            return;
        }
        let mut stream = std::io::stdout().lock();
        if let Err(error) = stream.write_all(text.as_bytes()).and_then(|()| stream.flush()) {
            // A second error adds nothing.
            let _ = self.error.set(error);
        }
    }
}
