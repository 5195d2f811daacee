//! A policy file.

use std::collections::BTreeMap;
use std::path::PathBuf;

use numpy::{IntoPyArray, PyArray1, PyReadonlyArray1};
use pyo3::exceptions::{PyOSError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use setpoint_policy::policy::Draw;
use setpoint_policy::policy_file::PolicyFileError;
use setpoint_random::Stream;

/// A trained policy and everything needed to run it.
#[pyclass(frozen, module = "setpoint._native")]
pub struct Policy {
    policy: setpoint_policy::Policy,
}

impl From<setpoint_policy::Policy> for Policy {
    fn from(policy: setpoint_policy::Policy) -> Self {
        Self { policy }
    }
}

#[pymethods]
impl Policy {
    /// Reads and verifies a policy file.
    #[staticmethod]
    fn load(py: Python<'_>, path: PathBuf) -> PyResult<Self> {
        let loaded = py.detach(|| setpoint_policy::Policy::load(&path));
        loaded.map(Self::from).map_err(|error| match error {
            PolicyFileError::Read { .. } => PyOSError::new_err(error.to_string()),
            _ => PyValueError::new_err(error.to_string()),
        })
    }

    /// From a policy file's bytes.
    #[staticmethod]
    fn from_bytes(bytes: &[u8]) -> PyResult<Self> {
        let read = setpoint_policy::Policy::from_bytes(bytes).map(Self::from);
        read.map_err(|refusal| PyValueError::new_err(refusal.to_string()))
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

    /// A choice for each of the flat observations `[rows, features]`: the most probable one, or drawn with a seed.
    #[pyo3(signature = (observations, allowed=None, seed=None))]
    fn choose<'py>(
        &self,
        py: Python<'py>,
        observations: PyReadonlyArray1<'py, f32>,
        allowed: Option<Vec<bool>>,
        seed: Option<u64>,
    ) -> PyResult<Bound<'py, PyArray1<i64>>> {
        let manifest = &self.policy.manifest;
        if !manifest.action.is_discrete() {
            return Err(PyValueError::new_err("this policy gives numbers, not choices"));
        }
        let rows = self.rows(observations.as_slice()?)?;
        let allowed = allowed.unwrap_or_default();
        if !allowed.is_empty() && allowed.len() != rows * manifest.action.len() {
            return Err(PyValueError::new_err(format!(
                "the mask has {} entries, expected {rows} × {}",
                allowed.len(),
                manifest.action.len()
            )));
        }
        let mut chosen = vec![0; rows];
        let mut draws = seed.map(|seed| Stream::new(seed, "predict", 0));
        let draw = draws.as_mut().map(|draws| draws as &mut dyn Draw);
        self.policy.runner(rows).choose(observations.as_slice()?, &allowed, draw, &mut chosen);
        Ok(chosen.into_iter().map(i64::from).collect::<Vec<_>>().into_pyarray(py))
    }

    /// The axes' values `[rows, axes]`, flat, for each of the flat observations: the centre, or drawn with a seed.
    #[pyo3(signature = (observations, seed=None))]
    fn control<'py>(
        &self,
        py: Python<'py>,
        observations: PyReadonlyArray1<'py, f32>,
        seed: Option<u64>,
    ) -> PyResult<Bound<'py, PyArray1<f32>>> {
        let action = &self.policy.manifest.action;
        if action.is_discrete() {
            return Err(PyValueError::new_err("this policy gives choices, not numbers"));
        }
        let rows = self.rows(observations.as_slice()?)?;
        let mut values = vec![0.0; rows * action.len()];
        let mut draws = seed.map(|seed| Stream::new(seed, "predict", 0));
        let draw = draws.as_mut().map(|draws| draws as &mut dyn Draw);
        self.policy.runner(rows).control(observations.as_slice()?, draw, &mut values);
        Ok(values.into_pyarray(py))
    }
}

impl Policy {
    fn rows(&self, observations: &[f32]) -> PyResult<usize> {
        let features = self.policy.manifest.observation.len();
        if observations.is_empty() || !observations.len().is_multiple_of(features) {
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
