//! A run that this process may write: its folder was made by Setpoint, bears an identity, and is locked.
//!
//! * A run **begins** in a folder that is not there or is empty. A folder that holds anything else is never used: not a
//!   finished run, not a stopped one, nobody's files.
//! * A run **resumes** in a folder with a marker of its kind.
//! * A run that is **part** of another one (a seed, a trial) begins or resumes; its marker names the run that it is part of.
//!
//! The marker is `run.json`. It is written first and never changed.

use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use crate::beginning::Beginning;
use crate::identity::Identity;
use crate::lock::{self, Lock, LockError};
use crate::run_folder::{RunFolder, is_checkpoint, is_events, is_segment, timestamp};
use crate::storage;
use crate::{FileError, atomic};

/// Name of the marker.
pub const MARKER: &str = "run.json";
/// Number of the marker's layout.
const FORMAT: u32 = 1;
/// More than any marker needs.
const MARKER_BYTES_MAX: u64 = 1 << 16;

/// What a run is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// One training.
    Training,
    /// One training for each of several seeds.
    Seeds,
    /// A comparison of algorithms.
    Comparison,
    /// A search for better options.
    Search,
}

impl Kind {
    /// What it is, for people.
    pub fn words(self) -> &'static str {
        match self {
            Self::Training => "one training",
            Self::Seeds => "a training over several seeds",
            Self::Comparison => "a comparison of algorithms",
            Self::Search => "a search for options",
        }
    }

    /// What a run without a marker is, by its files; `None` for a folder that is no run.
    pub fn by_files(folder: &RunFolder) -> Option<Self> {
        if folder.search_file().is_file() {
            Some(Self::Search)
        } else if folder.comparison_file().is_file() {
            Some(Self::Comparison)
        } else if folder.evidence("seeds").is_file() {
            Some(Self::Seeds)
        } else {
            (folder.checkpoints().is_dir() || folder.policy().is_file()).then_some(Self::Training)
        }
    }

    /// The command that makes it.
    pub fn command(self) -> &'static str {
        match self {
            Self::Training => "train",
            Self::Seeds => "train --seeds",
            Self::Comparison => "compare",
            Self::Search => "tune",
        }
    }
}

/// The project of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// Its name in the charter.
    pub name: String,
    /// Its folder, relative to the run's folder, so that both may be moved together; `None` for a project without a folder.
    pub folder: Option<PathBuf>,
    /// That folder as it was called when the run began: the run's resolved project names files below it.
    #[serde(default)]
    pub absolute: Option<PathBuf>,
}

/// `run.json`: who the run in a folder is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Marker {
    /// Number of the layout.
    pub format: u32,
    /// The run.
    pub identity: Identity,
    /// What it is.
    pub kind: Kind,
    /// Its project.
    pub project: Origin,
    /// The run that it is part of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub part_of: Option<Identity>,
    /// The policy that its training began with; `None` for random weights.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Beginning>,
    /// Its place among the runs of its project's folder, from 1: later runs have greater numbers, whatever the clock says.
    #[serde(default)]
    pub number: u64,
    /// Whether the run began before runs had identities: its files from then bear none.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub adopted: bool,
    /// UTC time of its beginning.
    pub begun: String,
    /// Version of Setpoint.
    pub setpoint_version: String,
}

impl Marker {
    /// The marker of a folder; `None` if the folder is no run, or a run from before identities.
    pub fn of(folder: &Path) -> Result<Option<Self>, FileError> {
        let path = folder.join(MARKER);
        let bytes = match storage::read(&path, MARKER_BYTES_MAX) {
            Ok(bytes) => bytes,
            Err(error) if is_absent(&error) => return Ok(None),
            Err(error) => return Err(FileError::on("read", &path)(error)),
        };
        let refuse = |reason: String| FileError::on("read", &path)(io::Error::other(reason));
        let marker: Self = serde_json::from_slice(&bytes).map_err(|error| refuse(error.to_string()))?;
        if marker.format > FORMAT {
            let format = marker.format;
            return Err(refuse(format!("it has format {format}; a newer Setpoint reads it")));
        }
        Ok(Some(marker))
    }

    /// Whether a file that bears `identity` belongs to this run.
    pub fn owns(&self, identity: Option<Identity>) -> bool {
        match identity {
            Some(identity) => identity == self.identity,
            None => self.adopted,
        }
    }
}

fn is_absent(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

/// A run that is about to begin.
#[derive(Clone, Debug)]
pub struct NewRun<'a> {
    /// What it is.
    pub kind: Kind,
    /// The project's name.
    pub project: &'a str,
    /// The project's folder, if it has one.
    pub project_folder: Option<&'a Path>,
    /// The run that it is part of.
    pub part_of: Option<Identity>,
    /// The policy that its training begins with.
    pub from: Option<Beginning>,
}

/// How to open a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// In a folder that is not there, or is empty.
    New,
    /// As [`Start::New`], after everything of the run in that folder was deleted.
    Cleared,
    /// Where it stopped.
    Resume,
    /// Where it stopped, although lines of its logs are missing or were changed: the lines that are there are kept.
    ResumeWithoutLogs,
    /// As part of the run with this identity: new, or where it stopped.
    Part(Identity),
}

impl Start {
    /// By the two options that every command of a run has.
    pub fn of(resume: bool, force: bool) -> Self {
        match (resume, force) {
            (false, false) => Self::New,
            (false, true) => Self::Cleared,
            (true, false) => Self::Resume,
            (true, true) => Self::ResumeWithoutLogs,
        }
    }

    /// Whether the run may continue beyond the goals that it had: as part of another run it may not.
    pub fn may_grow(self) -> bool {
        matches!(self, Self::Resume | Self::ResumeWithoutLogs)
    }
}

/// Why a run could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The folder holds a run.
    #[error(
        "{} holds {} of `{}` (run {}, begun {}): --resume continues it, --force deletes it first, or choose another \
         --run-dir", folder.display(), marker.kind.words(), marker.project.name, marker.identity.short(), marker.begun
    )]
    Holds {
        /// The folder.
        folder: PathBuf,
        /// Who it is.
        marker: Box<Marker>,
    },
    /// The folder holds what no run has made.
    #[error("{} is not empty and no run of this Setpoint (it contains `{entry}`): choose a folder that is empty or not there", folder.display())]
    Foreign {
        /// The folder.
        folder: PathBuf,
        /// One of its entries.
        entry: String,
    },
    /// There is nothing to resume.
    #[error("{} holds no run to resume; without --resume a new one begins", folder.display())]
    Nothing {
        /// The folder.
        folder: PathBuf,
    },
    /// The run in the folder is of another kind.
    #[error(
        "{} holds {}, and this command continues {}: `setpoint {}` continues it", folder.display(), found.words(), wanted.words(), found.command()
    )]
    OtherKind {
        /// The folder.
        folder: PathBuf,
        /// What it is.
        found: Kind,
        /// What it would have to be.
        wanted: Kind,
    },
    /// The run in the folder is part of another run.
    #[error("{} is part of another run ({}): move it away", folder.display(), found.map_or("none".to_owned(), |found| found.short()))]
    OtherPart {
        /// The folder.
        folder: PathBuf,
        /// The run that it is part of.
        found: Option<Identity>,
    },
    /// Another process writes it.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// A file could not be read or written.
    #[error(transparent)]
    File(#[from] FileError),
}

/// A run that this process writes, until it is dropped.
#[derive(Debug)]
pub struct Run {
    /// Its folder.
    pub folder: RunFolder,
    /// Who it is.
    pub marker: Marker,
    /// Whether it was there before.
    pub resumed: bool,
    _lock: Lock,
}

impl Run {
    /// Opens the run of a folder.
    pub fn open(folder: &RunFolder, new: &NewRun<'_>, start: Start) -> Result<Self, RunError> {
        match start {
            Start::New => Self::begin(folder, new),
            Start::Cleared => match Marker::of(&folder.path)? {
                None => Self::begin(folder, new),
                Some(_) => Self::begin_cleared(folder, new),
            },
            Start::Resume | Start::ResumeWithoutLogs => Self::resume(folder, new),
            Start::Part(whole) => match Marker::of(&folder.path)? {
                None => Self::begin(folder, &NewRun { part_of: Some(whole), ..new.clone() }),
                Some(marker) if marker.part_of == Some(whole) => Self::resume(folder, new),
                Some(marker) => {
                    Err(RunError::OtherPart { folder: folder.path.clone(), found: marker.part_of })
                }
            },
        }
    }

    fn begin(folder: &RunFolder, new: &NewRun<'_>) -> Result<Self, RunError> {
        let path = &folder.path;
        // Looked at before anything is written, and again under the lock. Who writes there at present tells more than what is there.
        lock::refuse_held(path)?;
        refuse_used(path)?;
        atomic::create_folder(path)?;
        let lock = Lock::of(path, new.kind.command())?;
        refuse_used(path)?;
        atomic::sweep(path)?;
        let marker = new.marker(path, false);
        write_marker(path, &marker)?;
        Ok(Self { folder: folder.clone(), marker, resumed: false, _lock: lock })
    }

    /// Deletes everything that the run of a folder has written, its marker last. Files of others stay.
    fn begin_cleared(folder: &RunFolder, new: &NewRun<'_>) -> Result<Self, RunError> {
        let lock = Lock::of(&folder.path, new.kind.command())?;
        // Under the lock, for it may be another run by now.
        if let Some(old) = Marker::of(&folder.path)? {
            clear(folder, &old)?;
        }
        let marker = new.marker(&folder.path, false);
        write_marker(&folder.path, &marker)?;
        Ok(Self { folder: folder.clone(), marker, resumed: false, _lock: lock })
    }

    fn resume(folder: &RunFolder, new: &NewRun<'_>) -> Result<Self, RunError> {
        let path = &folder.path;
        // Looked at before anything is written, and again under the lock.
        if find(folder, new)?.is_none() && !is_from_before(folder)? {
            return Err(RunError::Nothing { folder: path.clone() });
        }
        let lock = Lock::of(path, new.kind.command())?;
        let marker = match find(folder, new)? {
            Some(marker) => marker,
            None => {
                let marker = new.marker(path, true);
                write_marker(path, &marker)?;
                marker
            }
        };
        Ok(Self { folder: folder.clone(), marker, resumed: true, _lock: lock })
    }
}

/// The marker of a run of the kind that is wanted; a run of another kind is refused.
fn find(folder: &RunFolder, new: &NewRun<'_>) -> Result<Option<Marker>, RunError> {
    let marker = Marker::of(&folder.path)?;
    match &marker {
        Some(Marker { kind, .. }) if *kind != new.kind => {
            Err(RunError::OtherKind { folder: folder.path.clone(), found: *kind, wanted: new.kind })
        }
        _ => Ok(marker),
    }
}

impl NewRun<'_> {
    fn marker(&self, folder: &Path, adopted: bool) -> Marker {
        let origin = Origin {
            name: self.project.to_owned(),
            folder: self.project_folder.map(|project| relative(project, folder)),
            absolute: self.project_folder.and_then(|project| std::path::absolute(project).ok()),
        };
        Marker {
            format: FORMAT,
            identity: Identity::random(),
            kind: self.kind,
            project: origin,
            part_of: self.part_of,
            from: self.from.clone(),
            number: if self.part_of.is_some() { 0 } else { 1 + greatest_number(folder) },
            adopted,
            begun: timestamp(SystemTime::now()),
            setpoint_version: env!("CARGO_PKG_VERSION").to_owned(),
        }
    }
}

fn write_marker(folder: &Path, marker: &Marker) -> Result<(), FileError> {
    let text = serde_json::to_string_pretty(marker).expect("a marker has only text keys");
    atomic::replace(&folder.join(MARKER), text.as_bytes())
}

/// The greatest number of the runs next to a folder. A folder that cannot be read counts as no run.
fn greatest_number(folder: &Path) -> u64 {
    let Some(parent) = folder.parent() else { return 0 };
    let siblings = storage::list(parent).unwrap_or_default();
    let markers = siblings.iter().filter_map(|sibling| Marker::of(sibling).ok().flatten());
    markers.map(|marker| marker.number).max().unwrap_or(0)
}

/// `target` as seen from `folder`; an absolute path if the two have nothing in common.
fn relative(target: &Path, folder: &Path) -> PathBuf {
    let whole = |path: &Path| {
        let path = if path.as_os_str().is_empty() { Path::new(".") } else { path };
        path.canonicalize().or_else(|_| std::path::absolute(path)).unwrap_or_else(|_| path.to_owned())
    };
    let (target, folder) = (whole(target), whole(folder));
    let common = target.components().zip(folder.components()).take_while(|(a, b)| a == b).count();
    if common == 0 {
        return target;
    }
    let up = folder.components().skip(common).map(|_| Path::new(".."));
    let path: PathBuf =
        up.chain(target.components().skip(common).map(|part| Path::new(part.as_os_str()))).collect();
    if path.as_os_str().is_empty() { PathBuf::from(".") } else { path }
}

/// Refuses a folder that holds anything but what a beginning that was killed leaves.
fn refuse_used(folder: &Path) -> Result<(), RunError> {
    if let Some(marker) = Marker::of(folder)? {
        return Err(RunError::Holds { folder: folder.to_owned(), marker: Box::new(marker) });
    }
    let entries = match storage::list(folder) {
        Ok(entries) => entries,
        // A file in its place: creating the folder says so.
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => return Ok(()),
        Err(error) => return Err(FileError::on("list", folder)(error).into()),
    };
    let is_ours = |path: &&PathBuf| path.ends_with(lock::FILE) || atomic::is_temporary(path);
    match entries.iter().find(|path| !is_ours(path)) {
        None => Ok(()),
        Some(entry) => {
            let entry = entry.file_name().unwrap_or_default().to_string_lossy().into_owned();
            Err(RunError::Foreign { folder: folder.to_owned(), entry })
        }
    }
}

/// Whether a folder holds a run from before runs had identities.
fn is_from_before(folder: &RunFolder) -> Result<bool, FileError> {
    let checkpoints = folder.checkpoints();
    let entries = match storage::list(&checkpoints) {
        Ok(entries) => entries,
        Err(error) if is_absent(&error) => Vec::new(),
        Err(error) => return Err(FileError::on("list", &checkpoints)(error)),
    };
    Ok(!entries.is_empty() || folder.search_file().is_file())
}

/// Deletes what a run has written, but for its marker and its lock. Whatever else lies in its folders stays.
fn clear(folder: &RunFolder, marker: &Marker) -> Result<(), FileError> {
    for (part, marker) in parts(folder, marker.identity)? {
        clear(&part, &marker)?;
        atomic::remove_file(&part.path.join(MARKER))?;
        atomic::remove_file(&part.path.join(lock::FILE))?;
        remove_if_empty(&part.path)?;
        // The folder of an algorithm or of a proof holds the folders of its seeds.
        if let Some(around) = part.path.parent().filter(|around| *around != folder.path) {
            remove_if_empty(around)?;
        }
    }
    for own in folder.own_folders() {
        for file in entries(&own)?.iter().filter(|file| is_own(file)) {
            atomic::remove_file(file)?;
        }
        remove_if_empty(&own)?;
    }
    for file in folder.own_files() {
        atomic::remove_file(&file)?;
    }
    atomic::sweep(&folder.path)
}

/// Whether a file in one of the folders of a run has a name, or for evidence a beginning, that only a run writes.
fn is_own(file: &Path) -> bool {
    let is_evidence = || {
        let is_json = file.extension().is_some_and(|extension| extension == "json");
        let beginning = b"{\n  \"format\": ";
        is_json && storage::begins_with(file, beginning).is_ok_and(|begins| begins)
    };
    is_checkpoint(file) || is_segment(file) || is_events(file) || atomic::is_temporary(file) || is_evidence()
}

fn remove_if_empty(folder: &Path) -> Result<(), FileError> {
    match storage::remove_empty_folder(folder) {
        Err(error) if error.kind() != io::ErrorKind::DirectoryNotEmpty => {
            Err(FileError::on("delete the folder", folder)(error))
        }
        _ => Ok(()),
    }
}

fn entries(folder: &Path) -> Result<Vec<PathBuf>, FileError> {
    storage::list(folder).map_err(FileError::on("list", folder))
}

/// The runs that are part of a run.
fn parts(folder: &RunFolder, whole: Identity) -> Result<Vec<(RunFolder, Marker)>, FileError> {
    let mut found = Vec::new();
    for run in runs_below(folder)? {
        if let Some(marker) = Marker::of(&run.path)?.filter(|marker| marker.part_of == Some(whole)) {
            found.push((run, marker));
        }
    }
    Ok(found)
}

/// The runs in the folder of a run, at most two folders deep: as `seed-0` or `ppo/seed-0`.
pub fn runs_below(folder: &RunFolder) -> Result<Vec<RunFolder>, FileError> {
    let folders = |path: &Path| -> Result<Vec<RunFolder>, FileError> {
        let folders = entries(path)?.into_iter().filter(|entry| entry.is_dir() && !entry.is_symlink());
        Ok(folders.map(RunFolder::at).collect())
    };
    let mut found = Vec::new();
    for child in folders(&folder.path)? {
        if is_run(&child) {
            found.push(child);
        } else if !folder.own_folders().contains(&child.path) {
            found.extend(folders(&child.path)?.into_iter().filter(is_run));
        }
    }
    Ok(found)
}

/// Whether a folder holds a run, whatever the state of its files.
pub fn is_run(folder: &RunFolder) -> bool {
    folder.path.join(MARKER).exists() || Kind::by_files(folder).is_some()
}
