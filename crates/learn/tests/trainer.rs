//! The trainer round by round, as in the Python package, against a whole training, as in the command line.

use std::sync::atomic::AtomicBool;

use setpoint_decision::Project;
use setpoint_files::run_folder::RunFolder;
use setpoint_learn::problem::Problem;
use setpoint_learn::train::{Ending, Progress, Start, TrainOptions, train};
use setpoint_learn::trainer::{Round, Trainer};

static GO_ON: AtomicBool = AtomicBool::new(false);

fn problem(algorithm: &str) -> Problem {
    let options = if algorithm == "ppo" { "[train.ppo]\nn_envs = 2\nn_steps = 128\n" } else { "" };
    let text = format!(
        "[process]\nkind = \"cart-pole\"\n[reward]\nupright = 1.0\n[train]\nalgorithm = \"{algorithm}\"\n\
         total_steps = 4096\nseed = 3\nlog_every_updates = 2\n{options}"
    );
    let project = Project::from_text("cart", &text, &[]).unwrap();
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
