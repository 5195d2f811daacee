//! Where the file of a learned process may be: below the project's folder. A project from elsewhere writes no other file.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use setpoint_files::run::is_run;
use setpoint_files::run_folder::RunFolder;

/// Whether the model's file may be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// It lies below the project's folder.
    Below,
    /// It lies elsewhere, and the project is the resolved project of a run, which names the file of its own project. The file is
    /// read and never written.
    OfRun,
    /// A program of the user names it, wherever it lies.
    Named,
    /// It lies elsewhere.
    Elsewhere,
}

impl Place {
    /// The place of a model's file, an absolute path, in a project with this folder. Links are followed.
    pub fn of(model: &Path, folder: &Path) -> Self {
        let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
        let is_below = match (folder.canonicalize(), destination(model)) {
            (Ok(folder), Some(model)) => model.starts_with(folder),
            _ => false,
        };
        if is_below {
            Self::Below
        } else if is_run(&RunFolder::at(folder)) {
            Self::OfRun
        } else {
            Self::Elsewhere
        }
    }
}

/// The path without links and `..`; `None` if a link leads to nothing, or a `..` follows a name that is not there.
fn destination(path: &Path) -> Option<PathBuf> {
    match std::fs::symlink_metadata(path) {
        Ok(_) => path.canonicalize().ok(),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            Some(destination(path.parent()?)?.join(path.file_name()?))
        }
        Err(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_paths_below_the_folder_may_be_written() {
        let root = tempfile::tempdir().unwrap();
        let (folder, other) = (root.path().join("line"), root.path().join("other"));
        std::fs::create_dir_all(folder.join("models")).unwrap();
        std::fs::create_dir(&other).unwrap();
        let place = |name: &str| Place::of(&folder.join(name), &folder);
        for name in ["m", "models/m", "new/models/m", "models/../m", "../line/m"] {
            assert_eq!(place(name), Place::Below, "{name}");
        }
        for name in ["..", "../m", "../line-2/m", "models/../../m", "new/../m", "new/../../../m", "/m"] {
            assert_eq!(place(name), Place::Elsewhere, "{name}");
        }
        #[cfg(unix)]
        {
            let link = |to: &Path, name: &str| std::os::unix::fs::symlink(to, folder.join(name)).unwrap();
            link(&other, "out");
            link(&other.join("nothing"), "dangling");
            link(&folder.join("models"), "in");
            assert_eq!(place("in/m"), Place::Below);
            for name in ["out/m", "out", "dangling", "dangling/m"] {
                assert_eq!(place(name), Place::Elsewhere, "{name}");
            }
        }
        std::fs::create_dir(folder.join("checkpoints")).unwrap();
        assert_eq!((place("m"), place("../m")), (Place::Below, Place::OfRun));
    }
}
