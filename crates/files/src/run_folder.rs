//! The folder that a training leaves: where its files are, how it is named, which one is the newest.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::{FileError, atomic, storage};

const COMPARISON: &str = "compare.toml";
const SEARCH: &str = "study.sqlite";
/// Greatest size of a project file or a summary, in bytes.
const TEXT_BYTES_MAX: u64 = 1 << 24;

/// A run's files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunFolder {
    /// The folder.
    pub path: PathBuf,
}

impl RunFolder {
    /// A folder, whether it exists or not.
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    /// Creates the folder of a new run: `runs/<project>/<UTC time>-<algorithm>-s<seed>`, below `root`. A run owns the name
    /// of the folder that it creates. So runs that begin in the same second, in one process or several, have folders of
    /// their own: from the second run on with a number.
    pub fn create_under(
        root: &Path,
        project: &str,
        algorithm: &str,
        seeds: &str,
        now: SystemTime,
    ) -> Result<Self, FileError> {
        let folder = root.join(file_name(project));
        atomic::create_folder(&folder)?;
        let stem = format!("{}-{algorithm}-s{seeds}", timestamp(now));
        let mut path = folder.join(&stem);
        let mut number = 1;
        loop {
            match storage::create_folder(&path) {
                Ok(()) => {
                    atomic::sync_parent(&path)?;
                    return Ok(Self { path });
                }
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                    number += 1;
                    path = folder.join(format!("{stem}-{number}"));
                }
                Err(error) => return Err(FileError::on("create the folder", &path)(error)),
            }
        }
    }

    /// The folder of all runs of projects of one name under `root`.
    pub fn all_of(root: &Path, project: &str) -> PathBuf {
        root.join(file_name(project))
    }

    /// The folder of one seed, in a run of several.
    pub fn of_seed(&self, seed: u64) -> Self {
        Self::at(self.path.join(format!("seed-{seed}")))
    }

    /// The resolved project file.
    pub fn project_file(&self) -> PathBuf {
        self.path.join("setpoint.toml")
    }
    /// One line a log step.
    pub fn metrics(&self) -> PathBuf {
        self.path.join("metrics.jsonl")
    }
    /// The folder of event files.
    pub fn tensorboard(&self) -> PathBuf {
        self.path.join("tensorboard")
    }
    /// One line an episode.
    pub fn episodes(&self) -> PathBuf {
        self.path.join("episodes.csv")
    }
    /// The folder of checkpoints.
    pub fn checkpoints(&self) -> PathBuf {
        self.path.join("checkpoints")
    }
    /// The folder of the replay buffer.
    pub fn replay(&self) -> PathBuf {
        self.path.join("replay")
    }
    /// The trained policy.
    pub fn policy(&self) -> PathBuf {
        self.path.join("policy.safetensors")
    }
    /// How the training ended; there once it has.
    pub fn summary(&self) -> PathBuf {
        self.path.join("summary.json")
    }
    /// The page for people.
    pub fn report(&self) -> PathBuf {
        self.path.join("report.html")
    }
    /// What a comparison of algorithms compares; such a folder has no project file of its own, so that it is never
    /// taken for a project's newest training.
    pub fn comparison_file(&self) -> PathBuf {
        self.path.join(COMPARISON)
    }
    /// A comparison's page for people.
    pub fn comparison_page(&self) -> PathBuf {
        self.path.join("compare.html")
    }
    /// The trials of a search; such a folder has no project file of its own either.
    pub fn search_file(&self) -> PathBuf {
        self.path.join(SEARCH)
    }
    /// A search's page for people.
    pub fn search_page(&self) -> PathBuf {
        self.path.join("tune.html")
    }
    /// An evaluation, a validation … by name.
    pub fn evidence(&self, name: &str) -> PathBuf {
        self.path.join("evidence").join(format!("{name}.json"))
    }

    /// The folders that a run writes into, but for the runs that are part of it.
    pub fn own_folders(&self) -> [PathBuf; 4] {
        [self.checkpoints(), self.replay(), self.tensorboard(), self.path.join("evidence")]
    }

    /// The files directly in the folder that a run writes, but for its marker and its lock.
    pub fn own_files(&self) -> Vec<PathBuf> {
        let side = |end: &str| self.path.join(format!("{SEARCH}{end}"));
        vec![
            self.metrics(),
            self.episodes(),
            self.policy(),
            self.summary(),
            self.report(),
            self.comparison_file(),
            self.comparison_page(),
            self.search_file(),
            side("-wal"),
            side("-shm"),
            side("-journal"),
            self.search_page(),
            self.project_file(),
        ]
    }

    /// Reads a text file of the run.
    pub fn read(path: &Path) -> Result<String, FileError> {
        storage::read_text(path, TEXT_BYTES_MAX).map_err(FileError::on("read", path))
    }
}

/// Whether a file has the name of a checkpoint: eight digits or more. Copies under other names are somebody else's.
pub fn is_checkpoint(path: &Path) -> bool {
    is_numbered(path, "checkpoint", 8)
}

/// Whether a file has the name of a segment of a replay buffer: fourteen digits or more.
pub fn is_segment(path: &Path) -> bool {
    is_numbered(path, "replay", 14)
}

/// How the name of an event file of TensorBoard begins and ends: readers look for the beginning.
pub const EVENTS_NAME: (&str, &str) = ("events.out.tfevents.", ".setpoint");

/// Whether a file has the name of an event file of ours.
pub fn is_events(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    name.starts_with(EVENTS_NAME.0) && name.ends_with(EVENTS_NAME.1)
}

fn is_numbered(path: &Path, extension: &str, digits: usize) -> bool {
    let stem = path.file_stem().unwrap_or_default().as_encoded_bytes();
    let has_extension = path.extension().is_some_and(|found| found == extension);
    has_extension && stem.len() >= digits && stem.iter().all(u8::is_ascii_digit)
}

/// A project's name as a folder name: letters, digits, `-`, `_` and `.` stay, all else becomes `-`.
fn file_name(project: &str) -> String {
    let keep = |c: char| if c.is_alphanumeric() || "-_.".contains(c) { c } else { '-' };
    let name: String = project.chars().map(keep).collect();
    if name.trim_matches('.').is_empty() { "project".to_owned() } else { name }
}

/// `20261121T083015Z`, by the civil calendar (Howard Hinnant's days-to-date algorithm).
pub(crate) fn timestamp(now: SystemTime) -> String {
    let seconds = now.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let (days, second) = (seconds / 86_400, seconds % 86_400);
    let shifted = days + 719_468;
    let era = shifted / 146_097;
    let day_of_era = shifted % 146_097;
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
    format!("{year:04}{month:02}{day:02}T{hour:02}{minute:02}{second:02}Z")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn names_sort_by_time_and_hold_no_separators() {
        let at = |seconds| SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
        assert_eq!(timestamp(at(0)), "19700101T000000Z");
        assert_eq!(timestamp(at(951_827_696)), "20000229T123456Z");
        assert_eq!(timestamp(at(1_798_761_599)), "20261231T235959Z");
        assert_eq!(file_name("../a b/ü"), "..-a-b-ü");
        assert_eq!(file_name(".."), "project");
    }

    #[test]
    fn copies_under_other_names_are_no_files_of_a_run() {
        for name in ["00000012.checkpoint", "123456789.checkpoint"] {
            assert!(is_checkpoint(Path::new(name)), "{name}");
        }
        for name in [
            "best.checkpoint",
            "00000012 copy.checkpoint",
            "12.checkpoint",
            "00000012.checkpoint.bak",
            ".checkpoint",
        ] {
            assert!(!is_checkpoint(Path::new(name)), "{name}");
        }
        assert!(
            is_segment(Path::new("replay/00000000000900.replay")) && !is_segment(Path::new("game1.replay"))
        );
        assert!(is_events(Path::new("events.out.tfevents.17.5.3.setpoint")));
        assert!(!is_events(Path::new("events.out.tfevents.17.5.3")));
    }

    #[test]
    fn runs_of_many_threads_in_one_second_have_folders_of_their_own() {
        let root = tempfile::tempdir().unwrap();
        let create =
            || RunFolder::create_under(root.path(), "p", "ppo", "0", SystemTime::UNIX_EPOCH).unwrap();
        let mut paths: Vec<PathBuf> = std::thread::scope(|scope| {
            let threads: Vec<_> =
                (0..8).map(|_| scope.spawn(|| (0..25).map(|_| create().path).collect::<Vec<_>>())).collect();
            threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
        });
        paths.sort();
        paths.dedup();
        assert_eq!(paths.len(), 200);
        assert!(paths.iter().all(|path| path.is_dir()));
    }
}
