//! A digest of a `safetensors` file, stored in the file itself: BLAKE3 over every byte of the file, with zeros in place of
//! the digest's own 64 digits in the file's header.

use std::ops::Range;

/// The placeholder of the digits.
pub const PLACE: &str = "0000000000000000000000000000000000000000000000000000000000000000";
/// A `safetensors` file begins with the length of its header, a number of this many bytes.
const LENGTH_BYTES: usize = 8;

/// Writes the digest of a file whose header contains [`PLACE`].
///
/// # Panics
/// If the header does not contain it.
pub fn write(bytes: &mut [u8]) {
    let place = place_of(bytes, PLACE).expect("the header was written with the digest's place");
    let digest = of(bytes, &place);
    bytes[place].copy_from_slice(digest.as_bytes());
}

/// Whether the digest of a file matches its bytes.
pub fn holds(bytes: &[u8], digest: &str) -> bool {
    digest.len() == PLACE.len() && place_of(bytes, digest).is_some_and(|place| of(bytes, &place) == digest)
}

/// The position of the digits in the header: their first occurrence, which the writer puts before all names.
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
