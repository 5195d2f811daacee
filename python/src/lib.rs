//! The native half of the Python package: what `setpoint/*.py` wraps with types, names and documentation.
//!
//! A library, so that your own crate can make a module with another process: [`native_module!`]. `python/native` makes the
//! module of the package itself, `setpoint._native`; `examples/own-process` shows another one.
//!
//! * `environments` – processes that step together; `host` – environments written in Python, as a process
//! * `learner` – an algorithm with its environments; `policy` – a policy file
//! * `project` – train and evaluate a project's folder; `description` – projects that Python describes as JSON
//! * `functions` – the command line, and lists of processes and algorithms; `registry` – the kinds of process of this module
//! * `tensors` – images and sets of points between NumPy and native code
//! * `waiting` – long work on a thread of its own while Python stays responsive
//!
//! The module is private to the package: names and signatures follow the needs of the Python side.

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use setpoint_process::Registry;

mod description;
mod environments;
mod functions;
mod host;
mod learner;
mod policy;
mod project;
mod registry;
mod tensors;
mod waiting;

#[doc(hidden)]
pub use pyo3;

/// Defines the extension module `$name` over the kinds of process of `$registry`, an expression of type
/// [`setpoint::process::Registry`]. `$name` is the last part of the module's name in Python, and the name of the `cdylib`:
///
/// ```ignore
/// setpoint_python::native_module!(_native, setpoint::registry().with([batch_oven::KIND]));
/// ```
///
/// The Python package uses the module if a distribution names it in the entry point group `setpoint.native`.
#[macro_export]
macro_rules! native_module {
    ($name:ident, $registry:expr) => {
        /// The module. It needs no global lock: every class is frozen, and mutable data has its own locks.
        #[$crate::pyo3::pymodule(gil_used = false, crate = "::setpoint_python::pyo3")]
        fn $name(
            module: &$crate::pyo3::Bound<'_, $crate::pyo3::types::PyModule>,
        ) -> $crate::pyo3::PyResult<()> {
            $crate::fill(module, $registry)
        }
    };
}

/// Adds the classes and functions to a module that [`native_module!`] defines.
#[doc(hidden)]
pub fn fill(module: &Bound<'_, PyModule>, registry: Registry) -> PyResult<()> {
    setpoint_policy::level::check().map_err(|error| PyValueError::new_err(error.to_string()))?;
    registry::set(registry);
    module.add_class::<environments::Environments>()?;
    module.add_class::<learner::Learner>()?;
    module.add_class::<policy::Policy>()?;
    module.add_function(wrap_pyfunction!(functions::command_line, module)?)?;
    module.add_function(wrap_pyfunction!(functions::extra, module)?)?;
    module.add_function(wrap_pyfunction!(functions::kinds, module)?)?;
    module.add_function(wrap_pyfunction!(functions::options_of, module)?)?;
    module.add_function(wrap_pyfunction!(functions::recipes, module)?)?;
    module.add_function(wrap_pyfunction!(project::evaluate, module)?)?;
    module.add_function(wrap_pyfunction!(project::train, module)?)?;
    module.add("__version__", env!("CARGO_PKG_VERSION"))
}
