//! The planner: it knows the dynamics and not the chance of its episode, its result is the same for any number of threads, and it
//! plans as well as the optimum allows.

use setpoint_decision::Project;
use setpoint_evidence::Decision;
use setpoint_evidence::deciders::baseline;
use setpoint_evidence::evaluate::{Evaluation, evaluate};
use setpoint_evidence::gate::against;
use setpoint_evidence::headroom::headroom;
use setpoint_evidence::player::{Player, Step};
use setpoint_process::vectorized::Actions;
use setpoint_random::Stream;

mod sample;
use sample::policy;

const REACTOR: &str = "[process]\nkind = \"ph-reactor\"\n[reward]\ndistance = -10.0\ndose = -0.2\non_terminated = 5.0\n\
    [evaluate]\nepisodes = 60\nbaselines = [\"random\", \"one-step-ahead\", \"mpc\"]\n";
const FILLER: &str = "[process]\nkind = \"filler\"\nmax_steps = 12\n[reward]\ngood_bottles = 0.001\nrejects = -0.003\n\
    [[constraint]]\nwhen = { feature = \"thickness\", above = 0.0 }\nclip = { action = \"speed\", high = 90 }\n\
    [[constraint]]\nwhen = { feature = \"thickness\", below = 2.0 }\nforbid = [\"wide\"]\n\
    [planning]\nhorizon = 3\nplans = 40\ncopies = 2\n";
const SHOP: &str = "[process]\nkind = \"job-shop\"\ninstance = \"ft06\"\n[reward]\nmakespan_bound = -1.0\n\
    [planning]\nhorizon = 12\ncopies = 1\nplans = 60\n";

fn decision(text: &str) -> Decision {
    let project = Project::from_text("test", text, &[]).unwrap();
    Decision::open(project, &setpoint_processes::registry(), &mut |_| {}).unwrap()
}

/// Returns of one episode in each lane, with every number of every action.
fn play(decision: &Decision, lanes: usize, name: &str) -> (Vec<f64>, Vec<Vec<f32>>) {
    let mut decider = baseline(name, decision, 5, lanes).unwrap().unwrap();
    let mut player = Player::new(decision, lanes, 5, "test").unwrap();
    let (mut returns, mut actions) = (vec![0.0; lanes], vec![Vec::new(); lanes]);
    player
        .play(&mut decider, &mut |step: &Step<'_>| {
            returns[step.lane] += step.reward;
            actions[step.lane].extend(step.action.row());
            !step.outcome.is_over()
        })
        .unwrap();
    (returns, actions)
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

#[test]
fn any_number_of_threads_gives_the_same_actions() {
    for (text, lanes) in [(REACTOR, 7), (FILLER, 3), (SHOP, 2)] {
        let decision = decision(text);
        let one = play(&decision, lanes, "mpc");
        for threads in [2, 3, 16] {
            assert!(play(&decision.clone().with_threads(threads), lanes, "mpc") == one, "{threads}: {text}");
        }
    }
}

/// On average the planner of one step returns 11 less than the plans; episodes differ by a standard deviation of 30, but the same
/// episodes are compared, and most are hard or easy for both.
#[test]
fn plans_of_several_steps_beat_the_planner_of_one_step() {
    let decision = decision(REACTOR);
    let ahead = play(&decision, 300, "one-step-ahead").0;
    let shooting =
        REACTOR.to_owned() + "[planning]\nsearch = \"random-shooting\"\nplans = 200\nhorizon = 6\n";
    for decision in [decision, self::decision(&shooting)] {
        let planned = play(&decision, 300, "mpc").0;
        let better: Vec<f64> = planned.iter().zip(&ahead).map(|(planned, ahead)| planned - ahead).collect();
        assert!(mean(&better) > 6.0, "{} against {}", mean(&planned), mean(&ahead));
    }
}

/// Settings within their limits, masks and constraints of several groups: the player would refuse a forbidden choice.
#[test]
fn plans_keep_masks_and_constraints() {
    let filler = decision(FILLER);
    let (returns, actions) = play(&filler, 3, "mpc");
    for action in actions.iter().flat_map(|lane| lane.chunks_exact(3)) {
        assert!((40.0..=90.0).contains(&action[2]), "{action:?}");
    }
    let random = mean(&play(&filler, 3, "random").0);
    assert!(mean(&returns) > random + 1.0, "{returns:?} against {random}");
    let shop = decision(SHOP);
    let (planned, random) = (mean(&play(&shop, 2, "mpc").0), mean(&play(&shop, 40, "random").0));
    assert!(planned > random, "{planned} against {random}");
}

/// Two episodes from the same state whose chance differs: the planner decides alike in their first state, because its copies have
/// random numbers of their own. In the copies of one state, chance differs too.
#[test]
fn plans_do_not_know_the_chance_of_the_episode() {
    let decision = decision(REACTOR);
    let mut saved = decision.factory.batch(1, 3, "test").unwrap();
    let state = saved.save_lane(0).unwrap();
    let mut copies = decision.factory.batch(8, 9, "other").unwrap();
    copies.continue_all(&state, &mut |lane| Stream::new(1, "copy", lane as u64)).unwrap();
    for lane in 0..8 {
        let own = &copies.transition().observations[lane * 4..(lane + 1) * 4];
        assert_eq!(own, saved.transition().observations);
    }
    copies.step(Actions::of_choices(&[2; 8])).unwrap();
    saved.step(Actions::of_choices(&[2])).unwrap();
    let mut values: Vec<u32> =
        copies.transition().observations.iter().step_by(4).map(|ph| ph.to_bits()).collect();
    values.push(saved.transition().observations[0].to_bits());
    values.sort_unstable();
    values.dedup();
    assert_eq!(values.len(), 9, "eight copies and the episode itself differ by chance");
    // A copy continues the episode: it ends with the limit of steps that is left.
    let mut long = decision.factory.batch(1, 3, "test").unwrap();
    for _ in 0..24 {
        long.step(Actions::of_choices(&[4])).unwrap();
    }
    let state = long.save_lane(0).unwrap();
    copies.continue_all(&state, &mut |lane| Stream::new(1, "copy", lane as u64)).unwrap();
    copies.step(Actions::of_choices(&[4; 8])).unwrap();
    assert!(copies.transition().outcomes.iter().all(|outcome| outcome.is_over()));
}

#[test]
fn an_evaluation_with_plans_states_the_gap_and_its_gate_needs_no_plan() {
    let decision = decision(REACTOR);
    let evaluation: Evaluation = evaluate(&decision, &policy(&decision), 1).unwrap();
    let planner = evaluation.baselines.last().unwrap();
    assert!(
        planner.name == "mpc" && planner.description.contains("10 steps ahead"),
        "{}",
        planner.description
    );
    assert_eq!(against(&evaluation, &decision).unwrap().baseline, "one-step-ahead");
    let sentence = headroom(&evaluation, &decision).unwrap();
    assert!(sentence.contains("is still to be had"), "{sentence}");
    let unplanned = REACTOR.replace(", \"mpc\"", "");
    let evaluation = evaluate(&self::decision(&unplanned), &policy(&decision), 1).unwrap();
    assert_eq!(headroom(&evaluation, &self::decision(&unplanned)), None);
}
