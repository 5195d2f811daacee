//! `setpoint verify`

use setpoint_files::run::Kind;
use setpoint_files::run_folder::RunFolder;
use setpoint_learn::verify::Level;
use setpoint_process::Registry;
use setpoint_study::verify::{Tools, Verified, verify};

use crate::arguments::Verify;
use crate::output::{Failure, Output, Status};
use crate::preparing;
use crate::study_file::StudyFile;
use crate::target::newest_of;

/// Columns of a message.
const WIDTH: usize = 100;
const KINDS: [Kind; 4] = [Kind::Training, Kind::Seeds, Kind::Comparison, Kind::Search];

pub fn run(arguments: &Verify, registry: &Registry, output: &Output) -> Result<Status, Failure> {
    let folder = newest_of(&arguments.run, &arguments.runs, &KINDS)?;
    let open = |folder: &RunFolder, overrides: &[String]| {
        preparing::load_run(folder, registry, overrides).map_err(|error| error.to_string())
    };
    let verified = verify(&folder, &Tools { open: &open, search: &StudyFile::check });
    show(&verified, output);
    let status = if verified.is_good() { Status::Done } else { Status::GateFailed };
    output.document("verify", status, &verified);
    Ok(status)
}

fn show(verified: &Verified, output: &Output) {
    output.line(format!("run in {}", verified.run.display()));
    if let Some(holder) = &verified.in_use {
        output.line(format!("  in use by {holder}: its files change, and this is their state now"));
    }
    show_findings(verified, "", output);
    for part in &verified.parts {
        let name = part.run.strip_prefix(&verified.run).unwrap_or(&part.run).display();
        match part.unreliable() {
            0 => output.line(format!("  ✓ {name}: all files are good")),
            count => {
                output.line(format!("  ! {name}: {}", files(count)));
                show_findings(part, "  ", output);
            }
        }
    }
    output.line("not looked at: tensorboard/ and pages for people, which nothing relies on");
    output.line(match verified.unreliable() {
        0 => "✓ the run can be relied on".to_owned(),
        count => format!("! {}", files(count)),
    });
}

fn files(count: usize) -> String {
    if count == 1 { "1 finding is against it".to_owned() } else { format!("{count} findings are against it") }
}

/// The findings of a run; of a part those against it.
fn show_findings(verified: &Verified, indent: &str, output: &Output) {
    for finding in &verified.findings {
        let mark = match finding.level {
            Level::Good => "✓",
            Level::Absent => "·",
            Level::Unreliable => "!",
        };
        if !indent.is_empty() && finding.level != Level::Unreliable {
            continue;
        }
        let advice = finding.advice.as_ref().map_or(String::new(), |advice| format!("; {advice}"));
        let text = format!("{}: {}{advice}", finding.subject, finding.message);
        output.marked(&format!("{indent}  {mark} "), &text, WIDTH);
    }
}
