//! `setpoint._native`, with the kinds of process of Setpoint itself.

setpoint_python::native_module!(_native, setpoint::registry());
