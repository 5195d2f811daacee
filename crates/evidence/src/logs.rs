//! Logs of decisions for learning and evaluation: read from a file, or recorded in the process.
//!
//! [`load`] reads a log by the project's `[data]`; [`record()`] makes a log with a known logging policy.

use std::path::Path;

use setpoint_decision::data::Data;
use setpoint_decision::spec::Spec;
use setpoint_decision::{Diagnostic, Project};
use setpoint_log::audit::Audit;
use setpoint_log::audit::reward::KIND as REWARD;
use setpoint_log::finding::Finding;
use setpoint_log::log::{Log, LoggedEpisode};
use setpoint_log::read::ReadError;
use setpoint_log::table::Format;

use setpoint_process::preparation::{OnProgress, Preparation};

mod record;

pub use record::{record, record_decider};

/// Reads a log of a process by the project's `[data]`. Without `[data]` the columns must have the process's own names
/// (`action`, `reward`, `episode` … for the rest). Refuses a log with faults that would make wrong figures.
pub fn load(
    project: &Project,
    spec: &Spec,
    path: &Path,
    progress: OnProgress<'_>,
) -> Result<Log, Box<Diagnostic>> {
    let progress = &mut |rows| progress(Preparation::Reading { rows });
    let mut read = |data: Option<&Data>| setpoint_log::read(path, data, spec, &project.reward, progress);
    let mut reading = read(project.data.as_ref());
    if let (None, Err(ReadError::Unmapped(unmapped))) = (&project.data, &reading) {
        let is_own = |(name, column): &(String, String)| name == column;
        let Data { features, signals, .. } = &unmapped.proposal;
        if unmapped.open.is_empty() && features.iter().chain(signals).all(is_own) {
            reading = read(Some(&unmapped.proposal));
        }
    }
    const LOOK: &str = "`setpoint validate PROJECT --data LOG` audits the whole log and proposes a [data] table. [data] \
                        exclude leaves out rows, and accept accepts findings by the names in parentheses";
    let refuse = |what: String| {
        Diagnostic::without_origin(format!("cannot learn from the log {}: {what}", path.display()), LOOK)
    };
    let reading = reading.map_err(|error| refuse(error.to_string()))?;
    let errors: Vec<&Finding> = reading.audit.errors().filter(|finding| finding.kind != REWARD).collect();
    if !errors.is_empty() {
        return Err(refuse(faults(&reading.audit, &errors)));
    }
    let log = reading.log.without_holes();
    if log.episodes.is_empty() {
        let why = reading.audit.left_out.sentence(reading.audit.format.row_word()).unwrap_or_default();
        return Err(refuse(format!("no row is left: {why}")));
    }
    Ok(log)
}

/// All faults that refuse a log, each with its first row and the entry of `[data] accept` that accepts it.
fn faults(audit: &Audit, errors: &[&Finding]) -> String {
    let word = audit.format.row_word();
    let fault = |finding: &&Finding| {
        let line = finding.line.map_or(String::new(), |line| format!("{word} {line}: "));
        format!("{line}{} ({})", finding.sentence, finding.name())
    };
    match errors {
        [finding] => fault(finding),
        errors => {
            let listed: Vec<String> = errors.iter().map(|error| format!("\n  {}", fault(error))).collect();
            format!("it has {} faults{}", errors.len(), listed.concat())
        }
    }
}

/// What a log left out, as a note to every figure from it; `None` if nothing.
pub fn left_out(log: &Log) -> Option<String> {
    let sentence = log.left_out.sentence(log.format.map_or("line", Format::row_word))?;
    Some(format!("of the log: {sentence}"))
}

/// The name of a row in messages: its line, if it has one.
pub fn place(log: &Log, row: usize) -> String {
    match log.lines.get(row).copied().unwrap_or(0) {
        0 => format!("row {row} of the log"),
        line => format!("{} {line} of the log", log.format.map_or("line", Format::row_word)),
    }
}

/// `[episodes]` whether each episode ended by itself. If the log does not state it, every episode that is shorter than the
/// longest counts as ended: a time limit cuts all episodes at the same length. An episode that rows are left out of did not.
pub fn ended(log: &Log) -> Vec<bool> {
    let longest = log.episodes.iter().map(|episode| episode.rows.len()).max().unwrap_or(0);
    let has_ended = |episode: &LoggedEpisode| {
        !episode.cut && episode.terminated.unwrap_or(!episode.continued && episode.rows.len() < longest)
    };
    log.episodes.iter().map(has_ended).collect()
}

/// Signals of the state in which a row's action was taken, if known: the value of a feature of the same name, otherwise the
/// measurement of the step before.
pub fn signals_at_decision(spec: &Spec, log: &Log, row: usize, is_first: bool, signals: &mut [f32]) {
    for (index, (value, signal)) in signals.iter_mut().zip(&spec.signals).enumerate() {
        let feature = spec.observation.iter().position(|feature| feature.name == signal.name);
        *value = match feature {
            Some(feature) => spec.observation[feature].natural(log.observation(row)[feature]),
            None if is_first => f32::NAN,
            None => log.signals(row - 1)[index],
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec() -> Spec {
        (*setpoint_processes::open_kind("assembly-line", None).unwrap().spec()).clone()
    }

    const HEADER: &str = "ct_1,ct_2,ct_3,ct_4,ct_5,ct_6,wip,speed,failure_prob,micro_stops,operator_efficiency,action,\
                          reward,throughput_uph,episode,terminated\n";

    fn project(data: &str) -> Project {
        let text = format!("[process]\nkind = \"assembly-line\"\n[reward]\nthroughput_uph = 1.0\n{data}");
        Project::from_text("test", &text, &[]).unwrap()
    }

    fn read(data: &str, text: &str) -> Result<Log, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("line.csv");
        std::fs::write(&path, text).unwrap();
        load(&project(data), &spec(), &path, &mut |_| {}).map_err(|error| error.to_string())
    }

    /// 40 rows in episodes of ten, with small differences in each number.
    fn rows() -> String {
        let row = |index: usize| {
            let x = 0.3 + 0.01 * (index * 7 % 13) as f32;
            let choice = ["redirect_flow", "0", "5", "no_action"][index % 4];
            let (episode, over) = (index / 10, u8::from(index % 10 == 9));
            format!(
                "{x},{:.2},{x},0.4,{x},{:.2},{:.3},0.75,0.1,{:.2},0.9,{choice},{},93.{index},e{episode},{over}\n",
                x + 0.1,
                x + 0.2,
                0.25 + 0.025 * (index % 5) as f32,
                0.2 * (index % 3) as f32,
                93.0 + 0.01 * index as f32
            )
        };
        (0..40).map(row).collect()
    }

    #[test]
    fn columns_with_the_process_s_own_names_need_no_table() {
        let log = read("", &format!("{HEADER}{}", rows())).unwrap();
        assert_eq!((log.rows(), log.choice(0), log.choice(1), log.choice(2)), (40, 4, 0, 5));
        assert_eq!(
            log.episodes[1],
            LoggedEpisode { rows: 10..20, terminated: Some(true), ..LoggedEpisode::default() }
        );
        // WIP is the value of the next row, in parts.
        assert_eq!(log.signals(0)[2], 0.275 * 40.0);
        let mut signals = [0.0; 7];
        signals_at_decision(&spec(), &log, 0, true, &mut signals);
        assert!(signals[0].is_nan() && signals[2] == 10.0);
        signals_at_decision(&spec(), &log, 1, false, &mut signals);
        assert_eq!((signals[0], signals[2]), (93.0, 11.0));
    }

    #[test]
    fn other_names_need_one_and_faults_are_refused() {
        let renamed = format!("{}{}", HEADER.replace("wip", "parts_waiting"), rows());
        let refused = read("", &renamed).unwrap_err();
        assert!(refused.contains("[data]") && refused.contains("setpoint validate"), "{refused}");
        let data = "[data]\nepisode = \"episode\"\naction = \"action\"\nreward = \"reward\"\n\
                    terminated = \"terminated\"\n[data.features]\nwip = \"parts_waiting\"\n";
        assert_eq!(read(data, &renamed).unwrap().rows(), 40);
        let broken = format!("{HEADER}{}", rows()).replace(",no_action,", ",no_such_action,");
        let refused = read("", &broken).unwrap_err();
        assert!(refused.contains("line 5") && refused.contains("no_such_action"), "{refused}");
    }
}
