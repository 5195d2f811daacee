//! Tests of a program for its author: what `setpoint conformance` says, a line for each rule of `docs/program.md`.

use setpoint_decision::charter::Finding;
use setpoint_process::random_actions::RandomActions;
use setpoint_process::vectorized::Transition;
use setpoint_random::Stream;

use super::Settings;
use super::description::Description;
use super::worker::{END, ProgramWorker, ProgramWorkers, StartingProgram, Wire};
use crate::workers::{Failure, SeededLane, Worker, WorkerError, Workers};

/// Environments of a process in the tests, if the program can have so many.
const LANES: usize = 3;

/// Runs a program and returns the findings.
pub fn findings(settings: &Settings, steps: usize) -> Vec<Finding> {
    let mut findings = Vec::new();
    let Some(description) = described(settings, &mut findings) else { return findings };
    let tests = Tests { settings, description, steps };
    let first = match tests.play(tests.wire(), 1, tests.lanes()) {
        Ok(played) => played,
        Err(reason) => {
            findings.push(Finding::fail("step", reason));
            return findings;
        }
    };
    let (lanes, count) = (tests.lanes(), steps * tests.lanes());
    findings
        .push(Finding::pass("step", format!("{count} random steps of {lanes} environments kept every rule")));
    findings.extend([tests.episodes(&first), tests.same_seed(&first), tests.other_seed(&first)]);
    findings.extend([tests.alone(&first), tests.reset()]);
    findings.extend(tests.forms(&first));
    findings.push(tests.saves());
    // A program that reads frames alone never gets another line.
    findings.extend(tests.description.lines.then(|| tests.unknown_request()));
    findings.push(tests.end());
    findings
}

/// The description, if the program has one that can be used.
fn described(settings: &Settings, findings: &mut Vec<Finding>) -> Option<Description> {
    let found = StartingProgram::new(settings, 1).and_then(|mut starting| starting.described());
    let description = match found {
        Ok(description) => description,
        Err(error) => {
            findings.push(Finding::fail("describe", told(error)));
            return None;
        }
    };
    let faults = description.faults();
    if !faults.is_empty() {
        findings.extend(faults.into_iter().map(|fault| Finding::fail("describe", fault)));
        return None;
    }
    let Description { features, settings: axes, signals, .. } = &description;
    let choices = description.action().choice_count();
    findings.push(Finding::pass(
        "describe",
        format!(
            "`{}` has features: {}, choices: {choices}, settings: {}, signals: {}",
            description.name,
            features.len(),
            axes.len(),
            signals.len()
        ),
    ));
    let open: Vec<&str> = features
        .iter()
        .filter(|feature| feature.low.is_none() || feature.high.is_none())
        .map(|feature| feature.name.as_str())
        .collect();
    if !open.is_empty() {
        findings.push(Finding::warn(
            "bounds",
            format!("without `low` or `high`, a wrong value of a feature is not found: {}", open.join(", ")),
        ));
    }
    Some(description)
}

/// The error of a worker in words.
fn told(error: WorkerError) -> String {
    match error {
        WorkerError::Refused(refusal) => refusal.title,
        WorkerError::Failed(Failure { reason, .. }) => reason,
        WorkerError::Died(how) => format!("the program died: {how}"),
        WorkerError::Hung(_) => "the program gave no answer in time (--timeout-s sets the limit)".to_owned(),
    }
}

/// A program with a sound description.
struct Tests<'a> {
    settings: &'a Settings,
    description: Description,
    steps: usize,
}

/// A process of the program in the middle of a test.
struct Played {
    worker: ProgramWorker,
    seeds: Vec<SeededLane>,
    transition: Transition,
}

impl Played {
    /// Begins episodes in some environments, with the next seed of each.
    fn begin(&mut self, lanes: impl Iterator<Item = usize>) -> Result<(), WorkerError> {
        let seeds: Vec<_> = lanes.map(|lane| (lane, Some(self.seeds[lane].seed()))).collect();
        self.worker.begin(&seeds)?;
        self.finish()
    }

    fn finish(&mut self) -> Result<(), WorkerError> {
        let Self { worker, seeds, transition } = self;
        worker.finish(0..seeds.len(), transition, seeds)
    }

    fn step(&mut self, actions: &mut RandomActions<'_>) -> Result<(), WorkerError> {
        actions.draw(&self.transition.allowed);
        self.worker.step(actions.view(), &[])?;
        self.finish()
    }
}

impl Tests<'_> {
    fn lanes(&self) -> usize {
        self.description.environments.map_or(LANES, |most| most.min(LANES))
    }

    /// The simplest form of requests that it answers.
    fn wire(&self) -> Wire {
        if self.description.lines { Wire::Lines } else { Wire::Frames }
    }

    fn workers(&self, wire: Wire) -> ProgramWorkers {
        ProgramWorkers::with_wire(self.settings.clone(), self.description.clone(), wire)
    }

    /// Starts a process with its first episodes; environment i draws its seeds from the stream of `seed` and i.
    fn start(&self, wire: Wire, seed: u64, lanes: usize) -> Result<Played, WorkerError> {
        let workers = self.workers(wire);
        let worker = workers.ready(workers.start(lanes)?, lanes)?;
        let lane = |index| SeededLane { random: Stream::new(seed, "conformance", index as u64), steps: 0 };
        let transition = Transition::new(workers.spec(), lanes);
        let mut played = Played { worker, seeds: (0..lanes).map(lane).collect(), transition };
        played.begin(0..lanes)?;
        Ok(played)
    }

    /// All transitions of random steps, or the error with its step.
    fn play(&self, wire: Wire, seed: u64, lanes: usize) -> Result<Vec<Transition>, String> {
        let space = self.description.action();
        let mut actions = RandomActions::new(&space, lanes);
        let mut played =
            self.start(wire, seed, lanes).map_err(|error| format!("at the start: {}", placed(error)))?;
        let mut all = vec![played.transition.clone()];
        for step in 1..=self.steps {
            played.step(&mut actions).map_err(|error| format!("step {step}: {}", placed(error)))?;
            all.push(played.transition.clone());
        }
        Ok(all)
    }

    fn episodes(&self, played: &[Transition]) -> Finding {
        const SUBJECT: &str = "episodes";
        let over =
            played.iter().flat_map(|transition| &transition.outcomes).filter(|outcome| outcome.is_over());
        match (over.count(), self.description.max_steps) {
            (0, None) => Finding::fail(
                SUBJECT,
                format!(
                    "no episode ended within {} steps: write `max_steps` in the description, or end episodes with \
                     `terminated`",
                    self.steps
                ),
            ),
            (0, Some(limit)) => Finding::warn(
                SUBJECT,
                format!(
                    "no episode ended within {} steps; `max_steps` is {limit}: test more with --steps",
                    self.steps
                ),
            ),
            (count, _) => Finding::pass(SUBJECT, format!("{count} ended")),
        }
    }

    fn same_seed(&self, first: &[Transition]) -> Finding {
        self.equal(
            "same seed",
            first,
            self.play(self.wire(), 1, self.lanes()),
            "the same seeds and actions gave the same episodes in a new process",
            "the same seeds and actions gave another episode in a new process: let all random numbers of an episode come from a \
             generator that begins with the `seed` of its reset",
        )
    }

    fn other_seed(&self, first: &[Transition]) -> Finding {
        const SUBJECT: &str = "other seed";
        let other = match self.play(self.wire(), 2, self.lanes()) {
            Ok(other) => other,
            Err(reason) => return Finding::fail(SUBJECT, reason),
        };
        match (difference(first, &other).is_some(), self.description.deterministic) {
            (true, false) => Finding::pass(SUBJECT, "other seeds gave other episodes"),
            (false, true) => {
                Finding::pass(SUBJECT, "other seeds gave the same episodes: the program has no randomness")
            }
            (false, false) => Finding::fail(
                SUBJECT,
                "other seeds gave the same episodes: the program ignores `seed`. If it has no randomness, write \
                 \"deterministic\": true in the description",
            ),
            (true, true) => Finding::fail(
                SUBJECT,
                "other seeds gave other episodes, but the description has \"deterministic\": true",
            ),
        }
    }

    /// The first environment alone must have the same episodes as among others.
    fn alone(&self, first: &[Transition]) -> Finding {
        const SUBJECT: &str = "several environments";
        if self.lanes() == 1 {
            return Finding::pass(SUBJECT, "a process has one environment at a time");
        }
        let replay = || -> Result<Option<usize>, String> {
            let mut played = self.start(self.wire(), 1, 1).map_err(placed)?;
            let space = self.description.action();
            let mut actions = RandomActions::new(&space, self.lanes());
            for (step, expected) in first.iter().enumerate() {
                if step > 0 {
                    actions.draw(&first[step - 1].allowed);
                    played.worker.step(actions.view().of_lanes(0..1, self.lanes()), &[]).map_err(placed)?;
                    played.finish().map_err(placed)?;
                }
                let features = played.transition.observations.len();
                if bits(&played.transition.observations) != bits(&expected.observations[..features]) {
                    return Ok(Some(step));
                }
            }
            Ok(None)
        };
        match replay() {
            Ok(None) => Finding::pass(SUBJECT, "an environment has the same episodes alone and among others"),
            Ok(Some(step)) => Finding::fail(
                SUBJECT,
                format!(
                    "lane 0 alone differs at step {step} from lane 0 among others: keep the whole state of each lane apart, also \
                     its random numbers; or write \"environments\": 1 in the description"
                ),
            ),
            Err(reason) => Finding::fail(SUBJECT, reason),
        }
    }

    /// An episode after others must equal the same episode in a new process.
    fn reset(&self) -> Finding {
        const SUBJECT: &str = "reset";
        let steps = self.steps.min(20);
        let replay = || -> Result<bool, WorkerError> {
            let mut played = self.start(self.wire(), 1, 1)?;
            let space = self.description.action();
            let mut before = vec![played.transition.clone()];
            let mut actions = RandomActions::new(&space, 1);
            for _ in 0..steps {
                played.step(&mut actions)?;
                before.push(played.transition.clone());
            }
            played.seeds[0].random = Stream::new(1, "conformance", 0);
            played.begin(0..1)?;
            let mut after = vec![played.transition.clone()];
            let mut actions = RandomActions::new(&space, 1);
            for _ in 0..steps {
                played.step(&mut actions)?;
                after.push(played.transition.clone());
            }
            Ok(difference(&before, &after).is_none())
        };
        match replay() {
            Ok(true) => {
                Finding::pass(SUBJECT, "a reset in the middle of an episode begins the same episode again")
            }
            Ok(false) => Finding::fail(
                SUBJECT,
                "a reset with the same seed in the middle of an episode gave another episode: something of the old episode is left",
            ),
            Err(error) => Finding::fail(SUBJECT, placed(error)),
        }
    }

    /// Every other form of requests must give the same numbers.
    fn forms(&self, first: &[Transition]) -> Vec<Finding> {
        let form = |subject: &str, wire: Wire, is_offered: bool| {
            if !is_offered {
                return Finding::pass(subject, "not offered by the description; it would be faster");
            }
            self.equal(
                subject,
                first,
                self.play(wire, 1, self.lanes()),
                "the same numbers as by single steps",
                "other numbers than by single steps",
            )
        };
        [
            form("batch", Wire::Batches, self.description.batch),
            form("binary", Wire::Frames, self.description.binary),
        ]
        .into_iter()
        // What was the simplest form has nothing to be compared with.
        .filter(|_| self.description.lines)
        .collect()
    }

    fn equal(
        &self,
        subject: &str,
        first: &[Transition],
        other: Result<Vec<Transition>, String>,
        same: &str,
        different: &str,
    ) -> Finding {
        match other.map(|other| difference(first, &other)) {
            Ok(None) => Finding::pass(subject, same),
            Ok(Some(step)) => Finding::fail(subject, format!("at step {step}: {different}")),
            Err(reason) => Finding::fail(subject, reason),
        }
    }

    /// A saved state must continue like the original, in another process too.
    fn saves(&self) -> Finding {
        const SUBJECT: &str = "save and load";
        if !self.description.saves {
            return Finding::pass(
                SUBJECT,
                "not offered by the description: a resumed training begins new episodes",
            );
        }
        let (lanes, steps) = (self.lanes(), self.steps.min(200));
        let replay = || -> Result<Option<usize>, WorkerError> {
            let space = self.description.action();
            let mut actions = RandomActions::new(&space, lanes);
            let mut original = self.start(self.wire(), 1, lanes)?;
            for _ in 0..steps.div_ceil(2) {
                original.step(&mut actions)?;
            }
            let states = original.worker.save()?;
            let mut restored = self.start(self.wire(), 9, lanes)?;
            restored.worker.load(&states)?;
            restored.seeds = original.seeds.clone();
            for step in 1..=steps {
                actions.draw(&original.transition.allowed);
                for played in [&mut original, &mut restored] {
                    played.worker.step(actions.view(), &[])?;
                    played.finish()?;
                }
                if difference(
                    std::slice::from_ref(&original.transition),
                    std::slice::from_ref(&restored.transition),
                )
                .is_some()
                {
                    return Ok(Some(step));
                }
            }
            Ok(None)
        };
        match replay() {
            Ok(None) => {
                Finding::pass(SUBJECT, "a restored environment continues in the same way in a new process")
            }
            Ok(Some(step)) => Finding::fail(
                SUBJECT,
                format!(
                    "a restored environment differs {step} steps after `load`: some state is not in `state`"
                ),
            ),
            Err(error) => Finding::fail(SUBJECT, placed(error)),
        }
    }

    /// A later version may ask for more: the answer must be an error, and no death.
    fn unknown_request(&self) -> Finding {
        const SUBJECT: &str = "unknown request";
        let asked = StartingProgram::new(self.settings, 1).and_then(|mut starting| {
            starting.described()?;
            starting.ask(r#"{"request":"no-such-request"}"#)
        });
        match asked {
            Ok(answer) => match serde_json::from_slice::<serde_json::Value>(&answer) {
                Ok(answer) if answer["error"].is_string() => Finding::pass(SUBJECT, "answered with an error"),
                _ => Finding::warn(SUBJECT, "expected the answer {\"error\": \"…\"}"),
            },
            Err(error) => {
                Finding::warn(SUBJECT, format!("expected the answer {{\"error\": \"…\"}}: {}", told(error)))
            }
        }
    }

    fn end(&self) -> Finding {
        const SUBJECT: &str = "end";
        let ends = StartingProgram::new(self.settings, 1).and_then(|mut starting| {
            starting.described()?;
            Ok(starting.ends_with_its_input())
        });
        match ends {
            Ok(true) => Finding::pass(SUBJECT, "the program ends when its input ends"),
            Ok(false) => Finding::fail(
                SUBJECT,
                format!(
                    "the program runs {} s after the end of its input: end when there is no more line to read",
                    END.as_secs()
                ),
            ),
            Err(error) => Finding::fail(SUBJECT, told(error)),
        }
    }
}

/// The error with its environment.
fn placed(error: WorkerError) -> String {
    match &error {
        WorkerError::Failed(Failure { lane: Some(lane), reason, .. }) => format!("lane {lane}: {reason}"),
        _ => told(error),
    }
}

/// The first step at which two episodes differ.
fn difference(first: &[Transition], second: &[Transition]) -> Option<usize> {
    let same = |(a, b): (&Transition, &Transition)| {
        a.outcomes == b.outcomes
            && a.allowed == b.allowed
            && bits(&a.observations) == bits(&b.observations)
            && bits(&a.signals) == bits(&b.signals)
    };
    first.iter().zip(second).position(|pair| !same(pair))
}

fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|value| value.to_bits()).collect()
}
