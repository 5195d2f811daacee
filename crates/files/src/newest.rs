//! The newest run of a project: by the numbers of the runs, never by a clock, and never a run of another project of that name.

use std::path::{Path, PathBuf};

use crate::run::{Kind, Marker};
use crate::run_folder::RunFolder;
use crate::{FileError, storage};

/// What was found of a project below the folder of all runs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// The newest run of one of the kinds.
    pub newest: Option<(RunFolder, Option<Marker>)>,
    /// The project folder of a run that has the same name and belongs to another project.
    pub of_another: Option<PathBuf>,
    /// The newest run of another kind.
    pub of_another_kind: Option<(RunFolder, Kind)>,
}

/// Looks for the newest run of a project: of the project in `project_folder`, named `name`, of one of `kinds`.
///
/// A run belongs to the project whose folder its marker names. If nothing is there any more (the project was moved or deleted)
/// the name decides, and so it does for runs from before markers.
pub fn newest(
    root: &Path,
    name: &str,
    project_folder: Option<&Path>,
    kinds: &[Kind],
) -> Result<Found, FileError> {
    let folder = RunFolder::all_of(root, name);
    let mut found = Found::default();
    let mut best: Option<(u64, PathBuf)> = None;
    let mut best_other: Option<(u64, PathBuf)> = None;
    for path in storage::list(&folder).map_err(FileError::on("list", &folder))? {
        let Some(candidate) = Candidate::of(&path)? else { continue };
        if let Some(other) = candidate.other_project(&path, project_folder) {
            found.of_another = Some(other);
            continue;
        }
        let rank = Some((candidate.marker.as_ref().map_or(0, |marker| marker.number), path.clone()));
        if kinds.contains(&candidate.kind) {
            if rank > best {
                best = rank;
                found.newest = Some((RunFolder::at(path), candidate.marker));
            }
        } else if rank > best_other {
            best_other = rank;
            found.of_another_kind = Some((RunFolder::at(path), candidate.kind));
        }
    }
    // An older run of another kind is no news.
    if best.is_some() && best > best_other {
        found.of_another_kind = None;
    }
    Ok(found)
}

struct Candidate {
    kind: Kind,
    marker: Option<Marker>,
}

impl Candidate {
    fn of(path: &Path) -> Result<Option<Self>, FileError> {
        if let Some(marker) = Marker::of(path)? {
            return Ok(Some(Self { kind: marker.kind, marker: Some(marker) }));
        }
        Ok(Kind::by_files(&RunFolder::at(path)).map(|kind| Self { kind, marker: None }))
    }

    /// The folder of its project, if that is there and is another one.
    fn other_project(&self, path: &Path, project_folder: Option<&Path>) -> Option<PathBuf> {
        let recorded = self.marker.as_ref()?.project.folder.as_ref()?;
        let recorded = path.join(recorded).canonicalize().ok()?;
        let wanted = match project_folder {
            Some(folder) if folder.as_os_str().is_empty() => Path::new("."),
            Some(folder) => folder,
            None => return None,
        };
        let wanted = wanted.canonicalize().ok()?;
        (recorded != wanted).then_some(recorded)
    }
}
