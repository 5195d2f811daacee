//! `setpoint new NAME --data LOG`: a project drafted from a log.

use std::path::Path;

use serde_json::json;
use setpoint_decision::project::FILE_NAME;
use setpoint_files::atomic;
use setpoint_learn::learned;
use setpoint_process::plant;
use setpoint_terminal::quoted_path;

use crate::arguments::{New, StatedColumns};
use crate::commands::audit;
use crate::draft::{Draft, relative};
use crate::output::{Failure, Output, Status, thousands};
use crate::screen;

/// The first option about a column, if there is one.
pub fn stated_option(columns: &StatedColumns) -> Option<&'static str> {
    let StatedColumns { time, episode, action, more, less, ignore } = columns;
    let given = [
        ("time", time.is_some()),
        ("episode", episode.is_some()),
        ("action", !action.is_empty()),
        ("more", !more.is_empty()),
        ("less", !less.is_empty()),
        ("ignore", !ignore.is_empty()),
    ];
    given.into_iter().find(|(_, given)| *given).map(|(option, _)| option)
}

pub fn run(arguments: &New, log: &Path, output: &Output) -> Result<Status, Failure> {
    let kind = arguments.process.as_deref().unwrap_or(learned::KIND);
    if ![learned::KIND, plant::KIND].contains(&kind) {
        return Err(Failure::Message(format!(
            "--data drafts a project of the kind {} or {}; `{kind}` has spaces of its own: `setpoint validate` compares it with a log",
            learned::KIND,
            plant::KIND
        )));
    }
    let folder = &arguments.name;
    let file = folder.join(FILE_NAME);
    if file.exists() {
        return Err(Failure::Message(format!("{} already exists; it was not changed", file.display())));
    }
    let name = folder.file_name().map_or("my-decision".into(), |name| name.to_string_lossy());
    let spinner = screen::spinner();
    let progress =
        &mut |rows: u64| spinner.set_message(format!("reading the log: {} rows", thousands(rows as f64)));
    let draft =
        Draft::of(log, &audit::stated(&arguments.columns), (&name, relative(log, folder), kind), progress)?;
    let reading = draft.read(log, progress)?;
    spinner.finish_and_clear();
    atomic::create_folder(folder)?;
    atomic::replace(&file, draft.text(Some(&reading)).as_bytes())?;
    audit::show_columns(&draft, output);
    audit::show(&reading.audit, output);
    output.line(format!("\nwrote {}; questions that only a person can answer:", file.display()));
    audit::show_questions(&draft, output);
    let quoted = quoted_path(folder);
    output.line(match reading.audit.errors().next() {
        None => format!("next: correct the guesses in it, then `setpoint check {quoted}` and `setpoint train {quoted}`"),
        Some(_) => format!(
            "next: correct the faults (✗) of the log, or accept them with `accept` in [data]; nothing is learned from it before. \
             `setpoint validate {quoted}` audits it again"
        ),
    });
    let columns: Vec<_> = draft.shown().collect();
    let body = json!({
        "project": folder, "file": file, "columns": columns, "questions": draft.questions, "audit": reading.audit,
    });
    output.document("new", Status::Done, body);
    Ok(Status::Done)
}
