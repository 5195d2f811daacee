//! The trainer round by round, as in the Python package, against a whole training, as in the command line.

use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use setpoint_decision::Project;
use setpoint_files::run::{Kind, Run};
use setpoint_files::run_folder::RunFolder;
use setpoint_learn::error::TrainError;
use setpoint_learn::problem::Problem;
use setpoint_learn::train::{Ending, Progress, Start, TrainOptions, Trained, new_run, train, train_until};
use setpoint_learn::trainer::{Round, Trainer};

static GO_ON: AtomicBool = AtomicBool::new(false);

fn problem(algorithm: &str) -> Problem {
    problem_with(algorithm, &[])
}

fn problem_with(algorithm: &str, overrides: &[&str]) -> Problem {
    let options = if algorithm == "ppo" { "[train.ppo]\nn_envs = 2\nn_steps = 128\n" } else { "" };
    let text = format!(
        "[process]\nkind = \"cart-pole\"\n[reward]\nupright = 1.0\n[train]\nalgorithm = \"{algorithm}\"\n\
         total_steps = 4096\nseed = 3\nlog_every_updates = 2\n{options}"
    );
    let overrides = overrides.iter().map(|&text| text.to_owned()).collect::<Vec<_>>();
    let project = Project::from_text("cart", &text, &overrides).unwrap();
    Problem::new(project, &setpoint_processes::registry()).unwrap()
}

/// Runs rounds until the sitting ends; returns their number.
fn sit(trainer: &mut Trainer, steps: u64, reset: bool) -> u64 {
    trainer.sit(steps, reset).unwrap();
    let mut rounds = 0;
    loop {
        match trainer.round(&GO_ON).unwrap() {
            Round::Updated => rounds += 1,
            Round::Ended(ending) => {
                assert_eq!(ending, Ending::Completed);
                return rounds;
            }
        }
    }
}

#[test]
fn a_sitting_learns_what_a_whole_training_learns() {
    for algorithm in ["ppo", "dqn"] {
        let problem = problem(algorithm);
        let folder = tempfile::tempdir().unwrap();
        let trained = |folder: Option<RunFolder>| {
            let progress = &mut |_: &Progress| {};
            train(&problem, TrainOptions { folder, start: Start::New, threads: 1, stop: &GO_ON, progress })
                .unwrap()
        };
        let with_files = trained(Some(RunFolder::at(folder.path())));
        let without = trained(None);
        let mut trainer = Trainer::new(&problem, 1);
        let rounds = sit(&mut trainer, 4096, true);
        assert_eq!(trainer.policy().to_bytes(), with_files.policy.to_bytes(), "{algorithm}");
        assert_eq!(trainer.policy().to_bytes(), without.policy.to_bytes(), "{algorithm}");
        assert_eq!(
            (rounds, trainer.steps()),
            (with_files.summary.updates, with_files.summary.steps),
            "{algorithm}"
        );
    }
}

/// Two sittings in the same environments, then one in new environments; a restored learner continues like the saved learner.
#[test]
fn sittings_add_up_and_a_saved_learner_goes_on() {
    let problem = problem("ppo");
    let mut trainer = Trainer::new(&problem, 1);
    sit(&mut trainer, 2048, true);
    assert_eq!(trainer.progress().steps_before, 0);
    sit(&mut trainer, 2048, false);
    let progress = trainer.progress();
    assert_eq!((progress.steps_before, progress.steps, progress.total_steps), (2048, 4096, 4096));
    let mut restored = Trainer::new(&problem, 1);
    restored.load(&trainer.save().unwrap()).unwrap();
    assert_eq!((restored.steps(), restored.progress().updates), (4096, trainer.progress().updates));
    for trainer in [&mut trainer, &mut restored] {
        sit(trainer, 2048, true);
        assert_eq!((trainer.steps(), trainer.progress().steps), (6144, 2048));
    }
    assert_eq!(trainer.policy().to_bytes(), restored.policy().to_bytes());
    assert!(restored.load(&[1, 2, 3]).is_err());
}

/// A stop between two rounds ends the sitting without loss.
#[test]
fn a_stop_ends_the_sitting_between_rounds() {
    let mut trainer = Trainer::new(&problem("ppo"), 1);
    trainer.sit(4096, true).unwrap();
    assert_eq!(trainer.round(&GO_ON).unwrap(), Round::Updated);
    let (steps, figures) = (trainer.steps(), trainer.figures().clone());
    assert!(steps > 0 && !figures.is_empty());
    let stop = AtomicBool::new(true);
    assert_eq!(trainer.round(&stop).unwrap(), Round::Ended(Ending::Interrupted));
    assert_eq!((trainer.steps(), trainer.figures()), (steps, &figures));
}

fn checkpoints(folder: &Path) -> usize {
    std::fs::read_dir(RunFolder::at(folder).checkpoints()).map_or(0, Iterator::count)
}

/// A training of a few rounds that take longer than a second together; returns the number of its checkpoints before the end,
/// and the policy.
fn slow_rounds(every_seconds: &str) -> (usize, Vec<u8>) {
    let overrides = ["train.checkpoint_every_updates=1000000", every_seconds];
    let problem = problem_with("ppo", &overrides);
    let folder = tempfile::tempdir().unwrap();
    let new = new_run(&problem, Kind::Training);
    let run = Run::open(&RunFolder::at(folder.path()), &new, Start::New).unwrap();
    let mut trainer = Trainer::in_run(&problem, 1, run, Start::New).unwrap();
    assert_eq!(trainer.round(&GO_ON).unwrap(), Round::Updated);
    std::thread::sleep(Duration::from_millis(1_050));
    assert_eq!(trainer.round(&GO_ON).unwrap(), Round::Updated);
    (checkpoints(folder.path()), trainer.policy().to_bytes())
}

/// Two updates are far from the interval in updates: only the time makes a checkpoint due.
#[test]
fn a_checkpoint_is_due_after_a_time_and_changes_no_result() {
    let (with_time, policy) = slow_rounds("train.checkpoint_every_seconds=1");
    assert!(with_time > 0);
    let (without, same) = slow_rounds("train.checkpoint_every_seconds=1000000");
    assert_eq!(without, 0);
    assert!(policy == same);
}

fn train_in(problem: &Problem, folder: &Path, start: Start, until: u64) -> Result<Trained, TrainError> {
    let folder = Some(RunFolder::at(folder));
    train_until(
        problem,
        until,
        TrainOptions { folder, start, threads: 1, stop: &GO_ON, progress: &mut |_| {} },
    )
}

/// The intervals of checkpoints change no result, so a resume may change them. A run from before an interval in seconds
/// has no such key.
#[test]
fn a_resume_may_change_the_intervals_of_checkpoints_and_nothing_else() {
    let problem = problem("ppo");
    let whole = train_in(&problem, tempfile::tempdir().unwrap().path(), Start::New, u64::MAX).unwrap();
    let folder = tempfile::tempdir().unwrap();
    train_in(&problem, folder.path(), Start::New, 1_000).unwrap();
    let file = RunFolder::at(folder.path()).project_file();
    let text = std::fs::read_to_string(&file).unwrap();
    let older = text.replace("checkpoint_every_seconds = 60\n", "");
    assert_ne!(older, text);
    std::fs::write(&file, older).unwrap();
    let resumed = |overrides: &[&str], until| {
        train_in(&problem_with("ppo", overrides), folder.path(), Start::Resume, until)
    };
    let refused = resumed(&["train.seed=4"], u64::MAX).map(drop).unwrap_err().to_string();
    assert!(refused.contains("(there `seed = 3`, here `seed = 4`)"), "{refused}");
    let refused = resumed(&["train.log_every_updates=5"], u64::MAX).map(drop).unwrap_err().to_string();
    assert!(refused.contains("(there `log_every_updates = 2`, here `log_every_updates = 5`)"), "{refused}");
    resumed(&[], 2_000).unwrap();
    resumed(&["train.checkpoint_every_updates=1", "train.checkpoint_every_seconds=5"], 3_000).unwrap();
    let ended = resumed(&["train.checkpoint_every_seconds=9"], u64::MAX).unwrap();
    assert_eq!(ended.summary.ending, Ending::Completed);
    assert!(ended.policy.to_bytes() == whole.policy.to_bytes());
    // An ended run is not trained again, and it is not refused either.
    let again = resumed(&["train.checkpoint_every_updates=3"], u64::MAX).unwrap();
    assert!(again.policy.to_bytes() == whole.policy.to_bytes());
}

/// A training that continues reports the steps that it had before its first update; a new one reports its first update first.
#[test]
fn a_resumed_training_reports_first_where_it_begins() {
    let problem = problem("ppo");
    let folder = tempfile::tempdir().unwrap();
    let reported = |start: Start, until: u64| {
        let mut all = Vec::new();
        let progress = &mut |progress: &Progress| all.push((progress.steps, progress.steps_before));
        let folder = Some(RunFolder::at(folder.path()));
        let options = TrainOptions { folder, start, threads: 1, stop: &GO_ON, progress };
        train_until(&problem, until, options).unwrap();
        all
    };
    let first = reported(Start::New, 1_000);
    assert_eq!(first, [(256, 0), (512, 0), (768, 0), (1_024, 0)]);
    let second = reported(Start::Resume, u64::MAX);
    assert_eq!(second[..2], [(1_024, 1_024), (1_280, 1_024)]);
    assert_eq!(second.last(), Some(&(4_096, 1_024)));
    // It has ended: no training, no news.
    assert_eq!(reported(Start::Resume, u64::MAX), []);
}

/// A finished training continues with more steps: where no option follows its progress, to the bytes of a longer training.
#[test]
fn a_finished_training_goes_on_with_more_steps() {
    let selection = ["evaluate.every_steps=900", "evaluate.keep=\"best\"", "evaluate.episodes=5"];
    for keys in [&[][..], &selection] {
        let with = |steps: &str, more: &[&str]| problem_with("ppo", &[&[steps], keys, more].concat());
        let whole = train_in(
            &with("train.total_steps=6144", &[]),
            tempfile::tempdir().unwrap().path(),
            Start::New,
            u64::MAX,
        );
        let whole = whole.unwrap();
        let folder = tempfile::tempdir().unwrap();
        let files = RunFolder::at(folder.path());
        train_in(&with("train.total_steps=2048", &[]), folder.path(), Start::New, u64::MAX).unwrap();
        // Fewer steps, other settings, and parts of another run are refused as before.
        for (steps, more, start) in [
            ("train.total_steps=1024", &[][..], Start::Resume),
            ("train.total_steps=6144", &["train.ppo.gamma=0.5"], Start::Resume),
            ("train.total_steps=6144", &["train.total_episodes=3"], Start::Resume),
        ] {
            let refused = train_in(&with(steps, more), folder.path(), start, u64::MAX).map(drop).unwrap_err();
            assert!(refused.to_string().contains("was trained with other settings"), "{refused}");
            assert!(files.summary().is_file());
        }
        let longer = with("train.total_steps=6144", &[]);
        let paused = train_in(&longer, folder.path(), Start::Resume, 4_000).unwrap();
        assert!(
            paused.notes[0].contains("was to take 2048 steps and now takes 6144; no option"),
            "{:?}",
            paused.notes
        );
        assert!(!files.summary().is_file());
        let ended = train_in(&longer, folder.path(), Start::Resume, u64::MAX).unwrap();
        assert_eq!((ended.summary.steps, ended.notes.len()), (6144, 0));
        assert_eq!(ended.policy.to_bytes(), whole.policy.to_bytes());
        assert_eq!(ended.summary.kept, whole.summary.kept);
        // It has ended: nothing is trained again.
        assert_eq!(train_in(&longer, folder.path(), Start::Resume, u64::MAX).unwrap().summary, ended.summary);
    }
}

/// Options that follow the progress are named: the training cannot end as a longer one would have.
#[test]
fn more_steps_move_the_schedules_and_say_so() {
    for (algorithm, more, named) in [
        ("ppo", &["train.ppo.learning_rate=\"linear_1e-3\""][..], "learning_rate follow"),
        (
            "dqn",
            &["train.dqn.prioritized_replay=true"],
            "exploration_fraction, prioritized_replay_beta0 follow",
        ),
    ] {
        let with = |steps| problem_with(algorithm, &[&[steps], more].concat());
        let folder = tempfile::tempdir().unwrap();
        train_in(&with("train.total_steps=1024"), folder.path(), Start::New, u64::MAX).unwrap();
        let ended =
            train_in(&with("train.total_steps=2048"), folder.path(), Start::Resume, u64::MAX).unwrap();
        assert!(ended.notes[0].contains(named) && ended.summary.steps == 2048, "{:?}", ended.notes);
    }
}

/// A buffer that was deleted after the end cannot be continued from; nothing is changed.
#[test]
fn more_steps_without_the_replay_buffer_are_refused() {
    let with = |steps| problem_with("dqn", &[steps]);
    let folder = tempfile::tempdir().unwrap();
    let files = RunFolder::at(folder.path());
    train_in(&with("train.total_steps=1024"), folder.path(), Start::New, u64::MAX).unwrap();
    std::fs::remove_dir_all(files.replay()).unwrap();
    let refused = train_in(&with("train.total_steps=2048"), folder.path(), Start::Resume, u64::MAX)
        .map(drop)
        .unwrap_err();
    assert!(refused.to_string().contains("replay"), "{refused}");
    assert!(files.summary().is_file() && files.policy().is_file());
}
