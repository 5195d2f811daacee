//! Results in a file, one JSON line each: written at once, so that a stopped chore can continue.

use std::fs::{self, File, OpenOptions};
use std::io::Write as _;
use std::path::Path;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::Failure;

/// The existing results; broken lines (an interrupted write) are reported and left out.
pub fn read<T: DeserializeOwned>(path: &Path) -> Vec<T> {
    let text = fs::read_to_string(path).unwrap_or_default();
    let mut results = Vec::new();
    for (index, line) in text.lines().enumerate().filter(|(_, line)| !line.is_empty()) {
        match serde_json::from_str(line) {
            Ok(result) => results.push(result),
            Err(error) => eprintln!("{}:{}: left out: {error}", path.display(), index + 1),
        }
    }
    results
}

/// Opens the file to add to it, also after an interrupted line.
pub fn open(path: &Path) -> Result<File, Failure> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let cut_off = fs::read(path).is_ok_and(|bytes| bytes.last().is_some_and(|last| *last != b'\n'));
    let mut file = OpenOptions::new().create(true).append(true).open(path)?;
    if cut_off {
        file.write_all(b"\n")?;
    }
    Ok(file)
}

/// Adds one line.
pub fn add(file: &mut File, result: &impl Serialize) -> Result<(), Failure> {
    let mut line = serde_json::to_vec(result)?;
    line.push(b'\n');
    file.write_all(&line)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_was_cut_off_costs_that_line_alone() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/tmp");
        let path = folder.join(format!("results-{}.jsonl", std::process::id()));
        let _ = fs::remove_file(&path);
        let mut file = open(&path).unwrap();
        add(&mut file, &("cart-pole", 500.0)).unwrap();
        file.write_all(b"[\"cart-p").unwrap();
        drop(file);
        add(&mut open(&path).unwrap(), &("acrobot", -81.5)).unwrap();
        let found: Vec<(String, f64)> = read(&path);
        assert_eq!(found, [("cart-pole".to_owned(), 500.0), ("acrobot".to_owned(), -81.5)]);
        fs::remove_file(&path).unwrap();
    }
}
