//! A policy file.

use std::collections::BTreeMap;
use std::path::PathBuf;

use numpy::{IntoPyArray, PyArray1, PyReadonlyArray1};
use pyo3::exceptions::{PyOSError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use setpoint_evidence::tensor_views::TensorViews;
use setpoint_guard::constrained::Constrained;
use setpoint_guard::constraints::ConstraintSet;
use setpoint_guard::decider::{ActionBuffer, Decider, States};
use setpoint_guard::policy_decider::PolicyDecider;
use setpoint_policy::manifest::Manifest;
use setpoint_policy::policy_file::PolicyFileError;
use setpoint_process::tensors::TensorRows;
use setpoint_random::Stream;

use crate::tensors;

/// A trained policy and everything needed to run it.
#[pyclass(frozen, module = "setpoint._native")]
pub struct Policy {
    policy: setpoint_policy::Policy,
    constraints: ConstraintSet,
}

impl TryFrom<setpoint_policy::Policy> for Policy {
    type Error = PyErr;

    fn try_from(policy: setpoint_policy::Policy) -> PyResult<Self> {
        let constraints =
            ConstraintSet::of(&policy).map_err(|error| PyValueError::new_err(error.to_string()))?;
        Ok(Self { policy, constraints })
    }
}

#[pymethods]
impl Policy {
    /// Reads and verifies a policy file.
    #[staticmethod]
    fn load(py: Python<'_>, path: PathBuf) -> PyResult<Self> {
        let loaded = py.detach(|| setpoint_policy::Policy::load(&path));
        let loaded = loaded.map_err(|error| match error {
            PolicyFileError::Read { .. } => PyOSError::new_err(error.to_string()),
            _ => PyValueError::new_err(error.to_string()),
        });
        loaded?.try_into()
    }

    /// From a policy file's bytes.
    #[staticmethod]
    fn from_bytes(bytes: &[u8]) -> PyResult<Self> {
        let read = setpoint_policy::Policy::from_bytes(bytes);
        read.map_err(|refusal| PyValueError::new_err(refusal.to_string()))?.try_into()
    }

    /// A policy file's bytes.
    fn to_bytes<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.policy.to_bytes())
    }

    /// A policy file's bytes with additional bytes, each under its name.
    fn to_bytes_with<'py>(&self, py: Python<'py>, extras: BTreeMap<String, Vec<u8>>) -> Bound<'py, PyBytes> {
        let extras: Vec<(&str, &[u8])> =
            extras.iter().map(|(name, bytes)| (name.as_str(), bytes.as_slice())).collect();
        PyBytes::new(py, &self.policy.to_bytes_with(&extras))
    }

    /// Its manifest, as JSON.
    fn manifest(&self) -> String {
        self.policy.manifest_text()
    }

    /// BLAKE3, in hex, of the bytes of its file.
    fn hash(&self) -> String {
        self.policy.hash()
    }

    /// A choice for each of the flat observations `[rows, features]`, under the constraints of the policy: the most probable
    /// one, or drawn with a seed. `allowed` is `[rows, choices]`, `signals` is `[rows, signals]`, NaN where unknown; `tensors` has
    /// the rows of each image, and of each set of points and its counts, flat.
    #[pyo3(signature = (observations, allowed=None, seed=None, signals=None, tensors=None))]
    fn choose<'py>(
        &self,
        py: Python<'py>,
        observations: PyReadonlyArray1<'py, f32>,
        allowed: Option<Vec<bool>>,
        seed: Option<u64>,
        signals: Option<PyReadonlyArray1<'py, f32>>,
        tensors: Option<Vec<Bound<'py, PyAny>>>,
    ) -> PyResult<Bound<'py, PyArray1<i64>>> {
        if !self.policy.manifest.action.is_discrete() {
            return Err(PyValueError::new_err("this policy gives numbers, not choices"));
        }
        let seen = self.seen(observations.as_slice()?, tensors)?;
        let actions = self.masked(&seen, allowed, seed, signals.as_ref())?;
        Ok(actions.choices.into_iter().map(i64::from).collect::<Vec<_>>().into_pyarray(py))
    }

    /// A choice of each group `[rows, groups]`, flat, and the axes' values `[rows, axes]`, flat; otherwise as [`Policy::choose`]
    /// and [`Policy::control`].
    #[pyo3(signature = (observations, allowed=None, seed=None, signals=None, tensors=None))]
    fn act<'py>(
        &self,
        py: Python<'py>,
        observations: PyReadonlyArray1<'py, f32>,
        allowed: Option<Vec<bool>>,
        seed: Option<u64>,
        signals: Option<PyReadonlyArray1<'py, f32>>,
        tensors: Option<Vec<Bound<'py, PyAny>>>,
    ) -> PyResult<Acted<'py>> {
        let seen = self.seen(observations.as_slice()?, tensors)?;
        let actions = self.masked(&seen, allowed, seed, signals.as_ref())?;
        let choices: Vec<i64> = actions.choices.into_iter().map(i64::from).collect();
        Ok((choices.into_pyarray(py), actions.settings.into_pyarray(py)))
    }

    /// The axes' values `[rows, axes]`, flat, for each of the flat observations, within the constraints of the policy: the
    /// centre, or drawn with a seed. `signals` is `[rows, signals]`, NaN where unknown.
    #[pyo3(signature = (observations, seed=None, signals=None, tensors=None))]
    fn control<'py>(
        &self,
        py: Python<'py>,
        observations: PyReadonlyArray1<'py, f32>,
        seed: Option<u64>,
        signals: Option<PyReadonlyArray1<'py, f32>>,
        tensors: Option<Vec<Bound<'py, PyAny>>>,
    ) -> PyResult<Bound<'py, PyArray1<f32>>> {
        if !self.policy.manifest.action.groups.is_empty() {
            return Err(PyValueError::new_err("this policy gives choices, not numbers"));
        }
        let seen = self.seen(observations.as_slice()?, tensors)?;
        let signals = self.signals(signals.as_ref(), seen.rows)?;
        let actions = self.decide(&seen, &[], signals, seed)?;
        Ok(actions.settings.into_pyarray(py))
    }
}

/// Observations that were checked.
struct Seen<'a> {
    /// `[rows, features]`
    features: &'a [f32],
    tensors: Vec<TensorRows>,
    rows: usize,
}

/// Choices `[rows, groups]` and settings `[rows, axes]`, both flat.
type Acted<'py> = (Bound<'py, PyArray1<i64>>, Bound<'py, PyArray1<f32>>);

impl Policy {
    /// Decisions under a mask `[rows, choices]`, the choices of all groups.
    fn masked(
        &self,
        seen: &Seen<'_>,
        allowed: Option<Vec<bool>>,
        seed: Option<u64>,
        signals: Option<&PyReadonlyArray1<'_, f32>>,
    ) -> PyResult<ActionBuffer> {
        let rows = seen.rows;
        let (allowed, choices) = (allowed.unwrap_or_default(), self.policy.manifest.action.choice_count());
        if !allowed.is_empty() && allowed.len() != rows * choices {
            return Err(PyValueError::new_err(format!(
                "the mask has {} entries, expected {rows} × {choices}",
                allowed.len()
            )));
        }
        let signals = self.signals(signals, rows)?;
        self.decide(seen, &allowed, signals, seed)
    }

    fn decide(
        &self,
        seen: &Seen<'_>,
        allowed: &[bool],
        signals: &[f32],
        seed: Option<u64>,
    ) -> PyResult<ActionBuffer> {
        if self.policy.manifest.network.memory().is_some() {
            return Err(PyValueError::new_err(
                "this policy has a memory: its decision follows from all observations of an episode, not from one; \
                 `setpoint eval` plays it in a simulation",
            ));
        }
        let space = &self.policy.manifest.action;
        let lanes: Vec<usize> = (0..seen.rows).collect();
        let decider = match seed {
            None => PolicyDecider::deterministic(&self.policy, lanes.len()),
            Some(seed) => {
                PolicyDecider::stochastic(&self.policy, lanes.len(), Stream::new(seed, "predict", 0))
            }
        };
        let mut decider = Constrained::new(decider, self.constraints.clone(), space, lanes.len());
        let mut actions = ActionBuffer::new(space, lanes.len());
        let tensors = TensorViews::of(&seen.tensors);
        let (lanes, observations, tensors) = (&lanes[..], seen.features, tensors.as_slice());
        decider.decide(
            &States { lanes, observations, tensors, signals, allowed, processes: None },
            &mut actions,
        );
        match actions.declined.iter().position(|declined| *declined) {
            None => Ok(actions),
            Some(row) => Err(PyValueError::new_err(format!(
                "observation {row} has no choice left: each choice is forbidden by the mask or by a constraint of the policy"
            ))),
        }
    }

    fn signals<'a>(
        &self,
        signals: Option<&'a PyReadonlyArray1<'_, f32>>,
        rows: usize,
    ) -> PyResult<&'a [f32]> {
        let Some(signals) = signals else { return Ok(&[]) };
        let signals = signals.as_slice()?;
        let known = self.policy.manifest.signals.len();
        if signals.len() != rows * known {
            return Err(PyValueError::new_err(format!(
                "{} numbers are not {known} signals of {rows} observations",
                signals.len()
            )));
        }
        Ok(signals)
    }

    /// Checks observations.
    fn seen<'a>(&self, features: &'a [f32], tensors: Option<Vec<Bound<'_, PyAny>>>) -> PyResult<Seen<'a>> {
        let Manifest { observation, tensors: parts, .. } = &self.policy.manifest;
        let is_unseen = observation.is_empty() && features.is_empty() && !parts.is_empty();
        let rows = if is_unseen { None } else { Some(self.rows(features)?) };
        let (tensors, rows) = tensors::from_arrays(parts, &tensors.unwrap_or_default(), rows)?;
        Ok(Seen { features, tensors, rows: rows.unwrap_or(0) })
    }

    /// Checks features `[rows, features]`; their number of rows.
    fn rows(&self, observations: &[f32]) -> PyResult<usize> {
        let features = self.policy.manifest.observation.len();
        if observations.is_empty() || features == 0 || !observations.len().is_multiple_of(features) {
            return Err(PyValueError::new_err(format!(
                "{} numbers are not observations of {features} features each",
                observations.len()
            )));
        }
        if let Some(index) = observations.iter().position(|value| !value.is_finite()) {
            let name = &self.policy.manifest.observation[index % features].name;
            return Err(PyValueError::new_err(format!(
                "{name} of observation {} is not finite",
                index / features
            )));
        }
        Ok(observations.len() / features)
    }
}
