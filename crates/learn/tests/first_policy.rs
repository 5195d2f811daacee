//! A training that begins with a policy: it is that policy until the first update, and what does not fit is refused.

use std::path::Path;
use std::sync::atomic::AtomicBool;

use setpoint_decision::Project;
use setpoint_files::run::{Kind, Marker, Run};
use setpoint_files::run_folder::RunFolder;
use setpoint_learn::algorithm::Critics;
use setpoint_learn::error::TrainError;
use setpoint_learn::first_policy::FirstPolicy;
use setpoint_learn::metrics::read_evaluations;
use setpoint_learn::problem::Problem;
use setpoint_learn::train::{Start, StoredSummary, TrainOptions, Trained, new_run, train_until};
use setpoint_learn::trainer::Trainer;

static GO_ON: AtomicBool = AtomicBool::new(false);

/// Small options of an algorithm with a replay buffer.
const OFF_POLICY: &str = "net_arch = [16]\nbatch_size = 16\nlearning_starts = 200";
/// The same with normalized observations.
const NORMALIZED: &str =
    "net_arch = [16]\nbatch_size = 16\nlearning_starts = 200\nnormalize_observation = true";

/// Each algorithm that can begin with a policy, with its process and small options, and whether its critics are kept.
const ALGORITHMS: [(&str, &str, &str, Critics); 9] = [
    (
        "ppo",
        "cart-pole",
        "n_envs = 2\nn_steps = 64\nnormalize_observation = true\nnormalize_reward = true",
        Critics::Kept,
    ),
    ("ppo", "pendulum", "n_envs = 2\nn_steps = 64", Critics::Kept),
    ("reinforce", "cart-pole", "normalize_observation = true\nbaseline = true", Critics::Kept),
    ("dqn", "cart-pole", NORMALIZED, Critics::Absent),
    ("sac", "cart-pole", OFF_POLICY, Critics::Kept),
    ("sac", "pendulum", NORMALIZED, Critics::Kept),
    ("td3", "pendulum", OFF_POLICY, Critics::Kept),
    ("ddpg", "pendulum", OFF_POLICY, Critics::Kept),
    ("q-learning", "cart-pole", "bins = [4]\nrange_steps = 100", Critics::Absent),
];

fn problem(algorithm: &str, kind: &str, options: &str, overrides: &[&str]) -> Problem {
    let reward = if kind == "pendulum" { "cost = -1.0" } else { "upright = 1.0" };
    let text = format!(
        "[process]\nkind = \"{kind}\"\n[reward]\n{reward}\n[train]\nalgorithm = \"{algorithm}\"\ntotal_steps = 1000\n\
         seed = 5\n[train.{algorithm}]\n{options}\n"
    );
    let overrides = overrides.iter().map(|&text| text.to_owned()).collect::<Vec<_>>();
    Problem::new(Project::from_text("project", &text, &overrides).unwrap(), &setpoint_processes::registry())
        .unwrap()
}

fn train_in(problem: &Problem, folder: &Path, start: Start, until: u64) -> Result<Trained, TrainError> {
    let folder = Some(RunFolder::at(folder));
    let options = TrainOptions { folder, start, threads: 1, stop: &GO_ON, progress: &mut |_| {} };
    train_until(problem, until, options)
}

/// Everything but the description, which names another seed and another number of steps.
fn numbers(policy: &setpoint_policy::Policy) -> impl PartialEq + std::fmt::Debug {
    (
        policy.parameters.clone(),
        policy.log_std.clone(),
        policy.normalizer.clone(),
        policy.manifest.discretization.clone(),
    )
}

#[test]
fn until_the_first_update_it_is_the_given_policy() {
    for (algorithm, kind, options, critics) in ALGORITHMS {
        let source = tempfile::tempdir().unwrap();
        let trained =
            train_in(&problem(algorithm, kind, options, &[]), source.path(), Start::New, u64::MAX).unwrap();
        let fresh = problem(algorithm, kind, options, &["train.seed=6", "reward.on_terminated=-3.0"]);
        let file = FirstPolicy::of_file(&RunFolder::at(source.path()).policy()).unwrap();
        let run = FirstPolicy::of_run(&RunFolder::at(source.path())).unwrap();
        for (first, expected) in [(file, [Critics::Random, Critics::Absent].contains(&critics)), (run, true)]
        {
            let problem = fresh.clone().beginning_with(first).unwrap();
            let found = problem.first_policy.as_ref().unwrap().critics;
            assert_eq!(found == critics, expected, "{algorithm} {kind}: {found:?}");
            let trainer = Trainer::without_files(&problem, 1).unwrap();
            assert_eq!(numbers(&trainer.policy()), numbers(&trained.policy), "{algorithm} {kind}");
            assert_eq!(trainer.policy().manifest.steps, 0);
        }
    }
}

/// The weights that a dueling network takes from a policy give the values of the policy, but for rounding.
#[test]
fn a_dueling_network_takes_over_values() {
    let options = format!("{OFF_POLICY}\ndueling = true");
    let source = problem("dqn", "cart-pole", &options, &[]);
    let folder = tempfile::tempdir().unwrap();
    let trained = train_in(&source, folder.path(), Start::New, u64::MAX).unwrap();
    let first = FirstPolicy::of_run(&RunFolder::at(folder.path())).unwrap();
    let policy = Trainer::without_files(&source.beginning_with(first).unwrap(), 1).unwrap().policy();
    let pairs = policy.parameters.iter().zip(&trained.policy.parameters);
    pairs.for_each(|(a, b)| assert!((a - b).abs() < 1e-4, "{a} {b}"));
}

/// A kill before or after the first update, and the loss of the run that it began from, change nothing: not the policy, and not
/// what was seen of the policies on the way, the first one included.
#[test]
fn a_stopped_training_with_a_first_policy_resumes_to_the_same_bytes() {
    const BEST: [&str; 3] = ["evaluate.every_steps=256", "evaluate.keep=\"best\"", "evaluate.episodes=4"];
    for (algorithm, kind, options, _) in [ALGORITHMS[0], ALGORITHMS[5]] {
        for (evaluations, updates) in [(&[][..], 1), (&BEST[..], 0), (&BEST[..], 1)] {
            let source = tempfile::tempdir().unwrap();
            train_in(&problem(algorithm, kind, options, &[]), source.path(), Start::New, u64::MAX).unwrap();
            let own = ["train.seed=6", "train.checkpoint_every_updates=1000"];
            let plain = problem(algorithm, kind, options, &[&own[..], evaluations].concat());
            let first = FirstPolicy::of_run(&RunFolder::at(source.path())).unwrap();
            let problem = plain.clone().beginning_with(first).unwrap();
            let whole = tempfile::tempdir().unwrap();
            let trained = train_in(&problem, whole.path(), Start::New, u64::MAX).unwrap();
            if evaluations.is_empty() {
                // It learnt something, and other weights end elsewhere.
                let random =
                    train_in(&plain, tempfile::tempdir().unwrap().path(), Start::New, u64::MAX).unwrap();
                assert_ne!(trained.policy.parameters, random.policy.parameters);
            }
            let killed = tempfile::tempdir().unwrap();
            let run =
                Run::open(&RunFolder::at(killed.path()), &new_run(&problem, Kind::Training), Start::New);
            let mut trainer = Trainer::in_run(&problem, 1, run.unwrap(), Start::New).unwrap();
            for _ in 0..updates {
                trainer.round(&GO_ON).unwrap();
            }
            drop(trainer);
            drop(source);
            let resumed = train_in(&plain, killed.path(), Start::Resume, u64::MAX).unwrap();
            assert_eq!(resumed.policy.to_bytes(), trained.policy.to_bytes(), "{algorithm} {kind}");
            let summary = |folder: &tempfile::TempDir| {
                StoredSummary::of(&RunFolder::at(folder.path())).unwrap().unwrap().summary
            };
            let (ended, undisturbed) = (summary(&killed), summary(&whole));
            assert_eq!(ended.from, problem.first_policy.as_ref().map(|first| first.beginning.clone()));
            assert_eq!(Marker::of(killed.path()).unwrap().unwrap().from, ended.from);
            assert_eq!(ended.kept, undisturbed.kept);
            let seen = |folder: &tempfile::TempDir| {
                read_evaluations(&RunFolder::at(folder.path()).metrics()).unwrap()
            };
            assert_eq!(seen(&killed), seen(&whole), "{algorithm} {kind}, {updates} updates before the kill");
            assert_eq!(seen(&killed).iter().any(|found| found.steps == 0), !evaluations.is_empty());
        }
    }
}

#[test]
fn a_policy_of_another_form_or_process_is_refused_with_the_difference() {
    let (ppo, cart) = ("n_envs = 2\nn_steps = 64", "cart-pole");
    let source = tempfile::tempdir().unwrap();
    train_in(&problem("ppo", cart, ppo, &[]), source.path(), Start::New, u64::MAX).unwrap();
    let refused = |algorithm: &str, kind: &str, options: &str| {
        let first = FirstPolicy::of_run(&RunFolder::at(source.path())).unwrap();
        problem(algorithm, kind, options, &[]).beginning_with(first).map(drop).unwrap_err().to_string()
    };
    for (algorithm, kind, options, expected) in [
        ("ppo", "pendulum", ppo, "does not fit the project's process: the policy was trained for process"),
        ("dqn", cart, "", "the policy of ppo gives probabilities of choices, dqn learns values of choices"),
        (
            "ppo",
            cart,
            "n_envs = 2\nn_steps = 64\nnet_arch = [32]",
            "its hidden layers are [64, 64] with Tanh",
        ),
        (
            "ppo",
            cart,
            "n_envs = 2\nn_steps = 64\nnormalize_observation = true",
            "set normalize_observation = false",
        ),
        ("epsilon-greedy", cart, "", "learns"),
    ] {
        let message = refused(algorithm, kind, options);
        assert!(
            message.contains(expected) && message.contains("cannot begin with"),
            "{algorithm}: {message}"
        );
    }
    let run = RunFolder::at(source.path().join("nothing"));
    let message = FirstPolicy::of_run(&run).map(drop).unwrap_err().to_string();
    assert!(message.contains("it has no policy yet"), "{message}");
}

/// A run says what it began with: another beginning is refused, and so is none if the run had kept nothing yet.
#[test]
fn a_resume_needs_the_same_first_policy() {
    let (kind, options) = ("cart-pole", "n_envs = 2\nn_steps = 64");
    let sources: Vec<_> = ["train.seed=1", "train.seed=2"]
        .map(|seed| {
            let folder = tempfile::tempdir().unwrap();
            train_in(&problem("ppo", kind, options, &[seed]), folder.path(), Start::New, u64::MAX).unwrap();
            folder
        })
        .into();
    let plain = problem("ppo", kind, options, &[]);
    let with = |source: usize| {
        let first = FirstPolicy::of_run(&RunFolder::at(sources[source].path())).unwrap();
        plain.clone().beginning_with(first).unwrap()
    };
    let whole = train_in(&with(0), tempfile::tempdir().unwrap().path(), Start::New, u64::MAX).unwrap();
    let folder = tempfile::tempdir().unwrap();
    // Killed right after its marker.
    drop(Run::open(&RunFolder::at(folder.path()), &new_run(&with(0), Kind::Training), Start::New).unwrap());
    let refused = |problem: &Problem| {
        train_in(problem, folder.path(), Start::Resume, u64::MAX).map(drop).unwrap_err().to_string()
    };
    assert!(refused(&plain).contains("resume it with --from"));
    assert!(refused(&with(1)).contains("began with policy"));
    let resumed = train_in(&with(0), folder.path(), Start::Resume, u64::MAX).unwrap();
    assert_eq!(resumed.policy.to_bytes(), whole.policy.to_bytes());
    let other = tempfile::tempdir().unwrap();
    train_in(&plain, other.path(), Start::New, 200).unwrap();
    let message =
        train_in(&with(0), other.path(), Start::Resume, u64::MAX).map(drop).unwrap_err().to_string();
    assert!(message.contains("began with random weights"), "{message}");
}
