//! `setpoint ope`: off-policy evaluation.

use std::path::Path;

use serde_json::json;
use setpoint_evidence::action_distribution::ActionDistribution;
use setpoint_evidence::logs;
use setpoint_evidence::off_policy_evaluation::{Behaviour, Report, Settings, estimate};
use setpoint_files::run_folder::RunFolder;
use setpoint_learn::problem::Problem;
use setpoint_policy::Policy;

use crate::arguments::Ope;
use crate::output::{Failure, Output, Status, number, table};
use crate::preparing::{self, Preparing};
use crate::target::training::training_of;
use crate::target::{TRAININGS, newest_of, policy_of};
use setpoint_process::Registry;

/// Columns of a paragraph.
const WIDTH: usize = 100;

pub fn run(arguments: &Ope, registry: &Registry, output: &Output) -> Result<Status, Failure> {
    let problem = preparing::load(&arguments.project.project, registry, &arguments.project.set)?;
    let mut preparing = Preparing::new();
    let progress = &mut |preparation| preparing.tell(preparation);
    let log = logs::load(&problem.decision.project, problem.spec(), &arguments.data, progress)?;
    drop(preparing);
    let judged = Judged::find(arguments, &problem, output)?;
    if let Judged::Policy { policy, .. } = &judged
        && policy.manifest.network.memory().is_some()
    {
        return Err(Failure::Message(
            "the policy has a memory: the probability of a choice follows from the whole episode, and the estimators look at \
             single decisions; `setpoint eval` plays it in a simulation"
                .to_owned(),
        ));
    }
    let mut target = match &judged {
        Judged::Policy { policy, .. } => ActionDistribution::of_policy(&problem.decision, policy),
        Judged::Baseline(name) => ActionDistribution::of_baseline(&problem.decision, name)?,
    };
    if let Some(share) = arguments.softened {
        target = target.softened(share);
    }
    let behaviour = arguments.behaviour.as_deref().map(|word| match word {
        "logged" => Behaviour::Logged,
        "uniform" => Behaviour::Uniform,
        _ => Behaviour::Estimated,
    });
    let settings = Settings {
        gamma: arguments.gamma,
        steps: arguments.steps,
        behaviour,
        seed: problem.decision.project.evaluate.seed,
    };
    let report = estimate(&problem.decision, &log, &mut target, &settings)?;
    let name = match (judged.name(), arguments.softened) {
        (name, None) => name,
        (name, Some(share)) => format!("{name}, softened by {share}"),
    };
    show(&name, &report, output);
    let status = if report.refusal.is_some() { Status::GateFailed } else { Status::Done };
    output.document("ope", status, json!({ "policy": name, "data": arguments.data, "report": report }));
    Ok(status)
}

/// The policy whose return is estimated.
enum Judged {
    Policy { name: String, policy: Box<Policy> },
    Baseline(String),
}

impl Judged {
    fn find(arguments: &Ope, problem: &Problem, output: &Output) -> Result<Self, Failure> {
        let of_run = |run: RunFolder| -> Result<Self, Failure> {
            let folder = training_of(run, arguments.seed, output)?.folder;
            let policy = Box::new(policy_of(&folder, problem)?);
            Ok(Self::Policy { name: folder.path.display().to_string(), policy })
        };
        match arguments.policy.as_deref() {
            None => of_run(newest_of(&arguments.project.project, &arguments.runs, &TRAININGS)?),
            Some(path) if path.is_dir() => of_run(RunFolder::at(path)),
            Some(path) if path.is_file() => {
                let policy = Policy::load(path)?;
                match problem.decision.refuses(&policy) {
                    None => Ok(Self::Policy { name: path.display().to_string(), policy: Box::new(policy) }),
                    Some(reason) => Err(Failure::Message(reason)),
                }
            }
            Some(name) => Self::baseline(name, problem),
        }
    }

    /// A name that is not a file must be a baseline.
    fn baseline(path: &Path, problem: &Problem) -> Result<Self, Failure> {
        let name = path.display().to_string();
        ActionDistribution::of_baseline(&problem.decision, &name).map_err(|mut refused| {
            refused.title = format!("there is no file or folder `{name}`, and {}", refused.title);
            refused
        })?;
        Ok(Self::Baseline(name))
    }

    fn name(&self) -> String {
        match self {
            Self::Policy { name, .. } | Self::Baseline(name) => name.clone(),
        }
    }
}

fn show(name: &str, report: &Report, output: &Output) {
    let behaviour = match report.behaviour {
        Behaviour::Logged => "given by the log",
        Behaviour::Uniform => "uniform, as declared",
        Behaviour::Estimated => "estimated from the log",
    };
    output.line(format!(
        "{name}: return per episode over its first {} steps (discount {}) from {} episodes, {} decisions",
        report.steps, report.gamma, report.episodes, report.rows
    ));
    output.line(format!(
        "  probabilities of the logging policy: {behaviour}; effective sample size {:.1} episodes, greatest weight {:.1} %",
        report.effective_sample_size,
        100.0 * report.greatest_weight
    ));
    output.line(format!(
        "  support: the log takes {:.1} % of the policy's decisions in similar states{}",
        100.0 * report.support,
        report.mean_weight.map_or(String::new(), |mean| format!("; mean weight {}", number(mean)))
    ));
    let interval = |interval: setpoint_statistics::Interval| {
        format!("[{}, {}]", number(interval.low), number(interval.high))
    };
    let rows: Vec<Vec<String>> = std::iter::once(&report.logged)
        .chain(&report.estimates)
        .map(|found| vec![found.estimator.to_owned(), number(found.value), interval(found.interval)])
        .collect();
    output.line(format!("\n{}", table(&["", "return", "95 % interval"], &rows)));
    for found in &report.without_result {
        output.line(format!("✗ {} has no result: {}", found.estimator, found.reason));
    }
    for (mark, text) in
        report.refusal.iter().map(|text| ("✗", text)).chain(report.notes.iter().map(|text| ("!", text)))
    {
        output.marked(&format!("{mark} "), text, WIDTH);
    }
}
