//! Files of known greatest size are read with that bound: a device or a growing file has no length to look at before.

use std::fs::File;
use std::io::{Error, ErrorKind, Read, Result};
use std::path::Path;

/// Reads a file of at most `limit` bytes. A longer file is an error, and no more than `limit` + 1 bytes are read of it.
pub fn read(path: &Path, limit: u64) -> Result<Vec<u8>> {
    read_from(File::open(path)?, limit)
}

/// The same as text.
pub fn read_text(path: &Path, limit: u64) -> Result<String> {
    text_from(File::open(path)?, limit)
}

/// Text of at most `limit` bytes from an open source, such as standard input.
pub fn text_from(source: impl Read, limit: u64) -> Result<String> {
    let not_text = |_| Error::new(ErrorKind::InvalidData, "it is not UTF-8 text");
    String::from_utf8(read_from(source, limit)?).map_err(not_text)
}

fn read_from(source: impl Read, limit: u64) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    source.take(limit.saturating_add(1)).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > limit {
        let reason = format!("it has more than {limit} bytes, which is too large");
        return Err(Error::new(ErrorKind::FileTooLarge, reason));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_itself_is_allowed_and_an_endless_source_is_refused() {
        assert_eq!(text_from(&b"four"[..], 4).unwrap(), "four");
        assert_eq!(text_from(&b"fives"[..], 4).unwrap_err().kind(), ErrorKind::FileTooLarge);
        let error = text_from(std::io::repeat(b'x'), 70_000).unwrap_err();
        assert!(error.to_string().contains("more than 70000 bytes"), "{error}");
        assert_eq!(text_from(&[0xff][..], 4).unwrap_err().kind(), ErrorKind::InvalidData);
    }
}
