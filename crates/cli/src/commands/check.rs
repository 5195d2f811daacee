//! `setpoint check`: charter, spaces, reward, and the behaviour of the process.

use std::path::Path;
use std::sync::atomic::Ordering;

use indicatif::HumanBytes;
use serde_json::json;
use setpoint_decision::charter::Finding;
use setpoint_decision::disturbance::Disturbance;
use setpoint_decision::spec::{ActionForm, ActionSpace};
use setpoint_evidence::preferences::preferences;
use setpoint_files::run_folder::RunFolder;
use setpoint_learn::problem::Problem;
use setpoint_learn::train::cores;
use setpoint_process::conformance::conformance;
use setpoint_study::probes;
use setpoint_study::reward_scale::reward_scale;
use setpoint_study::rule_activity::rule_activity;
use setpoint_study::suitability::suitability;

use crate::arguments::Check;
use crate::interrupt;
use crate::output::{Failure, Output, Status};
use crate::preparing;
use crate::screen;
use setpoint_process::Registry;

pub fn run(arguments: &Check, registry: &Registry, output: &Output) -> Result<Status, Failure> {
    let problem = preparing::load(&arguments.project.project, registry, &arguments.project.set)?;
    let mut findings = check(&problem, arguments.steps as usize);
    // The reward is probed only after all other checks have passed.
    if arguments.probe && !problem.decision.factory.simulates() {
        findings
            .push(Finding::warn("probe", "a reward is probed by trainings, and a plant cannot be simulated"));
    } else if arguments.probe && status_of(&findings) == Status::Done {
        findings.extend(probes(&problem, arguments.probe_steps, arguments.runs.to_write())?);
        if interrupt::STOP.load(Ordering::Relaxed) {
            return Ok(Status::Interrupted);
        }
    }
    show(&problem, &findings, output);
    let status = status_of(&findings);
    output.document(
        "check",
        status,
        json!({ "project": problem.decision.project.charter.name, "findings": findings, "spec": problem.spec() }),
    );
    Ok(status)
}

/// All checks that need no training.
pub fn check(problem: &Problem, steps: usize) -> Vec<Finding> {
    let mut findings = problem.decision.project.check_charter(problem.spec());
    findings.extend(spaces(problem));
    if !problem.decision.factory.simulates() {
        findings.extend(suitability(problem));
        return findings;
    }
    findings.extend(rule_activity(&problem.decision, steps));
    findings.extend(suitability(problem));
    findings.extend(reward_scale(problem, steps));
    findings.extend(preferences(&problem.decision));
    findings.extend(conformance(problem.decision.factory.as_ref(), steps));
    findings
}

/// Short trainings on the reward. The check fails if the whole reward worsens a declared safety signal; the other symptoms
/// are warnings.
fn probes(problem: &Problem, steps: Option<u64>, runs: &Path) -> Result<Vec<Finding>, Failure> {
    interrupt::listen();
    let steps = steps.unwrap_or_else(|| probes::steps(problem));
    let bar = screen::bar(1, "probing the reward {bar:28.cyan/dim} {pos}/{len} trainings");
    let done = &mut |done: usize, of: usize| {
        bar.set_length(of as u64);
        bar.set_position(done as u64);
    };
    let how = probes::How { steps, threads: cores(None), stop: &interrupt::STOP, done };
    let flags = probes::probe(problem, how);
    bar.finish_and_clear();
    let flags = flags?;
    if !interrupt::STOP.load(Ordering::Relaxed) {
        let folder = RunFolder::all_of(runs, &problem.decision.project.charter.name);
        probes::Probed::new(problem, steps, flags.clone()).keep(problem, &folder)?;
    }
    let of = |flag: &probes::Flag| {
        let subject = format!("probe: {}", flag.name);
        let fails = flag.by_the_whole_reward && flag.name == probes::SAFETY;
        if fails { Finding::fail(subject, &flag.sentence) } else { Finding::warn(subject, &flag.sentence) }
    };
    if flags.is_empty() {
        let message =
            format!("trainings of {steps} steps on the whole reward and on each term showed no symptom");
        return Ok(vec![Finding::pass("probe", message)]);
    }
    Ok(flags.iter().map(of).collect())
}

pub fn status_of(findings: &[Finding]) -> Status {
    if findings.iter().all(|finding| finding.passed) { Status::Done } else { Status::GateFailed }
}

fn counted(count: usize, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}

fn actions_text(space: &ActionSpace) -> String {
    match space.form() {
        ActionForm::Choices(choices) => format!("{} choices", choices.len()),
        ActionForm::Settings(axes) => format!("{} continuous axes", axes.len()),
        ActionForm::Several => format!(
            "{} of {} choices and {}",
            counted(space.groups.len(), "group"),
            space.choice_count(),
            counted(space.axes.len(), "setting")
        ),
    }
}

fn spaces(problem: &Problem) -> Vec<Finding> {
    let spec = problem.spec();
    let actions = actions_text(&spec.action);
    let hidden = match spec.hidden.len() {
        0 => String::new(),
        count => format!(" ({count} more hidden)"),
    };
    let tensors: String =
        spec.tensors.iter().map(|part| format!("{} (`{}`), ", part.form, part.name)).collect();
    let mut findings = vec![
        Finding::pass(
            "spaces",
            format!(
                "{}{hidden}, {tensors}{actions}, {}",
                counted(spec.observation.len(), "feature"),
                counted(spec.signals.len(), "signal")
            ),
        ),
        Finding::pass(
            "reward",
            problem
                .decision
                .project
                .reward
                .terms
                .iter()
                .map(|(name, weight)| format!("{weight} × {name}"))
                .chain(
                    (problem.decision.project.reward.on_terminated != 0.0)
                        .then(|| format!("{} on termination", problem.decision.project.reward.on_terminated)),
                )
                .collect::<Vec<_>>()
                .join(" + "),
        ),
    ];
    findings.extend(
        problem
            .decision
            .project
            .constraints
            .iter()
            .map(|constraint| Finding::pass("constraint", constraint.to_string())),
    );
    let project = &problem.decision.project;
    if !project.disturbances.is_empty() {
        let mut kinds: Vec<&str> = project.disturbances.iter().map(Disturbance::kind).collect();
        kinds.dedup();
        findings.push(Finding::pass("disturbances", kinds.join(", ")));
    }
    if let Some(curriculum) = &project.curriculum {
        let evaluated = &curriculum.levels[project.evaluation_level()];
        let message = format!("{}; evaluated on {evaluated}", curriculum.levels.join(" → "));
        findings.push(Finding::pass("curriculum", message));
    }
    findings.extend(problem.decision.factory.findings());
    let algorithm = problem.options.name();
    findings.push(Finding::pass("algorithm", format!("{algorithm} learns these actions")));
    if let Some(collection) = problem.options.collection() {
        let bytes = collection.buffer_bytes(spec, problem.decision.is_masked());
        let message = format!(
            "{} transitions of {} bytes, {} when it is full",
            collection.buffer_size,
            bytes / collection.buffer_size as u64,
            HumanBytes(bytes)
        );
        findings.push(Finding::pass("replay buffer", message));
    }
    findings
}

pub fn show(problem: &Problem, findings: &[Finding], output: &Output) {
    output.line(format!("{} on process {}", problem.decision.project.charter.name, problem.spec().kind));
    show_findings(findings, output);
}

/// A line for each finding, and a summary.
pub fn show_findings(findings: &[Finding], output: &Output) {
    for Finding { passed, warning, subject, message } in findings {
        let mark = match (passed, warning) {
            (false, _) => "✗",
            (true, true) => "!",
            (true, false) => "✓",
        };
        output.line(format!("  {mark} {subject}: {message}"));
    }
    let failed = findings.iter().filter(|finding| !finding.passed).count();
    let warnings = match findings.iter().filter(|finding| finding.warning).count() {
        0 => String::new(),
        1 => ", with 1 warning".to_owned(),
        count => format!(", with {count} warnings"),
    };
    output.line(match failed {
        0 => format!("all checks passed{warnings}"),
        1 => format!("1 check failed{warnings}"),
        _ => format!("{failed} checks failed{warnings}"),
    });
}
