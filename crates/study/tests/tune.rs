//! A search that is stopped at any moment and resumed has the table of an undisturbed search.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use setpoint_decision::Project;
use setpoint_files::run::{Kind, Run, Start};
use setpoint_files::run_folder::RunFolder;
use setpoint_learn::problem::Problem;
use setpoint_learn::train::new_run;
use setpoint_random::Stream;
use setpoint_study::tune::{News, Plan, Trial};

const PROJECT: &str = "[process]\nkind = \"cart-pole\"\n[reward]\nupright = 1.0\n[train]\nalgorithm = \"ppo\"\n\
    total_steps = 3600\n[train.ppo]\nn_envs = 2\nn_steps = 100\nnet_arch = [8]\n\
    [tune.ranges]\nlearning_rate = { low = 1e-4, high = 1e-2, log = true }\nn_epochs = [2, 5]\n";

/// Searches until all trials are judged, or until the stop after `limit`; returns the table as a study file keeps it.
fn search(folder: &Path, mut kept: Vec<Trial>, limit: Option<Duration>) -> (Vec<Trial>, bool) {
    let open = |overrides: &[String]| {
        Problem::new(Project::from_text("searched", PROJECT, overrides)?, &setpoint_processes::registry())
    };
    let problem = open(&[]).unwrap_or_else(|error| panic!("{error}"));
    let stop = AtomicBool::new(false);
    let start = if folder.join("run.json").is_file() { Start::Resume } else { Start::New };
    let run = Run::open(&RunFolder::at(folder), &new_run(&problem, Kind::Search), start).unwrap();
    let plan = Plan { problem: &problem, trials: 5, seeds: 1, at_once: 2, run: &run, stop: &stop };
    let over = std::thread::scope(|scope| {
        if let Some(limit) = limit {
            let stop = &stop;
            scope.spawn(move || {
                std::thread::sleep(limit);
                stop.store(true, Ordering::Relaxed);
            });
        }
        let tried = kept.clone();
        let mut keep = |news: News<'_>| {
            if let News::Judged(trial) = news {
                kept.retain(|other| other.index != trial.index);
                kept.push(trial.clone());
            }
        };
        plan.search(tried, &mut keep).unwrap_or_else(|error| panic!("{error}")).is_some()
    });
    kept.sort_by_key(|trial| trial.index);
    (kept, over)
}

#[test]
fn a_search_that_is_stopped_and_resumed_has_the_table_of_one_that_was_not() {
    let folder = tempfile::tempdir().unwrap();
    let (expected, over) = search(folder.path(), Vec::new(), None);
    assert!(over && expected.len() == 5 && expected.iter().any(|trial| trial.scores.len() == 3));
    let mut random = Stream::new(11, "moments", 0);
    for _ in 0..4 {
        let folder = tempfile::tempdir().unwrap();
        let (mut kept, mut over) = (Vec::new(), false);
        while !over {
            let limit = Duration::from_millis(20 + u64::from(random.below(400)));
            (kept, over) = search(folder.path(), kept, Some(limit));
        }
        assert_eq!(kept, expected);
    }
}
