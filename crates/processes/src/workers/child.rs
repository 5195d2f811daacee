//! One worker process, and the connection to it over its standard input and standard output.
//!
//! The connection is a pair of sockets, which has time-outs, unlike a pipe, so no extra thread is needed. The clock starts
//! again whenever a worker reports another environment, so each environment of a worker has the full time limit.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::process::{ChildStderr, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::WorkerError;

/// Time limit for a worker to end by itself.
const END: Duration = Duration::from_secs(2);
/// Number of lines of standard error in the error about a dead worker.
const LAST_LINES: usize = 12;
/// Bytes of answers that are read at once.
const BUFFER: usize = 1 << 16;

/// The process and the connection to it. Dropping it ends the process.
pub struct Child {
    process: std::process::Child,
    line: BufReader<UnixStream>,
    /// The last message, if it needs one more than the end of its input.
    farewell: &'static [u8],
    last_lines: Arc<Mutex<VecDeque<String>>>,
    /// Closed after standard error was read to its end.
    errors_read: Receiver<()>,
    /// The present time limits of a read and of a write: a call of the system for each message would cost as much as the message.
    limits: (Option<Duration>, Option<Duration>),
}

/// The time that a worker has for an answer.
pub struct Clock<'a> {
    timeout: Duration,
    /// The worker's present environment: as long as it changes, the worker does not hang.
    present: &'a dyn Fn() -> Option<usize>,
    lane: Option<usize>,
    since: Instant,
    /// Whether a part of the answer is there: an answer that arrives byte by byte must end too.
    has_begun: bool,
}

impl<'a> Clock<'a> {
    /// That starts now, and again whenever the present environment changes.
    pub fn new(timeout: Duration, present: &'a dyn Fn() -> Option<usize>) -> Self {
        Self { timeout, present, lane: None, since: Instant::now(), has_begun: false }
    }

    fn has_ended(&mut self) -> bool {
        let now = (self.present)();
        if now != self.lane {
            (self.lane, self.since) = (now, Instant::now());
        }
        self.since.elapsed() >= self.timeout
    }
}

impl Child {
    /// Starts a process; `unstartable` says what the system's error means.
    pub fn start(
        mut command: Command,
        farewell: &'static [u8],
        unstartable: impl FnOnce(std::io::Error) -> WorkerError,
    ) -> Result<Self, WorkerError> {
        let io = |error: std::io::Error| WorkerError::failed(format!("no connection to a worker: {error}"));
        let (ours, theirs) = UnixStream::pair().map_err(io)?;
        command
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
        let mut process = command.spawn().map_err(unstartable)?;
        // The command has the worker's end of the connection, which hides the worker's death, so it is dropped.
        drop(command);
        let last_lines = Arc::new(Mutex::new(VecDeque::new()));
        let (reading, errors_read) = channel();
        if let Some(errors) = process.stderr.take() {
            let last_lines = Arc::clone(&last_lines);
            std::thread::spawn(move || {
                pass_on(errors, &last_lines);
                drop(reading);
            });
        }
        let line = BufReader::with_capacity(BUFFER, ours);
        Ok(Self { process, line, farewell, last_lines, errors_read, limits: (None, None) })
    }

    /// The number of the process.
    pub fn id(&self) -> u32 {
        self.process.id()
    }

    /// Sends a message. A worker that reads nothing for `timeout` hangs.
    pub fn send(&mut self, message: &[u8], timeout: Duration) -> Result<(), WorkerError> {
        // No other thread writes at this moment.
        let mut socket = self.line.get_ref();
        if self.limits.1 != Some(timeout) {
            let _ = socket.set_write_timeout(Some(timeout));
            self.limits.1 = Some(timeout);
        }
        match socket.write_all(message) {
            Ok(()) => Ok(()),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                let _ = self.process.kill();
                Err(WorkerError::Hung(None))
            }
            Err(_) => Err(self.died()),
        }
    }

    /// Reads a line, without its end, which has `most` bytes at most.
    pub fn read_line(
        &mut self,
        line: &mut Vec<u8>,
        most: usize,
        mut clock: Clock<'_>,
    ) -> Result<(), WorkerError> {
        line.clear();
        loop {
            let arrived = self.arrived(&mut clock)?;
            let end = arrived.iter().position(|byte| *byte == b'\n');
            line.extend_from_slice(&arrived[..end.unwrap_or(arrived.len())]);
            let read = end.map_or(arrived.len(), |end| end + 1);
            self.line.consume(read);
            if line.len() > most {
                let begin = excerpt(line);
                return Err(WorkerError::failed(format!(
                    "its answer has more than {most} bytes in a line; it begins with `{begin}`"
                )));
            }
            if end.is_some() {
                return Ok(());
            }
        }
    }

    /// Reads so many bytes.
    pub fn read_exact(&mut self, bytes: &mut [u8], mut clock: Clock<'_>) -> Result<(), WorkerError> {
        let mut filled = 0;
        while filled < bytes.len() {
            let arrived = self.arrived(&mut clock)?;
            let count = arrived.len().min(bytes.len() - filled);
            bytes[filled..filled + count].copy_from_slice(&arrived[..count]);
            self.line.consume(count);
            filled += count;
        }
        Ok(())
    }

    /// Bytes that have arrived and were not asked for.
    pub fn unasked(&self) -> &[u8] {
        self.line.buffer()
    }

    /// Waits until something has arrived.
    fn arrived(&mut self, clock: &mut Clock<'_>) -> Result<&[u8], WorkerError> {
        let slice = (clock.timeout / 8).clamp(Duration::from_millis(10), Duration::from_secs(1));
        if self.limits.0 != Some(slice) {
            let _ = self.line.get_ref().set_read_timeout(Some(slice));
            self.limits.0 = Some(slice);
        }
        if self.line.buffer().is_empty() && clock.has_begun && clock.has_ended() {
            let _ = self.process.kill();
            return Err(WorkerError::Hung(clock.lane));
        }
        clock.has_begun = true;
        loop {
            match self.line.fill_buf() {
                Ok([]) => return Err(self.died()),
                Ok(_) => break,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                    if matches!(self.process.try_wait(), Ok(Some(_))) {
                        // A process that it started may keep the connection open, but the worker itself is dead.
                        return Err(self.died());
                    }
                }
                Err(_) => return Err(self.died()),
            }
            if clock.has_ended() {
                let _ = self.process.kill();
                return Err(WorkerError::Hung(clock.lane));
            }
        }
        Ok(self.line.buffer())
    }

    /// Its exit status and its last output.
    fn died(&mut self) -> WorkerError {
        let status = match self.ended_within(Duration::from_secs(1)) {
            Some(status) => status.to_string(),
            None => {
                let _ = self.process.kill();
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

    /// Ends its input and waits for its end; `None` if it does not end within `patience`.
    pub fn end(&mut self, patience: Duration) -> Option<ExitStatus> {
        let _ = self.line.get_ref().write_all(self.farewell);
        let _ = self.line.get_ref().shutdown(std::net::Shutdown::Write);
        self.ended_within(patience)
    }

    fn ended_within(&mut self, patience: Duration) -> Option<ExitStatus> {
        let begin = Instant::now();
        loop {
            if let Ok(Some(status)) = self.process.try_wait() {
                return Some(status);
            }
            if begin.elapsed() >= patience {
                return None;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        if matches!(self.process.try_wait(), Ok(Some(_))) {
            return;
        }
        if self.end(END).is_none() {
            let _ = self.process.kill();
            let _ = self.process.wait();
        }
    }
}

/// The beginning of an answer, for a message.
pub fn excerpt(bytes: &[u8]) -> String {
    const CHARACTERS: usize = 80;
    let text = String::from_utf8_lossy(&bytes[..bytes.len().min(4 * CHARACTERS)]);
    let begin: String = text.chars().take(CHARACTERS).collect();
    if begin.len() < bytes.len() { format!("{begin}…") } else { begin }
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
