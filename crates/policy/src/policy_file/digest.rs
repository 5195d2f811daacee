//! The digest of format 2: BLAKE3 over every byte of the file, with zeros in place of its own 64 digits.

use std::ops::Range;

/// The digits before they are known.
pub const PLACE: &str = "0000000000000000000000000000000000000000000000000000000000000000";
/// A `safetensors` file begins with the length of its header, in so many bytes.
const LENGTH_BYTES: usize = 8;

/// Writes the digest of a file whose header holds [`PLACE`].
///
/// # Panics
/// If the header does not hold it.
pub fn write(bytes: &mut [u8]) {
    let place = place_of(bytes, PLACE).expect("the header was written with the digest's place");
    let digest = of(bytes, &place);
    bytes[place].copy_from_slice(digest.as_bytes());
}

/// Whether the bytes of a file are those that its digest was written for.
pub fn holds(bytes: &[u8], digest: &str) -> bool {
    digest.len() == PLACE.len() && place_of(bytes, digest).is_some_and(|place| of(bytes, &place) == digest)
}

/// Where the header holds the digits: at their first place, which the writer puts before all names.
fn place_of(bytes: &[u8], digits: &str) -> Option<Range<usize>> {
    let (length, rest) = bytes.split_first_chunk::<LENGTH_BYTES>()?;
    let length = usize::try_from(u64::from_le_bytes(*length)).ok()?;
    let found = rest.get(..length)?.windows(digits.len()).position(|window| window == digits.as_bytes())?;
    let begin = LENGTH_BYTES + found;
    Some(begin..begin + digits.len())
}

fn of(bytes: &[u8], place: &Range<usize>) -> String {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&bytes[..place.start]).update(PLACE.as_bytes()).update(&bytes[place.end..]);
    hasher.finalize().to_hex().to_string()
}
