//! Checks bytes for UTF-8 before they are parsed; an error names the first wrong byte by offset and line.

use std::fmt;
use std::io::{self, Read};

/// A byte that is not UTF-8.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotText {
    /// Its offset, from 0.
    pub byte: u64,
    /// Its line, from 1.
    pub line: u64,
    /// Its description.
    pub found: String,
}

impl fmt::Display for NotText {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.found)
    }
}

impl std::error::Error for NotText {}

/// A reader that checks its bytes.
pub struct Utf8<R> {
    inner: R,
    /// Bytes so far, without the bytes of an incomplete character.
    passed: u64,
    /// Line of the next byte.
    line: u64,
    /// A character's first bytes at the end of the last read, and the bytes of the present one.
    scratch: Vec<u8>,
}

impl<R: Read> Utf8<R> {
    /// From the beginning of a file.
    pub fn new(inner: R) -> Self {
        Self { inner, passed: 0, line: 1, scratch: Vec::new() }
    }

    fn refuse(&self, valid: usize, found: String) -> io::Error {
        let lines = self.scratch[..valid].iter().filter(|byte| **byte == b'\n').count() as u64;
        io::Error::other(NotText { byte: self.passed + valid as u64, line: self.line + lines, found })
    }
}

impl<R: Read> Read for Utf8<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.scratch.extend_from_slice(&buffer[..count]);
        if self.passed == 0
            && (self.scratch.starts_with(&[0xFF, 0xFE]) || self.scratch.starts_with(&[0xFE, 0xFF]))
        {
            return Err(self.refuse(0, "the file is UTF-16".to_owned()));
        }
        if let Some(at) = self.scratch.iter().position(|byte| *byte == 0) {
            return Err(
                self.refuse(at, "a zero byte: the file is UTF-16 without a mark, or not a text".to_owned())
            );
        }
        let whole = match std::str::from_utf8(&self.scratch) {
            Ok(_) => self.scratch.len(),
            // The rest of the character comes with the next read, unless the file ends here.
            Err(error) if error.error_len().is_none() && count > 0 => error.valid_up_to(),
            Err(error) => {
                let at = error.valid_up_to();
                let byte = self.scratch[at];
                return Err(
                    self.refuse(at, format!("the byte 0x{byte:02X} is not UTF-8 (Latin-1 or Windows-1252?)"))
                );
            }
        };
        self.line += self.scratch[..whole].iter().filter(|byte| **byte == b'\n').count() as u64;
        self.passed += whole as u64;
        self.scratch.drain(..whole);
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives a limited number of bytes at a time.
    struct Drops<'a>(&'a [u8], usize);

    impl Read for Drops<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let count = self.1.min(self.0.len()).min(buffer.len());
            buffer[..count].copy_from_slice(&self.0[..count]);
            self.0 = &self.0[count..];
            Ok(count)
        }
    }

    fn refused(bytes: &[u8], at_once: usize) -> Option<NotText> {
        let mut text = Vec::new();
        let error = Utf8::new(Drops(bytes, at_once)).read_to_end(&mut text).err()?;
        Some(error.get_ref().and_then(|inner| inner.downcast_ref::<NotText>()).cloned().unwrap())
    }

    #[test]
    fn characters_may_be_cut_anywhere_and_bad_bytes_are_found_there() {
        let good = "ä,β\n1,€\n😀,2\n".as_bytes();
        let mut bad = good.to_vec();
        bad.push(0xE4);
        bad.extend_from_slice(b",3\n");
        for at_once in 1..12 {
            assert_eq!(refused(good, at_once), None, "{at_once} at once");
            let found = refused(&bad, at_once).unwrap();
            assert_eq!((found.byte, found.line), (good.len() as u64, 4), "{at_once} at once");
            // A file that ends within a character.
            let found = refused(&good[..10], at_once);
            assert_eq!(found.map(|found| (found.byte, found.line)), Some((8, 2)), "{at_once} at once");
        }
        assert!(refused(b"\xFF\xFEa\0", 2).unwrap().found.contains("UTF-16"));
        assert_eq!(refused(b"a,b\n1\x002", 3).map(|found| (found.byte, found.line)), Some((5, 2)));
    }
}
