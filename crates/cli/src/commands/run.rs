//! `setpoint run`: check, train, evaluate and report.

use serde_json::json;
use setpoint_decision::charter::Finding;
use setpoint_edge::evaluation::{show, status_of};
use setpoint_evidence::PlayError;
use setpoint_evidence::evaluate::evaluate_into;
use setpoint_files::run::Run;
use setpoint_files::run_folder::RunFolder;
use setpoint_learn::problem::Problem;
use setpoint_learn::train::{Ending, Trained, cores};

use crate::arguments::Train;
use crate::commands::{check, report, train};
use crate::interrupt;
use crate::output::{Failure, Output, Status};
use crate::place::Place;
use crate::target::problem_to_train;
use setpoint_process::Registry;

/// Steps of the conformance run before training.
const CONFORMANCE_STEPS: usize = 500;

pub fn run(arguments: &Train, registry: &Registry, output: &Output) -> Result<Status, Failure> {
    let problem = problem_to_train(arguments, registry, output)?;
    let findings = check::check(&problem, CONFORMANCE_STEPS);
    check::show(&problem, &findings, output);
    output.line("");
    if check::status_of(&findings) != Status::Done {
        output.line("not trained: first correct the failed checks");
        output.document("run", Status::GateFailed, json!({ "findings": findings }));
        return Ok(Status::GateFailed);
    }
    let place = Place::of_training(arguments, &problem);
    interrupt::listen();
    if arguments.seeds > 1 {
        let run = place.open(&problem, output)?;
        return several(&problem, arguments, &run, &findings, output);
    }
    let folder = place.folder(&problem, output)?;
    let trained = train::one(&problem, arguments, (&folder, place.start()), output)?;
    if trained.summary.ending == Ending::Interrupted {
        return Ok(interrupt::stopped("run", &folder, output));
    }
    output.line("");
    if !problem.decision.factory.simulates() {
        return Ok(unevaluated(&folder, &findings, &trained, output));
    }
    let stop = Some(&interrupt::STOP);
    let decision = problem.decision.clone().with_threads(cores(arguments.threads));
    let evaluation =
        match evaluate_into(&decision, &problem.resolved(), &trained.policy, 1, &folder, stop, &[]) {
            // A resume does not train again, but evaluates again.
            Err(PlayError::Interrupted) => return Ok(interrupt::stopped("run", &folder, output)),
            evaluated => evaluated?.0,
        };
    let verdict = show(&evaluation, &problem.decision, output);
    let status = verdict.status();
    report::write(&problem, &folder, output)?;
    output.document(
        "run",
        status,
        json!({
            "run": folder.path,
            "policy": folder.policy(),
            "report": folder.report(),
            "findings": findings,
            "training": trained.summary,
            "headline": verdict.headline,
            "gate": verdict.gate,
            "evaluation": evaluation,
        }),
    );
    Ok(status)
}

/// The policy of a plant: nothing evaluates it but a log, so there is no evaluation and no report.
fn unevaluated(folder: &RunFolder, findings: &[Finding], trained: &Trained, output: &Output) -> Status {
    output.line("not evaluated: a plant cannot be simulated; `setpoint ope` estimates the return of the policy from a log");
    output.document(
        "run",
        Status::Done,
        json!({
            "run": folder.path,
            "policy": folder.policy(),
            "findings": findings,
            "training": trained.summary,
            "evaluation": null,
        }),
    );
    Status::Done
}

/// Several seeds: the gate is that of the median seed, which `eval`, `recommend` and `report` take.
fn several(
    problem: &Problem,
    arguments: &Train,
    run: &Run,
    findings: &[Finding],
    output: &Output,
) -> Result<Status, Failure> {
    let folder = &run.folder;
    let Some(seeds) = train::seeds(problem, arguments, run, output)? else {
        return Ok(interrupt::stopped("run", folder, output));
    };
    report::write(problem, folder, output)?;
    let median = seeds.gate(&problem.decision);
    let gate = median.as_ref().map(|median| &median.gate);
    let status = status_of(gate);
    if let Some(median) = &median {
        let mark = if median.gate.passed { "✓" } else { "✗" };
        output.line(format!("{mark} {}", median.sentence()));
    }
    output.document(
        "run",
        status,
        json!({
            "run": folder.path,
            "findings": findings,
            "median_seed": seeds.median(&problem.decision.project.evaluate.headline).seed,
            "gate": gate,
            "seeds": seeds,
            "report": folder.report(),
        }),
    );
    Ok(status)
}
