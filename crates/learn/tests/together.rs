//! Actions of several choices and a setting: they are learned, cloned and improved on; masks and constraints hold in all of
//! them.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use serde::{Deserialize, Serialize};
use setpoint_decision::Project;
use setpoint_decision::spec::{ActionSpace, Aggregate, Axis, Choice, ChoiceGroup, Feature, Signal, Spec};
use setpoint_evidence::evaluate::{Evaluation, evaluate};
use setpoint_learn::problem::Problem;
use setpoint_learn::train::{Start, TrainOptions, Trained, train};
use setpoint_process::factory::Simulator;
use setpoint_process::process::{Action, Outcome, Process};
use setpoint_process::{Heuristic, State};
use setpoint_random::Stream;

/// A press with two switches and a force. The left switch must be where the sign of `x` is, the right one in the third of the
/// range where `y` is, and the force must be x/2. A random half of the choices is forbidden if `masked`, never the right ones.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Press {
    masked: bool,
    x: f32,
    y: f32,
    allowed: [bool; 5],
}

impl Press {
    fn right(x: f32, y: f32) -> [u32; 2] {
        [
            u32::from(x > 0.0),
            if y < -0.33 {
                0
            } else if y < 0.33 {
                1
            } else {
                2
            },
        ]
    }

    fn draw(&mut self, random: &mut Stream, observation: &mut [f32]) {
        (self.x, self.y) = (random.uniform(-1.0, 1.0), random.uniform(-1.0, 1.0));
        let [left, right] = Self::right(self.x, self.y);
        for (place, allowed) in self.allowed.iter_mut().enumerate() {
            let is_right = place == left as usize || place == 2 + right as usize;
            *allowed = is_right || !self.masked || random.unit() < 0.5;
        }
        observation.copy_from_slice(&[self.x, self.y]);
    }
}

fn group(name: &str, choices: &[&str]) -> ChoiceGroup {
    let choice = |name: &&str| Choice { name: (*name).to_owned(), description: String::new() };
    ChoiceGroup::new(name, "", choices.iter().map(choice).collect())
}

impl Process for Press {
    fn spec(&self) -> Spec {
        let count = |name: &str| Signal::new(name, "1", 0.0, 1.0, "").summarised_by(Aggregate::Share);
        Spec {
            kind: "press".into(),
            observation: vec![Feature::new("x", "1", -1.0, 1.0, ""), Feature::new("y", "1", -1.0, 1.0, "")],
            action: ActionSpace {
                groups: vec![group("left", &["down", "up"]), group("right", &["near", "middle", "far"])],
                axes: vec![Axis::new("force", "N", -2.0, 2.0, "")],
            },
            masked: self.masked,
            signals: vec![count("left_right"), count("right_right"), Signal::new("error", "N", 0.0, 3.0, "")],
            max_steps: Some(20),
            reward: vec![("left_right".into(), 1.0), ("right_right".into(), 1.0), ("error".into(), -1.0)],
            ..Spec::default()
        }
    }

    fn heuristics(&self) -> Vec<Heuristic> {
        vec![Heuristic::new("by-hand", "right, with a force that is 0.2 N too great", |state, action| {
            let State { observation, .. } = *state;
            let [left, right] = Press::right(observation[0], observation[1]);
            action.copy_from_slice(&[left as f32, right as f32, 0.5 * observation[0] + 0.2]);
        })]
    }

    fn reset(&mut self, random: &mut Stream, observation: &mut [f32], signals: &mut [f32]) {
        self.draw(random, observation);
        signals.fill(0.0);
    }

    fn step(
        &mut self,
        action: Action<'_>,
        random: &mut Stream,
        observation: &mut [f32],
        signals: &mut [f32],
    ) -> Outcome {
        let (&[left, right], &[force]) = (action.choices, action.settings) else { panic!("{action:?}") };
        assert!((-2.0..=2.0).contains(&force), "a force of {force}");
        assert!(self.allowed[left as usize] && self.allowed[2 + right as usize], "forbidden: {action:?}");
        let wanted = Self::right(self.x, self.y);
        let is = |so: bool| f32::from(u8::from(so));
        signals.copy_from_slice(&[
            is(left == wanted[0]),
            is(right == wanted[1]),
            (force - 0.5 * self.x).abs(),
        ]);
        self.draw(random, observation);
        Outcome::Running
    }

    fn mask(&self, allowed: &mut [bool]) {
        allowed.copy_from_slice(&self.allowed);
    }
}

fn problem(masked: bool, algorithm: &str, options: &str, steps: u64, rest: &str) -> Problem {
    let text = format!(
        "[process]\nkind = \"press\"\n[reward]\nleft_right = 1\nright_right = 1\nerror = -1\n{rest}\n[train]\n\
         algorithm = \"{algorithm}\"\ntotal_steps = {steps}\n[train.{algorithm}]\n{options}\n[evaluate]\nepisodes = 50\n\
         baselines = [\"random\", \"by-hand\"]\n"
    );
    let kind = setpoint_process::Kind::of::<Press>("press");
    let registry = setpoint_processes::registry().with([kind]);
    let project = Project::from_text("press", &text, &[]).unwrap_or_else(|error| panic!("{error}"));
    let mut problem = Problem::new(project, &registry).unwrap_or_else(|error| panic!("{error}"));
    if masked {
        let press = Press { masked, ..Press::default() };
        problem.decision.factory = Arc::new(Simulator::new(press, None, Vec::new()));
    }
    problem
}

fn trained(problem: &Problem) -> Trained {
    let stop = AtomicBool::new(false);
    let options =
        TrainOptions { folder: None, start: Start::New, threads: 1, stop: &stop, progress: &mut |_| {} };
    train(problem, options).unwrap_or_else(|error| panic!("{error}"))
}

fn figures(evaluation: &Evaluation) -> [f64; 3] {
    std::array::from_fn(|index| evaluation.policy.signals[index].mean)
}

const PPO: &str =
    "n_envs = 8\nn_steps = 128\nbatch_size = 256\nlearning_rate = 3e-3\ngamma = 0.5\nnet_arch = [32]";

#[test]
fn ppo_learns_both_choices_and_the_setting() {
    for masked in [false, true] {
        let problem = problem(masked, "ppo", PPO, 60_000, "");
        let trained = trained(&problem);
        let evaluation = evaluate(&problem.decision, &trained.policy, 1).unwrap();
        let [left, right, error] = figures(&evaluation);
        assert!(left > 97.0 && right > 94.0 && error < 0.15, "{left} % {right} % {error} N, masked {masked}");
        // The shares of each group's choices sum to 1, and the setting has a mean.
        let share = |index: usize| evaluation.policy.actions[index].percent.unwrap();
        assert!((share(0) + share(1) - 100.0).abs() < 1e-9);
        assert!((share(2) + share(3) + share(4) - 100.0).abs() < 1e-9);
        assert!(evaluation.policy.actions[5].mean.is_some_and(|mean| mean.abs() < 0.2));
    }
}

#[test]
fn draws_of_a_masked_policy_are_possible_too() {
    let mut problem = problem(true, "ppo", PPO, 4_000, "");
    let trained = trained(&problem);
    problem.decision.project.evaluate.deterministic = false;
    // The process itself refuses what is forbidden, also of the random baseline.
    evaluate(&problem.decision, &trained.policy, 1).unwrap();
}

#[test]
fn constraints_hold_for_each_part_of_an_action() {
    let rules = "[[constraint]]\nwhen = { feature = \"x\", above = 0.2 }\nforbid = [\"far\", \"down\"]\n\
                 [[constraint]]\nwhen = { feature = \"y\", below = 0.0 }\nclip = { action = \"force\", high = 0.1 }\n";
    let problem = problem(false, "ppo", PPO, 8_000, rules);
    let trained = trained(&problem);
    let evaluation = evaluate(&problem.decision, &trained.policy, 1).unwrap();
    for hits in &evaluation.policy.constraints {
        assert_eq!(hits.broken_percent, Some(0.0), "{}", hits.constraint);
        assert!(hits.decisions_percent > 30.0, "{}", hits.constraint);
    }
    // What the constraints forbid is not learned: the far switch is right in a third of the states, and taken less.
    assert!(evaluation.policy.actions[4].percent.unwrap() < 30.0);
}

#[test]
fn a_controller_is_cloned_in_all_parts_and_improved_on() {
    let source = "source = \"by-hand\"\nsource_episodes = 200\nnet_arch = [32]\nbatch_size = 128\nlearning_rate = 3e-3";
    let cloned = problem(false, "bc", source, 200_000, "");
    let policy = trained(&cloned).policy;
    let evaluation = evaluate(&cloned.decision, &policy, 1).unwrap();
    let [left, right, error] = figures(&evaluation);
    assert!(left > 97.0 && right > 93.0, "{left} % {right} %");
    assert!((error - 0.2).abs() < 0.05, "the controller's own error is 0.2 N, the clone's {error}");
    // Random actions know which ones pay, and the weights prefer these.
    let source = "source = \"random\"\nsource_episodes = 400\nnet_arch = [32]\nbatch_size = 128\nlearning_rate = 1e-3\n\
                  beta = 5.0\ngamma = 0.5";
    let improved = problem(false, "iql", source, 300_000, "");
    let policy = trained(&improved).policy;
    let evaluation = evaluate(&improved.decision, &policy, 1).unwrap();
    let [left, right, error] = figures(&evaluation);
    assert!(left > 90.0 && right > 75.0 && error < 0.6, "{left} % {right} % {error} N");
}

#[test]
fn an_algorithm_of_one_choice_says_what_learns_several() {
    for (algorithm, expected) in [
        ("dqn", "dqn learns choices or settings; this process has both at once: use ppo"),
        ("sac", "sac learns choices or settings; this process has both at once: use ppo"),
        ("q-learning", "q-learning learns choices or settings; this process has both at once: use ppo"),
    ] {
        let text = format!(
            "[process]\nkind = \"filler\"\n[reward]\ngood_bottles = 1\n[train]\nalgorithm = \"{algorithm}\"\ntotal_steps = 100\n"
        );
        let project = Project::from_text("filling", &text, &[]).unwrap();
        let refused = Problem::new(project, &setpoint_processes::registry()).err().unwrap().to_string();
        assert!(refused.contains(expected), "{refused}");
    }
}
