//! The operations on files. Every file that Setpoint writes, and every file of a run that it reads, goes through here: so that
//! the simulator (`--features simulator`, tests alone) can fail each operation, or end the process at it.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use crate::text;

#[cfg(feature = "simulator")]
pub mod simulator;

#[cfg(feature = "simulator")]
use simulator::gate;

/// One operation, as the simulator sees it.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(
    not(feature = "simulator"),
    expect(dead_code, reason = "the simulator alone reads what an operation is about")
)]
pub(crate) enum Operation<'a> {
    /// Reads a file or lists a folder.
    Read(&'a Path),
    /// Creates a file that is not there.
    Create(&'a Path),
    /// Opens a file to write at its end.
    Open(&'a Path),
    /// Writes bytes into an open file.
    Write(&'a Path, &'a [u8]),
    /// Cuts a file to a length.
    Cut(&'a Path),
    /// Makes the content of a file durable.
    SyncFile(&'a Path),
    /// Makes the entries of a folder durable.
    SyncFolder(&'a Path),
    /// Renames a file within its folder.
    Rename(&'a Path, &'a Path),
    /// Deletes a file.
    Remove(&'a Path),
    /// Creates a folder in a folder that exists.
    CreateFolder(&'a Path),
    /// Deletes an empty folder.
    RemoveFolder(&'a Path),
    /// A write by a library with files of its own (SQLite).
    Foreign(&'a Path),
}

#[cfg(not(feature = "simulator"))]
#[inline]
fn gate<T>(_: Operation<'_>, run: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
    run()
}

/// The bytes of a file of at most `limit` bytes. A longer file, or an endless one, is refused after `limit` bytes.
pub fn read(path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    gate(Operation::Read(path), || read_from(File::open(path)?, limit))
}

/// The text of a file of at most `limit` bytes, without its byte order mark.
pub fn read_text(path: &Path, limit: u64) -> io::Result<String> {
    as_text(read(path, limit)?)
}

/// Text of at most `limit` bytes from an open source, such as standard input.
pub fn text_from(source: impl Read, limit: u64) -> io::Result<String> {
    as_text(read_from(source, limit)?)
}

fn read_from(source: impl Read, limit: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    source.take(limit.saturating_add(1)).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > limit {
        let reason = format!("it has more than {limit} bytes, which is too large");
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, reason));
    }
    Ok(bytes)
}

fn as_text(bytes: Vec<u8>) -> io::Result<String> {
    text::decode(bytes).map_err(|(error, _)| io::Error::new(io::ErrorKind::InvalidData, error))
}

/// Whether a file begins with these bytes.
pub fn begins_with(path: &Path, beginning: &[u8]) -> io::Result<bool> {
    gate(Operation::Read(path), || {
        let mut bytes = Vec::new();
        File::open(path)?.take(beginning.len() as u64).read_to_end(&mut bytes)?;
        Ok(bytes == beginning)
    })
}

/// Reads a file of any length piece by piece.
pub fn read_pieces(path: &Path, mut each: impl FnMut(&[u8])) -> io::Result<()> {
    gate(Operation::Read(path), || {
        let mut file = File::open(path)?;
        let mut piece = vec![0; 1 << 16];
        loop {
            match file.read(&mut piece)? {
                0 => return Ok(()),
                count => each(&piece[..count]),
            }
        }
    })
}

/// The paths in a folder, in the order of their names. A folder that is not there has none; any other error is an error.
pub fn list(folder: &Path) -> io::Result<Vec<PathBuf>> {
    gate(Operation::Read(folder), || {
        let entries = match fs::read_dir(folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries?,
        };
        let mut paths =
            entries.map(|entry| entry.map(|entry| entry.path())).collect::<io::Result<Vec<_>>>()?;
        paths.sort();
        Ok(paths)
    })
}

/// An open file that grows.
#[derive(Debug)]
pub struct Writer {
    file: File,
    path: PathBuf,
}

impl Writer {
    /// Creates a file; an error if something is there already.
    pub fn create(path: &Path) -> io::Result<Self> {
        let file =
            gate(Operation::Create(path), || OpenOptions::new().write(true).create_new(true).open(path))?;
        Ok(Self { file, path: path.to_owned() })
    }

    /// Opens a file that is there, cut to its first `length` bytes.
    pub fn open_at(path: &Path, length: u64) -> io::Result<Self> {
        let mut file = gate(Operation::Open(path), || OpenOptions::new().write(true).open(path))?;
        if file.metadata()?.len() > length {
            gate(Operation::Cut(path), || file.set_len(length))?;
        }
        file.seek(SeekFrom::Start(length))?;
        Ok(Self { file, path: path.to_owned() })
    }

    /// Cuts the file to a length that it had before, and continues there.
    pub fn cut(&mut self, length: u64) -> io::Result<()> {
        let file = &mut self.file;
        gate(Operation::Cut(&self.path), || file.set_len(length))?;
        file.seek(SeekFrom::Start(length)).map(drop)
    }

    /// Makes what was written durable.
    pub fn sync(&self) -> io::Result<()> {
        gate(Operation::SyncFile(&self.path), || self.file.sync_all())
    }

    /// The file's path.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Write for Writer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let file = &mut self.file;
        gate(Operation::Write(&self.path, bytes), || file.write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Opens a file to lock it, and creates it if it is not there.
pub fn open_to_lock(path: &Path) -> io::Result<File> {
    let open = |create| OpenOptions::new().read(true).write(true).create_new(create).open(path);
    match gate(Operation::Create(path), || open(true)) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            gate(Operation::Open(path), || open(false))
        }
        opened => opened,
    }
}

/// Renames a file over another one of the same folder.
pub fn rename(from: &Path, to: &Path) -> io::Result<()> {
    gate(Operation::Rename(from, to), || fs::rename(from, to))
}

/// Deletes a file; one that is not there is deleted already.
pub fn remove(path: &Path) -> io::Result<()> {
    gate(Operation::Remove(path), || match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    })
}

/// Creates one folder; an error of the kind `AlreadyExists` if something is there.
pub fn create_folder(path: &Path) -> io::Result<()> {
    gate(Operation::CreateFolder(path), || fs::create_dir(path))
}

/// Deletes a folder with all that it contains, one entry after the other. A link is deleted, never what it points to.
pub fn remove_folder(path: &Path) -> io::Result<()> {
    for entry in list(path)? {
        if fs::symlink_metadata(&entry)?.is_dir() {
            remove_folder(&entry)?;
        } else {
            remove(&entry)?;
        }
    }
    remove_empty_folder(path)
}

/// Deletes an empty folder; one that is not there is deleted already.
pub fn remove_empty_folder(path: &Path) -> io::Result<()> {
    gate(Operation::RemoveFolder(path), || match fs::remove_dir(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    })
}

/// Makes the entries of a folder durable: what was created, renamed or deleted there.
pub fn sync_folder(folder: &Path) -> io::Result<()> {
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    gate(Operation::SyncFolder(folder), || {
        #[cfg(unix)]
        File::open(folder)?.sync_all()?;
        Ok(())
    })
}

/// A write by a library that opens its files itself: the simulator can fail it or end the process before it.
pub fn foreign(path: &Path) -> io::Result<()> {
    gate(Operation::Foreign(path), || Ok(()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_itself_is_allowed_and_an_endless_source_is_refused() {
        assert_eq!(text_from(&b"four"[..], 4).unwrap(), "four");
        assert_eq!(text_from(&b"fives"[..], 4).unwrap_err().kind(), io::ErrorKind::FileTooLarge);
        let error = text_from(std::io::repeat(b'x'), 70_000).unwrap_err();
        assert!(error.to_string().contains("more than 70000 bytes"), "{error}");
        assert_eq!(text_from(&[0xff][..], 4).unwrap_err().kind(), io::ErrorKind::InvalidData);
    }
}
