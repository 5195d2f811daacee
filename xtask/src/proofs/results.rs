//! Single results, one JSON line each: written at once, so that a stopped command can continue.

use std::fs::{self, File, OpenOptions};
use std::io::Write as _;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::rows::Row;
use crate::Failure;

/// The library of the learner.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Who {
    #[serde(rename = "setpoint")]
    Ours,
    #[serde(rename = "stable-baselines3")]
    Peer,
}

impl Who {
    /// Its name for people.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ours => "Setpoint",
            Self::Peer => "Stable-Baselines3",
        }
    }
}

/// One training of one seed, evaluated.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    pub row: String,
    pub who: Who,
    pub seed: u64,
    /// [`settings`] of the project file at the time.
    pub settings: String,
    pub figure: f64,
    /// The target of the figure.
    pub bar: Option<f64>,
    /// Seconds of the training alone, while another training runs on the other core.
    pub seconds: f64,
    pub steps: u64,
    pub date: String,
    pub processor: String,
    /// Versions.
    pub with: String,
}

/// The existing results; broken lines (an interrupted write) are reported and left out.
pub fn read(path: &Path) -> Vec<Outcome> {
    let text = fs::read_to_string(path).unwrap_or_default();
    let mut outcomes = Vec::new();
    for (index, line) in text.lines().enumerate().filter(|(_, line)| !line.is_empty()) {
        match serde_json::from_str(line) {
            Ok(outcome) => outcomes.push(outcome),
            Err(error) => eprintln!("{}:{}: left out: {error}", path.display(), index + 1),
        }
    }
    outcomes
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
pub fn add(file: &mut File, outcome: &Outcome) -> Result<(), Failure> {
    let mut line = serde_json::to_vec(outcome)?;
    line.push(b'\n');
    file.write_all(&line)?;
    Ok(())
}

/// Everything in a project file that changes the result of a row's training or evaluation, as one short name: a result counts
/// as long as this name is the same.
pub fn settings(project_file: &str, row: &Row) -> Result<String, Failure> {
    let mut table: toml::Table = project_file.parse()?;
    for without_effect in ["decision", "safety", "scenario"] {
        table.remove(without_effect);
    }
    let train = table.get_mut("train").and_then(toml::Value::as_table_mut).ok_or("no [train] table")?;
    train.retain(|key, value| !value.is_table() || key == row.algorithm);
    for overridden in ["algorithm", "seed"] {
        train.remove(overridden);
    }
    if let Some(steps) = row.steps {
        train.insert("total_steps".to_owned(), toml::Value::Integer(i64::try_from(steps)?));
    }
    // Through JSON, whose keys are sorted: comments, order and spaces do not count.
    let text = format!("{} {}", row.algorithm, serde_json::to_value(&table)?);
    Ok(blake3::hash(text.as_bytes()).to_hex()[..16].to_owned())
}

#[cfg(test)]
mod tests {
    use super::super::rows::ROWS;
    use super::*;

    const PROJECT: &str = "[decision]\nname = \"a\"\n[process]\nkind = \"cart-pole\"\n\
                           [train]\nalgorithm = \"ppo\"\ntotal_steps = 5\nseed = 3\n\
                           [train.ppo]\ngamma = 0.9\nn_steps = 32\n[train.dqn]\ngamma = 0.8\n";

    #[test]
    fn only_what_has_an_effect_counts() {
        let of = |text: &str| settings(text, &ROWS[0]).unwrap();
        let same = [
            PROJECT.replace("name = \"a\"", "name = \"b\""),
            PROJECT.replace("gamma = 0.9\nn_steps = 32", "n_steps = 32 # steps\ngamma = 0.90"),
            PROJECT.replace("gamma = 0.8", "gamma = 0.7"),
            PROJECT.replace("seed = 3", "seed = 4").replace("total_steps = 5", "total_steps = 6"),
        ];
        same.iter().for_each(|text| assert_eq!(of(text), of(PROJECT), "{text}"));
        let other = [
            PROJECT.replace("gamma = 0.9", "gamma = 0.91"),
            PROJECT.replace("cart-pole", "acrobot"),
            PROJECT.replace("seed = 3", "target_return = 3.0"),
        ];
        other.iter().for_each(|text| assert_ne!(of(text), of(PROJECT), "{text}"));
    }

    #[test]
    fn a_line_that_was_cut_off_costs_that_line_alone() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/tmp");
        let path = folder.join(format!("proofs-results-{}.jsonl", std::process::id()));
        let _ = fs::remove_file(&path);
        let outcome = |seed| Outcome {
            row: "cart-pole-ppo".to_owned(),
            who: Who::Ours,
            seed,
            settings: "0".to_owned(),
            figure: 500.0,
            bar: Some(475.0),
            seconds: 1.0,
            steps: 100,
            date: "2026-11-21".to_owned(),
            processor: "one".to_owned(),
            with: "this".to_owned(),
        };
        let mut file = open(&path).unwrap();
        add(&mut file, &outcome(0)).unwrap();
        file.write_all(b"{\"row\":\"cart-p").unwrap();
        drop(file);
        add(&mut open(&path).unwrap(), &outcome(1)).unwrap();
        assert_eq!(read(&path), [outcome(0), outcome(1)]);
        fs::remove_file(&path).unwrap();
    }
}
