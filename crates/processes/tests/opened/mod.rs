//! Projects of shops that are opened, and errors as text.

use std::path::Path;

use setpoint_decision::{Diagnostic, Project};

/// A project of a kind with these keys of `[process]`, which begin in line 5, in a folder: the keys that a run keeps, and the
/// messages of the findings.
pub fn opened(kind: &str, folder: &Path, keys: &str) -> Result<(toml::Table, Vec<String>), Box<Diagnostic>> {
    let text = format!(
        "[decision]\nname = \"shop\"\n[process]\nkind = \"{kind}\"\n{keys}\n[reward]\nmakespan = -1\n"
    );
    let mut project = Project::from_text("setpoint.toml", &text, &[])?;
    project.folder = folder.to_owned();
    let factory = setpoint_processes::registry().open(&project, &mut |_| {})?;
    let messages = factory.findings().into_iter().map(|finding| finding.message).collect();
    Ok((factory.parameters(), messages))
}

/// `line:column title | label`.
pub fn shown(diagnostic: &Diagnostic) -> String {
    let place = diagnostic.line_column().map_or(String::new(), |(line, column)| format!("{line}:{column} "));
    format!("{place}{} | {}", diagnostic.title, diagnostic.label)
}
