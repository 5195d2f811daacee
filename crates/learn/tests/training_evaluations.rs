//! Evaluations during a training: on episodes of their own, exact under kills and stops, and the best policy is the one kept.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, PoisonError};

use serde::{Deserialize, Serialize};
use setpoint_decision::Project;
use setpoint_decision::safety::Better;
use setpoint_decision::spec::{ActionSpace, Feature, Signal, Spec};
use setpoint_evidence::evaluate::{evaluate, evaluate_in_training, returns};
use setpoint_files::run::{Kind, Marker, Run};
use setpoint_files::run_folder::RunFolder;
use setpoint_learn::checkpoint;
use setpoint_learn::first_policy::FirstPolicy;
use setpoint_learn::metrics::{TrainingEvaluation, read_evaluations};
use setpoint_learn::problem::Problem;
use setpoint_learn::train::{Ending, Start, TrainOptions, Trained, new_run, train, train_until};
use setpoint_learn::trainer::Trainer;
use setpoint_learn::verify;
use setpoint_policy::Policy;
use setpoint_process::factory::Simulator;
use setpoint_process::process::{Action, Outcome, Process};
use setpoint_random::Stream;
use setpoint_statistics::mean;

use small::{STOP, count_step, new_or_resumed, stop_at};

mod small;

/// The first draw of each episode.
static BEGINNINGS: Mutex<BTreeSet<u32>> = Mutex::new(BTreeSet::new());
/// Tests share these.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// A wanted direction that is shown; each right choice is rewarded.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Follow {
    wanted: f32,
}

impl Process for Follow {
    fn spec(&self) -> Spec {
        let wanted = Feature::new("wanted", "1", -1.0, 1.0, "");
        let action = ActionSpace::choices(&[("down", ""), ("up", "")]);
        small::spec("follow", wanted, action, Signal::new("right", "1", 0.0, 1.0, ""), 1.0, 25)
    }

    fn reset(&mut self, random: &mut Stream, observation: &mut [f32], signals: &mut [f32]) {
        self.wanted = 2.0 * random.unit() - 1.0;
        BEGINNINGS.lock().unwrap().insert(self.wanted.to_bits());
        (observation[0], signals[0]) = (self.wanted, 0.0);
    }

    fn step(
        &mut self,
        action: Action<'_>,
        random: &mut Stream,
        observation: &mut [f32],
        signals: &mut [f32],
    ) -> Outcome {
        let choice = action.choice();
        signals[0] = f32::from(u8::from((self.wanted > 0.0) == (choice == 1)));
        self.wanted = 2.0 * random.unit() - 1.0;
        observation[0] = self.wanted;
        count_step();
        Outcome::Running
    }
}

fn problem(algorithm: &str, options: &str, evaluate: &str, overrides: &[&str]) -> Problem {
    let text = format!(
        "[process]\nkind = \"follow\"\n[reward]\nright = 1.0\n[train]\nalgorithm = \"{algorithm}\"\n\
         total_steps = 3000\ncheckpoint_every_updates = 2\nlog_every_updates = 3\n[train.{algorithm}]\n{options}\n\
         [evaluate]\nepisodes = 8\nbaselines = [\"random\"]\n{evaluate}\n"
    );
    let overrides = overrides.iter().map(|&text| text.to_owned()).collect::<Vec<_>>();
    let project = Project::from_text("follow", &text, &overrides).unwrap_or_else(|error| panic!("{error}"));
    let factory = Simulator::new(Follow { wanted: 0.0 }, None, Vec::new());
    Problem::with(project, Arc::new(factory)).unwrap_or_else(|error| panic!("{error}"))
}

/// So fast that the policy becomes worse again.
const PPO: &str = "n_envs = 2\nn_steps = 100\nbatch_size = 50\nnet_arch = [8]\nlearning_rate = 0.03\nnormalize_observation = true";
const DQN: &str = "net_arch = [8]\nbatch_size = 8\nlearning_starts = 300\ntarget_update_interval = 100\nlearning_rate = 0.02";
const BEST: &str = "every_steps = 400\nkeep = \"best\"";
/// The headline wants the opposite of the reward, so the two never choose the same.
const FEWEST: &str = "every_steps = 400\nkeep = \"best\"\nheadline = \"right\"\nheadline_better = \"lower\"";

fn run(problem: &Problem, folder: &Path, until: u64, stops_at: u64) -> Trained {
    stop_at(stops_at);
    let start = new_or_resumed(folder);
    let folder = Some(RunFolder::at(folder));
    let options = TrainOptions { folder, start, threads: 1, stop: &STOP, progress: &mut |_| {} };
    train_until(problem, until, options).unwrap_or_else(|error| panic!("{error}"))
}

fn evaluations(folder: &Path) -> Vec<TrainingEvaluation> {
    read_evaluations(&RunFolder::at(folder).metrics()).unwrap()
}

fn mean_in_training(problem: &Problem, policy: &Policy) -> f64 {
    mean(evaluate_in_training(&problem.decision, policy, None).unwrap().returns.into_iter())
}

#[test]
fn evaluations_change_no_policy_and_the_best_one_is_kept() {
    let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    for (algorithm, options) in [("ppo", PPO), ("dqn", DQN)] {
        let folders = [(); 3].map(|()| tempfile::tempdir().unwrap());
        let trained: Vec<_> = ["", "every_steps = 400", BEST]
            .iter()
            .zip(&folders)
            .map(|(keys, folder)| {
                run(&problem(algorithm, options, keys, &[]), folder.path(), u64::MAX, u64::MAX)
            })
            .collect();
        assert_eq!(trained[0].policy.to_bytes(), trained[1].policy.to_bytes(), "{algorithm}");
        assert_eq!((evaluations(folders[0].path()).len(), trained[1].summary.kept.as_ref()), (0, None));
        let found = evaluations(folders[2].path());
        assert_eq!(found, evaluations(folders[1].path()));
        // At the first update after each multiple, and at the end.
        assert_eq!(found.len(), if algorithm == "ppo" { 8 } else { 3 }, "{algorithm}: {found:?}");
        assert_eq!(found.last().unwrap().steps, trained[2].summary.steps);
        let best = found.iter().fold(None, |best: Option<TrainingEvaluation>, next| match best {
            Some(best) if best.return_mean >= next.return_mean => Some(best),
            _ => Some(*next),
        });
        let best = best.unwrap();
        assert!(algorithm == "dqn" || best.steps < trained[2].summary.steps);
        let (policy, kept) = (&trained[2].policy, trained[2].summary.kept.as_ref().unwrap());
        assert_eq!(
            (policy.manifest.steps, kept.steps, kept.return_mean),
            (best.steps, best.steps, best.return_mean)
        );
        assert_eq!(kept.evaluations, found.len() as u64);
        let problem_of_best = problem(algorithm, options, BEST, &[]);
        assert_eq!(mean_in_training(&problem_of_best, policy), best.return_mean);
        let last = mean_in_training(&problem_of_best, &trained[1].policy);
        assert_eq!(last, found.last().unwrap().return_mean, "{algorithm}");
        let folder = RunFolder::at(folders[2].path());
        let marker = Marker::of(&folder.path).unwrap();
        let open = &|_: &RunFolder, _: &[String]| Ok(problem_of_best.clone());
        let files =
            verify::Training { folder: &folder, marker: marker.as_ref(), in_use: false, open }.verify();
        let unreliable = files.findings.iter().filter(|finding| finding.level == verify::Level::Unreliable);
        assert_eq!(unreliable.collect::<Vec<_>>(), Vec::<&verify::Finding>::new());
    }
}

/// Where the headline is a signal, its figure chooses the policy, in its direction; the summary says so.
#[test]
fn the_signal_of_the_headline_chooses_the_best() {
    let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let folder = tempfile::tempdir().unwrap();
    let fewest = problem("ppo", PPO, FEWEST, &[]);
    let trained = run(&fewest, folder.path(), u64::MAX, u64::MAX);
    let found = evaluations(folder.path());
    let figures: Vec<f64> = found.iter().map(|found| found.headline.unwrap()).collect();
    // A step is right or not: the mean of the signal is the return of a step.
    for (evaluation, figure) in found.iter().zip(&figures) {
        assert!((evaluation.return_mean - 25.0 * figure).abs() < 1e-9, "{evaluation:?}");
    }
    let least = figures.iter().copied().reduce(f64::min).unwrap();
    let best = &found[figures.iter().position(|figure| *figure == least).unwrap()];
    let kept = trained.summary.kept.unwrap();
    let signal = kept.headline.unwrap();
    assert_eq!((kept.steps, kept.return_mean, signal.figure), (best.steps, best.return_mean, least));
    assert_eq!((signal.name.as_str(), signal.better), ("right", Better::Lower));
    assert!(found.iter().any(|other| other.return_mean > best.return_mean), "the return chooses another");
    let again = evaluate_in_training(&fewest.decision, &trained.policy, None).unwrap();
    assert_eq!(again.headline, Some(least));
}

/// A checkpoint whose best policy a newer version wrote is refused by its name, and nothing is changed.
#[test]
fn a_checkpoint_with_a_best_policy_of_a_newer_format_is_refused() {
    let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let folder = tempfile::tempdir().unwrap();
    let best = problem("ppo", PPO, BEST, &[]);
    run(&best, folder.path(), 1_300, u64::MAX);
    let path = checkpoint::list(&RunFolder::at(folder.path()).checkpoints()).unwrap().pop().unwrap();
    let bytes = std::fs::read(&path).unwrap();
    let line = bytes.iter().position(|byte| *byte == b'\n').unwrap() + 1;
    let mut payload = bytes[line + 32..].to_vec();
    let format = br#"format\":2"#;
    let place = payload.windows(format.len()).position(|part| part == format).unwrap() + format.len() - 1;
    payload[place] = b'9';
    let newer = [&bytes[..line], blake3::hash(&payload).as_bytes(), &payload].concat();
    std::fs::write(&path, &newer).unwrap();
    stop_at(u64::MAX);
    let folder = Some(RunFolder::at(folder.path()));
    let options =
        TrainOptions { folder, start: Start::Resume, threads: 1, stop: &STOP, progress: &mut |_| {} };
    let said = train(&best, options).unwrap_err().to_string();
    assert!(said.contains(path.to_str().unwrap()) && said.contains("it has format 9"), "{said}");
    assert_eq!(std::fs::read(&path).unwrap(), newer);
}

/// Stopped in updates and in evaluations, paused, or killed: the same bytes, and the same evaluations.
#[test]
fn a_resumed_training_evaluates_and_keeps_the_same() {
    let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    for (algorithm, options, keys) in [("ppo", PPO, BEST), ("dqn", DQN, BEST), ("ppo", PPO, FEWEST)] {
        let problem = problem(algorithm, options, keys, &[]);
        let whole = tempfile::tempdir().unwrap();
        let expected = run(&problem, whole.path(), u64::MAX, u64::MAX);
        let same = |trained: &Trained, folder: &Path, how: &str| {
            assert_eq!(trained.policy.to_bytes(), expected.policy.to_bytes(), "{algorithm} {how}");
            assert_eq!(trained.summary.kept, expected.summary.kept, "{algorithm} {how}");
            assert_eq!(evaluations(folder), evaluations(whole.path()), "{algorithm} {how}");
        };
        let mut interruptions = 0;
        for stops_at in (50..5_000).step_by(237) {
            let folder = tempfile::tempdir().unwrap();
            let stopped = run(&problem, folder.path(), u64::MAX, stops_at);
            if stopped.summary.ending == Ending::Interrupted {
                interruptions += 1;
                same(
                    &run(&problem, folder.path(), u64::MAX, u64::MAX),
                    folder.path(),
                    &format!("stop {stops_at}"),
                );
            }
        }
        assert!(interruptions > 5, "{algorithm}: {interruptions}");
        for kill_after in 1..12 {
            let folder = tempfile::tempdir().unwrap();
            let new = new_run(&problem, Kind::Training);
            let run_folder = Run::open(&RunFolder::at(folder.path()), &new, Start::New).unwrap();
            let mut trainer = Trainer::in_run(&problem, 1, run_folder, Start::New).unwrap();
            let never = AtomicBool::new(false);
            (0..kill_after).for_each(|_| assert!(trainer.round(&never).is_ok()));
            drop(trainer);
            same(
                &run(&problem, folder.path(), u64::MAX, u64::MAX),
                folder.path(),
                &format!("kill {kill_after}"),
            );
        }
        let folder = tempfile::tempdir().unwrap();
        run(&problem, folder.path(), 1_300, u64::MAX);
        same(&run(&problem, folder.path(), u64::MAX, u64::MAX), folder.path(), "pause");
    }
}

/// A first policy is a candidate: a training that only spoils it keeps it.
#[test]
fn a_first_policy_that_is_never_surpassed_is_kept() {
    let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let source = tempfile::tempdir().unwrap();
    let trained = run(&problem("ppo", PPO, BEST, &[]), source.path(), u64::MAX, u64::MAX);
    let first = FirstPolicy::of_run(&RunFolder::at(source.path())).unwrap();
    // Steps that are far too large.
    let overrides = ["train.total_steps=400", "train.ppo.learning_rate=5.0"];
    let spoiled = problem("ppo", PPO, BEST, &overrides);
    let folder = tempfile::tempdir().unwrap();
    let spoiled = spoiled.beginning_with(first).unwrap();
    let ended = run(&spoiled, folder.path(), u64::MAX, u64::MAX);
    let found = evaluations(folder.path());
    assert_eq!(found[0].steps, 0);
    assert_eq!(found[0].return_mean, mean_in_training(&spoiled, &trained.policy));
    let kept = ended.summary.kept.unwrap();
    assert_eq!(kept.return_mean, found.iter().map(|found| found.return_mean).fold(f64::MIN, f64::max));
    assert_eq!((kept.steps, kept.evaluations), (0, found.len() as u64));
    assert_eq!(ended.policy.parameters, trained.policy.parameters);
}

/// No episode of an evaluation during the training is an episode of a training, of the final evaluation, or of a search.
#[test]
fn evaluations_during_the_training_have_episodes_of_their_own() {
    let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let begun = |play: &dyn Fn()| {
        BEGINNINGS.lock().unwrap().clear();
        play();
        BEGINNINGS.lock().unwrap().clone()
    };
    // Seeds that could meet: the training has the seed of the evaluation.
    let seeds = ["train.seed=12", "evaluate.seed=12"];
    let quiet = problem("ppo", PPO, "", &seeds);
    let trained = |problem: &Problem| {
        let options =
            TrainOptions { folder: None, start: Start::New, threads: 1, stop: &STOP, progress: &mut |_| {} };
        stop_at(u64::MAX);
        train(problem, options).unwrap().policy
    };
    let policy = trained(&quiet);
    let training = begun(&|| drop(trained(&quiet)));
    let both = begun(&|| drop(trained(&problem("ppo", PPO, BEST, &seeds))));
    let own = begun(&|| drop(evaluate_in_training(&quiet.decision, &policy, None).unwrap()));
    let last = begun(&|| drop(evaluate(&quiet.decision, &policy, 5).unwrap()));
    let search = begun(&|| drop(returns(&quiet.decision, &policy, 12, 8, None).unwrap()));
    assert!(own.len() >= 8 && last.len() >= 40);
    assert_eq!(both, training.union(&own).copied().collect());
    for other in [&training, &last, &search] {
        assert!(own.is_disjoint(other));
    }
}
