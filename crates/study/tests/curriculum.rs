//! Training through a project's levels: the order of levels, a resume bit for bit, and the report of forgotten levels.

use std::sync::atomic::{AtomicBool, Ordering};

use setpoint_decision::Project;
use setpoint_evidence::faults::{Grid, fault_matrix, noise_scales};
use setpoint_files::run_folder::RunFolder;
use setpoint_learn::metrics::MetricsLine;
use setpoint_learn::metrics::read_lines;
use setpoint_learn::problem::Problem;
use setpoint_learn::train::{Progress, Start, TrainOptions, train};
use setpoint_study::diagnose::diagnose;

const PROJECT: &str = "
[process]
kind = \"assembly-line\"
[reward]
throughput_uph = 1.2
micro_stops = -4.0
wip = -1.5
[curriculum]
levels = [\"clean\", \"noisy\", \"late\"]
advance_above = [7000, 7500]
episodes = 20
rehearsal = 0.3
[[disturbance]]
kind = \"noise\"
sd = [0.0, 0.02, 0.05]
[[disturbance]]
kind = \"observation-delay\"
steps = [0, 0, 2]
[[disturbance]]
kind = \"randomisation\"
parameter = \"efficiency_gain\"
low = 0.03
high = 0.07
[train]
total_steps = 40_000
checkpoint_every_updates = 3
[train.ppo]
n_envs = 4
n_steps = 256
learning_rate = 1e-3
normalize_observation = true
normalize_reward = true
[evaluate]
episodes = 100
";

fn problem(overrides: &[&str]) -> Problem {
    let overrides: Vec<String> = overrides.iter().map(|text| (*text).to_owned()).collect();
    Problem::new(
        Project::from_text("test.toml", PROJECT, &overrides).unwrap(),
        &setpoint_processes::registry(),
    )
    .unwrap()
}

fn run(problem: &Problem, folder: &RunFolder, resume: bool, stop_at: Option<u64>) {
    let stop = AtomicBool::new(false);
    let mut progress = |progress: &Progress| {
        if stop_at.is_some_and(|steps| progress.steps >= steps) {
            stop.store(true, Ordering::Relaxed);
        }
    };
    let options = TrainOptions {
        folder: Some(folder.clone()),
        start: if resume { Start::Resume } else { Start::New },
        threads: 1,
        stop: &stop,
        progress: &mut progress,
    };
    train(problem, options).unwrap();
}

fn levels(lines: &[MetricsLine]) -> Vec<f64> {
    lines.iter().map(|line| line.learner["curriculum_level"]).collect()
}

#[test]
fn a_training_goes_through_its_levels_and_resumes_bit_for_bit() {
    let problem = problem(&[]);
    let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let [whole, halves] = [&folders[0], &folders[1]].map(|folder| RunFolder::at(folder.path()));
    run(&problem, &whole, false, None);
    let lines = read_lines(&whole.metrics()).unwrap();
    let levels = levels(&lines);
    assert!(levels.is_sorted() && levels[0] == 0.0 && levels.last() == Some(&2.0), "{levels:?}");
    assert!(levels.contains(&1.0), "no level is jumped over: {levels:?}");
    let last = lines.last().unwrap();
    assert_eq!(last.level_returns.len(), 3, "the earlier levels are still watched: {:?}", last.level_returns);
    assert!(last.level_returns["clean"] > last.level_returns["late"], "{:?}", last.level_returns);

    // A target that the first level reaches does not end the training before the last level.
    let eager = self::problem(&["train.target_return=7000"]);
    let folder = tempfile::tempdir().unwrap();
    let folder = RunFolder::at(folder.path());
    run(&eager, &folder, false, None);
    assert_eq!(self::levels(&read_lines(&folder.metrics()).unwrap()).last(), Some(&2.0));

    // Stopped twice: on the second level and on the third.
    let steps_of = |level: f64| lines[levels.iter().position(|found| *found == level).unwrap()].steps;
    run(&problem, &halves, false, Some(steps_of(1.0)));
    run(&problem, &halves, true, Some(steps_of(2.0) + 2_000));
    run(&problem, &halves, true, None);
    let policy = |folder: &RunFolder| std::fs::read(folder.policy()).unwrap();
    assert_eq!(policy(&whole), policy(&halves));
}

/// Returns fall when a level begins; that is no symptom. A fall on an earlier level is a symptom.
#[test]
fn a_harder_level_is_no_collapse_and_forgetting_is_told() {
    let problem = problem(&[]);
    let folder = tempfile::tempdir().unwrap();
    let folder = RunFolder::at(folder.path());
    run(&problem, &folder, false, None);
    let mut lines = read_lines(&folder.metrics()).unwrap();
    let names: Vec<_> = diagnose(&problem, &lines).unwrap().iter().map(|symptom| symptom.name).collect();
    assert!(!names.contains(&"collapse") && !names.contains(&"forgetting"), "{names:?}");
    // The training itself reports this figure (see the unit tests of `curriculum`).
    lines.last_mut().unwrap().learner.insert("forgotten_levels".into(), 1.0);
    let told = diagnose(&problem, &lines).unwrap();
    let symptom = told.iter().find(|symptom| symptom.name == "forgetting").unwrap();
    assert!(symptom.evidence.contains("clean") && symptom.experiment.contains("rehearsal"), "{symptom:?}");
}

#[test]
fn a_fault_matrix_without_faults_is_the_evaluation() {
    let problem = problem(&["train.total_steps=8192", "evaluate.disturbed=false"]);
    let stop = AtomicBool::new(false);
    let options =
        TrainOptions { folder: None, start: Start::New, threads: 1, stop: &stop, progress: &mut |_| {} };
    let policy = train(&problem, options).unwrap().policy;
    let grid = Grid { noise: vec![0.0, 0.1], delay: vec![0, 3], dropout: vec![0.0, 0.5] };
    let policies = [("policy".to_owned(), problem.decision.clone(), policy.clone())];
    let mut heard = 0;
    let scales = noise_scales(&policy, &[]).unwrap();
    let matrix = fault_matrix(&policies, &grid, &scales, 100, &mut |done, of| {
        heard = done;
        assert_eq!(of, 8);
    })
    .unwrap();
    let [tolerance] = matrix.policies.as_slice() else { panic!("one policy") };
    assert_eq!((tolerance.cells.len(), heard), (8, 8));
    let evaluation = setpoint_evidence::evaluate::evaluate(&problem.decision, &policy, 1).unwrap();
    let clean = tolerance.clean().unwrap();
    let expected = evaluation.policy.episode_return.mean;
    assert!(
        (clean.episode_return - expected).abs() < 1e-6 * expected.abs(),
        "{} {expected}",
        clean.episode_return
    );
    assert!(tolerance.worst().unwrap().episode_return < clean.episode_return);
    assert!(tolerance.trained.contains("noise, observation-delay, randomisation through 3 levels"));
    let cells: Vec<_> = tolerance.cells.iter().map(|cell| (cell.dropout, cell.delay, cell.noise)).collect();
    assert!(
        cells.is_sorted_by(|a, b| a < b),
        "dropout by dropout, delay by delay, noise by noise: {cells:?}"
    );
}
