//! What every batch of environments keeps, and that broken processes are caught.

use serde::{Deserialize, Serialize};
use setpoint_decision::spec::{ActionSpace, Aggregate, Choice, Feature, Signal, Spec};
use setpoint_process::Factory;
use setpoint_process::conformance::conformance;
use setpoint_process::factory::Simulator;
use setpoint_process::process::{Action, Outcome, Process};
use setpoint_process::vectorized::Actions;
use setpoint_processes::{kinds, open_kind};
use setpoint_random::Stream;

/// Counts to ten, then terminates; broken in one way at a time.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Counter {
    count: f32,
    #[serde(skip)]
    forgotten: f32,
    fault: Fault,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
enum Fault {
    #[default]
    None,
    NotANumber,
    OutOfBounds,
    NotReproducible,
    NotSaved,
    NeverEnds,
    NothingAllowed,
}

impl Process for Counter {
    fn spec(&self) -> Spec {
        let feature = |name: &str| Feature {
            name: name.into(),
            unit: "1".into(),
            description: String::new(),
            low: 0.0,
            high: 20.0,
            scale: 1.0,
            offset: 0.0,
            reference: 0.0,
        };
        let choice = |name: &str| Choice { name: name.into(), description: String::new() };
        Spec {
            kind: "counter".into(),
            summary: String::new(),
            source: String::new(),
            observation: vec![feature("count"), feature("noise")],
            action: ActionSpace::one_of(vec![choice("wait"), choice("count")]),
            signals: vec![Signal {
                name: "count".into(),
                unit: "1".into(),
                description: String::new(),
                low: 0.0,
                high: 20.0,
                aggregate: Aggregate::Mean,
            }],
            max_steps: Some(40),
            masked: self.fault == Fault::NothingAllowed,
            reward: vec![("count".into(), 1.0)],
            ..Spec::default()
        }
    }

    fn mask(&self, allowed: &mut [bool]) {
        allowed.fill(self.fault != Fault::NothingAllowed || self.count != 4.0);
    }

    fn reset(&mut self, random: &mut Stream, observation: &mut [f32], signals: &mut [f32]) {
        self.count = 0.0;
        observation.copy_from_slice(&[0.0, random.unit()]);
        signals[0] = 0.0;
    }

    fn step(
        &mut self,
        action: Action<'_>,
        random: &mut Stream,
        observation: &mut [f32],
        signals: &mut [f32],
    ) -> Outcome {
        self.count += if action == Action::of_choices(&[1]) { 1.0 } else { 0.0 };
        self.forgotten += 0.25;
        let mut noise = random.unit();
        match self.fault {
            Fault::NotANumber if self.count == 3.0 => noise = f32::NAN,
            Fault::OutOfBounds if self.count == 3.0 => noise = 21.0,
            Fault::NotReproducible => noise = std::time::Instant::now().elapsed().subsec_nanos() as f32 % 7.0,
            Fault::NotSaved => noise = self.forgotten % 7.0,
            _ => {}
        }
        observation.copy_from_slice(&[self.count, noise]);
        signals[0] = self.count;
        if self.count >= 10.0 && self.fault != Fault::NeverEnds {
            Outcome::Terminated
        } else {
            Outcome::Running
        }
    }
}

fn counter(fault: Fault, max_steps: Option<u32>) -> Simulator<Counter> {
    Simulator::new(Counter { fault, ..Counter::default() }, max_steps, Vec::new())
}

#[test]
fn conformance_catches_each_fault_and_passes_what_is_sound() {
    let failed = |fault| -> Vec<String> {
        let findings = conformance(&counter(fault, None), 400);
        findings.into_iter().filter(|finding| !finding.passed).map(|finding| finding.subject).collect()
    };
    assert_eq!(failed(Fault::None), Vec::<String>::new());
    assert!(failed(Fault::NotANumber).contains(&"numbers".to_owned()));
    assert_eq!(failed(Fault::OutOfBounds), ["bounds"]);
    assert!(failed(Fault::NotReproducible).contains(&"same seed".to_owned()));
    assert_eq!(failed(Fault::NotSaved), ["saved state"]);
    assert!(failed(Fault::NeverEnds).contains(&"bounds".to_owned()));
    // Not also that no episode ended, or that no state was saved.
    assert_eq!(failed(Fault::NothingAllowed), ["mask"]);
    for factory in kinds() {
        let findings = conformance(factory.as_ref(), 3_000);
        assert!(findings.iter().all(|finding| finding.passed), "{}: {findings:?}", factory.spec().kind);
    }
}

#[test]
fn the_time_limit_truncates_unless_the_process_ends_in_that_very_step() {
    // Always counting: termination in step 10. Limits of 9, 10 and 11 steps.
    for (limit, expected) in [(9, Outcome::Truncated), (10, Outcome::Terminated), (11, Outcome::Terminated)] {
        let mut batch = counter(Fault::None, Some(limit)).batch(2, 0, "test").unwrap();
        for step in 1..=limit.min(10) {
            batch.step(Actions::of_choices(&[1, 0])).unwrap();
            let outcome = batch.transition().outcomes[0];
            let at_end = step == limit.min(10);
            assert_eq!(
                outcome,
                if at_end { expected } else { Outcome::Running },
                "limit {limit}, step {step}"
            );
        }
    }
}

#[test]
fn autoreset_keeps_the_finished_episodes_last_observation_and_signals() {
    let mut batch = counter(Fault::None, None).batch(1, 0, "test").unwrap();
    for _ in 0..10 {
        batch.step(Actions::of_choices(&[1])).unwrap();
    }
    let transition = batch.transition();
    assert_eq!(transition.outcomes, [Outcome::Terminated]);
    assert_eq!((transition.final_observations[0], transition.observations[0]), (10.0, 0.0));
    assert_eq!((transition.signals[0], transition.current_signals[0]), (10.0, 0.0));
}

#[test]
fn a_lanes_trajectory_does_not_depend_on_how_many_lanes_there_are() {
    let factory = open_kind("assembly-line", None).unwrap();
    let (mut few, mut many) = (factory.batch(3, 7, "test").unwrap(), factory.batch(40, 7, "test").unwrap());
    for step in 0..300_u32 {
        let choices: Vec<u32> = (0..40).map(|lane| (step * 7 + lane * 3) % 6).collect();
        few.step(Actions::of_choices(&choices[..3])).unwrap();
        many.step(Actions::of_choices(&choices)).unwrap();
        assert_eq!(few.transition().observations, many.transition().observations[..33]);
        assert_eq!(few.transition().signals, many.transition().signals[..21]);
    }
}

#[test]
fn hostile_states_are_refused_without_harm() {
    let factory = open_kind("assembly-line", None).unwrap();
    let mut batch = factory.batch(4, 7, "test").unwrap();
    let state = batch.save().unwrap();
    for length in 0..state.len() {
        assert!(batch.load(&state[..length]).is_err());
    }
    assert!(
        factory.batch(5, 7, "test").unwrap().load(&state).unwrap_err().to_string().contains("expected 5")
    );
    let mut random = Stream::new(1, "hostile", 0);
    for _ in 0..2_000 {
        let mut broken = state.clone();
        for _ in 0..3 {
            let position = random.below(broken.len() as u32) as usize;
            broken[position] = random.next_u64() as u8;
        }
        // Some changes hit plain numbers and load; none may panic or allocate without bound.
        let _ = batch.load(&broken);
    }
    batch.load(&state).unwrap();
}
