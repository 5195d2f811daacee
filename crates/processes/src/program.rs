//! `program`: any simulator in any language: a program that reads requests from its standard input and writes answers to its
//! standard output (`docs/program.md`).
//!
//! The program describes its features, actions and signals ([`description`]). Each worker is a process of it with some of the
//! environments ([`worker`]). A request is a line of JSON ([`messages`]) or a frame of bytes ([`frames`]); the results are
//! the same ([`results`]), and every number is checked against the description. [`author`]
//! tests a program for its author.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use setpoint_decision::Diagnostic;
use setpoint_decision::section::{Range, Section};
use setpoint_decision::spec::Spec;

use setpoint_process::Factory;
use setpoint_process::Heuristic;
use setpoint_process::registry::Request;
use setpoint_process::vectorized::{Batch, ProcessError};

#[cfg(unix)]
use crate::workers::batch::WorkerBatch;
#[cfg(unix)]
use crate::workers::{WorkerError, Workers};
use description::Description;

#[cfg(unix)]
pub mod author;
pub mod description;
#[cfg(unix)]
pub mod frames;
#[cfg(unix)]
pub mod messages;
#[cfg(unix)]
pub mod results;
#[cfg(unix)]
pub mod worker;

/// Its name in a project file.
pub const KIND: &str = "program";
/// Its description, if no program is named.
pub const SUMMARY: &str = "any simulator in any language: a program that reads and writes lines of JSON";

const TIMEOUT_S: f64 = 60.0;

/// The program, and the settings of its workers.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// The program and its arguments.
    pub command: Vec<String>,
    /// The folder in which it runs.
    pub folder: PathBuf,
    /// Values that are passed to the program.
    pub options: toml::Table,
    /// Number of processes; by default the number of cores.
    pub workers: Option<usize>,
    /// Time limit of a step or reset.
    pub timeout: Duration,
    /// Whether observations and signals must be within their bounds.
    pub check_bounds: bool,
    /// Whether requests are frames of bytes if the program reads them.
    pub binary: bool,
    /// Steps after which an episode is truncated; by default the program's own limit.
    pub max_steps: Option<u32>,
}

impl Settings {
    /// The defaults for a command that runs in a folder.
    pub fn new(command: Vec<String>, folder: &Path) -> Self {
        Self {
            command,
            folder: std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned()),
            options: toml::Table::new(),
            workers: None,
            timeout: Duration::from_secs_f64(TIMEOUT_S),
            check_bounds: true,
            binary: true,
            max_steps: None,
        }
    }

    /// The name of the environments in messages.
    pub fn called(&self) -> String {
        format!("{KIND} {}", self.command.join(" "))
    }

    fn read(request: &Request<'_>) -> Result<Self, Box<Diagnostic>> {
        let section = &request.section;
        let command = section.strings("command", "the program and its arguments, a text for each")?;
        let Some(command) = command.filter(|command| !command.is_empty()) else {
            let title = "the project names no program";
            let help =
                "for example: command = [\"python3\", \"line.py\"]; docs/program.md describes such a program";
            return Err(section.error("command", title, "expected command = [\"…\", …]", help));
        };
        let folder = section
            .string("folder", "the folder in which the program runs; by default the project's folder")?;
        let folder = request.folder.join(folder.as_deref().unwrap_or("."));
        let options = section.table("options")?.contents()?;
        let workers = section.integer("workers", Range::between(1.0, 1024.0), "number of processes")?;
        let timeout = section.number(
            "timeout_s",
            Range::between(0.01, 1e6),
            "time limit of a step or reset, in seconds",
        )?;
        let check_bounds =
            section.boolean("check_bounds", "require observations and signals within their bounds")?;
        let binary = section
            .boolean("binary", "send frames of bytes instead of lines of JSON, if the program reads them")?;
        let defaults = Self::new(command, &folder);
        Ok(Self {
            options,
            workers: workers.map(|workers| workers as usize),
            timeout: timeout.map_or(defaults.timeout, Duration::from_secs_f64),
            check_bounds: check_bounds.unwrap_or(true),
            binary: binary.unwrap_or(true),
            max_steps: request.max_steps,
            ..defaults
        })
    }

    /// The keys for a run's project file, which is in another folder and must find the same program.
    fn parameters(&self) -> toml::Table {
        let mut table = toml::Table::new();
        table.insert("folder".to_owned(), self.folder.display().to_string().into());
        table.insert("timeout_s".to_owned(), self.timeout.as_secs_f64().into());
        table.insert("check_bounds".to_owned(), self.check_bounds.into());
        table
    }

    /// The program's file: a path is relative to its folder, and the system searches for a name.
    pub fn executable(&self) -> PathBuf {
        let written = self.command.first().map_or("", String::as_str);
        if written.contains(['/', '\\']) { self.folder.join(written) } else { PathBuf::from(written) }
    }

    /// The files of its folder that the command names: evidence holds their hashes. An interpreter of the system is none of them.
    fn files(&self) -> Vec<PathBuf> {
        let named = self.command.iter().map(|word| self.folder.join(word));
        named.filter(|path| path.starts_with(&self.folder) && path.is_file()).collect()
    }
}

/// Environments of a program.
struct Environments {
    #[cfg(unix)]
    workers: Arc<worker::ProgramWorkers>,
    spec: Spec,
    parameters: toml::Table,
    files: Vec<PathBuf>,
    saves: bool,
}

impl Factory for Environments {
    fn spec(&self) -> &Spec {
        &self.spec
    }

    #[cfg(unix)]
    fn batch(&self, lanes: usize, seed: u64, purpose: &str) -> Result<Box<dyn Batch>, Box<ProcessError>> {
        Ok(Box::new(WorkerBatch::start(&self.workers, lanes, seed, purpose)?))
    }

    #[cfg(not(unix))]
    fn batch(&self, _: usize, _: u64, _: &str) -> Result<Box<dyn Batch>, Box<ProcessError>> {
        let (process, reason) = (KIND.to_owned(), NOT_HERE.to_owned());
        Err(Box::new(ProcessError { process, lane: None, step: None, reason }))
    }

    fn heuristics(&self) -> &[Heuristic] {
        &[]
    }

    fn parameters(&self) -> toml::Table {
        self.parameters.clone()
    }

    /// For example, a training that ended because of a slow program may continue with a longer time limit.
    fn incidental_keys(&self) -> &[&'static str] {
        &["folder", "workers", "timeout_s", "binary"]
    }

    fn files(&self) -> &[PathBuf] {
        &self.files
    }

    fn resumes_exactly(&self) -> bool {
        self.saves
    }
}

#[cfg(not(unix))]
const NOT_HERE: &str = "programs as processes need a Unix system: Linux or macOS, or WSL on Windows";

/// From `[process]`: the keys of [`Settings`]. Starts the program to get its description, and ends it again.
#[cfg(unix)]
pub fn open(request: &Request<'_>) -> Result<Arc<dyn Factory>, Box<Diagnostic>> {
    let settings = Settings::read(request)?;
    let description = describe(&settings, &request.section)?;
    let (parameters, files, saves) = (settings.parameters(), settings.files(), description.saves);
    let workers = worker::ProgramWorkers::new(settings, description);
    let spec = workers.spec().clone();
    Ok(Arc::new(Environments { workers: Arc::new(workers), spec, parameters, files, saves }))
}

/// Refused: there are no programs as processes here.
#[cfg(not(unix))]
pub fn open(request: &Request<'_>) -> Result<Arc<dyn Factory>, Box<Diagnostic>> {
    Settings::read(request)?;
    Err(request.section.error("kind", "a program cannot be a process here", NOT_HERE, ""))
}

/// The description of a program, or an error at the key of `[process]` that caused it.
#[cfg(unix)]
fn describe(settings: &Settings, section: &Section<'_>) -> Result<Description, Box<Diagnostic>> {
    let called = settings.called();
    let described = worker::StartingProgram::new(settings, 1)
        .and_then(|mut starting| starting.described())
        .and_then(|description| match description.faults().into_iter().next() {
            Some(fault) => Err(WorkerError::failed(format!("its description cannot be used: {fault}"))),
            None => Ok(description),
        });
    let help = "`setpoint conformance COMMAND` tests a program and says line by line what is wrong (docs/program.md)";
    described.map_err(|trouble| {
        let (title, label) = match trouble {
            WorkerError::Refused(refusal) => (refusal.title, "expected a program that can be started"),
            WorkerError::Failed(failure) => {
                (format!("{called}: {}", failure.reason), "it was asked to describe itself")
            }
            WorkerError::Died(how) => (format!("{called} died: {how}"), "it died when it was started"),
            WorkerError::Hung(_) => (
                format!("{called} did not describe itself in time"),
                "it took longer than two minutes and `timeout_s`",
            ),
        };
        section.error("command", &title, label, help)
    })
}
