//! One row after the other: whether it is used, what it measures, and whether it begins an episode.

use csv::ByteRecord;

use super::Reader;
use crate::audit::clock::Advance;
use crate::audit::column::Column;
use crate::finding::Times;
use crate::log::LoggedEpisode;
use crate::table::cell::{Cell, boolean, cell};
use crate::table::marks::Marks;

impl Reader<'_> {
    /// Whether a row begins a piece; `None` if the row does not state its episode.
    fn begins(&mut self, record: &ByteRecord, line: u64) -> Option<bool> {
        let begins = std::mem::take(&mut self.broken);
        let Some(index) = self.mapping.episode else { return Some(begins) };
        let name = record[index].trim_ascii();
        if std::str::from_utf8(name).is_ok_and(|name| matches!(cell(name, Marks::default()), Cell::Missing)) {
            self.log.left_out.of(&self.episode_column, line).missing += 1;
            return None;
        }
        if self.episode.as_deref() == Some(name) {
            return Some(begins);
        }
        self.episode = Some(name.to_vec());
        self.continued = false;
        if !self.episodes_seen.insert(name.to_vec()) {
            self.interleaved.note(line);
        }
        Some(true)
    }

    /// Counts the rows of a table of tags that state no episode.
    pub(super) fn leave_out_without_episode(&mut self, rows: Times) {
        if rows.count > 0 {
            self.log.left_out.of(&self.episode_column, rows.line).missing += rows.count;
            self.log.left_out.rows += rows.count;
        }
    }

    /// Leaves out a row: its episode ends before it, and what follows is a piece of the same episode. An episode that the process
    /// ended is whole: the row is of the next one.
    pub(super) fn leave_out(&mut self, begins: bool) {
        let is_whole = |episode: &LoggedEpisode| begins || episode.terminated == Some(true);
        if let Some(episode) = self.log.episodes.last_mut().filter(|episode| !is_whole(episode)) {
            episode.cut = true;
        }
        self.broken = true;
        self.continued = true;
    }

    pub(super) fn row(&mut self, record: &ByteRecord, line: u64) {
        // The bytes were checked for UTF-8 before, so a cell has whole characters.
        let text = |index: usize| std::str::from_utf8(&record[index]).unwrap_or("");
        let Some(mut begins) = self.begins(record, line) else {
            self.log.left_out.rows += 1;
            return self.leave_out(false);
        };
        if self.excluded.hold(line, self.mapping.time.map(text)) {
            self.log.left_out.excluded += 1;
            return self.leave_out(begins);
        }
        self.duplicates.take(record, line);
        if !self.quality.is_good(record, line) {
            self.log.left_out.bad_quality += 1;
            return self.leave_out(begins);
        }
        if !self.action(&text, line) {
            return self.leave_out(begins);
        }
        if let (Some(clock), Some(index)) = (&mut self.clock, self.mapping.time)
            && clock.take(text(index), line, begins) == Advance::Again
        {
            begins = true;
        }
        self.measure(&text, line);
        let row = self.log.rows() - 1;
        let terminated = self.mapping.terminated.map(|index| boolean(text(index)));
        if terminated == Some(None) {
            self.unclear_end.note(line);
        }
        match self.log.episodes.last_mut() {
            Some(episode) if !begins => episode.rows.end = row + 1,
            _ => {
                let continued = std::mem::take(&mut self.continued);
                let rows = row..row + 1;
                self.log.episodes.push(LoggedEpisode { rows, continued, ..LoggedEpisode::default() });
            }
        }
        if let (Some(Some(over)), Some(episode)) = (terminated, self.log.episodes.last_mut()) {
            episode.terminated = Some(over);
            self.broken |= over;
        }
    }

    /// Adds the values of a row to the log.
    fn measure<'c>(&mut self, text: &impl Fn(usize) -> &'c str, line: u64) {
        for (column, (feature, index)) in
            self.features.iter_mut().zip(self.spec.observation.iter().zip(&self.mapping.features))
        {
            let value = column.take(text(*index), line) as f32;
            self.log.observations.push(if self.natural { feature.scaled(value) } else { value });
        }
        for (column, index) in self.signals.iter_mut().zip(&self.mapping.signals) {
            let value = match (column, index) {
                (Some(column), Some(index)) => column.take(text(*index), line) as f32,
                _ => f32::NAN,
            };
            self.log.signals.push(value);
        }
        let number = |column: &mut Option<Column>, index: Option<usize>| match (column, index) {
            (Some(column), Some(index)) => column.take(text(index), line),
            _ => f64::NAN,
        };
        self.log.rewards.push(number(&mut self.reward, self.mapping.reward));
        let probability = number(&mut self.probability, self.mapping.probability);
        // A density may exceed 1.
        if probability <= 0.0 || (self.axes.is_empty() && probability > 1.0) {
            self.improbable.note(line);
        }
        self.log.probabilities.push(probability);
        self.log.lines.push(line);
    }

    /// Reads the action; `false` if the process does not have it.
    fn action<'c>(&mut self, text: &impl Fn(usize) -> &'c str, line: u64) -> bool {
        let start = self.log.actions.len();
        let (groups, axes) = self.mapping.actions.split_at(self.choices.len());
        let mut unreadable = None;
        for ((choices, group), column) in self.choices.iter().zip(&self.spec.action.groups).zip(groups) {
            let word = text(*column).trim();
            if let Some(number) = choices.number(word) {
                self.numbered += 1;
                if number == group.choices.len() as f64 {
                    self.beyond_last.note(line);
                }
            }
            match choices.index(word) {
                Some(index) => self.log.actions.push(index as f32),
                None => {
                    unreadable = Some(*column);
                    break;
                }
            }
        }
        for (column, index) in self.axes.iter_mut().zip(axes) {
            if unreadable.is_some() {
                break;
            }
            let value = column.take(text(*index), line) as f32;
            if value.is_finite() {
                self.log.actions.push(value);
            } else {
                unreadable = Some(*index);
            }
        }
        if let Some(index) = unreadable {
            self.log.actions.truncate(start);
            self.without_action(text(index).trim(), line);
            return false;
        }
        let taken = self.log.actions[start..].iter().zip(self.spec.action.offsets());
        taken.for_each(|(choice, offset)| self.taken[offset + *choice as usize] += 1);
        true
    }

    /// Notes a row without an action: a missing cell, or text that names none.
    fn without_action(&mut self, text: &str, line: u64) {
        if matches!(cell(text, Marks::default()), Cell::Missing | Cell::NotFinite) {
            self.idle.note(line);
            self.log.left_out.of(&self.action_column, line).missing += 1;
            self.log.left_out.rows += 1;
            return;
        }
        if self.unknown.count == 0 {
            self.unknown_example = text.chars().take(40).collect();
        }
        self.unknown.note(line);
    }
}
