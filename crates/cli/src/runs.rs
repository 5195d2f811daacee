//! Where the runs of a project lie.

use std::path::{Path, PathBuf};

use clap::Args;
use setpoint_decision::Project;
use setpoint_files::FileError;
use setpoint_files::newest::{Found, newest};
use setpoint_files::run::Kind;

/// Name of the folder of all runs.
const NAME: &str = "runs";
/// Folders above a project that may have its runs: the one next to it, and that of a group of projects.
const ABOVE: usize = 2;

/// The folder of all runs.
#[derive(Args, Clone, Debug)]
pub struct Runs {
    /// Folder of all runs [default: runs; the runs of a project are also looked for next to it and in it]
    #[arg(long = "runs", value_name = "DIR")]
    given: Option<PathBuf>,
}

impl Runs {
    /// The folder in which a new run begins.
    pub fn to_write(&self) -> &Path {
        self.given.as_deref().unwrap_or(Path::new(NAME))
    }

    /// The newest run of a project. Its runs may lie where another folder was the current one: next to the project, or in it.
    /// The first folder that has a run counts, because numbers of runs in two folders have no order.
    pub fn newest(&self, project: &Project, kinds: &[Kind]) -> Result<Found, FileError> {
        let mut first = None;
        for folder in self.to_read(&project.folder) {
            let found = newest(&folder, &project.charter.name, Some(&project.folder), kinds)?;
            if found.newest.is_some() {
                return Ok(found);
            }
            first.get_or_insert(found);
        }
        Ok(first.unwrap_or_default())
    }

    /// The folders that are looked into, in words.
    pub fn looked_into(&self, project: &Project) -> String {
        let folders: Vec<String> =
            self.to_read(&project.folder).iter().map(|folder| folder.display().to_string()).collect();
        folders.join(", ")
    }

    fn to_read(&self, project: &Path) -> Vec<PathBuf> {
        let mut folders = vec![self.to_write().to_owned()];
        if self.given.is_some() {
            return folders;
        }
        let project = if project.as_os_str().is_empty() { Path::new(".") } else { project };
        // A project that is gone has no folder above it.
        let Ok(project) = project.canonicalize() else { return folders };
        let here = Path::new(NAME).canonicalize().ok();
        let others = project.ancestors().take(1 + ABOVE).map(|folder| folder.join(NAME));
        folders.extend(others.filter(|folder| folder.is_dir() && Some(folder) != here.as_ref()));
        folders
    }
}
