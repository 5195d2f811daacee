//! `setpoint audit`: the audit of a log without a project.

use serde_json::json;
use setpoint_log::audit::Audit;
use setpoint_log::finding::Severity;
use setpoint_log::profile::roles::Stated;
use setpoint_process::plant;

use crate::arguments::{self, StatedColumns};
use crate::draft::Draft;
use crate::output::{Failure, Output, Status, number, table, thousands};
use crate::screen;

/// Columns of a paragraph.
const WIDTH: usize = 100;

pub fn run(arguments: &arguments::Audit, output: &Output) -> Result<Status, Failure> {
    let log = &arguments.log;
    let spinner = screen::spinner();
    let progress =
        &mut |rows: u64| spinner.set_message(format!("reading the log: {} rows", thousands(rows as f64)));
    let names = ("log", log.display().to_string(), plant::KIND);
    let draft = Draft::of(log, &stated(&arguments.columns), names, progress)?;
    let reading = draft.read(log, progress)?;
    spinner.finish_and_clear();
    show_columns(&draft, output);
    show(&reading.audit, output);
    output.line("\nquestions that only a person can answer:");
    show_questions(&draft, output);
    output.line(format!(
        "next: `setpoint new NAME --data {}` writes a project with these parts",
        setpoint_terminal::quoted_path(log)
    ));
    let status = match reading.audit.errors().next() {
        None => Status::Done,
        Some(_) => Status::GateFailed,
    };
    let columns: Vec<_> = draft.shown().collect();
    let body =
        json!({ "log": log, "columns": columns, "questions": draft.questions, "audit": reading.audit });
    output.document("audit", status, body);
    Ok(status)
}

/// The parts that the command line states.
pub fn stated(columns: &StatedColumns) -> Stated {
    let with =
        |names: &[String], more: bool| names.iter().map(move |name| (name.clone(), more)).collect::<Vec<_>>();
    Stated {
        time: columns.time.clone(),
        episode: columns.episode.clone(),
        actions: columns.action.clone(),
        outcomes: [with(&columns.more, true), with(&columns.less, false)].concat(),
        unused: columns.ignore.clone(),
    }
}

/// The part of each column, with its reason.
pub fn show_columns(draft: &Draft, output: &Output) {
    let rows: Vec<Vec<String>> = draft
        .shown()
        .map(|shown| vec![shown.column.to_owned(), shown.part.to_owned(), shown.reason.to_owned()])
        .collect();
    output.line(table(&["column", "part", "because"], &rows));
    output.line("");
}

/// The questions, each with its number.
pub fn show_questions(draft: &Draft, output: &Output) {
    for (number, question) in (1..).zip(&draft.questions) {
        output.marked(&format!("  {number}. "), question, WIDTH);
    }
}

/// The findings of an audit.
pub fn show(audit: &Audit, output: &Output) {
    output.line(format!(
        "{}: {} rows in {} episodes",
        audit.file,
        thousands(audit.rows as f64),
        thousands(audit.episodes as f64)
    ));
    for finding in &audit.findings {
        let mark = match finding.severity {
            Severity::Error => "✗",
            Severity::Warning => "!",
            Severity::Note => "·",
        };
        let word = audit.format.row_word();
        let line = finding.line.map_or(String::new(), |line| format!(", first in {word} {line}"));
        let rows = match finding.count {
            0 => line,
            1 => format!(" (1 row{line})"),
            count => format!(" ({} rows{line})", thousands(count as f64)),
        };
        let advice = if finding.accepted { "accepted by `accept` of [data]" } else { &finding.advice };
        let text = format!("{}: {}{rows}; {advice}", finding.kind, finding.sentence);
        output.marked(&format!("  {mark} "), &text, WIDTH);
    }
    if let Some(left_out) = audit.left_out.sentence(audit.format.row_word()) {
        output.marked("  · ", &left_out, WIDTH);
    }
    if audit.findings.is_empty() {
        output.line("  ✓ no fault found in the log");
    }
    if !audit.unused_columns.is_empty() {
        output.line(format!("  · not used: {}", audit.unused_columns.join(", ")));
    }
    if let Some(reward) = &audit.reward {
        output.line(format!(
            "  {} reward {} from the logged signals: error {} on average, {} at most (rounding explains {}), R² {}",
            if reward.reproduced { "✓" } else { "✗" },
            if reward.reproduced { "follows" } else { "does not follow" },
            number(reward.error_mean),
            number(reward.error_max),
            number(reward.rounding),
            number(reward.r_squared)
        ));
    }
}
