//! An algorithm with the environments that it learns in, from one call of `learn` to the next.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use pyo3::exceptions::{PyRuntimeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict};
use setpoint_evidence::environments::Environments;
use setpoint_learn::algorithm::{Algorithm, Horizon};
use setpoint_learn::episodes::EpisodeStatistics;
use setpoint_learn::error::TrainError;
use setpoint_learn::problem::Problem;
use setpoint_learn::train::cores;

use crate::description::{broke_off, project, refused, to_json};
use crate::host::{Failure, Host};
use crate::policy::Policy;
use crate::waiting::{self, Reporter};

/// A model: what `setpoint.PPO` and its siblings hold.
#[pyclass(frozen, module = "setpoint._native")]
pub struct Learner {
    problem: Problem,
    seed: u64,
    /// What an environment written in Python raised, to be raised again where `learn` was called.
    failure: Option<Failure>,
    /// Whether a call of `learn` is under way. The state itself is locked for one update at a time: callbacks look at it.
    learning: AtomicBool,
    state: Mutex<State>,
}

struct State {
    algorithm: Box<dyn Algorithm>,
    environments: Option<Environments>,
    statistics: EpisodeStatistics,
    updates: u64,
    /// Environment steps of all calls of `learn`.
    steps: u64,
    /// How often environments were begun anew: each time draws from its own streams.
    beginnings: u64,
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
            None => (py.detach(|| Problem::new(project, &setpoint::registry())), None),
            Some(host) => {
                let host = Host::new(&host)?;
                let failure = host.failure();
                (py.detach(|| Problem::with(project, Arc::new(host))), Some(failure))
            }
        };
        let problem = problem.map_err(|error| refused(&error))?;
        let seed = problem.decision.project.train.seed;
        let threads = cores((threads > 0).then_some(threads));
        let state = State {
            algorithm: problem.learner(seed, threads),
            environments: None,
            statistics: EpisodeStatistics::default(),
            updates: 0,
            steps: 0,
            beginnings: 0,
        };
        Ok(Self { problem, seed, failure, learning: AtomicBool::new(false), state: Mutex::new(state) })
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
        py.detach(|| self.lock().steps)
    }

    /// Takes `total_steps` environment steps and learns from them. `callback` is given a dictionary after each update; where
    /// it gives False, the training ends. With `reset` the environments begin anew and schedules start over.
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
            Err(None) => Err(PyRuntimeError::new_err("this model is learning already, in another thread")),
            Err(Some(error)) => {
                let raised = self.failure.as_ref().and_then(Failure::take);
                Err(raised.unwrap_or_else(|| broke_off(&error)))
            }
        }
    }

    /// The policy as it stands.
    fn policy(&self, py: Python<'_>) -> Policy {
        py.detach(|| {
            let state = self.lock();
            self.problem.policy(state.algorithm.snapshot(), self.seed, state.steps).into()
        })
    }

    /// What the learner needs to go on learning (optimisers, statistics, draws), without replay buffer and environments.
    fn save<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        let bytes = py.detach(|| {
            let state = self.lock();
            let algorithm = state.algorithm.save().map_err(|error| error.to_string())?;
            let saved = (algorithm, &state.statistics, state.updates, state.steps, state.beginnings);
            postcard::to_stdvec(&saved).map_err(|error| error.to_string())
        });
        let bytes = bytes.map_err(PyRuntimeError::new_err)?;
        Ok(PyBytes::new(py, &bytes))
    }

    /// Puts back what [`Learner::save`] gave.
    fn restore(&self, py: Python<'_>, bytes: &[u8]) -> PyResult<()> {
        let refuse =
            |reason: String| PyValueError::new_err(format!("this is no state of such a model: {reason}"));
        let (algorithm, statistics, updates, steps, beginnings): (Vec<u8>, _, _, _, _) =
            postcard::from_bytes(bytes).map_err(|error| refuse(error.to_string()))?;
        py.detach(|| {
            let mut state = self.lock();
            state.algorithm.load(&algorithm).map_err(|error| refuse(error.to_string()))?;
            // The buffer is not saved: it fills anew.
            let _ = state.algorithm.replay_to_restore();
            (state.statistics, state.updates, state.steps, state.beginnings) =
                (statistics, updates, steps, beginnings);
            state.environments = None;
            Ok(())
        })
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
    /// Never with the interpreter's lock held: who has this one may be waiting for that to step an environment in Python.
    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn rounds(
        &self,
        steps: u64,
        reset: bool,
        stop: &AtomicBool,
        reporter: &Reporter<Event>,
    ) -> Result<(), TrainError> {
        let (begin, end) = self.lock().begin(&self.problem, self.seed, steps, reset)?;
        while !stop.load(Ordering::Relaxed) {
            let Some(event) = self.lock().update(begin, end)? else { break };
            reporter.report(event);
        }
        Ok(())
    }
}

impl State {
    /// Makes the environments ready; gives their steps so far, and at the end.
    fn begin(
        &mut self,
        problem: &Problem,
        seed: u64,
        steps: u64,
        reset: bool,
    ) -> Result<(u64, u64), TrainError> {
        if reset || self.environments.is_none() {
            let purpose = match self.beginnings {
                0 => "training".to_owned(),
                beginning => format!("training {beginning}"),
            };
            // The old ones go first: environments outside of this program may not be there twice.
            self.environments = None;
            let lanes = self.algorithm.lanes();
            let environments = Environments::for_training(
                &problem.decision.project,
                &problem.decision.factory,
                lanes,
                seed,
                &purpose,
            )?;
            self.algorithm.begin(&environments);
            self.environments = Some(environments);
            self.beginnings += 1;
        }
        let begin = self.environments.as_ref().map_or(0, Environments::steps);
        Ok((begin, begin + steps))
    }

    /// Collects and learns once; `None` where all steps are taken.
    fn update(&mut self, begin: u64, end: u64) -> Result<Option<Event>, TrainError> {
        let Some(environments) = self.environments.as_mut().filter(|environments| environments.steps() < end)
        else {
            return Ok(None);
        };
        let before = environments.steps();
        let remaining = 1.0 - before as f64 / end as f64;
        let figures = self.algorithm.update(environments, Horizon { remaining, total_steps: end })?;
        self.steps += environments.steps() - before;
        self.updates += 1;
        let mut finished = Vec::new();
        environments.take_finished(&mut finished);
        finished.into_iter().for_each(|episode| self.statistics.add(episode));
        self.statistics.take_stretch();
        environments.clear_tally();
        Ok(Some(Event {
            figures: figures.into_iter().collect(),
            steps: environments.steps() - begin,
            total_steps: end - begin,
            updates: self.updates,
            episodes: self.statistics.count,
            moving_return: self.statistics.moving(),
        }))
    }
}
