//! Projects that Python describes as JSON, and what is told back as JSON.

use pyo3::PyErr;
use pyo3::exceptions::{PyRuntimeError, PyValueError};
use serde::Serialize;
use serde_json::json;
use setpoint_decision::spec::Spec;
use setpoint_decision::{Diagnostic, Project};
use setpoint_learn::error::TrainError;
use setpoint_process::ProcessError;

use crate::registry::registry;

/// A project from the JSON form of its file. Without `reward` it is that of the process's source.
pub fn project(json: &str) -> Result<Project, PyErr> {
    let mut value: serde_json::Value =
        serde_json::from_str(json).map_err(|error| PyValueError::new_err(error.to_string()))?;
    if value.get("reward").is_none() {
        // A process from a log has the reward of the process like it.
        let process = &value["process"];
        let kind = process["like"].as_str().or(process["kind"].as_str());
        let factory = kind.and_then(|kind| registry().open_default(kind, None));
        value["reward"] =
            factory.map_or_else(|| json!({ "none": 0.0 }), |factory| source_reward(factory.spec()));
    }
    let text = toml::to_string(&value).map_err(|error| {
        PyValueError::new_err(format!("this cannot be written as a project file: {error}"))
    })?;
    let mut project = Project::from_text("setpoint.toml", &text, &[]).map_err(|error| refused(&error))?;
    project.is_from_code = true;
    Ok(project)
}

/// The reward that the source of a process uses. A process that is not known is refused when it is looked for.
fn source_reward(spec: &Spec) -> serde_json::Value {
    let mut reward: serde_json::Map<String, serde_json::Value> =
        spec.reward.iter().map(|(name, weight)| (name.clone(), json!(weight))).collect();
    for (event, amount) in [("on_terminated", spec.on_terminated), ("on_truncated", spec.on_truncated)] {
        if amount != 0.0 {
            reward.insert(event.to_owned(), json!(amount));
        }
    }
    reward.into()
}

/// As JSON.
pub fn to_json(value: &impl Serialize) -> Result<String, PyErr> {
    serde_json::to_string(value).map_err(|error| PyRuntimeError::new_err(error.to_string()))
}

/// A project that does not fit: what is wrong and what may help, in one sentence or two.
pub fn refused(error: &Diagnostic) -> PyErr {
    PyValueError::new_err(error.to_string())
}

/// A process that failed.
pub fn failed(error: &ProcessError) -> PyErr {
    PyRuntimeError::new_err(error.to_string())
}

/// A training that broke off.
pub fn broke_off(error: &TrainError) -> PyErr {
    PyRuntimeError::new_err(error.to_string())
}
