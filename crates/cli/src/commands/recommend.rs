//! `setpoint recommend`

use serde_json::json;
use setpoint_edge::recommendation::answer;

use crate::arguments::Recommend;
use crate::output::{Failure, Output, Status};
use crate::source::Source;
use crate::target::training::{Training, training_of};
use crate::target::{policy_of, problem_of, run_folder_or_policy_file};
use setpoint_policy::Policy;
use setpoint_process::Registry;

pub fn run(arguments: &Recommend, registry: &Registry, output: &Output) -> Result<Status, Failure> {
    let Some(folder) = run_folder_or_policy_file(&arguments.run)? else {
        return of_policy_file(arguments, output);
    };
    let Training { folder, seed } = training_of(folder, arguments.run.seed, output)?;
    let problem = problem_of(&folder, registry, &[])?;
    let policy = policy_of(&folder, &problem)?;
    let source = Source::of(&folder, &problem, Some(&policy), &arguments.run, registry, output)?;
    let answers = answer(&policy, &problem.decision.project.scenarios, &arguments.asked, output)?;
    let body = json!({ "run": folder.path, "seed": seed, "source": source, "recommendations": answers });
    output.document("recommend", Status::Done, body);
    Ok(Status::Done)
}

/// A policy file outside of its run: it has everything for a recommendation, but no scenarios, and no project whose constraints
/// could be compared with its own.
fn of_policy_file(arguments: &Recommend, output: &Output) -> Result<Status, Failure> {
    if arguments.asked.names_a_scenario() {
        return Err(Failure::Message(
            "scenarios belong to a project, and this policy file is outside of its run: name the run's folder".to_owned(),
        ));
    }
    let file = &arguments.run.run;
    let policy = Policy::load(file)?;
    output.line(
        "! the policy file is outside of its run: the constraints are those of its training, and were not compared with a project",
    );
    let answers = answer(&policy, &[], &arguments.asked, output)?;
    let body = json!({
        "policy": file, "policy_hash": policy.hash(), "source": null, "recommendations": answers,
    });
    output.document("recommend", Status::Done, body);
    Ok(Status::Done)
}
