//! Laws for every algorithm: a stopped training continues bit for bit, threads do not change the result, forbidden choices are
//! never taken, a truncation has a future value and a termination has none.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde::{Deserialize, Serialize};
use setpoint_decision::Project;
use setpoint_decision::spec::{ActionSpace, Aggregate, Feature, Signal, Spec};
use setpoint_files::run_folder::RunFolder;
use setpoint_learn::algorithms::RECIPES;
use setpoint_learn::problem::Problem;
use setpoint_learn::train::{Ending, Start, TrainOptions, Trained, train};
use setpoint_process::factory::Simulator;
use setpoint_process::process::{Action, Outcome, Process};
use setpoint_random::Stream;

mod small;

/// An algorithm with a process that it can learn, options that make a training short, and steps of three updates or more.
struct Row {
    algorithm: &'static str,
    process: &'static str,
    options: &'static str,
    steps: u64,
}

const fn row(algorithm: &'static str, process: &'static str, options: &'static str) -> Row {
    Row { algorithm, process, options, steps: 3_000 }
}

/// A row for an algorithm that learns from a log: its updates take more rows than others take steps.
const fn logged(algorithm: &'static str, options: &'static str) -> Row {
    Row { algorithm, process: "assembly-line", options, steps: 70_000 }
}

const ROWS: &[Row] = &[
    row("ppo", "cart-pole", "n_envs = 4\nn_steps = 64\nnet_arch = [16]\nn_epochs = 2"),
    row("ppo", "pendulum", "n_envs = 2\nn_steps = 128\nnet_arch = [16]\nn_epochs = 2"),
    row(
        "ppo",
        "filler",
        "n_envs = 2\nn_steps = 128\nnet_arch = [16]\nn_epochs = 2\nnormalize_observation = true",
    ),
    row(
        "ppo",
        "catch",
        "n_envs = 2\nn_steps = 128\nnet_arch = [8]\nn_epochs = 2\nnormalize_observation = true\nfeatures_dim = 8\n\
         cnn_filters = [4, 4]\ncnn_kernels = [6, 3]\ncnn_strides = [3, 2]",
    ),
    row(
        "ppo",
        "pendulum",
        "n_envs = 2\nn_steps = 128\nbatch_size = 64\nnet_arch = [8]\nn_epochs = 2\nmemory = \"gru\"\nmemory_size = 4\n\
         memory_steps = 16",
    ),
    row("reinforce", "cart-pole", ""),
    row(
        "ppo",
        "pendulum hide = [\"angular_velocity\"]",
        "n_envs = 2\nn_steps = 128\nnet_arch = [8]\nn_epochs = 2\nnormalize_observation = true\n\
         critic_sees = [\"angular_velocity\"]",
    ),
    row(
        "sac",
        "pendulum hide = [\"angular_velocity\"]",
        "net_arch = [8]\nbatch_size = 32\nn_envs = 2\nnormalize_observation = true\ncritic_sees = [\"angular_velocity\"]",
    ),
    row(
        "sac",
        "cart-pole hide = [\"cart_velocity\"]",
        "net_arch = [8]\nbatch_size = 32\nlearning_starts = 500\ncritic_sees = [\"cart_velocity\"]",
    ),
    row(
        "sac",
        "bin-picking",
        "net_arch = [8]\nbatch_size = 32\nn_envs = 2\npoint_layers = [8, 8]\ntrain_freq = 4",
    ),
    row("dqn", "cart-pole", "net_arch = [16, 16]\ntarget_update_interval = 100\nbuffer_size = 900"),
    row(
        "dqn",
        "job-shop",
        "net_arch = [16]\ndouble_q = true\ndueling = true\nn_steps = 3\nprioritized_replay = true\nn_envs = 3",
    ),
    row("sac", "pendulum", "net_arch = [16, 16]\nbatch_size = 32\nn_envs = 2\nnormalize_observation = true"),
    row(
        "dqn",
        "catch",
        "net_arch = [8]\nn_envs = 2\nn_steps = 2\nbuffer_size = 900\ndueling = true\nfeatures_dim = 8\n\
         cnn_filters = [4, 4]\ncnn_kernels = [6, 3]\ncnn_strides = [3, 2]",
    ),
    row(
        "sac",
        "catch",
        "net_arch = [8]\nbatch_size = 16\ntrain_freq = 8\nlearning_starts = 500\nfeatures_dim = 8\ncnn_filters = [4, 4]\n\
         cnn_kernels = [6, 3]\ncnn_strides = [3, 2]",
    ),
    row("sac", "cart-pole", "net_arch = [16, 16]\nbatch_size = 32\nlearning_starts = 500"),
    row(
        "td3",
        "pendulum",
        "net_arch = [16, 16]\nbatch_size = 31\naction_noise = \"ornstein-uhlenbeck\"\nbuffer_size = 1500",
    ),
    row(
        "ddpg",
        "pendulum",
        "net_arch = [16, 16]\nbatch_size = 32\naction_noise = \"normal\"\ntrain_freq = 4\ngradient_steps = -1",
    ),
    row("q-learning", "cart-pole", "bins = [4]"),
    logged("bc", "source = \"line-manager\"\nsource_episodes = 20\nnet_arch = [16]\nbatch_size = 64"),
    logged("iql", "source = \"random\"\nsource_episodes = 20\nnet_arch = [16]\nbatch_size = 64"),
    Row { process: "ph-reactor", ..logged("mpc", "source_episodes = 20\nnet_arch = [16]\nbatch_size = 64") },
    Row {
        process: "filler",
        ..logged("bc", "source = \"recipe\"\nsource_episodes = 20\nnet_arch = [16]\nbatch_size = 64")
    },
    Row {
        process: "filler",
        ..logged("iql", "source = \"random\"\nsource_episodes = 20\nnet_arch = [16]\nbatch_size = 64")
    },
    row("epsilon-greedy", "assembly-setup", ""),
    row("ucb1", "assembly-setup", ""),
    row("lin-ucb", "assembly-setup", ""),
    row("thompson", "assembly-setup", "belief = \"linear\""),
];

#[test]
fn every_recipe_has_a_row_here() {
    for recipe in RECIPES {
        assert!(ROWS.iter().any(|row| row.algorithm == recipe.name), "{}", recipe.name);
    }
}

fn problem(algorithm: &str, kind: &str, options: &str, steps: u64) -> Problem {
    let (kind, hide) = kind.split_once(' ').unwrap_or((kind, ""));
    let factory = setpoint_processes::open_kind(kind, None).unwrap();
    let reward: Vec<String> =
        factory.spec().reward.iter().map(|(name, weight)| format!("{name} = {weight:?}")).collect();
    let text = format!(
        "[process]\nkind = \"{kind}\"\n{hide}\n[reward]\n{}\n[train]\nalgorithm = \"{algorithm}\"\ntotal_steps = {steps}\n\
         checkpoint_every_updates = 1\n[train.{algorithm}]\n{options}\n",
        reward.join("\n")
    );
    let project = Project::from_text("small", &text, &[]).unwrap_or_else(|error| panic!("{error}"));
    Problem::new(project, &setpoint_processes::registry()).unwrap_or_else(|error| panic!("{error}"))
}

fn run(problem: &Problem, folder: Option<&Path>, resume: bool, threads: usize, stop_after: u64) -> Trained {
    let stop = AtomicBool::new(false);
    let options = TrainOptions {
        folder: folder.map(RunFolder::at),
        start: if resume { Start::Resume } else { Start::New },
        threads,
        stop: &stop,
        progress: &mut |progress| stop.store(progress.updates >= stop_after, Ordering::Relaxed),
    };
    train(problem, options).unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn every_algorithm_goes_on_bit_for_bit_after_a_stop_on_any_number_of_threads() {
    for Row { algorithm, process, options, steps } in ROWS {
        let problem = problem(algorithm, process, options, *steps);
        let whole = run(&problem, None, false, 1, u64::MAX);
        let folder = tempfile::tempdir().unwrap();
        // Stopped twice, the second time on two threads.
        let part = run(&problem, Some(folder.path()), false, 1, 1);
        assert_eq!(part.summary.ending, Ending::Interrupted, "{algorithm} on {process}");
        run(&problem, Some(folder.path()), true, 2, 2);
        let resumed = run(&problem, Some(folder.path()), true, 2, u64::MAX);
        assert_eq!(resumed.summary.ending, Ending::Completed);
        assert!(
            whole.policy.to_bytes() == resumed.policy.to_bytes(),
            "{algorithm} on {process} ends elsewhere"
        );
        assert_eq!(whole.summary.return_mean_100, resumed.summary.return_mean_100);
        // The resolved file reads back as the same problem.
        let text = std::fs::read_to_string(RunFolder::at(folder.path()).project_file()).unwrap();
        let again = Problem::new(
            Project::from_text("resolved", &text, &[]).unwrap(),
            &setpoint_processes::registry(),
        )
        .unwrap();
        assert_eq!(again.resolved(), text, "{algorithm}");
    }
}

/// Five choices; the process allows a random subset and checks that no forbidden choice is taken.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Masked {
    allowed: [bool; 5],
    violations: u32,
}

impl Masked {
    fn draw(&mut self, random: &mut Stream, observation: &mut [f32]) {
        let always = random.below(5) as usize;
        for (choice, allowed) in self.allowed.iter_mut().enumerate() {
            *allowed = choice == always || random.unit() < 0.4;
        }
        observation[0] = random.unit();
        observation[1] = random.unit();
    }
}

impl Process for Masked {
    fn spec(&self) -> Spec {
        Spec {
            kind: "masked".into(),
            observation: vec![Feature::new("a", "1", 0.0, 1.0, ""), Feature::new("b", "1", 0.0, 1.0, "")],
            action: ActionSpace::choices(&[("p", ""), ("q", ""), ("r", ""), ("s", ""), ("t", "")]),
            masked: true,
            signals: vec![
                Signal::new("payoff", "1", 0.0, 1.0, ""),
                Signal::new("violation", "1", 0.0, 1.0, "").summarised_by(Aggregate::Total),
            ],
            max_steps: Some(7),
            reward: vec![("payoff".into(), 1.0)],
            ..Spec::default()
        }
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
        let choice = action.choice();
        // The choice that is forbidden most often has the highest reward.
        signals[0] = choice as f32 / 4.0;
        signals[1] = f32::from(u8::from(!self.allowed[choice]));
        assert!(self.allowed[choice], "choice {choice} was forbidden");
        self.draw(random, observation);
        Outcome::Running
    }

    fn mask(&self, allowed: &mut [bool]) {
        allowed.copy_from_slice(&self.allowed);
    }
}

#[test]
fn no_algorithm_ever_takes_a_forbidden_choice() {
    let factory = Arc::new(Simulator::new(Masked::default(), None, Vec::new()));
    for (algorithm, options) in [
        ("ppo", "n_envs = 4\nn_steps = 64\nnet_arch = [16]"),
        ("reinforce", ""),
        ("dqn", "net_arch = [16]\nexploration_fraction = 0.5\nlearning_starts = 500\nn_envs = 3"),
        ("dqn", "net_arch = [16]\nexploration = \"boltzmann\"\ndouble_q = true"),
        ("dqn", "net_arch = [16]\nexploration = \"ucb\"\ndueling = true\nprioritized_replay = true"),
        ("sac", "net_arch = [16]\nbatch_size = 32"),
        ("q-learning", "bins = [3]"),
        ("epsilon-greedy", ""),
        ("ucb1", ""),
        ("lin-ucb", ""),
        ("thompson", ""),
        ("thompson", "belief = \"beta\""),
        ("thompson", "belief = \"linear\""),
    ] {
        let mut problem = problem(algorithm, "assembly-setup", options, 4_000);
        let text = format!(
            "[process]\nkind = \"masked\"\n[reward]\npayoff = 1.0\n[train]\nalgorithm = \"{algorithm}\"\n\
             total_steps = 4000\n[train.{algorithm}]\n{options}\n[evaluate]\nepisodes = 20\nbaselines = [\"random\"]\n"
        );
        problem.decision.project = Project::from_text("masked", &text, &[]).unwrap();
        problem.decision.factory = factory.clone();
        let trained = run(&problem, None, false, 1, u64::MAX);
        // The process itself refuses; so does evaluation, with and without draws.
        setpoint_evidence::evaluate::evaluate(&problem.decision, &trained.policy, 1).unwrap();
        problem.decision.project.evaluate.deterministic = false;
        setpoint_evidence::evaluate::evaluate(&problem.decision, &trained.policy, 1).unwrap();
    }
}

/// One state with a reward of 1 per step, for ever or until it terminates.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Constant {
    terminates: bool,
}

impl Process for Constant {
    fn spec(&self) -> Spec {
        let nothing = Feature::new("nothing", "1", -1.0, 1.0, "");
        let action = ActionSpace::choices(&[("wait", ""), ("stay", "")]);
        small::spec("constant", nothing, action, Signal::new("one", "1", 0.0, 1.0, ""), 1.0, 1)
    }

    fn reset(&mut self, _random: &mut Stream, observation: &mut [f32], signals: &mut [f32]) {
        observation[0] = 0.5;
        signals[0] = 0.0;
    }

    fn step(
        &mut self,
        _action: Action<'_>,
        _random: &mut Stream,
        observation: &mut [f32],
        signals: &mut [f32],
    ) -> Outcome {
        observation[0] = 0.5;
        signals[0] = 1.0;
        if self.terminates { Outcome::Terminated } else { Outcome::Running }
    }
}

/// With γ = 0.5 an episode that is cut off after each step is worth 1 / (1 − 0.5) = 2, one that terminates 1.
#[test]
fn a_truncation_has_a_future_and_a_termination_has_none() {
    for (algorithm, options) in [
        (
            "dqn",
            "gamma = 0.5\nlearning_rate = 2e-2\nnet_arch = [8]\ntarget_update_interval = 50\ntrain_freq = 1",
        ),
        (
            "dqn",
            "gamma = 0.5\nlearning_rate = 2e-2\nnet_arch = [8]\ntarget_update_interval = 50\ntrain_freq = 1\n\
             dueling = true\ndouble_q = true\nn_steps = 3",
        ),
        ("q-learning", "gamma = 0.5\nbins = [1]"),
    ] {
        for (terminates, expected) in [(false, 2.0), (true, 1.0)] {
            let mut problem = problem(algorithm, "assembly-setup", options, 4_000);
            let text = format!(
                "[process]\nkind = \"constant\"\n[reward]\none = 1.0\n[train]\nalgorithm = \"{algorithm}\"\n\
                 total_steps = 4000\n[train.{algorithm}]\n{options}\n"
            );
            problem.decision.project = Project::from_text("constant", &text, &[]).unwrap();
            problem.decision.factory = Arc::new(Simulator::new(Constant { terminates }, None, Vec::new()));
            let trained = run(&problem, None, false, 1, u64::MAX);
            let values = trained.policy.runner(1).scores(&[0.5], 1, &[]).to_vec();
            for value in values {
                assert!(
                    (value - expected).abs() < 0.05,
                    "{algorithm} ({options}): {value}, expected {expected}"
                );
            }
        }
    }
}

/// Arms with a payoff of 0 or 1; the third is the best at low contexts and on average, the first at high contexts.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Arms {
    context: f32,
}

impl Process for Arms {
    fn spec(&self) -> Spec {
        Spec {
            kind: "arms".into(),
            observation: vec![Feature::new("context", "1", -1.0, 1.0, "")],
            action: ActionSpace::choices(&[("first", ""), ("second", ""), ("third", "")]),
            signals: vec![Signal::new("payoff", "1", 0.0, 1.0, ""), Signal::new("regret", "1", 0.0, 1.0, "")],
            max_steps: Some(1),
            reward: vec![("payoff".into(), 1.0)],
            ..Spec::default()
        }
    }

    fn reset(&mut self, random: &mut Stream, observation: &mut [f32], signals: &mut [f32]) {
        self.context = random.uniform(-1.0, 1.0);
        observation[0] = self.context;
        signals.fill(0.0);
    }

    fn step(
        &mut self,
        action: Action<'_>,
        random: &mut Stream,
        observation: &mut [f32],
        signals: &mut [f32],
    ) -> Outcome {
        let choice = action.choice();
        let chances = [0.4 + 0.4 * self.context, 0.3, 0.6 - 0.2 * self.context];
        signals[0] = f32::from(u8::from(random.unit() < chances[choice]));
        signals[1] = chances.into_iter().fold(0.0, f32::max) - chances[choice];
        self.reset(random, observation, &mut [0.0; 2]);
        Outcome::Running
    }
}

#[test]
fn bandits_find_the_best_arm_and_their_regret_flattens() {
    for (name, options, contextual) in [
        ("epsilon-greedy", "", false),
        ("ucb1", "", false),
        ("thompson", "belief = \"beta\"", false),
        ("thompson", "payoff_sd = 0.5", false),
        ("lin-ucb", "", true),
        ("thompson", "belief = \"linear\"\npayoff_sd = 0.5", true),
    ] {
        let mut problem = problem(name, "assembly-setup", options, 20_000);
        let text = format!(
            "[process]\nkind = \"arms\"\n[reward]\npayoff = 1.0\n[train]\nalgorithm = \"{name}\"\ntotal_steps = 20000\n\
             [train.{name}]\n{options}\n"
        );
        problem.decision.project = Project::from_text("arms", &text, &[]).unwrap();
        problem.decision.factory = Arc::new(Simulator::new(Arms::default(), None, Vec::new()));
        let folder = tempfile::tempdir().unwrap();
        let trained = run(&problem, Some(folder.path()), false, 1, u64::MAX);
        let mut choices = [9; 2];
        trained.policy.runner(2).decide(&[-0.8, 0.9], 2, &[], None, &mut choices, &mut []);
        assert_eq!(choices, if contextual { [2, 0] } else { [2, 2] }, "{name} {options}");
        let text = std::fs::read_to_string(RunFolder::at(folder.path()).metrics()).unwrap();
        let regrets: Vec<f64> = text
            .lines()
            .map(|line| {
                let line: serde_json::Value = serde_json::from_str(line).unwrap();
                line["learner"]["cumulative_regret"].as_f64().unwrap()
            })
            .collect();
        if contextual {
            // The regret of the last quarter is less than half of the first.
            let n = regrets.len();
            assert!(
                regrets[n - 1] - regrets[n * 3 / 4 - 1] < 0.5 * regrets[n / 4 - 1],
                "{name}: {regrets:?}"
            );
        }
    }
}

#[test]
fn what_does_not_suit_is_refused_before_it_starts() {
    let refused = |text: &str| {
        let project = Project::from_text("setpoint.toml", text, &[]).unwrap();
        Problem::new(project, &setpoint_processes::registry())
            .err()
            .unwrap_or_else(|| panic!("{text} was accepted"))
            .to_string()
    };
    let pendulum = |algorithm: &str| {
        format!("[process]\nkind = \"pendulum\"\n[reward]\ncost = -1\n[train]\nalgorithm = \"{algorithm}\"\n")
    };
    for algorithm in ["dqn", "q-learning", "ucb1", "reinforce"] {
        let message = refused(&pendulum(algorithm));
        assert!(message.contains("has settings: use ppo, sac, td3 or ddpg"), "{message}");
    }
    let message =
        refused("[process]\nkind = \"cart-pole\"\n[reward]\nupright = 1\n[train]\nalgorithm = \"td3\"\n");
    assert!(message.contains("td3 learns settings") && message.contains("dqn"), "{message}");
    let message = refused(&format!("{}[train.sac]\nbuffer_size = 4_000_000_000\n", pendulum("sac")));
    assert!(message.contains("GB; this machine has") && message.contains("buffer_size"), "{message}");
    let message = refused(
        "[process]\nkind = \"assembly-line\"\n[reward]\nwip = -1\n[train]\nalgorithm = \"q-learning\"\n",
    );
    assert!(message.contains("too many entries"), "{message}");
    // Names: of the algorithm, and of the tables of all algorithms.
    let message = refused(&pendulum("ppp"));
    assert!(
        message.contains("`algorithm` of [train] cannot be \"ppp\"")
            && message.contains("did you mean `ppo`?")
    );
    let message = refused(&format!("{}[train.dqm]\ngamma = 0.9\n", pendulum("ppo")));
    assert!(
        message.contains("unknown key `dqm` in [train]") && message.contains("did you mean `dqn`?"),
        "{message}"
    );
    let message = refused(&format!("{}[train.dqn]\ngama = 0.9\n", pendulum("ppo")));
    assert!(
        message.contains("unknown key `gama` in [train.dqn]") && message.contains("`gamma`?"),
        "{message}"
    );
}
