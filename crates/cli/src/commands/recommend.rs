//! `setpoint recommend`

use serde_json::json;
use setpoint_edge::recommendation::answer;

use crate::arguments::Recommend;
use crate::output::{Failure, Output, Status};
use crate::source::Source;
use crate::target::training::{Training, training};
use crate::target::{is_policy_file, policy_of, problem_of, run_of_policy_file};
use setpoint_policy::Policy;
use setpoint_process::Registry;

pub fn run(arguments: &Recommend, registry: &Registry, output: &Output) -> Result<Status, Failure> {
    let given = &arguments.run.run;
    if is_policy_file(given) && run_of_policy_file(given).is_err() {
        return of_policy_file(arguments, output);
    }
    let Training { folder, seed } = training(&arguments.run, output)?;
    let problem = problem_of(&folder, registry, &[])?;
    let policy = policy_of(&folder, &problem)?;
    let source = Source::of(&folder, &problem, Some(&policy), &arguments.run, registry, output)?;
    let answers = answer(&policy, &problem.decision.project.scenarios, &arguments.asked, output)?;
    let body = json!({ "run": folder.path, "seed": seed, "source": source, "recommendations": answers });
    output.document("recommend", Status::Done, body);
    Ok(Status::Done)
}

/// A policy file outside of its run: it has everything for a recommendation, but no scenarios.
fn of_policy_file(arguments: &Recommend, output: &Output) -> Result<Status, Failure> {
    if arguments.asked.names_a_scenario() {
        return Err(Failure::Message(
            "scenarios belong to a project, and this policy file is outside of its run: name the run's folder".to_owned(),
        ));
    }
    let file = &arguments.run.run;
    let policy = Policy::load(file)?;
    let answers = answer(&policy, &[], &arguments.asked, output)?;
    let body = json!({ "policy": file, "policy_hash": policy.hash(), "recommendations": answers });
    output.document("recommend", Status::Done, body);
    Ok(Status::Done)
}
