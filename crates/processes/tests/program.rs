//! Programs as processes: the simulator's own numbers in every form of requests and with any number of workers; and what is said
//! of programs that break the rules (`simulator/tank.rs`).

#![cfg(unix)]

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use setpoint_decision::Project;
use setpoint_decision::charter::Finding;
use setpoint_decision::spec::Aggregate;
use setpoint_process::Factory;
use setpoint_process::conformance::conformance;
use setpoint_process::process::Outcome;
use setpoint_process::vectorized::{Actions, Batch, ProcessError, Transition};
use setpoint_processes::program::{Settings, author};
use setpoint_processes::registry;
use setpoint_random::Stream;

mod simulator;

use simulator::simulator;
use simulator::tank::{STEPS, Tank};

fn command(arguments: &str) -> Vec<String> {
    std::iter::once(simulator()).chain(arguments.split_whitespace()).map(str::to_owned).collect()
}

fn project(arguments: &str, keys: &str) -> Project {
    let words = command(arguments);
    let text = format!("[process]\nkind = \"program\"\ncommand = {words:?}\n{keys}\n[reward]\ngood = 1\n");
    Project::from_text("setpoint.toml", &text, &[]).unwrap()
}

fn factory(arguments: &str, keys: &str) -> Arc<dyn Factory> {
    registry().open(&project(arguments, keys), &mut |_| {}).unwrap_or_else(|error| panic!("{error}"))
}

fn refused(arguments: &str, keys: &str) -> String {
    let found = registry().open(&project(arguments, keys), &mut |_| {});
    found.err().unwrap_or_else(|| panic!("`{arguments}` with `{keys}` was accepted")).to_string()
}

/// Takes random actions, and returns the transition after each of them.
fn played(batch: &mut dyn Batch, steps: usize) -> Vec<Transition> {
    let lanes = batch.lanes();
    let mut random = Stream::new(0, "actions", 0);
    let mut all = vec![batch.transition().clone()];
    for _ in 0..steps {
        let choices: Vec<u32> = (0..lanes).map(|_| random.below(2)).collect();
        let settings: Vec<f32> = (0..lanes).map(|_| random.uniform(0.0, 4.0)).collect();
        batch.step(Actions { choices: &choices, settings: &settings }).unwrap();
        all.push(batch.transition().clone());
    }
    all
}

/// Takes always the same action until a batch fails or `steps` are done.
fn run(batch: &mut dyn Batch, steps: usize) -> Result<(), Box<ProcessError>> {
    let lanes = batch.lanes();
    let (choices, settings) = (vec![1; lanes], vec![1.0; lanes]);
    let actions = Actions { choices: &choices, settings: &settings };
    (0..steps).try_for_each(|_| batch.step(actions))
}

#[test]
fn the_description_becomes_the_process() {
    let folder = Path::new(simulator()).parent().unwrap();
    let factory = factory("masked saves", &format!("folder = {folder:?}"));
    let spec = factory.spec();
    let features: Vec<_> =
        spec.observation.iter().map(|f| (f.name.as_str(), f.unit.as_str(), f.high, f.reference)).collect();
    assert_eq!(features, [("level", "m", 10.0, 5.0), ("steps", "1", 1000.0, 1.0)]);
    assert_eq!(spec.action.names(), ["close", "open", "flow"]);
    let signals: Vec<_> = spec.signals.iter().map(|s| (s.name.as_str(), s.high, s.aggregate)).collect();
    assert_eq!(signals, [("good", 1.0, Aggregate::Share), ("miss", f32::MAX, Aggregate::Mean)]);
    assert_eq!(spec.reward, [("good".to_owned(), 1.0), ("miss".to_owned(), -0.1)]);
    assert_eq!((spec.max_steps, spec.masked, factory.resumes_exactly()), (Some(STEPS), true, true));
    assert_eq!(factory.files().len(), 1, "evidence holds the hash of the program");
}

/// The whole of a step: observations, signals, ends, seeds of the next episodes.
#[test]
fn numbers_are_the_simulators_own_in_every_form_and_with_any_number_of_workers() {
    const LANES: usize = 5;
    let expected = by_hand(LANES, 150);
    let ends = expected.iter().filter(|transition| transition.outcomes[0] == Outcome::Terminated).count();
    assert!(ends >= 2, "{ends} episodes of the first environment ended");
    for (arguments, keys) in [
        ("", "workers = 1"),
        ("", "workers = 2"),
        ("batch", "workers = 1"),
        ("batch", "workers = 3"),
        ("binary", "workers = 1"),
        ("binary batch", "workers = 2"),
        ("binary", "binary = false\nworkers = 1"),
        ("alone", "workers = 2"),
    ] {
        let mut batch = factory(arguments, keys).batch(LANES, 3, "test").unwrap();
        assert_eq!(played(batch.as_mut(), 150), expected, "`{arguments}` with `{keys}`");
    }
}

/// The same from the simulator as a module.
fn by_hand(lanes: usize, steps: usize) -> Vec<Transition> {
    let spec = factory("", "").spec().clone();
    let mut transition = Transition::new(&spec, lanes);
    let mut seeds: Vec<Stream> = (0..lanes).map(|lane| Stream::new(3, "test", lane as u64)).collect();
    let mut seed = |lane: usize| Tank::new(seeds[lane].next_u64() >> 33);
    let mut tanks: Vec<Tank> = (0..lanes).map(&mut seed).collect();
    let show = |tank: &Tank, lane: usize, into: &mut Transition| {
        into.observations[2 * lane..2 * lane + 2].copy_from_slice(&tank.observation());
        into.current_signals[2 * lane..2 * lane + 2].copy_from_slice(&tank.signals());
    };
    for (lane, tank) in tanks.iter().enumerate() {
        show(tank, lane, &mut transition);
    }
    transition.signals.copy_from_slice(&transition.current_signals);
    let mut random = Stream::new(0, "actions", 0);
    let mut all = vec![transition.clone()];
    for _ in 0..steps {
        let choices: Vec<u32> = (0..lanes).map(|_| random.below(2)).collect();
        let flows: Vec<f32> = (0..lanes).map(|_| random.uniform(0.0, 4.0)).collect();
        for lane in 0..lanes {
            let over = tanks[lane].step(choices[lane], flows[lane]);
            transition.signals[2 * lane..2 * lane + 2].copy_from_slice(&tanks[lane].signals());
            transition.outcomes[lane] = match over {
                true => Outcome::Terminated,
                false if tanks[lane].steps == STEPS => Outcome::Truncated,
                false => Outcome::Running,
            };
            if transition.outcomes[lane].is_over() {
                transition.final_observations[2 * lane..2 * lane + 2]
                    .copy_from_slice(&tanks[lane].observation());
                tanks[lane] = seed(lane);
            }
            show(&tanks[lane], lane, &mut transition);
        }
        all.push(transition.clone());
    }
    all
}

#[test]
fn conformance_passes_and_a_saved_state_continues_bit_for_bit() {
    for (arguments, saved) in
        [("", "begins new episodes"), ("saves masked", "bit for bit"), ("saves binary masked", "bit for bit")]
    {
        let factory = factory(arguments, "workers = 2");
        let findings = conformance(factory.as_ref(), 200);
        assert!(findings.iter().all(|finding| finding.passed && !finding.warning), "{findings:#?}");
        let state = findings.iter().find(|finding| finding.subject == "saved state").unwrap();
        assert!(state.message.contains(saved), "{arguments}: {state:?}");
    }
    let findings = conformance(factory("saves forgets-a-part", "").as_ref(), 100);
    let state = findings.iter().find(|finding| finding.subject == "saved state").unwrap();
    assert!(!state.passed, "{state:?}");
}

#[test]
fn lanes_are_reset_and_stand_still_on_their_own() {
    for arguments in ["", "batch", "binary"] {
        let factory = factory(arguments, "workers = 2");
        let mut batch = factory.batch(3, 0, "test").unwrap();
        let column = |batch: &dyn Batch, index: usize| -> Vec<f32> {
            batch.transition().observations.chunks(2).map(|row| row[index]).collect()
        };
        let first = column(batch.as_ref(), 0);
        // Nothing was done yet: the episodes are new already.
        batch.reset().unwrap();
        assert_eq!(column(batch.as_ref(), 0), first);
        let actions = Actions { choices: &[0; 3], settings: &[0.0; 3] };
        batch.step_where(actions, &[true, false, true]).unwrap();
        assert_eq!(column(batch.as_ref(), 1), [1.0, 0.0, 1.0]);
        batch.step_where(actions, &[false; 3]).unwrap();
        assert_eq!(column(batch.as_ref(), 1), [1.0, 0.0, 1.0]);
        batch.reset_lane(0, Some(Stream::new(0, "test", 1))).unwrap();
        assert_eq!(column(batch.as_ref(), 1), [0.0, 0.0, 1.0]);
        assert_eq!(column(batch.as_ref(), 0)[0], first[1], "the stream decides");
        batch.reset().unwrap();
        assert_eq!(column(batch.as_ref(), 1), [0.0; 3]);
    }
}

#[test]
fn the_limit_of_the_project_truncates_and_the_options_arrive() {
    let factory = factory("", "max_steps = 7\noptions = { height = 12.5, name = \"north\" }");
    assert_eq!(factory.spec().max_steps, Some(7));
    let mut batch = factory.batch(2, 0, "test").unwrap();
    run(batch.as_mut(), 6).unwrap();
    assert_eq!(batch.transition().outcomes, [Outcome::Running; 2]);
    run(batch.as_mut(), 1).unwrap();
    assert_eq!(batch.transition().outcomes, [Outcome::Truncated; 2]);
    assert_eq!(batch.transition().final_observations[1], 7.0);
    assert!(factory.parameters()["folder"].as_str().is_some_and(|folder| folder.starts_with('/')));
}

/// What a program does wrong in its third step ends the training with its environment, its step and the remedy.
#[test]
fn a_program_that_breaks_the_rules_is_named_with_its_step() {
    for (fault, expected) in [
        ("prints", "it wrote `debug: step 3`, which is no answer. Its standard output is for answers alone"),
        (
            "too-few-features",
            "`observation` has 1 numbers, expected 2, one for each of the features: level, steps",
        ),
        ("too-many-signals", "`signals` has 3 numbers, expected 2, one for each of the signals: good, miss"),
        ("nan", "feature `level` was not a number (NaN, which many languages write as null)"),
        ("null", "signal `miss` was not a number (NaN, which many languages write as null)"),
        ("infinite", "feature `level` was -inf; expected a finite number"),
        ("too-large", "signal `miss` was inf; expected a finite number within the range of 32 bits"),
        ("out-of-bounds", "feature `level` was 10.5; its bounds are 0 to 10."),
        ("not-utf-8", "its answer is not UTF-8 from byte 22 on"),
        ("megabytes", "its answer has more than"),
        ("an-empty-line", "it answered with an empty line"),
        ("a-text-as-number", "invalid type: string \"4.5\""),
        ("another-lane", "it answered for lane 1, expected lane 0"),
        ("answers-twice", "it wrote more than it was asked"),
        ("no-terminated", "its answer has no `terminated`"),
        ("a-misspelt-key", "unknown field `terminate`"),
        ("a-number-as-flag", "expected a boolean"),
        ("an-error", "it answered with the error: the valve is stuck"),
        ("allows-nothing masked", "`allowed` allows no choice of `action`"),
        ("hangs", "a step or reset took more than 0.5 s; worker 0 with environments 0 to 1 was killed"),
        ("drips", "a step or reset took more than 0.5 s"),
    ] {
        // With several environments the second answer is found where the answer of the next is expected.
        let lanes = if fault == "answers-twice" { 1 } else { 2 };
        let mut batch = factory(fault, "timeout_s = 0.5\nworkers = 1").batch(lanes, 0, "test").unwrap();
        let begin = Instant::now();
        let before = if lanes == 1 { 0 } else { 2 };
        run(batch.as_mut(), before).unwrap_or_else(|error| panic!("{fault}: {error}"));
        let error = run(batch.as_mut(), 3).unwrap_err();
        assert!(error.reason.contains(expected), "{fault}: {error}");
        assert!(error.process.starts_with("program /") && error.process.contains("tank"), "{fault}: {error}");
        if lanes == 2 {
            assert_eq!((error.lane, error.step), (Some(0), Some(2)), "{fault}: {error}");
        }
        assert!(begin.elapsed().as_secs() < 30, "{fault}: {:?}", begin.elapsed());
        // It stays broken: the worker is in the middle of something.
        assert_eq!(run(batch.as_mut(), 1).unwrap_err(), error);
    }
    // Without bounds the same program is as good as any.
    let mut batch = factory("out-of-bounds", "check_bounds = false").batch(2, 0, "test").unwrap();
    run(batch.as_mut(), 8).unwrap();
}

/// The same faults in a line for all, and in frames.
#[test]
fn faults_in_batches_and_in_frames_are_named_too() {
    for (arguments, expected) in [
        ("batch nan", "feature `level` was not a number"),
        ("batch infinite", "feature `level` was -inf"),
        ("batch too-few-features", "`observation` has 1 numbers, expected 2"),
        ("batch another-lane", "it answered for lane 1, expected lane 0"),
        ("batch few-answers", "its answer to `batch` has 1 answers, expected 2"),
        ("batch prints", "it wrote `debug: step 3`, which is no answer"),
        ("batch hangs", "a step or reset took more than 0.5 s"),
        ("batch megabytes", "its answer has more than"),
        ("binary hangs", "a step or reset took more than 0.5 s"),
        ("binary prints", "which is none: it begins with `debug: step `"),
        (
            "binary a-short-frame",
            "it answered with the results of 2 environments in 33 bytes; expected 2 environments in 34",
        ),
        ("binary masked allows-nothing", "`allowed` allows no choice of `action`"),
    ] {
        let found = factory(arguments, "timeout_s = 0.5\nworkers = 1")
            .batch(2, 0, "test")
            .and_then(|mut batch| run(batch.as_mut(), 5));
        let error = found.expect_err(arguments);
        assert!(error.reason.contains(expected), "{arguments}: {error}");
    }
}

#[test]
fn a_program_that_dies_is_started_again_until_it_died_too_often() {
    let mut batch = factory("dies", "workers = 2").batch(4, 0, "test").unwrap();
    run(batch.as_mut(), 2).unwrap();
    let before = batch.transition().clone();
    run(batch.as_mut(), 1).unwrap();
    let transition = batch.transition();
    assert_eq!(transition.outcomes, [Outcome::Truncated; 4]);
    assert_eq!(transition.final_observations, before.observations);
    assert_eq!(transition.signals, [0.0; 8]);
    assert!(transition.observations.chunks(2).all(|row| row[1] == 0.0), "new episodes");
    // Nobody learns from episodes of two steps.
    let error = run(batch.as_mut(), 200).unwrap_err();
    assert!(error.reason.contains("worker 0 with environments 0 to 1 died: exit status: 7"), "{error}");
    assert!(error.reason.contains("out of licences"), "{error}");
    assert!(error.reason.contains("It died 20 times, after 2 steps on average"), "{error}");
}

#[test]
fn what_cannot_be_used_is_refused_at_its_key() {
    for (arguments, keys, line, expected) in [
        ("dies-at-its-start", "", "command = ", "died: exit status: 3; its last output:"),
        ("greets", "", "command = ", "it wrote `Tank simulator 2.1, (c) 1998`, which is no answer"),
        ("a-wrong-key", "", "command = ", "unknown field `hight`"),
        (
            "bounds-the-wrong-way",
            "",
            "command = ",
            "feature `level`: `low` is 0 and `high` is -10; `low` must be below",
        ),
        ("a-wrong-name", "", "command = ", "feature `Tank Level`: a name has small letters"),
        ("two-names-alike", "", "command = ", "two features have the name `level`"),
        ("no-unit-as-text", "", "command = ", "expected a string"),
        ("a-setting-without-bounds", "", "command = ", "setting `flow` has no bounds"),
        ("a-reward-without-signal", "", "command = ", "`reward` has `god`, which is no signal"),
        ("", "worker = 3", "worker = ", "did you mean `workers`?"),
        ("", "timeout_s = 0", "timeout_s = ", "expected a number from"),
        ("", "options = { when = 2026-01-01 }", "options = ", "cannot hold a date"),
    ] {
        let error = registry().open(&project(arguments, keys), &mut |_| {}).err();
        let error = error.unwrap_or_else(|| panic!("{arguments} {keys} was accepted"));
        let text = error.to_string();
        assert!(text.contains(expected), "{arguments} {keys}: {text}");
        let (number, _) = error.line_column().unwrap();
        let origin = error.origin.as_ref().unwrap();
        assert!(origin.text.lines().nth(number - 1).unwrap().contains(line), "{arguments} {keys}: {text}");
    }
    let open = |command: &str| {
        let text = format!("[process]\nkind = \"program\"\n{command}\n[reward]\ngood = 1\n");
        let project = Project::from_text("setpoint.toml", &text, &[]).unwrap();
        registry().open(&project, &mut |_| {}).err().unwrap().to_string()
    };
    assert!(open("command = [\"no-such-program\"]").contains("`no-such-program` cannot be started in"));
    assert!(open("command = [\"./none\"]").contains("`./none` cannot be started in"));
    assert!(open("command = []").contains("the project names no program"));
    assert!(open("command = \"python3 line.py\"").contains("expected a list of texts"));
    assert!(refused("a-wrong-key", "").contains("setpoint conformance"));
}

#[test]
fn every_process_of_a_program_has_the_same_description() {
    let error = factory("another-description", "").batch(2, 0, "test").err().unwrap();
    assert!(error.reason.contains("its description has changed since the project was opened"), "{error}");
}

/// What an author is told: the faults of a whole program, each with its remedy.
#[test]
fn conformance_says_line_by_line_what_is_wrong() {
    let said = |arguments: &str| {
        let mut settings = Settings::new(command(arguments), Path::new("."));
        settings.timeout = Duration::from_millis(500);
        author::findings(&settings, 120)
    };
    for arguments in ["", "batch binary saves masked", "alone"] {
        let findings = said(arguments);
        assert!(findings.iter().all(|finding| finding.passed), "{arguments}: {findings:#?}");
        assert!(findings.len() > 8, "{findings:#?}");
    }
    for (arguments, subject, expected) in [
        ("dies-at-its-start", "describe", "no model file"),
        ("greets", "describe", "it wrote `Tank simulator 2.1, (c) 1998`, which is no answer"),
        ("a-wrong-key", "describe", "unknown field `hight`"),
        (
            "bounds-the-wrong-way a-reward-without-signal",
            "describe",
            "feature `level`: `low` is 0 and `high` is -10",
        ),
        (
            "bounds-the-wrong-way a-reward-without-signal",
            "describe",
            "`reward` has `god`, which is no signal",
        ),
        ("dies", "step", "step 3: the program died: exit status: 7; its last output:\n  out of licences"),
        ("hangs", "step", "step 3: the program gave no answer in time"),
        ("prints", "step", "step 3: lane 0: it wrote `debug: step 3`, which is no answer"),
        ("nan", "step", "step 3: lane 0: feature `level` was not a number"),
        ("another-description", "step", "its description has changed"),
        ("ignores-the-seed", "other seed", "the program ignores `seed`"),
        ("its-own-random-numbers", "same seed", "gave another episode in a new process"),
        ("shares-its-state", "several environments", "keep the whole state of each lane apart"),
        ("keeps-something", "reset", "something of the old episode is left"),
        ("batch few-answers", "batch", "has 1 answers, expected 3"),
        ("binary a-short-frame", "binary", "it answered with the results of 3 environments in 50 bytes"),
        ("saves forgets-a-part", "save and load", "some state is not in `state`"),
        ("never-ends", "end", "runs 2 s after the end of its input"),
    ] {
        let findings = said(arguments);
        let told = |finding: &Finding| {
            !finding.passed && finding.subject == subject && finding.message.contains(expected)
        };
        assert!(findings.iter().any(told), "{arguments}: {findings:#?}");
    }
    let findings = said("dies-of-the-unknown");
    let unknown = findings.iter().find(|finding| finding.subject == "unknown request").unwrap();
    assert!(unknown.warning && unknown.message.contains("expected the answer {\"error\""), "{unknown:?}");
}
