//! Wrong rewards and the expected flags of their probes; and a correct reward.

use std::sync::atomic::AtomicBool;

use setpoint_decision::Project;
use setpoint_learn::problem::Problem;
use setpoint_study::probes::{Flag, How, SAFETY, probe, steps};

const LINE: &str = include_str!("../../../projects/assembly-line/setpoint.toml");

fn flags(text: &str, overrides: &[&str], steps: u64) -> Vec<Flag> {
    let overrides: Vec<String> = overrides.iter().map(|text| (*text).to_owned()).collect();
    let problem =
        Problem::new(Project::from_text("test", text, &overrides).unwrap(), &setpoint_processes::registry())
            .unwrap();
    let (stop, mut told) = (AtomicBool::new(false), Vec::new());
    let how = How { steps, threads: 2, stop: &stop, done: &mut |done, of| told.push((done, of)) };
    let flags = probe(&problem, how).unwrap();
    let (last, of) = *told.last().unwrap();
    assert!(last == of && told.len() == of, "every training is reported: {told:?}");
    for flag in &flags {
        println!("{}: {}", flag.name, flag.sentence);
        assert!(!flag.sentence.contains("NaN"));
    }
    flags
}

#[test]
fn throughput_alone_is_made_at_the_cost_of_safety() {
    // The ready project allows that trade by a margin; without the margin the probe finds it.
    let alone = [
        "reward.micro_stops=0",
        "reward.wip=0",
        "reward.failure_prob=0",
        "reward.on_terminated=0",
        "safety.failure_prob=\"lower\"",
    ];
    let found = flags(LINE, &alone, 150_000);
    let safety = found.iter().find(|flag| flag.name == SAFETY).unwrap();
    assert!(safety.by_the_whole_reward && safety.sentence.contains("failure_prob"));
}

#[test]
fn the_ready_project_s_reward_is_sound_as_a_whole() {
    let found = flags(LINE, &[], 30_000);
    assert!(found.iter().all(|flag| !flag.by_the_whole_reward), "{found:?}");
    let single = |flag: &&Flag| flag.name == "one action" && flag.sentence.contains("`failure_prob` alone");
    assert!(found.iter().any(|flag| single(&flag)), "trained on safety alone, the policy only maintains");
}

#[test]
fn a_bonus_for_the_end_is_sought_and_a_heavy_term_is_named() {
    let pole = "[process]\nkind = \"cart-pole\"\n[reward]\nupright = 0.1\non_terminated = 100\n[train]\n\
                total_steps = 1_000_000\n[train.ppo]\nn_steps = 128\nlearning_rate = 1e-3\n";
    let found = flags(pole, &[], 30_000);
    let ends = |flag: &&Flag| flag.name == "termination" && flag.by_the_whole_reward;
    assert!(found.iter().any(|flag| ends(&flag)), "{found:?}");
    let heavy = flags(LINE, &["reward.micro_stops=-4000"], 20_000);
    let decides = |flag: &&Flag| flag.name == "one term decides" && flag.sentence.contains("`micro_stops`");
    assert!(heavy.iter().any(|flag| decides(&flag)), "{heavy:?}");
}

#[test]
fn a_probe_takes_a_twentieth_of_the_training_within_reason() {
    let of = |total: &str| {
        let total = format!("train.total_steps={total}");
        steps(
            &Problem::new(
                Project::from_text("test", LINE, &[total]).unwrap(),
                &setpoint_processes::registry(),
            )
            .unwrap(),
        )
    };
    assert_eq!((of("600000"), of("100000"), of("5000"), of("100000000")), (30_000, 20_000, 5_000, 200_000));
}
