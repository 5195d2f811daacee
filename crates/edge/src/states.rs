//! States of a table, one a row, and their recommendations as a table with the same rows.

use std::path::Path;

use csv::ByteRecord;
use setpoint_files::{FileError, atomic};
use setpoint_guard::given_state::GivenState;
use setpoint_guard::recommendation::Recommendation;
use setpoint_log::table::cell::{Cell, cell};
use setpoint_log::table::marks::Marks;
use setpoint_log::table::{self, line};
use setpoint_policy::Policy;

use crate::output::Failure;

/// Whether a text names a table of states rather than a state.
pub fn is_table(text: &str) -> bool {
    let extension = Path::new(text).extension().map(|extension| extension.to_ascii_lowercase());
    extension.is_some_and(|extension| ["csv", "tsv", "parquet"].iter().any(|known| extension == *known))
}

/// The states of a table. Each column is a feature, as the policy sees it or with its unit behind the number, or a signal; a
/// line of units below the header gives the unit of its columns. An empty cell is no value. A state has the name of its line.
pub fn read(path: &Path, policy: &Policy) -> Result<Vec<(String, GivenState)>, Failure> {
    let mut table = table::open(path)?;
    table.check_unique(policy.manifest.observation.iter().map(|feature| feature.name.as_str()))?;
    let refuse = |at: &str, what: String| Failure::Message(format!("{}: {at}: {what}", path.display()));
    let word = table.format.row_word();
    let columns: Vec<(String, String)> = table
        .header
        .iter()
        .enumerate()
        .map(|(column, name)| (name.clone(), table.units.get(column).cloned().unwrap_or_default()))
        .collect();
    let mut states = Vec::new();
    let mut record = ByteRecord::new();
    while table.next(&mut record)? {
        let at = format!("{word} {}", line(&record));
        let mut state = GivenState::at_reference(&policy.manifest);
        for (bytes, (name, unit)) in record.iter().zip(&columns) {
            let text = String::from_utf8_lossy(bytes);
            let assigned = match cell(&text, Marks::default()) {
                Cell::Missing => Ok(()),
                // 1,408 may be a thousand or one: a log would ask which.
                Cell::Number { comma: true, decimals: 3, .. } => {
                    let text = text.trim();
                    return Err(refuse(
                        &at,
                        format!("`{name}` is {text}: write it without a comma or with a point"),
                    ));
                }
                Cell::Number { value, .. } => state.set_in_unit(&policy.manifest, name, value, unit),
                Cell::NotFinite | Cell::Text => {
                    state.assign(&policy.manifest, &format!("{name}={}", text.trim()))
                }
            };
            assigned.map_err(|error| refuse(&at, error.to_string()))?;
        }
        states.push((at, state));
    }
    if states.is_empty() {
        return Err(Failure::Message(format!("{} has no row below its header", path.display())));
    }
    Ok(states)
}

/// Refuses a file that is there: it may be anybody's.
pub fn refuse_to_replace(path: &Path) -> Result<(), Failure> {
    if path.exists() {
        return Err(Failure::Message(format!("{} is there: --output replaces no file", path.display())));
    }
    Ok(())
}

/// Writes a row for each state: its name or line, the action or the settings, and what a person should know about it.
pub fn write(path: &Path, answers: &[(String, Recommendation)]) -> Result<(), Failure> {
    let failed = |error: csv::Error| FileError::on("write", path)(error.into());
    let mut writer = csv::Writer::from_writer(Vec::new());
    if let Some((_, first)) = answers.first() {
        writer.write_record(header(first)).map_err(failed)?;
    }
    for (name, recommendation) in answers {
        writer.write_record(row(name, recommendation)).map_err(failed)?;
    }
    let bytes = writer.into_inner().map_err(|error| FileError::on("write", path)(error.into_error()))?;
    Ok(atomic::replace(path, &bytes)?)
}

fn header(recommendation: &Recommendation) -> Vec<String> {
    let mut header = vec!["state".to_owned()];
    if recommendation.settings.is_empty() {
        header.extend(["action".to_owned(), "probability".to_owned()]);
    }
    let with_unit = |setting: &setpoint_guard::recommendation::Setting| match setting.unit.as_str() {
        "" | "1" => setting.name.clone(),
        unit => format!("{} [{unit}]", setting.name),
    };
    header.extend(recommendation.settings.iter().map(with_unit));
    header.extend(["about_as_probable", "active", "broken", "unlike_training"].map(str::to_owned));
    header
}

fn row(name: &str, recommendation: &Recommendation) -> Vec<String> {
    let mut row = vec![name.to_owned()];
    if let Some(first) = recommendation.actions.first() {
        row.extend([first.name.clone(), first.probability.to_string()]);
    }
    row.extend(recommendation.settings.iter().map(|setting| setting.value.to_string()));
    let unlike: Vec<&str> =
        recommendation.unlike_training.iter().map(|unlike| unlike.feature.as_str()).collect();
    row.extend([
        recommendation.about_as_probable.join("; "),
        recommendation.active_constraints.join("; "),
        recommendation.broken_constraints.join("; "),
        unlike.join("; "),
    ]);
    row
}
