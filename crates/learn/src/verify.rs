//! Whether the files of a training can be relied on. Every file is read, none is changed, and no lock is taken.

use std::path::{Path, PathBuf};

use serde::Serialize;
use setpoint_files::append::{self, Extent};
use setpoint_files::identity::Identity;
use setpoint_files::run::Marker;
use setpoint_files::run_folder::RunFolder;
use setpoint_policy::Policy;

use crate::checkpoint::{self, Checkpoint};
use crate::problem::Problem;
use crate::replay::segments::Segments;
use crate::train::StoredSummary;

/// Whether a file can be relied on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// It is whole and belongs to its run.
    Good,
    /// It is not there, and nothing needs it.
    Absent,
    /// It cannot be relied on.
    Unreliable,
}

/// The result for one file, or for several files of a kind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Whether it can be relied on.
    pub level: Level,
    /// The file, relative to the run's folder.
    pub subject: String,
    /// What was found.
    pub message: String,
    /// What the user can do; `None` if there is nothing to do, or if the message says it.
    pub advice: Option<String>,
}

impl Finding {
    /// A good file.
    pub fn good(subject: &str, message: impl Into<String>) -> Self {
        Self::new(Level::Good, subject, message, None)
    }

    /// A file that is not there and not needed.
    pub fn absent(subject: &str, message: impl Into<String>) -> Self {
        Self::new(Level::Absent, subject, message, None)
    }

    /// A file that cannot be relied on; the message says what to do.
    pub fn unreliable(subject: &str, message: impl Into<String>) -> Self {
        Self::new(Level::Unreliable, subject, message, None)
    }

    /// A file that cannot be relied on, and what to do.
    pub fn remedied(subject: &str, message: impl Into<String>, advice: &str) -> Self {
        Self::new(Level::Unreliable, subject, message, Some(advice))
    }

    fn new(level: Level, subject: &str, message: impl Into<String>, advice: Option<&str>) -> Self {
        let (subject, advice) = (subject.to_owned(), advice.map(str::to_owned));
        Self { level, subject, message: message.into(), advice }
    }
}

const RESTORE: &str = "restore it from a copy, or train again";
const RESUME: &str = "--resume writes it again from the newest checkpoint";

/// Opens the resolved project of a run with overrides.
pub type Open<'a> = &'a dyn Fn(&RunFolder, &[String]) -> Result<Problem, String>;

/// A training to look at.
pub struct Training<'a> {
    /// Its folder.
    pub folder: &'a RunFolder,
    /// Its marker; `None` if that is damaged, or if the run is from before markers.
    pub marker: Option<&'a Marker>,
    /// Whether a process writes it at the moment.
    pub in_use: bool,
    /// Opens its resolved project with overrides.
    pub open: Open<'a>,
}

/// What was found about a training.
#[derive(Default)]
pub struct Found {
    /// The findings, a file each.
    pub findings: Vec<Finding>,
    /// The run that the files bear; `None` if they bear none.
    pub identity: Option<Identity>,
    /// The hash of its policy.
    pub policy: Option<String>,
}

impl Training<'_> {
    /// Looks at all files that the training wrote.
    pub fn verify(&self) -> Found {
        let mut found = Found::default();
        let summary = StoredSummary::of(self.folder);
        let ended = !self.in_use && matches!(summary, Ok(Some(_)));
        let newest = self.checkpoints(ended, &mut found);
        found.identity = found.identity.or(summary.as_ref().ok().and_then(|stored| stored.as_ref()?.run));
        let newest = newest.as_ref().map(|(path, checkpoint)| (path.as_path(), checkpoint));
        let extents = newest.map(|(_, saved)| (saved.metrics, saved.episodes_log));
        let logs = [
            ("metrics.jsonl", self.folder.metrics(), extents.map(|extents| extents.0)),
            ("episodes.csv", self.folder.episodes(), extents.map(|extents| extents.1)),
        ];
        for (subject, path, extent) in logs {
            found.findings.push(log(subject, &path, extent, ended));
        }
        found.findings.push(match newest {
            Some((path, checkpoint)) => self.replay(path, checkpoint, ended),
            None => Finding::absent("replay", "no checkpoint relies on a replay buffer"),
        });
        let stored = summary.as_ref().ok().and_then(Option::as_ref);
        let policy = self.policy(stored, newest.map(|newest| newest.1), &mut found);
        found.findings.push(match summary {
            Err(error) => Finding::remedied("summary.json", error.to_string(), RESUME),
            Ok(stored) => self.summary(stored.as_ref(), newest.map(|newest| newest.1), policy.as_ref()),
        });
        found
    }

    /// Every checkpoint; returns the newest good one.
    fn checkpoints(&self, ended: bool, found: &mut Found) -> Option<(PathBuf, Checkpoint)> {
        let all = match checkpoint::list(&self.folder.checkpoints()) {
            Ok(all) => all,
            Err(error) => {
                found.findings.push(Finding::unreliable("checkpoints", error.to_string()));
                return None;
            }
        };
        let (mut newest, mut whole) = (None, 0);
        for path in &all {
            match self.checkpoint(path) {
                Ok(checkpoint) => {
                    whole += 1;
                    found.identity = checkpoint.run;
                    newest = Some((path.clone(), checkpoint));
                }
                // A training that runs deletes old checkpoints.
                Err(_) if self.in_use && !path.exists() => {}
                Err(finding) => found.findings.push(finding),
            }
        }
        found.findings.push(match &newest {
            Some((_, Checkpoint { updates, steps, .. })) => Finding::good(
                "checkpoints",
                format!("{whole} whole, the newest after {updates} updates, {steps} steps"),
            ),
            None if ended => Finding::remedied(
                "checkpoints",
                "the training has ended, and no good checkpoint is there",
                RESTORE,
            ),
            None if all.is_empty() => Finding::absent("checkpoints", "no checkpoint yet"),
            None => Finding::remedied(
                "checkpoints",
                "no checkpoint is good",
                "delete them, and train again with --resume",
            ),
        });
        newest
    }

    fn checkpoint(&self, path: &Path) -> Result<Checkpoint, Finding> {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let subject = format!("checkpoints/{name}");
        let refuse = |error: crate::error::TrainError| Finding::unreliable(&subject, error.to_string());
        let checkpoint = Checkpoint::read(path).map_err(refuse)?;
        if let Some(marker) = self.marker {
            checkpoint.refuse_of_another(path, marker).map_err(refuse)?;
        }
        let updates = checkpoint.updates;
        if *name != format!("{updates:08}.checkpoint") {
            let message = format!("its name does not fit its content, which is from after {updates} updates");
            return Err(Finding::remedied(&subject, message, "delete it, if an older checkpoint is good"));
        }
        Ok(checkpoint)
    }

    /// The state of the learner, and the replay buffer that belongs to it: exactly what a resume reads.
    fn replay(&self, path: &Path, checkpoint: &Checkpoint, ended: bool) -> Finding {
        let problem = match (self.open)(self.folder, &[]) {
            Ok(problem) => problem,
            Err(error) => {
                return Finding::unreliable(
                    "setpoint.toml",
                    format!("the project cannot be opened: {error}"),
                );
            }
        };
        let mut learner = problem.learner(problem.decision.project.train.seed, 1);
        if let Err(error) = learner.load(&checkpoint.learner) {
            let message = format!("{} does not fit the project: {error}", path.display());
            return Finding::remedied(
                "checkpoints",
                message,
                "restore setpoint.toml and the checkpoint from one copy",
            );
        }
        let Some((buffer, state)) = learner.replay_to_restore() else {
            return Finding::absent("replay", format!("{} has no replay buffer", problem.options.name()));
        };
        let known = self.marker.cloned().or_else(|| stand_in(self.folder, checkpoint));
        let Some(marker) = known else { return Finding::absent("replay", "not looked at without a marker") };
        match Segments::restore(buffer, state, &self.folder.replay(), &marker) {
            Err(error) => Finding::unreliable("replay", error.to_string()),
            Ok((_, changes)) if ended && !changes.is_empty() => Finding::remedied(
                "replay",
                "it holds steps that no checkpoint knows",
                "the training does not need them",
            ),
            Ok(_) => Finding::good(
                "replay",
                format!("whole until the newest checkpoint, {} steps", checkpoint.steps),
            ),
        }
    }

    fn policy(
        &self,
        summary: Option<&StoredSummary>,
        newest: Option<&Checkpoint>,
        found: &mut Found,
    ) -> Option<Policy> {
        let (subject, path) = ("policy.safetensors", self.folder.policy());
        if !path.exists() {
            found.findings.push(match summary {
                Some(_) => {
                    Finding::remedied(subject, "the training has ended, and the policy is not there", RESUME)
                }
                None => Finding::absent(
                    subject,
                    "the training has not ended: --resume continues it and writes the policy",
                ),
            });
            return None;
        }
        let policy = match Policy::load(&path) {
            Ok(policy) => policy,
            Err(error) => {
                let advice = if error.is_newer() { "use a newer Setpoint" } else { RESUME };
                found.findings.push(Finding::remedied(subject, error.to_string(), advice));
                return None;
            }
        };
        let hash = policy.hash();
        let of_summary = summary.and_then(|stored| stored.policy.clone()).filter(|named| *named != hash);
        let saved = newest.and_then(|saved| saved.policy).map(|bytes| hex(&bytes));
        let short = &hash[..8];
        found.findings.push(if of_summary.is_some() {
            Finding::remedied(
                subject,
                format!("policy {short} is not the policy that summary.json names"),
                RESUME,
            )
        } else if self.in_use {
            Finding::good(subject, format!("policy {short}; the training that runs replaces it at its end"))
        } else if saved.is_some_and(|saved| saved != hash) {
            Finding::remedied(
                subject,
                format!("policy {short} is not the policy of the newest checkpoint"),
                RESUME,
            )
        } else {
            Finding::good(subject, format!("policy {short}, after {} steps", policy.manifest.steps))
        });
        found.policy = Some(hash);
        Some(policy)
    }

    /// The summary against the newest checkpoint and the policy: it has no checksum of its own.
    fn summary(
        &self,
        stored: Option<&StoredSummary>,
        newest: Option<&Checkpoint>,
        policy: Option<&Policy>,
    ) -> Finding {
        let subject = "summary.json";
        let Some(stored) = stored else {
            let words = if self.in_use {
                "the training runs"
            } else {
                "the training has not ended: --resume continues it"
            };
            return Finding::absent(subject, words);
        };
        if let (Some(marker), false) = (self.marker, self.marker.is_none_or(|marker| marker.owns(stored.run)))
        {
            let run = stored
                .run
                .map_or("a run from before identities".to_owned(), |run| format!("run {}", run.short()));
            let message = format!("it belongs to {run}, not to run {}", marker.identity.short());
            return Finding::remedied(subject, message, RESUME);
        }
        let found = &stored.summary;
        let finite = |value: Option<f64>| value.filter(|value| value.is_finite());
        let differs = newest.is_some_and(|saved| {
            let moving = finite(saved.episodes.moving());
            (saved.updates, saved.steps, saved.episodes.count) != (found.updates, found.steps, found.episodes)
                || (moving, finite(saved.episodes.best)) != (found.return_mean_100, found.return_best)
        });
        // A summary of a run with an identity names its policy.
        let differs = differs
            || (stored.run.is_some() && stored.policy.is_none())
            || policy.is_some_and(|policy| {
                let steps = found.kept.as_ref().map_or(found.steps, |kept| kept.steps);
                (policy.manifest.seed, policy.manifest.steps) != (found.seed, steps)
            });
        if differs && !self.in_use {
            let message = "its figures are not those of the newest checkpoint and of the policy";
            return Finding::remedied(
                subject,
                message,
                "delete it; --resume writes it again from the newest checkpoint",
            );
        }
        Finding::good(
            subject,
            format!("the training ended after {} steps, {} episodes", found.steps, found.episodes),
        )
    }
}

fn log(subject: &str, path: &Path, extent: Option<Extent>, ended: bool) -> Finding {
    let Some(extent) = extent else { return Finding::absent(subject, "no checkpoint relies on it") };
    let advice = "restore it from a copy; --resume --force continues with the lines that are there";
    if let Err(error) = append::check(path, extent) {
        return Finding::remedied(subject, error.to_string(), advice);
    }
    match std::fs::metadata(path).map_or(0, |data| data.len()) - extent.bytes {
        0 => Finding::good(subject, format!("as the newest checkpoint knows it, {} bytes", extent.bytes)),
        more if ended => {
            let message = format!("it has {more} bytes behind the end of the training");
            Finding::remedied(subject, message, "cut them off, or restore it from a copy")
        }
        more => Finding::good(
            subject,
            format!("as the newest checkpoint knows it, and {more} bytes of later updates"),
        ),
    }
}

/// A marker for segments of a run whose own is not there: the run that its checkpoint bears, or a run from before identities.
fn stand_in(folder: &RunFolder, checkpoint: &Checkpoint) -> Option<Marker> {
    use setpoint_files::run::{Kind, Origin};
    let name = folder.path.file_name()?.to_string_lossy().into_owned();
    Some(Marker {
        format: 1,
        identity: checkpoint.run.unwrap_or(Identity::from_bytes([0; 16])),
        kind: Kind::Training,
        project: Origin { name, folder: None, absolute: None },
        part_of: None,
        from: None,
        number: 0,
        adopted: checkpoint.run.is_none(),
        begun: String::new(),
        setpoint_version: String::new(),
    })
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
