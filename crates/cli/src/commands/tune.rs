//! `setpoint tune`: better options for the project's algorithm.

use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::json;
use setpoint_learn::problem::Problem;
use setpoint_learn::train::{Progress, cores};
use setpoint_report::write_search;
use setpoint_study::tune::{News, Plan, Proof, SearchError, Trial, by_merit, ranges};

use crate::arguments::Tune;
use crate::interrupt;
use crate::output::{Failure, Output, Status, number, table};
use crate::place::Place;
use crate::preparing;
use crate::progress::ProgressDisplay;
use crate::study_file::StudyFile;
use setpoint_process::Registry;

/// Trials that the terminal shows.
const SHOWN: usize = 10;

pub fn run(arguments: &Tune, registry: &Registry, output: &Output) -> Result<Status, Failure> {
    let given = &arguments.project;
    let problem = preparing::load(&given.project, registry, &given.set)?;
    let searched = ranges(&problem);
    if searched.is_empty() {
        return Err(Failure::Message(format!(
            "{} has no usual options to search: name options, for example [tune.ranges] learning_rate = {{ low = 1e-4, \
             high = 1e-2, log = true }}",
            problem.options.name()
        )));
    }
    let run = Place::of_search(arguments, &problem).open(&problem, output)?;
    let folder = &run.folder;
    let file = StudyFile::open(&folder.search_file(), &problem.resolved())?;
    let tried = file.trials()?;
    interrupt::listen();
    let plan = Plan {
        problem: &problem,
        trials: (arguments.trials as usize).max(tried.len()),
        seeds: arguments.seeds,
        at_once: cores(arguments.threads),
        run: &run,
        stop: &interrupt::STOP,
    };
    let names: Vec<&str> = searched.iter().map(|range| range.option.as_str()).collect();
    output.line(format!("{} trials of {} on {}", plan.trials, problem.options.name(), names.join(", ")));
    let Some((trials, proof)) = carry_out(&plan, tried, &file, output)? else {
        return Ok(interrupt::stopped("tune", folder, output));
    };
    write_search(&problem, &searched, &trials, proof.as_ref(), folder)?;
    show(&problem, &trials, proof.as_ref(), output);
    output.line(format!("page: {}", folder.search_page().display()));
    output.document(
        "tune",
        Status::Done,
        json!({ "run": folder.path, "page": folder.search_page(), "trials": trials, "best": by_merit(&trials).first(), "proof": proof }),
    );
    Ok(Status::Done)
}

/// All trials, and the proof of the best trial.
type Found = (Vec<Trial>, Option<Proof>);

/// Searches and proves; no proof if the project's own options were the best. `None` if it was stopped.
fn carry_out(
    plan: &Plan<'_>,
    tried: Vec<Trial>,
    file: &StudyFile,
    output: &Output,
) -> Result<Option<Found>, Failure> {
    let total = plan.steps();
    let mut shown = ProgressDisplay::new(total, "tune");
    let (mut steps, mut unkept) = (0, None);
    let mut best: Option<f64> = None;
    let failed = AtomicBool::new(false);
    let mut news = |news: News<'_>| {
        match news {
            News::Steps(taken) => steps += taken,
            News::Judged(trial) => {
                if let Err(error) = file.keep(trial) {
                    unkept.get_or_insert(error);
                    failed.store(true, Ordering::Relaxed);
                    plan.stop.store(true, Ordering::Relaxed);
                }
                best = best.into_iter().chain(trial.scores.last().copied()).reduce(f64::max);
                if let Some(reason) = &trial.failed {
                    shown.note(&format!("trial {} cannot be trained: {reason}", trial.index));
                }
            }
        }
        let total = total.max(steps);
        shown.update(&Progress {
            steps,
            total_steps: total,
            updates: 0,
            episodes: 0,
            moving_return: best,
            best_return: best,
            steps_before: 0,
            level: None,
            evaluation: None,
        });
    };
    let found = plan.search(tried, &mut news);
    let proved = match &found {
        Ok(Some(trials)) => {
            let best = by_merit(trials)[0];
            if best.settings.is_empty() {
                Ok(Some(None))
            } else {
                let tuned = plan.problem.with_overrides(&best.overrides(plan.problem.options.name()))?;
                plan.prove(&tuned, &mut news).map(|proof| proof.map(Some))
            }
        }
        _ => Ok(None),
    };
    shown.finish();
    if let Some(error) = unkept {
        return Err(error);
    }
    let found = found.map_err(|error| match error {
        SearchError::Project(diagnostic) => Failure::Input(diagnostic),
        SearchError::Training(error) => Failure::from(error),
    })?;
    let (Some(trials), Some(proof)) = (found, proved?) else { return Ok(None) };
    let judged = trials.iter().filter(|trial| trial.scores.len() > 1).count();
    output.line(format!("{judged} of {} trials continued after a ninth of the steps", trials.len()));
    Ok(Some((trials, proof)))
}

fn show(problem: &Problem, trials: &[Trial], proof: Option<&Proof>, output: &Output) {
    let order = by_merit(trials);
    let rows: Vec<Vec<String>> = order
        .iter()
        .take(SHOWN)
        .map(|trial| {
            let score = |rung: usize| trial.scores.get(rung).map_or(String::new(), |score| number(*score));
            let words = trial.failed.clone().unwrap_or_else(|| trial.words());
            vec![words, trial.index.to_string(), score(0), score(1), score(2)]
        })
        .collect();
    output.line(format!("\n{}", table(&["options", "trial", "at 1/9", "at 1/3", "at the end"], &rows)));
    let Some(proof) = proof else {
        output.line("\nThe project's own options were the best of all trials: keep them.");
        return;
    };
    output.line(format!("\n{}", proof.verdict()));
    let algorithm = problem.options.name();
    output.line(format!("\n[train.{algorithm}]"));
    for (option, value) in &order[0].settings {
        output.line(format!("{option} = {value}"));
    }
}
