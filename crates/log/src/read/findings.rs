//! The findings of a reader, as text: unusable rows, and columns with wrong content.

use std::collections::HashSet;

use setpoint_decision::diagnostic::nearest;

use super::Reader;
use crate::audit::column::{Column, MISSING_SHARE};
use crate::audit::swapped::swapped;
use crate::finding::{Finding, Severity, Times};

impl Reader<'_> {
    /// Findings about whole rows.
    pub(super) fn about_rows(&self, rows: u64) -> Vec<Finding> {
        let mut findings = Vec::new();
        let (found, expected) = self.ragged_example;
        findings.extend(self.ragged.finding(
            Severity::Error,
            "ragged-rows",
            None,
            format!("rows have a different number of cells than the header, first {found} instead of {expected}"),
            "quote cells that contain the delimiter, and do not cut the file within a row; such rows are left out",
        ));
        findings.extend(self.about_actions(rows));
        findings.extend(self.interleaved.finding(
            Severity::Error,
            "episode-again",
            None,
            "an episode continues after another one began".to_owned(),
            "sort the log by episode and time; each part counts as a separate episode",
        ));
        findings.extend(self.short_episodes());
        findings.extend(self.improbable.finding(
            Severity::Error,
            "probability",
            self.probability.as_ref().map(|column| column.name.as_str()),
            "the probability of an action is not above 0 and at most 1".to_owned(),
            "log the controller's probability of its action",
        ));
        findings.extend(self.unclear_end.finding(
            Severity::Error,
            "unclear-end",
            None,
            "the column `terminated` of [data] is neither true nor false".to_owned(),
            "write true or false, or 1 or 0",
        ));
        findings
    }

    /// Findings about the actions: unknown, missing, never taken.
    fn about_actions(&self, rows: u64) -> Vec<Finding> {
        let mut findings = Vec::new();
        let names = self.spec.action.names();
        let counted_from_one = self.counted_from_one();
        findings.extend(counted_from_one.clone());
        let near = nearest(&self.unknown_example, names.iter().copied());
        let hint = near.map_or_else(|| self.as_words(&names), |near| format!("did you mean `{near}`?"));
        let action = self.mapping.actions.first().map(|_| "action");
        let unknown = if counted_from_one.is_some() { Times::default() } else { self.unknown };
        findings.extend(unknown.finding(
            Severity::Error,
            "unknown-action",
            action,
            format!("the process has no action \"{}\"", self.unknown_example),
            format!("{hint}; such rows are left out, and the episode is cut there"),
        ));
        let idle = self.idle.count as f64 > MISSING_SHARE * rows as f64;
        // A setting's own column tells the same.
        let idle_rows = if self.choices.is_empty() { Times::default() } else { self.idle };
        let (column, what) = match self.spec.action.width() {
            1 => (Some(self.action_column.as_str()), format!("`{}`", self.action_column)),
            // Which of its columns has no value is not counted.
            _ => (None, "the action".to_owned()),
        };
        findings.extend(idle_rows.finding(
            if idle { Severity::Error } else { Severity::Warning },
            "missing-values",
            column,
            format!("{what} has no value in {} rows", self.idle.count),
            "fill them from the historian; such rows are left out, and the episode is cut there",
        ));
        let never: Vec<&str> =
            names.iter().zip(&self.taken).filter(|(_, count)| **count == 0).map(|(name, _)| *name).collect();
        let may_be_shifted = self.numbered > 0 && self.taken.first() == Some(&0);
        let from_one = if may_be_shifted && self.cleaning.action_offset == 0 {
            "; if it counts choices from 1, write action_offset = 1 in [data]"
        } else {
            ""
        };
        if !never.is_empty() && !self.taken.is_empty() && counted_from_one.is_none() {
            findings.push(Finding {
                severity: Severity::Warning,
                kind: "action-never-taken".to_owned(),
                column: Some("action".to_owned()),
                line: None,
                count: rows,
                sentence: format!("never taken: {}", never.join(", ")),
                advice: format!(
                    "this log contains no information about the effects of these actions{from_one}"
                ),
                accepted: false,
            });
        }
        findings
    }

    /// The fix for a word of the log that is no name of a choice.
    fn as_words(&self, names: &[&str]) -> String {
        let names = names.join(", ");
        match self.unknown_example.as_str() {
            word if word.is_empty() || self.choices.is_empty() => format!("actions are {names}"),
            word => {
                format!("give the words of the log in [data.actions]: \"{word}\" = \"…\", one of {names}")
            }
        }
    }

    /// Numbers of choices that begin with 1: no row has 0, and the only unknown number is that behind the last choice.
    fn counted_from_one(&self) -> Option<Finding> {
        let choices = self.taken.len();
        let is_shifted = self.unknown.count == self.beyond_last.count && self.taken.first() == Some(&0);
        if self.choices.len() != 1 || !is_shifted || self.cleaning.action_offset != 0 {
            return None;
        }
        self.beyond_last.finding(
            Severity::Error,
            "actions-from-one",
            Some(&self.action_column),
            format!(
                "`{}` counts the {choices} choices from 1: no row has 0, and {} rows have {choices}",
                self.action_column, self.beyond_last.count
            ),
            "write action_offset = 1 in [data]",
        )
    }

    fn short_episodes(&self) -> Option<Finding> {
        let mut short = Times::default();
        self.log
            .episodes
            .iter()
            .filter(|episode| episode.rows.len() == 1)
            .for_each(|episode| short.note(self.log.lines[episode.rows.start]));
        short.finding(
            if short.count * 2 > self.log.episodes.len() as u64 { Severity::Error } else { Severity::Warning },
            "short-episodes",
            None,
            format!("{} of {} episodes have one row", short.count, self.log.episodes.len()),
            "check whether `episode` names the right column: these episodes do not show the effect of an action",
        )
    }

    /// Findings about single columns and about pairs of columns.
    pub(super) fn about_columns(&mut self, rows: u64) -> Vec<Finding> {
        let mut findings = Vec::new();
        let features: Vec<&Column> = self.features.iter().collect();
        let logged: Vec<&Column> = self.signals.iter().flatten().collect();
        let mut explained: HashSet<String> = HashSet::new();
        for columns in [features, logged] {
            for ((first, second), finding) in swapped(&columns) {
                explained.extend([columns[first].name.clone(), columns[second].name.clone()]);
                findings.push(finding);
            }
        }
        let settings = self.choices.is_empty();
        let all = self.features.iter_mut().chain(self.signals.iter_mut().flatten());
        let all = all.chain(self.axes.iter_mut()).chain(self.reward.iter_mut());
        let mut with_commas: Vec<&str> = Vec::new();
        let mut decimal_commas = Times { count: 0, line: u64::MAX };
        for column in all {
            let mut own = column.findings(rows, explained.contains(&column.name));
            // A constant setting and a repeated reward are not stuck sensors.
            let held = column.expected.range.is_none() || (settings && self.mapping.actions.len() == 1);
            own.retain(|finding| !held || finding.kind != "stuck");
            findings.extend(own);
            if let Some(commas) = column.decimal_commas() {
                with_commas.push(&column.name);
                decimal_commas.count = decimal_commas.count.max(commas.count);
                decimal_commas.line = decimal_commas.line.min(commas.line);
            }
        }
        findings.extend(decimal_commas.finding(
            Severity::Note,
            "decimal-commas",
            with_commas.first().copied(),
            format!("decimal commas were read as such in {}", with_commas.join(", ")),
            "nothing, if that is right; decimal in [data] states the decimal mark",
        ));
        findings
    }
}
