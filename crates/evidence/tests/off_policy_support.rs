//! Logs that lie, and sound logs: the first are refused without a number, the second are hardly ever refused.

use setpoint_decision::Project;
use setpoint_evidence::Decision;
use setpoint_evidence::action_distribution::ActionDistribution;
use setpoint_evidence::logs::record;
use setpoint_evidence::off_policy_evaluation::{Behaviour, Report, Settings, estimate};
use setpoint_log::log::Log;
use setpoint_policy::Policy;

mod sample;
use sample::policy;

const STEPS: usize = 4;
const EPISODES: usize = 200;

fn decision(more: &str) -> Decision {
    let text = format!(
        "[process]\nkind = \"assembly-line\"\n[reward]\nthroughput_uph = 1.0\nwip = -2.0\non_terminated = -150.0\n\
         [evaluate]\ndeterministic = false\n{more}"
    );
    let project = Project::from_text("line", &text, &[]).unwrap_or_else(|error| panic!("{error}"));
    Decision::open(project, &setpoint_processes::registry(), &mut |_| {}).unwrap()
}

fn names(decision: &Decision) -> Vec<String> {
    decision.spec().action.names().iter().map(|name| (*name).to_owned()).collect()
}

fn who<'p>(decision: &Decision, policy: &'p Policy, name: &str) -> ActionDistribution<'p> {
    match name {
        "random" => ActionDistribution::of_baseline(decision, "random").unwrap(),
        "network" => ActionDistribution::of_policy(decision, policy),
        "manager" => ActionDistribution::of_baseline(decision, "line-manager").unwrap(),
        _ => ActionDistribution::of_baseline(decision, "line-manager").unwrap().softened(0.7),
    }
}

fn judged(decision: &Decision, policy: &Policy, log: &Log, behaviour: Behaviour, target: &str) -> Report {
    let settings = Settings { steps: Some(STEPS), behaviour: Some(behaviour), ..Settings::default() };
    estimate(decision, log, &mut who(decision, policy, target), &settings).unwrap()
}

/// The log of a controller that always takes one choice, of each of the six; and of one that looks at the state.
#[test]
fn a_controller_that_never_varies_tells_nothing_of_others() {
    let free = decision("");
    let policy = policy(&free);
    let names = names(&free);
    for only in &names {
        let others: Vec<String> =
            names.iter().filter(|name| *name != only).map(|name| format!("\"{name}\"")).collect();
        let forbid = format!(
            "[[constraint]]\nwhen = {{ signal = \"speed\", above = -1.0 }}\nforbid = [{}]\n",
            others.join(", ")
        );
        let log = record(&decision(&forbid), &mut who(&free, &policy, "random"), EPISODES, 12, 5).unwrap();
        assert!(log.actions.iter().all(|action| *action == log.actions[0]), "{only}");
        for behaviour in [Behaviour::Logged, Behaviour::Uniform, Behaviour::Estimated] {
            for target in ["softened manager", "network"] {
                let report = judged(&free, &policy, &log, behaviour, target);
                assert!(report.estimates.is_empty(), "{only} {behaviour:?} {target}: {report:#?}");
                let refusal = report.refusal.unwrap();
                assert!(
                    refusal.contains("cannot tell about this policy") || refusal.contains("contradicts"),
                    "{refusal}"
                );
            }
        }
    }
    let log = record(&free, &mut who(&free, &policy, "manager"), EPISODES, 12, 5).unwrap();
    for behaviour in [Behaviour::Logged, Behaviour::Uniform, Behaviour::Estimated] {
        let report = judged(&free, &policy, &log, behaviour, "softened manager");
        assert!(report.refusal.is_some() && report.estimates.is_empty(), "{behaviour:?}: {report:#?}");
    }
}

/// Probabilities that are not those of the log: all by one factor, or each choice by its own.
#[test]
fn stated_probabilities_that_the_log_contradicts_are_refused() {
    let decision = decision("");
    let policy = policy(&decision);
    type Lie = (&'static str, fn(f64, usize) -> f64);
    let lies: [Lie; 6] = [
        ("half", |p, _| 0.5 * p),
        ("two thirds", |p, _| p / 1.5),
        ("double", |p, _| (2.0 * p).min(1.0)),
        ("half as much again", |p, _| (1.5 * p).min(1.0)),
        ("one choice", |p, choice| if choice == 2 { 0.4 * p } else { p }),
        ("percent", |p, _| p / 100.0),
    ];
    for source in ["random", "network", "softened manager"] {
        let log = record(&decision, &mut who(&decision, &policy, source), EPISODES, 12, 6).unwrap();
        for (name, lie) in lies {
            let mut lying = log.clone();
            for row in 0..log.rows() {
                lying.probabilities[row] = lie(log.probabilities[row], log.choice(row));
            }
            let report = judged(&decision, &policy, &lying, Behaviour::Logged, "random");
            assert!(report.estimates.is_empty(), "{source}, {name}: {report:#?}");
            let refusal = report.refusal.unwrap();
            assert!(refusal.contains("contradict"), "{source}, {name}: {refusal}");
        }
    }
    // A log of another controller, declared uniform.
    let log = record(&decision, &mut who(&decision, &policy, "softened manager"), EPISODES, 12, 6).unwrap();
    let report = judged(&decision, &policy, &log, Behaviour::Uniform, "random");
    assert!(report.refusal.unwrap().contains("--behaviour uniform states"));
}

/// 360 sound logs: chance refuses at most three of them for another reason than too few episodes.
#[test]
fn sound_logs_pass() {
    let decision = decision("");
    let policy = policy(&decision);
    let mut refused = Vec::new();
    let mut numbers = 0;
    for seed in 0..60 {
        for (source, target) in [
            ("random", "softened manager"),
            ("random", "network"),
            ("network", "random"),
            ("network", "softened manager"),
            ("softened manager", "random"),
            ("softened manager", "softened manager"),
        ] {
            let mut from = who(&decision, &policy, source);
            let log = record(&decision, &mut from, EPISODES, STEPS, 100 + seed).unwrap();
            let behaviour =
                if source == "random" && seed % 2 == 0 { Behaviour::Uniform } else { Behaviour::Logged };
            let report = judged(&decision, &policy, &log, behaviour, target);
            numbers += report.estimates.len();
            refused.extend(report.refusal.filter(|text| !text.contains("the overlap is too small")));
        }
    }
    assert!(refused.len() <= 3, "{} refused: {refused:#?}", refused.len());
    assert!(numbers >= 4 * 300, "{numbers}");
}

/// Rows that are left out: their episodes are not used, the number of them is told, and what is left gives the truth.
#[test]
fn episodes_with_left_out_rows_are_not_used() {
    let decision = decision("");
    let policy = policy(&decision);
    let log = record(&decision, &mut who(&decision, &policy, "random"), EPISODES, 8, 9).unwrap();
    let mut broken = log.clone();
    // A hole in step 2 of the first 20 episodes, and behind the steps that count in 20 others.
    for episode in 0..40 {
        let row = log.episodes[episode].rows.start + if episode < 20 { 2 } else { STEPS };
        broken.observations[row * log.features..(row + 1) * log.features].fill(f32::NAN);
    }
    let report = judged(&decision, &policy, &broken.without_holes(), Behaviour::Uniform, "softened manager");
    let expected =
        judged(&decision, &policy, &log.select(20..EPISODES), Behaviour::Uniform, "softened manager");
    assert_eq!(report.episodes, EPISODES as u64 - 20);
    assert!(
        report.notes.iter().any(|note| note.contains("20 of 200 episodes lack rows")),
        "{:?}",
        report.notes
    );
    for (found, expected) in report.estimates.iter().zip(&expected.estimates).take(2) {
        assert!((found.value - expected.value).abs() < 1e-9, "{found:?} {expected:?}");
    }
}

/// Rewards that no sum can hold give no number, and say so.
#[test]
fn a_result_that_is_no_number_is_refused() {
    let decision = decision("");
    let policy = policy(&decision);
    let mut log = record(&decision, &mut who(&decision, &policy, "random"), EPISODES, STEPS, 9).unwrap();
    log.rewards.iter_mut().step_by(2).for_each(|reward| *reward = 1e308);
    let settings =
        Settings { steps: Some(STEPS), behaviour: Some(Behaviour::Uniform), ..Settings::default() };
    let found = estimate(&decision, &log, &mut who(&decision, &policy, "network"), &settings);
    assert!(found.unwrap_err().to_string().contains("no finite number"));
    log.rewards.iter_mut().for_each(|reward| *reward = if *reward > 1e300 { 1e304 } else { -1e304 });
    let found = estimate(&decision, &log, &mut who(&decision, &policy, "network"), &settings);
    for estimate in found.map_or(Vec::new(), |report| report.estimates) {
        assert!(estimate.value.is_finite() && estimate.interval.low.is_finite());
    }
}
