//! `setpoint train`

use serde_json::json;
use setpoint_evidence::logs;
use setpoint_files::atomic;
use setpoint_files::run::{Run, Start};
use setpoint_files::run_folder::RunFolder;
use setpoint_learn::offline::agreement::agreement;
use setpoint_learn::problem::Problem;
use setpoint_learn::train::{Ending, TrainOptions, Trained, cores, train};
use setpoint_study::many_seeds::{Event, train_seeds};
use setpoint_study::seeds::Seeds;

use crate::arguments::Train;
use crate::interrupt;
use crate::output::{Failure, Output, Status, number, table, thousands};
use crate::place::Place;
use crate::progress::{ProgressDisplay, Together};
use crate::target::problem_to_train;
use setpoint_process::{Registry, plant};

pub fn run(arguments: &Train, registry: &Registry, output: &Output) -> Result<Status, Failure> {
    let problem = problem_to_train(arguments, registry, output)?;
    let place = Place::of_training(arguments, &problem);
    interrupt::listen();
    if arguments.seeds > 1 {
        let run = place.open(&problem, output)?;
        let Some(seeds) = seeds(&problem, arguments, &run, output)? else {
            return Ok(interrupt::stopped("train", &run.folder, output));
        };
        output.document("train", Status::Done, json!({ "run": run.folder.path, "seeds": seeds }));
        return Ok(Status::Done);
    }
    let folder = place.folder(&problem, output)?;
    let trained = one(&problem, arguments, (&folder, place.start()), output)?;
    if trained.summary.ending == Ending::Interrupted {
        return Ok(interrupt::stopped("train", &folder, output));
    }
    output.document(
        "train",
        Status::Done,
        json!({ "run": folder.path, "policy": folder.policy(), "training": trained.summary }),
    );
    Ok(Status::Done)
}

/// Trains one policy and prints the result.
pub fn one(
    problem: &Problem,
    arguments: &Train,
    (folder, start): (&RunFolder, Start),
    output: &Output,
) -> Result<Trained, Failure> {
    note_first_policy(problem, output);
    note_rounding(problem, output);
    let settings = &problem.decision.project.train;
    let label = format!("{} s{}", problem.options.name(), settings.seed);
    let mut shown = if arguments.plain {
        ProgressDisplay::new(settings.total_steps, &label)
    } else {
        ProgressDisplay::of_run(problem, folder, &label)
    };
    let result = train(
        problem,
        TrainOptions {
            folder: Some(folder.clone()),
            start,
            threads: cores(arguments.threads),
            stop: &interrupt::STOP,
            progress: &mut |progress| shown.update(progress),
        },
    );
    shown.finish();
    let trained = result?;
    trained.notes.iter().for_each(|note| output.line(format!("! {note}")));
    note_left_out(problem, output);
    show(&trained, problem, &label, output);
    output.line(format!("run folder: {}", folder.path.display()));
    Ok(trained)
}

/// The result of a training, in sentences.
fn show(trained: &Trained, problem: &Problem, label: &str, output: &Output) {
    let summary = &trained.summary;
    let how = match summary.ending {
        Ending::Completed => "trained",
        Ending::TargetReached => "reached the target return and stopped",
        Ending::Interrupted | Ending::Paused => "was stopped",
    };
    let per_second = thousands(summary.steps as f64 / summary.wall_seconds.max(1e-9));
    let (steps, seconds) = (thousands(summary.steps as f64), summary.wall_seconds);
    // A log has no episodes of the training: its steps are rows.
    let is_of_log = problem.transitions.is_some();
    output.line(if is_of_log {
        format!("{label} {how}: {steps} rows of the log in {seconds:.1} s ({per_second} rows/s)")
    } else {
        format!(
            "{label} {how}: {steps} steps in {seconds:.1} s ({per_second} steps/s), {} episodes, return {} over the last 100 (best {})",
            thousands(summary.episodes as f64),
            summary.return_mean_100.map_or("–".into(), number),
            summary.return_best.map_or("–".into(), number),
        )
    });
    if summary.episodes == 0 && summary.steps > 0 && !is_of_log {
        output.line(format!(
            "! no episode ended in {} steps, so there is no return: write max_steps in [process], after which an episode is cut \
             off",
            thousands(summary.steps as f64)
        ));
    }
    if let Some(kept) = &summary.kept {
        output.line(format!(
            "kept the best of {} evaluations during the training: after {} steps, with {}; `setpoint eval` measures it on fresh \
             episodes",
            kept.evaluations,
            thousands(kept.steps as f64),
            kept.figures()
        ));
    }
    // An algorithm that improves on its log does not need to decide like the log.
    let cloned = problem.transitions.as_ref().filter(|_| problem.options.imitates());
    if let Some(found) = cloned.and_then(|transitions| agreement(&trained.policy, transitions)) {
        output.line(format!(
            "decides as the log in {:.1} % of {} held-out decisions:",
            found.percent, found.decisions
        ));
        found.regions.iter().for_each(|region| output.line(format!("  {}", region.sentence())));
    }
}

/// The policy that the training begins with.
fn note_first_policy(problem: &Problem, output: &Output) {
    if let Some(first) = &problem.first_policy {
        output.line(first.sentence());
    }
}

/// Steps beyond those that were asked for, from this share on, are told.
const ROUNDING_TOLD: f64 = 0.01;

/// An algorithm that learns from complete rollouts takes more steps than were asked for.
fn note_rounding(problem: &Problem, output: &Output) {
    let asked = problem.decision.project.train.total_steps;
    let taken = problem.options.steps_taken(asked);
    if taken as f64 > (1.0 + ROUNDING_TOLD) * asked as f64 {
        output.line(format!(
            "! {} steps become {}: {} learns from complete rollouts",
            thousands(asked as f64),
            thousands(taken as f64),
            problem.options.name()
        ));
    }
}

/// The rows that a learner from a log did not see.
fn note_left_out(problem: &Problem, output: &Output) {
    let left_out = problem.transitions.as_ref().and_then(|transitions| logs::left_out(&transitions.log));
    if let Some(left_out) = left_out {
        output.line(format!("! {left_out}"));
    }
}

/// Trains several seeds and prints their distribution; `None` if it was stopped.
pub fn seeds(
    problem: &Problem,
    arguments: &Train,
    run: &Run,
    output: &Output,
) -> Result<Option<Seeds>, Failure> {
    if !problem.decision.factory.simulates() {
        return Err(Failure::Message(format!(
            "several seeds are compared by their evaluations: {}",
            plant::REFUSAL
        )));
    }
    note_first_policy(problem, output);
    note_rounding(problem, output);
    let folder = &run.folder;
    let count = arguments.seeds as usize;
    let total = problem.options.steps_taken(problem.decision.project.train.total_steps) * arguments.seeds;
    let mut shown = ProgressDisplay::new(total, &format!("{} × {count} seeds", problem.options.name()));
    let mut all = Together::new(count, total);
    let at_once = cores(arguments.threads);
    let result =
        train_seeds(problem, count, at_once, Some(run), &interrupt::STOP, &mut |event| match event {
            Event::Progress { index, progress } => shown.update(&all.progress(index, progress)),
            Event::Finished { index, training, .. } => all.finished(index, training.steps),
        });
    shown.finish();
    let Some(seeds) = result? else { return Ok(None) };
    note_left_out(problem, output);
    seeds.keep(problem, folder)?;
    atomic::replace(&folder.project_file(), problem.resolved().as_bytes())?;
    let mut rows = vec![
        row("return per episode", "", &seeds.episode_return),
        row("reward per step", "", &seeds.reward_per_step),
    ];
    rows.extend(seeds.signals.iter().map(|signal| row(&signal.name, &signal.unit, &signal.over_seeds)));
    output.line(format!("\nover {count} seeds, each evaluated on the same episodes:"));
    output.line(table(&["", "unit", "mean", "sd", "IQM", "95 % interval", "worst", "best"], &rows));
    output.line(format!("\n{}", seeds.headline(&problem.decision)));
    output.line("the result is the mean and its interval, not the best seed");
    output.line(format!("run folder: {}", folder.path.display()));
    Ok(Some(seeds))
}

fn row(name: &str, unit: &str, summary: &setpoint_statistics::Summary) -> Vec<String> {
    let interval = summary.interval;
    vec![
        name.to_owned(),
        unit.to_owned(),
        number(summary.mean),
        number(summary.sd),
        number(summary.interquartile_mean),
        format!("{} … {}", number(interval.low), number(interval.high)),
        number(summary.min),
        number(summary.max),
    ]
}
