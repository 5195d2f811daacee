//! `setpoint recommend`

use serde_json::json;
use setpoint_edge::recommendation::answer;

use crate::arguments::Recommend;
use crate::output::{Failure, Output, Status};
use crate::source::Source;
use crate::target::{policy_of, problem_of, run_folder};
use setpoint_process::Registry;

pub fn run(arguments: &Recommend, registry: &Registry, output: &Output) -> Result<Status, Failure> {
    let folder = run_folder(&arguments.run)?;
    let problem = problem_of(&folder, registry, &[])?;
    let policy = policy_of(&folder, &problem)?;
    let source = Source::of(&folder, &problem, Some(&policy), &arguments.run, registry, output)?;
    let answers = answer(&policy, &problem.decision.project.scenarios, &arguments.asked, output)?;
    let body = json!({ "run": folder.path, "source": source, "recommendations": answers });
    output.document("recommend", Status::Done, body);
    Ok(Status::Done)
}
