//! One worker: a Python process that holds some of the environments (`python/setpoint/env_worker.py`).
//!
//! The line between the two is a pair of sockets, which knows time-outs, unlike a pipe: no thread stands between an
//! answer and whoever waits for it. Each answer is looked at by the clock and by the lane that the worker says it is in,
//! so that many environments in one worker have the time of each of them.

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

/// What the interpreter is told on its command line: everything else arrives on its standard input, so that neither a
/// file nor an installation is needed.
const BEGIN: &str = r#"import json, sys
request = json.loads(sys.stdin.buffer.readline())
names = {"__name__": "setpoint.env_worker"}
exec(compile(request["sources"]["env_worker"], "setpoint/env_worker.py", "exec"), names)
names["main"](request)"#;
const WORKER: &str = include_str!("../../../../python/setpoint/env_worker.py");
const HOST: &str = include_str!("../../../../python/setpoint/_host.py");
const SPACES: &str = include_str!("../../../../python/setpoint/_spaces.py");

/// Imports take their time, and some simulators a license server's: a start is given at least this.
const START: Duration = Duration::from_secs(120);
/// How long a worker may take to end by itself.
const END: Duration = Duration::from_secs(2);
/// Lines of standard error that a report of its death shows.
const LAST_LINES: usize = 12;

/// A worker that answers.
pub struct Worker {
    /// The batch's lanes that it holds.
    pub lanes: Range<usize>,
    /// Where actions go and results come from.
    pub shared: SharedArrays,
    process: Process,
}

/// A worker that was started and has not told yet what its environments are.
pub struct StartingWorker {
    process: Process,
    lanes: Range<usize>,
}

/// Why a worker did not do what it was asked.
#[derive(Debug)]
pub enum WorkerError {
    /// Its environments cannot be made.
    Refused(Refusal),
    /// An environment raised, or gave what its spaces do not allow.
    Failed(Failure),
    /// It is dead: how it ended, and what it said last.
    Died(String),
    /// It does not answer; the lane it was in, counted within it.
    Hung(Option<usize>),
}

/// A worker's word on environments that cannot be made.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Refusal {
    /// The key of `[process]` that is to blame.
    pub about: String,
    /// What is wrong.
    pub title: String,
    /// What would help, where the worker knows.
    pub help: String,
    /// What could have been meant.
    pub known: Vec<String>,
}

/// A worker's word on an environment.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Failure {
    /// Which one, counted within the worker; none where the worker itself failed.
    pub lane: Option<usize>,
    /// Its episode since the worker was started, from 1.
    pub episode: Option<u64>,
    /// What happened, and what may help.
    pub reason: String,
}

#[derive(Deserialize)]
struct Answer {
    description: Option<serde_json::Value>,
    refused: Option<Refusal>,
    failed: Option<Failure>,
}

impl StartingWorker {
    /// The batch's lanes that it will hold.
    pub fn lanes(&self) -> Range<usize> {
        self.lanes.clone()
    }

    /// Starts a worker for some lanes; whether its choices are masked is told where it is known.
    pub fn new(settings: &Settings, lanes: Range<usize>, masked: Option<bool>) -> Result<Self, WorkerError> {
        let mut process = Process::start(settings)?;
        let request = json!({
            "sources": { "env_worker": WORKER, "_host": HOST, "_spaces": SPACES },
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

    /// Waits for what its environments are, and gives it the memory that they write to.
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
    /// Asks for something; [`Worker::wait`] tells when it is done.
    pub fn say(&mut self, line: &str) -> Result<(), WorkerError> {
        self.process.say(line)
    }

    /// Waits until it is done; each environment may take as long as `timeout`.
    pub fn wait(&mut self, timeout: Duration) -> Result<(), WorkerError> {
        let Self { process, shared, .. } = self;
        process.answer(timeout, || shared.present_lane()).map(|_| ())
    }

    /// The number that the system has given it.
    pub fn id(&self) -> u32 {
        self.process.child.id()
    }
}

/// The Python process and the line to it. Dropping it ends it.
struct Process {
    child: Child,
    line: BufReader<UnixStream>,
    text: Vec<u8>,
    last_lines: Arc<Mutex<VecDeque<String>>>,
    /// Closed when standard error has been read to its end.
    errors_read: Receiver<()>,
}

impl Process {
    fn start(settings: &Settings) -> Result<Self, WorkerError> {
        let io = |error: std::io::Error| {
            WorkerError::Failed(Failure {
                lane: None,
                episode: None,
                reason: format!("no line to a worker: {error}"),
            })
        };
        let (ours, theirs) = UnixStream::pair().map_err(io)?;
        let mut command = Command::new(&settings.python);
        command
            .args(["-c", BEGIN])
            .stdin(Stdio::from(OwnedFd::from(theirs.try_clone().map_err(io)?)))
            .stdout(Stdio::from(OwnedFd::from(theirs)))
            .stderr(Stdio::piped())
            // Ctrl-C at the terminal is for the training, which finishes what it is at and then ends its workers.
            .process_group(0);
        // Workers are what runs side by side; libraries that would start threads of their own only take their cores.
        for threads in ["OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"] {
            if std::env::var_os(threads).is_none() {
                command.env(threads, "1");
            }
        }
        let mut child = command.spawn().map_err(|error| {
            WorkerError::Refused(Refusal {
                about: "python".to_owned(),
                title: format!("the Python `{}` cannot be started: {error}", settings.python.display()),
                help: "name one that has gymnasium and numpy in `python`, or in the variable SETPOINT_PYTHON"
                    .to_owned(),
                known: Vec::new(),
            })
        })?;
        // The command holds the worker's end of the line: as long as it does, its death would not be seen.
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
        // Ours alone for the moment: nobody else writes.
        let mut socket = self.line.get_ref();
        socket.write_all(&text).map_err(|_| self.died())
    }

    /// Waits for the next line; `None` where it says nothing but that all is well.
    ///
    /// `present` tells which of its environments the worker is in: as long as that changes, it does not hang.
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
                        // What it started may keep its end of the line open; it itself is gone.
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

    /// How it ended, and what it said last.
    fn died(&mut self) -> WorkerError {
        let status = match self.ended_within(Duration::from_secs(1)) {
            Some(status) => status.to_string(),
            None => {
                let _ = self.child.kill();
                "it closed its line and was ended".to_owned()
            }
        };
        // Its last words may still be on their way.
        let _ = self.errors_read.recv_timeout(Duration::from_millis(200));
        let lines = self.last_lines.lock().unwrap_or_else(PoisonError::into_inner);
        let said: Vec<&str> = lines.iter().map(String::as_str).collect();
        WorkerError::Died(if said.is_empty() {
            format!("{status}; it said nothing")
        } else {
            format!("{status}; its last words:\n  {}", said.join("\n  "))
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

/// Passes on what a worker says on standard error, its environments' prints among it, and remembers the end.
fn pass_on(errors: ChildStderr, last_lines: &Mutex<VecDeque<String>>) {
    // A line without an end is passed on in pieces.
    const LINE_BYTES: u64 = 4096;
    let mut errors = BufReader::new(errors);
    let mut line = Vec::new();
    while let Ok(1..) = (&mut errors).take(LINE_BYTES).read_until(b'\n', &mut line) {
        let text = String::from_utf8_lossy(&line).trim_end().to_owned();
        eprintln!("{text}");
        let mut lines = last_lines.lock().unwrap_or_else(PoisonError::into_inner);
        if lines.len() == LAST_LINES {
            lines.pop_front();
        }
        lines.push_back(text);
        line.clear();
    }
}
