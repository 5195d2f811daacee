//! Append-only text files: a line at a time, cut back on resume to the length that a checkpoint remembers.

use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::storage::{self, Writer};
use crate::{FileError, atomic};

/// The part of a file that a checkpoint relies on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Extent {
    /// Its length, in bytes.
    pub bytes: u64,
    /// BLAKE3 of these bytes; `None` in checkpoints from before format 3.
    pub hash: Option<[u8; 32]>,
}

/// An append-only text file whose extent a checkpoint remembers.
#[derive(Debug)]
pub struct AppendFile {
    file: BufWriter<Writer>,
    path: PathBuf,
    bytes: u64,
    hasher: blake3::Hasher,
}

/// A file at some moment.
#[derive(Clone, Debug)]
pub struct Mark {
    bytes: u64,
    hasher: blake3::Hasher,
}

/// A file that has been looked at and not touched yet.
#[derive(Debug)]
pub struct Checked {
    path: PathBuf,
    /// `None` if there is no file.
    kept: Option<u64>,
    hasher: blake3::Hasher,
}

/// Looks whether a file still holds what a checkpoint relies on. Changes nothing.
pub fn check(path: &Path, extent: Extent) -> Result<Checked, FileError> {
    let mut hasher = blake3::Hasher::new();
    let mut found = 0;
    let there = path.exists();
    if there {
        storage::read_pieces(path, |piece| {
            let wanted = usize::try_from(extent.bytes.saturating_sub(found)).unwrap_or(usize::MAX);
            hasher.update(&piece[..piece.len().min(wanted)]);
            found += piece.len() as u64;
        })
        .map_err(FileError::on("read", path))?;
    }
    let refuse = |reason: String| FileError::on("continue", path)(std::io::Error::other(reason));
    let wanted = extent.bytes;
    if found < wanted {
        let has = if there { format!("it has {found} bytes") } else { "it is not there".to_owned() };
        return Err(refuse(format!("{has}, and the checkpoint relies on its first {wanted}")));
    }
    if extent.hash.is_some_and(|hash| *hasher.finalize().as_bytes() != hash) {
        return Err(refuse(format!("its first {wanted} bytes were changed since the checkpoint")));
    }
    Ok(Checked { path: path.to_owned(), kept: there.then_some(wanted), hasher })
}

/// Looks at a file that has lost what a checkpoint relied on: all its whole lines are kept. Changes nothing.
pub fn check_remains(path: &Path) -> Result<Checked, FileError> {
    let mut hasher = blake3::Hasher::new();
    if !path.exists() {
        return Ok(Checked { path: path.to_owned(), kept: None, hasher });
    }
    let (mut line, mut kept) = (Vec::new(), 0);
    let mut each = |piece: &[u8]| {
        line.extend_from_slice(piece);
        if let Some(end) = line.iter().rposition(|byte| *byte == b'\n') {
            hasher.update(&line[..=end]);
            kept += end as u64 + 1;
            line.drain(..=end);
        }
    };
    storage::read_pieces(path, &mut each).map_err(FileError::on("read", path))?;
    Ok(Checked { path: path.to_owned(), kept: Some(kept), hasher })
}

impl Checked {
    /// Opens the file, or creates it, and cuts off what the checkpoint does not know: it belongs to updates that are repeated.
    pub fn open(self) -> Result<AppendFile, FileError> {
        let path = &self.path;
        let file = match self.kept {
            Some(bytes) => Writer::open_at(path, bytes),
            None => Writer::create(path),
        };
        let file = file.map_err(FileError::on("write", path))?;
        if self.kept.is_none() {
            atomic::sync_parent(path)?;
        }
        let bytes = self.kept.unwrap_or(0);
        Ok(AppendFile { file: BufWriter::new(file), path: self.path, bytes, hasher: self.hasher })
    }
}

impl AppendFile {
    /// Adds a line.
    pub fn line(&mut self, text: &str) -> Result<(), FileError> {
        self.bytes += text.len() as u64 + 1;
        self.hasher.update(text.as_bytes()).update(b"\n");
        writeln!(self.file, "{text}").map_err(FileError::on("write", &self.path))
    }

    /// Whether it has no line yet.
    pub fn is_empty(&self) -> bool {
        self.bytes == 0
    }

    /// The file with every line so far, for [`AppendFile::go_back`].
    pub fn mark(&self) -> Mark {
        Mark { bytes: self.bytes, hasher: self.hasher.clone() }
    }

    /// Cuts off the lines after a moment.
    pub fn go_back(&mut self, mark: &Mark) -> Result<(), FileError> {
        self.flush()?;
        self.file.get_mut().cut(mark.bytes).map_err(FileError::on("cut off", &self.path))?;
        (self.bytes, self.hasher) = (mark.bytes, mark.hasher.clone());
        Ok(())
    }

    /// Hands everything to the system; followers of the file see it.
    pub fn flush(&mut self) -> Result<(), FileError> {
        self.file.flush().map_err(FileError::on("write", &self.path))
    }

    /// Makes everything durable and tells the extent that a checkpoint may rely on.
    pub fn sync(&mut self) -> Result<Extent, FileError> {
        self.flush()?;
        self.file.get_ref().sync().map_err(FileError::on("sync", &self.path))?;
        Ok(Extent { bytes: self.bytes, hash: Some(*self.hasher.finalize().as_bytes()) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_goes_on_where_the_checkpoint_says_and_only_if_it_is_still_that_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("episodes.csv");
        let mut file = check(&path, Extent::default()).unwrap().open().unwrap();
        file.line("step,return").unwrap();
        file.line("12,3.5").unwrap();
        let extent = file.sync().unwrap();
        assert_eq!(extent.bytes, 19);
        file.line("24,4").unwrap();
        file.flush().unwrap();
        drop(file);
        let mut again = check(&path, extent).unwrap().open().unwrap();
        again.line("25,5").unwrap();
        let whole = again.sync().unwrap();
        let text = std::fs::read(&path).unwrap();
        assert_eq!(text, b"step,return\n12,3.5\n25,5\n");
        assert_eq!(whole.hash, Some(*blake3::hash(&text).as_bytes()));

        // A change, a cut, a loss: refused, and the file stays as it is.
        let mut changed = text.clone();
        changed[3] = b'P';
        for (content, word) in [(&changed[..], "changed"), (&text[..10], "has 10 bytes")] {
            std::fs::write(&path, content).unwrap();
            let error = check(&path, extent).unwrap_err().to_string();
            assert!(error.contains(word), "{error}");
            assert_eq!(std::fs::read(&path).unwrap(), content);
        }
        // Its whole lines may be kept on request.
        std::fs::write(&path, &text[..15]).unwrap();
        check_remains(&path).unwrap().open().unwrap().line("next").unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"step,return\nnext\n");
        std::fs::remove_file(&path).unwrap();
        let error = check(&path, extent).unwrap_err().to_string();
        assert!(error.contains("not there") && !path.exists(), "{error}");
    }
}
