//! `[data] accept`: findings that a person accepts as no fault of this log.

use setpoint_decision::diagnostic::nearest;

use crate::finding::{Finding, Severity};

/// Makes the named findings notes that say so. An entry is `kind` or `kind:column`; an entry without a finding is a
/// warning of its own.
pub fn accept(findings: &mut Vec<Finding>, accepted: &[String]) {
    for entry in accepted {
        let (kind, column) = match entry.split_once(':') {
            Some((kind, column)) => (kind.trim(), Some(column.trim())),
            None => (entry.trim(), None),
        };
        let is_meant = |finding: &Finding| {
            finding.kind == kind && (column.is_none() || finding.column.as_deref() == column)
        };
        let mut found = false;
        for finding in findings.iter_mut().filter(|finding| is_meant(finding)) {
            found = true;
            finding.severity = Severity::Note;
            finding.accepted = true;
        }
        if !found {
            findings.push(not_found(entry, findings));
        }
    }
}

fn not_found(entry: &str, findings: &[Finding]) -> Finding {
    let names: Vec<String> = findings.iter().map(Finding::name).collect();
    let near = nearest(entry, names.iter().map(String::as_str));
    Finding {
        kind: "accepts-nothing".to_owned(),
        advice: near.map_or("delete the entry".to_owned(), |near| format!("did you mean `{near}`?")),
        sentence: format!("`accept` of [data] names `{entry}`, and the log has no such finding"),
        severity: Severity::Warning,
        ..Finding::default()
    }
}
