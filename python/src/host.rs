//! Environments written in Python, stepped in this interpreter, as a process.
//!
//! `setpoint._host.EnvironmentHost` lays what the environments give into arrays; this side reads them. The interpreter is
//! held for one call a step of all environments.

use std::sync::{Arc, Mutex, PoisonError};

use numpy::{PyArray1, PyArrayMethods, PyUntypedArrayMethods};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyDict;
use setpoint_decision::spec::Spec;
use setpoint_process::process::Outcome;
use setpoint_process::tensors::{ImagesMut, TensorRows};
use setpoint_process::vectorized::{Actions, Batch, Transition};
use setpoint_process::{Factory, Heuristic, ProcessError, StateError};
use setpoint_processes::gymnasium::description::{Description, spec};
use setpoint_random::Stream;

/// Makes batches over one host.
pub struct Host {
    spec: Spec,
    lanes: usize,
    host: Arc<Py<PyAny>>,
    failure: Failure,
}

/// The exception of an environment, kept for the caller.
#[derive(Clone, Default)]
pub struct Failure(Arc<Mutex<Option<PyErr>>>);

impl Failure {
    /// Hands it out, once.
    pub fn take(&self) -> Option<PyErr> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn keep(&self, error: PyErr) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
    }
}

impl Host {
    /// Around an `EnvironmentHost`.
    pub fn new(host: &Bound<'_, PyAny>) -> PyResult<Self> {
        let py = host.py();
        let dumps = py.import("json")?.getattr("dumps")?;
        let text: String = dumps.call1((host.getattr("description")?,))?.extract()?;
        let description = Description::from_json(&text).map_err(PyValueError::new_err)?;
        Ok(Self {
            spec: spec(&description, None),
            lanes: host.getattr("lanes")?.extract()?,
            host: Arc::new(host.clone().unbind()),
            failure: Failure::default(),
        })
    }

    /// Where what an environment raises is kept.
    pub fn failure(&self) -> Failure {
        self.failure.clone()
    }
}

impl Factory for Host {
    fn spec(&self) -> &Spec {
        &self.spec
    }

    fn batch(&self, lanes: usize, seed: u64, purpose: &str) -> Result<Box<dyn Batch>, Box<ProcessError>> {
        if lanes != self.lanes {
            return Err(Box::new(ProcessError {
                process: self.spec.kind.clone(),
                lane: None,
                step: None,
                reason: format!("{lanes} environments are asked for, {} were given", self.lanes),
            }));
        }
        let transition = Transition::new(&self.spec, lanes);
        let mut batch = HostBatch {
            host: Arc::clone(&self.host),
            failure: self.failure.clone(),
            kind: self.spec.kind.clone(),
            outcomes: vec![0; lanes],
            allowed: vec![1; transition.allowed.len()],
            tensors: (0..self.spec.tensors.len())
                .map(|index| [format!("tensor_{index}"), format!("final_tensor_{index}")])
                .collect(),
            transition,
        };
        for lane in 0..lanes {
            batch.reset_lane(lane, Some(Stream::new(seed, purpose, lane as u64)))?;
        }
        Ok(Box::new(batch))
    }

    fn heuristics(&self) -> &[Heuristic] {
        &[]
    }

    fn resumes_exactly(&self) -> bool {
        false
    }
}

struct HostBatch {
    host: Arc<Py<PyAny>>,
    failure: Failure,
    kind: String,
    transition: Transition,
    outcomes: Vec<u8>,
    allowed: Vec<u8>,
    /// The names of the arrays of each image: of the present observations, and of the last ones of episodes.
    tensors: Vec<[String; 2]>,
}

impl HostBatch {
    fn failed(&self, py: Python<'_>, error: PyErr) -> Box<ProcessError> {
        let value = error.value(py);
        let number = |name| value.getattr(name).ok().and_then(|found| found.extract::<u64>().ok());
        let error_for = ProcessError {
            process: self.kind.clone(),
            lane: number("lane").map(|lane| lane as usize),
            step: number("step"),
            reason: value.to_string(),
        };
        self.failure.keep(error);
        Box::new(error_for)
    }

    /// Lays the host's arrays into the transition.
    fn read(&mut self, py: Python<'_>) -> PyResult<()> {
        let arrays = self.host.bind(py).getattr("arrays")?.cast_into::<PyDict>()?;
        let Transition { observations, signals, current_signals, final_observations, .. } =
            &mut self.transition;
        copy(&arrays, "observations", observations)?;
        copy(&arrays, "final_observations", final_observations)?;
        copy(&arrays, "signals", signals)?;
        copy(&arrays, "current_signals", current_signals)?;
        copy(&arrays, "outcomes", &mut self.outcomes)?;
        let Transition { outcomes, allowed, .. } = &mut self.transition;
        for (outcome, code) in outcomes.iter_mut().zip(&self.outcomes) {
            *outcome = match code {
                0 => Outcome::Running,
                1 => Outcome::Terminated,
                _ => Outcome::Truncated,
            };
        }
        if !allowed.is_empty() {
            copy(&arrays, "allowed", &mut self.allowed)?;
            allowed.iter_mut().zip(&self.allowed).for_each(|(to, from)| *to = *from != 0);
        }
        let Transition { outcomes, tensors, final_tensors, .. } = &mut self.transition;
        let images = tensors.iter_mut().zip(final_tensors);
        for ([name, final_name], (now, last)) in self.tensors.iter().zip(images) {
            copy_images(&arrays, name, now)?;
            if outcomes.iter().any(|outcome| outcome.is_over()) {
                copy_images(&arrays, final_name, last)?;
            }
        }
        Ok(())
    }

    fn act(&mut self, py: Python<'_>, actions: Actions<'_>, steps: &[bool]) -> PyResult<()> {
        let host = self.host.bind(py);
        let arrays = host.getattr("arrays")?.cast_into::<PyDict>()?;
        let Actions { choices, settings } = actions;
        if settings.is_empty() {
            write(&arrays, "actions", choices)?;
        } else if choices.is_empty() {
            write(&arrays, "actions", settings)?;
        } else {
            // One array has one type: the numbers come as their bits.
            let bits = settings.iter().map(|value| value.to_bits());
            let numbers: Vec<u32> = choices.iter().copied().chain(bits).collect();
            write(&arrays, "actions", &numbers)?;
        }
        let steps = (!steps.is_empty()).then(|| PyArray1::from_slice(py, steps));
        host.call_method1("step", (steps,))?;
        self.read(py)
    }
}

/// One of the host's arrays, flat.
fn flat<'py, T: numpy::Element>(
    arrays: &Bound<'py, PyDict>,
    name: &str,
) -> PyResult<Bound<'py, PyArray1<T>>> {
    let array = arrays.as_any().get_item(name)?;
    Ok(array.call_method1("reshape", (-1,))?.cast_into::<PyArray1<T>>()?)
}

fn copy<T: numpy::Element + Copy>(arrays: &Bound<'_, PyDict>, name: &str, to: &mut [T]) -> PyResult<()> {
    let array = flat::<T>(arrays, name)?;
    if array.len() != to.len() {
        return Err(PyValueError::new_err(format!(
            "`{name}` holds {} numbers, expected {}",
            array.len(),
            to.len()
        )));
    }
    to.copy_from_slice(array.readonly().as_slice()?);
    Ok(())
}

fn copy_images(arrays: &Bound<'_, PyDict>, name: &str, to: &mut TensorRows) -> PyResult<()> {
    match to.images_mut(0..to.rows()) {
        ImagesMut::Bytes(bytes) => copy(arrays, name, bytes),
        ImagesMut::Numbers(numbers) => copy(arrays, name, numbers),
    }
}

fn write<T: numpy::Element + Copy>(arrays: &Bound<'_, PyDict>, name: &str, from: &[T]) -> PyResult<()> {
    let array = flat::<T>(arrays, name)?;
    if array.len() != from.len() {
        return Err(PyValueError::new_err(format!(
            "`{name}` holds {} numbers, expected {}",
            array.len(),
            from.len()
        )));
    }
    array.try_readwrite()?.as_slice_mut()?.copy_from_slice(from);
    Ok(())
}

impl Batch for HostBatch {
    fn lanes(&self) -> usize {
        self.outcomes.len()
    }

    fn reset(&mut self) -> Result<(), Box<ProcessError>> {
        for lane in 0..self.lanes() {
            self.reset_lane(lane, None)?;
        }
        Ok(())
    }

    fn reset_lane(&mut self, lane: usize, random: Option<Stream>) -> Result<(), Box<ProcessError>> {
        // Gymnasium's seeds are whole numbers that fit an i32 everywhere.
        let seed = random.map(|mut random| random.next_u64() >> 33);
        Python::attach(|py| {
            let reset = self.host.bind(py).call_method1("reset", (lane, seed));
            reset.and_then(|_| self.read(py)).map_err(|error| self.failed(py, error))
        })
    }

    fn step_where(&mut self, actions: Actions<'_>, steps: &[bool]) -> Result<(), Box<ProcessError>> {
        Python::attach(|py| self.act(py, actions, steps).map_err(|error| self.failed(py, error)))
    }

    fn transition(&self) -> &Transition {
        &self.transition
    }

    fn save(&self) -> Result<Vec<u8>, StateError> {
        // Nothing of an environment outside can be saved: a continuation begins new episodes.
        Ok(Vec::new())
    }

    fn load(&mut self, _state: &[u8]) -> Result<(), StateError> {
        Ok(())
    }
}
