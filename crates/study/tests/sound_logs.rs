//! A log of the process itself has no fault: single episodes of every built-in process, of every kind of controller, pass their
//! own audit.

use std::fmt::Write;

use setpoint_decision::Project;
use setpoint_learn::problem::Problem;
use setpoint_log::Reading;
use setpoint_process::State;
use setpoint_process::vectorized::{Actions, Transition};
use setpoint_random::Stream;

mod written_log;

/// The decider of a log.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Who {
    /// Random actions.
    Chance,
    /// The process's first heuristic; random actions if it has none.
    Controller,
    /// The first allowed choice, or the middle of each axis.
    Idle,
}

const STEPS_MAX: u32 = 200;

fn problem(kind: &str) -> Problem {
    let factory = setpoint_processes::open_kind(kind, None).unwrap();
    let reward: String =
        factory.spec().signals.iter().take(2).map(|signal| format!("{} = 1.0\n", signal.name)).collect();
    let space = &factory.spec().action;
    let action = if space.is_discrete() { "action = \"the action\"\n" } else { "[data.action]\n" };
    let parts = if space.is_discrete() { Vec::new() } else { space.part_names() };
    let axes: String = parts.iter().map(|part| format!("{part} = \"set {part}\"\n")).collect();
    let signals: String =
        factory.spec().signals.iter().map(|signal| format!("{0} = \"got {0}\"\n", signal.name)).collect();
    let text = format!(
        "[process]\nkind = \"{kind}\"\n[reward]\n{reward}[data]\nepisode = \"the episode\"\ntime = \"the step\"\n\
         reward = \"the reward\"\n{action}{axes}[data.signals]\n{signals}"
    );
    let project = Project::from_text("setpoint.toml", &text, &[]).unwrap_or_else(|error| panic!("{error}"));
    Problem::new(project, &setpoint_processes::registry()).unwrap_or_else(|error| panic!("{error}"))
}

/// The action of a state: the index of a choice of each group, then a value of each setting.
fn decide(problem: &Problem, who: Who, before: &Transition, random: &mut Stream) -> Vec<f32> {
    let space = &problem.spec().action;
    let heuristic = problem.decision.factory.heuristics().first().filter(|_| who == Who::Controller);
    if let Some(heuristic) = heuristic {
        let mut action = vec![0.0; space.width()];
        let state = State {
            observation: &before.observations,
            signals: &before.current_signals,
            allowed: &before.allowed,
        };
        (heuristic.decide)(&state, &mut action);
        return action;
    }
    let mut action = Vec::new();
    for (_, places) in space.placed_groups() {
        let is_allowed =
            |choice: &usize| before.allowed.get(places.start + choice).is_none_or(|allowed| *allowed);
        let allowed: Vec<usize> = (0..places.len()).filter(is_allowed).collect();
        let index = if who == Who::Idle { 0 } else { random.below(allowed.len() as u32) as usize };
        action.push(allowed[index] as f32);
    }
    action.extend(space.axes.iter().map(|axis| match who {
        Who::Idle => 0.5 * (axis.low + axis.high),
        _ => axis.low + (axis.high - axis.low) * random.unit(),
    }));
    action
}

fn log_of(problem: &Problem, who: Who, episodes: u64, seed: u64) -> Reading {
    let spec = problem.spec();
    let names: Vec<String> = spec
        .observation
        .iter()
        .map(|feature| feature.name.clone())
        .chain(if spec.action.is_discrete() {
            vec!["the action".to_owned()]
        } else {
            spec.action.part_names().into_iter().map(|part| format!("set {part}")).collect()
        })
        .chain(spec.signals.iter().map(|signal| format!("got {}", signal.name)))
        .collect();
    let mut text = format!("{},the reward,the episode,the step\n", names.join(","));
    let mut batch = problem.decision.factory.batch(1, seed, "sound log").unwrap();
    let mut random = Stream::new(seed, "actions of a sound log", 0);
    // An episode of the reactor may be a single dose. A log of which most episodes have one row shows no effect of an action, and the
    // audit says so: such a log gets more episodes.
    let (mut episode, mut short) = (0, 0);
    while episode < episodes || 2 * short > episode {
        batch.reset_lane(0, Some(Stream::new(seed, "sound log", episode))).unwrap();
        for step in 0..spec.max_steps.unwrap_or(STEPS_MAX).min(STEPS_MAX) {
            let before = batch.transition();
            let action = decide(problem, who, before, &mut random);
            before.observations.iter().for_each(|value| write!(text, "{value:.4},").unwrap());
            let (choices, settings) = action.split_at(spec.action.groups.len());
            let choices: Vec<u32> = choices.iter().map(|choice| *choice as u32).collect();
            choices.iter().for_each(|choice| write!(text, "{choice},").unwrap());
            settings.iter().for_each(|value| write!(text, "{value:.4},").unwrap());
            batch.step(Actions { choices: &choices, settings }).unwrap();
            let after = batch.transition();
            after.signals.iter().for_each(|value| write!(text, "{value:.4},").unwrap());
            let earned: f32 = after.signals.iter().take(2).sum();
            writeln!(text, "{earned:.4},{episode},{step}").unwrap();
            if after.outcomes[0].is_over() {
                short += u64::from(step == 0);
                break;
            }
        }
        episode += 1;
    }
    written_log::read(problem, &text)
}

#[test]
fn episodes_of_every_process_pass_their_own_audit() {
    let registry = setpoint_processes::registry();
    let mut faults = Vec::new();
    let mut logs = 0;
    for kind in registry.complete() {
        let problem = problem(kind);
        if !problem.spec().tensors.is_empty() {
            // No log contains images or points.
            continue;
        }
        for who in [Who::Chance, Who::Controller, Who::Idle] {
            for episodes in [1, 1, 1, 1, 1, 3] {
                let seed = logs;
                logs += 1;
                let reading = log_of(&problem, who, episodes, seed);
                faults.extend(
                    reading.audit.errors().map(|found| format!("{kind} {who:?} {seed}: {}", found.sentence)),
                );
            }
        }
    }
    assert!(logs >= 100, "{logs}");
    assert!(faults.is_empty(), "{} of {logs}: {faults:#?}", faults.len());
}
