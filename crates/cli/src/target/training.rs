//! The training that a command reads: a run of one seed, or one seed of a run over several.

use serde::Serialize;
use setpoint_decision::Project;
use setpoint_files::run::{Kind, Marker};
use setpoint_files::run_folder::RunFolder;
use setpoint_files::{FileError, storage};
use setpoint_learn::run_project;
use setpoint_study::seeds::{Seeds, Stored};

use crate::arguments::RunArguments;
use crate::output::{Failure, Output};
use crate::target::run_folder;

/// One training.
pub struct Training {
    /// Its folder.
    pub folder: RunFolder,
    /// Which one it is, in a run over several seeds.
    pub seed: Option<Chosen>,
}

/// A seed of a run over several.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Chosen {
    /// The seed.
    pub seed: u64,
    /// Whether it is the median of all by the figure of the headline; false if it was asked for.
    pub is_median: bool,
    /// All seeds of the run.
    pub of: Vec<u64>,
}

/// The training that the arguments name. Of a run over several seeds it is the one that `--seed` names, or the median.
pub fn training(arguments: &RunArguments, output: &Output) -> Result<Training, Failure> {
    training_of(run_folder(arguments)?, arguments.seed, output)
}

/// The training in a run.
pub fn training_of(run: RunFolder, seed: Option<u64>, output: &Output) -> Result<Training, Failure> {
    let of = match (seeds_of(&run)?, seed) {
        (Some(of), _) => of,
        (None, None) => return Ok(Training { folder: run, seed: None }),
        (None, Some(_)) => {
            return Err(Failure::Message(format!(
                "{} is one training: --seed chooses among the trainings of a run over several seeds",
                run.path.display()
            )));
        }
    };
    let listed = of.iter().map(u64::to_string).collect::<Vec<_>>().join(", ");
    let chosen = match seed {
        Some(seed) if of.contains(&seed) => Chosen { seed, is_median: false, of },
        Some(seed) => {
            return Err(Failure::Message(format!(
                "{} has no seed {seed}; it has {listed}",
                run.path.display()
            )));
        }
        None => Chosen { seed: median(&run, &listed)?, is_median: true, of },
    };
    let why = if chosen.is_median { "the median; --seed N takes another" } else { "as asked" };
    output.line(format!("seed {} of {listed} in {}: {why}", chosen.seed, run.path.display()));
    Ok(Training { folder: run.of_seed(chosen.seed), seed: Some(chosen) })
}

/// The seed in the middle. Without evidence over all seeds nobody knows which one that is.
fn median(run: &RunFolder, listed: &str) -> Result<u64, Failure> {
    let why = match Seeds::load(run)? {
        Stored::Own(seeds) => {
            let headline = Project::from_text("run", &run_project::text(run)?, &[])?.evaluate.headline;
            return Ok(seeds.median(&headline).seed);
        }
        Stored::Absent => "its seeds are not all trained and evaluated yet",
        Stored::OfOtherPolicies => "the figures over its seeds belong to other policies",
    };
    Err(Failure::Message(format!(
        "{} is a training over several seeds, and {why}, so none of them is the median: name one with --seed ({listed})",
        run.path.display()
    )))
}

/// The seeds of a run, in order, if it is a training over several.
pub fn seeds_of(folder: &RunFolder) -> Result<Option<Vec<u64>>, Failure> {
    let is_of_seeds = match Marker::of(&folder.path)? {
        Some(marker) => marker.kind == Kind::Seeds,
        None => folder.evidence("seeds").is_file(),
    };
    if !is_of_seeds {
        return Ok(None);
    }
    let entries = storage::list(&folder.path).map_err(FileError::on("list", &folder.path))?;
    let seed = |path: &std::path::PathBuf| {
        let name = path.file_name()?.to_str()?;
        name.strip_prefix("seed-")?.parse().ok().filter(|_| path.is_dir())
    };
    let mut seeds: Vec<u64> = entries.iter().filter_map(seed).collect();
    seeds.sort_unstable();
    Ok(Some(seeds))
}
