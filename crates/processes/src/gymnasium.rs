//! `gymnasium`: any environment with Gymnasium's interface, in separate Python workers.
//!
//! A project names the environment by its id or by the class that makes it; the environment's own reward is the signal
//! `reward`. Each worker is a Python process with some of the environments ([`worker`]), actions and results lie in a
//! file in memory ([`shared`]), and all workers step in parallel ([`crate::workers`]). The environments
//! describe themselves ([`description`]).
//!
//! Their state stays in Python: a checkpoint contains only the streams of the seeds, and a resumed training begins new
//! episodes.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use setpoint_decision::Diagnostic;
use setpoint_decision::diagnostic::nearest;
use setpoint_decision::section::{Range, Section};
use setpoint_decision::spec::Spec;

use setpoint_process::Factory;
use setpoint_process::Heuristic;
use setpoint_process::registry::Request;
use setpoint_process::vectorized::{Batch, ProcessError};

#[cfg(unix)]
use crate::workers::batch::WorkerBatch;
use description::Description;

pub mod description;

#[cfg(unix)]
pub mod shared;
#[cfg(unix)]
pub mod worker;

/// Its name in a project file.
pub const KIND: &str = "gymnasium";
/// Its description, if no environment is named.
pub const SUMMARY: &str =
    "any environment with Gymnasium's interface, by its id or its class, in Python workers";
/// The variable with the workers' Python, if the project names none.
pub const PYTHON_VARIABLE: &str = "SETPOINT_PYTHON";

const TIMEOUT_S: f64 = 60.0;

/// The environments, and the settings of their workers.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// A registered id; `None` if there is an entry point.
    pub id: Option<String>,
    /// `module:class` of the environment.
    pub entry: Option<String>,
    /// Arguments of the environment.
    pub kwargs: toml::Table,
    /// Numbers of `info` that are reported as signals.
    pub signals: Vec<String>,
    /// The interpreter.
    pub python: PathBuf,
    /// Folders that are searched first for its modules.
    pub path: Vec<PathBuf>,
    /// Number of worker processes; by default the number of cores.
    pub workers: Option<usize>,
    /// Time limit of a step or reset.
    pub timeout: Duration,
    /// Whether observations must be within the bounds of their space.
    pub check_bounds: bool,
    /// Steps after which an episode is truncated; by default the environment's own limit.
    pub max_steps: Option<u32>,
}

impl Settings {
    /// The name of the environments in messages.
    pub fn called(&self) -> String {
        let name = self.id.as_ref().or(self.entry.as_ref());
        format!("{KIND} {}", name.map_or("", String::as_str))
    }

    /// Number of workers for a number of environments.
    pub fn workers_for(&self, lanes: usize) -> usize {
        let cores = || std::thread::available_parallelism().map_or(1, usize::from);
        self.workers.unwrap_or_else(cores).min(lanes).max(1)
    }

    fn read(request: &Request<'_>) -> Result<Self, Box<Diagnostic>> {
        let section = &request.section;
        let id = section.string("id", "the environment's id for gymnasium.make")?;
        let entry =
            section.string("entry", "the class of the environment, as \"my_package.my_env:MyEnv\"")?;
        const EXAMPLE: &str = "for example: id = \"LunarLander-v3\", or entry = \"my_package.my_env:MyEnv\"";
        match (&id, &entry) {
            (None, None) => {
                let title = "the project names no environment";
                return Err(section.error("id", title, "expected id = \"…\" or entry = \"…\"", EXAMPLE));
            }
            (Some(_), Some(_)) => {
                let title = "`id` and `entry` cannot both be given";
                return Err(section.error_at_key("entry", title, "expected one of the two", EXAMPLE));
            }
            _ => {}
        }
        let signals = section.strings("signals", "numbers of `info` that are reported as signals")?;
        let signals = signals.unwrap_or_default();
        for (index, name) in signals.iter().enumerate() {
            let label = match name.as_str() {
                "reward" => "the environment's own reward is always reported",
                _ if signals[..index].contains(name) => "name it once",
                _ => continue,
            };
            let title = format!("`{name}` is already a signal");
            return Err(section.error_in_list("signals", index, &title, label, ""));
        }
        let python = section.string("python", "the interpreter that has gymnasium and numpy")?;
        let path =
            section.strings("path", "folders to search for modules; by default the project's folder")?;
        let path = path.unwrap_or_else(|| vec![".".to_owned()]);
        let workers =
            section.integer("workers", Range::between(1.0, 1024.0), "number of Python processes")?;
        let timeout = section.number(
            "timeout_s",
            Range::between(0.01, 1e6),
            "time limit of a step or reset, in seconds",
        )?;
        let check_bounds = section
            .boolean("check_bounds", "require observations within the bounds of the observation space")?;
        Ok(Self {
            id,
            entry,
            kwargs: section.table("kwargs")?.contents()?,
            signals,
            python: python
                .map(|python| interpreter(&python, request.folder))
                .or_else(|| std::env::var_os(PYTHON_VARIABLE).map(PathBuf::from))
                .unwrap_or_else(|| PathBuf::from("python3")),
            path: path.iter().map(|folder| absolute(&request.folder.join(folder))).collect(),
            workers: workers.map(|workers| workers as usize),
            timeout: Duration::from_secs_f64(timeout.unwrap_or(TIMEOUT_S)),
            check_bounds: check_bounds.unwrap_or(true),
            max_steps: request.max_steps,
        })
    }

    /// The keys for a run's project file, which is in another folder and must find the same modules.
    fn parameters(&self, section: &Section<'_>) -> toml::Table {
        let mut table = toml::Table::new();
        let text = |path: &Path| toml::Value::String(path.display().to_string());
        if section.is_string("python") {
            table.insert("python".to_owned(), text(&self.python));
        }
        let folders = self.path.iter().map(|folder| text(folder)).collect();
        table.insert("path".to_owned(), toml::Value::Array(folders));
        table.insert("timeout_s".to_owned(), self.timeout.as_secs_f64().into());
        table.insert("check_bounds".to_owned(), self.check_bounds.into());
        table
    }
}

/// The interpreter of a project: the system searches for a name; a path is relative to the project's folder.
fn interpreter(written: &str, folder: &Path) -> PathBuf {
    if written.contains(['/', '\\']) { absolute(&folder.join(written)) } else { PathBuf::from(written) }
}

/// Made absolute without resolving links: an interpreter that is a link finds its packages only through the link.
fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}

/// Environments outside of this program.
struct Environments {
    #[cfg(unix)]
    workers: Arc<worker::PythonWorkers>,
    #[cfg(not(unix))]
    settings: Settings,
    spec: Spec,
    parameters: toml::Table,
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
        let (process, reason) = (self.settings.called(), NOT_HERE.to_owned());
        Err(Box::new(ProcessError { process, lane: None, step: None, reason }))
    }

    fn heuristics(&self) -> &[Heuristic] {
        &[]
    }

    fn parameters(&self) -> toml::Table {
        self.parameters.clone()
    }

    /// For example, a training that ended because of a slow environment may continue with a longer time limit.
    fn incidental_keys(&self) -> &[&'static str] {
        &["python", "path", "workers", "timeout_s"]
    }

    fn resumes_exactly(&self) -> bool {
        false
    }
}

/// From `[process]`: the keys of [`Settings`]. Starts a worker to get the description of the environment, and ends it again.
pub fn open(request: &Request<'_>) -> Result<Arc<dyn Factory>, Box<Diagnostic>> {
    let settings = Settings::read(request)?;
    let description = describe(&settings, &request.section)?;
    let spec = description::spec(&description, settings.max_steps);
    let parameters = settings.parameters(&request.section);
    #[cfg(unix)]
    let workers = {
        // The time limit of the project is no part of what a worker tells.
        let spec = description::spec(&description, None);
        Arc::new(worker::PythonWorkers { settings, description, spec })
    };
    Ok(Arc::new(Environments {
        #[cfg(unix)]
        workers,
        #[cfg(not(unix))]
        settings,
        spec,
        parameters,
    }))
}

#[cfg(not(unix))]
const NOT_HERE: &str = "Python workers need a Unix system: Linux or macOS, or WSL on Windows";

#[cfg(not(unix))]
fn describe(_: &Settings, section: &Section<'_>) -> Result<Description, Box<Diagnostic>> {
    Err(section.error("kind", "environments of Gymnasium cannot be run here", NOT_HERE, ""))
}

/// The description of an environment, or an error at the key of `[process]` that caused it.
#[cfg(unix)]
fn describe(settings: &Settings, section: &Section<'_>) -> Result<Description, Box<Diagnostic>> {
    use crate::workers::WorkerError;
    use worker::StartingWorker;

    let about = if settings.id.is_some() { "id" } else { "entry" };
    let described = StartingWorker::new(settings, 1, None).and_then(|mut starting| starting.described());
    let trouble = match described {
        Ok((description, _)) => return Ok(description),
        Err(trouble) => trouble,
    };
    let called = settings.called();
    Err(match trouble {
        WorkerError::Refused(refusal) => {
            let key =
                ["python", "entry", "kwargs"].into_iter().find(|key| *key == refusal.about).unwrap_or("id");
            let wanted = settings.id.as_ref().or(settings.entry.as_ref());
            let near = wanted.and_then(|name| nearest(name, refusal.known.iter().map(String::as_str)));
            let label = match near {
                Some(near) => format!("did you mean `{near}`?"),
                None => expected(key).to_owned(),
            };
            section.error(key, &refusal.title, &label, &refusal.help)
        }
        WorkerError::Failed(failure) => {
            section.error(about, &format!("{called}: {}", failure.reason), "it failed when it was made", "")
        }
        WorkerError::Died(how) => {
            let title = format!("the worker with {called} died: {how}");
            section.error(about, &title, "it died when it was made", "")
        }
        WorkerError::Hung(_) => {
            let title = format!("{called} was not made in time");
            section.error(about, &title, "it took longer than two minutes and `timeout_s`", "")
        }
    })
}

/// The label under a key with an unusable value.
fn expected(key: &str) -> &'static str {
    match key {
        "python" => "expected a Python with gymnasium and numpy",
        "entry" => "expected module:class of a gymnasium.Env with spaces that consist of numbers",
        "kwargs" => "expected the arguments of the environment",
        _ => "expected the id of an environment with spaces that consist of numbers",
    }
}
