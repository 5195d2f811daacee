//! A block of a segment as it lies on disk: a first line with the number of the layout, the identity of the run, a length, a
//! BLAKE3 hash of all that, and the steps.

use std::io::Write;
use std::path::Path;

use setpoint_files::identity::{BYTES as IDENTITY_BYTES, Identity};
use setpoint_files::storage::{self, Writer};

/// Every block begins with this; the number is that of the layout.
const MAGIC: &[u8] = b"setpoint replay v2\n";
/// Blocks of layout 1 bear no identity; they are read in runs that began before identities.
const MAGIC_1: &[u8] = b"setpoint replay v1\n";
/// What the blocks of every layout begin with.
pub(super) const MAGIC_OF_ALL: &[u8] = b"setpoint replay v";

/// Writes a block at `length`, durably, and gives the new length.
pub(super) fn append(path: &Path, length: u64, run: Identity, payload: &[u8]) -> std::io::Result<u64> {
    let mut file = if length == 0 { Writer::create(path)? } else { Writer::open_at(path, length)? };
    let payload_length = (payload.len() as u64).to_le_bytes();
    let mut block = Vec::with_capacity(MAGIC.len() + IDENTITY_BYTES + 8 + 32 + payload.len());
    block.extend_from_slice(MAGIC);
    block.extend_from_slice(run.bytes());
    block.extend_from_slice(&payload_length);
    block.extend_from_slice(hash(run, payload).as_bytes());
    block.extend_from_slice(payload);
    file.write_all(&block)?;
    file.sync()?;
    if let Some(folder) = path.parent().filter(|_| length == 0) {
        storage::sync_folder(folder)?;
    }
    Ok(length + block.len() as u64)
}

/// Of everything in a block but its first line and the hash itself.
fn hash(run: Identity, payload: &[u8]) -> blake3::Hash {
    let mut hasher = blake3::Hasher::new();
    hasher.update(run.bytes()).update(&(payload.len() as u64).to_le_bytes()).update(payload);
    hasher.finalize()
}

/// A block as it lies in a segment.
pub(super) struct Written<'a> {
    /// `None` in layout 1.
    pub run: Option<Identity>,
    hash: &'a [u8],
    pub payload: &'a [u8],
    /// What follows.
    pub after: &'a [u8],
}

impl Written<'_> {
    /// Whether its content matches its hash.
    pub fn is_whole(&self) -> bool {
        match self.run {
            Some(run) => hash(run, self.payload).as_bytes() == self.hash,
            None => blake3::hash(self.payload).as_bytes() == self.hash,
        }
    }
}

/// The first block; `None` when it is cut short.
pub(super) fn split_block(bytes: &[u8]) -> Option<Written<'_>> {
    let (run, rest) = match bytes.strip_prefix(MAGIC) {
        Some(rest) => {
            let (run, rest) = rest.split_first_chunk::<IDENTITY_BYTES>()?;
            (Some(Identity::from_bytes(*run)), rest)
        }
        None => (None, bytes.strip_prefix(MAGIC_1)?),
    };
    let (length, rest) = rest.split_at_checked(8)?;
    let length = u64::from_le_bytes(length.try_into().ok()?);
    let (hash, rest) = rest.split_at_checked(32)?;
    let (payload, after) = rest.split_at_checked(usize::try_from(length).ok()?)?;
    Some(Written { run, hash, payload, after })
}

/// Whether a block is one of another layout. Of a block that a kill cut off in its first line nobody can say: it is not.
pub(super) fn is_of_another_format(bytes: &[u8]) -> bool {
    let first_line = &bytes[..bytes.len().min(MAGIC.len())];
    let is_known = |magic: &[u8]| magic.starts_with(first_line);
    first_line.starts_with(MAGIC_OF_ALL) && !is_known(MAGIC) && !is_known(MAGIC_1)
}
