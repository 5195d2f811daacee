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
use crate::tensors;

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
        Ok(Self { factory, reward, lanes, inner: Mutex::new(Inner { batch }) })
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
        if !self.factory.spec().action.is_discrete() {
            return Err(PyValueError::new_err("this process takes numbers, not choices"));
        }
        let choices = self.choices(choices.as_slice()?)?;
        self.step(py, (choices, Vec::new()), steps)
    }

    /// One step of every lane whose `steps` is true (of all, where it is absent) with an index of a choice of each group,
    /// `[lanes, groups]` flat, and one number an axis, `[lanes, axes]` flat.
    #[pyo3(signature = (choices, controls, steps=None))]
    fn act<'py>(
        &self,
        py: Python<'py>,
        choices: PyReadonlyArray1<'py, i64>,
        controls: PyReadonlyArray1<'py, f32>,
        steps: Option<PyReadonlyArray1<'py, bool>>,
    ) -> PyResult<Stepped<'py>> {
        let steps = steps.map(|steps| steps.as_slice().map(<[bool]>::to_vec)).transpose()?;
        let (choices, controls) = (self.choices(choices.as_slice()?)?, self.controls(controls.as_slice()?)?);
        self.step(py, (choices, controls), steps)
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
        if !self.factory.spec().action.groups.is_empty() {
            return Err(PyValueError::new_err("this process takes choices, not numbers"));
        }
        let controls = self.controls(controls.as_slice()?)?;
        self.step(py, (Vec::new(), controls), steps)
    }

    /// The images and sets of points of all lanes, a flat array each and a second one of the counts of points. With `last`, an
    /// episode that ended in the last step has its last observation in the place of the next one's first.
    #[pyo3(signature = (last=false))]
    fn tensors<'py>(&self, py: Python<'py>, last: bool) -> Vec<Bound<'py, PyAny>> {
        let values = py.detach(|| {
            let inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
            tensors::shown(&self.factory.spec().tensors, inner.batch.transition(), last)
        });
        tensors::to_arrays(py, values)
    }

    /// What the process allows the next decisions, `[lanes, choices]` flat; `None` where it never forbids any.
    fn allowed<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyArray1<bool>>> {
        let inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let allowed = &inner.batch.transition().allowed;
        (!allowed.is_empty()).then(|| PyArray1::from_slice(py, allowed))
    }
}

impl Environments {
    /// Checks choices, `[lanes, groups]`.
    fn choices(&self, given: &[i64]) -> PyResult<Vec<u32>> {
        let groups = &self.factory.spec().action.groups;
        self.check_length(given.len(), groups.len())?;
        for (index, choice) in given.iter().enumerate() {
            let count = groups[index % groups.len()].choices.len();
            if !(0..count as i64).contains(choice) {
                let lane = index / groups.len();
                let of_group = if groups.len() > 1 {
                    format!(" of {}", groups[index % groups.len()].name)
                } else {
                    String::new()
                };
                return Err(PyValueError::new_err(format!(
                    "environment {lane} was given the action {choice}{of_group}; its actions are 0 to {}",
                    count - 1
                )));
            }
        }
        Ok(given.iter().map(|choice| *choice as u32).collect())
    }

    /// Checks settings, `[lanes, axes]`, and clips them to their bounds.
    fn controls(&self, given: &[f32]) -> PyResult<Vec<f32>> {
        let axes = &self.factory.spec().action.axes;
        self.check_length(given.len(), axes.len())?;
        let clipped = |(index, control): (usize, &f32)| {
            let axis = &axes[index % axes.len()];
            if !control.is_finite() {
                let lane = index / axes.len();
                return Err(PyValueError::new_err(format!(
                    "environment {lane} was given {control} for {}; it must be a finite number",
                    axis.name
                )));
            }
            Ok(control.clamp(axis.low, axis.high))
        };
        given.iter().enumerate().map(clipped).collect()
    }

    /// `width` are the numbers of a lane.
    fn check_length(&self, found: usize, width: usize) -> PyResult<()> {
        let expected = self.lanes * width;
        if found == expected {
            return Ok(());
        }
        Err(PyValueError::new_err(format!(
            "{found} action numbers were given for {} environments, expected {expected}",
            self.lanes
        )))
    }

    fn step<'py>(
        &self,
        py: Python<'py>,
        (mut choices, controls): (Vec<u32>, Vec<f32>),
        steps: Option<Vec<bool>>,
    ) -> PyResult<Stepped<'py>> {
        if let Some(steps) = steps.as_deref().filter(|steps| steps.len() != self.lanes) {
            let what = format!("{} flags for {} environments", steps.len(), self.lanes);
            return Err(PyValueError::new_err(what));
        }
        let given = py.detach(|| {
            let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
            let Inner { batch } = &mut *inner;
            possible(&self.factory.spec().action, &batch.transition().allowed, &mut choices);
            let actions = Actions { choices: &choices, settings: &controls };
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
                for (lane, outcome) in transition.outcomes.iter().enumerate() {
                    if outcome.is_over() {
                        let row = lane * features..(lane + 1) * features;
                        shown[row.clone()].copy_from_slice(&transition.final_observations[row]);
                    }
                }
                shown
            }),
            rewards,
            terms,
        }
    }
}

/// Replaces choices that the process forbids by the first allowed one of their group: what is drawn at random by who knows
/// nothing of masks (Gymnasium's checker) must be possible. `allowed` is `[lanes, choices]`, or empty.
fn possible(space: &ActionSpace, allowed: &[bool], choices: &mut [u32]) {
    let masks = allowed.chunks_exact(space.choice_count().max(1));
    for (chosen, mask) in choices.chunks_exact_mut(space.groups.len().max(1)).zip(masks) {
        for ((choice, group), offset) in chosen.iter_mut().zip(&space.groups).zip(space.offsets()) {
            let mask = &mask[offset..offset + group.choices.len()];
            if !mask[*choice as usize] {
                *choice = mask.iter().position(|allowed| *allowed).unwrap_or(0) as u32;
            }
        }
    }
}
