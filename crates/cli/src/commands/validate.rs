//! `setpoint validate`

use std::path::{Path, PathBuf};

use serde_json::json;
use setpoint_decision::spec::Spec;
use setpoint_decision::{Project, data};
use setpoint_evidence::{Hashes, evidence_file, finite};
use setpoint_learn::problem::Problem;
use setpoint_log::mapping::Unmapped;
use setpoint_log::read::ReadError;
use setpoint_study::validate::dynamics::Change;
use setpoint_study::validate::verdict::{Reason, Verdict};
use setpoint_study::validate::{EVIDENCE, Validation, gap, hashes, keep, longer_than_episodes, validate};

use crate::arguments::Validate;
use crate::commands::audit;
use crate::output::{Failure, Output, Status, number, table, thousands};
use crate::preparing;
use crate::screen;
use crate::target::TRAININGS;
use setpoint_process::{Registry, plant};

/// Columns of a paragraph.
const WIDTH: usize = 100;

pub fn run(arguments: &Validate, registry: &Registry, output: &Output) -> Result<Status, Failure> {
    let given = &arguments.project;
    if let Some(status) = audit_alone(arguments, output)? {
        return Ok(status);
    }
    let problem = preparing::load(&given.project, registry, &given.set)?;
    let path = log_of(arguments, &problem.decision.project)?;
    if let Some(path) = &arguments.output {
        refuse_to_replace(path)?;
    }
    let seed = arguments.seed.unwrap_or(problem.decision.project.evaluate.seed);
    let spinner = screen::spinner();
    let project = &problem.decision.project;
    let progress =
        &mut |rows: u64| spinner.set_message(format!("reading the log: {} rows", thousands(rows as f64)));
    let reading = setpoint_log::read(&path, project.data.as_ref(), problem.spec(), &project.reward, progress);
    let validation = match reading {
        Ok(reading) => {
            // An episode is as long as the longest episode of the log.
            let problem = match longer_than_episodes(&problem.decision, &reading.log) {
                Some(steps) => {
                    let room = [format!("process.max_steps={steps}")];
                    preparing::load(&given.project, registry, &[&given.set[..], &room].concat())?
                }
                None => problem.clone(),
            };
            validate(&problem, &reading, seed, &mut |stage| spinner.set_message(stage))
        }
        Err(ReadError::Log(error)) => return Err(Failure::Message(error.to_string())),
        Err(ReadError::Unmapped(unmapped)) => return Err(Failure::Message(proposal(&path, &unmapped))),
    };
    spinner.finish_and_clear();
    let validation = validation?;
    audit::show(&validation.audit, output);
    finite::check(&validation).map_err(|found| {
        Failure::Message(format!(
            "the log and the simulator cannot be compared: {found}; values of the log are too great for it"
        ))
    })?;
    show(&validation, output);
    let evidence = store(arguments, &problem, &hashes(&problem, &path)?, &validation, output)?;
    let status = match validation.verdict {
        Verdict::Inconsistent => Status::GateFailed,
        Verdict::Consistent | Verdict::Doubtful => Status::Done,
    };
    output.document("validate", status, json!({ "evidence": evidence, "validation": validation }));
    Ok(status)
}

/// The audit of a log whose project declares its spaces: they are known before any process is. `None` if the log is sound and the
/// project has a process to compare it with.
fn audit_alone(arguments: &Validate, output: &Output) -> Result<Option<Status>, Failure> {
    let project = Project::load(&arguments.project.project, &arguments.project.set)?;
    if project.spaces.is_empty() {
        return Ok(None);
    }
    let path = log_of(arguments, &project)?;
    let spec = Spec { kind: plant::KIND.to_owned(), ..project.spaces.spec() };
    project.bind_declared(&spec)?;
    let spinner = screen::spinner();
    let progress =
        &mut |rows: u64| spinner.set_message(format!("reading the log: {} rows", thousands(rows as f64)));
    let reading = setpoint_log::read(&path, project.data.as_ref(), &spec, &project.reward, progress);
    spinner.finish_and_clear();
    let found = match reading {
        Ok(reading) => reading.audit,
        Err(ReadError::Log(error)) => return Err(Failure::Message(error.to_string())),
        Err(ReadError::Unmapped(unmapped)) => return Err(Failure::Message(proposal(&path, &unmapped))),
    };
    let is_sound = found.errors().next().is_none();
    let is_plant = project.process.kind == plant::KIND;
    if is_sound && !is_plant {
        return Ok(None);
    }
    audit::show(&found, output);
    output.line(match is_plant {
        true => "\nthis is the audit alone: a plant has no simulator to compare the log with",
        false => "\nthis is the audit alone: no process can be learned from the log before its faults (✗) are corrected or accepted",
    });
    let status = if is_sound { Status::Done } else { Status::GateFailed };
    output.document("validate", status, json!({ "evidence": null, "validation": null, "audit": found }));
    Ok(Some(status))
}

/// The log: from the command line, or the log of the project.
fn log_of(arguments: &Validate, project: &Project) -> Result<PathBuf, Failure> {
    let file = project.data.as_ref().and_then(|data| data.file.as_ref());
    match (&arguments.data, file) {
        (Some(path), _) => Ok(path.clone()),
        (None, Some(file)) => Ok(project.folder.join(file)),
        (None, None) => Err(Failure::Message(
            "no log to compare with: name it with --data LOG, or with file = \"…\" in [data]".to_owned(),
        )),
    }
}

/// The error, with a table to paste.
fn proposal(path: &Path, unmapped: &Unmapped) -> String {
    let Unmapped { reason, proposal, open, reasons } = unmapped;
    let mut table = toml::Table::new();
    table.insert("data".to_owned(), toml::Value::Table(data::table(proposal)));
    let table = toml::to_string_pretty(&table).expect("a table of columns has only text keys");
    let open = match open.as_slice() {
        [] => String::new(),
        open => format!("\nno column looks like {}: name them yourself", open.join(", ")),
    };
    let reasons: String = reasons.iter().map(|reason| format!("\n  {reason}")).collect();
    format!(
        "{}: {reason}\nThe names of its columns suggest this table. Check it, and paste it into the \
         project file:{open}{reasons}\n\n{table}",
        path.display()
    )
}

/// Writes the evidence to the file of `--output`, or to the newest run.
fn store(
    arguments: &Validate,
    problem: &Problem,
    hashes: &Hashes,
    validation: &Validation,
    output: &Output,
) -> Result<Option<PathBuf>, Failure> {
    if let Some(path) = &arguments.output {
        // The log may have been replaced by a link meanwhile, so this is looked at once more.
        refuse_to_replace(path)?;
        keep(validation, hashes, path)?;
        output.line(format!("evidence: {}", path.display()));
        return Ok(Some(path.clone()));
    }
    let project = &problem.decision.project;
    let found = arguments.runs.newest(project, &TRAININGS)?;
    let Some((folder, _)) = found.newest else {
        output.line("the project has no run to keep the evidence with; --output FILE writes it to a file");
        return Ok(None);
    };
    let path = folder.evidence(EVIDENCE);
    keep(validation, hashes, &path)?;
    output.line(format!("evidence: {} (`setpoint report` shows it)", path.display()));
    Ok(Some(path))
}

/// The file of `--output` is new, or evidence that Setpoint wrote: never a log, a project, or anybody's file.
fn refuse_to_replace(path: &Path) -> Result<(), Failure> {
    if !evidence_file::may_be_replaced(path)? {
        return Err(Failure::Message(format!(
            "{} is there and is no evidence of Setpoint: --output replaces no other files; name a new one",
            path.display()
        )));
    }
    Ok(())
}

fn show(found: &Validation, output: &Output) {
    if let Some(controller) = &found.controller {
        output.line(format!(
            "\nthe logged actions depend on the state, so a clone of the controller decided in the simulator: it {}",
            controller.quality()
        ));
    }
    let what = if found.controller.is_some() { "the clone in" } else { "the actions of" };
    output.line(format!(
        "\nthe simulator played {what} {} episodes, {} rows (it took {} steps); 95 % intervals over {} pieces of episodes",
        thousands(found.episodes as f64),
        thousands(found.rows as f64),
        thousands(found.simulated_rows as f64),
        thousands(found.pieces as f64)
    ));
    let named = |name: &str, unit: &str| match unit {
        "" | "1" => name.to_owned(),
        unit => format!("{name} ({unit})"),
    };
    let gap = |gap: &gap::Gap| {
        let percent = match (gap.percent, gap.interval_percent) {
            (Some(percent), Some(interval)) => {
                format!("{} [{}, {}]", number(percent), number(interval.low), number(interval.high))
            }
            _ => "–".to_owned(),
        };
        vec![named(&gap.name, &gap.unit), number(gap.logged), number(gap.simulated), percent]
    };
    let rows: Vec<Vec<String>> = found.reward.iter().chain(&found.signals).map(gap).collect();
    output.line(format!("\n{}", table(&["mean per step", "log", "simulator", "gap in %"], &rows)));
    if let Some(note) = found.without_percent() {
        output.marked("  ", &note, WIDTH);
    }
    let rows: Vec<Vec<String>> = found
        .distributions
        .iter()
        .map(|found| {
            vec![
                named(&found.name, &found.unit),
                format!("{} ± {}", number(found.means[0]), number(found.deviations[0])),
                format!("{} ± {}", number(found.means[1]), number(found.deviations[1])),
                number(found.wasserstein),
                found.wasserstein_share.map_or("–".to_owned(), number),
                number(found.ks_distance),
                number(found.p_value),
            ]
        })
        .collect();
    let header = ["distribution (mean ± sd)", "log", "simulator", "Wasserstein", "in sd", "KS", "p"];
    output.line(format!("\n{}", table(&header, &rows)));
    show_steps(found, output);
    for Reason { verdict, sentence } in &found.reasons {
        let mark = if *verdict == Verdict::Inconsistent { "✗" } else { "!" };
        output.marked(&format!("  {mark} "), sentence, WIDTH);
    }
    output.line("");
    output.marked("", &found.sentence, WIDTH + 4);
}

/// The effects of actions: for each feature the action with the greatest difference.
fn show_steps(found: &Validation, output: &Output) {
    let mut worst: Vec<&Change> = Vec::new();
    for change in &found.changes {
        match worst.iter_mut().find(|known| known.feature == change.feature) {
            Some(known) if change.difference.abs() > known.difference.abs() => *known = change,
            Some(_) => {}
            None => worst.push(change),
        }
    }
    let rows: Vec<Vec<String>> = worst
        .iter()
        .map(|change| {
            let prediction = found.predictions.iter().find(|prediction| prediction.feature == change.feature);
            let show = |value: Option<f64>| value.map_or("–".to_owned(), number);
            vec![
                format!("{} under {}", change.feature, change.action),
                format!("{} ± {}", number(change.means[0]), number(change.deviations[0])),
                format!("{} ± {}", number(change.means[1]), number(change.deviations[1])),
                number(change.difference),
                show(prediction.map(|prediction| prediction.log)),
                show(prediction.map(|prediction| prediction.transferred)),
            ]
        })
        .collect();
    if !rows.is_empty() {
        let header =
            ["largest difference of a step", "log", "simulator", "in sd", "R² of log", "R² of simulator"];
        output.line(format!("\n{}", table(&header, &rows)));
    }
    if let Some(lags) = &found.lags {
        let shares = |side: usize| lags.explained[side].map(|share| number(100.0 * share)).join(" · ");
        output.line(format!(
            "\n  changes explained by the action 0 · 1 · 2 · 3 steps before, in %: log {}, simulator {}\n",
            shares(0),
            shares(1)
        ));
    }
}
