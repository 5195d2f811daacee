//! The functions of the module outside of classes.

use std::ffi::OsString;

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use setpoint_learn::algorithms::RECIPES;

use crate::description::to_json;
use crate::registry::registry;

/// Runs the command line; returns its exit status.
#[pyfunction]
pub fn command_line(py: Python<'_>, arguments: Vec<OsString>) -> u8 {
    py.detach(|| setpoint::run(arguments, registry()))
}

/// Names of the processes whose defaults make a complete process, in the order of the list.
#[pyfunction]
pub fn kinds() -> Vec<&'static str> {
    registry().complete().collect()
}

/// The additional bytes with a name in a policy file; `None` if there are none.
#[pyfunction]
pub fn extra<'py>(py: Python<'py>, bytes: &[u8], name: &str) -> Option<Bound<'py, PyBytes>> {
    setpoint_policy::Policy::extra(bytes, name).map(|found| PyBytes::new(py, found))
}

/// The recipes of the algorithms as JSON, in the order of the list: name, class, summary, actions, source …
#[pyfunction]
pub fn recipes() -> PyResult<String> {
    to_json(&RECIPES)
}

/// An algorithm's options as JSON: name, default, possible values, meaning.
#[pyfunction]
pub fn options_of(algorithm: &str) -> PyResult<String> {
    let recipe = RECIPES.iter().find(|recipe| recipe.name == algorithm);
    let options = recipe
        .map(|recipe| recipe.describe_options())
        .ok_or_else(|| PyValueError::new_err(format!("there is no algorithm `{algorithm}`")))?;
    to_json(&options)
}
