//! Whether a whole run can be relied on: its marker, its project, the files of its training, its evidence, and its parts.
//!
//! Every file is read, none is changed, and no lock is taken: a run may be trained meanwhile. Without a checksum, and so only
//! compared with what other files say, are `run.json`, `setpoint.toml` and `summary.json`. Not looked at are `tensorboard/` and
//! pages for people.

use std::path::{Path, PathBuf};

use serde::Serialize;
use serde_json::Value;
use setpoint_decision::Project;
use setpoint_evidence::evidence_file::{self, Hashes};
use setpoint_files::identity::Identity;
use setpoint_files::run::{Kind, MARKER, Marker, runs_below};
use setpoint_files::run_folder::RunFolder;
use setpoint_files::{atomic, lock, storage};
use setpoint_learn::run_project;
use setpoint_learn::verify::{Finding, Level, Open, Training};
use setpoint_policy::Policy;

use crate::compare::Settings;

/// How often a run that is written meanwhile is looked at, until a look sees no change between two files.
const LOOKS: usize = 3;
const RESTORE: &str = "restore it from a copy";
const MEASURE: &str = "measure again, or restore it from a copy";

/// What a check needs from its caller.
pub struct Tools<'a> {
    /// Opens the resolved project of a run with overrides.
    pub open: Open<'a>,
    /// Checks the file of a search; describes it, or says what is wrong.
    pub search: &'a dyn Fn(&Path) -> Result<String, String>,
}

/// The result for a run.
#[derive(Clone, Debug, Serialize)]
pub struct Verified {
    /// Its folder.
    pub run: PathBuf,
    /// Who it is; `None` without a good marker.
    pub identity: Option<String>,
    /// What it is; `None` without a good marker.
    pub kind: Option<Kind>,
    /// The process that writes it at the moment.
    pub in_use: Option<String>,
    /// A finding for each file or kind of file.
    pub findings: Vec<Finding>,
    /// The runs that are part of it.
    pub parts: Vec<Verified>,
}

impl Verified {
    /// Whether everything in it can be relied on, in its parts too.
    pub fn is_good(&self) -> bool {
        self.unreliable() == 0
    }

    /// Number of findings of files that cannot be relied on, with those of its parts.
    pub fn unreliable(&self) -> usize {
        let own = self.findings.iter().filter(|finding| finding.level == Level::Unreliable).count();
        own + self.parts.iter().map(Self::unreliable).sum::<usize>()
    }
}

/// Looks at a run.
pub fn verify(folder: &RunFolder, tools: &Tools<'_>) -> Verified {
    looked_at(folder, None, tools)
}

/// Looks at a run that should be part of the run with the identity `whole`.
fn looked_at(folder: &RunFolder, whole: Option<Identity>, tools: &Tools<'_>) -> Verified {
    let mut verified = look(folder, whole, tools);
    for _ in 1..LOOKS {
        if verified.is_good() || verified.in_use.is_none() {
            break;
        }
        verified = look(folder, whole, tools);
    }
    verified
}

fn look(folder: &RunFolder, whole: Option<Identity>, tools: &Tools<'_>) -> Verified {
    let in_use = lock::holder_of(&folder.path);
    let marker = Marker::of(&folder.path);
    let known = marker.as_ref().ok().and_then(Option::as_ref);
    let kind = known.map(|marker| marker.kind).or_else(|| Kind::by_files(folder));
    let mut findings = Vec::new();
    let (mut identity, mut policy) = (None, None);
    match kind {
        Some(Kind::Comparison) => findings.push(comparison(folder)),
        Some(Kind::Search) => findings.push(search(folder, tools)),
        _ => findings.push(project(folder, kind)),
    }
    if kind.is_none_or(|kind| kind == Kind::Training) {
        let training = Training { folder, marker: known, in_use: in_use.is_some(), open: tools.open };
        let found = training.verify();
        (identity, policy) = (found.identity, found.policy);
        findings.extend(found.findings);
    }
    let measured = Measured { folder, is_training: kind == Some(Kind::Training), policy, tools };
    measured.look(&mut findings);
    leftovers(folder, in_use.is_some(), &mut findings);
    let parts = match kind {
        Some(Kind::Training) | None => Vec::new(),
        _ => runs_below(folder)
            .unwrap_or_default()
            .iter()
            .map(|part| looked_at(part, known.map(|marker| marker.identity), tools))
            .collect(),
    };
    let bears = identity.or_else(|| parts.iter().find_map(|part| Marker::of(&part.run).ok()??.part_of));
    findings.insert(0, about_marker(&marker, bears, whole));
    let (identity, kind) = (known.map(|marker| marker.identity.to_string()), known.map(|marker| marker.kind));
    Verified { run: folder.path.clone(), identity, kind, in_use, findings, parts }
}

/// `bears` is the run that other files of the folder name.
fn about_marker(
    marker: &Result<Option<Marker>, setpoint_files::FileError>,
    bears: Option<Identity>,
    whole: Option<Identity>,
) -> Finding {
    let marker = match marker {
        Err(error) => return Finding::remedied(MARKER, error.to_string(), RESTORE),
        Ok(None) => {
            return match bears {
                Some(run) => Finding::remedied(
                    MARKER,
                    format!("it is not there, and files bear run {}", run.short()),
                    RESTORE,
                ),
                None => Finding::absent(MARKER, "a run from before runs had identities"),
            };
        }
        Ok(Some(marker)) => marker,
    };
    let short = marker.identity.short();
    if whole.is_some() && marker.part_of != whole {
        return Finding::remedied(
            MARKER,
            format!("run {short} is no part of the run around it"),
            "move it away, or restore run.json",
        );
    }
    if let Some(run) = bears.filter(|run| *run != marker.identity) {
        let message = format!("it names run {short}, and other files bear run {}", run.short());
        return Finding::remedied(MARKER, message, RESTORE);
    }
    Finding::good(
        MARKER,
        format!("run {short} of `{}`, {}, begun {}", marker.project.name, marker.kind.words(), marker.begun),
    )
}

fn project(folder: &RunFolder, kind: Option<Kind>) -> Finding {
    let (subject, path) = ("setpoint.toml", folder.project_file());
    if !path.exists() {
        let is_needed = match kind {
            Some(Kind::Seeds) => folder.evidence("seeds").exists(),
            _ => folder.checkpoints().exists() || folder.policy().exists(),
        };
        return if is_needed {
            Finding::remedied(subject, "the resolved project is not there", RESTORE)
        } else {
            Finding::absent(subject, "no resolved project yet")
        };
    }
    match RunFolder::read(&path).map_err(|error| error.to_string()) {
        Err(error) => Finding::remedied(subject, error, RESTORE),
        Ok(text) => match Project::from_text(&path.display().to_string(), &text, &[]) {
            Err(error) => Finding::remedied(subject, error.to_string(), RESTORE),
            Ok(_) => Finding::good(subject, "the resolved project is readable"),
        },
    }
}

fn comparison(folder: &RunFolder) -> Finding {
    let (subject, path) = ("compare.toml", folder.comparison_file());
    if !path.exists() {
        return Finding::remedied(subject, "the settings of the comparison are not there", RESTORE);
    }
    let read = RunFolder::read(&path).map_err(|error| error.to_string());
    match read.and_then(|text| toml::from_str::<Settings>(&text).map_err(|error| error.to_string())) {
        Ok(settings) => Finding::good(
            subject,
            format!("{} algorithms, {} seeds", settings.algorithms.len(), settings.seeds),
        ),
        Err(error) => Finding::remedied(subject, error, RESTORE),
    }
}

fn search(folder: &RunFolder, tools: &Tools<'_>) -> Finding {
    let (subject, path) = ("study.sqlite", folder.search_file());
    if !path.exists() {
        return Finding::remedied(subject, "the trials of the search are not there", RESTORE);
    }
    match (tools.search)(&path) {
        Ok(message) => Finding::good(subject, message),
        Err(message) => Finding::remedied(subject, message, RESTORE),
    }
}

/// The evidence of a run, against the run's policies and project.
struct Measured<'a> {
    folder: &'a RunFolder,
    is_training: bool,
    policy: Option<String>,
    tools: &'a Tools<'a>,
}

impl Measured<'_> {
    fn look(&self, findings: &mut Vec<Finding>) {
        let files = storage::list(&self.folder.path.join("evidence")).unwrap_or_default();
        let before = findings.len();
        for path in files.iter().filter(|path| path.extension().is_some_and(|extension| extension == "json"))
        {
            findings.push(self.file(path));
        }
        if findings.len() == before {
            findings.push(Finding::absent("evidence", "nothing was measured yet"));
        }
    }

    fn file(&self, path: &Path) -> Finding {
        let subject = format!("evidence/{}", path.file_name().unwrap_or_default().to_string_lossy());
        let refused = |message: String| Finding::remedied(&subject, message, MEASURE);
        let document = match evidence_file::read::<Value>(path) {
            Ok(document) => document.unwrap_or_default(),
            Err(error) => return refused(error.to_string()),
        };
        let hashes: Option<Hashes> =
            document.get("hashes").and_then(|hashes| serde_json::from_value(hashes.clone()).ok());
        let Some(hashes) = hashes else {
            return refused(
                "it names neither policies nor projects, as evidence from before format 1".to_owned(),
            );
        };
        if let Some(name) = self.foreign(&hashes) {
            return refused(format!("it was measured on another policy ({name})"));
        }
        if self.is_training && !hashes.policies.is_empty() && !self.names_project(&hashes, &document) {
            let message = "it was measured with another text of setpoint.toml, which was changed since";
            return Finding::remedied(
                &subject,
                message,
                "restore setpoint.toml from a copy, or measure again",
            );
        }
        let has_checksum = document.get("checksum").is_some();
        let checksum = if has_checksum { "whole" } else { "readable, from before checksums" };
        let on = if hashes.policies.is_empty() { "" } else { ", measured on this run" };
        Finding::good(&subject, format!("{checksum}{on}"))
    }

    /// The name of a policy that is not the run's, or not its part's. A training may be measured next to others.
    fn foreign(&self, hashes: &Hashes) -> Option<String> {
        if self.is_training {
            let is_own = hashes.policies.iter().any(|named| Some(&named.hash) == self.policy.as_ref());
            return hashes.policies.first().filter(|_| !is_own).map(|named| named.name.clone());
        }
        let is_foreign =
            |path: &Path, hash: &str| Policy::load(path).map_or(true, |policy| policy.hash() != hash);
        let foreign = hashes.policies.iter().find(|named| {
            is_foreign(&RunFolder::at(self.folder.path.join(&named.name)).policy(), &named.hash)
        });
        foreign.map(|named| named.name.clone())
    }

    /// Whether evidence rests on the run's project: as stored, as found after a move, or as an evaluation with other
    /// episodes resolves it.
    fn names_project(&self, hashes: &Hashes, document: &Value) -> bool {
        let is_named = |text: &str| {
            let own = Hashes::default().project("", text);
            hashes.projects.iter().any(|named| named.hash == own.projects[0].hash)
        };
        let stored = [RunFolder::read(&self.folder.project_file()), run_project::text(self.folder)];
        if hashes.projects.is_empty() || stored.iter().flatten().any(|text| is_named(text)) {
            return true;
        }
        let episodes = document.get("episodes_per_seed").and_then(Value::as_u64);
        let overrides = episodes.map(|episodes| format!("evaluate.episodes={episodes}"));
        let resolved = |overrides: &[String]| {
            (self.tools.open)(self.folder, overrides).map(|problem| problem.resolved())
        };
        [resolved(&[]), resolved(overrides.as_slice())].iter().flatten().any(|text| is_named(text))
    }
}

/// Temporary files of processes that were killed.
fn leftovers(folder: &RunFolder, in_use: bool, findings: &mut Vec<Finding>) {
    if in_use {
        return;
    }
    for place in [folder.path.clone(), folder.checkpoints(), folder.path.join("evidence")] {
        for path in storage::list(&place).unwrap_or_default().iter().filter(|path| atomic::is_temporary(path))
        {
            let name = path.strip_prefix(&folder.path).unwrap_or(path).display().to_string();
            findings.push(Finding::absent(&name, "the rest of a process that was killed; it may be deleted"));
        }
    }
}
