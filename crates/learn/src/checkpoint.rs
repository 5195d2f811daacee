//! Checkpoints: everything that a training needs to continue bit for bit, in one file with a checksum.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::episodes::{EpisodeStatistics, StoredEpisodes};
use crate::error::TrainError;
use crate::selection::{SelectionState, SignalFigures};
use setpoint_files::append::Extent;
use setpoint_files::identity::Identity;
use setpoint_files::run::Marker;
use setpoint_files::run_folder::is_checkpoint;
use setpoint_files::{FileError, atomic, storage};

/// Number of the layout.
const FORMAT: u32 = 3;
/// Number of the layout with evaluations during the training. A training without them writes the other one, which older versions
/// read.
const FORMAT_WITH_EVALUATIONS: u32 = 4;
/// Number of the layout with evaluations during the training of which a signal chooses the best.
const FORMAT_WITH_SIGNAL: u32 = 5;
/// Number of the oldest layout.
const OLDEST_FORMAT: u32 = 2;
/// Every checkpoint begins with this, the number of its layout, and an end of line.
const MAGIC: &[u8] = b"setpoint checkpoint v";
const HASH_BYTES: usize = 32;
/// Number of older checkpoints to keep, in case the disk damages the newest.
const KEPT: usize = 3;
/// A longer file is refused before it is read whole.
const BYTES_MAX: u64 = 64 << 30;

/// A training at the end of an update.
#[derive(Clone, Debug, PartialEq)]
pub struct Checkpoint {
    /// The run that wrote it; `None` in files from before format 3.
    pub run: Option<Identity>,
    /// The machine's level that it was computed with; `None` in files from before format 3.
    pub machine: Option<String>,
    /// BLAKE3 of the policy file of this moment; `None` in files from before format 3.
    pub policy: Option<[u8; 32]>,
    /// Updates done.
    pub updates: u64,
    /// Environment steps taken.
    pub steps: u64,
    /// Training time, in s, over all sittings.
    pub wall_seconds: f64,
    /// Moving and best returns.
    pub episodes: EpisodeStatistics,
    /// The extent of `metrics.jsonl` at this moment; a resume cuts off later lines.
    pub metrics: Extent,
    /// The extent of `episodes.csv` at this moment.
    pub episodes_log: Extent,
    /// The environments, mid-episode.
    pub environments: Vec<u8>,
    /// The learner.
    pub learner: Vec<u8>,
    /// The evaluations during the training, if there are any.
    pub selection: Option<SelectionState>,
}

/// The payload of format 3, in postcard: the order of the fields is the format. Environments and learner are bytes of their
/// own types; golden checkpoints in `tests/golden` contain them.
#[derive(Serialize, Deserialize)]
struct Stored {
    run: [u8; 16],
    machine: String,
    policy: [u8; 32],
    updates: u64,
    steps: u64,
    wall_seconds: f64,
    episodes: StoredEpisodes,
    metrics: (u64, [u8; 32]),
    episodes_log: (u64, [u8; 32]),
    environments: Vec<u8>,
    learner: Vec<u8>,
}

/// The payload of format 4: that of format 3, then the evaluations.
type Stored4 = (Stored, SelectionState);

/// The payload of format 5: that of format 4, then the figures of the signal.
type Stored5 = (Stored, SelectionState, SignalFigures);

/// The payload of format 2.
#[derive(Deserialize)]
struct Stored2 {
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
        let extent = |extent: Extent| (extent.bytes, extent.hash.unwrap_or_default());
        Self {
            run: checkpoint.run.map_or([0; 16], |run| *run.bytes()),
            machine: checkpoint.machine.clone().unwrap_or_default(),
            policy: checkpoint.policy.unwrap_or_default(),
            updates: checkpoint.updates,
            steps: checkpoint.steps,
            wall_seconds: checkpoint.wall_seconds,
            episodes: checkpoint.episodes.clone().into(),
            metrics: extent(checkpoint.metrics),
            episodes_log: extent(checkpoint.episodes_log),
            environments: checkpoint.environments.clone(),
            learner: checkpoint.learner.clone(),
        }
    }
}

impl From<Stored> for Checkpoint {
    fn from(stored: Stored) -> Self {
        let extent = |(bytes, hash)| Extent { bytes, hash: Some(hash) };
        Self {
            run: Some(Identity::from_bytes(stored.run)),
            machine: Some(stored.machine),
            policy: Some(stored.policy),
            updates: stored.updates,
            steps: stored.steps,
            wall_seconds: stored.wall_seconds,
            episodes: stored.episodes.into(),
            metrics: extent(stored.metrics),
            episodes_log: extent(stored.episodes_log),
            environments: stored.environments,
            learner: stored.learner,
            selection: None,
        }
    }
}

impl From<Stored2> for Checkpoint {
    fn from(stored: Stored2) -> Self {
        Self {
            run: None,
            machine: None,
            policy: None,
            updates: stored.updates,
            steps: stored.steps,
            wall_seconds: stored.wall_seconds,
            episodes: stored.episodes.into(),
            metrics: Extent { bytes: stored.metrics_bytes, hash: None },
            episodes_log: Extent { bytes: stored.episodes_bytes, hash: None },
            environments: stored.environments,
            learner: stored.learner,
            selection: None,
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
            storage::remove(&oldest).map_err(FileError::on("delete the old checkpoint", &oldest))?;
        }
        Ok(path)
    }

    fn to_bytes(&self) -> Vec<u8> {
        let stored = Stored::from(self);
        let (format, payload) = match &self.selection {
            None => (FORMAT, postcard::to_stdvec(&stored)),
            Some(selection) => match selection.signal() {
                None => (FORMAT_WITH_EVALUATIONS, postcard::to_stdvec(&(stored, selection))),
                Some(signal) => (FORMAT_WITH_SIGNAL, postcard::to_stdvec(&(stored, selection, signal))),
            },
        };
        let payload = payload.expect("plain data of known length serialises");
        let first_line = [MAGIC, format.to_string().as_bytes(), b"\n"].concat();
        let mut bytes = Vec::with_capacity(first_line.len() + HASH_BYTES + payload.len());
        bytes.extend_from_slice(&first_line);
        bytes.extend_from_slice(blake3::hash(&payload).as_bytes());
        bytes.extend_from_slice(&payload);
        bytes
    }

    fn from_bytes(bytes: &[u8]) -> Result<Self, String> {
        let (format, rest) = first_line(bytes).ok_or("it does not begin like a checkpoint")?;
        if !(OLDEST_FORMAT..=FORMAT_WITH_SIGNAL).contains(&format) {
            let age = if format > FORMAT_WITH_SIGNAL { "newer" } else { "older" };
            return Err(format!(
                "it has format {format}; this Setpoint ({}) reads formats {OLDEST_FORMAT} to {FORMAT_WITH_SIGNAL}. Resume it with the \
                 {age} Setpoint that wrote it",
                env!("CARGO_PKG_VERSION"),
            ));
        }
        let (hash, payload) = rest.split_at_checked(HASH_BYTES).ok_or("it is cut short")?;
        if blake3::hash(payload).as_bytes() != hash {
            return Err("its checksum does not match its content: it was changed or damaged".into());
        }
        let parsed = match format {
            2 => postcard::from_bytes(payload).map(|stored: Stored2| stored.into()),
            FORMAT_WITH_EVALUATIONS => postcard::from_bytes(payload).map(|(stored, selection): Stored4| {
                let selection = Some(selection);
                Self { selection, ..stored.into() }
            }),
            FORMAT_WITH_SIGNAL => {
                postcard::from_bytes(payload).map(|(stored, selection, signal): Stored5| {
                    let selection = Some(selection.with_signal(signal));
                    Self { selection, ..stored.into() }
                })
            }
            _ => postcard::from_bytes(payload).map(|stored: Stored| stored.into()),
        };
        parsed.map_err(|error| format!("it does not parse: {error}"))
    }

    /// Reads one checkpoint; an error names the newest complete checkpoint of the same folder.
    pub fn read(path: &Path) -> Result<Self, TrainError> {
        let bytes = storage::read(path, BYTES_MAX).map_err(FileError::on("read the checkpoint", path))?;
        Self::from_bytes(&bytes).map_err(|reason| TrainError::Checkpoint {
            path: path.to_owned(),
            reason,
            last_good: path.parent().and_then(last_good),
        })
    }

    /// The newest checkpoint of a run in `folder`; `None` if there is no checkpoint yet. A checkpoint of another run is
    /// refused, for it is not this run's to read or to delete.
    pub fn newest(folder: &Path, marker: &Marker) -> Result<Option<(PathBuf, Self)>, TrainError> {
        let all = list(folder)?;
        let Some((newest, older)) = all.split_last() else { return Ok(None) };
        let checkpoint = Self::read(newest)?;
        checkpoint.refuse_of_another(newest, marker)?;
        for path in older {
            let bytes = storage::read(path, BYTES_MAX).map_err(FileError::on("read the checkpoint", path))?;
            // A damaged older one is no obstacle.
            if let Ok(older) = Self::from_bytes(&bytes) {
                older.refuse_of_another(path, marker)?;
            }
        }
        Ok(Some((newest.clone(), checkpoint)))
    }

    /// Refuses a checkpoint of another run.
    pub fn refuse_of_another(&self, path: &Path, marker: &Marker) -> Result<(), TrainError> {
        if marker.owns(self.run) {
            return Ok(());
        }
        let run =
            self.run.map_or("a run from before identities".to_owned(), |run| format!("run {}", run.short()));
        Err(TrainError::OtherRun { path: path.to_owned(), found: run, run: marker.identity.short() })
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
    read_last_good(folder).map(|(path, _)| path)
}

/// The same with its content.
pub fn read_last_good(folder: &Path) -> Option<(PathBuf, Checkpoint)> {
    let whole = |path: PathBuf| {
        let bytes = storage::read(&path, BYTES_MAX).ok()?;
        Some((path, Checkpoint::from_bytes(&bytes).ok()?))
    };
    list(folder).ok()?.into_iter().rev().find_map(whole)
}

/// All checkpoints of a folder, oldest first.
pub fn list(folder: &Path) -> Result<Vec<PathBuf>, FileError> {
    let mut paths = storage::list(folder).map_err(FileError::on("list", folder))?;
    paths.retain(|path| is_checkpoint(path));
    Ok(paths)
}

#[cfg(test)]
pub(crate) mod tests {
    use setpoint_files::run::{Kind, Origin};

    use super::*;

    pub(crate) fn marker() -> Marker {
        Marker {
            format: 1,
            identity: Identity::from_bytes([7; 16]),
            kind: Kind::Training,
            project: Origin { name: "line".to_owned(), folder: None, absolute: None },
            part_of: None,
            from: None,
            number: 1,
            adopted: false,
            begun: "20261129T120000Z".to_owned(),
            setpoint_version: "0.1.0".to_owned(),
        }
    }

    #[test]
    fn a_checkpoint_of_another_run_is_refused_and_stays_there() {
        let folder = tempfile::tempdir().unwrap();
        checkpoint(4).write(folder.path()).unwrap();
        for updates in [2, 6] {
            let path = Checkpoint { run: Some(Identity::random()), ..checkpoint(updates) }
                .write(folder.path())
                .unwrap();
            // A run that may read files without an identity still reads none of another identity.
            let error = Checkpoint::newest(folder.path(), &Marker { adopted: true, ..marker() }).unwrap_err();
            assert!(error.to_string().contains("belongs to run"), "{error}");
            std::fs::remove_file(path).unwrap();
        }
        assert!(Checkpoint::newest(folder.path(), &marker()).unwrap().is_some());
    }

    fn checkpoint(updates: u64) -> Checkpoint {
        Checkpoint {
            run: Some(marker().identity),
            machine: Some("avx2".to_owned()),
            policy: Some([3; 32]),
            updates,
            steps: updates * 8,
            wall_seconds: 1.5,
            episodes: EpisodeStatistics::default(),
            metrics: Extent { bytes: 10, hash: Some([1; 32]) },
            episodes_log: Extent { bytes: 20, hash: Some([2; 32]) },
            environments: vec![1, 2, 3],
            learner: (0..200).collect(),
            selection: None,
        }
    }

    #[test]
    fn the_newest_comes_back_and_old_ones_go() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(Checkpoint::newest(folder.path(), &marker()).unwrap(), None);
        for updates in 1..=5 {
            checkpoint(updates).write(folder.path()).unwrap();
        }
        let (path, newest) = Checkpoint::newest(folder.path(), &marker()).unwrap().unwrap();
        assert_eq!(newest, checkpoint(5));
        assert!(path.ends_with("00000005.checkpoint"));
        assert_eq!(list(folder.path()).unwrap().len(), KEPT);
    }

    #[test]
    fn another_format_is_refused_by_its_number() {
        let bytes = checkpoint(1).to_bytes();
        assert!(bytes.starts_with(b"setpoint checkpoint v3\n"));
        for (format, age) in [("6", "newer"), ("1", "older"), ("4294967295", "newer")] {
            let mut other = [MAGIC, format.as_bytes()].concat();
            other.extend_from_slice(&bytes[MAGIC.len() + 1..]);
            let reason = Checkpoint::from_bytes(&other).unwrap_err();
            assert!(reason.contains(&format!("format {format};")) && reason.contains(age), "{reason}");
        }
    }

    /// A training without evaluations writes what older versions read.
    #[test]
    fn evaluations_have_a_format_of_their_own() {
        let with = Checkpoint { selection: Some(SelectionState::default()), ..checkpoint(2) };
        assert!(with.to_bytes().starts_with(b"setpoint checkpoint v4\n"));
        assert_eq!(Checkpoint::from_bytes(&with.to_bytes()).unwrap(), with);
        let selection = Some(SelectionState::default().with_signal(SignalFigures::default()));
        let by_signal = Checkpoint { selection, ..checkpoint(2) };
        assert!(by_signal.to_bytes().starts_with(b"setpoint checkpoint v5\n"));
        assert_eq!(Checkpoint::from_bytes(&by_signal.to_bytes()).unwrap(), by_signal);
    }

    #[test]
    fn any_changed_or_missing_byte_is_refused_and_the_last_good_one_named() {
        let folder = tempfile::tempdir().unwrap();
        let good = checkpoint(1).write(folder.path()).unwrap();
        let newest = checkpoint(2).write(folder.path()).unwrap();
        let bytes = std::fs::read(&newest).unwrap();
        for position in (0..bytes.len()).step_by(7) {
            let mut broken = bytes.clone();
            broken[position] ^= 0x10;
            std::fs::write(&newest, &broken).unwrap();
            let error = Checkpoint::newest(folder.path(), &marker()).unwrap_err();
            let TrainError::Checkpoint { path, last_good, .. } = &error else { panic!("{error}") };
            assert_eq!((path, last_good.as_ref()), (&newest, Some(&good)), "{error}");
        }
        for length in 0..bytes.len() {
            assert!(Checkpoint::from_bytes(&bytes[..length]).is_err());
        }
    }
}
