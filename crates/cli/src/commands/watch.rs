//! `setpoint watch`

use std::path::Path;
use std::sync::atomic::Ordering;
use std::time::{Duration, SystemTime};

use serde_json::json;
use setpoint_files::lock::holder_of;
use setpoint_files::run::MARKER;
use setpoint_files::run_folder::RunFolder;

use crate::arguments::Watch;
use crate::dashboard::Dashboard;
use crate::interrupt;
use crate::output::{Failure, Output, Status};
use crate::target::training::{seeds_of, training_of};
use crate::target::{problem_of, run_folder};
use setpoint_process::Registry;

/// Time between two updates of the screen.
const EVERY: Duration = Duration::from_millis(250);
/// A training that no process holds and that has written nothing for so long has stopped. A shorter silence may be an update, or
/// a run on a drive whose locks this machine does not see.
const SILENCE_MAX: Duration = Duration::from_secs(60);

pub fn run(arguments: &Watch, registry: &Registry, output: &Output) -> Result<Status, Failure> {
    let run = running(arguments)?;
    let watched = Watched { is_of_seeds: seeds_of(&run)?.is_some(), run };
    let mut shown = match arguments.run.seed {
        Some(_) => training_of(watched.run.clone(), arguments.run.seed, output)?.folder,
        None => watched.shown(output)?,
    };
    let mut dashboard = dashboard(&shown, registry)?;
    interrupt::listen();
    dashboard.draw();
    // A seed that is asked for is all that is watched.
    let is_alone = arguments.run.seed.is_some();
    let has_ended = |shown: &RunFolder| watched.has_ended() || (is_alone && shown.summary().is_file());
    let has_stopped = |shown: &RunFolder| !has_ended(shown) && watched.is_left(shown);
    while !has_ended(&shown) && !has_stopped(&shown) && !interrupt::STOP.load(Ordering::Relaxed) {
        std::thread::sleep(EVERY);
        dashboard.update();
        if !is_alone && watched.is_of_seeds && shown.summary().is_file() {
            // Another seed may have begun, or none is left and the evaluations end the run.
            if let Some(next) = watched.trained()?.filter(|next| next.path != shown.path) {
                dashboard.finish();
                shown = next;
                dashboard = self::dashboard(&shown, registry)?;
            }
        }
    }
    dashboard.finish();
    if has_stopped(&shown) {
        output.line("the training has stopped before its end; `setpoint train` with --resume continues it");
    }
    output.line(format!("run folder: {}", shown.path.display()));
    let ended = has_ended(&shown);
    output.document("watch", Status::Done, json!({ "run": shown.path, "ended": ended }));
    Ok(Status::Done)
}

fn dashboard(folder: &RunFolder, registry: &Registry) -> Result<Dashboard, Failure> {
    let problem = problem_of(folder, registry, &[])?;
    Dashboard::new(&problem, folder).ok_or_else(|| {
        Failure::Message(
            "`setpoint watch` needs a terminal of at least 72 columns and 24 rows; metrics.jsonl and tensorboard/ in the \
             run folder contain the same figures"
                .to_owned(),
        )
    })
}

/// A training, or the trainings of several seeds, of which one is shown at a time.
struct Watched {
    run: RunFolder,
    is_of_seeds: bool,
}

impl Watched {
    /// A summary is written at the end of every training, and the evidence over seeds after the evaluation of the last one.
    fn has_ended(&self) -> bool {
        let last = if self.is_of_seeds { self.run.evidence("seeds") } else { self.run.summary() };
        last.is_file()
    }

    /// Whether no process writes it any more: it ended, or it was stopped or killed.
    fn is_left(&self, shown: &RunFolder) -> bool {
        holder_of(&self.run.path).is_none() && silence(shown) > SILENCE_MAX
    }

    /// The training to show first: of several seeds the one that is trained now, or the median when all have ended.
    fn shown(&self, output: &Output) -> Result<RunFolder, Failure> {
        if !self.is_of_seeds || self.has_ended() {
            return Ok(training_of(self.run.clone(), None, output)?.folder);
        }
        self.trained()?.ok_or_else(|| {
            Failure::Message(format!("no seed of {} has begun to write yet", self.run.path.display()))
        })
    }

    /// The seed that is trained now, or the last one that was; `None` before the first.
    fn trained(&self) -> Result<Option<RunFolder>, Failure> {
        let seeds = seeds_of(&self.run)?.unwrap_or_default();
        let folders = seeds.into_iter().map(|seed| self.run.of_seed(seed));
        let begun: Vec<RunFolder> = folders.filter(|folder| folder.metrics().is_file()).collect();
        let running = begun.iter().filter(|folder| !folder.summary().is_file()).min_by_key(|f| silence(f));
        Ok(running.or(begun.last()).cloned())
    }
}

/// Time since the last line of a training's log, or since its beginning.
fn silence(folder: &RunFolder) -> Duration {
    let of = |path: &Path| std::fs::metadata(path).and_then(|metadata| metadata.modified());
    let written = of(&folder.metrics()).or_else(|_| of(&folder.path.join(MARKER)));
    written.ok().and_then(|at| SystemTime::now().duration_since(at).ok()).unwrap_or_default()
}

/// A run that has begun or ended.
fn running(arguments: &Watch) -> Result<RunFolder, Failure> {
    let given = RunFolder::at(&arguments.run.run);
    if given.metrics().is_file() {
        return Ok(given);
    }
    run_folder(&arguments.run)
}
