//! The digest of format 1: BLAKE3 over the manifest's text, then over name, length and bytes of each of the policy's tensors.
//!
//! The writer of format 1 took the digest of the stored text. Its own reader took the digest of a text that it wrote again
//! from parsed numbers, which were not always exact, and so refused some correct files. This reader takes the stored text;
//! it accepts every file that the old reader accepted, because there both texts are equal.

/// The digest of the stored bytes: the manifest's text, and the name and bytes of each tensor.
pub fn digest(manifest: &str, tensors: &[(String, &[u8])]) -> String {
    let mut hasher = blake3::Hasher::new();
    hasher.update(manifest.as_bytes());
    for (name, bytes) in tensors {
        hasher.update(name.as_bytes());
        hasher.update(&(bytes.len() as u64).to_le_bytes());
        hasher.update(bytes);
    }
    hasher.finalize().to_hex().to_string()
}
