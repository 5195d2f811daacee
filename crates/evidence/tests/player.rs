//! The one loop in which deciders play, and the deciders themselves.

use setpoint_decision::Project;
use setpoint_evidence::Decision;
use setpoint_evidence::deciders::{POLICY, UniformRandom, baseline, named};
use setpoint_evidence::evaluate::{breaks, evaluate};
use setpoint_evidence::player::{Observer, Player, Step, steps_max};
use setpoint_guard::constrained::Constrained;
use setpoint_guard::constraints::NothingLeft;
use setpoint_guard::decider::{ActionBuffer, ChoiceProbabilities, Decider, States};
use setpoint_random::Stream;

mod sample;
use sample::policy;

const LINE: &str = "[process]\nkind = \"assembly-line\"\n[reward]\nthroughput_uph = 1.2\nmicro_stops = -4.0\n\
    on_terminated = -200.0\n[evaluate]\ndeterministic = false\nepisodes = 30\nbaselines = [\"random\", \"heuristic\"]\n";
const GUARDED: &str = "[[constraint]]\nwhen = { signal = \"wip\", above = 8.0 }\nforbid = [\"increase_speed\", \"no_action\"]\n";
const SHOP: &str = "[process]\nkind = \"job-shop\"\ninstance = \"ft06\"\n[reward]\nmakespan_bound = -1.0\n\
    [evaluate]\nbaselines = [\"random\"]\n";
const CART: &str = "[process]\nkind = \"cart-pole\"\n[reward]\nupright = 1.0\n";
const PENDULUM: &str = "[process]\nkind = \"pendulum\"\n[reward]\ncost = -1.0\n";

fn decision(text: &str) -> Decision {
    let project = Project::from_text("test", text, &[]).unwrap();
    Decision::open(project, &setpoint_processes::registry(), &mut |_| {}).unwrap()
}

/// Every value of a step, bit by bit.
fn bits(step: &Step<'_>) -> Vec<u64> {
    let action: Vec<f32> = step.action.row().collect();
    let floats = action.iter().chain(step.state.observation).chain(step.signals);
    floats.map(|value| u64::from(value.to_bits())).chain([step.reward.to_bits()]).collect()
}

/// The steps of each lane, of which an episode is begun in `lanes` only.
fn steps_of(decision: &Decision, name: &str, count: usize, lanes: &[usize]) -> Vec<Vec<Vec<u64>>> {
    let policy = policy(decision);
    let mut decider = named(name, decision, &policy, 7, count).unwrap().unwrap();
    let mut player = Player::new(decision, count, 7, "test").unwrap();
    for lane in lanes {
        player.begin(*lane, Stream::new(7, "test", *lane as u64)).unwrap();
    }
    let mut seen = vec![Vec::new(); count];
    player
        .play(&mut decider, &mut |step: &Step<'_>| {
            seen[step.lane].push(bits(step));
            assert_eq!(seen[step.lane].len(), step.count as usize);
            !step.outcome.is_over()
        })
        .unwrap();
    seen
}

/// Episodes of unequal lengths, masks, constraints, draws: a lane's episode is the same whether other lanes play or not.
#[test]
fn a_lane_plays_the_same_episode_whatever_other_lanes_do() {
    let guarded = format!("{LINE}{GUARDED}");
    for (text, names) in [
        (CART, &[POLICY, "random", "heuristic"][..]),
        (&guarded, &[POLICY, "random", "heuristic"]),
        (SHOP, &[POLICY, "random"]),
        (PENDULUM, &["random"]),
    ] {
        let decision = decision(text);
        for name in names {
            let all: Vec<usize> = (0..6).collect();
            let together = steps_of(&decision, name, 6, &all);
            assert!(together.iter().all(|lane| !lane.is_empty()));
            for lane in 0..6 {
                let alone = steps_of(&decision, name, 6, &[lane]);
                assert!(alone[lane] == together[lane], "{name} in lane {lane} of {text}");
                assert_eq!(alone.iter().map(Vec::len).sum::<usize>(), alone[lane].len());
            }
        }
    }
}

/// Counts how often each lane begins, and how many rows are asked.
struct Counting<D> {
    decider: D,
    begun: Vec<u32>,
    rows: Vec<usize>,
}

impl<D: Decider> Decider for Counting<D> {
    fn begin(&mut self, lane: usize) {
        self.begun[lane] += 1;
        self.decider.begin(lane);
    }
    fn decide(&mut self, states: &States<'_>, actions: &mut ActionBuffer) {
        self.rows.push(states.rows());
        self.decider.decide(states, actions);
    }
}

#[test]
fn ended_lanes_are_not_asked_and_lanes_that_go_on_begin_again() {
    let decision = decision(CART);
    let counting = || Counting {
        decider: baseline("random", &decision, 1, 5).unwrap().unwrap(),
        begun: vec![0; 5],
        rows: Vec::new(),
    };
    let mut once = counting();
    let mut steps = 0;
    let mut player = Player::new(&decision, 5, 1, "test").unwrap();
    let observe = &mut |step: &Step<'_>| {
        steps += 1;
        !step.outcome.is_over()
    };
    player.play(&mut once, observe).unwrap();
    assert_eq!(once.begun, [1; 5]);
    assert_eq!(once.rows.iter().sum::<usize>(), steps);
    assert!(once.rows.is_sorted_by(|a, b| a >= b) && once.rows[0] == 5 && once.rows[once.rows.len() - 1] < 5);

    let mut on = counting();
    let mut ends = [0; 5];
    player
        .play(&mut on, &mut |step: &Step<'_>| {
            ends[step.lane] += u32::from(step.outcome.is_over() && step.count < 200);
            step.count < 200
        })
        .unwrap();
    assert_eq!(on.rows, [5; 200]);
    assert!(ends.iter().all(|ends| *ends > 1));
    assert_eq!(on.begun, ends.map(|ends| ends + 1));
}

/// Declines in lane 1 after two steps.
struct Reluctant(Vec<u32>);

impl Decider for Reluctant {
    fn begin(&mut self, lane: usize) {
        self.0[lane] = 0;
    }
    fn decide(&mut self, states: &States<'_>, actions: &mut ActionBuffer) {
        for (row, lane) in states.lanes.iter().enumerate() {
            actions.choices[row] = 0;
            actions.declined[row] = *lane == 1 && self.0[1] == 2;
            self.0[*lane] += 1;
        }
    }
}

#[derive(Default)]
struct Seen {
    steps: [u32; 3],
    declined: Vec<usize>,
}

impl Observer for Seen {
    fn observe(&mut self, step: &Step<'_>) -> bool {
        self.steps[step.lane] += 1;
        step.count < 4
    }
    fn declined(&mut self, lane: usize) {
        self.declined.push(lane);
    }
}

#[test]
fn a_lane_whose_decider_declines_stops_without_a_step() {
    let mut seen = Seen::default();
    let mut player = Player::new(&decision(LINE), 3, 1, "test").unwrap();
    player.play(&mut Reluctant(vec![0; 3]), &mut seen).unwrap();
    assert_eq!((seen.steps, &seen.declined[..]), ([4, 2, 4], &[1][..]));
}

#[test]
fn constraints_hold_whatever_the_decider_wants_and_a_state_without_a_choice_is_an_error() {
    let guarded = decision(&format!("{LINE}{GUARDED}"));
    let forbidden = ["increase_speed", "no_action"]
        .map(|name| guarded.spec().action.names().iter().position(|known| *known == name).unwrap());
    let wip = guarded.spec().signals.iter().position(|signal| signal.name == "wip").unwrap();
    let (mut active, mut free) = (0, 0);
    let mut decider = baseline("random", &guarded, 1, 20).unwrap().unwrap();
    let observe = &mut |step: &Step<'_>| {
        let choice = step.action.choice();
        // `wip` is a feature too: the guard reads it there, with the precision of an f32.
        if step.state.signals[wip] > 8.001 {
            active += 1;
            assert!(!forbidden.contains(&choice));
        } else if step.state.signals[wip] < 7.999 {
            free += u32::from(forbidden.contains(&choice));
        }
        !step.outcome.is_over()
    };
    Player::new(&guarded, 20, 1, "test").unwrap().play(&mut decider, observe).unwrap();
    assert!(active > 50 && free > 50, "{active} {free}");

    // At the end only the forbidden job remains.
    let shop = decision(SHOP);
    let (job, signal) = (shop.spec().action.names()[0], &shop.spec().signals[0].name);
    let stuck = decision(&format!(
        "{SHOP}[[constraint]]\nwhen = {{ signal = \"{signal}\", above = -1.0 }}\nforbid = [\"{job}\"]\n"
    ));
    let mut decider = baseline("random", &stuck, 1, 20).unwrap().unwrap();
    let observe = &mut |step: &Step<'_>| !step.outcome.is_over();
    let error = Player::new(&stuck, 20, 1, "test").unwrap().play(&mut decider, observe).unwrap_err();
    let reason = "the constraints forbid every choice that the process allows there";
    assert!(error.to_string().contains(reason), "{error}");
}

/// A limit on a setting: the action is limited, and the decider's own value is kept.
#[test]
fn settings_are_limited_and_the_wish_is_kept() {
    let decision = decision(&format!(
        "{PENDULUM}[[constraint]]\nwhen = {{ feature = \"angle_cosine\", above = -2.0 }}\n\
         clip = {{ action = \"torque\", high = 0.5 }}\n"
    ));
    let mut decider = baseline("random", &decision, 1, 4).unwrap().unwrap();
    let (mut greatest, mut wish) = (f32::MIN, f32::MIN);
    let observe = &mut |step: &Step<'_>| {
        let settings = step.action.settings;
        assert_eq!(settings[0], step.wanted[0].min(0.5));
        (greatest, wish) = (greatest.max(settings[0]), wish.max(step.wanted[0]));
        !step.outcome.is_over()
    };
    Player::new(&decision, 4, 1, "test").unwrap().play(&mut decider, observe).unwrap();
    assert!(greatest == 0.5 && wish > 1.9, "{greatest} {wish}");
}

/// Orders are whole units for the decider, in the step, in the evaluation and in the process.
#[test]
fn settings_are_those_that_the_process_takes() {
    let decision = decision(
        "[process]\nkind = \"inventory\"\nechelons = 2\nlead_times = [1, 1]\nmax_steps = 20\n[reward]\nholding_cost = -1\n\
         [[constraint]]\nwhen = { feature = \"on_hand_1\", above = -1.0 }\nclip = { action = \"order_2\", high = 6.5 }\n\
         [evaluate]\nepisodes = 4\nbaselines = [\"random\"]\n",
    );
    let policy = policy(&decision);
    let mut sums = [0.0; 2];
    let mut decider = named(POLICY, &decision, &policy, 1_000_000, 4).unwrap().unwrap();
    let observe = &mut |step: &Step<'_>| {
        let orders = step.action.settings;
        assert!(
            orders.iter().chain(step.wanted).all(|order| order.fract() == 0.0),
            "{orders:?} {:?}",
            step.wanted
        );
        assert!(orders[1] <= 6.0);
        sums.iter_mut().zip(orders).for_each(|(sum, order)| *sum += f64::from(*order));
        !step.outcome.is_over()
    };
    Player::new(&decision, 4, 1_000_000, "evaluation").unwrap().play(&mut decider, observe).unwrap();
    let found = evaluate(&decision, &policy, 1).unwrap();
    let means: Vec<f64> = found.policy.actions.iter().map(|action| action.mean.unwrap()).collect();
    assert_eq!(means, sums.map(|sum| sum / 80.0));
}

#[test]
fn an_episode_without_an_end_stops_the_play_with_a_sentence() {
    let limited = |limit: u32| {
        decision(&format!(
            "{PENDULUM}[evaluate]\nepisodes = 3\nbaselines = [\"random\"]\nmax_steps = {limit}\n"
        ))
    };
    let decision = limited(199);
    let error = evaluate(&decision, &policy(&decision), 1).unwrap_err().to_string();
    assert!(error.contains("environment 0 has not ended its episode after 199 steps"), "{error}");
    assert!(error.contains("max_steps in [process]") && error.contains("max_steps in [evaluate]"), "{error}");
    let decision = limited(200);
    assert_eq!(evaluate(&decision, &policy(&decision), 1).unwrap().policy.episode_steps.mean, 200.0);
}

/// The step at the limit is an error only for who wants another one.
#[test]
fn an_observer_can_stop_at_the_limit_of_steps() {
    let decision = decision(&format!("{PENDULUM}[evaluate]\nmax_steps = 6\n"));
    let played = |steps: u32| {
        let mut decider = baseline("random", &decision, 1, 2).unwrap().unwrap();
        let mut seen = 0;
        let observe = &mut |step: &Step<'_>| {
            seen += 1;
            step.count < steps
        };
        let result = Player::new(&decision, 2, 1, "test").unwrap().play(&mut decider, observe);
        (result.map_err(|error| error.to_string()), seen)
    };
    assert_eq!(played(6), (Ok(()), 12));
    let (result, seen) = played(7);
    assert!(result.unwrap_err().contains("environment 0 has not ended its episode after 6 steps"));
    assert_eq!(seen, 11);
}

#[test]
fn the_limit_of_an_episode_is_the_greatest_that_is_known() {
    let limit = |text: &str| steps_max(&decision(text));
    assert_eq!(limit(PENDULUM), 50_000);
    let long = PENDULUM.replace("[reward]", "max_steps = 70_000\n[reward]");
    assert_eq!(limit(&long), 70_000);
    assert_eq!(limit(&format!("{long}[evaluate]\nmax_steps = 80_000\n")), 80_000);
}

/// Policy and baselines are deciders behind the same constraints; an evaluation counts decisions that break one.
#[test]
fn an_evaluation_breaks_no_constraint_that_can_be_kept() {
    let decision = decision(&format!("{LINE}{GUARDED}"));
    let found = evaluate(&decision, &policy(&decision), 1).unwrap();
    for subject in std::iter::once(&found.policy).chain(&found.baselines) {
        let hits = &subject.constraints[0];
        assert!(hits.decisions_percent > 1.0, "{}: {hits:?}", subject.name);
        assert_eq!(hits.broken_percent, Some(0.0), "{}", subject.name);
    }
    assert!(!breaks(&found, 0));
}

/// 30,000 draws of three allowed choices: each share lies within six standard errors of a third.
#[test]
fn uniform_random_takes_every_allowed_choice_equally_often() {
    let space = decision(LINE).spec().action.clone();
    let allowed = [true, false, true, false, false, true].repeat(3);
    let (lanes, observations) = ([0, 2, 3], [0.0; 3]);
    let states = States {
        lanes: &lanes,
        observations: &observations,
        tensors: &[],
        signals: &[],
        allowed: &allowed,
        processes: None,
    };
    let mut random = UniformRandom::new(&space, 5, Stream::new(2, "test", 0));
    let mut actions = ActionBuffer::new(&space, 5);
    let mut counts = [0.0; 6];
    for _ in 0..10_000 {
        actions.clear(3);
        random.decide(&states, &mut actions);
        actions.choices.iter().for_each(|choice| counts[*choice as usize] += 1.0 / 30_000.0);
    }
    let mut expected = [0.0; 6 * 3];
    random.probabilities(&states, &mut expected);
    for (count, expected) in counts.iter().zip(expected) {
        assert!(f64::abs(count - expected) < 6.0 * (2.0 / 9.0 / 30_000.0_f64).sqrt(), "{counts:?}");
    }
}

/// A decider with constraints declines in a row without an allowed choice, and decides in the other rows.
#[test]
fn a_constrained_decider_declines_where_no_choice_is_left() {
    let decision = decision(LINE);
    let space = &decision.spec().action;
    let inner = UniformRandom::new(space, 2, Stream::new(2, "test", 0));
    let mut decider = Constrained::new(inner, decision.constraints(), space, 2);
    let mut allowed = vec![false; 12];
    allowed[10] = true;
    let observations = vec![0.0; 2 * decision.spec().observation.len()];
    let states = States {
        lanes: &[0, 1],
        observations: &observations,
        tensors: &[],
        signals: &[],
        allowed: &allowed,
        processes: None,
    };
    let mut actions = ActionBuffer::new(space, 2);
    actions.clear(2);
    decider.decide(&states, &mut actions);
    assert_eq!(
        (&actions.declined[..], actions.choices[1], decider.stuck()),
        (&[true, false][..], 4, &[(0, NothingLeft::Process)][..])
    );
}

/// The first episode of an evaluation, played alone: a schedule shows the same episode as the evaluation.
#[test]
fn an_evaluation_measures_what_the_player_shows() {
    let decision = decision(LINE);
    let policy = policy(&decision);
    let evaluation = evaluate(&decision, &policy, 2).unwrap();
    for (subject, name) in
        std::iter::once(&evaluation.policy).chain(&evaluation.baselines).zip([POLICY, "random", "heuristic"])
    {
        let mut returns = vec![0.0; 60];
        for index in 0..2 {
            let (first, seed) = (30 * index, evaluation.seeds[index]);
            let mut decider = named(name, &decision, &policy, seed, 30).unwrap().unwrap();
            let observe = &mut |step: &Step<'_>| {
                returns[first + step.lane] += step.reward;
                !step.outcome.is_over()
            };
            Player::new(&decision, 30, seed, "evaluation").unwrap().play(&mut decider, observe).unwrap();
        }
        assert_eq!(subject.episode_return.mean, returns.iter().sum::<f64>() / 60.0, "{name}");
    }
}
