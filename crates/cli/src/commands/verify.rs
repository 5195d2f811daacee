//! `setpoint verify`

use setpoint_decision::Project;
use setpoint_files::newest::newest;
use setpoint_files::run::Kind;
use setpoint_files::run_folder::RunFolder;
use setpoint_learn::verify::Level;
use setpoint_process::Registry;
use setpoint_study::verify::{Tools, Verified, is_run, verify};

use crate::arguments::Verify;
use crate::output::{Failure, Output, Status, wrapped};
use crate::preparing;
use crate::study_file::StudyFile;

/// Columns of a message.
const WIDTH: usize = 100;
const KINDS: [Kind; 4] = [Kind::Training, Kind::Seeds, Kind::Comparison, Kind::Search];

pub fn run(arguments: &Verify, registry: &Registry, output: &Output) -> Result<Status, Failure> {
    let folder = folder(arguments)?;
    let open = |folder: &RunFolder, overrides: &[String]| {
        preparing::load_run(folder, registry, overrides).map_err(|error| error.to_string())
    };
    let verified = verify(&folder, &Tools { open: &open, search: &StudyFile::check });
    show(&verified, output);
    let status = if verified.is_good() { Status::Done } else { Status::GateFailed };
    output.document("verify", status, &verified);
    Ok(status)
}

/// The given run, or the newest run of a project. The process of the project is not opened: that may write files.
fn folder(arguments: &Verify) -> Result<RunFolder, Failure> {
    let given = RunFolder::at(&arguments.run);
    if is_run(&given) {
        return Ok(given);
    }
    let project = Project::load(&arguments.run, &[])?;
    let name = &project.charter.name;
    let found = newest(&arguments.runs, name, Some(&project.folder), &KINDS)?;
    found.newest.map(|(folder, _)| folder).ok_or_else(|| {
        let (runs, given) = (arguments.runs.display(), given.path.display());
        Failure::Message(format!("{given} is no run, and {name} has no run under {runs} yet"))
    })
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
        for (index, part) in wrapped(&text, WIDTH).into_iter().enumerate() {
            output.line(format!("{indent}  {} {part}", if index == 0 { mark } else { " " }));
        }
    }
}
