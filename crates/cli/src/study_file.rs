//! A search's trials in one SQLite file: each trial is stored as soon as it is judged.
//!
//! SQLite's `user_version` is the number of the format. Files from before format 1 have 0 there and the same tables.

use std::path::{Path, PathBuf};

use rusqlite::{Connection, OptionalExtension, params};
use setpoint_files::identity::Identity;
use setpoint_files::{FileError, atomic, storage};
use setpoint_learn::settings::difference;
use setpoint_study::tune::Trial;

use crate::output::Failure;

/// A stored trial: number, options, scores, reason of a failure.
type Row = (i64, String, String, Option<String>);

/// The open file.
pub struct StudyFile {
    path: PathBuf,
    connection: Connection,
}

/// A longer file is no search.
const BYTES_MAX: u64 = 1 << 30;
/// Number of the tables' layout.
const FORMAT: i64 = 1;
const SCHEMA: &str = "
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = FULL;
    CREATE TABLE IF NOT EXISTS study (id INTEGER PRIMARY KEY CHECK (id = 0), project TEXT NOT NULL) STRICT;
    CREATE TABLE IF NOT EXISTS trial (
        number INTEGER PRIMARY KEY,
        settings TEXT NOT NULL, -- JSON: option, value
        scores TEXT NOT NULL,   -- JSON: mean return at each share of the steps
        failed TEXT
    ) STRICT;";

impl StudyFile {
    /// Opens or creates the file of a search. `project` is the project's text; a search continues only with the settings that it
    /// began with; the intervals of checkpoints may differ.
    pub fn open(path: &Path, project: &str) -> Result<Self, Failure> {
        let unusable = |error: rusqlite::Error| {
            Failure::Message(format!(
                "cannot use {}: {error}; move the file away to begin a new search",
                path.display()
            ))
        };
        storage::foreign(path).map_err(FileError::on("open", path))?;
        let connection = Connection::open(path).map_err(unusable)?;
        let format: i64 =
            connection.pragma_query_value(None, "user_version", |row| row.get(0)).map_err(unusable)?;
        if format > FORMAT {
            return Err(Failure::Message(format!(
                "{} has format {format}; this Setpoint ({}) reads searches up to format {FORMAT}. Use a newer Setpoint",
                path.display(),
                env!("CARGO_PKG_VERSION")
            )));
        }
        connection.execute_batch(SCHEMA).map_err(unusable)?;
        connection.pragma_update(None, "user_version", FORMAT).map_err(unusable)?;
        let there: Option<String> = connection
            .query_row("SELECT project FROM study", [], |row| row.get(0))
            .optional()
            .map_err(unusable)?;
        match there {
            None => {
                connection
                    .execute("INSERT INTO study (id, project) VALUES (0, ?1)", params![project])
                    .map_err(unusable)?;
            }
            Some(other) => {
                if let Some(difference) = difference(&other, project, &|_| {}) {
                    return Err(Failure::Message(format!(
                        "{} belongs to a different project ({difference}); to begin a new search, leave --resume out",
                        path.display()
                    )));
                }
            }
        }
        Ok(Self { path: path.to_owned(), connection })
    }

    /// Checks the file of a search and describes it. A copy is opened: opening a file of SQLite writes next to it.
    pub fn check(path: &Path) -> Result<String, String> {
        let folder = std::env::temp_dir().join(format!("setpoint-verify-{}", Identity::random()));
        let result = Self::checked(path, &folder);
        let _ = atomic::remove_folder(&folder);
        result
    }

    fn checked(path: &Path, folder: &Path) -> Result<String, String> {
        let text = |error: &dyn std::error::Error| error.to_string();
        atomic::create_folder(folder).map_err(|error| text(&error))?;
        let copy = folder.join("study.sqlite");
        for end in ["", "-wal", "-journal"] {
            let beside = |path: &Path| PathBuf::from(format!("{}{end}", path.display()));
            let (from, to) = (beside(path), beside(&copy));
            if end.is_empty() || from.exists() {
                let bytes = storage::read(&from, BYTES_MAX).map_err(|error| text(&error))?;
                atomic::replace(&to, &bytes).map_err(|error| text(&error))?;
            }
        }
        let connection = Connection::open(&copy).map_err(|error| text(&error))?;
        let format: i64 = connection
            .pragma_query_value(None, "user_version", |row| row.get(0))
            .map_err(|error| text(&error))?;
        if format > FORMAT {
            return Err(format!("it has format {format}; a newer Setpoint reads it"));
        }
        // SQLite takes a missing end of the last page for zeros.
        let page: u32 = connection
            .pragma_query_value(None, "page_size", |row| row.get(0))
            .map_err(|error| text(&error))?;
        let length = std::fs::metadata(path).map_err(|error| text(&error))?.len();
        if !length.is_multiple_of(u64::from(page)) {
            return Err("its end is missing".to_owned());
        }
        let found: String = connection
            .query_row("PRAGMA integrity_check", [], |row| row.get(0))
            .map_err(|error| text(&error))?;
        if found != "ok" {
            return Err(format!("SQLite finds it damaged: {found}"));
        }
        let trials = Self { path: copy, connection }.trials().map_err(|failure| match failure {
            Failure::Message(message) => message,
            Failure::Input(diagnostic) => diagnostic.to_string(),
        })?;
        Ok(format!("whole; trials: {}", trials.len()))
    }

    /// Every trial that was judged, by number.
    pub fn trials(&self) -> Result<Vec<Trial>, Failure> {
        let read = || -> rusqlite::Result<Vec<Row>> {
            let mut query = self
                .connection
                .prepare("SELECT number, settings, scores, failed FROM trial ORDER BY number")?;
            let rows = query.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)))?;
            rows.collect()
        };
        let trial = |(number, settings, scores, failed): Row| {
            let broken = |error: serde_json::Error| {
                Failure::Message(format!("trial {number} cannot be read: {error}"))
            };
            Ok(Trial {
                index: number as usize,
                settings: serde_json::from_str(&settings).map_err(broken)?,
                scores: serde_json::from_str(&scores).map_err(broken)?,
                failed,
            })
        };
        read()
            .map_err(|error| Failure::Message(format!("the search cannot be read: {error}")))?
            .into_iter()
            .map(trial)
            .collect()
    }

    /// Stores the current state of a trial.
    pub fn keep(&self, trial: &Trial) -> Result<(), Failure> {
        storage::foreign(&self.path).map_err(FileError::on("write", &self.path))?;
        let json = |error: serde_json::Error| Failure::Message(error.to_string());
        let settings = serde_json::to_string(&trial.settings).map_err(json)?;
        let scores = serde_json::to_string(&trial.scores).map_err(json)?;
        self.connection
            .execute(
                "INSERT INTO trial (number, settings, scores, failed) VALUES (?1, ?2, ?3, ?4)
                 ON CONFLICT (number) DO UPDATE SET settings = ?2, scores = ?3, failed = ?4",
                params![trial.index as i64, settings, scores, trial.failed],
            )
            .map(drop)
            .map_err(|error| Failure::Message(format!("trial {} cannot be stored: {error}", trial.index)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn golden(format: i64) -> PathBuf {
        let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
        root.join(format!("tests/golden/study-v{format}.sqlite"))
    }

    /// The project and the trials of the golden files; the version before format 1 wrote the file of format 0.
    fn golden_project() -> String {
        std::fs::read_to_string(golden(0).with_file_name("study-project.toml")).unwrap()
    }

    #[test]
    fn searches_of_every_format_go_on() {
        let root = tempfile::tempdir().unwrap();
        for format in 0..=FORMAT {
            // The test opens a copy, because opening changes the file.
            let path = root.path().join(format!("{format}.sqlite"));
            std::fs::copy(golden(format), &path).unwrap();
            let file = StudyFile::open(&path, &golden_project()).unwrap_or_else(|_| panic!("{format}"));
            let trials = file.trials().ok().unwrap();
            let rate = ("learning_rate".to_owned(), toml::Value::Float(0.01029));
            let gamma = ("gamma".to_owned(), toml::Value::Float(0.95));
            let trial = |index, settings, scores| Trial { index, settings, scores, failed: None };
            let expected = [trial(0, Vec::new(), vec![9.43; 3]), trial(1, vec![rate, gamma], vec![9.43])];
            assert_eq!(trials, expected);
            drop(file);
            let connection = Connection::open(&path).unwrap();
            let now: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0)).unwrap();
            assert_eq!(now, FORMAT);
        }
    }

    /// The golden project is from before `checkpoint_every_seconds`.
    #[test]
    fn a_search_continues_with_another_interval_of_checkpoints() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("study.sqlite");
        let project = golden_project();
        drop(StudyFile::open(&path, &project).ok().unwrap());
        let intervals = "checkpoint_every_updates = 40\ncheckpoint_every_seconds = 7\n";
        let other = project.replace("checkpoint_every_updates = 1\n", intervals);
        assert!(other.contains(intervals));
        assert!(StudyFile::open(&path, &other).is_ok());
        let other = other.replace("total_steps = 1000", "total_steps = 1001");
        let Err(Failure::Message(refused)) = StudyFile::open(&path, &other) else {
            panic!("another project")
        };
        assert!(refused.contains("there `total_steps = 1000`, here `total_steps = 1001`"), "{refused}");
    }

    #[test]
    fn a_newer_format_is_refused_and_left_as_it_is() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("study.sqlite");
        drop(StudyFile::open(&path, "a").ok().unwrap());
        Connection::open(&path).unwrap().pragma_update(None, "user_version", FORMAT + 1).unwrap();
        let before = std::fs::read(&path).unwrap();
        let Err(Failure::Message(refused)) = StudyFile::open(&path, "a") else { panic!("a newer format") };
        assert!(refused.contains("format 2") && refused.contains("newer Setpoint"), "{refused}");
        assert!(!refused.contains("move the file away"), "{refused}");
        assert!(std::fs::read(&path).unwrap() == before);
    }

    #[test]
    fn a_check_describes_a_whole_file_and_changes_nothing() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("study.sqlite");
        std::fs::copy(golden(FORMAT), &path).unwrap();
        let whole = std::fs::read(&path).unwrap();
        assert_eq!(StudyFile::check(&path), Ok("whole; trials: 2".to_owned()));
        for length in [0, 1, 50, 100, whole.len() / 2, whole.len() - 1] {
            std::fs::write(&path, &whole[..length]).unwrap();
            assert!(StudyFile::check(&path).is_err(), "{length}");
            assert!(std::fs::read(&path).unwrap() == whole[..length]);
        }
        assert_eq!(std::fs::read_dir(root.path()).unwrap().count(), 1);
        // A search that runs has its last trials in the file next to it.
        let path = root.path().join("running.sqlite");
        let file = StudyFile::open(&path, "a").ok().unwrap();
        let trial = Trial { index: 0, settings: Vec::new(), scores: vec![1.5], failed: None };
        file.keep(&trial).ok().unwrap();
        assert_eq!(StudyFile::check(&path), Ok("whole; trials: 1".to_owned()));
    }

    #[test]
    fn trials_come_back_and_a_search_knows_its_project() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("study.sqlite");
        let mut trial = Trial {
            index: 7,
            settings: vec![
                ("rate".into(), toml::Value::Float(1.5e-3)),
                ("steps".into(), toml::Value::Integer(64)),
            ],
            scores: vec![-3.25],
            failed: None,
        };
        let first = StudyFile::open(&path, "a\nb").ok().unwrap();
        first.keep(&trial).ok().unwrap();
        trial.scores.push(2.0);
        first.keep(&trial).ok().unwrap();
        let again = StudyFile::open(&path, "a\nb").ok().unwrap();
        assert_eq!(again.trials().ok().unwrap(), [trial]);
        let Err(Failure::Message(other)) = StudyFile::open(&path, "a\nc") else { panic!("another project") };
        assert!(other.contains("there `b`, here `c`"), "{other}");
        let path = root.path().join("other.sqlite");
        std::fs::write(&path, "no database at all, but long enough to be taken for one").unwrap();
        let Err(Failure::Message(broken)) = StudyFile::open(&path, "a\nb") else { panic!("a broken file") };
        assert!(broken.contains("move the file away"), "{broken}");
    }
}
