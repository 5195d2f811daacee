//! `setpoint faults`

use std::path::Path;

use serde_json::json;
use setpoint_decision::spec::behind_number;
use setpoint_evidence::Hashes;
use setpoint_evidence::faults::{
    Cell, DEVIATIONS, FaultMatrix, Grid, Tolerance, fault_matrix, keep, noise_scales,
};
use setpoint_files::run_folder::RunFolder;
use setpoint_learn::problem::Problem;
use setpoint_policy::Policy;

use crate::arguments::{Faults, RunArguments};
use crate::output::{Failure, Output, Status, number, table};
use crate::screen;
use crate::source::Source;
use crate::target::training::{Training, training};
use crate::target::{policy_of, problem_of};
use setpoint_process::Registry;

pub fn run(arguments: &Faults, registry: &Registry, output: &Output) -> Result<Status, Failure> {
    let Training { folder, seed } = training(&arguments.run, output)?;
    let problem = problem_of(&folder, registry, &[])?;
    let policy = policy_of(&folder, &problem)?;
    if let Some(part) = problem.spec().tensors.first() {
        return Err(Failure::Message(format!(
            "noise, delay and loss are those of features, and the policy also sees `{}` ({}): its faults cannot be measured \
             this way",
            part.name, part.form
        )));
    }
    let source = Source::of(&folder, &problem, Some(&policy), &arguments.run, registry, output)?;
    let named = |hashes: Hashes, folder: &RunFolder, problem: &Problem, policy: &Policy| {
        let hashes = hashes.policy(&name_of(folder), policy);
        hashes.project(&name_of(folder), &problem.resolved()).files_of(&*problem.decision.factory)
    };
    let mut hashes = named(Hashes::default(), &folder, &problem, &policy)?;
    let mut policies = vec![(name_of(&folder), problem.decision.clone(), policy)];
    if let Some(run) = &arguments.against {
        let other = RunArguments { run: run.clone(), seed: None, ..arguments.run.clone() };
        let against = training(&other, output)?.folder;
        let other = problem_of(&against, registry, &[])?;
        let policy = policy_of(&against, &other)?;
        if let Some(reason) = problem.decision.refuses(&policy) {
            return Err(Failure::Message(format!(
                "{} cannot be compared with it: {reason}",
                against.path.display()
            )));
        }
        hashes = named(hashes, &against, &other, &policy)?;
        // Both policies act in the decision of the first run: its reward, constraints and dynamics.
        let mut shared = problem.decision.clone();
        shared.project.disturbances.clone_from(&other.decision.project.disturbances);
        shared.project.curriculum.clone_from(&other.decision.project.curriculum);
        policies.push((name_of(&against), shared, policy));
    }
    let grid = Grid {
        noise: arguments.noise.clone(),
        delay: arguments.delay.clone(),
        dropout: arguments.dropout.clone(),
    };
    let has_noise = grid.noise.iter().any(|noise| *noise > 0.0);
    let scales = match policies.first() {
        Some((_, _, policy)) if has_noise => noise_scales(policy, &arguments.features)
            .map_err(|reason| Failure::Message(reason.to_string()))?,
        _ => Vec::new(),
    };
    let bar = screen::bar(1, "faults {bar:28.cyan/dim} {pos}/{len} combinations");
    let done = &mut |done: usize, of: usize| {
        bar.set_length(of as u64);
        bar.set_position(done as u64);
    };
    let matrix = fault_matrix(&policies, &grid, &scales, arguments.episodes, done);
    bar.finish_and_clear();
    let matrix = matrix?;
    keep(&matrix, &hashes, &folder)?;
    setpoint_report::write(&problem, &folder)?;
    show(&matrix, output);
    output.line(format!("\nheat map: {}", folder.report().display()));
    output.document(
        "faults",
        Status::Done,
        json!({ "run": folder.path, "seed": seed, "source": source, "faults": matrix }),
    );
    Ok(Status::Done)
}

/// The name of the run; of a seed with the run that it belongs to, because another run has a seed of that number too.
fn name_of(folder: &RunFolder) -> String {
    let last = |path: &Path| path.file_name().map(|name| name.to_string_lossy().into_owned());
    let name = last(&folder.path).unwrap_or_else(|| "policy".to_owned());
    match folder.path.parent().and_then(last).filter(|_| name.starts_with("seed-")) {
        Some(run) => format!("{run}/{name}"),
        None => name,
    }
}

fn show(matrix: &FaultMatrix, output: &Output) {
    output.line(format!(
        "{}: mean return over {} episodes per combination, with the same seeds in all",
        matrix.project, matrix.episodes
    ));
    let seen: Vec<String> = matrix
        .noise_scales
        .iter()
        .filter(|scale| scale.from_training)
        .map(|scale| format!("{} {}{}", scale.feature, number(scale.size), behind_number(&scale.unit)))
        .collect();
    if !seen.is_empty() {
        output.line(format!(
            "noise of 100 % is the span of a feature; without bounds it is {DEVIATIONS:.0} standard deviations of what the policy \
             saw in training: {}",
            seen.join(", ")
        ));
    }
    if !matrix.without_noise.is_empty() {
        output.line(format!("without noise: {}", matrix.without_noise.join(", ")));
    }
    for tolerance in &matrix.policies {
        output.line(format!("\n{} ({})", tolerance.policy, tolerance.trained));
        let mut header = vec!["lost".to_owned(), "delay".to_owned()];
        header.extend(matrix.grid.noise.iter().map(|noise| format!("noise {:.0} %", 100.0 * noise)));
        let header: Vec<&str> = header.iter().map(String::as_str).collect();
        let rows: Vec<Vec<String>> = tolerance.cells.chunks(matrix.grid.noise.len()).map(row).collect();
        output.line(table(&header, &rows));
        if let Some(sentence) = loss(tolerance) {
            output.line(sentence);
        }
    }
}

/// A row: one delay with one share of lost samples.
fn row(cells: &[Cell]) -> Vec<String> {
    let first = &cells[0];
    let mut row = vec![format!("{:.0} %", 100.0 * first.dropout), format!("{} steps", first.delay)];
    row.extend(cells.iter().map(|cell| number(cell.episode_return)));
    row
}

fn loss(tolerance: &Tolerance) -> Option<String> {
    let (worst, cost) = (tolerance.worst()?, tolerance.cost()?);
    Some(format!(
        "worst: {} with noise of {:.0} %, a delay of {} steps, {:.0} % of samples lost: {cost}",
        number(worst.episode_return),
        100.0 * worst.noise,
        worst.delay,
        100.0 * worst.dropout
    ))
}
