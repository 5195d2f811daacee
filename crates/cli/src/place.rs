//! Where a command that trains puts its run, and how it opens it.

use std::path::PathBuf;
use std::time::SystemTime;

use setpoint_files::lock::holder_of;
use setpoint_files::run::{Kind, Marker, Run, Start};
use setpoint_files::run_folder::RunFolder;
use setpoint_learn::problem::Problem;
use setpoint_learn::train::new_run;
use setpoint_terminal::quoted_path;

use crate::arguments::{Compare, Train, Tune};
use crate::output::{Failure, Output};
use crate::runs::Runs;
use crate::target::{TRAININGS, run_to_resume};

/// The options of the command about its run.
pub struct Place<'a> {
    run_dir: Option<&'a PathBuf>,
    runs: &'a Runs,
    resume: bool,
    force: bool,
    kind: Kind,
    seeds: String,
}

impl<'a> Place<'a> {
    /// Of a training, or of a training over several seeds.
    pub fn of_training(arguments: &'a Train, problem: &Problem) -> Self {
        let Train { run_dir, runs, resume, force, seeds, .. } = arguments;
        let kind = if *seeds > 1 { Kind::Seeds } else { Kind::Training };
        let seeds = seeds_text(problem.decision.project.train.seed, *seeds);
        let run_dir = run_dir.as_ref().or_else(|| run_to_resume(arguments));
        Self { run_dir, runs, resume: *resume, force: *force, kind, seeds }
    }

    /// Of a comparison.
    pub fn of_comparison(arguments: &'a Compare, problem: &Problem) -> Self {
        let Compare { run_dir, runs, resume, force, seeds, .. } = arguments;
        let seeds = seeds_text(problem.decision.project.train.seed, *seeds);
        let kind = Kind::Comparison;
        Self { run_dir: run_dir.as_ref(), runs, resume: *resume, force: *force, kind, seeds }
    }

    /// Of a search.
    pub fn of_search(arguments: &'a Tune, problem: &Problem) -> Self {
        let Tune { run_dir, runs, resume, force, .. } = arguments;
        let seeds = problem.decision.project.train.seed.to_string();
        Self { run_dir: run_dir.as_ref(), runs, resume: *resume, force: *force, kind: Kind::Search, seeds }
    }

    /// How the run is opened.
    pub fn start(&self) -> Start {
        Start::of(self.resume, self.force)
    }

    /// The folder of the run: the given one, the one to resume, or a new one. What `--force` deletes is named here.
    pub fn folder(&self, problem: &Problem, output: &Output) -> Result<RunFolder, Failure> {
        if let Some(path) = self.run_dir {
            // A folder in use is refused when its run is opened.
            if self.start() == Start::Cleared
                && holder_of(path).is_none()
                && let Some(Marker { kind, identity, begun, .. }) = Marker::of(path)?
            {
                let (folder, what) = (path.display(), kind.words());
                output.line(format!("deleting {what} in {folder} (run {}, begun {begun})", identity.short()));
            }
            return Ok(RunFolder::at(path));
        }
        let project = &problem.decision.project;
        let name = &project.charter.name;
        if !self.resume {
            let label = match self.kind {
                Kind::Training | Kind::Seeds => problem.options.name(),
                Kind::Comparison => "compare",
                Kind::Search => "tune",
            };
            return Ok(RunFolder::create_under(
                self.runs.to_write(),
                name,
                label,
                &self.seeds,
                SystemTime::now(),
            )?);
        }
        let found = self.runs.newest(project, &[self.kind])?;
        // A search or a comparison is never taken for a training.
        let confused = |kind: &Kind| TRAININGS.contains(kind) && TRAININGS.contains(&self.kind);
        match (found.newest, found.of_another_kind.filter(|(_, kind)| confused(kind))) {
            // A newer run of another kind: which one to continue is the user's to say.
            (newest, Some((other, kind))) => Err(Failure::Message(format!(
                "the newest run of {name} is {} ({}), and this command continues {}: name the run with --run-dir{}",
                other.path.display(),
                kind.words(),
                self.kind.words(),
                newest.map_or(String::new(), |(run, _)| format!(" {}", quoted_path(&run.path)))
            ))),
            (Some((newest, _)), None) => Ok(newest),
            (None, None) => Err(Failure::Message(format!(
                "{name} has no run under {} to resume{}; without --resume a new one begins",
                self.runs.looked_into(project),
                found.of_another.map_or(String::new(), |other| {
                    format!(" (a run of that name belongs to the project in {})", other.display())
                })
            ))),
        }
    }

    /// Opens the run of a command that has other trainings as its parts.
    pub fn open(&self, problem: &Problem, output: &Output) -> Result<Run, Failure> {
        let folder = self.folder(problem, output)?;
        Ok(Run::open(&folder, &new_run(problem, self.kind), self.start())?)
    }
}

/// `0`, or `0-2`.
fn seeds_text(first: u64, count: u64) -> String {
    match count {
        1 => first.to_string(),
        count => format!("{first}-{}", first.saturating_add(count - 1)),
    }
}
