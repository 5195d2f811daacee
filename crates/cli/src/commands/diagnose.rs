//! `setpoint diagnose`

use serde_json::json;
use setpoint_learn::metrics::read_lines;
use setpoint_study::diagnose::diagnose;

use crate::arguments::Diagnose;
use crate::output::{Failure, Output, Status};
use crate::target::problem_of;
use crate::target::training::{Training, training};
use setpoint_process::Registry;

/// Columns of a paragraph.
const WIDTH: usize = 100;

pub fn run(arguments: &Diagnose, registry: &Registry, output: &Output) -> Result<Status, Failure> {
    let Training { folder, seed } = training(&arguments.run, output)?;
    let problem = problem_of(&folder, registry, &[])?;
    let lines = read_lines(&folder.metrics())?;
    let Some(symptoms) = diagnose(&problem, &lines) else {
        return Err(Failure::Message(format!(
            "{} has {} log lines, too few to tell: train for longer, or set train.log_every_updates = 1",
            folder.metrics().display(),
            lines.len()
        )));
    };
    let steps = lines.last().map_or(0, |line| line.steps);
    output.line(format!("{} after {steps} steps, {} log lines", folder.path.display(), lines.len()));
    for symptom in &symptoms {
        output.line(format!("\n  ! {}", symptom.name));
        for (title, text) in [("seen", &symptom.evidence), ("try ", &symptom.experiment)] {
            output.marked(&format!("    {title}  "), text, WIDTH);
        }
    }
    if symptoms.is_empty() {
        output.line("  ✓ no fault found; `setpoint eval` measures the policy");
    }
    output.document(
        "diagnose",
        Status::Done,
        json!({ "run": folder.path, "seed": seed, "steps": steps, "symptoms": symptoms }),
    );
    Ok(Status::Done)
}
