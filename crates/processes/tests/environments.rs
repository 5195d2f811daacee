//! Environments in Python workers: the same numbers as by Gymnasium alone, whatever the workers; and what is said of
//! environments that break their promises (`environments/broken.py`).
//!
//! Needs a Python with gymnasium (`SETPOINT_PYTHON`, else `python3`); without one every test says that it was skipped.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Instant;

use setpoint_decision::Project;
use setpoint_decision::spec::Spec;
use setpoint_process::Factory;
use setpoint_process::conformance::conformance;
use setpoint_process::process::Outcome;
use setpoint_process::vectorized::{Actions, Batch};
use setpoint_processes::registry;
use setpoint_random::Stream;

mod workers;

use workers::{ENVIRONMENTS, factory, is_there, project, python, run};

fn broken(class: &str, more: &str) -> Arc<dyn Factory> {
    factory(&format!("entry = \"broken:{class}\"\n{more}"))
}

/// A seed as the batch draws them.
fn seed_of(seed: u64, purpose: &str, lane: u64) -> u64 {
    Stream::new(seed, purpose, lane).next_u64() >> 33
}

/// Gymnasium's own trajectory: the first observations, then a line of numbers a step.
fn direct(id: &str, seeds: &[u64], steps: &[Vec<String>]) -> Vec<Vec<f32>> {
    let mut child = Command::new(python())
        .arg(Path::new(ENVIRONMENTS).join("direct.py"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let seeds: Vec<String> = seeds.iter().map(u64::to_string).collect();
    let lines: Vec<String> = steps.iter().map(|actions| actions.join(" ")).collect();
    let text = format!("{id} {}\n{}\n", seeds.join(" "), lines.join("\n"));
    let mut input = child.stdin.take().unwrap();
    let writer = std::thread::spawn(move || input.write_all(text.as_bytes()).unwrap());
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().map(|line| line.split(' ').map(|number| number.parse().unwrap()).collect()).collect()
}

/// Random actions of a spec, as the batch takes them and as a text.
fn draw(spec: &Spec, lanes: usize, random: &mut Stream) -> (Vec<u32>, Vec<f32>, Vec<String>) {
    if spec.action.is_discrete() {
        let choices: Vec<u32> = (0..lanes).map(|_| random.below(spec.action.len() as u32)).collect();
        let texts = choices.iter().map(u32::to_string).collect();
        (choices, Vec::new(), texts)
    } else {
        let values: Vec<f32> = (0..lanes).map(|_| random.uniform(-2.0, 2.0)).collect();
        let texts = values.iter().map(f32::to_string).collect();
        (Vec::new(), values, texts)
    }
}

/// A batch's steps in the shape of `direct.py`'s answer.
fn through_workers(factory: &dyn Factory, lanes: usize, steps: usize) -> (Vec<Vec<f32>>, Vec<Vec<String>>) {
    let spec = factory.spec();
    let features = spec.observation.len();
    let mut batch = factory.batch(lanes, 3, "test").unwrap();
    let mut random = Stream::new(0, "actions", 0);
    let mut rows = vec![batch.transition().observations.clone()];
    let mut texts = Vec::new();
    for _ in 0..steps {
        let (choices, values, text) = draw(spec, lanes, &mut random);
        let discrete = spec.action.is_discrete();
        batch
            .step(if discrete { Actions::of_choices(&choices) } else { Actions::of_settings(&values) })
            .unwrap();
        let transition = batch.transition();
        let mut row = Vec::new();
        for lane in 0..lanes {
            let own = lane * features..(lane + 1) * features;
            let outcome = transition.outcomes[lane];
            let next = &transition.observations[own.clone()];
            let after = if outcome.is_over() { &transition.final_observations[own] } else { next };
            row.extend([outcome as u8 as f32, transition.signals[lane]]);
            row.extend_from_slice(after);
            row.extend_from_slice(next);
            let current = if outcome.is_over() { 0.0 } else { transition.signals[lane] };
            assert_eq!(transition.current_signals[lane], current);
        }
        rows.push(row);
        texts.push(text);
    }
    (rows, texts)
}

#[test]
fn trajectories_are_gymnasiums_own_whatever_the_workers() {
    if !is_there() {
        return;
    }
    for (id, lanes, steps) in [("CartPole-v1", 5, 300), ("Pendulum-v1", 3, 420)] {
        let one = factory(&format!("id = \"{id}\"\nworkers = 1"));
        let (rows, texts) = through_workers(one.as_ref(), lanes, steps);
        let seeds: Vec<u64> = (0..lanes).map(|lane| seed_of(3, "test", lane as u64)).collect();
        assert_eq!(rows, direct(id, &seeds, &texts), "{id}");
        let ends = rows.iter().skip(1).filter(|row| row[0] > 0.0).count();
        assert!(ends >= 2, "{id}: {ends} episodes of the first environment ended");
        let two = factory(&format!("id = \"{id}\"\nworkers = 2"));
        assert_eq!(through_workers(two.as_ref(), lanes, steps).0, rows, "{id}: two workers");
    }
}

#[test]
fn the_keys_reach_the_environment() {
    if !is_there() {
        return;
    }
    // A pendulum without gravity that hangs still keeps hanging; one cut off after 7 steps is truncated then.
    let factory = factory("id = \"Pendulum-v1\"\nkwargs = { g = 0.0 }\nmax_steps = 7");
    assert_eq!(factory.spec().max_steps, Some(7));
    let mut batch = factory.batch(1, 0, "test").unwrap();
    let mut speeds = vec![batch.transition().observations[2]];
    for step in 1..=7 {
        batch.step(Actions::of_settings(&[0.0])).unwrap();
        let transition = batch.transition();
        let is_last = step == 7;
        assert_eq!(transition.outcomes[0], if is_last { Outcome::Truncated } else { Outcome::Running });
        speeds.push(if is_last { transition.final_observations[2] } else { transition.observations[2] });
    }
    assert!(speeds.windows(2).all(|pair| pair[0] == pair[1]), "{speeds:?}");
    let parameters = factory.parameters();
    assert_eq!(parameters["timeout_s"].as_float(), Some(60.0));
    assert_eq!(parameters["path"][0].as_str(), Some(ENVIRONMENTS));
}

#[test]
fn conformance_says_what_cannot_be_promised() {
    if !is_there() {
        return;
    }
    let factory = factory("id = \"CartPole-v1\"");
    let findings = conformance(factory.as_ref(), 200);
    assert!(findings.iter().all(|finding| finding.passed && !finding.warning), "{findings:#?}");
    let saved = findings.iter().find(|finding| finding.subject == "saved state").unwrap();
    assert!(saved.message.contains("begins new episodes"), "{saved:?}");
    assert!(!factory.resumes_exactly() && factory.spec().notes[0].contains("begins new episodes"));
}

#[test]
fn every_space_becomes_numbers_with_names() {
    if !is_there() {
        return;
    }
    let factory = broken("Mixed", "signals = [\"applied\"]");
    let spec = factory.spec();
    let names: Vec<&str> = spec.observation.iter().map(|feature| feature.name.as_str()).collect();
    // Gymnasium sorts a dict's keys.
    assert_eq!(
        names,
        [
            "bits_0",
            "bits_1",
            "mode_1",
            "mode_2",
            "mode_3",
            "pair_0_0_0",
            "pair_0_0_1",
            "pair_0_1_0",
            "pair_0_1_1",
            "pair_1",
            "position_0",
            "position_1"
        ]
    );
    assert_eq!(spec.action.names(), ["action_0_0", "action_1_0"]);
    let mut batch = factory.batch(2, 0, "test").unwrap();
    let start = batch.transition().observations[10];
    assert_eq!(
        batch.transition().observations[..12],
        [1.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0, 1.0, 0.0, 0.0, start, -start]
    );
    batch.step(Actions::of_settings(&[-2.0, 0.5, 1.0, 2.0])).unwrap();
    let transition = batch.transition();
    assert_eq!(transition.signals, [-1.5, 0.5, 3.0, 2.0]);
    assert_eq!(transition.observations[2..5], [0.0, 1.0, 0.0]);
    assert_eq!(transition.observations[9], 1.0);
    batch.step(Actions::of_settings(&[0.0; 4])).unwrap();
    batch.step(Actions::of_settings(&[0.0; 4])).unwrap();
    assert_eq!(batch.transition().outcomes, [Outcome::Truncated; 2]);
    assert_eq!(batch.transition().final_observations[9], 3.0);
}

#[test]
fn masks_of_methods_and_of_info_are_followed() {
    if !is_there() {
        return;
    }
    let factory = broken("Masked", "");
    assert_eq!(
        factory.spec().action.names(),
        ["action_0_0", "action_0_1", "action_1_5", "action_1_6", "action_1_7"]
    );
    assert!(factory.spec().masked);
    let mut batch = factory.batch(3, 0, "test").unwrap();
    let mut ends = 0;
    for _ in 0..30 {
        let allowed = batch.transition().allowed.clone();
        let first = |row: &[bool]| row.iter().position(|allowed| *allowed).unwrap() as u32;
        let actions: Vec<u32> =
            allowed.chunks(5).flat_map(|row| [first(&row[..2]), first(&row[2..])]).collect();
        assert_eq!(allowed.iter().filter(|allowed| **allowed).count(), 6);
        batch.step(Actions::of_choices(&actions)).unwrap();
        assert_eq!(batch.transition().signals, [1.0; 3]);
        ends += usize::from(batch.transition().outcomes[0].is_over());
    }
    assert!(ends >= 3);
    let factory = broken("MaskInInfo", "");
    let mut batch = factory.batch(1, 0, "test").unwrap();
    assert_eq!(batch.transition().allowed, [true, false]);
    batch.step(Actions::of_choices(&[0])).unwrap();
    assert_eq!(batch.transition().allowed, [true, true]);
    batch.step(Actions::of_choices(&[0])).unwrap();
    assert_eq!(batch.transition().allowed, [false, true]);
}

#[test]
fn a_broken_promise_names_environment_step_and_what_was_expected() {
    if !is_there() {
        return;
    }
    for (class, more, expected) in [
        ("NaN", "", "feature `observation_1` of the observation was nan; expected a finite number"),
        ("Infinite", "", "feature `observation_0` of the observation was inf; expected a finite number"),
        ("WrongShape", "", "the observation had shape (1,); expected (2,)"),
        ("WrongType", "", "the observation had type float64; its space has float32"),
        ("NotAnArray", "", "the observation was a list; expected an array of float32 with shape (2,)"),
        ("BeyondBounds", "", "was 101.0; the bounds of the observation space are -1.0 to 100.0"),
        ("NaNReward", "", "the reward was nan; expected a finite number"),
        ("TextReward", "", "the reward was a str; expected a number"),
        ("ArrayReward", "", "the reward was a ndarray of shape (1,); expected a number"),
        ("NumberAsFlag", "", "`terminated` was 1, a int; expected True or False"),
        (
            "OldStep",
            "",
            "`step` gave 4 values; expected 5: observation, reward, terminated, truncated and info",
        ),
        ("Raises", "", "`step` raised ValueError: the valve is stuck ("),
        ("NaNSignal", "signals = [\"twice\"]", "`twice` of its info was nan; expected a finite number"),
    ] {
        let factory = broken(class, more);
        let mut batch = factory.batch(2, 0, "test").unwrap();
        run(batch.as_mut(), 5).unwrap();
        let error = run(batch.as_mut(), 1).unwrap_err();
        assert!(error.reason.contains(expected), "{class}: {error}");
        assert_eq!((error.lane, error.step), (Some(0), Some(5)), "{class}: {error}");
        assert!(
            error.to_string().contains(&format!("gymnasium broken:{class}, environment 0 at its step 5"))
        );
        // It stays broken: the workers are in the middle of something.
        assert_eq!(run(batch.as_mut(), 1).unwrap_err(), error);
    }
    let mut batch = broken("RaisesInReset", "").batch(2, 0, "test").unwrap();
    let error = run(batch.as_mut(), 9).unwrap_err();
    assert!(error.reason.contains("`reset` raised RuntimeError: no licence left"), "{error}");
    assert!(error.reason.contains("broken.py, line"), "{error}");
    // Without bounds the same environment is as good as any.
    let mut batch = broken("BeyondBounds", "check_bounds = false").batch(2, 0, "test").unwrap();
    run(batch.as_mut(), 8).unwrap();
}

#[test]
fn what_cannot_be_made_is_refused_at_its_key() {
    if !is_there() {
        return;
    }
    for (keys, line, expected) in [
        ("id = \"CartPole-v9\"", "id = ", "did you mean `CartPole-v1`?"),
        ("id = \"LunarLandr-v3\"", "id = ", "did you mean `LunarLander-v3`?"),
        ("id = \"CartPole-v1\"\nkwargs = { gravty = 3 }", "kwargs = ", "gravty"),
        ("id = \"CartPole-v1\"\nkwargs = { when = 2026-01-01 }", "kwargs = ", "cannot hold a date"),
        ("id = \"CartPole-v1\"\nentry = \"broken:NaN\"", "entry = ", "cannot both be given"),
        ("signals = []", "[process]", "names no environment"),
        ("id = \"CartPole-v1\"\nsignals = [\"reward\"]", "signals = ", "always reported"),
        ("id = \"CartPole-v1\"\nworker = 3", "worker = ", "did you mean `workers`?"),
        ("id = \"CartPole-v1\"\ntimeout_s = 0", "timeout_s = ", "expected a number from"),
        ("entry = \"broken\"", "entry = ", "is not an entry point"),
        ("entry = \"brokn:NaN\"", "entry = ", "there is no module `brokn`"),
        ("entry = \"broken:Nan\"", "entry = ", "did you mean `broken:NaN`?"),
        ("entry = \"broken:NotAnEnvironment\"", "entry = ", "which is not a gymnasium.Env"),
        ("entry = \"broken:SeveralImages\"", "entry = ", "is an array of bytes of shape (4, 96, 96, 3)"),
        ("entry = \"broken:Words\"", "entry = ", "is a Text space"),
        ("entry = \"broken:Unbounded\"", "entry = ", "the action space has no bounds"),
    ] {
        let error = registry()
            .open(&project(keys), &mut |_| {})
            .err()
            .unwrap_or_else(|| panic!("{keys} was accepted"));
        let text = error.to_string();
        assert!(text.contains(expected), "{keys}: {text}");
        let origin = error.origin.as_ref().unwrap();
        let (number, _) = error.line_column().unwrap();
        assert!(origin.text.lines().nth(number - 1).unwrap().contains(line), "{keys}: {text}");
    }
    let missing = project("id = \"CartPole-v1\"").to_toml();
    let mut text = toml::to_string(&missing).unwrap();
    text = text.replace(&python(), "no-such-python");
    let error = registry()
        .open(&Project::from_text("setpoint.toml", &text, &[]).unwrap(), &mut |_| {})
        .err()
        .unwrap()
        .to_string();
    assert!(error.contains("no-such-python") && error.contains("SETPOINT_PYTHON"), "{error}");
}

#[test]
fn a_worker_that_dies_once_is_replaced_and_its_episodes_are_cut_off() {
    if !is_there() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("died");
    let more = format!("kwargs = {{ file = \"{}\" }}\nworkers = 2", file.display());
    let factory = broken("DiesOnce", &more);
    let mut batch = factory.batch(4, 0, "test").unwrap();
    run(batch.as_mut(), 5).unwrap();
    let before = batch.transition().clone();
    run(batch.as_mut(), 1).unwrap();
    // Which of the two workers comes first is not known; both may, before the file is there.
    let transition = batch.transition();
    let cut: Vec<usize> = (0..4).filter(|lane| transition.outcomes[*lane] == Outcome::Truncated).collect();
    assert!(cut == [0, 1] || cut == [2, 3] || cut == [0, 1, 2, 3], "{cut:?}");
    for lane in 0..4 {
        let own = lane * 2..lane * 2 + 2;
        if cut.contains(&lane) {
            assert_eq!(transition.final_observations[own.clone()], before.observations[own.clone()]);
            assert_eq!(transition.observations[own][1], 0.0, "a new episode");
            assert_eq!(transition.signals[lane], 0.0);
        } else {
            assert_eq!(transition.observations[own][1], 6.0, "the lane continues");
        }
    }
    run(batch.as_mut(), 30).unwrap();
}

#[test]
fn a_worker_that_dies_again_and_again_is_given_up() {
    if !is_there() {
        return;
    }
    let factory = broken("DiesAtOnce", "workers = 1");
    let mut batch = factory.batch(2, 0, "test").unwrap();
    run(batch.as_mut(), 2).unwrap();
    let error = run(batch.as_mut(), 1).unwrap_err();
    assert!(error.reason.contains("worker 0 with environments 0 to 1 died: exit status: 7"), "{error}");
    assert!(error.reason.contains("3 times without a step in between"), "{error}");
    // Steps in between are progress.
    let factory = broken("DiesAlways", "workers = 1");
    let mut batch = factory.batch(1, 0, "test").unwrap();
    run(batch.as_mut(), 30).unwrap();
}

#[test]
fn a_worker_that_hangs_is_ended_and_named() {
    if !is_there() {
        return;
    }
    let factory = broken("Hangs", "timeout_s = 1\nworkers = 2");
    let mut batch = factory.batch(3, 0, "test").unwrap();
    run(batch.as_mut(), 5).unwrap();
    let begin = Instant::now();
    let error = run(batch.as_mut(), 1).unwrap_err();
    assert_eq!((error.lane, error.step), (Some(0), Some(5)), "{error}");
    assert!(error.reason.contains("more than 1 s; worker 0 with environments 0 to 1 was killed"), "{error}");
    assert!(begin.elapsed().as_secs() < 20, "{:?}", begin.elapsed());
    // Twelve environments of 0.15 s each take longer than a second, and none of them hangs.
    let factory = broken("Slow", "timeout_s = 1\nworkers = 1");
    run(factory.batch(12, 0, "test").unwrap().as_mut(), 2).unwrap();
}

#[test]
fn what_environments_print_and_read_disturbs_nothing() {
    if !is_there() {
        return;
    }
    for class in ["Prints", "Reads"] {
        let mut batch = broken(class, "").batch(2, 0, "test").unwrap();
        run(batch.as_mut(), 20).unwrap();
        assert_eq!(batch.transition().observations[1], 0.0);
    }
}

#[test]
fn lanes_are_reset_and_stand_still_on_their_own() {
    if !is_there() {
        return;
    }
    let factory = broken("Counter", "workers = 2");
    let mut batch = factory.batch(3, 0, "test").unwrap();
    let counts = |batch: &dyn Batch| -> Vec<f32> {
        batch.transition().observations.chunks(2).map(|row| row[1]).collect()
    };
    let starts = |batch: &dyn Batch| -> Vec<f32> {
        batch.transition().observations.chunks(2).map(|row| row[0]).collect()
    };
    let first = starts(batch.as_ref());
    // Nothing was done yet: the episodes are new already.
    batch.reset().unwrap();
    assert_eq!(starts(batch.as_ref()), first);
    batch.step_where(Actions::of_choices(&[0; 3]), &[true, false, true]).unwrap();
    assert_eq!(counts(batch.as_ref()), [1.0, 0.0, 1.0]);
    batch.reset_lane(0, Some(Stream::new(0, "test", 1))).unwrap();
    assert_eq!(counts(batch.as_ref()), [0.0, 0.0, 1.0]);
    assert_eq!(starts(batch.as_ref())[0], first[1], "the stream decides");
    batch.reset_lane(0, None).unwrap();
    assert_ne!(starts(batch.as_ref())[0], first[1]);
    batch.reset().unwrap();
    assert_eq!(counts(batch.as_ref()), [0.0; 3]);
    assert!(starts(batch.as_ref()).iter().all(|start| !first.contains(start)));
}

#[test]
fn a_loaded_batch_begins_new_episodes_that_follow_from_the_saved_one() {
    if !is_there() {
        return;
    }
    let factory = broken("Counter", "");
    let mut batch = factory.batch(3, 0, "test").unwrap();
    let first = batch.transition().observations.clone();
    run(batch.as_mut(), 4).unwrap();
    let state = batch.save().unwrap();
    let mut loaded = [factory.batch(3, 5, "test").unwrap(), factory.batch(3, 6, "test").unwrap()];
    for batch in &mut loaded {
        batch.load(&state).unwrap();
        run(batch.as_mut(), 20).unwrap();
    }
    assert_eq!(loaded[0].transition(), loaded[1].transition());
    assert_ne!(loaded[0].transition().observations, first);
    assert!(
        factory.batch(2, 0, "test").unwrap().load(&state).unwrap_err().to_string().contains("expected 2")
    );
}

#[test]
fn workers_end_with_their_batch() {
    if !is_there() || !Path::new("/proc/self/task").exists() {
        return;
    }
    // Children of this process, by name: other tests have some of their own, so those of one parent thread are counted.
    let own = || {
        let children = std::fs::read_to_string("/proc/thread-self/children");
        children.map_or(0, |children| children.split_whitespace().count())
    };
    let factory = broken("Counter", "workers = 2");
    let batch = factory.batch(4, 0, "test").unwrap();
    let during = own();
    drop(batch);
    assert!(own() == 0 && (during == 2 || during == 0), "{during} during, {} after", own());
}
