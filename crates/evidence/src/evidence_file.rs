//! Evidence files: JSON that begins with its format and with the hashes of its policies, projects and data.
//!
//! `{"format": 1, "hashes": {"policies": [{"name": …, "hash": …}], "projects": […], "data": […]}, …}`, then the keys of the
//! measurement itself. Every hash is BLAKE3, in hex: of a policy file's bytes, of a resolved project's text, of a log file's
//! bytes. Files from before format 1 begin with the measurement; they are read too. A newer format is refused.
//!
//! The types of the measurements ([`crate::evaluate::Evaluation`] and others) define the format: `docs/json.md` lists their
//! keys, and golden files in the tests of each crate contain them.

use std::fs::File;
use std::path::Path;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use setpoint_decision::bounded_read;
use setpoint_files::{FileError, atomic};
use setpoint_policy::Policy;
use setpoint_process::Factory;

use crate::decision::Decision;

/// Number of the layout that [`write()`] writes.
pub const FORMAT: u32 = 1;

/// The sources of a measurement.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hashes {
    /// Policies, each by the hash of its file.
    pub policies: Vec<Named>,
    /// Projects, each by the hash of its resolved text.
    pub projects: Vec<Named>,
    /// Logs and other files of the figures, each by the hash of its bytes.
    pub data: Vec<Named>,
}

/// A hash with the name of its owner.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Named {
    /// Name of the policy or project; the file name of data.
    pub name: String,
    /// BLAKE3, in hex.
    pub hash: String,
}

impl Hashes {
    /// Of a decision: its project by the resolved text, under the charter's name, and the files of its process.
    pub fn of(decision: &Decision, resolved: &str) -> Result<Self, FileError> {
        Self::default().project(&decision.project.charter.name, resolved).files_of(&*decision.factory)
    }

    /// Adds a policy.
    pub fn policy(mut self, name: &str, policy: &Policy) -> Self {
        self.policies.push(Named { name: name.to_owned(), hash: policy.hash() });
        self
    }

    /// Adds a policy by its file.
    pub fn policy_file(mut self, name: &str, path: &Path) -> Result<Self, FileError> {
        self.policies.push(Named { name: name.to_owned(), hash: of_file(path)? });
        Ok(self)
    }

    /// Adds a project by its resolved text. [`Hashes::files_of`] adds the files of its process.
    pub fn project(mut self, name: &str, resolved: &str) -> Self {
        let hash = blake3::hash(resolved.as_bytes()).to_hex().to_string();
        self.projects.push(Named { name: name.to_owned(), hash });
        self
    }

    /// Adds the files that a process was made from.
    pub fn files_of(self, process: &dyn Factory) -> Result<Self, FileError> {
        process.files().iter().try_fold(self, |hashes, file| hashes.data(file))
    }

    /// Adds a log, or another file of data; the same file is added once.
    pub fn data(mut self, path: &Path) -> Result<Self, FileError> {
        let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
        let named = Named { name, hash: of_file(path)? };
        if !self.data.contains(&named) {
            self.data.push(named);
        }
        Ok(self)
    }
}

fn of_file(path: &Path) -> Result<String, FileError> {
    let hash = || {
        let mut hasher = blake3::Hasher::new();
        hasher.update_reader(File::open(path)?)?;
        Ok(hasher.finalize().to_hex().to_string())
    };
    hash().map_err(FileError::on("read", path))
}

#[derive(Serialize)]
struct Stored<'a, T> {
    format: u32,
    hashes: &'a Hashes,
    #[serde(flatten)]
    measured: &'a T,
}

/// The beginning of a file; older files have none.
#[derive(Deserialize)]
struct Beginning {
    format: Option<u64>,
}

/// A measurement as it is stored.
pub fn text(hashes: &Hashes, measured: &impl Serialize) -> String {
    let stored = Stored { format: FORMAT, hashes, measured };
    serde_json::to_string_pretty(&stored).expect("a measurement is a struct with text keys")
}

/// Writes a measurement, and creates its folder if needed.
pub fn write(path: &Path, hashes: &Hashes, measured: &impl Serialize) -> Result<(), FileError> {
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        atomic::create_folder(folder)?;
    }
    atomic::replace(path, text(hashes, measured).as_bytes())
}

/// Greatest size of a measurement, in bytes.
const BYTES_MAX: u64 = 1 << 28;

/// Reads a measurement; `None` if there is no file.
pub fn read<T: DeserializeOwned>(path: &Path) -> Result<Option<T>, FileError> {
    if !path.is_file() {
        return Ok(None);
    }
    let text = bounded_read::read_text(path, BYTES_MAX).map_err(FileError::on("read", path))?;
    let refuse = |reason: String| FileError::on("read", path)(std::io::Error::other(reason));
    let Beginning { format } = serde_json::from_str(&text).map_err(|error| refuse(error.to_string()))?;
    if let Some(format) = format.filter(|format| *format > u64::from(FORMAT)) {
        return Err(refuse(format!(
            "it has format {format}; this Setpoint ({}) reads evidence up to format {FORMAT}. Use a newer Setpoint",
            env!("CARGO_PKG_VERSION")
        )));
    }
    serde_json::from_str(&text).map(Some).map_err(|error| refuse(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Measured {
        project: String,
        mean: f64,
    }

    fn measured() -> Measured {
        Measured { project: "line \u{1}\"\u{202e}".into(), mean: 0.192_371_686_846_861_62 }
    }

    #[test]
    fn a_file_begins_with_format_and_hashes_and_gives_every_number_back() {
        let root = tempfile::tempdir().unwrap();
        let log = root.path().join("line.csv");
        std::fs::write(&log, "abc").unwrap();
        let hashes = Hashes::default().project("line", "abc").data(&log).unwrap();
        assert_eq!(hashes.clone().data(&log).unwrap(), hashes, "a file is named once");
        let path = root.path().join("evidence/x.json");
        write(&path, &hashes, &measured()).unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        let compact: String = text.split_whitespace().collect();
        // BLAKE3 of "abc", from the reference implementation.
        let abc = "6437b3ac38465133ffb63b75273a8db548c558465d79db03fd359c6cd5bd9d85";
        let beginning = format!(
            "{{\"format\":1,\"hashes\":{{\"policies\":[],\"projects\":[{{\"name\":\"line\",\"hash\":\"{abc}\"}}],\
             \"data\":[{{\"name\":\"line.csv\",\"hash\":\"{abc}\"}}]}},\"project\":"
        );
        assert!(compact.starts_with(&beginning), "{text}");
        assert_eq!(read(&path).unwrap(), Some(measured()));
        assert_eq!(read::<Measured>(&root.path().join("none.json")).unwrap(), None);
    }

    #[test]
    fn an_older_file_is_read_and_a_newer_one_refused() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("x.json");
        std::fs::write(&path, serde_json::to_string(&measured()).unwrap()).unwrap();
        assert_eq!(read(&path).unwrap(), Some(measured()));
        std::fs::write(&path, "{\"format\": 2, \"measured\": []}").unwrap();
        let refused = read::<Measured>(&path).unwrap_err().to_string();
        assert!(refused.contains("x.json") && refused.contains("format 2"), "{refused}");
        assert!(refused.contains("newer Setpoint"), "{refused}");
    }
}
