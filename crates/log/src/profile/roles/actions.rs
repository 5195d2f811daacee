//! Columns of actions: a column with a word for an action, a set-point, or a column that changes in steps between few values.

use super::{Guess, LESS, MORE, Part};
use crate::profile::column::Content;

const ACTION: &[&str] = &[
    "action",
    "choice",
    "decision",
    "command",
    "cmd",
    "intervention",
    "aktion",
    "entscheidung",
    "handlung",
    "eingriff",
    "act",
];
const SET_POINT: &[&str] = &[
    "sp",
    "setpoint",
    "soll",
    "sollwert",
    "setting",
    "target",
    "stellwert",
    "vorgabe",
    "ref",
    "dose",
    "dosing",
];
/// Words of columns that have few values and are no actions.
const CIRCUMSTANCE: &[&str] = &[
    "product", "sku", "operator", "shift", "schicht", "produkt", "comment", "alarm", "state", "status",
    "user", "line", "station", "machine", "quality", "weekday", "hour", "month", "team",
];
/// An action has at most this number of choices.
const CHOICES_MAX: usize = 24;
/// Codes of choices: whole numbers up to this.
const CODE_MAX: f64 = 1_000.0;
/// A column of numbers with no more values may be a code.
const CODES_MAX: usize = 8;
/// A set-point without its name changes in at most this share of the rows.
const STEPS: f64 = 0.1;

fn has_few(column: &Content) -> bool {
    (2..=CHOICES_MAX).contains(&column.values.len()) && !column.has_more_values
}

fn is_code(column: &Content) -> bool {
    let is_whole =
        column.decimals == 0 && column.range.is_some_and(|(low, high)| low >= 0.0 && high <= CODE_MAX);
    column.is_numeric() && is_whole && column.values.len() <= CODES_MAX && has_few(column)
}

/// A column of words is a choice, and so are codes; other numbers are settings.
pub(super) fn kind(column: &Content) -> Option<Part> {
    match column.is_numeric() {
        true if is_code(column) => Some(Part::Choice),
        true => column.range.filter(|(low, high)| low < high).map(|_| Part::Setting),
        // An empty cell may be a choice too.
        false => {
            let is_few = column.values.len() <= CHOICES_MAX && !column.has_more_values;
            (is_few && column.values.len() + column.nothing().count() >= 2).then_some(Part::Choice)
        }
    }
}

impl Guess<'_> {
    pub(super) fn actions(&mut self) -> Result<(), String> {
        let found =
            [self.by_name(), self.by_words(), self.by_steps()].into_iter().find(|found| !found.is_empty());
        let Some(found) = found else {
            return Err("no column looks like an action: none has a word for an action or a set-point, few words, or numbers that \
                        change in steps. Name it with --action COLUMN"
                .to_owned());
        };
        found.into_iter().for_each(|(index, part, reason)| self.give(index, part, reason));
        Ok(())
    }

    fn by_name(&self) -> Vec<(usize, Part, String)> {
        let word_of = |words: &[String], names: &[&str]| {
            words.iter().find(|word| names.contains(&word.as_str())).cloned()
        };
        let open = self.open();
        let action = open.iter().filter_map(|(index, column, words)| {
            let word = word_of(words, ACTION)?;
            let reason = format!("\"{word}\" is a word for an action, and it has {} values", count(column));
            Some((*index, kind(column)?, reason))
        });
        let set_point = open.iter().filter_map(|(index, column, words)| {
            let word = word_of(words, SET_POINT)
                .filter(|_| column.is_numeric() && word_of(words, ACTION).is_none())?;
            let share = 100.0 * column.change_share();
            let reason =
                format!("\"{word}\" is a word for a set-point, and it changes in {share:.2} % of the rows");
            Some((*index, Part::Setting, reason))
        });
        action.chain(set_point).collect()
    }

    /// A column of few words that says nothing about circumstances: that with the most changes.
    fn by_words(&self) -> Vec<(usize, Part, String)> {
        let open = self.open();
        let candidates = open.iter().filter(|(_, column, words)| {
            !column.is_numeric()
                && kind(column).is_some()
                && !words.iter().any(|word| CIRCUMSTANCE.contains(&word.as_str()))
        });
        let best = candidates.max_by_key(|(index, column, _)| (column.changes, std::cmp::Reverse(*index)));
        let found = best.map(|(index, column, _)| {
            (
                *index,
                Part::Choice,
                format!("it has {} words, and changes in {} rows", count(column), column.changes),
            )
        });
        found.into_iter().collect()
    }

    /// Codes that change in steps; without them, every number that changes seldom.
    fn by_steps(&self) -> Vec<(usize, Part, String)> {
        let open = self.open();
        let candidates: Vec<_> = open
            .iter()
            .filter(|(_, column, words)| {
                let is_other = [CIRCUMSTANCE, MORE, LESS]
                    .iter()
                    .any(|names| words.iter().any(|word| names.contains(&word.as_str())));
                column.is_numeric() && !is_other && column.changes > 0
            })
            .collect();
        let codes =
            candidates.iter().filter(|(_, column, _)| is_code(column) && column.change_share() <= 0.5);
        let codes: Vec<_> = codes
            .map(|(index, column, _)| {
                (
                    *index,
                    Part::Choice,
                    format!("it has {} whole numbers, and changes in steps", count(column)),
                )
            })
            .collect();
        if codes.len() == 1 {
            return codes;
        }
        let settings = candidates
            .iter()
            .filter(|(_, column, _)| column.change_share() <= STEPS && column.values.len() > 1);
        settings
            .map(|(index, column, _)| {
                let share = 100.0 * column.change_share();
                (*index, Part::Setting, format!("it changes in steps, in {share:.2} % of the rows"))
            })
            .collect()
    }
}

/// The number of its different values, with words that say that nothing was done.
fn count(column: &Content) -> String {
    let count = column.values.len() + column.nothing().count();
    if column.has_more_values { format!("more than {count}") } else { count.to_string() }
}
