//! Ctrl-C: the first requests the end with a checkpoint, the second ends at once.

use std::sync::atomic::{AtomicBool, Ordering};

/// Set after a request to stop.
pub static STOP: AtomicBool = AtomicBool::new(false);

/// Installs the handler.
pub fn listen() {
    let listening = ctrlc::set_handler(|| {
        if STOP.swap(true, Ordering::Relaxed) {
            std::process::exit(130);
        }
        setpoint_terminal::note("\nstopping with a checkpoint (press Ctrl-C again to stop at once)");
    });
    // The only possible failure is a second handler in one process, and the first handler is enough.
    debug_assert!(listening.is_ok());
}
