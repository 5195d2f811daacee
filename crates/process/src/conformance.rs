//! Checks of every process, by running it: bounds, reproducibility, finite numbers, states that
//! can be saved, the time limit.

use setpoint_decision::charter::Finding;
use setpoint_decision::spec::Spec;

use crate::Factory;
use crate::process::Outcome;
use crate::random_actions::RandomActions;
use crate::vectorized::{ProcessError, Transition};

const LANES: usize = 8;
/// The relative tolerance of bounds: f32 arithmetic rounds.
const TOLERANCE: f32 = 1e-4;

/// Runs the process with random actions for `steps` steps of 8 environments and returns the findings.
pub fn conformance(factory: &dyn Factory, steps: usize) -> Vec<Finding> {
    run(factory, steps).unwrap_or_else(|error| vec![Finding::fail("process", error.to_string())])
}

fn run(factory: &dyn Factory, steps: usize) -> Result<Vec<Finding>, Box<ProcessError>> {
    let spec = factory.spec();
    let mut seen = Seen::default();
    let mut batch = factory.batch(LANES, 1, "conformance")?;
    let mut again = factory.batch(LANES, 1, "conformance")?;
    let mut other = factory.batch(LANES, 2, "conformance")?;
    let mut actions = RandomActions::new(&spec.action, LANES);
    let mut other_actions = RandomActions::new(&spec.action, LANES);
    let mut episode_steps = [0_u32; LANES];
    let mut saved = None;
    for step in 0..steps {
        if batch.transition().leaves_nothing() || other.transition().leaves_nothing() {
            // Nothing can be said about the steps that were not taken.
            let message = format!(
                "the process itself allows no choice at step {step} of an environment; until an episode ends, its mask must \
                 allow one"
            );
            return Ok(vec![seen.numbers(step), seen.bounds(step), Finding::fail("mask", message)]);
        }
        actions.draw(&batch.transition().allowed);
        batch.step(actions.view())?;
        again.step(actions.view())?;
        other_actions.draw(&other.transition().allowed);
        other.step(other_actions.view())?;
        seen.look(spec, batch.transition(), step);
        seen.reproducible &= same(batch.transition(), again.transition());
        seen.seeds_differ |= !same(batch.transition(), other.transition());
        for (length, outcome) in episode_steps.iter_mut().zip(&batch.transition().outcomes) {
            *length += 1;
            seen.longest = seen.longest.max(*length);
            if outcome.is_over() {
                seen.episodes += 1;
                seen.terminated += u32::from(*outcome == Outcome::Terminated);
                *length = 0;
            }
        }
        if step == steps / 2 {
            saved = Some(batch.save());
        }
    }
    let mut findings = seen.findings(spec, steps, !factory.resumes_exactly());
    findings.push(if factory.resumes_exactly() {
        resumes(factory, saved, steps)?
    } else {
        Finding::pass("saved state", "stays outside of this program: a resumed training begins new episodes")
    });
    Ok(findings)
}

/// Puts a saved state into a fresh batch and compares its future with the future of the original batch.
fn resumes(
    factory: &dyn Factory,
    saved: Option<Result<Vec<u8>, crate::StateError>>,
    steps: usize,
) -> Result<Finding, Box<ProcessError>> {
    const SUBJECT: &str = "saved state";
    let state = match saved {
        Some(Ok(state)) => state,
        Some(Err(error)) => return Ok(Finding::fail(SUBJECT, error.to_string())),
        None => return Ok(Finding::fail(SUBJECT, "no step was taken")),
    };
    let mut first = factory.batch(LANES, 1, "conformance")?;
    let mut second = factory.batch(LANES, 99, "conformance")?;
    if let Err(error) = first.load(&state).and_then(|()| second.load(&state)) {
        return Ok(Finding::fail(SUBJECT, error.to_string()));
    }
    // The original run, replayed up to the save, must continue like the restored batches.
    let mut original = factory.batch(LANES, 1, "conformance")?;
    let mut actions = RandomActions::new(&factory.spec().action, LANES);
    for _ in 0..=steps / 2 {
        actions.draw(&original.transition().allowed);
        original.step(actions.view())?;
    }
    for step in 0..steps / 2 {
        actions.draw(&original.transition().allowed);
        for batch in [&mut original, &mut first, &mut second] {
            batch.step(actions.view())?;
        }
        if !same(original.transition(), first.transition())
            || !same(original.transition(), second.transition())
        {
            let message = format!("a restored environment differs after {} steps", step + 1);
            return Ok(Finding::fail(SUBJECT, format!("{message}: some state is not serialised")));
        }
    }
    Ok(Finding::pass(SUBJECT, format!("restored environments continue bit for bit for {} steps", steps / 2)))
}

fn same(a: &Transition, b: &Transition) -> bool {
    let bits = |values: &[f32]| values.iter().map(|value| value.to_bits()).collect::<Vec<_>>();
    a.outcomes == b.outcomes
        && a.allowed == b.allowed
        && a.tensors == b.tensors
        && bits(&a.observations) == bits(&b.observations)
        && bits(&a.signals) == bits(&b.signals)
}

/// The failure, or the message of a check that passed.
fn verdict(subject: &str, failure: &Option<String>, message: String) -> Finding {
    match failure {
        Some(failure) => Finding::fail(subject, failure.clone()),
        None => Finding::pass(subject, message),
    }
}

struct Seen {
    not_finite: Option<String>,
    out_of_bounds: Option<String>,
    reproducible: bool,
    seeds_differ: bool,
    longest: u32,
    episodes: u32,
    terminated: u32,
}

impl Default for Seen {
    fn default() -> Self {
        Self {
            not_finite: None,
            out_of_bounds: None,
            reproducible: true,
            seeds_differ: false,
            longest: 0,
            episodes: 0,
            terminated: 0,
        }
    }
}

impl Seen {
    fn look(&mut self, spec: &Spec, transition: &Transition, step: usize) {
        let features =
            spec.observation.iter().map(|feature| ("feature", &feature.name, feature.low, feature.high));
        {
            let rows = &transition.observations;
            self.compare(features.clone(), rows, step);
        }
        let signals = spec.signals.iter().map(|signal| ("signal", &signal.name, signal.low, signal.high));
        for rows in [&transition.signals, &transition.current_signals] {
            self.compare(signals.clone(), rows, step);
        }
    }

    fn compare<'s>(
        &mut self,
        bounds: impl Iterator<Item = (&'static str, &'s String, f32, f32)> + Clone,
        rows: &[f32],
        step: usize,
    ) {
        for (value, (what, name, low, high)) in rows.iter().zip(bounds.cycle()) {
            let slack = TOLERANCE * (high - low).abs().max(1e-3);
            if !value.is_finite() && self.not_finite.is_none() {
                self.not_finite = Some(format!("{what} `{name}` was {value} at step {step}"));
            } else if (*value < low - slack || *value > high + slack) && self.out_of_bounds.is_none() {
                let message =
                    format!("{what} `{name}` was {value} at step {step}; its bounds are {low} to {high}");
                self.out_of_bounds = Some(message);
            }
        }
    }

    /// Some findings are failures of a simulator in this program, but only information about a process `outside`: whether
    /// it is random, and whether its seed determines everything, cannot be known here.
    fn findings(&self, spec: &Spec, steps: usize, outside: bool) -> Vec<Finding> {
        let total = steps * LANES;
        let not_repeated =
            (!self.reproducible).then(|| "the same seed and actions gave a different trajectory".to_owned());
        let reproducible = match &not_repeated {
            Some(surprise) if outside => Finding::warn(
                "same seed",
                format!("{surprise}: it has its own random numbers, so no training can be repeated exactly"),
            ),
            _ => verdict("same seed", &not_repeated, format!("same trajectory, bit for bit, {total} steps")),
        };
        let (surprise, expected) = if spec.deterministic {
            (
                "the process calls itself deterministic, but seeds 1 and 2 differ",
                "the same trajectory: the process has no randomness",
            )
        } else {
            ("seeds 1 and 2 gave the same trajectory", "a different trajectory")
        };
        let surprised = (self.seeds_differ == spec.deterministic).then(|| surprise.to_owned());
        let seeds = match surprised {
            Some(_) if outside => Finding::pass("other seed", "the same trajectory: no randomness was seen"),
            surprised => verdict("other seed", &surprised, expected.to_owned()),
        };
        let limit = match spec.max_steps {
            Some(limit) if self.longest > limit => Finding::fail(
                "episodes",
                format!("an episode lasted {} steps; the limit is {limit}", self.longest),
            ),
            None if self.episodes == 0 => Finding::fail(
                "episodes",
                format!(
                    "no episode ended within {steps} steps: set max_steps in [process], after which an episode is cut off; \
                     without an end there is no return, and an evaluation stops with an error"
                ),
            ),
            _ => Finding::pass(
                "episodes",
                format!(
                    "{} ended ({} terminated), the longest had {} steps",
                    self.episodes, self.terminated, self.longest
                ),
            ),
        };
        let mut findings = vec![self.numbers(steps), self.bounds(steps), reproducible, seeds, limit];
        if spec.masked {
            let message = format!("at least one choice was allowed in each of {total} states");
            findings.push(Finding::pass("mask", message));
        }
        findings
    }

    /// Whether all numbers were finite in these steps of each environment.
    fn numbers(&self, steps: usize) -> Finding {
        verdict("numbers", &self.not_finite, format!("all finite over {} random steps", steps * LANES))
    }

    /// Whether all numbers were within their bounds in these steps of each environment.
    fn bounds(&self, steps: usize) -> Finding {
        verdict("bounds", &self.out_of_bounds, format!("respected over {} random steps", steps * LANES))
    }
}
