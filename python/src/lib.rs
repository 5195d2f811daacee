//! The native half of the Python package: what `setpoint/*.py` wraps with types, names and documentation.
//!
//! * `environments` – processes that step together; `host` – environments written in Python, as a process
//! * `learner` – an algorithm with its environments; `policy` – a policy file
//! * `project` – train and evaluate a project's folder; `description` – projects that Python describes as JSON
//! * `waiting` – long work on a thread of its own while Python stays responsive
//!
//! Private to the package: names and signatures follow the needs of the Python side.

use pyo3::prelude::*;

mod description;
mod environments;
mod host;
mod learner;
mod policy;
mod project;
mod waiting;

/// The extension module. It needs no global lock: every class is frozen, and what changes lies behind locks of its own.
#[pymodule(gil_used = false)]
mod _native {
    use std::ffi::OsString;

    use pyo3::prelude::*;

    #[pymodule_export]
    use crate::environments::Environments;
    #[pymodule_export]
    use crate::learner::Learner;
    #[pymodule_export]
    use crate::policy::Policy;
    #[pymodule_export]
    use crate::project::{evaluate, train};

    /// Runs the command line; gives its exit status.
    #[pyfunction]
    fn command_line(py: Python<'_>, arguments: Vec<OsString>) -> u8 {
        py.detach(|| setpoint::run(arguments, &setpoint::registry()))
    }

    /// Names of the built-in processes, in the order they are listed.
    #[pyfunction]
    fn kinds() -> Vec<&'static str> {
        setpoint::registry().complete().collect()
    }

    /// Additional bytes with a name in a policy file's bytes; `None` if there are none.
    #[pyfunction]
    fn extra<'py>(py: Python<'py>, bytes: &[u8], name: &str) -> Option<Bound<'py, pyo3::types::PyBytes>> {
        setpoint_policy::Policy::extra(bytes, name).map(|found| pyo3::types::PyBytes::new(py, found))
    }

    /// The recipes of the algorithms as JSON, in the order they are listed: name, class, summary, actions, source …
    #[pyfunction]
    fn recipes() -> PyResult<String> {
        crate::description::to_json(&setpoint_learn::algorithms::RECIPES)
    }

    /// An algorithm's options as JSON: name, default, what is expected, what it means.
    #[pyfunction]
    fn options_of(algorithm: &str) -> PyResult<String> {
        let recipe = setpoint_learn::algorithms::RECIPES.iter().find(|recipe| recipe.name == algorithm);
        let options = recipe.map(|recipe| recipe.describe_options()).ok_or_else(|| {
            pyo3::exceptions::PyValueError::new_err(format!("there is no algorithm `{algorithm}`"))
        })?;
        crate::description::to_json(&options)
    }

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        module.add("__version__", env!("CARGO_PKG_VERSION"))
    }
}
