//! `setpoint-edge`: a policy file next to the plant. It evaluates and recommends; it contains no training code.
//!
//! * [`main_with`] – a whole program over the kinds of process that it offers
//! * [`evaluation`], [`recommendation`] – the two commands, which the program `setpoint` also has
//! * [`output`] – lines for people, documents for programs, exit status

use std::ffi::OsString;
use std::process::ExitCode;

use serde_json::json;
use setpoint_evidence::Decision;
use setpoint_evidence::evaluate::evaluate;
use setpoint_policy::{Policy, level};
use setpoint_process::Registry;

mod arguments;
pub mod evaluation;
pub mod output;
pub mod recommendation;
mod states;
mod tables;

use arguments::{Arguments, Command, Eval, Recommend};
use output::{Failure, Output, Status};

/// A whole program: the commands of `setpoint-edge` over the kinds of process in `registry`.
pub fn main_with(registry: Registry) -> ExitCode {
    ExitCode::from(run(std::env::args_os(), &registry))
}

/// Runs a command; returns the exit status. `arguments` begins with the program's name.
pub fn run(arguments: impl IntoIterator<Item = OsString>, registry: &Registry) -> u8 {
    let arguments: Arguments = match output::parse(arguments) {
        Ok(arguments) => arguments,
        Err(status) => return status,
    };
    let output = Output::new(arguments.json);
    let checked = level::check().map_err(Failure::from);
    output.exit_status(checked.and_then(|()| match &arguments.command {
        Command::Eval(arguments) => eval(arguments, registry, &output),
        Command::Recommend(arguments) => recommend(arguments, registry, &output),
    }))
}

fn eval(arguments: &Eval, registry: &Registry, output: &Output) -> Result<Status, Failure> {
    let policy = Policy::load(&arguments.policy)?;
    let decision =
        Decision::load(&arguments.project, &arguments.evaluation.overrides(), registry, &mut |_| {})?;
    fits(&policy, &decision)?;
    let found = evaluate(&decision, &policy, arguments.evaluation.seeds)?;
    let verdict = evaluation::show(&found, &decision, output);
    let body = json!({
        "policy": arguments.policy,
        "policy_hash": policy.hash(),
        "headline": verdict.headline,
        "gate": verdict.gate,
        "evaluation": found,
    });
    output.document("eval", verdict.status(), body);
    Ok(verdict.status())
}

fn recommend(arguments: &Recommend, registry: &Registry, output: &Output) -> Result<Status, Failure> {
    let policy = Policy::load(&arguments.policy)?;
    let scenarios = match &arguments.project {
        None if arguments.asked.names_a_scenario() => {
            return Err(Failure::Message(
                "scenarios belong to a project: give its folder after the policy file".to_owned(),
            ));
        }
        None => Vec::new(),
        Some(project) => {
            let decision = Decision::load(project, &[], registry, &mut |_| {})?;
            fits(&policy, &decision)?;
            decision.project.scenarios
        }
    };
    let answers = recommendation::answer(&policy, &scenarios, &arguments.asked, output)?;
    let hash = policy.hash();
    let body = json!({ "policy": arguments.policy, "policy_hash": hash, "recommendations": answers });
    output.document("recommend", Status::Done, body);
    Ok(Status::Done)
}

fn fits(policy: &Policy, decision: &Decision) -> Result<(), Failure> {
    decision.refuses(policy).map_or(Ok(()), |reason| Err(Failure::Message(reason)))
}
