//! Lines in a form in which the parser of CSV counts them: every line ends with `\n`, and a blank line has an empty cell more,
//! for the parser passes over blank lines and does not count them. Blanks between a delimiter and a quote disappear: some
//! loggers write `"a", "b"`, where the quote must come first.

use std::io::{self, Read};

/// The place within a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    LineStart,
    CellStart,
    Unquoted,
    Quoted,
    /// After a quote in a quoted cell: its end, or half of a doubled quote.
    Closed,
}

/// The lines of a reader.
pub(super) struct Lines<R> {
    inner: R,
    delimiter: u8,
    place: Place,
    /// Blanks at the beginning of a cell, held back until it is known whether a quote follows.
    blanks: usize,
    /// The last byte was `\r`.
    returned: bool,
    piece: Vec<u8>,
    out: Vec<u8>,
    given: usize,
}

impl<R: Read> Lines<R> {
    pub fn new(inner: R, delimiter: u8) -> Self {
        let piece = vec![0; 1 << 16];
        Self {
            inner,
            delimiter,
            place: Place::LineStart,
            blanks: 0,
            returned: false,
            piece,
            out: Vec::new(),
            given: 0,
        }
    }

    fn take(&mut self, byte: u8) {
        let returned = std::mem::replace(&mut self.returned, byte == b'\r');
        if self.place == Place::Quoted {
            self.place = if byte == b'"' { Place::Closed } else { Place::Quoted };
            self.out.push(byte);
            return;
        }
        let begins = matches!(self.place, Place::LineStart | Place::CellStart);
        match byte {
            b'\n' if returned => {}
            b'\n' | b'\r' => {
                self.release();
                if self.place == Place::LineStart {
                    self.out.push(self.delimiter);
                }
                self.out.push(b'\n');
                self.place = Place::LineStart;
            }
            byte if byte == self.delimiter => {
                self.release();
                self.out.push(byte);
                self.place = Place::CellStart;
            }
            b' ' if begins => self.blanks += 1,
            b'"' if begins || self.place == Place::Closed => {
                self.blanks = 0;
                self.out.push(byte);
                self.place = Place::Quoted;
            }
            byte => {
                self.release();
                self.out.push(byte);
                self.place = Place::Unquoted;
            }
        }
    }

    fn release(&mut self) {
        self.out.resize(self.out.len() + self.blanks, b' ');
        self.blanks = 0;
    }
}

impl<R: Read> Read for Lines<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.given == self.out.len() {
            self.out.clear();
            self.given = 0;
            let mut piece = std::mem::take(&mut self.piece);
            let count = self.inner.read(&mut piece);
            self.piece = piece;
            let count = count?;
            for index in 0..count {
                self.take(self.piece[index]);
            }
            if count == 0 {
                self.release();
                if self.out.is_empty() {
                    return Ok(0);
                }
            }
        }
        let count = buffer.len().min(self.out.len() - self.given);
        buffer[..count].copy_from_slice(&self.out[self.given..self.given + count]);
        self.given += count;
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn line_ends_blank_lines_and_blanks_before_quotes() {
        let lines = |text: &str| {
            let mut out = String::new();
            Lines::new(text.as_bytes(), b',').read_to_string(&mut out).unwrap();
            out
        };
        for (text, expected) in [
            ("a,b\r\n1,2\r\n", "a,b\n1,2\n"),
            ("a,b\r1,2\r", "a,b\n1,2\n"),
            ("a\n\n\r\n\rb", "a\n,\n,\n,\nb"),
            ("\"a\",  \"b, \"\" c\", d\n", "\"a\",\"b, \"\" c\", d\n"),
            ("\"a\r\n\nb\",2\n", "\"a\r\n\nb\",2\n"),
            ("  \n a", "  ,\n a"),
        ] {
            assert_eq!(lines(text), expected, "{text:?}");
        }
    }
}
