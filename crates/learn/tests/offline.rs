//! Learning from logs: a clone imitates the log, implicit Q-learning improves on it.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use setpoint_decision::Project;
use setpoint_evidence::evaluate::evaluate;
use setpoint_learn::offline::Transitions;
use setpoint_learn::offline::agreement::agreement;
use setpoint_learn::problem::Problem;
use setpoint_learn::replay::Batch;
use setpoint_learn::train::{Start, TrainOptions, Trained, train};
use setpoint_log::log::{Log, LoggedEpisode};
use setpoint_random::Stream;

fn text(algorithm: &str, options: &str, steps: u64) -> String {
    format!(
        "[process]\nkind = \"assembly-line\"\n[reward]\nthroughput_uph = 1.2\nmicro_stops = -4.0\nwip = -1.5\n\
         failure_prob = -10.0\non_terminated = -200.0\n[train]\nalgorithm = \"{algorithm}\"\ntotal_steps = {steps}\n\
         checkpoint_every_updates = 1\n[train.{algorithm}]\n{options}\n[evaluate]\nepisodes = 200\n"
    )
}

fn problem(algorithm: &str, options: &str, steps: u64) -> Problem {
    let project = Project::from_text("line", &text(algorithm, options, steps), &[]).unwrap();
    Problem::new(project, &setpoint_processes::registry()).unwrap_or_else(|error| panic!("{error}"))
}

fn run(problem: &Problem, threads: usize) -> Trained {
    let stop = AtomicBool::new(false);
    let options =
        TrainOptions { folder: None, start: Start::New, threads, stop: &stop, progress: &mut |_| {} };
    train(problem, options).unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn steps_count_the_rows_that_are_learnt_from() {
    let small = "source = \"line-manager\"\nsource_episodes = 20\nnet_arch = [16]\nbatch_size = 64";
    let trained = run(&problem("bc", small, 10_000), 1);
    // Gradient steps × batch_size, up to the end of the last batch.
    assert_eq!(trained.summary.steps, 10_000_u64.div_ceil(64) * 64);
}

#[test]
fn a_clone_of_the_line_manager_does_what_he_does_and_says_where_it_does_not() {
    let problem = problem("bc", "source = \"line-manager\"\nsource_episodes = 200", 1_500_000);
    let trained = run(&problem, 1);
    let found = agreement(&trained.policy, problem.transitions.as_ref().unwrap()).unwrap();
    println!("{:.1} % of {} decisions", found.percent, found.decisions);
    found.regions.iter().for_each(|region| println!("  {}", region.sentence()));
    assert_eq!(found.decisions, 40 * 100);
    assert!(found.percent > 95.0, "{found:?}");
    assert_eq!(found.regions.iter().map(|region| region.decisions).sum::<u64>(), found.decisions);
    let evaluation = evaluate(&problem.decision, &trained.policy, 1).unwrap();
    let manager = evaluation.baselines.last().unwrap();
    let (own, his) = (evaluation.policy.reward_per_step.mean, manager.reward_per_step.mean);
    println!("clone {own:.1}, line manager {his:.1}");
    assert!((own / his - 1.0).abs() < 0.05, "clone {own}, line manager {his}");
}

#[test]
fn implicit_q_learning_does_better_than_the_random_policy_that_it_saw() {
    let options = "source = \"random\"\nsource_episodes = 300\nnet_arch = [64, 64]\ngamma = 0.97\nlearning_rate = \"linear_1e-3\"";
    let problem = problem("iql", options, 2_500_000);
    let trained = run(&problem, 2);
    let evaluation = evaluate(&problem.decision, &trained.policy, 1).unwrap();
    let own = evaluation.policy.reward_per_step.mean;
    let others: Vec<f64> = evaluation.baselines.iter().map(|subject| subject.reward_per_step.mean).collect();
    println!("implicit Q-learning {own:.1}, random and line manager {others:.1?}");
    assert!(own > others[0] * 1.3, "{own} against {others:?}");
}

/// A recorded log with holes at random: no value that a learner sees is NaN, no row is followed by a row that is not its next,
/// and the pieces of an episode are held out together.
#[test]
fn holes_reach_no_learner() {
    let problem = problem("bc", "source = \"random\"\nsource_episodes = 60", 1_000);
    let mut log = problem.transitions.as_ref().unwrap().log.clone();
    log.lines = (0..log.rows() as u64).collect();
    let mut random = Stream::new(11, "holes", 0);
    for _ in 0..90 {
        let row = random.below(log.rows() as u32) as usize;
        match random.below(2) {
            0 => log.observations[row * log.features + random.below(11) as usize] = f32::NAN,
            _ => log.rewards[row] = f64::INFINITY,
        }
    }
    let whole = log.without_holes();
    let mut episode_of = vec![0; log.rows()];
    for (index, episode) in log.episodes.iter().enumerate() {
        episode_of[episode.rows.clone()].fill(index);
    }
    let transitions = Transitions::new(whole, &problem.spec().action);
    let own = |row: usize| episode_of[transitions.log.lines[row] as usize];
    let held_out: BTreeSet<usize> = transitions.held_out_rows().map(own).collect();
    assert_eq!(held_out.len(), 12, "a fifth of 60");
    let mut batch = Batch::default();
    transitions.draw(20_000, 0.9, true, &mut random, &mut batch);
    let numbers = batch.observations.iter().chain(&batch.next_observations).chain(&batch.rewards);
    assert!(numbers.chain(&batch.discounts).all(|value| value.is_finite()));
    for (place, discount) in batch.places.iter().zip(&batch.discounts) {
        let row = *place as usize;
        assert!(!held_out.contains(&own(row)));
        if *discount > 0.0 {
            assert_eq!(transitions.log.lines[row + 1], transitions.log.lines[row] + 1, "rows around a hole");
        }
    }
}

/// One-step episodes on the pendulum's spaces: a setting u in [−2, 2] N m has the reward −(u/2 − x)², x the first feature.
fn settings_log(policy: impl Fn(f32, &mut Stream) -> f32) -> Log {
    let spec = setpoint_processes::open_kind("pendulum", None).unwrap().spec().clone();
    let mut log = Log::new(&spec);
    let mut random = Stream::new(3, "settings", 0);
    for row in 0..4_000 {
        let x = random.uniform(-1.0, 1.0);
        log.observations.extend([x, random.uniform(-1.0, 1.0), random.uniform(-8.0, 8.0)]);
        let u = policy(x, &mut random).clamp(-2.0, 2.0);
        log.actions.push(u);
        log.rewards.push(-f64::from(u / 2.0 - x).powi(2));
        log.signals.extend(vec![0.0; spec.signals.len()]);
        log.probabilities.push(f64::NAN);
        log.lines.push(0);
        log.episodes.push(LoggedEpisode {
            rows: row..row + 1,
            terminated: Some(true),
            ..LoggedEpisode::default()
        });
    }
    log
}

/// Root mean square of u/2 − x over settings that a policy gives.
fn settings_error(algorithm: &str, options: &str, log: Log) -> f64 {
    let text = format!(
        "[process]\nkind = \"pendulum\"\n[reward]\ncost = -1\n[train]\nalgorithm = \"{algorithm}\"\ntotal_steps = 600_000\n\
         [train.{algorithm}]\nlog = \"unread.csv\"\nlearning_rate = 1e-3\nnet_arch = [32, 32]\n{options}"
    );
    // Without the file; the test gives the log directly.
    let mut project = Project::from_text("settings", &text, &[]).unwrap();
    project.train.algorithm = "ppo".to_owned();
    let mut problem = Problem::new(project, &setpoint_processes::registry()).unwrap();
    problem.decision.project.train.algorithm = algorithm.to_owned();
    problem.options = problem.recipes.choose(&problem.decision.project).unwrap();
    problem.transitions = Some(Arc::new(Transitions::new(log, &problem.spec().action)));
    let trained = run(&problem, 1);
    let mut random = Stream::new(4, "settings", 0);
    let mut squares = 0.0;
    for _ in 0..1_000 {
        let x = random.uniform(-1.0, 1.0);
        let mut u = [0.0];
        let observation = [x, random.uniform(-1.0, 1.0), random.uniform(-8.0, 8.0)];
        trained.policy.runner(1).decide(&observation, 1, &[], None, &mut [], &mut u);
        squares += f64::from(u[0] / 2.0 - x).powi(2) / 1_000.0;
    }
    squares.sqrt()
}

#[test]
fn settings_are_cloned_and_improved_on() {
    let cloned = settings_error("bc", "", settings_log(|x, random| 2.0 * x + 0.2 * random.normal()));
    assert!(cloned < 0.1, "{cloned}");
    // Uniform over the range: without information 0 is best, with an error of √(1/3) = 0.58.
    let log = settings_log(|_, random| random.uniform(-2.0, 2.0));
    let (blind, improved) =
        (settings_error("bc", "", log.clone()), settings_error("iql", "beta = 10.0", log));
    println!("cloned {cloned:.3}, blind {blind:.3}, improved {improved:.3}");
    assert!(blind > 0.5 && improved < 0.5 * blind, "{blind} {improved}");
}

#[test]
fn a_log_is_needed_and_must_be_there() {
    let refused = |algorithm: &str, options: &str| {
        let project = Project::from_text("setpoint.toml", &text(algorithm, options, 1_000), &[]).unwrap();
        Problem::new(project, &setpoint_processes::registry()).err().unwrap().to_string()
    };
    for algorithm in ["bc", "iql"] {
        let message = refused(algorithm, "");
        assert!(
            message.contains("the project names no log") && message.contains("line-manager"),
            "{message}"
        );
        assert!(refused(algorithm, "log = \"no-such.csv\"").contains("no-such.csv"));
        assert!(refused(algorithm, "source = \"manager\"").contains("not a baseline"));
    }
    assert!(refused("bc", "source = \"random\"\nlog = \"a.csv\"").contains("the project names no log"));
}
