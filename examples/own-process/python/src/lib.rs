//! The Python module `batch_oven._native`: Setpoint's native module, with one kind of process more.

setpoint_python::native_module!(_native, setpoint::registry().with([batch_oven::KIND]));
