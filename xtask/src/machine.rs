//! Where and when something was measured.

use std::fs;
use std::process::Command;

use crate::Failure;

/// Today's date, `2026-11-21`.
pub fn today() -> Result<String, Failure> {
    let date = Command::new("date").arg("+%Y-%m-%d").output()?;
    Ok(String::from_utf8(date.stdout)?.trim().to_owned())
}

/// The processor's model and its cores.
pub fn processor() -> Result<String, Failure> {
    let cpu = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model =
        cpu.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or("an unnamed processor");
    let cores = std::thread::available_parallelism()?;
    Ok(format!("{} ({cores} cores, shared)", model.trim_start_matches([' ', ':', '\t'])))
}
