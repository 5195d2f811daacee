//! Long work on a thread of its own: the interpreter is free for other threads, Ctrl-C is heard within a moment, and
//! callbacks run on the thread that called.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::Duration;

use pyo3::prelude::*;
use pyo3::types::PyDict;

/// How often Ctrl-C is looked for.
const LISTEN: Duration = Duration::from_millis(50);

/// The worker's end: tells what has happened and waits until it was looked at.
pub struct Reporter<E> {
    events: Sender<E>,
    answers: Receiver<()>,
}

impl<E> Reporter<E> {
    /// Passes an event on; continues after the caller's thread has processed it.
    pub fn report(&self, event: E) {
        if self.events.send(event).is_ok() {
            let _ = self.answers.recv();
        }
    }
}

/// Passes figures to a callback; returns whether the work continues: it does unless the answer is false.
pub fn ask(callback: &Bound<'_, PyAny>, figures: &Bound<'_, PyDict>) -> PyResult<bool> {
    let answer = callback.call1((figures,))?;
    Ok(answer.is_none() || answer.is_truthy()?)
}

/// Runs `work` on a thread of its own and `on_event` on this one for everything it reports. `stop` is set when `on_event`
/// gives false or fails, and on Ctrl-C; the work is then waited for, and the failure is given.
pub fn run<T: Send, E: Send>(
    py: Python<'_>,
    stop: &AtomicBool,
    work: impl FnOnce(Reporter<E>) -> T + Send,
    mut on_event: impl FnMut(Python<'_>, E) -> PyResult<bool>,
) -> PyResult<T> {
    let (events, received) = channel();
    let (answers, answered) = channel();
    let reporter = Reporter { events, answers: answered };
    std::thread::scope(|scope| {
        let thread = scope.spawn(move || work(reporter));
        let mut failure = None;
        let mut received = received;
        loop {
            // A channel's end cannot be looked at from two threads, which lending it to `detach` would be: it goes to and fro.
            let event;
            (received, event) = py.detach(move || {
                let event = received.recv_timeout(LISTEN);
                (received, event)
            });
            match event {
                Ok(event) => {
                    if failure.is_none() {
                        match on_event(py, event) {
                            Ok(true) => {}
                            Ok(false) => stop.store(true, Ordering::Relaxed),
                            Err(error) => {
                                failure = Some(error);
                                stop.store(true, Ordering::Relaxed);
                            }
                        }
                    }
                    let _ = answers.send(());
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
            if failure.is_none()
                && let Err(error) = py.check_signals()
            {
                failure = Some(error);
                stop.store(true, Ordering::Relaxed);
            }
        }
        let result = py.detach(|| thread.join());
        match (failure, result) {
            (Some(error), _) => Err(error),
            (None, Ok(result)) => Ok(result),
            (None, Err(panic)) => std::panic::resume_unwind(panic),
        }
    })
}
