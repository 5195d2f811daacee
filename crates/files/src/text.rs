//! Text as programs save it: UTF-8 with or without a byte order mark, or UTF-16 with one.

use std::fmt;

/// The mark at the beginning of a text in UTF-8; editors of Windows write it.
const UTF_8: &[u8] = &[0xEF, 0xBB, 0xBF];
/// The mark of UTF-16, the low byte first.
const UTF_16_LE: &[u8] = &[0xFF, 0xFE];
/// The mark of UTF-16, the high byte first.
const UTF_16_BE: &[u8] = &[0xFE, 0xFF];

const NAME_OF_UTF_8: &str = "UTF-8";

/// Bytes that are not text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotText {
    /// Offset of the first wrong byte, from 0.
    pub byte: usize,
    encoding: &'static str,
}

impl NotText {
    /// Whether the bytes were read as UTF-8: they began with no mark of another encoding.
    pub fn is_utf_8(&self) -> bool {
        self.encoding == NAME_OF_UTF_8
    }
}

impl fmt::Display for NotText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "it is not {} text (byte {}); save it as UTF-8", self.encoding, self.byte)
    }
}

impl std::error::Error for NotText {}

/// A text without the mark at its beginning.
pub fn without_mark(text: &str) -> &str {
    text.strip_prefix('\u{feff}').unwrap_or(text)
}

/// The text without its mark; with an error, the bytes as they were given. UTF-16 without a mark is not recognised.
pub fn decode(bytes: Vec<u8>) -> Result<String, (NotText, Vec<u8>)> {
    if let Some(rest) = bytes.strip_prefix(UTF_16_LE) {
        return utf_16(rest, u16::from_le_bytes).map_err(|error| (error, bytes));
    }
    if let Some(rest) = bytes.strip_prefix(UTF_16_BE) {
        return utf_16(rest, u16::from_be_bytes).map_err(|error| (error, bytes));
    }
    let mut text = String::from_utf8(bytes).map_err(|error| {
        let byte = error.utf8_error().valid_up_to();
        (NotText { byte, encoding: NAME_OF_UTF_8 }, error.into_bytes())
    })?;
    if text.as_bytes().starts_with(UTF_8) {
        text.drain(..UTF_8.len());
    }
    Ok(text)
}

fn utf_16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> Result<String, NotText> {
    let refuse = |units: usize| NotText { byte: UTF_16_LE.len() + 2 * units, encoding: "UTF-16" };
    let (units, rest) = bytes.as_chunks::<2>();
    let mut text = String::with_capacity(units.len());
    let mut read = 0;
    for character in char::decode_utf16(units.iter().map(|pair| unit(*pair))) {
        let character = character.map_err(|_| refuse(read))?;
        read += character.len_utf16();
        text.push(character);
    }
    if rest.is_empty() { Ok(text) } else { Err(refuse(read)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_is_no_part_of_the_text_in_any_encoding() {
        let text = "jobs 3 🏭\n2 7 ä\n";
        let with = |mark: &[u8], body: Vec<u8>| [mark, &body].concat();
        let words = |unit: fn(u16) -> [u8; 2]| text.encode_utf16().flat_map(unit).collect::<Vec<u8>>();
        for bytes in [
            text.as_bytes().to_vec(),
            with(UTF_8, text.as_bytes().to_vec()),
            with(UTF_16_LE, words(u16::to_le_bytes)),
            with(UTF_16_BE, words(u16::to_be_bytes)),
        ] {
            assert_eq!(decode(bytes).as_deref(), Ok(text));
        }
    }

    #[test]
    fn the_first_wrong_byte_is_named_and_the_bytes_come_back() {
        for (bytes, byte, is_utf_8) in [
            (&b"ab\xFFc"[..], 2, true),
            (b"\xEF\xBB\xBFa\xE4", 4, true),
            (b"\xFF\xFEa\0b", 4, false),
            (b"\xFF\xFEa\0\0\xD8b\0", 4, false),
            (b"\xFE\xFF\0a\xDC\0", 4, false),
        ] {
            let (error, given) = decode(bytes.to_vec()).unwrap_err();
            assert_eq!((error.byte, error.is_utf_8(), given.as_slice()), (byte, is_utf_8, bytes));
        }
    }
}
