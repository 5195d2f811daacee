//! A request to stop interrupts an evaluation within a step of its environments; a resume ends where an undisturbed study ends.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use serde::{Deserialize, Serialize};
use setpoint_decision::spec::{ActionSpace, Feature, Signal, Spec};
use setpoint_decision::{Diagnostic, Project};
use setpoint_evidence::PlayError;
use setpoint_evidence::evaluate::{Evaluation, evaluate, evaluate_unless_stopped};
use setpoint_files::run::{Kind, Run, Start};
use setpoint_files::run_folder::RunFolder;
use setpoint_learn::problem::Problem;
use setpoint_learn::train::{TrainOptions, Trained, new_run, train};
use setpoint_process::factory::Simulator;
use setpoint_process::process::{Action, Outcome, Process};
use setpoint_random::Stream;
use setpoint_study::many_seeds::train_seeds;
use setpoint_study::tune::{News, Plan, Trial};

/// Steps of all environments since the last [`begin`].
static STEPS: AtomicU64 = AtomicU64::new(0);
/// The step at which the process requests the stop.
static STOPS_AT: AtomicU64 = AtomicU64::new(u64::MAX);
static STOP: AtomicBool = AtomicBool::new(false);

const LANES: u64 = 6;
/// Lanes of the score of a trial.
const LANES_OF_A_SCORE: u64 = 200;

/// A valve that drifts; the action turns it. An episode has 12 steps.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Valve {
    opening: f32,
}

impl Process for Valve {
    fn spec(&self) -> Spec {
        Spec {
            kind: "valve".into(),
            observation: vec![Feature::new("opening", "1", -2.0, 2.0, "")],
            action: ActionSpace::choices(&[("close", ""), ("open", "")]),
            signals: vec![Signal::new("deviation", "1", 0.0, 2.0, "")],
            max_steps: Some(12),
            reward: vec![("deviation".into(), -1.0)],
            ..Spec::default()
        }
    }

    fn reset(&mut self, random: &mut Stream, observation: &mut [f32], signals: &mut [f32]) {
        self.opening = 2.0 * random.unit() - 1.0;
        (observation[0], signals[0]) = (self.opening, 0.0);
    }

    fn step(
        &mut self,
        action: Action<'_>,
        random: &mut Stream,
        observation: &mut [f32],
        signals: &mut [f32],
    ) -> Outcome {
        let turn = if action.choice() == 0 { -0.3 } else { 0.3 };
        self.opening = (self.opening + turn + 0.2 * random.normal()).clamp(-2.0, 2.0);
        (observation[0], signals[0]) = (self.opening, self.opening.abs());
        if STEPS.fetch_add(1, Ordering::Relaxed) + 1 == STOPS_AT.load(Ordering::Relaxed) {
            STOP.store(true, Ordering::Relaxed);
        }
        Outcome::Running
    }
}

fn open(overrides: &[String]) -> Result<Problem, Box<Diagnostic>> {
    let text = format!(
        "[process]\nkind = \"valve\"\n[reward]\ndeviation = -1.0\n[train]\nalgorithm = \"q-learning\"\ntotal_steps = 360\n\
         [train.q-learning]\nbins = [5]\n[evaluate]\nepisodes = {LANES}\nbaselines = [\"random\"]\n\
         [tune.ranges]\nlearning_rate = [0.05, 0.1, 0.3]\n"
    );
    let project = Project::from_text("valve", &text, overrides)?;
    Problem::with(project, Arc::new(Simulator::new(Valve { opening: 0.0 }, None, Vec::new())))
}

fn begin(stops_at: u64) {
    STEPS.store(0, Ordering::Relaxed);
    STOP.store(false, Ordering::Relaxed);
    STOPS_AT.store(stops_at, Ordering::Relaxed);
}

fn steps() -> u64 {
    STEPS.load(Ordering::Relaxed)
}

fn run(problem: &Problem, folder: &Path, kind: Kind) -> Run {
    let start = if folder.join("run.json").is_file() { Start::Resume } else { Start::New };
    Run::open(&RunFolder::at(folder), &new_run(problem, kind), start).unwrap()
}

fn trained(problem: &Problem) -> Trained {
    let options =
        TrainOptions { folder: None, start: Start::New, threads: 1, stop: &STOP, progress: &mut |_| {} };
    train(problem, options).unwrap()
}

/// The evaluations of two seeds, one seed at a time; `None` if the study was stopped.
fn seeds(problem: &Problem, folder: &Path, stops_at: u64) -> Option<Vec<Evaluation>> {
    let run = run(problem, folder, Kind::Seeds);
    begin(stops_at);
    let seeds = train_seeds(problem, 2, 1, Some(&run), &STOP, &mut |_| {}).unwrap()?;
    Some(seeds.runs.into_iter().map(|run| run.evaluation).collect())
}

/// Continues a search of two trials; returns the trials that were judged, and whether the search ended.
fn search(problem: &Problem, folder: &Path, tried: Vec<Trial>, stops_at: u64) -> (Vec<Trial>, bool) {
    let run = run(problem, folder, Kind::Search);
    begin(stops_at);
    let plan = Plan { problem, trials: 2, seeds: 1, at_once: 1, run: &run, stop: &STOP };
    let mut judged = tried.clone();
    let mut keep = |news: News<'_>| {
        if let News::Judged(trial) = news {
            judged.retain(|other| other.index != trial.index);
            judged.push(trial.clone());
        }
    };
    let ended = plan.search(tried, &mut keep).unwrap().is_some();
    judged.sort_by_key(|trial| trial.index);
    (judged, ended)
}

fn an_evaluation_ends_within_a_step(problem: &Problem, trained: &Trained) {
    let evaluated = || evaluate_unless_stopped(&problem.decision, &trained.policy, 2, Some(&STOP));
    begin(u64::MAX);
    let whole = evaluated().unwrap();
    let all = steps();
    assert_eq!(all, 2 * 2 * 12 * LANES, "policy and baseline, two seeds each");
    assert_eq!(whole, evaluate(&problem.decision, &trained.policy, 2).unwrap());
    // In the first step, in the policy's second seed, in the baseline's last step but one.
    for stops_at in [1, 12 * LANES + 3, all - LANES - 1] {
        begin(stops_at);
        assert!(matches!(evaluated(), Err(PlayError::Interrupted)), "{stops_at}");
        assert_eq!(steps(), stops_at.next_multiple_of(LANES));
        assert!(matches!(evaluated(), Err(PlayError::Interrupted)), "a stop before the start");
        assert_eq!(steps(), stops_at.next_multiple_of(LANES));
    }
    // All episodes have ended: the result is complete.
    begin(all);
    assert_eq!(evaluated().unwrap(), whole);
}

fn a_resume_evaluates_the_finished_seed_again(problem: &Problem, training: u64) {
    let (whole, stopped) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let expected = seeds(problem, whole.path(), u64::MAX);
    let all = steps();
    assert!(expected.is_some());
    assert_eq!(seeds(problem, stopped.path(), training + LANES + 1), None);
    assert_eq!(steps(), training + 2 * LANES, "the second seed does not begin");
    assert_eq!(seeds(problem, stopped.path(), u64::MAX), expected);
    assert_eq!(steps(), all - training, "the first seed is not trained again");
}

fn a_resume_scores_the_trial_again(problem: &Problem) {
    let (whole, stopped) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (expected, ended) = search(problem, whole.path(), Vec::new(), u64::MAX);
    assert!(ended && expected.iter().all(|trial| trial.failed.is_none()));
    // A ninth of the training takes some 40 steps: the stop is in the score of the first trial.
    let (judged, ended) = search(problem, stopped.path(), Vec::new(), 500);
    assert_eq!((judged.len(), ended), (0, false));
    assert!(steps() < 500 + LANES_OF_A_SCORE);
    assert_eq!(search(problem, stopped.path(), judged, u64::MAX), (expected, true));
}

/// One test, for the process requests the stop through one flag.
#[test]
fn a_stop_interrupts_an_evaluation_and_a_resume_repeats_it() {
    let problem = open(&[]).unwrap_or_else(|error| panic!("{error}"));
    begin(u64::MAX);
    let trained = trained(&problem);
    let training = steps();
    an_evaluation_ends_within_a_step(&problem, &trained);
    a_resume_evaluates_the_finished_seed_again(&problem, training);
    a_resume_scores_the_trial_again(&problem);
}
