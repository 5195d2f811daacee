//! Decodes bytes before they are parsed: UTF-8, UTF-16 with a mark, Windows-1252. An error names the first wrong byte by offset
//! and line.

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

/// How a file stores its characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// With or without a byte order mark.
    Utf8,
    /// With a mark, the low byte first.
    Utf16Le,
    /// With a mark, the high byte first.
    Utf16Be,
    /// One byte per character: western European files of Windows.
    Windows1252,
}

impl Encoding {
    /// By the byte order mark.
    pub fn of(head: &[u8]) -> Self {
        match head {
            [0xFF, 0xFE, ..] => Self::Utf16Le,
            [0xFE, 0xFF, ..] => Self::Utf16Be,
            _ => Self::Utf8,
        }
    }
}

/// The characters of the bytes 0x80 to 0x9F in Windows-1252; the other bytes are Unicode's numbers.
const WINDOWS: [char; 32] = [
    '€', '\u{81}', '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', '\u{8d}', 'Ž', '\u{8f}', '\u{90}',
    '‘', '’', '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', '\u{9d}', 'ž', 'Ÿ',
];
/// Bytes that are read at a time.
const PIECE: usize = 1 << 16;

/// A reader whose bytes are the file's characters in UTF-8, without a byte order mark.
pub struct Text<R> {
    inner: R,
    encoding: Encoding,
    /// Bytes of the file that were decoded.
    passed: u64,
    /// Line of the next byte.
    line: u64,
    /// Bytes of the file that are not decoded yet: the beginning of a character.
    pending: Vec<u8>,
    /// Decoded bytes; those before `given` are with the caller.
    out: Vec<u8>,
    given: usize,
}

impl<R: Read> Text<R> {
    /// From the beginning of a file.
    pub fn new(inner: R, encoding: Encoding) -> Self {
        Self { inner, encoding, passed: 0, line: 1, pending: Vec::new(), out: Vec::new(), given: 0 }
    }

    fn refuse(&self, valid: usize, found: String) -> io::Error {
        let lines = self.pending[..valid].iter().filter(|byte| **byte == b'\n').count() as u64;
        io::Error::other(NotText { byte: self.passed + valid as u64, line: self.line + lines, found })
    }

    /// Decodes the pending bytes as far as they are whole characters; `ended` if no more bytes come.
    fn decode(&mut self, ended: bool) -> io::Result<()> {
        let whole = match self.encoding {
            Encoding::Utf8 => self.utf_8(ended)?,
            Encoding::Utf16Le => self.utf_16(u16::from_le_bytes, ended)?,
            Encoding::Utf16Be => self.utf_16(u16::from_be_bytes, ended)?,
            Encoding::Windows1252 => {
                for byte in &self.pending {
                    let character = match byte {
                        0x80..=0x9F => WINDOWS[usize::from(byte - 0x80)],
                        byte => char::from(*byte),
                    };
                    self.out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
                }
                self.pending.len()
            }
        };
        self.line += self.pending[..whole].iter().filter(|byte| **byte == b'\n').count() as u64;
        self.passed += whole as u64;
        self.pending.drain(..whole);
        Ok(())
    }

    fn utf_8(&mut self, ended: bool) -> io::Result<usize> {
        if let Some(at) = self.pending.iter().position(|byte| *byte == 0) {
            return Err(
                self.refuse(at, "a zero byte: the file is UTF-16 without a mark, or not a text".to_owned())
            );
        }
        let whole = match std::str::from_utf8(&self.pending) {
            Ok(_) => self.pending.len(),
            // The rest of the character comes with the next read, unless the file ends here.
            Err(error) if error.error_len().is_none() && !ended => error.valid_up_to(),
            Err(error) => {
                let at = error.valid_up_to();
                let byte = self.pending[at];
                return Err(
                    self.refuse(at, format!("the byte 0x{byte:02X} is not UTF-8 (Latin-1 or Windows-1252?)"))
                );
            }
        };
        let mark = if self.passed == 0 && self.pending.starts_with(&[0xEF, 0xBB, 0xBF]) { 3 } else { 0 };
        self.out.extend_from_slice(&self.pending[mark.min(whole)..whole]);
        Ok(whole)
    }

    fn utf_16(&mut self, unit: fn([u8; 2]) -> u16, ended: bool) -> io::Result<usize> {
        let (units, rest) = self.pending.as_chunks::<2>();
        let (count, odd) = (units.len(), !rest.is_empty());
        let mut read = 0;
        let units: Vec<u16> = units.iter().map(|pair| unit(*pair)).collect();
        for character in char::decode_utf16(units.iter().copied()) {
            match character {
                Ok('\u{feff}') if self.passed == 0 && read == 0 => read += 1,
                Ok(character) => {
                    self.out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
                    read += character.len_utf16();
                }
                // Half of a pair: the other half comes with the next read.
                Err(_) if read + 1 == count && !ended => break,
                Err(_) => return Err(self.refuse(2 * read, "half a character of UTF-16".to_owned())),
            }
        }
        if ended && odd {
            return Err(self.refuse(2 * read, "half a character of UTF-16".to_owned()));
        }
        Ok(2 * read)
    }
}

impl<R: Read> Read for Text<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.given == self.out.len() {
            self.out.clear();
            self.given = 0;
            let before = self.pending.len();
            self.pending.resize(before + PIECE, 0);
            let count = match self.inner.read(&mut self.pending[before..]) {
                Ok(count) => count,
                Err(error) => {
                    self.pending.truncate(before);
                    return Err(error);
                }
            };
            self.pending.truncate(before + count);
            self.decode(count == 0)?;
            if count == 0 && self.out.is_empty() {
                return Ok(0);
            }
        }
        let count = buffer.len().min(self.out.len() - self.given);
        buffer[..count].copy_from_slice(&self.out[self.given..self.given + count]);
        self.given += count;
        Ok(count)
    }
}

/// Whether a file has bytes that are not UTF-8 and is a text of one byte per character: no character of UTF-8 beyond ASCII, no
/// control characters.
pub fn has_single_bytes(mut file: impl Read) -> io::Result<bool> {
    let mut piece = vec![0; PIECE];
    let mut begun = Vec::new();
    let mut has_any = false;
    loop {
        let count = file.read(&mut piece)?;
        if count == 0 {
            return Ok(has_any || !begun.is_empty());
        }
        begun.extend_from_slice(&piece[..count]);
        let mut rest = begun.as_slice();
        while !rest.is_empty() {
            let (valid, wrong) = match std::str::from_utf8(rest) {
                Ok(_) => (rest.len(), 0),
                Err(error) if error.error_len().is_none() => {
                    let valid = error.valid_up_to();
                    if suspicious(&rest[..valid]) {
                        return Ok(false);
                    }
                    rest = &rest[valid..];
                    break;
                }
                Err(error) => (error.valid_up_to(), error.error_len().unwrap_or(1)),
            };
            if suspicious(&rest[..valid]) {
                return Ok(false);
            }
            rest = &rest[valid + wrong..];
            has_any |= wrong > 0;
        }
        // The beginning of a character, if any.
        begun = rest.to_vec();
    }
}

/// Characters that a text of one byte per character does not have.
fn suspicious(bytes: &[u8]) -> bool {
    bytes.iter().any(|byte| *byte >= 0x80 || (*byte < 0x20 && !matches!(byte, b'\t' | b'\n' | b'\r')))
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

    fn read(bytes: &[u8], encoding: Encoding, at_once: usize) -> Result<String, NotText> {
        let mut text = Vec::new();
        match Text::new(Drops(bytes, at_once), encoding).read_to_end(&mut text) {
            Ok(_) => Ok(String::from_utf8(text).unwrap()),
            Err(error) => {
                Err(error.get_ref().and_then(|inner| inner.downcast_ref::<NotText>()).cloned().unwrap())
            }
        }
    }

    #[test]
    fn characters_may_be_cut_anywhere_and_bad_bytes_are_found_there() {
        let good = "ä,β\n1,€\n😀,2\n".as_bytes();
        let mut bad = good.to_vec();
        bad.push(0xE4);
        bad.extend_from_slice(b",3\n");
        for at_once in 1..12 {
            assert_eq!(read(good, Encoding::Utf8, at_once).unwrap().as_bytes(), good, "{at_once} at once");
            let found = read(&bad, Encoding::Utf8, at_once).unwrap_err();
            assert_eq!((found.byte, found.line), (good.len() as u64, 4), "{at_once} at once");
            // A file that ends within a character.
            let found = read(&good[..10], Encoding::Utf8, at_once).unwrap_err();
            assert_eq!((found.byte, found.line), (8, 2), "{at_once} at once");
        }
        let found = read(b"a,b\n1\x002", Encoding::Utf8, 3).unwrap_err();
        assert_eq!((found.byte, found.line), (5, 2));
    }

    #[test]
    fn every_encoding_gives_the_same_text() {
        let text = "t;Druck [bar]\r\n1;0,5 €\r\n";
        let words = |unit: fn(u16) -> [u8; 2]| -> Vec<u8> {
            "\u{feff}".encode_utf16().chain(text.encode_utf16()).flat_map(unit).collect()
        };
        let windows: Vec<u8> = text.chars().map(|c| if c == '€' { 0x80 } else { c as u8 }).collect();
        for at_once in 1..7 {
            let is = |bytes: &[u8], encoding| assert_eq!(read(bytes, encoding, at_once).as_deref(), Ok(text));
            is(text.as_bytes(), Encoding::Utf8);
            is(format!("\u{feff}{text}").as_bytes(), Encoding::Utf8);
            is(&words(u16::to_le_bytes), Encoding::Utf16Le);
            is(&words(u16::to_be_bytes), Encoding::Utf16Be);
            is(&windows, Encoding::Windows1252);
        }
        let emoji: Vec<u8> = "\u{feff}😀".encode_utf16().flat_map(u16::to_le_bytes).collect();
        assert_eq!(read(&emoji, Encoding::Utf16Le, 3).as_deref(), Ok("😀"));
        assert_eq!(read(&emoji[..4], Encoding::Utf16Le, 1).map_err(|found| found.byte), Err(2));
    }

    #[test]
    fn single_bytes_are_no_damaged_utf_8() {
        for at_once in [1, 2, 64] {
            let single = |bytes: &[u8]| has_single_bytes(Drops(bytes, at_once)).unwrap();
            assert!(single(b"Temperatur [\xB0C];Erh\xF6hen\n"));
            assert!(!single("ä;1\n".bytes().chain(*b"\xE4;2\n").collect::<Vec<u8>>().as_slice()));
            assert!(!single(b"\xE9\x00\x01"));
            assert!(!single("plain, ä".as_bytes()) && !single(b"plain"));
        }
    }
}
