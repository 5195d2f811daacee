//! One worker of Gymnasium: a Python process with some of the environments (`python/setpoint/env_worker.py`).

use std::ops::Range;
use std::process::Command;
use std::time::Duration;

use serde::Deserialize;
use serde_json::json;

use setpoint_decision::spec::Spec;
use setpoint_process::vectorized::{Actions, Transition};

use super::Settings;
use super::description::Description;
use super::shared::{Layout, SharedArrays, Sizes};
use crate::workers::child::{Child, Clock};
use crate::workers::{Failure, Refusal, SeededLane, Worker, WorkerError, Workers};

/// The interpreter's command line: everything else arrives on its standard input, so that neither a
/// file nor an installation is needed.
const BEGIN: &str = r#"import json, sys
request = json.loads(sys.stdin.buffer.readline())
names = {"__name__": "setpoint.env_worker"}
exec(compile(request["sources"]["env_worker"], "setpoint/env_worker.py", "exec"), names)
names["main"](request)"#;
const WORKER: &str = include_str!("../../../../python/setpoint/env_worker.py");
const HOST: &str = include_str!("../../../../python/setpoint/_host.py");
const SPACES: &str = include_str!("../../../../python/setpoint/_spaces.py");
const ACTIONS: &str = include_str!("../../../../python/setpoint/_actions.py");

/// Least time limit of a start: imports are slow, and some simulators wait for a license server.
const START: Duration = Duration::from_secs(120);

/// The workers of a project's environments.
pub struct PythonWorkers {
    pub(super) settings: Settings,
    /// The required description of every worker's environments.
    pub(super) description: Description,
    /// The process that follows from it.
    pub(super) spec: Spec,
}

/// A worker that answers.
pub struct PythonWorker {
    connection: Connection,
    /// The memory for actions and results.
    shared: SharedArrays,
    sizes: Sizes,
    timeout: Duration,
}

#[derive(Deserialize)]
struct Answer {
    description: Option<serde_json::Value>,
    refused: Option<Refusal>,
    failed: Option<Failure>,
}

/// A started worker that has not described its environments yet.
pub struct StartingWorker {
    connection: Connection,
    timeout: Duration,
}

impl StartingWorker {
    /// Starts a worker for some environments; tells it whether choices are masked, if known.
    pub fn new(settings: &Settings, lanes: usize, masked: Option<bool>) -> Result<Self, WorkerError> {
        let mut command = Command::new(&settings.python);
        command.args(["-c", BEGIN]);
        let child = Child::start(command, b"close\n", |error| {
            WorkerError::Refused(Refusal {
                about: "python".to_owned(),
                title: format!("the Python `{}` cannot be started: {error}", settings.python.display()),
                help:
                    "name a Python with gymnasium and numpy in `python`, or in the variable SETPOINT_PYTHON"
                        .to_owned(),
                known: Vec::new(),
            })
        })?;
        let request = json!({
            "sources": { "env_worker": WORKER, "_host": HOST, "_spaces": SPACES, "_actions": ACTIONS },
            "path": settings.path,
            "id": settings.id,
            "entry": settings.entry,
            "kwargs": settings.kwargs,
            "signals": settings.signals,
            "check_bounds": settings.check_bounds,
            "max_steps": settings.max_steps,
            "lanes": lanes,
            "masked": masked,
        });
        let timeout = settings.timeout;
        let mut connection = Connection { child, text: Vec::new() };
        connection.say(&request.to_string(), timeout.max(START))?;
        Ok(Self { connection, timeout })
    }

    /// Waits for the description of its environments, and for the arrays that their results need.
    pub fn described(&mut self) -> Result<(Description, Layout), WorkerError> {
        let answer = self.connection.answer(self.timeout.max(START), &|| None)?;
        let Some(mut description) = answer.and_then(|answer| answer.description) else {
            return Err(WorkerError::failed("the worker did not describe its environments"));
        };
        let layout = serde_json::from_value::<Layout>(description["layout"].take())
            .map_err(|error| WorkerError::failed(format!("the worker's layout cannot be read: {error}")))?;
        let description = Description::from_json(&description.to_string()).map_err(WorkerError::failed)?;
        Ok((description, layout))
    }
}

impl Workers for PythonWorkers {
    type Starting = StartingWorker;
    type Worker = PythonWorker;

    fn called(&self) -> String {
        self.settings.called()
    }

    fn spec(&self) -> &Spec {
        &self.spec
    }

    fn timeout(&self) -> Duration {
        self.settings.timeout
    }

    fn count_for(&self, lanes: usize) -> usize {
        self.settings.workers_for(lanes)
    }

    fn start(&self, lanes: usize) -> Result<StartingWorker, WorkerError> {
        StartingWorker::new(&self.settings, lanes, Some(self.description.masked))
    }

    fn ready(&self, mut starting: StartingWorker, lanes: usize) -> Result<PythonWorker, WorkerError> {
        let (description, layout) = starting.described()?;
        let Spec { observation, signals, masked, action, .. } = &self.spec;
        let masked = if *masked { action.choice_count() } else { 0 };
        let sizes = Sizes { lanes, features: observation.len(), signals: signals.len(), masked };
        if description != self.description || !sizes.fit(&layout, &self.description.tensors) {
            return Err(WorkerError::failed(CHANGED));
        }
        let shared = SharedArrays::new(&layout).map_err(|error| WorkerError::failed(error.to_string()))?;
        let StartingWorker { connection, timeout } = starting;
        let mut worker = PythonWorker { connection, shared, sizes, timeout };
        let path = worker.shared.path().map(|path| path.display().to_string()).unwrap_or_default();
        worker.connection.say(&format!("map {path}"), timeout)?;
        worker.wait()?;
        worker.shared.unlink();
        Ok(worker)
    }
}

const CHANGED: &str =
    "the spaces of its environments have changed since the project was opened: spaces must not change";

impl PythonWorker {
    /// Waits for the end of the request; each environment has the time limit.
    fn wait(&mut self) -> Result<(), WorkerError> {
        let Self { connection, shared, timeout, .. } = self;
        connection.answer(*timeout, &|| shared.present_lane()).map(|_| ())
    }
}

impl Worker for PythonWorker {
    fn begin(&mut self, seeds: &[(usize, Option<u32>)]) -> Result<(), WorkerError> {
        let mut line = "reset".to_owned();
        for (lane, seed) in seeds {
            line.push_str(&match seed {
                Some(seed) => format!(" {lane}:{seed}"),
                None => format!(" {lane}:-"),
            });
        }
        self.connection.say(&line, self.timeout)
    }

    fn step(&mut self, actions: Actions<'_>, steps: &[bool]) -> Result<(), WorkerError> {
        let unwritten =
            |error: std::io::Error| WorkerError::failed(format!("its actions cannot be written: {error}"));
        self.shared.write_actions(actions).map_err(unwritten)?;
        if steps.is_empty() {
            return self.connection.say("step", self.timeout);
        }
        self.shared.write_stepping(steps).map_err(unwritten)?;
        self.connection.say("where", self.timeout)
    }

    /// A finished episode was reset in the same step, by the worker itself.
    fn finish(
        &mut self,
        rows: Range<usize>,
        into: &mut Transition,
        _: &mut [SeededLane],
    ) -> Result<(), WorkerError> {
        self.wait()?;
        self.shared
            .read_results(&self.sizes, rows.start, into)
            .map_err(|error| WorkerError::failed(format!("its results cannot be read: {error}")))
    }

    fn id(&self) -> u32 {
        self.connection.child.id()
    }
}

/// The connection to a Python process.
struct Connection {
    child: Child,
    text: Vec<u8>,
}

impl Connection {
    fn say(&mut self, line: &str, timeout: Duration) -> Result<(), WorkerError> {
        self.child.send(format!("{line}\n").as_bytes(), timeout)
    }

    /// Waits for the next line; `None` if it only reports success.
    fn answer(
        &mut self,
        timeout: Duration,
        present: &dyn Fn() -> Option<usize>,
    ) -> Result<Option<Answer>, WorkerError> {
        self.child.read_line(&mut self.text, usize::MAX, Clock::new(timeout, present))?;
        if self.text == b"ok" {
            return Ok(None);
        }
        let unreadable = |error: serde_json::Error| {
            let text = String::from_utf8_lossy(&self.text);
            WorkerError::failed(format!("the worker answered `{}`: {error}", text.trim_end()))
        };
        match serde_json::from_slice(&self.text).map_err(unreadable)? {
            Answer { refused: Some(refusal), .. } => Err(WorkerError::Refused(refusal)),
            Answer { failed: Some(failure), .. } => Err(WorkerError::Failed(failure)),
            answer => Ok(Some(answer)),
        }
    }
}
