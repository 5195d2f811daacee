//! One worker: a process of the program with some of the environments.
//!
//! The program resets an environment when it is asked to, so a step in which episodes end has a second round of requests.

use std::cell::RefCell;
use std::ops::Range;
use std::process::Command;
use std::time::Duration;

use serde_json::json;

use setpoint_decision::spec::Spec;
use setpoint_process::process::Outcome;
use setpoint_process::vectorized::{Actions, Transition};

use super::Settings;
use super::description::Description;
use super::frames;
use super::messages::{self, PROTOCOL};
use super::results::{Results, Widths};
use crate::workers::child::{Child, Clock};
use crate::workers::{Failure, Refusal, SeededLane, Worker, WorkerError, Workers};

/// Least time limit of a start: some simulators load a plant model, or wait for a licence server.
const START: Duration = Duration::from_secs(120);
/// Time limit to end after the end of the input.
pub const END: Duration = Duration::from_secs(2);
/// Bytes of a description at most.
const DESCRIPTION_MOST: usize = 16 << 20;
/// Bytes of an answer at most, and for each number in it: a number of 64 bits has 25 characters at most.
const ANSWER_MOST: usize = 1 << 16;
const NUMBER_MOST: usize = 32;
/// Bytes of a saved state at most.
const STATE_MOST: usize = 16 << 20;
/// Bytes of requests that are sent before their answers are read: so many always fit into the connection, so this side and the
/// program never wait for each other.
const AHEAD: usize = 32 << 10;

/// The workers of a project's program.
pub struct ProgramWorkers {
    settings: Settings,
    /// The required description of every worker.
    description: Description,
    spec: Spec,
    wire: Wire,
}

impl ProgramWorkers {
    /// With the description of the program, and the fastest form of requests that it answers and the project allows.
    pub fn new(settings: Settings, description: Description) -> Self {
        let wire = match () {
            () if !description.lines => Wire::Frames,
            () if settings.binary && description.binary => Wire::Frames,
            () if description.batch => Wire::Batches,
            () => Wire::Lines,
        };
        Self::with_wire(settings, description, wire)
    }

    /// The same with another form of requests.
    pub fn with_wire(settings: Settings, description: Description, wire: Wire) -> Self {
        let spec = description.spec(settings.max_steps);
        Self { settings, description, spec, wire }
    }
}

/// A started program that has not described itself yet.
pub struct StartingProgram {
    child: Child,
    timeout: Duration,
}

impl StartingProgram {
    /// Starts a program for a number of environments.
    pub fn new(settings: &Settings, lanes: usize) -> Result<Self, WorkerError> {
        let mut command = Command::new(settings.executable());
        command.args(settings.command.iter().skip(1)).current_dir(&settings.folder);
        let mut child = Child::start(command, b"", |error| {
            let program = settings.command.first().map_or("", String::as_str);
            let title = format!("`{program}` cannot be started in {}: {error}", settings.folder.display());
            let (about, help, known) = ("command".to_owned(), String::new(), Vec::new());
            WorkerError::Refused(Refusal { about, title, help, known })
        })?;
        let timeout = settings.timeout.max(START);
        let request = json!({
            "request": "describe", "protocol": PROTOCOL, "lanes": lanes, "options": settings.options,
        });
        // A dead program tells more by its last output.
        match child.send(format!("{request}\n").as_bytes(), timeout) {
            Ok(()) | Err(WorkerError::Died(_)) => Ok(Self { child, timeout }),
            Err(error) => Err(error),
        }
    }

    /// Sends a line and waits for the answer to it.
    pub fn ask(&mut self, line: &str) -> Result<Vec<u8>, WorkerError> {
        let mut text = Vec::new();
        self.child.send(format!("{line}\n").as_bytes(), self.timeout)?;
        self.child.read_line(&mut text, STATE_MOST, Clock::new(self.timeout, &|| None))?;
        Ok(text)
    }

    /// Whether it ends by itself after the end of its input.
    pub fn ends_with_its_input(&mut self) -> bool {
        self.child.end(END).is_some()
    }

    /// Waits for its description.
    pub fn described(&mut self) -> Result<Description, WorkerError> {
        let mut text = Vec::new();
        self.child.read_line(&mut text, DESCRIPTION_MOST, Clock::new(self.timeout, &|| None))?;
        let failed = |reason: String| WorkerError::failed(format!("its description: {reason}"));
        #[derive(serde::Deserialize)]
        struct Refused {
            error: String,
        }
        if let Ok(Refused { error }) = serde_json::from_slice(&text) {
            return Err(failed(format!("it answered with the error: {error}")));
        }
        serde_json::from_slice(&text).map_err(|error| failed(messages::unreadable(&text, &error.to_string())))
    }
}

impl Workers for ProgramWorkers {
    type Starting = StartingProgram;
    type Worker = ProgramWorker;

    fn called(&self) -> String {
        self.settings.called()
    }

    fn spec(&self) -> &Spec {
        &self.spec
    }

    fn timeout(&self) -> Duration {
        self.settings.timeout
    }

    /// More than the project says, if a process of the program can have few environments.
    fn count_for(&self, lanes: usize) -> usize {
        let cores = || std::thread::available_parallelism().map_or(1, usize::from);
        let least = self.description.environments.map_or(1, |most| lanes.div_ceil(most.max(1)));
        self.settings.workers.unwrap_or_else(cores).max(least).min(lanes).max(1)
    }

    fn seeds_every_episode(&self) -> bool {
        true
    }

    fn saves(&self) -> bool {
        self.description.saves
    }

    fn start(&self, lanes: usize) -> Result<StartingProgram, WorkerError> {
        StartingProgram::new(&self.settings, lanes)
    }

    fn ready(&self, mut starting: StartingProgram, lanes: usize) -> Result<ProgramWorker, WorkerError> {
        if starting.described()? != self.description {
            return Err(WorkerError::failed(
                "its description has changed since the project was opened: every process of a program must give the same",
            ));
        }
        let StartingProgram { child, .. } = starting;
        let mut connection = Connection { child, text: Vec::new(), timeout: self.settings.timeout };
        if self.wire == Wire::Frames {
            connection.ask("{\"request\":\"binary\"}\n", ANSWER_MOST)?;
            messages::read_done(&connection.text, None).map_err(WorkerError::failed)?;
        }
        Ok(ProgramWorker {
            connection: RefCell::new(connection),
            wire: self.wire,
            widths: Widths::new(&self.spec, self.settings.check_bounds),
            max_steps: self.spec.max_steps.unwrap_or(u32::MAX),
            episode_steps: vec![0; lanes],
            request: Request::default(),
            results: Results::default(),
        })
    }
}

/// The form of requests and answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wire {
    /// A line for each environment.
    Lines,
    /// A line for all.
    Batches,
    /// A frame of bytes for all.
    Frames,
}

/// A request that waits for its answers.
#[derive(Default)]
struct Request {
    is_step: bool,
    /// The environments, in the order of the request.
    lanes: Vec<usize>,
    /// The text of a request; frames are written at once.
    text: String,
    bytes: Vec<u8>,
    /// The end of each line in the text, if every environment has its own.
    ends: Vec<usize>,
    /// Bytes of the text that are sent.
    sent: usize,
}

/// A process of the program that takes requests.
pub struct ProgramWorker {
    /// A state is saved without a change of the worker.
    connection: RefCell<Connection>,
    wire: Wire,
    widths: Widths,
    max_steps: u32,
    /// Steps of the present episode of each environment.
    episode_steps: Vec<u32>,
    request: Request,
    results: Results,
}

impl ProgramWorker {
    /// Sends a request, or its beginning, if each environment has a line.
    fn send(&mut self) -> Result<(), WorkerError> {
        let connection = self.connection.get_mut();
        let unasked = connection.child.unasked();
        if !unasked.is_empty() {
            return Err(WorkerError::failed(format!(
                "it wrote more than it was asked: `{}`. Every request has one answer, and its standard output is for answers alone",
                crate::workers::child::excerpt(unasked)
            )));
        }
        match self.wire {
            Wire::Lines => self.send_ahead(0),
            Wire::Batches => connection.send(self.request.text.as_bytes()),
            Wire::Frames => connection.send(&self.request.bytes),
        }
    }

    /// Sends the lines from the environment `index` on that may be sent before its answer is read.
    fn send_ahead(&mut self, index: usize) -> Result<(), WorkerError> {
        let Request { text, ends, sent, .. } = &mut self.request;
        let is_sent = |end: &usize| *end <= *sent;
        if ends.get(index).is_none_or(is_sent) {
            return Ok(());
        }
        // All earlier answers are read, so nothing is on its way.
        let last = ends[index..].iter().take_while(|end| **end - *sent <= AHEAD).last();
        let end = *last.unwrap_or(&ends[index]);
        self.connection.get_mut().send(&text.as_bytes()[*sent..end])?;
        *sent = end;
        Ok(())
    }

    /// Writes and sends a request about these environments.
    fn request(
        &mut self,
        lanes: impl Iterator<Item = usize>,
        is_step: bool,
        mut write: impl FnMut(&mut String, usize),
        frame: impl FnOnce(&[usize], &mut Vec<u8>),
    ) -> Result<(), WorkerError> {
        let Request { is_step: own_is_step, lanes: own, text, bytes, ends, sent } = &mut self.request;
        *own_is_step = is_step;
        own.clear();
        own.extend(lanes);
        text.clear();
        ends.clear();
        *sent = 0;
        if own.is_empty() {
            return Ok(());
        }
        match self.wire {
            Wire::Frames => {
                bytes.clear();
                frame(own, bytes);
            }
            Wire::Batches => {
                text.push_str(r#"{"request":"batch","requests":["#);
                for (index, lane) in own.iter().enumerate() {
                    if index > 0 {
                        text.push(',');
                    }
                    write(text, *lane);
                }
                text.push_str("]}\n");
            }
            Wire::Lines => {
                for lane in own.iter() {
                    write(text, *lane);
                    text.push('\n');
                    ends.push(text.len());
                }
            }
        }
        self.send()
    }

    /// Waits for the answers to the request, and checks them.
    fn receive(&mut self) -> Result<(), WorkerError> {
        self.results.clear();
        let count = self.request.lanes.len();
        if count == 0 {
            return Ok(());
        }
        match self.wire {
            Wire::Lines => {
                for index in 0..count {
                    let lane = self.request.lanes[index];
                    self.send_ahead(index)?;
                    let most = ANSWER_MOST + NUMBER_MOST * self.numbers();
                    let (connection, is_step) = (self.connection.get_mut(), self.request.is_step);
                    connection.read(most, 1).map_err(|error| at(error, lane))?;
                    messages::read_row(&connection.text, lane, is_step, &self.widths, &mut self.results)
                        .map_err(|reason| failure(Some(lane), reason))?;
                }
            }
            Wire::Batches => {
                let most = ANSWER_MOST + count * (256 + NUMBER_MOST * self.numbers());
                let (connection, Request { lanes, is_step, .. }) = (self.connection.get_mut(), &self.request);
                connection.read(most, count)?;
                messages::read_rows(&connection.text, lanes, *is_step, &self.widths, &mut self.results)
                    .map_err(|(lane, reason)| failure(lane, reason))?;
            }
            Wire::Frames => {
                let connection = self.connection.get_mut();
                let limit = connection.timeout.saturating_mul(count as u32);
                let Connection { child, text, .. } = connection;
                frames::read_results(child, text, count, limit, &self.widths, &mut self.results)?;
            }
        }
        for (row, lane) in self.request.lanes.iter().enumerate() {
            self.widths.check(&self.results, row).map_err(|reason| {
                let after = if self.request.is_step { "" } else { "after a reset, " };
                failure(Some(*lane), format!("{after}{reason}"))
            })?;
        }
        Ok(())
    }

    /// Numbers of an answer.
    fn numbers(&self) -> usize {
        self.widths.features + self.widths.signals + self.widths.masked
    }
}

impl Worker for ProgramWorker {
    fn begin(&mut self, seeds: &[(usize, Option<u32>)]) -> Result<(), WorkerError> {
        let mut next = seeds.iter().map(|(_, seed)| seed.unwrap_or(0));
        let all: Vec<u32> = next.clone().collect();
        self.request(
            seeds.iter().map(|(lane, _)| *lane),
            false,
            |line, lane| messages::write_reset(line, lane, next.next().unwrap_or(0)),
            |lanes, bytes| frames::write_reset(bytes, lanes, &all),
        )
    }

    fn step(&mut self, actions: Actions<'_>, steps: &[bool]) -> Result<(), WorkerError> {
        let count = self.episode_steps.len();
        let stepping = (0..count).filter(|lane| steps.is_empty() || steps[*lane]);
        self.request(
            stepping,
            true,
            |line, lane| messages::write_step(line, lane, actions.of_lanes(lane..lane + 1, count)),
            |lanes, bytes| frames::write_step(bytes, lanes, actions, count),
        )
    }

    fn finish(
        &mut self,
        rows: Range<usize>,
        into: &mut Transition,
        lanes: &mut [SeededLane],
    ) -> Result<(), WorkerError> {
        self.receive()?;
        into.outcomes[rows.clone()].fill(Outcome::Running);
        if self.request.is_step {
            let mut over = Vec::new();
            for (row, lane) in self.request.lanes.iter().copied().enumerate() {
                self.episode_steps[lane] += 1;
                let outcome = match self.results.outcomes[row] {
                    1 => Outcome::Terminated,
                    0 if self.episode_steps[lane] < self.max_steps => Outcome::Running,
                    _ => Outcome::Truncated,
                };
                self.widths.place_step(&self.results, row, outcome, rows.start + lane, into);
                if outcome.is_over() {
                    over.push((lane, Some(lanes[lane].seed())));
                }
            }
            if over.is_empty() {
                return Ok(());
            }
            self.begin(&over)?;
            self.receive()?;
        }
        for (row, lane) in self.request.lanes.iter().copied().enumerate() {
            self.widths.place(&self.results, row, rows.start + lane, into);
            self.episode_steps[lane] = 0;
            // A step has its own signals; those of an episode that only begins are the present ones.
            if !into.outcomes[rows.start + lane].is_over() {
                let own =
                    (rows.start + lane) * self.widths.signals..(rows.start + lane + 1) * self.widths.signals;
                into.signals[own.clone()].copy_from_slice(&into.current_signals[own]);
            }
        }
        Ok(())
    }

    fn save(&self) -> Result<Vec<Vec<u8>>, WorkerError> {
        let mut connection = self.connection.borrow_mut();
        let state = |(lane, steps): (usize, &u32)| {
            let mut line = String::new();
            messages::write_save(&mut line, lane);
            connection.ask_json(self.wire, &line)?;
            let state =
                messages::read_saved(&connection.text, lane).map_err(|reason| failure(Some(lane), reason))?;
            Ok([steps.to_le_bytes().as_slice(), state.as_bytes()].concat())
        };
        self.episode_steps.iter().enumerate().map(state).collect()
    }

    fn load(&mut self, states: &[Vec<u8>]) -> Result<(), WorkerError> {
        for (lane, state) in states.iter().enumerate() {
            let parts = state
                .split_first_chunk()
                .and_then(|(steps, text)| Some((steps, std::str::from_utf8(text).ok()?)));
            let (steps, state) = parts.ok_or_else(|| WorkerError::failed("the saved state is damaged"))?;
            self.episode_steps[lane] = u32::from_le_bytes(*steps);
            let mut line = String::new();
            messages::write_load(&mut line, lane, state);
            let connection = self.connection.get_mut();
            connection.ask_json(self.wire, &line)?;
            messages::read_done(&connection.text, Some(lane))
                .map_err(|reason| failure(Some(lane), reason))?;
        }
        Ok(())
    }

    fn id(&self) -> u32 {
        self.connection.borrow().child.id()
    }
}

/// The connection to a program, and the text of its last answer.
struct Connection {
    child: Child,
    text: Vec<u8>,
    timeout: Duration,
}

impl Connection {
    fn send(&mut self, message: &[u8]) -> Result<(), WorkerError> {
        self.child.send(message, self.timeout)
    }

    /// Reads an answer for `count` environments, each of which has the full time limit.
    fn read(&mut self, most: usize, count: usize) -> Result<(), WorkerError> {
        let limit = self.timeout.saturating_mul(count as u32);
        self.child.read_line(&mut self.text, most, Clock::new(limit, &|| None))
    }

    fn ask(&mut self, line: &str, most: usize) -> Result<(), WorkerError> {
        self.send(line.as_bytes())?;
        self.read(most, 1)
    }

    /// Asks with a line of JSON, in a frame if the connection has frames.
    fn ask_json(&mut self, wire: Wire, line: &str) -> Result<(), WorkerError> {
        if wire != Wire::Frames {
            return self.ask(&format!("{line}\n"), STATE_MOST);
        }
        let mut frame = Vec::new();
        frames::write_text(&mut frame, line);
        self.send(&frame)?;
        frames::read_text(&mut self.child, &mut self.text, STATE_MOST, self.timeout)
    }
}

/// A failure of an environment.
fn failure(lane: Option<usize>, reason: String) -> WorkerError {
    WorkerError::Failed(Failure { lane, episode: None, reason })
}

/// The same error with the environment that it is about.
fn at(error: WorkerError, lane: usize) -> WorkerError {
    match error {
        WorkerError::Hung(None) => WorkerError::Hung(Some(lane)),
        WorkerError::Failed(Failure { lane: None, reason, .. }) => failure(Some(lane), reason),
        error => error,
    }
}
