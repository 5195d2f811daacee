//! Single results, and what makes them valid.

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

/// Everything in a project file that changes the result of a row's training or evaluation, as one short name: a result counts
/// as long as this name is the same.
pub fn settings(project_file: &str, row: &Row) -> Result<String, Failure> {
    let mut table: toml::Table = project_file.parse()?;
    for without_effect in ["decision", "safety", "scenario"] {
        table.remove(without_effect);
    }
    // A row names its own figure.
    if let Some(evaluate) = table.get_mut("evaluate").and_then(toml::Value::as_table_mut) {
        evaluate.retain(|key, _| !["headline", "headline_better"].contains(&key));
    }
    table.retain(|_, value| value.as_table().is_none_or(|table| !table.is_empty()));
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
            format!("{PROJECT}[evaluate]\nheadline = \"time\"\nheadline_better = \"lower\"\n"),
        ];
        same.iter().for_each(|text| assert_eq!(of(text), of(PROJECT), "{text}"));
        let other = [
            PROJECT.replace("gamma = 0.9", "gamma = 0.91"),
            PROJECT.replace("cart-pole", "acrobot"),
            PROJECT.replace("seed = 3", "target_return = 3.0"),
        ];
        other.iter().for_each(|text| assert_ne!(of(text), of(PROJECT), "{text}"));
    }
}
