//! An algorithm with the environments that it learns in, from one call of `learn` to the next.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use pyo3::exceptions::{PyRuntimeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict};
use setpoint_learn::error::TrainError;
use setpoint_learn::problem::Problem;
use setpoint_learn::train::cores;
use setpoint_learn::trainer::{Round, Trainer};

use crate::description::{broke_off, project, refused, to_json};
use crate::host::{Failure, Host};
use crate::policy::Policy;
use crate::registry::registry;
use crate::waiting::{self, Reporter};

/// A model: what `setpoint.PPO` and its siblings hold.
#[pyclass(frozen, module = "setpoint._native")]
pub struct Learner {
    problem: Problem,
    /// What an environment written in Python raised, to be raised again where `learn` was called.
    failure: Option<Failure>,
    /// Whether a call of `learn` is under way. The trainer itself is locked for one round at a time: callbacks look at it.
    learning: AtomicBool,
    trainer: Mutex<Trainer>,
}

/// What a callback sees.
struct Event {
    figures: Vec<(&'static str, f64)>,
    steps: u64,
    total_steps: u64,
    updates: u64,
    episodes: u64,
    moving_return: Option<f64>,
}

#[pymethods]
impl Learner {
    /// A fresh learner of the project that `description` (JSON) tells; `host` steps environments written in Python.
    #[new]
    #[pyo3(signature = (description, host=None, threads=0))]
    fn new(
        py: Python<'_>,
        description: &str,
        host: Option<Bound<'_, PyAny>>,
        threads: usize,
    ) -> PyResult<Self> {
        let project = project(description)?;
        // Detached, for what learns from a log reads it now.
        let (problem, failure) = match host {
            None => (py.detach(|| Problem::new(project, registry())), None),
            Some(host) => {
                let host = Host::new(&host)?;
                let failure = host.failure();
                (py.detach(|| Problem::with(project, Arc::new(host))), Some(failure))
            }
        };
        let problem = problem.map_err(|error| refused(&error))?;
        let threads = cores((threads > 0).then_some(threads));
        let trainer = Mutex::new(Trainer::new(&problem, threads));
        Ok(Self { problem, failure, learning: AtomicBool::new(false), trainer })
    }

    /// The process's spaces and signals, as JSON.
    fn spec(&self) -> PyResult<String> {
        to_json(self.problem.spec())
    }

    /// The whole project with every default, as a project file's text.
    fn resolved(&self) -> String {
        self.problem.resolved()
    }

    /// Environment steps of all calls of [`Learner::learn`].
    fn steps(&self, py: Python<'_>) -> u64 {
        py.detach(|| self.lock().steps())
    }

    /// Takes `total_steps` environment steps and learns from them. `callback` is given a dictionary after each update; where
    /// it returns False, the training ends. With `reset` the environments begin new episodes and schedules start again.
    #[pyo3(signature = (total_steps, callback=None, reset=true))]
    fn learn(
        &self,
        py: Python<'_>,
        total_steps: u64,
        callback: Option<Bound<'_, PyAny>>,
        reset: bool,
    ) -> PyResult<()> {
        let stop = AtomicBool::new(false);
        let work = |reporter: Reporter<Event>| {
            if self.learning.swap(true, Ordering::Acquire) {
                return Err(None);
            }
            let _over = Over(&self.learning);
            self.rounds(total_steps, reset, &stop, &reporter).map_err(Some)
        };
        let done = waiting::run(py, &stop, work, |py, event| {
            let Some(callback) = &callback else { return Ok(true) };
            let figures = PyDict::new(py);
            for (name, value) in event.figures {
                figures.set_item(name, value)?;
            }
            figures.set_item("steps", event.steps)?;
            figures.set_item("total_steps", event.total_steps)?;
            figures.set_item("updates", event.updates)?;
            figures.set_item("episodes", event.episodes)?;
            figures.set_item("return_mean_100", event.moving_return)?;
            waiting::ask(callback, &figures)
        })?;
        match done {
            Ok(()) => Ok(()),
            Err(None) => Err(PyRuntimeError::new_err("this model is already learning, in another thread")),
            Err(Some(error)) => {
                let raised = self.failure.as_ref().and_then(Failure::take);
                Err(raised.unwrap_or_else(|| broke_off(&error)))
            }
        }
    }

    /// The present policy.
    fn policy(&self, py: Python<'_>) -> PyResult<Policy> {
        py.detach(|| self.lock().policy()).try_into()
    }

    /// The state of the learner to continue the learning (optimisers, statistics, draws), without replay buffer and
    /// environments.
    fn save<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        let bytes = py.detach(|| self.lock().save());
        let bytes = bytes.map_err(|error| PyRuntimeError::new_err(error.to_string()))?;
        Ok(PyBytes::new(py, &bytes))
    }

    /// Restores the state of [`Learner::save`].
    fn restore(&self, py: Python<'_>, bytes: &[u8]) -> PyResult<()> {
        py.detach(|| self.lock().load(bytes))
            .map_err(|error| PyValueError::new_err(format!("this is not the state of such a model: {error}")))
    }
}

/// Says at its end, a panic's too, that learning is over.
struct Over<'a>(&'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Release);
    }
}

impl Learner {
    /// Never with the interpreter's lock held: who has this lock may be waiting for the interpreter, to step an environment
    /// in Python.
    fn lock(&self) -> std::sync::MutexGuard<'_, Trainer> {
        self.trainer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn rounds(
        &self,
        steps: u64,
        reset: bool,
        stop: &AtomicBool,
        reporter: &Reporter<Event>,
    ) -> Result<(), TrainError> {
        self.lock().sit(steps, reset)?;
        loop {
            let mut trainer = self.lock();
            let Round::Updated = trainer.round(stop)? else { return Ok(()) };
            let event = Event::of(&trainer);
            // Callbacks look at the trainer.
            drop(trainer);
            reporter.report(event);
        }
    }
}

impl Event {
    fn of(trainer: &Trainer) -> Self {
        let progress = trainer.progress();
        Self {
            figures: trainer.figures().iter().map(|(name, value)| (*name, *value)).collect(),
            steps: progress.steps - progress.steps_before,
            total_steps: progress.total_steps - progress.steps_before,
            updates: progress.updates,
            episodes: progress.episodes,
            moving_return: progress.moving_return,
        }
    }
}
