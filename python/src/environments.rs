//! Processes that step together, for Gymnasium's single and vector environments.

use std::sync::{Arc, Mutex, PoisonError};

use numpy::{IntoPyArray, PyArray1, PyReadonlyArray1};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use setpoint_decision::spec::ActionSpace;
use setpoint_process::Factory;
use setpoint_process::process::Outcome;
use setpoint_process::reward::RewardFunction;
use setpoint_process::vectorized::{Actions, Batch};
use setpoint_random::Stream;

use crate::description::{failed, project, refused, to_json};
use crate::registry::registry;

/// The stream from which an environment draws that was reset with a seed: the same alone and in any vector.
const PURPOSE: &str = "gymnasium";

/// Numbers that were handed to NumPy.
type Floats<'py> = Bound<'py, PyArray1<f32>>;

/// What a step gives, flat; the Python side knows the shapes.
type Stepped<'py> = (
    Bound<'py, PyArray1<f32>>,
    Bound<'py, PyArray1<f64>>,
    Bound<'py, PyArray1<bool>>,
    Bound<'py, PyArray1<bool>>,
    Bound<'py, PyArray1<f32>>,
    Bound<'py, PyArray1<f64>>,
    Option<Bound<'py, PyArray1<f32>>>,
);

/// Several environments of one process, with the project's reward.
#[pyclass(frozen, module = "setpoint._native")]
pub struct Environments {
    factory: Arc<dyn Factory>,
    reward: RewardFunction,
    lanes: usize,
    inner: Mutex<Inner>,
}

struct Inner {
    batch: Box<dyn Batch>,
    choices: Vec<u32>,
    controls: Vec<f32>,
}

/// Everything of a step that goes back, made while the interpreter is free for others.
struct Given {
    observations: Vec<f32>,
    rewards: Vec<f64>,
    terminated: Vec<bool>,
    truncated: Vec<bool>,
    signals: Vec<f32>,
    terms: Vec<f64>,
    /// The observations with the last one of every episode that has just ended in the place of the next one's first.
    ended_with: Option<Vec<f32>>,
}

#[pymethods]
impl Environments {
    /// Makes `lanes` environments of the project that `description` (JSON) tells.
    #[new]
    fn new(py: Python<'_>, description: &str, lanes: usize) -> PyResult<Self> {
        if lanes == 0 {
            return Err(PyValueError::new_err("at least one environment is needed"));
        }
        let project = project(description)?;
        let factory =
            py.detach(|| registry().open(&project, &mut |_| {})).map_err(|error| refused(&error))?;
        project.bind(factory.spec()).map_err(|error| refused(&error))?;
        let reward = RewardFunction::new(&project.reward, factory.spec());
        let batch = py.detach(|| factory.batch(lanes, 0, PURPOSE)).map_err(|error| failed(&error))?;
        Ok(Self {
            factory,
            reward,
            lanes,
            inner: Mutex::new(Inner { batch, choices: Vec::new(), controls: Vec::new() }),
        })
    }

    /// The process's spaces and signals, as JSON.
    fn spec(&self) -> PyResult<String> {
        to_json(self.factory.spec())
    }

    /// Names of the reward's terms.
    fn terms(&self) -> Vec<String> {
        self.reward.names().to_vec()
    }

    /// Begins a new episode in each lane that is named, which draws from its seed from now on where one is given; gives the
    /// observations and signals of all lanes.
    fn reset<'py>(
        &self,
        py: Python<'py>,
        lanes: Vec<(usize, Option<u64>)>,
    ) -> PyResult<(Floats<'py>, Floats<'py>)> {
        if let Some((lane, _)) = lanes.iter().find(|(lane, _)| *lane >= self.lanes) {
            return Err(PyValueError::new_err(format!(
                "there is no environment {lane}, there are {}",
                self.lanes
            )));
        }
        let given = py.detach(|| {
            let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
            for (lane, seed) in lanes {
                inner.batch.reset_lane(lane, seed.map(|seed| Stream::new(seed, PURPOSE, 0)))?;
            }
            let transition = inner.batch.transition();
            Ok((transition.observations.clone(), transition.current_signals.clone()))
        });
        let (observations, signals) = given.map_err(|error: Box<_>| failed(&error))?;
        Ok((observations.into_pyarray(py), signals.into_pyarray(py)))
    }

    /// One step of every lane whose `steps` is true (of all, where it is absent) with indices of choices.
    #[pyo3(signature = (choices, steps=None))]
    fn choose<'py>(
        &self,
        py: Python<'py>,
        choices: PyReadonlyArray1<'py, i64>,
        steps: Option<PyReadonlyArray1<'py, bool>>,
    ) -> PyResult<Stepped<'py>> {
        let steps = steps.map(|steps| steps.as_slice().map(<[bool]>::to_vec)).transpose()?;
        let ActionSpace::Discrete { choices: names } = &self.factory.spec().action else {
            return Err(PyValueError::new_err("this process takes numbers, not choices"));
        };
        let choices = choices.as_slice()?;
        self.check_length(choices.len(), self.lanes, steps.as_deref())?;
        if let Some(lane) = choices.iter().position(|choice| !(0..names.len() as i64).contains(choice)) {
            let (choice, count) = (choices[lane], names.len());
            return Err(PyValueError::new_err(format!(
                "environment {lane} was given the action {choice}; its actions are 0 to {}",
                count - 1
            )));
        }
        let choices: Vec<u32> = choices.iter().map(|choice| *choice as u32).collect();
        self.step(py, move |inner| inner.choices = choices, steps)
    }

    /// One step of every lane whose `steps` is true (of all, where it is absent) with one number an axis.
    #[pyo3(signature = (controls, steps=None))]
    fn control<'py>(
        &self,
        py: Python<'py>,
        controls: PyReadonlyArray1<'py, f32>,
        steps: Option<PyReadonlyArray1<'py, bool>>,
    ) -> PyResult<Stepped<'py>> {
        let steps = steps.map(|steps| steps.as_slice().map(<[bool]>::to_vec)).transpose()?;
        let ActionSpace::Continuous { axes } = &self.factory.spec().action else {
            return Err(PyValueError::new_err("this process takes choices, not numbers"));
        };
        let controls = controls.as_slice()?;
        self.check_length(controls.len(), self.lanes * axes.len(), steps.as_deref())?;
        let mut clipped = Vec::with_capacity(controls.len());
        for (index, control) in controls.iter().enumerate() {
            let axis = &axes[index % axes.len()];
            if !control.is_finite() {
                let lane = index / axes.len();
                return Err(PyValueError::new_err(format!(
                    "environment {lane} was given {control} for {}; it must be a finite number",
                    axis.name
                )));
            }
            clipped.push(control.clamp(axis.low, axis.high));
        }
        self.step(py, move |inner| inner.controls = clipped, steps)
    }

    /// What the process allows the next decisions, `[lanes, choices]` flat; `None` where it never forbids any.
    fn allowed<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyArray1<bool>>> {
        let inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let allowed = &inner.batch.transition().allowed;
        (!allowed.is_empty()).then(|| PyArray1::from_slice(py, allowed))
    }
}

impl Environments {
    fn check_length(&self, found: usize, expected: usize, steps: Option<&[bool]>) -> PyResult<()> {
        if found != expected {
            return Err(PyValueError::new_err(format!(
                "{found} action numbers were given for {} environments, expected {expected}",
                self.lanes
            )));
        }
        match steps {
            Some(steps) if steps.len() != self.lanes => {
                Err(PyValueError::new_err(format!("{} flags for {} environments", steps.len(), self.lanes)))
            }
            _ => Ok(()),
        }
    }

    fn step<'py>(
        &self,
        py: Python<'py>,
        take: impl FnOnce(&mut Inner) + Send,
        steps: Option<Vec<bool>>,
    ) -> PyResult<Stepped<'py>> {
        let given = py.detach(|| {
            let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
            take(&mut inner);
            let Inner { batch, choices, controls } = &mut *inner;
            let allowed = &batch.transition().allowed;
            if !allowed.is_empty() {
                // What may be chosen at random by who knows nothing of masks (Gymnasium's checker) must be something.
                for (choice, allowed) in
                    choices.iter_mut().zip(allowed.chunks_exact(allowed.len() / self.lanes))
                {
                    if !allowed[*choice as usize] {
                        *choice = allowed.iter().position(|allowed| *allowed).unwrap_or(0) as u32;
                    }
                }
            }
            let actions =
                if controls.is_empty() { Actions::Discrete(choices) } else { Actions::Continuous(controls) };
            batch.step_where(actions, steps.as_deref().unwrap_or_default())?;
            Ok(self.given(&**batch, steps.as_deref()))
        });
        let given: Given = given.map_err(|error: Box<_>| failed(&error))?;
        Ok((
            given.observations.into_pyarray(py),
            given.rewards.into_pyarray(py),
            given.terminated.into_pyarray(py),
            given.truncated.into_pyarray(py),
            given.signals.into_pyarray(py),
            given.terms.into_pyarray(py),
            given.ended_with.map(|values| values.into_pyarray(py)),
        ))
    }

    fn given(&self, batch: &dyn Batch, steps: Option<&[bool]>) -> Given {
        let transition = batch.transition();
        let (signal_count, term_count) = (self.factory.spec().signals.len(), self.reward.names().len());
        let mut rewards = vec![0.0; self.lanes];
        let mut terms = vec![0.0; self.lanes * term_count];
        for (lane, outcome) in transition.outcomes.iter().enumerate() {
            if steps.is_some_and(|steps| !steps[lane]) {
                continue;
            }
            let signals = &transition.signals[lane * signal_count..(lane + 1) * signal_count];
            let terms = &mut terms[lane * term_count..(lane + 1) * term_count];
            rewards[lane] = self.reward.evaluate(signals, *outcome, terms);
        }
        let is = |which: Outcome| transition.outcomes.iter().map(|outcome| *outcome == which).collect();
        let any_over = transition.outcomes.iter().any(|outcome| outcome.is_over());
        Given {
            observations: transition.observations.clone(),
            terminated: is(Outcome::Terminated),
            truncated: is(Outcome::Truncated),
            signals: transition.signals.clone(),
            ended_with: any_over.then(|| {
                let mut shown = transition.observations.clone();
                let features = shown.len() / self.lanes;
                let lanes = shown
                    .chunks_exact_mut(features)
                    .zip(transition.final_observations.chunks_exact(features));
                for ((to, from), outcome) in lanes.zip(&transition.outcomes) {
                    if outcome.is_over() {
                        to.copy_from_slice(from);
                    }
                }
                shown
            }),
            rewards,
            terms,
        }
    }
}
