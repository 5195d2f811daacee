//! The kinds of process that this module offers.
//!
//! Each native module is a library of its own and links its own copy of this crate. So there is one registry per module, and
//! the classes, which Python makes without further arguments, find it here.

use std::sync::OnceLock;

use setpoint_process::Registry;

static REGISTRY: OnceLock<Registry> = OnceLock::new();

/// Sets the registry of this module. A second call changes nothing.
pub fn set(registry: Registry) {
    REGISTRY.get_or_init(|| registry);
}

/// The registry of this module.
pub fn registry() -> &'static Registry {
    REGISTRY.get().expect("the module sets its registry before it adds classes and functions")
}
