//! Files that survive a kill or a full disk: written next to the old file, synced, then renamed over it.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use crate::FileError;
use crate::identity::Identity;
use crate::storage::{self, Writer};

/// The end of the name of a file that is not whole yet.
const TEMPORARY: &str = ".setpoint-tmp";

/// Replaces `path` with `bytes`: at any moment the old file or the new one is there, whole. Several processes may do so at
/// once; the last one wins.
pub fn replace(path: &Path, bytes: &[u8]) -> Result<(), FileError> {
    let temporary = temporary(path);
    let written = Writer::create(&temporary)
        .and_then(|mut file| {
            file.write_all(bytes)?;
            file.sync()
        })
        .and_then(|()| storage::rename(&temporary, path));
    if let Err(error) = written {
        // The temporary file is ours alone; that it may be gone already is no further trouble.
        let _ = storage::remove(&temporary);
        return Err(FileError::on("write", path)(error));
    }
    sync_parent(path)
}

/// A name next to `path` that no other process and no other thread uses.
fn temporary(path: &Path) -> PathBuf {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let mut name = std::ffi::OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    let (process, count) = (std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
    name.push(format!(".{process}-{count}-{}{TEMPORARY}", Identity::random().short()));
    path.with_file_name(name)
}

/// Whether a path is the temporary file of a process, perhaps of one that was killed.
pub fn is_temporary(path: &Path) -> bool {
    path.file_name().is_some_and(|name| {
        let name = name.to_string_lossy();
        name.starts_with('.') && name.ends_with(TEMPORARY)
    })
}

/// Makes a new name, or the loss of a name, durable.
pub fn sync_parent(path: &Path) -> Result<(), FileError> {
    match path.parent() {
        Some(folder) => storage::sync_folder(folder).map_err(FileError::on("sync", folder)),
        None => Ok(()),
    }
}

/// Creates a folder and its parents, durably.
pub fn create_folder(path: &Path) -> Result<(), FileError> {
    let failed = |error| FileError::on("create the folder", path)(error);
    if path.as_os_str().is_empty() || path.is_dir() {
        return Ok(());
    }
    if let Some(parent) = path.parent() {
        create_folder(parent).map_err(|error| failed(error.source))?;
    }
    match storage::create_folder(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && path.is_dir() => Ok(()),
        Err(error) => Err(failed(error)),
        Ok(()) => sync_parent(path),
    }
}

/// Deletes a folder with all it holds; one that is not there is gone already.
pub fn remove_folder(path: &Path) -> Result<(), FileError> {
    if fs::symlink_metadata(path).is_err_and(|error| error.kind() == io::ErrorKind::NotFound) {
        return Ok(());
    }
    storage::remove_folder(path).map_err(FileError::on("delete the folder", path))?;
    sync_parent(path)
}

/// Deletes a file; one that is not there is gone already.
pub fn remove_file(path: &Path) -> Result<(), FileError> {
    storage::remove(path).map_err(FileError::on("delete", path))?;
    sync_parent(path)
}

/// Deletes the temporary files that killed processes left in a folder. Only the holder of the folder's lock may: nobody
/// else writes there.
pub fn sweep(folder: &Path) -> Result<(), FileError> {
    sweep_where(folder, |_| true)
}

/// Deletes the temporary files that killed processes left of these files of one folder, as [`sweep`] does of all.
pub fn sweep_files(folder: &Path, files: &[PathBuf]) -> Result<(), FileError> {
    let names: Vec<String> = files
        .iter()
        .filter_map(|file| file.file_name())
        .map(|name| format!(".{}.", name.to_string_lossy()))
        .collect();
    sweep_where(folder, |temporary| names.iter().any(|name| temporary.starts_with(name)))
}

fn sweep_where(folder: &Path, is_due: impl Fn(&str) -> bool) -> Result<(), FileError> {
    for path in storage::list(folder).map_err(FileError::on("list", folder))? {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if is_temporary(&path) && is_due(&name) {
            storage::remove(&path).map_err(FileError::on("delete", &path))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_write_leaves_the_old_file_and_no_rubbish() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("policy");
        // A folder cannot be replaced by a file, also for root.
        fs::create_dir(&path).unwrap();
        fs::write(path.join("old"), "old").unwrap();
        let error = replace(&path, b"new").unwrap_err();
        assert!(error.to_string().contains("cannot write"), "{error}");
        assert_eq!(fs::read(path.join("old")).unwrap(), b"old");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    /// Whatever the interleaving, a reader sees a whole file of one of the writers, and no temporary file stays.
    #[test]
    fn many_writers_of_one_file_never_tear_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("evidence.json");
        replace(&path, &[0; 4096]).unwrap();
        std::thread::scope(|scope| {
            for writer in 1..=4_u8 {
                let path = &path;
                scope.spawn(move || {
                    for _ in 0..50 {
                        replace(path, &vec![writer; 4096 * usize::from(writer)]).unwrap();
                    }
                });
            }
            for _ in 0..200 {
                let bytes = fs::read(&path).unwrap();
                let writer = bytes[0];
                assert!(bytes.iter().all(|byte| *byte == writer), "torn");
                assert_eq!(bytes.len(), 4096 * usize::from(writer).max(1), "cut");
            }
        });
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
