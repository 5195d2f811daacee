//! Off-policy evaluation against the truth: the return of a policy in the simulator, and its estimates from the logs of
//! another policy.

use setpoint_decision::Project;
use setpoint_evidence::Decision;
use setpoint_evidence::action_distribution::ActionDistribution;
use setpoint_evidence::logs::record;
use setpoint_evidence::off_policy_evaluation::{Behaviour, Report, Settings, estimate};
use setpoint_log::log::Log;
use setpoint_policy::Policy;

mod sample;
use sample::policy;

/// Steps that count: few enough that a log of 300 episodes contains enough of the actions of the policies below.
const STEPS: usize = 6;
const EPISODES: usize = 300;

fn decision(more: &str) -> Decision {
    let text = format!(
        "[process]\nkind = \"assembly-line\"\n[reward]\nthroughput_uph = 1.2\nmicro_stops = -4.0\nwip = -1.5\n\
         failure_prob = -10.0\non_terminated = -200.0\n[evaluate]\ndeterministic = false\n{more}"
    );
    Decision::open(
        Project::from_text("line", &text, &[]).unwrap(),
        &setpoint_processes::registry(),
        &mut |_| {},
    )
    .unwrap()
}

const POLICIES: [&str; 3] = ["random", "line-manager, softened", "a soft network"];

fn distribution<'p>(decision: &Decision, policy: &'p Policy, name: &str) -> ActionDistribution<'p> {
    match name {
        "random" => ActionDistribution::of_baseline(decision, "random").unwrap(),
        "a soft network" => ActionDistribution::of_policy(decision, policy),
        _ => ActionDistribution::of_baseline(decision, "line-manager").unwrap().softened(0.75),
    }
}

fn random_log(decision: &Decision, episodes: usize, steps: usize, seed: u64) -> Log {
    let mut random = ActionDistribution::of_baseline(decision, "random").unwrap();
    record(decision, &mut random, episodes, steps, seed).unwrap()
}

fn settings(steps: usize, behaviour: Option<Behaviour>) -> Settings {
    Settings { steps: Some(steps), behaviour, ..Settings::default() }
}

/// The mean return of 40,000 episodes; its standard error is below 0.5, a hundredth of the width of a log's intervals.
fn truth(decision: &Decision, policy: &Policy, name: &str) -> f64 {
    let log = record(decision, &mut distribution(decision, policy, name), 40_000, STEPS, 99).unwrap();
    log.rewards.iter().sum::<f64>() / log.episodes.len() as f64
}

/// For every policy and estimator: the number of logs of the random policy whose interval contains the true value. A
/// refusal counts as an interval without it.
fn coverage(logs: u64, behaviour: Behaviour) -> Vec<(String, u64)> {
    let decision = decision("");
    let policy = policy(&decision);
    let mut rows = Vec::new();
    for name in POLICIES {
        let truth = truth(&decision, &policy, name);
        let mut counts = vec![(String::new(), 0); 4];
        let (mut size, mut refused) = (0.0, 0);
        for seed in 0..logs {
            let log = random_log(&decision, EPISODES, STEPS + 4, 1_000 + seed);
            let mut target = distribution(&decision, &policy, name);
            let report = estimate(&decision, &log, &mut target, &settings(STEPS, Some(behaviour))).unwrap();
            size += report.effective_sample_size / logs as f64;
            refused += u64::from(report.refusal.is_some());
            for ((label, count), found) in counts.iter_mut().zip(&report.estimates) {
                *label = format!("{name}: {}", found.estimator);
                *count += u64::from((found.interval.low..=found.interval.high).contains(&truth));
            }
        }
        println!(
            "{name}: truth {truth:.1}, mean effective sample size {size:.0} of {EPISODES}, {refused} refused"
        );
        for (label, count) in &counts {
            println!("  {count} of {logs}: {label}");
        }
        rows.extend(counts);
    }
    rows
}

/// If an interval contains the true value with a probability of 93 %, fewer than 19 of 24 logs do in 0.3 % of all seeds,
/// and in 4 % for the twelve together; these seeds are fixed and pass.
#[test]
fn intervals_hold_the_truth() {
    for (label, count) in coverage(24, Behaviour::Logged) {
        assert!(count >= 19, "{label}: {count} of 24");
    }
}

/// The figure of docs/guide.md.
#[test]
#[ignore = "a figure of the guide, one minute: run with --ignored --nocapture"]
fn intervals_hold_the_truth_in_ninety_of_a_hundred_logs() {
    for (label, count) in coverage(100, Behaviour::Logged) {
        assert!(count >= 90, "{label}: {count} of 100");
    }
}

#[test]
fn what_hardly_overlaps_is_refused_with_what_can_be_judged() {
    let decision = decision("");
    let log = random_log(&decision, EPISODES, 80, 7);
    let mut manager = ActionDistribution::of_baseline(&decision, "line-manager").unwrap();
    let report = estimate(&decision, &log, &mut manager, &settings(80, None)).unwrap();
    let refusal = report.refusal.unwrap();
    assert!(refusal.contains("the overlap is too small: effective sample size"), "{refusal}");
    assert!(refusal.contains("of 300 episodes") && refusal.contains("(--steps 1,"), "{refusal}");
    assert!(report.estimates.is_empty());
    // One step of it overlaps in a sixth of the episodes.
    let mut manager = ActionDistribution::of_baseline(&decision, "line-manager").unwrap();
    let report = estimate(&decision, &log, &mut manager, &settings(1, None)).unwrap();
    assert!(report.refusal.is_none() && (35.0..70.0).contains(&report.effective_sample_size), "{report:?}");
}

#[test]
fn a_policy_judged_from_its_own_log_earns_what_the_log_says() {
    let decision = decision("");
    let log = random_log(&decision, 100, 20, 3);
    let mut random = ActionDistribution::of_baseline(&decision, "random").unwrap();
    let report = estimate(&decision, &log, &mut random, &settings(20, Some(Behaviour::Uniform))).unwrap();
    assert!((report.effective_sample_size - 100.0).abs() < 1e-6);
    for found in &report.estimates[..2] {
        assert!((found.value - report.logged.value).abs() < 1e-6, "{found:?} {:?}", report.logged);
    }
    assert_eq!(report.behaviour, Behaviour::Uniform);
}

/// A wrong column, an episode that is too short, a log without probabilities.
#[test]
fn logs_that_do_not_serve_are_refused_or_explained() {
    let decision = decision("");
    let ask = |log: &Log, steps, behaviour| {
        let mut random = ActionDistribution::of_baseline(&decision, "random").unwrap();
        estimate(&decision, log, &mut random, &settings(steps, behaviour))
    };
    let message =
        |result: Result<Report, Box<setpoint_decision::Diagnostic>>| result.unwrap_err().to_string();
    let log = random_log(&decision, 40, 12, 3);
    assert!(message(ask(&log, 13, None)).contains("its longest episode has 12"));
    let mut lying = log.clone();
    (lying.probabilities[17], lying.lines[17]) = (1.5, 19);
    let text = message(ask(&lying, 12, None));
    assert!(text.contains("line 19 of the log") && text.contains("1.5"), "{text}");
    let mut unpaid = log.clone();
    unpaid.rewards[5] = f64::NAN;
    assert!(message(ask(&unpaid, 12, None)).contains("row 5 of the log has no reward"));
    assert!(message(ask(&log.select(0..1), 12, None)).contains("at least two episodes"));
    let mut silent = log.clone();
    silent.probabilities.fill(f64::NAN);
    silent.episodes.iter_mut().for_each(|episode| episode.terminated = None);
    let report = ask(&silent, 12, None).unwrap();
    assert_eq!(report.behaviour, Behaviour::Estimated);
    assert!(report.notes.iter().any(|note| note.contains("estimated")), "{:?}", report.notes);
    assert!(report.notes.iter().any(|note| note.contains("ended by themselves")), "{:?}", report.notes);
    let continuous = "[process]\nkind = \"pendulum\"\n[reward]\ncost = -1.0\n";
    let continuous = Decision::open(
        Project::from_text("p", continuous, &[]).unwrap(),
        &setpoint_processes::registry(),
        &mut |_| {},
    )
    .unwrap();
    let mut random = ActionDistribution::of_baseline(&continuous, "random").unwrap();
    let refused = estimate(&continuous, &Log::new(continuous.spec()), &mut random, &settings(1, None));
    assert!(message(refused).contains("gives settings"));
}

/// A constraint that the log's own policy did not have: the judged policy never takes the forbidden choice.
#[test]
fn what_a_constraint_forbids_has_no_weight() {
    let free = decision("");
    let constrained = decision(
        "[[constraint]]\nwhen = { signal = \"speed\", above = 0.0 }\nforbid = [\"increase_speed\"]\n",
    );
    let log = random_log(&free, 200, 1, 3);
    let mut random = ActionDistribution::of_baseline(&constrained, "random").unwrap();
    let report = estimate(&constrained, &log, &mut random, &settings(1, None)).unwrap();
    let allowed = (0..200).filter(|row| log.choice(*row) != 1).count() as f64;
    assert!((report.effective_sample_size - allowed).abs() < 1e-6, "{report:?}");
}
