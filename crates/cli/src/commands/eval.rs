//! `setpoint eval`

use serde_json::json;
use setpoint_evidence::Decision;
use setpoint_evidence::evaluate::{Evaluation, Subject, evaluate_into};
use setpoint_evidence::gate::{self, Gate};

use crate::arguments::Eval;
use crate::output::{Failure, Output, Status, number, table};
use crate::target::{policy_of, problem_of, run_folder};
use setpoint_process::Registry;

pub fn run(arguments: &Eval, registry: &Registry, output: &Output) -> Result<Status, Failure> {
    let folder = run_folder(&arguments.run, registry)?;
    let overrides: Vec<String> =
        arguments.episodes.map(|episodes| format!("evaluate.episodes={episodes}")).into_iter().collect();
    let problem = problem_of(&folder, registry, &overrides)?;
    let policy = policy_of(&folder, &problem)?;
    let evaluation =
        evaluate_into(&problem.decision, &problem.resolved(), &policy, arguments.seeds, &folder)?;
    show(&evaluation, output);
    let status = gate(&evaluation, &problem.decision, output);
    output.document("eval", status, json!({ "run": folder.path, "evaluation": evaluation }));
    Ok(status)
}

/// Says whether the required lift is proved.
pub fn gate(evaluation: &Evaluation, decision: &Decision, output: &Output) -> Status {
    if let Some(sentence) = gate::sentence(evaluation, decision) {
        output.line(format!("\n{sentence}"));
    }
    let Some(Gate { required_lift_percent, passed }) = gate::gate(evaluation, decision) else {
        return Status::Done;
    };
    let word = if passed { "✓ gate passed" } else { "✗ gate failed" };
    output.line(format!("{word}: the whole interval of the lift must be at least {required_lift_percent} %"));
    if passed { Status::Done } else { Status::GateFailed }
}

/// The tables of an evaluation.
pub fn show(evaluation: &Evaluation, output: &Output) {
    let subjects: Vec<&Subject> = std::iter::once(&evaluation.policy).chain(&evaluation.baselines).collect();
    output.line(format!(
        "{} episodes × {} seed(s), the same for all; 95 % bootstrap intervals",
        evaluation.episodes_per_seed,
        evaluation.seeds.len()
    ));
    for subject in &subjects {
        output.line(format!("  {}: {}", subject.name, subject.description));
    }
    let mut header = vec![""];
    header.extend(subjects.iter().map(|subject| subject.name.as_str()));
    let row = |name: String, cell: &dyn Fn(&Subject) -> String| {
        std::iter::once(name).chain(subjects.iter().map(|subject| cell(subject))).collect::<Vec<String>>()
    };
    let with_interval = |mean: f64, interval: setpoint_statistics::Interval| {
        format!("{} [{}, {}]", number(mean), number(interval.low), number(interval.high))
    };
    let mut rows = vec![
        row("reward per step".into(), &|s| with_interval(s.reward_per_step.mean, s.reward_per_step.interval)),
        row("  sd · median · IQM".into(), &|s| {
            let summary = &s.reward_per_step;
            format!(
                "{} · {} · {}",
                number(summary.sd),
                number(summary.median),
                number(summary.interquartile_mean)
            )
        }),
        row("return per episode".into(), &|s| {
            with_interval(s.episode_return.mean, s.episode_return.interval)
        }),
        row("  sd · median · IQM".into(), &|s| {
            let summary = &s.episode_return;
            format!(
                "{} · {} · {}",
                number(summary.sd),
                number(summary.median),
                number(summary.interquartile_mean)
            )
        }),
        row("steps per episode".into(), &|s| number(s.episode_steps.mean)),
        row("terminated (% of episodes)".into(), &|s| number(s.terminated_percent)),
    ];
    for (index, signal) in evaluation.policy.signals.iter().enumerate() {
        let name = format!("{} ({})", signal.name, signal.unit);
        rows.push(row(name, &|s| with_interval(s.signals[index].mean, s.signals[index].interval)));
    }
    for (index, constraint) in evaluation.policy.constraints.iter().enumerate() {
        let name = format!("{} (% of decisions)", constraint.constraint);
        rows.push(row(name, &|s| number(s.constraints[index].decisions_percent)));
    }
    output.line(format!("\n{}", table(&header, &rows)));
    let terms: Vec<Vec<String>> = (0..evaluation.policy.reward_terms.len())
        .map(|index| {
            let term = &evaluation.policy.reward_terms[index];
            row(format!("{} × {}", term.weight, term.name), &|s| number(s.reward_terms[index].per_step))
        })
        .collect();
    let mut header_terms = header.clone();
    header_terms[0] = "reward term, per step";
    output.line(format!("\n{}", table(&header_terms, &terms)));
    let actions: Vec<Vec<String>> = (0..evaluation.policy.actions.len())
        .map(|index| {
            row(evaluation.policy.actions[index].name.clone(), &|s| {
                let action = &s.actions[index];
                action.percent.map_or_else(|| action.mean.map_or("–".into(), number), |p| format!("{p:.1} %"))
            })
        })
        .collect();
    let mut header_actions = header;
    header_actions[0] = "action";
    output.line(format!("\n{}", table(&header_actions, &actions)));
    let comparisons: Vec<Vec<String>> = evaluation
        .comparisons
        .iter()
        .map(|c| {
            vec![
                format!("policy against {}", c.baseline),
                with_interval(c.difference_per_step, c.difference_interval),
                format!("{} %", with_interval(c.lift_percent, c.lift_interval_percent)),
                with_interval(c.probability_of_improvement, c.probability_interval),
            ]
        })
        .collect();
    if !comparisons.is_empty() {
        let header = ["", "reward per step", "lift", "P(improvement)"];
        output.line(format!("\n{}", table(&header, &comparisons)));
    }
    if evaluation.seeds.len() > 1 {
        let rows: Vec<Vec<String>> = evaluation
            .seeds
            .iter()
            .enumerate()
            .map(|(index, seed)| row(seed.to_string(), &|s| number(s.reward_per_step_by_seed[index])))
            .collect();
        let mut header = vec!["evaluation seed: reward per step"];
        header.extend(subjects.iter().map(|subject| subject.name.as_str()));
        output.line(format!("\n{}", table(&header, &rows)));
    }
}
