//! Checkpoints: everything that a training needs to continue bit for bit, in one file with a checksum.

use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::episodes::{EpisodeStatistics, StoredEpisodes};
use crate::error::TrainError;
use setpoint_files::FileError;
use setpoint_files::atomic;

/// Number of the layout.
const FORMAT: u32 = 2;
/// Every checkpoint begins with this, the number of its layout, and an end of line.
const MAGIC: &[u8] = b"setpoint checkpoint v";
const HASH_BYTES: usize = 32;
/// Number of older checkpoints to keep, in case the disk damages the newest.
const KEPT: usize = 3;

/// A training at the end of an update.
#[derive(Clone, Debug, PartialEq)]
pub struct Checkpoint {
    /// Updates done.
    pub updates: u64,
    /// Environment steps taken.
    pub steps: u64,
    /// Training time, in s, over all sittings.
    pub wall_seconds: f64,
    /// Moving and best returns.
    pub episodes: EpisodeStatistics,
    /// Length of `metrics.jsonl` at this moment, in bytes; a resume cuts off later lines.
    pub metrics_bytes: u64,
    /// Length of `episodes.csv` at this moment, in bytes.
    pub episodes_bytes: u64,
    /// The environments, mid-episode.
    pub environments: Vec<u8>,
    /// The learner.
    pub learner: Vec<u8>,
}

/// The payload of format 2, in postcard: the order of the fields is the format. Environments and learner are bytes of their
/// own types; golden checkpoints in `tests/golden` contain them.
#[derive(Serialize, Deserialize)]
struct Stored {
    updates: u64,
    steps: u64,
    wall_seconds: f64,
    episodes: StoredEpisodes,
    metrics_bytes: u64,
    episodes_bytes: u64,
    environments: Vec<u8>,
    learner: Vec<u8>,
}

impl From<&Checkpoint> for Stored {
    fn from(checkpoint: &Checkpoint) -> Self {
        Self {
            updates: checkpoint.updates,
            steps: checkpoint.steps,
            wall_seconds: checkpoint.wall_seconds,
            episodes: checkpoint.episodes.clone().into(),
            metrics_bytes: checkpoint.metrics_bytes,
            episodes_bytes: checkpoint.episodes_bytes,
            environments: checkpoint.environments.clone(),
            learner: checkpoint.learner.clone(),
        }
    }
}

impl From<Stored> for Checkpoint {
    fn from(stored: Stored) -> Self {
        Self {
            updates: stored.updates,
            steps: stored.steps,
            wall_seconds: stored.wall_seconds,
            episodes: stored.episodes.into(),
            metrics_bytes: stored.metrics_bytes,
            episodes_bytes: stored.episodes_bytes,
            environments: stored.environments,
            learner: stored.learner,
        }
    }
}

impl Checkpoint {
    /// Writes `NNNNNNNN.checkpoint` into `folder` and deletes the oldest beyond the kept ones.
    pub fn write(&self, folder: &Path) -> Result<PathBuf, TrainError> {
        atomic::create_folder(folder)?;
        let path = folder.join(format!("{:08}.checkpoint", self.updates));
        atomic::replace(&path, &self.to_bytes())?;
        let mut all = list(folder)?;
        while all.len() > KEPT {
            let oldest = all.remove(0);
            fs::remove_file(&oldest).map_err(FileError::on("delete the old checkpoint", &oldest))?;
        }
        Ok(path)
    }

    fn to_bytes(&self) -> Vec<u8> {
        let payload =
            postcard::to_stdvec(&Stored::from(self)).expect("plain data of known length serialises");
        let first_line = [MAGIC, FORMAT.to_string().as_bytes(), b"\n"].concat();
        let mut bytes = Vec::with_capacity(first_line.len() + HASH_BYTES + payload.len());
        bytes.extend_from_slice(&first_line);
        bytes.extend_from_slice(blake3::hash(&payload).as_bytes());
        bytes.extend_from_slice(&payload);
        bytes
    }

    fn from_bytes(bytes: &[u8]) -> Result<Self, String> {
        let (format, rest) = first_line(bytes).ok_or("it does not begin like a checkpoint")?;
        if format != FORMAT {
            let age = if format > FORMAT { "newer" } else { "older" };
            return Err(format!(
                "it has format {format}; this Setpoint ({}) reads format {FORMAT}. Resume it with the {age} Setpoint that \
                 wrote it",
                env!("CARGO_PKG_VERSION")
            ));
        }
        let (hash, payload) = rest.split_at_checked(HASH_BYTES).ok_or("it is cut short")?;
        if blake3::hash(payload).as_bytes() != hash {
            return Err("its checksum does not match its content: it was changed or damaged".into());
        }
        let stored: Stored =
            postcard::from_bytes(payload).map_err(|error| format!("it does not parse: {error}"))?;
        Ok(stored.into())
    }

    /// Reads one checkpoint; an error names the newest complete checkpoint of the same folder.
    pub fn read(path: &Path) -> Result<Self, TrainError> {
        let bytes = fs::read(path).map_err(FileError::on("read the checkpoint", path))?;
        Self::from_bytes(&bytes).map_err(|reason| TrainError::Checkpoint {
            path: path.to_owned(),
            reason,
            last_good: path.parent().and_then(last_good),
        })
    }

    /// The newest checkpoint of a folder; `None` if there is no checkpoint yet.
    pub fn newest(folder: &Path) -> Result<Option<(PathBuf, Self)>, TrainError> {
        match list(folder)?.pop() {
            None => Ok(None),
            Some(path) => Self::read(&path).map(|checkpoint| Some((path, checkpoint))),
        }
    }
}

/// The number of a checkpoint's format, and the bytes after its first line.
fn first_line(bytes: &[u8]) -> Option<(u32, &[u8])> {
    let rest = bytes.strip_prefix(MAGIC)?;
    let end = rest.iter().take(11).position(|byte| *byte == b'\n')?;
    let digits =
        std::str::from_utf8(&rest[..end]).ok().filter(|text| text.bytes().all(|b| b.is_ascii_digit()))?;
    Some((digits.parse().ok()?, &rest[end + 1..]))
}

/// The newest complete checkpoint of a folder.
pub fn last_good(folder: &Path) -> Option<PathBuf> {
    let whole = |path: &PathBuf| fs::read(path).is_ok_and(|bytes| Checkpoint::from_bytes(&bytes).is_ok());
    list(folder).ok()?.into_iter().rev().find(whole)
}

/// All checkpoints of a folder, oldest first.
fn list(folder: &Path) -> Result<Vec<PathBuf>, FileError> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(FileError::on("read the folder", folder)(error)),
    };
    let mut paths: Vec<PathBuf> = entries
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .filter(|path| path.extension().is_some_and(|extension| extension == "checkpoint"))
        .collect();
    paths.sort();
    Ok(paths)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checkpoint(updates: u64) -> Checkpoint {
        Checkpoint {
            updates,
            steps: updates * 8,
            wall_seconds: 1.5,
            episodes: EpisodeStatistics::default(),
            metrics_bytes: 10,
            episodes_bytes: 20,
            environments: vec![1, 2, 3],
            learner: (0..200).collect(),
        }
    }

    #[test]
    fn the_newest_comes_back_and_old_ones_go() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(Checkpoint::newest(folder.path()).unwrap(), None);
        for updates in 1..=5 {
            checkpoint(updates).write(folder.path()).unwrap();
        }
        let (path, newest) = Checkpoint::newest(folder.path()).unwrap().unwrap();
        assert_eq!(newest, checkpoint(5));
        assert!(path.ends_with("00000005.checkpoint"));
        assert_eq!(list(folder.path()).unwrap().len(), KEPT);
    }

    #[test]
    fn another_format_is_refused_by_its_number() {
        let bytes = checkpoint(1).to_bytes();
        assert!(bytes.starts_with(b"setpoint checkpoint v2\n"));
        for (format, age) in [("3", "newer"), ("1", "older"), ("4294967295", "newer")] {
            let mut other = [MAGIC, format.as_bytes()].concat();
            other.extend_from_slice(&bytes[MAGIC.len() + 1..]);
            let reason = Checkpoint::from_bytes(&other).unwrap_err();
            assert!(reason.contains(&format!("format {format};")) && reason.contains(age), "{reason}");
        }
    }

    #[test]
    fn any_changed_or_missing_byte_is_refused_and_the_last_good_one_named() {
        let folder = tempfile::tempdir().unwrap();
        let good = checkpoint(1).write(folder.path()).unwrap();
        let newest = checkpoint(2).write(folder.path()).unwrap();
        let bytes = fs::read(&newest).unwrap();
        for position in (0..bytes.len()).step_by(7) {
            let mut broken = bytes.clone();
            broken[position] ^= 0x10;
            fs::write(&newest, &broken).unwrap();
            let error = Checkpoint::newest(folder.path()).unwrap_err();
            let TrainError::Checkpoint { path, last_good, .. } = &error else { panic!("{error}") };
            assert_eq!((path, last_good.as_ref()), (&newest, Some(&good)), "{error}");
        }
        for length in 0..bytes.len() {
            assert!(Checkpoint::from_bytes(&bytes[..length]).is_err());
        }
    }
}
