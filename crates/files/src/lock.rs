//! The lock of a folder: one process at a time writes a run. The system releases it when the process ends, however it ends.

use std::fs::{self, File, TryLockError};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use crate::{FileError, storage};

/// Name of the file that is locked. It stays: deleting it would let two processes hold two files of one name.
pub const FILE: &str = "run.lock";

/// A held lock; dropping it releases it.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

/// Why a folder could not be locked.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another process, or another training of this process, writes there.
    #[error("{} is in use by {holder}: wait until it ends, stop it, or choose another folder", folder.display())]
    Held {
        /// The folder.
        folder: PathBuf,
        /// `process 4711 on line-3 (train)`.
        holder: String,
    },
    /// The lock file cannot be written.
    #[error(transparent)]
    File(#[from] FileError),
}

impl Lock {
    /// Locks a folder that is there. `purpose` tells others what holds it: `train`, `tune` …
    pub fn of(folder: &Path, purpose: &str) -> Result<Self, LockError> {
        let path = folder.join(FILE);
        let failed = FileError::on("lock", &path);
        let mut file = match storage::open_to_lock(&path) {
            Ok(file) => file,
            Err(error) => return Err(failed(error).into()),
        };
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(held(folder, &path)),
            // A network drive without locks: the file tells who holds it, as far as this machine can know.
            Err(TryLockError::Error(error)) if error.kind() == ErrorKind::Unsupported => {
                if is_alive(&holder(&path)) {
                    return Err(held(folder, &path));
                }
            }
            Err(TryLockError::Error(error)) => return Err(failed(error).into()),
        }
        let text = format!("process {} on {} ({purpose})\n", std::process::id(), host());
        // Who holds it is for messages alone: a full disk must not refuse the lock.
        let _ = file.set_len(0).and_then(|()| file.write_all(text.as_bytes()));
        Ok(Self { _file: file })
    }
}

/// Who holds the lock of a folder, without taking it; `None` if nobody does, or if this system does not tell.
pub fn holder_of(folder: &Path) -> Option<String> {
    let path = folder.join(FILE);
    is_listed(&path).then(|| holder(&path))
}

/// Refuses a folder whose lock another process, or another training of this process, holds.
pub fn refuse_held(folder: &Path) -> Result<(), LockError> {
    match holder_of(folder) {
        Some(holder) => Err(LockError::Held { folder: folder.to_owned(), holder }),
        None => Ok(()),
    }
}

/// Whether the system's list of locks has a file.
#[cfg(target_os = "linux")]
fn is_listed(path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let (Ok(file), Ok(locks)) = (fs::metadata(path), fs::read_to_string("/proc/locks")) else { return false };
    // `1: FLOCK  ADVISORY  WRITE 4711 fd:01:1234 0 EOF`: the sixth word ends with the number of the file.
    let end = format!(":{}", file.ino());
    locks.lines().any(|line| line.split_whitespace().nth(5).is_some_and(|word| word.ends_with(&end)))
}

#[cfg(not(target_os = "linux"))]
fn is_listed(path: &Path) -> bool {
    is_alive(&holder(path))
}

fn held(folder: &Path, path: &Path) -> LockError {
    LockError::Held { folder: folder.to_owned(), holder: holder(path) }
}

fn holder(path: &Path) -> String {
    let text = fs::read_to_string(path).unwrap_or_default();
    let line = text.lines().next().unwrap_or_default();
    if line.is_empty() { "another process".to_owned() } else { line.to_owned() }
}

/// Whether a holder may still run: a process of this machine that is gone does not; of another machine it is assumed to run.
fn is_alive(holder: &str) -> bool {
    let mut words = holder.split(' ');
    let (Some("process"), Some(process), Some("on"), Some(host)) =
        (words.next(), words.next(), words.next(), words.next())
    else {
        return false;
    };
    host != self::host() || Path::new("/proc").join(process).exists()
}

fn host() -> String {
    let name = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let name: String = name.trim().chars().filter(|c| c.is_ascii_graphic()).collect();
    if name.is_empty() { "this machine".replace(' ', "-") } else { name }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_is_refused_with_the_holder_until_the_first_ends() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(holder_of(folder.path()), None);
        let first = Lock::of(folder.path(), "train").unwrap();
        assert!(holder_of(folder.path()).unwrap().ends_with("(train)"));
        let refused = Lock::of(folder.path(), "tune").unwrap_err().to_string();
        let process = format!("is in use by process {}", std::process::id());
        assert!(refused.contains(&process) && refused.contains("(train)"), "{refused}");
        drop(first);
        assert_eq!(holder_of(folder.path()), None);
        drop(Lock::of(folder.path(), "tune").unwrap());
        // What a killed process left holds nothing.
        fs::write(folder.path().join(FILE), "process 1 on elsewhere (train)\n").unwrap();
        Lock::of(folder.path(), "train").unwrap();
    }

    #[test]
    fn without_locks_of_the_system_only_a_process_that_may_run_holds() {
        let own = format!("process {} on {} (train)", std::process::id(), host());
        assert!(is_alive(&own));
        assert!(is_alive("process 1 on another-machine (train)"));
        assert!(!is_alive(&format!("process 4294967290 on {} (train)", host())));
        assert!(!is_alive(""));
    }
}
