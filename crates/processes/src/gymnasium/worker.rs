//! One worker: a Python process with some of the environments (`python/setpoint/env_worker.py`).
//!
//! The connection is a pair of sockets, which has time-outs, unlike a pipe, so no extra thread is needed. The clock starts
//! again whenever the worker reports another lane, so each environment of a worker has the full time limit.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::ops::Range;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStderr, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde::Deserialize;
use serde_json::json;

use super::Settings;
use super::description::Description;
use super::shared::{Layout, SharedArrays};

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
/// Time limit for a worker to end by itself.
const END: Duration = Duration::from_secs(2);
/// Number of lines of standard error in the error about a dead worker.
const LAST_LINES: usize = 12;

/// A worker that answers.
pub struct Worker {
    /// Its lanes of the batch.
    pub lanes: Range<usize>,
    /// The memory for actions and results.
    pub shared: SharedArrays,
    process: Process,
}

/// A started worker that has not described its environments yet.
pub struct StartingWorker {
    process: Process,
    lanes: Range<usize>,
}

/// The reason why a worker failed.
#[derive(Debug)]
pub enum WorkerError {
    /// Its environments cannot be made.
    Refused(Refusal),
    /// An environment raised an exception, or gave values outside of its spaces.
    Failed(Failure),
    /// It is dead: its exit status and its last output.
    Died(String),
    /// It does not answer; with its present lane, counted within it.
    Hung(Option<usize>),
}

/// A worker's message about environments that cannot be made.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Refusal {
    /// The key of `[process]` that caused it.
    pub about: String,
    /// The error.
    pub title: String,
    /// The remedy, if the worker knows it.
    pub help: String,
    /// Similar names.
    pub known: Vec<String>,
}

/// A worker's message about an environment.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Failure {
    /// Its lane, counted within the worker; `None` if the worker itself failed.
    pub lane: Option<usize>,
    /// Its episode since the start of the worker, from 1.
    pub episode: Option<u64>,
    /// The error, and a possible remedy.
    pub reason: String,
}

#[derive(Deserialize)]
struct Answer {
    description: Option<serde_json::Value>,
    refused: Option<Refusal>,
    failed: Option<Failure>,
}

impl StartingWorker {
    /// Its future lanes of the batch.
    pub fn lanes(&self) -> Range<usize> {
        self.lanes.clone()
    }

    /// Starts a worker for some lanes; tells it whether choices are masked, if known.
    pub fn new(settings: &Settings, lanes: Range<usize>, masked: Option<bool>) -> Result<Self, WorkerError> {
        let mut process = Process::start(settings)?;
        let request = json!({
            "sources": { "env_worker": WORKER, "_host": HOST, "_spaces": SPACES, "_actions": ACTIONS },
            "path": settings.path,
            "id": settings.id,
            "entry": settings.entry,
            "kwargs": settings.kwargs,
            "signals": settings.signals,
            "check_bounds": settings.check_bounds,
            "max_steps": settings.max_steps,
            "lanes": lanes.len(),
            "masked": masked,
        });
        process.say(&request.to_string())?;
        Ok(Self { process, lanes })
    }

    /// Waits for the description of its environments, and gives it the memory for their results.
    pub fn ready(mut self, timeout: Duration) -> Result<(Worker, Description, Layout), WorkerError> {
        let failed = |reason: String| WorkerError::Failed(Failure { lane: None, episode: None, reason });
        let answer = self.process.answer(timeout.max(START), || None)?;
        let Some(mut description) = answer.and_then(|answer| answer.description) else {
            return Err(failed("the worker did not describe its environments".to_owned()));
        };
        let layout = serde_json::from_value::<Layout>(description["layout"].take())
            .map_err(|error| failed(format!("the worker's layout cannot be read: {error}")))?;
        let description = Description::from_json(&description.to_string()).map_err(failed)?;
        let shared = SharedArrays::new(&layout).map_err(|error| failed(error.to_string()))?;
        let mut worker = Worker { lanes: self.lanes, shared, process: self.process };
        let path = worker.shared.path().map(|path| path.display().to_string()).unwrap_or_default();
        worker.say(&format!("map {path}"))?;
        worker.wait(timeout)?;
        worker.shared.unlink();
        Ok((worker, description, layout))
    }
}

impl Worker {
    /// Sends a request; [`Worker::wait`] waits for its end.
    pub fn say(&mut self, line: &str) -> Result<(), WorkerError> {
        self.process.say(line)
    }

    /// Waits for the end of the request; each environment has the time limit `timeout`.
    pub fn wait(&mut self, timeout: Duration) -> Result<(), WorkerError> {
        let Self { process, shared, .. } = self;
        process.answer(timeout, || shared.present_lane()).map(|_| ())
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.process.child.id()
    }
}

/// The Python process and the connection to it. Dropping it ends the process.
struct Process {
    child: Child,
    line: BufReader<UnixStream>,
    text: Vec<u8>,
    last_lines: Arc<Mutex<VecDeque<String>>>,
    /// Closed after standard error was read to its end.
    errors_read: Receiver<()>,
}

impl Process {
    fn start(settings: &Settings) -> Result<Self, WorkerError> {
        let io = |error: std::io::Error| {
            WorkerError::Failed(Failure {
                lane: None,
                episode: None,
                reason: format!("no connection to a worker: {error}"),
            })
        };
        let (ours, theirs) = UnixStream::pair().map_err(io)?;
        let mut command = Command::new(&settings.python);
        command
            .args(["-c", BEGIN])
            .stdin(Stdio::from(OwnedFd::from(theirs.try_clone().map_err(io)?)))
            .stdout(Stdio::from(OwnedFd::from(theirs)))
            .stderr(Stdio::piped())
            // Ctrl-C at the terminal is for the training, which finishes its update and then ends its workers.
            .process_group(0);
        // The workers use the cores; threads of libraries would only slow them down.
        for threads in ["OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"] {
            if std::env::var_os(threads).is_none() {
                command.env(threads, "1");
            }
        }
        let mut child = command.spawn().map_err(|error| {
            WorkerError::Refused(Refusal {
                about: "python".to_owned(),
                title: format!("the Python `{}` cannot be started: {error}", settings.python.display()),
                help:
                    "name a Python with gymnasium and numpy in `python`, or in the variable SETPOINT_PYTHON"
                        .to_owned(),
                known: Vec::new(),
            })
        })?;
        // The command has the worker's end of the connection, which hides the worker's death, so it is dropped.
        drop(command);
        let last_lines = Arc::new(Mutex::new(VecDeque::new()));
        let (reading, errors_read) = channel();
        if let Some(errors) = child.stderr.take() {
            let last_lines = Arc::clone(&last_lines);
            std::thread::spawn(move || {
                pass_on(errors, &last_lines);
                drop(reading);
            });
        }
        Ok(Self { child, line: BufReader::new(ours), text: Vec::new(), last_lines, errors_read })
    }

    fn say(&mut self, line: &str) -> Result<(), WorkerError> {
        let mut text = Vec::with_capacity(line.len() + 1);
        text.extend_from_slice(line.as_bytes());
        text.push(b'\n');
        // No other thread writes at this moment.
        let mut socket = self.line.get_ref();
        socket.write_all(&text).map_err(|_| self.died())
    }

    /// Waits for the next line; `None` if it only reports success.
    ///
    /// `present` returns the worker's present environment: as long as it changes, the worker does not hang.
    fn answer(
        &mut self,
        timeout: Duration,
        present: impl Fn() -> Option<usize>,
    ) -> Result<Option<Answer>, WorkerError> {
        let slice = (timeout / 8).clamp(Duration::from_millis(10), Duration::from_secs(1));
        if self.line.get_ref().read_timeout().ok().flatten() != Some(slice) {
            let _ = self.line.get_ref().set_read_timeout(Some(slice));
        }
        self.text.clear();
        let (mut lane, mut since) = (None, Instant::now());
        loop {
            match self.line.read_until(b'\n', &mut self.text) {
                Ok(_) if self.text.ends_with(b"\n") => break,
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                    if matches!(self.child.try_wait(), Ok(Some(_))) {
                        // A process that it started may keep the connection open, but the worker itself is dead.
                        return Err(self.died());
                    }
                    let now = present();
                    if now != lane {
                        (lane, since) = (now, Instant::now());
                    } else if since.elapsed() >= timeout {
                        let _ = self.child.kill();
                        return Err(WorkerError::Hung(lane));
                    }
                }
                Ok(_) | Err(_) => return Err(self.died()),
            }
        }
        if self.text == b"ok\n" {
            return Ok(None);
        }
        let unreadable = |error: serde_json::Error| {
            let text = String::from_utf8_lossy(&self.text);
            let reason = format!("the worker answered `{}`: {error}", text.trim_end());
            WorkerError::Failed(Failure { lane: None, episode: None, reason })
        };
        match serde_json::from_slice(&self.text).map_err(unreadable)? {
            Answer { refused: Some(refusal), .. } => Err(WorkerError::Refused(refusal)),
            Answer { failed: Some(failure), .. } => Err(WorkerError::Failed(failure)),
            answer => Ok(Some(answer)),
        }
    }

    /// Its exit status and its last output.
    fn died(&mut self) -> WorkerError {
        let status = match self.ended_within(Duration::from_secs(1)) {
            Some(status) => status.to_string(),
            None => {
                let _ = self.child.kill();
                "it closed the connection and was killed".to_owned()
            }
        };
        // Its last output may still arrive.
        let _ = self.errors_read.recv_timeout(Duration::from_millis(200));
        let lines = self.last_lines.lock().unwrap_or_else(PoisonError::into_inner);
        let said: Vec<&str> = lines.iter().map(String::as_str).collect();
        WorkerError::Died(if said.is_empty() {
            format!("{status}; without output")
        } else {
            format!("{status}; its last output:\n  {}", said.join("\n  "))
        })
    }

    fn ended_within(&mut self, patience: Duration) -> Option<std::process::ExitStatus> {
        let begin = Instant::now();
        loop {
            if let Ok(Some(status)) = self.child.try_wait() {
                return Some(status);
            }
            if begin.elapsed() >= patience {
                return None;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(Some(_))) {
            return;
        }
        let _ = self.line.get_ref().write_all(b"close\n");
        let _ = self.line.get_ref().shutdown(std::net::Shutdown::Write);
        if self.ended_within(END).is_none() {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

/// Passes on a worker's standard error, with the prints of its environments, and keeps the last lines.
fn pass_on(errors: ChildStderr, last_lines: &Mutex<VecDeque<String>>) {
    // A very long line is passed on in pieces.
    const LINE_BYTES: u64 = 4096;
    let mut errors = BufReader::new(errors);
    let mut line = Vec::new();
    while let Ok(1..) = (&mut errors).take(LINE_BYTES).read_until(b'\n', &mut line) {
        let text = String::from_utf8_lossy(&line).trim_end().to_owned();
        setpoint_terminal::note(&text);
        let mut lines = last_lines.lock().unwrap_or_else(PoisonError::into_inner);
        if lines.len() == LAST_LINES {
            lines.pop_front();
        }
        lines.push_back(text);
        line.clear();
    }
}
