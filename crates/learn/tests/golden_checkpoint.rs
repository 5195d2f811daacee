//! Golden checkpoints: a training that an earlier version began is resumed and ends as that version would have ended it.
//!
//! Container, environments, learner, replay buffer and statistics are all read. A change of any of their layouts fails here: it needs a new
//! number of the container and a reader of the old one. The golden policies were written by that version (in format 1).

use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use setpoint_decision::Project;
use setpoint_files::run_folder::RunFolder;
use setpoint_learn::checkpoint::{self, Checkpoint};
use setpoint_learn::problem::Problem;
use setpoint_learn::train::{Start, TrainOptions, train};
use setpoint_policy::Policy;

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name)
}

/// The policy of the version that began the training, and the policy of the training as it is resumed now.
fn resumed(algorithm: &str) -> (Policy, Policy) {
    let text = std::fs::read_to_string(golden(&format!("{algorithm}.toml"))).unwrap();
    let project = Project::from_text(algorithm, &text, &[]).unwrap();
    let problem = Problem::new(project, &setpoint_processes::registry()).unwrap();
    let root = tempfile::tempdir().unwrap();
    let folder = RunFolder::at(root.path());
    std::fs::create_dir(folder.checkpoints()).unwrap();
    let file = golden(&format!("checkpoint-v2-{algorithm}.checkpoint"));
    let checkpoint = Checkpoint::read(&file).unwrap();
    std::fs::copy(&file, folder.checkpoints().join(format!("{:08}.checkpoint", checkpoint.updates))).unwrap();
    let replay = golden(&format!("replay-v1-{algorithm}.replay"));
    if replay.is_file() {
        std::fs::create_dir(folder.replay()).unwrap();
        std::fs::copy(replay, folder.replay().join("00000000000900.replay")).unwrap();
    }
    // As long as the checkpoint says; their content is not read.
    std::fs::write(folder.metrics(), vec![b'\n'; checkpoint.metrics.bytes as usize]).unwrap();
    std::fs::write(folder.episodes(), vec![b'\n'; checkpoint.episodes_log.bytes as usize]).unwrap();
    let stop = AtomicBool::new(false);
    let options = TrainOptions {
        folder: Some(folder),
        start: Start::Resume,
        threads: 1,
        stop: &stop,
        progress: &mut |_| {},
    };
    let trained = train(&problem, options).unwrap();
    assert!(trained.summary.steps > checkpoint.steps && trained.summary.updates > checkpoint.updates);
    let before = Policy::load(&golden(&format!("policy-{algorithm}.safetensors"))).unwrap();
    (without_descriptions(before), without_descriptions(trained.policy))
}

/// A process may describe its features, actions and signals in other words: the comparison ignores descriptions.
fn without_descriptions(mut policy: Policy) -> Policy {
    let manifest = &mut policy.manifest;
    manifest.observation.iter_mut().for_each(|feature| feature.description.clear());
    manifest.signals.iter_mut().for_each(|signal| signal.description.clear());
    let choices = manifest.action.groups.iter_mut().flat_map(|group| &mut group.choices);
    choices.for_each(|choice| choice.description.clear());
    manifest.action.axes.iter_mut().for_each(|axis| axis.description.clear());
    policy
}

/// A whole run of format 3: marker, checkpoint, replay buffer of format 2, and logs with the extents that the checkpoint names.
#[test]
fn a_run_of_format_3_continues() {
    for algorithm in ["dqn", "ppo"] {
        let text = std::fs::read_to_string(golden(&format!("{algorithm}.toml"))).unwrap();
        let project = Project::from_text(algorithm, &text, &[]).unwrap();
        let problem = Problem::new(project, &setpoint_processes::registry()).unwrap();
        let root = tempfile::tempdir().unwrap();
        copy(&golden(&format!("run-v3-{algorithm}")), root.path());
        let stop = AtomicBool::new(false);
        let folder = Some(RunFolder::at(root.path()));
        let options =
            TrainOptions { folder, start: Start::Resume, threads: 1, stop: &stop, progress: &mut |_| {} };
        let now = without_descriptions(train(&problem, options).unwrap().policy);
        let before =
            without_descriptions(Policy::load(&golden(&format!("policy-{algorithm}.safetensors"))).unwrap());
        let pairs = now.parameters.iter().zip(&before.parameters);
        let greatest = pairs.map(|(now, before)| (now - before).abs()).fold(0.0, f32::max);
        assert!(now.manifest == before.manifest && greatest < 1e-3, "{algorithm}: {greatest}");
    }
}

/// A run of format 4, with evaluations during the training: it continues, and keeps the best policy of before and after.
#[test]
fn a_run_of_format_4_keeps_the_policy_that_it_kept() {
    let text = std::fs::read_to_string(golden("q-learning.toml")).unwrap();
    let text = text + "[evaluate]\nepisodes = 5\nevery_steps = 700\nkeep = \"best\"\n";
    // That version judged by the return, whatever the headline: its trainings go on so.
    for headline in ["", "headline = \"upright\"\nheadline_better = \"lower\"\n"] {
        goes_on_by_the_return(&(text.clone() + headline));
    }
}

fn goes_on_by_the_return(text: &str) {
    let project = Project::from_text("q-learning", text, &[]).unwrap();
    let problem = Problem::new(project, &setpoint_processes::registry()).unwrap();
    let root = tempfile::tempdir().unwrap();
    copy(&golden("run-v4-q-learning"), root.path());
    let checkpoints = checkpoint::list(&RunFolder::at(root.path()).checkpoints()).unwrap();
    assert!(Checkpoint::read(&checkpoints[0]).unwrap().selection.is_some());
    let stop = AtomicBool::new(false);
    let folder = Some(RunFolder::at(root.path()));
    let options =
        TrainOptions { folder, start: Start::Resume, threads: 1, stop: &stop, progress: &mut |_| {} };
    let trained = train(&problem, options).unwrap();
    let before = Policy::load(&golden("policy-v4-q-learning.safetensors")).unwrap();
    assert_eq!(without_descriptions(trained.policy), without_descriptions(before));
    let kept = trained.summary.kept.unwrap();
    assert_eq!((kept.evaluations, kept.headline), (4, None));
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap().map(|entry| entry.unwrap().path()) {
        let target = to.join(entry.file_name().unwrap());
        if entry.is_dir() {
            copy(&entry, &target);
        } else {
            std::fs::copy(&entry, &target).unwrap();
        }
    }
}

/// A table is learned without matrix products: every machine makes the same bits.
#[test]
fn a_table_ends_with_the_same_bits() {
    let (before, now) = resumed("q-learning");
    assert_eq!(now, before);
}

/// Networks differ in their last bits between machines with other instructions; after so few updates they are still alike.
#[test]
fn networks_end_with_nearly_the_same_numbers() {
    for algorithm in ["ppo", "reinforce", "dqn", "sac", "thompson"] {
        let (before, now) = resumed(algorithm);
        assert_eq!(now.manifest, before.manifest, "{algorithm}");
        let pairs = now.parameters.iter().zip(&before.parameters);
        let greatest = pairs.map(|(now, before)| (now - before).abs()).fold(0.0, f32::max);
        assert!(greatest < 1e-3, "{algorithm}: {greatest}");
    }
}
