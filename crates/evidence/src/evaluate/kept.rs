//! Where an evaluation is kept: the strongest one of the run's own project is the run's evidence, the others stand next to it.

use std::path::{Path, PathBuf};

use setpoint_files::FileError;
use setpoint_files::run_folder::RunFolder;

use super::Evaluation;
use crate::evidence_file::{self, Hashes};

/// Name of the evidence that reports quote.
const QUOTED: &str = "evaluation";
/// Longest part of a file's name that tells what was changed.
const CHANGED_MAX: usize = 60;

/// A kept evaluation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// Its file.
    pub path: PathBuf,
    /// What reports quote instead of it, in words; `None` if they quote it.
    pub instead: Option<String>,
}

/// Stores an evaluation in a run. `changed` are the overrides of keys of the project, but for the number of episodes.
///
/// It becomes the run's evidence, unless it is weaker: it rests on fewer episodes than the evidence of the same policy, or on a
/// project with other keys. Then it has a file of its own: `evaluation-50-episodes.json`, `evaluation-disturbed-false.json`.
pub fn keep(
    evaluation: &Evaluation,
    hashes: &Hashes,
    folder: &RunFolder,
    changed: &[String],
) -> Result<Kept, FileError> {
    let path = folder.evidence(QUOTED);
    let episodes = episodes(evaluation);
    let own = own_evidence(&path, hashes);
    let stronger = own.as_ref().map(self::episodes).filter(|own| *own > episodes);
    let instead = match (changed, stronger) {
        ([], None) => None,
        ([], Some(own)) => {
            Some((format!("{episodes}-episodes"), format!("the evaluation over {own} episodes")))
        }
        _ => {
            let words = match own {
                Some(_) => "the evaluation of the run's own project",
                None => "no evaluation: the run's own project was not evaluated yet",
            };
            Some((slug(changed), words.to_owned()))
        }
    };
    let (path, instead) = match instead {
        None => (path, None),
        Some((name, words)) => (folder.evidence(&format!("{QUOTED}-{name}")), Some(words)),
    };
    evidence_file::write(&path, hashes, evaluation)?;
    Ok(Kept { path, instead })
}

fn episodes(evaluation: &Evaluation) -> u64 {
    evaluation.episodes_per_seed * evaluation.seeds.len() as u64
}

/// The run's evidence, if it was measured on the same policy. A file that cannot be read is no evidence, and is replaced.
fn own_evidence(path: &Path, hashes: &Hashes) -> Option<Evaluation> {
    let found = evidence_file::hashes(path).ok().flatten()?;
    if found.policies == hashes.policies { evidence_file::read(path).ok().flatten() } else { None }
}

/// `evaluate.disturbed=false` as `disturbed-false`, for the name of a file.
fn slug(changed: &[String]) -> String {
    let mut text = String::new();
    for part in changed.iter().map(|part| part.strip_prefix("evaluate.").unwrap_or(part)) {
        for letter in part.chars().map(|letter| if letter.is_ascii_alphanumeric() { letter } else { '-' }) {
            // No two dashes in a row, and none at the beginning.
            if letter != '-' || !(text.is_empty() || text.ends_with('-')) {
                text.push(letter.to_ascii_lowercase());
            }
        }
        text.push('-');
    }
    let whole = text.trim_end_matches('-');
    match whole.get(..CHANGED_MAX) {
        Some(beginning) if whole.len() > CHANGED_MAX => {
            // Two long changes with one beginning stay apart.
            let hash = blake3::hash(whole.as_bytes()).to_hex();
            format!("{beginning}-{}", &hash[..8])
        }
        _ => whole.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_names_its_file() {
        let of = |changed: &[&str]| slug(&changed.iter().map(|part| (*part).to_owned()).collect::<Vec<_>>());
        assert_eq!(of(&["evaluate.disturbed=false"]), "disturbed-false");
        assert_eq!(of(&["process.max_steps=20", "evaluate.seed=9"]), "process-max-steps-20-seed-9");
        assert_eq!(of(&["../../x=\"/etc\""]), "x-etc");
        let (long, longer) = (of(&[&"a".repeat(90)]), of(&[&"a".repeat(91)]));
        assert!(long.len() == 69 && longer.len() == 69 && long != longer);
    }
}
