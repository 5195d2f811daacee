//! The results of a request, in whatever form they came: every number is checked, and written into the rows of a transition.

use std::ops::Range;

use setpoint_decision::spec::Spec;
use setpoint_process::process::Outcome;
use setpoint_process::vectorized::Transition;

/// The relative tolerance of bounds: arithmetic with 32 bits rounds.
const TOLERANCE: f32 = 1e-4;

/// Rows of results, one for each environment of a request, in its order.
#[derive(Debug, Default)]
pub struct Results {
    /// `[rows, features]`
    pub observations: Vec<f32>,
    /// `[rows, signals]`
    pub signals: Vec<f32>,
    /// `[rows]`: 0 running, 1 terminated, 2 truncated.
    pub outcomes: Vec<u8>,
    /// `[rows, masked]`: 1 where a choice is allowed.
    pub allowed: Vec<u8>,
}

impl Results {
    /// Removes all rows.
    pub fn clear(&mut self) {
        self.observations.clear();
        self.signals.clear();
        self.outcomes.clear();
        self.allowed.clear();
    }
}

/// The widths of the rows of a process, with the names and the bounds of its numbers.
pub struct Widths {
    /// Features of an observation.
    pub features: usize,
    /// Signals.
    pub signals: usize,
    /// Choices, if they are masked; otherwise 0.
    pub masked: usize,
    /// The places of each group's choices in a mask.
    groups: Vec<(String, Range<usize>)>,
    bounds: Bounds,
    names: Vec<String>,
    check_bounds: bool,
}

/// Least and greatest values, with the tolerance: of the features, then of the signals.
struct Bounds {
    least: Vec<f32>,
    greatest: Vec<f32>,
    /// As the description has them.
    told: Vec<(f32, f32)>,
}

impl Widths {
    /// Of a process.
    pub fn new(spec: &Spec, check_bounds: bool) -> Self {
        let features = spec.observation.iter().map(|feature| (&feature.name, feature.low, feature.high));
        let signals = spec.signals.iter().map(|signal| (&signal.name, signal.low, signal.high));
        let all: Vec<_> = features.chain(signals).collect();
        let slack = |low: f32, high: f32| {
            // The range of an open interval is infinite.
            if low > f32::MIN && high < f32::MAX { TOLERANCE * (high - low).max(1e-3) } else { 0.0 }
        };
        let bound =
            |(_, low, high): &(&String, f32, f32)| (low - slack(*low, *high), high + slack(*low, *high));
        let groups =
            spec.action.placed_groups().map(|(group, places)| (group.name.clone(), places)).collect();
        Self {
            features: spec.observation.len(),
            signals: spec.signals.len(),
            masked: if spec.masked { spec.action.choice_count() } else { 0 },
            groups,
            bounds: Bounds {
                least: all.iter().map(|number| bound(number).0).collect(),
                greatest: all.iter().map(|number| bound(number).1).collect(),
                told: all.iter().map(|(_, low, high)| (*low, *high)).collect(),
            },
            names: all.iter().map(|(name, ..)| (*name).clone()).collect(),
            check_bounds,
        }
    }

    /// Refuses another number of features or signals.
    pub fn check_counts(&self, features: usize, signals: usize) -> Result<(), String> {
        for (what, key, found, expected, names) in [
            ("features", "observation", features, self.features, &self.names[..self.features]),
            ("signals", "signals", signals, self.signals, &self.names[self.features..]),
        ] {
            if found != expected {
                let mut listed: Vec<&str> = names.iter().take(8).map(String::as_str).collect();
                if names.len() > listed.len() {
                    listed.push("…");
                }
                let listed = listed.join(", ");
                return Err(format!(
                    "`{key}` has {found} numbers, expected {expected}, one for each of the {what}: {listed}"
                ));
            }
        }
        Ok(())
    }

    /// Refuses a row with a number that is not finite or outside of its bounds, and a mask that allows nothing.
    pub fn check(&self, results: &Results, row: usize) -> Result<(), String> {
        let observation = &results.observations[row * self.features..(row + 1) * self.features];
        let signals = &results.signals[row * self.signals..(row + 1) * self.signals];
        self.check_numbers(observation, 0, "feature")?;
        self.check_numbers(signals, self.features, "signal")?;
        // After an end nothing is chosen.
        if self.masked > 0 && results.outcomes[row] == 0 {
            let allowed = &results.allowed[row * self.masked..(row + 1) * self.masked];
            if let Some(other) = allowed.iter().find(|allowed| **allowed > 1) {
                return Err(format!("`allowed` has a {other}; expected 0 and 1"));
            }
            for (group, places) in &self.groups {
                if !allowed[places.clone()].contains(&1) {
                    return Err(format!("`allowed` allows no choice of `{group}`; expected at least one"));
                }
            }
        }
        Ok(())
    }

    fn check_numbers(&self, values: &[f32], first: usize, what: &str) -> Result<(), String> {
        let numbers = first..first + values.len();
        let (least, greatest) = (&self.bounds.least[numbers.clone()], &self.bounds.greatest[numbers]);
        // Both comparisons are false for NaN.
        let within = values
            .iter()
            .zip(least)
            .zip(greatest)
            .all(|((value, least), greatest)| value >= least && value <= greatest);
        if within {
            return Ok(());
        }
        for (index, value) in values.iter().enumerate() {
            let name = &self.names[first + index];
            if value.is_nan() {
                return Err(format!(
                    "{what} `{name}` was not a number (NaN, which many languages write as null); expected a finite number"
                ));
            }
            if value.is_infinite() {
                return Err(format!(
                    "{what} `{name}` was {value}; expected a finite number within the range of 32 bits"
                ));
            }
            let (low, high) = self.bounds.told[first + index];
            if self.check_bounds && (*value < least[index] || *value > greatest[index]) {
                return Err(format!(
                    "{what} `{name}` was {value}; its bounds are {low} to {high}. Correct the bounds in the description, or write \
                     check_bounds = false"
                ));
            }
        }
        Ok(())
    }

    /// Writes the row of a step into the row `lane` of a transition.
    pub fn place_step(
        &self,
        results: &Results,
        row: usize,
        outcome: Outcome,
        lane: usize,
        into: &mut Transition,
    ) {
        self.place(results, row, lane, into);
        let signals = &results.signals[row * self.signals..(row + 1) * self.signals];
        into.signals[lane * self.signals..(lane + 1) * self.signals].copy_from_slice(signals);
        into.outcomes[lane] = outcome;
        if outcome.is_over() {
            let observation = &results.observations[row * self.features..(row + 1) * self.features];
            into.final_observations[lane * self.features..(lane + 1) * self.features]
                .copy_from_slice(observation);
        }
    }

    /// Writes the row of a reset: the state that the next decision sees.
    pub fn place(&self, results: &Results, row: usize, lane: usize, into: &mut Transition) {
        let rows = |width: usize, index: usize| index * width..(index + 1) * width;
        into.observations[rows(self.features, lane)]
            .copy_from_slice(&results.observations[rows(self.features, row)]);
        into.current_signals[rows(self.signals, lane)]
            .copy_from_slice(&results.signals[rows(self.signals, row)]);
        if self.masked > 0 {
            let allowed = into.allowed[rows(self.masked, lane)].iter_mut();
            let found = &results.allowed[rows(self.masked, row)];
            allowed.zip(found).for_each(|(allowed, found)| *allowed = *found != 0);
        }
    }
}
