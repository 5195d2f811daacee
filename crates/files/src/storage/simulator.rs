//! A disk that fails (SQLite's way): the N-th operation on files fails, or the process ends at it and writes that were not
//! synced are lost at random.
//!
//! Only tests link it (`--features simulator`). The environment variable `SETPOINT_STORAGE_SIMULATOR` arms it:
//!
//! * `count=FILE` – writes the number of operations so far into FILE
//! * `fail=N,error=eio|enospc|erofs|short,root=FOLDER` – operation N fails; with `lasting=1` all later ones too
//! * `kill=N,seed=S,root=FOLDER` – the process ends at operation N, with exit status [`KILLED`]
//!
//! Only operations below `root` count, and with `only=TEXT` only those whose path contains TEXT. What was not synced at a kill is kept, dropped or torn: the content of each file, and the
//! last entries of each folder. A rename keeps the content that its file had.

use std::collections::HashMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock};

use super::Operation;

/// The variable that arms the simulator.
pub const VARIABLE: &str = "SETPOINT_STORAGE_SIMULATOR";
/// Exit status of a process that the simulator has ended.
pub const KILLED: i32 = 137;

/// A change of a folder's entries that was not synced.
enum Entry {
    Created(PathBuf),
    Renamed { from: PathBuf, to: PathBuf, replaced: Option<Vec<u8>> },
    Removed { path: PathBuf, content: Vec<u8> },
    FolderCreated(PathBuf),
    FolderRemoved(PathBuf),
}

#[derive(Default)]
struct State {
    root: PathBuf,
    only: String,
    count: u64,
    count_file: Option<PathBuf>,
    fail_at: Option<u64>,
    lasting: bool,
    error: String,
    kill_at: Option<u64>,
    random: u64,
    /// The content of files at their last sync, for files that were written since.
    unsynced: HashMap<PathBuf, Vec<u8>>,
    entries: HashMap<PathBuf, Vec<Entry>>,
}

fn state() -> Option<&'static Mutex<State>> {
    static STATE: OnceLock<Option<Mutex<State>>> = OnceLock::new();
    STATE.get_or_init(|| std::env::var(VARIABLE).ok().map(|text| Mutex::new(State::read(&text)))).as_ref()
}

/// Runs an operation, unless the simulator fails it or ends the process at it.
pub(crate) fn gate<T>(operation: Operation<'_>, run: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
    let Some(state) = state() else { return run() };
    let mut state = state.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    let path = whole(operation.path());
    if !path.starts_with(&state.root) || !path.to_string_lossy().contains(&state.only) {
        return run();
    }
    state.count += 1;
    let count = state.count;
    if let Some(file) = &state.count_file {
        fs::write(file, count.to_string()).expect("the count can be written");
    }
    if state.kill_at == Some(count) {
        state.lose_what_was_not_synced();
        std::process::exit(KILLED);
    }
    if state.fail_at.is_some_and(|at| count == at || (state.lasting && count > at)) {
        return Err(state.failure(&operation));
    }
    state.before(&operation);
    let result = run();
    if result.is_ok() {
        state.after(&operation);
    }
    result
}

fn whole(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}

impl Operation<'_> {
    fn path(&self) -> &Path {
        match self {
            Self::Read(path)
            | Self::Create(path)
            | Self::Open(path)
            | Self::Write(path, _)
            | Self::Cut(path)
            | Self::SyncFile(path)
            | Self::SyncFolder(path)
            | Self::Rename(path, _)
            | Self::Remove(path)
            | Self::CreateFolder(path)
            | Self::RemoveFolder(path)
            | Self::Foreign(path) => path,
        }
    }
}

impl State {
    fn read(text: &str) -> Self {
        let mut state = Self::default();
        for pair in text.split(',') {
            let (key, value) = pair.split_once('=').expect("KEY=VALUE");
            let number = || value.parse().expect("a number");
            match key {
                "count" => state.count_file = Some(value.into()),
                "fail" => state.fail_at = Some(number()),
                "lasting" => state.lasting = number() == 1,
                "error" => value.clone_into(&mut state.error),
                "kill" => state.kill_at = Some(number()),
                "seed" => state.random = number(),
                "only" => value.clone_into(&mut state.only),
                "root" => state.root = value.into(),
                _ => panic!("the simulator does not know `{key}`"),
            }
        }
        state
    }

    /// SplitMix64.
    fn draw(&mut self, below: usize) -> usize {
        self.random = self.random.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut word = self.random;
        word = (word ^ (word >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((word ^ (word >> 31)) % below.max(1) as u64) as usize
    }

    fn failure(&mut self, operation: &Operation<'_>) -> io::Error {
        const EIO: i32 = 5;
        const ENOSPC: i32 = 28;
        const EROFS: i32 = 30;
        if let (Operation::Write(path, bytes), "short") = (operation, self.error.as_str()) {
            // The disk takes a part and is full then.
            self.before(operation);
            let part = self.draw(bytes.len());
            let appended = fs::OpenOptions::new().append(true).open(path);
            let _ = appended.and_then(|mut file| io::Write::write_all(&mut file, &bytes[..part]));
        }
        let code = match (self.error.as_str(), operation) {
            (_, Operation::Read(_)) => EIO,
            ("enospc" | "short", _) => ENOSPC,
            ("erofs", _) => EROFS,
            _ => EIO,
        };
        io::Error::from_raw_os_error(code)
    }

    /// Remembers what a kill would bring back.
    fn before(&mut self, operation: &Operation<'_>) {
        let content = |path: &Path| fs::read(path).unwrap_or_default();
        match operation {
            Operation::Write(path, _) | Operation::Cut(path) => {
                let path = whole(path);
                self.unsynced.entry(path.clone()).or_insert_with(|| content(&path));
            }
            Operation::Rename(from, to) => {
                let (from, to) = (whole(from), whole(to));
                let replaced = to.is_file().then(|| content(&to));
                self.entry(&to.clone(), Entry::Renamed { from, to, replaced });
            }
            Operation::Remove(path) if path.exists() => {
                let path = whole(path);
                self.entry(&path.clone(), Entry::Removed { content: content(&path), path });
            }
            _ => {}
        }
    }

    fn entry(&mut self, path: &Path, entry: Entry) {
        let folder = path.parent().unwrap_or(path).to_owned();
        self.entries.entry(folder).or_default().push(entry);
    }

    fn after(&mut self, operation: &Operation<'_>) {
        match operation {
            Operation::Create(path) => {
                let path = whole(path);
                self.unsynced.insert(path.clone(), Vec::new());
                self.entry(&path.clone(), Entry::Created(path));
            }
            Operation::CreateFolder(path) => {
                let path = whole(path);
                self.entry(&path.clone(), Entry::FolderCreated(path));
            }
            Operation::RemoveFolder(path) => {
                let path = whole(path);
                self.entries.remove(&path);
                self.entry(&path.clone(), Entry::FolderRemoved(path));
            }
            Operation::Rename(from, to) => {
                if let Some(content) = self.unsynced.remove(&whole(from)) {
                    self.unsynced.insert(whole(to), content);
                }
            }
            Operation::Remove(path) => drop(self.unsynced.remove(&whole(path))),
            Operation::SyncFile(path) => drop(self.unsynced.remove(&whole(path))),
            Operation::SyncFolder(path) => drop(self.entries.remove(&whole(path))),
            _ => {}
        }
    }

    fn lose_what_was_not_synced(&mut self) {
        let mut unsynced: Vec<(PathBuf, Vec<u8>)> = self.unsynced.drain().collect();
        unsynced.sort();
        for (path, synced) in unsynced {
            let Ok(present) = fs::read(&path) else { continue };
            let content = match self.draw(3) {
                0 => present,
                1 => synced,
                // Torn: a part of what was appended has arrived.
                _ if present.starts_with(&synced) => {
                    present[..synced.len() + self.draw(present.len() - synced.len() + 1)].to_vec()
                }
                _ => synced,
            };
            fs::write(&path, content).expect("the simulator can write");
        }
        let mut folders: Vec<PathBuf> = self.entries.keys().cloned().collect();
        // Deep folders first: their parents may take them away.
        folders.sort_by_key(|folder| std::cmp::Reverse(folder.components().count()));
        for folder in folders {
            let mut entries = self.entries.remove(&folder).unwrap_or_default();
            let kept = self.draw(entries.len() + 1);
            for entry in entries.drain(kept..).rev() {
                entry.undo();
            }
        }
    }
}

impl Entry {
    fn undo(self) {
        // What is not there any more needs no undoing.
        let _ = match self {
            Self::Created(path) => fs::remove_file(path),
            Self::FolderCreated(path) => fs::remove_dir_all(path),
            Self::FolderRemoved(path) => fs::create_dir(path),
            Self::Removed { path, content } => fs::write(path, content),
            Self::Renamed { from, to, replaced } => fs::rename(&to, &from).and_then(|()| match replaced {
                Some(content) => fs::write(&to, content),
                None => Ok(()),
            }),
        };
    }
}
