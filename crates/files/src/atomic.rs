//! Files that survive a kill or a full disk: written next to the old file, synced, then renamed over it.

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;

use crate::FileError;

/// Replaces `path` with `bytes`: at any moment the old file or the new one is there, whole.
pub fn replace(path: &Path, bytes: &[u8]) -> Result<(), FileError> {
    let mut temporary_name = path.file_name().unwrap_or_default().to_owned();
    temporary_name.push(".tmp");
    let temporary = path.with_file_name(temporary_name);
    let written = File::create(&temporary)
        .and_then(|mut file| {
            file.write_all(bytes)?;
            file.sync_all()
        })
        .and_then(|()| fs::rename(&temporary, path));
    if let Err(error) = written {
        // The temporary file is ours alone; that it may be gone already is no further trouble.
        let _ = fs::remove_file(&temporary);
        return Err(FileError::on("write", path)(error));
    }
    sync_folder(path)
}

/// Makes the rename itself durable.
fn sync_folder(path: &Path) -> Result<(), FileError> {
    #[cfg(unix)]
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        File::open(folder).and_then(|folder| folder.sync_all()).map_err(FileError::on("sync", folder))?;
    }
    Ok(())
}

/// Creates a folder and its parents.
pub fn create_folder(path: &Path) -> Result<(), FileError> {
    fs::create_dir_all(path).map_err(FileError::on("create the folder", path))
}

/// Deletes a folder with all it holds; one that is not there is gone already.
pub fn remove_folder(path: &Path) -> Result<(), FileError> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(FileError::on("delete the folder", path)(error))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_write_leaves_the_old_file_and_no_rubbish() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("policy");
        replace(&path, b"old").unwrap();
        // A folder in the temporary file's place makes the write fail, also for root.
        fs::create_dir(folder.path().join("policy.tmp")).unwrap();
        let error = replace(&path, b"new").unwrap_err();
        assert!(error.to_string().contains("cannot write"), "{error}");
        assert_eq!(fs::read(&path).unwrap(), b"old");
    }
}
