//! Validation of processes other than the assembly line: settings, several axes, forbidden choices. Each process fits its
//! own log, and a wrong number of its dynamics is found.

use std::fmt::Write;

use setpoint_decision::Project;
use setpoint_decision::spec::{ActionForm, Signal, Spec};
use setpoint_learn::problem::Problem;
use setpoint_log::Reading;
use setpoint_process::State;
use setpoint_process::vectorized::Actions;
use setpoint_random::Stream;
use setpoint_study::validate::controller::clone_of;
use setpoint_study::validate::verdict::Verdict;
use setpoint_study::validate::{Validation, validate};

mod written_log;

fn problem(process: &str, reward: &str) -> Problem {
    let text = format!(
        "[process]\n{process}\n[reward]\n{reward}\n[data]\nepisode = \"episode\"\nreward = \"reward\"\n"
    );
    let action = if !process.contains("pendulum") && !process.contains("inventory") {
        "action = \"action\"\n"
    } else {
        ""
    };
    let project = Project::from_text("setpoint.toml", &format!("{text}{action}"), &[]);
    let project = project.unwrap_or_else(|error| panic!("{error}"));
    Problem::new(project, &setpoint_processes::registry()).unwrap_or_else(|error| panic!("{error}"))
}

/// The decider of a log.
#[derive(Clone, Copy, PartialEq)]
enum Who {
    /// Random actions.
    Chance,
    /// The process's first heuristic, which looks at the state.
    Controller,
}

/// Signals that are neither features nor actions by their names.
fn signals_of_their_own(spec: &Spec) -> Vec<&Signal> {
    spec.signals
        .iter()
        .filter(|signal| spec.observation.iter().all(|feature| feature.name != signal.name))
        .filter(|signal| !spec.action.names().contains(&signal.name.as_str()))
        .collect()
}

/// A log, with the process's own names as columns.
fn log_of(problem: &Problem, who: Who, episodes: u64, seed: u64) -> Reading {
    let spec = problem.spec();
    let signals = signals_of_their_own(spec);
    let mut names: Vec<&str> = spec.observation.iter().map(|feature| feature.name.as_str()).collect();
    match spec.action.form() {
        ActionForm::Several => unreachable!("the processes here have one choice, or settings"),
        ActionForm::Choices(_) => names.push("action"),
        ActionForm::Settings(axes) => names.extend(axes.iter().map(|axis| axis.name.as_str())),
    }
    names.extend(signals.iter().map(|signal| signal.name.as_str()));
    let mut text = format!("{},reward,episode,time\n", names.join(","));
    let mut batch = problem.decision.factory.batch(1, seed, "log").unwrap();
    let mut random = Stream::new(seed, "actions of the log", 0);
    for episode in 0..episodes {
        batch.reset_lane(0, Some(Stream::new(seed, "log", episode))).unwrap();
        for time in 0..spec.max_steps.unwrap_or(100).min(100) {
            let before = batch.transition();
            before.observations.iter().for_each(|value| write!(text, "{value:.4},").unwrap());
            match spec.action.form() {
                ActionForm::Several => unreachable!("the processes here have one choice, or settings"),
                ActionForm::Choices(choices) => {
                    let mut choice = random.below(choices.len() as u32);
                    if who == Who::Controller {
                        let mut action = [0.0];
                        let state = State {
                            observation: &before.observations,
                            signals: &before.current_signals,
                            allowed: &before.allowed,
                        };
                        (problem.decision.factory.heuristics()[0].decide)(&state, &mut action);
                        choice = action[0] as u32;
                    }
                    while !before.allowed.is_empty() && !before.allowed[choice as usize] {
                        choice = random.below(choices.len() as u32);
                    }
                    write!(text, "{choice},").unwrap();
                    batch.step(Actions::of_choices(&[choice])).unwrap();
                }
                ActionForm::Settings(axes) => {
                    let set: Vec<f32> = axes
                        .iter()
                        .map(|axis| random.uniform(axis.low, 0.5 * (axis.low + axis.high)))
                        .collect();
                    set.iter().for_each(|value| write!(text, "{value:.4},").unwrap());
                    batch.step(Actions::of_settings(&set)).unwrap();
                }
            }
            let after = batch.transition();
            let value = |name: &str| {
                let place = spec.signals.iter().position(|signal| signal.name == name).unwrap();
                f64::from(after.signals[place])
            };
            for signal in &signals {
                write!(text, "{:.4},", value(&signal.name)).unwrap();
            }
            let earned: f64 =
                problem.decision.project.reward.terms.iter().map(|(name, weight)| weight * value(name)).sum();
            writeln!(text, "{earned:.4},{episode},{time}").unwrap();
            if after.outcomes[0].is_over() {
                break;
            }
        }
    }
    written_log::read(problem, &text)
}

fn compared(problem: &Problem, reading: &Reading) -> Validation {
    validate(problem, reading, 1, &mut |_| {}).unwrap()
}

/// The verdicts on the right process and the wrong process.
fn judged(reward: &str, right: &str, wrong: &str) -> (Validation, Validation) {
    let [right, wrong] = [right, wrong].map(|process| problem(process, reward));
    let reading = log_of(&right, Who::Chance, 120, 7);
    let errors: Vec<_> = reading.audit.errors().collect();
    assert!(errors.is_empty(), "{errors:#?}");
    (compared(&right, &reading), compared(&wrong, &reading))
}

#[test]
fn a_pendulum_under_another_gravity_is_another_pendulum() {
    let (right, wrong) = judged("cost = -1.0", "kind = \"pendulum\"", "kind = \"pendulum\"\ngravity = 4.0");
    assert_eq!(right.verdict, Verdict::Consistent, "{:#?}", right.reasons);
    assert_eq!(wrong.verdict, Verdict::Inconsistent, "{:#?}", wrong.reasons);
}

#[test]
fn another_demand_is_told_from_a_supply_chains_log() {
    let (right, wrong) = judged(
        "holding_cost = -1.0\nshortage_cost = -1.0",
        "kind = \"inventory\"",
        "kind = \"inventory\"\ndemand_mean = 7.0\norder_max = 17",
    );
    assert_eq!(right.verdict, Verdict::Consistent, "{:#?}", right.reasons);
    assert_eq!(wrong.verdict, Verdict::Inconsistent, "{:#?}", wrong.reasons);
}

/// An allowed choice in the log's state may be forbidden in the simulator, so a replay of the picker's actions ends early.
/// A clone of the picker, which drew from the allowed choices, does the same in the simulator.
#[test]
fn where_choices_are_forbidden_a_clone_decides() {
    let warehouse = problem(
        "kind = \"warehouse-picking\"\nlevel = \"easy\"",
        "distance = -1.0\nitems_picked = 100.0\ncollisions = -50.0",
    );
    let reading = log_of(&warehouse, Who::Chance, 120, 7);
    let found = compared(&warehouse, &reading);
    let controller = found.controller.clone().expect("the log's actions depend on the state");
    assert!(controller.gain > 0.1, "{controller:?}");
    assert_ne!(found.verdict, Verdict::Inconsistent, "{:#?}", found.reasons);
}

/// A controller reacts to the plant: its actions fit another course of events badly, but a clone of it fits. A wrong
/// simulator fits neither.
#[test]
fn a_controllers_log_fits_the_process_that_it_comes_from_and_no_other() {
    let reward = "throughput_uph = 1.2\nfailure_prob = -1.5\nmicro_stops = -10.0";
    let line = problem("kind = \"assembly-line\"", reward);
    let reading = log_of(&line, Who::Controller, 120, 7);
    let found = compared(&line, &reading);
    println!("{}", found.sentence);
    let controller = found.controller.clone().expect("the log's actions depend on the state");
    assert!(controller.value > 0.95, "{controller:?}");
    assert_eq!(found.verdict, Verdict::Consistent, "{:#?}", found.reasons);
    for wrong in ["efficiency_gain = 0.0", "speed_step = 0.06"] {
        let found = compared(&problem(&format!("kind = \"assembly-line\"\n{wrong}"), reward), &reading);
        println!("{wrong}: {}", found.sentence);
        assert_eq!(found.verdict, Verdict::Inconsistent, "{wrong}: {:#?}", found.reasons);
    }
}

/// Random actions do not depend on the state, so the simulator replays them (each log errs once in a thousand by three
/// standard errors; the seeds are fixed).
#[test]
fn chance_is_not_cloned() {
    let reward = "throughput_uph = 1.2\nfailure_prob = -1.5\nmicro_stops = -10.0";
    let line = problem("kind = \"assembly-line\"", reward);
    for seed in 0..6 {
        let reading = log_of(&line, Who::Chance, 60, seed);
        assert_eq!(clone_of(&line, &reading.log, 0).map(|(_, controller)| controller), None, "{seed}");
    }
}
