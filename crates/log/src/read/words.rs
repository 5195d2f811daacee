//! The choices of a process by the words of a log.

use std::collections::HashMap;

use setpoint_decision::data::Data;
use setpoint_decision::spec::Choice;

/// The choices by their words.
pub(super) struct Choices {
    words: HashMap<String, usize>,
    count: usize,
    /// The number of the first choice in the log.
    first: u64,
    /// Whether a number is the index of a choice: not if the project gives numbers a meaning.
    indices: bool,
}

/// Words are compared without case, numbers by their value.
fn key(text: &str) -> String {
    let text = text.trim();
    text.parse::<f64>().map_or_else(|_| text.to_lowercase(), |number| number.to_string())
}

impl Choices {
    pub(super) fn new(data: &Data, choices: &[Choice]) -> Self {
        let mut words: HashMap<String, usize> = HashMap::new();
        for (index, choice) in choices.iter().enumerate() {
            words.insert(choice.name.to_lowercase(), index);
        }
        for (word, choice) in &data.actions {
            if let Some(index) = choices.iter().position(|own| own.name == *choice) {
                words.insert(key(word), index);
            }
        }
        let is_own = |choice: &String| choices.iter().any(|own| own.name == *choice);
        let is_number = |word: &str| word.trim().parse::<f64>().is_ok();
        let indices = !data.actions.iter().any(|(word, choice)| is_own(choice) && is_number(word));
        Self { words, count: choices.len(), first: data.cleaning.action_offset, indices }
    }

    /// A number as an index, counted from 0; it may lie beyond the choices.
    pub(super) fn number(&self, text: &str) -> Option<f64> {
        let number = text.trim().parse::<f64>().ok().filter(|number| self.indices && number.is_finite());
        number.map(|number| number - self.first as f64)
    }

    /// The index of a choice.
    pub(super) fn index(&self, text: &str) -> Option<usize> {
        let by_index = || {
            let index = self.number(text).filter(|index| index.fract() == 0.0 && *index >= 0.0)?;
            ((index as usize) < self.count).then_some(index as usize)
        };
        by_index().or_else(|| self.words.get(&key(text)).copied())
    }
}
