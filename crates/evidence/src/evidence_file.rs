//! Evidence files: JSON that begins with its format, its own checksum, and the hashes of its policies, projects and data.
//!
//! `{"format": 2, "checksum": …, "hashes": {"policies": [{"name": …, "hash": …}], "projects": […], "data": […]}, …}`, then the
//! keys of the measurement itself. Every hash is BLAKE3, in hex: of a policy file's bytes, of a resolved project's text, of a log
//! file's bytes; the checksum is that of all bytes behind its own line. Format 1 has no checksum, and files from before it begin
//! with the measurement; they are read too. A newer format is refused.
//!
//! The types of the measurements ([`crate::evaluate::Evaluation`] and others) define the format: `docs/json.md` lists their
//! keys, and golden files in the tests of each crate contain them.

use std::path::Path;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use setpoint_files::{FileError, atomic, storage};
use setpoint_policy::Policy;
use setpoint_process::Factory;

use crate::decision::Decision;
use crate::finite;

/// Number of the layout that [`write()`] writes.
pub const FORMAT: u32 = 2;
/// A longer file is refused before it is read whole.
const BYTES_MAX: u64 = 1 << 28;

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
        storage::read_pieces(path, |piece| {
            hasher.update(piece);
        })?;
        Ok::<_, std::io::Error>(hasher.finalize().to_hex().to_string())
    };
    hash().map_err(FileError::on("read", path))
}

#[derive(Serialize)]
struct Stored<'a, T> {
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
    let stored = Stored { hashes, measured };
    let text = serde_json::to_string_pretty(&stored).expect("a measurement is a struct with text keys");
    // The checksum is over what follows its line, as it is stored.
    let rest = text.strip_prefix("{\n").unwrap_or(&text);
    beginning(rest) + rest
}

/// The first lines of a file of format 2.
fn beginning(rest: &str) -> String {
    let checksum = blake3::hash(rest.as_bytes()).to_hex();
    format!("{{\n  \"format\": {FORMAT},\n  \"checksum\": \"{checksum}\",\n")
}

/// Whether a file with a checksum begins as what follows demands.
fn is_whole(text: &str) -> bool {
    text.split_once("\",\n").is_some_and(|(_, rest)| text.strip_suffix(rest) == Some(&beginning(rest)))
}

/// Writes a measurement, and creates its folder if needed. A number that is not finite is an error that names its field.
pub fn write(path: &Path, hashes: &Hashes, measured: &impl Serialize) -> Result<(), FileError> {
    finite::check(measured).map_err(|found| FileError::on("write", path)(std::io::Error::other(found)))?;
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        atomic::create_folder(folder)?;
    }
    atomic::replace(path, text(hashes, measured).as_bytes())
}

/// Reads a measurement; `None` if there is no file.
pub fn read<T: DeserializeOwned>(path: &Path) -> Result<Option<T>, FileError> {
    if !path.is_file() {
        return Ok(None);
    }
    let text = storage::read_text(path, BYTES_MAX).map_err(FileError::on("read", path))?;
    let refuse = |reason: String| FileError::on("read", path)(std::io::Error::other(reason));
    let Beginning { format } = serde_json::from_str(&text).map_err(|error| refuse(error.to_string()))?;
    if let Some(format) = format.filter(|format| *format > u64::from(FORMAT)) {
        return Err(refuse(format!(
            "it has format {format}; this Setpoint ({}) reads evidence up to format {FORMAT}. Use a newer Setpoint",
            env!("CARGO_PKG_VERSION")
        )));
    }
    let has_checksum = format.is_some_and(|format| format >= 2) || text.contains("\n  \"checksum\": \"");
    if has_checksum && !is_whole(&text) {
        return Err(refuse(
            "its checksum does not match its content: it was changed or damaged. Measure again".into(),
        ));
    }
    serde_json::from_str(&text).map(Some).map_err(|error| refuse(error.to_string()))
}

/// The hashes of a file; `None` if there is no file, or if it is from before format 1.
pub fn hashes(path: &Path) -> Result<Option<Hashes>, FileError> {
    #[derive(Deserialize)]
    struct Sources {
        hashes: Option<Hashes>,
    }
    Ok(read::<Sources>(path)?.and_then(|sources| sources.hashes))
}

/// Whether a file may be replaced by evidence: nothing is there, or evidence that Setpoint wrote.
pub fn may_be_replaced(path: &Path) -> Result<bool, FileError> {
    #[derive(Deserialize)]
    #[expect(dead_code, reason = "their presence tells")]
    struct Evidence {
        format: u64,
        hashes: Hashes,
    }
    match std::fs::symlink_metadata(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(true),
        Err(error) => return Err(FileError::on("read", path)(error)),
        // A link or a device is nobody's evidence.
        Ok(found) if !found.is_file() || found.len() > BYTES_MAX => return Ok(false),
        Ok(_) => {}
    }
    let bytes = storage::read(path, BYTES_MAX).map_err(FileError::on("read", path))?;
    Ok(serde_json::from_slice::<Evidence>(&bytes).is_ok())
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
            "\"hashes\":{{\"policies\":[],\"projects\":[{{\"name\":\"line\",\"hash\":\"{abc}\"}}],\
             \"data\":[{{\"name\":\"line.csv\",\"hash\":\"{abc}\"}}]}},\"project\":"
        );
        assert!(text.starts_with("{\n  \"format\": 2,\n  \"checksum\": \""), "{text}");
        assert!(compact.contains(&beginning), "{text}");
        assert_eq!(read(&path).unwrap(), Some(measured()));
        assert_eq!(read::<Measured>(&root.path().join("none.json")).unwrap(), None);
    }

    /// Any changed byte is found, and a file of others is never taken for evidence that may be replaced.
    #[test]
    fn a_changed_file_is_refused_and_a_foreign_one_is_not_replaced() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("x.json");
        assert!(may_be_replaced(&path).unwrap());
        write(&path, &Hashes::default(), &measured()).unwrap();
        assert!(may_be_replaced(&path).unwrap());
        let whole = std::fs::read(&path).unwrap();
        for place in (0..whole.len()).filter(|place| whole[*place].is_ascii_alphanumeric()) {
            let mut changed = whole.clone();
            changed[place] = if changed[place] == b'7' { b'8' } else { b'7' };
            std::fs::write(&path, &changed).unwrap();
            assert!(read::<Measured>(&path).is_err(), "{}", String::from_utf8_lossy(&changed));
        }
        for foreign in ["", "wip,throughput\n3,4\n", "[decision]\nname = \"line\"\n", "{\"format\": 2}"] {
            std::fs::write(&path, foreign).unwrap();
            assert!(!may_be_replaced(&path).unwrap(), "{foreign}");
        }
        assert!(!may_be_replaced(root.path()).unwrap());
    }

    #[test]
    fn an_older_file_is_read_and_a_newer_one_refused() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("x.json");
        std::fs::write(&path, serde_json::to_string(&measured()).unwrap()).unwrap();
        assert_eq!(read(&path).unwrap(), Some(measured()));
        std::fs::write(&path, "{\"format\": 3, \"measured\": []}").unwrap();
        let refused = read::<Measured>(&path).unwrap_err().to_string();
        assert!(refused.contains("x.json") && refused.contains("format 3"), "{refused}");
        assert!(refused.contains("newer Setpoint"), "{refused}");
    }
}
