//! `setpoint eval`

use serde_json::json;
use setpoint_edge::evaluation::show;
use setpoint_evidence::evaluate::evaluate_into;
use setpoint_learn::train::cores;

use crate::arguments::Eval;
use crate::output::{Failure, Output, Status};
use crate::screen;
use crate::source::Source;
use crate::target::training::{Training, training};
use crate::target::{policy_of, problem_of};
use setpoint_process::Registry;

pub fn run(arguments: &Eval, registry: &Registry, output: &Output) -> Result<Status, Failure> {
    let Training { folder, seed } = training(&arguments.run, output)?;
    let problem = problem_of(&folder, registry, &arguments.evaluation.overrides())?;
    let policy = policy_of(&folder, &problem)?;
    let source = Source::of(&folder, &problem, Some(&policy), &arguments.run, registry, output)?;
    let seeds = arguments.evaluation.seeds;
    let changed = arguments.evaluation.changed();
    let spinner = screen::spinner();
    spinner.set_message("evaluating the policy and its baselines");
    let decision = problem.decision.clone().with_threads(cores(None));
    let found = evaluate_into(&decision, &problem.resolved(), &policy, seeds, &folder, None, &changed);
    spinner.finish_and_clear();
    let (evaluation, kept) = found?;
    let verdict = show(&evaluation, &problem.decision, output);
    output.line(format!("\nevidence: {}", kept.path.display()));
    if let Some(instead) = &kept.instead {
        output.line(format!("the report quotes {instead}"));
    }
    let body = json!({
        "run": folder.path,
        "evidence": kept.path,
        "is_quoted": kept.instead.is_none(),
        "seed": seed,
        "source": source,
        "headline": verdict.headline,
        "gate": verdict.gate,
        "evaluation": evaluation,
    });
    output.document("eval", verdict.status(), body);
    Ok(verdict.status())
}
