//! Append-only text files: a line at a time, cut back on resume to the length that a checkpoint remembers.

use std::fs::{File, OpenOptions};
use std::io::{BufWriter, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use crate::FileError;

/// An append-only text file whose length a checkpoint remembers.
pub struct AppendFile {
    path: PathBuf,
    file: BufWriter<File>,
    bytes: u64,
}

impl AppendFile {
    /// Opens (or creates) `path`, cut to its first `bytes` bytes: the later bytes belong to updates that are repeated.
    pub fn open(path: &Path, bytes: u64) -> Result<Self, FileError> {
        let open = || {
            let mut file = OpenOptions::new().create(true).truncate(false).write(true).open(path)?;
            file.set_len(bytes)?;
            file.seek(SeekFrom::Start(bytes))?;
            Ok(file)
        };
        let file = open().map_err(FileError::on("write", path))?;
        Ok(Self { path: path.to_owned(), file: BufWriter::new(file), bytes })
    }

    /// Adds a line.
    pub fn line(&mut self, text: &str) -> Result<(), FileError> {
        self.bytes += text.len() as u64 + 1;
        writeln!(self.file, "{text}").map_err(FileError::on("write", &self.path))
    }

    /// The length with every line so far, in bytes.
    pub fn length(&self) -> u64 {
        self.bytes
    }

    /// Cuts the file to its first `bytes` bytes, a length that it had before.
    pub fn cut(&mut self, bytes: u64) -> Result<(), FileError> {
        self.flush()?;
        let cut = |file: &mut File| {
            file.set_len(bytes)?;
            file.seek(SeekFrom::Start(bytes))
        };
        cut(self.file.get_mut()).map_err(FileError::on("cut off", &self.path))?;
        self.bytes = bytes;
        Ok(())
    }

    /// Hands everything to the system; followers of the file see it.
    pub fn flush(&mut self) -> Result<(), FileError> {
        self.file.flush().map_err(FileError::on("write", &self.path))
    }

    /// Makes everything durable and tells the length that a checkpoint may rely on.
    pub fn sync(&mut self) -> Result<u64, FileError> {
        self.flush()?;
        self.file.get_ref().sync_data().map_err(FileError::on("sync", &self.path))?;
        Ok(self.bytes)
    }
}
