//! The simulator of the tests of `kind = "program"`, compiled once for each program of tests.

use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;

#[allow(dead_code, reason = "a program of its own, of which each file of tests uses a part")]
pub mod tank;

/// The compiled simulator.
pub fn simulator() -> &'static str {
    static PATH: OnceLock<String> = OnceLock::new();
    PATH.get_or_init(|| {
        let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
        let source = concat!(env!("CARGO_MANIFEST_DIR"), "/../processes/tests/simulator/tank.rs");
        // Several programs of tests may compile it at the same time.
        let (own, path) = (folder.join(format!("tank-{}", std::process::id())), folder.join("tank"));
        let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
        let arguments = ["--edition", "2024", "-O", "--crate-name", "tank", "-o"];
        let compiled = Command::new(rustc).args(arguments).arg(&own).arg(source).status();
        assert!(compiled.is_ok_and(|status| status.success()), "rustc compiles the simulator");
        std::fs::rename(&own, &path).unwrap();
        path.display().to_string()
    })
}
