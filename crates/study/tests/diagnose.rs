//! Trainings broken on purpose, each with its expected symptom, and healthy trainings without a symptom.

use std::sync::atomic::AtomicBool;

use setpoint_decision::Project;
use setpoint_files::run_folder::RunFolder;
use setpoint_learn::metrics::read_lines;
use setpoint_learn::problem::Problem;
use setpoint_learn::train::{Start, TrainOptions, train};
use setpoint_study::diagnose::{Symptom, diagnose};

fn symptoms(text: &str) -> Vec<Symptom> {
    let problem =
        Problem::new(Project::from_text("broken", text, &[]).unwrap(), &setpoint_processes::registry())
            .unwrap();
    let folder = tempfile::tempdir().unwrap();
    let folder = RunFolder::at(folder.path());
    let stop = AtomicBool::new(false);
    let options = TrainOptions {
        folder: Some(folder.clone()),
        start: Start::New,
        threads: 2,
        stop: &stop,
        progress: &mut |_| {},
    };
    train(&problem, options).unwrap();
    diagnose(&problem, &read_lines(&folder.metrics()).unwrap()).unwrap()
}

/// A small training on a built-in process with its own reward.
fn project(kind: &str, decision: &str, algorithm: &str, steps: u64, options: &str) -> String {
    let factory = setpoint_processes::open_kind(kind, None).unwrap();
    let spec = factory.spec();
    let reward: Vec<String> =
        spec.reward.iter().map(|(name, weight)| format!("{name} = {weight:?}")).collect();
    format!(
        "[decision]\n{decision}\n[process]\nkind = \"{kind}\"\n[reward]\n{}\non_terminated = {:?}\n[train]\n\
         algorithm = \"{algorithm}\"\ntotal_steps = {steps}\n[train.{algorithm}]\n{options}\n",
        reward.join("\n"),
        spec.on_terminated
    )
}

/// rl-zoo3's settings for cart-pole.
const SOUND: &str = "n_steps = 32\nbatch_size = 256\nn_epochs = 20\ngae_lambda = 0.8\ngamma = 0.98\n\
                     clip_range = \"linear_0.2\"\nlearning_rate = ";

fn names(text: &str) -> Vec<&'static str> {
    let found = symptoms(text);
    for Symptom { name, evidence, experiment } in &found {
        println!("{name}: {evidence}\n  {experiment}");
        assert!(evidence.len() > 20 && experiment.len() > 20 && !evidence.contains("NaN"));
    }
    found.iter().map(|symptom| symptom.name).collect()
}

#[test]
fn a_sound_training_has_no_symptom() {
    let sound = format!("{SOUND}\"linear_1e-3\"");
    assert_eq!(names(&project("cart-pole", "", "ppo", 100_000, &sound)), [""; 0]);
    let line = include_str!("../../../projects/assembly-line/setpoint.toml").replace("600_000", "200_000");
    assert_eq!(names(&line), [""; 0]);
    assert_eq!(
        names(&project(
            "pendulum",
            "",
            "sac",
            12_000,
            "learning_rate = 1e-3\nnet_arch = [64, 64]\nbatch_size = 64"
        )),
        [""; 0]
    );
}

#[test]
fn each_broken_training_shows_its_symptom() {
    let ppo = |rest: &str| project("cart-pole", "", "ppo", 60_000, &format!("{SOUND}{rest}"));
    for (symptom, text) in [
        ("reward too sparse", project("mountain-car", "", "ppo", 40_000, "n_envs = 8\nn_steps = 256")),
        (
            "discount too short",
            project(
                "cart-pole",
                "reward_delay = \"200 steps\"",
                "ppo",
                30_000,
                "n_envs = 8\nn_steps = 64\ngamma = 0.9",
            ),
        ),
        (
            "discount too short",
            project(
                "acrobot",
                "reward_delay = \"end of episode\"",
                "ppo",
                30_000,
                "n_steps = 64\ngamma = 0.9",
            ),
        ),
        (
            "clipping saturated",
            project(
                "cart-pole",
                "",
                "ppo",
                40_000,
                "n_steps = 64\nbatch_size = 64\nn_epochs = 20\nlearning_rate = 3e-3\nclip_range = 0.02",
            ),
        ),
        ("entropy gone", ppo("0.2")),
        ("action skew", ppo("0.2")),
        ("plateau", ppo("1e-9")),
        (
            "exploration too low",
            project(
                "cart-pole",
                "",
                "dqn",
                10_000,
                "exploration_initial_eps = 0.0\nexploration_final_eps = 0.0",
            ),
        ),
        ("value not learning", project("assembly-line", "", "ppo", 60_000, "n_steps = 256\nvf_coef = 0.0")),
        (
            "value not learning",
            project(
                "cart-pole",
                "",
                "dqn",
                20_000,
                "learning_rate = 0.1\ntarget_update_interval = 1\ngamma = 1.0",
            ),
        ),
    ] {
        assert_symptom(symptom, &text);
    }
}

/// rl-zoo3's DQN with a small network, stopped in one of its falls; and with a buffer that forgets at once.
#[test]
fn an_unsteady_dqn_shows_collapse_and_oscillation() {
    let dqn = |steps, rest: &str| {
        let zoo = "batch_size = 64\nlearning_starts = 1000\ntarget_update_interval = 10\ntrain_freq = 256\n\
                   gradient_steps = 128\nexploration_final_eps = 0.04\nnet_arch = [64, 64]\nlearning_rate = 2.3e-3\n";
        project("cart-pole", "", "dqn", steps, &format!("{zoo}{rest}"))
    };
    assert_symptom("collapse", &dqn(27_000, "buffer_size = 100_000\nexploration_fraction = 0.296"));
    assert_symptom("oscillation", &dqn(80_000, "buffer_size = 2_000\nexploration_fraction = 0.16"));
}

fn assert_symptom(symptom: &str, text: &str) {
    let found = names(text);
    assert!(found.contains(&symptom), "{symptom} was expected, {found:?} was found in\n{text}");
}

#[test]
fn a_few_log_lines_say_nothing() {
    let problem = Problem::new(
        Project::from_text("few", &project("cart-pole", "", "ppo", 10, ""), &[]).unwrap(),
        &setpoint_processes::registry(),
    );
    assert_eq!(diagnose(&problem.unwrap(), &[]), None);
}
