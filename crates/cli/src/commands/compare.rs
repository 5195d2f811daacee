//! `setpoint compare`: several algorithms on one decision, and a recommendation.

mod pace;

use std::time::Instant;

use serde_json::json;
use setpoint_files::run::{Run, Start};
use setpoint_learn::train::cores;
use setpoint_study::compare::{AlgorithmComparison, Plan};
use setpoint_study::many_seeds::{Event, SideBySide};

use self::pace::{Pace, Training};
use crate::arguments::Compare;
use crate::interrupt;
use crate::output::{Failure, Output, Status, number, table, thousands};
use crate::place::Place;
use crate::progress::{ProgressDisplay, Together};
use crate::target::problem_to_compare;
use setpoint_process::Registry;

pub fn run(arguments: &Compare, registry: &Registry, output: &Output) -> Result<Status, Failure> {
    let problem = problem_to_compare(arguments, registry)?;
    let plan = Plan::new(&problem, &arguments.algorithms, arguments.share, arguments.seeds)?;
    let run = Place::of_comparison(arguments, &problem).open(&problem, output)?;
    let folder = &run.folder;
    interrupt::listen();
    let Some(comparison) = carry_out(&plan, arguments, &run, output)? else {
        return Ok(interrupt::stopped("compare", folder, output));
    };
    comparison.keep(&plan, folder)?;
    setpoint_report::write_comparison(&comparison, &plan.problems, folder)?;
    show(&comparison, output);
    output.line(format!("page: {}", folder.comparison_page().display()));
    output.document(
        "compare",
        Status::Done,
        json!({ "run": folder.path, "page": folder.comparison_page(), "comparison": comparison }),
    );
    Ok(Status::Done)
}

fn carry_out(
    plan: &Plan,
    arguments: &Compare,
    run: &Run,
    output: &Output,
) -> Result<Option<AlgorithmComparison>, Failure> {
    let settings = &plan.settings;
    output.line(format!(
        "{} on {} steps each ({} % of the project's{}), {} seed(s)",
        settings.algorithms.join(", "),
        thousands(settings.steps as f64),
        (100.0 * settings.share * 1e6).round() / 1e6,
        if settings.is_rounded() { ", in complete rollouts" } else { "" },
        settings.seeds
    ));
    let total = settings.steps * plan.trainings() as u64;
    let mut shown = ProgressDisplay::new(total, &format!("{} trainings", plan.trainings()));
    let mut all = Together::new(plan.trainings(), total);
    let seeds = settings.seeds as usize;
    let at_once = cores(arguments.threads);
    let mut pace = Pace::new(&settings.algorithms, seeds, settings.steps, at_once);
    let mut begun: Vec<Option<(Instant, u64)>> = vec![None; plan.trainings()];
    let how = SideBySide {
        at_once,
        start: Start::Part(run.marker.identity),
        stop: &interrupt::STOP,
        stops_all: |error| !error.is_divergence(),
    };
    let result = plan.carry_out(run, &how, &mut |event| match event {
        Event::Progress { index, progress } => {
            // The first news comes after the first update: its time was not measured, so its steps do not count either.
            let (since, from) = *begun[index].get_or_insert_with(|| (Instant::now(), progress.steps));
            let training = Training {
                steps: progress.steps,
                steps_now: progress.steps.saturating_sub(from),
                seconds: since.elapsed().as_secs_f64(),
            };
            if let Some(line) = pace.note(index / seeds, index % seeds, training) {
                shown.note(&line);
            }
            let mut progress = all.progress(index, progress);
            // The returns of several algorithms in one line would only jump.
            progress.moving_return = None;
            progress.best_return = None;
            shown.update_with(&progress, &pace.left());
        }
        Event::Finished { index, training, episode_return } => {
            all.finished(index, settings.steps);
            // A training that an earlier sitting ended has no other news.
            let (steps, seconds) = (settings.steps, training.wall_seconds);
            pace.note(index / seeds, index % seeds, Training { steps, steps_now: training.steps, seconds });
            let (algorithm, seed) = plan.member(index);
            shown.note(&format!(
                "{algorithm} s{seed}: return {} after {} steps in {:.1} s",
                number(episode_return),
                thousands(training.steps as f64),
                training.wall_seconds
            ));
        }
    });
    shown.finish();
    Ok(result?)
}

fn show(comparison: &AlgorithmComparison, output: &Output) {
    let rows: Vec<Vec<String>> = comparison
        .results
        .iter()
        .map(|result| {
            let over_seeds = &result.episode_return;
            vec![
                result.algorithm.clone(),
                number(over_seeds.mean),
                number(over_seeds.sd),
                number(over_seeds.interquartile_mean),
                format!("{} … {}", number(over_seeds.interval.low), number(over_seeds.interval.high)),
                result
                    .probability_of_improvement
                    .map_or("–".to_owned(), |share| format!("{:.0} %", 100.0 * share)),
                thousands(result.steps_per_second),
                format!("{:.1}", result.wall_seconds),
            ]
        })
        .collect();
    let header =
        ["algorithm", "return", "sd", "IQM", "95 % interval", "beats the next", "steps/s", "training s"];
    output.line("\nreturn per episode over seeds, each evaluated on the same episodes:");
    output.line(table(&header, &rows));
    for baseline in &comparison.baselines {
        output.line(format!("  return of {}: {}", baseline.name, number(baseline.episode_return)));
    }
    for result in &comparison.results {
        for warning in &result.warnings {
            output.line(format!("! {}: {warning}", result.algorithm));
        }
    }
    for left_out in &comparison.left_out {
        output.line(format!("left out: {}: {}", left_out.algorithm, left_out.reason));
    }
    output.line(format!("\n{}", comparison.recommendation.text()));
}
