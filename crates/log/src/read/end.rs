//! The end of a log: values that are held, rows that are left out, the reward, and all findings.

use std::collections::HashSet;
use std::path::Path;

use setpoint_decision::data::cleaning::{Excluded, Missing};
use setpoint_decision::project::Reward;
use setpoint_decision::spec::Feature;

use super::survey::Survey;
use super::{Reader, Reading, cuts};
use crate::audit::column::Column;
use crate::audit::{Audit, accepted, reward};
use crate::error::LogError;
use crate::finding::{Finding, Severity};
use crate::holes;
use crate::log::Resolution;
use crate::table::{Note, Table};

impl Reader<'_> {
    /// The error about a table without any decision.
    pub(super) fn no_decision(&self, path: &Path, table: &Table, rows: u64) -> LogError {
        let word = table.format.row_word();
        if self.log.left_out.excluded == rows {
            let found = "`exclude` of [data] leaves out every row";
            return LogError::of(path, found, "exclude fewer rows");
        }
        if self.ragged.count == rows {
            let (found, expected) = self.ragged_example;
            let found = format!(
                "all {rows} rows have another number of cells than the header, first {found} instead of {expected} in {word} {}",
                self.ragged.line
            );
            return LogError::of(
                path,
                found,
                "write a name for every column, also for a column of row numbers",
            );
        }
        if self.unknown.count == 0
            && let Some(finding) = self.quality.findings(&table.header).into_iter().next()
        {
            let line = finding.line.unwrap_or(0);
            return LogError::at(path, line, format!("no row is good: {}", finding.sentence), finding.advice);
        }
        let line =
            [self.unknown, self.ragged, self.idle].map(|times| times.line).into_iter().max().unwrap_or(0);
        let found = format!("none of {rows} rows contains a decision, first \"{}\"", self.unknown_example);
        let found = format!("{found} in {word} {line}");
        LogError::of(path, found, "name the column of the action in [data]")
    }

    pub(super) fn finish(mut self, table: &Table, forms: &Survey, paid: &Reward, rows: u64) -> Reading {
        let mut findings: Vec<Finding> = table.notes().into_iter().map(noted).collect();
        let used: HashSet<usize> = self.mapping.used().collect();
        findings.extend(forms.findings(&table.header, &used, self.mapping.time));
        findings.extend(self.quality.findings(&table.header));
        findings.extend(self.duplicates.finding());
        findings.extend(self.about_rows(rows));
        let mut pauses = Vec::new();
        if let Some(clock) = self.clock.take() {
            findings.extend(clock.findings(&self.log.lines));
            // Without a column of episodes every piece is an episode of its own.
            self.log.episodes = cuts::cut(&self.log.episodes, &clock.cuts(), self.mapping.episode.is_some());
            pauses = clock.into_pauses();
        }
        let names = |index: &Option<usize>| index.map(|index| table.header[index].as_str());
        let columns = holes::Columns {
            features: self.mapping.features.iter().map(|index| table.header[*index].as_str()).collect(),
            signals: self.mapping.signals.iter().map(names).collect(),
            reward: names(&self.mapping.reward),
            probability: names(&self.mapping.probability),
        };
        self.log.left_out.exclude = self.cleaning.exclude.iter().map(Excluded::text).collect();
        if self.cleaning.missing == Missing::Hold && !self.held_before {
            holes::hold(&mut self.log, &columns, self.cleaning.age, &pauses);
        }
        self.fill_signals();
        if let Some(rows) = self.cleaning.episode_rows {
            self.log.episodes = cuts::cut_after(&self.log.episodes, rows as usize);
        }
        findings.extend(self.about_columns(rows));
        let resolution = self.resolution();
        reward::shift(&mut self.log, self.cleaning.reward_lag);
        let (check, finding) = reward::check(&self.log, paid, self.spec, &resolution, columns.reward);
        findings.extend(finding);
        findings.extend(holes::leave_out(&mut self.log, &columns, self.cleaning.missing));
        if columns.reward.is_none() {
            findings.extend(reward::fill(&mut self.log, paid, self.spec));
        }
        accepted::accept(&mut findings, &self.cleaning.accept);
        // A stable sort: within a severity, the natural order of reading.
        findings.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
        let audit = Audit {
            file: table.path.display().to_string(),
            rows: self.log.rows() as u64,
            episodes: self.log.episodes.len() as u64,
            format: table.format,
            unused_columns: self.unused(&table.header),
            left_out: self.log.left_out.clone(),
            findings,
            reward: check,
        };
        let is_numbered = self.numbered > 0 && self.numbered >= self.log.rows() as u64;
        Reading { is_numbered, log: self.log, resolution, audit }
    }

    fn unused(&self, header: &[String]) -> Vec<String> {
        let used: HashSet<usize> = self.mapping.used().collect();
        let unused =
            header.iter().enumerate().filter(|(index, name)| !used.contains(index) && !name.is_empty());
        let mut names: Vec<String> = Vec::new();
        for (_, name) in unused {
            if !names.contains(name) {
                names.push(name.clone());
            }
        }
        names
    }

    /// A signal that is also a feature, and has no column of its own, is in the next row's observation.
    fn fill_signals(&mut self) {
        let (features, signals) = (self.log.features, self.log.signals_per_row);
        for (index, signal) in self.spec.signals.iter().enumerate() {
            let feature = self.spec.observation.iter().position(|feature| feature.name == signal.name);
            let (Some(feature), None) = (feature, self.mapping.signals[index]) else { continue };
            for episode in &self.log.episodes {
                for row in episode.rows.start..episode.rows.end - 1 {
                    let seen = self.log.observations[(row + 1) * features + feature];
                    self.log.signals[row * signals + index] = self.spec.observation[feature].natural(seen);
                }
            }
        }
    }

    fn resolution(&self) -> Resolution {
        let scale = |feature: &Feature| f64::from(feature.scale.abs());
        let seen = |(column, feature): (&Column, &Feature)| {
            column.resolution() / if self.natural { scale(feature) } else { 1.0 }
        };
        let features: Vec<f64> = self.features.iter().zip(&self.spec.observation).map(seen).collect();
        let signals = self.spec.signals.iter().zip(&self.signals).map(|(signal, column)| match column {
            Some(column) => column.resolution(),
            None => {
                let feature = self.spec.observation.iter().position(|feature| feature.name == signal.name);
                feature.map_or(0.0, |index| features[index] * scale(&self.spec.observation[index]))
            }
        });
        let signals = signals.collect();
        Resolution { features, signals, reward: self.reward.as_ref().map_or(0.0, Column::resolution) }
    }
}

/// A note about the table as a finding.
fn noted(note: Note) -> Finding {
    let Note { kind, line, count, sentence, advice, is_fault } = note;
    Finding {
        severity: if is_fault { Severity::Warning } else { Severity::Note },
        kind: kind.to_owned(),
        column: None,
        line: Some(line),
        count,
        sentence,
        advice: advice.to_owned(),
        accepted: false,
    }
}
