//! Ctrl-C: the first asks to finish the update and write a checkpoint, the second leaves at once.

use std::sync::atomic::{AtomicBool, Ordering};

/// Set once somebody asked to stop.
pub static STOP: AtomicBool = AtomicBool::new(false);

/// Begins to listen.
pub fn listen() {
    let listening = ctrlc::set_handler(|| {
        if STOP.swap(true, Ordering::Relaxed) {
            std::process::exit(130);
        }
        eprintln!("\nstopping after this update (once more to leave at once)");
    });
    // A second listener in one process is the only failure, and the first one does the work.
    debug_assert!(listening.is_ok());
}
