//! Disturbances around a process: each compared with what the undisturbed process does under the same actions.

use setpoint_decision::Project;
use setpoint_process::disturbed::{Difficulty, Disturbed};
use setpoint_process::vectorized::{Actions, Batch};
use setpoint_processes::registry;
use setpoint_random::Stream;

const LANES: usize = 20;
const STEPS: usize = 250;
const FEATURES: usize = 11;
const SIGNALS: usize = 7;
/// Of the features: WIP, as the policy sees it (parts / 40) and as a signal (parts).
const WIP: usize = 6;
const WIP_SIGNAL: usize = 2;
const SPEED: usize = 7;

fn project(tables: &str) -> Project {
    let text = format!("[process]\nkind = \"assembly-line\"\n[reward]\nthroughput_uph = 1.0\n{tables}");
    let project = Project::from_text("test.toml", &text, &[]).unwrap_or_else(|error| panic!("{error}"));
    project
        .bind(registry().open(&project, &mut |_| {}).unwrap().spec())
        .unwrap_or_else(|error| panic!("{error}"));
    project
}

fn batch(tables: &str, lanes: usize, difficulty: Difficulty) -> Box<dyn Batch> {
    let project = project(tables);
    let factory = registry().open(&project, &mut |_| {}).unwrap();
    let mut batch = Disturbed::batch(&project, factory.as_ref(), lanes, 5, "test", difficulty).unwrap();
    batch.reset().unwrap();
    batch
}

fn disturbed(tables: &str) -> Box<dyn Batch> {
    batch(tables, LANES, Difficulty::Fixed(0))
}

fn clean() -> Box<dyn Batch> {
    disturbed("")
}

/// Uniform random choices, the same at every call.
struct Choices(Stream);

impl Choices {
    fn new() -> Self {
        Self(Stream::new(9, "choices", 0))
    }

    fn draw(&mut self, lanes: usize) -> Vec<u32> {
        (0..lanes).map(|_| self.0.below(6)).collect()
    }
}

/// What one lane saw and what was true, one entry a decision; `first` where an episode begins.
struct Look {
    first: bool,
    seen: Vec<f32>,
    truth: Vec<f32>,
}

/// Runs both with the same actions: `[lanes][decisions]`. What is rewarded must be the same throughout.
fn side_by_side(tables: &str) -> Vec<Vec<Look>> {
    let (mut with, mut without, mut choices) = (disturbed(tables), clean(), Choices::new());
    let mut looks: Vec<Vec<Look>> = (0..LANES).map(|_| Vec::new()).collect();
    for step in 0..STEPS {
        for (lane, looks) in looks.iter_mut().enumerate() {
            let row =
                |batch: &dyn Batch| batch.transition().observations[lane * FEATURES..][..FEATURES].to_vec();
            let first = step == 0 || without.transition().outcomes[lane].is_over();
            looks.push(Look { first, seen: row(with.as_ref()), truth: row(without.as_ref()) });
        }
        let drawn = choices.draw(LANES);
        with.step(Actions::of_choices(&drawn)).unwrap();
        without.step(Actions::of_choices(&drawn)).unwrap();
        assert_eq!(
            with.transition().signals,
            without.transition().signals,
            "the reward uses the true values"
        );
        assert_eq!(with.transition().outcomes, without.transition().outcomes);
    }
    looks
}

#[test]
fn without_disturbances_nothing_changes() {
    for look in side_by_side("").into_iter().flatten() {
        assert_eq!(look.seen, look.truth);
    }
    let off = "[[disturbance]]\nkind = \"noise\"\nsd = 0\n[[disturbance]]\nkind = \"observation-delay\"\nsteps = 0\n";
    for look in side_by_side(off).into_iter().flatten() {
        assert_eq!(look.seen, look.truth, "sizes of 0 are no disturbance");
    }
}

/// 5,000 errors of one feature: the limits are five standard errors, a false alarm in about a million seeds.
#[test]
fn noise_has_its_standard_deviation_and_no_mean() {
    let looks = side_by_side("[[disturbance]]\nkind = \"noise\"\nsd = 0.02\nfeatures = [\"ct_1\"]\n");
    let (mut sum, mut squares, mut n) = (0.0, 0.0, 0.0);
    for look in looks.iter().flatten() {
        assert_eq!(look.seen[1..], look.truth[1..], "the others are as they are");
        // Errors at the edge of the range are cut.
        if (0.15..0.85).contains(&look.truth[0]) {
            let error = f64::from(look.seen[0] - look.truth[0]);
            (sum, squares, n) = (sum + error, squares + error * error, n + 1.0);
        }
    }
    let sd = (squares / n).sqrt();
    assert!(n > 3000.0, "{n} samples");
    assert!((sum / n).abs() < 5.0 * 0.02 / f64::sqrt(n), "a mean error of {}", sum / n);
    assert!((sd / 0.02 - 1.0).abs() < 5.0 / (2.0 * n).sqrt(), "a standard deviation of {sd}");
}

#[test]
fn sizes_in_natural_units_are_those_of_the_feature() {
    // A step of 2 parts is 0.05 of what the policy sees, parts / 40.
    let tables =
        "[[disturbance]]\nkind = \"quantisation\"\nstep = 2.0\nunit = \"natural\"\nfeatures = [\"wip\"]\n";
    for look in side_by_side(tables).into_iter().flatten() {
        let parts = look.seen[WIP] * 40.0;
        assert!((parts - 2.0 * (parts / 2.0).round()).abs() < 1e-4, "{parts} parts");
        assert!((look.seen[WIP] - look.truth[WIP]).abs() <= 0.025 + 1e-6);
    }
}

#[test]
fn a_bias_stays_for_an_episode_and_a_drift_grows() {
    let bias = "[[disturbance]]\nkind = \"bias\"\nmost = 0.01\nfeatures = [\"operator_efficiency\"]\n";
    let drift =
        "[[disturbance]]\nkind = \"drift\"\nper_step = 0.0005\nfeatures = [\"operator_efficiency\"]\n";
    let (low, high, span) = (0.6, 1.0, 0.4);
    for (tables, growth) in [(bias, None), (drift, Some(0.0005 * span))] {
        let mut different = std::collections::BTreeSet::new();
        for lane in side_by_side(tables) {
            let (mut offset, mut age) = (None, 0.0_f32);
            for look in lane {
                if look.first {
                    (offset, age) = (None, 0.0);
                }
                let error = look.seen[10] - look.truth[10];
                let inside = look.seen[10] > low && look.seen[10] < high;
                match growth {
                    None if inside => {
                        assert!(error.abs() <= 0.01 * span + 1e-6);
                        assert!(
                            (error - *offset.get_or_insert(error)).abs() < 1e-6,
                            "it changes within an episode"
                        );
                        different.insert((error * 1e6) as i32);
                    }
                    Some(growth) if inside => {
                        assert!((error.abs() - growth * age).abs() < 1e-5, "{error} at {age}")
                    }
                    _ => {}
                }
                age += 1.0;
            }
        }
        assert!(growth.is_some() || different.len() > LANES, "episodes have biases of their own");
    }
}

#[test]
fn an_observation_arrives_so_many_steps_late() {
    for lane in side_by_side("[[disturbance]]\nkind = \"observation-delay\"\nsteps = 3\n") {
        let mut begun = 0;
        for index in 0..lane.len() {
            if lane[index].first {
                begun = index;
            }
            let arrived = begun.max(index.saturating_sub(3));
            assert_eq!(
                lane[index].seen, lane[arrived].truth,
                "decision {index} of an episode begun at {begun}"
            );
        }
    }
}

/// Every loss lasts 4 samples on average and begins with 5 % a sample: 0.05·4 / (1 + 0.05·3) = 17.4 % are lost. The limit
/// of 2 points is more than five standard errors of the 250 losses of each feature.
#[test]
fn what_gets_lost_is_replaced_by_what_arrived_last() {
    let looks = side_by_side(
        "[[disturbance]]\nkind = \"dropout\"\nprobability = 0.05\nmean_steps = 4\nfeatures = [\"ct_2\", \"ct_3\"]\n",
    );
    let (mut lost, mut apart, mut n) = (0.0, 0.0, 0.0);
    for lane in &looks {
        let mut last = [0.0; 2];
        for look in lane {
            for (index, last) in last.iter_mut().enumerate() {
                let (seen, truth) = (look.seen[1 + index], look.truth[1 + index]);
                assert!(seen == truth || (seen == *last && !look.first), "{seen} is neither true nor old");
                lost += f64::from(u8::from(seen != truth));
                n += 1.0;
                *last = seen;
            }
            apart += f64::from(u8::from((look.seen[1] == look.truth[1]) != (look.seen[2] == look.truth[2])));
            assert_eq!(look.seen[3..], look.truth[3..]);
        }
    }
    assert!((lost / n - 0.174).abs() < 0.02, "{:.3} are lost", lost / n);
    assert!(apart > 100.0, "features get lost on their own");
    let together = "[[disturbance]]\nkind = \"dropout\"\nprobability = 0.2\ntogether = true\nfeatures = [\"ct_2\", \"ct_3\"]\n";
    for lane in side_by_side(together) {
        for pair in lane.windows(2) {
            // A cycle time that stands at the end of its range looks the same, lost or not.
            let moved = |feature: usize| pair[1].truth[feature] != pair[0].seen[feature];
            if moved(1) && moved(2) && !pair[1].first {
                let arrived = |feature: usize| pair[1].seen[feature] == pair[1].truth[feature];
                assert_eq!(arrived(1), arrived(2));
            }
        }
    }
}

#[test]
fn constraints_see_what_sensors_say_and_nothing_else() {
    let mut batch = disturbed("[[disturbance]]\nkind = \"noise\"\nsd = 0.05\nfeatures = [\"wip\"]\n");
    let mut choices = Choices::new();
    for _ in 0..50 {
        batch.step(Actions::of_choices(&choices.draw(LANES))).unwrap();
        let transition = batch.transition();
        for lane in 0..LANES {
            let seen = transition.observations[lane * FEATURES + WIP] * 40.0;
            assert_eq!(transition.current_signals[lane * SIGNALS + WIP_SIGNAL], seen);
        }
    }
}

#[test]
fn an_action_takes_effect_so_many_steps_later() {
    let mut late = disturbed("[[disturbance]]\nkind = \"actuation-delay\"\nsteps = 2\n");
    let (mut direct, mut choices) = (clean(), Choices::new());
    const NO_ACTION: u32 = 5;
    let mut queues = vec![std::collections::VecDeque::from([NO_ACTION, NO_ACTION]); LANES];
    for _ in 0..STEPS {
        let drawn = choices.draw(LANES);
        late.step(Actions::of_choices(&drawn)).unwrap();
        let arriving: Vec<u32> = queues
            .iter_mut()
            .zip(&drawn)
            .map(|(queue, drawn)| {
                queue.push_back(*drawn);
                queue.pop_front().unwrap()
            })
            .collect();
        direct.step(Actions::of_choices(&arriving)).unwrap();
        assert_eq!(late.transition(), direct.transition());
        for (queue, outcome) in queues.iter_mut().zip(&direct.transition().outcomes) {
            if outcome.is_over() {
                *queue = [NO_ACTION, NO_ACTION].into();
            }
        }
    }
}

#[test]
fn a_parameter_is_drawn_for_every_episode() {
    let tables =
        "[[disturbance]]\nkind = \"randomisation\"\nparameter = \"speed_step\"\nlow = 0.01\nhigh = 0.05\n";
    let mut batch = disturbed(tables);
    const INCREASE_SPEED: [u32; LANES] = [1; LANES];
    let speed =
        |batch: &dyn Batch, lane: usize| batch.transition().observations[lane * FEATURES + SPEED] * 1.2;
    let mut steps = Vec::new();
    let mut before: Vec<f32> = (0..LANES).map(|lane| speed(batch.as_ref(), lane)).collect();
    let mut present = [None; LANES];
    for _ in 0..STEPS {
        batch.step(Actions::of_choices(&INCREASE_SPEED)).unwrap();
        for lane in 0..LANES {
            let after = speed(batch.as_ref(), lane);
            if batch.transition().outcomes[lane].is_over() {
                present[lane] = None;
            } else if after < 1.199 {
                let step = after - before[lane];
                let own = *present[lane].get_or_insert_with(|| {
                    steps.push(step);
                    step
                });
                assert!((step - own).abs() < 1e-5, "it changes within an episode: {step}, {own}");
            }
            before[lane] = after;
        }
    }
    let (least, most) =
        steps.iter().fold((1.0_f32, 0.0_f32), |(low, high), step| (low.min(*step), high.max(*step)));
    assert!(
        steps.len() > 100 && (0.0099..0.015).contains(&least) && (0.045..0.0501).contains(&most),
        "{least} {most}"
    );
}

#[test]
fn an_event_takes_the_actions_away_and_gives_the_dynamics_back() {
    // Always in an event: whatever is chosen, nothing is done.
    let mut lost = disturbed(
        "[[disturbance]]\nkind = \"event\"\nprobability = 1\nmean_steps = 1e6\nactions_lost = true\n",
    );
    let (mut idle, mut choices) = (clean(), Choices::new());
    for _ in 0..50 {
        lost.step(Actions::of_choices(&choices.draw(LANES))).unwrap();
        idle.step(Actions::of_choices(&[5; LANES])).unwrap();
        assert_eq!(lost.transition().signals, idle.transition().signals);
    }
    // Micro-stops without end while it lasts, none outside of it: both phases must be there, in runs.
    let tables = "[[disturbance]]\nkind = \"event\"\nprobability = 0.1\nmean_steps = 5\nset = { micro_stop_rate = 1.0 }\n";
    let text =
        format!("[process]\nkind = \"assembly-line\"\nmicro_stop_rate = 0.0\n[reward]\nwip = -1.0\n{tables}");
    let project = Project::from_text("test.toml", &text, &[]).unwrap();
    let factory = registry().open(&project, &mut |_| {}).unwrap();
    let mut batch = Disturbed::batch(&project, factory.as_ref(), 1, 5, "test", Difficulty::Fixed(0)).unwrap();
    batch.reset().unwrap();
    let mut stops = Vec::new();
    for _ in 0..20_000 {
        let before = batch.transition().current_signals[1];
        // Clearing one at a time keeps them off both ends of their range.
        let choice = u32::from(before < 3.0) * 5;
        batch.step(Actions::of_choices(&[choice])).unwrap();
        let cleared = if choice == 0 { 1.0 } else { 0.0 };
        if !batch.transition().outcomes[0].is_over() && before < 14.0 {
            stops.push(batch.transition().signals[1] - (before - cleared).max(0.0));
        }
    }
    let share = f64::from(stops.iter().sum::<f32>()) / stops.len() as f64;
    // On for 5 steps on average, off for 10 (the last step of an event cannot begin the next): a third. Some 1,300 events
    // make a standard error of about 1 %.
    assert!((share - 1.0 / 3.0).abs() < 0.05, "{share:.3} of the steps");
}

const EVERYTHING: &str = "
[[disturbance]]
kind = \"noise\"
sd = [0.0, 0.01, 0.03]
[[disturbance]]
kind = \"drift\"
per_step = 0.001
[[disturbance]]
kind = \"observation-delay\"
steps = [0, 1, 2]
[[disturbance]]
kind = \"actuation-delay\"
steps = [0, 0, 1]
[[disturbance]]
kind = \"dropout\"
probability = 0.05
mean_steps = 3
[[disturbance]]
kind = \"randomisation\"
parameter = \"efficiency_gain\"
distribution = \"log-uniform\"
low = 0.01
high = 0.1
[[disturbance]]
kind = \"event\"
probability = 0.02
set = { failure_drift = 0.03 }
[curriculum]
levels = [\"clean\", \"noisy\", \"plant\"]
advance_after = [100, 200]
";

const RISING: Difficulty = Difficulty::Rising { rehearsal: 0.25 };

#[test]
fn a_saved_state_goes_on_bit_for_bit() {
    let (mut original, mut choices) = (batch(EVERYTHING, LANES, RISING), Choices::new());
    original.set_level(2);
    for _ in 0..137 {
        original.step(Actions::of_choices(&choices.draw(LANES))).unwrap();
    }
    let state = original.save().unwrap();
    let mut restored = batch(EVERYTHING, LANES, RISING);
    restored.load(&state).unwrap();
    for _ in 0..STEPS {
        let drawn = choices.draw(LANES);
        original.step(Actions::of_choices(&drawn)).unwrap();
        restored.step(Actions::of_choices(&drawn)).unwrap();
        assert_eq!(original.transition(), restored.transition());
    }
    let fewer = batch(EVERYTHING, LANES - 1, RISING).load(&state).unwrap_err().to_string();
    assert!(fewer.contains("different number of environments"), "{fewer}");
    let other =
        disturbed("[[disturbance]]\nkind = \"noise\"\nsd = 0.1\n").load(&state).unwrap_err().to_string();
    assert!(other.contains("different disturbances"), "{other}");
}

#[test]
fn an_environment_does_not_depend_on_its_neighbours() {
    let (mut few, mut many) = (batch(EVERYTHING, 3, RISING), batch(EVERYTHING, LANES, RISING));
    let mut choices = Choices::new();
    for _ in 0..STEPS {
        let drawn = choices.draw(LANES);
        few.step(Actions::of_choices(&drawn[..3])).unwrap();
        many.step(Actions::of_choices(&drawn)).unwrap();
        assert_eq!(few.transition().observations, many.transition().observations[..3 * FEATURES]);
    }
}

/// The share of rehearsals among n episodes; the limit is five standard errors.
#[test]
fn a_share_of_the_episodes_stays_on_earlier_levels() {
    let (mut batch, mut choices) = (batch(EVERYTHING, LANES, RISING), Choices::new());
    batch.set_level(2);
    let mut counts = [0.0_f64; 3];
    for step in 0..40 * STEPS {
        batch.step(Actions::of_choices(&choices.draw(LANES))).unwrap();
        for lane in 0..LANES {
            // The first episodes had begun before.
            if batch.transition().outcomes[lane].is_over() && step > 100 {
                counts[batch.finished_level(lane)] += 1.0;
            }
        }
    }
    let n: f64 = counts.iter().sum();
    let earlier = (counts[0] + counts[1]) / n;
    assert!((earlier - 0.25).abs() < 5.0 * (0.25 * 0.75 / n).sqrt(), "{counts:?}");
    assert!(counts[0] > 0.3 * (counts[0] + counts[1]), "both of the earlier ones: {counts:?}");
}
